"""The commands over a database, as a person types them: put files in, look, run, and no secret anywhere."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mariadb.application import PASSWORD, TestDatabase, database
from shell import END, PROGRAM, environment, marketplace, rental_etl


@pytest.fixture
def db() -> Iterator[TestDatabase]:
    """An empty database."""
    with database() as found:
        yield found


@pytest.fixture
def config(db: TestDatabase, tmp_path: Path) -> Path:
    """A configuration that names it, as documented."""
    path = tmp_path / "rental-etl.toml"
    path.write_text(
        f'[source]\nurl = "{db.url}"\nconnect_timeout = "2 seconds"\n'
        '[tables.bookings]\ncursor = "updated_at"\noverlap = "2 hours"\nfull_every = "never"\n'
        '[tables.user_viewing]\ncursor = "viewed_at"\n'
    )
    return path


def test_files_go_in_and_metrics_come_out(db: TestDatabase, config: Path, tmp_path: Path) -> None:
    """ingest, check, run and run again; what changed comes as a delta."""
    secret = {"RENTAL_ETL_SOURCE__PASSWORD": PASSWORD}
    files = marketplace(tmp_path / "files", dirty=0.02)
    first = rental_etl("ingest", files, "--json", cwd=tmp_path, variables=secret)
    assert first.code == 0, first.err
    stored = {file["table"]: file["added"] for file in first.document["files"]}
    assert stored["bookings"] == db.rows("select count(*) from bookings")[0][0]
    again = rental_etl("ingest", files, cwd=tmp_path, variables=secret)
    assert (again.code, "4 files were ingested before and skipped" in again.err) == (0, True)
    checked = rental_etl("check", cwd=tmp_path, variables=secret)
    assert (checked.code, f"as {db.name}@%" in checked.out) == (0, True)
    run = rental_etl("run", "--as-of", END, "--json", cwd=tmp_path, variables=secret)
    assert (run.code, run.document["run"]["state"]) == (0, "published")
    quiet = rental_etl("run", "--as-of", END, "--json", cwd=tmp_path, variables=secret)
    assert (quiet.code, quiet.document["run"]["state"], quiet.document["landed"]) == (0, "unchanged", [])
    db.sql("update bookings set booking_status = 'canceled' order by booking_id limit 3")
    changed = rental_etl("run", "--as-of", END, "--json", cwd=tmp_path, variables=secret)
    assert [(batch["table"], batch["kind"]) for batch in changed.document["landed"]] == [("bookings", "delta")]


def test_no_secret_is_told_or_kept(db: TestDatabase, config: Path, tmp_path: Path) -> None:
    """Not in output, not with --debug, not in a failure, and in no file of the workspace."""
    secret = {"RENTAL_ETL_SOURCE__PASSWORD": PASSWORD}
    wrong = {"RENTAL_ETL_SOURCE__PASSWORD": f"{PASSWORD}-wrong"}
    files = marketplace(tmp_path / "files")
    commands = [
        subprocess.run(
            [PROGRAM, *words, "--debug"],
            cwd=tmp_path,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        for variables in (secret, wrong)
        for words in (("ingest", str(files)), ("check",), ("run",), ("run", "--json"), ("extract",))
    ]
    assert [done.returncode for done in commands] == [0, 0, 0, 0, 0, 3, 3, 3, 3, 3]
    assert [done for done in commands if PASSWORD in done.stdout + done.stderr] == []
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert kept == []


def test_check_tells_every_missing_right_with_the_statement_that_grants_it(
    db: TestDatabase, config: Path, tmp_path: Path
) -> None:
    """A person copies it to the database's owner; exit 3, as the run would fail."""
    secret = {"RENTAL_ETL_SOURCE__PASSWORD": PASSWORD}
    assert rental_etl("ingest", marketplace(tmp_path / "files"), cwd=tmp_path, variables=secret).code == 0
    user = f"{db.name}@'%'"
    db.sql(f"revoke all privileges, grant option from {user}; grant select on {db.name}.apartments to {user}")
    db.sql(f"grant insert on {db.name}.bookings to {user}; grant insert on {db.name}.user_viewing to {user}")
    checked = rental_etl("check", cwd=tmp_path, variables=secret)
    assert checked.code == 3
    for table in ("bookings", "user_viewing"):
        assert f"do: as the database's owner: grant select on `{db.name}`.`{table}` to '{db.name}'@'%'" in checked.out
    assert checked.out.count("FAILED  source") == 2
    assert PASSWORD not in checked.out + checked.err


def test_another_database_is_another_source(db: TestDatabase, config: Path, tmp_path: Path) -> None:
    """A workspace belongs to one database; naming another is refused with the way out."""
    secret = {"RENTAL_ETL_SOURCE__PASSWORD": PASSWORD}
    rental_etl("ingest", marketplace(tmp_path / "files"), cwd=tmp_path, variables=secret)
    assert rental_etl("run", "--as-of", END, cwd=tmp_path, variables=secret).code == 0
    with database() as other:
        url = {"RENTAL_ETL_SOURCE__URL": other.url}
        refused = rental_etl("run", "--as-of", END, cwd=tmp_path, variables={**secret, **url})
    assert (refused.code, "belongs to another source" in refused.err) == (2, True)


def test_files_need_a_database_to_go_into(tmp_path: Path) -> None:
    """ingest without one says which setting is missing."""
    done = rental_etl("ingest", marketplace(tmp_path / "files"), cwd=tmp_path)
    assert (done.code, "mysql://user@host:3306/database" in done.err) == (2, True)
