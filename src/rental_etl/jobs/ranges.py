"""Which periods of a metric have to be recomputed: from changed days, by what its YAML says invalidates it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

from rental_etl.tables.render import END, START


@dataclass(frozen=True, slots=True)
class Span:
    """Periods from and to, inclusive, by the first day of the period."""

    first: date
    last: date

    @property
    def whole(self) -> bool:
        """Whether every period is meant."""
        return self.first == START and self.last == END


WHOLE = Span(START, END)


class Periodic(Protocol):
    """What is computed by period: which changes affect it, and how long its periods are."""

    @property
    def invalidated_by(self) -> Sequence[Mapping[str, Any]]:
        """Causes, each with the kind of change and how far it reaches."""
        ...

    @property
    def period_unit(self) -> str:
        """day, week or month."""
        ...


def merge_changes(commits: Iterable[Mapping[str, Sequence[str]]]) -> dict[str, Sequence[str]]:
    """The hull of several commits' changes, by kind of day; a kind without days in one of them has none."""
    merged: dict[str, Sequence[str]] = {}
    for changes in commits:
        for kind, days in changes.items():
            both = [*merged.get(kind, days), *days]
            merged[kind] = [min(both), max(both)] if days and merged.get(kind, days) else []
    return merged


def moved_range(before: Mapping[str, str | None], now: Mapping[str, str | None]) -> dict[str, Sequence[str]]:
    """What follows from ends of the data that moved: "range.<end>" with its old and new day; without days when there was or is none.

    Tables without gaps have rows up to an end of the data, so a day far from every changed row can come or go with it.
    """
    changes: dict[str, Sequence[str]] = {}
    for end, day in now.items():
        days = [value for value in (before.get(end), day) if value is not None]
        if before.get(end) != day:
            changes[f"range.{end}"] = [min(days), max(days)] if len(days) == 2 else []
    return changes


def span_to_recompute(
    model: Periodic,
    *,
    changes: Mapping[str, Sequence[str]],
    as_of_before: date,
    as_of: date,
    converts: bool,
) -> Span | None:
    """The hull of everything that invalidates periods of `model`; None when nothing does.

    `changes` maps kinds of days ("bookings.night") to their first and last day; a kind without days invalidates the whole table. Rates matter
    only when money is converted (`converts`).
    """
    spans = []
    for cause in model.invalidated_by:
        kind = cause["change"]
        if kind == "as_of":
            if as_of_before != as_of:
                spans.append(_span(model, min(as_of_before, as_of), max(as_of_before, as_of), cause))
        elif kind in changes and (converts or not kind.startswith("fx_rates.")):
            days = [] if cause.get("whole") else [date.fromisoformat(day) for day in changes[kind]]
            spans.append(_span(model, days[0], days[1], cause) if days else WHOLE)
    return hull(spans)


def hull(spans: Iterable[Span | None]) -> Span | None:
    """The smallest span that holds all of some; None when there is none."""
    some = [span for span in spans if span is not None]
    return Span(min(span.first for span in some), max(span.last for span in some)) if some else None


def _span(model: Periodic, first: date, last: date, cause: Mapping[str, Any]) -> Span:
    before, after = timedelta(days=cause.get("reach_before_days", 0)), timedelta(days=cause.get("reach_after_days", 0))
    first = first_of_period(max(first, START + before) - before, model.period_unit)
    last = END if cause.get("to_end") else first_of_period(min(last, END - after) + after, model.period_unit)
    return Span(max(first, START), last)


def first_of_period(day: date, unit: str) -> date:
    """The first day of the day, week or month that a day lies in."""
    if unit == "month":
        return day.replace(day=1)
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day
