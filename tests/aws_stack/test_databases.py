"""Schemas, users and grants, as `make deploy` makes them: through the Data APIs, which a server here stands in for, in a real MariaDB and PostgreSQL."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy import databases
from deploy.databases import AuroraData, RedshiftData, Statement, prepare, redshift_statements
from deploy.settings import load

from aws_stack import data_apis, synthesized
from aws_stack.data_apis import DataApis, serving
from mariadb import server as mariadb
from postgres import server as postgres
from redshift import stores
from redshift.dialect import refusal

IAM = "identified with AWSAuthenticationPlugin as 'RDS'"


def in_mariadb(sql: str) -> int:
    """Rows of Aurora's statement on MariaDB, which does not know how a user logs in by IAM."""
    return len(mariadb.shared().sql(sql.replace(IAM, "identified by 'x'")).splitlines())


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """What `cdk deploy` leaves: the stack's own outputs by their own names, with what AWS would have filled in."""
    known = {
        "AuroraArn": data_apis.CLUSTER,
        "AuroraSecret": data_apis.AURORA_SECRET,
        "RedshiftWorkgroup": "rental-etl",
        "RedshiftSecret": "redshift!rental-etl-admin",
    }
    names = synthesized.template("small")["Outputs"]
    filled = {key: value for key in names for name, value in known.items() if name in key}
    assert len(filled) == len(known)
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps({"rental-etl": dict.fromkeys(names, "something else") | filled}))
    return path


@pytest.fixture
def apis(monkeypatch: pytest.MonkeyPatch) -> Iterator[DataApis]:
    """The services, before databases in which nothing has been made yet. Nobody waits as long as AWS would."""
    server, database = postgres.shared(), stores.create_database("prod")

    def in_postgres(sql: str) -> int:
        # Readers' roles are users here, and no password is null.
        assert refusal(sql) == ""
        text = sql.replace("svv_roles where role_name", "pg_roles where rolname")
        text = text.replace("password disable", "password null").replace("to role analysts", "to analysts")
        return len(server.sql(text, database=database))

    mariadb.shared().sql("drop user if exists etl@'%'; drop user if exists ingest@'%'")
    monkeypatch.setattr(databases, "sleep", lambda _: None)
    with stores.identity(), serving(DataApis(in_mariadb, in_postgres)) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
        yield found
    mariadb.shared().sql("drop user if exists etl@'%'; drop user if exists ingest@'%'")
    server.sql(f"drop database {database} with (force)")
    for name in ("analysts", '"IAMR:glue-etl-role"'):
        server.sql(f"drop role if exists {name}")


def test_users_have_their_rights_and_no_more(apis: DataApis, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In Aurora the jobs read and only `ingest` writes; in Redshift schemas are the jobs', and analysts read also what is made later."""
    databases.main(outputs)
    statements = redshift_statements(load("small"))
    assert capsys.readouterr().out == f"Aurora: 5 statements\nRedshift: {len(statements)} statements\n"
    assert apis.sleeps == 0
    aurora = mariadb.shared()
    assert "GRANT SELECT ON `rental`.* TO `etl`@`%`" in aurora.sql("show grants for etl@'%'")
    writes = aurora.sql("show grants for ingest@'%'")
    assert "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, INDEX, CREATE TEMPORARY TABLES ON `rental`.*" in writes
    for user in ("etl", "ingest"):
        assert "REQUIRE SSL" in aurora.sql(f"show create user {user}@'%'")
        assert "ON *.*" not in aurora.sql(f"show grants for {user}@'%'").replace("GRANT USAGE ON *.*", "")
    apis.redshift('set role "IAMR:glue-etl-role"; create table presentation.latest as select 1 as one')
    may = "select 1 where has_table_privilege('analysts', 'presentation.latest', '{}')"
    assert [apis.redshift(may.format(right)) for right in ("select", "insert", "update", "delete")] == [1, 0, 0, 0]


def test_a_second_deployment_changes_nothing(apis: DataApis, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Redshift knows no `create user if not exists`: what is there is looked for first."""
    databases.main(outputs)
    first = mariadb.shared().sql("show grants for etl@'%'")
    capsys.readouterr()
    databases.main(outputs)
    statements = redshift_statements(load("small"))
    assert capsys.readouterr().out == f"Aurora: 5 statements\nRedshift: {len(statements) - 2} statements\n"
    assert mariadb.shared().sql("show grants for etl@'%'") == first


def test_databases_of_ones_own_are_left_alone(apis: DataApis, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked for rights there."""
    monkeypatch.setattr(databases, "load", lambda _: synthesized.own_databases())
    databases.main(outputs)
    assert apis.asked == []


def clients(url: str) -> tuple[AuroraData, RedshiftData]:
    """Both databases, as `make deploy` reaches them."""
    import boto3

    session = boto3.session.Session(region_name="eu-west-1")
    aurora = AuroraData(
        session.client("rds-data", endpoint_url=url), cluster=data_apis.CLUSTER, secret=data_apis.AURORA_SECRET
    )
    place = {"workgroup": "rental-etl", "secret": data_apis.REDSHIFT_SECRET, "database": "prod"}
    return aurora, RedshiftData(session.client("redshift-data", endpoint_url=url), **place)


def test_a_refusal_ends_the_deployment_with_the_statement(apis: DataApis) -> None:
    """In the database's own words: whoever deploys has no other log to look into."""
    aurora, redshift = clients(apis.url)
    with pytest.raises(RuntimeError, match=r"(?s)Aurora refused: .*SQL syntax.*\nselct 1$"):
        aurora.run("selct 1")
    with pytest.raises(RuntimeError, match=r"(?s)Redshift refused: ERROR: .*nowhere.*\ngrant usage on schema nowhere"):
        redshift.run("grant usage on schema nowhere to role analysts")
    assert (aurora.run("select 1"), aurora.run("select 1 from dual where false")) == (True, False)
    assert (redshift.run("select 1 as one"), redshift.run("select 1 as one where false")) == (True, False)


def test_a_secret_that_may_not_be_read_is_named(apis: DataApis) -> None:
    """What the deployer may not do AWS says with its own words."""
    import boto3

    session = boto3.session.Session(region_name="eu-west-1")
    other = AuroraData(
        session.client("rds-data", endpoint_url=apis.url), cluster=data_apis.CLUSTER, secret=data_apis.REDSHIFT_SECRET
    )
    with pytest.raises(RuntimeError, match="AccessDeniedException"):
        other.run("select 1")
    place = {"workgroup": "rental-etl", "secret": "other", "database": "prod"}
    with pytest.raises(RuntimeError, match="ValidationException"):
        RedshiftData(session.client("redshift-data", endpoint_url=apis.url), **place).run("select 1")


def test_a_cluster_that_does_not_wake_up_is_given_up(apis: DataApis, monkeypatch: pytest.MonkeyPatch) -> None:
    """After two minutes; it takes half of one."""
    apis.sleeps = 10**6
    monkeypatch.setattr(databases, "_WAKES_WITHIN_SECONDS", 0.2)
    with pytest.raises(RuntimeError, match="does not wake up"):
        clients(apis.url)[0].run("select 1")


class Remembering:
    """A database that has what is looked for."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run(self, sql: str) -> bool:
        self.ran.append(sql)
        return True


def test_what_is_there_is_not_made_again() -> None:
    """Only what cannot be repeated is looked for."""
    database = Remembering()
    assert prepare(database, [Statement("create role x", "select 1"), Statement("grant x")]) == 1
    assert database.ran == ["select 1", "grant x"]
