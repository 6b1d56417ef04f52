"""ingest: puts delivered files into the operational database, for marketplaces whose tables live there.

Reads a folder of files by the same rules as extract; writes the database's tables, each file in one transaction, and `<table>/<file>.csv` with the refused
rows under a quarantine folder. Rows are added and updated by key, never deleted. A file whose content is known is skipped, so a rerun adds no row twice.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from rental_etl.errors import InputError
from rental_etl.jobs.landed import ERROR_COLUMN
from rental_etl.jobs.streaming import streaming
from rental_etl.model.batch import Delivery, Reading
from rental_etl.model.contract import Column, Contract
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
        return _read(contract, delivery, source=source, engine=engine, staging=staging, day=day)

    with database.session() as session:
        for contract, delivery in offers:
            session.prepare(contract)
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
                )
            if outcome is None:
                item = ready or _read(contract, delivery, source=source, engine=engine, staging=staging, day=day)
                with item.held:
                    stored = session.store(contract, item.clean)
                    outcome = _outcome(item, stored=stored, aside=_set_aside(item, quarantine))
            done.append(outcome)
    return tuple(done)


@dataclass(frozen=True, slots=True)
class _Read:
    """A delivery that was read: its clean rows, and how many lost against a later row with the same key. `held` keeps `engine` and `folder` open."""

    contract: Contract
    delivery: Delivery
    reading: Reading
    clean: Clean
    repeated: int
    engine: Engine
    folder: Path
    held: ExitStack


def _read(
    contract: Contract,
    delivery: Delivery,
    *,
    source: Source,
    engine: Callable[[], AbstractContextManager[Engine]],
    staging: Callable[[], AbstractContextManager[Path]],
    day: date,
) -> _Read:
    with ExitStack() as stack:
        folder, rows = stack.enter_context(staging()), stack.enter_context(engine())
        reading = source.read(delivery, contract=contract, staging=folder, day=day, hints={})
        clean, repeated = _cleaned(delivery, reading, contract=contract, folder=folder, engine=rows)
        return _Read(contract, delivery, reading, clean, repeated, rows, folder, stack.pop_all())


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
) -> IngestedFile | None:
    """Store a large delivery while it is read; None, and nothing stored, when it has to be read as a whole first."""
    assert isinstance(source, DivisibleSource)
    with ExitStack() as stack:
        folder, rows = stack.enter_context(staging()), stack.enter_context(engine())

        def check(reading: Reading) -> None:
            _bind_landed(reading, contract=contract, folder=folder, engine=rows)
            if _repeats(contract, engine=rows):
                raise NotInPiecesError("a key is repeated, and which row counts is only known in the end")

        def clean(piece: Piece) -> Clean:
            delivered = tuple(name for name in contract.names if name not in piece.missing)
            return Clean(delivery.name, delivery.content, (piece.path,), piece.rows, delivered)

        with streaming(source, delivery, contract=contract, staging=folder, day=day, check=check) as stream:
            try:
                pieces = map(clean, stream.pieces())
                stored = session.append(contract, name=delivery.name, content=delivery.content, pieces=pieces)
            except (NotInPiecesError, InputError):
                # What is really wrong will be wrong again.
                return None
            if stored is None:
                return None
            reading = stream.reading()
        whole = Clean(delivery.name, delivery.content, (), stored.added, contract.names)
        item = _Read(contract, delivery, reading, whole, 0, rows, folder, ExitStack())
        return _outcome(item, stored=stored, aside=_set_aside(item, quarantine))


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


def _set_aside(item: _Read, quarantine: Path) -> Path | None:
    """Write the refused and unreadable rows as CSV, in place of what an earlier ingest of that name left."""
    delivery, reading, engine = item.delivery, item.reading, item.engine
    target = quarantine / delivery.table / f"{re.sub(r'[^A-Za-z0-9._-]', '_', delivery.name)}.csv"
    if not reading.quarantine:
        target.unlink(missing_ok=True)
        return None
    engine.bind("ingest.quarantine", [str(item.folder / reading.quarantine)], columns=_QUARANTINE)
    names = [column.name for column in _QUARANTINE]
    listed = ", ".join(f'"{name}"' for name in names)
    engine.keep(
        "ingest.aside", f"select {listed}, row_number() over (order by file, line) as place from ingest.quarantine"
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(names)
        first = 1
        while page := engine.rows(
            f"select {listed} from ingest.aside where place >= {first} and place < {first + _PAGE_ROWS} order by place"
        ):
            lines.writerows(page)
            first += _PAGE_ROWS
    unfinished.replace(target)
    return target


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
