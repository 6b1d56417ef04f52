"""Which version of a key is in force, and where every landed row ends."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from jobs.workshop import Workshop


def stay(number: int, price: int = 200, **values: Any) -> dict[str, Any]:
    return {"booking_id": number, "total_price": Decimal(price), **values}


def in_force(shop: Workshop) -> list[tuple[int, int, int]]:
    """Key, price and batch of every booking."""
    return shop.rows("bookings", "booking_id, cast(total_price as integer), _batch_id")


class TestOneBatch:
    """Inside one file the later row wins."""

    def test_every_valid_row_is_in_force(self, shop: Workshop) -> None:
        first = shop.deliver("bookings", stay(1), stay(2), kind="full")
        shop.merge()
        assert in_force(shop) == [(1, 200, 1), (2, 200, 1)]
        assert shop.fates(first) == {"current": 2}

    def test_ids_beyond_32_bits_stay_apart(self, shop: Workshop) -> None:
        shop.deliver("bookings", stay(2**40), stay(2**40 + 2**32), kind="full")
        shop.merge()
        assert [key for key, _, _ in in_force(shop)] == [2**40, 2**40 + 2**32]

    @pytest.mark.parametrize("key", [-(2**63), -32, -1, 0, 31, 32, 2**63 - 1])
    def test_a_repeated_id_is_seen_whatever_number_it_is(self, shop: Workshop, key: int) -> None:
        """Ids are looked at 32 at a time."""
        shop.deliver("bookings", stay(7), stay(key, 100), stay(key, 300), kind="full")
        shop.merge()
        assert in_force(shop) == sorted([(7, 200, 1), (key, 300, 1)])

    def test_ids_of_both_signs_stay_apart(self, shop: Workshop) -> None:
        """-5 and 27 are looked at together, in the same place."""
        batch = shop.deliver("bookings", *(stay(key) for key in range(-70, 70)), kind="full")
        shop.merge()
        assert [key for key, _, _ in in_force(shop)] == list(range(-70, 70))
        assert shop.fates(batch) == {"current": 140}

    @pytest.mark.parametrize("parts", [1, 2, 3])
    def test_the_later_row_of_a_key_wins(self, shop: Workshop, parts: int) -> None:
        """Also over the batch's parts, which are in delivery order."""
        batch = shop.deliver("bookings", stay(1, 100), stay(2, 150), stay(1, 300), stay(1, 250), parts=parts)
        shop.merge()
        assert in_force(shop) == [(1, 250, 1), (2, 150, 1)]
        assert shop.fates(batch) == {"current": 2, "repeated": 2}
        repeated = [(rule.rule, rule.severity, rule.rows, rule.batch_id) for rule in shop.rules() if rule.batch_id]
        assert repeated == [("repeated_key", "warn", 2, batch)]

    def test_a_refused_row_does_not_win(self, shop: Workshop) -> None:
        batch = shop.deliver("bookings", stay(1, 100), stay(1, -5, _error="negative_total_price"))
        shop.merge()
        assert in_force(shop) == [(1, 100, 1)]
        assert shop.fates(batch) == {"current": 1, "refused": 1}

    def test_a_key_of_refused_rows_alone_is_not_there(self, shop: Workshop) -> None:
        batch = shop.deliver(
            "bookings", stay(1, -5, _error="negative_total_price"), kind="full", unreadable=[(2,), None]
        )
        shop.merge()
        assert in_force(shop) == []
        assert shop.fates(batch) == {"refused": 1}
        assert shop.books()[batch].unreadable == 2

    @pytest.mark.parametrize("kind", ["full", "delta"])
    def test_a_batch_without_rows_makes_an_empty_table(self, shop: Workshop, kind: Any) -> None:
        batch = shop.deliver("bookings", kind=kind)
        shop.merge()
        assert in_force(shop) == []
        assert shop.fates(batch) == {}
        assert shop.curated.current("bookings") is not None

    def test_a_table_that_was_never_delivered_is_not_made(self, shop: Workshop) -> None:
        shop.deliver("bookings", stay(1))
        shop.merge()
        assert sorted(shop.curated.snapshots) == ["bookings", "bookings_deleted"]


