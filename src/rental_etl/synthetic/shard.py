"""Simulates one shard of the marketplace, a share of its listings, bookings and viewings, day by day into spools.

Nothing but the plan and the shard's number decides what is written; no more than the listings and some three weeks of looks are held.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random

from rental_etl.synthetic.bookings import LOOK_AHEAD_DAYS, Desk, Guests
from rental_etl.synthetic.columns import COLUMNS
from rental_etl.synthetic.demand import BOOKING_DAYS, Timeline, schedule, turns
from rental_etl.synthetic.listings import Inventory, list_homes
from rental_etl.synthetic.spoiler import Spoiler
from rental_etl.synthetic.spool import Spool, SpoolWriter
from rental_etl.synthetic.viewings import Window


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole marketplace: how many listings, bookings and viewings, from which seed, until which day, and in how many shards."""

    apartments: int
    bookings: int
    viewings: int
    seed: int
    end: date
    dirty: float
    shards: int

    def random(self, purpose: str, shard: int) -> Random:
        """Numbers of their own for one purpose in one shard."""
        return Random(f"{self.seed}/{purpose}/{shard}")

    @property
    def look_share(self) -> float:
        """The chance (0 to 1) that a viewing led to a booking: at most 12 % of viewings do."""
        return min(0.9, 0.12 * self.viewings / self.bookings) if self.bookings else 0.0


@dataclass(frozen=True, slots=True)
class Written:
    """What a shard wrote: a spool per table, and how many rows got which defect, by "table.defect"."""

    spools: Mapping[str, Spool]
    defects: Mapping[str, int]


def write_shard(plan: Plan, shard: int, folder: Path) -> Written:
    """Simulate one shard; its spools lie in `folder`."""
    spoilers = {
        table: Spoiler(table, rate=plan.dirty, random=plan.random(f"{table}.defects", shard)) for table in COLUMNS
    }
    with ExitStack() as stack:
        writers = {table: stack.enter_context(SpoolWriter(folder / f"{table}.{shard}")) for table in COLUMNS}
        for table, records in _simulate(plan, shard):
            writers[table].segment(spoilers[table].spoil(records) if plan.dirty else records)
    counts = {
        f"{table}.{defect}": rows
        for table, spoiler in spoilers.items()
        for defect, rows in spoiler.counts.items()
        if plan.dirty
    }
    return Written({table: writer.spool() for table, writer in writers.items()}, counts)


def _simulate(plan: Plan, shard: int) -> Iterator[tuple[str, list[str]]]:
    """(table, records) of each period, each table's periods in order."""
    timeline = Timeline.until(plan.end)
    inventory = Inventory()
    for versions, attributes in list_homes(
        inventory,
        listings=plan.apartments,
        random=plan.random("apartments", shard),
        timeline=timeline,
        shard=shard,
        shards=plan.shards,
    ):
        yield "apartments", versions
        yield "apartment_attributes", attributes
    booked = schedule(plan.bookings, timeline.demand())
    viewed = schedule(plan.viewings, timeline.demand())
    guests = Guests(shard, plan.shards)
    # a ring: a day's viewings are written once no later booking can add a look to them
    looks: list[list[str]] = [[] for _ in range(LOOK_AHEAD_DAYS + 1)]
    desk = Desk(
        inventory,
        guests,
        random=plan.random("bookings", shard),
        timeline=timeline,
        looks=looks,
        look_share=plan.look_share,
    )
    window = Window(inventory, guests, random=plan.random("user_viewing", shard), timeline=timeline)
    for today in range(BOOKING_DAYS + LOOK_AHEAD_DAYS):
        if today < BOOKING_DAYS:
            for listing, cents, active in inventory.changes[today]:
                inventory.cents[listing], inventory.active[listing] = cents, active
            numbers = turns(booked[today], booked[today + 1], shard=shard, shards=plan.shards)
            yield "bookings", desk.take(today, numbers)
        day = today - LOOK_AHEAD_DAYS
        if day >= 0:
            views = len(turns(viewed[day], viewed[day + 1], shard=shard, shards=plan.shards))
            yield "user_viewing", window.show(day, views, looks[day % len(looks)])
            looks[day % len(looks)].clear()
