"""The calendar and the tables the simulation draws from."""

from datetime import date
from itertools import chain
from pathlib import Path

import pytest

from rental_etl.synthetic.demand import (
    BOOKING_DAYS,
    HISTORY_DAYS,
    HORIZON_DAYS,
    LEADS,
    LONGEST_LEAD,
    LONGEST_STAY,
    NIGHTS,
    Timeline,
    arrivals,
    discount_percent,
    schedule,
    spread,
    turns,
)
from rental_etl.synthetic.spool import SpoolWriter, weave


def test_a_spread_joins_its_knots_by_straight_lines() -> None:
    assert spread([(0, 0), (50, 4), (100, 14)], 8) == (0, 1, 2, 3, 4, 6, 9, 11)


def test_draws_stay_within_the_horizon() -> None:
    assert max(LEADS) < LONGEST_LEAD
    assert min(NIGHTS) == 1
    assert max(NIGHTS) < LONGEST_STAY
    assert BOOKING_DAYS - 1 + max(LEADS) + max(NIGHTS) < HORIZON_DAYS


def test_a_schedule_hands_out_every_event_and_none_twice() -> None:
    assert schedule(7, [1, 2, 3]) == [0, 1, 3, 7]
    assert schedule(0, [1, 2, 3]) == [0, 0, 0, 0]
    busy = schedule(1_000_003, Timeline.until(date(2024, 6, 30)).demand())
    assert (len(busy), busy[0], busy[-1]) == (BOOKING_DAYS + 1, 0, 1_000_003)
    assert busy == sorted(busy)


def test_turns_split_numbers_among_shards() -> None:
    parts = [list(turns(10, 21, shard=shard, shards=3)) for shard in range(3)]
    assert parts == [[12, 15, 18], [10, 13, 16, 19], [11, 14, 17, 20]]
    assert list(range(10, 21)) == sorted(chain.from_iterable(parts))


@pytest.mark.parametrize("listings", [1, 2, 999, 200_000])
def test_the_first_listing_exists_from_the_first_day_and_most_before_the_first_booking(listings: int) -> None:
    known = arrivals(listings)
    assert known[0] >= 1
    assert listings == known[-1]
    assert known[HISTORY_DAYS - 1] >= listings / 2


def test_the_timeline_ends_where_it_should() -> None:
    timeline = Timeline.until(date(2024, 2, 29))
    assert timeline.text(timeline.last) == "2024-02-29"
    assert timeline.text(0) == "2022-03-01"
    assert len(timeline.texts()) == HORIZON_DAYS


def test_demand_grows_and_has_weekends() -> None:
    demand = Timeline.until(date(2024, 6, 30)).demand()
    assert sum(demand[366:]) > 1.2 * sum(demand[:366])
    mondays, saturdays = (sum(demand[day] for day in range(first, BOOKING_DAYS, 7)) for first in (3, 1))
    assert mondays > 1.2 * saturdays


def test_beaches_welcome_guests_in_summer_and_the_south_in_january() -> None:
    timeline = Timeline.until(date(2024, 6, 30))
    welcome = timeline.welcome()
    january, july = ((friday - timeline.first).days for friday in (date(2023, 1, 6), date(2023, 7, 7)))
    assert (welcome["beach"][january], welcome["beach"][july]) == (0.22, 1.0)
    assert (welcome["south"][january], welcome["south"][july]) == (1.0, 0.5)


def test_long_stays_cost_less_per_night() -> None:
    assert [discount_percent(nights) for nights in (1, 6, 7, 27, 28)] == [0, 0, 10, 10, 20]


def test_spools_are_woven_period_by_period(tmp_path: Path) -> None:
    spools = []
    for name, periods in {"a": (["a1\n"], [], ["a3\n"]), "b": (["b1\n", "B1\n"], ["b2 é\n"], [])}.items():
        with SpoolWriter(tmp_path / name) as writer:
            for records in periods:
                writer.segment(records)
        spools.append(writer.spool())
    weave(spools, header="h\n", path=tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "h\na1\nb1\nB1\nb2 é\na3\n"
    assert [spool.rows for spool in spools] == [2, 3]
