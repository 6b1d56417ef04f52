"""Who one is to Redshift: a user with a password, a secret, or an IAM identity that is given a password for some minutes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rental_etl.errors import ConfigurationError
from rental_etl.logins.aws import aws_client, aws_errors
from rental_etl.logins.passwords import secret_login


@dataclass(frozen=True, slots=True)
class Credentials:
    """A database user and its password; the password is never shown."""

    user: str
    password: str = field(repr=False)


Provider = Callable[[], Credentials]


def with_password(user: str, password: Callable[[], str | None]) -> Provider:
    """A user whose password somebody knows."""

    def provide() -> Credentials:
        word = password()
        if not word:
            raise ConfigurationError(
                f"there is no password for {user}",
                where="[warehouse]",
                expected='RENTAL_ETL_WAREHOUSE__PASSWORD, warehouse.secret, or warehouse.auth = "iam"',
                remedy="set one of them",
            )
        return Credentials(user, word)

    return provide


def from_secret(secret: str, *, user: str, region: str | None = None, endpoint: str | None = None) -> Provider:
    """A Secrets Manager secret: the JSON that AWS keeps for databases, or the bare password of `user`."""
    fetch = secret_login(secret, region=region, endpoint=endpoint)

    def provide() -> Credentials:
        found_user, password = fetch()
        if not (found_user or user):
            raise ConfigurationError(
                "neither the secret nor the URL names a user",
                where=secret,
                expected='JSON with "username" and "password", or a user in warehouse.url',
                remedy="write redshift://user@host/database",
            )
        return Credentials(found_user or user, password)

    return provide


def from_cluster_iam(
    cluster: str, *, user: str, database: str, region: str | None = None, endpoint: str | None = None
) -> Provider:
    """The caller's IAM identity, as an existing database user of a provisioned cluster, for 15 minutes."""

    def provide() -> Credentials:
        with aws_errors(cluster, needs="redshift:GetClusterCredentials"):
            answer = aws_client("redshift", region=region, endpoint=endpoint).get_cluster_credentials(
                ClusterIdentifier=cluster, DbUser=user, DbName=database, AutoCreate=False, DurationSeconds=900
            )
        return _given(answer, "DbUser", "DbPassword")

    return provide


def from_serverless_iam(
    workgroup: str, *, database: str, region: str | None = None, endpoint: str | None = None
) -> Provider:
    """The caller's IAM identity, as the database user of the same name of a serverless workgroup, for 15 minutes."""

    def provide() -> Credentials:
        with aws_errors(workgroup, needs="redshift-serverless:GetCredentials"):
            answer = aws_client("redshift-serverless", region=region, endpoint=endpoint).get_credentials(
                workgroupName=workgroup, dbName=database, durationSeconds=900
            )
        return _given(answer, "dbUser", "dbPassword")

    return provide


def _given(answer: dict[str, Any], user: str, password: str) -> Credentials:
    return Credentials(str(answer[user]), str(answer[password]))
