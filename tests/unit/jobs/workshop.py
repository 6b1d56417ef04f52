"""Landed batches made by hand, and a lake in memory to merge them in.

Rows are dicts of what matters to a case; everything else is filled in. `"_error"` in a row refuses it by a rule; `unreadable` rows are keys
(tuples) in the batch's quarantine file, None where not even the key could be read.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import duckdb

from rental_etl.engine.duckdb_session import DuckDBEngine
from rental_etl.jobs.accounting import account, broken_rules
from rental_etl.jobs.calculation import Calculation
from rental_etl.jobs.guards import Limits
from rental_etl.jobs.transform_curated_data import Transformed, transform
from rental_etl.model.batch import Batch, Delivery, Kind, Part, Reading
from rental_etl.model.contract import Column
from rental_etl.model.run import Accounting, RuleResult
from rental_etl.ports.lake import Landed, Snapshot
from rental_etl.tables.contracts import contracts
from rental_etl.tables.models import curated_models, models_of
from rental_etl.tables.render import Parameters

Row = Mapping[str, Any]
Key = tuple[Any, ...]
NO_LIMITS = Limits(max_deleted_ratio=None)

_DEFAULTS: dict[str, Row] = {
    "bookings": {
        "user_id": 1,
        "apartment_id": 1,
        "booking_date": datetime(2024, 1, 10, 12),
        "checkin_date": date(2024, 1, 12),
        "checkout_date": date(2024, 1, 14),
        "total_price": Decimal("200.00"),
        "currency": "USD",
        "booking_status": "confirmed",
    },
    "apartments": {
        "title": "Flat",
        "price": Decimal("100.00"),
        "currency": "USD",
        "listing_created_on": datetime(2024, 1, 1),
        "is_active": True,
    },
    "apartment_attributes": {"cityname": "Austin", "state": "TX"},
    "user_viewing": {"user_id": 1, "apartment_id": 1, "viewed_at": datetime(2024, 1, 10, 12)},
    "fx_rates": {"rate": Decimal("1.10000000")},
}


@dataclass
class MemoryLanding:
    """The log of a lake, and a folder for its Parquet files."""

    root: Path
    batches: list[Batch] = field(default_factory=list)
    decisions: dict[int, Literal["accept", "reject"]] = field(default_factory=dict)
    last_number: int = 0

    def landed(self) -> Landed:
        return Landed(tuple(self.batches), dict(self.decisions), self.last_number)

    def path(self, relative: str) -> str:
        return str(self.root / relative)


@dataclass
class MemoryCurated:
    """Iceberg tables as lists of snapshots; files are real."""

    root: Path
    snapshots: dict[str, list[Snapshot]] = field(default_factory=dict)

    def current(self, table: str) -> Snapshot | None:
        return self.snapshots[table][-1] if self.snapshots.get(table) else None

    def since(self, table: str, snapshot_id: int) -> Sequence[Mapping[str, Any]] | None:
        ids = [snapshot.snapshot_id for snapshot in self.snapshots.get(table, ())]
        if snapshot_id not in ids:
            return None
        return [snapshot.properties for snapshot in self.snapshots[table][ids.index(snapshot_id) + 1 :]]

    def expect_commit(self) -> None:
        """Nothing to get ready."""

    def commit(
        self,
        table: str,
        *,
        columns: Sequence[Column],
        partition_by: str,
        remove: Sequence[str],
        add: Sequence[str],
        properties: Mapping[str, Any],
    ) -> Snapshot:
        assert [model.columns for model in every_model() if model.name == table] == [columns]
        before = self.current(table)
        files = dict(before.files if before else ())
        for path in remove:
            del files[path]
        for path in add:
            found = re.search(r"month=(\d{4})(\d\d)", path)
            files[path] = f"{found[1]}-{found[2]}" if found else ""
            assert bool(partition_by) == bool(found)
        snapshot = Snapshot(sum(map(len, self.snapshots.values())) + 1, tuple(sorted(files.items())), properties)
        self.snapshots.setdefault(table, []).append(snapshot)
        return snapshot

    def folder(self, table: str) -> str:
        folder = self.root / "curated" / table
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)


@dataclass(frozen=True, slots=True)
class Unwatched:
    """A `Watch` that tells nobody."""

    def job(self, name: str) -> None:
        """Nothing."""

    def progress(self, label: str, done: int, total: int) -> None:
        """Nothing."""


class Workshop:
    """A lake in memory: deliver batches, merge them, look at what is curated."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.landing = MemoryLanding(root)
        self.curated = MemoryCurated(root)

    def deliver(
        self,
        table: str,
        *rows: Row,
        kind: Kind = "delta",
        name: str = "",
        day: date = date(2024, 6, 30),
        unreadable: Sequence[Key | None] = (),
        parts: int = 1,
    ) -> int:
        """Land a batch and return its number; `parts` splits its rows over so many files."""
        self.landing.last_number += 1
        number = self.landing.last_number
        delivery = Delivery(table, name or f"{table}-{number}.csv", kind, (), f"content {number}")
        reading = self.read(table, rows, unreadable=unreadable, parts=parts)
        self.landing.batches.append(Batch(number, number, delivery, day, "run", "2024-07-01", reading, f"raw/{number}"))
        return number

    def revise(self, number: int, *rows: Row, unreadable: Sequence[Key | None] = ()) -> None:
        """Land another reading of a batch."""
        self.landing.last_number += 1
        place = [batch.batch_id for batch in self.landing.batches].index(number)
        batch = self.landing.batches[place]
        reading = self.read(batch.table, rows, unreadable=unreadable)
        self.landing.batches[place] = replace(batch, revision=self.landing.last_number, reading=reading)

    def decide(self, number: int, decision: Literal["accept", "reject"]) -> None:
        """Accept or reject a batch."""
        self.landing.last_number += 1
        self.landing.decisions[number] = decision

    def read(
        self, table: str, rows: Sequence[Row], *, unreadable: Sequence[Key | None] = (), parts: int = 1
    ) -> Reading:
        """Write rows as a source would have read them."""
        stem = f"{table}-{self.landing.last_number}"
        contract = contracts()[table]
        columns = [*contract.columns, Column("_error", "text"), Column("_warning", "text")]
        filled = [{**_DEFAULTS[table], **row} for row in rows]
        cuts = [round(len(rows) * number / parts) for number in range(parts + 1)] if rows else [0]
        landed = []
        for number, (first, last) in enumerate(itertools.pairwise(cuts)):
            path = f"{stem}-{number}.parquet"
            write_parquet(self.root / path, columns, filled[first:last])
            landed.append(Part(path, last - first))
        quarantine = f"{stem}-quarantine.parquet" if unreadable else ""
        if quarantine:
            names = [column.name for column in contract.key]
            keys = [dict(zip(names, key or [None] * len(names), strict=True)) for key in unreadable]
            write_parquet(self.root / quarantine, [*contract.key, Column("text", "text")], keys)
        refused = sum(row.get("_error") is not None for row in rows)
        return Reading(tuple(landed), quarantine, len(rows) + len(unreadable), len(unreadable), refused)

    def engine(self) -> DuckDBEngine:
        """A small engine session."""
        return DuckDBEngine(memory="500MB", threads=1, temp=self.root / "temp")

    def merge(self, *, limits: Limits = NO_LIMITS, full_refresh: bool = False) -> Transformed:
        """Run the job."""
        with self.engine() as engine:
            return transform(
                landing=self.landing,  # type: ignore[arg-type]
                curated=self.curated,  # type: ignore[arg-type]
                engine=engine,
                limits=limits,
                full_refresh=full_refresh,
                watch=Unwatched(),
            )

    def rows(self, table: str, columns: str) -> list[Any]:
        """Some columns of a curated table in order; single values are not wrapped in tuples."""
        snapshot = self.curated.current(table)
        if snapshot is None or not snapshot.files:
            return []
        with self.engine() as engine:
            paths = [path for path, _ in snapshot.files]
            bound = [model for model in every_model() if model.name == table]
            engine.bind("looked.at", paths, columns=bound[0].columns)
            found = engine.rows(f"select {columns} from looked.at order by all")
        return [row[0] if len(row) == 1 else row for row in found]

    def books(self) -> dict[int, Accounting]:
        """The row accounting by batch; it balances, or this fails."""
        with self.engine() as engine:
            self._bind_curated(engine)
            entries = account(engine, landed=self.landing.landed(), snapshots=self._current())
        return {entry.batch_id: entry for entry in entries}

    def fates(self, number: int) -> dict[str, int]:
        """Where the landed rows of a batch are, without zeros."""
        entry = self.books()[number]
        found = {name: getattr(entry, name) for name in ("current", "replaced", "repeated", "refused", "deleted")}
        return {name: rows for name, rows in found.items() if rows}

    def fates_of_all(self) -> dict[int, dict[str, int]]:
        """Where the landed rows of every batch that was decided on are."""
        return {number: self.fates(number) for number in self.books()}

    def rules(self) -> list[RuleResult]:
        """What rules count."""
        with self.engine() as engine:
            self._bind_curated(engine)
            parameters = Parameters(as_of=date(2024, 6, 30))
            calculation = Calculation(engine, parameters=parameters, scratch=self.root)
            return list(broken_rules(landed=self.landing.landed(), snapshots=self._current(), count=calculation.count))

    def changes(self, table: str) -> Mapping[str, Sequence[str]]:
        """What the last commit to a table says that it changed."""
        snapshot = self.curated.current(table)
        assert snapshot is not None
        changes: Mapping[str, Sequence[str]] = snapshot.properties["changes"]
        return changes

    def forget(self) -> None:
        """Lose everything curated."""
        self.curated = MemoryCurated(self.root)

    def _current(self) -> dict[str, Snapshot]:
        found = {table: self.curated.current(table) for table in self.curated.snapshots}
        return {table: snapshot for table, snapshot in found.items() if snapshot is not None}

    def _bind_curated(self, engine: DuckDBEngine) -> None:
        for model in every_model():
            snapshot = self.curated.current(model.name)
            files = [path for path, _ in snapshot.files] if snapshot else []
            engine.bind(f"curated.{model.name}", files, columns=model.columns)


def every_model() -> list[Any]:
    """Every curated table, those of deleted keys too."""
    return [model for contract in contracts().values() for model in models_of(contract)]


def content_of(table: str) -> str:
    """The columns of a curated table that say something, as SQL."""
    return ", ".join(column.name for column in curated_models()[table].columns)


def write_parquet(path: Path, columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Write rows with exactly these columns; a missing value is null."""
    names = ", ".join(f'"{column.name}"' for column in columns)
    typed = ", ".join(f'cast("{column.name}" as {column.sql_type}) as "{column.name}"' for column in columns)
    values = ", ".join("(" + ", ".join(_literal(row.get(column.name)) for column in columns) + ")" for row in rows)
    table = f"(values {values}) as given({names})" if rows else f"(select {_nulls(columns)} where false)"
    with duckdb.connect() as connection:
        connection.execute(f"copy (select {typed} from {table}) to '{path}' (format parquet)")


def _nulls(columns: Sequence[Column]) -> str:
    return ", ".join(f'null as "{column.name}"' for column in columns)


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, datetime):
        return f"timestamp '{value.isoformat(sep=' ')}'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)
