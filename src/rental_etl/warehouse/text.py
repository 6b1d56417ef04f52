"""SQL text built from names and values.

Values are written into the text: DuckDB's Python driver imports pandas and pyarrow, for a second or more, at the first bound parameter.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

Value = str | int | float | bool | date | datetime | None


def name(*parts: str) -> str:
    """A quoted, dotted name."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"


def value(plain: Value) -> str:
    """A literal of a plain value, typed as DuckDB types it."""
    if plain is None:
        return "null"
    if isinstance(plain, datetime):
        return f"timestamp '{plain.isoformat(sep=' ')}'"
    if isinstance(plain, date):
        return f"date '{plain.isoformat()}'"
    return literal(plain) if isinstance(plain, str) else str(plain)


def numbers(values: Iterable[int]) -> str:
    """A bracketed list of integers for `in`; never empty, as SQL wants it."""
    return "(" + ", ".join([str(int(value)) for value in values] or ["null"]) + ")"


def parquet(files: Sequence[str | Path]) -> str:
    """A scan of Parquet files."""
    # Folder names like month=202405 must not become columns.
    return f"read_parquet([{', '.join(literal(str(file)) for file in files)}], hive_partitioning = false)"


def moment(text: str) -> datetime | None:
    """An ISO 8601 text as a UTC timestamp without zone; "" is None. A text without an offset is UTC already."""
    if not text:
        return None
    value = datetime.fromisoformat(text)
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def now() -> datetime:
    """The present moment in UTC, without zone."""
    return datetime.now(tz=UTC).replace(tzinfo=None)
