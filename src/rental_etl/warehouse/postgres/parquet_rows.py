"""Parquet files as the text that PostgreSQL's COPY reads: streamed by DuckDB, in bounded memory whatever the files' size."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rental_etl.errors import RentalEtlError, SystemUnreachableError
from rental_etl.storage.httpfs import Reach
from rental_etl.warehouse.postgres.types import Columns
from rental_etl.warehouse.text import literal, name, parquet

if TYPE_CHECKING:
    import duckdb

_ROWS_AT_ONCE = 10_000
# What COPY's text form writes with a backslash. PostgreSQL's text cannot hold the NUL character at all.
_ESCAPES = (("'\\'", "'\\\\'"), ("chr(10)", "'\\n'"), ("chr(13)", "'\\r'"), ("chr(9)", "'\\t'"), ("chr(0)", "''"))

Files = Sequence[str | Path]
Opener = Callable[[], "duckdb.DuckDBPyConnection"]
Failed = Callable[[str], RentalEtlError]


def unreadable(found: str) -> RentalEtlError:
    """What a file that cannot be read means, unless somebody knows more about it."""
    return SystemUnreachableError(
        f"a Parquet file cannot be read: {found}",
        expected="the lake's files as they were written, and memory and disk to read them; nothing was changed",
        remedy="restore the file, or run `rental-etl repair` when it belongs to a curated table; then run again",
    )


class ParquetRows:
    """Reads Parquet files through one DuckDB session, which `open_engine` gives when the first file is read."""

    def __init__(self, open_engine: Opener) -> None:
        self._open = open_engine
        self._stack = contextlib.ExitStack()
        self._engine: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> "ParquetRows":
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def copy_text(
        self, files: Files, columns: Columns, constants: Sequence[str] = (), *, failed: Failed = unreadable
    ) -> Iterator[bytes]:
        """The files' rows in COPY's text form: `columns` (found by name, cast to their canonical types), then the constants.

        A file that is missing or damaged raises what `failed` makes of the reason.
        """
        fields = [_field(column, type_) for column, type_ in columns] + [literal(constant) for constant in constants]
        with _reading(self.engine, failed):
            answer = self.engine.execute(f"select concat_ws(chr(9), {', '.join(fields)}) from {parquet(files)}")
            while rows := answer.fetchmany(_ROWS_AT_ONCE):
                yield "".join([f"{row}\n" for (row,) in rows]).encode()

    def count_outside(self, files: Files, period: str) -> int:
        """Rows that are not within a period, a predicate in DuckDB's words."""
        with _reading(self.engine, unreadable):
            found = self.engine.execute(
                f"select count(*) from {parquet(files)} where ({period}) is not true"
            ).fetchone()
        return int(found[0]) if found else 0

    def run(self, sql: str, failed: Failed = unreadable) -> None:
        """Carry out a statement that reads Parquet; what goes wrong raises what `failed` makes of the reason."""
        with _reading(self.engine, failed):
            self.engine.execute(sql)

    @property
    def engine(self) -> "duckdb.DuckDBPyConnection":
        """The session."""
        if self._engine is None:
            self._engine = self._stack.enter_context(contextlib.closing(self._open()))
        return self._engine


def local_engine(*, memory: str, threads: int | None, temp: Path | None, reach: Reach | None = None) -> Opener:
    """What opens DuckDB sessions that read local files, and with `reach` those of a lake in S3."""

    def open_engine() -> "duckdb.DuckDBPyConnection":
        import duckdb

        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory,
            # Nothing is fetched from the network behind the user's back.
            "autoinstall_known_extensions": "false",
            # Tables promise no order; free order lets big loads stream.
            "preserve_insertion_order": "false",
        }
        if threads:
            settings["threads"] = threads
        if temp:
            settings["temp_directory"] = str(temp)
        engine = duckdb.connect(":memory:", config=settings)
        engine.execute("set timezone = 'UTC'")
        if reach:
            reach.extend(engine)
        return engine

    return open_engine


@contextlib.contextmanager
def _reading(engine: "duckdb.DuckDBPyConnection", failed: Failed) -> Iterator[None]:
    import duckdb

    from rental_etl.warehouse.connect import first_line, interruptible, unwrapped

    try:
        with interruptible(engine):
            yield
    except duckdb.Error as error:
        raise failed(first_line(unwrapped(error))) from error


def _field(column: str, type_: str) -> str:
    field = f"cast(cast({name(column)} as {type_}) as varchar)"
    if type_ == "varchar":
        for character, escape in _ESCAPES:
            field = f"replace({field}, {character}, {escape})"
    return f"coalesce({field}, '\\N')"
