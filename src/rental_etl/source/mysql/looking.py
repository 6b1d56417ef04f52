"""Takes samples of a database's tables, to propose which of them is which.

Reads information_schema and some rows of the tables whose names or columns speak for them; writes nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rental_etl.source.mysql.access import Access
from rental_etl.source.mysql.catalog import quote, text
from rental_etl.source.mysql.session import Progress, Session, connect
from rental_etl.source.mysql.tables import FILE_COLUMN, LEDGER
from rental_etl.source.proposal.proposal import candidates
from rental_etl.source.proposal.sample import Looked, Sample, Unread

_ROWS, _BLOCKS = 2_000, 8
_CHARACTERS = 200
_MOST_TABLES = 30
_UNREADABLE = ("blob", "tinyblob", "mediumblob", "longblob", "binary", "varbinary", "geometry", "point", "polygon")
_WORD = re.compile(r"'((?:[^']|'')*)'")


@dataclass(slots=True)
class _Stored:
    """A table as information_schema has it; `words` are those of its ENUM columns."""

    rows_about: int
    types: dict[str, str] = field(default_factory=dict)
    key: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)


def look(access: Access, *, progress: Progress) -> Looked:
    """Samples of the tables and views of a database that may be one of the contracts'. Raises RentalEtlError when it cannot be reached."""
    with connect(access, progress=progress) as session:
        stored = _tables(session, access.address.database)
        named = [_named(name, table) for name, table in stored.items() if name != LEDGER]
        worth = candidates(named)[:_MOST_TABLES]
        samples = []
        for number, sample in enumerate(worth):
            progress(f"looking at {sample.name}", number, len(worth))
            samples.append(_filled(session, sample, stored[sample.name]))
    names = {sample.name for sample in worth}
    unread = [
        Unread(one.name, "neither its name nor its columns are those of a table")
        for one in named
        if one.name not in names
    ]
    return Looked(access.address.identity, tuple(samples), tuple(unread), is_database=True)


def _tables(session: Session, database: str) -> Mapping[str, _Stored]:
    found = {
        _str(name): _Stored(int(about))
        for name, about in session.rows(
            f"select table_name, coalesce(table_rows, 0) from information_schema.tables where table_schema = {text(database)} order by table_name",
            doing="looking for tables",
        )
    }
    columns = session.rows(
        "select table_name, column_name, data_type, column_type, column_key, extra from information_schema.columns"
        f" where table_schema = {text(database)} order by table_name, ordinal_position",
        doing="looking at columns",
    )
    for row in columns:
        name, column, kind, full, key, extra = map(_str, row)
        if name not in found or column == FILE_COLUMN or kind.lower() in _UNREADABLE:
            continue
        table = found[name]
        table.types[column] = kind.lower()
        if key == "PRI":
            table.key.append(column)
        if "on update" in extra.lower():
            table.updated.append(column)
        if kind.lower() == "enum":
            table.words[column] = tuple(word.replace("''", "'") for word in _WORD.findall(full))
    return found


def _named(name: str, table: _Stored) -> Sample:
    """A sample without rows yet."""
    return Sample(
        name=name,
        stem=name,
        columns=tuple(table.types),
        rows=(),
        whole=False,
        rows_about=table.rows_about,
        words=table.words,
        updated=tuple(table.updated),
        key=tuple(table.key),
    )


def _filled(session: Session, sample: Sample, table: _Stored) -> Sample:
    """The sample with rows: the first, or where a whole number is the key, some from all over it."""
    listed = ", ".join(_as_text(column, kind) for column, kind in table.types.items())
    query = f"select {listed} from {quote(sample.name)}"
    doing = f"looking at {sample.name}"
    first = session.rows(f"{query} limit {_ROWS + 1}", doing=doing)
    if len(first) <= _ROWS:
        return replace(sample, rows=_texts(first), whole=True, rows_about=len(first))
    if len(sample.key) != 1 or "int" not in table.types[sample.key[0]]:
        return replace(sample, rows=_texts(first[:_ROWS]))
    key = quote(sample.key[0])
    low, high = session.rows(f"select min({key}), max({key}) from {quote(sample.name)}", doing=doing)[0]
    rows: dict[tuple[Any, ...], None] = {}
    for block in range(_BLOCKS):
        start = int(low) + (int(high) - int(low)) * block // _BLOCKS
        part = f"{query} where {key} >= {start} order by {key} limit {_ROWS // _BLOCKS}"
        rows.update(dict.fromkeys(map(tuple, session.rows(part, doing=doing))))
    return replace(sample, rows=_texts(list(rows)))


def _as_text(column: str, kind: str) -> str:
    name = quote(column)
    if kind == "bit":
        name = f"{name} + 0"
    return f"left(cast({name} as char), {_CHARACTERS})"


def _texts(rows: Sequence[Sequence[Any]]) -> tuple[tuple[str | None, ...], ...]:
    return tuple(tuple(None if value is None else _str(value).strip() for value in row) for row in rows)


def _str(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes | bytearray) else str(value)
