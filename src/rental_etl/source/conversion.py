"""Reads one delivered file into typed Parquet, and the rows that are no good into quarantine.

Writes the landed part (readable rows in file order, with their marks) and a piece of the quarantine (unreadable and refused rows with their text).
"""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from rental_etl.errors import ModelError, RentalEtlError
from rental_etl.model.contract import Contract
from rental_etl.quality.rules import UNREADABLE_ROW, columns_of_errors, count_findings, undecided
from rental_etl.source.delivered import DeliveredFile
from rental_etl.source.manner import Manner
from rental_etl.source.sql_text import line_limit, literal
from rental_etl.source.typed_rows import typed_rows
from rental_etl.storage.parquet import PARQUET, parquet

# Stands for a file's relation, which changes when the file has to be written out.
RELATION = "$relation"

Group = tuple[str | None, str | None, int]


@dataclass(frozen=True, slots=True)
class Converted:
    """A file's typed rows, unreadable ones included, and how many have which marks (errors, warnings)."""

    path: Path
    rows: int
    groups: tuple[Group, ...]

    @property
    def unreadable(self) -> int:
        """Rows whose key or another value that may not be absent could not be read."""
        return sum(rows for errors, _, rows in self.groups if (errors or "").startswith(UNREADABLE_ROW))

    @property
    def refused(self) -> int:
        """Readable rows that break an error rule."""
        return sum(rows for errors, _, rows in self.groups if errors) - self.unreadable

    @property
    def undecided(self) -> bool:
        """Whether some date waits for the delivery's date order."""
        return undecided(self.groups)


def ask(file: DeliveredFile, sql: str, *, connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """Rows of a query over RELATION; the file is looked at more closely when the engine cannot read it."""
    while True:
        try:
            return connection.execute(sql.replace(RELATION, file.relation())).fetchall()
        except (duckdb.InvalidInputException, duckdb.NotImplementedException) as error:
            if not file.doubt():
                raise _disagreement(file, str(error)) from error


def convert(
    file: DeliveredFile,
    *,
    contract: Contract,
    manner: Manner,
    connection: duckdb.DuckDBPyConnection,
    target: Path,
    local: bool = False,
) -> Converted:
    """Write every row of a file, typed and marked, to `target`; in a `local` form if only this machine is to read it."""
    form = _form(contract, local=local)
    query = typed_rows(contract, relation=RELATION, natives=file.natives, manner=manner)
    while True:
        written = ask(file, f"copy ({query}) to {literal(str(target))} ({form})", connection=connection)
        rows = int(written[0][0])
        if file.agrees(rows):
            break
        if not file.doubt():
            raise _disagreement(file, f"{rows:,} rows")
    groups = connection.execute(
        f"select _error, _warning, count(*) from {_scan(target)} group by all order by all"
    ).fetchall()
    return Converted(target, rows, tuple((errors, warnings, int(count)) for errors, warnings, count in groups))


def land(
    converted: Converted,
    *,
    contract: Contract,
    connection: duckdb.DuckDBPyConnection,
    target: Path,
    local: bool = False,
) -> int:
    """Write the readable rows to `target`; returns their number. No row, no file."""
    rows = converted.rows - converted.unreadable
    if not rows:
        converted.path.unlink()
    elif not converted.unreadable:
        converted.path.rename(target)
    else:
        readable = (
            f"select * from {_scan(converted.path)} where not coalesce(starts_with(_error, '{UNREADABLE_ROW}'), false)"
        )
        form = _form(contract, local=local)
        connection.execute(f"copy ({readable}) to {literal(str(target))} ({form})")
        converted.path.unlink()
    return rows


def set_aside(
    converted: Converted,
    file: DeliveredFile,
    *,
    contract: Contract,
    connection: duckdb.DuckDBPyConnection,
    target: Path,
) -> bool:
    """Write a file's unreadable and refused rows to `target`, by line; False when there are none. Call before `land`."""
    marked = converted.unreadable + converted.refused
    pieces = []
    if marked:
        texts = target.with_suffix(".csv")
        ordinals = connection.execute(
            f"select file_row_number from {_numbered(converted.path)} where _error is not null"
        )
        longest = _write_texts(file, {int(row[0]) for row in ordinals.fetchall()}, texts)
        meanings = [
            f"({literal(errors)}, {literal(rules)}, {literal(columns)})"
            for errors in sorted({errors for errors, _, _ in converted.groups if errors})
            for rules, columns in [columns_of_errors(contract, errors)]
        ]
        keys = "".join(f", marked.{column.name}" for column in contract.key)
        pieces.append(
            f"select located.line, meaning.rule, meaning.col, located.text, case when starts_with(marked._error, '{UNREADABLE_ROW}')"
            f" then 'unreadable' else 'refused' end as kind{keys}"
            f" from {_numbered(converted.path)} as marked"
            f" join {_texts(texts, longest)} as located on marked.file_row_number = located.ordinal"
            f" join (values {', '.join(meanings)}) as meaning(errors, rule, col) on marked._error = meaning.errors"
        )
    if file.rejected:
        keys = "".join(f", cast(null as {column.sql_type}) as {column.name}" for column in contract.key)
        pieces.append(
            f"select line, rule, '' as col, text, 'unreadable' as kind{keys} from {_texts(file.rejects, file.longest_reject)}"
        )
    if not pieces:
        return False
    keys = "".join(f", {column.name}" for column in contract.key)
    rows = f'select {literal(file.name)} as file, line, rule, col as "column", text, kind{keys} from ({" union all ".join(pieces)}) order by line'
    connection.execute(f"copy ({rows}) to {literal(str(target))} ({PARQUET})")
    return True


def findings(converted: Converted, file: DeliveredFile, *, contract: Contract) -> Counter[str]:
    """Rows by "severity:rule:column"."""
    counts = count_findings(contract, converted.groups)
    for rule, rows in file.rejected.items():
        counts[f"error:{rule}:"] += rows
    return counts


def _write_texts(file: DeliveredFile, ordinals: set[int], target: Path) -> int:
    """Write ordinal, line and text of some rows as CSV; returns the longest text's bytes."""
    longest = 0
    with target.open("w", encoding="utf-8", newline="") as located:
        rows = csv.writer(located, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for ordinal, line, text in file.locate(ordinals):
            rows.writerow((ordinal, "" if line is None else line, "", text))
            longest = max(longest, 4 * len(text))
    return longest


def _texts(path: Path, longest: int) -> str:
    columns = "{'ordinal': 'bigint', 'line': 'bigint', 'rule': 'varchar', 'text': 'varchar'}"
    # Texts hold line ends: only reading from the start tells where a row begins.
    dialect = "auto_detect = false, header = false, new_line = '\\n', delim = ',', quote = '\"', escape = '\"', parallel = false"
    return f"read_csv({literal(str(path))}, {dialect}, columns = {columns}{line_limit(longest)})"


def _disagreement(file: DeliveredFile, found: str) -> RentalEtlError:
    return ModelError(
        f"{file.name} was read differently than it was checked: {found.splitlines()[0]}",
        where=file.name,
        expected="the engine to read the records that are there",
        remedy="this is a defect of rental-etl: report it with this message and, if you can, the file",
    )


def _numbered(path: Path) -> str:
    return f"read_parquet({literal(str(path))}, file_row_number = true, hive_partitioning = false)"


def _form(contract: Contract, *, local: bool) -> str:
    return parquet((column.type for column in contract.columns), local=local)


def _scan(path: Path) -> str:
    return f"read_parquet({literal(str(path))}, hive_partitioning = false)"
