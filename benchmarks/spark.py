"""Measures transform and metrics on Spark beside a hand-written PySpark job and beside DuckDB: `python -m benchmarks.spark --rows 5000000 --growth 20000000`.

All three start from the same landed Parquet, on two threads and with the same memory, each in a fresh process that also starts its Spark. Their metric tables
are held against each other. How time grows is told by further sizes, which the hand-written job need not do.
Figures are medians over the rounds. Writes benchmarks/SPARK.md when all rows agree; returns 1 when one differs, 0 otherwise: a missed promise is reported,
not an error.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from statistics import median

import duckdb

from benchmarks.compare import TABLES, differences
from benchmarks.deliveries import END, SEED
from benchmarks.measure import Measured, machine, measure_family
from rental_etl.synthetic.marketplace import generate

HERE = Path(__file__).parent
COMMAND = str(Path(sys.executable).with_name("rental-etl"))
OURS, PEER, DUCKDB = "--engine spark", "PySpark by hand", "--engine duckdb"
# Promised at this size; at others the ratio is told without a bound.
PROMISED_ROWS, BOUND = 5_000_000, 1.0
LISTING_PER = 25
# One process for both jobs, as the peer is one.
BOTH = """
import sys
from datetime import date
from pathlib import Path
from rental_etl.bootstrap import Application
from rental_etl.settings import load_settings
workspace, as_of, kind, memory = sys.argv[1:]
engine = {"kind": kind, "threads": 2, "memory": memory}
settings = load_settings(config=None, overrides={"workspace": Path(workspace), "engine": engine})
Application(settings, as_of=date.fromisoformat(as_of)).run(["transform", "metrics"])
"""


@dataclass(slots=True)
class Size:
    """What was measured of so many bookings and as many views: a list by contender, in the order of the rounds."""

    rows: int
    folder: Path
    memory: str
    with_peer: bool = True
    seen: dict[str, list[Measured]] = field(default_factory=lambda: {OURS: [], PEER: [], DUCKDB: []})

    def run_round(self) -> None:
        """Every contender once, from landed batches of which nothing is computed."""
        self._generate()
        for contender, kind in ((OURS, "spark"), (DUCKDB, "duckdb")):
            workspace = self._landed(kind)
            self._measure(contender, [sys.executable, "-c", BOTH, str(workspace), END.isoformat(), kind, self.memory])
        if not self.with_peer:
            return
        lake, out = self.folder / "spark" / "lake", self._fresh("peer")
        script = [sys.executable, str(HERE / "peer_spark.py"), str(lake), str(out), END.isoformat()]
        self._measure(PEER, [*script, self.memory.lower().removesuffix("b")])

    def disagreements(self) -> list[str]:
        """What differs from the engine spark's tables, in the others'."""
        found = []
        ours = self.folder / "spark" / "warehouse.duckdb"
        if self.with_peer:
            tables = self.folder / "peer.duckdb"
            tables.unlink(missing_ok=True)
            with duckdb.connect(str(tables)) as database:
                for table in TABLES:
                    database.execute(f"create table {table} as from '{self.folder}/peer/metrics/{table}/*.parquet'")
            found.append((PEER, differences(ours, tables)))
        twin = self.folder / "twin.duckdb"
        twin.unlink(missing_ok=True)
        with duckdb.connect(str(twin)) as database:
            database.execute(f"attach '{self.folder}/duckdb/warehouse.duckdb' as warehouse (read_only)")
            for table in TABLES:
                database.execute(f"create table {table} as from warehouse.presentation.{table}")
        found.append((DUCKDB, differences(ours, twin)))
        return [f"{name}, {table}: {what}" for name, differing in found for table, what in differing.items()]

    def seconds(self, contender: str) -> float:
        """The median of the wall-clock seconds."""
        return median(each.wall for each in self.seen[contender])

    def cpu(self, contender: str) -> float:
        """The median of the CPU seconds of all its processes."""
        return median(each.cpu for each in self.seen[contender])

    def peak(self, contender: str) -> float:
        """The greatest memory of all its processes together in any round, in MB."""
        return max(each.peak_mb for each in self.seen[contender])

    def _generate(self) -> None:
        """Make the delivery, once."""
        source, partial = self.folder / "source", self._fresh("generating")
        if not source.exists():
            listings = max(100, self.rows // LISTING_PER)
            generate(partial, apartments=listings, bookings=self.rows, viewings=self.rows, seed=SEED, end=END)
            partial.rename(source)

    def _landed(self, kind: str) -> Path:
        """A workspace where the delivery is landed and loaded."""
        workspace = self._fresh(kind)
        place = ["--source", str(self.folder / "source"), "--workspace", str(workspace), "--as-of", END.isoformat()]
        for job in ("extract", "load"):
            subprocess.run([COMMAND, job, *place], check=True, capture_output=True)
        return workspace

    def _fresh(self, name: str) -> Path:
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def _measure(self, contender: str, command: Sequence[str]) -> None:
        log = self.folder / f"{contender.strip('-').replace(' ', '-')}.log"
        found = measure_family(command, log=log, bytecode=self.folder.parent / "bytecode")
        print(f"  {self.rows:,} {contender}: {found.wall:.1f} s, {found.peak_mb:,.0f} MB", file=sys.stderr)
        self.seen[contender].append(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, compare and write down; the process's exit code."""
    options = _options(arguments)
    sizes = [
        Size(rows, options.workdir / f"spark-{rows}", options.memory, with_peer=rows in options.rows)
        for rows in sorted({*options.rows, *options.growth})
    ]
    load = os.getloadavg()[1]
    disagreements = []
    for size in sizes:
        size.folder.mkdir(parents=True, exist_ok=True)
        for _ in range(options.rounds):
            size.run_round()
        disagreements += [f"at {size.rows:,} rows: {line}" for line in size.disagreements()]
    report = _report(sizes, options, load=load)
    print(report, end="")
    for line in disagreements:
        print(f"DISAGREEMENT {line}", file=sys.stderr)
    if not disagreements:
        options.results.write_text(report, encoding="utf-8")
    return 1 if disagreements else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spark", description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[PROMISED_ROWS], help="bookings, and as many views; one or more sizes"
    )
    parser.add_argument(
        "--growth",
        type=int,
        nargs="*",
        default=[],
        help="sizes of which the product alone is measured, on both engines",
    )
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--memory", default="2GB", help="of Spark's driver, which computes here, and of DuckDB")
    parser.add_argument("--workdir", type=Path, default=HERE / "data", help="where data and workspaces are written")
    parser.add_argument("--results", type=Path, default=HERE / "SPARK.md", help="where the figures are written")
    return parser.parse_args(arguments)


