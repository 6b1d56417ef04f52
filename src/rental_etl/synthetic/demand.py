"""When guests look, book, come, stay and cancel: the calendar of a marketplace and the tables its simulation draws from.

Only integers, additions, products and quotients: their results are the same on every machine, those of exponentials and powers are not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

BOOKING_DAYS = 731
"""Days on which bookings are made; the last one is `end`."""
HISTORY_DAYS = 1095
"""Days before the first booking in which the oldest listings were created."""
LONGEST_LEAD = 300
LONGEST_STAY = 60
HORIZON_DAYS = BOOKING_DAYS + LONGEST_LEAD + LONGEST_STAY + 1

# by month, in percent of the best one
_SEASONS: Mapping[str, tuple[int, ...]] = {
    "city": (52, 55, 65, 78, 88, 92, 95, 94, 90, 86, 64, 78),
    "beach": (22, 24, 30, 48, 62, 84, 100, 100, 78, 46, 26, 28),
    "ski": (96, 100, 92, 48, 26, 34, 44, 46, 34, 30, 40, 92),
    "south": (100, 96, 80, 62, 46, 42, 50, 48, 56, 68, 80, 98),
}
# Monday first, in percent of the best day: guests arrive before the weekend and book after it
_ARRIVAL_WEEKDAYS = (58, 54, 58, 72, 100, 92, 56)
_BOOKING_WEEKDAYS = (112, 110, 106, 102, 92, 84, 104)
_BOOKING_MONTHS = (116, 100, 98, 98, 104, 108, 108, 98, 90, 88, 90, 92)


def spread(knots: Sequence[tuple[int, int]], size: int) -> tuple[int, ...]:
    """A table of `size` integers to draw from, from knots (percent of the draws, value) joined by straight lines."""
    table: list[int] = []
    for (start, low), (stop, high) in pairwise(knots):
        first, last = start * size // 100, stop * size // 100
        table.extend(low + (high - low) * step // (last - first) for step in range(last - first))
    return tuple(table)


LEADS = spread([(0, 0), (8, 1), (25, 5), (45, 16), (65, 40), (85, 95), (96, 190), (100, LONGEST_LEAD)], 2000)
"""Days between booking and arrival."""
NIGHTS = spread(
    [(0, 1), (22, 2), (46, 3), (64, 4), (77, 5), (84, 7), (94, 8), (97, 14), (99, 28), (100, LONGEST_STAY)], 1000
)
"""Nights of a stay."""
LOOK_AHEAD = spread([(0, 0), (45, 1), (65, 3), (85, 8), (100, 21)], 200)
"""Days between a look at a listing and the booking that follows."""
SLOTS = spread([(0, 1), (45, 2), (70, 3), (85, 5), (95, 9), (100, 14)], 200)
"""How often a listing stands among those a guest sees: a few are popular."""
CANCELED_PERCENT = tuple(min(4 + lead // 3, 20) + min(max(lead - 60, 0) // 15, 12) for lead in range(LONGEST_LEAD))
"""Percent of bookings canceled before arrival, by their lead."""
STAY_PERCENT = tuple(nights * (80 if nights >= 28 else 90 if nights >= 7 else 100) for nights in range(LONGEST_STAY))
"""Price of a stay in percent of one night: weeks are 10 % cheaper, months 20 %."""
MINUTES = tuple(f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(1440))
CLOCK = spread([(0, 0), (4, 360), (18, 600), (42, 840), (62, 1080), (93, 1350), (100, 1440)], 4000)
"""Minutes of the day, as busy as people are."""
SECONDS = tuple(f":{second:02d}" for second in range(60))


def discount_percent(nights: int) -> int:
    """What a stay of `nights` nights saves, in percent."""
    return 100 - STAY_PERCENT[nights] // nights


@dataclass(frozen=True, slots=True)
class Timeline:
    """Days as numbers: 0 is the first booking day, `last` the last one (`end`); stays reach beyond."""

    first: date

    @classmethod
    def until(cls, end: date) -> "Timeline":
        """The timeline whose last booking day is `end`."""
        return cls(end - timedelta(days=BOOKING_DAYS - 1))

    @property
    def last(self) -> int:
        """The number of the last booking day."""
        return BOOKING_DAYS - 1

    def text(self, day: int) -> str:
        """The ISO date of a day's number."""
        return (self.first + timedelta(days=day)).isoformat()

    def texts(self) -> list[str]:
        """The ISO dates of all days from 0 to the last possible departure."""
        return [self.text(day) for day in range(HORIZON_DAYS)]

    def demand(self) -> list[int]:
        """How busy each booking day is, in any unit: growing, with seasons and weekends."""
        weights = []
        for day in range(BOOKING_DAYS):
            today = self.first + timedelta(days=day)
            season = _BOOKING_MONTHS[today.month - 1] * _BOOKING_WEEKDAYS[today.weekday()]
            weights.append(season * (10 * BOOKING_DAYS + 6 * day))
        return weights

    def welcome(self) -> dict[str, list[float]]:
        """By season, the chance (0 to 1) that a guest who thinks of arriving on a day does."""
        days = [self.first + timedelta(days=day) for day in range(HORIZON_DAYS)]
        return {
            season: [months[day.month - 1] * _ARRIVAL_WEEKDAYS[day.weekday()] / 10_000 for day in days]
            for season, months in _SEASONS.items()
        }


def arrivals(listings: int) -> list[int]:
    """How many of `listings` exist at the end of each day from -HISTORY_DAYS on; the first exists from the first day."""
    days = HISTORY_DAYS + BOOKING_DAYS - 7
    weights = [2 * days + day for day in range(days)]
    sums = _running(weights)
    return [-(-listings * part // sums[-1]) for part in sums]


def schedule(total: int, weights: Sequence[int]) -> list[int]:
    """How many of `total` events have happened before each day, and after the last: one number more than there are days."""
    sums = _running(weights)
    return [0, *(total * part // sums[-1] for part in sums)]


def turns(start: int, stop: int, *, shard: int, shards: int) -> range:
    """The numbers in [start, stop) that are the turn of one of `shards` shards."""
    return range(start + (shard - start) % shards, stop, shards)


def _running(weights: Sequence[int]) -> list[int]:
    sums, total = [], 0
    for weight in weights:
        total += weight
        sums.append(total)
    return sums
