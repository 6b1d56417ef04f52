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
    ways = _ways(contract, natives, manner)
    judged = _judged(contract, ways, relation=relation, manner=manner, further=())
    return f"select {', '.join(contract.names)}, {_marks(contract, ways)} from ({judged})"


def compared_rows(contract: Contract, *, relation: str, natives: Mapping[str, bool], manner: Manner) -> str:
    """As `typed_rows`, with further columns: `same`, whether every delivered value is null or written, to the byte, as its typed value is; and for each of
    `natives` `e_<name>`, whether it is null."""
    ways = _ways(contract, natives, manner)
    same = " and ".join(f"((k_{name} and coalesce({ways[name].same}, false)) or c_{name} is null)" for name in ways)
    empty = [f"c_{name} is null as e_{name}" for name in ways]
    judged = _judged(contract, ways, relation=relation, manner=manner, further=[f"{same} as same", *empty])
    return f"select *, {_marks(contract, ways)} from ({judged})"


def marked_groups(contract: Contract, *, relation: str, natives: Mapping[str, bool], manner: Manner) -> str:
    """One row for each pair of marks that rows of `relation` have: `_error`, `_warning`, the number of rows, whether all are `same`, the least key (null
    unless it is one whole number), and for each of `natives`, in contract order, whether some value is null."""
    rows = compared_rows(contract, relation=relation, natives=natives, manner=manner)
    least = f"min({contract.key[0].name})" if [column.type for column in contract.key] == ["int64"] else "null"
    found = ", ".join(f"bool_or(e_{name})" for name in contract.names if name in natives)
    return f"select _error, _warning, count(*), bool_and(same), {least}, {found} from ({rows}) group by _error, _warning order by all"


def _ways(contract: Contract, natives: Mapping[str, bool], manner: Manner) -> dict[str, Way]:
    columns = [column for column in contract.columns if column.name in natives]
    return {column.name: way(column, manner, native=natives[column.name]) for column in columns}


def _judged(
    contract: Contract, ways: Mapping[str, Way], *, relation: str, manner: Manner, further: Sequence[str]
) -> str:
    """Typed values and how each was read; `further` are expressions over what was delivered."""
    columns = [column for column in contract.columns if column.name in ways]
    absent = [column for column in contract.columns if column.name not in ways]
    parsed = _also(relation, [f"{ways[name].parse} as x_{name}" for name in ways])
    tested = _also(parsed, [f"{_plain(column, ways[column.name], manner)} as k_{column.name}" for column in columns])
    texts = _also(
        tested,
        [f"case when not k_{column.name} then {cleaned(column, manner)} end as t_{column.name}" for column in columns],
    )
    valued = _also(texts, [f"{_value(name, ways[name])} as {name}" for name in ways])
    nothing = [f"cast(null as {column.sql_type}) as {column.name}" for column in absent]
    statuses = [_status(column, ways[column.name]) for column in columns]
    return f"select {', '.join([*ways, *nothing, *statuses, *further])} from {valued}"


def _marks(contract: Contract, ways: Mapping[str, Way]) -> str:
    return f"{error_sql(contract, list(ways))} as _error, {warning_sql(contract, list(ways))} as _warning"


def _also(relation: str, expressions: Sequence[str]) -> str:
    return f"(select *, {', '.join(expressions)} from {relation})"


def _plain(column: Column, found: Way, manner: Manner) -> str:
    """The plain test, which a value that settings map to another never passes. Where a value may be absent, nothing is as plain as one."""
    words = manner.values.get(column.name)
    mapped = f" and not {one_of(f'lower(cast(c_{column.name} as varchar))', words)}" if words else ""
    test = f"coalesce({found.plain} and {found.inside}{mapped}, false)"
    # Told first, for it spares every function on nothing.
    return test if column.required else f"case when c_{column.name} is null then true else {test} end"


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
