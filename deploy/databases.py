"""Makes schemas, users and grants in the databases the stack made, through their Data APIs: from anywhere, without a way into the network.

Reads the outputs of `cdk deploy`; logs in with the admin secrets that AWS keeps. Every statement may be run again.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from deploy.app import ROOT
from deploy.settings import Settings, load

OUTPUTS = ROOT / "deploy" / "cdk.out" / "outputs.json"
JOBS_USER = "IAMR:glue-etl-role"
_WAKES_WITHIN_SECONDS = 120
_ANSWERS_WITHIN_SECONDS = 600
SCHEMAS = ("raw", "curated", "presentation", "etl")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; where `unless` finds a row it is not needed."""

    sql: str
    unless: str = ""


def aurora_statements(settings: Settings) -> list[Statement]:
    """The database; the jobs' user, who reads; and `ingest`, who loads CSV files. Both log in by IAM, over TLS."""
    database, login = settings.aurora.database, "identified with AWSAuthenticationPlugin as 'RDS' require ssl"
    loading = "select, insert, update, delete, create, index, create temporary tables"
    return [
        Statement(f"create database if not exists `{database}` character set utf8mb4"),
        Statement(f"create user if not exists '{settings.aurora.user}'@'%' {login}"),
        Statement(f"grant select on `{database}`.* to '{settings.aurora.user}'@'%'"),
        Statement(f"create user if not exists 'ingest'@'%' {login}"),
        Statement(f"grant {loading} on `{database}`.* to 'ingest'@'%'"),
    ]


def redshift_statements(settings: Settings) -> list[Statement]:
    """The jobs' user (who Redshift takes the role for), its schemas, and the role `analysts` that reads them."""
    schemas, user = ", ".join(SCHEMAS), f'"{JOBS_USER}"'
    return [
        Statement(f"create user {user} password disable", f"select 1 from pg_user where usename = '{JOBS_USER}'"),
        Statement("create role analysts", "select 1 from svv_roles where role_name = 'analysts'"),
        Statement(f'grant create, temporary on database "{settings.redshift.database}" to {user}'),
        *(Statement(f"create schema if not exists {schema} authorization {user}") for schema in SCHEMAS),
        Statement(f"grant usage on schema {schemas} to role analysts"),
        Statement(f"grant select on all tables in schema {schemas} to role analysts"),
        Statement(
            f"alter default privileges for user {user} in schema {schemas} grant select on tables to role analysts"
        ),
    ]


class AuroraData:
    """Aurora through the RDS Data API. A cluster that sleeps is waited for."""

    def __init__(self, client: Any, *, cluster: str, secret: str) -> None:
        self._client, self._cluster, self._secret = client, cluster, secret

    def run(self, sql: str) -> bool:
        """Carry out a statement; returns whether it gave rows. Raises RuntimeError with Aurora's words."""
        asked = {"resourceArn": self._cluster, "secretArn": self._secret, "continueAfterTimeout": True}
        deadline = monotonic() + _WAKES_WITHIN_SECONDS
        while True:
            try:
                return bool(self._client.execute_statement(sql=sql, **asked).get("records"))
            except self._client.exceptions.DatabaseResumingException as error:
                if monotonic() > deadline:
                    raise RuntimeError(f"Aurora does not wake up: {error}") from error
                sleep(5)
            except self._client.exceptions.ClientError as error:
                raise RuntimeError(f"Aurora refused: {error}\n{sql}") from error


class RedshiftData:
    """Redshift through its Data API."""

    def __init__(self, client: Any, *, workgroup: str, secret: str, database: str) -> None:
        self._client, self._place = client, {"WorkgroupName": workgroup, "SecretArn": secret, "Database": database}

    def run(self, sql: str) -> bool:
        """Carry out a statement and wait; returns whether it gave rows. Raises RuntimeError with Redshift's words."""
        try:
            number = self._client.execute_statement(Sql=sql, **self._place)["Id"]
        except self._client.exceptions.ClientError as error:
            raise RuntimeError(f"Redshift refused: {error}\n{sql}") from error
        deadline = monotonic() + _ANSWERS_WITHIN_SECONDS
        while monotonic() < deadline:
            found = self._client.describe_statement(Id=number)
            if found["Status"] == "FINISHED":
                return int(found.get("ResultRows", 0)) > 0
            if found["Status"] in ("FAILED", "ABORTED"):
                raise RuntimeError(f"Redshift refused: {found.get('Error', found['Status'])}\n{sql}")
            sleep(1)
        raise RuntimeError(f"Redshift has not answered for {_ANSWERS_WITHIN_SECONDS} s\n{sql}")


def prepare(database: Any, statements: list[Statement]) -> int:
    """Carry out what is needed; returns how many statements that was."""
    done = 0
    for statement in statements:
        if not (statement.unless and database.run(statement.unless)):
            database.run(statement.sql)
            done += 1
    return done


def main(outputs: Path = OUTPUTS) -> None:
    """Prepare the databases that the stack made; one's own are left alone."""
    import boto3

    settings = load(os.environ.get("PRESET", "small"))
    session = boto3.session.Session(region_name=settings.region)
    found = _outputs(json.loads(outputs.read_text(encoding="utf-8"))[settings.name])
    if settings.aurora.create:
        aurora = AuroraData(session.client("rds-data"), cluster=found["AuroraArn"], secret=found["AuroraSecret"])
        sys.stdout.write(f"Aurora: {prepare(aurora, aurora_statements(settings))} statements\n")
    if settings.redshift.create:
        secret = session.client("secretsmanager").describe_secret(SecretId=found["RedshiftSecret"])["ARN"]
        place = {"workgroup": found["RedshiftWorkgroup"], "database": settings.redshift.database}
        redshift = RedshiftData(session.client("redshift-data"), secret=secret, **place)
        sys.stdout.write(f"Redshift: {prepare(redshift, redshift_statements(settings))} statements\n")


def _outputs(stack: Mapping[str, str]) -> dict[str, str]:
    """Outputs by the name they were given: CloudFormation puts the component before it and a hash after it."""
    names = ("AuroraArn", "AuroraSecret", "RedshiftWorkgroup", "RedshiftSecret")
    return {name: value for name in names for key, value in stack.items() if name in key}


if __name__ == "__main__":
    main()
