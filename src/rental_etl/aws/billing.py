"""How Glue bills a job run, as far as it can be known from inside or afterwards from the ledger.

Glue itself says what it billed only once a job run is over (`aws glue get-job-run`, `DPUSeconds` where workers come and go). Until then these are
estimates, from the clock of the job's own process and the workers that it knows of.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rental_etl.model.run import JobRecord, RunRecord

# Of one worker. G.025X is for streaming alone.
DPU = {"G.1X": 1, "G.2X": 2, "G.4X": 4, "G.8X": 8}
# Glue has no smaller job.
MINIMUM_WORKERS = 2
MINIMUM_SECONDS = 60
# Installing the bundle, before the job's own clock starts; an allowance, for it has not been measured on Glue.
INSTALL_SECONDS = 25.0


def billed_seconds(seconds: float) -> float:
    """What a job run of so many seconds is billed: its bundle's installation is, too, and never less than a minute."""
    return max(MINIMUM_SECONDS, INSTALL_SECONDS + seconds)


@dataclass(frozen=True, slots=True)
class Workers:
    """What a Glue job has to compute with, in DPU: `dpu` of the workers that are there from beginning to end, `each` of those that come and go.

    0 stands for none of them.
    """

    dpu: float = 0.0
    each: float = 0.0

    def dpu_seconds(self, seconds: float, *, executors: float = 0.0) -> float:
        """What a job run is billed. `executors` are the seconds of all Spark executors together; without any it is the workers that are always there.

        With auto scaling Glue bills the driver's worker and each executor's for as long as it is there, and never fewer than the job's least workers.
        """
        billed = billed_seconds(seconds)
        return max(self.dpu * billed, self.each * (billed + executors) if executors else 0.0)


@dataclass(frozen=True, slots=True)
class JobRun:
    """One Glue job run as the ledger remembers it: its id ("" where the ledger knows of none), the pipeline's jobs in it, their seconds, what is billed."""

    glue_run: str
    jobs: tuple[str, ...]
    seconds: float
    billed: float
    dpu_seconds: float


def job_runs(run: RunRecord, *, dpu: float) -> tuple[JobRun, ...]:
    """The Glue job runs that a run was made of, each with its own minimum. Jobs that ran elsewhere than on Glue count as one job run of `dpu` DPU.

    Job runs that failed and were run again are not among them: the ledger keeps the last one of each job.
    """
    together: dict[str, list[JobRecord]] = {}
    for job in run.jobs:
        together.setdefault(str(job.counts.get("glue_run", "")), []).append(job)
    return tuple(_job_run(glue_run, jobs, dpu) for glue_run, jobs in together.items())


def _job_run(glue_run: str, jobs: Sequence[JobRecord], dpu: float) -> JobRun:
    seconds = sum(job.seconds for job in jobs)
    # Every job of one Glue job run has the same workers.
    workers = Workers(float(jobs[-1].counts.get("glue_dpu", 0) or dpu))
    # Where there were more of them, by auto scaling, each job has counted the processors it saw at its end.
    seen = sum(float(job.counts.get("dpu_seconds", 0)) for job in jobs) if glue_run else 0.0
    names = tuple(job.name for job in jobs)
    return JobRun(glue_run, names, seconds, billed_seconds(seconds), max(workers.dpu_seconds(seconds), seen))
