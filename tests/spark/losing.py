"""Loses executors: `python -m spark.losing SOURCE WORKSPACE TEMP EXECUTORS RUN...` runs on so many executor processes, of which one dies in some jobs.

Each argument `RUN` is one run and names those jobs, joined by commas; without any the run is undisturbed. All runs share one process. Prints one JSON object
per run: in which jobs an executor was lost while it had a task, and the run's error if it had one. A cluster gives up when its last executor is gone.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from rental_etl.bootstrap import Application
from rental_etl.errors import RentalEtlError
from rental_etl.settings import load_settings
from shell import END
from spark import server

_BACKEND = b"CoarseGrainedExecutorBackend"
# Seconds for which a task has to be under way: of these few rows no other takes so long, but one on the stopped executor.
_STUCK = 2.0
# Seconds in which the stopped executor begins its task before it dies.
_BEGINS = 0.03
# A step before which the job has not yet begun to compute is no step to lose an executor in.
_STEPS_BEFORE = 2


class Losses:
    """A `Watch` that lets an executor die in some jobs, while a task of that job is on it."""

    def __init__(self, jobs: list[str]) -> None:
        self.lost: list[str] = []
        self._jobs = jobs
        self._job = ""
        self._steps = 0

    def job(self, name: str) -> None:
        """A job begins."""
        self._job, self._steps = name, 0

    def progress(self, label: str, done: int, total: int) -> None:
        """A job gets on."""
        del label, done, total
        self._steps += 1
        if self._job in self._jobs and self._steps > _STEPS_BEFORE and executors():
            self._jobs.remove(self._job)
            pid = executors()[0]
            os.kill(pid, signal.SIGSTOP)
            threading.Thread(target=self._lose, args=(pid, self._job)).start()

    def _lose(self, pid: int, job: str) -> None:
        self._wait_for_a_task_on_it()
        if self._job == job:
            self.lost.append(job)
        os.kill(pid, signal.SIGCONT)
        time.sleep(_BEGINS)
        os.kill(pid, signal.SIGKILL)

    def _wait_for_a_task_on_it(self) -> None:
        since = time.monotonic()
        stages: list[int] = []
        while time.monotonic() - since < _STUCK:
            now = _stages_at_work()
            if not now or now != stages:
                stages, since = now, time.monotonic()
            time.sleep(0.05)


def executors() -> list[int]:
    """The executor processes of this process's Spark."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if (
                folder.name.isdecimal()
                and _BACKEND in (folder / "cmdline").read_bytes()
                and _descends(int(folder.name))
            ):
                found.append(int(folder.name))
    return sorted(found)


def _descends(pid: int) -> bool:
    """Whether a process is below this one."""
    while pid > 1 and pid != os.getpid():
        pid = int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    return pid == os.getpid()


def _stages_at_work() -> list[int]:
    """The stages of which a task is under way."""
    from pyspark import SparkContext

    tracker: Any = SparkContext.getOrCreate().statusTracker()
    stages = [(number, tracker.getStageInfo(number)) for number in tracker.getActiveStageIds()]
    return [number for number, stage in stages if stage is not None and stage.numActiveTasks]


def run(source: Path, workspace: Path, engine: dict[str, Any], jobs: list[str]) -> dict[str, Any]:
    """Run once, losing executors in each of the jobs."""
    losses, error = Losses(jobs), ""
    overrides = {"workspace": workspace, "source": {"url": str(source)}, "engine": engine}
    try:
        Application(load_settings(config=None, overrides=overrides), as_of=END, watch=losses).run()
    except RentalEtlError as failed:
        error = f"{failed.exit_code}: {failed.what}"
    return {"lost": losses.lost, "error": error}


def main(source: str, workspace: str, temp: str, number: str, *runs: str) -> None:
    """Run as often as there are arguments for it."""
    engine = server.section() | {"temp": temp, "master": f"local-cluster[{number},1,1024]"}
    few_rows = {"spark.sql.shuffle.partitions": "2", "spark.executor.extraJavaOptions": server.JAVA_OF_FEW_ROWS}
    engine["spark"] = engine["spark"] | few_rows | {"spark.deploy.maxExecutorRetries": "1"}
    for jobs in runs:
        told = run(Path(source), Path(workspace), engine, [job for job in jobs.split(",") if job])
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
