"""Catalogs of the curated tables: which metadata file is each table's current one.

SQLite beside the lake or in the workspace, PostgreSQL, or the Glue Data Catalog. Looking a table up needs no pyiceberg; committing opens it.
"""

import contextlib
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rental_etl.errors import ConfigurationError
from rental_etl.lake.files import make_folder, reaching

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog as IcebergCatalog

CATALOG = "rental-etl"
NAMESPACE = "curated"

LOOK_UP = "select metadata_location from iceberg_tables where catalog_name = {0} and table_namespace = {0} and table_name = {0}"


class Catalog(Protocol):
    """Where a table's current metadata is known."""

    @property
    def where(self) -> str:
        """What messages call it."""
        ...

    @property
    def identity(self) -> str:
        """What a lake in S3 records as its catalog; may make the catalog."""
        ...

    @property
    def namespace(self) -> str:
        """The name that the tables lie under."""
        ...

    def location(self, table: str) -> str | None:
        """The location of a table's current metadata file; None when there is no such table."""
        ...

    def opened(self, warehouse: str, properties: Mapping[str, str]) -> "IcebergCatalog":
        """The catalog as pyiceberg sees it, with its namespace; kept open."""
        ...

    def forget(self) -> None:
        """Drop every table from the catalog; files stay."""
        ...


