"""Landing zones under test, on a local disk and in S3, and what is landed in them."""

import abc
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from rental_etl.lake.landing import LocalLanding
from rental_etl.lake.s3 import S3Landing
from rental_etl.model.batch import Batch, Delivery, Part, Reading, SourceFile
from rental_etl.storage.objects import Objects
from rental_etl.storage.store import shared_store
from s3 import server

DAY = date(2024, 6, 30)
HERE = {"source": "folder /data", "warehouse": "duckdb:////w"}
# Characters that mean something elsewhere.
ODD = "it's [1] * 100% #2?x +é"
_TOKEN = re.compile(r"-[0-9a-f]{12}(?=/|$)")


class Shore(abc.ABC):
    """A landing zone whose name means something elsewhere."""

    @abc.abstractmethod
    def open(self) -> Any:
        """The landing zone as a process of its own sees it."""

    @abc.abstractmethod
    def text(self, name: str) -> str:
        """A file of the lake, by its path below the root."""

    @abc.abstractmethod
    def put(self, name: str, text: str) -> None:
        """Write a file of the lake behind its back."""

    @abc.abstractmethod
    def names(self) -> list[str]:
        """Every file, by its path below the root."""

    @abc.abstractmethod
    def where(self, name: str) -> str:
        """What messages call a file."""

    @abc.abstractmethod
    def staged(self) -> list[Path]:
        """What lies where readings are staged."""

    def claimed(self) -> Any:
        """The landing zone, owned."""
        landing = self.open()
        landing.claim(**HERE)
        return landing

    def land(self, content: str = "one", table: str = "bookings", *, quarantine: bool = True) -> Batch:
        """Land a batch of two parts."""
        landing = self.open()
        with landing.staging() as staging:
            batch: Batch = landing.commit(
                delivery(content, table),
                reading=read(staging, content, quarantine=quarantine),
                staging=staging,
                day=DAY,
                run_id="run",
            )
            return batch

    def files(self) -> dict[str, str]:
        """Every file but those that hold times or ids, by path; in S3 without the token that is another one each time."""
        names = [name for name in self.names() if name != "lake.json" and not name.startswith("log/")]
        return {plain(name): self.text(name) for name in names}


class LocalShore(Shore):
    """In a folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / ODD
        self.root.mkdir(parents=True)

    def open(self) -> LocalLanding:
        return LocalLanding(self.root)

    def text(self, name: str) -> str:
        return (self.root / name).read_text()

    def put(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def names(self) -> list[str]:
        return [str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()]

    def where(self, name: str) -> str:
        return str(self.root / name)

    def staged(self) -> list[Path]:
        return list((self.root / "temp").glob("*"))


class S3Shore(Shore):
    """In a bucket of its own."""

    def __init__(self, folder: Path) -> None:
        self.temp = folder / "temp"
        self.bucket = server.create_bucket()
        self.url = f"s3://{self.bucket}/{ODD}"

    def open(self) -> S3Landing:
        return S3Landing(Objects(shared_store(), self.url), temp=self.temp, catalog=lambda: "sqlite 1")

    def text(self, name: str) -> str:
        body: bytes = server.client().get_object(Bucket=self.bucket, Key=f"{ODD}/{name}")["Body"].read()
        return body.decode()

    def put(self, name: str, text: str) -> None:
        server.client().put_object(Bucket=self.bucket, Key=f"{ODD}/{name}", Body=text.encode())

    def names(self) -> list[str]:
        return [key.removeprefix(f"{ODD}/") for key in server.keys(self.bucket)]

    def where(self, name: str) -> str:
        return f"{self.url}/{name}"

    def staged(self) -> list[Path]:
        return [path for path in (self.temp / "landing").glob("*") if path.is_dir()]


KINDS: dict[str, type[Any]] = {"local": LocalShore, "s3": S3Shore}


@contextmanager
def opened(kind: str) -> Iterator[Shore]:
    """A fresh one, removed afterwards."""
    with tempfile.TemporaryDirectory() as folder, server.identity():
        yield KINDS[kind](Path(folder))


def plain(path: str) -> str:
    """A path without the token of S3."""
    return _TOKEN.sub("", path)


def text_at(shore: Shore, relative: str) -> str:
    """A file by the path that a manifest has for it; its location leads there too."""
    assert shore.open().path(relative) == shore.where(relative)
    return shore.text(relative)


def kept_text(landing: Any, batch: Batch) -> str:
    """The text of the one delivered file that was kept."""
    with landing.kept_source(batch) as kept:
        assert kept is not None
        return str((kept / "bookings.csv").read_text())


def delivery(content: str, table: str = "bookings") -> Delivery:
    """A delivery of one file."""
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
