"""A network without a way out: isolated subnets, a gateway to S3, interfaces to the few services the jobs call, and who may reach which port."""

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from deploy.parts.storage import Storage
from deploy.settings import Settings


class Network(Construct):
    """`jobs`, `aurora` and `redshift` are the security groups. No NAT: nothing here calls the internet."""

    def __init__(self, scope: Construct, settings: Settings, *, storage: Storage) -> None:
        super().__init__(scope, "Network")
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            availability_zones=list(settings.availability_zones),
            nat_gateways=0,
            # Its rules would need a custom resource with wide rights; nothing here uses the default group.
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24)
            ],
        )
        self._keep_flows(settings, storage)
        self.jobs = self._group("Jobs", "Glue jobs")
        # Glue's workers talk to each other: Glue asks for this rule by name.
        self.jobs.add_ingress_rule(self.jobs, ec2.Port.all_tcp(), "workers of a job among themselves")
        self.jobs.add_egress_rule(self.jobs, ec2.Port.all_tcp(), "workers of a job among themselves")
        self._reach_s3()
        services = ["glue"]
        if settings.redshift.create:
            services.append("redshift-serverless")
        if settings.aurora.secret_arn or settings.redshift.secret_arn:
            services.append("secretsmanager")
        self._reach_services(services)
        self.aurora = self._database(
            "Aurora", settings.aurora.create, settings.aurora.security_group_id, settings.aurora.port
        )
        self.redshift = self._database(
            "Redshift", settings.redshift.create, settings.redshift.security_group_id, settings.redshift.port
        )
        for group in settings.aurora.clients:
            peer = ec2.SecurityGroup.from_security_group_id(self, f"Client{group}", group, mutable=False)
            self.aurora.add_ingress_rule(peer, ec2.Port.tcp(settings.aurora.port), "a named client")
        for network in settings.aurora.client_networks:
            self.aurora.add_ingress_rule(ec2.Peer.ipv4(network), ec2.Port.tcp(settings.aurora.port), "a named network")
        for group in settings.redshift.clients:
            peer = ec2.SecurityGroup.from_security_group_id(self, f"Reader{group}", group, mutable=False)
            self.redshift.add_ingress_rule(peer, ec2.Port.tcp(settings.redshift.port), "a named client")
        CfnOutput(self, "VpcId", value=self.vpc.vpc_id, description="Peer it with the network of your clients")

    @property
    def subnet(self) -> ec2.ISubnet:
        """Where the jobs run: one zone, so that an interface in that zone is enough."""
        return self.vpc.isolated_subnets[0]

    def _keep_flows(self, settings: Settings, storage: Storage) -> None:
        """What was refused: the traffic of a job among its workers would be most of the log otherwise."""
        group = logs.CfnLogGroup(
            self,
            "FlowLog",
            log_group_name=f"/{settings.name}/network",
            retention_in_days=settings.log_retention_days,
            kms_key_id=storage.key.key_arn,
        )
        group.apply_removal_policy(RemovalPolicy.DESTROY)
        role = iam.Role(self, "FlowRole", assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com"))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                resources=[group.attr_arn],
            )
        )
        ec2.CfnFlowLog(
            self,
            "Flow",
            resource_id=self.vpc.vpc_id,
            resource_type="VPC",
            traffic_type="REJECT",
            log_group_name=group.log_group_name,
            deliver_logs_permission_arn=role.role_arn,
        ).add_resource_dependency(group)

    def _group(self, name: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, name, vpc=self.vpc, description=description, allow_all_outbound=False)

    def _reach_s3(self) -> None:
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        # The gateway is a route; its addresses are a prefix list that CloudFormation cannot look up, all of them behind 443.
        self.jobs.add_egress_rule(
            ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "S3 by its gateway; there is no other route out"
        )

    def _reach_services(self, services: list[str]) -> None:
        group = self._group("Services", "Interfaces to AWS services")
        group.add_ingress_rule(self.jobs, ec2.Port.tcp(443), "jobs call AWS services")
        for service in services:
            self.vpc.add_interface_endpoint(
                "".join(word.capitalize() for word in service.split("-")),
                service=ec2.InterfaceVpcEndpointAwsService(service, port=443),
                subnets=ec2.SubnetSelection(subnets=[self.subnet]),
                security_groups=[group],
                private_dns_enabled=True,
                open=False,
            )

    def _database(self, name: str, create: bool, group_id: str, port: int) -> ec2.ISecurityGroup:
        if create:
            group: ec2.ISecurityGroup = self._group(name, f"{name} database")
        else:
            group = ec2.SecurityGroup.from_security_group_id(self, name, group_id, allow_all_outbound=False)
        group.add_ingress_rule(self.jobs, ec2.Port.tcp(port), "Glue jobs")
        self.jobs.add_egress_rule(group, ec2.Port.tcp(port), f"{name} of {Stack.of(self).stack_name}")
        return group
