"""Every filter acts where it says, and says where it does not act."""

from collections.abc import Callable

import pytest

from browser.chromium import Report
from rental_etl.bootstrap import Application
from rental_etl.report.figures import figures

Open = Callable[..., Report]
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Tables whose rows are periods: what their first column has to lie in.
BY_PERIOD = (
    "occupancy",
    "revenue",
    "yield",
    "bookings",
    "cancellation",
    "duration",
    "lead_time",
    "repeat",
    "conversion",
)


def months_of(rows: list[dict[str, str]], column: str) -> set[str]:
    """The months a table's periods lie in, such as May 2024."""
    return {" ".join(row[column].split()[-2:]) for row in rows}


def column_of(rows: list[dict[str, str]]) -> str:
    """The column that names the period."""
    return next(iter(rows[0]))


@pytest.mark.parametrize(
    ("preset", "months"), [("full", {"May 2024"}), ("quarter", {"Mar 2024", "Apr 2024", "May 2024"})]
)
def test_the_period_acts_on_every_chart(
    marketplace: Application, open_report: Open, preset: str, months: set[str]
) -> None:
    """No chart shows anything outside of it; deliveries and runs of June are not in it either."""
    report = open_report(marketplace)
    whole = {name: report.twin(name) for name in report.figures()}
    report.choose("preset", preset)
    for name in BY_PERIOD:
        rows = report.twin(name)
        assert months_of(rows, column_of(rows)) == months, name
        assert len(rows) < len(whole[name])
    assert months_of(report.twin("price"), "Week") == months
    assert set(report.twin("heat")[0]) - {"City", "Period"} == months
    for name in ("locations", "listings", "funnel"):
        weeks = report.page.eval_on_selector_all(f"#week-{name} option", "found => found.map(one => one.text)")
        assert {" ".join(week.split()[1:3]) for week in weeks if week[0].isdigit()} == months
    assert (report.state("quality"), report.state("history")) == ("empty", "empty")
    assert report.text("history", "sentence") == "No run was for a day in the period."


def test_from_and_to_keep_their_order(marketplace: Application, open_report: Open) -> None:
    """A period that would end before it begins becomes the one month."""
    report = open_report(marketplace)
    report.choose("from", report.page.get_attribute("#from option:nth-child(3)", "value") or "")
    report.choose("to", report.page.get_attribute("#to option:nth-child(6)", "value") or "")
    assert report.page.input_value("#from") == report.page.input_value("#to")
    assert report.page.input_value("#preset") == "own"


def test_the_city_acts_where_the_table_has_one(marketplace: Application, open_report: Open) -> None:
    """The others say that they show all cities, and show the same as before."""
    report = open_report(marketplace)
    before = {name: report.twin(name) for name in report.figures()}
    city = report.page.get_attribute("#city option:nth-child(2)", "value") or ""
    report.choose("city", city)
    for figure in figures():
        if figure.city:
            assert city.split(",")[0] in report.text(figure.id, "scope"), figure.id
            if report.state(figure.id) == "shown":
                assert report.twin(figure.id) != before[figure.id], figure.id
        else:
            assert "city filter does not act" in report.text(figure.id, "scope"), figure.id
            assert report.twin(figure.id) == before[figure.id], figure.id
    assert {row["City"] for row in report.twin("heat")} == {city}


def test_months_ahead_are_on_the_books(marketplace: Application, open_report: Open) -> None:
    """Nights booked beyond the as-of date are shown, as not complete."""
    report = open_report(marketplace)
    report.choose("preset", "ahead")
    rows = report.twin("occupancy")
    assert len(rows) > 1
    assert {row["Complete"] for row in rows} == {"no"}
    report.choose("from", report.page.input_value("#to"))
    assert "on the books" in report.page.inner_text("#key-occupancy .badge")


def test_a_bookmark_brings_the_selection_back_and_reset_undoes_it(marketplace: Application, open_report: Open) -> None:
    """The address holds the selection; nothing is stored anywhere else."""
    report = open_report(marketplace)
    city = report.page.get_attribute("#city option:nth-child(3)", "value") or ""
    report.choose("preset", "quarter")
    report.choose("city", city)
    report.keys_of("whole")
    kept = {name: report.page.input_value(f"#{name}") for name in ("preset", "from", "to", "city", "currency")}
    again = open_report(marketplace, at=report.page.evaluate("location.hash"))
    assert {name: again.page.input_value(f"#{name}") for name in kept} == kept
    assert again.key("adr") == report.key("adr")
    again.page.click("#reset")
    again.settle()
    assert (again.page.input_value("#preset"), again.page.input_value("#city")) == ("year", "")


def test_each_chart_has_a_sentence_and_a_table(marketplace: Application, open_report: Open) -> None:
    """Who cannot see the chart reads the same."""
    report = open_report(marketplace)
    for name in report.figures():
        assert report.state(name) == "shown", name
        assert report.text(name, "sentence").endswith("."), name
        assert report.twin(name), name
        assert report.page.locator(f"#figure-{name} .panel[role=img][aria-label]").count() >= 1
        assert report.page.locator(f"#figure-{name} .panel svg").count() >= 1
