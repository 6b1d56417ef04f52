"""Everything of one deployment, component by component."""

from aws_cdk import Environment, Stack, Tags
from constructs import Construct

from deploy.parts.catalog import Catalog
from deploy.parts.jobs import JobLogs, Jobs
from deploy.parts.network import Network
from deploy.parts.notices import Notices, Topic
from deploy.parts.orchestration import Orchestration
from deploy.parts.roles import JobRole
from deploy.parts.source import Source
from deploy.parts.storage import Storage
from deploy.parts.warehouse import Warehouse
from deploy.settings import Settings


class RentalEtl(Stack):
    """The stack. `code` is the prefix in the bucket under which the jobs' script and bundle lie."""

    def __init__(self, scope: Construct, settings: Settings, *, code: str) -> None:
        super().__init__(
            scope,
            settings.name,
            env=Environment(region=settings.region),
            description=f"rental-etl, preset {settings.preset}",
            termination_protection=True,
        )
        for key, value in (("project", settings.name), ("preset", settings.preset), ("managed-by", "cdk")):
            Tags.of(self).add(key, value)
        self.settings = settings
        storage = Storage(self, settings)
        network = Network(self, settings, storage=storage)
        Catalog(self, settings, storage=storage)
        self._secrets: list[str] = []
        self._users: list[str] = []
        self._workgroups: list[str] = []
        variables = {
            "RENTAL_ETL_LAKE__URL": f"s3://{storage.bucket.bucket_name}",
            "RENTAL_ETL_LAKE__REGION": settings.region,
            "RENTAL_ETL_LAKE__DATABASE": settings.catalog_database,
            "RENTAL_ETL_ENGINE__KIND": settings.engine,
            "RENTAL_ETL_ENGINE__MEMORY": settings.engine_memory,
            "RENTAL_ETL_WAREHOUSE__STAGING": f"s3://{storage.bucket.bucket_name}/temp",
            **self._source(network, storage),
        }
        warehouse, secret = self._warehouse(network, storage)
        variables |= warehouse | dict(settings.variables)
        logs = JobLogs(self, settings, storage=storage)
        role = JobRole(
            self,
            settings,
            network=network,
            storage=storage,
            log_groups=logs.arns(),
            secrets=self._secrets,
            database_users=self._users,
            workgroups=self._workgroups,
        )
        jobs = Jobs(
            self,
            settings,
            network=network,
            storage=storage,
            role=role.role,
            logs=logs,
            code=code,
            variables=variables,
            secret=secret,
        )
        topic = Topic(self, settings, storage=storage)
        machine = Orchestration(self, settings, storage=storage, topic=topic.topic, jobs=jobs.arns())
        Notices(self, settings, topic=topic.topic, machine=machine.machine, logs=logs)

    def _source(self, network: Network, storage: Storage) -> dict[str, str]:
        """Aurora, made here or one's own: where it is, and how the jobs log in."""
        chosen = self.settings.aurora
        host, variables = chosen.host, {"RENTAL_ETL_SOURCE__CA": "global-bundle.pem"}
        if chosen.create:
            cluster = Source(self, self.settings, network=network, storage=storage).cluster
            host = cluster.cluster_endpoint.hostname
            users = f"arn:{self.partition}:rds-db:{self.region}:{self.account}:dbuser"
            self._users.append(f"{users}:{cluster.cluster_resource_identifier}/{chosen.user}")
            variables["RENTAL_ETL_SOURCE__AUTH"] = "iam"
        elif chosen.secret_arn:
            self._secrets.append(chosen.secret_arn)
            variables["RENTAL_ETL_SOURCE__SECRET"] = chosen.secret_arn
        else:
            # Which of the account's clusters it is cannot be seen from a host's name.
            users = f"arn:{self.partition}:rds-db:{self.region}:{self.account}:dbuser"
            self._users.append(f"{users}:*/{chosen.user}")
            variables["RENTAL_ETL_SOURCE__AUTH"] = "iam"
        variables["RENTAL_ETL_SOURCE__REGION"] = self.settings.region
        variables["RENTAL_ETL_SOURCE__URL"] = f"mysql://{chosen.user}@{host}:{chosen.port}/{chosen.database}"
        return variables

    def _warehouse(self, network: Network, storage: Storage) -> tuple[dict[str, str], str]:
        """Redshift, made here or one's own: where it is and how the jobs log in; and the secret of `redshift-conn`."""
        chosen = self.settings.redshift
        if chosen.create:
            made = Warehouse(self, self.settings, network=network, storage=storage)
            self._workgroups.append(made.workgroup_arn)
            login = {"RENTAL_ETL_WAREHOUSE__AUTH": "iam", "RENTAL_ETL_WAREHOUSE__IAM_ROLE": made.copy_role.role_arn}
            host, user = made.host, ""
            secret = made.admin_secret
        else:
            self._secrets.append(chosen.secret_arn)
            login = {
                "RENTAL_ETL_WAREHOUSE__SECRET": chosen.secret_arn,
                "RENTAL_ETL_WAREHOUSE__IAM_ROLE": chosen.copy_role_arn,
            }
            host, user, secret = chosen.host, chosen.user, chosen.secret_arn
        place = f"{user}@{host}" if user else host
        url = f"redshift://{place}:{chosen.port}/{chosen.database}"
        return {"RENTAL_ETL_WAREHOUSE__URL": url, "RENTAL_ETL_WAREHOUSE__REGION": self.settings.region, **login}, secret
