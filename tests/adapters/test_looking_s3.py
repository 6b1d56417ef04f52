"""Samples of objects are those of the same files in a folder, and little of them is fetched."""

import gzip
import random
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from rental_etl.errors import InputError
from rental_etl.source.proposal.bucket import Beginnings, beginnings
from rental_etl.source.proposal.folder import look
from rental_etl.storage.objects import Objects
from rental_etl.storage.store import shared_store
from s3 import server

ROWS = 400_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts and Parquet, large and small, a lake of ours and what is no table."""
    made = tmp_path_factory.mktemp("files")
    chance = random.Random(1)
    text = "id;name\n" + "".join(f"{number};{chance.random()}\n" for number in range(ROWS))
    (made / "res").mkdir()
    (made / "lake").mkdir()
    (made / "res" / "res-1.csv").write_text(text, encoding="utf-8")
    (made / "res" / "res-2.csv").write_text("id;name\n1;x\n", encoding="utf-8")
    (made / "units.csv.gz").write_bytes(gzip.compress(text.encode()))
    # What is packed but does not say so, and the other way round.
    (made / "views.txt").write_bytes(gzip.compress(text.encode()))
    (made / "empty.csv").write_bytes(b"")
    (made / "rates.xlsx").write_bytes(b"PK")
    (made / "lake" / "lake.json").write_text("{}", encoding="utf-8")
    (made / "lake" / "old.csv").write_text("id,name\n1,x\n", encoding="utf-8")
    duckdb.sql(f"copy (select range as id, random() as x from range({ROWS})) to '{made / 'rates.parquet'}'")
    return made


@pytest.fixture(scope="module")
def objects(folder: Path) -> Iterator[Objects]:
    """The same below a prefix, among other things."""
    with server.identity(AWS_MAX_ATTEMPTS="2"):
        bucket = server.create_bucket()
        for path in folder.rglob("*.*"):
            if path.is_file():
                server.client().upload_file(str(path), bucket, f"in/{path.relative_to(folder)}")
        server.client().put_object(Bucket=bucket, Key="in/res/", Body=b"")
        server.client().put_object(Bucket=bucket, Key="elsewhere/bookings.csv", Body=b"id,name\n1,x\n")
        yield Objects(shared_store(section="source"), f"s3://{bucket}/in", setting="source.url")


def fetched(there: Beginnings) -> int:
    """Bytes on the disk, of all files."""
    return sum(path.stat().st_blocks * 512 for path in there.folder.rglob("*.*") if path.is_file())


def test_the_samples_are_those_of_the_folder(folder: Path, objects: Objects) -> None:
    """Rows, columns, encodings, what was left alone and why."""
    expected = look(folder)
    with beginnings(objects, temp=None, progress=lambda *_: None) as there:
        found = look(there.folder, need=there.need)
    assert (found.samples, found.unread, found.claimed) == (expected.samples, expected.unread, expected.claimed)
    assert {sample.stem for sample in found.samples} == {"res", "units", "views", "rates"}


def test_little_is_fetched(folder: Path, objects: Objects) -> None:
    """Of large texts what is looked at, and nothing twice; afterwards nothing is left."""
    with beginnings(objects, temp=None, progress=lambda *_: None) as there:
        assert fetched(there) == 0
        there.need(["res/res-1.csv"])
        assert 0 < fetched(there) < (2 << 20) < (folder / "res" / "res-1.csv").stat().st_size
        place = there.folder / "res" / "res-1.csv"
        assert place.stat().st_size == (folder / "res" / "res-1.csv").stat().st_size
    assert not there.folder.exists()


def test_errors_name_the_bucket(objects: Objects) -> None:
    """Nobody knows the folder that stands for it."""
    with pytest.raises(InputError) as error, beginnings(objects, temp=None, progress=lambda *_: None) as there:
        raise InputError("it is odd", where=f"{there.folder}/res", remedy=f"look into {there.folder}")
    assert (error.value.where, error.value.remedy) == (f"{objects.url}/res", f"look into {objects.url}")
