"""The pipeline on one screen: which jobs there are, in which order, what each reads and writes, and what one run does.

A run takes what is new through every layer. Every step can be killed anywhere and run again: what is landed, loaded, merged and published is known from
the manifests, the ledger and the curated snapshots, never from a state of the run itself.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from rental_etl import events
from rental_etl.errors import BatchRefusedError
from rental_etl.jobs.build_report import build_report, is_current
from rental_etl.jobs.extract_from_aurora import Extracted, extract, reparse, require_mandatory
from rental_etl.jobs.generate_metrics import inputs_of, prepare
from rental_etl.jobs.guards import Limits
from rental_etl.jobs.load_to_redshift_raw import load
from rental_etl.jobs.notes import newest_booking_day, on_as_of, on_landed_before, on_readings
from rental_etl.jobs.raw_rows import RawRows
from rental_etl.jobs.transform_curated_data import transform
from rental_etl.model.batch import Batch
from rental_etl.model.run import JobRecord, Publication, Published, RunRecord
from rental_etl.model.summary import RunSummary, Watch
from rental_etl.ports.engine import Engine
from rental_etl.ports.lake import Curated, Landing
from rental_etl.ports.page import Page
from rental_etl.ports.source import Source
from rental_etl.ports.warehouse import Warehouse
from rental_etl.tables.render import Parameters


@dataclass(frozen=True, slots=True)
class Job:
    """One job: its command, the name it has on AWS, and the layers it goes between."""

    command: str
    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


JOBS = (
    Job("extract", "extract_from_aurora", reads=("source",), writes=("landing",)),
    Job("load", "load_to_redshift_raw", reads=("landing",), writes=("raw",)),
    Job("transform", "transform_curated_data", reads=("landing",), writes=("curated",)),
    Job("metrics", "generate_metrics", reads=("curated",), writes=("presentation",)),
    Job("report", "build_report", reads=("presentation",), writes=("report",)),
)


# AWS Glue charges by data processing units: four processors and 16 GB each.
PROCESSORS_PER_DPU = 4


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run works with. Factories are called when a job needs the thing, so that a run with nothing new loads nothing.

    `processors` is how many the engine computes with, on all machines.
    """

    landing: Landing
    curated: Callable[[], Curated]
    warehouse: Warehouse
    source: Callable[[], Source]
    engine: Callable[[], AbstractContextManager[Engine]]
    limits: Limits
    parameters: Parameters
    explicit: frozenset[str]
    keep_history: timedelta
    page: Page
    processors: Callable[[], int] = lambda: 1
    raw: Callable[[], AbstractContextManager[RawRows | None]] = nullcontext


