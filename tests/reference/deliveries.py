"""What a source folder holds at one moment, and the settings a run reads it with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Kind = Literal["full", "delta"]


@dataclass(frozen=True, slots=True)
class File:
    """One delivered CSV file: its header, and every row's cells in that order, as text."""

    name: str
    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]

    @property
    def rows(self) -> list[dict[str, str]]:
        """Rows as column: text."""
        return [dict(zip(self.columns, cells, strict=True)) for cells in self.cells]

    @property
    def content(self) -> tuple[tuple[str, ...], ...]:
        """Equal exactly when the bytes are."""
        return (self.columns, *self.cells)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The files of one table in the folder, and the kind of delivery that the settings name for it."""

    kind: Kind
    files: tuple[File, ...]

    @property
    def in_order(self) -> list[File]:
        """The files in natural order of their names without the ending: bookings, bookings-2, bookings-10."""
        return sorted(self.files, key=lambda file: natural(file.name.partition(".")[0]))


@dataclass(frozen=True, slots=True)
class Metrics:
    """The `[metrics]` settings."""

    confirmed_statuses: tuple[str, ...] = ("confirmed", "completed")
    canceled_statuses: tuple[str, ...] = ("canceled",)
    reporting_currency: str = ""
    top_n: int = 10


@dataclass(frozen=True, slots=True)
class Quality:
    """The `[quality]` settings; ratios as text, so that they are exact."""

    max_deleted_ratio: str = "0.5"
    max_quarantined_ratio: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what the folder held (a table that is not in `deliveries` was absent), `as_of`, the settings in force, and what is decided
    about each batch that the run refuses ("" leaves it)."""

    as_of: date
    deliveries: Mapping[str, Delivery]
    metrics: Metrics = field(default_factory=Metrics)
    decision: Literal["", "accept", "reject"] = ""


def natural(name: str) -> list[tuple[int, str]]:
    """A sort key that reads digits as numbers."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]
