"""What runs cost on AWS: predicted from sizes and schedule, or reckoned from what the ledger keeps of past runs. Every amount comes with its arithmetic.

Reads the dated price table `prices.yaml`, or one in its form; nobody has held the shipped one against AWS's pages. Seconds are estimates from this
repository's benchmarks (benchmarks/RESULTS.md) with the margins named below, not measurements on Glue; what a run took is in `etl.runs`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml

from rental_etl.aws.billing import DPU, INSTALL_SECONDS, MINIMUM_SECONDS, MINIMUM_WORKERS, JobRun, job_runs
from rental_etl.aws.state_machine import Preset, definition
from rental_etl.errors import ConfigurationError
from rental_etl.model.run import RunRecord

Engine = Literal["duckdb", "spark"]

# Before the work begins: the bundle is installed, and Spark has its processes and sessions to start.
START_SECONDS = {"duckdb": INSTALL_SECONDS, "spark": 60.0}
# Per million rows on two cores: new and changed ones, and all that are there. DuckDB 24 s for 10 M new rows, 5 s for 1 % of them changed.
# Spark 103 s besides its start: from 5 M to 20 M bookings and as many views it takes 10 s more for each million rows (benchmarks/SPARK.md).
_PER_MILLION = {"duckdb": (2.4, 0.4), "spark": (10.3, 2.0)}
# The network between worker, bucket and databases.
_MARGIN = 3.0
# DuckDB spills to the worker's disk; beyond this share of it a run is too large for one worker.
_DISK_GB = {"G.1X": 94, "G.2X": 138, "G.4X": 256, "G.8X": 512}
_BYTES_PER_ROW = 90
_STORED_BYTES_PER_ROW = 140
LONGEST_SECONDS = 3600
_AURORA_PAUSE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is, in rows; `changed` is the share of them that a run finds new."""

    bookings: int
    viewings: int
    listings: int
    changed: float

    @property
    def rows(self) -> int:
        """All tables together; attributes as many as listings."""
        return self.bookings + self.viewings + 2 * self.listings


@dataclass(frozen=True, slots=True)
class Line:
    """One amount: what for, how it comes about, USD."""

    item: str
    arithmetic: str
    usd: float


@dataclass(frozen=True, slots=True)
class Shape:
    """What computes: preset, engine, kind and number of workers."""

    preset: Preset
    engine: Engine
    worker: str = "G.1X"
    workers: int = MINIMUM_WORKERS

    @property
    def dpu(self) -> int:
        """Of all workers together."""
        return DPU[self.worker] * self.workers


@dataclass(frozen=True, slots=True)
class Bill:
    """One run and one month of a shape. `seconds` is the work of all jobs together, without starting them."""

    shape: Shape
    seconds: float
    run: tuple[Line, ...]
    month: tuple[Line, ...]

    @property
    def glue_and_steps(self) -> float:
        """USD of one run for Glue and Step Functions."""
        return sum(line.usd for line in self.run if line.item in ("Glue", "Step Functions"))

    @property
    def per_run(self) -> float:
        """USD of one run."""
        return sum(line.usd for line in self.run)

    @property
    def per_month(self) -> float:
        """USD of one month."""
        return sum(line.usd for line in self.month)


@dataclass(frozen=True, slots=True)
class Prices:
    """USD by name, with region and date; `checked` says whether somebody held the amounts against the pages they come from."""

    region: str
    date: date
    checked: bool
    usd: Mapping[str, float]


def load_prices(file: Path | None = None) -> Prices:
    """The price table. Raises ConfigurationError for one that lacks a price."""
    text = file.read_text(encoding="utf-8") if file else _shipped()
    where = str(file or "prices.yaml")
    try:
        found: dict[str, Any] = yaml.safe_load(text)
        usd = {name: float(entry["usd"]) for name, entry in found["prices"].items()}
        prices = Prices(str(found["region"]), found["date"], found.get("checked") is True, usd)
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable(where, f"it cannot be read ({error})") from error
    missing = set(yaml.safe_load(_shipped())["prices"]) - set(usd)
    if missing:
        raise _unreadable(where, f"it has no {', '.join(sorted(missing))}")
    return prices


def _unreadable(where: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"the price table is not complete: {what}",
        where=where,
        expected="region, date and prices in the form of src/rental_etl/aws/prices.yaml",
        remedy="copy that file and change its amounts",
    )


@cache
def _shipped() -> str:
    return files("rental_etl.aws").joinpath("prices.yaml").read_text(encoding="utf-8")


def seconds_of(shape: Shape, size: Size) -> float:
    """Seconds of work of one run, all jobs together. DuckDB has one worker of the two or more; Spark all but the driver's."""
    new, kept = _PER_MILLION[shape.engine]
    work = _MARGIN * (new * size.rows * size.changed + kept * size.rows) / 1e6
    cores = 4 * DPU[shape.worker]
    if shape.engine == "spark":
        cores *= shape.workers - 1
    # The benchmarks ran on two cores; twice the cores are not counted as twice the speed.
    return float(work / max(1.0, (cores / 2) ** 0.7))


def fits(shape: Shape, size: Size) -> bool:
    """Whether a run ends in time, and in DuckDB's case on the disk of one worker."""
    if seconds_of(shape, size) > LONGEST_SECONDS:
        return False
    return shape.engine == "spark" or size.rows * _BYTES_PER_ROW * 2 < _DISK_GB[shape.worker] * 1e9