def _now() -> str:
    return datetime.now(tz=UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")


@dataclass(slots=True)
class Run:
    """One run as it goes along; with `reload` every batch goes into `raw` again. A job is `alone` when it was asked for by itself, not as a step of a run.

    `noted` is kept with what every job counted: where it ran. It `commits` when transform is one of its jobs. `in_force` holds the publish in force, or None
    for none, once it was asked for.
    """

    parts: Parts
    run_id: str
    command: str
    full_refresh: bool
    watch: Watch
    reload: bool = False
    state: str = "done"
    started_at: str = field(default_factory=_now)
    jobs: list[JobRecord] = field(default_factory=list)
    extracted: Extracted | None = None
    publication: Publication | None = None
    page: str = ""
    alone: bool = True
    commits: bool = False
    notes: list[str] = field(default_factory=list)
    noted: Mapping[str, Any] = field(default_factory=dict)
    in_force: tuple[Published | None, ...] = ()

    def take_up(self, run_id: str, runs: Sequence[RunRecord], commands: Sequence[str]) -> None:
        """Become the run of this id: what other jobs of it have recorded stays, what is done again is replaced."""
        self.run_id = run_id
        earlier = next((run for run in runs if run.run_id == run_id), None)
        if earlier:
            self.started_at = earlier.started_at
            self.jobs = [job for job in earlier.jobs if job.name not in commands]
            done = [job.command for job in JOBS if job.command in {*commands, *(job.name for job in self.jobs)}]
            self.command = "run" if len(done) == len(JOBS) else " ".join(done)
            self.alone = False
            if tuple(commands) == ("report",):
                # Rendering changes nothing of what the run came to.
                self.state = earlier.state

    def execute(self, commands: Sequence[str]) -> RunSummary:
        """Run jobs in the pipeline's order. When nothing is new, what follows extract is left out; the page only where it shows the publish in force."""
        self.commits = "transform" in commands
        steps = {"extract": self._extract, "load": self._load, "transform": self._transform, "metrics": self._metrics}
        for job in JOBS[:-1]:
            if job.command not in commands:
                continue
            if job.command != "extract" and "metrics" in commands and self._nothing_new():
                self.state = "unchanged"
                break
            self._do(job.command, steps[job.command])
        if self.publication:
            self.state = "published"
        if "report" in commands:
            self._render(always=self.publication is not None or (self.alone and len(commands) == 1))
        return self._summary()

    def _render(self, *, always: bool) -> None:
        parts = self.parts
        if not always and is_current(warehouse=parts.warehouse, page=parts.page):
            return
        self._do("report", self._report)
        if self.state == "unchanged":
            self.notes.append(
                f"the report was missing or older than the publish in force; it was rendered: {self.page}"
            )

    def replay(self, batches: Sequence[Batch]) -> list[Batch]:
        """Parse batches again whose reading would differ today; returns their new revisions."""
        revised: list[Batch] = []

        def reparsing() -> dict[str, Any]:
            source, landing = self.parts.source(), self.parts.landing
            revised.extend(
                reparse(source=source, landing=landing, batches=batches, run_id=self.run_id, watch=self.watch)
            )
            return {"batches": len(revised)}

        self._do("extract", reparsing)
        return revised

    def _do(self, name: str, step: Callable[[], dict[str, Any]]) -> None:
        self.watch.job(name)
        events.tell("job begins", run_id=self.run_id, job=name)
        began = time.perf_counter()
        counts: dict[str, Any] = {}
        try:
            counts = step()
        except BatchRefusedError as error:
            counts = {"refused": {str(number): reason for number, reason in error.refused.items()}}
            raise
        finally:
            seconds = round(time.perf_counter() - began, 3)
            counts["dpu_seconds"] = round(seconds * self.parts.processors() / PROCESSORS_PER_DPU, 1)
            self.jobs.append(JobRecord(name, seconds, {**counts, **self.noted}))
        events.tell_job(self.run_id, name, seconds, counts)

    def record(self, state: str, message: str = "") -> RunRecord:
        """The run as the ledger keeps it."""
        return RunRecord(
            run_id=self.run_id,
            command=self.command,
            as_of=self.parts.parameters.as_of,
            state=state,
            started_at=self.started_at,
            finished_at=_now(),
            jobs=tuple(self.jobs),
            message=message,
        )

    def _nothing_new(self) -> bool:
        if self.full_refresh:
            return False
        last = self._last_publish()
        now = inputs_of(landed=self.parts.landing.landed(), parameters=self.parts.parameters)
        return last is not None and all(last.inputs.get(name) == value for name, value in now.items())

    def _last_publish(self) -> Published | None:
        """The publish in force, asked for once: whoever publishes holds the workspace."""
        if not self.in_force:
            self.in_force = (self.parts.warehouse.last_publish(),)
        return self.in_force[0]

    def _extract(self) -> dict[str, Any]:
        parts = self.parts
        source = parts.source()
        require_mandatory(source, parts.landing.landed())
        if self.full_refresh:
            batches = parts.landing.landed().batches
            reparse(source=source, landing=parts.landing, batches=batches, run_id=self.run_id, watch=self.watch)
        self.extracted = extract(
            source=source,
            landing=parts.landing,
            as_of=parts.parameters.as_of,
            run_id=self.run_id,
            explicit=parts.explicit,
            watch=self.watch,
            expecting=self._expect_commits,
        )
        self.notes += on_readings(self.extracted, landed=parts.landing.landed(), source=source)
        landed = self.extracted.landed
        return {
            "batches": len(landed),
            "rows_read": sum(batch.reading.rows_read for batch in landed),
            "rows_landed": sum(batch.reading.rows_landed for batch in landed),
            "bytes": sum(file.size for batch in landed for file in batch.delivery.files),
        }

    def _expect_commits(self) -> None:
        if self.commits:
            self.parts.curated().expect_commit()

    def _load(self) -> dict[str, Any]:
        parts = self.parts
        loaded = load(landing=parts.landing, warehouse=parts.warehouse, watch=self.watch, anew=self.reload)
        return {"rows": dict(loaded.rows)}

    def _transform(self) -> dict[str, Any]:
        parts = self.parts
        with parts.raw() as raw, parts.engine() as engine:
            done = transform(
                landing=parts.landing,
                curated=parts.curated(),
                engine=engine,
                limits=parts.limits,
                full_refresh=self.full_refresh,
                watch=self.watch,
                raw=raw,
            )
        return {
            "batches_merged": len(done.merged),
            "rows_written": dict(done.rows_written),
            "bytes": done.bytes_written,
        }

    def _metrics(self) -> dict[str, Any]:
        parts = self.parts
        landed = parts.landing.landed()
        curated = parts.curated()
        last = self._last_publish()
        with parts.landing.staging() as scratch, parts.engine() as engine:
            publication = prepare(
                curated=curated,
                engine=engine,
                landed=landed,
                parameters=parts.parameters,
                last=last,
                full_refresh=self.full_refresh,
                scratch=scratch,
                run_id=self.run_id,
                watch=self.watch,
            )
            newest = newest_booking_day(engine, parts.parameters.as_of)
            self.watch.progress("publishing", 1, 1)
            self.in_force = (parts.warehouse.publish(publication),)
        self.publication = publication
        if self.extracted:
            self.notes += on_landed_before(self.extracted, landed=landed, last=last)
        self.notes += on_as_of(parts.parameters.as_of, newest=newest)
        curated.clean(publication.inputs["snapshots"], parts.keep_history.total_seconds())
        return {
            "rows": {update.table: update.rows for update in publication.metrics},
            "bytes": sum(update.bytes for update in publication.metrics),
        }

    def _report(self) -> dict[str, Any]:
        parts = self.parts
        built = build_report(warehouse=parts.warehouse, page=parts.page, run=self.record(self.state), watch=self.watch)
        self.page = built.address
        return {"page": built.address, "bytes": built.size, "publish": built.published.number}

    def _summary(self) -> RunSummary:
        publication = self.publication
        updates = publication.metrics if publication else ()
        return RunSummary(
            run=self.record(self.state),
            landed=self.extracted.landed if self.extracted else (),
            rules=publication.rules if publication else (),
            accounting=publication.accounting if publication else (),
            published={update.table: update.rows for update in updates if not update.skipped},
            skipped={update.table: update.skipped for update in updates if update.skipped},
            notes=tuple(self.notes),
            page=self.page,
        )
