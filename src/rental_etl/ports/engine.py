"""What computes: DuckDB on one machine, Spark on many. The SQL it is given is the portable subset of DuckDB's.

A location is an absolute path or an s3:// URL: which of them, the lake decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rental_etl.model.contract import Column


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A Parquet file the engine wrote: its location, rows and bytes."""

    path: str
    rows: int
    bytes: int = 0


class Engine(Protocol):
    """A session with named relations. Names are `schema.name`; a name defined again is replaced."""

    def bind(
        self, name: str, files: Sequence[str], *, columns: Sequence[Column], tags: Sequence[Mapping[str, int]] = ()
    ) -> None:
        """Make Parquet files readable as one relation with exactly `columns`; no file gives an empty relation.

        With `tags` (one mapping per file) each file's rows carry these constants as bigint columns, and `_row`, the row's ordinal within its file.
        """
        ...

    def define(self, name: str, sql: str) -> None:
        """Name a query; it is evaluated where it is used."""
        ...

    def keep(self, name: str, sql: str) -> int:
        """Evaluate a query once and keep its rows under a name; returns the number of rows."""
        ...

    def drop(self, name: str) -> None:
        """Forget a kept or defined relation and free what it holds."""
        ...

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """A small result as Python tuples."""
        ...

    def write(
        self, sql: str, folder: str, *, stem: str, columns: Sequence[Column], month_of: str = ""
    ) -> list[WrittenFile]:
        """Write a query's rows as Parquet with Iceberg field ids 1..n in the order of `columns`.

        With `month_of` (a column) every calendar month of it is written to files of its own, null months to one more. File names begin with
        `stem`; existing files are left alone. No rows, no file.
        """
        ...
