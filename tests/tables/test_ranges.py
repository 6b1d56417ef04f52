"""Changes of several commits, the ends of the data, and the periods they lead to."""

from datetime import date

from rental_etl.jobs.ranges import WHOLE, Span, hull, merge_changes, moved_range, span_to_recompute
from rental_etl.tables.models import presentation_models
from rental_etl.tables.render import END, START


def test_commits_are_merged_to_the_hull_of_their_days() -> None:
    """Days between two changes are recomputed with them."""
    commits = [
        {"bookings.night": ["2024-03-01", "2024-03-09"]},
        {"bookings.night": ["2024-01-05", "2024-02-01"], "user_viewing.view_day": ["2024-01-01", "2024-01-01"]},
    ]
    assert merge_changes(commits) == {
        "bookings.night": ["2024-01-05", "2024-03-09"],
        "user_viewing.view_day": ["2024-01-01", "2024-01-01"],
    }


def test_a_change_of_every_day_in_one_commit_is_not_narrowed_by_another() -> None:
    """Whichever comes first."""
    everything: dict[str, list[str]] = {"range.last_night": []}
    some = {"range.last_night": ["2024-01-05", "2024-02-01"]}
    assert merge_changes([everything, some]) == {"range.last_night": []}
    assert merge_changes([some, everything]) == {"range.last_night": []}


def test_an_end_that_moved_names_where_it_was_and_where_it_is() -> None:
    """In order of days; an end that came or went has no other day, and one that stayed is not named."""
    before = {"first_booking_day": "2024-03-01", "first_available_night": None, "last_night": "2024-06-30"}
    now = {"first_booking_day": "2024-01-01", "first_available_night": "2024-01-01", "last_night": "2024-06-30"}
    assert moved_range(before, now) == {
        "range.first_booking_day": ["2024-01-01", "2024-03-01"],
        "range.first_available_night": [],
    }


def test_the_hull_of_no_span_is_none() -> None:
    """Models that are not computed do not widen what is shared."""
    january, march = Span(date(2024, 1, 1), date(2024, 1, 1)), Span(date(2024, 3, 1), date(2024, 3, 1))
    assert hull([None, None]) is None
    assert Span(date(2024, 1, 1), date(2024, 3, 1)) == hull([march, None, january])


def test_days_at_the_ends_of_the_calendar_do_not_overflow() -> None:
    """as_of is whatever the user says."""
    span = span_to_recompute(
        presentation_models()["view_conversion_weekly"],
        changes={},
        as_of_before=date(1, 1, 1),
        as_of=date(9999, 12, 31),
        converts=False,
    )
    assert Span(START, date(9000, 12, 29)) == span
    assert Span(START, END) == WHOLE
