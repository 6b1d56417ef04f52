"""Writes what a query of lines gives to a CSV file, with its digest: rows are read once, in bounded memory, and compared with what is known before anything
is parsed."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rental_etl.errors import SystemUnreachableError
from rental_etl.source.mysql.session import Session

_BUFFER = 1 << 20
_LARGE = 1 << 18
_REPORT_ROWS = 100_000
_FINE = b",\n"


@dataclass(frozen=True, slots=True)
class Dump:
    """A CSV file of `rows` lines under a header; `size` and `digest` (SHA-256) are of its bytes. No line is longer than `longest` bytes; `over_lines` tells
    that some text holds line ends; `troubled` counts the lines that say they could not be written exactly."""

    path: Path
    header: tuple[str, ...]
    rows: int
    size: int
    digest: str
    longest: int
    over_lines: bool
    troubled: int


def dump(
    session: Session,
    sql: str,
    *,
    header: tuple[str, ...],
    path: Path,
    doing: str,
    progress: Callable[[int], None],
) -> Dump:
    """Write a query's lines to `path`. Raises SystemUnreachableError when the server goes away or the disk is full."""
    head = (",".join(header) + "\n").encode()
    hasher = hashlib.sha256(head)
    rows = longest = ends = troubled = 0
    size = len(head)
    complete = False
    try:
        with path.open("wb", buffering=_BUFFER) as file:
            file.write(head)
            for block in session.stream(sql, doing=doing):
                lines = [line for (line,) in block]
                data = b"".join(lines)
                hasher.update(data)
                file.write(data)
                ends += data.count(b"\n")
                # Together they bound the longest; only large ones are worth a closer look.
                longest = max(longest, len(data) if len(data) < _LARGE else max(map(len, lines)))
                # The last field says what is wrong; looking at every line is only needed where this shorter count is not that of the lines.
                if data.count(_FINE) != len(lines):
                    troubled += sum(not line.endswith(_FINE) for line in lines)
                if (rows + len(lines)) // _REPORT_ROWS > rows // _REPORT_ROWS:
                    progress(rows + len(lines))
                rows += len(lines)
                size += len(data)
        complete = True
    except OSError as error:
        raise SystemUnreachableError(
            f"what the database delivers could not be kept for reading: {error.strerror}",
            where=str(path),
            expected="room for the table's rows as text",
            remedy="free disk space, or name a larger disk in [engine] temp",
        ) from error
    finally:
        if not complete:
            path.unlink(missing_ok=True)
    return Dump(path, header, rows, size, hasher.hexdigest(), longest, over_lines=ends > rows, troubled=troubled)


def digest(session: Session, sql: str, *, header: tuple[str, ...], doing: str) -> str:
    """The digest that `dump` would give, without a file."""
    hasher = hashlib.sha256((",".join(header) + "\n").encode())
    for block in session.stream(sql, doing=doing):
        hasher.update(b"".join([line for (line,) in block]))
    return hasher.hexdigest()
