"""Takes samples of the files in a folder.

Reads file listings and the beginnings of files; writes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import duckdb

from rental_etl.errors import InputError
from rental_etl.model.reading import TableReading
from rental_etl.source.discovery import files_below, find
from rental_etl.source.proposal.files import grouped, stem_of
from rental_etl.source.proposal.sample import Claimed, Looked, Sample, Unread
from rental_etl.source.proposal.text import NoTableError, take
from rental_etl.source.sql_text import literal
from rental_etl.tables.contracts import contracts

_T = TypeVar("_T")
_TEXTS = (".csv", ".tsv", ".txt", ".dat", ".psv")
_OTHERS = {
    ".xlsx": "a spreadsheet: save each sheet as CSV",
    ".xls": "a spreadsheet: save each sheet as CSV",
    ".ods": "a spreadsheet: save each sheet as CSV",
    ".json": "JSON is not read: export CSV or Parquet",
    ".jsonl": "JSON is not read: export CSV or Parquet",
    ".xml": "XML is not read: export CSV or Parquet",
    ".zip": "an archive: unpack it",
    ".sql": "a database dump: name the database itself by --source mysql://...",
    ".sqlite": "a SQLite file: export CSV",
}
_PARQUET_ROWS = 4_000
# So many files of a series tell what the others hold.
_LOOKED_INTO = 5
_MOST_FILES = 5_000


@dataclass(frozen=True, slots=True)
class Taken:
    """A file's columns and sampled rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    whole: bool
    rows_about: int | None
    encoding: str = ""
    delimiter: str = ""


def at_hand(names: Sequence[str]) -> None:
    """The files of a folder can be read as they are."""
    del names


def look(folder: Path, *, need: Callable[[Sequence[str]], None] = at_hand) -> Looked:
    """Samples of everything in a folder that may be a table; `need` is told the files before they are read. Raises InputError when it is no folder."""
    unread: list[Unread] = []
    names: list[str] = []
    for path in files_below(folder):
        name = path.relative_to(folder).as_posix()
        if _is_inside_workspace(path, folder):
            continue
        ending = "".join(path.suffixes[-2:]).casefold() if path.suffix.casefold() == ".gz" else path.suffix.casefold()
        if ending.removesuffix(".gz") in (*_TEXTS, ".parquet"):
            names.append(name)
        elif ending in _OTHERS:
            unread.append(Unread(name, _OTHERS[ending]))
    if len(names) > _MOST_FILES:
        unread.append(Unread(f"{len(names) - _MOST_FILES} files", f"only the first {_MOST_FILES} were looked at"))
    return Looked(
        source=str(folder),
        samples=tuple(_samples(folder, names[:_MOST_FILES], unread, need)),
        unread=tuple(unread),
        claimed=_claimed(folder),
    )


def _samples(
    folder: Path, names: Sequence[str], unread: list[Unread], need: Callable[[Sequence[str]], None]
) -> list[Sample]:
    """Each group of files once; of a long series some files, evenly spread."""
    by_stem: dict[str, list[str]] = {}
    for name in names:
        by_stem.setdefault(f"{name.rpartition('/')[0]}/{stem_of(name)}", []).append(name)
    taken: dict[str, Taken] = {}
    headers: dict[str, tuple[str, ...]] = {}
    need([name for alike in by_stem.values() for name in spread(alike)])
    for alike in by_stem.values():
        chosen = spread(alike)
        for name in chosen:
            try:
                taken[name] = take_file(folder / name)
            except NoTableError as error:
                if not name.casefold().endswith((".txt", ".dat")):
                    unread.append(Unread(name, str(error)))
        read = [name for name in chosen if name in taken]
        if read:
            headers |= {
                name: taken[name if name in taken else read[0]].columns
                for name in alike
                if name in taken or name not in chosen
            }
    return [_joined(group, taken) for group in grouped(headers)]


def spread(names: Sequence[_T]) -> list[_T]:
    """Some of many, evenly spread, with the first and the last."""
    if len(names) <= _LOOKED_INTO:
        return list(names)
    return [names[round(place * (len(names) - 1) / (_LOOKED_INTO - 1))] for place in range(_LOOKED_INTO)]


def take_file(path: Path, *, encoding: str = "", delimiter: str = "") -> Taken:
    """A sample of a text or Parquet file, read as settings say. Raises NoTableError when it holds no table."""
    if not path.exists():
        raise NoTableError("it is a link to something that is not there")
    with path.open("rb") as file:
        parquet = file.read(4) == b"PAR1"
    if parquet or path.suffix.casefold() == ".parquet":
        return _parquet(path)
    found = take(path, encoding=encoding, delimiter=delimiter)
    return Taken(found.columns, found.rows, found.whole, found.rows_about, found.encoding, found.delimiter)


def _parquet(path: Path) -> Taken:
    scan = f"read_parquet({literal(str(path))}, hive_partitioning = false)"
    try:
        with duckdb.connect(":memory:") as connection:
            count = connection.execute(f"select count(*) from {scan}").fetchall()[0][0]
            step = count // _PARQUET_ROWS + 1
            answer = connection.execute(
                f"select cast(columns(* exclude file_row_number) as varchar) from {scan[:-1]}, file_row_number = true)"
                f" where file_row_number % {step} = 0 limit {_PARQUET_ROWS}"
            )
            columns = tuple(str(part[0]) for part in answer.description or ())
            rows = tuple(tuple(row) for row in answer.fetchall())
    except duckdb.Error as error:
        raise NoTableError(f"it is no Parquet file that can be read ({str(error).splitlines()[0]})") from error
    return Taken(columns, rows, step == 1, count)


def _joined(group: Sequence[str], taken: Mapping[str, Taken]) -> Sample:
    """One sample of a group's files, with every column that one of them has."""
    read = [taken[name] for name in group if name in taken]
    columns: dict[str, str] = {}
    for one in read:
        for column in one.columns:
            columns.setdefault(column.casefold(), column)
    rows: list[tuple[str | None, ...]] = []
    for one in read:
        places = {column.casefold(): place for place, column in enumerate(one.columns)}
        order = [places.get(column) for column in columns]
        rows += [tuple(None if place is None else row[place] for place in order) for row in one.rows]
    known = [one.rows_about for one in read if one.rows_about is not None]
    encodings = [one.encoding for one in read if one.encoding]
    return Sample(
        name=group[0] if len(group) == 1 else f"{group[0]} and {len(group) - 1} more",
        stem=stem_of(group[0]),
        columns=tuple(columns.values()),
        rows=tuple(rows),
        whole=len(read) == len(group) and all(one.whole for one in read),
        rows_about=round(sum(known) * len(group) / len(read)) if len(known) == len(read) else None,
        files=tuple(group),
        encoding="cp1252" if "cp1252" in encodings else next(iter(encodings), ""),
        delimiter=next((one.delimiter for one in read if one.delimiter), ""),
    )


def _claimed(folder: Path) -> dict[str, Claimed]:
    """By table what is found without a setting."""
    claimed = {}
    for table, contract in contracts().items():
        try:
            found = find(folder, contract=contract, reading=TableReading())
        except InputError:
            # Two claim to be the same: a setting has to say which.
            continue
        files = tuple(path.relative_to(folder).as_posix() for path in found.files)
        claimed[table] = Claimed(files, found.series)
    return claimed


def _is_inside_workspace(path: Path, folder: Path) -> bool:
    """Whether a file belongs to a workspace of ours that lies in the folder."""
    for parent in path.parents:
        if parent == folder:
            return False
        if (parent / "warehouse.duckdb").exists() or (parent / "lake.json").exists():
            return True
    return False
