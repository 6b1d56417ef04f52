"""What a commit says it changed is enough for metrics: old and new days of every row that came or went."""

import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.workshop import Row, Workshop


def stay(number: int, booked: str, begins: str, ends: str, **values: Any) -> dict[str, Any]:
    return {
        "booking_id": number,
        "booking_date": datetime.fromisoformat(booked),
        "checkin_date": date.fromisoformat(begins),
        "checkout_date": date.fromisoformat(ends),
        **values,
    }


MARCH = stay(1, "2024-03-05 23:59:59", "2024-03-10", "2024-03-12")
JUNE = stay(2, "2024-06-01", "2024-06-20", "2024-07-02")


@pytest.fixture
def two(shop: Workshop) -> Workshop:
    """A stay in March and one in June."""
    shop.deliver("bookings", MARCH, JUNE, kind="full")
    shop.merge()
    return shop


class TestBookings:
    """The hull of the days a booking matters to, before and after."""

    def test_a_first_build_changes_everything(self, two: Workshop) -> None:
        assert two.changes("bookings") == {"whole": []}

    def test_nothing_changed(self, two: Workshop) -> None:
        two.deliver(
            "bookings", MARCH, JUNE, stay(3, "2024-01-01", "2024-01-02", "2024-01-03", _error="rule"), kind="full"
        )
        two.merge()
        assert two.changes("bookings") == {}

    def test_a_new_booking(self, two: Workshop) -> None:
        two.deliver("bookings", stay(3, "2024-05-01", "2024-05-30", "2024-06-02"))
        two.merge()
        assert two.changes("bookings") == {
            "bookings.booking_day": ["2024-05-01", "2024-05-01"],
            "bookings.night": ["2024-05-30", "2024-06-02"],
            "bookings.checkin_day": ["2024-05-30", "2024-05-30"],
        }

    @pytest.mark.parametrize("at_once", [True, False])
    def test_a_moved_booking_counts_where_it_was_and_where_it_is(self, two: Workshop, at_once: bool) -> None:
        two.deliver("bookings", stay(1, "2024-03-07", "2024-09-01", "2024-09-03"))
        if at_once:
            two.deliver("bookings", stay(1, "2024-03-07", "2024-09-01", "2024-09-03"))
        two.merge()
        assert two.changes("bookings") == {
            "bookings.booking_day": ["2024-03-05", "2024-03-07"],
            "bookings.night": ["2024-03-10", "2024-09-03"],
            "bookings.checkin_day": ["2024-03-10", "2024-09-01"],
        }

    def test_a_deleted_booking(self, two: Workshop) -> None:
        two.deliver("bookings", MARCH, kind="full")
        two.merge()
        assert two.changes("bookings")["bookings.night"] == ["2024-06-20", "2024-07-02"]

    def test_a_revived_booking(self, two: Workshop) -> None:
        two.deliver("bookings", MARCH, kind="full")
        two.merge()
        two.deliver("bookings", MARCH, kind="full", unreadable=[(2,)])
        two.merge()
        assert two.changes("bookings")["bookings.night"] == ["2024-06-20", "2024-07-02"]

    def test_the_deleted_rows_say_the_same(self, two: Workshop) -> None:
        two.deliver("bookings", MARCH, kind="full")
        two.merge()
        assert two.changes("bookings") == two.changes("bookings_deleted")


