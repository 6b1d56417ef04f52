"""The charts of the page, in order: what each asks, the tables it reads, which filters act on it, and its Vega-Lite specification."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from rental_etl.report import marks


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart. `about` is what a reader has to know besides the title; its rows come from the function of the same name in `page/series.js`.

    `tables` are the presentation tables it needs; `wide` says that it takes the whole width, `city` and `currency` that these filters act on it, `chooser`
    that it shows one week at a time.
    """

    id: str
    title: str
    about: str
    tables: tuple[str, ...]
    spec: Mapping[str, Any]
    wide: bool = False
    city: bool = False
    currency: bool = False
    chooser: bool = False

    def document(self) -> dict[str, Any]:
        """What the page's code needs to know."""
        return {
            "title": self.title,
            "tables": self.tables,
            "spec": self.spec,
            "city": self.city,
            "currency": self.currency,
            "chooser": self.chooser,
        }


@cache
def sections() -> tuple[tuple[Section, tuple[Figure, ...]], ...]:
    """The page's sections and their charts, in order."""
    return (
        (Section("revenue-and-occupancy", "Occupancy and revenue"), _occupancy_and_revenue()),
        (Section("places-and-listings", "Places and listings"), _places_and_listings()),
        (Section("guests", "Bookings and guests"), _guests()),
        (Section("demand", "From viewing to booking"), _demand()),
        (Section("data", "Data quality and runs"), _data()),
    )


def figures() -> Iterator[Figure]:
    """Every chart, in order."""
    for _, members in sections():
        yield from members


def _occupancy_and_revenue() -> tuple[Figure, ...]:
    return (
        Figure(
            "occupancy",
            "Occupancy by month",
            "Booked of available nights. Months after the as-of date show what is on the books.",
            ("occupancy_rate_monthly", "occupancy_rate_monthly_by_city"),
            marks.trend("occupancy", axis_format=".0%"),
            city=True,
        ),
        Figure(
            "revenue",
            "Room revenue by month",
            "Each stay's price, spread over its nights.",
            ("revenue_monthly",),
            marks.bars_with_earlier("room revenue"),
            currency=True,
        ),
        Figure(
            "yield",
            "ADR and RevPAR by month",
            "ADR is revenue per night sold, RevPAR revenue per available night.",
            ("revenue_monthly",),
            marks.trend("per night", axis_format="~s"),
            currency=True,
        ),
        Figure(
            "price",
            "Average listing price by week",
            "What a live listing asks at the week's end; one chart per currency, as currencies are never added.",
            ("average_listing_price_weekly",),
            marks.trend("price", axis_format="~r", height=110, from_zero=False),
        ),
        Figure(
            "heat",
            "Occupancy by month and city",
            "The cities with the most available nights in the period.",
            ("occupancy_rate_monthly_by_city",),
            marks.heat("occupancy"),
            wide=True,
            city=True,
        ),
    )


def _places_and_listings() -> tuple[Figure, ...]:
    return (
        Figure(
            "locations",
            "Popular locations",
            "Confirmed bookings by the week they were made in.",
            ("popular_locations_weekly",),
            marks.ranking("confirmed bookings"),
            city=True,
            chooser=True,
        ),
        Figure(
            "listings",
            "Top listings of a week",
            "By confirmed revenue. The table holds each week's best only, so weeks are not added.",
            ("top_listings_weekly",),
            marks.ranking("confirmed revenue"),
            city=True,
            currency=True,
            chooser=True,
        ),
    )


def _guests() -> tuple[Figure, ...]:
    return (
        Figure(
            "bookings",
            "Bookings by week",
            "Bookings of any status, by the week they were made in.",
            ("bookings_per_user_weekly",),
            marks.stacked_periods("bookings"),
            wide=True,
        ),
        Figure(
            "cancellation",
            "Cancellation rate by month",
            "Canceled of all bookings, by the month they were made in.",
            ("cancellation_rate_monthly",),
            marks.trend("canceled", axis_format=".0%"),
        ),
        Figure(
            "repeat",
            "Repeat customers by day",
            "Customers of the 30 days up to each day who booked at least twice in them. Windows share people, so days are not added.",
            ("repeat_customer_rate_daily",),
            marks.trend("repeat customers", axis_format=".0%"),
        ),
        Figure(
            "duration",
            "Length of stay by month",
            "Nights per confirmed stay, by the month of arrival.",
            ("average_booking_duration_monthly",),
            marks.trend("nights", axis_format="~r"),
        ),
        Figure(
            "lead_time",
            "Lead time by month",
            "Days from booking to arrival, by the month of booking.",
            ("booking_lead_time_monthly",),
            marks.trend("days", axis_format="~r"),
        ),
    )


def _demand() -> tuple[Figure, ...]:
    return (
        Figure(
            "funnel",
            "Viewing-to-booking funnel of a week",
            "Pairs of one person and one listing; weeks share pairs, so they are not added.",
            ("view_conversion_weekly",),
            marks.ranking("", steps=True),
            chooser=True,
        ),
        Figure(
            "conversion",
            "Conversion by week of viewing",
            "Pairs that became a confirmed booking within 30 days. A week is complete five weeks after it began.",
            ("view_conversion_weekly",),
            marks.trend("converted", axis_format=".1%"),
        ),
    )


def _data() -> tuple[Figure, ...]:
    return (
        Figure(
            "quality",
            "Rows in quarantine by rule",
            "By the day of the delivery. A row that breaks two rules counts in both.",
            (),
            marks.stacked_days("rows"),
        ),
        Figure(
            "history",
            "Runs",
            "Seconds of work, by the as-of date of the run. Runs that found nothing new leave this page as it is.",
            (),
            marks.runs("seconds"),
        ),
    )
