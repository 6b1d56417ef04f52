"""Behaviour of curated tables, on a local disk and in S3. `Cellar` gives fresh ones, and writes the files that are committed to them."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import cellars
from adapters.cellars import STAYS, Cellar, LocalCellar, S3Cellar, iceberg_files, ids
from rental_etl.errors import ConfigurationError, SystemUnreachableError
from rental_etl.lake.iceberg import LocalCurated
from rental_etl.model.contract import Column
from rental_etl.ports.lake import Snapshot

NEVER = 10**9


@pytest.fixture(params=cellars.KINDS)
def cellar(request: pytest.FixtureRequest) -> Iterator[Cellar]:
    with cellars.opened(request.param) as fresh:
        yield fresh


@pytest.fixture
def local(tmp_path: Path) -> LocalCellar:
    return LocalCellar(tmp_path)


@pytest.fixture
def vault() -> Iterator[S3Cellar]:
    with cellars.opened("s3") as fresh:
        assert isinstance(fresh, S3Cellar)
        yield fresh


class TestBeforeTheFirstCommit:
    """Looking makes nothing."""

    def test_there_is_no_snapshot_and_no_file(self, cellar: Cellar) -> None:
        assert cellar.curated.current("stays") is None
        assert cellar.curated.since("stays", 1) is None
        assert cellar.curated.clean({"stays": 1}, 0) == 0
        assert cellar.names() == []


class TestCommit:
    """One snapshot per commit: exactly the files given are replaced."""

    def test_the_first_one_makes_the_table(self, cellar: Cellar) -> None:
        files = cellar.write((1, "2024-01"), (2, "2024-02"), (3, "2024-02"))
        snapshot = cellar.commit(files, properties={"merged": [[1, 1]]})
        assert snapshot == cellar.reopened().current("stays")
        assert [month for _, month in snapshot.files] == ["2024-01", "2024-02"]
        assert sorted(files) == [path for path, _ in snapshot.files]
        assert snapshot.properties == {"merged": [[1, 1]]}
        assert ids(snapshot) == [1, 2, 3]

    def test_files_are_replaced_in_one_snapshot(self, cellar: Cellar) -> None:
        first = cellar.commit(cellar.write((1, "2024-01"), (2, "2024-02")))
        january = [path for path, month in first.files if month == "2024-01"]
        second = cellar.commit(cellar.write((7, "2024-01"), (8, "2024-03")), january)
        assert ids(second) == [2, 7, 8]
        assert [month for _, month in second.files] == ["2024-01", "2024-02", "2024-03"]
        history = cellar.reopened().since("stays", first.snapshot_id)
        assert history == [{}]

    def test_any_reader_of_iceberg_sees_the_same_files(self, cellar: Cellar) -> None:
        first = cellar.commit(cellar.write((1, "2024-01"), (2, "1969-12")))
        assert iceberg_files(cellar) == sorted(
            (path, {"2024-01": 648, "1969-12": -1}[month]) for path, month in first.files
        )
        second = cellar.commit(cellar.write((3, "2024-01")), [first.files[0][0]])
        assert [path for path, _ in iceberg_files(cellar)] == [path for path, _ in second.files]

    def test_pyiceberg_reads_the_rows_with_their_types(self, local: LocalCellar) -> None:
        local.commit(local.write((1, "2024-01")))
        script = f"""
