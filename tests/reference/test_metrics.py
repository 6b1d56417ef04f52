"""The reference's twelve tables, on cases worked by hand from SPEC section 3."""

from datetime import date
from decimal import Decimal

from reference.deliveries import Metrics, Run
from reference.facts import Facts, facts_of
from reference.marketplace import Marketplace
from reference.metrics import METRICS, presentation
from reference.nights import Rows, spread
from reference.rows import TextRow, apartment, attributes, booking, delivery, rate, view

JANUARY, FEBRUARY, MARCH = date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)


def facts(as_of: date, *, settings: Metrics | None = None, **tables: list[TextRow]) -> Facts:
    """Facts of one full delivery, in the dates' own year."""
    deliveries = {name: delivery("full", name, rows) for name, rows in tables.items()}
    state = Marketplace().run(Run(as_of, deliveries)).state
    return facts_of(state, settings=settings or Metrics(), as_of=as_of)


def table(name: str, known: Facts) -> Rows:
    return sorted(METRICS[name](known), key=lambda row: [(cell is not None, cell) for cell in row[:3]])


def money(text: str) -> Decimal:
    return Decimal(text)


def test_average_price_takes_the_version_in_force_on_sunday_or_as_of() -> None:
    known = facts(
        date(2024, 1, 17),
        apartments=[
            apartment("1", price="100.00"),
            apartment("1", price="200.01", last_modified_timestamp="2024-01-16"),
            apartment("2", price="50.00", listing_created_on="2024-01-08 09:00:00"),
            apartment("3", currency="EUR", is_active="false"),
        ],
    )
    assert [
        (JANUARY, "USD", 1, money("100.00"), money("100.00"), True),
        (date(2024, 1, 8), "USD", 2, money("150.00"), money("75.00"), True),
        (date(2024, 1, 15), "USD", 2, money("250.01"), money("125.01"), False),
    ] == table("average_listing_price_weekly", known)


def test_before_its_first_version_a_listing_is_active_at_that_version_s_price() -> None:
    known = facts(
        date(2024, 1, 14),
        apartments=[apartment("1", is_active="false", last_modified_timestamp="2024-01-10")],
    )
    assert [(JANUARY, "USD", 1, money("100.00"), money("100.00"), True)] == table("average_listing_price_weekly", known)


def test_occupancy_counts_a_double_booked_night_once_and_an_unknown_listing_where_it_is_booked() -> None:
    known = facts(
        date(2024, 2, 10),
        apartments=[apartment("1", listing_created_on="2024-01-30")],
        bookings=[
            booking("1", checkin_date="2024-01-30", checkout_date="2024-02-02"),
            booking("2", checkin_date="2024-01-31", checkout_date="2024-02-01"),
            booking("3", apartment_id="9", checkin_date="2024-02-29", checkout_date="2024-03-01"),
            booking("4", booking_status="canceled", checkin_date="2024-02-10", checkout_date="2024-02-20"),
        ],
    )
    assert [
        (JANUARY, 2, 2, money("1.000000"), True),
        (FEBRUARY, 30, 2, money("0.066667"), False),
    ] == table("occupancy_rate_monthly", known)


def test_months_without_an_available_night_stay_in_the_range_but_not_in_a_city() -> None:
    known = facts(
        date(2024, 3, 31),
        apartments=[apartment("1", is_active="false"), apartment("1", last_modified_timestamp="2024-03-30")],
        apartment_attributes=[attributes("9", cityname="", state="TX")],
        bookings=[booking("1", apartment_id="9", checkin_date="2024-01-12", checkout_date="2024-01-13")],
    )
    assert [
        (JANUARY, 1, 1, money("1.000000"), True),
        (FEBRUARY, 0, 0, None, True),
        (MARCH, 2, 0, money("0.000000"), True),
    ] == table("occupancy_rate_monthly", known)
    assert [
        (JANUARY, "TX", "unknown", 1, 1, money("1.000000"), True),
        (MARCH, "unknown", "unknown", 2, 0, money("0.000000"), True),
    ] == table("occupancy_rate_monthly_by_city", known)


def test_a_deleted_listing_is_inactive_from_the_batch_s_day() -> None:
    marketplace = Marketplace()
    both = [apartment("1"), apartment("2")]
    marketplace.run(Run(date(2024, 1, 10), {"apartments": delivery("full", "apartments", both)}))
    outcome = marketplace.run(Run(date(2024, 1, 21), {"apartments": delivery("full", "apartments", both[:1])}))
    known = facts_of(outcome.state, settings=Metrics(), as_of=date(2024, 1, 21))
    assert [row[2] for row in table("average_listing_price_weekly", known)] == [2, 2, 1]
    assert METRICS["occupancy_rate_monthly"](known)[0][1] == 31 + 20


