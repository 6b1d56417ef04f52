"""Results as JSON for machines: the shapes that docs/commands.md promises, whatever the values inside are called.

Numbers keep every digit: a decimal is written as the number it is, never by way of a binary float.
"""

import json
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, TextIO

from rental_etl.model.batch import Batch
from rental_etl.model.run import Accounting, RuleResult, RunRecord
from rental_etl.model.summary import BatchState, CheckResult, QuarantinedRow, RunSummary, Status


def encoded(value: Any) -> str:
    """One value as JSON text, on one line."""
    match value:
        case Decimal():
            text = format(value, "f") if value.is_finite() else "null"
        case Mapping():
            text = "{" + ", ".join(f"{encoded(str(key))}: {encoded(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            text = "[" + ", ".join(map(encoded, value)) + "]"
        case _:
            text = json.dumps(_plain(value), ensure_ascii=False)
    return text


def _plain(value: Any) -> Any:
    """What `json` can write: JSON has no infinity, and a date is a text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def write_object(document: Mapping[str, Any], stream: TextIO) -> None:
    """Write an object, one key a line."""
    lines = [f"  {encoded(key)}: {encoded(value)}" for key, value in document.items()]
    stream.write("{\n" + ",\n".join(lines) + "\n}\n")


def write_array(documents: Iterable[Mapping[str, Any]], stream: TextIO) -> None:
    """Write one array, an object a line, as they come."""
    separator = "[\n"
    for document in documents:
        stream.write(separator + encoded(document))
        separator = ",\n"
    stream.write("[]\n" if separator == "[\n" else "\n]\n")


def of_run(run: RunRecord) -> dict[str, Any]:
    """One run."""
    return {
        "run_id": run.run_id,
        "command": run.command,
        "as_of": run.as_of,
        "state": run.state,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "message": run.message,
        "jobs": [{"name": job.name, "seconds": job.seconds, "counts": job.counts} for job in run.jobs],
    }


def of_batch(batch: Batch) -> dict[str, Any]:
    """One landed batch."""
    return {
        "batch_id": batch.batch_id,
        "table": batch.table,
        "name": batch.delivery.name,
        "kind": batch.kind,
        "day": batch.day,
        "landed_at": batch.landed_at,
        "rows_read": batch.reading.rows_read,
        "rows_landed": batch.reading.rows_landed,
        "rows_unreadable": batch.reading.rows_unreadable,
        "rows_refused": batch.reading.rows_refused,
        "files": [file.name for file in batch.delivery.files],
        "extra_columns": batch.reading.extra_columns,
        "missing_columns": batch.reading.missing_columns,
    }


def of_state(state: BatchState) -> dict[str, Any]:
    """One landed batch and what became of it."""
    return {**of_batch(state.batch), "state": state.state, "reason": state.reason}


def of_rule(result: RuleResult) -> dict[str, Any]:
    """How many rows break one rule."""
    return {
        "table": result.table,
        "rule": result.rule,
        "column": result.column,
        "severity": result.severity,
        "rows": result.rows,
        "batch_id": result.batch_id,
    }


def of_accounting(entry: Accounting) -> dict[str, Any]:
    """Where the rows of one batch are."""
    return {
        "table": entry.table,
        "batch_id": entry.batch_id,
        "rows_read": entry.rows_read,
        "unreadable": entry.unreadable,
        "landed": entry.landed,
        "current": entry.current,
        "replaced": entry.replaced,
        "repeated": entry.repeated,
        "refused": entry.refused,
        "deleted": entry.deleted,
        "balanced": entry.balanced,
    }


def of_summary(summary: RunSummary) -> dict[str, Any]:
    """What a run did."""
    return {
        "run": of_run(summary.run),
        "landed": [of_batch(batch) for batch in summary.landed],
        "rules": [of_rule(result) for result in summary.rules],
        "accounting": [of_accounting(entry) for entry in summary.accounting],
        "published": summary.published,
        "skipped": summary.skipped,
        "notes": summary.notes,
        "page": summary.page or None,
    }


def of_status(status: Status) -> dict[str, Any]:
    """What is in the workspace."""
    published = status.published
    return {
        "workspace": status.workspace,
        "published": published
        and {
            "number": published.number,
            "run_id": published.run_id,
            "as_of": published.as_of,
            "published_at": published.published_at,
        },
        "tables": [
            {
                "table": table.table,
                "batches": table.batches,
                "last_batch": table.last_batch or None,
                "day": table.day,
                "landed_at": table.landed_at,
                "rows": table.rows,
                "waiting": table.waiting,
            }
            for table in status.freshness
        ],
        "waiting": [of_state(state) for state in status.waiting],
        "rules": [of_rule(result) for result in status.rules],
        "accounting": [of_accounting(entry) for entry in status.accounting],
        "runs": [of_run(run) for run in status.runs],
    }


def of_check(result: CheckResult) -> dict[str, Any]:
    """Whether one system can be used."""
    return {"subject": result.subject, "ok": result.ok, "found": result.found, "remedy": result.remedy}


def of_quarantined(row: QuarantinedRow) -> dict[str, Any]:
    """One row that is not in the curated tables."""
    return {
        "table": row.table,
        "batch_id": row.batch_id,
        "file": row.file,
        "line": row.line,
        "kind": row.kind,
        "rule": row.rule,
        "column": row.column,
        "text": row.text,
    }