from pyiceberg.table import StaticTable
import glob
[newest] = sorted(glob.glob(glob.escape({local.root!r}) + "/curated/stays/metadata/*.metadata.json"))[-1:]
print(StaticTable.from_metadata(newest).scan().to_arrow().drop_columns("latitude").to_pylist())
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.stdout == (
            "[{'stay_id': 1, 'booked_at': datetime.datetime(2024, 1, 15, 10, 0), 'price': Decimal('10.50'), 'title': 'Flat',"
            " 'begins': datetime.date(2024, 1, 1), 'is_paid': True}]\n"
        ), done.stderr

    def test_a_commit_may_change_nothing_but_what_it_says(self, cellar: Cellar) -> None:
        first = cellar.commit(cellar.write((1, "2024-01")))
        second = cellar.commit(properties={"merged": [1, 2]})
        assert second.files == first.files
        assert second.snapshot_id != first.snapshot_id

    def test_a_table_may_be_empty_and_become_empty(self, cellar: Cellar) -> None:
        assert cellar.commit().files == ()
        full = cellar.commit(cellar.write((1, "2024-01")))
        assert cellar.commit(remove=[path for path, _ in full.files]).files == ()

    def test_without_months_files_have_none(self, cellar: Cellar) -> None:
        snapshot = cellar.commit(cellar.write((1, "2024-01"), (2, "2024-05"), by_month=False), partition_by="")
        assert [month for _, month in snapshot.files] == [""]
        assert iceberg_files(cellar) == [(snapshot.files[0][0], None)]

    def test_tables_do_not_disturb_each_other(self, cellar: Cellar) -> None:
        cellar.commit(cellar.write((1, "2024-01")))
        other = cellar.curated.commit("other", columns=STAYS, partition_by="", remove=(), add=(), properties={"a": 1})
        assert other.files == ()
        assert ids(cellar.curated.current("stays")) == [1]

    def test_a_file_that_is_not_the_tables_cannot_be_replaced(self, cellar: Cellar) -> None:
        cellar.commit(cellar.write((1, "2024-01")))
        with pytest.raises(SystemUnreachableError, match="is not in the table"):
            cellar.commit(cellar.write((2, "2024-01")), ["/elsewhere.parquet"])
        assert ids(cellar.reopened().current("stays")) == [1]

    def test_a_file_that_is_not_there_cannot_be_added(self, cellar: Cellar) -> None:
        cellar.commit(cellar.write((1, "2024-01")))
        with pytest.raises(SystemUnreachableError) as caught:
            cellar.commit([f"{cellar.root}/gone.parquet"])
        assert "rental-etl repair" in caught.value.remedy
        assert ids(cellar.reopened().current("stays")) == [1]

    def test_many_commits_keep_few_metadata_files(self, cellar: Cellar) -> None:
        for number in range(15):
            cellar.commit(properties={"number": number})
        assert sum(name.endswith(".metadata.json") for name in cellar.metadata()) <= 11


class TestOtherColumns:
    """A table whose columns or partitions changed is made anew."""

    LONGER = (*STAYS, Column("guests", "int64"))

    def test_only_the_added_files_are_in_it(self, cellar: Cellar) -> None:
        first = cellar.commit(cellar.write((1, "2024-01"), (2, "2024-02")))
        files = cellar.write((3, "2024-01"), columns=self.LONGER)
        second = cellar.commit(files, [path for path, _ in first.files], columns=self.LONGER)
        assert ids(second) == [3]
        assert cellar.reopened().since("stays", first.snapshot_id) is None
        assert ids(first) == [1, 2], "whoever reads the last publish still can"

    def test_other_partitions_too(self, cellar: Cellar) -> None:
        first = cellar.commit(cellar.write((1, "2024-01")))
        second = cellar.commit(cellar.write((2, "2024-01"), by_month=False), [first.files[0][0]], partition_by="")
        assert [month for _, month in second.files] == [""]

    def test_what_it_had_goes_once_the_new_one_is_published(self, cellar: Cellar) -> None:
        first = cellar.commit(cellar.write((1, "2024-01")))
        second = cellar.commit(cellar.write((2, "2024-01"), columns=self.LONGER), columns=self.LONGER)
        cellar.aged()
        assert cellar.reopened().clean({"stays": first.snapshot_id}, 0) == 0
        assert ids(first) == [1]
        assert cellar.reopened().clean({"stays": second.snapshot_id}, NEVER) > 0
        assert cellar.data() == [path for path, _ in second.files]


class TestSince:
    """What the commits after a snapshot said, oldest first."""

    def test_properties_come_in_order(self, cellar: Cellar) -> None:
        first, *others = (cellar.commit(properties={"changes": {"day": [str(number)]}}) for number in range(4))
        since = cellar.reopened().since("stays", first.snapshot_id)
        assert since == [{"changes": {"day": [str(number)]}} for number in (1, 2, 3)]
        assert cellar.curated.since("stays", others[-1].snapshot_id) == []

    def test_an_unknown_snapshot_is_no_ancestor(self, cellar: Cellar) -> None:
        cellar.commit()
        assert cellar.curated.since("stays", 1) is None

    def test_an_expired_snapshot_is_none_either(self, cellar: Cellar) -> None:
        first, second = cellar.commit(), cellar.commit()
        cellar.curated.clean({"stays": second.snapshot_id}, 0)
        assert cellar.curated.since("stays", first.snapshot_id) is None
        assert cellar.curated.since("stays", second.snapshot_id) == []


