"""The product over a database of the test server, and CSV dumps of that database, for the tests that compare both."""

import csv
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

# The driver's compiled half has to be loaded before pyarrow.
import mysql.connector

from mariadb.server import MariaDB, shared
from rental_etl.bootstrap import Application
from rental_etl.bootstrap.systems import Systems
from rental_etl.model.reading import TableReading
from rental_etl.ports.source import Source
from rental_etl.settings import load_settings
from rental_etl.source.mysql.access import Access, Tls, parse_address
from rental_etl.source.mysql.marks import Selection
from rental_etl.source.mysql.source import MySqlSource
from rental_etl.source.mysql.target import MySqlDatabase
from rental_etl.tables.contracts import TABLES

PASSWORD = "s3cret-Pa55"
TODAY = date(2024, 6, 30)


@dataclass(slots=True)
class Clock:
    """The moment that a source takes for now (UTC); tests move it."""

    now: datetime = field(default_factory=lambda: datetime.now(tz=UTC).replace(tzinfo=None))

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now

    def pass_by(self, time: timedelta) -> None:
        """Let time pass."""
        self.now += time


@dataclass(frozen=True, slots=True)
class TestDatabase:
    """A database of its own with its user, who may do everything in it."""

    __test__ = False

    server: MariaDB
    name: str

    @property
    def url(self) -> str:
        """As `source.url` has it."""
        return f"mysql://{self.name}@127.0.0.1:{self.server.port}/{self.name}"

    def access(self, *, password: str = PASSWORD, patience: float = 5, **parts: Any) -> Access:
        """How its user gets in."""
        address = replace(
            parse_address(self.url), **{key: parts.pop(key) for key in ("host", "user", "database") if key in parts}
        )
        return Access(address, lambda: password, parts.pop("tls", Tls()), patience=timedelta(seconds=patience), **parts)

    def sql(self, text: str) -> str:
        """Run statements as root in the database, with zero dates and backslashes as the server has them by default."""
        return self.server.sql(text, database=self.name)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A query's rows as Python values, read without the product."""
        connection = mysql.connector.connect(
            host="127.0.0.1",
            port=self.server.port,
            user=self.name,
            password=PASSWORD,
            database=self.name,
            collation="utf8mb4_bin",
        )
        try:
            cursor = connection.cursor()
            cursor.execute(query)
            return [tuple(row) for row in cursor.fetchall()]
        finally:
            connection.close()

    def dump(self, folder: Path, *, leave_out: Mapping[str, tuple[str, ...]] | None = None) -> Path:
        """Write every table that contracts know as `<table>.csv`, by other means than the product's."""
        folder.mkdir(parents=True, exist_ok=True)
        present = {
            str(name)
            for (name,) in self.rows("select table_name from information_schema.tables where table_schema = database()")
        }
        for table in TABLES:
            if table in present:
                self._dump(folder, table, leave_out=(leave_out or {}).get(table, ()))
        return folder

    def _dump(self, folder: Path, table: str, *, leave_out: tuple[str, ...]) -> None:
        columns = [
            str(name)
            for (name,) in self.rows(
                f"select column_name from information_schema.columns where table_schema = database() and table_name = '{table}' order by ordinal_position"
            )
            if name not in leave_out and not str(name).startswith("_")
        ]
        with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(columns)
            listed = ", ".join(f"`{column}`" for column in columns)
            for row in self.rows(f"select {listed} from {table}"):
                lines.writerow([_text(value) for value in row])


@contextmanager
def database(server: MariaDB | None = None) -> Iterator[TestDatabase]:
    """A new, empty database in the shared server or another one."""
    server = server or shared()
    name = f"t{uuid.uuid4().hex[:10]}"
    server.sql(
        f"create database {name} character set utf8mb4 collate utf8mb4_general_ci;"
        f"create user {name}@'%' identified by '{PASSWORD}'; grant all on {name}.* to {name}@'%'"
    )
    try:
        yield TestDatabase(server, name)
    finally:
        if server.process is not None:
            server.sql(f"drop database if exists {name}; drop user if exists {name}@'%'")


class ClockedSystems(Systems):
    """The systems of a database whose clock tests move."""

    clock: Callable[[], datetime]

    def source(self) -> Source:
        """The database, as of the clock."""
        source = super().source()
        assert isinstance(source, MySqlSource)
        source.now = self.clock
        return source


class DatabaseApplication(Application):
    """An `Application` whose settings name a database; tests move its clock."""

    def __init__(
        self,
        found: TestDatabase,
        workspace: Path,
        *,
        selections: Mapping[str, Selection] | None = None,
        tables: Mapping[str, Mapping[str, Any]] | None = None,
        as_of: date = TODAY,
        snapshot: bool = False,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.selections = dict(selections or {})
        self.access = found.access()
        settings: dict[str, dict[str, Any]] = {table: dict(named) for table, named in (tables or {}).items()}
        for table, selection in self.selections.items():
            settings.setdefault(table, {}).update(
                name=selection.name,
                cursor=selection.cursor,
                overlap=_duration(selection.overlap),
                full_every=_duration(selection.full_every) if selection.full_every else "never",
            )
        source = {"url": found.url, "password": PASSWORD, "snapshot": snapshot, "connect_timeout": "5 seconds"}
        overrides = {"workspace": str(workspace), "source": source, "tables": settings}
        super().__init__(load_settings(config=None, overrides=overrides), as_of=as_of)
        self.systems = clocked = ClockedSystems(self.settings, progress=self.watch.progress)
        clocked.clock = clock or Clock()

    def database(self, **parts: Any) -> MySqlDatabase:
        """Where `ingest` puts rows, with parts that settings do not reach."""
        given: dict[str, Any] = {
            "access": self.access,
            "selections": self.selections,
            "readings": self.readings(),
            "temp": self.workspace / "temp",
            "progress": self.watch.progress,
        }
        return MySqlDatabase(**{**given, **parts})

    def readings(self) -> Mapping[str, TableReading]:
        """The settings by table."""
        return self.settings.tables.readings()


def _duration(time: timedelta) -> str:
    return f"{time.total_seconds():g} seconds"


def _text(value: Any) -> str:
    """A value as a person would write it into a CSV."""
    match value:
        case None:
            return ""
        case datetime():
            return value.isoformat(sep=" ")
        case date():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case bytes() | bytearray():
            return value.decode()
    return str(value)
