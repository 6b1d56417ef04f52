"""The bookings of one shard, day by day: who books which listing for which nights, what it costs and what becomes of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from rental_etl.synthetic.demand import (
    CANCELED_PERCENT,
    CLOCK,
    LEADS,
    LOOK_AHEAD,
    MINUTES,
    NIGHTS,
    SECONDS,
    STAY_PERCENT,
    Timeline,
)
from rental_etl.synthetic.listings import Inventory

FIRST_BOOKING = 100_000_001
FIRST_USER = 10_000_001
LOOK_AHEAD_DAYS = max(LOOK_AHEAD)
"""How many days a look at a listing may precede the booking."""

_TRIES = 8
_MASKS = tuple((1 << nights) - 1 for nights in range(len(STAY_PERCENT)))
_REMEMBERED = 1 << 15

# status and payment as they stand in a record, as often as they occur
_COMPLETED = (",completed,paid,",) * 31 + (",completed,partially_refunded,",)
_CONFIRMED = (",confirmed,paid,",) * 22 + (",confirmed,deposit_paid,",) * 9 + (",confirmed,,",)
_CANCELED = (",canceled,refunded,",) * 22 + (",canceled,partially_refunded,",) * 7 + (",canceled,failed,",) * 3
_REJECTED = (",rejected,voided,",) * 28 + (",rejected,failed,",) * 4
_PENDING = (",pending,pending,",) * 30 + (",pending,,",) * 2
_NO_SHOW = (",no_show,paid,",) * 32
# wish and action of a look that led to a booking
_LOOKED = ("true,shortlisted\n",) * 2 + ("false,book_now\n",) * 3 + ("false,\n",) * 3


@dataclass(slots=True)
class Guests:
    """The users of one shard: numbers of their own, and who booked lately.

    A guest in the memory twice is drawn twice as often: few guests make many bookings.
    """

    shard: int
    shards: int
    known: int = 0
    recent: list[int] = field(default_factory=list)

    def newcomer(self) -> int:
        """A user nobody has seen before."""
        self.known += 1
        return FIRST_USER + self.known * self.shards + self.shard

    def booker(self, random: Callable[[], float]) -> int:
        """Who makes the next booking: three of five are new."""
        recent = self.recent
        user = self.newcomer() if random() < 0.6 or not recent else recent[int(random() * len(recent))]
        if len(recent) < _REMEMBERED:
            recent.append(user)
        else:
            recent[int(random() * _REMEMBERED)] = user
        return user


class Desk:
    """Takes the bookings of one shard.

    `looks[day % len(looks)]` collects records of `user_viewing` that lead to a booking on that day or later; `look_share` of the bookings (0 to 1) have one.
    """

    def __init__(
        self,
        inventory: Inventory,
        guests: Guests,
        *,
        random: Random,
        timeline: Timeline,
        looks: Sequence[list[str]],
        look_share: float,
    ) -> None:
        self.inventory, self.guests, self.random, self.last = inventory, guests, random.random, timeline.last
        self.looks, self.look_share = looks, look_share
        self.dates = timeline.texts()
        welcome = timeline.welcome()
        self.welcome = [welcome[season] for season in inventory.seasons]
        self.nights_taken = [0] * len(inventory.ids)  # by listing, a bit per day

    def take(self, day: int, numbers: Iterable[int]) -> list[str]:
        """The records of the bookings made on a day, one per number."""
        # names of the loop's own: it runs millions of times
        inventory, random, dates, share = self.inventory, self.random, self.dates, self.look_share
        ids, currencies, beds, cents = inventory.ids, inventory.currencies, inventory.beds, inventory.cents
        find, outcome, booker = self._find, self._outcome, self.guests.booker
        today = dates[day]
        records = []
        for number in numbers:
            listing, arrival, nights = find(day)
            end = outcome(day, listing, arrival, nights)[int(random() * 32)]
            user = booker(random)
            nights = nights or 1 + number % 5
            minute = CLOCK[int(random() * 4000)]
            records.append(
                f"{FIRST_BOOKING + number},{user},{ids[listing]},{today} {MINUTES[minute]}{SECONDS[int(random() * 60)]},"
                f"{dates[arrival]},{dates[arrival + nights]},{cents[listing] * STAY_PERCENT[nights] / 10_000:.2f},"
                f"{currencies[listing]}{end}{1 + int(random() * beds[listing])}\n"
            )
            if random() < share:
                self._look(day, user, listing, minute)
        return records

    def _find(self, day: int) -> tuple[int, int, int]:
        """(listing, day of arrival, nights) a guest wants on a day; no nights when the listings the guest would like are taken."""
        random, inventory, welcome, taken = self.random, self.inventory, self.welcome, self.nights_taken
        active, slots, open_slots = inventory.active, inventory.slots, inventory.open_slots[day]
        listing = arrival = 0
        for _ in range(_TRIES):
            listing = slots[int(random() * open_slots)]
            arrival = day + LEADS[int(random() * 2000)]
            if active[listing] and random() < welcome[listing][arrival]:
                nights = NIGHTS[int(random() * 1000)]
                if not taken[listing] >> arrival & _MASKS[nights]:
                    return listing, arrival, nights
        return listing, arrival, 0

    def _outcome(self, day: int, listing: int, arrival: int, nights: int) -> tuple[str, ...]:
        """The statuses a booking may have at the end of the timeline; its nights are taken unless it was turned down or canceled."""
        chance = self.random() * 100
        if not nights or chance >= 98.5:
            return _REJECTED
        if chance < CANCELED_PERCENT[arrival - day] and day + (arrival - day) * self.random() <= self.last:
            return _CANCELED
        self.nights_taken[listing] |= _MASKS[nights] << arrival
        if arrival + nights <= self.last:
            return _NO_SHOW if chance >= 97.5 else _COMPLETED
        return _PENDING if day + 3 > self.last and chance > 60 else _CONFIRMED

    def _look(self, day: int, user: int, listing: int, minute: int) -> None:
        """The look that led to a booking: on the same day before its minute, or some days earlier."""
        random = self.random
        seen = day - LOOK_AHEAD[int(random() * 200)]
        if seen >= day or seen < max(self.inventory.created[listing], 0):
            seen, minute = day, int(random() * minute)
        else:
            minute = CLOCK[int(random() * 4000)]
        self.looks[seen % len(self.looks)].append(
            f"{user},{self.inventory.ids[listing]},{self.dates[seen]} {MINUTES[minute]}{SECONDS[0]},{_LOOKED[int(random() * 8)]}"
        )
