"""Finds out whether a text file can be stored as it was delivered: every row fit, every value in the very bytes in which its type is written.

Reads the file once; writes nothing.
"""

from pathlib import Path

import duckdb

from rental_etl.model.contract import Contract
from rental_etl.model.delimited import Delimited
from rental_etl.source.conversion import RELATION, Converted, ask
from rental_etl.source.csv_file import CsvFile
from rental_etl.source.manner import Manner
from rental_etl.source.typed_rows import marked_groups


def as_delivered(
    file: CsvFile, path: Path, *, contract: Contract, manner: Manner, connection: duckdb.DuckDBPyConnection
) -> tuple[Converted, Delimited] | None:
    """What converting the file at `path` would find, and its rows as text; None when it has to be converted, or holds no row."""
    query = marked_groups(contract, relation=RELATION, natives=file.natives, manner=manner)
    groups = ask(file, query, connection=connection)
    rows = sum(group[2] for group in groups)
    fit = all(same and not errors for errors, _, _, same, *_ in groups)
    if not (rows and fit and file.untouched and file.agrees(rows)):
        return None
    names = [name for name in contract.names if name in file.natives]
    empty = {name for _, _, _, _, _, *some in groups for name, is_empty in zip(names, some, strict=True) if is_empty}
    fields = {place: name for name, place in file.columns.places.items()}
    leasts = [least for _, _, _, _, least, *_ in groups if least is not None]
    text = Delimited(
        path=path,
        rows=rows,
        fields=tuple(fields.get(place, "") for place in range(file.columns.width)),
        delimiter=file.delimiter,
        line_end=file.line_end,
        empty=frozenset(empty),
        least=min(leasts, default=None),
    )
    return Converted(path, rows, tuple((errors, warnings, count) for errors, warnings, count, *_ in groups)), text
