"""The twelve presentation tables of SPEC section 3: rows of each, as tuples in the order of its columns, in no order among them."""

from collections.abc import Callable, Hashable, Iterable
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from reference.arithmetic import DAY, days, month_end, month_of, ratio, week_end, week_of
from reference.facts import Booking, Facts
from reference.nights import (
    Rows,
    average_booking_duration_monthly,
    occupancy_rate_monthly,
    occupancy_rate_monthly_by_city,
    revenue_monthly,
)

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)


def grouped(items: Iterable[Item], by: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Items by key."""
    groups: dict[Key, list[Item]] = {}
    for item in items:
        groups.setdefault(by(item), []).append(item)
    return groups


def ranks(scores: dict[Key, Any]) -> dict[Key, int]:
    """Rank by score, highest first: one more than the number of better ones, so ties share a rank and the next is skipped."""
    return {key: 1 + sum(other > score for other in scores.values()) for key, score in scores.items()}


def average_listing_price_weekly(facts: Facts) -> Rows:
    """week_start, currency | listings_count, total_price, average_price, is_complete."""
    rows: Rows = []
    if not facts.listings:
        return rows
    monday = week_of(min(listing.exists_from for listing in facts.listings.values()))
    while monday <= facts.as_of:
        seen_on = min(week_end(monday), facts.as_of)
        prices: dict[str, list[Decimal]] = {}
        for listing in facts.listings.values():
            if listing.live(seen_on):
                version = listing.in_force(seen_on)
                money = facts.money(version.price, currency=version.currency, day=seen_on)
                if money is not None:
                    prices.setdefault(money[0], []).append(money[1])
        for currency, amounts in prices.items():
            total = sum(amounts, Decimal("0.00"))
            average = ratio(total, len(amounts), 2)
            rows.append((monday, currency, len(amounts), total, average, week_end(monday) <= facts.as_of))
        monday += DAY * 7
    return rows


def repeat_customer_rate_daily(facts: Facts) -> Rows:
    """as_of_date | customers_count, repeat_customers_count, repeat_customer_rate, is_complete."""
    confirmed = facts.confirmed
    if not confirmed:
        return []
    first = min(booking.day for booking in confirmed)
    rows: Rows = []
    for day in days(first, facts.as_of + DAY):
        window = [booking for booking in confirmed if day - DAY * 29 <= booking.day <= day]
        by_user = grouped(window, lambda booking: booking.user)
        repeat = sum(len(bookings) >= 2 for bookings in by_user.values())
        rows.append((day, len(by_user), repeat, ratio(repeat, len(by_user), 6), day >= first + DAY * 29))
    return rows


def popular_locations_weekly(facts: Facts) -> Rows:
    """week_start, state, city | bookings_count, nights_count, location_rank, is_complete."""
    rows: Rows = []
    for monday, bookings in grouped(facts.confirmed, lambda booking: week_of(booking.day)).items():
        places = grouped(bookings, lambda booking: facts.place(booking.listing))
        rank = ranks({place: len(there) for place, there in places.items()})
        for place, there in places.items():
            nights = sum(len(booking.nights) for booking in there)
            rows.append((monday, *place, len(there), nights, rank[place], week_end(monday) <= facts.as_of))
    return rows


def top_listings_weekly(facts: Facts) -> Rows:
    """week_start, currency, apartment_id | title, city, bookings_count, confirmed_revenue, listing_rank, is_complete."""
    weeks: dict[tuple[date, str], dict[int, list[Decimal]]] = {}
    for booking in facts.confirmed:
        money = facts.money(booking.total, currency=booking.currency, day=booking.day)
        if money is not None:
            week = weeks.setdefault((week_of(booking.day), money[0]), {})
            week.setdefault(booking.listing, []).append(money[1])
    rows: Rows = []
    for (monday, currency), listings in weeks.items():
        revenue = {listing: sum(amounts, Decimal("0.00")) for listing, amounts in listings.items()}
        rank = ranks(revenue)
        for listing, amounts in listings.items():
            if rank[listing] > facts.settings.top_n:
                continue
            known = facts.listings.get(listing)
            title = known.versions[-1].title if known else None
            city = facts.place(listing)[1]
            complete = week_end(monday) <= facts.as_of
            shown = (title, city, len(amounts), revenue[listing], rank[listing], complete)
            rows.append((monday, currency, listing, *shown))
    return rows


def bookings_per_user_weekly(facts: Facts) -> Rows:
    """week_start, user_id | bookings_count, confirmed_count, canceled_count, is_complete."""
    weeks = grouped(facts.bookings, lambda booking: (week_of(booking.day), booking.user))
    return [
        (*key, len(bookings), _confirmed(facts, bookings), _canceled(facts, bookings), week_end(key[0]) <= facts.as_of)
        for key, bookings in weeks.items()
    ]


def _confirmed(facts: Facts, bookings: list[Booking]) -> int:
    return sum(booking.status in facts.settings.confirmed_statuses for booking in bookings)


def _canceled(facts: Facts, bookings: list[Booking]) -> int:
    return sum(booking.status in facts.settings.canceled_statuses for booking in bookings)


def cancellation_rate_monthly(facts: Facts) -> Rows:
    """month_start | bookings_count, canceled_count, cancellation_rate, is_complete."""
    rows: Rows = []
    for month, bookings in grouped(facts.bookings, lambda booking: month_of(booking.day)).items():
        canceled = _canceled(facts, bookings)
        rate = ratio(canceled, len(bookings), 6)
        rows.append((month, len(bookings), canceled, rate, month_end(month) <= facts.as_of))
    return rows


def booking_lead_time_monthly(facts: Facts) -> Rows:
    """month_start | bookings_count, lead_days_count, average_lead_days, is_complete."""
    ahead = [booking for booking in facts.confirmed if booking.checkin >= booking.day]
    rows: Rows = []
    for month, bookings in grouped(ahead, lambda booking: month_of(booking.day)).items():
        lead = sum((booking.checkin - booking.day).days for booking in bookings)
        rows.append((month, len(bookings), lead, ratio(lead, len(bookings), 2), month_end(month) <= facts.as_of))
    return rows


def view_conversion_weekly(facts: Facts) -> Rows:
    """week_start | views_count, viewers_count, wishlisted_count, pairs_count, converted_pairs_count, conversion_rate, is_complete."""
    rows: Rows = []
    for monday, views in grouped(facts.views, lambda view: week_of(view.day)).items():
        pairs = grouped(views, lambda view: (view.user, view.listing))
        converted = 0
        for (user, listing), seen in pairs.items():
            first = min(view.day for view in seen)
            converted += any(
                booking.user == user and booking.listing == listing and first <= booking.day <= first + DAY * 29
                for booking in facts.confirmed
            )
        viewers = len({view.user for view in views})
        wishlisted = sum(view.wishlisted for view in views)
        counts = (len(views), viewers, wishlisted, len(pairs), converted)
        rows.append((monday, *counts, ratio(converted, len(pairs), 6), monday + DAY * 35 <= facts.as_of))
    return rows


METRICS: dict[str, Callable[[Facts], Rows]] = {
    "average_listing_price_weekly": average_listing_price_weekly,
    "occupancy_rate_monthly": occupancy_rate_monthly,
    "occupancy_rate_monthly_by_city": occupancy_rate_monthly_by_city,
    "repeat_customer_rate_daily": repeat_customer_rate_daily,
    "popular_locations_weekly": popular_locations_weekly,
    "top_listings_weekly": top_listings_weekly,
    "bookings_per_user_weekly": bookings_per_user_weekly,
    "average_booking_duration_monthly": average_booking_duration_monthly,
    "revenue_monthly": revenue_monthly,
    "cancellation_rate_monthly": cancellation_rate_monthly,
    "booking_lead_time_monthly": booking_lead_time_monthly,
    "view_conversion_weekly": view_conversion_weekly,
}


def presentation(facts: Facts) -> dict[str, Rows]:
    """Every presentation table; those whose source tables were never delivered are empty."""
    tables: dict[str, Rows] = {}
    for name, metric in METRICS.items():
        needs = set() if name == "average_listing_price_weekly" else {"bookings"}
        if name == "view_conversion_weekly":
            needs.add("user_viewing")
        tables[name] = metric(facts) if needs <= facts.delivered else []
    return tables
