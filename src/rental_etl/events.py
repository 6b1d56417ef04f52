"""Structured logs: what a run does, as lines of JSON for machines or of words for people. Until `write_to` is called nothing is told, and nothing loaded.

Every line has `timestamp` (UTC), `level` and `event`; those of a run `run_id`, those of a job `job`, and where it applies `table`, `rows` and `seconds`.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TextIO


@dataclass(slots=True)
class _Told:
    """What this process tells its events to; None while nobody wants to hear them."""

    log: Any = None


_told = _Told()


def write_to(stream: TextIO, format: Literal["json", "text"]) -> None:
    """Tell everything from now on to a stream."""
    import structlog

    last = (
        structlog.processors.JSONRenderer(default=str)
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    _told.log = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True), last],
    )


def silence() -> None:
    """Tell nothing any more."""
    _told.log = None


def tell(event: str, **values: Any) -> None:
    """One line."""
    if _told.log is not None:
        # A log that nobody reads any more does not stop the work.
        with suppress(BrokenPipeError):
            _told.log.info(event, **values)


def warn(event: str, **values: Any) -> None:
    """One line about what went wrong."""
    if _told.log is not None:
        with suppress(BrokenPipeError):
            _told.log.error(event, **values)


def tell_job(run_id: str, job: str, seconds: float, counts: Mapping[str, Any]) -> None:
    """One line for each table whose rows a job counted, and one for the job."""
    for values in counts.values():
        if isinstance(values, Mapping):
            for table, rows in values.items():
                if isinstance(rows, int):
                    tell("table done", run_id=run_id, job=job, table=table, rows=rows)
    # What Glue charges for is the whole of a job run, which its own last line tells.
    numbers = {
        name: value for name, value in counts.items() if not isinstance(value, Mapping) and name != "dpu_seconds"
    }
    tell("job done", run_id=run_id, job=job, rows=rows_of(counts), seconds=seconds, **numbers)


def rows_of(counts: Mapping[str, Any]) -> int:
    """The rows of all tables that a job counted."""
    tables = [values for values in counts.values() if isinstance(values, Mapping)]
    landed = int(counts.get("rows_landed", 0))
    return landed + sum(rows for values in tables for rows in values.values() if isinstance(rows, int))
