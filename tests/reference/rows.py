"""Delivered rows by hand: each function gives one row as text, all defaults harmless."""

from collections.abc import Mapping, Sequence

from reference.deliveries import Delivery, File, Kind
from reference.tables import TYPES

TextRow = Mapping[str, str]


def apartment(listing: str, **cells: str) -> TextRow:
    """A listing created on 2024-01-01 at 100.00 USD a night."""
    row = dict.fromkeys(TYPES["apartments"], "")
    row |= {"id": listing, "title": f"Flat {listing}", "source": "web", "price": "100.00", "currency": "USD"}
    return row | {"listing_created_on": "2024-01-01 00:00:00", "is_active": "true"} | cells


def attributes(listing: str, **cells: str) -> TextRow:
    """A listing in Austin, Texas."""
    return dict.fromkeys(TYPES["apartment_attributes"], "") | {
        "id": listing,
        "category": "flat",
        "cityname": "Austin",
        "state": "TX",
        **cells,
    }


def booking(number: str, **cells: str) -> TextRow:
    """A confirmed stay of user 1 in listing 1: two nights in January 2024, 200.00 USD."""
    return dict.fromkeys(TYPES["bookings"], "") | {
        "booking_id": number,
        "user_id": "1",
        "apartment_id": "1",
        "booking_date": "2024-01-10 12:00:00",
        "checkin_date": "2024-01-12",
        "checkout_date": "2024-01-14",
        "total_price": "200.00",
        "currency": "USD",
        "booking_status": "confirmed",
        **cells,
    }


def view(user: str, listing: str, viewed_at: str, **cells: str) -> TextRow:
    """A view that was not wishlisted."""
    row = dict.fromkeys(TYPES["user_viewing"], "") | {"user_id": user, "apartment_id": listing}
    return row | {"viewed_at": viewed_at, "is_wishlisted": "false"} | cells


def rate(day: str, currency: str, units: str) -> TextRow:
    """An exchange rate."""
    return {"rate_date": day, "currency": currency, "rate": units}


def file(name: str, table: str, rows: Sequence[TextRow]) -> File:
    """A CSV file with every column of its table."""
    columns = tuple(TYPES[table])
    return File(name, columns, tuple(tuple(row[column] for column in columns) for row in rows))


def delivery(kind: Kind, table: str, *files: Sequence[TextRow]) -> Delivery:
    """A full delivery of one file, or a series of numbered ones."""
    if kind == "full" and len(files) == 1:
        return Delivery(kind, (file(f"{table}.csv", table, files[0]),))
    return Delivery(kind, tuple(file(f"{table}-{at}.csv", table, rows) for at, rows in enumerate(files, start=1)))
