"""Stands in for AWS: moto's server, completed where it cannot run the pipeline. Start it with `emulate`; a test covers this emulator, not AWS.

Completed are: JSONata (by jsonata-python, moto has none); objects as bodies of S3 objects; `glue:startJobRun.sync` (moto ends it with an error of its
own); Glue job runs (each is a process of this machine instead of nothing); and RedriveExecution, by the rule AWS documents: the state that failed is
entered again, all before it keeps its results.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from rehearsal.rights import JOBS_KEY, record_requests

# Any: what is completed here has types that do not allow it.
_PARSER = "moto.stepfunctions.parser"
REGION = "eu-west-1"
ACCOUNT = "123456789012"


@dataclass(frozen=True, slots=True)
class Emulated:
    """A running emulator."""

    url: str
    logs: Path

    def client(self, service: str, *, as_job: bool = False) -> Any:
        """A boto3 client of one of its services; `as_job` when it asks with the key that jobs have."""
        import boto3

        given = credentials() | ({"aws_access_key_id": JOBS_KEY} if as_job else {})
        return boto3.client(service, endpoint_url=self.url, **given)

    def log(self, run_id: str) -> str:
        """What a Glue job run wrote."""
        return (self.logs / f"{run_id}.log").read_text(encoding="utf-8", errors="replace")


def credentials() -> dict[str, str]:
    """What every client of the emulator uses."""
    return {"region_name": REGION, "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


def identity(url: str) -> dict[str, str]:
    """Who a process is to the emulator, and where that is."""
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
    }


@contextmanager
def emulate(folder: Path, *, command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Emulated]:
    """Run the emulator as a process of its own. A Glue job runs `command` with its arguments, in a folder of its own, and knows nothing but `environment`
    and who it is to AWS."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    plan = folder / "emulator.json"
    known = dict(environment) | identity(url) | {"AWS_ACCESS_KEY_ID": JOBS_KEY}
    plan.write_text(json.dumps({"command": list(command), "environment": known, "logs": str(folder)}))
    with (folder / "emulator.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "rehearsal.emulator", str(plan), str(port)],
            cwd=Path(__file__).parents[1],
            env=os.environ | {"MOTO_PORT": str(port)},
            stdout=log,
            stderr=log,
        )
    try:
        _await(port, process)
        yield Emulated(url, folder)
    finally:
        process.terminate()
        process.wait(20)


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the emulator did not start")


def _serve(plan: Mapping[str, Any], port: int) -> None:
    from moto.core.config import default_user_config
    from moto.server import ThreadedMotoServer

    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    _complete_jsonata()
    _complete_glue(plan)
    _complete_sdk()
    _complete_redrive()
    record_requests(Path(plan["logs"]))
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    threading.Event().wait()


def _complete_jsonata() -> None:
    import jsonata

    moto_jsonata: Any = import_module(f"{_PARSER}.asl.jsonata.jsonata")

    def evaluate(expression: str) -> Any:
        try:
            parsed = jsonata.Jsonata(expression)
            # A function that Step Functions has beside JSONata's own.
            parsed.register_lambda("parse", json.loads)
            return parsed.evaluate(None)
        except Exception as error:
            raise moto_jsonata.JSONataException("UNKNOWN", str(error)) from error

    moto_jsonata._eval_jsonata = evaluate


