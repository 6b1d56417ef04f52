"""Batches: what one extract of one table delivered, as its manifest records it. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Kind = Literal["full", "delta"]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One delivered file: its name relative to the source, its size in bytes and the SHA-256 of its bytes."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a source offers for one table before anything is read: one future batch.

    `name` identifies the delivery over time (the file's name for a series, the table for a full delivery); `content` is a digest of all
    its bytes, equal exactly when the delivery is.
    """

    table: str
    name: str
    kind: Kind
    files: tuple[SourceFile, ...]
    content: str


@dataclass(frozen=True, slots=True)
class Part:
    """One typed Parquet file of a batch: its path relative to the lake (or the staging folder) and its rows."""

    path: str
    rows: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading one delivery gave, written under a staging folder.

    `parts` hold landed rows (readable, refused ones included) in delivery order: the contract's columns, then `_error` (the error rules the
    row breaks, null for none) and `_warning`. `quarantine` is one Parquet file, or "": file, line, rule, text, and the key columns
    where they can be read. Counts are rows; `findings` counts rows by "severity:rule:column".
    """

    parts: tuple[Part, ...]
    quarantine: str
    rows_read: int
    rows_unreadable: int
    rows_refused: int
    findings: Mapping[str, int] = field(default_factory=dict)
    extra_columns: tuple[str, ...] = ()
    missing_columns: tuple[str, ...] = ()
    parsing: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows_landed(self) -> int:
        """Rows in the Parquet parts."""
        return sum(part.rows for part in self.parts)


@dataclass(frozen=True, slots=True)
class Batch:
    """A committed batch. `batch_id` is the number of the manifest that first committed it; `revision` that of the manifest whose reading
    is in force (greater when the kept source was parsed again); `day` is the calendar day rules use."""

    batch_id: int
    revision: int
    delivery: Delivery
    day: date
    run_id: str
    landed_at: str
    reading: Reading
    folder: str

    @property
    def table(self) -> str:
        """The source table the batch belongs to."""
        return self.delivery.table

    @property
    def kind(self) -> Kind:
        """full: states the whole table; delta: upserts."""
        return self.delivery.kind
