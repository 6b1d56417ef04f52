"""Day first or month first is found out from a delivery's own dates, and never guessed."""

from datetime import date, datetime

import pytest

from rental_etl.errors import ConfigurationError, InputError
from source.desk import BOOKING, Desk, booking, lines

STAY = {"checkin_date": "05/06/2024", "checkout_date": "07/06/2024"}
DAY_FIRST = booking(checkin_date="05/06/2024", checkout_date="13/06/2024")
MONTH_FIRST = booking(checkin_date="06/05/2024", checkout_date="06/13/2024")
AMBIGUOUS = booking(**STAY)


@pytest.mark.parametrize(
    ("row", "order"),
    [
        (DAY_FIRST, "day_first"),
        (MONTH_FIRST, "month_first"),
        (DAY_FIRST.replace("/", "."), "day_first"),
        (DAY_FIRST.replace("/", "-"), "day_first"),
        (booking(checkin_date="5/6/2024", checkout_date="13/6/2024"), "day_first"),
        (booking(booking_date="31/05/2024 10:00", **STAY), "day_first"),
        (
            booking(booking_date="05/31/2024 10:00:00", **STAY).replace("05/06/", "06/05/").replace("07/06/", "06/07/"),
            "month_first",
        ),
    ],
)
def test_one_date_that_reads_one_way_decides_for_all_columns(desk: Desk, row: str, order: str) -> None:
    """Also a timestamp's day is evidence for a date column."""
    desk.deliver("bookings.csv", lines(row))
    reading = desk.read()
    assert [(date(2024, 6, 5),)] == desk.rows(reading, "checkin_date")
    assert (order, "its own dates") == (reading.parsing["date_order"], reading.parsing["date_order_from"])


def test_evidence_far_down_decides_as_well(desk: Desk) -> None:
    """The first rows may be year first, or ambiguous: every row is asked."""
    desk.deliver("bookings.csv", lines(*[BOOKING] * 5000, AMBIGUOUS, DAY_FIRST))
    assert (date(2024, 6, 5), date(2024, 6, 7)) == desk.rows(desk.read(), "checkin_date, checkout_date")[-2]


def test_a_delivery_that_reads_both_ways_is_not_guessed(desk: Desk) -> None:
    """The error names an example and the setting, and landing either reading would be a lie."""
    desk.deliver("bookings.csv", lines(AMBIGUOUS, BOOKING))
    with pytest.raises(InputError) as raised:
        desk.read()
    assert raised.value.exit_code == 2
    assert "the dates of bookings can be read day first or month first" in raised.value.what
    assert raised.value.where == "bookings.csv: for example checkin_date = 05/06/2024"
    assert "tables.bookings.date_order" in raised.value.remedy


@pytest.mark.parametrize(("order", "month"), [("day_first", 6), ("month_first", 5)])
def test_the_setting_decides(desk: Desk, order: str, month: int) -> None:
    """What a person says is not questioned."""
    desk.deliver("bookings.csv", lines(booking(checkin_date="05/06/2024", checkout_date="06/07/2024")))
    desk.setting("bookings", date_order=order)
    assert [(month,)] == desk.rows(desk.read(), "month(checkin_date)")


def test_the_setting_iso_takes_no_other_dates(desk: Desk) -> None:
    """Then a turned date is unreadable, and says so."""
    desk.deliver("bookings.csv", lines(DAY_FIRST, BOOKING))
    desk.setting("bookings", date_order="iso")
    reading = desk.read()
    assert (reading.rows_landed, reading.rows_unreadable) == (1, 1)
    assert desk.quarantine(reading, 'rule, "column"') == [
        ("unreadable_value,unreadable_value", "checkin_date,checkout_date")
    ]


def test_dates_that_read_the_same_both_ways_need_no_decision(desk: Desk) -> None:
    """The fifth of May is the fifth of May."""
    desk.deliver("bookings.csv", lines(booking(checkin_date="05/05/2024", checkout_date="06/06/2024")))
    assert [(date(2024, 5, 5), date(2024, 6, 6))] == desk.rows(desk.read(), "checkin_date, checkout_date")


def test_a_date_out_of_range_one_way_reads_only_the_other(desk: Desk) -> None:
    """2 January 2028 is more than three years after the batch's day, 1 February 2028 even more; 12 January 2000 is the first year either way."""
    desk.deliver("bookings.csv", lines(booking(checkin_date="11/12/2027", checkout_date="01/12/2027")))
    desk.setting("bookings", date_order="")
    with pytest.raises(InputError):
        desk.read()


def test_all_files_of_a_full_delivery_are_one_delivery(desk: Desk) -> None:
    """Evidence in the last file decides for the first."""
    desk.deliver("bookings-1.csv", lines(AMBIGUOUS))
    desk.deliver("bookings-2.csv", lines(DAY_FIRST))
    desk.setting("bookings", delivery="full")
    assert [(date(2024, 6, 5),), (date(2024, 6, 5),)] == desk.rows(desk.read(), "checkin_date")


def test_earlier_files_of_a_series_are_evidence(desk: Desk) -> None:
    """A small file late in a series need not prove again what is known; and it passes the knowledge on."""
    desk.deliver("bookings-2.csv", lines(AMBIGUOUS))
    hints = {"date_order": "day_first"}
    reading = desk.read(hints=hints)
    assert [(date(2024, 6, 5),)] == desk.rows(reading, "checkin_date")
    assert reading.parsing["date_order_from"] == "earlier files of the series"
    desk.deliver("bookings-2.csv", lines(BOOKING))
    assert desk.read(hints=hints).parsing["date_order"] == "day_first"


