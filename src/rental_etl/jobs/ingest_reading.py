"""Reads deliveries for ingest: rows fit for a table, as delivered text or typed, of repeated keys the row that counts.

Writes under staging folders of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rental_etl.errors import InputError
from rental_etl.jobs.landed import ERROR_COLUMN
from rental_etl.jobs.streaming import Stream, streaming
from rental_etl.model.batch import Delivery, Reading
from rental_etl.model.contract import Contract
from rental_etl.model.delimited import Delimited
from rental_etl.ports.database import Clean
from rental_etl.ports.engine import Engine
from rental_etl.ports.source import DivisibleSource, NotInPiecesError, Piece, Source

# A row of a table whose rows have versions is as new as the greatest of these; SPEC section 1, "Listings keep their history".
_AGE = {"apartments": ("last_modified_timestamp", "listing_created_on")}
_VALID = "select * from ingest.landed where _error is null"


@dataclass(frozen=True, slots=True)
class Read:
    """A delivery that was read: its clean rows, and how many lost against a later row with the same key. `held` keeps `folder`."""

    contract: Contract
    delivery: Delivery
    reading: Reading
    clean: Clean
    repeated: int
    folder: Path
    held: ExitStack

    @property
    def is_text(self) -> bool:
        """Whether rows stayed in the text they were delivered in."""
        return any(isinstance(file, Delimited) for file in self.clean.files)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads deliveries of `source` as they were on `day`. `engine` and `staging` open what that takes: an engine for rows, and a folder for files."""

    source: Source
    engine: Callable[[], AbstractContextManager[Engine]]
    staging: Callable[[], AbstractContextManager[Path]]
    day: date

    def is_divisible(self, delivery: Delivery, *, awaited: bool = False) -> bool:
        """Whether a delivery is large enough to be stored while it is read; the smaller bound is for one that is `awaited`, with no other to be stored."""
        return isinstance(self.source, DivisibleSource) and self.source.is_divisible(delivery, awaited=awaited)

    def streaming(
        self, contract: Contract, delivery: Delivery, *, folder: Path, as_text: bool
    ) -> AbstractContextManager[Stream]:
        """Read such a delivery in the background."""
        assert isinstance(self.source, DivisibleSource)
        return streaming(self.source, delivery, contract=contract, staging=folder, day=self.day, as_text=as_text)

    def read(self, contract: Contract, delivery: Delivery, *, as_text: bool) -> Read:
        """Read a delivery whole; with `as_text` it stays text where no value of it needs a change. Raises InputError."""
        with ExitStack() as stack:
            folder = stack.enter_context(self.staging())
            found = self._as_text(contract, delivery, folder) if as_text else None
            if found is None:
                found = self.source.read(delivery, contract=contract, staging=folder, day=self.day, hints={}), []
            reading, pieces = found
            if pieces:
                clean, repeated = whole(delivery, contract, pieces), 0
            else:
                with self.engine() as rows:
                    clean, repeated = _cleaned(delivery, reading, contract=contract, folder=folder, engine=rows)
            return Read(contract, delivery, reading, clean, repeated, folder, stack.pop_all())

    def _as_text(self, contract: Contract, delivery: Delivery, folder: Path) -> tuple[Reading, list[Piece]] | None:
        """What was read, and its only piece if that stayed text; None when it has to be read in the usual way."""
        pieces: list[Piece] = []
        if not isinstance(self.source, DivisibleSource):
            return None
        # What is really wrong will be wrong again.
        with suppress(NotInPiecesError, InputError):
            reading = self.source.read_in_pieces(
                delivery,
                contract=contract,
                staging=folder,
                day=self.day,
                landed=pieces.append,
                divided=False,
                as_text=True,
            )
            return reading, pieces
        return None


def whole(delivery: Delivery, contract: Contract, pieces: Sequence[Piece]) -> Clean:
    """A delivery of which every piece is fit."""
    delivered = tuple(name for name in contract.names if name not in pieces[0].missing)
    age = tuple(name for name in _AGE.get(contract.table, ()) if name in delivered)
    files, rows = tuple(piece.file for piece in pieces), sum(piece.rows for piece in pieces)
    return Clean(delivery.name, delivery.content, files, rows, delivered, age)


def ahead(
    read: Callable[[Contract, Delivery], Read | None], new: Sequence[tuple[Contract, Delivery]]
) -> Iterator[tuple[Contract, Delivery, Read | None]]:
    """Deliveries in order, each read while the database stores the one before; with None those that `read` leaves to their turn."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = [pool.submit(read, *new[0])] if new else []
        try:
            for place in range(len(new)):
                item = waiting.pop().result()
                waiting = [pool.submit(read, *following) for following in new[place + 1 : place + 2]]
                yield (*new[place], item)
        finally:
            for future in waiting:
                if future.exception() is None and (unused := future.result()) is not None:
                    unused.held.close()


def _cleaned(
    delivery: Delivery, reading: Reading, *, contract: Contract, folder: Path, engine: Engine
) -> tuple[Clean, int]:
    """The rows fit for the table, and how many lost against a later row with the same key."""
    files = _bind_landed(reading, contract=contract, folder=folder, engine=engine)
    delivered = tuple(name for name in contract.names if name not in reading.missing_columns)
    age = tuple(name for name in _AGE.get(contract.table, ()) if name in delivered)
    rows = reading.rows_landed - reading.rows_refused
    key = ", ".join(column.name for column in contract.key)
    valid, repeats = _VALID, _repeats(contract, engine=engine)
    kept = rows
    if repeats:
        newest = f"greatest({', '.join(age)}) desc, " if age else ""
        place = f"row_number() over (partition by {key} order by {newest}_part desc, _row desc)"
        valid = f"select * from ({valid}) qualify {place} = 1"
    if repeats or reading.rows_refused:
        written = engine.write(valid, str(folder), stem="clean", columns=contract.columns)
        files, kept = [Path(file.path) for file in written], sum(file.rows for file in written)
    clean = Clean(delivery.name, delivery.content, tuple(files), kept, delivered, age)
    return clean, rows - kept


def _bind_landed(reading: Reading, *, contract: Contract, folder: Path, engine: Engine) -> list[Path]:
    """Bind what was landed; returns its files."""
    files = [folder / part.path for part in reading.parts]
    tags = [{"_part": number} for number in range(len(files))]
    engine.bind("ingest.landed", [str(file) for file in files], columns=(*contract.columns, ERROR_COLUMN), tags=tags)
    return files


def _repeats(contract: Contract, *, engine: Engine) -> bool:
    """Whether two of the rows that were landed have the same key."""
    key = ", ".join(column.name for column in contract.key)
    repeated = f"select 1 from ({_VALID}) group by {key} having count(*) > 1 limit 1"
    return bool(key) and bool(engine.rows(repeated))
