"""The numbers on the page are those of the warehouse, whatever is selected."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from browser.chromium import Report
from browser.warehouse import KEYS, Expected, one, rows
from rental_etl.bootstrap import Application

Open = Callable[..., Report]
# as_of is 17 June 2024: May is the latest full month, June is not over.
RANGES = {
    "month": ("2024-05-01", "2024-05-01"),
    "now": ("2024-06-01", "2024-06-01"),
    "whole": ("2023-06-01", "2024-06-01"),
}


def shown(report: Report) -> dict[str, str]:
    """Every key number as the page has it."""
    return {key: report.key(key) for key in KEYS}


def expected(application: Application, *, first: str, last: str, currency: str, place: Any = None) -> dict[str, str]:
    """Every key number as the warehouse has it."""
    source = Expected(application, first, last, currency, place)
    return {key: getattr(source, key)() for key in KEYS}


def plain(text: str) -> str:
    """A number as it is read, without separators."""
    return text.replace(",", "")


@pytest.mark.parametrize("scope", RANGES)
def test_key_numbers_are_those_of_the_warehouse(marketplace: Application, open_report: Open, scope: str) -> None:
    """Ratios of several months come from summed numerators and denominators, to the last digit."""
    report = open_report(marketplace)
    report.keys_of(scope)
    first, last = RANGES[scope]
    currency = report.page.input_value("#currency")
    assert shown(report) == expected(marketplace, first=first, last=last, currency=currency)


def test_every_currency_has_its_own_numbers(marketplace: Application, open_report: Open) -> None:
    """Money of two currencies is never added: each currency's sums are its own rows'."""
    report = open_report(marketplace)
    currencies = [row[0] for row in rows(marketplace, "select distinct currency from revenue_monthly order by 1")][::4]
    assert len(currencies) > 3
    report.keys_of("whole")
    for currency in currencies:
        report.choose("currency", currency)
        wanted = Expected(marketplace, *RANGES["whole"], currency)
        assert (currency, report.key("adr"), report.key("revpar")) == (currency, wanted.adr(), wanted.revpar())
    assert f"In {currencies[-1]}." in report.text("revenue", "scope")


def test_a_city_has_its_own_occupancy(marketplace: Application, open_report: Open) -> None:
    """The other key numbers have no city in their tables; they stay, and say so."""
    report = open_report(marketplace)
    before = shown(report)
    state, city = rows(
        marketplace,
        "select state, city from occupancy_rate_monthly_by_city where city <> 'unknown' group by all order by sum(booked_nights) desc",
    )[0]
    report.choose("city", f"{city}, {state}")
    after = shown(report)
    wanted = Expected(marketplace, *RANGES["month"], "", (state, city))
    assert after == {**before, "occupancy": wanted.occupancy()}
    assert after["occupancy"] != before["occupancy"]
    assert "all cities" in report.page.inner_text("#key-adr")
    assert city in report.page.inner_text("#key-occupancy")


def test_changes_compare_with_the_period_before_and_the_year_before(
    marketplace: Application, open_report: Open
) -> None:
    """Of rates the difference in points, of everything else in per cent."""
    report = open_report(marketplace)

    def occupancy(month: str) -> Decimal:
        return Decimal(Expected(marketplace, month, month, "").occupancy())

    def bookings(month: str) -> Decimal:
        return Decimal(Expected(marketplace, month, month, "").bookings())

    may, april, year = "2024-05-01", "2024-04-01", "2023-05-01"
    found = {**report.changes("occupancy"), **{f"bookings {k}": v for k, v in report.changes("bookings").items()}}
    for name, month, label in (("before", april, "Apr 2024"), ("earlier", year, "May 2023")):
        points = (occupancy(may) - occupancy(month)) * 100
        percent = (bookings(may) / bookings(month) - 1) * 100
        assert f"{'+' if points > 0 else '−'}{abs(points):.2f} pts vs {label}" in found[name]
        assert (
            f"{'+' if percent > 0 else '−'}{abs(percent):.{2 if abs(percent) < 10 else 1}f}% vs {label}"
            in found[f"bookings {name}"]
        )


def test_incomplete_periods_are_marked(marketplace: Application, open_report: Open) -> None:
    """June has 13 days to go: its numbers say so, and its changes are neither good nor bad."""
    report = open_report(marketplace)
    assert report.page.locator(".card .badge").count() == 0
    report.keys_of("now")
    assert "not complete" in report.page.inner_text("#key-bookings .badge")
    assert report.page.locator("#key-bookings [data-good]").count() == 0
    (june,) = [row for row in report.twin("occupancy") if row["Month"] == "Jun 2024"]
    assert june["Complete"] == "no"


def test_the_table_beside_a_chart_has_the_rows_of_the_warehouse(marketplace: Application, open_report: Open) -> None:
    """Month by month, with the year before."""
    report = open_report(marketplace)
    report.choose("preset", "all")
    sql = (
        "select strftime(now.month_start, '%b %Y'), now.booked_nights, now.available_nights, now.occupancy_rate, before.occupancy_rate"
        " from occupancy_rate_monthly as now left join occupancy_rate_monthly as before"
        " on before.month_start + interval 12 month = now.month_start order by now.month_start"
    )
    found = report.twin("occupancy")
    wanted = rows(marketplace, sql)
    assert len(found) == len(wanted)

    def percent(text: str) -> Decimal:
        return Decimal(text.rstrip("%")) / 100

    for row, (month, booked, available, rate, before) in zip(found, wanted, strict=True):
        assert (row["Month"], plain(row["Booked nights"]), plain(row["Available nights"])) == (
            month,
            str(booked),
            str(available),
        )
        for text, value in ((row["Occupancy"], rate), (row["A year earlier"], before)):
            if value is not None:
                assert abs(percent(text) - value) <= Decimal("0.0005")


def test_top_listings_and_locations_follow_their_week(marketplace: Application, open_report: Open) -> None:
    """The chooser names a week; the rows are that week's, ranks and all."""
    report = open_report(marketplace)
    currency = report.page.input_value("#currency")
    for week in ("2024-06-03", "2024-05-20"):
        value = str(one(marketplace, f"select date '{week}' - date '1970-01-01'"))
        report.choose("week-listings", value)
        report.choose("week-locations", value)
        listings = rows(
            marketplace,
            "select cast(apartment_id as varchar), cast(listing_rank as varchar), cast(confirmed_revenue as varchar), cast(bookings_count as varchar)"
            f" from top_listings_weekly where week_start = date '{week}' and currency = '{currency}' order by listing_rank, 1",
        )
        assert listings
        found = [
            (row["Listing"], row["Rank"], plain(row[f"Confirmed revenue, {currency}"]), row["Bookings"])
            for row in report.twin("listings")
        ]
        assert sorted(found) == sorted(listings)
        places = rows(
            marketplace,
            "select city, cast(location_rank as varchar), cast(bookings_count as varchar), cast(nights_count as varchar)"
            f" from popular_locations_weekly where week_start = date '{week}' and city <> 'unknown'",
        )
        seen = [
            (row["City"].split(", ")[0], row["Rank"], row["Confirmed bookings"], plain(row["Nights"]))
            for row in report.twin("locations")
        ]
        assert sorted(row for row in seen if "nknown" not in row[0]) == sorted(places)


