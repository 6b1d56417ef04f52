"""Structured logs: what a run tells, and that it tells nothing unless it is asked."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rental_etl import events
from rental_etl.bootstrap import Application
from rental_etl.errors import RentalEtlError
from rental_etl.settings import load_settings
from shell import END, marketplace, rental_etl


@pytest.fixture(autouse=True)
def _silent_again() -> Iterator[None]:
    yield
    events.silence()


def application(source: Path, workspace: Path) -> Application:
    overrides = {"workspace": workspace, "source": {"url": str(source)}, "engine": {"threads": 2}}
    return Application(load_settings(config=None, overrides=overrides), as_of=END)


def told(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_run_tells_its_jobs_and_tables(tmp_path: Path) -> None:
    """With rows that can be added up, for whoever reads logs by machine; the ledger keeps the same."""
    stream = io.StringIO()
    events.write_to(stream, "json")
    app = application(marketplace(tmp_path / "data"), tmp_path / "workspace")
    summary = app.run()
    lines = told(stream)
    assert {line["run_id"] for line in lines} == {summary.run.run_id}
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert (lines[0]["event"], lines[-1]["event"], lines[-1]["state"]) == ("run begins", "run ended", "published")
    done = {line["job"]: line for line in lines if line["event"] == "job done"}
    assert list(done)[:4] == ["extract", "load", "transform", "metrics"]
    tables = {(line["job"], line["table"]): line["rows"] for line in lines if line["event"] == "table done"}
    for job in ("load", "transform", "metrics"):
        assert done[job]["rows"] == sum(rows for (name, _), rows in tables.items() if name == job) > 0
    assert tables["transform", "bookings"] == 600
    [(jobs,)] = app.query("select jobs from etl.runs").rows
    kept = {job["name"]: job for job in json.loads(jobs)}
    for job in ("extract", "transform", "metrics"):
        assert kept[job]["counts"]["bytes"] == done[job]["bytes"] > 0
        assert kept[job]["counts"]["dpu_seconds"] == round(kept[job]["seconds"] * 2 / 4, 1)
    sizes = sum(path.stat().st_size for path in (tmp_path / "data").iterdir())
    assert done["extract"]["bytes"] == sizes


def test_a_failed_run_tells_why(tmp_path: Path) -> None:
    """At a level that alarms watch for."""
    stream = io.StringIO()
    events.write_to(stream, "json")
    (tmp_path / "data").mkdir()
    with pytest.raises(RentalEtlError):
        application(tmp_path / "data", tmp_path / "workspace").run()
    last = told(stream)[-1]
    assert (last["level"], last["event"], last["state"]) == ("error", "run ended", "failed")
    assert "no table's file was found" in last["message"]


def test_nothing_is_told_or_loaded_unless_asked_for() -> None:
    """The library costs time that a person at a terminal waits for."""
    before = sys.modules.pop("structlog", None)
    events.tell("job begins", run_id="1")
    assert "structlog" not in sys.modules
    if before:
        sys.modules["structlog"] = before


def test_a_log_that_nobody_reads_does_not_stop_the_work() -> None:
    class Gone(io.StringIO):
        def write(self, text: str, /) -> int:  # noqa: ARG002
            raise BrokenPipeError

    events.write_to(Gone(), "json")
    events.tell("job begins")
    events.warn("run ended")


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_setting_replaces_the_lines_on_stderr(tmp_path: Path, form: str) -> None:
    """One language per log; the summary is no log and stays."""
    source = marketplace(tmp_path / "data")
    command = ("extract", "--source", source, "--as-of", END, "--json")
    done = rental_etl(*command, cwd=tmp_path, variables={"RENTAL_ETL_LOG__FORMAT": form})
    assert done.code == 0, done.err
    lines = done.err.splitlines()
    assert all(line.startswith("{") if form == "json" else "run_id=" in line for line in lines), done.err
    assert sum("job done" in line for line in lines) == 1
