"""Reads a large text file in pieces, each of them typed and handed over while the next one is read.

Writes one piece at a time under a scratch folder, and what a reading writes. Only a file whose every line is a record can be cut: UTF-8 without quotes. What is
found out only on the way, such as a record that cannot be split or dates that need the whole delivery to be understood, ends the reading.
"""

import mmap
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from rental_etl.model.batch import Part
from rental_etl.ports.source import NotInPiecesError, Piece
from rental_etl.source.conversion import PARQUET
from rental_etl.source.delivered import DeliveredFile
from rental_etl.source.manner import DateOrder
from rental_etl.source.readings import DeliveryReader
from rental_etl.source.sql_text import literal

# Gzip, Parquet, and byte order marks.
_OTHER = (b"\x1f\x8b", b"PAR1", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a piece lies in its file, in bytes, and how many lines come before it (the header is not counted)."""

    first: int
    last: int
    lines_before: int


def cuts(path: Path, *, size: int) -> tuple[Cut, ...]:
    """How to cut a file at line ends, into pieces of about `size` bytes; nothing when it cannot be, or is not worth it."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        header = data.find(b"\n") + 1
        if not header or data[:4].startswith(_OTHER) or data.find(b'"') >= 0:
            return ()
        found: list[Cut] = []
        first, lines = header, 0
        while first < len(data):
            end = data.find(b"\n", min(first + size, len(data)))
            last = end + 1 if end >= 0 else len(data)
            found.append(Cut(first, last, lines))
            lines += data[first:last].count(b"\n")
            first = last
        return tuple(found) if len(found) > 1 else ()


class PieceReader(DeliveryReader):
    """Reads the pieces of one file like the files of a delivery. `landed` is told each piece that has rows, with the rows that break a rule left out.

    Raises NotInPiecesError, also from `read`, when the file has to be read as a whole after all.
    """

    def __init__(self, *, name: str, path: Path, found: Sequence[Cut], landed: Callable[[Piece], None], **given: Any):
        places = [(name, given["scratch"] / f"piece-{number:04}.csv") for number in range(len(found))]
        super().__init__(places, siblings=(), hints={}, **given)
        self._path = path
        self._cuts = {place: cut for (_, place), cut in zip(places, found, strict=True)}
        self._landed = landed
        self._handed_over = False

    def _files(self, order: DateOrder) -> Any:
        if self._handed_over:
            raise NotInPiecesError("dates are only understood from the whole file")
        return super()._files(order)

    @contextmanager
    def _opened(self, name: str, path: Path, result: Any) -> Iterator[DeliveredFile | None]:
        cut = self._cuts[path]
        with self._path.open("rb") as file, path.open("wb") as piece:
            piece.write(file.readline())
            file.seek(cut.first)
            piece.write(file.read(cut.last - cut.first))
        try:
            with super()._opened(name, path, result) as found:
                yield None if found is None else cast(DeliveredFile, _Shifted(found, cut.lines_before))
        finally:
            path.unlink()

    def _one(self, file: DeliveredFile, number: int, *, order: DateOrder, result: Any) -> None:
        parts, refused = len(result.parts), result.refused
        super()._one(file, number, order=order, result=result)
        if file.rejected.total():
            raise NotInPiecesError("a record cannot be split")
        if len(result.parts) > parts:
            self._hand_over(result.parts[-1], refused=result.refused - refused, missing=file.columns.missing)

    def _hand_over(self, part: Part, *, refused: int, missing: Collection[str]) -> None:
        path = self.staging / part.path
        if refused:
            clean = path.with_name(f"clean-{path.name}")
            rows = f"select * from read_parquet({literal(str(path))}, hive_partitioning = false) where _error is null"
            self.connection.execute(f"copy ({rows}) to {literal(str(clean))} ({PARQUET})")
            path = clean
        self._handed_over = True
        self._landed(Piece(path, part.rows - refused, tuple(missing)))


class _Shifted:
    """A piece as a delivered file whose lines are counted from the beginning of the whole file."""

    def __init__(self, file: DeliveredFile, lines_before: int) -> None:
        self._file = file
        self._before = lines_before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def locate(self, ordinals: Collection[int]) -> Iterator[tuple[int, int | None, str]]:
        """Ordinal within the piece, line in the whole file, text."""
        for ordinal, line, text in self._file.locate(ordinals):
            yield ordinal, None if line is None else line + self._before, text
