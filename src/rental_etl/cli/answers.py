"""Rows of an answer on stdout: as a table for people, as CSV, or as one JSON array; the last two stream."""

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rental_etl.cli import jsonout
from rental_etl.cli.terminal import answer, say


def show(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, format: str, limit: int) -> None:
    """Write rows to stdout; `format` is table (at most `limit` rows), csv or json."""
    if format == "csv":
        _write_csv(columns, rows)
    elif format == "json":
        names = _distinct(columns)
        jsonout.write_array((dict(zip(names, row, strict=True)) for row in rows), sys.stdout)
    else:
        counted = _Counted(rows)
        if answer(columns, counted, sys.stdout, limit=limit):
            say(f"the first {limit} rows; --format csv or json gives all of them", sys.stderr)
        else:
            say(f"{counted.count:,} row{'' if counted.count == 1 else 's'}", sys.stderr)


class _Counted:
    """Rows, counted as they are read."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Sequence[Any]]:
        for row in self._rows:
            self.count += 1
            yield row


def _write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_text(value) for value in row] for row in rows)


def _text(value: Any) -> Any:
    """A value as `export` writes it: null as nothing, booleans in lower case, what is nested as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | bytes | list | tuple | Mapping):
        return jsonout.encoded(value)
    return str(value)


def _distinct(columns: Sequence[str]) -> list[str]:
    """Column names as keys: a name that comes again gets its number."""
    names: list[str] = []
    for column in columns:
        name, number = column, 1
        while name in names:
            number += 1
            name = f"{column}_{number}"
        names.append(name)
    return names
