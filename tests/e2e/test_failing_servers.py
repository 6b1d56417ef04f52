"""From MySQL to PostgreSQL while servers go, refuse or a disk is full: a clear error, nothing published, and the next run gives what an undisturbed one does.

No error, file of the workspace or row of the ledger holds a password, whatever happened.
"""

import contextlib
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mariadb import server as mariadb
from mariadb.application import PASSWORD, TestDatabase, database
from postgres import server as postgres
from rental_etl.bootstrap import Application
from rental_etl.errors import RentalEtlError
from rental_etl.settings import load_settings
from rental_etl.source.mysql.source import MySqlSource
from rental_etl.synthetic.marketplace import generate
from rental_etl.warehouse import ledger
from rental_etl.warehouse.postgres import connect
from shell import END

SECRETS = (PASSWORD, postgres.PASSWORD)


@dataclass(slots=True)
class House:
    """A marketplace in MySQL, a PostgreSQL server beside it, and what an undisturbed run over both gives."""

    db: TestDatabase
    warehouse: postgres.Postgres
    folder: Path
    files: Path
    undisturbed: dict[str, bytes] = field(default_factory=dict)

    def application(self, name: str, base: str, **sections: Any) -> Application:
        """The product with a workspace of its own and the warehouse in database `base`."""
        source = {"url": self.db.url, "password": PASSWORD, "connect_timeout": "1 second"}
        found = {"url": self.warehouse.url(base), "password": postgres.PASSWORD}
        overrides = {
            "workspace": str(self.folder / name),
            "source": source | sections.pop("source", {}),
            "warehouse": found | sections.pop("warehouse", {}),
            **sections,
        }
        return Application(load_settings(config=Path("/dev/null"), overrides=overrides), as_of=END)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Two servers that tests may kill, and the tables of an undisturbed run."""
    folder = tmp_path_factory.mktemp("house")
    with mariadb.running() as server, database(server) as db, postgres.running() as warehouse:
        generate(folder / "files", apartments=30, bookings=400, viewings=300, seed=5, end=END, dirty=0.03)
        found = House(db, warehouse, folder, folder / "files")
        base = warehouse.create_database()
        application = found.application("undisturbed", base)
        application.ingest(found.files)
        application.run()
        found.undisturbed = exported(application, folder / "undisturbed")
        yield found


@pytest.fixture
def base(house: House, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database in PostgreSQL, which is not waited for when it is gone."""
    monkeypatch.setattr(connect, "_REFUSED_SECONDS", 0.5)
    return house.warehouse.create_database()


def exported(application: Application, folder: Path) -> dict[str, bytes]:
    """Every presentation table as CSV."""
    application.export(folder / "export", "csv")
    return {path.name: path.read_bytes() for path in sorted((folder / "export").iterdir())}


def failing(work: Callable[[], object]) -> RentalEtlError:
    """The error of some work; it and its causes hold no password, and say what to do."""
    with pytest.raises(RentalEtlError) as caught:
        work()
    error: BaseException | None = caught.value
    told = str(caught.value.lines())
    while error is not None:
        told += f"{error!r} {error.args!r}"
        error = error.__cause__ or error.__context__
    assert [secret for secret in SECRETS if secret in told] == []
    assert caught.value.remedy
    return caught.value


def settled(house: House, name: str, base: str, application: Application | None = None) -> None:
    """Nothing was published; the next run completes, equals an undisturbed one, and nowhere is a password kept."""
    application = application or house.application(name, base)
    ledger_is_there = house.warehouse.sql("select 1 from pg_namespace where nspname = 'etl'", database=base)
    assert not ledger_is_there or application.status().published is None
    assert application.run().run.state == "published"
    assert exported(application, house.folder / name) == house.undisturbed
    kept = [path for path in (house.folder / name).rglob("*") if path.is_file()]
    assert [path for path in kept for secret in SECRETS if secret.encode() in path.read_bytes()] == []
    rows = house.warehouse.sql("select * from etl.runs", database=base)
    assert [row for row in rows for secret in SECRETS if secret in str(row)] == []


def after(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, call: int, work: Callable[[], object]) -> None:
    """Do something once, when a function was called so many times."""
    real, calls = getattr(owner, name), 0

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal calls
        result = real(*given, **named)
        calls += 1
        if calls == call:
            work()
        return result

    monkeypatch.setattr(owner, name, counted)


