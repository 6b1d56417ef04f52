"""A server's words for the canonical column types, as its catalog spells them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rental_etl.warehouse.text import name

Columns = Sequence[tuple[str, str]]
# The statement that makes a table: schema, name and columns in the server's types.
Create = Callable[[str, str, Columns], str]


@dataclass(frozen=True, slots=True)
class Types:
    """One server's types: `words` are its spellings of canonical types where they differ; decimals are numeric everywhere."""

    words: Mapping[str, str]

    def spell(self, type_: str) -> str:
        """One canonical type as `format_type` shows it."""
        decimal = re.fullmatch(r"decimal\((\d+),\s*(\d+)\)", type_)
        if decimal:
            return f"numeric({decimal[1]},{decimal[2]})"
        return self.words.get(type_, type_)

    def spelled(self, columns: Columns) -> list[tuple[str, str]]:
        """Columns (name, canonical type) with the server's types."""
        return [(column, self.spell(type_)) for column, type_ in columns]

    def canonical(self, columns: Columns) -> list[tuple[str, str]]:
        """Columns as the catalog spells them, with canonical types."""
        known = {spelling: word for word, spelling in self.words.items()}
        return [(column, known.get(type_, type_.replace("numeric", "decimal"))) for column, type_ in columns]


POSTGRES = Types({"varchar": "text", "double": "double precision", "timestamp": "timestamp without time zone"})


def create_table(schema: str, table: str, columns: Columns) -> str:
    """A `Create` without any server's specialities."""
    return f"create table {name(schema, table)} ({described(columns)})"


def described(columns: Columns) -> str:
    """The columns of a `create table`."""
    return ", ".join(f"{name(column)} {type_}" for column, type_ in columns)
