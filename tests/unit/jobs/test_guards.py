"""Batches too odd to be merged without a person's word are refused before anything is committed."""

from typing import Any

import pytest

from jobs.workshop import Workshop
from rental_etl.errors import BatchRefusedError
from rental_etl.jobs.guards import Limits

USUAL = Limits()
STRICT = Limits(max_quarantined_ratio=0.2)


def stays(*numbers: int) -> list[dict[str, Any]]:
    return [{"booking_id": number} for number in numbers]


def refused(shop: Workshop, limits: Limits = USUAL, *, full_refresh: bool = False) -> BatchRefusedError:
    with pytest.raises(BatchRefusedError) as caught:
        shop.merge(limits=limits, full_refresh=full_refresh)
    return caught.value


@pytest.fixture
def ten(shop: Workshop) -> Workshop:
    """Ten bookings and two views are merged."""
    shop.deliver("bookings", *stays(*range(10)), kind="full")
    shop.deliver("user_viewing", {"user_id": 1}, {"user_id": 2}, kind="full")
    shop.merge(limits=USUAL)
    return shop


class TestEmptyFullBatch:
    """A full batch that is empty for a table that had rows."""

    @pytest.mark.parametrize("table", ["bookings", "user_viewing"])
    def test_is_refused_and_nothing_is_committed(self, ten: Workshop, table: str) -> None:
        before = {name: len(found) for name, found in ten.curated.snapshots.items()}
        batch = ten.deliver(table, kind="full")
        ten.deliver("fx_rates", {"rate_date": None, "_error": "rule"})
        error = refused(ten)
        assert set(error.refused) == {batch}
        assert "it is empty, but the table had" in error.refused[batch]
        assert f"rental-etl batch accept {batch}" in error.remedy
        assert error.exit_code == 1
        assert before == {name: len(found) for name, found in ten.curated.snapshots.items()}

    def test_is_refused_in_the_run_that_first_filled_the_table_too(self, shop: Workshop) -> None:
        shop.deliver("apartment_attributes", {"id": 1}, kind="full")
        batch = shop.deliver("apartment_attributes", kind="full")
        assert set(refused(shop).refused) == {batch}

    def test_is_fine_for_a_table_without_rows(self, shop: Workshop) -> None:
        shop.deliver("bookings", kind="full")
        shop.merge(limits=USUAL)
        shop.deliver("bookings", kind="full", name="again")
        assert shop.merge(limits=USUAL).merged == (2,)

    def test_an_empty_delta_is_fine(self, ten: Workshop) -> None:
        ten.deliver("bookings")
        assert len(ten.merge(limits=USUAL).merged) == 1


class TestManyDeleted:
    """A full batch that would delete more than the ratio of the current keys."""

    def test_half_is_allowed_and_more_is_not(self, ten: Workshop) -> None:
        ten.deliver("bookings", *stays(*range(5)), kind="full")
        ten.merge(limits=USUAL)
        batch = ten.deliver("bookings", *stays(0, 1), kind="full")
        assert "would delete 3 of 5 keys" in refused(ten).refused[batch]
        assert ten.rows("bookings", "booking_id") == [0, 1, 2, 3, 4]

    def test_keys_of_invalid_rows_are_present(self, ten: Workshop) -> None:
        rows = [{"booking_id": number, "_error": "rule"} for number in range(3)]
        ten.deliver("bookings", *rows, kind="full", unreadable=[(3,), (4,), None])
        ten.merge(limits=USUAL)
        assert ten.rows("bookings", "booking_id") == [0, 1, 2, 3, 4]

    def test_another_ratio_and_none(self, ten: Workshop) -> None:
        batch = ten.deliver("bookings", *stays(*range(8)), kind="full")
        assert set(refused(ten, Limits(max_deleted_ratio=0.1)).refused) == {batch}
        ten.merge(limits=Limits(max_deleted_ratio=None))
        assert len(ten.rows("bookings", "booking_id")) == 8

    def test_views_of_which_none_is_valid_would_delete_all(self, ten: Workshop) -> None:
        batch = ten.deliver("user_viewing", {"user_id": 3, "_error": "rule"}, kind="full", unreadable=[None])
        assert "would delete 2 of 2" in refused(ten).refused[batch]

    def test_listings_that_are_deleted_already_do_not_count(self, shop: Workshop) -> None:
        shop.deliver("apartments", *({"id": number} for number in range(4)), kind="full")
        shop.deliver("apartments", {"id": 0}, {"id": 1}, kind="full")
        shop.deliver("apartments", {"id": 0}, kind="full")
        shop.merge(limits=USUAL)
        batch = shop.deliver("apartments", {"id": 9}, kind="full")
        assert "would delete 1 of 1 keys" in refused(shop).refused[batch]

    def test_attributes_are_never_deleted(self, shop: Workshop) -> None:
        shop.deliver("apartment_attributes", {"id": 1}, {"id": 2}, kind="full")
        shop.deliver("apartment_attributes", {"id": 3}, kind="full")
        shop.merge(limits=USUAL)
        assert shop.rows("apartment_attributes", "id") == [1, 2, 3]


