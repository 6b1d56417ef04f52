"""The reference's replay of deliveries, on cases worked by hand from SPEC section 1."""

from datetime import date, datetime
from decimal import Decimal

from reference.deliveries import Delivery, Quality, Run
from reference.marketplace import Marketplace, Outcome, State
from reference.rows import TextRow, apartment, attributes, booking, delivery, file, view

DAY = date(2024, 6, 30)
ANY_DELETION = Quality(max_deleted_ratio="1")


def full(table: str, *rows: TextRow) -> dict[str, Delivery]:
    return {table: delivery("full", table, rows)}


def series(table: str, *files: tuple[str, list[TextRow]]) -> dict[str, Delivery]:
    return {table: Delivery("delta", tuple(file(name, table, rows) for name, rows in files))}


def after(*deliveries: dict[str, Delivery], quality: Quality = ANY_DELETION, as_of: tuple[date, ...] = ()) -> Outcome:
    marketplace = Marketplace(quality)
    days = as_of or (DAY,) * len(deliveries)
    return [marketplace.run(Run(day, tables)) for day, tables in zip(days, deliveries, strict=True)][-1]


def prices(state: State) -> dict[int, Decimal]:
    return {held.values["booking_id"]: held.values["total_price"] for held in state.rows("bookings")}


def test_the_later_row_of_a_key_wins_inside_a_file_and_a_quarantined_one_does_not() -> None:
    outcome = after(
        full(
            "bookings",
            booking("1", total_price="10"),
            booking("1", total_price="20"),
            booking("1", total_price="-1"),
            booking("2", total_price="30"),
        )
    )
    assert {1: Decimal("20.00"), 2: Decimal("30.00")} == prices(outcome.state)
    assert outcome.landed[0].quarantined == 1


def test_a_full_batch_deletes_absent_keys_and_keeps_quarantined_ones() -> None:
    outcome = after(
        full("bookings", booking("1"), booking("2", total_price="7"), booking("3")),
        full("bookings", booking("2", checkout_date="2024-01-12"), booking("3", total_price="9"), booking("")),
    )
    assert {2: Decimal("7.00"), 3: Decimal("9.00")} == prices(outcome.state)


def test_a_delta_upserts_and_a_stale_file_is_skipped() -> None:
    first, second = ("bookings-2.csv", [booking("1")]), ("bookings-10.csv", [booking("1", total_price="5")])
    outcome = after(series("bookings", first), series("bookings", second, first, ("bookings-11.csv", [booking("2")])))
    assert {1: Decimal("5.00"), 2: Decimal("200.00")} == prices(outcome.state)
    assert [batch.name for batch in outcome.landed] == ["bookings-10.csv", "bookings-11.csv"]


def test_a_series_is_read_in_natural_order() -> None:
    ten, two = ("bookings-10.csv", [booking("1", total_price="10")]), ("bookings-2.csv", [booking("1")])
    assert {1: Decimal("10.00")} == prices(after(series("bookings", ten, two)).state)


def test_a_full_batch_equal_to_the_latest_is_skipped_and_equal_to_an_older_one_is_new() -> None:
    one, two = full("bookings", booking("1")), full("bookings", booking("1"), booking("2"))
    assert after(one, one).landed == ()
    assert len(after(one, two, one).landed) == 1


def test_a_batch_is_never_of_a_day_before_the_table_s_previous_one() -> None:
    outcome = after(
        full("bookings", booking("1")),
        full("bookings", booking("2")),
        as_of=(date(2024, 6, 30), date(2024, 5, 1)),
    )
    assert date(2024, 6, 30) == outcome.landed[0].day


def test_a_date_is_readable_up_to_three_years_after_the_batch() -> None:
    outcome = after(
        full("bookings", booking("1", checkout_date="2024-03-01"), booking("2", checkout_date="2024-03-02")),
        as_of=(date(2021, 3, 1),),
    )
    assert {1} == set(prices(outcome.state))


def test_listing_versions_are_known_by_effective_modification() -> None:
    outcome = after(
        full(
            "apartments",
            apartment("1", price="3", last_modified_timestamp="2024-03-01"),
            apartment("1", price="1"),
            apartment("1", price="2", last_modified_timestamp="2023-12-01"),
        )
    )
    versions = outcome.state.versions[1]
    assert {datetime(2024, 1, 1): Decimal("2.00"), datetime(2024, 3, 1): Decimal("3.00")} == {
        since: held.values["price"] for since, held in versions.items()
    }


def test_a_listing_absent_from_a_full_batch_is_deleted_until_it_is_delivered_again() -> None:
    both, one = full("apartments", apartment("1"), apartment("2")), full("apartments", apartment("1"))
    refused = full("apartments", apartment("1", price="0"), apartment("2", price="0"))
    days = (date(2024, 6, 1), date(2024, 6, 2), date(2024, 6, 3))
    assert {2: date(2024, 6, 2)} == after(both, one, as_of=days[:2]).state.deleted
    again = full("apartments", apartment("1", title="new"))
    assert {2: date(2024, 6, 2)} == after(both, one, again, as_of=days).state.deleted
    assert after(both, one, refused, as_of=days).state.deleted == {}


def test_attributes_are_never_forgotten() -> None:
    outcome = after(full("apartment_attributes", attributes("1")), full("apartment_attributes", attributes("2")))
    assert {(1,), (2,)} == outcome.state.keys("apartment_attributes")


def test_views_are_replaced_by_a_full_batch_and_by_a_file_of_the_same_name() -> None:
    one, two = view("1", "1", "2024-01-01"), view("2", "1", "2024-01-01")
    assert len(after(full("user_viewing", one, one), full("user_viewing", two)).state.views) == 1
    replaced = after(
        series("user_viewing", ("user_viewing-1.csv", [one, one]), ("user_viewing-2.csv", [two, two])),
        series("user_viewing", ("user_viewing-1.csv", [two])),
    )
    assert [held.values["user_id"] for held in replaced.state.rows("user_viewing")] == [2, 2, 2]


def test_an_empty_full_batch_and_one_that_deletes_too_much_are_refused_until_decided() -> None:
    four = full("bookings", *(booking(number) for number in "1234"))
    two, one = full("bookings", booking("1"), booking("2")), full("bookings", booking("1"))
    assert after(four, two, quality=Quality()).refused == ()
    assert len(after(four, one, quality=Quality()).refused) == 1
    assert len(after(four, full("bookings"), quality=ANY_DELETION).refused) == 1
    marketplace = Marketplace(Quality())
    marketplace.run(Run(DAY, four))
    refused = marketplace.run(Run(DAY, one)).refused
    marketplace.decide(refused[0], "reject")
    assert {1, 2, 3, 4} == set(prices(marketplace.replay()[0]))
    marketplace.decide(refused[0], "accept")
    assert {1} == set(prices(marketplace.replay()[0]))


def test_a_later_full_batch_takes_the_place_of_a_refused_one() -> None:
    four = full("bookings", *(booking(number) for number in "1234"))
    outcome = after(four, full("bookings"), full("bookings", *(booking(number) for number in "345")), quality=Quality())
    assert outcome.refused == ()
    assert {3, 4, 5} == set(prices(outcome.state))


def test_a_batch_with_too_many_quarantined_rows_is_refused() -> None:
    half = full("bookings", booking("1"), booking("2", total_price="-1"))
    assert after(half, quality=Quality(max_quarantined_ratio="0.5")).refused == ()
    assert len(after(half, quality=Quality(max_quarantined_ratio="0.4")).refused) == 1