def test_repeat_customers_of_thirty_days() -> None:
    known = facts(
        date(2024, 2, 9),
        bookings=[
            booking("1", booking_date="2024-01-10"),
            booking("2", booking_date="2024-02-08"),
            booking("3", booking_date="2024-02-08", user_id="2"),
            booking("4", booking_date="2024-02-08", booking_status="pending", user_id="2"),
        ],
    )
    rows = table("repeat_customer_rate_daily", known)
    assert len(rows) == 31
    assert (date(2024, 2, 7), 1, 0, money("0.000000"), False) == rows[28]
    assert (date(2024, 2, 8), 2, 1, money("0.500000"), True) == rows[29]
    assert (date(2024, 2, 9), 2, 0, money("0.000000"), True) == rows[30]


def test_popular_locations_share_ranks_and_skip_the_next() -> None:
    known = facts(
        date(2024, 1, 14),
        apartment_attributes=[
            attributes("1"),
            attributes("2", cityname="Boston", state="MA"),
            attributes("3", state="CA"),
        ],
        bookings=[
            booking("1"),
            booking("2", booking_date="2024-01-14 23:59:59", checkout_date="2024-01-13"),
            booking("3", apartment_id="2"),
            booking("4", apartment_id="2"),
            booking("5", apartment_id="3"),
        ],
    )
    week = date(2024, 1, 8)
    assert [
        (week, "CA", "Austin", 1, 2, 3, True),
        (week, "MA", "Boston", 2, 4, 1, True),
        (week, "TX", "Austin", 2, 3, 1, True),
    ] == table("popular_locations_weekly", known)


def test_top_listings_keep_ties_at_the_last_rank() -> None:
    known = facts(
        date(2024, 1, 13),
        settings=Metrics(top_n=2),
        apartments=[apartment("1"), apartment("1", title="new", last_modified_timestamp="2024-05-01")],
        bookings=[
            booking("1"),
            booking("2", apartment_id="2", total_price="100"),
            booking("3", apartment_id="2", total_price="100"),
            booking("4", apartment_id="3", total_price="199.99"),
            booking("5", apartment_id="4", currency="EUR", total_price="0"),
        ],
    )
    week = date(2024, 1, 8)
    assert [
        (week, "EUR", 4, None, "unknown", 1, money("0.00"), 1, False),
        (week, "USD", 1, "new", "unknown", 1, money("200.00"), 1, False),
        (week, "USD", 2, None, "unknown", 2, money("200.00"), 1, False),
    ] == table("top_listings_weekly", known)


def test_bookings_per_user_and_cancellations_count_every_status() -> None:
    known = facts(
        date(2024, 1, 31),
        bookings=[
            booking("1"),
            booking("2", booking_status="Cancelled"),
            booking("3", booking_status="pending"),
            booking("4", user_id="2", booking_date="2024-01-07 23:00:00"),
        ],
    )
    assert [(JANUARY, 2, 1, 1, 0, True), (date(2024, 1, 8), 1, 3, 1, 1, True)] == table(
        "bookings_per_user_weekly", known
    )
    assert [(JANUARY, 4, 1, money("0.250000"), True)] == table("cancellation_rate_monthly", known)


def test_duration_is_by_check_in_and_lead_time_by_booking_day() -> None:
    known = facts(
        date(2024, 2, 28),
        bookings=[
            booking("1", booking_date="2024-01-31", checkin_date="2024-02-01", checkout_date="2024-02-04"),
            booking("2", booking_date="2024-01-31", checkin_date="2024-02-29", checkout_date="2024-03-02"),
            booking("3", booking_date="2024-01-31 10:00:00", checkin_date="2024-01-31", checkout_date="2024-02-01"),
            booking("4", booking_date="2024-02-01", checkin_date="2024-01-31", checkout_date="2024-02-01"),
        ],
    )
    assert [(JANUARY, 2, 2, money("1.00"), True), (FEBRUARY, 2, 5, money("2.50"), False)] == table(
        "average_booking_duration_monthly", known
    )
    assert [(JANUARY, 3, 30, money("10.00"), True)] == table("booking_lead_time_monthly", known)


