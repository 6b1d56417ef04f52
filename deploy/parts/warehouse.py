"""Redshift Serverless: capacity set, TLS required, reached by IAM; its admin password is kept and changed by AWS."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_redshiftserverless as redshift
from constructs import Construct

from deploy.parts.network import Network
from deploy.parts.storage import Storage
from deploy.settings import Settings


class Warehouse(Construct):
    """`host`, `workgroup_arn`, `copy_role` and `admin_secret` are what the jobs need to know."""

    def __init__(self, scope: Construct, settings: Settings, *, network: Network, storage: Storage) -> None:
        super().__init__(scope, "Warehouse")
        chosen, stack = settings.redshift, Stack.of(self)
        self.copy_role = self._role(settings, storage, stack)
        self.namespace = redshift.CfnNamespace(
            self,
            "Namespace",
            namespace_name=settings.name,
            db_name=chosen.database,
            admin_username="admin",
            manage_admin_password=True,
            admin_password_secret_kms_key_id=storage.key.key_id,
            kms_key_id=storage.key.key_id,
            default_iam_role_arn=self.copy_role.role_arn,
            iam_roles=[self.copy_role.role_arn],
            log_exports=["userlog", "connectionlog", "useractivitylog"],
            final_snapshot_name=f"{settings.name}-final",
            final_snapshot_retention_period=30,
        )
        parameters = {"require_ssl": "true", "max_query_execution_time": "3600", "enable_user_activity_logging": "true"}
        self.workgroup = redshift.CfnWorkgroup(
            self,
            "Workgroup",
            workgroup_name=settings.name,
            namespace_name=self.namespace.namespace_name,
            base_capacity=chosen.base_capacity,
            max_capacity=chosen.max_capacity,
            port=chosen.port,
            publicly_accessible=False,
            enhanced_vpc_routing=True,
            subnet_ids=[subnet.subnet_id for subnet in network.vpc.isolated_subnets],
            security_group_ids=[network.redshift.security_group_id],
            config_parameters=[
                redshift.CfnWorkgroup.ConfigParameterProperty(parameter_key=key, parameter_value=value)
                for key, value in parameters.items()
            ],
        )
        self.workgroup.add_resource_dependency(self.namespace)
        self.host = self.workgroup.attr_workgroup_endpoint_address
        self.workgroup_arn = self.workgroup.attr_workgroup_workgroup_arn
        CfnOutput(self, "RedshiftWorkgroup", value=settings.name)
        # The name that Redshift gives the secret it keeps; CloudFormation does not say its ARN.
        self.admin_secret = f"redshift!{settings.name}-admin"
        CfnOutput(self, "RedshiftSecret", value=self.admin_secret)

    def _role(self, settings: Settings, storage: Storage, stack: Stack) -> iam.Role:
        """What Redshift itself may do: read the lake and its catalog, and write what it unloads to temp/."""
        role = iam.Role(self, "CopyRole", assumed_by=iam.ServicePrincipal("redshift-serverless.amazonaws.com"))
        bucket = storage.bucket.bucket_arn
        role.add_to_policy(iam.PolicyStatement(actions=["s3:ListBucket", "s3:GetBucketLocation"], resources=[bucket]))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:GetObject"], resources=[f"{bucket}/{folder}/*" for folder in ("raw", "curated", "temp")]
            )
        )
        role.add_to_policy(iam.PolicyStatement(actions=["s3:PutObject"], resources=[f"{bucket}/temp/*"]))
        catalog = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}"
        names = ["catalog", f"database/{settings.catalog_database}", f"table/{settings.catalog_database}/*"]
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"],
                resources=[f"{catalog}:{name}" for name in names],
            )
        )
        return role