class TestDeltas:
    """A delta upserts."""

    @pytest.mark.parametrize("at_once", [True, False])
    def test_the_latest_batch_wins(self, shop: Workshop, at_once: bool) -> None:
        first = shop.deliver("bookings", stay(1, 100), stay(2, 100))
        if not at_once:
            shop.merge()
        second = shop.deliver("bookings", stay(2, 222), stay(3, 333))
        shop.merge()
        assert in_force(shop) == [(1, 100, first), (2, 222, second), (3, 333, second)]
        assert shop.fates(first) == {"current": 1, "replaced": 1}
        assert shop.fates(second) == {"current": 2}

    @pytest.mark.parametrize("at_once", [True, False])
    def test_an_equal_row_is_a_repeat_and_the_older_batch_keeps_the_key(self, shop: Workshop, at_once: bool) -> None:
        first = shop.deliver("bookings", stay(1, 100))
        if not at_once:
            shop.merge()
        second = shop.deliver("bookings", stay(1, 100))
        shop.merge()
        assert in_force(shop) == [(1, 100, first)]
        assert shop.fates(second) == {"repeated": 1}

    @pytest.mark.parametrize("cut", [0, 1, 2, 3])
    def test_a_row_that_comes_back_to_an_earlier_content_has_changed_twice(self, shop: Workshop, cut: int) -> None:
        for number, price in enumerate((100, 200, 100), start=1):
            shop.deliver("bookings", stay(1, price))
            if number == cut:
                shop.merge()
        shop.merge()
        assert in_force(shop) == [(1, 100, 3)]
        assert [shop.fates(batch) for batch in (1, 2, 3)] == [{"replaced": 1}, {"replaced": 1}, {"current": 1}]

    def test_null_and_value_differ_and_null_equals_null(self, shop: Workshop) -> None:
        shop.deliver("bookings", stay(1, num_guests=None), stay(2, num_guests=None), stay(3, num_guests=2))
        shop.merge()
        last = shop.deliver("bookings", stay(1, num_guests=None), stay(2, num_guests=2), stay(3, num_guests=None))
        shop.merge()
        assert shop.rows("bookings", "booking_id, num_guests, _batch_id") == [
            (1, None, 1),
            (2, 2, last),
            (3, None, last),
        ]
        assert shop.fates(last) == {"repeated": 1, "current": 2}

    @pytest.mark.parametrize("at_once", [True, False])
    def test_a_refused_row_leaves_the_last_valid_version_in_force(self, shop: Workshop, at_once: bool) -> None:
        first = shop.deliver("bookings", stay(1, 100))
        if not at_once:
            shop.merge()
        second = shop.deliver("bookings", stay(1, -1, _error="negative_total_price"), unreadable=[(1,)])
        shop.merge()
        assert in_force(shop) == [(1, 100, first)]
        assert shop.fates(second) == {"refused": 1}

    def test_a_rerun_merges_nothing(self, shop: Workshop) -> None:
        shop.deliver("bookings", stay(1))
        shop.merge()
        snapshot = shop.curated.current("bookings")
        assert shop.merge().merged == ()
        assert shop.curated.current("bookings") == snapshot

    def test_a_key_may_move_to_another_month(self, shop: Workshop) -> None:
        shop.deliver(
            "bookings", stay(1, booking_date=datetime(2024, 1, 31, 23)), stay(2, booking_date=datetime(2024, 1, 5))
        )
        shop.merge()
        shop.deliver("bookings", stay(1, booking_date=datetime(2024, 2, 1, 1)))
        shop.merge()
        assert shop.rows("bookings", "booking_id, month(booking_date)") == [(1, 2), (2, 1)]


