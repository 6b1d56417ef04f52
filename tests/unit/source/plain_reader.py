"""What a delivery says, read in plain Python, character by character, from SPEC section 1: the oracle for the source. Shares no code with it."""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

from rental_etl.model.contract import Column

DIGITS = frozenset("0123456789")
BLANKS = " \t\n\r\x0b\x0c"
NULLS = {"", "null", "NULL", "Null", "None", "NaN", "nan"}


class UnreadableError(ValueError):
    """A value that does not say what its column promises."""


@dataclass(frozen=True)
class Habits:
    """How a sender writes values."""

    last_day: date = date(2027, 12, 31)
    day_first: bool | None = None
    grouping: str = ""
    point: str = "."
    zone: str = "UTC"
    words: Mapping[str, str] = field(default_factory=dict)
    true: Sequence[str] = ("true", "1", "1.0", "y", "yes", "t", "on")
    false: Sequence[str] = ("false", "0", "0.0", "n", "no", "f", "off")


def value(column: Column, text: str | None, habits: Habits) -> Any:
    """The value, None for null. Raises UnreadableError."""
    text = (text or "").strip(BLANKS)
    text = habits.words.get(text.lower(), text)
    if text in NULLS:
        return None
    readers = {"int64": _int64, "decimal": _decimal, "float64": _float64, "bool": _bool, "date": _date}
    if column.type == "timestamp":
        return _timestamp(text, habits)
    if column.type == "text":
        return _text(column, text)
    return readers[column.type](column, text, habits)


def is_rounded(column: Column, text: str | None, habits: Habits) -> bool:
    """Whether a readable decimal was written with digits that its scale does not hold."""
    text = (text or "").strip(BLANKS)
    text = habits.words.get(text.lower(), text)
    if column.type != "decimal" or text in NULLS:
        return False
    exact = _number(text, habits)
    with localcontext(prec=1000):
        return exact != exact.quantize(Decimal(1).scaleb(-column.scale), ROUND_HALF_UP)


def _number(text: str, habits: Habits) -> Decimal:
    """Digits with at most one point and, in the whole part, complete groups of three or none."""
    sign = text[:1] if text[:1] in ("+", "-") else ""
    whole, point, fraction = text[len(sign) :].partition(habits.point)
    if habits.grouping and habits.grouping in whole:
        first, *groups = whole.split(habits.grouping)
        if not 1 <= len(first) <= 3 or any(len(group) != 3 for group in groups):
            raise UnreadableError(text)
        whole = first + "".join(groups)
    if not whole + fraction or not set(whole + fraction) <= DIGITS or (not whole and not fraction):
        raise UnreadableError(text)
    del point
    return Decimal(f"{sign}{whole or '0'}.{fraction or '0'}")


def _int64(column: Column, text: str, habits: Habits) -> int:
    bare = text.lstrip("+-")
    if bare.startswith(habits.point):
        raise UnreadableError(text)
    number = _number(text, habits)
    whole = int(number)
    if whole != number or not -(2**63) <= whole < 2**63:
        raise UnreadableError(text)
    return whole


def _decimal(column: Column, text: str, habits: Habits) -> Decimal:
    number = _number(text, habits)
    with localcontext(prec=1000):
        rounded = number.quantize(Decimal(1).scaleb(-column.scale), ROUND_HALF_UP)
    if abs(rounded) >= Decimal(10) ** (column.precision - column.scale):
        raise UnreadableError(text)
    return rounded


def _float64(column: Column, text: str, habits: Habits) -> float:
    number = float(_number(text, habits))
    if math.isinf(number):
        raise UnreadableError(text)
    return number


def _bool(column: Column, text: str, habits: Habits) -> bool:
    if text.lower() in habits.true:
        return True
    if text.lower() in habits.false:
        return False
    raise UnreadableError(text)


def _text(column: Column, text: str) -> str:
    cased = {"upper": text.upper(), "lower": text.lower(), "": text}[column.case]
    return column.words.get(cased, cased)


def _take_digits(text: str, least: int, most: int) -> tuple[str, str]:
    count = 0
    while count < len(text) and text[count] in DIGITS:
        count += 1
    if not least <= count <= most:
        raise UnreadableError(text)
    return text[:count], text[count:]


def _calendar_day(text: str, habits: Habits) -> tuple[date, str]:
    """The day at the beginning of a text, and what follows it."""
    first, rest = _take_digits(text, 1, 4)
    if len(first) == 4:
        if rest[:1] != "-":
            raise UnreadableError(text)
        month, rest = _take_digits(rest[1:], 2, 2)
        if rest[:1] != "-":
            raise UnreadableError(text)
        day, rest = _take_digits(rest[1:], 2, 2)
        year = first
    else:
        if habits.day_first is None or len(first) > 2 or rest[:1] not in ("/", ".", "-"):
            raise UnreadableError(text)
        second, rest = _take_digits(rest[1:], 1, 2)
        if rest[:1] not in ("/", ".", "-"):
            raise UnreadableError(text)
        year, rest = _take_digits(rest[1:], 4, 4)
        day, month = (first, second) if habits.day_first else (second, first)
    try:
        return date(int(year), int(month), int(day)), rest
    except ValueError as error:
        raise UnreadableError(text) from error


def _clock(text: str) -> tuple[timedelta, str]:
    hour, rest = _take_digits(text, 2, 2)
    if rest[:1] != ":":
        raise UnreadableError(text)
    minute, rest = _take_digits(rest[1:], 2, 2)
    second, micro = "00", "0"
    if rest[:1] == ":":
        second, rest = _take_digits(rest[1:], 2, 2)
        if rest[:1] in (".", ","):
            micro, rest = _take_digits(rest[1:], 1, 10_000)
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        raise UnreadableError(text)
    micros = int(micro[:6].ljust(6, "0"))
    return timedelta(hours=int(hour), minutes=int(minute), seconds=int(second), microseconds=micros), rest