class TestClean:
    """Superseded files go after the retention; what is published, or came later, never does."""

    def three(self, cellar: Cellar) -> list[Snapshot]:
        """Three states of January: stay 1, then 2, then 3; all written before."""
        snapshots = [cellar.commit(cellar.write((1, "2024-01"), (9, "2024-02")))]
        for number in (2, 3):
            january = [path for path, month in snapshots[-1].files if month == "2024-01"]
            snapshots.append(cellar.commit(cellar.write((number, "2024-01")), january))
        cellar.aged()
        return snapshots

    def test_within_the_retention_nothing_goes(self, cellar: Cellar) -> None:
        snapshots = self.three(cellar)
        assert cellar.reopened().clean({"stays": snapshots[-1].snapshot_id}, 3600) == 0
        assert [ids(snapshot) for snapshot in snapshots] == [[1, 9], [2, 9], [3, 9]]

    def test_after_it_only_what_is_needed_stays(self, cellar: Cellar) -> None:
        *_, last = self.three(cellar)
        assert cellar.reopened().clean({"stays": last.snapshot_id}, 0) > 2
        assert cellar.data() == [path for path, _ in last.files]
        assert cellar.reopened().current("stays") == last
        assert [path for path, _ in iceberg_files(cellar)] == [path for path, _ in last.files]

    def test_what_is_published_and_what_came_later_stays(self, cellar: Cellar) -> None:
        first, second, third = self.three(cellar)
        cellar.reopened().clean({"stays": second.snapshot_id}, 0)
        assert [ids(snapshot) for snapshot in (second, third)] == [[2, 9], [3, 9]]
        assert first.files[0][0] not in cellar.data()
        assert cellar.reopened().since("stays", second.snapshot_id) == [{}]

    def test_a_table_that_is_not_named_is_left_alone(self, cellar: Cellar) -> None:
        self.three(cellar)
        assert cellar.reopened().clean({}, 0) == 0
        assert len(cellar.data()) == 4

    def test_files_of_a_commit_that_did_not_happen_go(self, cellar: Cellar) -> None:
        *_, last = self.three(cellar)
        stray = cellar.write((7, "2024-01"), (8, "2024-07"))
        cellar.put("curated/stays/metadata/77777-x.metadata.json", "{}")
        cellar.aged()
        assert cellar.reopened().clean({"stays": last.snapshot_id}, NEVER) == 3
        assert set(stray) & set(cellar.data()) == set()
        assert ids(cellar.reopened().current("stays")) == [3, 9]

    def test_files_on_their_way_to_a_commit_stay(self, cellar: Cellar) -> None:
        """Those that this process wrote and has not committed yet."""
        *_, last = self.three(cellar)
        cellar.curated = cellar.reopened()
        files = cellar.write((7, "2024-03"))
        cellar.curated.clean({"stays": last.snapshot_id}, 0)
        assert ids(cellar.commit(files)) == [3, 7, 9]

    def test_a_second_time_there_is_nothing_to_do(self, cellar: Cellar) -> None:
        *_, last = self.three(cellar)
        cellar.reopened().clean({"stays": last.snapshot_id}, 0)
        assert cellar.reopened().clean({"stays": last.snapshot_id}, 0) == 0

    def test_foreign_files_are_left_alone(self, cellar: Cellar) -> None:
        *_, last = self.three(cellar)
        cellar.put("curated/stays/README.txt", "mine")
        cellar.aged()
        cellar.reopened().clean({"stays": last.snapshot_id}, 0)
        assert "curated/stays/README.txt" in cellar.names()


class TestAnotherProgramCommits:
    """Iceberg is open: a snapshot without our properties is read by its manifests."""

    def test_its_files_are_seen(self, cellar: Cellar) -> None:
        first = cellar.commit(cellar.write((1, "2024-01"), (2, "2024-02")), properties={"merged": [[1, 1]]})
        cellar.curated._catalog.load_table(("curated", "stays")).delete("booked_at < '2024-02-01T00:00:00'")
        snapshot = cellar.reopened().current("stays")
        assert snapshot is not None
        assert snapshot.files == first.files[1:]
        assert snapshot.properties == {}
        assert cellar.reopened().since("stays", first.snapshot_id) == [{}]