def test_mysql_gone_between_two_tables(house: House, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables that were read before are not landed either: a run reads all or none."""
    after(monkeypatch, MySqlSource, "deliveries", call=3, work=house.db.server.kill)
    error = failing(house.application("extract", base).run)
    assert (error.exit_code, error.retryable) == (3, True)
    house.db.server.start()
    settled(house, "extract", base)


def kept(house: House, table: str, base: str) -> int:
    """Rows of a table of the ledger. The server forgets its last moments when it is killed: before the first load that may be the ledger as such."""
    if house.warehouse.sql(f"select to_regclass('{table}') is null", database=base) == [(True,)]:
        return 0
    [(count,)] = house.warehouse.sql(f"select count(*) from {table}", database=base)
    return int(count)


@pytest.mark.parametrize("step", ["record_load", "record_publish"])
def test_postgresql_gone_before_a_commit(house: House, base: str, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Rows and ledger are one transaction: neither is there afterwards."""
    after(monkeypatch, ledger, step, call=1, work=house.warehouse.kill)
    error = failing(house.application(step, base).run)
    assert (error.exit_code, error.retryable) == (3, True)
    house.warehouse.start()
    assert kept(house, "etl.publishes", base) == 0
    if step == "record_load":
        assert kept(house, "etl.batches", base) == 0
    settled(house, step, base)


@pytest.mark.parametrize(("section", "code"), [("source", 3), ("warehouse", 2)])
def test_a_wrong_password(house: House, base: str, section: str, code: int) -> None:
    """Refused at once, and the right one goes on."""
    wrong = {section: {"password": f"wrong-{SECRETS[section == 'warehouse']}"}}
    assert failing(house.application(f"password-{section}", base, **wrong).run).exit_code == code
    if section == "source":
        settled(house, "password-source", base)
    else:
        assert house.application("password-warehouse", base).run().run.state == "published"


def test_a_table_or_column_that_is_not_there(house: House, base: str) -> None:
    """A mistake in the settings, exit 2; with the right ones the run completes."""
    mistakes: tuple[dict[str, Any], ...] = (
        {"name": "reservations"},
        {"columns": {"booking_status": "state"}},
        {"cursor": "changed"},
    )
    for mapped in mistakes:
        error = failing(house.application("missing", base, tables={"bookings": mapped}).run)
        assert (error.exit_code, error.where.startswith("tables.bookings")) == (2, True)
    settled(house, "missing", base)


def test_a_missing_right_in_mysql(house: House, base: str) -> None:
    """Exit 3; once it is granted the run completes."""
    user = f"{house.db.name}@'%'"
    house.db.sql(f"revoke all privileges, grant option from {user}; grant insert on {house.db.name}.bookings to {user}")
    house.db.sql(f"grant select on {house.db.name}.apartments to {user}")
    try:
        error = failing(house.application("right", base).run)
    finally:
        house.db.sql(f"grant all on {house.db.name}.* to {user}")
    assert (error.exit_code, error.retryable) == (3, False)
    settled(house, "right", base)


def test_a_missing_right_in_postgresql(house: House, base: str) -> None:
    """Exit 2 with the grant; once it is made the run completes."""
    house.warehouse.sql(f'revoke create on database "{base}" from "{postgres.OLD_USER}"')
    url = {"warehouse": {"url": house.warehouse.url(base, user=postgres.OLD_USER)}}
    error = failing(house.application("grant", base, **url).run)
    assert error.exit_code == 2
    house.warehouse.sql(error.remedy.partition("run: ")[2])
    settled(house, "grant", base, house.application("grant", base, **url))


@contextlib.contextmanager
def small_disk(most: int) -> Iterator[None]:
    """A limit on the size of files stands for the disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_while_a_database_is_read(house: House, base: str) -> None:
    """What was fetched is gone again, nothing is landed, and the run completes once there is room."""
    with small_disk(10_000):
        error = failing(house.application("disk", base).run)
    assert (error.exit_code, "free disk space" in error.remedy) == (3, True)
    assert list((house.folder / "disk" / "lake" / "log").iterdir()) == []
    settled(house, "disk", base)


def test_a_full_disk_while_files_are_ingested(house: House, tmp_path: Path) -> None:
    """Nothing of the file is stored, and the same command completes once there is room."""
    with database(house.db.server) as db:
        source = {"url": db.url, "password": PASSWORD}
        overrides = {"workspace": str(tmp_path / "workspace"), "source": source}
        application = Application(load_settings(config=Path("/dev/null"), overrides=overrides), as_of=END)
        with small_disk(1_000):
            error = failing(lambda: application.ingest(house.files))
        assert (error.exit_code, "disk" in error.remedy) == (3, True)
        assert db.sql("select count(*) from _rental_etl_files").strip() == "0"
        application.ingest(house.files)
        for table in ("bookings", "apartments", "user_viewing"):
            count = f"select count(*) from {table}"
            assert db.sql(count) == house.db.sql(count)
