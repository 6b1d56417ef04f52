"""How far the database was read, as the batches of a table remember it in what they say about their parsing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from rental_etl.model.batch import Batch

_PREFIX = "database."


@dataclass(frozen=True, slots=True)
class Selection:
    """What the settings say about one table of a database: its name ("" for the contract's), the column that tells when a row changed ("" for none), how
    far behind the last change the next read begins, and how often the whole table is read all the same (None: never)."""

    name: str = ""
    cursor: str = ""
    overlap: timedelta = timedelta(days=1)
    full_every: timedelta | None = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Marks:
    """Where a read ended.

    `watermark` is the greatest cursor seen, "" for none. `window` is the digest of what the next read would have found at that moment: equal then, equal
    now, nothing changed. `boundary` is the first day that a table without a key delivers by itself; what is before it is in the last full batch.
    `digest` is of this delivery's rows alone, `selection` of the columns and the question asked.
    """

    watermark: str = ""
    window: str = ""
    boundary: str = ""
    digest: str = ""
    selection: str = ""

    def parsing(self) -> dict[str, str]:
        """As a batch keeps them."""
        return {_PREFIX + name: value for name, value in asdict(self).items() if value}


def marks_of(batch: Batch) -> Marks:
    """The marks of a batch; empty ones when it was no database that delivered it."""
    kept = batch.reading.parsing
    return Marks(**{name: kept.get(_PREFIX + name, "") for name in asdict(Marks())})


def without_marks(parsing: Mapping[str, str]) -> dict[str, str]:
    """What a batch says about its parsing proper."""
    return {name: value for name, value in parsing.items() if not name.startswith(_PREFIX)}


def marks_in(parsing: Mapping[str, str]) -> dict[str, str]:
    """The marks among what a batch says about its parsing, to be kept when it is parsed again."""
    return {name: value for name, value in parsing.items() if name.startswith(_PREFIX)}


def full_is_due(earlier: Sequence[Batch], *, every: timedelta | None, now: datetime) -> bool:
    """Whether it is time to read the whole table again: deleted rows show only there. `now` is UTC, without a zone."""
    landed = [datetime.fromisoformat(batch.landed_at) for batch in earlier if batch.kind == "full"]
    return not landed or (every is not None and now - max(landed) >= every)


def since_full(earlier: Sequence[Batch]) -> tuple[Batch, ...]:
    """The last full batch and those after it."""
    last = max((place for place, batch in enumerate(earlier) if batch.kind == "full"), default=0)
    return tuple(earlier[last:])


def shifted(watermark: str, *, back: timedelta) -> str:
    """A moment before a watermark, as SQL text."""
    return (datetime.fromisoformat(watermark) - back).isoformat(sep=" ", timespec="microseconds")
