"""`glue-etl-role`: what a job may do, action by action, on what was deployed here and on nothing else."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from deploy.parts.network import Network
from deploy.parts.storage import Storage
from deploy.settings import Settings

# Where jobs write in the bucket. Not glue/, from which their code comes, nor runs/, which the state machine writes.
WRITTEN = ("raw/*", "log/*", "quarantine/*", "curated/*", "temp/*", "report/*", "lake.json")
_TABLES = ("glue:GetTable", "glue:GetTables", "glue:CreateTable", "glue:UpdateTable", "glue:DeleteTable")


class JobRole(Construct):
    """The role, as `role`. `secrets` are ARNs it may read, `database_users` ARNs it may log in as, `workgroups` those it may get credentials of."""

    def __init__(
        self,
        scope: Construct,
        settings: Settings,
        *,
        network: Network,
        storage: Storage,
        log_groups: Sequence[str],
        secrets: Sequence[str],
        database_users: Sequence[str],
        workgroups: Sequence[str],
    ) -> None:
        super().__init__(scope, "JobRole")
        self.role = iam.Role(
            self, "Role", role_name="glue-etl-role", assumed_by=iam.ServicePrincipal("glue.amazonaws.com")
        )
        bucket = storage.bucket.bucket_arn
        self._allow(
            ["s3:ListBucket", "s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:ListBucketMultipartUploads"],
            [bucket],
        )
        self._allow(["s3:GetObject"], [f"{bucket}/*"])
        self._allow(
            ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], [f"{bucket}/{keys}" for keys in WRITTEN]
        )
        self._allow(["logs:CreateLogStream", "logs:PutLogEvents"], [f"{group}:log-stream:*" for group in log_groups])
        self._use_catalog(settings)
        self._use_network(network)
        for actions, resources in (
            ("secretsmanager:GetSecretValue", secrets),
            ("rds-db:connect", database_users),
            ("redshift-serverless:GetCredentials", workgroups),
        ):
            if resources:
                self._allow([actions], resources)

    def _use_catalog(self, settings: Settings) -> None:
        arn, database = self._arn("glue"), settings.catalog_database
        place = [f"{arn}:catalog", f"{arn}:database/{database}"]
        self._allow(["glue:GetDatabase", "glue:GetPartitions", *_TABLES], [*place, f"{arn}:table/{database}/*"])
        self._allow(
            ["glue:GetConnection"],
            [f"{arn}:catalog", f"{arn}:connection/redshift-conn", f"{arn}:connection/{settings.name}-network"],
        )

    def _use_network(self, network: Network) -> None:
        """Glue puts a network interface of each worker into the subnet, in the job's name."""
        arn, subnet = self._arn("ec2"), network.subnet.subnet_id
        interfaces = f"{arn}:network-interface/*"
        self._allow(
            ["ec2:CreateNetworkInterface"],
            [interfaces, f"{arn}:subnet/{subnet}", f"{arn}:security-group/{network.jobs.security_group_id}"],
        )
        self._allow(["ec2:CreateTags", "ec2:DeleteTags"], [interfaces])
        self._allow(["ec2:DeleteNetworkInterface"], [interfaces], {"StringEquals": {"ec2:Vpc": self._vpc(network)}})
        # AWS has no narrower resource for these.
        self._allow(
            [
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeRouteTables",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcAttribute",
                "ec2:DescribeVpcEndpoints",
            ],
            ["*"],
        )

    def _vpc(self, network: Network) -> str:
        return f"{self._arn('ec2')}:vpc/{network.vpc.vpc_id}"

    def _arn(self, service: str) -> str:
        stack = Stack.of(self)
        return f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}"

    def _allow(
        self, actions: Sequence[str], resources: Sequence[str], conditions: dict[str, dict[str, str]] | None = None
    ) -> None:
        self.role.add_to_policy(
            iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions)
        )