class SqliteCatalog:
    """A SQLite file. `name` tells the tables of one lake from those of another in it."""

    def __init__(self, file: Path, *, name: str = CATALOG) -> None:
        self._file, self._name = file, name
        self._open: IcebergCatalog | None = None

    @property
    def where(self) -> str:
        """The file's path."""
        return str(self._file)

    @property
    def namespace(self) -> str:
        """Always the same."""
        return NAMESPACE

    @property
    def identity(self) -> str:
        """A name that the file keeps wherever it is moved; the file is made when there is none."""
        make_folder(self._file.parent)
        with self._connected() as connection, connection:
            connection.execute("create table if not exists rental_etl_catalog (id text)")
            found = connection.execute("select id from rental_etl_catalog").fetchone()
            if found is None:
                found = (uuid.uuid4().hex,)
                connection.execute("insert into rental_etl_catalog values (?)", found)
        return f"sqlite {found[0]}"

    def location(self, table: str) -> str | None:
        """The location of a table's current metadata file; None when there is no such table."""
        if not self._file.exists():
            return None
        with self._connected() as connection:
            # A catalog whose making was interrupted has no table of tables yet.
            if not connection.execute("select 1 from sqlite_master where name = 'iceberg_tables'").fetchone():
                return None
            row = connection.execute(LOOK_UP.format("?"), (self._name, NAMESPACE, table)).fetchone()
        return str(row[0]) if row else None

    def opened(self, warehouse: str, properties: Mapping[str, str]) -> "IcebergCatalog":
        """The catalog as pyiceberg sees it."""
        if self._open is None:
            from sqlalchemy.engine import URL

            make_folder(self._file.parent)
            # A path, not a file:// URL: characters like # and % mean themselves in it.
            url = URL.create("sqlite", database=str(self._file)).render_as_string()
            self._open = sql_catalog(self._name, url, warehouse, properties)
        return self._open

    def forget(self) -> None:
        """Remove the file."""
        if self._open is not None:
            self._open.close()
            self._open = None
        with reaching(self._file, "remove the catalog"):
            for path in (self._file, self._file.with_name(f"{self._file.name}-journal")):
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _connected(self) -> Any:
        try:
            with contextlib.closing(sqlite3.connect(self._file)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise ConfigurationError(
                f"the catalog of the curated tables cannot be read: {error}",
                where=str(self._file),
                expected="the SQLite database as rental-etl wrote it",
                remedy="run `rental-etl repair`: it builds the curated tables again from the landed batches",
            ) from error


class PostgresCatalog:
    """A PostgreSQL database, shared by those who commit. `password` is asked for when connecting; the URL names none."""

    def __init__(self, url: str, *, name: str, password: Callable[[], str | None]) -> None:
        self._url, self._name, self._password = url, name, password
        self._open: IcebergCatalog | None = None

    @property
    def where(self) -> str:
        """The database's URL."""
        return self._url

    @property
    def namespace(self) -> str:
        """Always the same."""
        return NAMESPACE

    @property
    def identity(self) -> str:
        """The database without the user who asks."""
        scheme, _, rest = self._url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"

    def location(self, table: str) -> str | None:
        """The location of a table's current metadata file; None when there is no such table."""
        with self._connected() as connection:
            if not connection.execute("select to_regclass('iceberg_tables')").fetchone()[0]:
                return None
            row = connection.execute(LOOK_UP.format("%s"), (self._name, NAMESPACE, table)).fetchone()
        return str(row[0]) if row else None

    def opened(self, warehouse: str, properties: Mapping[str, str]) -> "IcebergCatalog":
        """The catalog as pyiceberg sees it."""
        if self._open is None:
            from sqlalchemy.engine import make_url

            url = make_url(self._url).set(drivername="postgresql+psycopg", password=self._password())
            self._open = sql_catalog(self._name, url.render_as_string(hide_password=False), warehouse, properties)
        return self._open

    def forget(self) -> None:
        """Delete this lake's tables from the catalog."""
        with self._connected() as connection:
            if connection.execute("select to_regclass('iceberg_tables')").fetchone()[0]:
                connection.execute("delete from iceberg_tables where catalog_name = %s", (self._name,))

    @contextlib.contextmanager
    def _connected(self) -> Any:
        from rental_etl.lake.postgres import connected

        with connected(self._url, self._password()) as connection:
            yield connection


class GlueCatalog:
    """A database of the Glue Data Catalog, where Athena, Redshift and Spark find the tables. `client` makes a boto3 client of Glue."""

    def __init__(self, database: str, *, client: Callable[[], Any], errors: Callable[..., Any]) -> None:
        self._database = database
        self._make, self._errors = client, errors
        self._client: Any = None
        self._open: IcebergCatalog | None = None

    @property
    def where(self) -> str:
        """The database's name."""
        return f"the Glue database {self._database}"

    @property
    def namespace(self) -> str:
        """The database's name."""
        return self._database

    @property
    def identity(self) -> str:
        """The database and its region; the lake's bucket belongs to one account."""
        return f"glue {self._glue.meta.region_name} {self._database}"

    def location(self, table: str) -> str | None:
        """The location of a table's current metadata file; None when there is no such table."""
        with self._errors(self.where, needs="glue:GetTable", action="look a table up"):
            try:
                found = self._glue.get_table(DatabaseName=self._database, Name=table)["Table"]
            except self._glue.exceptions.EntityNotFoundException:
                return None
        location = found.get("Parameters", {}).get("metadata_location")
        if location is None:
            raise ConfigurationError(
                f"{self._database}.{table} is no Iceberg table",
                where=self.where,
                expected="a database that rental-etl alone makes tables in",
                remedy="name another one in lake.database, or remove the table",
            )
        return str(location)

    def opened(self, warehouse: str, properties: Mapping[str, str]) -> "IcebergCatalog":
        """The catalog as pyiceberg sees it."""
        if self._open is None:
            from pyiceberg.catalog.glue import GlueCatalog as Opened

            with self._errors(self.where, needs="glue:GetDatabase, glue:CreateDatabase", action="make the database"):
                try:
                    self._glue.get_database(Name=self._database)
                except self._glue.exceptions.EntityNotFoundException:
                    self._glue.create_database(DatabaseInput={"Name": self._database})
            self._open = Opened(CATALOG, client=self._glue, warehouse=warehouse, **properties)
        return self._open

    def forget(self) -> None:
        """Delete the database's Iceberg tables."""
        with self._errors(self.where, needs="glue:GetTables, glue:DeleteTable", action="drop tables"):
            try:
                pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=self._database)
                tables = [table for page in pages for table in page["TableList"]]
            except self._glue.exceptions.EntityNotFoundException:
                return
            for table in tables:
                if table.get("Parameters", {}).get("metadata_location"):
                    self._glue.delete_table(DatabaseName=self._database, Name=table["Name"])

    @property
    def _glue(self) -> Any:
        if self._client is None:
            self._client = self._make()
        return self._client


def sql_catalog(name: str, url: str, warehouse: str, properties: Mapping[str, str]) -> Any:
    """A SQL catalog opened by pyiceberg, with its namespace."""
    from pyiceberg.catalog.sql import SqlCatalog

    opened = SqlCatalog(name, uri=url, warehouse=warehouse, **properties)
    opened.create_namespace_if_not_exists(NAMESPACE)
    return opened
