"""Rows that stay in the text they were delivered in."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Delimited:
    """A header line and `rows` lines of UTF-8 without a quote, every value of the contract's columns written as its type is, to the byte, or empty for null.

    `fields` names the contract's column in each field, "" for a field outside the contract; `empty` are the columns in which some value is. `least` is the
    least value of a key that is one whole number, else None. Who takes the rows takes the file away.
    """

    path: Path
    rows: int
    fields: tuple[str, ...]
    delimiter: str
    line_end: str
    empty: frozenset[str]
    least: int | None