def test_a_price_is_spread_over_nights_to_the_last_cent() -> None:
    nights = [date(2024, 1, 30), date(2024, 1, 31), FEBRUARY]
    assert [money("0.33"), money("0.34"), money("0.33")] == [share for _, share in spread(money("1.00"), nights)]
    assert [money("0.00"), money("0.01"), money("0.00")] == [share for _, share in spread(money("0.01"), nights)]


def test_revenue_by_month_and_currency() -> None:
    known = facts(
        date(2024, 2, 29),
        apartments=[apartment("1", listing_created_on="2024-01-30"), apartment("2", is_active="false", currency="GBP")],
        bookings=[
            booking("1", checkin_date="2024-01-30", checkout_date="2024-02-02", total_price="1.00"),
            booking("2", checkin_date="2024-01-31", checkout_date="2024-02-01", total_price="5.00", currency="EUR"),
            booking("3", checkin_date="2024-01-31", checkout_date="2024-02-01", total_price="0.50"),
            booking("4", apartment_id="2", checkin_date="2024-02-29", checkout_date="2024-03-01", currency="EUR"),
        ],
    )
    assert [
        (JANUARY, "EUR", 1, money("5.00"), money("5.00"), 1, money("5.00"), True),
        (JANUARY, "USD", 3, money("1.17"), money("0.39"), 2, money("0.59"), True),
        (FEBRUARY, "EUR", 1, money("200.00"), money("200.00"), 1, money("200.00"), True),
        (FEBRUARY, "USD", 1, money("0.33"), money("0.33"), 29, money("0.01"), True),
    ] == table("revenue_monthly", known)


def test_money_is_converted_at_the_last_rate_on_or_before_its_day() -> None:
    known = facts(
        date(2024, 1, 20),
        settings=Metrics(reporting_currency="USD"),
        apartments=[apartment("1", currency="EUR", price="10.01"), apartment("2", currency="GBP"), apartment("3")],
        bookings=[
            booking("1", currency="EUR", total_price="0.01"),
            booking("2", currency="EUR", total_price="7.00", booking_date="2024-01-09"),
            booking("3", currency="USD", total_price="1.00", checkin_date="2024-01-11"),
        ],
        fx_rates=[rate("2024-01-10", "EUR", "1.5"), rate("2024-01-18", "EUR", "2"), rate("2024-01-01", "USD", "9")],
    )
    assert [
        (JANUARY, "USD", 1, money("100.00"), money("100.00"), True),
        (date(2024, 1, 8), "USD", 2, money("115.02"), money("57.51"), True),
        (date(2024, 1, 15), "USD", 2, money("120.02"), money("60.01"), False),
    ] == table("average_listing_price_weekly", known)
    assert [(date(2024, 1, 8), "USD", 1, "Flat 1", "unknown", 2, money("1.02"), 1, True)] == table(
        "top_listings_weekly", known
    )
    assert [(JANUARY, "USD", 5, money("1.02"), money("0.20"), 93, money("0.01"), False)] == table(
        "revenue_monthly", known
    )


def test_conversion_counts_pairs_from_the_first_view_of_the_week() -> None:
    known = facts(
        date(2024, 2, 5),
        bookings=[
            booking("1", booking_date="2024-01-31"),
            booking("2", user_id="2", booking_date="2024-01-02"),
            booking("3", user_id="3", booking_status="pending"),
        ],
        user_viewing=[
            view("1", "1", "2024-01-02", is_wishlisted="yes"),
            view("1", "1", "2024-01-05", is_wishlisted="yes"),
            view("2", "1", "2024-01-03", is_wishlisted=""),
            view("3", "1", "2024-01-03"),
            view("2", "1", "2024-01-01 00:00:00", is_wishlisted="true"),
            view("1", "1", "2024-01-08"),
        ],
    )
    assert [
        (JANUARY, 5, 3, 3, 3, 2, money("0.666667"), True),
        (date(2024, 1, 8), 1, 1, 0, 1, 1, money("1.000000"), False),
    ] == table("view_conversion_weekly", known)


def test_tables_are_empty_without_what_they_need() -> None:
    known = facts(date(2024, 1, 31), apartments=[apartment("1")], user_viewing=[view("1", "1", "2024-01-02")])
    assert [name for name, rows in presentation(known).items() if rows] == ["average_listing_price_weekly"]
    with_bookings = facts(date(2024, 1, 31), apartments=[apartment("1")], bookings=[])
    assert [name for name, rows in presentation(with_bookings).items() if rows] == [
        "average_listing_price_weekly",
        "occupancy_rate_monthly",
        "occupancy_rate_monthly_by_city",
        "revenue_monthly",
    ]
