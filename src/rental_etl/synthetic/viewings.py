"""The viewings of one shard, day by day: the looks that led to bookings, and many that did not."""

from random import Random

from rental_etl.synthetic.bookings import Guests
from rental_etl.synthetic.demand import CLOCK, MINUTES, SECONDS, Timeline
from rental_etl.synthetic.listings import Inventory

# wish and action as they end a record, as often as they occur
_ENDS = (
    *("false,\n",) * 22,
    *("false,contact_agent\n",) * 3,
    *("false,share\n",) * 2,
    "false,reported\n",
    ",\n",
    *("true,shortlisted\n",) * 2,
    "true,contact_agent\n",
)


class Window:
    """Shows listings to users of one shard."""

    def __init__(self, inventory: Inventory, guests: Guests, *, random: Random, timeline: Timeline) -> None:
        self.inventory, self.guests, self.random = inventory, guests, random
        self.dates = timeline.texts()

    def show(self, day: int, views: int, looks: list[str]) -> list[str]:
        """The records of a day's `views` viewings: those in `looks`, as far as they fit, and browsing users.

        A user browses several listings in a row; half of the others are new, half have booked before.
        """
        inventory, guests, random = self.inventory, self.guests, self.random.random
        ids, slots, open_slots, recent = inventory.ids, inventory.slots, inventory.open_slots[day], guests.recent
        today = self.dates[day]
        records = looks[:views]
        user = 0
        for _ in range(views - len(records)):
            draw = random()
            if draw < 0.2 or not (user or recent):
                user = guests.newcomer()
            elif recent and (draw < 0.4 or not user):
                user = recent[int(random() * len(recent))]
            clock = f"{MINUTES[CLOCK[int(random() * 4000)]]}{SECONDS[int(random() * 60)]}"
            records.append(
                f"{user},{ids[slots[int(random() * open_slots)]]},{today} {clock},{_ENDS[int(random() * 32)]}"
            )
        return records
