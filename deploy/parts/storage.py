"""The lake's bucket, and the key that everything else is encrypted with."""

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from deploy.settings import Settings


class Storage(Construct):
    """`bucket` holds raw/, curated/, temp/ (staging of Redshift), report/, runs/ and glue/ (the code). It outlives the stack."""

    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(scope, "Storage")
        stack = Stack.of(self)
        self.key = kms.Key(
            self,
            "Key",
            alias=f"alias/{settings.name}",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
            description="rental-etl: logs, failures, databases",
        )
        self._let_services_use_the_key(stack)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=settings.bucket or f"rental-etl-pipeline-data-{stack.account}-{stack.region}",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=True,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=[
                # What a killed run staged, and the code of jobs that were replaced long ago.
                s3.LifecycleRule(id="temp", prefix="temp/", expiration=Duration.days(2)),
                # Curated files are superseded within the product; here goes what it deleted.
                s3.LifecycleRule(
                    id="superseded",
                    noncurrent_version_expiration=Duration.days(30),
                    expired_object_delete_marker=True,
                    abort_incomplete_multipart_upload_after=Duration.days(2),
                ),
                s3.LifecycleRule(id="runs", prefix="runs/", expiration=Duration.days(settings.log_retention_days)),
            ],
        )
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name)

    def _let_services_use_the_key(self, stack: Stack) -> None:
        for service, source in (
            (f"logs.{stack.region}.amazonaws.com", f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:*"),
            ("cloudwatch.amazonaws.com", f"arn:{stack.partition}:cloudwatch:{stack.region}:{stack.account}:alarm:*"),
            ("budgets.amazonaws.com", f"arn:{stack.partition}:budgets::{stack.account}:*"),
        ):
            condition = (
                {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": source}}
                if service.startswith("logs.")
                else {"ArnLike": {"aws:SourceArn": source}}
            )
            self.key.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal(service)],
                    actions=["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"],
                    resources=["*"],
                    conditions=condition,
                )
            )
