"""ingest: puts delivered files into the operational database, for marketplaces whose tables live there.

Reads a folder of files by the same rules as extract; writes the database's tables, each file in one transaction, and `<table>/<file>.csv` with the refused
rows under a quarantine folder. Rows are added and updated by key, never deleted. A file whose content is known is skipped, so a rerun adds no row twice.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from rental_etl.errors import InputError
from rental_etl.jobs.landed import ERROR_COLUMN
from rental_etl.jobs.streaming import streaming
from rental_etl.model.batch import Delivery, Reading
from rental_etl.model.contract import Column, Contract
from rental_etl.model.delimited import Delimited
from rental_etl.model.summary import Watch
from rental_etl.ports.database import Clean, Database, DatabaseSession, Stored
from rental_etl.ports.engine import Engine
from rental_etl.ports.source import DivisibleSource, NotInPiecesError, Piece, Source
from rental_etl.tables.contracts import contracts

# A row of a table whose rows have versions is as new as the greatest of these; SPEC section 1, "Listings keep their history".
_AGE = {"apartments": ("last_modified_timestamp", "listing_created_on")}
_QUARANTINE = (
    Column("file", "text"),
    Column("line", "int64"),
    Column("rule", "text"),
    Column("column", "text"),
    Column("text", "text"),
    Column("kind", "text"),
)
_PAGE_ROWS = 50_000
_VALID = "select * from ingest.landed where _error is null"


@dataclass(frozen=True, slots=True)
class IngestedFile:
    """One delivery and what became of its rows: read = quarantined + repeated + older + added + changed + unchanged. `quarantine` is where its refused rows
    are, None for none; `known` tells that it was skipped."""

    table: str
    name: str
    rows_read: int = 0
    quarantined: int = 0
    repeated: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    older: int = 0
    findings: Mapping[str, int] = field(default_factory=dict)
    quarantine: Path | None = None
    known: bool = False


def ingest(
    *,
    source: Source,
    database: Database,
    engine: Callable[[], AbstractContextManager[Engine]],
    staging: Callable[[], AbstractContextManager[Path]],
    quarantine: Path,
    day: date,
    watch: Watch,
) -> tuple[IngestedFile, ...]:
    """Put every new file of the source into the database, parents before children. Raises RentalEtlError at the first file that cannot be; those before it
    stay ingested."""
    offers = [
        (contract, delivery) for contract in reversed(contracts().values()) for delivery in source.deliveries(contract)
    ]
    done: list[IngestedFile] = []
    new: list[tuple[Contract, Delivery]] = []

    def read(contract: Contract, delivery: Delivery) -> _Read | None:
        if isinstance(source, DivisibleSource) and source.is_divisible(delivery):
            # Read while it is stored, not before.
            return None
        return parts(contract, delivery, as_text=as_text[contract.table])

    def parts(contract: Contract, delivery: Delivery, *, as_text: bool) -> _Read:
        return _read(contract, delivery, source=source, engine=engine, staging=staging, day=day, as_text=as_text)

    with database.session() as session:
        as_text: dict[str, bool] = {}
        for contract, delivery in offers:
            session.prepare(contract)
            if contract.table not in as_text:
                as_text[contract.table] = session.takes_text(contract)
            known = {*session.ingested(contract).values(), *(other.content for same, other in new if same is contract)}
            if delivery.content in known:
                done.append(IngestedFile(contract.table, delivery.name, known=True))
            else:
                new.append((contract, delivery))
        for number, (contract, delivery, ready) in enumerate(_ahead(read, new)):
            watch.progress(f"ingesting {delivery.name}", number, len(new))
            outcome = None
            if ready is None:
                outcome = _streamed(
                    contract,
                    delivery,
                    source=source,
                    session=session,
                    engine=engine,
                    staging=staging,
                    quarantine=quarantine,
                    day=day,
                    as_text=as_text[contract.table],
                )
            if outcome is None:
                typed = partial(parts, contract, delivery, as_text=False)
                item = ready or typed()
                outcome = _stored(item, session=session, engine=engine, quarantine=quarantine, typed=typed)
            done.append(outcome)
    return tuple(done)


@dataclass(frozen=True, slots=True)
class _Read:
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


def _read(
    contract: Contract,
    delivery: Delivery,
    *,
    source: Source,
    engine: Callable[[], AbstractContextManager[Engine]],
    staging: Callable[[], AbstractContextManager[Path]],
    day: date,
    as_text: bool,
) -> _Read:
    with ExitStack() as stack:
        folder = stack.enter_context(staging())
        pieces: list[Piece] = []
        reading = None
        if as_text and isinstance(source, DivisibleSource):
            # What is really wrong will be wrong again.
            with suppress(NotInPiecesError, InputError):
                reading = source.read_in_pieces(
                    delivery, contract=contract, staging=folder, day=day, landed=pieces.append, as_text=True
                )
        if reading is None:
            pieces.clear()
            reading = source.read(delivery, contract=contract, staging=folder, day=day, hints={})
        if pieces:
            clean, repeated = _whole(delivery, contract, pieces), 0
        else:
            with engine() as rows:
                clean, repeated = _cleaned(delivery, reading, contract=contract, folder=folder, engine=rows)
        return _Read(contract, delivery, reading, clean, repeated, folder, stack.pop_all())


def _whole(delivery: Delivery, contract: Contract, pieces: Sequence[Piece]) -> Clean:
    """A delivery of which every piece is fit."""
    delivered = tuple(name for name in contract.names if name not in pieces[0].missing)
    age = tuple(name for name in _AGE.get(contract.table, ()) if name in delivered)
    files, rows = tuple(piece.file for piece in pieces), sum(piece.rows for piece in pieces)
    return Clean(delivery.name, delivery.content, files, rows, delivered, age)


def _stored(
    item: _Read,
    *,
    session: DatabaseSession,
    engine: Callable[[], AbstractContextManager[Engine]],
    quarantine: Path,
    typed: Callable[[], _Read],
) -> IngestedFile:
    """Store a delivery; what cannot be as delivered text is read again by `typed`."""
    with item.held:
        try:
            stored = session.store(item.contract, item.clean)
        except InputError:
            # A key is repeated, and which row counts has to be found out; or something is really wrong, and will be again.
            if not item.is_text:
                raise
        else:
            return _outcome(item, stored=stored, aside=_set_aside(item, quarantine, engine=engine))
    return _stored(typed(), session=session, engine=engine, quarantine=quarantine, typed=typed)


def _ahead(
    read: Callable[[Contract, Delivery], _Read | None], new: Sequence[tuple[Contract, Delivery]]
) -> Iterator[tuple[Contract, Delivery, _Read | None]]:
    """Deliveries in order, each read while the database stores the one before."""
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


def _streamed(
    contract: Contract,
    delivery: Delivery,
    *,
    source: Source,
    session: DatabaseSession,
    engine: Callable[[], AbstractContextManager[Engine]],
    staging: Callable[[], AbstractContextManager[Path]],
    quarantine: Path,
    day: date,
    as_text: bool,
) -> IngestedFile | None:
    """Store a large delivery while it is read; None, and nothing stored, when it has to be read as a whole first."""
    assert isinstance(source, DivisibleSource)
    with staging() as folder:
        with streaming(source, delivery, contract=contract, staging=folder, day=day, as_text=as_text) as stream:
            try:
                pieces = (_whole(delivery, contract, [piece]) for piece in stream.pieces())
                stored = session.append(contract, name=delivery.name, content=delivery.content, pieces=pieces)
            except (NotInPiecesError, InputError):
                # A key may be repeated, and which row counts is only known in the end. What is really wrong will be wrong again.
                return None
            if stored is None:
                return None
            reading = stream.reading()
        whole = Clean(delivery.name, delivery.content, (), stored.added, contract.names)
        item = _Read(contract, delivery, reading, whole, 0, folder, ExitStack())
        return _outcome(item, stored=stored, aside=_set_aside(item, quarantine, engine=engine))


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


def _set_aside(item: _Read, quarantine: Path, *, engine: Callable[[], AbstractContextManager[Engine]]) -> Path | None:
    """Write the refused and unreadable rows as CSV, in place of what an earlier ingest of that name left."""
    delivery, reading = item.delivery, item.reading
    target = quarantine / delivery.table / f"{re.sub(r'[^A-Za-z0-9._-]', '_', delivery.name)}.csv"
    if not reading.quarantine:
        target.unlink(missing_ok=True)
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    with engine() as rows, unfinished.open("w", encoding="utf-8", newline="") as file:
        rows.bind("ingest.quarantine", [str(item.folder / reading.quarantine)], columns=_QUARANTINE)
        lines = csv.writer(file)
        lines.writerow(column.name for column in _QUARANTINE)
        for page in _pages(rows):
            lines.writerows(page)
    unfinished.replace(target)
    return target


def _pages(engine: Engine) -> Iterator[list[tuple[Any, ...]]]:
    """What was set aside, by file and line."""
    listed = ", ".join(f'"{column.name}"' for column in _QUARANTINE)
    engine.keep(
        "ingest.aside", f"select {listed}, row_number() over (order by file, line) as place from ingest.quarantine"
    )
    first = 1
    while page := engine.rows(
        f"select {listed} from ingest.aside where place >= {first} and place < {first + _PAGE_ROWS} order by place"
    ):
        yield page
        first += _PAGE_ROWS


def _outcome(item: _Read, *, stored: Stored, aside: Path | None) -> IngestedFile:
    delivery, reading = item.delivery, item.reading
    return IngestedFile(
        table=delivery.table,
        name=delivery.name,
        rows_read=reading.rows_read,
        quarantined=reading.rows_unreadable + reading.rows_refused,
        repeated=item.repeated,
        added=stored.added,
        changed=stored.changed,
        unchanged=stored.unchanged,
        older=stored.older,
        findings=reading.findings,
        quarantine=aside,
    )