def _report(sizes: Sequence[Size], options: argparse.Namespace, *, load: float) -> str:
    rows = " ".join(map(str, options.rows))
    growth = "".join(f" {rows}" for rows in options.growth)
    lines = [
        "# Spark beside a PySpark job written by hand",
        "",
        f"Transform and metrics of a first full delivery: so many bookings and as many views, and a listing for every {LISTING_PER} of them.",
        "Each starts from the same landed Parquet, in a fresh process that also starts its Spark, on two threads of one machine (`local[2]`)",
        f"and with {options.memory} of memory (Spark: the heap of its driver, which computes here; what a process takes besides is counted in the peak).",
        f"Medians of {options.rounds} {'round' if options.rounds == 1 else 'rounds'}; memory at its greatest, over all processes together.",
        "All gave the same rows in all twelve tables.",
        "",
        f"Machine: {machine()}, Spark {version('pyspark')}, DuckDB {version('duckdb')}. It ran {load:.1f} processes before this.",
        f"Command: `python -m benchmarks.spark --rows {rows}{' --growth' if growth else ''}{growth} --rounds {options.rounds} --memory {options.memory}`",
        "",
        "| bookings + views | contender | wall s | CPU s | peak MB |",
        "|---|---|---|---|---|",
    ]
    for size in sizes:
        for name in [name for name, seen in size.seen.items() if seen]:
            figures = f"{size.seconds(name):.1f} | {size.cpu(name):.1f} | {size.peak(name):,.0f}"
            lines.append(f"| {size.rows:,} + {size.rows:,} | {name} | {figures} |")
    lines += ["", "| figure | seen | by CPU seconds | bound | kept |", "|---|---|---|---|---|"]
    for size in sizes:
        lines += _ratios(size)
    for before, after in pairwise(sizes):
        lines.append(_growth(before, after))
    lines += ["", "Kept or not is told by the clock; CPU seconds tell more while others use the machine."]
    if PROMISED_ROWS not in options.rows:
        lines += [
            "",
            f"The bound of {BOUND} x holds for {PROMISED_ROWS:,} + {PROMISED_ROWS:,}, which was not measured.",
        ]
    return "\n".join(lines) + "\n"


def _ratios(size: Size) -> list[str]:
    lines = []
    if size.with_peer:
        wall, cpu = size.seconds(OURS) / size.seconds(PEER), size.cpu(OURS) / size.cpu(PEER)
        promised = size.rows == PROMISED_ROWS
        bound = f"at most {BOUND} x | {'yes' if wall <= BOUND else 'NO'}" if promised else "|"
        lines.append(f"| {size.rows:,}: {OURS}, times PySpark by hand | {wall:.2f} x | {cpu:.2f} x | {bound} |")
    faster, cheaper = size.seconds(OURS) / size.seconds(DUCKDB), size.cpu(OURS) / size.cpu(DUCKDB)
    return [*lines, f"| {size.rows:,}: {OURS}, times {DUCKDB} | {faster:.2f} x | {cheaper:.2f} x | | |"]


def _growth(before: Size, after: Size) -> str:
    rows = after.rows / before.rows
    wall, cpu = after.seconds(OURS) / before.seconds(OURS), after.cpu(OURS) / before.cpu(OURS)
    what = f"{OURS}, from {before.rows:,} to {after.rows:,}"
    kept = "yes" if wall <= rows else "NO"
    memory = after.peak(OURS) / before.peak(OURS)
    return f"| {what} (memory {memory:.2f} x) | {wall:.2f} x | {cpu:.2f} x | at most {rows:.1f} x | {kept} |"


if __name__ == "__main__":
    sys.exit(main())
