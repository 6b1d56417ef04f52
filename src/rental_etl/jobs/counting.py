"""Which months of a rule across rows have to be counted anew, and what a publish records so that the next one need not count the others.

Pure: the statements are run by whoever calculates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from rental_etl.jobs.ranges import WHOLE, Span, first_of_period
from rental_etl.tables.models import Check, curated_models


@dataclass(frozen=True, slots=True)
class Count:
    """A rule's count: the months to be counted (None for none), and the rows that break it in the months that are known, by their first day."""

    span: Span | None = WHOLE
    known: Mapping[str, int] | None = None

    def with_found(self, found: Mapping[str, int]) -> dict[str, int]:
        """Rows by month: what was found for the span, what is known elsewhere."""
        kept = {
            month: rows
            for month, rows in (self.known or {}).items()
            if self.span is None or not self.span.first <= date.fromisoformat(month) <= self.span.last
        }
        return {**kept, **found}


def monthly_checks() -> dict[str, Check]:
    """The rules that are counted by month, by `<curated table>.<rule>`."""
    return {
        f"{model.name}.{check.name}": check
        for model in curated_models().values()
        for check in model.checks
        if check.invalidated_by
    }


def plan_count(
    check: Check,
    *,
    fingerprint: str,
    recorded: Mapping[str, Any] | None,
    span: Span | None,
    begins: Callable[[Check, Span], date | None],
) -> Count:
    """What has to be counted of a rule.

    `fingerprint` tells its statement and settings, `recorded` what the last publish says of it (None when that says nothing of the tables as they are).
    `span` is that of the changes, `begins` gives the first day in the tables that they reach.
    """
    if recorded is None or recorded["of"] != fingerprint:
        return Count()
    if span is not None and check.begins and not span.whole:
        day = begins(check, span)
        first = span.first if day is None else min(span.first, first_of_period(day, check.period_unit))
        span = Span(first, span.last)
    return Count(span, recorded["months"])


def record(fingerprint: str, months: Mapping[str, int]) -> dict[str, Any]:
    """What a publish keeps of a rule: the rows that break it, by month, and of which statement that was the answer."""
    return {"of": fingerprint, "months": {month: rows for month, rows in sorted(months.items()) if rows}}