class TestReadingIsCheap:
    """What is current is known without importing pyiceberg, which takes two seconds."""

    def test_current_and_since_import_neither_pyiceberg_nor_arrow(self, local: LocalCellar) -> None:
        first = local.commit(local.write((1, "2024-01")))
        local.commit()
        local.aged()
        script = f"""
import sys
from pathlib import Path
from rental_etl.lake.iceberg import LocalCurated
curated = LocalCurated(Path({local.root!r}))
assert curated.current("stays").files
assert len(curated.since("stays", {first.snapshot_id})) == 1
assert curated.clean({{"stays": {first.snapshot_id}}}, 0) == 0
print(sorted({{"pyiceberg", "pyarrow", "sqlalchemy", "duckdb"}} & set(sys.modules)))
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.stdout == "[]\n", done.stderr


class TestALakeThatCannotBeUsed:
    """Each case says what to do: the landed batches lead back to everything."""

    def test_a_moved_one(self, local: LocalCellar, tmp_path: Path) -> None:
        local.commit(local.write((1, "2024-01")))
        moved = Path(shutil.move(local.path, tmp_path / "moved"))
        with pytest.raises(ConfigurationError, match="not where their catalog says") as caught:
            LocalCurated(moved).current("stays")
        assert "rental-etl repair" in caught.value.remedy

    def test_a_copied_one_does_not_read_the_original(self, local: LocalCellar, tmp_path: Path) -> None:
        local.commit(local.write((1, "2024-01")))
        shutil.copytree(local.path, tmp_path / "copied")
        with pytest.raises(ConfigurationError, match="not where their catalog says"):
            LocalCurated(tmp_path / "copied").current("stays")

    def test_one_that_was_forgotten_begins_anew_where_it_lies(self, local: LocalCellar, tmp_path: Path) -> None:
        local.commit(local.write((1, "2024-01")))
        local.path = Path(shutil.move(local.path, tmp_path / "moved"))
        local.curated = LocalCurated(local.path)
        local.curated.forget()
        assert local.curated.current("stays") is None
        assert list(local.path.rglob("*.parquet")) == []
        assert ids(local.commit(local.write((2, "2024-01")))) == [2]
        local.curated.forget()
        assert ids(local.commit(local.write((3, "2024-01")))) == [3]

    @pytest.mark.parametrize("content", [b"no database at all, but long enough to be one" * 100, b"SQLite format 3\0x"])
    def test_a_damaged_catalog(self, local: LocalCellar, content: bytes) -> None:
        local.commit()
        (local.path / "catalog.db").write_bytes(content)
        with pytest.raises(ConfigurationError, match="cannot be read") as caught:
            local.reopened().current("stays")
        assert "rental-etl repair" in caught.value.remedy

    def test_an_empty_catalog_is_one_that_was_just_being_made(self, local: LocalCellar) -> None:
        (local.path / "catalog.db").touch()
        assert local.curated.current("stays") is None
        assert ids(local.commit(local.write((1, "2024-01")))) == [1]

    def test_a_full_disk(self, local: LocalCellar) -> None:
        """Simulated by a limit on the size of files, which the catalog is beyond already."""
        local.commit(local.write((1, "2024-01")))
        files = local.write((2, "2024-02"))
        script = f"""
import resource, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
from adapters.cellars import LocalCurated, STAYS
curated = LocalCurated(Path({str(local.path)!r}))
curated._catalog
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
curated.commit("stays", columns=STAYS, partition_by="booked_at", remove=(), add={files!r}, properties={{}})
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert "SystemUnreachableError: cannot commit to curated.stays" in done.stderr
        assert ids(local.reopened().current("stays")) == [1]
        assert ids(local.commit(files)) == [1, 2]


