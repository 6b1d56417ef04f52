"""Writes what a query of lines gives to a text file, with its digest: rows are read once, in bounded memory, and compared with what is known before anything
is parsed."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rental_etl.errors import SystemUnreachableError
from rental_etl.source.mysql.lines import QUOTE, SEPARATOR, LineQuery
from rental_etl.source.mysql.session import Session

_BUFFER = 1 << 20
_LARGE = 1 << 18
_REPORT_ROWS = 100_000
_FINE = b",\n"
_BETWEEN, _QUOTE = SEPARATOR.encode(), QUOTE.encode()
# What a reader may take for the end of a line or of a text, unless it is quoted.
_ODD = (b"\r", _QUOTE, b"\0")


@dataclass(frozen=True, slots=True)
class Dump:
    """A file of `rows` lines under a header, their fields with `separator` between them; `size` and `digest` (SHA-256) are of its bytes. `typed` are the
    columns whose text casts to the contract's type or to nothing. No line is longer than `longest` bytes; `over_lines` tells that some text holds line ends;
    `troubled` counts the lines that say they could not be written exactly."""

    path: Path
    header: tuple[str, ...]
    separator: str
    typed: tuple[str, ...]
    rows: int
    size: int
    digest: str
    longest: int
    over_lines: bool
    troubled: int


@dataclass(frozen=True, slots=True)
class Question:
    """Which lines to ask for."""

    lines: LineQuery
    sql: Callable[[LineQuery], str]
    doing: str


class _UnsplittableError(Exception):
    """A plain line holds the separator inside a value, or is too long to be given."""


def dump(session: Session, question: Question, *, path: Path, progress: Callable[[int], None]) -> Dump:
    """Write a query's lines to `path`. Raises SystemUnreachableError when the server goes away or the disk is full."""
    try:
        try:
            return _dump(session, question.lines, question, path=path, progress=progress)
        except _UnsplittableError:
            return _dump(session, _careful(question), question, path=path, progress=progress)
    except BaseException:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def digest(session: Session, question: Question) -> str:
    """The digest that `dump` would give, without a file."""
    try:
        return _digest(session, question.lines, question)
    except _UnsplittableError:
        return _digest(session, _careful(question), question)


def _dump(
    session: Session, query: LineQuery, question: Question, *, path: Path, progress: Callable[[int], None]
) -> Dump:
    head = _head(query)
    hasher = hashlib.sha256(head)
    rows = longest = ends = troubled = 0
    size = len(head)
    try:
        with path.open("wb", buffering=_BUFFER) as file:
            file.write(head)
            for lines, data in _blocks(session, query, question):
                hasher.update(data)
                file.write(data)
                ends += data.count(b"\n")
                # Together they bound the longest; only large ones are worth a closer look.
                longest = max(longest, len(data) if len(data) < _LARGE else 2 * max(map(len, lines)))
                if not query.careful and query.separator == ",":
                    troubled += _troubled(lines, data)
                if (rows + len(lines)) // _REPORT_ROWS > rows // _REPORT_ROWS:
                    progress(rows + len(lines))
                rows += len(lines)
                size += len(data)
    except OSError as error:
        raise SystemUnreachableError(
            f"what the database delivers could not be kept for reading: {error.strerror}",
            where=str(path),
            expected="room for the table's rows as text",
            remedy="free disk space, or name a larger disk in [engine] temp",
        ) from error
    return Dump(
        path=path,
        header=query.header,
        separator=query.separator,
        typed=query.typed,
        rows=rows,
        size=size,
        digest=hasher.hexdigest(),
        longest=longest,
        over_lines=ends > rows,
        troubled=troubled,
    )


def _digest(session: Session, query: LineQuery, question: Question) -> str:
    hasher = hashlib.sha256(_head(query))
    for _, data in _blocks(session, query, question):
        hasher.update(data)
    return hasher.hexdigest()


def _blocks(session: Session, query: LineQuery, question: Question) -> Iterator[tuple[list[bytes], bytes]]:
    """The lines as the server gave them, some hundred at a time, and as they are to be written."""
    split = len(query.header) - 1
    blocks = session.stream(question.sql(query), doing=question.doing)
    for block in blocks:
        lines = [line for (line,) in block]
        if query.careful is None:
            yield lines, b"".join(lines)
            continue
        try:
            yield lines, _written(lines, separators=split)
        except _UnsplittableError:
            # A session is only good for another question when its answer was heard to the end.
            for _ in blocks:
                pass
            raise


def _written(lines: list[bytes], *, separators: int) -> bytes:
    """Plain lines with what is odd in them quoted. Every line has at least the separators between its fields: none has more when all together have not."""
    if None in lines:
        raise _UnsplittableError
    data = b"\n".join(lines) + b"\n"
    if data.count(_BETWEEN) != separators * len(lines):
        raise _UnsplittableError
    if data.count(b"\n") == len(lines) and not any(odd in data for odd in _ODD):
        return data
    return b"".join([_quoted(line) for line in lines])


def _quoted(line: bytes) -> bytes:
    return _BETWEEN.join([_quoted_field(field) for field in line.split(_BETWEEN)]) + b"\n"


def _quoted_field(field: bytes) -> bytes:
    if b"\n" in field or any(odd in field for odd in _ODD):
        return _QUOTE + field.replace(_QUOTE, 2 * _QUOTE) + _QUOTE
    return field


def _troubled(lines: list[bytes], data: bytes) -> int:
    """How many careful lines say in their last field what is wrong; looking at each is only needed where this shorter count is not that of the lines."""
    return 0 if data.count(_FINE) == len(lines) else sum(not line.endswith(_FINE) for line in lines)


def _head(query: LineQuery) -> bytes:
    return (query.separator.join(query.header) + "\n").encode()


def _careful(question: Question) -> LineQuery:
    careful = question.lines.careful
    assert careful is not None
    return careful
