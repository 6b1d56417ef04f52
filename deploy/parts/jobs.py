"""The Glue jobs, their connections and their logs."""

from collections.abc import Mapping

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from deploy.parts.network import Network
from deploy.parts.storage import Storage
from deploy.settings import Settings
from rental_etl.aws.billing import DPU
from rental_etl.aws.state_machine import WHOLE
from rental_etl.pipeline import JOBS


class JobLogs(Construct):
    """Log groups of all jobs: made here, so that they are encrypted and do not last for ever."""

    def __init__(self, scope: Construct, settings: Settings, *, storage: Storage) -> None:
        super().__init__(scope, "JobLogs")
        self.prefix = f"/{settings.name}/glue"
        self.groups = {
            kind: logs.CfnLogGroup(
                self,
                kind.capitalize(),
                log_group_name=f"{self.prefix}/{kind}",
                retention_in_days=settings.log_retention_days,
                kms_key_id=storage.key.key_arn,
            )
            for kind in ("output", "error")
        }
        for group in self.groups.values():
            group.apply_removal_policy(RemovalPolicy.DESTROY)

    def arns(self) -> list[str]:
        """Without the `:*` at the end."""
        stack = Stack.of(self)
        place = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group"
        return [f"{place}:{group.log_group_name}" for group in self.groups.values()]


class Jobs(Construct):
    """One Glue job per job of the pipeline, or `run_pipeline` for all of them; `names` are theirs. `variables` say where source, lake and warehouse are."""

    def __init__(
        self,
        scope: Construct,
        settings: Settings,
        *,
        network: Network,
        storage: Storage,
        role: iam.IRole,
        logs: JobLogs,
        code: str,
        variables: Mapping[str, str],
        secret: str,
    ) -> None:
        super().__init__(scope, "Jobs")
        self._settings, self._role = settings, role
        connection = self._connections(network, secret, variables["RENTAL_ETL_WAREHOUSE__URL"])
        place = f"s3://{storage.bucket.bucket_name}"
        scaled = settings.max_workers > settings.workers
        dpu = DPU[settings.worker_type]
        self._arguments = {
            "--additional-python-modules": f"{place}/{code}/rental_etl.gluewheels.zip",
            # Nothing is looked for on the internet, to which there is no way.
            "--python-modules-installer-option": "--no-index",
            "--extra-files": f"{place}/glue/global-bundle.pem",
            "--TempDir": f"{place}/temp/",
            "--job-bookmark-option": "job-bookmark-disable",
            "--enable-auto-scaling": "true" if scaled else "false",
            "--enable-continuous-cloudwatch-log": "true",
            "--custom-logGroup-prefix": logs.prefix,
            "--conf": f"spark.hadoop.fs.s3a.endpoint.region={settings.region}",
            # What a job run tells the alarm `cost`. With auto scaling Glue bills the workers that were there, not the most there may be: these are
            # the least, and a Spark job adds each executor that it saw. DuckDB asks for none.
            "--dpu": str(dpu * settings.workers),
            **({"--worker_dpu": str(dpu)} if scaled else {}),
            **{f"--{name}": value for name, value in variables.items()},
        }
        self._script = f"{place}/{code}/job.py"
        self.names = [WHOLE] if settings.preset == "small" else [job.name for job in JOBS]
        for name in self.names:
            self._job(name, connection)

    def arns(self) -> list[str]:
        """Of the jobs."""
        stack = Stack.of(self)
        return [f"arn:{stack.partition}:glue:{stack.region}:{stack.account}:job/{name}" for name in self.names]

    def _job(self, name: str, connection: str) -> None:
        settings = self._settings
        glue.CfnJob(
            self,
            "".join(word.capitalize() for word in name.split("_")),
            name=name,
            description=f"{settings.name}: {name}",
            role=self._role.role_arn,
            command=glue.CfnJob.JobCommandProperty(name="glueetl", python_version="3", script_location=self._script),
            glue_version=settings.glue_version,
            worker_type=settings.worker_type,
            number_of_workers=settings.max_workers,
            execution_class="FLEX" if settings.flex else "STANDARD",
            # The mutex: Step Functions waits for it, and retries what failed.
            execution_property=glue.CfnJob.ExecutionPropertyProperty(max_concurrent_runs=1),
            max_retries=0,
            timeout=settings.job_timeout_minutes,
            connections=glue.CfnJob.ConnectionsListProperty(connections=[connection]),
            default_arguments=self._arguments | {"--job": name},
        )

    def _connections(self, network: Network, secret: str, url: str) -> str:
        """The network of the jobs; and `redshift-conn`, which the original design names, for people and visual jobs."""
        account = Stack.of(self).account
        place = glue.CfnConnection.PhysicalConnectionRequirementsProperty(
            availability_zone=network.subnet.availability_zone,
            security_group_id_list=[network.jobs.security_group_id],
            subnet_id=network.subnet.subnet_id,
        )
        name = f"{self._settings.name}-network"
        glue.CfnConnection(
            self,
            "Network",
            catalog_id=account,
            connection_input=glue.CfnConnection.ConnectionInputProperty(
                name=name,
                connection_type="NETWORK",
                description="Where the jobs run",
                physical_connection_requirements=place,
            ),
        )
        glue.CfnConnection(
            self,
            "Redshift",
            catalog_id=account,
            connection_input=glue.CfnConnection.ConnectionInputProperty(
                name="redshift-conn",
                connection_type="JDBC",
                description="The warehouse; the jobs themselves log in by IAM or their own secret",
                connection_properties={
                    "JDBC_CONNECTION_URL": "jdbc:redshift://" + url.removeprefix("redshift://").rpartition("@")[2],
                    "JDBC_ENFORCE_SSL": "true",
                    "SECRET_ID": secret,
                },
                physical_connection_requirements=place,
            ),
        )
        return name
