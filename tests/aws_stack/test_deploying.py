"""What `make deploy` does beside the stack: settings, the jobs' code, schemas, users and grants."""

import contextlib
from pathlib import Path
from typing import Any

import psycopg
import pytest
from deploy.code import bucket_name, upload
from deploy.databases import Statement, aurora_statements, prepare, redshift_statements
from deploy.settings import FILE, load

from mariadb import server as mariadb
from postgres import server as postgres
from redshift import stores
from redshift.dialect import refusal


def test_presets_differ_in_what_they_say_only(tmp_path: Path) -> None:
    """One file; what a preset does not say is common."""
    small, standard = load("small"), load("standard")
    assert (small.preset, standard.preset) == ("small", "standard")
    assert small.region == standard.region
    assert (small.redshift.max_capacity, standard.redshift.max_capacity) == (16, 64)
    assert small.redshift.port == standard.redshift.port


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('schedule = "cron', 'shedule = "cron', "unknown key shedule in"),
        ("late_hours = 26", "", "late_hours missing in"),
        ("variables = {}", 'variables = { RENTAL_ETL_SOURCE__PASSWORD = "x" }', "use a secret's ARN"),
        (
            "create = true                             # false: your own, with the keys below\nhost",
            "create = false\nhost",
            "needs",
        ),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    """Before anything is deployed."""
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    changed = tmp_path / "settings.toml"
    changed.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load("small", changed)


def test_an_unknown_preset_is_named() -> None:
    """With those there are."""
    with pytest.raises(ValueError, match="no preset large"):
        load("large")


def test_code_is_uploaded_once(tmp_path: Path) -> None:
    """Another bundle lies beside the old one, which a running job still reads; a bucket that is not there yet waits for the stack."""
    bundle, authorities = tmp_path / "rental_etl.gluewheels.zip", tmp_path / "global-bundle.pem"
    bundle.write_bytes(b"wheels")
    authorities.write_bytes(b"certificates")
    s3, bucket = stores.s3(), stores.create_bucket()
    given: dict[str, Any] = {"bundle": bundle, "authorities": authorities}
    assert upload(s3, "not-there-yet-0123", **given) == []
    first = upload(s3, bucket, **given)
    assert [key.rpartition("/")[2] for key in first] == ["job.py", "rental_etl.gluewheels.zip", "global-bundle.pem"]
    assert upload(s3, bucket, **given) == []
    bundle.write_bytes(b"other wheels")
    second = upload(s3, bucket, **given)
    assert len(second) == 2
    assert not set(second) & set(first)
    script = s3.get_object(Bucket=bucket, Key=first[0])["Body"].read().decode()
    compile(script, first[0], "exec")
    assert "from rental_etl.glue_entry import main" in script


def test_the_bucket_is_the_stacks() -> None:
    """Its name has to be known before the stack is there."""
    assert bucket_name(load("small"), "123456789012") == "rental-etl-pipeline-data-123456789012-eu-west-1"


class MariaDB:
    """Aurora's statements on a real server; how a user logs in by IAM it does not know."""

    def run(self, sql: str) -> bool:
        return bool(
            mariadb.shared().sql(sql.replace("identified with AWSAuthenticationPlugin as 'RDS'", "identified by 'x'"))
        )


def test_users_of_aurora_have_their_rights_and_no_more() -> None:
    """The jobs read; only `ingest` writes. A second deployment changes nothing."""
    server = mariadb.shared()
    server.sql("drop user if exists etl@'%'; drop user if exists ingest@'%'")
    for _ in range(2):
        assert prepare(MariaDB(), aurora_statements(load("small"))) == 5
    assert "GRANT SELECT ON `rental`.* TO `etl`@`%`" in server.sql("show grants for etl@'%'")
    writes = server.sql("show grants for ingest@'%'")
    assert "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, INDEX, CREATE TEMPORARY TABLES ON `rental`.*" in writes
    assert "REQUIRE SSL" in server.sql("show create user etl@'%'")
    server.sql("drop user etl@'%'; drop user ingest@'%'")


class Redshift:
    """Redshift's statements on PostgreSQL, where roles of readers are users and no password is null."""

    def __init__(self, database: str) -> None:
        self._database = database

    def run(self, sql: str) -> bool:
        assert refusal(sql) == ""
        text = sql.replace("svv_roles where role_name", "pg_roles where rolname")
        text = text.replace("password disable", "password null").replace("to role analysts", "to analysts")
        return bool(postgres.shared().sql(text, database=self._database))


def test_schemas_of_redshift_belong_to_the_jobs_and_readers_read() -> None:
    """Also what the jobs make later."""
    database, server = stores.create_database("prod"), postgres.shared()
    redshift = Redshift(database)
    statements = redshift_statements(load("small"))
    try:
        assert prepare(redshift, statements) == len(statements)
        # The user and the role are there by then.
        assert prepare(redshift, statements) == len(statements) - 2
        made = 'set role "IAMR:glue-etl-role"; create table presentation.later as select 1 as one'
        server.sql(made, database=database)
        may = "select has_table_privilege('analysts', 'presentation.later', '{}')"
        assert [server.sql(may.format(right), database=database)[0][0] for right in ("select", "delete")] == [
            True,
            False,
        ]
    finally:
        for name in ("analysts", '"IAMR:glue-etl-role"'):
            for sql in (f"drop owned by {name}", f"drop role {name}"):
                with contextlib.suppress(psycopg.Error):
                    server.sql(sql, database=database)


class Refusing:
    """A database that has what is looked for."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run(self, sql: str) -> bool:
        self.ran.append(sql)
        return True


def test_what_is_there_is_not_made_again() -> None:
    """Redshift has no `create user if not exists`."""
    database = Refusing()
    assert prepare(database, [Statement("create role x", "select 1"), Statement("grant x")]) == 1
    assert database.ran == ["select 1", "grant x"]
