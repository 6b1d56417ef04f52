"""Which of the (user, listing) pairs seen in a week were booked within 30 days."""

from tables.harness import Marketplace, booking, day, money, rows_of, view

TABLE = "view_conversion_weekly"
JAN_1, JAN_8 = day("2024-01-01"), day("2024-01-08")


def test_a_booking_counts_from_the_first_view_day_of_the_week_to_29_days_later() -> None:
    """Users 1 and 2 saw listing 1 on the 1st: the 30th is in time, the 31st is not; user 3 booked hours before the view, on its day; user 4 the day before."""
    marketplace = Marketplace(
        views=[view(at="2024-01-01T20:00:00", user=user) for user in range(1, 5)],
        bookings=[
            booking(user=1, booked="2024-01-30T23:59:59"),
            booking(user=2, booked="2024-01-31T00:00:00"),
            booking(user=3, booked="2024-01-01T08:00:00", status="completed"),
            booking(user=4, booked="2023-12-31T23:59:59"),
        ],
    )
    assert [(JAN_1, 4, 4, 0, 4, 2, money("0.500000"), False)] == rows_of(TABLE, marketplace, as_of="2024-02-04")


def test_pairs_are_counted_once_a_week_and_views_each_time() -> None:
    """User 1 sees listing 1 three times and listing 2 once in the first week, again in the second; wish-listed views count as views do."""
    marketplace = Marketplace(
        views=[
            view(at="2024-01-02", user=1, listing=1, wishlisted=True),
            view(at="2024-01-02", user=1, listing=1, wishlisted=True),
            view(at="2024-01-07T23:59:59", user=1, listing=1, wishlisted=False),
            view(at="2024-01-03", user=1, listing=2),
            view(at="2024-01-03", user=2, listing=2),
            view(at="2024-01-08", user=1, listing=1),
        ],
        bookings=[
            booking(user=1, listing=1, booked="2024-02-02"),
            booking(user=1, listing=1, booked="2024-02-03"),
            booking(user=2, listing=2, booked="2024-01-04", status="canceled"),
            booking(user=2, listing=1, booked="2024-01-04"),
        ],
    )
    assert [
        (JAN_1, 5, 2, 2, 3, 0, money("0.000000"), True),
        (JAN_8, 1, 1, 0, 1, 1, money("1.000000"), False),
    ] == rows_of(TABLE, marketplace, as_of="2024-02-05")


def test_a_later_view_of_the_week_does_not_move_the_window() -> None:
    """Seen on Monday and Sunday: 30 days from Monday end before 30 days from Sunday do."""
    marketplace = Marketplace(
        views=[view(at="2024-01-01"), view(at="2024-01-07"), view(at="2024-01-01", listing=2)],
        bookings=[booking(booked="2024-01-31"), booking(booked="2024-01-05", listing=2)],
    )
    assert [(JAN_1, 3, 1, 0, 2, 1, money("0.500000"), True)] == rows_of(TABLE, marketplace, as_of="2024-03-01")


def test_a_week_is_complete_when_the_days_of_its_last_pair_are_over() -> None:
    """A pair of Sunday can convert until day 35 after the Monday."""
    marketplace = Marketplace(views=[view(at="2024-01-07")])
    assert [
        [row[-1] for row in rows_of(TABLE, marketplace, as_of=as_of)] for as_of in ("2024-02-04", "2024-02-05")
    ] == [[False], [True]]


def test_no_view_gives_no_row() -> None:
    """Bookings without a view convert nothing."""
    assert rows_of(TABLE, Marketplace(bookings=[booking(booked="2024-01-05")]), as_of="2024-01-31") == []
