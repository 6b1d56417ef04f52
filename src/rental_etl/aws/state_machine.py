"""The Step Functions definition, built from `pipeline.JOBS`: the order of jobs is written there and nowhere else.

Every job is a Glue task that is waited for. What fails is retried by its kind: long and jittered while another run of the job is going on, shortly for
faults of the service, once for a job that failed, never for a quality gate or wrong input. Then the failure is recorded in the bucket, told to the SNS
topic, and the execution fails in a state from which a redrive goes back to the job.

Why it does not end in a `Fail` state: "redrive" enters the state that failed again, and a Fail state then fails again
(docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html, "Redrive behavior of individual states"). A Choice is evaluated anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rental_etl.aws.outcomes import FINAL
from rental_etl.pipeline import JOBS, Job

Preset = Literal["small", "standard"]
State = dict[str, Any]

# The whole pipeline in one Glue job: one minimum to pay instead of one per job.
WHOLE = "run_pipeline"
# CloudFormation fills these in; `rental-etl state-machine` shows them as they are.
TOPIC = "${FailureTopicArn}"
BUCKET = "${Bucket}"
ENGINES = ("duckdb", "spark")
_BUSY = ("Glue.ConcurrentRunsExceededException", "Glue.ResourceNumberLimitExceededException")
_FAULTS = (
    "Glue.InternalServiceException",
    "Glue.OperationTimeoutException",
    "Glue.ThrottlingException",
    "Glue.SdkClientException",
    "Glue.AWSGlueException",
)
_FAILED_STATES = ("ToFailedJob", "RerunOnce", "JudgeFailure", "RecordFailure", "NotifyFailure", "PipelineFailed")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in seconds: for a job before it counts as lost, and before each kind of retry."""

    job: int = 3900
    busy: int = 60
    fault: int = 5
    rerun: int = 30
    times_busy: int = 12


@dataclass(frozen=True, slots=True)
class _Step:
    """One Glue task: its state, its job, the words by which an input names it, and the arguments it has beside those of all."""

    state: str
    job: str
    words: tuple[str, ...]
    arguments: Mapping[str, str]


def state_name(job: str) -> str:
    """`extract_from_aurora` as a state: `ExtractFromAurora`."""
    return "".join(word.capitalize() for word in job.split("_"))


def definition(
    preset: Preset = "standard", *, jobs: Sequence[Job] = JOBS, engine: str = "duckdb", patience: Patience | None = None
) -> dict[str, Any]:
    """The state machine as Amazon States Language with JSONata. `small` has one Glue task for everything, `standard` one per job.

    Input, all optional: `as_of` (a day; default yesterday when the execution was started), `engine`, `full_refresh` (true or false), `jobs` (some of
    the pipeline's, by command or name). The execution's name is the run id. Fills in `engine` where the input names none.
    """
    waits = patience or Patience()
    steps = _steps(preset, jobs)
    states: dict[str, State] = {"Begin": _begin(jobs, engine), "WhatToRun": _what_to_run(steps, jobs)}
    for place, step in enumerate(steps):
        states[step.state] = _task(step, waits)
        states[f"After{step.state}"] = _after(step, steps[place + 1 :])
    states["Done"] = {"Type": "Succeed", "Output": {"run_id": "{% $run_id %}", "as_of": "{% $as_of %}"}}
    states |= _failing(steps, waits)
    states["WrongInput"] = {
        "Type": "Fail",
        "Comment": "Nothing was started, and the same input would end here again.",
        "Error": "WrongInput",
        "Cause": f"as_of is a day such as 2024-06-30; engine is one of {', '.join(ENGINES)}; full_refresh is true or false; jobs are some of "
        + ", ".join(job.command for job in jobs),
    }
    return {
        "Comment": "rental-etl: from the source to the metrics, each job a Glue run",
        "QueryLanguage": "JSONata",
        "StartAt": "Begin",
        # Every job may be lost once and rerun once; a machine that hangs longer than that is ended, and says so by an event.
        "TimeoutSeconds": 2 * len(steps) * waits.job + waits.busy * 60,
        "States": states,
    }


