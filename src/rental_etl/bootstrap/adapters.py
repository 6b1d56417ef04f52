"""Chooses the adapters that the settings name. Nothing is opened here."""

import difflib
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rental_etl.engine.duckdb_session import DuckDBEngine
from rental_etl.errors import ConfigurationError, RentalEtlError
from rental_etl.model.reading import TableReading
from rental_etl.model.summary import Look, Problem
from rental_etl.ports.database import Database
from rental_etl.ports.engine import Engine
from rental_etl.ports.lake import Landed
from rental_etl.ports.source import Source
from rental_etl.ports.warehouse import Warehouse
from rental_etl.settings import Settings
from rental_etl.settings.sections import SourceSettings, WarehouseSettings
from rental_etl.storage.httpfs import Reach
from rental_etl.storage.store import is_remote
from rental_etl.tables.contracts import contracts
from rental_etl.tables.models import curated_models, presentation_models
from rental_etl.warehouse.duckdb_file import DuckDBWarehouse

if TYPE_CHECKING:
    from rental_etl.engine.spark_settings import SparkSettings
    from rental_etl.source.mysql.access import Access

_FILE = "duckdb:///"


Progress = Callable[[str, int, int], None]


def is_database(url: str) -> bool:
    """Whether a source is a database rather than a place of files."""
    return urlsplit(url).scheme in ("mysql", "mariadb")


def database_source(
    settings: Settings,
    *,
    readings: Mapping[str, TableReading],
    landed: Callable[[], Landed],
    temp: Path,
    progress: Progress,
) -> Source:
    """The database that `[source]` names, read from. Raises ConfigurationError when its settings cannot be."""
    from rental_etl.source.mysql.source import MySqlSource

    return MySqlSource(
        **_database(settings),
        readings=readings,
        landed=landed,
        keep_source=settings.lake.keep_source,
        memory=settings.engine.memory,
        threads=settings.engine.threads,
        temp=temp,
        snapshot=settings.source.snapshot,
        progress=progress,
    )


def database_target(
    settings: Settings, *, readings: Mapping[str, TableReading], temp: Path, progress: Progress
) -> Database:
    """The database that `[source]` names, written to. Raises ConfigurationError when it names none."""
    from rental_etl.source.mysql.target import MySqlDatabase

    if not is_database(settings.source.url):
        raise ConfigurationError(
            "no database is configured to ingest into",
            where=f"source.url = {settings.source.url}",
            expected="mysql://user@host:3306/database",
            remedy="set source.url in rental-etl.toml, or RENTAL_ETL_SOURCE__URL; the files are the command's argument",
        )
    return MySqlDatabase(**_database(settings), readings=readings, temp=temp, progress=progress)


def _database(settings: Settings) -> dict[str, Any]:
    from rental_etl.source.mysql.marks import Selection

    tables = {table: getattr(settings.tables, table) for table in contracts()}
    selections = {
        table: Selection(found.name, found.cursor, found.overlap, found.full_every) for table, found in tables.items()
    }
    return {"access": access_to(settings), "selections": selections}


def access_to(settings: Settings) -> "Access":
    """How to get into the database that `[source]` names."""
    from rental_etl.source.mysql.opening import open_access

    named = settings.source
    return open_access(named.url, tls=named.tls, ca=named.ca, patience=named.connect_timeout, **_access(named))


def engine_of(
    settings: Settings, *, temp: Path, lake: str, reach: Reach | None, progress: Progress
) -> AbstractContextManager[Engine]:
    """A session of the engine that `[engine]` names; `lake` is where the lake is, `reach` the way to one in S3."""
    named = settings.engine
    if named.kind == "duckdb":
        return duckdb_engine(settings, temp=temp, reach=reach)
    from rental_etl.engine.spark_session import SparkEngine

    wanted = _spark_settings(settings, temp=temp)
    progress("starting Spark", 0, 1)
    return SparkEngine(wanted, lake="" if wanted.local else lake)


def require_reachable(settings: Settings, *, lake: str) -> None:
    """Raise ConfigurationError for a cluster whose executors would look for the lake on their own disks.

    A folder that `lake.url` names may be the same one everywhere; the folder in the workspace is this machine's.
    """
    if settings.engine.kind != "spark" or settings.lake.url:
        return
    wanted = _spark_settings(settings, temp=Path())
    if not wanted.local and not wanted.hosted:
        raise ConfigurationError(
            "Spark's executors on other machines cannot reach the lake, which is a folder of this one",
            where=f"[engine] master = {wanted.where}; the lake is {lake}",
            expected="a lake in S3, or in a folder that is the same one under the same path on every machine of the cluster",
            remedy="name it with lake.url, or let Spark run on this machine: without master",
        )


def _spark_settings(settings: Settings, *, temp: Path) -> "SparkSettings":
    from rental_etl.engine.spark_settings import SparkSettings

    named = settings.engine
    return SparkSettings(named.memory, named.threads, temp, named.master, named.spark)


def duckdb_engine(settings: Settings, *, temp: Path, reach: Reach | None) -> DuckDBEngine:
    """A session of DuckDB, which looks into small files quickest whatever computes."""
    named = settings.engine
    return DuckDBEngine(memory=named.memory, threads=named.threads, temp=temp, reach=reach)


