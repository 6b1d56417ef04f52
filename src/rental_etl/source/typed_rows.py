"""The query that reads a delivered relation of texts as typed rows with their marks."""

from collections.abc import Mapping, Sequence

from rental_etl.model.contract import Column, Contract
from rental_etl.quality.rules import FINE, MISSING, ROUNDED, UNDECIDED, UNREADABLE, error_sql, status, warning_sql
from rental_etl.source.manner import Manner
from rental_etl.source.sql_text import one_of
from rental_etl.source.values import Way, cleaned, way


def typed_rows(contract: Contract, *, relation: str, natives: Mapping[str, bool], manner: Manner) -> str:
    """Every row of `relation`, in its order: the contract's columns typed, `_error` and `_warning`.

    `natives` names the delivered columns, and whether they have the contract's type already; `relation` holds them as `c_<name>`.
    """
    columns = [column for column in contract.columns if column.name in natives]
    absent = [column for column in contract.columns if column.name not in natives]
    ways = {column.name: way(column, manner, native=natives[column.name]) for column in columns}
    parsed = _also(relation, [f"{ways[name].parse} as x_{name}" for name in ways])
    tested = _also(parsed, [f"{_plain(column, ways[column.name], manner)} as k_{column.name}" for column in columns])
    texts = _also(
        tested,
        [f"case when not k_{column.name} then {cleaned(column, manner)} end as t_{column.name}" for column in columns],
    )
    valued = _also(texts, [f"{_value(name, ways[name])} as {name}" for name in ways])
    nothing = [f"cast(null as {column.sql_type}) as {column.name}" for column in absent]
    statuses = [_status(column, ways[column.name]) for column in columns]
    judged = f"select {', '.join([*ways, *nothing, *statuses])} from {valued}"
    marks = f"{error_sql(contract, list(ways))} as _error, {warning_sql(contract, list(ways))} as _warning"
    return f"select {', '.join(contract.names)}, {marks} from ({judged})"


def _also(relation: str, expressions: Sequence[str]) -> str:
    return f"(select *, {', '.join(expressions)} from {relation})"


def _plain(column: Column, found: Way, manner: Manner) -> str:
    """The plain test, which a value that settings map to another never passes."""
    words = manner.values.get(column.name)
    mapped = f" and not {one_of(f'lower(cast(c_{column.name} as varchar))', words)}" if words else ""
    return f"coalesce({found.plain} and {found.inside}{mapped}, false)"


def _value(name: str, found: Way) -> str:
    plain = found.result or f"x_{name}"
    return f"case when k_{name} then {plain} when t_{name} is not null then {found.careful} end"


def _status(column: Column, found: Way) -> str:
    name = column.name
    waits = f"when {name} is null and {found.waits} then {UNDECIDED} " if found.waits != "false" else ""
    rounded = f"when {found.rounded} then {ROUNDED} " if found.rounded != "false" else ""
    absent = MISSING if column.required else FINE
    return (
        f"cast(case when k_{name} then {FINE} when t_{name} is null then {absent} {waits}"
        f"when {name} is null then {UNREADABLE} {rounded}else {FINE} end as utinyint) as {status(name)}"
    )