def bill(shape: Shape, size: Size, *, runs: int, prices: Prices, rpu: int = 8, flex: bool = False) -> Bill:
    """One run and a month of `runs` runs: Glue, Step Functions, Redshift of `rpu` RPU, Aurora, S3, and what stands still."""
    tasks = [state for state in definition(shape.preset)["States"].values() if "glue:" in state.get("Resource", "")]
    seconds = seconds_of(shape, size)
    per_job = max(MINIMUM_SECONDS, START_SECONDS[shape.engine] + seconds / len(tasks))
    run = (
        _glue(shape, jobs=len(tasks), seconds=per_job, usd=prices.usd[_glue_price(flex)]),
        _steps(len(tasks), prices.usd["step_functions_transition"]),
        *_databases(len(tasks) * per_job, rpu, prices),
        _requests(size, prices.usd["s3_write"]),
    )
    whole = sum(line.usd for line in run)
    month = (Line("runs", f"{runs} x ${whole:.4f}", runs * whole), *_standing(size, prices))
    return Bill(shape, seconds, run, month)


def _glue(shape: Shape, *, jobs: int, seconds: float, usd: float) -> Line:
    arithmetic = f"{jobs} job{'s' * (jobs > 1)} x {shape.dpu} DPU x {seconds:.0f} s / 3600 x ${usd:g}"
    return Line("Glue", arithmetic, jobs * shape.dpu * seconds / 3600 * usd)


def _glue_price(flex: bool) -> str:
    return "glue_flex_dpu_hour" if flex else "glue_dpu_hour"


def _steps(jobs: int, usd: float) -> Line:
    # Begin, WhatToRun, a task and a choice per job, Done.
    transitions = 3 + 2 * jobs
    return Line("Step Functions", f"{transitions} transitions x ${usd:f}", transitions * usd)


def _databases(seconds: float, rpu: int, prices: Prices) -> tuple[Line, Line]:
    warehouse, source = prices.usd["redshift_rpu_hour"], prices.usd["aurora_acu_hour"]
    awake = seconds + _AURORA_PAUSE_SECONDS
    return (
        Line(
            "Redshift",
            f"{rpu} RPU x {seconds:.0f} s / 3600 x ${warehouse:g} (awake while jobs run)",
            rpu * seconds / 3600 * warehouse,
        ),
        Line(
            "Aurora",
            f"1 ACU x {awake:.0f} s / 3600 x ${source:g} (the run, and 10 min until it sleeps)",
            awake / 3600 * source,
        ),
    )


def _requests(size: Size, usd: float) -> Line:
    # Manifests, parts, metadata, and one part for every half million rows and every month touched.
    writes = 400 + int(size.rows * size.changed / 500_000) * 10 + 60
    return Line("S3 requests", f"{writes} writes x ${usd:f}", writes * usd)


def _standing(size: Size, prices: Prices) -> Iterable[Line]:
    gigabytes = size.rows * _STORED_BYTES_PER_ROW / 1e9
    for item, number, unit, name in (
        ("S3 storage", gigabytes, "GB", "s3_gb_month"),
        ("endpoints", 2 * 730, "hours (2 interfaces, one zone)", "endpoint_hour"),
        ("key", 1, "key", "kms_key_month"),
        ("secrets", 2, "secrets", "secret_month"),
        ("alarms", 4, "alarms", "alarm_month"),
        ("metrics", 2, "metrics", "metric_month"),
    ):
        usd = prices.usd[name]
        yield Line(item, f"{number:g} {unit} x ${usd:g}", number * usd)


def cheapest(size: Size, *, runs: int, prices: Prices, flex: bool = False) -> Bill:
    """The cheapest preset, engine and size for which a run ends within an hour. Raises ConfigurationError when none does."""
    shapes = [Shape("small", "duckdb", worker) for worker in DPU]
    shapes += [Shape("small", "spark", worker, workers) for worker in DPU for workers in (2, 3, 5, 10, 20, 50)]
    bills = [bill(shape, size, runs=runs, prices=prices, flex=flex) for shape in shapes if fits(shape, size)]
    if not bills:
        raise ConfigurationError(
            "no size of worker ends such a run within an hour",
            expected="less new data per run",
            remedy="run more often, or let jobs take longer",
        )
    # Where two cost the same, the one with less to it.
    return min(bills, key=lambda found: (round(found.per_run, 4), found.shape.engine != "duckdb", found.shape.dpu))


@dataclass(frozen=True, slots=True)
class Spent:
    """What a past run took on the clock, and what Glue bills for it: job run by job run, and the sum with its arithmetic."""

    run: RunRecord
    seconds: float
    job_runs: tuple[JobRun, ...]
    line: Line


def measured(runs: Sequence[RunRecord], *, dpu: float, prices: Prices, flex: bool = False) -> list[Spent]:
    """What past runs cost, newest first; runs that are not over are left out. `dpu` is assumed where the ledger knows of no Glue job run.

    Each Glue job run is billed by itself, a minute at least: five jobs that took a second each are five minutes.
    """
    found = []
    for run in runs:
        if run.finished_at and run.jobs:
            parts = job_runs(run, dpu=dpu)
            used, usd = sum(part.dpu_seconds for part in parts), prices.usd[_glue_price(flex)]
            how = " + ".join(f"{part.dpu_seconds / part.billed:.3g} DPU x {part.billed:.0f} s" for part in parts)
            line = Line("Glue", f"({how}) / 3600 x ${usd:g}", used / 3600 * usd)
            found.append(Spent(run, sum(part.seconds for part in parts), parts, line))
    return found
