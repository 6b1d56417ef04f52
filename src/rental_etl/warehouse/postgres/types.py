"""PostgreSQL's words for the canonical column types, as its catalog spells them."""

import re
from collections.abc import Sequence

from rental_etl.warehouse.text import name

Columns = Sequence[tuple[str, str]]

_WORDS = {"varchar": "text", "double": "double precision", "timestamp": "timestamp without time zone"}


def spelled(columns: Columns) -> list[tuple[str, str]]:
    """Columns (name, canonical type) with types as `format_type` shows them."""
    return [(column, spell(type_)) for column, type_ in columns]


def spell(type_: str) -> str:
    """One canonical type in PostgreSQL's words."""
    decimal = re.fullmatch(r"decimal\((\d+),\s*(\d+)\)", type_)
    if decimal:
        return f"numeric({decimal[1]},{decimal[2]})"
    return _WORDS.get(type_, type_)


def described(columns: Columns) -> str:
    """The columns of a `create table`."""
    return ", ".join(f"{name(column)} {type_}" for column, type_ in columns)


def canonical(columns: Columns) -> list[tuple[str, str]]:
    """Columns as the catalog spells them, with canonical types."""
    words = {spelling: word for word, spelling in _WORDS.items()}
    return [(column, words.get(type_, type_.replace("numeric", "decimal"))) for column, type_ in columns]
