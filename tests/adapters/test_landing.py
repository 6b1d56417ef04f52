"""Behaviour of a landing zone. `Shore` gives a fresh one, and what is to be landed in it."""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rental_etl.errors import ConfigurationError, SystemUnreachableError
from rental_etl.lake.landing import LocalLanding
from rental_etl.model.batch import Batch, Delivery, Part, Reading, SourceFile

DAY = date(2024, 6, 30)
NOBODY = 65534
HERE = {"source": "folder /data", "warehouse": "duckdb:////w"}


class Shore:
    """A landing zone under a path full of characters that mean something elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "it's [1] * 100% #2"
        self.root.mkdir(parents=True)

    def open(self) -> LocalLanding:
        return LocalLanding(self.root)

    def claimed(self) -> LocalLanding:
        landing = self.open()
        landing.claim(**HERE)
        return landing

    def land(self, content: str = "one", table: str = "bookings", *, quarantine: bool = True) -> Batch:
        """Land a batch of two parts."""
        landing = self.open()
        with landing.staging() as staging:
            return landing.commit(
                delivery(content, table),
                reading=read(staging, content, quarantine=quarantine),
                staging=staging,
                day=DAY,
                run_id="run",
            )

    def files(self) -> dict[str, str]:
        """Every file but those that hold times or ids, by path."""
        files = {str(path.relative_to(self.root)): path for path in self.root.rglob("*") if path.is_file()}
        return {name: path.read_text() for name, path in files.items() if name != "lake.json" and name[:3] != "log"}


def kept_text(landing: LocalLanding, batch: Batch) -> str:
    """The text of the one delivered file that was kept."""
    with landing.kept_source(batch) as kept:
        assert kept is not None
        return (kept / "bookings.csv").read_text()


def delivery(content: str, table: str = "bookings") -> Delivery:
    return Delivery(table, f"{table}.csv", "full", (SourceFile(f"{table}.csv", len(content), "sha"),), content)


def read(staging: Path, content: str, *, quarantine: bool = True, source: bool = True) -> Reading:
    """Write what a source writes."""
    (staging / "parts").mkdir()
    for number in (0, 1):
        (staging / "parts" / f"part-{number}.parquet").write_text(f"{content} {number}")
    if source:
        (staging / "source").mkdir()
        (staging / "source" / "bookings.csv").write_text(f"{content} as delivered")
    if quarantine:
        (staging / "quarantine").mkdir()
        (staging / "quarantine" / "rows.parquet").write_text(f"{content} refused")
    return Reading(
        parts=(Part("parts/part-0.parquet", 3), Part("parts/part-1.parquet", 4)),
        quarantine="quarantine/rows.parquet" if quarantine else "",
        rows_read=8,
        rows_unreadable=1,
        rows_refused=2,
        findings={"warn:repeated_key:": 2},
        extra_columns=("colour",),
        missing_columns=("num_guests",),
        parsing={"date_order": "iso"},
    )


@pytest.fixture
def shore(tmp_path: Path) -> Shore:
    return Shore(tmp_path)


class TestOwnership:
    """A lake has one source, one warehouse and one place."""

    def test_the_first_claim_is_recorded_and_the_same_one_passes_again(self, shore: Shore) -> None:
        shore.claimed()
        owner = json.loads((shore.root / "lake.json").read_text())
        assert owner["lake_id"]
        assert {**HERE, "location": str(shore.root)} == {part: owner[part] for part in (*HERE, "location")}
        shore.claimed()
        assert owner == json.loads((shore.root / "lake.json").read_text())

    @pytest.mark.parametrize("part", ["source", "warehouse"])
    def test_another_one_is_refused_with_the_way_out(self, shore: Shore, part: str) -> None:
        shore.claimed()
        shore.land()
        with pytest.raises(ConfigurationError, match=f"another {part}") as caught:
            shore.open().claim(**{**HERE, part: "other"})
        assert caught.value.exit_code == 2
        assert HERE[part] in caught.value.expected
        assert "--workspace" in caught.value.remedy

    def test_what_is_not_known_yet_is_not_compared_and_recorded_when_it_is(self, shore: Shore) -> None:
        shore.open().claim(source="", warehouse="duckdb:////w")
        shore.claimed()
        shore.land()
        shore.open().claim(source="", warehouse="duckdb:////w")
        with pytest.raises(ConfigurationError, match="another source"):
            shore.open().claim(source="other", warehouse="duckdb:////w")

    def test_a_source_that_nothing_landed_from_owns_nothing(self, shore: Shore) -> None:
        """A mistyped folder must not lock its owner out."""
        shore.open().claim(source="mistyped", warehouse=HERE["warehouse"])
        shore.claimed()
        assert json.loads((shore.root / "lake.json").read_text())["source"] == HERE["source"]

    def test_a_moved_lake_is_refused_until_it_is_repaired(self, shore: Shore, tmp_path: Path) -> None:
        shore.claimed()
        shore.land()
        moved = shutil.move(shore.root, tmp_path / "moved")
        landing = LocalLanding(Path(moved))
        with pytest.raises(ConfigurationError, match="another location") as caught:
            landing.claim(**HERE)
        assert "rental-etl repair" in caught.value.remedy
        landing.move_owner(warehouse="duckdb:////elsewhere")
        landing.claim(source=HERE["source"], warehouse="duckdb:////elsewhere")
        [batch] = landing.landed().batches
        assert Path(landing.path(batch.reading.parts[0].path)).read_text() == "one 0"

    def test_moving_the_owner_of_nothing_does_nothing(self, shore: Shore) -> None:
        shore.open().move_owner(warehouse="w")
        assert list(shore.root.iterdir()) == []

    def test_a_damaged_owner_file_is_explained(self, shore: Shore) -> None:
        shore.claimed()
        (shore.root / "lake.json").write_text("{")
        with pytest.raises(ConfigurationError, match="damaged") as caught:
            shore.claimed()
        assert caught.value.where == str(shore.root / "lake.json")


class TestBatches:
    """A batch exists from the moment its manifest does, and never changes."""

    def test_before_the_first_there_is_none(self, shore: Shore) -> None:
        assert shore.open().landed().batches == ()
        assert list(shore.root.iterdir()) == []

    def test_a_batch_is_read_back_as_it_was_committed(self, shore: Shore) -> None:
        shore.claimed()
        batch = shore.land()
        assert (batch.batch_id, batch.revision, batch.day, batch.run_id) == (1, 1, DAY, "run")
        assert shore.open().landed().batches == (batch,)
        assert (batch.reading.rows_landed, batch.reading.parsing) == (7, {"date_order": "iso"})
        assert batch.delivery == delivery("one")

    def test_its_files_are_where_its_manifest_says(self, shore: Shore) -> None:
        shore.claimed()
        batch, landing = shore.land(), shore.open()
        assert [Path(landing.path(part.path)).read_text() for part in batch.reading.parts] == ["one 0", "one 1"]
        assert Path(landing.path(batch.reading.quarantine)).read_text() == "one refused"
        assert kept_text(landing, batch) == "one as delivered"
        assert batch.folder == "raw/bookings/00000001"

    def test_batches_are_numbered_over_all_tables_in_order(self, shore: Shore) -> None:
        shore.claimed()
        for content, table in (("one", "bookings"), ("two", "apartments"), ("three", "bookings")):
            shore.land(content, table, quarantine=False)
        landed = shore.open().landed()
        assert [(batch.batch_id, batch.table) for batch in landed.batches] == [
            (1, "bookings"),
            (2, "apartments"),
            (3, "bookings"),
        ]
        assert [batch.batch_id for batch in landed.of("bookings")] == [1, 3]
        assert landed.last_number == 3
        assert landed.batches[2].reading.quarantine == ""

    def test_an_open_landing_sees_what_is_landed_meanwhile(self, shore: Shore) -> None:
        landing = shore.claimed()
        assert landing.landed().batches == ()
        shore.land()
        assert len(landing.landed().batches) == 1

    def test_order_is_kept_beyond_a_hundred_million(self, shore: Shore) -> None:
        """Manifests are numbered in eight digits."""
        shore.claimed()
        shore.land()
        text = (shore.root / "log" / "00000001.json").read_text()
        for number in (2, 10, 100_000_000):
            other = text.replace('"batch_id": 1,', f'"batch_id": {number},')
            (shore.root / "log" / f"{number:08d}.json").write_text(
                other.replace('"number": 1,', f'"number": {number},')
            )
        assert [batch.batch_id for batch in shore.open().landed().batches] == [1, 2, 10, 100_000_000]
        assert shore.land("new").batch_id == 100_000_001

    def test_two_writers_at_the_same_moment_get_one_number_and_one_of_them_an_error(
        self, shore: Shore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        landing = shore.claimed()
        shore.land("first")
        monkeypatch.setattr(landing, "_last_number", lambda: 0)
        with pytest.raises(SystemUnreachableError, match="at the same moment"):
            landing.decide(1, "accept", run_id="run")
        assert shore.open().landed().decisions == {}

    def test_a_damaged_manifest_is_explained(self, shore: Shore) -> None:
        shore.claimed()
        shore.land()
        (shore.root / "log" / "00000001.json").write_text('{"kind": "ba')
        with pytest.raises(ConfigurationError, match=r"00000001\.json is damaged"):
            shore.open().landed()


class TestRevisions:
    """Another reading of a batch keeps its place."""

    def revise(self, shore: Shore, batch: Batch, content: str) -> Batch:
        landing = shore.open()
        with landing.staging() as staging:
            reading = read(staging, content)
            return landing.revise(batch, reading=reading, staging=staging, run_id="later")

    def test_it_has_the_batchs_number_and_a_revision_of_its_own(self, shore: Shore) -> None:
        shore.claimed()
        first = shore.land("one")
        shore.land("two")
        again = self.revise(shore, first, "one again")
        assert (again.batch_id, again.revision, again.day, again.delivery) == (1, 3, DAY, first.delivery)
        assert [(batch.batch_id, batch.revision) for batch in shore.open().landed().batches] == [(1, 3), (2, 2)]

    def test_both_readings_are_there_and_the_delivered_files_stay(self, shore: Shore) -> None:
        """Curated tables that were made from the first one may be read meanwhile."""
        shore.claimed()
        first = shore.land("one")
        again = self.revise(shore, first, "one again")
        landing = shore.open()
        assert Path(landing.path(first.reading.parts[0].path)).read_text() == "one 0"
        assert Path(landing.path(again.reading.parts[0].path)).read_text() == "one again 0"
        assert Path(landing.path(again.reading.quarantine)).read_text() == "one again refused"
        assert kept_text(landing, again) == "one as delivered"


class TestDecisions:
    """The last decision on a batch counts."""

    def test_they_are_read_back(self, shore: Shore) -> None:
        landing = shore.claimed()
        shore.land()
        shore.land("two")
        landing.decide(1, "reject", run_id="run")
        landing.decide(2, "accept", run_id="run")
        landing.decide(1, "accept", run_id="run")
        landed = shore.open().landed()
        assert landed.decisions == {1: "accept", 2: "accept"}
        assert landed.last_number == 5
        assert shore.land("three").batch_id == 6


class TestStaging:
    """Work in progress leaves nothing behind."""

    def test_it_is_removed_afterwards_also_after_an_error(self, shore: Shore) -> None:
        landing = shore.claimed()

        def interrupted() -> None:
            with landing.staging() as staging:
                (staging / "half").write_text("x")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert list((shore.root / "temp").iterdir()) == []

    def test_what_killed_runs_left_is_cleared(self, shore: Shore) -> None:
        landing = shore.claimed()
        shore.land()
        before = shore.files()
        (shore.root / "temp" / "0123").mkdir()
        (shore.root / "temp" / "0123" / "half").write_text("x")
        (shore.root / "temp" / "0456.tmp").write_text("x")
        for folder in ("raw/bookings/00000002", "quarantine/bookings/00000001-00000002", "raw/apartments/00000007"):
            (shore.root / folder).mkdir(parents=True)
            (shore.root / folder / "half").write_text("x")
        landing.clear_staging()
        assert before == shore.files()

    def test_foreign_files_are_left_alone(self, shore: Shore) -> None:
        landing = shore.claimed()
        shore.land()
        (shore.root / "raw" / "bookings" / ".DS_Store").write_text("x")
        (shore.root / "raw" / "bookings" / "notes").mkdir()
        landing.clear_staging()
        assert "raw/bookings/.DS_Store" in shore.files()
        assert (shore.root / "raw" / "bookings" / "notes").exists()


class TestTheSystemRefuses:
    """Each case is one error that says where."""

    @pytest.mark.parametrize("work", ["claim", "stage", "commit", "decide"])
    def test_a_folder_without_permission(self, work: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            shore = Shore(Path(folder))
            landing = shore.open() if work == "claim" else shore.claimed()
            shore.root.chmod(0o555)
            staging = Path(folder) / "staging"
            staging.mkdir(mode=0o777)
            staging.chmod(0o777)
            for name in ("log", "temp") if work == "commit" else ():
                (shore.root / name).chmod(0o777)
            with _unprivileged(), pytest.raises(SystemUnreachableError) as caught:
                _try(work, landing, staging)
            assert str(shore.root) in caught.value.where
            assert caught.value.exit_code == 3

    def test_a_file_in_place_of_the_folder(self, shore: Shore) -> None:
        (shore.root / "log").write_text("a file")
        with pytest.raises(SystemUnreachableError):
            shore.claimed()


def _try(work: str, landing: LocalLanding, staging: Path) -> None:
    if work == "claim":
        landing.claim(**HERE)
    elif work == "decide":
        landing.decide(1, "accept", run_id="run")
    elif work == "stage":
        with landing.staging():
            pass
    else:
        landing.commit(delivery("x"), reading=read(staging, "x"), staging=staging, day=DAY, run_id="run")


@contextmanager
def _unprivileged() -> Iterator[None]:
    """As a user who may not write into the folders of another; root may write everywhere."""
    user = os.geteuid()
    os.seteuid(user or NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


class TestKilled:
    """A kill after any step; the next run ends where an undisturbed one does."""

    @pytest.mark.parametrize("work", ["claim", "land", "revise", "decide"])
    def test_after_any_step_the_next_run_makes_it_good(self, tmp_path: Path, work: str) -> None:
        undisturbed = Shore(tmp_path / "undisturbed")
        _prepare(undisturbed, work)
        _act(undisturbed, work)
        step = 1
        while _killed(shore := Shore(tmp_path / f"{step}"), work, step):
            before = shore.open().landed()
            assert len(before.batches) in ((0, 1) if work in ("claim", "land") else (1,))
            for batch in before.batches:
                assert [Path(shore.open().path(part.path)).exists() for part in batch.reading.parts] == [True, True]
            shore.open().clear_staging()
            shore.claimed()
            if _outcome(undisturbed) != _outcome(shore):
                _act(shore, work)
            assert _outcome(undisturbed) == _outcome(shore)
            step += 1
        # Writing one manifest takes four.
        assert step > 4


def _prepare(shore: Shore, work: str) -> None:
    if work != "claim":
        shore.claimed()
    if work in ("revise", "decide"):
        shore.land()


def _act(shore: Shore, work: str) -> None:
    if work == "claim":
        shore.claimed()
    elif work == "land":
        shore.land()
    elif work == "revise":
        TestRevisions().revise(shore, shore.open().landed().batches[0], "again")
    else:
        shore.open().decide(1, "reject", run_id="run")


def _outcome(shore: Shore) -> Any:
    landed = shore.open().landed()
    batches = [(batch.batch_id, batch.revision, batch.folder, batch.reading) for batch in landed.batches]
    return batches, landed.decisions, shore.files()


def _killed(shore: Shore, work: str, step: int) -> bool:
    """Do the work in a process of its own that kills itself after its `step`-th change of the file system; False when it had fewer."""
    _prepare(shore, work)
    child = os.fork()
    if child == 0:
        steps = iter(range(1, 10_000))

        def counted(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **options: Any) -> Any:
                result = function(*arguments, **options)
                if next(steps) == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return result

            return call

        # What pathlib and shutil go through, whatever they are called by.
        for name in ("fsync", "link", "mkdir", "rename", "replace", "unlink", "rmdir"):
            setattr(os, name, counted(getattr(os, name)))
        _act(shore, work)
        os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
