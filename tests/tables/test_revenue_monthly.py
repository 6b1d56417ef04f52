"""What nights earned, per sold and per available night."""

from rental_etl.model.run import RuleResult
from tables.harness import Marketplace, booking, broken_rules, day, money, rate, rows_of, version

TABLE = "revenue_monthly"
JAN, FEB, MAR, APR = (day(f"2024-0{month}-01") for month in range(1, 5))
ZERO = money("0.00")
ACROSS = Marketplace(
    versions=[version(created="2024-03-29")],
    bookings=[booking(booked="2024-01-01", stay="2024-03-30/2024-04-02", price="100.00", currency="USD")],
)


def test_the_cents_of_the_months_add_up_and_nights_are_available_in_the_currency_they_are_booked_in() -> None:
    """Two of three nights carry round(66.666...); the free nights stay in the listing's currency, without an adr."""
    assert [
        (MAR, "EUR", 0, ZERO, None, 1, ZERO, True),
        (MAR, "USD", 2, money("66.67"), money("33.34"), 2, money("33.34"), True),
        (APR, "EUR", 0, ZERO, None, 29, ZERO, False),
        (APR, "USD", 1, money("33.33"), money("33.33"), 1, money("33.33"), False),
    ] == rows_of(TABLE, ACROSS, as_of="2024-03-31")


def test_a_stay_over_three_months_gives_each_its_share() -> None:
    """Of 31 nights one carries 32 cents, thirty carry 968, all carry 1000."""
    stays = [booking(booked="2024-01-01", stay="2024-01-31/2024-03-02", price="10.00")]
    assert [
        (JAN, "EUR", 1, money("0.32"), money("0.32"), 1, money("0.32"), True),
        (FEB, "EUR", 29, money("9.36"), money("0.32"), 29, money("0.32"), True),
        (MAR, "EUR", 1, money("0.32"), money("0.32"), 1, money("0.32"), False),
    ] == rows_of(TABLE, Marketplace(bookings=stays), as_of="2024-03-01")


def test_a_double_booking_sells_a_night_twice_that_is_available_once() -> None:
    """15.00 and 20.00 for the same two nights; a third stay shares one more with the second."""
    stays = [
        booking(booked="2024-01-01", stay="2024-01-10/2024-01-12", price="15.00"),
        booking(booked="2024-01-01", stay="2024-01-10/2024-01-12", price="20.00", status="completed"),
        booking(booked="2024-01-01", stay="2024-01-11/2024-01-13", price="5.00"),
        booking(booked="2024-01-01", stay="2024-01-10/2024-01-13", price="99.00", status="canceled"),
    ]
    assert [(JAN, "EUR", 6, money("40.00"), money("6.67"), 3, money("13.33"), True)] == rows_of(
        TABLE, Marketplace(bookings=stays), as_of="2024-01-31"
    )


def test_a_night_booked_in_two_currencies_is_available_in_both() -> None:
    """The listing's own currency has only its thirty free nights left."""
    marketplace = Marketplace(
        versions=[version(currency="CHF")],
        bookings=[
            booking(booked="2024-01-01", stay="2024-01-31/2024-02-01", price="10.00", currency="EUR"),
            booking(booked="2024-01-01", stay="2024-01-31/2024-02-01", price="20.00", currency="USD"),
        ],
    )
    assert [
        (JAN, "CHF", 0, ZERO, None, 30, ZERO, True),
        (JAN, "EUR", 1, money("10.00"), money("10.00"), 1, money("10.00"), True),
        (JAN, "USD", 1, money("20.00"), money("20.00"), 1, money("20.00"), True),
    ] == rows_of(TABLE, marketplace, as_of="2024-01-31")


def test_free_nights_follow_the_currency_of_the_version_in_force() -> None:
    """The listing changes from EUR to USD on the 11th."""
    versions = [version(), version(modified="2024-01-11", currency="USD")]
    rows = rows_of(TABLE, Marketplace(versions=versions), as_of="2024-01-31")
    assert [(row[1], row[5]) for row in rows] == [("EUR", 10), ("USD", 21)]


def test_the_reporting_currency_has_every_available_night_and_each_price_converted_once() -> None:
    """100.00 USD at the rate of the booking day are 91.26 EUR: round(60.84) for two nights of three."""
    marketplace = Marketplace(
        versions=ACROSS.versions,
        bookings=ACROSS.bookings,
        rates=[rate(on="2023-12-30", currency="USD", rate="0.91256"), rate(on="2024-01-02", currency="USD", rate="2")],
    )
    assert [
        (MAR, "EUR", 2, money("60.84"), money("30.42"), 3, money("20.28"), True),
        (APR, "EUR", 1, money("30.42"), money("30.42"), 30, money("1.01"), False),
    ] == rows_of(TABLE, marketplace, as_of="2024-03-31", reporting_currency="EUR")


