"""Where landed batches and curated tables live: on a local disk or in S3. A location is an absolute path or an s3:// URL."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, Protocol

from rental_etl.model.batch import Batch, Delivery, Reading
from rental_etl.model.contract import Column
from rental_etl.model.run import LakeId


@dataclass(frozen=True, slots=True)
class Landed:
    """What the log of manifests says: batches in commit order (each in its latest revision) and decisions by batch id."""

    batches: tuple[Batch, ...] = ()
    decisions: Mapping[int, Literal["accept", "reject"]] = field(default_factory=dict)
    last_number: int = 0

    def of(self, table: str) -> tuple[Batch, ...]:
        """The batches of one table, oldest first."""
        return tuple(batch for batch in self.batches if batch.table == table)


class Landing(Protocol):
    """Immutable batches, committed by numbered manifests."""

    def claim(self, *, source: str, warehouse: str) -> LakeId:
        """Record the lake's source and warehouse at the first run; raise ConfigurationError when another pair owns it. "" is not compared.

        Returns which lake it is.
        """
        ...

    def landed(self) -> Landed:
        """Replay the log."""
        ...

    def staging(self) -> AbstractContextManager[Path]:
        """A fresh folder on a local disk, from which readings are committed; removed afterwards."""
        ...

    def commit(self, delivery: Delivery, *, reading: Reading, staging: Path, day: date, run_id: str) -> Batch:
        """Move a reading into place and commit it as the next batch."""
        ...

    def revise(self, batch: Batch, *, reading: Reading, staging: Path, run_id: str) -> Batch:
        """Commit another reading of a batch's kept source; the batch keeps its place in the order."""
        ...

    def decide(self, batch_id: int, decision: Literal["accept", "reject"], *, run_id: str) -> None:
        """Record what becomes of a refused batch."""
        ...

    def kept_source(self, batch: Batch) -> AbstractContextManager[Path | None]:
        """A local folder with a batch's delivered files; None when they were not kept."""
        ...

    def path(self, relative: str) -> str:
        """The location now of a path recorded in a manifest."""
        ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of a curated table: data files (locations) with the month they hold ("2024-05", "" when not partitioned) and its properties."""

    snapshot_id: int
    files: tuple[tuple[str, str], ...]
    properties: Mapping[str, Any]


class Curated(Protocol):
    """Iceberg tables; a commit replaces files and carries what follows from it."""

    def current(self, table: str) -> Snapshot | None:
        """The table's current snapshot; None before the first commit."""
        ...

    def since(self, table: str, snapshot_id: int) -> Sequence[Mapping[str, Any]] | None:
        """Properties of the snapshots after `snapshot_id`, oldest first; None when it is not an ancestor of the current one."""
        ...

    def expect_commit(self) -> None:
        """Get ready, beside other work, for a commit that will come."""
        ...

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
        """Replace data files in one snapshot and return it."""
        ...

    def folder(self, table: str) -> str:
        """The location where new data files of a table are to be written."""
        ...

    def clean(self, keep: Mapping[str, int], older_than_seconds: float) -> int:
        """Expire superseded snapshots but those in `keep` and what came after, and delete files no snapshot needs; returns files deleted."""
        ...
