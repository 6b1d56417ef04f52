"""The systems that one configuration names, each opened when it is asked for."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date
from pathlib import Path

from rental_etl.bootstrap.adapters import (
    Progress,
    database_source,
    database_target,
    duckdb_engine,
    engine_found,
    engine_of,
    found_in,
    is_database,
    processors_of,
    require_reachable,
    warehouse_of,
)
from rental_etl.bootstrap.checks import checked, offered, require_columns
from rental_etl.bootstrap.stores import files_source, lake_of
from rental_etl.jobs.guards import Limits
from rental_etl.jobs.raw_rows import RawRows, reading_raw
from rental_etl.lake.files import make_folder
from rental_etl.model.reading import TableReading
from rental_etl.model.summary import CheckResult
from rental_etl.pipeline import Parts
from rental_etl.ports.database import Database
from rental_etl.ports.engine import Engine
from rental_etl.ports.source import Source
from rental_etl.ports.warehouse import Warehouse
from rental_etl.settings import Settings
from rental_etl.source.csv_files import CsvFilesSource
from rental_etl.tables.render import Parameters


class Systems:
    """Source, lake, engine and warehouse of one configuration, and the workspace's folder. Nothing is opened before it is asked for, and what is opened
    closes itself or is given to `with`. Methods raise RentalEtlError."""

    def __init__(self, settings: Settings, *, progress: Progress) -> None:
        self._settings = settings
        self._progress = progress
        self.workspace = settings.workspace.absolute()
        self._temp = settings.engine.temp or self.workspace / "temp"
        self.lake = lake_of(settings, workspace=self.workspace, temp=self._temp)

    def parts(self, parameters: Parameters) -> Parts:
        """What a run works with."""
        settings = self._settings
        require_reachable(settings, lake=self.lake.where)
        return Parts(
            landing=self.lake.landing,
            curated=lambda: self.lake.curated,
            warehouse=self.warehouse(),
            source=self.source,
            engine=self._engine,
            limits=Limits(settings.quality.max_deleted_ratio, settings.quality.max_quarantined_ratio),
            parameters=parameters,
            explicit=settings.tables.explicit(),
            keep_history=settings.lake.keep_history,
            page=self.lake.page,
            processors=lambda: processors_of(settings),
            raw=self._raw,
        )

    def source(self) -> Source:
        """Where deliveries come from: a database, or files in a folder or a bucket."""
        if is_database(self._settings.source.url):
            return database_source(
                self._settings,
                readings=self._readings(),
                landed=self.lake.landing.landed,
                temp=self._temp,
                progress=self._progress,
            )
        return files_source(
            self._settings,
            readings=self._readings(),
            workspace=self.workspace,
            temp=self._temp,
            progress=self._progress,
        )

    def files(self, folder: Path) -> CsvFilesSource:
        """Files on their way into the database."""
        engine = self._settings.engine
        return CsvFilesSource(
            folder,
            readings=self._readings(),
            keep_source=False,
            memory=engine.memory,
            # The database, which is at work at the same time, may be on this machine too.
            threads=engine.threads or max(1, (os.cpu_count() or 2) - 1),
            temp=self._temp,
            progress=self._progress,
        )

    def database(self) -> Database:
        """The source as what files are ingested into."""
        return database_target(self._settings, readings=self._readings(), temp=self._temp, progress=self._progress)

    def warehouse(self) -> Warehouse:
        """Where raw and presentation tables are."""
        return warehouse_of(self._settings, workspace=self.workspace, temp=self._temp, reach=self.lake.reach)

    def small_engine(self) -> AbstractContextManager[Engine]:
        """A session of DuckDB, which looks into small files quickest whatever computes."""
        return duckdb_engine(self._settings, temp=self._temp, reach=self.lake.reach)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder that is gone afterwards, on the disk of the engine's temporary files."""
        with tempfile.TemporaryDirectory(prefix="ingest-", dir=make_folder(self._temp)) as folder:
            yield Path(folder)

    def check(self, *, day: date) -> tuple[CheckResult, ...]:
        """Whether each system can be used on a day: a line for each, and one more for each further problem."""
        source = tuple(checked("source", lambda: offered(self.source())))
        return (
            *source,
            *(self._check_tables(day) if all(result.ok for result in source) else ()),
            *checked("lake", self._check_lake),
            *checked("engine", self._check_engine),
            *checked("warehouse", lambda: found_in(self.warehouse())),
        )

    def _readings(self) -> Mapping[str, TableReading]:
        readings = self._settings.tables.readings()
        for table, reading in readings.items():
            require_columns(table, [*reading.columns, *reading.values])
        return readings

    def _engine(self) -> AbstractContextManager[Engine]:
        lake = self.lake
        return engine_of(self._settings, temp=self._temp, lake=lake.where, reach=lake.reach, progress=self._progress)

    def _raw(self) -> AbstractContextManager[RawRows | None]:
        """Where transform reads rows from besides the lake."""
        if self._settings.transform.reads == "lake":
            return nullcontext()
        return reading_raw(self.warehouse(), local="://" not in self.lake.where)

    def _check_tables(self, day: date) -> tuple[CheckResult, ...]:
        from rental_etl.bootstrap.looking import readiness

        looks = readiness(self._settings, self._readings(), day=day, progress=self._progress)
        results = [result for table, look in looks for result in checked(table, look)]
        return tuple(result for result in results if result.found)

    def _check_lake(self) -> str:
        return f"{self.lake.check()}: {len(self.lake.landing.landed().batches)} batches"

    def _check_engine(self) -> str:
        require_reachable(self._settings, lake=self.lake.where)
        with self._engine() as engine:
            return engine_found(engine, self._settings)