class TestPlaces:
    """A listing that moved matters to every day; other attributes to none."""

    def after(self, shop: Workshop, *rows: Row) -> Mapping[str, Sequence[str]]:
        shop.deliver("apartment_attributes", {"id": 1}, {"id": 2, "cityname": None, "state": None}, kind="full")
        shop.merge()
        shop.deliver("apartment_attributes", *rows)
        shop.merge()
        return shop.changes("apartment_attributes")

    MOVED: Mapping[str, Sequence[str]] = {"apartment_attributes.place": []}

    def test_another_fee_moves_nobody(self, shop: Workshop) -> None:
        assert self.after(shop, {"id": 1, "fee": Decimal(5)}) == {}

    @pytest.mark.parametrize("moved", [{"cityname": "Dallas"}, {"state": "NM"}, {"cityname": None}])
    def test_another_place_moves(self, shop: Workshop, moved: Row) -> None:
        assert self.after(shop, {"id": 1, **moved}) == self.MOVED

    def test_a_place_where_there_was_none_moves(self, shop: Workshop) -> None:
        assert self.after(shop, {"id": 2}) == self.MOVED
        assert self.after(shop, {"id": 3}) == self.MOVED

    def test_a_new_listing_without_a_place_moves_nobody(self, shop: Workshop) -> None:
        """It was unknown and it stays so."""
        assert self.after(shop, {"id": 3, "cityname": None, "state": None}) == {}


def test_rates_count_from_their_day(shop: Workshop) -> None:
    shop.deliver("fx_rates", {"rate_date": date(2024, 1, 1), "currency": "EUR"}, kind="full")
    shop.merge()
    shop.deliver("fx_rates", {"rate_date": date(2024, 2, 1), "currency": "EUR"}, kind="full")
    shop.merge()
    assert shop.changes("fx_rates") == {"fx_rates.rate_day": ["2024-01-01", "2024-02-01"]}


State = tuple[str, int] | None


def states(shop: Workshop, days: Sequence[date]) -> dict[tuple[int, date], State]:
    """The price at which each listing is live on each day, None when it is not: SPEC's "listing state", day by day."""
    found: dict[tuple[int, date], State] = {}
    history = shop.rows("apartment_history", "id, effective_modified_at, currency, cast(price as integer), is_active")
    for key, created, deleted_on in shop.rows("apartments", "id, cast(listing_created_on as date), deleted_on"):
        versions = sorted(version[1:] for version in history if version[0] == key)
        for day in days:
            begun = [version for version in versions if version[0].date() <= day]
            _, currency, price, active = begun[-1] if begun else versions[0]
            live = day >= created and (active or not begun) and (deleted_on is None or day < deleted_on)
            found[key, day] = (currency, price) if live else None
    return found


START = datetime(2024, 1, 1)
DAYS = [START.date() + timedelta(days=number) for number in range(-3, 14)]
listing = st.fixed_dictionaries(
    {
        "id": st.integers(1, 2),
        "last_modified_timestamp": st.one_of(
            st.none(), st.integers(0, 200).map(lambda hours: START + timedelta(hours=hours))
        ),
        "listing_created_on": st.integers(-40, 40).map(lambda hours: START + timedelta(hours=hours)),
        "price": st.sampled_from([Decimal(10), Decimal(20)]),
        "is_active": st.booleans(),
        "title": st.sampled_from(["A", "B", None]),
    }
)
delivery = st.tuples(st.sampled_from(["full", "delta"]), st.lists(listing, max_size=3))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(delivery, min_size=1, max_size=2), st.lists(delivery, min_size=1, max_size=2))
def test_no_state_of_a_listing_changes_before_the_day_that_is_said(before: Any, after: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = Workshop(Path(folder))
        for number, (kind, rows) in enumerate([*before, ("", ()), *after]):
            if not kind:
                shop.merge()
                was = states(shop, DAYS)
                titles = dict(shop.rows("apartments", "id, title"))
                continue
            batch = shop.deliver("apartments", *rows, kind=kind, day=START.date() + timedelta(days=2 * number))
            shop.landing.decisions[batch] = "accept"
        shop.merge()
        now = states(shop, DAYS)
        moved = [day for key, day in now if was.get((key, day)) != now[key, day]]
        changes = shop.changes("apartments")
        said = changes.get("apartments.state_day", [date.max.isoformat()])
        assert min(moved, default=date.max) >= date.fromisoformat(said[0])
        assert ("apartments.title" in changes) == any(
            title != titles.get(key) for key, title in shop.rows("apartments", "id, title")
        )
