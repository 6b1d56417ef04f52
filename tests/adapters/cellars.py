"""Curated tables under test, on a local disk and in S3, and the files that are committed to them."""

import abc
import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from rental_etl.engine.duckdb_session import DuckDBEngine
from rental_etl.lake.catalogs import SqliteCatalog
from rental_etl.lake.iceberg import IcebergCurated, LocalCurated
from rental_etl.lake.tree import S3Tree
from rental_etl.model.contract import Column
from rental_etl.ports.lake import Snapshot
from rental_etl.storage.httpfs import Reach
from rental_etl.storage.objects import Objects
from rental_etl.storage.store import is_remote, shared_store
from s3 import server

STAYS = (
    Column("stay_id", "int64"),
    Column("booked_at", "timestamp"),
    Column("price", "decimal", precision=18, scale=2),
    Column("title", "text"),
    Column("begins", "date"),
    Column("is_paid", "bool"),
    Column("latitude", "float64"),
)
# Characters that mean something elsewhere.
ODD = "it's [1] * 100% #2?x"
# In S3 a location is a URL to other readers of Iceberg, and these characters end its path.
ODD_IN_S3 = "it's [1] * 100% +é"


class Cellar(abc.ABC):
    """Curated tables whose name means something elsewhere."""

    curated: IcebergCurated
    catalog: str
    _stems: Iterator[int]

    @property
    @abc.abstractmethod
    def root(self) -> str:
        """The lake's location."""

    @property
    @abc.abstractmethod
    def temp(self) -> Path:
        """A local folder."""

    @property
    @abc.abstractmethod
    def reach(self) -> Reach | None:
        """The way to S3."""

    @property
    @abc.abstractmethod
    def catalog_file(self) -> Path:
        """The SQLite catalog."""

    @abc.abstractmethod
    def reopened(self) -> IcebergCurated:
        """The same tables as a later process sees them."""

    @abc.abstractmethod
    def aged(self) -> None:
        """Make every file older than what is opened from now on."""

    @abc.abstractmethod
    def names(self, folder: str = "") -> list[str]:
        """Every file below a folder, by its path below the root."""

    @abc.abstractmethod
    def put(self, name: str, text: str) -> None:
        """Write a file behind the tables' back."""

    @property
    def properties(self) -> dict[str, str]:
        """How any pyiceberg gets at the files."""
        return {}

    def write(self, *stays: tuple[int, str], by_month: bool = True, columns: Sequence[Column] = STAYS) -> list[str]:
        """Write stays (id, month) as an engine does; the files' locations."""
        rows = ", ".join(f"({number}, timestamp '{month}-15 10:00:00')" for number, month in stays)
        sql = f"""
            select stay_id::bigint as stay_id, booked_at, 10.50::decimal(18,2) as price, 'Flat' as title, date '2024-01-01' as begins,
              true as is_paid, 'nan'::double as latitude, 4::bigint as guests
            from (values {rows}) as given(stay_id, booked_at)
        """
        with DuckDBEngine(memory="500MB", threads=1, temp=self.temp, reach=self.reach) as engine:
            written = engine.write(
                sql,
                self.curated.folder("stays"),
                stem=f"file{next(self._stems)}",
                columns=columns,
                month_of="booked_at" if by_month else "",
            )
        return [file.path for file in written]

    def commit(self, add: Sequence[str] = (), remove: Sequence[str] = (), **options: Any) -> Snapshot:
        """Commit to the table `stays`."""
        options = {"columns": STAYS, "partition_by": "booked_at", "properties": {}, **options}
        return self.curated.commit("stays", add=add, remove=remove, **options)

    def data(self) -> list[str]:
        """Locations of the data files that are there."""
        return sorted(f"{self.root}/{name}" for name in self.names("curated/stays/data") if name.endswith(".parquet"))

    def metadata(self) -> list[str]:
        """Names of the metadata files that are there."""
        return sorted(name.rpartition("/")[2] for name in self.names("curated/stays/metadata"))


