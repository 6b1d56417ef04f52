"""Reads a text file in pieces, each of them handed over while the next one is read: typed, or as the text it is when typing it would change no byte.

Writes one piece at a time under a scratch folder, and what a reading writes. Only a file whose every line is a record can be cut: UTF-8 without quotes. What is
found out only on the way, such as a record that cannot be split or dates that need the whole delivery to be understood, ends the reading.
"""

import mmap
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from rental_etl.model.batch import Part
from rental_etl.ports.source import NotInPiecesError, Piece
from rental_etl.source.as_delivered import as_delivered
from rental_etl.source.csv_file import CsvFile
from rental_etl.source.delivered import DeliveredFile
from rental_etl.source.manner import DateOrder, manner
from rental_etl.source.readings import DeliveryReader, Result
from rental_etl.source.sql_text import literal
from rental_etl.storage.parquet import PARQUET

_BLOCK = 1 << 20
# Gzip, Parquet, and byte order marks.
_OTHER = (b"\x1f\x8b", b"PAR1", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a piece lies in its file, in bytes."""

    first: int
    last: int


def cuts(path: Path, *, size: int, first_size: int) -> tuple[Cut, ...]:
    """How to cut a file at line ends, into pieces of about `size` bytes, the first ones smaller; nothing when it cannot be.

    The first has `first_size` bytes, so that whoever waits for it soon has work, and each of the next at most twice as many as the one before.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        header = data.find(b"\n") + 1
        if not header or data[:4].startswith(_OTHER) or data.find(b'"') >= 0:
            return ()
        found: list[Cut] = []
        first, wanted = header, min(first_size, size)
        while first < len(data):
            end = data.find(b"\n", min(first + wanted, len(data)))
            last = end + 1 if end >= 0 else len(data)
            found.append(Cut(first, last))
            first, wanted = last, min(2 * wanted, size)
        return tuple(found)


def lines_before(path: Path, cut: Cut) -> int:
    """How many lines of a file come before a piece; the header is not counted."""
    with path.open("rb") as file:
        file.readline()
        left, lines = cut.first - file.tell(), 0
        while left > 0:
            block = file.read(min(left, _BLOCK))
            lines += block.count(b"\n")
            left -= len(block)
        return lines


class PieceReader(DeliveryReader):
    """Reads the pieces of one file like the files of a delivery. `landed` is told each piece that has rows, with the rows that break a rule left out; unless
    `divided`, the only piece, and only when it stays text, as pieces may with `as_text`.

    Raises NotInPiecesError, also from `read`, when the file has to be read as a whole after all.
    """

    def __init__(
        self,
        *,
        name: str,
        path: Path,
        found: Sequence[Cut],
        landed: Callable[[Piece], None],
        divided: bool,
        as_text: bool,
        **given: Any,
    ):
        places = [(name, given["scratch"] / f"piece-{number:04}.csv") for number in range(len(found))]
        super().__init__(places, siblings=(), hints={}, **given)
        self._path = path
        self._cuts = {place: cut for (_, place), cut in zip(places, found, strict=True)}
        self._landed = landed
        self._divided = divided
        # So many more tries to leave a piece as it is: where many fail, trying costs more than it spares.
        self._tries = 2 if as_text else 0
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
                yield (
                    None
                    if found is None
                    else cast(DeliveredFile, _Shifted(found, lambda: lines_before(self._path, cut)))
                )
        finally:
            path.unlink(missing_ok=True)

    def _one(self, file: DeliveredFile, number: int, *, order: DateOrder, result: Any) -> None:
        if self._tries > 0 and self._leave(file, number, order=order, result=result):
            self._tries += 1
            return
        self._tries -= 1
        parts, refused = len(result.parts), result.refused
        super()._one(file, number, order=order, result=result)
        if file.rejected.total():
            raise NotInPiecesError("a record cannot be split")
        if self._divided and len(result.parts) > parts:
            self._hand_over(result.parts[-1], refused=result.refused - refused, missing=file.columns.missing)

    def _leave(self, file: DeliveredFile, number: int, *, order: DateOrder, result: Result) -> bool:
        """Hand a piece over as the text it is, if all its rows are fit and all its values written as their types are."""
        values = manner(self.reading, day=self.day, date_order=order)
        _, place = self.files[number]
        found = as_delivered(
            cast(CsvFile, file), place, contract=self.contract, manner=values, connection=self.connection
        )
        if found is None:
            return False
        converted, text = found
        part = Part(f"parts/part-{number:05}.csv", text.rows)
        kept = self.staging / part.path
        shutil.move(place, kept)
        self._account(file, converted, part, result)
        self._handed_over = True
        self._landed(Piece(replace(text, path=kept), text.rows, tuple(file.columns.missing)))
        return True

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

    def __init__(self, file: DeliveredFile, before: Callable[[], int]) -> None:
        self._file = file
        self._before = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def locate(self, ordinals: Collection[int]) -> Iterator[tuple[int, int | None, str]]:
        """Ordinal within the piece, line in the whole file, text."""
        before = self._before()
        for ordinal, line, text in self._file.locate(ordinals):
            yield ordinal, None if line is None else line + before, text