def _steps(preset: Preset, jobs: Sequence[Job]) -> tuple[_Step, ...]:
    if preset == "small":
        every = tuple(word for job in jobs for word in (job.command, job.name))
        return (_Step(state_name(WHOLE), WHOLE, every, {"--jobs": "{% $join($wanted, ',') %}"}),)
    return tuple(_Step(state_name(job.name), job.name, (job.command, job.name), {}) for job in jobs)


def _begin(jobs: Sequence[Job], engine: str) -> State:
    """Fixes what all jobs of the execution share, so that midnight between two of them changes nothing."""
    yesterday = "$fromMillis($toMillis($states.context.Execution.StartTime) - 86400000, '[Y0001]-[M01]-[D01]')"
    return {
        "Type": "Pass",
        "Assign": {
            "run_id": "{% $states.context.Execution.Name %}",
            "as_of": f"{{% $exists($states.input.as_of) ? $string($states.input.as_of) : {yesterday} %}}",
            "engine": f"{{% $exists($states.input.engine) ? $string($states.input.engine) : '{engine}' %}}",
            "full_refresh": "{% $exists($states.input.full_refresh) ? $string($states.input.full_refresh) : 'false' %}",
            "wanted": f"{{% $exists($states.input.jobs) ? $states.input.jobs : {_listed(job.command for job in jobs)} %}}",
            "rerun_of": "none",
        },
        "Next": "WhatToRun",
    }


def _what_to_run(steps: Sequence[_Step], jobs: Sequence[Job]) -> State:
    known = _listed(word for job in jobs for word in (job.command, job.name))
    wrong = (
        "$not($contains($as_of, /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/))"
        f" or $not($engine in {_listed(ENGINES)})"
        " or $not($full_refresh in ['true', 'false'])"
        f" or $count($wanted) = 0 or $count($filter($wanted, function($word) {{ $not($word in {known}) }})) > 0"
    )
    return {
        "Type": "Choice",
        "Choices": [{"Condition": f"{{% {wrong} %}}", "Next": "WrongInput"}, *_first_wanted(steps)],
        "Default": "WrongInput",
    }


def _first_wanted(steps: Sequence[_Step]) -> list[State]:
    """Rules that lead to the first of these steps that the input wants."""
    return [{"Condition": f"{{% {_any_wanted(step.words)} %}}", "Next": step.state} for step in steps]


def _any_wanted(words: Sequence[str]) -> str:
    return " or ".join(f"'{word}' in $wanted" for word in words)


def _task(step: _Step, waits: Patience) -> State:
    arguments = {
        "--run_id": "{% $run_id %}",
        "--as_of": "{% $as_of %}",
        "--engine": "{% $engine %}",
        "--full_refresh": "{% $full_refresh %}",
        **step.arguments,
    }
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::glue:startJobRun.sync",
        "Arguments": {"JobName": step.job, "Arguments": arguments},
        # The job's own timeout is shorter and stops it; this one covers a job of which nothing is heard any more.
        "TimeoutSeconds": waits.job,
        "Retry": _retries(waits),
        "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": {"failure": _caught(step)}, "Next": "JudgeFailure"}],
        "Assign": {"job_run_state": "{% $states.result.JobRunState %}"},
        "Next": f"After{step.state}",
    }


def _retries(waits: Patience) -> list[State]:
    return [
        {
            "ErrorEquals": list(_BUSY),
            "IntervalSeconds": waits.busy,
            "BackoffRate": 1.5,
            "MaxAttempts": waits.times_busy,
            "MaxDelaySeconds": 10 * waits.busy,
            "JitterStrategy": "FULL",
        },
        {
            "ErrorEquals": list(_FAULTS),
            "IntervalSeconds": waits.fault,
            "BackoffRate": 2,
            "MaxAttempts": 4,
            "MaxDelaySeconds": 12 * waits.fault,
            "JitterStrategy": "FULL",
        },
    ]


def _caught(step: _Step) -> State:
    """What is remembered of an error. Of a failed job run, whose cause is the whole run as JSON, the message."""
    cause = "$states.errorOutput.Cause"
    message = (
        f"{{% $not($exists({cause})) ? 'no cause was given'"
        f" : $contains({cause}, '\"ErrorMessage\"') ? $parse({cause}).ErrorMessage : {cause} %}}"
    )
    return {
        "state": step.state,
        "job": step.job,
        "error": "{% $states.errorOutput.Error %}",
        "cause": message,
        "redrives": _REDRIVES,
    }


