"""The price of live listings on each week's last day; 2024 begins on a Monday."""

from rental_etl.model.run import RuleResult
from tables.harness import Marketplace, broken_rules, day, money, rate, rows_of, version

TABLE = "average_listing_price_weekly"
JAN_1, JAN_8, JAN_15 = day("2024-01-01"), day("2024-01-08"), day("2024-01-15")


def test_the_week_s_last_day_or_as_of_decides_which_listings_and_prices_count() -> None:
    """A price of Sunday noon is Sunday's; who is deleted on Monday, or inactive from as_of's day on, is not seen."""
    marketplace = Marketplace(
        versions=[
            version(listing=1, created="2024-01-03", price="100.00"),
            version(listing=1, created="2024-01-03", modified="2024-01-14T12:00:00", price="120.00"),
            version(listing=2, created="2024-01-08", price="50.00"),
            version(listing=2, created="2024-01-08", modified="2024-01-17", price="50.00", active=False),
            version(listing=3, created="2024-01-10", price="80.10", currency="USD"),
        ],
        deleted={3: "2024-01-15"},
    )
    assert [
        (JAN_1, "EUR", 1, money("100.00"), money("100.00"), True),
        (JAN_8, "EUR", 2, money("170.00"), money("85.00"), True),
        (JAN_8, "USD", 1, money("80.10"), money("80.10"), True),
        (JAN_15, "EUR", 1, money("120.00"), money("120.00"), False),
    ] == rows_of(TABLE, marketplace, as_of="2024-01-17")


def test_of_several_versions_on_one_day_the_last_is_in_force() -> None:
    """The order is that of the effective modification, to the second."""
    versions = [
        version(modified="2024-01-05T08:00:00", price="10.00"),
        version(modified="2024-01-05T20:00:00", price="30.00"),
        version(modified="2024-01-05T09:00:00", price="20.00"),
    ]
    assert [(JAN_1, "EUR", 1, money("30.00"), money("30.00"), True)] == rows_of(
        TABLE, Marketplace(versions=versions), as_of="2024-01-07"
    )


def test_before_its_first_version_a_listing_is_live_at_that_version_s_price() -> None:
    """Created on 1 January, but first known, and inactive, from the 10th on."""
    versions = [version(created="2024-01-01", modified="2024-01-10", price="40.00", active=False)]
    assert [(JAN_1, "EUR", 1, money("40.00"), money("40.00"), True)] == rows_of(
        TABLE, Marketplace(versions=versions), as_of="2024-01-31"
    )


def test_a_listing_exists_from_the_creation_that_its_last_version_states() -> None:
    """The first week is gone, although the first version named it."""
    versions = [
        version(created="2024-01-01", price="10.00"),
        version(created="2024-01-10", modified="2024-01-12", price="10.00"),
    ]
    rows = rows_of(TABLE, Marketplace(versions=versions), as_of="2024-01-14")
    assert [(JAN_8, "EUR", 1, money("10.00"), money("10.00"), True)] == rows


def test_a_week_without_a_live_listing_has_no_row() -> None:
    """Inactive from the 9th to the 20th: the week of the 8th is left out, the weeks around it are not."""
    versions = [
        version(price="10.00"),
        version(modified="2024-01-09", price="10.00", active=False),
        version(modified="2024-01-20", price="12.00"),
    ]
    rows = rows_of(TABLE, Marketplace(versions=versions), as_of="2024-01-21")
    assert [(JAN_1, money("10.00")), (JAN_15, money("12.00"))] == [(row[0], row[3]) for row in rows]


def test_averages_round_half_away_from_zero() -> None:
    """10.00 and 10.01 are 10.005 on average."""
    versions = [version(listing=1, price="10.00"), version(listing=2, price="10.01")]
    assert [(JAN_1, "EUR", 2, money("20.01"), money("10.01"), True)] == rows_of(
        TABLE, Marketplace(versions=versions), as_of="2024-01-07"
    )


def test_the_greatest_prices_add_up() -> None:
    """Cents of the sum do not fit 64 bits."""
    versions = [version(listing=listing, price="9999999999999999.99") for listing in range(1, 12)]
    assert [(JAN_1, "EUR", 11, money("109999999999999999.89"), money("9999999999999999.99"), True)] == rows_of(
        TABLE, Marketplace(versions=versions), as_of="2024-01-07"
    )


