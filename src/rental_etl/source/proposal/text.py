"""Takes a sample of a text file: its beginning and some blocks from further on, never more than about a megabyte.

Reads delivered files; writes nothing. A file that fits is taken whole.
"""

import contextlib
import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from rental_etl.source.plain_text import encoding_of

_HEAD, _BLOCK, _BLOCKS = 256 << 10, 64 << 10, 12
_WHOLE = 1 << 20
# Whether a text is UTF-8 is seen from more of it: one name with an accent may be far down.
_DECODED = 16 << 20
_DELIMITERS = (",", ";", "\t", "|")
_ROWS = 4_000


class NoTableError(Exception):
    """A file holds no rows under names of columns; the message says what it holds instead."""


@dataclass(frozen=True, slots=True)
class TextSample:
    """Columns and rows of a text file, `encoding` that reading it needs as a setting, and how many rows there may be in all."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    delimiter: str
    encoding: str
    whole: bool
    rows_about: int | None


def take(path: Path, *, encoding: str = "", delimiter: str = "") -> TextSample:
    """Look into a file, as settings say it is written or as it looks. Raises NoTableError when it is no table."""
    pieces, size = _pieces(path)
    detected = encoding_of(pieces[0], encoding)
    wide = detected.startswith(("utf-16", "utf-32"))
    if wide:
        # A block from further on may begin inside a character.
        pieces = pieces[:1]
    needed = "" if wide or encoding else _needed_encoding(path, pieces)
    texts = [piece.decode(needed or detected, errors="replace") for piece in pieces]
    texts[0] = texts[0].removeprefix("\ufeff")
    whole = size is not None and size <= sum(map(len, pieces))
    if not whole:
        texts = [_whole_lines(text, first=not place) for place, text in enumerate(texts)]
    delimiter = delimiter or _delimiter(texts[0])
    columns = _columns(texts[0], delimiter)
    rows = [row for text in texts for row in _rows(text, delimiter, columns)]
    kept = rows if whole else _some(rows)
    return TextSample(columns, tuple(kept), delimiter, needed, whole, _about(len(rows), pieces, size, whole=whole))


def _some(rows: list[tuple[str | None, ...]]) -> list[tuple[str | None, ...]]:
    """As many rows as are looked at, in their order; always the same, but not every so-many-th: two systems may take turns in a file."""
    if len(rows) <= _ROWS:
        return rows
    return [rows[place] for place in sorted(Random(0).sample(range(len(rows)), _ROWS))]


def _pieces(path: Path) -> tuple[list[bytes], int | None]:
    """Blocks of a file's bytes, the first from its beginning, and its size where that can be known."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b" or path.name.casefold().endswith(".gz")
    if packed:
        try:
            with gzip.open(path, "rb") as unpacked:
                head = unpacked.read(_WHOLE + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise NoTableError(f"it is no complete gzip file ({error})") from error
        return [head], len(head) if len(head) <= _WHOLE else None
    size = path.stat().st_size
    with path.open("rb") as file:
        pieces = []
        for first, count in parts_of(size):
            file.seek(first)
            pieces.append(file.read(count))
    return pieces, size


def parts_of(size: int) -> list[tuple[int, int]]:
    """The parts that are looked at of a text of so many bytes, as offsets and lengths: all of a small one, else its beginning and blocks from all over."""
    if size <= _WHOLE:
        return [(0, size)]
    further = [min(size - _BLOCK, _HEAD + (size - _HEAD) * number // _BLOCKS) for number in range(1, _BLOCKS + 1)]
    return [(0, _HEAD), *((first, _BLOCK) for first in further)]


def _needed_encoding(path: Path, pieces: list[bytes]) -> str:
    """ "" for UTF-8, also with a few damaged lines; else what the bytes look like."""
    # The first piece begins with the names of columns, and they may be all that is not ASCII; any other may begin inside a letter.
    blocks = [pieces[0].split(b"\n")[:-1] or [pieces[0]]]
    blocks += [piece.split(b"\n")[1:-1] or [piece] for piece in (*pieces[1:], *_further(path, pieces))]
    lines = [line for block in blocks for line in block if not line.isascii()]
    damaged = [line for line in lines if not _decodes(line)]
    if 2 * len(damaged) <= len(lines):
        return ""
    # Bytes that Latin-1 has no letters for: quotes, dashes and the euro sign of Windows.
    return "cp1252" if any(0x80 <= byte < 0xA0 for line in damaged for byte in line) else "latin-1"


def _further(path: Path, pieces: list[bytes]) -> Iterator[bytes]:
    if len(pieces) > 1 and all(piece.isascii() for piece in pieces):
        with path.open("rb") as file:
            yield from iter(lambda: file.read(_WHOLE) if file.tell() < _DECODED else b"", b"")


def _decodes(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _whole_lines(text: str, *, first: bool) -> str:
    """A block without the lines that it holds only a part of."""
    end = text.rfind("\n") + 1
    start = 0 if first else text.find("\n") + 1
    return text[start:end]


def _delimiter(text: str) -> str:
    """The character that splits most lines into the same number of fields, and into most of them."""

    def score(delimiter: str) -> tuple[float, int]:
        widths = [len(row) for row in _split(text[:_BLOCK], delimiter, limit=100)]
        if not widths or widths[0] < 2:
            return (0.0, 0)
        return (round(sum(width == widths[0] for width in widths) / len(widths), 1), widths[0])

    return max(_DELIMITERS, key=score)


def _columns(text: str, delimiter: str) -> tuple[str, ...]:
    header = next(iter(_split(text, delimiter, limit=1)), [])
    names = tuple(name.strip() for name in header)
    if not names:
        raise NoTableError("it is empty")
    if len(names) < 2:
        raise NoTableError("its first line names no columns, or one only")
    values = [
        name
        for name in names
        if name
        and name.lstrip("+-")
        .replace(".", "")
        .replace(",", "")
        .replace("-", "")
        .replace(":", "")
        .replace("/", "")
        .replace(" ", "")
        .isdigit()
    ]
    if 3 * len(values) > len(names):
        raise NoTableError(f"its first line holds values (such as {values[0]}) instead of names of columns")
    return _called(names)


def _called(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name or f"(column {place})" for place, name in enumerate(names, start=1))


def _rows(text: str, delimiter: str, columns: tuple[str, ...]) -> Iterator[tuple[str | None, ...]]:
    """The rows of as many values as there are columns, but those that name the columns: files that were put together name them more than once."""
    width = len(columns)
    for row in _split(text, delimiter):
        values = tuple(value.strip() for value in row[:width])
        if len(row) >= width and not any(row[width:]) and _called(values) != columns:
            yield values


def _split(text: str, delimiter: str, *, limit: int | None = None) -> Iterator[list[str]]:
    """The records that are not blank. A quote that is opened and never closed properly spoils its own line, not those up to the next quote."""
    lines = list(io.StringIO(text, newline=""))
    # Where `records` began, and where its next record does.
    start = at = count = 0
    records = _records(lines, start, delimiter)
    while limit is None or count < limit:
        try:
            row = next(records)
            at = start + records.line_num
        except StopIteration:
            return
        except csv.Error:
            row = _alone(lines[at], delimiter)
            start = at = at + 1
            records = _records(lines, start, delimiter)
        if any(row):
            count += 1
            yield row


def _records(lines: list[str], start: int, delimiter: str) -> Any:
    return csv.reader((lines[at] for at in range(start, len(lines))), delimiter=delimiter, strict=True)


def _alone(line: str, delimiter: str) -> list[str]:
    with contextlib.suppress(csv.Error, StopIteration):
        return next(csv.reader([line], delimiter=delimiter))
    return []


def _about(rows: int, pieces: list[bytes], size: int | None, *, whole: bool) -> int | None:
    if whole:
        return rows
    read = sum(map(len, pieces))
    return round(rows * size / read) if size and read else None
