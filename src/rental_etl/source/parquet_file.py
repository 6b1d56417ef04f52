"""One Parquet file as a relation for the engine: values that have the contract's type as they are, all others as text that is read like a CSV's."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import duckdb

from rental_etl.errors import InputError
from rental_etl.model.contract import Column, Contract
from rental_etl.model.reading import TableReading
from rental_etl.source.layout import place_columns
from rental_etl.source.sql_text import literal, name

_SAME: Mapping[str, Collection[str]] = {
    "int64": {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"},
    "float64": {"DOUBLE"},
    "bool": {"BOOLEAN"},
    "date": {"DATE"},
    "timestamp": {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS"},
}


class ParquetFile:
    """A Parquet file of one table. It has no lines, and no record that cannot be split."""

    def __init__(
        self,
        path: Path,
        *,
        named: str,
        contract: Contract,
        reading: TableReading,
        connection: duckdb.DuckDBPyConnection,
    ) -> None:
        self.name = named
        self.rejected: Counter[str] = Counter()
        self.rejects = path
        self.longest_reject = 0
        self._connection = connection
        self._scan = f"read_parquet({literal(str(path))}, hive_partitioning = false)"
        try:
            described = connection.execute(f"describe select * from {self._scan}").fetchall()
            found = connection.execute(f"select count(*) from {self._scan}").fetchone()
        except duckdb.Error as error:
            raise broken(named, error) from error
        self._rows = int(found[0]) if found else 0
        header, types = [str(row[0]) for row in described], [str(row[1]) for row in described]
        self.columns = place_columns(header, name=named, contract=contract, reading=reading)
        self.natives: dict[str, bool] = {}
        self._selected = []
        for column, place in self.columns.places.items():
            wanted = contract.column(column)
            native = _is_native(types[place], wanted)
            value = name(header[place])
            self.natives[column] = native
            self._selected.append(f"{value if native else _text(value, types[place])} as c_{column}")

    def relation(self) -> str:
        """The rows in file order, as columns `c_<name>`."""
        return f"(select {', '.join(self._selected)} from {self._scan})"

    def agrees(self, rows: int) -> bool:
        """Whether the engine read exactly the rows there are."""
        return rows == self._rows

    def doubt(self) -> bool:
        """There is nothing closer to look at."""
        return False

    def sample(self, rows: int) -> Iterator[dict[str, str]]:
        """The first rows as text by column name."""
        columns = list(self.columns.places)
        texts = ", ".join(f"coalesce(cast(c_{column} as varchar), '')" for column in columns)
        for row in self._connection.execute(f"select {texts} from {self.relation()} limit {rows}").fetchall():
            yield dict(zip(columns, row, strict=True))

    def locate(self, ordinals: Collection[int]) -> Iterator[tuple[int, None, str]]:
        """Ordinal (from 0) and the delivered values, as JSON, of these rows."""
        scan = self._scan.replace("hive_partitioning", "file_row_number = true, hive_partitioning")
        places = ", ".join(str(ordinal) for ordinal in sorted(ordinals))
        rows = (
            "select file_row_number, to_json(struct_pack(*columns(* exclude (file_row_number))))"
            f" from {scan} where list_contains([{places}], file_row_number) order by file_row_number"
        )
        for ordinal, text in self._connection.execute(rows).fetchall():
            yield int(ordinal), None, str(text)


def broken(named: str, error: duckdb.Error) -> InputError:
    """The error for a file that is no Parquet, or a damaged one."""
    return InputError(
        f"{named} cannot be read as Parquet: {str(error).splitlines()[0]}",
        where=named,
        expected="a complete Parquet file",
        remedy="deliver the file again",
    )


def _is_native(delivered: str, column: Column) -> bool:
    """Whether every delivered value is a value of the contract's type, of the same meaning."""
    if column.type == "decimal":
        decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", delivered)
        return decimal is not None and int(decimal[2]) <= column.scale
    return delivered in _SAME.get(column.type, ())


def _text(value: str, delivered: str) -> str:
    """A value as the text that a careful writer would have put into a CSV."""
    text = f"cast({value} as varchar)"
    if delivered in {"DOUBLE", "FLOAT"}:
        # The shortest text that gives the number back, without an exponent.
        return f"case when contains({text}, 'e') then printf('%.30f', cast({value} as double)) else {text} end"
    if delivered == "TIMESTAMP WITH TIME ZONE":
        return f"cast({value} at time zone 'UTC' as varchar) || 'Z'"
    if delivered == "BLOB":
        return f"coalesce(try(decode({value})), {text})"
    return text
