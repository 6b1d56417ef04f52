"""The last runs, as the ledger tells them. Reads `etl.runs`, writes nothing."""

import json
from collections.abc import Sequence
from typing import Any

from rental_etl.model.run import JobRecord, RunRecord
from rental_etl.ports.warehouse import Ask


def recent_runs(ask: Ask, *, limit: int) -> tuple[RunRecord, ...]:
    """The last runs, newest first."""
    columns = "run_id, command, as_of, state, started_at, finished_at, jobs, message"
    answer = ask(f"select {columns} from etl.runs order by started_at desc, run_id desc limit {int(limit)}")
    return tuple(_run(row) for row in answer.rows)


def _run(row: Sequence[Any]) -> RunRecord:
    run_id, command, as_of, state, started_at, finished_at, jobs, message = row
    records = tuple(JobRecord(job["name"], job["seconds"], job["counts"]) for job in json.loads(jobs or "[]"))
    return RunRecord(run_id, command, as_of, state, _text(started_at), _text(finished_at), records, message or "")


def _text(moment: Any) -> str:
    return "" if moment is None else str(moment.isoformat(sep=" ", timespec="milliseconds"))
