"""Aurora MySQL Serverless v2: sleeps when nobody asks, encrypted, reached by IAM or by a password that AWS keeps and changes."""

from aws_cdk import CfnOutput, Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from constructs import Construct

from deploy.parts.network import Network
from deploy.parts.storage import Storage
from deploy.settings import Settings


class Source(Construct):
    """`host` and `cluster_resource_id` are what the jobs need to know. The cluster is protected and outlives the stack as a snapshot."""

    def __init__(self, scope: Construct, settings: Settings, *, network: Network, storage: Storage) -> None:
        super().__init__(scope, "Source")
        chosen = settings.aurora
        self.cluster = rds.DatabaseCluster(
            self,
            "Aurora",
            engine=rds.DatabaseClusterEngine.aurora_mysql(version=rds.AuroraMysqlEngineVersion.VER_3_10_3),
            writer=rds.ClusterInstance.serverless_v2("writer", publicly_accessible=False),
            serverless_v2_min_capacity=chosen.min_capacity,
            serverless_v2_max_capacity=chosen.max_capacity,
            serverless_v2_auto_pause_duration=Duration.minutes(10) if chosen.min_capacity == 0 else None,
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            security_groups=[network.aurora],
            port=chosen.port,
            default_database_name=chosen.database,
            manage_master_user_password=True,
            credentials=rds.Credentials.from_username("admin", encryption_key=storage.key),
            iam_authentication=True,
            # By which `make deploy` makes the user of the jobs, from wherever it runs.
            enable_data_api=True,
            storage_encrypted=True,
            storage_encryption_key=storage.key,
            backup=rds.BackupProps(retention=Duration.days(14)),
            copy_tags_to_snapshot=True,
            deletion_protection=True,
            removal_policy=RemovalPolicy.SNAPSHOT,
            cloudwatch_logs_exports=["error", "audit"],
            parameters={
                "server_audit_logging": "1",
                "server_audit_events": "CONNECT,QUERY_DCL,QUERY_DDL",
                "require_secure_transport": "ON",
                "time_zone": "UTC",
                "character_set_server": "utf8mb4",
                "local_infile": "1",
            },
        )
        CfnOutput(self, "AuroraArn", value=self.cluster.cluster_arn)
        CfnOutput(self, "AuroraEndpoint", value=self.cluster.cluster_endpoint.hostname)
        if self.cluster.secret:
            CfnOutput(self, "AuroraSecret", value=self.cluster.secret.secret_arn)