_REDRIVES = "{% $exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0 %}"


def _after(step: _Step, later: Sequence[_Step]) -> State:
    """A run that somebody stopped is no error to Step Functions, and no success to us."""
    stopped = {
        "state": step.state,
        "job": step.job,
        "error": "Glue.JobRunNotSucceeded",
        "cause": "{% 'The job run ended as ' & $job_run_state %}",
        "redrives": _REDRIVES,
    }
    return {
        "Type": "Choice",
        "Choices": [
            {
                "Condition": "{% $job_run_state != 'SUCCEEDED' %}",
                "Assign": {"failure": stopped},
                "Next": "RecordFailure",
            },
            *_first_wanted(later),
        ],
        "Default": "Done",
    }


def _failing(steps: Sequence[_Step], waits: Patience) -> dict[str, State]:
    """What happens to a failure, the same for every job; `$failure` says which it was."""
    final = " or ".join(f"$contains($failure.cause, '{mark}')" for mark in FINAL)
    rerun = f"$failure.error = 'States.TaskFailed' and $failure.state != $rerun_of and $not({final})"
    to_job = [{"Condition": f"{{% $failure.state = '{step.state}' %}}", "Next": step.state} for step in steps]
    redriven = f"({_REDRIVES[3:-3]}) > $failure.redrives"
    told = "{% $failure.job & ' failed: ' & $failure.error & ': ' & $failure.cause %}"
    states: dict[str, State] = {
        "JudgeFailure": {
            "Type": "Choice",
            "Comment": "A failed job may be run again once: jobs go on where they stopped. What a quality gate refused, or cannot be read, stays so.",
            "Choices": [{"Condition": f"{{% {rerun} %}}", "Next": "RerunOnce"}],
            "Default": "RecordFailure",
        },
        "RerunOnce": {
            "Type": "Wait",
            "Seconds": waits.rerun,
            "Assign": {"rerun_of": "{% $failure.state %}"},
            "Next": "ToFailedJob",
        },
        "ToFailedJob": {"Type": "Choice", "Choices": to_job, "Default": "RecordFailure"},
        "RecordFailure": _record(),
        "NotifyFailure": _notify(),
        "PipelineFailed": {
            "Type": "Choice",
            "Comment": "Fails here, with the job's error. A redrive evaluates this anew and goes back to the job; a Fail state would fail again.",
            "Choices": [
                {
                    "Condition": f"{{% {redriven} %}}",
                    "Assign": {"rerun_of": "none"},
                    "Next": "ToFailedJob",
                },
                {"Condition": f"{{% $error({told[3:-3].strip()}) %}}", "Next": "ToFailedJob"},
            ],
        },
    }
    return {name: states[name] for name in reversed(_FAILED_STATES)}


_FAILURE = {
    "run_id": "{% $run_id %}",
    "as_of": "{% $as_of %}",
    "job": "{% $failure.job %}",
    "error": "{% $failure.error %}",
    "cause": "{% $failure.cause %}",
}


def _record() -> State:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
        "Arguments": {
            "Bucket": BUCKET,
            "Key": "{% 'runs/' & $run_id & '/failure.json' %}",
            "ContentType": "application/json",
            "Body": dict(_FAILURE),
        },
        "TimeoutSeconds": 60,
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 3}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "NotifyFailure"}],
        "Next": "NotifyFailure",
    }


def _notify() -> State:
    text = (
        r"{% 'Run ' & $run_id & ' (as_of ' & $as_of & ') failed in ' & $failure.job & '.\n\n'"
        r" & $failure.error & ': ' & $failure.cause & '\n\n"
        "What was published before is in force and unchanged. docs/runbook.md, section Run failed, says what to do;"
        " then redrive the execution.' %}"
    )
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Arguments": {
            "TopicArn": TOPIC,
            "Subject": "{% $substring('rental-etl: ' & $failure.job & ' failed', 0, 99) %}",
            "Message": text,
        },
        "TimeoutSeconds": 60,
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 3}],
        # Silence must not become success.
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "PipelineFailed"}],
        "Next": "PipelineFailed",
    }


def _listed(words: Any) -> str:
    return "[" + ", ".join(f"'{word}'" for word in words) + "]"
