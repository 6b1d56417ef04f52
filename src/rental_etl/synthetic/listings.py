"""The listings of one shard: what `apartments` and `apartment_attributes` say about them, and what guests meet day by day.

A listing has one row per version in `apartments`: its first state, then each change of price or activity at its own modification time.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random
from typing import TypeVar

from rental_etl.synthetic.cities import CITIES, COUNTRIES, City
from rental_etl.synthetic.columns import record
from rental_etl.synthetic.demand import (
    BOOKING_DAYS,
    CLOCK,
    HISTORY_DAYS,
    MINUTES,
    SECONDS,
    SLOTS,
    Timeline,
    arrivals,
    turns,
)

FIRST_LISTING = 5_600_000_001  # beyond 32 bits, as real listing ids are
_Choice = TypeVar("_Choice")
_CITY_SHARES = tuple(accumulate(city.weight for city in CITIES))

_KINDS = (("Studio", 0), ("Loft", 1), ("Apartment", 1), ("Apartment", 2), ("Flat", 2), ("Townhouse", 3), ("Villa", 4))
_ADJECTIVES = ("Bright", "Quiet", "Cosy", "Renovated", "Sunny", "Spacious", "Charming", "Modern", "Little", "Elegant")
_TITLES = (
    "{adjective} {kind} in {city}",
    "{adjective} {kind}, {minutes} min from the centre",
    '"{name}": {kind} in {city}',
    "{kind} {name} · {city}",
    "{adjective} {kind} near {street}, {city}",
    "{adjective} {kind} w/ balcony & parking",
)
_NAMES = (
    "Casa Luna",
    "The Nest",
    "Villa Aurora",
    "Blue Door",
    "El Sol",
    "Maison Rose",
    "Kleine Freiheit",
    "Magnolia",
    "Old Mill",
)
_SOURCES = ("direct", "direct", "direct", "mobile_app", "mobile_app", "partner_feed", "agency", "RentLingo")
_AMENITIES = (
    "Wifi",
    "Kitchen",
    "Washer",
    "AC",
    "Parking",
    "Pool",
    "Gym",
    "TV",
    "Balcony",
    "Elevator",
    "Cot",
    "Fireplace",
)
_BODIES = (
    "{adjective} {kind} for up to {guests} guests. The centre of {city} is {minutes} minutes away.",
    "Welcome to {name}! We restored this {kind} ourselves; the beds are new, and so is the kitchen.",
    'Guests call it "the quiet one": a {kind} on the courtyard, {minutes} minutes from the station, with all you need for a long stay.',
    "{adjective} {kind} on {street}.\nSelf check-in after 3 pm.\nNo smoking, please.",
)
_PETS = ("None", "Cats", "Dogs", "Cats,Dogs")
_PHOTOS = ("Yes", "Yes", "Yes", "Thumbnail", "No")


@dataclass(slots=True)
class Inventory:
    """What guests meet, by a listing's number in its shard. Money is in cents of the listing's currency.

    `slots` names each listing as often as it is popular, in the order of creation; `open_slots[day]` is how many of them exist on that
    day. `changes[day]` holds (listing, nightly cents, active).
    """

    ids: list[str] = field(default_factory=list)
    currencies: list[str] = field(default_factory=list)
    seasons: list[str] = field(default_factory=list)
    created: list[int] = field(default_factory=list)
    cents: list[int] = field(default_factory=list)
    active: list[bool] = field(default_factory=list)
    beds: list[int] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    open_slots: list[int] = field(default_factory=list)
    changes: dict[int, list[tuple[int, int, bool]]] = field(default_factory=lambda: defaultdict(list))


def list_homes(
    inventory: Inventory, *, listings: int, random: Random, timeline: Timeline, shard: int, shards: int
) -> Iterator[tuple[list[str], list[str]]]:
    """Fill `inventory` with a shard's listings; per day of creation, the records of `apartments` and of `apartment_attributes`."""
    known = arrivals(listings)
    for number, (before, after) in enumerate(zip([0, *known], known, strict=False)):
        day = number - HISTORY_DAYS
        if day >= 0:
            inventory.open_slots.append(len(inventory.slots))
        versions: list[str] = []
        attributes: list[str] = []
        for listing in turns(before, after, shard=shard, shards=shards):
            home = _Home(str(FIRST_LISTING + listing), random)
            versions.extend(home.versions(inventory, timeline, day))
            attributes.extend(home.attributes())
        yield versions, attributes
    while len(inventory.open_slots) < BOOKING_DAYS:
        inventory.open_slots.append(len(inventory.slots))


