"""What commands report when they are done. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from rental_etl.model.batch import Batch
from rental_etl.model.run import Accounting, Published, RuleResult, RunRecord


class Watch(Protocol):
    """Who is told how long work gets on."""

    def job(self, name: str) -> None:
        """A job begins."""
        ...

    def progress(self, label: str, done: int, total: int) -> None:
        """A step of the job is `done` of `total` units along; total 0 means unknown."""
        ...


@dataclass(frozen=True, slots=True)
class Silence:
    """A `Watch` that tells nobody."""

    def job(self, name: str) -> None:
        """Nothing."""

    def progress(self, label: str, done: int, total: int) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run's result. `landed` are the batches this run landed; `published` maps presentation tables to their rows, `skipped` to the reason they
    have none; `notes` are sentences for the reader; `page` is the address of the report this run rendered, if it did."""

    run: RunRecord
    landed: tuple[Batch, ...] = ()
    rules: tuple[RuleResult, ...] = ()
    accounting: tuple[Accounting, ...] = ()
    published: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    page: str = ""


@dataclass(frozen=True, slots=True)
class BatchState:
    """A landed batch and what became of it: merged, pending, refused, rejected or superseded; `reason` says why it was refused."""

    batch: Batch
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row that is not in the curated tables: what was delivered, where, and the rules it breaks. `line` is None where a source has no lines; `kind` is
    unreadable (never landed) or refused (landed, breaks an error rule)."""

    table: str
    batch_id: int
    file: str
    line: int | None
    rule: str
    text: str
    column: str = ""
    kind: str = "unreadable"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is amiss with a system that answers, what to do about it, and what a run would exit with."""

    what: str
    remedy: str
    exit_code: int = 3


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a system found: one sentence, and the problems that stand in the way of a run."""

    found: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of `check`: a system or setting, whether it is fine, what was found and what to do; `exit_code` is what a run would end with."""

    subject: str
    ok: bool
    found: str
    remedy: str = ""
    exit_code: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh one source table is: batches landed, the newest one's number, day and moment, rows in force after the last publish, and batches
    that are landed but not merged."""

    table: str
    batches: int
    last_batch: int
    day: date | None
    landed_at: str
    rows: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Status:
    """What `status` shows: the last runs (newest first), the publish in force, freshness by table, and its row accounting and rule results."""

    workspace: str
    runs: tuple[RunRecord, ...]
    published: Published | None
    freshness: tuple[Freshness, ...]
    accounting: tuple[Accounting, ...]
    rules: tuple[RuleResult, ...]
    waiting: tuple[BatchState, ...]