def test_own_dates_win_over_earlier_files(desk: Desk) -> None:
    """A sender may change habits."""
    desk.deliver("bookings-2.csv", lines(MONTH_FIRST))
    assert [(date(2024, 6, 5),)] == desk.rows(desk.read(hints={"date_order": "day_first"}), "checkin_date")


def test_other_files_of_the_series_are_evidence(desk: Desk) -> None:
    """The first file of a series that is delivered at once may be the ambiguous one."""
    desk.deliver("bookings-1.csv", lines(AMBIGUOUS))
    desk.deliver("bookings-2.csv", lines(DAY_FIRST))
    reading = desk.read()
    assert [(date(2024, 6, 5),)] == desk.rows(reading, "checkin_date")
    assert reading.parsing["date_order_from"] == "other files of the series"


def test_a_few_contradictions_are_mistakes_of_the_sender(desk: Desk) -> None:
    """They read only the other way, so they are unreadable, and counted."""
    desk.deliver("bookings.csv", lines(*[DAY_FIRST] * 20, MONTH_FIRST))
    reading = desk.read()
    assert (reading.rows_landed, reading.rows_unreadable) == (20, 1)
    assert reading.findings == {"error:unreadable_value:checkout_date": 1}


def test_a_mixture_of_both_orders_is_not_guessed(desk: Desk) -> None:
    """Which of the ambiguous ones are which, nobody knows."""
    desk.deliver("bookings.csv", lines(*[DAY_FIRST] * 3, *[MONTH_FIRST] * 2))
    with pytest.raises(InputError) as raised:
        desk.read()
    assert raised.value.what == "the dates of bookings are written both day first and month first"
    assert raised.value.where == "bookings.csv: checkout_date = 13/06/2024, but checkout_date = 06/13/2024"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2024-05-01", datetime(2024, 5, 1)),
        ("2024-05-01 10:00", datetime(2024, 5, 1, 10)),
        ("2024-05-01T10:00:00Z", datetime(2024, 5, 1, 10)),
        ("2024-05-01 10:00:00 UTC", datetime(2024, 5, 1, 10)),
        ("2024-05-01T10:00:00+02:00", datetime(2024, 5, 1, 8)),
        ("2024-05-01T10:00:00-0930", datetime(2024, 5, 1, 19, 30)),
        ("2024-05-01T01:00:00.5+05", datetime(2024, 4, 30, 20, 0, 0, 500_000)),
        ("2024-05-01 10:00:00.123456789", datetime(2024, 5, 1, 10, 0, 0, 123_456)),
    ],
)
def test_timestamps_are_utc(desk: Desk, written: str, read: datetime) -> None:
    """A time with an offset is converted, one without is UTC, a date alone is midnight."""
    desk.deliver("bookings.csv", lines(booking(booking_date=written)))
    assert [(read,)] == desk.rows(desk.read(), "booking_date")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2024-05-01 10:00:00", datetime(2024, 5, 1, 8)),
        ("2024-01-15", datetime(2024, 1, 14, 23)),
        ("2024-03-31 02:30:00", datetime(2024, 3, 31, 1, 30)),
        ("2024-10-27 02:30:00", datetime(2024, 10, 27, 0, 30)),
        ("2024-10-27 03:00:00", datetime(2024, 10, 27, 2)),
        ("2024-05-01T10:00:00Z", datetime(2024, 5, 1, 10)),
        ("2000-01-01 01:00:00", datetime(2000, 1, 1)),
    ],
)
def test_times_without_an_offset_are_of_the_set_zone(desk: Desk, written: str, read: datetime) -> None:
    """A time that the clock change skips or repeats takes the offset from before the change."""
    desk.deliver("bookings.csv", lines(booking(booking_date=written)))
    desk.setting("bookings", time_zone="Europe/Berlin")
    assert [(read,)] == desk.rows(desk.read(), "booking_date")


def test_an_unknown_zone_is_a_configuration_error(desk: Desk) -> None:
    """And names the setting."""
    desk.deliver("bookings.csv", lines(BOOKING))
    desk.setting("bookings", time_zone="Europe/Bärlin")
    with pytest.raises(ConfigurationError) as raised:
        desk.read()
    assert raised.value.where == "tables.bookings.time_zone"


@pytest.mark.parametrize("written", ["2024-06-05T23:30:00+05:00", "2024-06-05T23:30:00-12:00", "2024-06-05 00:00:00"])
def test_a_date_column_takes_the_calendar_day_as_written(desk: Desk, written: str) -> None:
    """A night is a night of the place, wherever UTC's midnight falls."""
    desk.deliver("bookings.csv", lines(booking(checkin_date=written)))
    assert [(date(2024, 6, 5),)] == desk.rows(desk.read(), "checkin_date")


@pytest.mark.parametrize(
    ("column", "first", "last"),
    [
        ("checkin_date", ("1999-12-31", "2000-01-01"), ("2027-12-31", "2028-01-01")),
        (
            "booking_date",
            ("1999-12-31 23:59:59", "2000-01-01 00:00:00"),
            ("2027-12-31 23:59:59", "2028-01-01 00:00:00"),
        ),
    ],
)
def test_dates_are_readable_from_2000_to_three_years_after_the_day(
    desk: Desk, column: str, first: tuple[str, str], last: tuple[str, str]
) -> None:
    """Both ends belong to it."""
    written = [*first, *last]
    desk.deliver("bookings.csv", lines(*(booking(**{"checkout_date": "2027-12-31", column: text}) for text in written)))
    reading = desk.read()
    assert [line for (line,) in desk.quarantine(reading, "line") if line in (2, 5)] == [2, 5]
    assert {f"error:unreadable_value:{column}": 2} == {
        key: rows for key, rows in reading.findings.items() if "unreadable" in key
    }
