"""The Step Functions definition: a sound graph, the pipeline's order, and every kind of failure treated as its kind."""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import node
from rehearsal.graph import faults
from rental_etl.aws.outcomes import FINAL
from rental_etl.aws.state_machine import Preset, definition, state_name
from rental_etl.cli.entry import run
from rental_etl.pipeline import JOBS, Job

PRESETS: tuple[Preset, ...] = ("small", "standard")
GLUE = "arn:aws:states:::glue:startJobRun.sync"


def tasks(machine: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The Glue tasks by state."""
    return {name: state for name, state in machine["States"].items() if state.get("Resource") == GLUE}


@pytest.mark.parametrize("preset", PRESETS)
def test_the_graph_is_sound(preset: Preset) -> None:
    """A Next that leads nowhere is found by AWS only when an execution gets there."""
    assert faults(definition(preset)) == []


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda states: states["Begin"].update(Next="Begone"), "Begin leads to Begone, which does not exist"),
        (lambda states: states.update(Island={"Type": "Succeed"}), "nothing leads to Island"),
        (lambda states: states["RerunOnce"].pop("Next"), "RerunOnce ends nowhere"),
        (
            lambda states: states["GenerateMetrics"]["Arguments"]["Arguments"].update({"--as_of": 20240630}),
            "GenerateMetrics has --as_of that is no string",
        ),
        (
            lambda states: states["GenerateMetrics"]["Arguments"]["Arguments"].update({"as_of": "2024-06-30"}),
            "GenerateMetrics has as_of that does not begin with --",
        ),
    ],
)
def test_the_graph_check_finds_what_is_wrong(spoil: Any, fault: str) -> None:
    """A check that finds nothing in anything would prove nothing."""
    machine = copy.deepcopy(definition("standard"))
    spoil(machine["States"])
    assert fault in faults(machine)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_validator_takes_it(preset: Preset, tmp_path: Path) -> None:
    """asl-validator holds it against the schema of the language, and finds a machine without its first state."""
    program = node.tool("asl-validator", "4.0.0")
    machine = definition(preset)
    for name, states, code in (("good", machine["States"], 0), ("bad", {"Done": {"Type": "Success"}}, 1)):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(machine | {"States": states}))
        done = subprocess.run(
            [program, "--json-path", path], env=node.environment(), capture_output=True, check=False, timeout=60
        )
        assert done.returncode == code, done.stdout.decode() + done.stderr.decode()


def test_the_jobs_are_those_of_the_pipeline_in_its_order() -> None:
    """The order is written in `pipeline.JOBS` alone: another pipeline is another machine."""
    assert [task["Arguments"]["JobName"] for task in tasks(definition("standard")).values()] == [
        job.name for job in JOBS
    ]
    another = (*JOBS, Job("publish_again", "publish_it_again", reads=(), writes=()))
    assert list(tasks(definition("standard", jobs=another)))[-1] == "PublishItAgain"


def test_the_states_have_the_names_of_the_original_design() -> None:
    """Who knows that diagram finds its way."""
    expected = ["ExtractFromAurora", "LoadToRedshiftRaw", "TransformCuratedData", "GenerateMetrics"]
    assert [state_name(job.name) for job in JOBS][:4] == expected


def test_the_small_preset_is_one_task() -> None:
    """One Glue minimum instead of one per job; which jobs it runs is an argument."""
    (task,) = tasks(definition("small")).values()
    assert task["Arguments"]["JobName"] == "run_pipeline"
    assert "--jobs" in task["Arguments"]["Arguments"]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_task_waits_as_long_as_the_failure_deserves(preset: Preset) -> None:
    """Concurrent runs take minutes, faults of the service seconds. A failed job is not in the retries: it is judged by its message."""
    for task in tasks(definition(preset)).values():
        busy, fault = task["Retry"]
        assert "Glue.ConcurrentRunsExceededException" in busy["ErrorEquals"]
        assert "Glue.InternalServiceException" in fault["ErrorEquals"]
        assert (
            busy["IntervalSeconds"] * busy["MaxAttempts"] >= 600 > fault["IntervalSeconds"] * 2 ** fault["MaxAttempts"]
        )
        assert busy["JitterStrategy"] == fault["JitterStrategy"] == "FULL"
        assert [entry["ErrorEquals"] for entry in task["Catch"]] == [["States.ALL"]]
        assert task["TimeoutSeconds"] > 0


def test_a_failure_is_recorded_and_told_before_the_execution_fails() -> None:
    """Whatever fails on the way there does not hide it."""
    states = definition("standard")["States"]
    assert states["RecordFailure"]["Next"] == states["RecordFailure"]["Catch"][0]["Next"] == "NotifyFailure"
    assert states["NotifyFailure"]["Next"] == states["NotifyFailure"]["Catch"][0]["Next"] == "PipelineFailed"
    judged = states["JudgeFailure"]["Choices"][0]["Condition"]
    assert [mark for mark in FINAL if mark not in judged] == []


def test_the_command_prints_the_definition(capsys: pytest.CaptureFixture[str]) -> None:
    """For review, and for whoever deploys by other means."""
    assert run(["state-machine"]) == 0
    assert json.loads(capsys.readouterr().out) == definition("standard")
    assert run(["state-machine", "--preset", "small"]) == 0
    assert json.loads(capsys.readouterr().out) == definition("small")