def test_locations_add_up_over_weeks(marketplace: Application, open_report: Open) -> None:
    """Bookings are counted once each, so a period is the sum of its weeks."""
    report = open_report(marketplace)
    report.choose("preset", "all")
    found = {row["City"]: plain(row["Confirmed bookings"]) for row in report.twin("locations")}
    wanted = rows(
        marketplace,
        "select city || ', ' || state, cast(sum(bookings_count) as varchar) from popular_locations_weekly"
        " where city <> 'unknown' and state <> 'unknown' group by 1",
    )
    assert {name: found.get(name) for name, _ in wanted} == dict(wanted)


def test_the_funnel_is_one_week_of_the_table(marketplace: Application, open_report: Open) -> None:
    """People and pairs of two weeks overlap: there is no sum of weeks to choose."""
    report = open_report(marketplace)
    assert report.page.locator("#week-funnel option[value=all]").count() == 0
    views, viewers, wished, pairs, converted = rows(
        marketplace,
        "select views_count, viewers_count, wishlisted_count, pairs_count, converted_pairs_count from view_conversion_weekly"
        " where week_start = date '2024-05-06'",
    )[0]
    report.choose("week-funnel", str(one(marketplace, "select date '2024-05-06' - date '1970-01-01'")))
    found = [plain(row["Count"]) for row in report.twin("funnel")][:5]
    assert found == [str(count) for count in (views, pairs, viewers, wished, converted)]


def test_quarantine_and_source_tables_are_those_of_the_ledger(marketplace: Application, open_report: Open) -> None:
    """What the page says about data quality is what `status` says."""
    report = open_report(marketplace)
    rules = rows(
        marketplace,
        "select sum(rows) from etl.current_rule_results where severity = 'error'",
    )
    assert sum(int(plain(row["Rows"])) for row in report.twin("quality")) == rules[0][0]
    bad, read = rows(marketplace, "select sum(unreadable + refused), sum(rows_read) from etl.row_accounting")[0]
    assert f"{bad:,} of {read:,} rows in quarantine" in report.page.inner_text("#quality-state")
    status = marketplace.status()
    assert report.page.locator("#sources-table tbody tr").count() == sum(
        1 for table in status.freshness if table.batches
    )
    (run,) = report.twin("history")
    assert (run["Command"], run["State"]) == ("run", "published")
