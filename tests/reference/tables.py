"""The source tables of SPEC section 1, and their rules, as plain data and plain functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Any]

TYPES: dict[str, dict[str, str]] = {
    "apartments": {
        "id": "int",
        "title": "text",
        "source": "text",
        "price": "decimal2",
        "currency": "upper",
        "listing_created_on": "timestamp",
        "is_active": "bool",
        "last_modified_timestamp": "timestamp",
    },
    "apartment_attributes": {
        "id": "int",
        "category": "text",
        "bathrooms": "decimal1",
        "cityname": "text",
        "state": "text",
    },
    "bookings": {
        "booking_id": "int",
        "user_id": "int",
        "apartment_id": "int",
        "booking_date": "timestamp",
        "checkin_date": "date",
        "checkout_date": "date",
        "total_price": "decimal2",
        "currency": "upper",
        "booking_status": "status",
        "payment_status": "lower",
        "num_guests": "int",
    },
    "user_viewing": {
        "user_id": "int",
        "apartment_id": "int",
        "viewed_at": "timestamp",
        "is_wishlisted": "bool",
        "call_to_action": "text",
    },
    "fx_rates": {"rate_date": "date", "currency": "upper", "rate": "decimal8"},
}

KEYS: dict[str, tuple[str, ...]] = {
    "apartments": ("id",),
    "apartment_attributes": ("id",),
    "bookings": ("booking_id",),
    "user_viewing": (),
    "fx_rates": ("rate_date", "currency"),
}

REQUIRED: dict[str, frozenset[str]] = {
    "apartments": frozenset({"id", "price", "currency", "listing_created_on", "is_active"}),
    "apartment_attributes": frozenset({"id"}),
    "bookings": frozenset(TYPES["bookings"]) - {"payment_status", "num_guests"},
    "user_viewing": frozenset({"user_id", "apartment_id", "viewed_at"}),
    "fx_rates": frozenset({"rate_date", "currency", "rate"}),
}

VOCABULARY = ("pending", "confirmed", "completed", "canceled", "rejected", "no_show")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule on one readable row; `broken` is asked only when every required value is there."""

    name: str
    broken: Callable[[Values], bool]


def _three_letters(word: str) -> bool:
    return len(word) == 3 and all("A" <= letter <= "Z" for letter in word)


ERRORS: dict[str, tuple[Rule, ...]] = {
    "apartments": (
        Rule("price <= 0", lambda row: bool(row["price"] <= 0)),
        Rule("currency not three letters", lambda row: not _three_letters(row["currency"])),
    ),
    "apartment_attributes": (),
    "bookings": (
        Rule("checkout_date <= checkin_date", lambda row: bool(row["checkout_date"] <= row["checkin_date"])),
        Rule("total_price < 0", lambda row: bool(row["total_price"] < 0)),
        Rule("currency not three letters", lambda row: not _three_letters(row["currency"])),
    ),
    "user_viewing": (),
    "fx_rates": (Rule("rate <= 0", lambda row: bool(row["rate"] <= 0)),),
}

WARNINGS: dict[str, tuple[Rule, ...]] = {
    "apartments": (
        Rule(
            "last_modified_timestamp before listing_created_on",
            lambda row: (
                row["last_modified_timestamp"] is not None
                and row["last_modified_timestamp"] < row["listing_created_on"]
            ),
        ),
    ),
    "apartment_attributes": (),
    "bookings": (
        Rule(
            "checkin_date before the booking day",
            lambda row: bool(row["checkin_date"] < row["booking_date"].date()),
        ),
        Rule("status not in the vocabulary", lambda row: row["booking_status"] not in VOCABULARY),
    ),
    "user_viewing": (),
    "fx_rates": (),
}