class TestOnlyTouchedMonths:
    """A month without a changed row keeps its file."""

    def files(self, shop: Workshop) -> dict[str, str]:
        snapshot = shop.curated.current("bookings")
        assert snapshot is not None
        return {month: path for path, month in snapshot.files}

    @pytest.mark.parametrize("kind", ["full", "delta"])
    def test_the_others_stay(self, shop: Workshop, kind: Any) -> None:
        months = {number: stay(number, booking_date=datetime(2024, number, 1)) for number in (1, 2, 3)}
        shop.deliver("bookings", *months.values(), kind="full")
        shop.merge()
        before = self.files(shop)
        changed = {**months[2], "total_price": Decimal(7)}
        rows = [months[1], changed, months[3]] if kind == "full" else [changed]
        shop.deliver("bookings", *rows, kind=kind)
        assert shop.merge().rows_written["bookings"] == 1
        after = self.files(shop)
        assert (before["2024-01"], before["2024-03"]) == (after["2024-01"], after["2024-03"])
        assert before["2024-02"] != after["2024-02"]
        assert in_force(shop) == [(1, 200, 1), (2, 7, 2), (3, 200, 1)]

    def test_a_month_whose_rows_are_gone_has_no_file(self, shop: Workshop) -> None:
        january, february = stay(1, booking_date=datetime(2024, 1, 1)), stay(2, booking_date=datetime(2024, 2, 1))
        shop.deliver("bookings", january, february, kind="full")
        shop.merge()
        shop.deliver("bookings", january, kind="full")
        shop.merge()
        assert list(self.files(shop)) == ["2024-01"]

    def test_many_batches_at_once_rewrite_no_other_month(self, shop: Workshop) -> None:
        """After some full batches the state is kept in memory, with the rows of every month."""
        months = [stay(number, booking_date=datetime(2024, number, 1)) for number in (1, 2, 3)]
        shop.deliver("bookings", *months, kind="full")
        shop.merge()
        before = self.files(shop)
        for price in range(20):
            shop.deliver("bookings", months[0], {**months[1], "total_price": Decimal(price)}, months[2], kind="full")
        shop.merge()
        assert in_force(shop) == [(1, 200, 1), (2, 19, 21), (3, 200, 1)]
        assert before["2024-03"] == self.files(shop)["2024-03"]


class TestFullBatches:
    """A full batch states the whole table."""

    @pytest.mark.parametrize("at_once", [True, False])
    def test_a_key_it_does_not_name_is_deleted(self, shop: Workshop, at_once: bool) -> None:
        first = shop.deliver("bookings", stay(1, 100), stay(2, 100), stay(3, 100), kind="full")
        if not at_once:
            shop.merge()
        second = shop.deliver("bookings", stay(1, 100), stay(3, 333), stay(4, 444), kind="full")
        shop.merge()
        assert in_force(shop) == [(1, 100, first), (3, 333, second), (4, 444, second)]
        assert shop.fates(first) == {"current": 1, "replaced": 1, "deleted": 1}
        assert shop.fates(second) == {"current": 2, "repeated": 1}
        assert shop.rows("bookings_deleted", "booking_id, _batch_id") == [(2, first)]

    def test_a_key_in_an_invalid_row_is_present(self, shop: Workshop) -> None:
        first = shop.deliver("bookings", stay(1), stay(2), stay(3), kind="full")
        shop.merge()
        shop.deliver("bookings", stay(1, -1, _error="negative_total_price"), kind="full", unreadable=[(2,), None])
        shop.merge()
        assert in_force(shop) == [(1, 200, first), (2, 200, first)]
        assert shop.fates(first) == {"current": 2, "deleted": 1}

    def test_after_deltas_it_deletes_what_they_brought(self, shop: Workshop) -> None:
        shop.deliver("bookings", stay(1))
        shop.deliver("bookings", stay(2))
        shop.merge()
        last = shop.deliver("bookings", stay(2, 222), kind="full")
        shop.deliver("bookings", stay(3, 333))
        shop.merge()
        assert in_force(shop) == [(2, 222, last), (3, 333, 4)]
        assert [shop.fates(batch) for batch in (1, 2, 3, 4)] == [
            {"deleted": 1},
            {"replaced": 1},
            {"current": 1},
            {"current": 1},
        ]

    def test_rates_have_a_key_of_two_columns(self, shop: Workshop) -> None:
        january, february = date(2024, 1, 1), date(2024, 2, 1)
        shop.deliver(
            "fx_rates",
            {"rate_date": january, "currency": "EUR"},
            {"rate_date": january, "currency": "GBP"},
            {"rate_date": february, "currency": "EUR"},
            kind="full",
        )
        shop.merge()
        shop.deliver(
            "fx_rates",
            {"rate_date": january, "currency": "EUR", "rate": Decimal("1.2")},
            {"rate_date": february, "currency": "GBP"},
            kind="full",
        )
        shop.merge()
        assert shop.rows("fx_rates", "rate_date, currency, _batch_id") == [(january, "EUR", 2), (february, "GBP", 2)]
        assert shop.fates(1) == {"replaced": 1, "deleted": 2}


