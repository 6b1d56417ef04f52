"""What was looked at of a source, as pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of something that may be a table: files with one header, or a table of a database.

    `name` is what people call it and `stem` the words that may say what it holds. `rows` are texts by column, trimmed, None for null; `whole` tells that
    they are all there are, `rows_about` how many there may be in all (None: unknown). `files` are paths relative to the folder, in natural order.
    `encoding` is the setting that reading needs ("" for none). `words` are words that a column may hold besides those sampled; `updated` the columns that the
    database sets whenever a row changes.
    """

    name: str
    stem: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    whole: bool = True
    rows_about: int | None = None
    files: tuple[str, ...] = ()
    encoding: str = ""
    delimiter: str = ""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    updated: tuple[str, ...] = ()
    key: tuple[str, ...] = ()

    def column(self, name: str) -> list[str | None]:
        """The values of one column, in row order."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Unread:
    """Something at the source that no table can come from, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """The files, below the source, that are found for a table without a setting, and whether they are a series of which more may come."""

    files: tuple[str, ...]
    series: bool


@dataclass(frozen=True, slots=True)
class Looked:
    """All samples of a source. `is_database` decides which settings there are; `claimed` has, by table, what is found without a setting."""

    source: str
    samples: tuple[Sample, ...]
    unread: tuple[Unread, ...] = ()
    is_database: bool = False
    claimed: Mapping[str, Claimed] = field(default_factory=dict)
