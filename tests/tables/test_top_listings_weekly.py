"""The listings that earned most in each week."""

from rental_etl.model.run import RuleResult
from tables.harness import Marketplace, booking, broken_rules, day, money, place, rate, rows_of, version

TABLE = "top_listings_weekly"
JAN_1, JAN_8 = day("2024-01-01"), day("2024-01-08")


def test_ties_at_the_last_rank_all_stay_and_the_next_is_skipped() -> None:
    """Revenues 30, 20, 20, 10 with two ranks to show: three rows; 30 come from two bookings."""
    marketplace = Marketplace(
        versions=[version(listing=1, title="Loft"), version(listing=2)],
        places=[place(listing=1, state="NW", city="Bonn"), place(listing=3, state="NW")],
        bookings=[
            booking(booked="2024-01-01", listing=1, price="10.00"),
            booking(booked="2024-01-07T23:59:59", listing=1, price="20.00"),
            booking(booked="2024-01-02", listing=2, price="20.00"),
            booking(booked="2024-01-02", listing=3, price="20.00", status="completed"),
            booking(booked="2024-01-02", listing=4, price="10.00"),
            booking(booked="2024-01-02", listing=4, price="90.00", status="canceled"),
        ],
    )
    assert [
        (JAN_1, "EUR", 1, "Loft", "Bonn", 2, money("30.00"), 1, True),
        (JAN_1, "EUR", 2, None, "unknown", 1, money("20.00"), 2, True),
        (JAN_1, "EUR", 3, None, "unknown", 1, money("20.00"), 2, True),
    ] == rows_of(TABLE, marketplace, as_of="2024-01-07", top_n=2)


def test_ties_before_the_last_rank_use_up_ranks() -> None:
    """20, 20, 10 with two ranks to show: 10 would be third."""
    bookings = [
        booking(booked="2024-01-01", listing=listing, price=price)
        for listing, price in [(1, "20.00"), (2, "20.00"), (3, "10.00")]
    ]
    rows = rows_of(TABLE, Marketplace(bookings=bookings), as_of="2024-01-07", top_n=2)
    assert [(row[2], row[7]) for row in rows] == [(1, 1), (2, 1)]


def test_every_week_and_currency_has_its_own_top() -> None:
    """Ten ranks are shown by default; ids far apart share the groups that ranking is spared by."""
    bookings = [
        booking(booked="2024-01-01", listing=1009 * 80 * number, price=f"{number}.00") for number in range(1, 13)
    ]
    bookings += [
        booking(booked="2024-01-01", listing=5, price="1.00", currency="USD"),
        booking(booked="2024-01-08", listing=5, price="1.00"),
    ]
    rows = rows_of(TABLE, Marketplace(bookings=bookings), as_of="2024-01-13")
    first = [(JAN_1, "EUR", 1009 * 80 * number, 13 - number, True) for number in range(3, 13)]
    assert [*first, (JAN_1, "USD", 5, 1, True), (JAN_8, "EUR", 5, 1, False)] == [
        (row[0], row[1], row[2], row[7], row[8]) for row in rows
    ]


def test_each_price_is_converted_at_the_rate_of_its_booking_day_and_rounded_alone() -> None:
    """0.05 USD at 0.5 are 0.025, so 0.03, twice 0.06; the third booking comes before the first rate and is reported."""
    marketplace = Marketplace(
        bookings=[
            booking(booked="2024-01-03T23:00:00", listing=1, price="0.05", currency="USD"),
            booking(booked="2024-01-04", listing=1, price="0.05", currency="USD"),
            booking(booked="2024-01-01", listing=2, price="9.00", currency="USD"),
            booking(booked="2024-01-01", listing=3, price="0.06"),
            booking(booked="2024-01-01", listing=4, price="5.00", currency="USD", status="canceled"),
        ],
        rates=[rate(on="2024-01-03", currency="USD", rate="0.5")],
    )
    assert [
        (JAN_1, "EUR", 1, None, "unknown", 2, money("0.06"), 1, True),
        (JAN_1, "EUR", 3, None, "unknown", 1, money("0.06"), 1, True),
    ] == rows_of(TABLE, marketplace, as_of="2024-01-07", reporting_currency="EUR")
    assert [RuleResult(TABLE, "no_rate", "currency", "warn", 1)] == broken_rules(
        TABLE, marketplace, as_of="2024-01-07", reporting_currency="EUR"
    )


def test_an_amount_that_money_cannot_hold_after_conversion_is_left_out_and_reported() -> None:
    """Money has sixteen digits before the point."""
    marketplace = Marketplace(
        bookings=[booking(booked="2024-01-03", price="9999999999999999.99", currency="USD")],
        rates=[rate(on="2024-01-03", currency="USD", rate="9999999999.99999999")],
    )
    assert rows_of(TABLE, marketplace, as_of="2024-01-07", reporting_currency="EUR") == []
    assert [
        result.rows for result in broken_rules(TABLE, marketplace, as_of="2024-01-07", reporting_currency="EUR")
    ] == [1]


def test_amounts_on_either_side_of_64_bits_are_converted_alike() -> None:
    """9,999,999.99 at 89.99999999 are 899,999,999.0000000001: the greatest product that is converted by integers; the others are by decimals."""
    cases = [("9999999.99", "89.99999999"), ("9999999.99", "90"), ("10000000.00", "89.99999999"), ("0.01", "1000000.5")]
    found = [
        rows_of(
            TABLE,
            Marketplace(
                bookings=[booking(booked="2024-01-03", price=price, currency="USD")],
                rates=[rate(on="2024-01-03", currency="USD", rate=one)],
            ),
            as_of="2024-01-07",
            reporting_currency="EUR",
        )[0][6]
        for price, one in cases
    ]
    assert [money("899999999.00"), money("899999999.10"), money("899999999.90"), money("10000.01")] == found


def test_no_booking_gives_no_row() -> None:
    """An empty table is not an error."""
    assert rows_of(TABLE, Marketplace(versions=[version()]), as_of="2024-01-07") == []