def test_a_listing_created_after_as_of_is_not_seen() -> None:
    """Also within as_of's week."""
    assert rows_of(TABLE, Marketplace(versions=[version(created="2024-01-04")]), as_of="2024-01-03") == []


def test_no_listing_gives_no_row() -> None:
    """An empty table is not an error."""
    assert rows_of(TABLE, Marketplace(), as_of="2024-01-03") == []


CONVERTED = Marketplace(
    versions=[
        version(listing=1, price="10.00"),
        version(listing=2, price="33.33", currency="USD"),
        version(listing=3, price="33.33", currency="USD"),
    ],
    rates=[rate(on="2024-01-05", currency="USD", rate="0.9"), rate(on="2024-01-10", currency="USD", rate="0.95")],
)


def test_each_price_is_converted_at_the_rate_of_its_price_day_and_rounded_alone() -> None:
    """33.33 is 29.997 on the 7th, so 30.00 twice, and 31.6635 from the 14th on."""
    assert [
        (JAN_1, "EUR", 3, money("70.00"), money("23.33"), True),
        (JAN_8, "EUR", 3, money("73.32"), money("24.44"), True),
        (JAN_15, "EUR", 3, money("73.32"), money("24.44"), False),
    ] == rows_of(TABLE, CONVERTED, as_of="2024-01-16", reporting_currency="EUR")


def test_a_listing_without_a_rate_leaves_the_week_and_is_reported() -> None:
    """The rate of the 8th comes a day late for the week before."""
    marketplace = Marketplace(
        versions=CONVERTED.versions, rates=[rate(on="2024-01-08", currency="USD", rate="1.00000000")]
    )
    rows = rows_of(TABLE, marketplace, as_of="2024-01-14", reporting_currency="EUR")
    assert [(JAN_1, 1, money("10.00")), (JAN_8, 3, money("76.66"))] == [(row[0], row[2], row[3]) for row in rows]
    assert [RuleResult(TABLE, "no_rate", "currency", "warn", 2)] == broken_rules(
        TABLE, marketplace, as_of="2024-01-14", reporting_currency="EUR"
    )


def test_nothing_is_reported_when_every_listing_has_a_rate_or_none_is_wanted() -> None:
    """The reporting currency itself converts at 1, whatever the rates say."""
    assert broken_rules(TABLE, CONVERTED, as_of="2024-01-16", reporting_currency="EUR") == []
    assert broken_rules(TABLE, CONVERTED, as_of="2024-01-16") == []


def test_the_reporting_currency_converts_at_one() -> None:
    """A rate of the reporting currency is ignored."""
    marketplace = Marketplace(
        versions=[version(price="10.00")], rates=[rate(on="2024-01-01", currency="EUR", rate="2")]
    )
    assert [(JAN_1, "EUR", 1, money("10.00"), money("10.00"), True)] == rows_of(
        TABLE, marketplace, as_of="2024-01-07", reporting_currency="eur"
    )


def test_prices_on_either_side_of_64_bits_are_converted_alike() -> None:
    """Two listings at 9,999,999.99 are 899,999,999.00 each at 89.99999999, 899,999,999.10 at 90."""
    versions = [version(listing=listing, price="9999999.99", currency="USD") for listing in (1, 2)]
    for one, total in (("89.99999999", "1799999998.00"), ("90", "1799999998.20")):
        rates = [rate(on="2024-01-01", currency="USD", rate=one)]
        rows = rows_of(TABLE, Marketplace(versions=versions, rates=rates), as_of="2024-01-07", reporting_currency="EUR")
        assert [(2, money(total))] == [(row[2], row[3]) for row in rows]


def test_a_converted_price_beyond_sixteen_digits_is_still_counted() -> None:
    """Only amounts of bookings are kept as money; what is summed here has room for 36 digits."""
    marketplace = Marketplace(
        versions=[
            version(listing=1, price="5000000000000000.00", currency="USD"),
            version(listing=2, price="4999999999999999.99", currency="USD"),
        ],
        rates=[rate(on="2024-01-01", currency="USD", rate="2")],
    )
    assert [
        (JAN_1, "EUR", 2, money("19999999999999999.98"), money("9999999999999999.99"), True),
    ] == rows_of(TABLE, marketplace, as_of="2024-01-07", reporting_currency="EUR")
    assert broken_rules(TABLE, marketplace, as_of="2024-01-07", reporting_currency="EUR") == []
