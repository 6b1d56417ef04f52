"""One delivered row of text, read by SPEC's "Reading values": typed values, or why not.

Knows the ISO forms only; other date orders and number formats are the source adapter's own tests.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from reference.arithmetic import round_half_away
from reference.tables import ERRORS, KEYS, REQUIRED, TYPES, WARNINGS

NULL_WORDS = ("", "null", "NULL", "Null", "None", "NaN", "nan")
TRUE_WORDS = ("true", "1", "y", "yes")
FALSE_WORDS = ("false", "0", "n", "no")
EARLIEST = date(2000, 1, 1)
YEARS_AHEAD = 3

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_WHOLE = re.compile(r"-?\d+(\.0+)?")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d(?:\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?")


class UnreadableError(Exception):
    """The text is no value of its column's type."""


@dataclass(frozen=True, slots=True)
class Row:
    """A delivered row. `key` is None when it cannot be read (or the table has none); `errors` name what puts it in quarantine."""

    key: tuple[Any, ...] | None
    values: Mapping[str, Any]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def valid(self) -> bool:
        """Whether the row may enter the curated table."""
        return not self.errors


def read_row(table: str, text: Mapping[str, str], *, day: date) -> Row:
    """Read one row of a batch whose day is `day`; columns absent from `text` are null."""
    values: dict[str, Any] = {}
    errors: list[str] = []
    warnings: list[str] = []
    for column, kind in TYPES[table].items():
        try:
            values[column] = read_value(text.get(column, ""), kind=kind, day=day)
        except UnreadableError:
            values[column] = None
            if column not in REQUIRED[table]:
                warnings.append(f"{column} unreadable")
        if column in REQUIRED[table] and values[column] is None:
            errors.append(f"{column} null or unreadable")
    if not errors:
        errors += [rule.name for rule in ERRORS[table] if rule.broken(values)]
        warnings += [rule.name for rule in WARNINGS[table] if rule.broken(values)]
    key = tuple(values[column] for column in KEYS[table])
    return Row(
        key=None if not key or None in key else key, values=values, errors=tuple(errors), warnings=tuple(warnings)
    )


def read_value(text: str, *, kind: str, day: date) -> Any:
    """One value, None for null; raises UnreadableError."""
    text = text.strip()
    if text in NULL_WORDS:
        return None
    if kind in ("date", "timestamp"):
        return _date(text, day=day) if kind == "date" else _timestamp(text, day=day)
    if kind.startswith("decimal"):
        return _decimal(text, scale=int(kind.removeprefix("decimal")))
    return PLAIN[kind](text)


def _bool(text: str) -> bool:
    if text.lower() in TRUE_WORDS:
        return True
    if text.lower() in FALSE_WORDS:
        return False
    raise UnreadableError(text)


def _int(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise UnreadableError(text)
    number = int(text.partition(".")[0])
    if not -(2**63) <= number < 2**63:
        raise UnreadableError(text)
    return number


def _decimal(text: str, *, scale: int) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise UnreadableError(text)
    number = round_half_away(Decimal(text), scale)
    digits = 5 if scale == 1 else 18
    if abs(number) >= Decimal(10) ** (digits - scale):
        raise UnreadableError(text)
    return number


def _status(text: str) -> str:
    return "canceled" if text.lower() == "cancelled" else text.lower()


PLAIN: Mapping[str, Callable[[str], Any]] = {
    "text": str,
    "upper": str.upper,
    "lower": str.lower,
    "status": _status,
    "bool": _bool,
    "int": _int,
}


def _date(text: str, *, day: date) -> date:
    match = _MOMENT.fullmatch(text)
    if not match:
        raise UnreadableError(text)
    return _within(_calendar(match[1]), day=day)


def _timestamp(text: str, *, day: date) -> datetime:
    match = _MOMENT.fullmatch(text)
    if not match:
        raise UnreadableError(text)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise UnreadableError(text) from error
    if moment.tzinfo:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    _within(moment.date(), day=day)
    return moment


def _calendar(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UnreadableError(text) from error


def _within(found: date, *, day: date) -> date:
    leap = (day.month, day.day) == (2, 29)
    last = date(day.year + YEARS_AHEAD, 2, 28) if leap else day.replace(year=day.year + YEARS_AHEAD)
    if found < EARLIEST or found > last:
        raise UnreadableError(f"{found} is not between {EARLIEST} and {last}")
    return found
