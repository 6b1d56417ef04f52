"""Metrics of nights: occupancy, and the revenue spread over them, night by night."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from reference.arithmetic import days, month_end, month_of, months, next_month, ratio, round_half_away
from reference.facts import Booking, Facts

Night = tuple[int, date]
Rows = list[tuple[Any, ...]]


def booked_nights(facts: Facts) -> set[Night]:
    """Distinct (listing, night) covered by confirmed stays."""
    return {(booking.listing, night) for booking in facts.confirmed for night in booking.nights}


def live_nights(facts: Facts, *, until: date) -> set[Night]:
    """Distinct (listing, day) that are live, up to and including `until`; without that bound there is no end of them."""
    return {
        (number, day)
        for number, listing in facts.listings.items()
        for day in days(listing.exists_from, next_month(until))
        if day <= until and listing.live(day)
    }


def range_of_months(facts: Facts) -> list[date]:
    """From the first month with an available night to the later of as_of's month and the last booked night's."""
    booked = booked_nights(facts)
    end = month_end(max([facts.as_of, *(night for _, night in booked)]))
    available = booked | live_nights(facts, until=end)
    return months(min(night for _, night in available), end) if available else []


def in_month(nights: Iterable[Night], month: date) -> set[Night]:
    """The nights of one month."""
    return {(listing, night) for listing, night in nights if month_of(night) == month}


def available_nights(facts: Facts) -> set[Night]:
    """Nights live or booked, in the range of months."""
    span = range_of_months(facts)
    return booked_nights(facts) | live_nights(facts, until=month_end(span[-1])) if span else set()


def occupancy_rate_monthly(facts: Facts) -> Rows:
    """month_start | available_nights, booked_nights, occupancy_rate, is_complete."""
    available, booked = available_nights(facts), booked_nights(facts)
    return [
        (month, *_occupancy(in_month(available, month), in_month(booked, month)), month_end(month) <= facts.as_of)
        for month in range_of_months(facts)
    ]


def occupancy_rate_monthly_by_city(facts: Facts) -> Rows:
    """month_start, state, city | the same."""
    available, booked = available_nights(facts), booked_nights(facts)
    rows: Rows = []
    for month in range_of_months(facts):
        nights, sold = in_month(available, month), in_month(booked, month)
        for place in {facts.place(listing) for listing, _ in nights}:
            here = {night for night in nights if facts.place(night[0]) == place}
            counts = _occupancy(here, sold & here)
            rows.append((month, *place, *counts, month_end(month) <= facts.as_of))
    return rows


def _occupancy(available: set[Night], booked: set[Night]) -> tuple[int, int, Decimal | None]:
    return len(available), len(booked), ratio(len(booked), len(available), 6)


def spread(total: Decimal, stay: list[date]) -> list[tuple[date, Decimal]]:
    """Each night's share of a stay's price: what the first k nights carry less what the first k - 1 carry."""
    carried = [round_half_away(Fraction(total) * k / len(stay), 2) for k in range(len(stay) + 1)]
    return [(night, carried[number + 1] - carried[number]) for number, night in enumerate(stay)]


def revenue_monthly(facts: Facts) -> Rows:
    """month_start, currency | nights_sold, room_revenue, adr, available_nights, revpar, is_complete."""
    sold: dict[tuple[date, str], list[Decimal]] = {}
    for booking in facts.confirmed:
        amount = facts.money(booking.total, currency=booking.currency, day=booking.day)
        if amount is None:
            continue
        for night, share in spread(amount[1], booking.nights):
            sold.setdefault((month_of(night), amount[0]), []).append(share)
    available = _available_by_currency(facts)
    rows: Rows = []
    for month, currency in sold.keys() | available.keys():
        shares, nights = sold.get((month, currency), []), len(available.get((month, currency), set()))
        revenue = sum(shares, Decimal("0.00"))
        adr, revpar = ratio(revenue, len(shares), 2), ratio(revenue, nights, 2)
        rows.append((month, currency, len(shares), revenue, adr, nights, revpar, month_end(month) <= facts.as_of))
    return rows


def _available_by_currency(facts: Facts) -> dict[tuple[date, str], set[Night]]:
    booked_in: dict[Night, set[str]] = {}
    for booking in facts.confirmed:
        for night in booking.nights:
            booked_in.setdefault((booking.listing, night), set()).add(booking.currency)
    found: dict[tuple[date, str], set[Night]] = {}
    for listing, night in available_nights(facts):
        if facts.converts:
            currencies = {facts.settings.reporting_currency}
        else:
            currencies = booked_in.get((listing, night)) or {facts.listings[listing].in_force(night).currency}
        for currency in currencies:
            found.setdefault((month_of(night), currency), set()).add((listing, night))
    return found


def average_booking_duration_monthly(facts: Facts) -> Rows:
    """month_start | stays_count, nights_count, average_nights, is_complete: by check-in."""
    stays: dict[date, list[Booking]] = {}
    for booking in facts.confirmed:
        stays.setdefault(month_of(booking.checkin), []).append(booking)
    rows: Rows = []
    for month, bookings in stays.items():
        nights = sum(len(booking.nights) for booking in bookings)
        average = ratio(nights, len(bookings), 2)
        rows.append((month, len(bookings), nights, average, month_end(month) <= facts.as_of))
    return rows
