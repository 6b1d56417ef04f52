"""When curated tables are built anew, and when they only take what is new."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jobs.workshop import Workshop
from rental_etl.jobs.plan import TablePlan, plan_table
from rental_etl.model.contract import Column
from rental_etl.ports.lake import Snapshot
from rental_etl.tables.contracts import contracts


def plan(shop: Workshop, table: str = "bookings", **options: Any) -> TablePlan:
    options = {"full_refresh": False, **options}
    curated: Any = shop.curated
    return plan_table(contracts()[table], landed=shop.landing.landed(), curated=curated, **options)


def numbers(batches: Sequence[Any]) -> list[int]:
    return [batch.batch_id for batch in batches]


@pytest.fixture
def merged(shop: Workshop) -> Workshop:
    """Two batches of bookings are merged."""
    shop.deliver("bookings", {"booking_id": 1}, kind="full")
    shop.deliver("bookings", {"booking_id": 2})
    shop.merge()
    return shop


def test_at_first_everything_waits(shop: Workshop) -> None:
    shop.deliver("bookings", {"booking_id": 1})
    found = plan(shop)
    assert (found.anew, numbers(found.merged), numbers(found.pending)) == (True, [], [1])


def test_only_what_is_new_waits(merged: Workshop) -> None:
    merged.deliver("bookings", {"booking_id": 3})
    found = plan(merged)
    assert (found.anew, numbers(found.merged), numbers(found.pending)) == (False, [1, 2], [3])


def test_nothing_waits(merged: Workshop) -> None:
    found = plan(merged)
    assert (found.anew, numbers(found.merged), numbers(found.pending)) == (False, [1, 2], [])
    assert numbers(plan(merged, "fx_rates").pending) == []


def test_a_full_refresh_merges_everything_again_without_guards(merged: Workshop) -> None:
    found = plan(merged, full_refresh=True)
    assert (found.anew, numbers(found.pending), sorted(found.trusted)) == (True, [1, 2], [1, 2])


def test_another_reading_of_a_merged_batch_builds_anew(merged: Workshop) -> None:
    merged.revise(1, {"booking_id": 1}, {"booking_id": 7})
    assert plan(merged).anew
    merged.merge()
    assert merged.rows("bookings", "booking_id, _batch_id") == [(1, 1), (2, 2), (7, 1)]
    assert merged.changes("bookings") == {"whole": []}
    assert not plan(merged).anew


def test_another_reading_of_a_waiting_batch_does_not(merged: Workshop) -> None:
    number = merged.deliver("bookings", {"booking_id": 3})
    merged.revise(number, {"booking_id": 4})
    assert not plan(merged).anew
    merged.merge()
    assert merged.rows("bookings", "booking_id") == [1, 2, 4]


def test_rejecting_a_merged_batch_builds_anew_without_it(merged: Workshop) -> None:
    merged.decide(2, "reject")
    assert plan(merged).anew
    merged.merge()
    assert merged.rows("bookings", "booking_id") == [1]
    assert not plan(merged).anew
    merged.decide(1, "reject")
    merged.merge()
    assert merged.rows("bookings", "booking_id") == []
    assert merged.fates_of_all() == {1: {"refused": 1}, 2: {"refused": 1}}


def test_a_batch_before_merged_ones_builds_anew(merged: Workshop) -> None:
    """A rejected batch that is accepted after all keeps its place in the order."""
    merged.deliver("bookings", {"booking_id": 2, "num_guests": 5})
    merged.decide(3, "reject")
    merged.deliver("bookings", {"booking_id": 2, "num_guests": 6})
    merged.merge()
    merged.decide(3, "accept")
    assert plan(merged).anew
    merged.merge()
    assert merged.rows("bookings", "booking_id, num_guests, _batch_id") == [(1, None, 1), (2, 6, 5)]
    assert merged.fates(3) == {"replaced": 1}


@pytest.mark.parametrize("field", ["fingerprint", "merged"])
def test_a_table_made_by_other_models_or_left_half_committed_is_built_anew(merged: Workshop, field: str) -> None:
    snapshot = merged.curated.snapshots["bookings_deleted"][-1]
    other: Mapping[str, Any] = {**snapshot.properties, field: {"fingerprint": "other", "merged": [[1, 1]]}[field]}
    merged.curated.snapshots["bookings_deleted"].append(Snapshot(99, snapshot.files, other))
    assert plan(merged).anew
    merged.merge()
    assert merged.rows("bookings", "booking_id") == [1, 2]
    assert not plan(merged).anew


def test_a_kill_between_the_commits_of_one_source_is_made_good(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.deliver("apartments", {"id": 1}, kind="full")
    shop.merge()
    shop.deliver("apartments", {"id": 2})
    commit = shop.curated.commit

    def dies(table: str, **options: Any) -> Snapshot:
        if table == "apartments":
            raise KeyboardInterrupt
        return commit(table, **options)

    with monkeypatch.context() as patch:
        patch.setattr(shop.curated, "commit", dies)
        with pytest.raises(KeyboardInterrupt):
            shop.merge()
    assert plan(shop, "apartments").anew
    shop.merge()
    assert shop.rows("apartments", "id") == [1, 2]
    assert shop.fates(2) == {"current": 1}


def test_a_snapshot_of_another_program_is_built_over(merged: Workshop) -> None:
    """Its properties are not ours, so what it holds is not known."""
    snapshot = merged.curated.snapshots["bookings"][-1]
    merged.curated.snapshots["bookings"].append(Snapshot(99, snapshot.files, {}))
    assert plan(merged).anew
    merged.merge()
    assert merged.rows("bookings", "booking_id") == [1, 2]


def test_the_month_column_is_never_null() -> None:
    """Only touched months are rewritten, and a row without one would be in none."""
    for contract in contracts().values():
        partition: list[Column] = [contract.column(contract.partition_by)] if contract.partition_by else []
        assert all(column.required for column in partition)
