"""Reads a source's deliveries and the rows they land, as tests look at them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from mariadb.application import TODAY, Clock, TestDatabase
from rental_etl.model.batch import Batch, Delivery
from rental_etl.model.reading import TableReading
from rental_etl.ports.lake import Landed
from rental_etl.source.mysql.marks import Selection
from rental_etl.source.mysql.source import MySqlSource
from rental_etl.tables.contracts import contracts

Row = tuple[Any, ...]


@dataclass(slots=True)
class Lake:
    """Runs `extract` by hand over one source: remembers batches as a landing zone would."""

    found: TestDatabase
    folder: Path
    selections: Mapping[str, Selection] = field(default_factory=dict)
    readings: Mapping[str, TableReading] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    batches: list[Batch] = field(default_factory=list)
    rejected: set[int] = field(default_factory=set)
    keep_source: bool = False
    snapshot: bool = False

    def source(self, **parts: Any) -> MySqlSource:
        """A source as a new run has it."""
        given: dict[str, Any] = {
            "access": self.found.access(),
            "selections": self.selections,
            "readings": self.readings,
            "landed": self.landed,
            "keep_source": self.keep_source,
            "memory": "200MB",
            "threads": 2,
            "temp": self.folder / "temp",
            "snapshot": self.snapshot,
            "now": self.clock,
        }
        return MySqlSource(**{**given, **parts})

    def landed(self) -> Landed:
        """What is landed."""
        return Landed(tuple(self.batches), dict.fromkeys(self.rejected, "reject"), len(self.batches))

    def extract(self, table: str, source: MySqlSource | None = None) -> list[Batch]:
        """Land what is new of one table; the new batches."""
        source = source or self.source()
        contract = contracts()[table]
        new = [delivery for delivery in source.deliveries(contract) if not self._is_known(delivery)]
        return [self.land(source, delivery) for delivery in new]

    def land(self, source: MySqlSource, delivery: Delivery) -> Batch:
        """Read one delivery and remember it."""
        number = len(self.batches) + 1
        staging = self.folder / f"batch-{number}"
        reading = source.read(delivery, contract=contracts()[delivery.table], staging=staging, day=TODAY, hints={})
        landed_at = self.clock.now.isoformat(sep=" ")
        batch = Batch(number, number, delivery, TODAY, "run", landed_at, reading, str(staging))
        self.batches.append(batch)
        return batch

    def _is_known(self, delivery: Delivery) -> bool:
        """By the rules of the extract job."""
        earlier = [batch for batch in self.batches if batch.table == delivery.table]
        if delivery.kind == "full":
            latest = earlier[-1].delivery if earlier else None
            return latest is not None and latest.kind == "full" and latest.content == delivery.content
        return delivery.content in {batch.delivery.content for batch in earlier if batch.kind == "delta"}


def rows(batch: Batch, columns: str = "*") -> list[Row]:
    """Landed rows in their order."""
    found: list[Row] = []
    for part in batch.reading.parts:
        found += duckdb.sql(f"select {columns} from read_parquet('{batch.folder}/{part.path}')").fetchall()
    return found


def quarantined(batch: Batch, columns: str = "*") -> list[Row]:
    """Quarantined rows, by text."""
    if not batch.reading.quarantine:
        return []
    return duckdb.sql(
        f"select {columns} from read_parquet('{batch.folder}/{batch.reading.quarantine}') order by text"
    ).fetchall()
