"""Deliveries straight from a MySQL database: each run offers what its tables hold now, or what changed since the last read.

Reads the database, every table in one consistent moment; writes dumps under a temporary folder and, like every source, landed Parquet, a compressed copy of
the dump and quarantined rows under a staging folder. The same rows give the same reading; rows that are known land nothing.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rental_etl.errors import InputError, SystemUnreachableError
from rental_etl.model.batch import Batch, Delivery, Reading
from rental_etl.model.contract import Contract
from rental_etl.model.reading import TableReading
from rental_etl.model.summary import Look
from rental_etl.ports.lake import Landed
from rental_etl.source import parsing
from rental_etl.source.mysql.access import Access
from rental_etl.source.mysql.catalog import StoredTable, find_table, quote
from rental_etl.source.mysql.marks import Selection, marks_in, without_marks
from rental_etl.source.mysql.reads import Offer, TableRead
from rental_etl.source.mysql.session import Progress, Session, connect
from rental_etl.tables.contracts import TABLES

if TYPE_CHECKING:
    from rental_etl.source.mysql.dumped import Shape

_MOMENT = "start transaction with consistent snapshot, read only"


# Below this one thread has to do; above it memory is only used to hold rows back.
_ENOUGH = 280_000_000
_LONG_ROW = 1_000_000
_UNITS = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def _bytes(memory: str) -> float:
    """An amount such as "1GB" in bytes, near enough to compare."""
    number = memory.rstrip("KMGTiB ")
    return float(number) * _UNITS[memory[len(number) :].strip()[0]]


def _now() -> datetime:
    return datetime.now(tz=UTC).replace(tzinfo=None)


def _silent(label: str, done: int, total: int) -> None:
    del label, done, total


class MySqlSource:
    """A `Source` that is a MySQL, Aurora MySQL or MariaDB database.

    `selections` and `readings` are the settings by table; `landed` tells what the lake holds, which is where the last read's end is known from. With `snapshot`
    all tables are read in one moment. `keep_source` keeps a compressed copy of the rows as text; `memory`, `threads` and `temp` bound what reading takes.
    """

    # Children are read before their parents, so that a marketplace at work yields no false orphans.
    readers = 1

    def __init__(
        self,
        access: Access,
        *,
        selections: Mapping[str, Selection],
        readings: Mapping[str, TableReading],
        landed: Callable[[], Landed],
        keep_source: bool,
        memory: str,
        threads: int | None,
        temp: Path,
        snapshot: bool = False,
        progress: Progress | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self.access = access
        self._selections = selections
        self._readings = readings
        self._landed = landed
        self._keep_source = keep_source
        self._memory = memory
        self._threads = threads
        self._temp = temp
        self._snapshot = snapshot
        self._progress = progress or _silent
        self.now = now
        self._offers: dict[tuple[str, str, str], Offer] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._shared = ExitStack()
        self._session: Session | None = None

    @property
    def identity(self) -> str:
        """The database as a URL without the user."""
        return self.access.address.identity

    def deliveries(self, contract: Contract) -> Sequence[Delivery]:
        """Read what is new of a table now and keep it until `read`; empty when there is no such table. Raises InputError, ConfigurationError or
        SystemUnreachableError."""
        self._forget(contract.table)
        landed = self._landed()
        with self._moment(contract) as session:
            table = self._find(session, contract)
            if table is None:
                return ()
            batches = landed.of(contract.table)
            read = TableRead(
                session=session,
                table=table,
                contract=contract,
                reading=self._reading(contract),
                selection=self._selection(contract),
                landed=batches,
                earlier=[batch for batch in batches if landed.decisions.get(batch.batch_id) != "reject"],
                folder=self._place(),
                now=self.now(),
                progress=lambda rows: self._progress(f"fetching {table.shown}", rows, max(rows, table.rows_about)),
            )
            offers = list(read.offers())
        self._offers.update({_key(offer.delivery): offer for offer in offers if offer.dump})
        return tuple(offer.delivery for offer in offers)

    def read(
        self, delivery: Delivery, *, contract: Contract, staging: Path, day: date, hints: Mapping[str, str]
    ) -> Reading:
        """Type a delivery's rows into `staging`; what the database held when the delivery was offered."""
        from rental_etl.source.mysql.dumped import keep, shape_of

        offer = self._offers.pop(_key(delivery), None)
        if offer is None or offer.dump is None:
            raise InputError(
                f"the rows of {delivery.name} are not at hand any more",
                where=self.identity,
                expected="a delivery that was offered in this run and is read once",
                remedy="run again",
            )
        found = offer.dump
        with ThreadPoolExecutor(max_workers=1) as pool:
            kept = staging / "source" / _kept_name(delivery)
            keeping = [pool.submit(keep, found.path, kept)] if self._keep_source else []
            reading = self._typed(
                found.path,
                delivery,
                shape=shape_of(found),
                contract=contract,
                staging=staging,
                day=day,
                hints=without_marks(hints),
            )
            for copy in keeping:
                copy.result()
        found.path.unlink()
        return replace(reading, parsing={**reading.parsing, **offer.marks.parsing()})

    def stop(self) -> None:
        """Nothing: one delivery is read at a time, in the caller's thread."""

    def outdated(self, batch: Batch, *, contract: Contract) -> bool:
        """Whether a batch was parsed by other settings or another contract than today's."""
        return parsing.is_outdated(batch.reading.parsing, contract=contract, reading=self._reading(contract))

    def reread(
        self, batch: Batch, *, contract: Contract, kept: Path, staging: Path, hints: Mapping[str, str]
    ) -> Reading:
        """Type a batch's kept rows again with today's settings; how far the database was read stays known."""
        from rental_etl.source.mysql.dumped import kept_shape

        path = kept / _kept_name(batch.delivery)
        if not path.is_file():
            raise SystemUnreachableError(
                f"the kept rows of batch {batch.batch_id} are missing",
                where=str(path),
                expected="the rows as they were landed",
                remedy=f"restore the file, or let {batch.table} be read in full again",
            )
        reading = self._typed(
            path,
            batch.delivery,
            shape=kept_shape(batch.reading.parsing),
            contract=contract,
            staging=staging,
            day=batch.day,
            hints=without_marks({**batch.reading.parsing, **hints}),
        )
        return replace(reading, parsing={**marks_in(batch.reading.parsing), **reading.parsing})

    def check(self, contracts: Sequence[Contract]) -> Look:
        """Who we are there, how the connection is protected, which tables can be read. Raises RentalEtlError when the server cannot be reached."""
        from rental_etl.source.mysql.checking import look

        with connect(self.access, progress=self._progress) as session:
            found = look(session, contracts, self._find)
        return replace(found, found=f"{self.identity}: {found.found}")

    def _typed(
        self,
        path: Path,
        delivery: Delivery,
        *,
        shape: "Shape",
        contract: Contract,
        staging: Path,
        day: date,
        hints: Mapping[str, str],
    ) -> Reading:
        from rental_etl.source.mysql.dumped import DumpReader
        from rental_etl.source.session import session

        name = delivery.files[0].name
        self._temp.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix="reading-", dir=self._temp) as scratch,
            session(memory=self._enough(shape), threads=self._threads, temp=Path(scratch)) as connection,
        ):
            self._progress(f"reading {name}", 0, shape.rows)
            return DumpReader(
                shape=shape,
                files=[(name, path)],
                contract=contract,
                reading=self._reading(contract),
                day=day,
                hints=hints,
                siblings=(),
                connection=connection,
                staging=staging,
                scratch=Path(scratch),
                done=lambda _: self._progress(f"reading {name}", shape.rows, shape.rows),
            ).read()

    def _enough(self, shape: "Shape") -> str:
        """Memory for reading a dump, which streams: more would only be used to hold rows back. Long rows need what the settings allow."""
        return self._memory if shape.longest > _LONG_ROW or _bytes(self._memory) < _ENOUGH else f"{_ENOUGH} B"

    def _find(self, session: Session, contract: Contract) -> StoredTable | None:
        reading, selection = self._reading(contract), self._selection(contract)
        table = find_table(session, contract, name=selection.name, columns=reading.columns, cursor=selection.cursor)
        if table is None and contract.mandatory:
            from rental_etl.source.mysql.checking import account

            raise InputError(
                f"the database has no table {contract.table}, or its user may not see it",
                where=self.identity,
                expected=f"a table {contract.table}, which every run needs",
                remedy=f"name it in tables.{contract.table}.name, or as the database's owner: grant select on"
                f" {quote(self.access.address.database)}.{quote(contract.table)} to {account(session)}",
            )
        return table

    @contextmanager
    def _moment(self, contract: Contract) -> Iterator[Session]:
        """A session in which every read sees the same moment: of this table, or with `snapshot` of all tables until the last one is read."""
        if not self._snapshot:
            with connect(self.access, progress=self._progress) as session:
                session.execute(_MOMENT, doing="beginning to read")
                yield session
            return
        if self._session is None:
            self._session = self._shared.enter_context(connect(self.access, progress=self._progress))
            self._session.execute(_MOMENT, doing="beginning to read")
        last = contract.table == TABLES[-1]
        try:
            yield self._session
        except BaseException:
            last = True
            raise
        finally:
            if last:
                self._session = None
                self._shared.close()

    def _reading(self, contract: Contract) -> TableReading:
        return self._readings.get(contract.table, TableReading())

    def _selection(self, contract: Contract) -> Selection:
        return self._selections.get(contract.table, Selection())

    def _place(self) -> Path:
        """Where dumps wait to be read; gone with the source. What a killed run left there goes first: whoever extracts holds the workspace."""
        if self._folder is None:
            root = self._temp / "database"
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir(parents=True)
            self._folder = tempfile.TemporaryDirectory(dir=root)
        return Path(self._folder.name)

    def _forget(self, table: str) -> None:
        """Drop what was offered of a table before and never read."""
        for key in [key for key in self._offers if key[0] == table]:
            dump = self._offers.pop(key).dump
            if dump is not None:
                dump.path.unlink(missing_ok=True)


def _key(delivery: Delivery) -> tuple[str, str, str]:
    return (delivery.table, delivery.name, delivery.content)


def _kept_name(delivery: Delivery) -> str:
    return f"{delivery.table}.csv.zst"
