"""What the product does, command by command, over one configuration."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from rental_etl import events
from rental_etl.bootstrap.checks import tables_named
from rental_etl.bootstrap.stores import Lake
from rental_etl.bootstrap.systems import Systems
from rental_etl.errors import QualityGateError, RentalEtlError, UsageError
from rental_etl.jobs.history import recent_runs
from rental_etl.jobs.ingest_to_aurora import IngestedFile, ingest
from rental_etl.jobs.notes import on_replay
from rental_etl.lake.files import make_folder
from rental_etl.lake.lock import hold_workspace
from rental_etl.lake.page import LocalPage
from rental_etl.model.run import RunRecord
from rental_etl.model.summary import BatchState, CheckResult, QuarantinedRow, RunSummary, Silence, Status, Watch
from rental_etl.overview import batch_states, overview, quarantined_rows
from rental_etl.pipeline import JOBS, Parts, Run
from rental_etl.ports.warehouse import Rows
from rental_etl.settings import Settings
from rental_etl.tables.render import Parameters

if TYPE_CHECKING:
    from rental_etl.source.proposal.proposal import Proposal

_ALL = tuple(job.command for job in JOBS)


class Application:
    """The product over one configuration. Nothing is opened before a method needs it, and everything is closed when it returns.

    `as_of` is the last day that the data covers in full; default yesterday (UTC). Methods raise RentalEtlError.
    """

    def __init__(self, settings: Settings, *, as_of: date | None = None, watch: Watch | None = None) -> None:
        self.settings = settings
        self.as_of = as_of or datetime.now(tz=UTC).date() - timedelta(days=1)
        self.watch: Watch = watch or Silence()
        self.systems = Systems(settings, progress=self.watch.progress)
        self.workspace = self.systems.workspace

    def run(
        self,
        commands: Sequence[str] | None = None,
        *,
        full_refresh: bool = False,
        run_id: str | None = None,
        page: Path | None = None,
        noted: Mapping[str, Any] = MappingProxyType({}),
    ) -> RunSummary:
        """Run the jobs named (default: all) in the pipeline's order; `page` is where the report goes instead of its own place.

        With `run_id` they belong to that run, also when others of it are done already; the ledger keeps `noted` with each job. Raises BatchRefusedError
        when a guard refuses to publish.
        """
        wanted = tuple(commands or _ALL)
        with self._working(wanted[0] if len(wanted) == 1 else "run") as parts:
            placed = replace(parts, page=LocalPage(page)) if page else parts
            run = self._run(placed, "run" if wanted == _ALL else " ".join(wanted), full_refresh=full_refresh)
            run.noted = noted
            if run_id:
                run.take_up(run_id, self._runs_so_far(), wanted)
            return self._recorded(run, lambda: run.execute(wanted), source="extract" in wanted)

    def replay(self, table: str | None = None) -> RunSummary:
        """Parse the batches with quarantined rows again where a setting or rule changed since, and publish what follows."""
        tables = tables_named(table)
        with self._working("quarantine --replay") as parts:
            run = self._run(parts, "quarantine --replay")

            def replaying() -> RunSummary:
                landed = parts.landing.landed().batches
                before = [batch for batch in landed if batch.table in tables and batch.reading.quarantine]
                after = run.replay(before)
                run.notes.append(on_replay(before, after))
                return run.execute(_ALL[1:]) if after else run.execute(())

            return self._recorded(run, replaying, source=True)

    def repair(self) -> RunSummary:
        """Rebuild catalog, curated tables and warehouse from the landed batches, wherever the workspace lies now."""
        with self._working("repair") as parts:
            # First: a catalog that is made anew has another identity, which the lake then records.
            self._lake.curated.forget()
            self._lake.landing.move_owner(warehouse=parts.warehouse.identity)
            run = self._run(parts, "repair", full_refresh=True)
            run.reload = True
            return self._recorded(run, lambda: run.execute(_ALL[1:]), source=False)

    def decide(self, batch_id: int, decision: Literal["accept", "reject"]) -> None:
        """Accept or reject a batch that is landed and not merged; the next run acts on it. Raises UsageError for any other batch."""
        with self._working(f"batch {decision}"):
            states = {state.batch.batch_id: state for state in self.batches()}
            if batch_id not in states:
                raise UsageError(
                    f"there is no batch {batch_id}",
                    expected="a number that `rental-etl batch list` shows",
                    remedy="look the number up",
                )
            if states[batch_id].state in ("merged", "superseded"):
                raise UsageError(
                    f"batch {batch_id} is {states[batch_id].state} already",
                    expected="a batch that is refused or pending",
                    remedy="correct the data at the source and deliver it again",
                )
            self._lake.landing.decide(batch_id, decision, run_id=_run_id())

    def batches(self) -> tuple[BatchState, ...]:
        """Every landed batch and what became of it, oldest first."""
        runs = self._runs(limit=50)
        return batch_states(self._lake.landing.landed(), curated=self._lake.curated, runs=runs)

    def status(self, *, runs: int = 10) -> Status:
        """The last runs, freshness of each table, row accounting and rule results of the publish in force."""
        found = self._runs(limit=max(runs, 50))
        landed = self._lake.landing.landed()
        states = batch_states(landed, curated=self._lake.curated, runs=found)
        return overview(
            workspace=str(self.workspace),
            warehouse=self.systems.warehouse(),
            landed=landed,
            states=states,
            runs=found[:runs],
        )

    def quarantine(self, table: str | None = None, *, every_batch: bool = False) -> Iterator[QuarantinedRow]:
        """Quarantined rows of one table or all, of the batches since the last full one or of every batch."""
        tables = tables_named(table)
        if not self._lake.landing.landed().batches:
            # Otherwise a mistyped workspace would look like one without quarantine.
            raise UsageError(
                "nothing was landed here yet",
                where=self._lake.where,
                remedy="run `rental-etl run --source DIR` first",
            )
        with self.systems.small_engine() as engine:
            yield from quarantined_rows(engine, landing=self._lake.landing, tables=tables, every_batch=every_batch)

    def query(self, sql: str) -> Rows:
        """Ask the warehouse."""
        return self.systems.warehouse().query(sql)

    def export(self, folder: Path, format: str) -> Mapping[str, int]:
        """Write every presentation table to `<table>.<format>`; returns rows by table."""
        return self.systems.warehouse().export(folder, format)

    @property
    def parameters(self) -> Parameters:
        """What models may refer to: the `[metrics]` settings and as_of."""
        metrics = self.settings.metrics
        return Parameters(
            as_of=self.as_of,
            confirmed_statuses=metrics.confirmed_statuses,
            canceled_statuses=metrics.canceled_statuses,
            top_n=metrics.top_n,
            reporting_currency=metrics.reporting_currency,
        )

    def propose(self) -> "Proposal":
        """What the source seems to hold and the settings that reading it would need. Looks at a sample and writes nothing."""
        from rental_etl.bootstrap.looking import proposal

        return proposal(self.settings, day=self.as_of, progress=self.watch.progress)

    def ingest(self, folder: Path) -> tuple[IngestedFile, ...]:
        """Put a folder's files into the database that `source.url` names; refused rows go to `ingest/quarantine/` in the workspace."""
        database = self.systems.database()
        make_folder(self.workspace)
        with hold_workspace(self.workspace, command="ingest"):
            return ingest(
                source=self.systems.files(folder.expanduser().absolute()),
                database=database,
                engine=self.systems.small_engine,
                staging=self.systems.scratch,
                quarantine=self.workspace / "ingest" / "quarantine",
                day=self.as_of,
                watch=self.watch,
            )

    def check(self) -> tuple[CheckResult, ...]:
        """Whether source, lake, engine and warehouse can be used: a line for each, and one more for each further problem."""
        return self.systems.check(day=self.as_of)

    @property
    def _lake(self) -> Lake:
        return self.systems.lake

    @contextmanager
    def _working(self, command: str) -> Iterator[Parts]:
        """Hold the workspace and give what jobs work with."""
        make_folder(self.workspace)
        with hold_workspace(self.workspace, command=command):
            self._lake.landing.clear_staging()
            yield self.systems.parts(self.parameters)

    def _run(self, parts: Parts, command: str, *, full_refresh: bool = False) -> Run:
        return Run(parts, _run_id(), command, full_refresh, self.watch)

    def _recorded(self, run: Run, work: Callable[[], RunSummary], *, source: bool) -> RunSummary:
        """Claim the lake, do the work and leave its outcome in `etl.runs`, whatever it is."""
        warehouse = run.parts.warehouse
        owner = run.parts.source().identity if source else ""
        lake = self._lake.landing.claim(source=owner, warehouse=warehouse.identity)
        warehouse.belong_to(lake, moved=run.reload)
        warehouse.record_run(run.record("running"))
        events.tell("run begins", run_id=run.run_id, command=run.command, as_of=str(self.as_of))
        try:
            summary = work()
        except BaseException as error:
            state, message = _outcome(error)
            events.warn("run ended", run_id=run.run_id, state=state, message=message)
            # The first error is the one to show, also when the ledger cannot be written any more.
            with suppress(RentalEtlError):
                warehouse.record_run(run.record(state, message))
            raise
        warehouse.record_run(summary.run)
        for note in summary.notes:
            events.tell("note", run_id=run.run_id, text=note)
        events.tell("run ended", run_id=run.run_id, state=summary.run.state)
        return summary

    def _runs(self, *, limit: int) -> tuple[RunRecord, ...]:
        return recent_runs(self.systems.warehouse().query, limit=limit)

    def _runs_so_far(self) -> tuple[RunRecord, ...]:
        # A warehouse that nothing was written to has no ledger to ask.
        with suppress(UsageError):
            return self._runs(limit=50)
        return ()


def _outcome(error: BaseException) -> tuple[str, str]:
    if isinstance(error, QualityGateError):
        return "refused", error.what
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", ""
    return "failed", error.what if isinstance(error, RentalEtlError) else type(error).__name__


def _run_id() -> str:
    return f"{datetime.now(tz=UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
