"""What the metrics are computed from: the current tables as typed facts, listings day by day, and money in its currency."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from reference.arithmetic import days, round_half_away
from reference.deliveries import Metrics
from reference.marketplace import State

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a listing, in force from `since`."""

    since: date
    created: date
    title: str | None
    price: Decimal
    currency: str
    active: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """A known listing: its versions, oldest first, and the day it was deleted at the source, if it is."""

    versions: tuple[Version, ...]
    deleted: date | None

    @property
    def exists_from(self) -> date:
        """The day of creation that its last version states."""
        return self.versions[-1].created

    def in_force(self, day: date) -> Version:
        """The last version whose date is not after `day`; the first one before them all."""
        begun = [version for version in self.versions if version.since <= day]
        return begun[-1] if begun else self.versions[0]

    def live(self, day: date) -> bool:
        """Whether it exists and is active on that day."""
        if day < self.exists_from or (self.deleted is not None and day >= self.deleted):
            return False
        return day < self.versions[0].since or self.in_force(day).active


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking in force."""

    booking_id: int
    user: int
    listing: int
    day: date
    checkin: date
    checkout: date
    total: Decimal
    currency: str
    status: str

    @property
    def nights(self) -> list[date]:
        """The nights of the stay."""
        return days(self.checkin, self.checkout)


@dataclass(frozen=True, slots=True)
class View:
    """A view in force."""

    user: int
    listing: int
    day: date
    wishlisted: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a metric may look at."""

    settings: Metrics
    as_of: date
    delivered: frozenset[str]
    listings: Mapping[int, Listing]
    places: Mapping[int, tuple[str, str]]
    bookings: tuple[Booking, ...]
    views: tuple[View, ...]
    rates: Mapping[tuple[date, str], Decimal]

    @property
    def confirmed(self) -> list[Booking]:
        """Bookings with a confirmed status."""
        return [booking for booking in self.bookings if booking.status in self.settings.confirmed_statuses]

    @property
    def converts(self) -> bool:
        """Whether money is reported in one currency."""
        return bool(self.settings.reporting_currency) and "fx_rates" in self.delivered

    def place(self, listing: int) -> tuple[str, str]:
        """State and city of a listing, known or not."""
        return self.places.get(listing, (UNKNOWN, UNKNOWN))

    def money(self, amount: Decimal, *, currency: str, day: date) -> tuple[str, Decimal] | None:
        """The currency an amount is reported in, and the amount there; None when there is no rate for it."""
        if not self.converts:
            return currency, amount
        target = self.settings.reporting_currency
        if currency == target:
            return target, amount
        known = [rate_day for rate_day, rate_currency in self.rates if rate_currency == currency and rate_day <= day]
        if not known:
            return None
        return target, round_half_away(Fraction(amount) * Fraction(self.rates[max(known), currency]), 2)


def facts_of(state: State, *, settings: Metrics, as_of: date) -> Facts:
    """The facts in a state of the current tables."""
    return Facts(
        settings=settings,
        as_of=as_of,
        delivered=frozenset(state.delivered),
        listings={
            listing: Listing(
                versions=tuple(_version(since.date(), versions[since].values) for since in sorted(versions)),
                deleted=state.deleted.get(listing),
            )
            for listing, versions in state.versions.items()
        },
        places={
            held.values["id"]: (held.values["state"] or UNKNOWN, held.values["cityname"] or UNKNOWN)
            for held in state.rows("apartment_attributes")
        },
        bookings=tuple(_booking(held.values) for held in state.rows("bookings")),
        views=tuple(_view(held.values) for held in state.rows("user_viewing")),
        rates={
            (held.values["rate_date"], held.values["currency"]): held.values["rate"] for held in state.rows("fx_rates")
        },
    )


def _version(since: date, values: Mapping[str, Any]) -> Version:
    return Version(
        since=since,
        created=values["listing_created_on"].date(),
        title=values["title"],
        price=values["price"],
        currency=values["currency"],
        active=values["is_active"],
    )


def _booking(values: Mapping[str, Any]) -> Booking:
    return Booking(
        booking_id=values["booking_id"],
        user=values["user_id"],
        listing=values["apartment_id"],
        day=values["booking_date"].date(),
        checkin=values["checkin_date"],
        checkout=values["checkout_date"],
        total=values["total_price"],
        currency=values["currency"],
        status=values["booking_status"],
    )


def _view(values: Mapping[str, Any]) -> View:
    return View(
        user=values["user_id"],
        listing=values["apartment_id"],
        day=values["viewed_at"].date(),
        wishlisted=bool(values["is_wishlisted"]),
    )