class LocalCellar(Cellar):
    """In a folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / ODD
        self.path.mkdir(parents=True)
        self.curated = LocalCurated(self.path)
        self.catalog = "rental-etl"
        self._stems = iter(range(1_000))

    @property
    def root(self) -> str:
        return str(self.path)

    @property
    def temp(self) -> Path:
        return self.path / "temp"

    @property
    def reach(self) -> Reach | None:
        return None

    @property
    def catalog_file(self) -> Path:
        return self.path / "catalog.db"

    def reopened(self) -> LocalCurated:
        return LocalCurated(self.path)

    def aged(self) -> None:
        then = time.time() - 60
        for path in self.path.rglob("*"):
            os.utime(path, (then, then))

    def names(self, folder: str = "") -> list[str]:
        files = [path for path in (self.path / folder).rglob("*") if path.is_file()]
        return sorted(str(path.relative_to(self.path)) for path in files)

    def put(self, name: str, text: str) -> None:
        (self.path / name).write_text(text)


class S3Cellar(Cellar):
    """In a bucket of its own, with a SQLite catalog on the local disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bucket = server.create_bucket()
        self.curated = self.reopened()
        self.catalog = self.root
        self._stems = iter(range(1_000))

    @property
    def root(self) -> str:
        return f"s3://{self.bucket}/{ODD_IN_S3}"

    @property
    def temp(self) -> Path:
        return self.folder / "temp"

    @property
    def reach(self) -> Reach | None:
        return Reach(shared_store(), self.bucket)

    @property
    def catalog_file(self) -> Path:
        return self.folder / "catalog.db"

    @property
    def properties(self) -> dict[str, str]:
        return {"py-io-impl": "rental_etl.lake.s3_io.S3FileIO"}

    def reopened(self) -> IcebergCurated:
        tree = S3Tree(Objects(shared_store(), self.root), region=None, endpoint=None)
        return IcebergCurated(tree, SqliteCatalog(self.catalog_file, name=self.root))

    def aged(self) -> None:
        # S3's clock goes by seconds.
        time.sleep(1.1)

    def names(self, folder: str = "") -> list[str]:
        return [key.removeprefix(f"{ODD_IN_S3}/") for key in server.keys(self.bucket, f"{ODD_IN_S3}/{folder}")]

    def put(self, name: str, text: str) -> None:
        server.client().put_object(Bucket=self.bucket, Key=f"{ODD_IN_S3}/{name}", Body=text.encode())


KINDS: dict[str, type[Any]] = {"local": LocalCellar, "s3": S3Cellar}


@contextmanager
def opened(kind: str) -> Iterator[Cellar]:
    """A fresh one, removed afterwards."""
    with tempfile.TemporaryDirectory() as folder, server.identity():
        yield KINDS[kind](Path(folder))


def ids(snapshot: Snapshot | None) -> list[int]:
    """The rows of a snapshot's files, read by DuckDB."""
    assert snapshot is not None
    found = []
    with contextlib.closing(duckdb.connect()) as session:
        if any(is_remote(path) for path, _ in snapshot.files):
            Reach(shared_store(), snapshot.files[0][0].split("/")[2]).extend(session)
        for path, _ in snapshot.files:
            quoted = path.replace("'", "''")
            sql = f"select stay_id from read_parquet(['{quoted}'], hive_partitioning = false)"
            found += [number for (number,) in session.execute(sql).fetchall()]
    return sorted(found)


def iceberg_files(cellar: Cellar) -> list[tuple[str, int | None]]:
    """The table's files and months as Iceberg's own manifests tell them to any reader."""
    from pyiceberg.catalog.sql import SqlCatalog
    from sqlalchemy.engine import URL

    uri = URL.create("sqlite", database=str(cellar.catalog_file)).render_as_string()
    catalog = SqlCatalog(cellar.catalog, uri=uri, **cellar.properties)
    files = [task.file for task in catalog.load_table(("curated", "stays")).scan().plan_files()]
    catalog.close()
    return sorted((file.file_path, file.partition[0] if len(file.partition) else None) for file in files)