def test_a_booking_without_a_rate_leaves_nights_sold_and_is_reported() -> None:
    """The first rate comes a day after the booking; the nights were available all the same."""
    marketplace = Marketplace(
        versions=ACROSS.versions,
        bookings=ACROSS.bookings,
        rates=[rate(on="2024-01-02", currency="USD", rate="1")],
    )
    assert rows_of(TABLE, marketplace, as_of="2024-03-31", reporting_currency="EUR") == [
        (MAR, "EUR", 0, ZERO, None, 3, ZERO, True),
        (APR, "EUR", 0, ZERO, None, 30, ZERO, False),
    ]
    assert [RuleResult(TABLE, "no_rate", "currency", "warn", 1)] == broken_rules(
        TABLE, marketplace, as_of="2024-03-31", reporting_currency="EUR"
    )
    assert broken_rules(TABLE, marketplace, as_of="2024-03-31") == []


def test_an_amount_beyond_sixteen_digits_leaves_revenue_and_nights_sold_and_is_reported() -> None:
    """At 1.99999999 listing 1's 5,000,000,000,000,000.00 USD still fit; at 2 listing 2's do not. Its night stays available."""
    marketplace = Marketplace(
        versions=[version(listing=1, created="2024-01-31"), version(listing=2, created="2024-01-31")],
        bookings=[
            booking(
                booked="2024-01-02",
                listing=1,
                stay="2024-01-31/2024-02-01",
                price="5000000000000000.00",
                currency="USD",
            ),
            booking(
                booked="2024-01-03",
                listing=2,
                stay="2024-01-31/2024-02-01",
                price="5000000000000000.00",
                currency="USD",
            ),
        ],
        rates=[
            rate(on="2024-01-02", currency="USD", rate="1.99999999"),
            rate(on="2024-01-03", currency="USD", rate="2"),
        ],
    )
    revenue = money("9999999950000000.00")
    assert [(JAN, "EUR", 1, revenue, revenue, 2, money("4999999975000000.00"), True)] == rows_of(
        TABLE, marketplace, as_of="2024-01-31", reporting_currency="EUR"
    )
    assert [RuleResult(TABLE, "no_rate", "currency", "warn", 1)] == broken_rules(
        TABLE, marketplace, as_of="2024-01-31", reporting_currency="EUR"
    )


def test_the_greatest_prices_are_spread_and_added() -> None:
    """Cents of two such stays do not fit 64 bits, nor do those of one spread by doubled products."""
    stays = [
        booking(booked="2024-01-01", listing=listing, stay="2024-01-31/2024-02-02", price="9999999999999999.99")
        for listing in range(1, 13)
    ]
    assert [
        (JAN, "EUR", 12, money("60000000000000000.00"), money("5000000000000000.00"), 12, money("5000000000000000.00")),
        (FEB, "EUR", 12, money("59999999999999999.88"), money("4999999999999999.99"), 12, money("4999999999999999.99")),
    ] == [row[:7] for row in rows_of(TABLE, Marketplace(bookings=stays), as_of="2024-02-29")]


def test_a_free_stay_sells_nights_for_nothing() -> None:
    """Zero is an adr; only a missing denominator is null."""
    stays = [booking(booked="2024-01-01", stay="2024-01-30/2024-02-02", price="0.00")]
    assert rows_of(TABLE, Marketplace(bookings=stays), as_of="2024-01-31") == [
        (JAN, "EUR", 2, ZERO, ZERO, 2, ZERO, True),
        (FEB, "EUR", 1, ZERO, ZERO, 1, ZERO, False),
    ]


def test_nothing_sold_or_available_gives_no_row() -> None:
    """Months without a night have no row, unlike those of occupancy."""
    stays = [
        booking(booked="2024-01-01", stay="2024-01-31/2024-02-01"),
        booking(booked="2024-01-01", stay="2024-03-01/2024-03-02"),
    ]
    assert [row[0] for row in rows_of(TABLE, Marketplace(bookings=stays), as_of="2024-01-31")] == [JAN, MAR]
    assert rows_of(TABLE, Marketplace(), as_of="2024-01-31") == []
