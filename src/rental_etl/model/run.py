"""Runs and publishes as the ledger keeps them. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class LakeId:
    """Which lake: the number it was given when it was made, and where it lies."""

    lake_id: str
    location: str


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job of a run: seconds on the clock and what it did, in counts.

    Counts are rows, by table where a job has several; `bytes` are those delivered (extract) or written as Parquet (transform, metrics), and `dpu_seconds` is
    what AWS Glue would charge for as many processors: a quarter of processors x seconds, an estimate. A job that ran on Glue also has `glue_run`, the id of
    its job run, and `glue_dpu`, the DPU of the workers that were there from beginning to end.
    """

    name: str
    seconds: float
    counts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run, as `etl.runs` shows it. `state` is running, published, unchanged, refused, failed or interrupted; times are UTC, ISO 8601."""

    run_id: str
    command: str
    as_of: date
    state: str
    started_at: str
    finished_at: str = ""
    jobs: tuple[JobRecord, ...] = ()
    message: str = ""


@dataclass(frozen=True, slots=True)
class Accounting:
    """Where the rows of one batch are now. landed = current + replaced + repeated + refused + deleted; read = landed + unreadable."""

    table: str
    batch_id: int
    rows_read: int
    unreadable: int
    landed: int
    current: int
    replaced: int
    repeated: int
    refused: int
    deleted: int

    @property
    def balanced(self) -> bool:
        """Whether no row was lost or counted twice."""
        accounted = self.current + self.replaced + self.repeated + self.refused + self.deleted
        return self.landed == accounted and self.rows_read == self.landed + self.unreadable


@dataclass(frozen=True, slots=True)
class RuleResult:
    """Rows that break one rule: of a batch (row rules, `batch_id` set) or in the current table (cross-row rules, `batch_id` None)."""

    table: str
    rule: str
    column: str
    severity: str
    rows: int
    batch_id: int | None = None


@dataclass(frozen=True, slots=True)
class CuratedView:
    """A curated table as a publish shows it: the snapshot and its data files (absolute paths)."""

    name: str
    snapshot_id: int
    files: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MetricUpdate:
    """New rows of one presentation table: every row with `period_from` <= its period column <= `period_to` is replaced by the rows of `files`.

    `columns` are (name, SQL type) in order. `whole` replaces the table. A table that is skipped has `skipped` set to the reason, and becomes empty.
    """

    table: str
    columns: tuple[tuple[str, str], ...]
    period_column: str
    period_from: date
    period_to: date
    whole: bool
    files: tuple[str, ...] = ()
    rows: int = 0
    bytes: int = 0
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """Everything that becomes visible at once. `inputs` is a JSON-able record: merged batches, as_of and one fingerprint per layer."""

    run_id: str
    as_of: date
    inputs: Mapping[str, Any]
    metrics: tuple[MetricUpdate, ...]
    curated: tuple[CuratedView, ...]
    accounting: tuple[Accounting, ...]
    rules: tuple[RuleResult, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """The last publish: its number, when, by which run, and the inputs it was made of (with "curated": {table: snapshot id})."""

    number: int
    run_id: str
    as_of: date
    published_at: str
    inputs: Mapping[str, Any]
