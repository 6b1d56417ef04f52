"""Finds the files of a table in a folder and says whether they state the whole table or arrive as a series.

Reads folder listings only. The same files give the same answer in the same order: natural, so that `bookings-2` comes before `bookings-10`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

from rental_etl.errors import ErrorPage, InputError, SystemUnreachableError
from rental_etl.model.contract import Contract
from rental_etl.model.reading import TableReading
from rental_etl.tables.contracts import contracts

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")


@dataclass(frozen=True, slots=True)
class Found:
    """A table's files in natural order; `series` when more of them are to be expected."""

    files: tuple[Path, ...] = ()
    series: bool = False


def find(folder: Path, *, contract: Contract, reading: TableReading) -> Found:
    """The files of one table. Raises InputError when two of them claim to be the same thing, or the folder is missing."""
    entries = _listing(folder)
    if reading.files:
        found = [path for path in files_below(folder) if matches(path.relative_to(folder).as_posix(), reading.files)]
        _require_targets(found, contract)
        return Found(tuple(_ordered(found, folder)), series=any(set(pattern) & set("*?[") for pattern in reading.files))
    plain, series = _flat(entries, contract)
    inside = [
        path for entry in entries if _is_table_folder(entry, contract) for path in files_below(entry) if _stem(path)
    ]
    if inside and (plain or series):
        raise _ambiguous(folder, contract, [(plain + series)[0], inside[0].parent])
    files = _ordered([*plain, *series, *inside], folder)
    _require_targets([*files, *(entry for entry in entries if entry.name.casefold() in _names(contract))], contract)
    for one, other in pairwise(files):
        if _identity(one, folder, contract) == _identity(other, folder, contract):
            raise _ambiguous(folder, contract, [one, other])
    return Found(tuple(files), series=bool(series or inside))


def require_data(folder: Path, readings: Iterable[TableReading]) -> None:
    """Raise InputError when the folder holds no file that any table claims."""
    patterns = [pattern for reading in readings for pattern in reading.files]
    for path in files_below(folder):
        if matches(path.relative_to(folder).as_posix(), patterns) or _owner(path, folder):
            return
    names = sorted(entry.name for entry in _listing(folder) if not entry.name.startswith("."))
    held = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    raise InputError(
        "no table's file was found in the source folder",
        where=f"{folder} (it holds {held or 'nothing'})",
        expected="files named after the tables, such as apartments.csv, bookings.csv, user_viewing.csv or bookings/*.csv",
        remedy='rename the files, or name them by tables.<table>.files = ["..."] in rental-etl.toml; `rental-etl init` proposes it',
        page=ErrorPage.FILES,
    )


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key that compares the numbers inside names as numbers."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def _ordered(files: Iterable[Path], folder: Path) -> list[Path]:
    def key(path: Path) -> tuple[object, ...]:
        relative = path.relative_to(folder)
        stem = _stem(path) or path.name
        return (natural_key(relative.parent.as_posix()), natural_key(stem), path.name)

    return sorted(files, key=key)


def _listing(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError as error:
        raise InputError(
            "the source folder does not exist",
            where=str(folder),
            expected="a folder with files named after the tables, such as apartments.csv",
            remedy="check the path given by --source or [source] url",
        ) from error
    except NotADirectoryError as error:
        raise InputError(
            "the source is not a folder",
            where=str(folder),
            expected="the folder that holds the files",
            remedy=f"name the folder: --source {folder.parent}",
        ) from error
    except PermissionError as error:
        raise SystemUnreachableError(
            "the source folder may not be read",
            where=str(folder),
            expected="a folder that this user may read",
            remedy="change its permissions, or run as a user who may read it",
        ) from error


def files_below(folder: Path) -> Iterator[Path]:
    """Every file in a folder and below, hidden ones left out, broken links not. Raises like `find` when there is no such folder."""
    _listing(folder)
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and (path.is_file() or _is_broken(path)):
            yield path


def _is_broken(path: Path) -> bool:
    """Whether it is a link to something that is not there, such as a share that is not mounted."""
    return path.is_symlink() and not path.exists()


def _require_targets(paths: Iterable[Path], contract: Contract) -> None:
    """Raise InputError for a broken link: taken for absent, the table would silently stay as it is."""
    for path in paths:
        if _is_broken(path):
            raise InputError(
                f"{path.name} is a link to something that is not there",
                where=f"{path} -> {path.readlink()}",
                expected=f"the delivery of {contract.table}, or no such name",
                remedy="bring back what the link leads to (is a disk or share not mounted?), or remove the link",
                page=ErrorPage.FILES,
            )


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a path relative to the source folder is one that the setting `files` names."""
    parts = name.casefold().split("/")
    for pattern in patterns:
        wanted = pattern.casefold().removeprefix("./").split("/")
        if len(wanted) == len(parts) and all(map(fnmatchcase, parts, wanted)):
            return True
    return False


def _stem(path: Path) -> str:
    """The name without a suffix that is read, in lower case; "" for other files."""
    name = path.name.casefold()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return ""


def _names(contract: Contract) -> tuple[str, ...]:
    return (contract.table, *contract.also_named)


def _claim(stem: str, contract: Contract) -> tuple[int, str]:
    """How much of a stem a table's name covers (0: not its file) and what follows the name."""
    best = (0, "")
    for name in _names(contract):
        if stem == name or stem.startswith((f"{name}-", f"{name}_")):
            best = max(best, (len(name), stem.removeprefix(name)))
    return best


def _flat(entries: Iterable[Path], contract: Contract) -> tuple[list[Path], list[Path]]:
    plain: list[Path] = []
    series: list[Path] = []
    for entry in entries:
        stem = _stem(entry)
        covered, rest = _claim(stem, contract)
        if not covered or not (entry.is_file() or _is_broken(entry)):
            continue
        # A longer table name wins: `a_b.csv` is the file of table a_b, not of a series of a.
        if any(_claim(stem, other)[0] > covered for other in contracts().values()):
            continue
        (series if rest else plain).append(entry)
    return plain, series


def _is_table_folder(entry: Path, contract: Contract) -> bool:
    return entry.name.casefold() in _names(contract) and entry.is_dir()


def _owner(path: Path, folder: Path) -> bool:
    parents = path.relative_to(folder).parts[:-1]
    if not _stem(path):
        return False
    if parents:
        return any(parents[0].casefold() in _names(contract) for contract in contracts().values())
    return any(_claim(_stem(path), contract)[0] for contract in contracts().values())


def _identity(path: Path, folder: Path, contract: Contract) -> tuple[str, str]:
    parent = path.relative_to(folder).parent.as_posix().casefold()
    covered, rest = _claim(_stem(path), contract)
    return (parent, contract.table + rest) if covered and parent == "." else (parent, _stem(path))


def _ambiguous(folder: Path, contract: Contract, paths: Iterable[Path]) -> InputError:
    names = " and ".join(path.relative_to(folder).as_posix() for path in paths)
    return InputError(
        f"two deliveries of {contract.table} lie side by side: {names}",
        where=str(folder),
        expected="one file, one series of files, or one folder per table",
        remedy=f'remove one, or say which is meant: tables.{contract.table}.files = ["..."]',
        page=ErrorPage.FILES,
    )