def processors_of(settings: Settings) -> int:
    """How many processors the engine computes with: this machine's threads, or a cluster's."""
    if settings.engine.kind == "spark":
        from rental_etl.engine.spark_process import processors

        return processors() or os.cpu_count() or 1
    return settings.engine.threads or os.cpu_count() or 1


def engine_found(engine: Engine, settings: Settings) -> str:
    """What `check` says about the engine."""
    [(answer,)] = engine.rows("select version()")
    memory = f"{settings.engine.memory} of memory"
    if settings.engine.kind == "spark":
        return f"Spark {str(answer).split()[0]}, {memory} for the driver"
    return f"DuckDB {answer}, {memory}"


def warehouse_of(settings: Settings, *, workspace: Path, temp: Path, reach: Reach | None = None) -> Warehouse:
    """The warehouse that `[warehouse]` names; default: a DuckDB file in the workspace. `reach` is the way to a lake in S3.

    Raises ConfigurationError for one that cannot be.
    """
    url = settings.warehouse.url
    engine: dict[str, Any] = {"memory": settings.engine.memory, "threads": settings.engine.threads, "temp": temp}
    if not url:
        return DuckDBWarehouse(workspace / "warehouse.duckdb", reach=reach, **engine)
    scheme = urlsplit(url).scheme
    if scheme in ("postgresql", "postgres"):
        return _postgres(url, settings.warehouse, {**engine, "open_engine": _opener(engine, reach)})
    if scheme == "redshift":
        return _redshift(url, settings, {**engine, "open_engine": _opener(engine, reach)})
    if not url.startswith(_FILE) or url == _FILE:
        raise ConfigurationError(
            f"warehouse.url = {url.split('://', maxsplit=1)[0]}://... is not supported by this version",
            expected="duckdb:///FILE, postgresql://user@host/database or redshift://user@host/database",
            remedy="correct warehouse.url; a DuckDB file is duckdb:///./rental-data/warehouse.duckdb, or duckdb:////srv/warehouse.duckdb",
        )
    return DuckDBWarehouse(Path(url.removeprefix(_FILE)).expanduser().absolute(), reach=reach, **engine)


def _postgres(url: str, named: WarehouseSettings, engine: Mapping[str, Any]) -> Warehouse:
    from rental_etl.warehouse.postgres.opening import open_postgres

    return open_postgres(url, tls=named.tls, ca=named.ca, **_access(named), **engine)


def _opener(engine: Mapping[str, Any], reach: Reach | None) -> Any:
    """What opens the sessions by which servers are fed."""
    from rental_etl.warehouse.postgres.parquet_rows import local_engine

    return local_engine(**engine, reach=reach) if reach else None


def _redshift(url: str, settings: Settings, engine: Mapping[str, Any]) -> Warehouse:
    from rental_etl.warehouse.redshift.opening import open_redshift

    named = settings.warehouse
    lake = settings.lake.url or ""
    # The original layout: what Redshift loads is staged beside the lake.
    staging = named.staging or (f"{lake.rstrip('/')}/temp" if is_remote(lake) else "")
    for keys in (named.distkey, named.sortkey):
        _check_tables(keys)
    return open_redshift(
        url,
        staging=staging,
        endpoint=settings.lake.endpoint,
        locate=lambda file: str(file) if is_remote(str(file)) else None,
        iam_role=named.iam_role,
        catalog=named.catalog or "",
        distkey=named.distkey,
        sortkey=named.sortkey,
        tls=_redshift_tls(named.tls),
        **_access(named),
        **engine,
    )


def _access(named: SourceSettings | WarehouseSettings) -> dict[str, Any]:
    return {
        "password": named.password.get_secret_value() if named.password else None,
        "secret": named.secret or "",
        "auth": named.auth,
        "region": named.region,
    }


def found_in(warehouse: Warehouse) -> Look:
    """What `check` says about a warehouse. Raises RentalEtlError when it cannot be reached."""
    look = getattr(warehouse, "check", None)
    system: Look = look() if look else Look("")
    problems = list(system.problems)
    state = ""
    try:
        published = warehouse.last_publish()
        state = f"publish {published.number} of {published.published_at}" if published else "nothing published yet"
    except RentalEtlError as error:
        if not problems:
            raise
        problems.append(Problem(error.what, error.remedy, error.exit_code))
    said = ", ".join(part for part in (system.found, state) if part)
    return Look(f"{warehouse.identity}: {said}", tuple(problems))


def _redshift_tls(tls: str | None) -> Any:
    """Redshift's driver encrypts and verifies, or does neither."""
    if tls in ("prefer", "require"):
        raise ConfigurationError(
            f'warehouse.tls = "{tls}" is not possible with Redshift',
            expected='"verify-full", "verify-ca" or "off"',
            remedy="remove it: the server is then verified",
        )
    return tls or "verify-full"


def _check_tables(keys: Mapping[str, Any]) -> None:
    known = [*contracts(), *curated_models(), *presentation_models()]
    for table in keys:
        if table not in known:
            near = difflib.get_close_matches(table, known, n=1)
            raise ConfigurationError(
                f"there is no table {table}",
                where="[warehouse] distkey or sortkey",
                expected=f"did you mean {near[0]}?" if near else "a source, curated or presentation table",
                remedy="correct the name",
            )
