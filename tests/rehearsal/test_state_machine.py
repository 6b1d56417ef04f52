"""The state machine interpreted, with small processes in place of the jobs: which way every kind of failure takes. The whole system is in test_rehearsal."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rehearsal.emulator import emulate
from rehearsal.executions import Machine, machine
from rental_etl.aws.state_machine import Patience
from rental_etl.pipeline import JOBS

# What each job is to do next: nothing to end well, else one line for each of its next runs.
JOB = """
import os, sys, time
from pathlib import Path
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
orders = Path(os.environ["ORDERS"], given["--JOB_NAME"])
lines = orders.read_text().splitlines() if orders.exists() else []
orders.write_text("\\n".join(lines[1:]))
print(given)
order = lines[0] if lines else ""
if order.startswith("sleep "):
    time.sleep(float(order[6:]))
elif order:
    sys.exit(order)
"""
BEGIN = ["Begin", "WhatToRun"]
FAILING = ["RecordFailure", "NotifyFailure", "PipelineFailed"]
RERUN = ["JudgeFailure", "RerunOnce", "ToFailedJob"]
EVERY_JOB = [
    state
    for job in ("ExtractFromAurora", "LoadToRedshiftRaw", "TransformCuratedData", "GenerateMetrics", "BuildReport")
    for state in (job, f"After{job}")
]
TRANSFORM = "transform_curated_data"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the jobs find their orders."""
    return tmp_path_factory.mktemp("orders")


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> Iterator[Machine]:
    """A machine of five jobs that are given up after four seconds."""
    script = folder / "job.py"
    script.write_text(JOB)
    with emulate(folder / "aws", command=[sys.executable, str(script)], environment={"ORDERS": str(folder)}) as aws:
        yield machine(aws, patience=Patience(job=4, busy=1, fault=1, rerun=1), arguments={"--preset": "standard"})


def order(folder: Path, job: str, *lines: str) -> None:
    """Say what the next runs of a job do."""
    (folder / job).write_text("\n".join(lines))


def given(pipeline: Machine, job: str) -> dict[str, str]:
    """The arguments of a job's last run."""
    run = pipeline.aws.client("glue").get_job_runs(JobName=job)["JobRuns"][-1]
    return dict(run["Arguments"])


def test_all_jobs_run_in_order_and_know_the_run(pipeline: Machine) -> None:
    """The execution's name is the run id; the day is fixed once, when the execution starts."""
    end, path = pipeline.run("nightly-1")
    assert (end["status"], path) == ("SUCCEEDED", [*BEGIN, *EVERY_JOB, "Done"])
    yesterday = (datetime.now(tz=UTC) - timedelta(days=1)).date().isoformat()
    for job in JOBS:
        arguments = given(pipeline, job.name)
        assert arguments == {
            "--preset": "standard",
            "--run_id": "nightly-1",
            "--as_of": yesterday,
            "--engine": "duckdb",
            "--full_refresh": "false",
        }


def test_the_input_chooses_day_engine_refresh_and_jobs(pipeline: Machine) -> None:
    """Jobs by command or by name, in the pipeline's order."""
    end, path = pipeline.run(
        "some", as_of="2024-06-30", engine="spark", full_refresh=True, jobs=["generate_metrics", "load"]
    )
    assert (end["status"], path[2::2]) == ("SUCCEEDED", ["LoadToRedshiftRaw", "GenerateMetrics", "Done"])
    arguments = given(pipeline, "generate_metrics")
    assert (arguments["--as_of"], arguments["--engine"], arguments["--full_refresh"]) == ("2024-06-30", "spark", "true")
    assert pipeline.run("single", jobs="metrics")[1] == [*BEGIN, "GenerateMetrics", "AfterGenerateMetrics", "Done"]


@pytest.mark.parametrize("wrong", [{"jobs": ["tidy"]}, {"engine": "pandas"}, {"as_of": "june"}, {"full_refresh": 3}])
def test_a_wrong_input_starts_nothing(pipeline: Machine, wrong: dict[str, object]) -> None:
    """A typing error must not run yesterday's default instead."""
    end, path = pipeline.run(f"wrong-{next(iter(wrong))}", **wrong)
    assert (end["status"], end["error"], path) == ("FAILED", "WrongInput", [*BEGIN, "WrongInput"])


