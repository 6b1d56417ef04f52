"""What the conversion needs to know of a delivered file, whatever its format."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from rental_etl.source.layout import Columns


class DeliveredFile(Protocol):
    """One file of a delivery as a relation of columns `c_<name>`, in file order."""

    @property
    def name(self) -> str:
        """The file's name relative to the source."""
        ...

    @property
    def columns(self) -> Columns:
        """Where the contract's columns are."""
        ...

    @property
    def natives(self) -> Mapping[str, bool]:
        """The delivered contract columns, and whether they have the contract's type already; else they are text."""
        ...

    @property
    def rejects(self) -> Path:
        """CSV of (empty, line, rule, text): the records that cannot be split and are not in the relation. Exists when there are any."""
        ...

    @property
    def rejected(self) -> Counter[str]:
        """How many they are, by rule."""
        ...

    @property
    def longest_reject(self) -> int:
        """The longest of them, in bytes."""
        ...

    def relation(self) -> str:
        """SQL that the engine can select from."""
        ...

    def agrees(self, rows: int) -> bool:
        """Whether the engine read exactly the rows there are."""
        ...

    def doubt(self) -> bool:
        """Look closer, because the engine failed or counted otherwise; False when there is nothing closer to look at."""
        ...

    def sample(self, rows: int) -> Iterator[Mapping[str, str]]:
        """The first rows as text by column name."""
        ...

    def locate(self, ordinals: Collection[int]) -> Iterator[tuple[int, int | None, str]]:
        """Ordinal (from 0, among the relation's rows), line (None where there are none) and original text of these rows."""
        ...
