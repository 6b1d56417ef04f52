"""How values are written: settings where the values tell, sentences where they do not."""

from collections.abc import Sequence
from datetime import date

import pytest

from rental_etl.source.proposal.columns import place
from rental_etl.source.proposal.findings import Findings, find_out
from rental_etl.source.proposal.sample import Sample
from rental_etl.tables.contracts import contracts

LAST = date(2027, 12, 31)


def found(table: str = "bookings", *, whole: bool = True, **columns: Sequence[str]) -> Findings:
    """What the values of a table tell."""
    rows = tuple(zip(*columns.values(), strict=True))
    sample = Sample(f"{table}.csv", table, tuple(columns), rows, whole=whole)
    return find_out(sample, contracts()[table], place(sample, contracts()[table]), last_day=LAST)


def test_one_date_that_reads_one_way_decides_for_all_columns() -> None:
    """As it does in a run."""
    told = found(checkin_date=["03/04/2024", "05/06/2024"], checkout_date=["04/04/2024", "13/06/2024"])
    assert (told.settings, told.open) == ({"date_order": "day_first"}, {})
    assert told.reasons["date_order"] == "checkout_date = 13/06/2024 reads no other way"
    assert found(checkin_date=["01/31/2024"]).settings == {"date_order": "month_first"}


def test_an_order_that_nothing_tells_is_left_open_with_an_example() -> None:
    """A guess would be wrong for half of the users, and nobody would see it."""
    told = found(checkin_date=["03/04/2024"], checkout_date=["05/04/2024"])
    assert told.settings == {}
    assert told.open["date_order"] == (
        "the dates of bookings can be read day first or month first, and nothing in the delivery tells which"
        " (for example checkin_date = 03/04/2024)"
    )
    assert (
        "in the delivery that was looked at tells" in found(checkin_date=["03/04/2024"], whole=False).open["date_order"]
    )


def test_dates_that_contradict_each_other_are_left_open() -> None:
    """Two exports in one file."""
    told = found(checkin_date=["31/01/2024", "01/31/2024"])
    assert "both day first and month first" in told.open["date_order"]


@pytest.mark.parametrize("written", [["2024-01-31", "2024-02-01 10:00"], ["2024-01-31T10:00:00Z"] * 2])
def test_dates_with_the_year_first_need_no_setting(written: list[str]) -> None:
    """They are found out."""
    told = found(booking_date=written)
    assert (told.settings, told.open, told.notes) == ({}, {}, [])


def test_dates_that_no_setting_reads_are_named() -> None:
    """Before a run puts every row into quarantine."""
    assert "'20240131', which cannot be read" in found(checkin_date=["20240131"]).notes[0]
    assert "'31 Jan 2024', which cannot be read" in found(checkin_date=["31 Jan 2024"]).notes[0]


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        (["12.50", "1200"], None),
        (["1.234,50", "80,00"], "1.234,50"),
        (["80,5"], "1.234,50"),
        (["1,234.50", "80.00"], "1,234.50"),
        (["1,234,567", "80"], "1,234.50"),
    ],
)
def test_the_number_format_is_the_one_that_reads_most(amounts: list[str], expected: str | None) -> None:
    """The default needs no setting."""
    told = found(total_price=amounts)
    assert (told.settings.get("number_format"), told.open) == (expected, {})


@pytest.mark.parametrize("amounts", [["1,234", "80"], ["1.234", "2.500"]])
def test_a_mark_that_may_be_either_is_left_open(amounts: list[str]) -> None:
    """A thousand is not one."""
    told = found(total_price=amounts)
    assert "number_format" not in told.settings
    assert "may begin a fraction or group thousands" in told.open["number_format"]


def test_words_for_yes_and_no_that_are_read_anyway_need_no_setting() -> None:
    """Others are added; unknown ones are asked for."""
    assert found("apartments", is_active=["1", "0", "Y"]).settings == {}
    told = found("apartments", is_active=["Ja", "Nein", "JA"])
    assert (told.settings, told.open) == ({"true_words": ("ja",), "false_words": ("nein",)}, {})
    told = found("apartments", is_active=["published", "draft", "weird"])
    assert "'weird': yes or no?" in told.open["true_words"]


def test_states_are_mapped_and_unknown_ones_asked_for() -> None:
    """`cancelled` and other cases are read anyway."""
    told = found(booking_status=["confirmed", "Cancelled", "COMPLETED", "STORNO", "storno", "OK", "X17"])
    assert told.settings["values"] == {"booking_status": {"STORNO": "canceled", "OK": "confirmed"}}
    assert "booking_status holds 'X17'" in told.open["values.booking_status"]


def test_numbers_that_are_none_are_named_with_what_becomes_of_them() -> None:
    """Currency signs are not read."""
    assert found(total_price=["10.00", "11.00", "€ 12"]).notes == [
        "total_price holds values such as '€ 12' that are no number (33%); such rows go to quarantine"
    ]
