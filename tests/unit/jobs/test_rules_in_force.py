"""Which batches' findings a publish states: those of rows that still say something."""

from dataclasses import replace
from typing import Any

from jobs.workshop import Workshop


def counted(shop: Workshop) -> list[tuple[str, int | None, int]]:
    """Table, batch and rows of every rule result."""
    return sorted((rule.table, rule.batch_id, rule.rows) for rule in shop.rules() if rule.rule == "rounded")


def deliver(shop: Workshop, table: str, **how: Any) -> None:
    """Land a batch in which one value was rounded, and merge it."""
    shop.deliver(table, {"booking_id": 1} if table == "bookings" else {"user_id": 1}, **how)
    batch = shop.landing.batches[-1]
    shop.landing.batches[-1] = replace(batch, reading=replace(batch.reading, findings={"warn:rounded:column": 1}))
    shop.merge()


def test_a_later_full_batch_takes_what_came_before_out_of_the_counts(shop: Workshop) -> None:
    """Otherwise daily full deliveries would add up to ever greater counts."""
    for kind in ("full", "full", "delta", "delta"):
        deliver(shop, "bookings", kind=kind)
    assert counted(shop) == [("bookings", 2, 1), ("bookings", 3, 1), ("bookings", 4, 1)]


def test_without_a_key_a_name_delivered_again_takes_its_first_delivery_out(shop: Workshop) -> None:
    """Its rows are gone, and so is what was wrong with them."""
    for name in ("a", "b", "a"):
        deliver(shop, "user_viewing", name=name)
    assert counted(shop) == [("user_viewing", 2, 1), ("user_viewing", 3, 1)]


def test_a_full_batch_that_was_not_merged_takes_nothing_out(shop: Workshop) -> None:
    """A refused or rejected one changed no row."""
    deliver(shop, "bookings", kind="full")
    refused = shop.deliver("bookings", kind="full")
    shop.decide(refused, "reject")
    shop.merge()
    assert counted(shop) == [("bookings", 1, 1)]