def _complete_glue(plan: Mapping[str, Any]) -> None:
    models: Any = import_module("moto.glue.models")
    tasks: Any = import_module(f"{_PARSER}.asl.component.state.exec.state_task.service.state_task_service_glue")

    class JobRun(models.FakeJobRun):  # type: ignore[misc]
        """A process of this machine."""

        def __init__(self, job_name: str, arguments: Mapping[str, str] | None = None, **named: Any) -> None:
            super().__init__(job_name=job_name, arguments=dict(arguments or {}), **named)
            self.log = Path(plan["logs"]) / f"{self.job_run_id}.log"
            folder = Path(plan["logs"]) / self.job_run_id
            folder.mkdir()
            given = [text for name, value in (arguments or {}).items() for text in (name, value)]
            self.stopped = ""
            with self.log.open("wb") as log:
                self.process = subprocess.Popen(
                    [*plan["command"], "--JOB_NAME", job_name, "--JOB_RUN_ID", self.job_run_id, *given],
                    cwd=folder,
                    env=plan["environment"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            (folder / "pid").write_text(str(self.process.pid))

        def advance(self) -> None:
            """Nothing: the process goes on by itself."""

        @property
        def status(self) -> str:
            code = self.process.poll()
            if self.stopped:
                return self.stopped
            return "RUNNING" if code is None else "SUCCEEDED" if code == 0 else "FAILED"

        @status.setter
        def status(self, value: str) -> None:
            del value

        def end(self, state: str) -> None:
            if self.process.poll() is None:
                self.stopped = state
                self.process.kill()
                self.process.wait()

        def as_dict(self) -> dict[str, Any]:
            found: dict[str, Any] = super().as_dict()
            if self.status == "FAILED":
                lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
                found["ErrorMessage"] = lines[-1] if lines else f"exit code {self.process.returncode}"
            return found

    models.FakeJobRun = JobRun

    def integrate(self: Any, *, env: Any, **named: Any) -> None:
        submitted = env.stack[-1]
        self.timeout.eval(env=env)
        env.stack.pop()
        resolver = self._build_sync_resolver(env=env, **named)
        outcome = None
        while env.is_running() and outcome is None:
            outcome = resolver()
            time.sleep(0 if outcome else 0.1)
        if outcome is None:
            _run(models, submitted).end("STOPPED")
        # Moments as JSON has them: DescribeExecution cannot write others.
        env.stack.append(json.loads(json.dumps(outcome, default=str)))

    tasks.StateTaskServiceGlue._eval_integration_pattern = integrate


def _run(models: Any, submitted: Mapping[str, str]) -> Any:
    backend = models.glue_backends[ACCOUNT][REGION]
    return backend.get_job_run(submitted["JobName"], submitted["JobRunId"])


def _complete_sdk() -> None:
    """An object as the body of an S3 object is written as JSON."""
    sdk: Any = import_module(f"{_PARSER}.asl.component.state.exec.state_task.service.state_task_service_aws_sdk")
    plain = sdk.StateTaskServiceAwsSdk._eval_service_task

    def evaluate(self: Any, *, normalised_parameters: dict[str, Any], **named: Any) -> None:
        body = normalised_parameters.get("Body")
        encoded = {"Body": json.dumps(body).encode()} if isinstance(body, dict) else {}
        plain(self, normalised_parameters=normalised_parameters | encoded, **named)

    sdk.StateTaskServiceAwsSdk._eval_service_task = evaluate


def _complete_redrive() -> None:
    api: Any = import_module(f"{_PARSER}.api")
    workers: Any = import_module(f"{_PARSER}.backend.execution_worker")
    backends: Any = import_module(f"{_PARSER}.models").stepfunctions_parser_backends
    responses: Any = import_module("moto.stepfunctions.responses")

    class Redriven(workers.ExecutionWorker):  # type: ignore[misc]
        before: Any
        redrives: int

        def _get_evaluation_entrypoint(self) -> Any:
            program = super()._get_evaluation_entrypoint()
            program.start_at.start_at_name = self.before.env.states.context_object.context_object_data["State"]["Name"]
            return program

        def _get_evaluation_environment(self) -> Any:
            environment = super()._get_evaluation_environment()
            environment.variable_store = self.before.env.variable_store
            environment.states.context_object.context_object_data["Execution"]["RedriveCount"] = self.redrives
            return environment

    def redrive_execution(self: Any) -> str:
        arn = self._get_param("executionArn")
        machines = backends[ACCOUNT][REGION].state_machines
        execution = next(each for machine in machines for each in machine.executions if each.exec_arn == arn)
        first = execution._get_start_execution_worker()
        worker = Redriven(
            first._evaluation_details,
            first._execution_communication,
            first._cloud_watch_logging_session,
            first._activity_store,
        )
        worker.before, worker.redrives = execution.exec_worker, getattr(execution.exec_worker, "redrives", 0) + 1
        execution.exec_worker, execution.exec_status = worker, api.ExecutionStatus.RUNNING
        execution.error = execution.cause = execution.stop_date = None
        worker.start()
        return json.dumps({"redriveDate": time.time()})

    responses.StepFunctionResponse.redrive_execution = redrive_execution


if __name__ == "__main__":
    _serve(json.loads(Path(sys.argv[1]).read_text()), int(sys.argv[2]))