def _offset(text: str) -> timedelta | None:
    """The distance from UTC that ends a text; None when it does not say."""
    if not text:
        return None
    text = text.removeprefix(" ")
    if text in ("Z", "UTC"):
        return timedelta(0)
    if text[:1] not in ("+", "-"):
        raise UnreadableError(text)
    hours, rest = _take_digits(text[1:3], 2, 2)
    minutes, rest = "0", text[3:]
    if rest:
        minutes, rest = _take_digits(rest.removeprefix(":"), 2, 2)
    if rest or int(hours) > 18 or int(minutes) > 59:
        raise UnreadableError(text)
    distance = timedelta(hours=int(hours), minutes=int(minutes))
    return -distance if text[0] == "-" else distance


def _moment(text: str, habits: Habits) -> tuple[date, timedelta, timedelta | None]:
    day, rest = _calendar_day(text, habits)
    if not rest:
        return day, timedelta(0), None
    if rest[0] not in ("T", " "):
        raise UnreadableError(text)
    clock, rest = _clock(rest[1:])
    return day, clock, _offset(rest)


def _date(column: Column, text: str, habits: Habits) -> date:
    day, _, _ = _moment(text, habits)
    if not date(2000, 1, 1) <= day <= habits.last_day:
        raise UnreadableError(text)
    return day


def _timestamp(text: str, habits: Habits) -> datetime:
    day, clock, offset = _moment(text, habits)
    try:
        wall = datetime(day.year, day.month, day.day) + clock
        utc = wall.replace(tzinfo=ZoneInfo(habits.zone)).astimezone(UTC).replace(tzinfo=None)
        moment = utc if offset is None else wall - offset
    except OverflowError as error:
        raise UnreadableError(text) from error
    if not date(2000, 1, 1) <= moment.date() <= habits.last_day:
        raise UnreadableError(text)
    return moment


def same_bits(number: float) -> bytes:
    """A float as it is stored, so that 0.0 and -0.0 differ."""
    return struct.pack("d", number)


@dataclass(frozen=True)
class Record:
    """One record of a CSV text: its first line (from 1), its text, and its fields or, when it has none, the problem."""

    line: int
    text: bytes
    fields: tuple[bytes, ...] = ()
    problem: str = ""


def records(content: bytes, *, delimiter: bytes, width: int) -> list[Record]:
    """The records of a CSV text after its first line, which is the header."""
    end = b"\r" if b"\n" not in content else b"\n"
    lines = [line + end for line in content.split(end)]
    lines[-1] = lines[-1][:-1]
    found = []
    place = 1
    while place < len(lines):
        rest = b"".join(lines[place:])
        fields, taken = _record(rest, delimiter, end)
        if fields is None:
            text, used = _bare(lines[place]), 1
        else:
            text, used = _bare(rest[:taken]), rest[:taken].count(end) + (not rest[:taken].endswith(end))
        line = place + 1
        place += used
        if not text:
            continue
        found.append(_judged(line, text, fields, width))
    return found


def _judged(line: int, text: bytes, fields: list[bytes] | None, width: int) -> Record:
    try:
        text.decode()
    except UnicodeDecodeError:
        return Record(line, text, problem="undecodable_bytes")
    if fields is None:
        return Record(line, text, problem="broken_quoting")
    if len(fields) < width or any(fields[width:]):
        return Record(line, text, problem="wrong_number_of_fields")
    return Record(line, text, fields=tuple(fields[:width]))


def _bare(line: bytes) -> bytes:
    for end in (b"\r\n", b"\n", b"\r"):
        if line.endswith(end):
            return line[: -len(end)]
    return line


def _record(text: bytes, delimiter: bytes, end: bytes) -> tuple[list[bytes] | None, int]:
    """The fields of the record at the beginning of a text, None when its quoting is broken, and the bytes it takes with its line end."""
    fields = []
    place = 0
    while True:
        field, place = _field(text, place, delimiter, end)
        if field is None:
            return None, 0
        fields.append(field)
        if text[place : place + 1] == delimiter:
            place += 1
            continue
        if place >= len(text) or text[place:] == b"\r":
            return fields, len(text)
        if text[place : place + 1] == end:
            return fields, place + 1
        if text[place : place + 2] == b"\r\n":
            return fields, place + 2
        return None, 0


def _field(text: bytes, place: int, delimiter: bytes, end: bytes) -> tuple[bytes | None, int]:
    """The field that begins at a place, and the place where it ends; None when it is quoted and never closed."""
    start = place
    place = _after_blanks(text, place, delimiter)
    if text[place : place + 1] == b'"':
        field, place = _quoted(text, place + 1)
        return field, _after_blanks(text, place, delimiter)
    place = start
    while place < len(text) and text[place : place + 1] not in (delimiter, end):
        place += 1
    field = text[start:place]
    last = place >= len(text) or text[place : place + 1] == end
    return (field.removesuffix(b"\r") if last else field), place


def _quoted(text: bytes, place: int) -> tuple[bytes | None, int]:
    field = b""
    while place < len(text):
        if text[place : place + 2] == b'""':
            field += b'"'
            place += 2
        elif text[place : place + 1] == b'"':
            return field, place + 1
        else:
            field += text[place : place + 1]
            place += 1
    return None, place


def _after_blanks(text: bytes, place: int, delimiter: bytes) -> int:
    blanks = b" " if delimiter == b"\t" else b" \t"
    while place < len(text) and text[place] in blanks:
        place += 1
    return place
