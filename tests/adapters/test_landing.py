"""Behaviour of a landing zone, on a local disk and in S3. `Shore` gives a fresh one, and what is to be landed in it."""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters import shores
from adapters.shores import DAY, HERE, LocalShore, Shore, delivery, kept_text, plain, read, text_at
from rental_etl.errors import ConfigurationError, SystemUnreachableError, WorkspaceBusyError
from rental_etl.lake.landing import LocalLanding
from rental_etl.model.batch import Batch
from rental_etl.ports.lake import Landing
from s3 import server

NOBODY = 65534


@pytest.fixture(params=shores.KINDS)
def shore(request: pytest.FixtureRequest) -> Iterator[Shore]:
    with shores.opened(request.param) as fresh:
        yield fresh


@pytest.fixture
def local(tmp_path: Path) -> LocalShore:
    return LocalShore(tmp_path)


class TestOwnership:
    """A lake has one source, one warehouse and one place."""

    def test_the_first_claim_is_recorded_and_the_same_one_passes_again(self, shore: Shore) -> None:
        shore.claimed()
        owner = json.loads(shore.text("lake.json"))
        assert owner["lake_id"]
        assert {**HERE, "location": shore.where("").rstrip("/")} == {part: owner[part] for part in (*HERE, "location")}
        shore.claimed()
        assert owner == json.loads(shore.text("lake.json"))

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
        assert json.loads(shore.text("lake.json"))["source"] == HERE["source"]

    def test_moving_the_owner_of_nothing_does_nothing(self, shore: Shore) -> None:
        shore.open().move_owner(warehouse="w")
        assert shore.names() == []

    def test_a_repair_makes_another_warehouse_the_owner(self, shore: Shore) -> None:
        shore.claimed()
        shore.land()
        shore.open().move_owner(warehouse="duckdb:////elsewhere")
        with pytest.raises(ConfigurationError, match="another warehouse"):
            shore.claimed()
        shore.open().claim(source=HERE["source"], warehouse="duckdb:////elsewhere")

    def test_a_damaged_owner_file_is_explained(self, shore: Shore) -> None:
        shore.claimed()
        shore.put("lake.json", "{")
        with pytest.raises(ConfigurationError, match="damaged") as caught:
            shore.claimed()
        assert caught.value.where == shore.where("lake.json")

    def test_a_moved_lake_is_refused_until_it_is_repaired(self, local: LocalShore, tmp_path: Path) -> None:
        local.claimed()
        local.land()
        moved = shutil.move(local.root, tmp_path / "moved")
        landing = LocalLanding(Path(moved))
        with pytest.raises(ConfigurationError, match="another location") as caught:
            landing.claim(**HERE)
        assert "rental-etl repair" in caught.value.remedy
        landing.move_owner(warehouse="duckdb:////elsewhere")
        landing.claim(source=HERE["source"], warehouse="duckdb:////elsewhere")
        [batch] = landing.landed().batches
        assert Path(landing.path(batch.reading.parts[0].path)).read_text() == "one 0"


