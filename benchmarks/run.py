"""Measures the product beside its peers and prints ratios: `python -m benchmarks.run`, or `make bench`.

Generates the data once (benchmarks/data/), runs every step in a fresh process, all of them once per round, and writes benchmarks/RESULTS.md when nothing was
left out. Figures are medians over the rounds. Returns 1 when the product and a peer disagree on a row, 0 otherwise: a missed target is
reported, not an error.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Literal

from benchmarks.contenders import NEEDS, Round
from benchmarks.deliveries import prepare
from benchmarks.measure import machine

HERE = Path(__file__).parent

Clock = Literal["wall", "cpu"]
CLOCKS: tuple[Clock, Clock] = ("wall", "cpu")


@dataclass(frozen=True, slots=True)
class Target:
    """A promise: the steps it needs, how its figure is computed from them (and from wall-clock or CPU seconds), and its bound."""

    what: str
    steps: tuple[str, ...]
    figure: Callable[["Figures", Clock], float]
    bound: float
    unit: str = "x"
    at_least: bool = False

    def met(self, figure: float) -> bool:
        """Whether the figure keeps the promise."""
        return figure >= self.bound if self.at_least else figure <= self.bound


@dataclass(frozen=True, slots=True)
class Figures:
    """The rounds' medians by step."""

    rounds: Sequence[Round]

    def seconds(self, step: str, clock: Clock) -> float:
        """Seconds of a step."""
        return median(each.measured[step].wall if clock == "wall" else each.measured[step].cpu for each in self.rounds)

    def peak(self, step: str) -> float:
        """The greatest memory of any round, in MB."""
        return max(each.measured[step].peak_mb for each in self.rounds)

    def has(self, steps: Sequence[str]) -> bool:
        """Whether all of the steps were measured."""
        return all(step in self.rounds[0].measured for step in steps)


def _ratio(step: str, other: str) -> Callable[[Figures, Clock], float]:
    return lambda figures, clock: figures.seconds(step, clock) / figures.seconds(other, clock)


def _seconds(step: str) -> Callable[[Figures, Clock], float]:
    return lambda figures, clock: figures.seconds(step, clock)


def _peak(step: str) -> Callable[[Figures, Clock], float]:
    return lambda figures, _: figures.peak(step) / 1024


TARGETS = (
    Target("full run, times the DuckDB script", ("full", "duckdb"), _ratio("full", "duckdb"), 1.5),
    Target("pandas script, times the full run", ("full", "pandas"), _ratio("pandas", "full"), 2.0, at_least=True),
    Target("peak memory of the full run", ("full",), _peak("full"), 2.0, unit="GB"),
    Target("rerun with nothing new", ("rerun",), _seconds("rerun"), 2.0, unit="s"),
    Target("1 % changed in the last three months, as delta", ("delta", "full"), _ratio("delta", "full"), 0.25),
    Target(
        "1 % changed in the last three months, as full delivery", ("recent", "full"), _ratio("recent", "full"), 0.75
    ),
    Target("1 % changed over all months, as full delivery", ("spread", "full"), _ratio("spread", "full"), 1.3),
    Target("rental-etl --help", ("help",), _seconds("help"), 0.3, unit="s"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write down; the process's exit code."""
    options = _options(arguments)
    wanted = {step for name in options.only or NEEDS for step in (name, *NEEDS[name])}
    print("preparing the data", file=sys.stderr)
    deliveries = prepare(
        options.workdir, apartments=options.apartments, bookings=options.bookings, viewings=options.viewings
    )
    if not options.cold:
        print("warming up", file=sys.stderr)
        tiny = prepare(options.workdir, apartments=100, bookings=1000, viewings=1000)
        Round(tiny, options.workdir / "round", check=False).run(wanted.__contains__, lambda _: None)
    rounds: list[Round] = []
    load = os.getloadavg()[1]
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        # agreement is the same in every round: looking once spares minutes
        rounds.append(Round(deliveries, options.workdir / "round", check=number == 0))
        rounds[-1].run(wanted.__contains__, lambda line: print(f"  {line}", file=sys.stderr))
    report = _report(Figures(rounds), options, load=load)
    print(report, end="")
    disagreements = [line for each in rounds for line in each.disagreements]
    for line in disagreements:
        print(f"DISAGREEMENT {line}", file=sys.stderr)
    if not options.only and not disagreements:
        options.results.write_text(report, encoding="utf-8")
    return 1 if disagreements else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--bookings", type=int, default=5_000_000)
    parser.add_argument("--viewings", type=int, default=5_000_000)
    parser.add_argument("--apartments", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cold", action="store_true", help="without the small warm-up round")
    parser.add_argument(
        "--only", action="append", choices=sorted(NEEDS), help="only this step and those it needs; may be repeated"
    )
    parser.add_argument("--workdir", type=Path, default=HERE / "data", help="where data and workspaces are written")
    parser.add_argument("--results", type=Path, default=HERE / "RESULTS.md", help="where the figures are written")
    return parser.parse_args(arguments)


def _report(figures: Figures, options: argparse.Namespace, *, load: float) -> str:
    lines = [
        "# Benchmark results",
        "",
        f"{options.bookings:,} bookings, {options.viewings:,} viewings, {options.apartments:,} listings; medians of {options.rounds}"
        " rounds, memory at its greatest. The peers and the product gave the same rows in all twelve tables.",
        "",
        f"Machine: {machine()}, DuckDB {version('duckdb')}, pandas {version('pandas')}.",
        f"Command: `python -m benchmarks.run --bookings {options.bookings} --viewings {options.viewings}"
        f" --apartments {options.apartments} --rounds {options.rounds}{' --cold' if options.cold else ''}`",
        "",
        "| promise | seen | by CPU seconds | bound | kept |",
        "|---|---|---|---|---|",
    ]
    for target in TARGETS:
        if figures.has(target.steps):
            wall, cpu = (f"{target.figure(figures, clock):.2f} {target.unit}" for clock in CLOCKS)
            bound = f"{'at least' if target.at_least else 'at most'} {target.bound} {target.unit}"
            kept = "yes" if target.met(target.figure(figures, "wall")) else "NO"
            lines.append(f"| {target.what} | {wall} | {cpu} | {bound} | {kept} |")
    lines += [
        "",
        f"Kept or not is told by the clock; CPU seconds tell more while others use the machine, which ran {load:.1f} processes before this.",
    ]
    lines += ["", "| step | wall s | CPU s | peak MB | seconds per job |", "|---|---|---|---|---|"]
    for step in figures.rounds[0].measured:
        jobs = _jobs(figures, step)
        wall, cpu = (f"{figures.seconds(step, clock):.2f}" for clock in CLOCKS)
        lines.append(f"| {step} | {wall} | {cpu} | {figures.peak(step):.0f} | {jobs} |")
    return "\n".join(lines) + "\n"


def _jobs(figures: Figures, step: str) -> str:
    first = figures.rounds[0].jobs.get(step, {})
    return ", ".join(f"{job} {median(each.jobs[step].get(job, 0.0) for each in figures.rounds):.2f}" for job in first)


if __name__ == "__main__":
    sys.exit(main())