class TestManyQuarantined:
    """A batch whose quarantined share exceeds the ratio, full or delta."""

    @pytest.mark.parametrize("kind", ["full", "delta"])
    def test_unreadable_and_refused_rows_count(self, ten: Workshop, kind: Any) -> None:
        rows = [*stays(*range(7)), {"booking_id": 7, "_error": "rule"}]
        batch = ten.deliver("bookings", *rows, kind=kind, unreadable=[(8,), (9,)])
        assert "3 of its 10 rows are quarantined" in refused(ten, STRICT).refused[batch]

    def test_the_ratio_itself_is_allowed(self, ten: Workshop) -> None:
        batch = ten.deliver("bookings", *stays(*range(8)), unreadable=[(8,), (9,)])
        assert ten.merge(limits=STRICT).merged == (batch,)

    def test_it_is_off_by_default(self, ten: Workshop) -> None:
        ten.deliver("bookings", unreadable=[(8,), (9,)])
        assert len(ten.merge(limits=USUAL).merged) == 1

    def test_one_bad_file_of_a_series_refuses_the_run_and_rejecting_it_keeps_the_others(self, ten: Workshop) -> None:
        good = ten.deliver("bookings", *stays(20))
        bad = ten.deliver("bookings", unreadable=[(21,)])
        last = ten.deliver("bookings", *stays(22))
        assert set(refused(ten, STRICT).refused) == {bad}
        assert 20 not in ten.rows("bookings", "booking_id")
        ten.decide(bad, "reject")
        assert ten.merge(limits=STRICT).merged == (good, last)
        assert ten.rows("bookings", "booking_id")[-2:] == [20, 22]


class TestWhatBecomesOfARefusedBatch:
    """accept, reject, or a later full batch."""

    def test_it_is_refused_again_until_something_happens(self, ten: Workshop) -> None:
        ten.deliver("bookings", kind="full")
        refused(ten)
        refused(ten)

    def test_accepted_it_is_merged_and_stays_so(self, ten: Workshop) -> None:
        batch = ten.deliver("bookings", *stays(0), kind="full")
        refused(ten)
        ten.decide(batch, "accept")
        assert ten.merge(limits=USUAL).merged == (batch,)
        assert ten.rows("bookings", "booking_id") == [0]
        ten.merge(limits=USUAL, full_refresh=True)
        assert ten.rows("bookings", "booking_id") == [0]
        ten.forget()
        ten.merge(limits=USUAL)
        assert ten.rows("bookings", "booking_id") == [0]

    def test_rejected_its_rows_are_accounted_for_as_refused(self, ten: Workshop) -> None:
        batch = ten.deliver("bookings", *stays(0), kind="full")
        refused(ten)
        ten.decide(batch, "reject")
        assert ten.merge(limits=USUAL).merged == ()
        assert len(ten.rows("bookings", "booking_id")) == 10
        assert ten.fates(batch) == {"refused": 1}

    def test_a_later_full_batch_takes_its_place(self, ten: Workshop) -> None:
        first = ten.deliver("bookings", *stays(0), kind="full")
        refused(ten)
        last = ten.deliver("bookings", *stays(*range(9), 77), kind="full")
        assert ten.merge(limits=USUAL).merged == (last,)
        assert ten.rows("bookings", "booking_id") == [*range(9), 77]
        assert ten.fates(first) == {"refused": 1}
        snapshot = ten.curated.current("bookings")
        assert snapshot is not None
        assert snapshot.properties["skipped"] == [first]
        ten.merge(limits=USUAL, full_refresh=True)
        assert ten.rows("bookings", "booking_id") == [*range(9), 77]

    def test_a_later_delta_does_not(self, ten: Workshop) -> None:
        first = ten.deliver("bookings", kind="full")
        ten.deliver("bookings", *stays(50))
        assert set(refused(ten).refused) == {first}

    def test_a_later_full_batch_that_is_as_odd_is_refused_itself(self, ten: Workshop) -> None:
        ten.deliver("bookings", kind="full")
        last = ten.deliver("bookings", *stays(0), kind="full")
        assert set(refused(ten).refused) == {last}

    def test_a_merged_batch_stays_merged_under_stricter_limits(self, ten: Workshop) -> None:
        ten.deliver("bookings", *stays(*range(5)), kind="full")
        ten.merge(limits=USUAL)
        ten.merge(limits=Limits(max_deleted_ratio=0.1), full_refresh=True)
        assert len(ten.rows("bookings", "booking_id")) == 5

    def test_batches_of_several_tables_are_refused_together(self, ten: Workshop) -> None:
        batches = {ten.deliver("bookings", kind="full"), ten.deliver("user_viewing", kind="full")}
        assert batches == set(refused(ten).refused)
