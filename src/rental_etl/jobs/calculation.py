"""Computes presentation tables in an engine session where `curated.*` is bound, for periods that are planned beforehand.

Writes one Parquet file per table into a scratch folder and holds its rows against the model's invariants; publishes nothing.
"""

import re
from datetime import date
from pathlib import Path

from rental_etl.errors import QualityGateError
from rental_etl.jobs.counting import Count
from rental_etl.jobs.ranges import WHOLE, Span, hull
from rental_etl.model.contract import Column, ColumnType
from rental_etl.model.run import MetricUpdate, RuleResult
from rental_etl.ports.engine import Engine
from rental_etl.tables.models import (
    Check,
    PresentationModel,
    intermediate_models,
    needed_intermediates,
    presentation_models,
)
from rental_etl.tables.render import Parameters, fill

# The columns of intermediate.data_range that tables without gaps reach to.
RANGE_ENDS = ("first_booking_day", "first_available_night", "last_night")


class Calculation:
    """Runs models in an engine session where `curated.*` is bound; shared queries are made once, when first needed.

    A shared query that depends on the period is made for the hull of the periods planned for the models and rules that read it.
    """

    def __init__(self, engine: Engine, *, parameters: Parameters, scratch: Path) -> None:
        self._engine = engine
        self._parameters = parameters
        self._scratch = scratch
        self._spans: dict[str, Span | None] = {}
        self._made: set[str] = set()
        self._counts: dict[str, int] = {}
        self._planned: dict[str, tuple[Check, Count]] = {}
        self._months: dict[str, dict[str, int]] = {}

    def plan(self, model: PresentationModel, span: Span | None) -> None:
        """Say which periods of a model will be computed, None for none; every model's have to be known before the first is computed."""
        self._spans[model.name] = span

    def plan_count(self, check: Check, count: Count) -> None:
        """Say which months of a rule will be counted, and what is known of the others; before anything is computed."""
        self._planned[check.sql] = (check, count)

    def first_affected(self, check: Check, span: Span) -> date | None:
        """The first day in the tables that a change of the span reaches, as the rule tells."""
        found: date | None = self._engine.rows(self._fill(check.begins, span))[0][0]
        return found

    def data_range(self) -> dict[str, str | None]:
        """The days between which there is something to count, by end."""
        model = intermediate_models()["data_range"]
        self._make((f"intermediate.{model.name}",))
        row = self._engine.rows(f"select {', '.join(RANGE_ENDS)} from intermediate.{model.name}")[0]
        return {end: None if day is None else str(day) for end, day in zip(RANGE_ENDS, row, strict=True)}

    def update(self, model: PresentationModel) -> list[MetricUpdate]:
        """Compute the planned rows, if any, and hold them against the model's invariants."""
        span = self._spans[model.name]
        if span is None:
            return []
        columns = [_column(name, type_) for name, type_ in model.columns]
        written = self._engine.write(self.statement(model), str(self._scratch), stem=model.name, columns=columns)
        files = [file.path for file in written]
        self._gate(model, columns, files)
        update = MetricUpdate(
            table=model.name,
            columns=model.columns,
            period_column=model.period_column,
            period_from=span.first,
            period_to=span.last,
            whole=span.whole,
            files=tuple(files),
            rows=sum(file.rows for file in written),
            bytes=sum(file.bytes for file in written),
        )
        return [update]

    def statement(self, model: PresentationModel) -> str:
        """The SELECT of the planned rows; what it reads is made."""
        self._make(model.reads)
        return self._fill(model.sql, self._spans[model.name] or WHOLE)

    def broken_rules(self, model: PresentationModel) -> list[RuleResult]:
        """What the model leaves out, by its rules; counted over all periods."""
        found = []
        for check in model.checks:
            rows = self.count(check)
            if rows:
                found.append(RuleResult(model.name, check.name, check.column, "warn", rows))
        return found

    def count(self, check: Check) -> int:
        """The rows that break a rule; what it reads is made, and no query runs twice."""
        if check.invalidated_by:
            return sum(self.count_by_month(check).values())
        if check.sql not in self._counts:
            self._make(check.reads)
            self._counts[check.sql] = int(self._engine.rows(self._fill(check.sql))[0][0])
        return self._counts[check.sql]

    def count_by_month(self, check: Check) -> dict[str, int]:
        """The rows that break a rule, by the first day of the month: counted as planned, all of them when nothing was."""
        if check.sql not in self._months:
            _, count = self._planned.get(check.sql, (check, Count()))
            found: dict[str, int] = {}
            if count.span is not None:
                self._make(check.reads)
                rows = self._engine.rows(self._fill(check.sql, count.span))
                found = {str(month): int(broken) for month, broken in rows}
            self._months[check.sql] = count.with_found(found)
        return self._months[check.sql]

    def _make(self, reads: tuple[str, ...]) -> None:
        for shared in needed_intermediates(reads):
            if shared.name not in self._made:
                readers = [
                    model for model in presentation_models().values() if shared in needed_intermediates(model.reads)
                ]
                spans = [self._spans.get(model.name) for model in readers]
                for check, count in self._planned.values():
                    if shared in needed_intermediates(check.reads):
                        spans.append(count.span)
                span = hull(spans)
                make = self._engine.keep if shared.materialised else self._engine.define
                make(f"intermediate.{shared.name}", self._fill(shared.sql, span or WHOLE))
                self._made.add(shared.name)

    def _fill(self, sql: str, span: Span = WHOLE) -> str:
        return fill(sql, self._parameters.literals(period_from=span.first, period_to=span.last))

    def _gate(self, model: PresentationModel, columns: list[Column], files: list[str]) -> None:
        name = f"presentation.{model.name}"
        self._engine.bind(name, files, columns=columns)
        counts = ", ".join(f"count(*) filter (where {invariant['sql']})" for invariant in model.invariants)
        found = self._engine.rows(f"select {counts} from {name}")[0]
        for invariant, bad in zip(model.invariants, found, strict=True):
            if bad:
                raise QualityGateError(
                    f"{bad:,} rows of {model.name} break the invariant {invariant['name']}",
                    where=f"presentation.{model.name} where {invariant['sql']}",
                    expected=f"{invariant['description']}; nothing was published",
                    remedy="this is a defect of rental-etl: report it with `rental-etl status --json`",
                )


def _column(name: str, sql_type: str) -> Column:
    kinds: dict[str, ColumnType] = {"bigint": "int64", "varchar": "text", "boolean": "bool", "date": "date"}
    match = re.fullmatch(r"decimal\((\d+),\s*(\d+)\)", sql_type)
    if match:
        return Column(name, "decimal", precision=int(match[1]), scale=int(match[2]))
    return Column(name, kinds[sql_type])
