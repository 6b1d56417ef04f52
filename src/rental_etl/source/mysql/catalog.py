"""What a database holds of a contract: the table under its own name, its columns with their types, and whether keys can repeat.

Reads information_schema, which shows only what the user has some right on.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from rental_etl.errors import ConfigurationError, ErrorPage, InputError
from rental_etl.model.contract import Contract
from rental_etl.source.mysql.session import Session


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A column as the database has it: its name, type word in lower case (such as "datetime"), digits after the point or second, the most bytes of text
    one value may hold (0 for other types), and the character set of text ("" for other types)."""

    name: str
    type: str
    scale: int = 0
    octets: int = 0
    charset: str = ""


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table that holds a contract's rows. `columns` maps the contract's columns that are there to stored ones, in contract order; `missing` are the others.
    `unique` tells that no two rows can have the same key; `rows_about` is what the server guesses."""

    schema: str
    name: str
    columns: Mapping[str, StoredColumn]
    missing: tuple[str, ...]
    unique: bool
    cursor: StoredColumn | None = None
    rows_about: int = 0

    @property
    def quoted(self) -> str:
        """The name as SQL has it."""
        return f"{quote(self.schema)}.{quote(self.name)}"

    @property
    def shown(self) -> str:
        """The name as people have it."""
        return f"{self.schema}.{self.name}"


def quote(name: str) -> str:
    """A quoted name."""
    return "`" + name.replace("`", "``") + "`"


def text(value: str) -> str:
    """A string literal; right in every sql_mode, as names hold no backslashes that matter to a comparison."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def find_table(
    session: Session,
    contract: Contract,
    *,
    name: str,
    columns: Mapping[str, str],
    cursor: str,
    must_exist: bool = True,
) -> StoredTable | None:
    """The contract's table; None when there is none. `name` (also "schema.table"), `columns` (contract to stored) and `cursor` are the user's settings; a
    table that is named there must exist unless it is about to be made.

    Raises ConfigurationError when a table or column that the settings name is not there, InputError when one that the contract needs is not.
    """
    database = session.access.address.database
    located = _locate(session, contract, name=name, database=database)
    if located is None:
        if name and must_exist:
            raise _no_such_table(session, contract, name=name, database=database)
        return None
    schema, table, rows_about = located
    stored = _columns(session, schema, table)
    found: dict[str, StoredColumn] = {}
    missing = []
    for column in contract.columns:
        wanted = columns.get(column.name, column.name)
        match = _match(stored, wanted)
        if match is not None:
            found[column.name] = match
        elif column.name in columns:
            raise _no_such_column(
                f"{schema}.{table}", wanted, stored, key=f"tables.{contract.table}.columns.{column.name}"
            )
        elif column.required:
            raise _lacks(contract, column.name, table=f"{schema}.{table}", stored=stored)
        else:
            missing.append(column.name)
    marker = _match(stored, columns.get(cursor, cursor)) if cursor else None
    if cursor and marker is None:
        raise _no_such_column(f"{schema}.{table}", cursor, stored, key=f"tables.{contract.table}.cursor")
    key = [found[column.name].name for column in contract.key]
    unique = bool(key) and _is_unique(session, schema, table, key=key)
    return StoredTable(schema, table, found, tuple(missing), unique, marker, rows_about)


def _locate(session: Session, contract: Contract, *, name: str, database: str) -> tuple[str, str, int] | None:
    schema, _, table = name.rpartition(".")
    wanted = [table] if table else [contract.table, *contract.also_named]
    listed = ", ".join(text(word.lower()) for word in wanted)
    found = session.rows(
        f"select table_name, coalesce(table_rows, 0) from information_schema.tables"
        f" where table_schema = {text(schema or database)} and lower(table_name) in ({listed})",
        doing="looking for tables",
    )
    rows = {_str(table): int(about) for table, about in found}
    for word in wanted:
        for match in sorted(rows, key=lambda table: table != word):
            if match.lower() == word.lower():
                return schema or database, match, rows[match]
    return None


def _columns(session: Session, schema: str, table: str) -> dict[str, StoredColumn]:
    found = session.rows(
        "select column_name, data_type, coalesce(numeric_scale, datetime_precision, 0), coalesce(character_octet_length, 0),"
        " coalesce(character_set_name, '')"
        f" from information_schema.columns where table_schema = {text(schema)} and table_name = {text(table)} order by ordinal_position",
        doing="looking at columns",
    )
    return {
        _str(name): StoredColumn(_str(name), _str(kind).lower(), int(scale), int(octets), _str(charset))
        for name, kind, scale, octets, charset in found
    }


def _match(stored: Mapping[str, StoredColumn], wanted: str) -> StoredColumn | None:
    lowered = {name.lower(): column for name, column in stored.items()}
    return stored.get(wanted) or lowered.get(wanted.lower())


def _is_unique(session: Session, schema: str, table: str, *, key: list[str]) -> bool:
    """Whether an index forbids two rows with the same key: unique, without nulls, over key columns alone."""
    found = session.rows(
        "select index_name, column_name, nullable, sub_part from information_schema.statistics"
        f" where table_schema = {text(schema)} and table_name = {text(table)} and non_unique = 0",
        doing="looking at indexes",
    )
    unfit = {
        index
        for index, column, nullable, part in found
        if column is None or _str(column) not in key or _str(nullable) == "YES" or part is not None
    }
    return any(index not in unfit for index, *_ in found)


def _no_such_table(session: Session, contract: Contract, *, name: str, database: str) -> ConfigurationError:
    found = session.rows(
        f"select table_name from information_schema.tables where table_schema = {text(name.rpartition('.')[0] or database)}",
        doing="looking for tables",
    )
    near = difflib.get_close_matches(name.rpartition(".")[2], [_str(row[0]) for row in found], n=1)
    return ConfigurationError(
        f"the database has no table {name}, or its user may not see it",
        where=f"tables.{contract.table}.name",
        expected=f"did you mean {near[0]}?" if near else "the name of a table in the database",
        remedy="correct the name, or grant select on the table",
    )


def _no_such_column(table: str, wanted: str, stored: Mapping[str, StoredColumn], *, key: str) -> ConfigurationError:
    near = difflib.get_close_matches(wanted, stored, n=1)
    return ConfigurationError(
        f"{table} has no column {wanted}, or its user may not see it",
        where=key,
        expected=f"did you mean {near[0]}?" if near else "one of " + ", ".join(stored),
        remedy=f"correct {key}, or grant select on the column",
    )


def _lacks(contract: Contract, column: str, *, table: str, stored: Mapping[str, StoredColumn]) -> InputError:
    near = difflib.get_close_matches(column, stored, n=1)
    hint = f"; is it {near[0]}?" if near else ""
    return InputError(
        f"{table} has no column {column}, which every {contract.table} row needs{hint}",
        where=f"{table} (its columns are {', '.join(stored)})",
        expected="the contract's columns, under their own names or mapped ones",
        remedy=f'map it: tables.{contract.table}.columns = {{ {column} = "{near[0] if near else "its_name"}" }}',
        page=ErrorPage.COLUMNS,
    )


def _str(value: object) -> str:
    """Text of information_schema, which some servers send as bytes."""
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)
