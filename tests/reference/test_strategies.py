"""The strategies find what they are there to find, and the reference keeps SPEC's invariants on it."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from reference.facts import Facts, facts_of
from reference.marketplace import Marketplace, Outcome
from reference.metrics import METRICS
from reference.strategies import Story, stories

quick = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def told(story: Story) -> tuple[Outcome, Facts]:
    """The last run's outcome, and the facts for its as_of."""
    marketplace = Marketplace(story.quality)
    outcome = [marketplace.run(run) for run in story.runs][-1]
    last = story.runs[-1]
    return outcome, facts_of(outcome.state, settings=last.metrics, as_of=last.as_of)


def overlapping(story: Story) -> bool:
    nights = [(booking.listing, night) for booking in told(story)[1].confirmed for night in booking.nights]
    return len(nights) > len(set(nights))


def quarantined_key_in_force(story: Story) -> bool:
    marketplace = Marketplace(story.quality)
    outcome = [marketplace.run(run) for run in story.runs][-1]
    return any(
        not row.valid and any(held.values["booking_id"] in (row.key or ()) for held in outcome.state.rows("bookings"))
        for batch in outcome.landed
        if batch.table == "bookings" and batch.number > 1
        for row in batch.rows
    )


WANTED: dict[str, Callable[[Story], bool]] = {
    "a deleted listing": lambda story: bool(told(story)[0].state.deleted),
    "a refused batch": lambda story: bool(told(story)[0].refused),
    "two versions of a listing": lambda story: any(
        len(known.versions) > 1 for known in told(story)[1].listings.values()
    ),
    "overlapping confirmed stays": overlapping,
    "an unknown listing booked": lambda story: any(
        booking.listing not in told(story)[1].listings for booking in told(story)[1].confirmed
    ),
    "a tie for the first rank": lambda story: (
        len([row for row in METRICS["popular_locations_weekly"](told(story)[1]) if row[5] == 1 and row[3] > 1]) > 1
    ),
    "money without a rate": lambda story: any(
        told(story)[1].money(booking.total, currency=booking.currency, day=booking.day) is None
        for booking in told(story)[1].confirmed
    ),
    "a quarantined key whose last valid version stays": quarantined_key_in_force,
}


@pytest.mark.parametrize("wanted", WANTED)
def test_stories_contain_what_is_hard(wanted: str) -> None:
    hunt = settings(quick, max_examples=2000, phases=(Phase.generate,))
    assert isinstance(find(stories(), WANTED[wanted], settings=hunt), Story)


@given(stories(max_runs=2))
@quick
def test_the_reference_keeps_the_invariants(story: Story) -> None:
    _, facts = told(story)
    for row in METRICS["occupancy_rate_monthly"](facts):
        assert row[3] is None or 0 <= row[3] <= 1
    earned: dict[str, Decimal] = {}
    for row in METRICS["revenue_monthly"](facts):
        earned[row[1]] = earned.get(row[1], Decimal()) + row[3]
    priced: dict[str, Fraction] = {}
    for booking in facts.confirmed:
        money = facts.money(booking.total, currency=booking.currency, day=booking.day)
        if money is not None:
            priced[money[0]] = priced.get(money[0], Fraction()) + Fraction(money[1])
    assert {code: total for code, total in priced.items() if total} == {
        code: Fraction(total) for code, total in earned.items() if total
    }
