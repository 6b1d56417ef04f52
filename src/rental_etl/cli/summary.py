"""The closing words of a run, on stderr: what it landed, what it did not take and why, what it published, and what to do next."""

import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rental_etl.cli.terminal import heading, listing, say
from rental_etl.model.run import Published, RuleResult, RunRecord
from rental_etl.model.summary import RunSummary


def show_summary(summary: RunSummary, *, next_steps: Sequence[tuple[str, str]]) -> None:
    """Tell a person what a run did; `next_steps` (command, what it shows) is what to type now."""
    out = sys.stderr
    if summary.landed:
        _show_landed(summary)
    if summary.published or summary.skipped or summary.rules:
        show_rules(summary.rules)
    if summary.published or summary.skipped:
        _show_published(summary.published, summary.skipped)
    else:
        _show_counts(summary.run)
    show_notes(summary.notes)
    show_steps("next", next_steps)
    say(f"\n{summary.run.state}, as of {summary.run.as_of}: {_timing(summary.run)}", out)


def show_nothing_new(summary: RunSummary, *, published: Published | None) -> None:
    """Tell a person, in one line, that there was nothing to do; then what is worth knowing all the same."""
    since = f"publish {published.number} of {moment(published.published_at)}" if published else "the last run"
    say(f"nothing new since {since}, as of {summary.run.as_of}", sys.stderr)
    show_notes(summary.notes)


def show_notes(notes: Sequence[str]) -> None:
    """Sentences for the reader, one a line."""
    if notes:
        heading("notes", sys.stderr)
        for note in notes:
            say(f"  - {note}", sys.stderr)


def show_rules(rules: Sequence[RuleResult], stream: Any = None) -> None:
    """Rows by rule: those in quarantine first, then those that are kept and only counted."""
    out = stream or sys.stderr
    counts: dict[tuple[str, str, str, str], int] = {}
    for result in rules:
        key = (result.severity, result.table, result.rule, result.column)
        counts[key] = counts.get(key, 0) + result.rows
    if not counts:
        heading("rules", out)
        say("  every row is as its contract says", out)
    for severity, title in (("error", "in quarantine, by rule"), ("warn", "warnings, by rule")):
        rows = [(count, *key[1:]) for key, count in sorted(counts.items()) if key[0] == severity]
        if rows:
            heading(title, out)
            listing(("rows", "table", "rule", "column"), rows, out)


def show_steps(title: str, steps: Sequence[tuple[str, str]]) -> None:
    """What to type now, and what it shows."""
    if steps:
        heading(title, sys.stderr)
        listing(("", ""), steps, sys.stderr)


def moment(text: str) -> str:
    """A point in time of the ledger, to the minute."""
    return f"{text[:16]} UTC" if text else ""


def seconds(run: RunRecord) -> float:
    """How long the jobs of a run took."""
    return sum(job.seconds for job in run.jobs)


def _show_landed(summary: RunSummary) -> None:
    heading("landed", sys.stderr)
    rows = [
        (
            batch.batch_id,
            batch.table,
            batch.delivery.name,
            batch.kind,
            batch.reading.rows_read,
            batch.reading.rows_landed - batch.reading.rows_refused,
            batch.reading.rows_unreadable + batch.reading.rows_refused,
        )
        for batch in summary.landed
    ]
    names = ("batch", "table", "delivery", "kind", "read", "taken", "quarantined")
    listing(names, [(*row[:2], row[2], *row[3:]) for row in rows], sys.stderr)


def _show_published(published: Mapping[str, int], skipped: Mapping[str, str]) -> None:
    if published:
        heading("published", sys.stderr)
        listing(("table", "rows computed"), list(published.items()), sys.stderr)
    if skipped:
        heading("skipped", sys.stderr)
        for reason in dict.fromkeys(skipped.values()):
            tables = ", ".join(table for table, why in skipped.items() if why == reason)
            say(textwrap.fill(f"{reason}: {tables}", 120, initial_indent="  ", subsequent_indent="    "), sys.stderr)


def _show_counts(run: RunRecord) -> None:
    for job in run.jobs:
        for name, count in job.counts.items():
            if name in ("bytes", "dpu_seconds"):
                # For those who count machines: `etl.runs` has them.
                continue
            say(f"{job.name}: {name.replace('_', ' ')}: {_counted(count)}", sys.stderr)


def _counted(count: Any) -> str:
    if isinstance(count, Mapping):
        return ", ".join(f"{name} {_counted(number)}" for name, number in count.items()) or "none"
    return f"{count:,}" if isinstance(count, int) else str(count)


def _timing(run: RunRecord) -> str:
    parts = ", ".join(f"{job.name} {job.seconds:.1f} s" for job in run.jobs)
    return f"{parts}; {seconds(run):.1f} s in all" if len(run.jobs) > 1 else parts
