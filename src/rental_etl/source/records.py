"""CSV records as RFC 4180 has them, on bytes in memory: what a record is, whatever the engine's reader makes of odd ones.

Reads files line by line; writes nothing. A record is *regular* when every reader agrees on it, *odd* when it can be read but should first be written out
regularly (blanks around a quoted field, quotes inside an unquoted one, a carriage return inside a line), or else it has a problem.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

REGULAR = ""
ODD = "odd"
WRONG_NUMBER_OF_FIELDS = "wrong_number_of_fields"
BROKEN_QUOTING = "broken_quoting"
UNDECODABLE_BYTES = "undecodable_bytes"
RECORD_TOO_LONG = "record_too_long"
LONGEST_RECORD = 32 << 20

_CHUNK = 1 << 20
_STILL_QUOTED = re.compile(rb'(?:[^"]|"")*+')
_OPENS_QUOTED = re.compile(rb'[ \t]*+"')


class Splitter:
    """Splits records whose fields are separated by one character."""

    def __init__(self, delimiter: str) -> None:
        mark = re.escape(delimiter.encode())
        blanks = b"[ ]*+" if delimiter == "\t" else b"[ \t]*+"
        self.delimiter = delimiter.encode()
        self._plain = rb'[^"\r\n' + mark + rb"]*+"
        self._mark = mark
        self._field = re.compile(
            rb'%b"((?:[^"]|"")*+)"%b(%b|\Z)|(?!%b")([^%b]*+)(%b|\Z)' % (blanks, blanks, mark, blanks, mark, mark),
            re.DOTALL,
        )

    def regular(self, width: int) -> re.Pattern[bytes]:
        """What a record of `width` fields looks like that every reader splits alike."""
        field = rb'(?:"(?:[^"]|"")*+"|%b)' % self._plain
        return re.compile(rb"%b(?:%b%b){%d}" % (field, self._mark, field, width - 1))

    def fields(self, record: bytes) -> list[bytes] | None:
        """The record's fields (without its line end); None when a quote is not closed or is followed by more text."""
        if b'"' not in record:
            return None if b"\n" in record else record.split(self.delimiter)
        fields = []
        position = 0
        while True:
            match = self._field.match(record, position)
            if match is None:
                return None
            quoted, after_quoted, plain, after_plain = match.groups()
            if quoted is None and b"\n" in plain:
                return None
            fields.append(plain if quoted is None else quoted.replace(b'""', b'"'))
            position = match.end()
            if not (after_quoted or after_plain):
                return fields

    def row(self, record: bytes, *, width: int) -> list[bytes] | None:
        """The record as exactly `width` fields; empty ones beyond them are ignored. None when it has others, or cannot be split."""
        fields = self.fields(record)
        if fields is None or len(fields) < width or any(fields[width:]):
            return None
        return fields[:width]

    def is_open(self, record: bytes) -> bool:
        """Whether the record ends inside a quoted field."""
        position = 0
        while True:
            match = self._field.match(record, position)
            if match is None:
                opening = _OPENS_QUOTED.match(record, position)
                return opening is not None and _STILL_QUOTED.fullmatch(record, opening.end()) is not None
            _, after_quoted, _, after_plain = match.groups()
            position = match.end()
            if not (after_quoted or after_plain):
                return False

    def written(self, fields: Sequence[bytes]) -> bytes:
        """Fields as a record that every reader splits alike, with a line end."""
        return self.delimiter.join(b'"%b"' % field.replace(b'"', b'""') for field in fields) + b"\n"


def lines(path: Path, *, by_returns: bool = False) -> Iterator[bytes]:
    """The lines of a file with their ends, which are line feeds or (an old custom) carriage returns."""
    with path.open("rb") as file:
        if not by_returns:
            yield from file
            return
        rest = b""
        while chunk := file.read(_CHUNK):
            *complete, rest = (rest + chunk).split(b"\r")
            yield from (line + b"\r" for line in complete)
        if rest:
            yield rest


class Records:
    """The records of a file after its header, judged one by one."""

    def __init__(
        self, path: Path, splitter: Splitter, *, width: int, header_lines: int, by_returns: bool = False
    ) -> None:
        self.path = path
        self.splitter = splitter
        self.width = width
        self._header_lines = header_lines
        self._by_returns = by_returns
        self._regular = splitter.regular(width)

    def __iter__(self) -> Iterator[tuple[int, bytes, str]]:
        """Line number (from 1), the record without its line end, and REGULAR, ODD or its problem. Blank lines are no records."""
        delimiter, gaps = self.splitter.delimiter, self.width - 1
        source = lines(self.path, by_returns=self._by_returns)
        waiting: deque[bytes] = deque()
        number = 0
        while True:
            line = waiting.popleft() if waiting else next(source, b"")
            if not line:
                return
            number += 1
            record = without_end(line)
            if number <= self._header_lines or not record:
                continue
            if b'"' not in record:
                simple = record.count(delimiter) == gaps and b"\r" not in record and _is_text(record)
                yield number, record, REGULAR if simple and len(record) < LONGEST_RECORD else self._judge(record)
                continue
            if self._regular.fullmatch(record) and _is_text(record) and len(record) < LONGEST_RECORD:
                yield number, record, REGULAR
                continue
            rest = gather(line, waiting, source, splitter=self.splitter)
            if rest:
                record = without_end(b"".join([line, *rest]))
            yield number, record, self._judge(record)
            number += len(rest)

    def _judge(self, record: bytes) -> str:
        if len(record) >= LONGEST_RECORD:
            return RECORD_TOO_LONG
        if not _is_text(record):
            return UNDECODABLE_BYTES
        if self._regular.fullmatch(record):
            return REGULAR
        fields = self.splitter.fields(record)
        if fields is None:
            return BROKEN_QUOTING
        return WRONG_NUMBER_OF_FIELDS if self.splitter.row(record, width=self.width) is None else ODD


def gather(line: bytes, waiting: deque[bytes], source: Iterator[bytes], *, splitter: Splitter) -> list[bytes]:
    """The further lines of a record that is open at the end of its first line; none when it is never closed properly.

    Then that line alone is the broken record, and reading goes on with the next: one lost quote does not swallow the rest of the file. Lines are
    taken from `waiting` first and given back to it.
    """
    if not splitter.is_open(without_end(line)):
        return []
    taken: list[bytes] = []
    size = len(line)
    while size < LONGEST_RECORD:
        following = waiting.popleft() if waiting else next(source, b"")
        if not following:
            break
        taken.append(following)
        size += len(following)
        if _STILL_QUOTED.fullmatch(following):
            continue
        whole = without_end(b"".join([line, *taken]))
        if splitter.is_open(whole):
            continue
        if splitter.fields(whole) is None:
            break
        return taken
    waiting.extendleft(reversed(taken))
    return []


def without_end(line: bytes) -> bytes:
    """A line, or a record of several, without the last line's end."""
    if line.endswith(b"\r\n"):
        return line[:-2]
    return line[:-1] if line.endswith((b"\n", b"\r")) else line


def _is_text(record: bytes) -> bool:
    if record.isascii():
        return True
    try:
        record.decode()
    except UnicodeDecodeError:
        return False
    return True
