"""Packs rows into columns of small JSON, in whichever of a few forms is shortest; `page/data.js` reads them again."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from operator import sub
from typing import Any, Literal

Kind = Literal["month", "day", "count", "money", "flag", "text"]

# What a double holds exactly: larger numbers are written as text, which the page reads as big integers.
_EXACT = 2**53 - 1
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a packed table: month is packed as year * 12 + month - 1, day as days since 1970-01-01, money as cents, flag as 0 or 1."""

    name: str
    kind: Kind


def pack(fields: Sequence[Field], rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """A table as `{"rows": n, "columns": {name: packed column}}`; rows keep their order."""
    found = list(rows)
    values = zip(*found, strict=True) if found else [()] * len(fields)
    return {
        "rows": len(found),
        "columns": {field.name: _column(field.kind, column) for field, column in zip(fields, values, strict=True)},
    }


def embedded(document: Any) -> str:
    """JSON that may stand inside a script element, whatever text is in it."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    # An HTML parser ends the element at `</script` and is confused by `<!--`; JSON may write any character as an escape.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _column(kind: Kind, values: Sequence[Any]) -> dict[str, Any]:
    if kind == "text":
        words = {word: at for at, word in enumerate(dict.fromkeys(values))}
        return {"words": [_clean(word) for word in words], "at": _numbers([words[value] for value in values])}
    if kind in ("month", "day"):
        # A column has few different days.
        numbers = {day: _number(kind, day) for day in set(values)}
        return _numbers([numbers[day] for day in values])
    if kind == "count" and set(map(type, values)) == {int}:
        return _numbers(values)
    return _numbers([_number(kind, value) for value in values])


def _number(kind: Kind, value: Any) -> int | None:
    if value is None:
        return None
    match kind:
        case "month":
            return int(value.year * 12 + value.month - 1)
        case "day":
            return (value.date() if isinstance(value, datetime) else value).toordinal() - _EPOCH
        case "money":
            return int(Decimal(value).scaleb(2).to_integral_exact())
        case _:
            return int(value)


def _numbers(values: Sequence[int | None]) -> dict[str, Any]:
    """The shortest of: the values, their differences, runs of (value, how often)."""
    known = [value for value in values if value is not None]
    if len(known) < len(values) or (known and (max(known) > _EXACT or min(known) < -_EXACT)):
        return {"values": [value if value is None or abs(value) <= _EXACT else str(value) for value in values]}
    differences = list(map(sub, known[1:], known))
    forms = {"values": known, "steps": [*known[:1], *differences]}
    lengths = {name: _length(numbers) for name, numbers in forms.items()}
    runs = len(known) - differences.count(0)
    # Two digits and two commas a run are the least they take.
    if 4 * runs < min(lengths.values()):
        forms["runs"] = [number for value, run in groupby(known) for number in (value, len(list(run)))]
        lengths["runs"] = _length(forms["runs"])
    name = min(lengths, key=lengths.__getitem__)
    return {name: forms[name]}


def _length(numbers: Sequence[int]) -> int:
    """How long whole numbers are as JSON: as Python shows them, without a space after each comma."""
    return len(str(numbers)) - max(0, len(numbers) - 1)


def _clean(word: Any) -> str | None:
    """Text without what UTF-8 cannot write: half of a surrogate pair."""
    return None if word is None else str(word).encode("utf-8", "replace").decode()
