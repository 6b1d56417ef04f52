"""The engine session that reads deliveries: DuckDB in memory, spilling to a temporary folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from rental_etl.errors import SystemUnreachableError
from rental_etl.source.sql_text import literal


@contextmanager
def session(*, memory: str, threads: int | None, temp: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose results keep the order of the rows they are read from."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"set memory_limit = {literal(memory)}")
        connection.execute(f"set temp_directory = {literal(str(temp))}")
        connection.execute("set preserve_insertion_order = true")
        # It would turn `in (...)` into a join, and a join gives rows in another order than they were read.
        connection.execute("set disabled_optimizers = 'in_clause'")
        connection.execute("set timezone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        if threads:
            connection.execute(f"set threads = {int(threads)}")
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
