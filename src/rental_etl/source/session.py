"""The engine sessions that read deliveries: one DuckDB in memory for all that are read at the same time, spilling to a temporary folder."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock

import duckdb

from rental_etl.errors import SystemUnreachableError
from rental_etl.source.sql_text import literal


class Sessions:
    """Connections to one database that is there as long as one of them is: together they keep to `memory` and `threads`."""

    def __init__(self, *, memory: str, threads: int | None, temp: Path) -> None:
        self._memory = memory
        self._threads = threads
        self._temp = temp
        self._lock = Lock()
        self._database: duckdb.DuckDBPyConnection | None = None
        self._closing = ExitStack()
        self._open: list[duckdb.DuckDBPyConnection] = []

    @contextmanager
    def session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection whose results keep the order of the rows they are read from."""
        with self._lock:
            self._database = self._database or self._opened()
            connection = self._database.cursor()
            self._open.append(connection)
        try:
            connection.execute("set timezone = 'UTC'")
            connection.execute("set enable_progress_bar = false")
            yield connection
        finally:
            with self._lock:
                self._open.remove(connection)
                connection.close()
                if not self._open:
                    self._database = None
                    self._closing.close()

    def interrupt(self) -> None:
        """Make every statement that is running fail, in whichever thread."""
        with self._lock:
            for connection in self._open:
                connection.interrupt()

    def _opened(self) -> duckdb.DuckDBPyConnection:
        self._temp.mkdir(parents=True, exist_ok=True)
        spill = self._closing.enter_context(tempfile.TemporaryDirectory(prefix="reading-", dir=self._temp))
        database = self._closing.enter_context(duckdb.connect(":memory:"))
        database.execute(f"set memory_limit = {literal(self._memory)}")
        database.execute(f"set temp_directory = {literal(spill)}")
        database.execute("set preserve_insertion_order = true")
        # It would turn `in (...)` into a join, and a join gives rows in another order than they were read.
        database.execute("set disabled_optimizers = 'in_clause'")
        if self._threads:
            database.execute(f"set threads = {int(self._threads)}")
        return database


@contextmanager
def session(*, memory: str, threads: int | None, temp: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The one connection of a database of its own."""
    with Sessions(memory=memory, threads=threads, temp=temp).session() as connection:
        yield connection


@contextmanager
def system_errors() -> Iterator[None]:
    """Say in the user's words that memory or disk is used up."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise SystemUnreachableError(
            "reading a delivery took more memory than it may",
            where=str(error).splitlines()[0],
            remedy="give it more with [engine] memory, or free disk space for [engine] temp",
        ) from error
    except duckdb.IOException as error:
        raise SystemUnreachableError(
            "a file could not be read or written while a delivery was read",
            where=str(error).splitlines()[0],
            remedy="check that the disk is not full and the source stays in place; run again, nothing half-done is visible",
        ) from error
