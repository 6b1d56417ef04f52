"""Random marketplaces of a few rows around the ends of weeks, months and a leap day, where listings, users and days meet often."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

from tables.harness import Marketplace, Row, booking, day, place, rate, version, view

FIRST = day("2023-12-20")
CURRENCIES = st.sampled_from(["EUR", "EUR", "USD", "CHF"])
STATUSES = st.sampled_from(["confirmed", "completed", "confirmed", "canceled", "pending"])
PRICES = st.sampled_from(["0.01", "0.05", "10.00", "33.33", "100.00", "999999.99", "9900000000000000.99"])
LISTINGS = st.integers(1, 4)
USERS = st.integers(1, 3)
HOURS = st.sampled_from(["00:00:00", "09:30:00", "23:59:59"])
Key = TypeVar("Key")

as_ofs = st.integers(-10, 120).map(lambda number: FIRST + timedelta(days=number))


def days(last: int = 100) -> st.SearchStrategy[date]:
    """A day of the first hundred or so."""
    return st.integers(0, last).map(lambda number: FIRST + timedelta(days=number))


@st.composite
def bookings(draw: st.DrawFn) -> Row:
    """A booking; guests may arrive before they book, and stay for months."""
    booked = draw(days())
    checkin = booked + timedelta(days=draw(st.sampled_from([-3, 0, 1, 5, 30, 70])))
    checkout = checkin + timedelta(days=draw(st.sampled_from([1, 1, 2, 3, 7, 40, 100])))
    return booking(
        booked=f"{booked} {draw(HOURS)}",
        stay=f"{checkin}/{checkout}",
        user=draw(USERS),
        listing=draw(LISTINGS),
        price=draw(PRICES),
        currency=draw(CURRENCIES),
        status=draw(STATUSES),
    )


@st.composite
def versions(draw: st.DrawFn) -> list[Row]:
    """The history of one listing: one to four versions, some on one day."""
    created = draw(days(60))
    moments = {
        f"{created + timedelta(days=draw(st.integers(0, 40)))} {draw(HOURS)}" for _ in range(draw(st.integers(1, 4)))
    }
    listing = draw(LISTINGS)
    return [
        version(
            listing=listing,
            created=f"{created} 00:00:00",
            modified=moment,
            price=draw(PRICES),
            currency=draw(CURRENCIES),
            active=draw(st.booleans()),
            title=draw(st.sampled_from([None, "Loft", "Hut"])),
        )
        for moment in sorted(moments)
    ]


@st.composite
def views(draw: st.DrawFn) -> Row:
    """A view."""
    return view(
        at=f"{draw(days())} {draw(HOURS)}",
        user=draw(USERS),
        listing=draw(LISTINGS),
        wishlisted=draw(st.sampled_from([None, True, False])),
    )


@st.composite
def places(draw: st.DrawFn) -> Row:
    """Where a listing is, partly unknown."""
    state, city = draw(st.sampled_from([None, "NW", "BY"])), draw(st.sampled_from([None, "Bonn", "unknown"]))
    return place(listing=draw(LISTINGS), state=state, city=city)


@st.composite
def rates(draw: st.DrawFn) -> Row:
    """A rate into the reporting currency."""
    currency = draw(st.sampled_from(["EUR", "USD", "CHF"]))
    return rate(
        on=str(draw(days())), currency=currency, rate=draw(st.sampled_from(["0.91000000", "1.00500000", "0.00000001"]))
    )


def unique(rows: list[Row], key: Callable[[Row], Key]) -> tuple[Row, ...]:
    """The last row of each key."""
    return tuple({key(row): row for row in rows}.values())


@st.composite
def marketplaces(draw: st.DrawFn) -> Marketplace:
    """A state of the curated tables."""
    histories = {rows[0]["id"]: rows for rows in draw(st.lists(versions(), max_size=3))}
    gone = st.dictionaries(LISTINGS, days().map(str), max_size=2)
    return Marketplace(
        bookings=tuple(draw(st.lists(bookings(), max_size=6))),
        versions=tuple(row for rows in histories.values() for row in rows),
        views=tuple(draw(st.lists(views(), max_size=5))),
        places=unique(draw(st.lists(places(), max_size=4)), lambda row: int(row["id"])),
        rates=unique(draw(st.lists(rates(), max_size=4)), lambda row: (row["rate_date"], row["currency"])),
        deleted={listing: on for listing, on in draw(gone).items() if listing in histories},
    )


@st.composite
def changed(draw: st.DrawFn, before: Marketplace) -> Marketplace:
    """What a few deliveries may make of a marketplace: rows come, go and change in every table."""
    other = draw(marketplaces())
    kept = draw(st.lists(st.booleans(), min_size=len(before.bookings), max_size=len(before.bookings)))
    bookings_now = [row for row, keep in zip(before.bookings, kept, strict=True) if keep]
    tables: dict[str, Any] = {"bookings": (*bookings_now, *other.bookings[:2])}
    choices = draw(st.sets(st.sampled_from(["versions", "deleted", "views", "places", "rates", "nothing"])))
    if "versions" in choices:
        tables["versions"] = unique(
            [*before.versions, *other.versions], lambda row: (row["id"], row["effective_modified_at"])
        )
    if "deleted" in choices:
        known = {row["id"] for row in tables.get("versions", before.versions)}
        tables["deleted"] = {listing: on for listing, on in other.deleted.items() if listing in known}
    if "views" in choices:
        tables["views"] = (*before.views[1:], *other.views[:1])
    if "places" in choices:
        tables["places"] = unique([*before.places, *other.places], lambda row: int(row["id"]))
    if "rates" in choices:
        tables["rates"] = unique([*before.rates[1:], *other.rates], lambda row: (row["rate_date"], row["currency"]))
    return replace(before, **tables)