class _Home:
    """One listing while it is written."""

    def __init__(self, listing_id: str, random: Random) -> None:
        self.random = random
        self.id = listing_id
        self.city: City = CITIES[bisect_right(_CITY_SHARES, int(random.random() * _CITY_SHARES[-1]))]
        self.country = COUNTRIES[self.city.country]
        self.kind, self.bedrooms = self.pick(_KINDS)
        self.price = self.round_price(
            self.city.night_usd * self.country.units_per_usd * (45 + 20 * self.bedrooms + self.below(50)) // 100
        )
        self.street = f"{1 + self.below(180)} {self.pick(self.country.streets)}"
        self.words = {
            "adjective": self.pick(_ADJECTIVES),
            "kind": self.kind.lower(),
            "city": self.city.name,
            "street": self.street,
            "name": self.pick(_NAMES),
            "minutes": str(3 + self.below(40)),
            "guests": str(self.beds),
        }

    @property
    def beds(self) -> int:
        """How many guests may stay."""
        return 2 * max(self.bedrooms, 1)

    def below(self, limit: int) -> int:
        """A number in [0, limit)."""
        return int(self.random.random() * limit)

    def pick(self, choices: Sequence[_Choice]) -> _Choice:
        """One of the choices."""
        return choices[self.below(len(choices))]

    def round_price(self, price: int) -> int:
        """A price in whole units, in the steps of the currency."""
        step = self.country.price_step
        return max(price // step, 1) * step

    def changes(self, day: int) -> Iterator[tuple[int, int, bool]]:
        """(day, price, active) of each later version: a fifth change their price once or more, some pause or leave."""
        random = self.random.random
        last = BOOKING_DAYS - 1
        price, active = self.price, True
        closes = day + 30 + self.below(1500) if random() < 0.1 else last + 1
        reprices = day + 20 + self.below(500) if random() < 0.22 else last + 1
        while min(closes, reprices) <= last:
            if closes <= reprices:
                day, active = closes, not active
                closes = day + 20 + self.below(120) if not active and random() < 0.4 else last + 1
                reprices += reprices == day  # one version a day
            else:
                day, price = reprices, self.round_price(self.price * (85 + self.below(45)) // 100)
                reprices = day + 15 + self.below(400) if random() < 0.5 else last + 1
            yield day, price, active

    def versions(self, inventory: Inventory, timeline: Timeline, day: int) -> Iterator[str]:
        """Put the listing up in `inventory`; its records of `apartments`, oldest version first."""
        created = self.moment(timeline, day)
        listing = len(inventory.ids)
        inventory.ids.append(self.id)
        inventory.currencies.append(self.country.currency)
        inventory.seasons.append(self.city.season)
        inventory.created.append(day)
        inventory.cents.append(self.price * 100)
        inventory.active.append(True)
        inventory.beds.append(self.beds)
        inventory.slots.extend([listing] * self.pick(SLOTS))
        first = (self.id, self.pick(_TITLES).format_map(self.words), self.pick(_SOURCES))
        modified = created if self.random.random() < 0.8 else ""
        yield record((*first, f"{self.price}.00", self.country.currency, created, "true", modified))
        for later, price, active in self.changes(day):
            inventory.changes[max(later, 0)].append((listing, price * 100, active))
            state = (f"{price}.00", self.country.currency, created, "true" if active else "false")
            yield record((*first, *state, self.moment(timeline, later)))

    def attributes(self) -> Iterator[str]:
        """The record of `apartment_attributes`; one listing in 200 has none."""
        random = self.random.random
        if random() < 0.005:
            return
        rooms = f"{self.bedrooms}.0"
        bathrooms = f"{1 + self.below(2 * self.bedrooms + 1) // 2}.{5 * self.below(2)}"
        city = self.city.name if random() < 0.997 else ""
        price = f"{self.country.currency} {self.price:,}"
        address = f"{self.street}, {self.city.name}, {self.country.name}"
        yield record(
            (
                self.id,
                f"housing/rent/{self.kind.lower()}",
                self.pick(_BODIES).format_map(self.words),
                ",".join(sorted({self.pick(_AMENITIES) for _ in range(1 + self.below(7))})),
                bathrooms,
                rooms,
                f"{self.below(8) * self.country.price_step * 5}.00" if random() < 0.7 else "",
                self.pick(_PHOTOS),
                self.pick(_PETS),
                price,
                "Nightly",
                str(250 + 320 * self.bedrooms + self.below(400)),
                address,
                city,
                self.city.state if city else "",
                f"{self.city.latitude + (random() + random() - 1) / 20:.5f}",
                f"{self.city.longitude + (random() + random() - 1) / 20:.5f}",
            )
        )

    def moment(self, timeline: Timeline, day: int) -> str:
        """A timestamp on a day."""
        return f"{timeline.text(day)} {MINUTES[self.pick(CLOCK)]}{self.pick(SECONDS)}"
