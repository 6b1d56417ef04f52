"""ingest: puts delivered files into the operational database, for marketplaces whose tables live there.

Reads a folder of files by the same rules as extract; writes the database's tables, each file in one transaction, and `<table>/<file>.csv` with the refused
rows under a quarantine folder. Rows are added and updated by key, never deleted. A file whose content is known is skipped, so a rerun adds no row twice.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from rental_etl.errors import InputError
from rental_etl.jobs.ingest_reading import Read, Reader, ahead, whole
from rental_etl.model.batch import Delivery
from rental_etl.model.contract import Column, Contract
from rental_etl.model.summary import Watch
from rental_etl.ports.database import Clean, Database, DatabaseSession, Stored
from rental_etl.ports.engine import Engine
from rental_etl.ports.source import NotInPiecesError, Source
from rental_etl.tables.contracts import contracts

_QUARANTINE = (
    Column("file", "text"),
    Column("line", "int64"),
    Column("rule", "text"),
    Column("column", "text"),
    Column("text", "text"),
    Column("kind", "text"),
)
_PAGE_ROWS = 50_000


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
    database.expect_session()
    offers = [
        (contract, delivery) for contract in reversed(contracts().values()) for delivery in source.deliveries(contract)
    ]
    done: list[IngestedFile] = []
    new: list[tuple[Contract, Delivery]] = []

    reader = Reader(source, engine, staging, day)

    def read(contract: Contract, delivery: Delivery) -> Read | None:
        # A large one is read while it is stored, not before; the first of several too, since there is no other to be stored meanwhile.
        if reader.is_divisible(delivery, awaited=len(new) > 1 and delivery is new[0][1]):
            return None
        return reader.read(contract, delivery, as_text=as_text[contract.table])

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
        for number, (contract, delivery, ready) in enumerate(ahead(read, new)):
            watch.progress(f"ingesting {delivery.name}", number, len(new))
            keep, outcome = as_text[contract.table], None
            if ready is None and session.is_empty(contract):
                outcome = _streamed(
                    contract, delivery, reader=reader, session=session, quarantine=quarantine, as_text=keep
                )
                keep = False
            if outcome is None:
                # As one piece a large delivery would take long before the first of its rows is stored.
                keep = keep and not reader.is_divisible(delivery)
                item = ready or reader.read(contract, delivery, as_text=keep)
                outcome = _stored(item, reader=reader, session=session, quarantine=quarantine)
            done.append(outcome)
    return tuple(done)


def _stored(item: Read, *, reader: Reader, session: DatabaseSession, quarantine: Path) -> IngestedFile:
    """Store a delivery; what cannot be as delivered text is read again."""
    with item.held:
        try:
            stored = session.store(item.contract, item.clean)
        except InputError:
            # A key is repeated, and which row counts has to be found out; or something is really wrong, and will be again.
            if not item.is_text:
                raise
        else:
            return _outcome(item, stored=stored, aside=_set_aside(item, quarantine, engine=reader.engine))
    item = reader.read(item.contract, item.delivery, as_text=False)
    return _stored(item, reader=reader, session=session, quarantine=quarantine)


def _streamed(
    contract: Contract,
    delivery: Delivery,
    *,
    reader: Reader,
    session: DatabaseSession,
    quarantine: Path,
    as_text: bool,
) -> IngestedFile | None:
    """Store a large delivery while it is read; None, and nothing stored, when it has to be read as a whole first."""
    with reader.staging() as folder:
        with reader.streaming(contract, delivery, folder=folder, as_text=as_text) as stream:
            try:
                pieces = (whole(delivery, contract, [piece]) for piece in stream.pieces())
                stored = session.append(contract, name=delivery.name, content=delivery.content, pieces=pieces)
            except (NotInPiecesError, InputError):
                # A key may be repeated, and which row counts is only known in the end. What is really wrong will be wrong again.
                return None
            if stored is None:
                return None
            reading = stream.reading()
        clean = Clean(delivery.name, delivery.content, (), stored.added, contract.names)
        item = Read(contract, delivery, reading, clean, 0, folder, ExitStack())
        return _outcome(item, stored=stored, aside=_set_aside(item, quarantine, engine=reader.engine))


def _set_aside(item: Read, quarantine: Path, *, engine: Callable[[], AbstractContextManager[Engine]]) -> Path | None:
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


def _outcome(item: Read, *, stored: Stored, aside: Path | None) -> IngestedFile:
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
