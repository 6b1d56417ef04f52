"""What is measured, step by step: the peers, and the product on a first delivery and on those that follow.

A round runs every wanted step once, in this order, in fresh processes. The steps of the product build on each other: the rerun and the later
deliveries find what the full run left in the workspace.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

import duckdb

from benchmarks.compare import differences
from benchmarks.deliveries import END, Deliveries, deliver, lay_out
from benchmarks.measure import Measured, measure

COMMAND = str(Path(sys.executable).with_name("rental-etl"))
HERE = Path(__file__).parent
Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")
NEEDS: Mapping[str, tuple[str, ...]] = {
    "help": (),
    "duckdb": (),
    "full": (),
    "pandas": (),
    "rerun": ("full",),
    "recent": ("full", "rerun"),
    "spread": ("full", "rerun", "recent"),
    "delta": ("full",),
}


@dataclass(slots=True)
class Round:
    """One round: its measurements by step, the product's seconds per job by step, and what did not agree."""

    deliveries: Deliveries
    folder: Path
    check: bool
    measured: dict[str, Measured] = field(default_factory=dict)
    jobs: dict[str, dict[str, float]] = field(default_factory=dict)
    disagreements: list[str] = field(default_factory=list)

    def run(self, steps: Callable[[str], bool], tell: Callable[[str], None]) -> None:
        """Run the wanted steps; `tell` hears each one's name and figures."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for name, step in self._steps():
            if steps(name):
                found = self.measured[name] = step()
                tell(f"{name:8} {found.wall:7.2f} s wall {found.cpu:7.2f} s CPU {found.peak_mb:7.0f} MB")
        shutil.rmtree(self.folder)

    def _steps(self) -> Iterator[tuple[str, Callable[[], Measured]]]:
        yield "help", lambda: self._measure("help", [COMMAND, "--help"])
        yield "duckdb", lambda: self._peer("duckdb", self.deliveries.base)
        yield "full", self._full
        yield "pandas", lambda: self._peer("pandas", self.deliveries.base)
        yield "rerun", self._rerun
        yield "recent", lambda: self._later("recent", self.deliveries.recent)
        yield "spread", lambda: self._later("spread", self.deliveries.spread)
        yield "delta", self._delta

    def _full(self) -> Measured:
        lay_out(self.deliveries, self.folder / "source")
        found = self._product("full", "full")
        self._compare("duckdb", "full")
        return found

    def _rerun(self) -> Measured:
        before = _apart(_contents, self._warehouse("full")) if self.check else {}
        found = self._product("rerun", "full")
        after = _apart(_contents, self._warehouse("full")) if self.check else {}
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        if changed not in ([], ["etl.runs"]):
            self.disagreements.append(f"a rerun with nothing new changed {', '.join(changed)}")
        return found

    def _later(self, name: str, bookings: Path) -> Measured:
        """The next full delivery, in the workspace of the full run."""
        deliver(bookings, self.folder / "source" / "bookings.csv")
        found = self._product(name, "full")
        if self.check:
            self._peer(f"{name}_check", self.folder / "source", program="duckdb")
            self._compare(f"{name}_check", "full")
        return found

    def _delta(self) -> Measured:
        """A series of files, the second one with the bookings that changed; only its run counts."""
        source = self.folder / "source_delta"
        lay_out(self.deliveries, source, bookings="bookings-1.csv")
        self._product("before", "delta", source=source)
        deliver(self.deliveries.recent_rows, source / "bookings-2.csv")
        found = self._product("delta", "delta", source=source)
        if self.check:
            changed = self.folder / "source_recent"
            lay_out(self.deliveries, changed)
            deliver(self.deliveries.recent, changed / "bookings.csv")
            self._peer("delta_check", changed, program="duckdb")
            self._compare("delta_check", "delta")
        shutil.rmtree(self.folder / "delta")
        return found

    def _peer(self, name: str, source: Path, *, program: str = "") -> Measured:
        script = HERE / f"peer_{program or name}.py"
        found = self._measure(
            name, [sys.executable, str(script), str(source), str(self.folder / name), END.isoformat()]
        )
        if name == "pandas":
            self._compare(name, "full")
        shutil.rmtree(self.folder / name / "curated")
        return found

    def _product(self, name: str, workspace: str, *, source: Path | None = None) -> Measured:
        place = ["--source", str(source or self.folder / "source"), "--workspace", str(self.folder / workspace)]
        found = self._measure(name, [COMMAND, "run", *place, "--as-of", END.isoformat()])
        with duckdb.connect(str(self._warehouse(workspace)), read_only=True) as database:
            jobs = database.execute("select jobs from etl.runs order by started_at desc limit 1").fetchall()[0][0]
        self.jobs[name] = {job["name"]: job["seconds"] for job in json.loads(jobs)}
        return found

    def _measure(self, name: str, command: list[str]) -> Measured:
        return measure(command, log=self.folder / f"{name}.log", bytecode=self.folder.parent / "bytecode")

    def _warehouse(self, workspace: str) -> Path:
        return self.folder / workspace / "warehouse.duckdb"

    def _compare(self, peer: str, workspace: str) -> None:
        theirs = self.folder / peer / "metrics.duckdb"
        if not (self.check and theirs.exists() and self._warehouse(workspace).exists()):
            return
        for table, difference in _apart(differences, self._warehouse(workspace), theirs).items():
            self.disagreements.append(f"{workspace} against {peer}, {table}: {difference}")


def _apart(function: Callable[Arguments, Answer], *arguments: Arguments.args, **named: Arguments.kwargs) -> Answer:
    """Call a function in a process of its own: the system counts the memory of a parent at its peak to each child it starts later."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments, **named).result()


def _contents(warehouse: Path) -> dict[str, tuple[int, int]]:
    """Rows and a digest of them, by table; a view counts as its table does."""
    with duckdb.connect(str(warehouse), read_only=True) as database:
        database.execute("set enable_progress_bar = false")
        names = database.execute("select table_schema || '.' || table_name from information_schema.tables").fetchall()
        return {
            name: database.execute(f"select count(*), coalesce(bit_xor(hash(rows)), 0) from {name} as rows").fetchall()[
                0
            ]
            for (name,) in names
        }