KILLER = """
import json, os, signal, sys
sys.path.insert(0, {tests!r})
from adapters.cellars import *
import shutil
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import PyArrowFile, parquet_files_to_data_files
from pyiceberg.serializers import ToOutputFile
from sqlalchemy.orm import Session

def work(curated, files):
    current = curated.current("stays")
    remove = [path for path, month in current.files if month == "2024-01"] if current else []
    curated.commit("stays", columns=STAYS, partition_by="booked_at", remove=remove, add=files, properties={{"merged": [1]}})

def killing(step):
    steps = iter(range(1, 10_000))
    def counted(function):
        def call(*arguments, **options):
            result = function(*arguments, **options)
            if next(steps) == step: os.kill(os.getpid(), signal.SIGKILL)
            return result
        return call
    for owner, name in ((PyArrowFile, "create"), (Session, "commit"), (SqlCatalog, "create_table"), (SqlCatalog, "drop_table")):
        setattr(owner, name, counted(getattr(owner, name)))
    ToOutputFile.table_metadata = staticmethod(counted(ToOutputFile.table_metadata))

def in_a_child(function):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, json.dumps(function()).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe: text = pipe.read()
    killed = os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    return None if killed else json.loads(text)

root, files, backup = Path({root!r}), {files!r}, Path({backup!r})
seen = []
for step in range(1, 200):
    shutil.rmtree(root)
    shutil.copytree(backup, root)
    def dying():
        killing(step)
        work(LocalCurated(root), files)
    def going_on():
        curated = LocalCurated(root)
        snapshot = curated.current("stays")
        look = [dict(snapshot.properties) if snapshot else None, ids(snapshot) if snapshot else None]
        if (curated.current("stays") is None) or not curated.current("stays").properties: work(curated, files)
        snapshot = curated.current("stays")
        for path in root.rglob("*"): os.utime(path, (1, 1))
        LocalCurated(root).clean({{"stays": snapshot.snapshot_id}}, 0)
        left = len(list(root.rglob("*.parquet")))
        return [look, [dict(snapshot.properties), ids(snapshot), left]]
    done = in_a_child(lambda: dying() or "whole")
    seen.append(in_a_child(going_on))
    if done == "whole": break
print(json.dumps(seen))
"""


class TestKilled:
    """A kill leaves the table before or after; the next run ends where an undisturbed one does."""

    @pytest.mark.parametrize("state", ["new", "old", "other columns"])
    def test_after_any_step(self, local: LocalCellar, tmp_path: Path, state: str) -> None:
        if state != "new":
            columns = STAYS if state == "old" else STAYS[:4]
            local.commit(local.write((1, "2024-01"), (2, "2024-02"), columns=columns), columns=columns)
        # Between the old table and the new one of other columns there is none.
        before = [{}, [1, 2]] if state == "old" else [None, None]
        files = local.write((7, "2024-01"))
        shutil.copytree(local.path, tmp_path / "backup")
        script = KILLER.format(
            tests=str(Path(__file__).parent.parent), root=local.root, files=files, backup=str(tmp_path / "backup")
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        after = [{"merged": [1]}, [2, 7] if state == "old" else [7]]
        seen = json.loads(done.stdout)
        looks = [look for look, _ in seen]
        assert [look for look in looks if look not in (before, after)] == []
        assert (before in looks, after in looks) == (True, True)
        assert [end for _, end in seen] == [[*after, len(after[1])]] * len(seen)
        assert len(seen) > 6

    def test_in_the_middle_of_the_catalogs_transaction(self, local: LocalCellar) -> None:
        """The database is half written, and its journal lies beside it."""
        local.commit(local.write((1, "2024-01")))
        script = f"""
import os, signal, sqlite3
connection = sqlite3.connect({str(local.path / "catalog.db")!r}, isolation_level=None)
connection.execute("pragma cache_size = 1")
connection.execute("begin")
connection.execute("update iceberg_tables set metadata_location = 'gone'")
for number in range(1000):
    connection.execute("insert into iceberg_namespace_properties values ('x', 'x', ?, ?)", (str(number), "x" * 900))
os.kill(os.getpid(), signal.SIGKILL)
"""
        killed = subprocess.run([sys.executable, "-c", script], check=False).returncode
        assert killed == -signal.SIGKILL
        assert (local.path / "catalog.db-journal").stat().st_size > 0
        assert ids(local.reopened().current("stays")) == [1]
        with sqlite3.connect(local.path / "catalog.db") as connection:
            assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        connection.close()
        local.curated = local.reopened()
        assert ids(local.commit(local.write((2, "2024-01")))) == [1, 2]


def test_months_before_1970_and_after_2038_are_named(cellar: Cellar) -> None:
    snapshot = cellar.commit(cellar.write((1, "1969-12"), (2, "2099-12"), (3, "2000-02")))
    assert sorted(month for _, month in snapshot.files) == ["1969-12", "2000-02", "2099-12"]
