"""What the values of a delivered column look like."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rental_etl.model.contract import Column
from rental_etl.source.manner import NULL_WORDS
from rental_etl.source.proposal.words import truth
from rental_etl.source.values import TIME

_WHOLE = re.compile(r"[+-]?([0-9]+(\.0*)?|[0-9]{1,3}([.,][0-9]{3})+)")
_NUMBERS = {
    "1234.50": re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"),
    "1,234.50": re.compile(r"[+-]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)(\.[0-9]*)?"),
    "1.234,50": re.compile(r"[+-]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+)(,[0-9]*)?"),
}
_ISO = re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{TIME}")
_TURNED = re.compile(rf"([0-9]{{1,2}}[/.-][0-9]{{1,2}}[/.-][0-9]{{4}}){TIME}")
# Dates as people write them, but not as any setting reads them.
_FOREIGN_DAY = re.compile(
    r"[0-9]{4}[/.][0-9]{1,2}[/.][0-9]{1,2}\b.*|(19|20)[0-9]{6}|[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2}\b.*|[0-9]{1,2}[ -]\w{3,9}[ -][0-9]{2,4}.*"
    r"|[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{4} .*[AaPp][Mm]"
)
# Half of what is there: the rest may be mistakes, but more mistakes than values are another column.
_ENOUGH = 0.5


@dataclass(frozen=True, slots=True)
class Shape:
    """The values of one column, with their counts; null words are no values. `nulls` counts those."""

    values: Counter[str]
    nulls: int
    _fitting: dict[str, float] = field(default_factory=dict, compare=False)

    @property
    def filled(self) -> int:
        """How many values there are."""
        return self.values.total()

    def share(self, matches: Iterable[str]) -> float:
        """The share of the values that are among some; 1 of no value at all."""
        wanted = set(matches)
        return (
            sum(count for value, count in self.values.items() if value in wanted) / self.filled if self.filled else 1.0
        )

    def example(self, besides: Iterable[str] = ()) -> str:
        """The most frequent value, of those that are not among some."""
        left = [value for value, _ in self.values.most_common() if value not in set(besides)]
        return left[0] if left else ""


def shape(values: Iterable[str | None]) -> Shape:
    """The shape of a column's values."""
    counts = Counter(value for value in values if value is not None)
    nulls = sum(counts.pop(word, 0) for word in ("", *NULL_WORDS))
    return Shape(counts, nulls)


def whole_numbers(values: Iterable[str]) -> list[str]:
    """Those that an integer column can hold, also grouped by thousands."""
    return [value for value in values if _WHOLE.fullmatch(value) and len(value) < 20]


def numbers(values: Iterable[str], number_format: str) -> list[str]:
    """Those that a number format reads."""
    return [value for value in values if _NUMBERS[number_format].fullmatch(value)]


def days(values: Iterable[str]) -> list[str]:
    """Those that are dates or moments as they are read, in whatever order."""
    return [value for value in values if _ISO.fullmatch(value) or _TURNED.fullmatch(value)]


def turned_day(value: str) -> str:
    """The date in a value that writes the year last, "" in any other."""
    match = _TURNED.fullmatch(value)
    return match[1] if match else ""


def foreign_days(values: Iterable[str]) -> list[str]:
    """Those that are dates to a person, but written in a way that is not read."""
    return [value for value in values if _FOREIGN_DAY.fullmatch(value)]


def fitting(found: Shape, column: Column) -> float:
    """The share of the values that can be of a column's type, in any way of writing that a setting or the product knows."""
    known = found._fitting
    if column.type not in known:
        known[column.type] = found.share(_of_type(found.values, column.type))
    return known[column.type]


def _of_type(values: Iterable[str], kind: str) -> Iterable[str]:
    match kind:
        case "int64":
            return whole_numbers(values)
        case "decimal" | "float64":
            return [value for value in values if any(written.fullmatch(value) for written in _NUMBERS.values())]
        case "bool":
            return [value for value in values if truth(value) is not None]
        case "date" | "timestamp":
            return [*days(values), *foreign_days(values)]
        case _:
            return values


def fits(found: Shape, column: Column) -> bool:
    """Whether a column's type can hold most of the values."""
    return fitting(found, column) >= _ENOUGH
