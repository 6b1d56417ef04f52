"""Spark in use: in turns with DuckDB on one workspace, and with executors that die while they work."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from reference.comparison import Tables, difference
from reference.product import published
from rental_etl.bootstrap import Application
from rental_etl.settings import load_settings
from rental_etl.synthetic.marketplace import generate
from shell import END, read, rewrite
from spark import server as spark

TESTS = Path(__file__).parents[1]


class Workspace:
    """A workspace and the folder it reads, computed by whichever engine each run names."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.source = source
        self.folder = folder

    def run(self, engine: Mapping[str, Any], *, as_of: date = END) -> str:
        """One run; returns its state."""
        return self._application(engine, as_of).run().run.state

    def tables(self) -> Tables:
        """What it shows, with the accounting of rows."""
        app = self._application({}, END)
        return {**published(app), "accounting": Counter((repr(line),) for line in app.status().accounting)}

    def publishes(self) -> int:
        """How often it published."""
        found = self._application({}, END).status().published
        return found.number if found else 0

    def _application(self, engine: Mapping[str, Any], as_of: date) -> Application:
        overrides = {"workspace": self.folder, "source": {"url": str(self.source)}, "engine": engine}
        return Application(load_settings(config=None, overrides=overrides), as_of=as_of)


def marketplace(folder: Path) -> Path:
    """A few listings over two years."""
    generate(folder, apartments=20, bookings=120, viewings=120, seed=3, end=END)
    return folder


def change(source: Path, number: int) -> None:
    """The next delivery: some bookings dearer, one unreadable, some gone, some views and a listing's version gone, a city renamed."""
    bookings = read(source / "bookings.csv")
    dearer = [{**row, "total_price": "77.77"} if place % 9 == number else row for place, row in enumerate(bookings)]
    dearer[0]["total_price"] = "many"
    rewrite(source / "bookings.csv", dearer[: len(dearer) - 4 * number])
    rewrite(source / "user_viewing.csv", read(source / "user_viewing.csv")[3 * number :])
    rewrite(source / "apartments.csv", read(source / "apartments.csv")[:-1])
    attributes = read(source / "apartment_attributes.csv")
    rewrite(source / "apartment_attributes.csv", [{**attributes[0], "cityname": f"City {number}"}, *attributes[1:]])


@pytest.mark.timeout(300)
def test_engines_take_turns_on_one_workspace(tmp_path: Path) -> None:
    """What one wrote the other merges into, and neither computes again what the other has published."""
    source = marketplace(tmp_path / "data")
    turns, alone = Workspace(source, tmp_path / "turns"), Workspace(source, tmp_path / "alone")
    engines: list[Mapping[str, Any]] = [{}, spark.section(), {}, spark.section()]
    for number, engine in enumerate(engines):
        if number:
            change(source, number)
        assert turns.run(engine) == "published"
        assert alone.run({}) == "published"
        assert not difference(alone.tables(), turns.tables()), difference(alone.tables(), turns.tables())
        assert turns.run(spark.section() if engine == {} else {}) == "unchanged"


class Loss:
    """A published workspace whose next delivery comes upon executors that die, and one that goes undisturbed."""

    def __init__(self, folder: Path) -> None:
        spark.require()
        self.temp = folder / "temp"
        source = marketplace(folder / "data")
        self.disturbed = Workspace(source, folder / "disturbed")
        self.undisturbed = Workspace(source, folder / "undisturbed")
        self.disturbed.run({})
        self.undisturbed.run({})
        self.before = self.disturbed.tables()
        change(source, 1)
        self.undisturbed.run({})

    def run(self, executors: int, *runs: str) -> list[dict[str, Any]]:
        """Run with `spark.losing`; returns what it says about each run."""
        places = [self.disturbed.source, self.disturbed.folder, self.temp]
        command = [sys.executable, "-m", "spark.losing", *map(str, places), str(executors), *runs]
        done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=False, timeout=280)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def lost(self) -> int:
        """How many executors Spark itself says it lost while it worked."""
        return (self.temp / "spark.log").read_text().count("Lost executor")


@pytest.mark.timeout(300)
def test_the_work_of_a_lost_executor_is_done_again(tmp_path: Path) -> None:
    """One of two is killed in transform and one in metrics, each with a task on it; a new one takes its place and the run notices nothing."""
    loss = Loss(tmp_path)
    [told] = loss.run(2, "transform,metrics")
    assert told == {"lost": ["transform", "metrics"], "error": ""}
    assert loss.lost() == 2
    assert not difference(loss.undisturbed.tables(), loss.disturbed.tables())
    assert [path.name for path in loss.temp.iterdir()] == ["spark.log"]


@pytest.mark.timeout(300)
def test_a_cluster_that_gives_up_fails_the_run_and_shows_nothing_of_it(tmp_path: Path) -> None:
    """The only executor is killed, in transform and, in the next run of the same process, in metrics; what was published stays until a run gets through."""
    loss = Loss(tmp_path)
    told = loss.run(1, "transform", "metrics")
    assert [run["lost"] for run in told] == [["transform"], ["metrics"]]
    assert [run["error"] for run in told] == ["3: Spark ended while it worked"] * 2
    assert loss.disturbed.publishes() == 1
    assert not difference(loss.before, loss.disturbed.tables())
    assert [path.name for path in loss.temp.iterdir()] == ["spark.log"]
    assert loss.disturbed.run({}) == "published"
    assert not difference(loss.undisturbed.tables(), loss.disturbed.tables())
