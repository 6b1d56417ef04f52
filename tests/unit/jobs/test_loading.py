"""`raw` holds the table as delivered, each batch once."""

from decimal import Decimal
from typing import Any

import pytest

from jobs.workshop import Unwatched, Workshop
from rental_etl.errors import BatchRefusedError
from rental_etl.jobs.guards import Limits
from rental_etl.jobs.load_to_redshift_raw import load
from rental_etl.model.batch import Kind
from rental_etl.warehouse.duckdb_file import DuckDBWarehouse


class House:
    """A warehouse beside a lake."""

    def __init__(self, shop: Workshop) -> None:
        self.shop = shop
        self.warehouse = DuckDBWarehouse(shop.root / "warehouse.duckdb")

    def load(self, **options: Any) -> dict[str, int]:
        """Run the job; returns rows added by table."""
        landing: Any = self.shop.landing
        return dict(load(landing=landing, warehouse=self.warehouse, watch=Unwatched(), **options).rows)

    def raw(self, table: str, columns: str) -> list[Any]:
        return list(self.warehouse.query(f"select {columns} from raw.{table} order by all").rows)


@pytest.fixture
def house(shop: Workshop) -> House:
    return House(shop)


def stay(number: int, **values: Any) -> dict[str, Any]:
    return {"booking_id": number, **values}


def test_every_landed_row_is_there_also_a_repeated_and_a_refused_one(house: House) -> None:
    house.shop.deliver("bookings", stay(1), stay(1), stay(2, total_price=Decimal(-1), _error="rule"), unreadable=[(3,)])
    assert house.load() == {"bookings": 3}
    assert house.raw("bookings", "booking_id, _error, _batch_id") == [(1, None, 1), (1, None, 1), (2, "rule", 1)]


def test_a_rerun_loads_nothing(house: House) -> None:
    house.shop.deliver("bookings", stay(1))
    house.load()
    loaded_at = house.raw("bookings", "_loaded_at")
    assert house.load() == {}
    assert loaded_at == house.raw("bookings", "_loaded_at")


@pytest.mark.parametrize("at_once", [True, False])
def test_the_last_full_batch_and_the_deltas_since(house: House, at_once: bool) -> None:
    kinds: tuple[Kind, ...] = ("delta", "full", "full", "delta", "delta")
    for kind in kinds:
        house.shop.deliver("bookings", stay(1), kind=kind)
        if not at_once:
            house.load()
    house.load()
    assert house.raw("bookings", "_batch_id") == [(3,), (4,), (5,)]
    assert house.warehouse.loaded() == {"bookings": [(3, 3), (4, 4), (5, 5)]}


@pytest.mark.parametrize("at_once", [True, False])
def test_without_a_key_a_name_delivered_again_replaces_its_rows(house: House, at_once: bool) -> None:
    house.shop.deliver("user_viewing", {"user_id": 1}, name="views-1.csv")
    house.shop.deliver("user_viewing", {"user_id": 2}, name="views-2.csv")
    if not at_once:
        house.load()
    house.shop.deliver("user_viewing", {"user_id": 3}, {"user_id": 4}, name="views-1.csv")
    house.load()
    assert house.raw("user_viewing", "user_id, _batch_id") == [(2, 2), (3, 3), (4, 3)]


def test_with_a_key_it_does_not(house: House) -> None:
    house.shop.deliver("bookings", stay(1), name="bookings-1.csv")
    house.shop.deliver("bookings", stay(1), name="bookings-1.csv")
    house.load()
    assert house.raw("bookings", "_batch_id") == [(1,), (2,)]


def test_another_reading_of_a_batch_takes_its_place(house: House) -> None:
    house.shop.deliver("bookings", stay(1), unreadable=[(2,)])
    house.shop.deliver("bookings", stay(5))
    house.load()
    house.shop.revise(1, stay(1), stay(2))
    assert house.load() == {"bookings": 2}
    assert house.raw("bookings", "booking_id, _batch_id") == [(1, 1), (2, 1), (5, 2)]
    assert house.warehouse.loaded() == {"bookings": [(1, 3), (2, 2)]}


def test_a_refused_batch_can_be_looked_at_and_rejecting_it_brings_back_what_it_replaced(house: House) -> None:
    house.shop.deliver("bookings", stay(1), stay(2), stay(3), kind="full")
    odd = house.shop.deliver("bookings", stay(9), kind="full")
    house.load()
    with pytest.raises(BatchRefusedError):
        house.shop.merge(limits=Limits())
    assert house.raw("bookings", "booking_id, _batch_id") == [(9, odd)]
    house.shop.decide(odd, "reject")
    house.load()
    assert house.raw("bookings", "booking_id, _batch_id") == [(1, 1), (2, 1), (3, 1)]


def test_when_every_batch_is_rejected_the_table_is_empty(house: House) -> None:
    house.shop.decide(house.shop.deliver("bookings", stay(1)), "accept")
    house.load()
    house.shop.decide(1, "reject")
    house.load()
    assert house.raw("bookings", "booking_id") == []
    assert house.warehouse.loaded() == {}


def test_anew_everything_is_loaded_again(house: House) -> None:
    house.shop.deliver("bookings", stay(1))
    house.shop.deliver("user_viewing", {"user_id": 1})
    house.load()
    loaded_at = house.raw("bookings", "_loaded_at")
    assert house.load(anew=True) == {"bookings": 1, "user_viewing": 1}
    assert house.raw("bookings", "booking_id") == [(1,)]
    assert house.raw("bookings", "_loaded_at") != loaded_at