class TestBackFromTheDead:
    """A deleted key can be delivered again."""

    @pytest.fixture
    def deleted(self, shop: Workshop) -> Workshop:
        """Booking 2 of batch 1 was deleted by batch 2."""
        shop.deliver("bookings", stay(1), stay(2, 222), kind="full")
        shop.deliver("bookings", stay(1), kind="full")
        shop.merge()
        return shop

    @pytest.mark.parametrize("kind", ["full", "delta"])
    def test_in_a_valid_row_it_is_new(self, deleted: Workshop, kind: Any) -> None:
        """The deleted row stays counted as deleted, also when the new one says the same."""
        deleted.deliver("bookings", stay(1), stay(2, 222), kind=kind)
        deleted.merge()
        assert in_force(deleted) == [(1, 200, 1), (2, 222, 3)]
        assert deleted.fates(1) == {"current": 1, "deleted": 1}
        assert deleted.rows("bookings_deleted", "booking_id") == []

    @pytest.mark.parametrize("kind", ["full", "delta"])
    @pytest.mark.parametrize("unreadable", [True, False])
    def test_in_an_invalid_row_its_last_version_is_in_force_again(
        self, deleted: Workshop, kind: Any, unreadable: bool
    ) -> None:
        rows = [stay(1)] if unreadable else [stay(1), stay(2, -1, _error="negative_total_price")]
        deleted.deliver("bookings", *rows, kind=kind, unreadable=[(2,)] if unreadable else [])
        deleted.merge()
        assert in_force(deleted) == [(1, 200, 1), (2, 222, 1)]
        assert deleted.fates(1) == {"current": 2}
        assert deleted.rows("bookings_deleted", "booking_id") == []

    def test_revived_and_replaced_in_one_series(self, deleted: Workshop) -> None:
        deleted.deliver("bookings", unreadable=[(2,)])
        deleted.deliver("bookings", stay(2, 333))
        deleted.merge()
        assert in_force(deleted) == [(1, 200, 1), (2, 333, 4)]
        assert deleted.fates(1) == {"current": 1, "replaced": 1}

    def test_revived_and_repeated_in_one_series(self, deleted: Workshop) -> None:
        deleted.deliver("bookings", unreadable=[(2,)])
        deleted.deliver("bookings", stay(2, 222))
        deleted.merge()
        assert in_force(deleted) == [(1, 200, 1), (2, 222, 1)]
        assert deleted.fates(4) == {"repeated": 1}

    def test_valid_before_invalid_in_one_series_is_not_revived(self, deleted: Workshop) -> None:
        deleted.deliver("bookings", stay(2, 333))
        deleted.deliver("bookings", unreadable=[(2,)])
        deleted.merge()
        assert in_force(deleted) == [(1, 200, 1), (2, 333, 3)]
        assert deleted.fates(1) == {"current": 1, "deleted": 1}

    def test_revived_deleted_and_new(self, deleted: Workshop) -> None:
        deleted.deliver("bookings", unreadable=[(2,)])
        deleted.deliver("bookings", stay(1), kind="full")
        deleted.deliver("bookings", stay(2, 222))
        deleted.merge()
        assert in_force(deleted) == [(1, 200, 1), (2, 222, 5)]
        assert deleted.fates(1) == {"current": 1, "deleted": 1}

    def test_a_table_of_which_all_was_deleted_remembers(self, shop: Workshop) -> None:
        shop.deliver("bookings", stay(1, 111), kind="full")
        shop.deliver("bookings", kind="full", unreadable=[None])
        shop.merge()
        assert in_force(shop) == []
        shop.deliver("bookings", kind="full", unreadable=[(1,)])
        shop.merge()
        assert in_force(shop) == [(1, 111, 1)]


class TestAttributes:
    """Attributes are never forgotten."""

    @pytest.mark.parametrize("at_once", [True, False])
    def test_a_full_batch_without_a_listing_keeps_its_attributes(self, shop: Workshop, at_once: bool) -> None:
        shop.deliver("apartment_attributes", {"id": 1}, {"id": 2}, kind="full")
        if not at_once:
            shop.merge()
        shop.deliver("apartment_attributes", {"id": 2, "cityname": "Dallas"}, kind="full")
        shop.merge()
        assert shop.rows("apartment_attributes", "id, cityname, _batch_id") == [(1, "Austin", 1), (2, "Dallas", 2)]
        assert [shop.fates(1), shop.fates(2)] == [{"current": 1, "replaced": 1}, {"current": 1}]
        assert sorted(shop.curated.snapshots) == ["apartment_attributes"]
