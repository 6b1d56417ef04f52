"""The defects a real delivery may have, and what SPEC says becomes of a row that has one. Data and one function per defect.

A defect rewrites one row, or adds a row beside it; it returns None for a row that cannot have it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Literal

from rental_etl.synthetic.columns import COLUMNS

Row = list[str]
Effect = Literal["none", "warning", "refused", "repeated"]
"""What a pipeline does with the row: reads it as if it were clean, keeps it with a warning, quarantines it, or keeps one of two."""
NULL_WORDS = ("null", "NULL", "Null", "None", "NaN", "nan", "")
_TRUE_WORDS = ("True", "TRUE", "1", "y", "Y", "yes")
_FALSE_WORDS = ("False", "FALSE", "0", "n", "N", "no")


@dataclass(frozen=True, slots=True)
class Case:
    """A row to spoil: its table and fields, and the clean row before it (of the same shard and day), if any."""

    table: str
    row: Row
    before: Row | None
    random: Random

    def at(self, column: str) -> str:
        """A field by its column."""
        return self.row[COLUMNS[self.table].index(column)]

    def having(self, **fields: str) -> Row:
        """The row with other fields."""
        row = list(self.row)
        for column, text in fields.items():
            row[COLUMNS[self.table].index(column)] = text
        return row

    def pick(self, choices: Sequence[str]) -> str:
        """One of the choices."""
        return choices[int(self.random.random() * len(choices))]


Spoil = Callable[[Case], list[Row] | None]


@dataclass(frozen=True, slots=True)
class Defect:
    """One kind of defect: its name (that of the rule it breaks, where there is one), its effect and how it is made."""

    name: str
    effect: Effect
    spoil: Spoil


def _put(*, column: str, words: Sequence[str]) -> Spoil:
    """Write one of `words` into a column."""
    return lambda case: [case.having(**{column: case.pick(words)})]


def _reword(*, column: str, change: Callable[[str], str]) -> Spoil:
    """Change how a field is written; a field it does not change cannot have the defect."""

    def spoil(case: Case) -> list[Row] | None:
        text = case.at(column)
        return [case.having(**{column: change(text)})] if change(text) != text else None

    return spoil


def _boolean(column: str) -> Spoil:
    def spoil(case: Case) -> list[Row] | None:
        words = {"true": _TRUE_WORDS, "false": _FALSE_WORDS}.get(case.at(column))
        return [case.having(**{column: case.pick(words)})] if words else None

    return spoil


def _other_zone(stamp: str) -> str:
    """The same moment, as a clock two hours ahead shows it."""
    hour = int(stamp[11:13]) + 2
    return f"{stamp[:10]}T{hour:02d}{stamp[13:]}+02:00" if hour < 24 else f"{stamp[:10]}T{stamp[11:]}Z"


def _days_later(text: str, days: int) -> str:
    return (date.fromisoformat(text) + timedelta(days=days)).isoformat()


def _repeat(*, column: str, words: Sequence[str]) -> Spoil:
    """The key a second time, with other content in one column."""
    return lambda case: [list(case.row), case.having(**{column: case.pick(words)})]


def _cut(case: Case) -> list[Row]:
    return [case.row[:-2]]


def _surplus(case: Case) -> list[Row]:
    return [[*case.row, "surplus", ""]]


def _ends_before_it_begins(case: Case) -> list[Row]:
    begin, end = case.at("checkin_date"), case.at("checkout_date")
    return [case.having(checkin_date=end, checkout_date=begin)]


def _arrives_before_it_books(case: Case) -> list[Row]:
    booked = case.at("booking_date")[:10]
    return [
        case.having(
            checkin_date=_days_later(booked, -2), checkout_date=_days_later(booked, 1), booking_status="canceled"
        )
    ]


def _overlaps(case: Case) -> list[Row] | None:
    """The confirmed stay before, taken by a second guest one night longer."""
    if case.before is None or case.before[8] not in ("confirmed", "completed"):
        return None
    return [[*case.row[:2], *case.before[2:5], _days_later(case.before[5], 1), *case.before[6:]]]


def _modified_before_created(case: Case) -> list[Row] | None:
    """Only a first version: a later one would count as modified when the first was, and replace it."""
    created = case.at("listing_created_on")
    if case.at("last_modified_timestamp") not in (created, ""):
        return None
    return [case.having(last_modified_timestamp=_days_later(created[:10], -3) + created[10:])]


_HARMLESS_TEXT = (
    'Loft, "El Sol", 2nd floor',
    "Two lines:\nthe second one",
    "Back\\slash C:\\homes\\",
    '"quoted" all over',
    "Carriage\r\nreturn, and a comma",
)
_BAD_NUMBERS = ("12O.5", "1e3", "$ 120", "about 90", "--5")
_BAD_DATES = ("1970-01-01", "2999-12-31", "soon", "2024-02-30", "0000-00-00")
_BAD_CURRENCIES = ("US", "EURO", "€", "U$D")
_UNKNOWN_LISTINGS = tuple(str(9_900_000_000_001 + number) for number in range(50))

_SHAPES = (Defect("too_few_fields", "refused", _cut), Defect("too_many_fields", "refused", _surplus))

DEFECTS: Mapping[str, tuple[Defect, ...]] = {
    "apartments": (
        *_SHAPES,
        Defect("missing_key", "refused", _put(column="id", words=NULL_WORDS)),
        Defect("unreadable_key", "refused", _put(column="id", words=("abc", "12.5"))),
        Defect("missing_price", "refused", _put(column="price", words=NULL_WORDS)),
        Defect("unreadable_price", "refused", _put(column="price", words=_BAD_NUMBERS)),
        Defect("unreadable_boolean", "refused", _put(column="is_active", words=("maybe", "2"))),
        Defect("date_out_of_range", "refused", _put(column="listing_created_on", words=_BAD_DATES)),
        Defect("price_not_positive", "refused", _put(column="price", words=("0", "0.00", "-10.00"))),
        Defect("currency_not_three_letters", "refused", _put(column="currency", words=_BAD_CURRENCIES)),
        Defect("modified_before_created", "warning", _modified_before_created),
        Defect("repeated_key", "repeated", _repeat(column="source", words=("resent",))),
        Defect("null_word", "none", _put(column="source", words=NULL_WORDS)),
        Defect("awkward_text", "none", _put(column="title", words=_HARMLESS_TEXT)),
        Defect("odd_boolean", "none", _boolean("is_active")),
        Defect("lower_case_currency", "none", _reword(column="currency", change=str.lower)),
        Defect("too_many_decimals", "warning", _reword(column="price", change=lambda text: text + "4")),
        Defect("padded", "none", _reword(column="price", change=lambda text: f"  {text} ")),
        Defect("other_zone", "none", _reword(column="listing_created_on", change=_other_zone)),
    ),
    "apartment_attributes": (
        *_SHAPES,
        Defect("missing_key", "refused", _put(column="id", words=NULL_WORDS)),
        Defect("unreadable_number", "warning", _put(column="fee", words=("No", *_BAD_NUMBERS))),
        Defect("repeated_key", "repeated", _repeat(column="amenities", words=("Wifi",))),
        Defect("null_word", "none", _put(column="square_feet", words=NULL_WORDS)),
        Defect("awkward_text", "none", _put(column="body", words=_HARMLESS_TEXT)),
        Defect("too_many_decimals", "warning", _put(column="bathrooms", words=("1.25", "2.049", "0.55"))),
        Defect("integer_as_decimal", "none", _reword(column="square_feet", change=lambda text: text + ".0")),
    ),
    "bookings": (
        *_SHAPES,
        Defect("missing_key", "refused", _put(column="booking_id", words=NULL_WORDS)),
        Defect("missing_user", "refused", _put(column="user_id", words=NULL_WORDS)),
        Defect("missing_status", "refused", _put(column="booking_status", words=NULL_WORDS)),
        Defect("unreadable_price", "refused", _put(column="total_price", words=_BAD_NUMBERS)),
        Defect("date_out_of_range", "refused", _put(column="checkout_date", words=_BAD_DATES)),
        Defect("checkout_not_after_checkin", "refused", _ends_before_it_begins),
        Defect("negative_total_price", "refused", _reword(column="total_price", change=lambda text: "-" + text)),
        Defect("currency_not_three_letters", "refused", _put(column="currency", words=_BAD_CURRENCIES)),
        Defect("unknown_apartment", "warning", _put(column="apartment_id", words=_UNKNOWN_LISTINGS)),
        Defect("checkin_before_booking", "warning", _arrives_before_it_books),
        Defect("unknown_status", "warning", _put(column="booking_status", words=("waiting", "OK", "on hold"))),
        Defect("overlapping_stay", "warning", _overlaps),
        Defect("unreadable_number", "warning", _put(column="num_guests", words=("two", "3.5", "1e1"))),
        Defect("repeated_key", "repeated", _repeat(column="num_guests", words=("1", "2", "3"))),
        Defect("null_word", "none", _put(column="payment_status", words=NULL_WORDS)),
        Defect("mixed_case_status", "none", _reword(column="booking_status", change=str.title)),
        Defect(
            "cancelled",
            "none",
            _reword(column="booking_status", change=lambda text: text.replace("canceled", "Cancelled")),
        ),
        Defect("lower_case_currency", "none", _reword(column="currency", change=str.lower)),
        Defect("too_many_decimals", "warning", _reword(column="total_price", change=lambda text: text + "5")),
        Defect("integer_as_decimal", "none", _reword(column="num_guests", change=lambda text: text + ".0")),
        Defect("padded", "none", _reword(column="booking_status", change=lambda text: f" {text}  ")),
        Defect("other_zone", "none", _reword(column="booking_date", change=_other_zone)),
        Defect("awkward_text", "none", _put(column="payment_status", words=_HARMLESS_TEXT)),
    ),
    "user_viewing": (
        *_SHAPES,
        Defect("missing_user", "refused", _put(column="user_id", words=NULL_WORDS)),
        Defect("unreadable_listing", "refused", _put(column="apartment_id", words=("abc", "12.5"))),
        Defect("date_out_of_range", "refused", _put(column="viewed_at", words=_BAD_DATES)),
        Defect("unknown_apartment", "warning", _put(column="apartment_id", words=_UNKNOWN_LISTINGS)),
        Defect("unreadable_boolean", "warning", _put(column="is_wishlisted", words=("maybe", "2"))),
        Defect("repeated_view", "none", lambda case: [list(case.row), list(case.row)]),
        Defect("null_word", "none", _put(column="call_to_action", words=NULL_WORDS)),
        Defect("odd_boolean", "none", _boolean("is_wishlisted")),
        Defect("awkward_text", "none", _put(column="call_to_action", words=_HARMLESS_TEXT)),
    ),
}