def test_a_job_that_fails_once_is_run_again(pipeline: Machine, folder: Path) -> None:
    """A worker that was lost: the job goes on where it stopped, and nobody is woken up."""
    order(folder, TRANSFORM, "a worker was lost")
    end, path = pipeline.run("once")
    assert end["status"] == "SUCCEEDED"
    assert path == [*BEGIN, *EVERY_JOB[:5], *RERUN, *EVERY_JOB[4:], "Done"]
    assert pipeline.messages() == []


def test_a_job_that_always_fails_is_told_and_a_redrive_goes_on_from_it(pipeline: Machine, folder: Path) -> None:
    """The redriven execution does not run again what was done, and keeps run id and day."""
    order(folder, TRANSFORM, "no such host", "no such host")
    end, path = pipeline.run("always", as_of="2024-06-30")
    assert end["status"] == "FAILED"
    assert path == [*BEGIN, *EVERY_JOB[:5], *RERUN, "TransformCuratedData", "JudgeFailure", *FAILING]
    expected = {
        "run_id": "always",
        "as_of": "2024-06-30",
        "job": TRANSFORM,
        "error": "States.TaskFailed",
        "cause": "no such host",
    }
    assert pipeline.failure("always") == expected
    (message,) = pipeline.messages()
    assert message["Subject"] == "rental-etl: transform_curated_data failed"
    assert "no such host" in message["Message"]
    end, path = pipeline.redrive("always")
    assert (end["status"], json.loads(end["output"])["as_of"]) == ("SUCCEEDED", "2024-06-30")
    assert path == ["PipelineFailed", "ToFailedJob", *EVERY_JOB[4:], "Done"]


def test_a_redrive_may_fail_and_be_redriven_again(pipeline: Machine, folder: Path) -> None:
    """Each redrive has a rerun of its own."""
    order(folder, TRANSFORM, "one", "two", "three", "four")
    assert pipeline.run("again")[0]["status"] == "FAILED"
    assert pipeline.redrive("again")[0]["status"] == "FAILED"
    assert pipeline.failure("again")["cause"] == "four"
    assert pipeline.redrive("again")[0]["status"] == "SUCCEEDED"
    assert len(pipeline.messages()) == 2


@pytest.mark.parametrize("mark", ["[rental-etl refused] bookings: empty", "[rental-etl unusable] unknown key"])
def test_what_a_rerun_cannot_change_is_not_run_again(pipeline: Machine, folder: Path, mark: str) -> None:
    """A quality gate and a wrong configuration need a person."""
    order(folder, TRANSFORM, mark)
    end, path = pipeline.run(f"final-{mark[12:15]}")
    assert (end["status"], path) == ("FAILED", [*BEGIN, *EVERY_JOB[:5], "JudgeFailure", *FAILING])
    assert [mark in message["Message"] for message in pipeline.messages()] == [True]


def test_a_second_execution_waits_for_the_first(pipeline: Machine, folder: Path) -> None:
    """Glue lets one run of a job at a time; the other's start is tried again."""
    order(folder, "extract_from_aurora", "sleep 2")
    first = pipeline.start("first")
    second = pipeline.start("second", jobs=["extract"])
    assert [pipeline.end(each)["status"] for each in (first, second)] == ["SUCCEEDED", "SUCCEEDED"]


def test_a_job_that_is_not_heard_of_is_given_up(pipeline: Machine, folder: Path) -> None:
    """No rerun: it would take as long again. The run is stopped."""
    order(folder, TRANSFORM, "sleep 60")
    end, path = pipeline.run("hanging")
    assert (end["status"], path) == ("FAILED", [*BEGIN, *EVERY_JOB[:5], "JudgeFailure", *FAILING])
    assert pipeline.failure("hanging")["error"] == "States.Timeout"
    runs = pipeline.aws.client("glue").get_job_runs(JobName=TRANSFORM)["JobRuns"]
    assert runs[-1]["JobRunState"] == "STOPPED"
    assert len(pipeline.messages()) == 1
