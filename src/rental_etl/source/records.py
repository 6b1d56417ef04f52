"""CSV records as RFC 4180 has them, on text in memory: the careful twin of the engine's reader.

Accepts what the engine's strict reader accepts: blanks around a quoted field, quotes inside an unquoted one, one empty field too many at the end.
"""

import re
from collections.abc import Iterator
from pathlib import Path

_CHUNK = 1 << 20


class Splitter:
    """Splits one record into fields."""

    def __init__(self, delimiter: str) -> None:
        mark = re.escape(delimiter)
        blanks = "[ ]*" if delimiter == "\t" else "[ \t]*"
        self.delimiter = delimiter
        self._field = re.compile(
            rf'{blanks}"((?:[^"]+|"")*)"{blanks}({mark}|\Z)|(?!{blanks}")([^{mark}]*)({mark}|\Z)', re.DOTALL
        )

    def fields(self, record: str) -> list[str] | None:
        """The record's fields (without its line end); None when a quote is not closed or followed by more text."""
        if '"' not in record:
            return None if "\n" in record else record.split(self.delimiter)
        fields = []
        position = 0
        while True:
            match = self._field.match(record, position)
            if match is None:
                return None
            quoted, after_quoted, plain, after_plain = match.groups()
            if quoted is None and "\n" in plain:
                return None
            fields.append(plain if quoted is None else quoted.replace('""', '"'))
            position = match.end()
            if not (after_quoted or after_plain):
                return fields

    def row(self, record: str, *, width: int) -> list[str] | None:
        """The record as exactly `width` fields; None when it has another number of them or cannot be split."""
        fields = self.fields(record)
        if fields is not None and len(fields) == width + 1 and not fields[-1]:
            fields.pop()
        return fields if fields is not None and len(fields) == width else None


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a file with their ends; a lone carriage return ends a line only in files without any line feed."""
    with path.open("rb") as file:
        head = file.read(_CHUNK)
        file.seek(0)
        if b"\n" in head or b"\r" not in head:
            yield from file
            return
        rest = b""
        while chunk := file.read(_CHUNK):
            *complete, rest = (rest + chunk).split(b"\r")
            yield from (line + b"\r" for line in complete)
        if rest:
            yield rest
