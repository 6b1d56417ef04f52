"""The warehouse as one DuckDB file, held only while a method works.

Reads landed and curated Parquet; writes schemas `raw`, `curated`, `presentation` and `etl`. Every change is one transaction: after a kill the
file shows the state before or after it, and a rerun does what is missing.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rental_etl.model.batch import Batch
from rental_etl.model.contract import Contract
from rental_etl.model.run import LakeId, Publication, Published, RunRecord
from rental_etl.ports.warehouse import Ask, Rows
from rental_etl.storage.httpfs import Reach
from rental_etl.storage.store import is_remote
from rental_etl.warehouse import answers, ledger, raw
from rental_etl.warehouse.connect import Connection, DuckDBPlace, connect, connected, create, transaction, translated
from rental_etl.warehouse.publication import switch_metric, switch_views
from rental_etl.warehouse.text import literal, name, now
from rental_etl.warehouse.unloading import unload_folder, unloaded_columns


class DuckDBWarehouse:
    """A `Warehouse` in a DuckDB file. Opening it raises WorkspaceBusyError after `wait_seconds` when another process holds the file.

    With a lake in S3, to which `reach` is the way, `raw` and `curated` are views over the objects: no second copy of the lake, and questions to
    `presentation` do not leave the file.
    """

    def __init__(
        self,
        path: Path,
        *,
        memory: str = "1GB",
        threads: int | None = None,
        temp: Path | None = None,
        wait_seconds: float = 10.0,
        reach: Reach | None = None,
    ) -> None:
        self._place = DuckDBPlace(
            path=path.absolute(),
            memory=memory,
            threads=threads,
            temp=temp,
            wait_seconds=wait_seconds,
            reach=reach,
        )
        self._claim: ledger.Claim | None = None

    @property
    def identity(self) -> str:
        """The file's absolute path as a URL."""
        return f"duckdb:///{self._place.path.resolve()}"

    def belong_to(self, lake: LakeId, *, moved: bool = False) -> None:
        """Say which lake this object writes for; `moved` when it takes the place of another."""
        self._claim = ledger.Claim(lake, moved)

    def loaded(self) -> Mapping[str, Sequence[tuple[int, int]]]:
        """By table, the (batch_id, revision) whose rows `raw` holds; empty before the first run."""
        if not self._place.exists():
            return {}
        with connected(self._place, write=False) as connection:
            return raw.shown(connection, ledger.loaded(connection)) if ledger.is_laid_out(connection) else {}

    def load(
        self, contract: Contract, *, add: Sequence[tuple[Batch, Sequence[str]]], drop: Sequence[int], replace: bool
    ) -> int:
        """Bring `raw.<table>` up to date in one transaction with the ledger; returns rows added."""
        at = now()
        with self._changing(None) as connection:
            rows = raw.bring_up_to_date(connection, contract, add=add, drop=drop, replace=replace, at=at)
            added = [batch for batch, _ in add]
            ledger.record_load(connection, contract.table, added=added, dropped=drop, replaced=replace, at=at)
        return rows

    @contextlib.contextmanager
    def unloaded(self, contract: Contract, *, local: bool) -> Iterator[Sequence[str]]:
        """The rows of `raw.<table>` as Parquet files on this machine, removed afterwards."""
        del local
        with unload_folder(self._place.temp) as folder:
            with (
                contextlib.closing(self._opened_for_reading()) as connection,
                translated(self._place.path, connection),
            ):
                if self._place.reach:
                    self._place.reach.extend(connection)
                columns = ", ".join(name(column) for column in unloaded_columns(contract))
                connection.execute(
                    f"copy (select {columns} from {name('raw', contract.table)}) to {literal(str(folder / 'rows'))}"
                    " (format parquet, compression zstd, compression_level 1, file_size_bytes '256MB')"
                )
            yield sorted(map(str, folder.rglob("*.parquet")))

    def publish(self, publication: Publication) -> Published:
        """Switch all presentation tables, the curated views and the ledger in one transaction."""
        with self._changing([file for view in publication.curated for file in view.files]) as connection:
            for update in publication.metrics:
                switch_metric(connection, update)
            switch_views(connection, publication.curated)
            return ledger.record_publish(connection, publication, at=now())

    def last_publish(self) -> Published | None:
        """The publish in force; None before the first."""
        if not self._place.exists():
            return None
        with connected(self._place, write=False) as connection:
            return ledger.last_publish(connection) if ledger.is_laid_out(connection) else None

    def record_run(self, run: RunRecord) -> None:
        """Insert or replace one row of `etl.runs`."""
        with self._changing() as connection:
            ledger.record_run(connection, run)

    def query(self, sql: str) -> Rows:
        """A read-only question; the file is let go when the rows are exhausted or their iterator is closed."""
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(contextlib.closing(self._opened_for_reading()))
            rows = answers.answer(connection, sql, path=self._place.path, reach=self._place.reach)
            stack.pop_all()
        return rows

    @contextlib.contextmanager
    def asking(self) -> Iterator[Ask]:
        """Many questions: the file stays open while the context lasts."""
        with contextlib.closing(self._opened_for_reading()):
            # The driver opens a file once for all connections of a process.
            yield self.query

    def export(self, folder: Path, format: str) -> Mapping[str, int]:
        """Write every presentation table to `<table>.<format>` (csv or parquet), each atomically; returns rows by table."""
        answers.check_format(format)
        with contextlib.closing(self._opened_for_reading()) as connection, translated(self._place.path, connection):
            return answers.write_tables(connection, folder, format)

    @contextlib.contextmanager
    def _changing(self, files: Sequence[str] | None = ()) -> Iterator[Connection]:
        """One transaction on the file, which is made when there is none; `files` will be read in it, None for any of the lake's."""
        if not self._place.exists():
            create(self._place, _lay_out)
        with connected(self._place, write=True) as connection:
            _lay_out(connection)
            if self._place.reach and (files is None or any(map(is_remote, files))):
                self._place.reach.extend(connection)
            with transaction(connection):
                ledger.keep_claim(connection, self._claim, where=self.identity, at=now())
                yield connection

    def _opened_for_reading(self) -> Connection:
        if not self._place.exists():
            raise answers.nothing_yet("there is no warehouse")
        connection = connect(self._place, write=False)
        with contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            with translated(self._place.path, connection):
                if not ledger.is_laid_out(connection):
                    raise answers.nothing_yet("the warehouse is empty")
            stack.pop_all()
        return connection


def _lay_out(connection: Connection) -> None:
    ledger.lay_out(connection)
    raw.lay_out(connection)
