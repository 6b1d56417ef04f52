"""CSV records as RFC 4180 has them, on bytes in memory: what a record is, whatever the engine's reader makes of odd ones.

Reads files line by line; writes nothing. A record is *regular* when every reader agrees on it, *odd* when it can be read but should first be written out
regularly (blanks around a quoted field, quotes inside an unquoted one, a carriage return inside a line), or else it has a problem.
"""

import re
from collections.abc import Iterator, Sequence
from operator import methodcaller
from pathlib import Path

from rental_etl.source.lines import Lines, without_end

REGULAR = ""
ODD = "odd"
WRONG_NUMBER_OF_FIELDS = "wrong_number_of_fields"
BROKEN_QUOTING = "broken_quoting"
UNDECODABLE_BYTES = "undecodable_bytes"
RECORD_TOO_LONG = "record_too_long"
LONGEST_RECORD = 32 << 20

_STILL_QUOTED = re.compile(rb'[^"]*+(?:""[^"]*+)*+')
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
            rb'%b"([^"]*+(?:""[^"]*+)*+)"%b(%b|\Z)|(?!%b")([^%b]*+)(%b|\Z)'
            % (blanks, blanks, mark, blanks, mark, mark),
            re.DOTALL,
        )

    def regular(self, width: int) -> re.Pattern[bytes]:
        """What a record of `width` fields looks like that every reader splits alike."""
        field = rb'(?:"[^"]*+(?:""[^"]*+)*+"|%b)' % self._plain
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
        """Fields as a record that every reader splits alike, without a line end."""
        return self.delimiter.join(b'"%b"' % field.replace(b'"', b'""') for field in fields)


class Records:
    """The records of a file after its header, judged."""

    def __init__(
        self, path: Path, splitter: Splitter, *, width: int, header_lines: int, by_returns: bool = False
    ) -> None:
        self.path = path
        self.splitter = splitter
        self.width = width
        self._header_lines = header_lines
        self._by_returns = by_returns
        self._regular = splitter.regular(width)
        self._between_quotes = b'"' + splitter.delimiter + b'"'

    def runs(self) -> Iterator[tuple[int, list[bytes], str]]:
        """Line number (from 1) of the first record, records without their line ends, and what they are: REGULAR, ODD, or their problem.

        Many regular records that take one line each come as one run; any other record comes alone. Blank lines are no records.
        """
        lines = Lines(self.path, by_returns=self._by_returns)
        lines.take(self._header_lines)
        while lines.fill():
            run = self._plain_block(lines.block) if lines.block and not lines.at else []
            if run:
                yield lines.number, run, REGULAR
                lines.pass_block(len(run))
            else:
                yield from self._window(lines)

    def __iter__(self) -> Iterator[tuple[int, bytes, str]]:
        """Every record alone."""
        for number, run, verdict in self.runs():
            for place, record in enumerate(run):
                yield number + place, record, verdict

    def _plain_block(self, block: bytes) -> list[bytes]:
        """The records of a block that is nothing but regular records without quotes; else none."""
        if b'"' in block or self.width == 1 or len(block) >= LONGEST_RECORD or not _is_text(block):
            return []
        end = b"\n"
        if b"\r" in block:
            end = b"\r\n"
            if not block.count(b"\r") == block.count(end) == block.count(b"\n"):
                return []
        records = block.split(end)
        if not records[-1]:
            records.pop()
        gaps = set(map(methodcaller("count", self.splitter.delimiter), records))
        return records if gaps == {self.width - 1} else []

    def _window(self, lines: Lines) -> Iterator[tuple[int, list[bytes], str]]:
        """The records of what was read of the file, one by one."""
        run: list[bytes] = []
        window, start = lines.window, lines.number
        while lines.at < len(window):
            record = without_end(window[lines.at])
            if record and self._is_regular(record):
                run.append(record)
                lines.at += 1
                continue
            if run:
                yield start, run, REGULAR
                run = []
            number = lines.number
            if record:
                record = without_end(lines.take(gather(lines, self.splitter)))
                yield number, [record], self._judge(record)
            else:
                lines.at += 1
            window, start = lines.window, lines.number
        if run:
            yield start, run, REGULAR

    def _is_regular(self, record: bytes) -> bool:
        """Whether one line is a regular record."""
        if not (record.isascii() or _is_text(record)) or len(record) >= LONGEST_RECORD:
            return False
        if b'"' not in record:
            return record.count(self.splitter.delimiter) == self.width - 1 and b"\r" not in record
        # Every field quoted, no quote inside: what many programs write, and found out faster this way.
        if len(record) > 1 and record.startswith(b'"') and record.endswith(b'"'):
            inside, gaps = record[1:-1], self.width - 1
            if inside.count(self._between_quotes) == gaps and inside.count(b'"') == 2 * gaps:
                return True
        return self._regular.fullmatch(record) is not None

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


def gather(lines: Lines, splitter: Splitter) -> int:
    """How many lines the next record takes: more than one when it is open at the end of its first line, and closed properly later.

    When it never is, that line alone is the broken record, and reading goes on with the next: one lost quote does not swallow the rest of the file.
    """
    first = lines.peek(0)
    if b'"' not in first or not splitter.is_open(without_end(first)):
        return 1
    size = len(first)
    count = 1
    while size < LONGEST_RECORD:
        following = lines.peek(count)
        if not following:
            return 1
        count += 1
        size += len(following)
        if b'"' not in following or _STILL_QUOTED.fullmatch(following):
            continue
        whole = without_end(b"".join(lines.window[lines.at : lines.at + count]))
        if not splitter.is_open(whole):
            return 1 if splitter.fields(whole) is None else count
    return 1


def _is_text(record: bytes) -> bool:
    if record.isascii():
        return True
    try:
        record.decode()
    except UnicodeDecodeError:
        return False
    return True