class TestBatches:
    """A batch exists from the moment its manifest does, and never changes."""

    def test_before_the_first_there_is_none(self, shore: Shore) -> None:
        assert shore.open().landed().batches == ()
        assert shore.names() == []

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
        assert [text_at(shore, part.path) for part in batch.reading.parts] == ["one 0", "one 1"]
        assert text_at(shore, batch.reading.quarantine) == "one refused"
        assert kept_text(landing, batch) == "one as delivered"
        assert plain(batch.folder) == "raw/bookings/00000001"

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
        text = shore.text("log/00000001.json")
        for number in (2, 10, 100_000_000):
            other = text.replace('"batch_id": 1,', f'"batch_id": {number},')
            shore.put(f"log/{number:08d}.json", other.replace('"number": 1,', f'"number": {number},'))
        assert [batch.batch_id for batch in shore.open().landed().batches] == [1, 2, 10, 100_000_000]
        assert shore.land("new").batch_id == 100_000_001

    def test_two_writers_at_the_same_moment_get_one_number_and_one_of_them_an_error(
        self, local: LocalShore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        landing = local.claimed()
        local.land("first")
        monkeypatch.setattr(landing, "_last_number", lambda: 0)
        with pytest.raises(SystemUnreachableError, match="at the same moment"):
            landing.decide(1, "accept", run_id="run")
        assert local.open().landed().decisions == {}

    def test_a_damaged_manifest_is_explained(self, shore: Shore) -> None:
        shore.claimed()
        shore.land()
        shore.put("log/00000001.json", '{"kind": "ba')
        with pytest.raises(ConfigurationError, match=r"00000001\.json is damaged"):
            shore.open().landed()


class TestRevisions:
    """Another reading of a batch keeps its place."""

    def revise(self, shore: Shore, batch: Batch, content: str) -> Batch:
        landing = shore.open()
        with landing.staging() as staging:
            reading = read(staging, content)
            again: Batch = landing.revise(batch, reading=reading, staging=staging, run_id="later")
            return again

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
        assert text_at(shore, first.reading.parts[0].path) == "one 0"
        assert text_at(shore, again.reading.parts[0].path) == "one again 0"
        assert text_at(shore, again.reading.quarantine) == "one again refused"
        assert kept_text(shore.open(), again) == "one as delivered"


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
        assert shore.staged() == []

    def test_what_killed_runs_left_is_cleared(self, local: LocalShore) -> None:
        landing = local.claimed()
        local.land()
        before = local.files()
        (local.root / "temp" / "0123").mkdir()
        (local.root / "temp" / "0123" / "half").write_text("x")
        (local.root / "temp" / "0456.tmp").write_text("x")
        for folder in ("raw/bookings/00000002", "quarantine/bookings/00000001-00000002", "raw/apartments/00000007"):
            (local.root / folder).mkdir(parents=True)
            (local.root / folder / "half").write_text("x")
        landing.clear_staging()
        assert before == local.files()

    def test_foreign_files_are_left_alone(self, local: LocalShore) -> None:
        landing = local.claimed()
        local.land()
        (local.root / "raw" / "bookings" / ".DS_Store").write_text("x")
        (local.root / "raw" / "bookings" / "notes").mkdir()
        landing.clear_staging()
        assert "raw/bookings/.DS_Store" in local.files()
        assert (local.root / "raw" / "bookings" / "notes").exists()


class TestTheSystemRefuses:
    """Each case is one error that says where."""

    @pytest.mark.parametrize("work", ["claim", "stage", "commit", "decide"])
    def test_a_folder_without_permission(self, work: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            shore = LocalShore(Path(folder))
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

    def test_a_file_in_place_of_the_folder(self, local: LocalShore) -> None:
        (local.root / "log").write_text("a file")
        with pytest.raises(SystemUnreachableError):
            local.claimed()


def _try(work: str, landing: Landing, staging: Path) -> None:
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


class TestTwoWriters:
    """In S3 no lock holds another machine off: what is created only if it is absent does."""

    @pytest.fixture
    def coast(self) -> Iterator[shores.S3Shore]:
        with shores.opened("s3") as fresh:
            assert isinstance(fresh, shores.S3Shore)
            yield fresh

    @pytest.mark.parametrize("act", ["land", "decide"])
    def test_the_one_that_comes_second_ends_and_changes_nothing(self, coast: shores.S3Shore, act: str) -> None:
        """It does not know what the first one landed: the same delivery would be in the lake twice."""
        coast.claimed()
        coast.land("before")
        second = coast.open()
        second.landed()
        coast.land("first")
        with second.staging() as staging, pytest.raises(WorkspaceBusyError, match="at the same moment") as caught:
            _try("decide" if act == "decide" else "commit", second, staging)
        assert caught.value.exit_code == 4
        landed = coast.open().landed()
        assert [batch.delivery.content for batch in landed.batches] == ["before", "first"]
        assert text_at(coast, landed.batches[1].reading.parts[0].path) == "first 0"
        assert landed.decisions == {}

    def test_two_first_claims_have_one_owner(self, coast: shores.S3Shore) -> None:
        coast.open().claim(source="one", warehouse="w")
        coast.land()
        with pytest.raises(ConfigurationError, match="another source"):
            coast.open().claim(source="other", warehouse="w")

    def test_another_catalog_is_refused(self, coast: shores.S3Shore) -> None:
        """It would know nothing of the tables."""
        coast.claimed()
        other = coast.open()
        other._catalog = lambda: "sqlite 2"
        with pytest.raises(ConfigurationError, match="another catalog") as caught:
            other.claim(**HERE)
        assert "rental-etl repair" in caught.value.remedy

    def test_an_answer_that_was_lost_is_no_lost_race(self, coast: shores.S3Shore) -> None:
        """The client tries again, and finds its own manifest."""
        landing = coast.claimed()
        assert landing.objects.create("log/00000001.json", b"mine")
        assert landing.objects.create("log/00000001.json", b"mine")
        assert not landing.objects.create("log/00000001.json", b"another's")

    def test_what_another_machine_is_uploading_is_left_alone(self, coast: shores.S3Shore) -> None:
        """Only its own leftovers, and what nobody can be at any more, are this workspace's to remove."""
        coast.claimed()
        name = "raw/bookings/00000002-0123456789ab/part-0.parquet"
        coast.put(name, "half")
        coast.open().clear_staging()
        assert name in coast.names()

    def test_what_this_workspace_left_goes_at_once(self, coast: shores.S3Shore) -> None:
        landing = coast.claimed()
        coast.land()
        before = coast.names()
        left = coast.temp / "landing" / "0123456789ab"
        left.mkdir()
        (left / ".uploading").touch()
        for top in ("raw", "quarantine"):
            coast.put(f"{top}/bookings/00000002-0123456789ab/part-0.parquet", "half")
        landing.clear_staging()
        assert coast.names() == before
        assert coast.staged() == []

    def test_what_everybody_left_goes_in_time(self, coast: shores.S3Shore, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also uploads in parts that never ended, which nobody sees and somebody pays for."""
        landing = coast.claimed()
        coast.land()
        before = coast.names()
        for name in ("raw/bookings/00000002-0123456789ab/part-0.parquet", "temp/check-x"):
            coast.put(name, "half")
        client = server.client()
        client.create_multipart_upload(Bucket=coast.bucket, Key=f"{shores.ODD}/raw/bookings/x")
        now = landing.objects.now()
        monkeypatch.setattr(landing.objects, "now", lambda: now + 3 * 86_400)
        landing.clear_staging()
        assert coast.names() == before
        assert client.list_multipart_uploads(Bucket=coast.bucket).get("Uploads", []) == []


class TestKilled:
    """A kill after any step; the next run ends where an undisturbed one does."""

    @pytest.mark.parametrize("work", ["claim", "land", "revise", "decide"])
    @pytest.mark.parametrize("kind", shores.KINDS)
    def test_after_any_step_the_next_run_makes_it_good(self, tmp_path: Path, work: str, kind: str) -> None:
        def fresh(name: str) -> Shore:
            made: Shore = shores.KINDS[kind](tmp_path / name)
            return made

        with server.identity():
            undisturbed = fresh("undisturbed")
            _prepare(undisturbed, work)
            _act(undisturbed, work)
            step = 1
            while _killed(shore := fresh(f"{step}"), work, step):
                before = shore.open().landed()
                assert len(before.batches) in ((0, 1) if work in ("claim", "land") else (1,))
                for batch in before.batches:
                    assert len([text_at(shore, part.path) for part in batch.reading.parts]) == 2
                shore.open().clear_staging()
                shore.claimed()
                if _outcome(undisturbed) != _outcome(shore):
                    _act(shore, work)
                assert _outcome(undisturbed) == _outcome(shore)
                step += 1
        # Writing one manifest takes four steps on a disk; in S3 one, after a look at what there is.
        assert step > (4 if kind == "local" else 2)


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
    batches = [
        (batch.batch_id, batch.revision, plain(batch.folder), plain(repr(batch.reading).replace("', ", "/', ")))
        for batch in landed.batches
    ]
    return batches, landed.decisions, shore.files()


def _killed(shore: Shore, work: str, step: int) -> bool:
    """Do the work in a process of its own that kills itself after its `step`-th change of the file system or request; False when it had fewer."""
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

        if isinstance(shore, LocalShore):
            # What pathlib and shutil go through, whatever they are called by.
            for name in ("fsync", "link", "mkdir", "rename", "replace", "unlink", "rmdir"):
                setattr(os, name, counted(getattr(os, name)))
        else:
            from botocore.client import BaseClient

            server.forked()
            BaseClient._make_api_call = counted(BaseClient._make_api_call)
        _act(shore, work)
        os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
