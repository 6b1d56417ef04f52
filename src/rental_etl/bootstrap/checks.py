"""What `check` says of each system, and what is wrong with the names that settings and commands give."""

import difflib
from collections.abc import Callable, Iterator, Sequence

from rental_etl.errors import ConfigurationError, RentalEtlError, UsageError
from rental_etl.model.summary import CheckResult, Look
from rental_etl.ports.source import Source
from rental_etl.tables.contracts import contracts


def checked(subject: str, look: Callable[[], Look | str]) -> Iterator[CheckResult]:
    """A line for what a look found, and one for each problem; one for what it raised."""
    try:
        found = look()
    except RentalEtlError as error:
        where = f" ({error.where})" if error.where else ""
        said = f"{error.what}{where}"
        yield CheckResult(subject, ok=False, found=said, remedy=error.remedy, exit_code=error.exit_code)
        return
    if isinstance(found, str):
        found = Look(found)
    yield CheckResult(subject, ok=True, found=found.found)
    for problem in found.problems:
        yield CheckResult(subject, ok=False, found=problem.what, remedy=problem.remedy, exit_code=problem.exit_code)


def offered(source: Source) -> Look | str:
    """What a source says of itself; else which tables it offers, and in how many deliveries."""
    look = getattr(source, "check", None)
    if look:
        found: Look = look(list(contracts().values()))
        return found
    counts = {table: len(source.deliveries(contract)) for table, contract in contracts().items()}
    present = ", ".join(f"{table} ({count})" if count > 1 else table for table, count in counts.items() if count)
    return f"{source.identity}: {present}"


def tables_named(table: str | None) -> tuple[str, ...]:
    """The source table of this name, all of them for None. Raises UsageError."""
    if table is None:
        return tuple(contracts())
    if table not in contracts():
        near = difflib.get_close_matches(table, contracts(), n=1)
        raise UsageError(
            f"there is no source table {table}",
            expected=", ".join(contracts()),
            remedy=f"did you mean {near[0]}?" if near else "name one of these",
        )
    return (table,)


def require_columns(table: str, named: Sequence[str]) -> None:
    """Raise ConfigurationError when a mapping names a column that the contract does not have."""
    known = contracts()[table].names
    for column in named:
        if column not in known:
            near = difflib.get_close_matches(column, known, n=1)
            raise ConfigurationError(
                f"{table} has no column {column}",
                where=f"[tables.{table}] columns or values",
                expected=f"did you mean {near[0]}?" if near else "one of " + ", ".join(known),
                remedy="the key is the contract's column, the value the delivered one",
            )
