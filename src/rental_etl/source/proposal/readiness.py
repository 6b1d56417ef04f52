"""Whether the files of a table can be read with the settings in force, as far as a sample tells: what `check` says before a run finds out.

Reads the beginnings of files; writes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

from rental_etl.errors import ErrorPage, InputError
from rental_etl.model.contract import Contract
from rental_etl.model.reading import TableReading
from rental_etl.source.date_order import Evidence, decide
from rental_etl.source.discovery import find
from rental_etl.source.layout import delimiter_of, place_columns
from rental_etl.source.plain_text import not_in_encoding
from rental_etl.source.proposal.folder import Taken, at_hand, spread, take_file
from rental_etl.source.proposal.shape import shape, turned_day
from rental_etl.source.proposal.text import NoTableError
from rental_etl.source.readings import undecided


def ready(
    folder: Path,
    *,
    contract: Contract,
    reading: TableReading,
    last_day: date,
    need: Callable[[Sequence[str]], None] = at_hand,
) -> str:
    """What would be read of a table, in words; "" when there is no file of it. `need` is told the files before they are read. Raises InputError or
    ConfigurationError with what is missing."""
    found = find(folder, contract=contract, reading=reading)
    if not found.files and contract.mandatory:
        raise InputError(
            f"there is no file of {contract.table}, which every run needs",
            where=str(folder),
            expected=f"{contract.table}.csv, or files that tables.{contract.table}.files names",
            remedy="deliver it, or let `rental-etl init --source DIR --force` propose which file it is",
            page=ErrorPage.FILES,
        )
    if not found.files:
        return ""
    evidence = Evidence()
    whole = True
    extra: dict[str, None] = {}
    absent: set[str] = set()
    looked = spread(found.files)
    need([path.relative_to(folder).as_posix() for path in looked])
    for path in looked:
        name = path.relative_to(folder).as_posix()
        taken = _taken(path, name=name, contract=contract, reading=reading)
        if taken is None:
            continue
        columns = place_columns(taken.columns, name=name, contract=contract, reading=reading)
        extra |= dict.fromkeys(columns.extra)
        absent |= set(columns.missing)
        whole = whole and taken.whole
        _gather(evidence, taken, columns.places, contract=contract, last_day=last_day)
    files = f"{len(found.files)} files" if len(found.files) > 1 else found.files[0].name
    kind = reading.delivery or ("delta" if found.series else "full")
    said = [f"{files}, {kind}, {len(contract.columns) - len(absent)} of {len(contract.columns)} columns"]
    said += _dates(evidence, reading, contract, where=files, certain=whole and len(looked) == len(found.files))
    if extra:
        said.append(f"not read: {', '.join(extra)}")
    return "; ".join(said)


def _taken(path: Path, *, name: str, contract: Contract, reading: TableReading) -> Taken | None:
    """A sample; None of a file that holds nothing."""
    delimiter = delimiter_of(reading.delimiter, contract.table)
    try:
        taken = take_file(path, encoding=reading.encoding, delimiter=delimiter)
    except NoTableError as error:
        if path.stat().st_size == 0:
            return None
        raise InputError(
            f"{name} cannot be read: {error}",
            where=str(path),
            expected="a first line that names the columns, and rows below it",
            remedy=f"export it again, or let tables.{contract.table}.files name other files",
        ) from error
    if taken.encoding:
        raise not_in_encoding(name, contract.table, "utf-8", detail=f"it looks like {taken.encoding}")
    return taken


def _gather(evidence: Evidence, taken: Taken, places: Mapping[str, int], *, contract: Contract, last_day: date) -> None:
    for column, place in places.items():
        if not contract.column(column).is_day:
            continue
        for text, count in shape(row[place] for row in taken.rows).values.items():
            turned = turned_day(text)
            if turned:
                evidence.add(column, turned, count, last_day=last_day)


def _dates(evidence: Evidence, reading: TableReading, contract: Contract, *, where: str, certain: bool) -> list[str]:
    if reading.date_order or not (evidence.day_only or evidence.month_only or evidence.either):
        return []
    order, _ = decide(evidence, hints={}, table=contract.table, where=where)
    if order:
        return [f"dates {order.replace('_', ' ')}"]
    error = undecided(evidence, table=contract.table, where=where)
    if certain:
        raise error
    return [
        f"the rows looked at do not tell whether its dates are day first; the run looks at all, or set tables.{contract.table}.date_order"
    ]
