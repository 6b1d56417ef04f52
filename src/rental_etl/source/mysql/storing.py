"""Stores deliveries in the tables of a MySQL database: LOAD DATA where the server allows it, batches of inserts where not, one transaction per delivery.

Reads Parquet and delivered text; writes the contract's tables and the table `_rental_etl_files`, which remembers deliveries in the same transaction as their
rows.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from rental_etl.errors import InputError
from rental_etl.model.contract import Contract
from rental_etl.model.delimited import Delimited
from rental_etl.model.reading import TableReading
from rental_etl.ports.database import Clean, Stored
from rental_etl.source.mysql.catalog import StoredTable, find_table, quote
from rental_etl.source.mysql.marks import Selection
from rental_etl.source.mysql.merging import age, key_columns, literal, require_columns
from rental_etl.source.mysql.session import Progress, Session
from rental_etl.source.mysql.tables import FILE_COLUMN, LEDGER, create_ledger, create_table
from rental_etl.source.mysql.writing import Writer

_INCOMING = "_rental_etl_incoming"


class MySqlDatabaseSession:
    """A `DatabaseSession`; use `MySqlDatabase.session`. `bulk` tells whether the server takes LOAD DATA LOCAL."""

    def __init__(
        self,
        session: Session,
        *,
        selections: Mapping[str, Selection],
        readings: Mapping[str, TableReading],
        folder: Path,
        bulk: bool,
        progress: Progress,
    ) -> None:
        self._session = session
        self._selections = selections
        self._readings = readings
        self._writer = Writer(session, folder=folder, bulk=bulk)
        self._progress = progress
        self._prepared: set[str] = set()

    def prepare(self, contract: Contract) -> None:
        """Create what is missing: the ledger, and the contract's table."""
        if contract.table in self._prepared:
            return
        doing = f"creating the table {contract.table}"
        selection = self._selection(contract)
        if not self._prepared:
            self._session.execute(create_ledger(), doing=doing)
        if self._find(contract) is None:
            self._session.execute(
                create_table(contract, reading=self._reading(contract), selection=selection), doing=doing
            )
        self._prepared.add(contract.table)

    def ingested(self, contract: Contract) -> Mapping[str, str]:
        """The content of each delivery, by name."""
        found = self._session.rows(
            f"select file_name, content from {quote(LEDGER)} where table_name = {literal(contract.table)}",
            doing="looking at what is ingested",
        )
        return {str(name): str(content) for name, content in found}

    def takes_text(self, contract: Contract) -> bool:
        """Whether the server loads files, and tells by an index when a key is repeated."""
        return self._writer.bulk and (not contract.key or self._located(contract).unique)

    def store(self, contract: Contract, clean: Clean) -> Stored:
        """Add and update rows in one transaction. Raises InputError when the table lacks a delivered column or a value does not fit its type."""
        table = self._located(contract)
        require_columns(table, contract, clean)
        doing = f"ingesting {clean.name}"
        self._progress(f"loading {clean.name}", 0, clean.rows)
        if not contract.key:
            return self._replace(table, contract, clean, doing=doing)
        if self._may_meet(table, contract, clean, doing=doing):
            return self._merge(table, contract, clean, doing=doing)
        with self._transaction(doing):
            self._remember(contract, clean, doing=doing)
            self._write(table.quoted, table, contract, clean, doing=doing)
        return Stored(added=clean.rows, changed=0, unchanged=0)

    def is_empty(self, contract: Contract) -> bool:
        """Whether the contract's table has no row."""
        return self._is_empty(self._located(contract), doing="looking for rows")

    def append(self, contract: Contract, *, name: str, content: str, pieces: Iterator[Clean]) -> Stored | None:
        """Add the rows of one delivery as they come, in one transaction; None where a row may have the key of one that is there."""
        table = self._located(contract)
        doing = f"ingesting {name}"
        if not self._is_empty(table, doing=doing) or (contract.key and not table.unique):
            return None
        self._progress(f"loading {name}", 0, 0)
        with self._transaction(doing):
            number = self._remember(contract, Clean(name, content, (), 0, ()), doing=doing)
            constants = {FILE_COLUMN: str(number)} if not contract.key and self._has_file_column(table) else {}
            first = next(pieces, None)
            rows = 0
            if first is not None:
                require_columns(table, contract, first)
                rows = self._write_pieces(table, contract, first, pieces, constants=constants, doing=doing)
            self._remember(contract, Clean(name, content, (), rows, ()), doing=doing)
        return Stored(added=rows, changed=0, unchanged=0)

    def _write_pieces(
        self,
        table: StoredTable,
        contract: Contract,
        first: Clean,
        rest: Iterator[Clean],
        *,
        constants: Mapping[str, str],
        doing: str,
    ) -> int:
        rows = 0

        def files() -> Iterator[Path | Delimited]:
            nonlocal rows
            for piece in chain([first], rest):
                rows += piece.rows
                yield from piece.files

        self._writer.write(
            files(),
            into=table.quoted,
            columns=[(contract.column(name), table.columns[name]) for name in first.delivered],
            constants=constants,
            doing=doing,
            progress=lambda done: self._progress(f"loading {first.name}", done, 0),
        )
        return rows

    def _may_meet(self, table: StoredTable, contract: Contract, clean: Clean, *, doing: str) -> bool:
        """Whether a row may have the key of one that is there; not when the table is empty, or every new number is greater than those in it."""
        if len(contract.key) != 1 or contract.key[0].type != "int64":
            return not self._is_empty(table, doing=doing)
        key = contract.key[0].name
        greatest = self._session.rows(f"select max({quote(table.columns[key].name)}) from {table.quoted}", doing=doing)
        least = self._writer.least(clean.files, key)
        return greatest[0][0] is not None and least is not None and least <= int(greatest[0][0])

    def _is_empty(self, table: StoredTable, *, doing: str) -> bool:
        return not self._session.rows(f"select 1 from {table.quoted} limit 1", doing=doing)

    def _replace(self, table: StoredTable, contract: Contract, clean: Clean, *, doing: str) -> Stored:
        """Add every row of a table without a key, after removing what the same name brought before."""
        marked = self._has_file_column(table)
        if not marked and clean.name in self.ingested(contract):
            raise InputError(
                f"{clean.name} was ingested before with other content, and {table.shown} does not tell which rows came with it",
                where=table.shown,
                expected=f"a column {FILE_COLUMN}, as the tables have that ingest creates",
                remedy=f"delete those rows and the entry in {LEDGER} by hand, then run again",
            )
        with self._transaction(doing):
            number = self._remember(contract, clean, doing=doing)
            gone = 0
            if marked:
                gone = self._session.execute(
                    f"delete from {table.quoted} where {quote(FILE_COLUMN)} = {number}", doing=doing
                )
            constants = {FILE_COLUMN: str(number)} if marked else {}
            self._write(table.quoted, table, contract, clean, constants=constants, doing=doing)
        changed = min(gone, clean.rows)
        return Stored(added=clean.rows - changed, changed=changed, unchanged=0)

    def _merge(self, table: StoredTable, contract: Contract, clean: Clean, *, doing: str) -> Stored:
        """Add or update rows by key, through a table that only this session sees."""
        session, older = self._session, 0
        incoming = f"{quote(table.schema)}.{quote(_INCOMING)}"
        names = [quote(table.columns[column].name) for column in clean.delivered]
        same = " and ".join(f"incoming.{name} = present.{name}" for name in key_columns(table, contract))
        both = f"{incoming} as incoming join {table.quoted} as present on {same}"
        # Before the transaction: servers with GTIDs refuse temporary tables inside.
        session.execute(f"drop temporary table if exists {incoming}", doing=doing)
        session.execute(f"create temporary table {incoming} like {table.quoted}", doing=doing)
        with self._transaction(doing):
            self._write(incoming, table, contract, clean, doing=doing)
            if clean.age:
                newer = f"{age('present', table, clean)} > {age('incoming', table, clean)}"
                older = session.execute(f"delete incoming from {both} where {newer}", doing=doing)
            met = int(session.rows(f"select count(*) from {both}", doing=doing)[0][0])
            listed = ", ".join(names)
            updates = ", ".join(f"{name} = values({name})" for name in names)
            affected = session.execute(
                f"insert into {table.quoted} ({listed}) select {listed} from {incoming} on duplicate key update {updates}",
                doing=doing,
            )
            self._remember(contract, clean, doing=doing)
        session.execute(f"drop temporary table {incoming}", doing=doing)
        # The server counts an added row once, a changed one twice, an unchanged one not at all.
        added = clean.rows - older - met
        changed = (affected - added) // 2
        return Stored(added=added, changed=changed, unchanged=met - changed, older=older)

    @contextmanager
    def _transaction(self, doing: str) -> Iterator[None]:
        self._session.execute("start transaction", doing=doing)
        try:
            yield
            self._session.commit(doing=doing)
        except BaseException:
            self._session.rollback()
            raise

    def _write(
        self,
        into: str,
        table: StoredTable,
        contract: Contract,
        clean: Clean,
        *,
        doing: str,
        constants: Mapping[str, str] | None = None,
    ) -> None:
        columns = [(contract.column(name), table.columns[name]) for name in clean.delivered]
        label = f"loading {clean.name}"
        self._writer.write(
            clean.files,
            into=into,
            columns=columns,
            constants=constants or {},
            doing=doing,
            progress=lambda rows: self._progress(label, rows, clean.rows),
        )

    def _remember(self, contract: Contract, clean: Clean, *, doing: str) -> int:
        """Note the delivery in the ledger, in the transaction of its rows; returns its number."""
        values = f"{literal(contract.table)}, {literal(clean.name)}, {literal(clean.content)}, {clean.rows}"
        self._session.execute(
            f"insert into {quote(LEDGER)} (table_name, file_name, content, rows_stored) values ({values})"
            " on duplicate key update content = values(content), rows_stored = values(rows_stored)",
            doing=doing,
        )
        found = self._session.rows(
            f"select id from {quote(LEDGER)} where table_name = {literal(contract.table)} and file_name = {literal(clean.name)}",
            doing=doing,
        )
        return int(found[0][0])

    def _has_file_column(self, table: StoredTable) -> bool:
        found = self._session.rows(
            f"select 1 from information_schema.columns where table_schema = {literal(table.schema)}"
            f" and table_name = {literal(table.name)} and column_name = {literal(FILE_COLUMN)}",
            doing="looking at columns",
        )
        return bool(found)

    def _find(self, contract: Contract) -> StoredTable | None:
        selection, columns = self._selection(contract), self._reading(contract).columns
        return find_table(self._session, contract, name=selection.name, columns=columns, cursor="", must_exist=False)

    def _located(self, contract: Contract) -> StoredTable:
        table = self._find(contract)
        if table is None:
            raise InputError(
                f"the table {contract.table} disappeared",
                where=self._session.access.address.identity,
                expected="tables that stay while files are ingested",
                remedy="run again",
            )
        return table

    def _selection(self, contract: Contract) -> Selection:
        return self._selections.get(contract.table, Selection())

    def _reading(self, contract: Contract) -> TableReading:
        return self._readings.get(contract.table, TableReading())
