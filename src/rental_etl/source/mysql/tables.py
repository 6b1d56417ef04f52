"""DDL of the tables that `ingest` creates: the contract's columns with exact types, its key, and an index where extraction looks for changes."""

from rental_etl.model.contract import Column, Contract
from rental_etl.model.reading import TableReading
from rental_etl.source.mysql.catalog import quote
from rental_etl.source.mysql.marks import Selection

# Which rows of a table without a key came with which delivery.
FILE_COLUMN = "_ingested_file"
LEDGER = "_rental_etl_files"
# InnoDB indexes at most 3,072 bytes: 255 characters of 4 bytes, three times over.
_KEY_CHARACTERS = 255


def create_table(contract: Contract, *, reading: TableReading, selection: Selection) -> str:
    """The statement for a contract's table, under the names that the settings map its columns to, so that the same settings extract from it.

    A cursor that is no column of the contract becomes one that the server keeps: the moment of a row's last change.
    """
    names = {column.name: reading.columns.get(column.name, column.name) for column in contract.columns}
    parts = [f"{quote(names[column.name])} {sql_type(column)}{_null(column)}" for column in contract.columns]
    if contract.key:
        parts.append(f"primary key ({', '.join(quote(names[column.name]) for column in contract.key)})")
    else:
        parts += [f"{quote(FILE_COLUMN)} bigint null", f"key {quote(FILE_COLUMN)} ({quote(FILE_COLUMN)})"]
    if selection.cursor:
        cursor = names.get(selection.cursor, selection.cursor)
        if cursor not in names.values():
            moment = "timestamp(6) not null default current_timestamp(6) on update current_timestamp(6)"
            parts.append(f"{quote(cursor)} {moment}")
        parts.append(f"key {quote(f'by_{cursor}'[:60])} ({quote(cursor)})")
    # Binary collation: two keys are the same when their bytes are, as everywhere else in the pipeline.
    return (
        f"create table if not exists {table_name(contract, selection)} ({', '.join(parts)})"
        " engine = innodb default character set utf8mb4 collate utf8mb4_bin"
    )


def create_ledger() -> str:
    """The statement for the table that remembers what was ingested."""
    return (
        f"create table if not exists {quote(LEDGER)} (id bigint not null auto_increment primary key, table_name varchar(64) not null,"
        " file_name varchar(700) not null, content char(64) not null, rows_stored bigint not null,"
        " ingested_at timestamp not null default current_timestamp on update current_timestamp,"
        " unique key table_and_file (table_name, file_name))"
        " engine = innodb default character set utf8mb4 collate utf8mb4_bin"
    )


def table_name(contract: Contract, selection: Selection) -> str:
    """The table's quoted name, with its schema where the settings give one."""
    return ".".join(quote(part) for part in (selection.name or contract.table).split("."))


def sql_type(column: Column) -> str:
    """The type that holds every value of a column exactly."""
    if column.type == "decimal":
        return f"decimal({column.precision},{column.scale})"
    if column.type == "text":
        return f"varchar({_KEY_CHARACTERS})" if column.key else "mediumtext"
    names = {
        "int64": "bigint",
        "bool": "tinyint(1)",
        "float64": "double",
        "date": "date",
        "timestamp": "datetime(6)",
    }
    return names[column.type]


def _null(column: Column) -> str:
    return " not null" if column.required else " null"
