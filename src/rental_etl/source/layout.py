"""Finds out how a text file is laid out: its delimiter, its header, and which column holds what.

Reads the beginning of a plain text file. The delimiter is the one under which the header names most columns of the contract.
"""

import codecs
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rental_etl.errors import ConfigurationError, ErrorPage, InputError
from rental_etl.model.contract import Contract
from rental_etl.model.reading import TableReading
from rental_etl.source.lines import Lines, without_end
from rental_etl.source.plain_text import PlainText
from rental_etl.source.proposal.names import column_likeness
from rental_etl.source.records import Splitter, gather

# Few lines are split for one that is wanted.
_HEADER_BLOCK = 1 << 14
# From which share of equal letters on a name is one that was misspelt.
_MISSPELT = 0.8
_DELIMITERS = (",", ";", "\t", "|")
_NAMED = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|"}


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a delivery's columns are: by contract name the place (from 0) in the file, and what is left over or absent."""

    places: Mapping[str, int]
    width: int
    extra: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """How a text file is laid out; without a header (`columns.width` 0) it holds nothing but blank lines."""

    delimiter: str
    header_lines: int
    columns: Columns
    simple_header: bool = True


_EMPTY = Columns(places={}, width=0)


def layout(text: PlainText, *, contract: Contract, reading: TableReading) -> Layout:
    """Lay out one file. Raises InputError when its header lacks a column that may not be absent, or names one twice."""
    best: tuple[int, int, Layout, list[str]] | None = None
    for delimiter in _candidates(reading.delimiter, contract.table):
        header, consumed = _header(text, delimiter)
        if header is None:
            return Layout(delimiter, consumed, _EMPTY)
        columns = _place(header, contract=contract, reading=reading)
        score = (len(columns.places), columns.width)
        if best is None or score > best[:2]:
            best = (*score, Layout(delimiter, consumed, columns, simple_header=consumed == 1), header)
    assert best is not None
    _, _, found, header = best
    _check(found.columns, header, name=text.name, contract=contract)
    return found


def place_columns(header: Sequence[str], *, name: str, contract: Contract, reading: TableReading) -> Columns:
    """Place the columns of a delivery called `name` that has exactly these names. Raises like `layout`."""
    columns = _place(header, contract=contract, reading=reading)
    _check(columns, header, name=name, contract=contract)
    return columns


def _check(columns: Columns, header: Sequence[str], *, name: str, contract: Contract) -> None:
    """Raise InputError when a column that may not be absent is, or when one is named twice."""
    table = contract.table
    absent = [column.name for column in contract.columns if column.required and column.name not in columns.places]
    if absent:
        raise InputError(
            f"{name} has no column {' and no column '.join(absent)}",
            where=f"{name}, whose header is: {_shown(header)}",
            expected=f"a header that names {', '.join(c.name for c in contract.columns if c.required)}",
            remedy=f"say what it is called: tables.{table}.columns = {{ {_nearest(absent, header, columns, contract)} }}, or deliver it;"
            " `rental-etl init` proposes such settings",
            page=ErrorPage.COLUMNS,
        )
    seen = [_normal(cell) for cell in header]
    for column in columns.places:
        wanted = _normal(header[columns.places[column]])
        if seen.count(wanted) > 1:
            raise InputError(
                f"{name} names the column {wanted} more than once",
                where=f"{name}, whose header is: {_shown(header)}",
                expected="each column once",
                remedy=f'rename one of them, or choose another by tables.{table}.columns = {{ {column} = "..." }}',
            )


def _nearest(absent: Sequence[str], header: Sequence[str], columns: Columns, contract: Contract) -> str:
    """For every absent column the delivered name that is not understood and most likely means it, as the settings would have it; at least for the first."""
    free = {_normal(cell): cell for place, cell in enumerate(header) if place not in columns.places.values()}
    likeness = [(_likeness(cell, column, contract), column, known) for column in absent for known, cell in free.items()]
    named: dict[str, str] = {}
    for score, column, known in sorted(likeness, key=lambda one: one[0], reverse=True):
        if score > 0 and column not in named and known in free:
            named[column] = free.pop(known)
    found = {column: named[column] for column in absent if column in named} or {absent[0]: "..."}
    return ", ".join(f"{column} = {json.dumps(name, ensure_ascii=False)}" for column, name in found.items())


def _likeness(cell: str, column: str, contract: Contract) -> float:
    """How much a delivered name says that it is a column, by its words or as a misspelling of it."""
    spelled = difflib.SequenceMatcher(a=_normal(cell), b=column).ratio()
    words = column_likeness(cell, table=contract.table, column=column, day=contract.column(column).is_day)
    return max(words, 0.85 * spelled if spelled > _MISSPELT else 0.0)


def delimiter_of(setting: str, table: str) -> str:
    """The character that a setting means, "" for none. Raises ConfigurationError for one that cannot be a delimiter."""
    return _candidates(setting, table)[0] if setting else ""


def _candidates(setting: str, table: str) -> Sequence[str]:
    if not setting:
        return _DELIMITERS
    delimiter = _NAMED.get(setting, setting)
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n ' or delimiter.isalnum():
        raise ConfigurationError(
            f"{setting!r} cannot be a delimiter",
            where=f"tables.{table}.delimiter",
            expected='one character, such as "," ";" "|" or "tab"',
            remedy="correct it, or remove it: the usual ones are detected",
        )
    return (delimiter,)


def _header(text: PlainText, delimiter: str) -> tuple[list[str] | None, int]:
    """The names in the first line that is not blank, and the lines up to its end."""
    splitter = Splitter(delimiter)
    lines = Lines(text.path, by_returns=text.by_returns, size=_HEADER_BLOCK)
    while lines.fill():
        number = lines.number
        count = gather(lines, splitter)
        record = without_end(lines.take(count))
        if number == 1:
            record = record.removeprefix(codecs.BOM_UTF8)
        if record:
            cells = splitter.fields(record) or record.split(splitter.delimiter)
            return [cell.decode(errors="replace").strip() for cell in cells], number + count - 1
    return None, lines.number - 1


def _place(header: Sequence[str], *, contract: Contract, reading: TableReading) -> Columns:
    names = [_normal(cell) for cell in header]
    places: dict[str, int] = {}
    for column in contract.names:
        for wanted in (reading.columns.get(column, column), column):
            if _normal(wanted) in names:
                places[column] = names.index(_normal(wanted))
                break
    used = set(places.values())
    return Columns(
        places=places,
        width=len(header),
        extra=tuple(cell for place, cell in enumerate(header) if place not in used and cell),
        missing=tuple(column for column in contract.names if column not in places),
    )


def _normal(cell: str) -> str:
    return cell.strip().casefold()


def _shown(header: Sequence[str]) -> str:
    text = ", ".join(cell if cell.isprintable() else ascii(cell) for cell in header)
    return text if len(text) <= 300 else f"{text[:300]} ..."
