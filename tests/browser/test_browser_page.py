"""The page as people meet it: from disk, without network, in the dark, on a phone, on paper, by keyboard, with hostile text, with little data."""

import csv
import os
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from browser.chromium import SCREENSHOTS, Report
from browser.conftest import END, run
from pages import largest
from rental_etl.bootstrap import Application
from rental_etl.report.page import render
from rental_etl.synthetic.marketplace import generate

Open = Callable[..., Report]
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
# Key numbers whose parts reach beyond their card.
OVERFLOWING = """[...document.querySelectorAll('.card')].filter(card => {
  const edge = card.getBoundingClientRect().right;
  return [...card.querySelectorAll('*')].some(part => part.getBoundingClientRect().right > edge);
}).map(card => card.id)"""
# When the key numbers are on the screen: the frame after they came into the page.
KEYS_AT = """new MutationObserver(() => {
  if (window.keysAt === undefined && document.querySelector('#key-conversion data')) {
    window.keysAt = null;
    requestAnimationFrame(() => setTimeout(() => window.keysAt = performance.now()));
  }
}).observe(document, {subtree: true, childList: true})"""
HOSTILE = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=alert(1)> & \"quoted\" 'single' `tick`",
    "شقة جميلة في القاهرة 2",
    "\u202ereversed",
    "flat 🏖️ <!-- not a comment",
    "{{data}} @accent ${title}",
)


@pytest.mark.parametrize(
    ("name", "scheme", "size"), [("light", "light", "desk"), ("dark", "dark", "desk"), ("phone", "light", "phone")]
)
def test_it_can_be_read_by_everyone(
    marketplace: Application, open_report: Open, name: str, scheme: str, size: str
) -> None:
    """axe-core finds nothing against WCAG 2.2 AA, also with every table open; nothing is wider than the screen or its card. The pictures are for people."""
    report = open_report(marketplace, scheme=scheme, size=size)
    report.screenshot(f"report-{name}")
    report.screenshot(f"report-{name}-first", full=False)
    closed = Axe().run(report.page, options=RULES)
    assert closed.response["violations"] == [], closed.generate_report()
    report.page.check("#keys-now")
    assert report.page.evaluate(OVERFLOWING) == []
    # A short period: axe looks at every cell.
    report.choose("preset", "full")
    for figure in report.figures():
        if report.state(figure) == "shown":
            report.twin(figure)
    opened = Axe().run(report.page, options=RULES)
    assert opened.response["violations"] == [], opened.generate_report()
    assert report.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_first_screen_says_what_it_is_of(marketplace: Application, open_report: Open) -> None:
    """As-of date, how old that is, the state of the data, and what a first load cannot know."""
    report = open_report(marketplace)
    header = report.page.inner_text("header")
    assert "17 Jun 2024" in header
    age = (date.fromisoformat(report.page.evaluate("new Date().toISOString().slice(0, 10)")) - END).days
    assert f"{age:,} days old" in header
    assert "rows in quarantine" in header
    note = report.page.inner_text("#history-note")
    assert "first delivered on 17 Jun 2024" in note


def test_the_largest_page_shows_its_first_screen_within_a_second(browser: Browser, tmp_path: Path) -> None:
    """10,000 listings over five years. The first screen does not wait for the chart library. The best of at least three, and of twelve while the machine is at
    other work, which is not the page's. The figures are kept beside the pictures."""
    path = tmp_path / "index.html"
    path.write_text(render(largest()), encoding="utf-8")
    paints: list[float] = []
    keys: list[float] = []
    drawn: list[float] = []
    for number in range(12):
        if number >= 3 and max(min(paints), min(keys)) < 1000:
            break
        report = Report(browser, path, watch=KEYS_AT)
        paints.append(report.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        keys.append(report.page.evaluate("window.keysAt"))
        drawn.append(report.page.evaluate("performance.now()"))
        assert report.complaints == []
        report.close()
    size = path.stat().st_size
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    (SCREENSHOTS / "report-largest.txt").write_text(
        f"10,000 listings over 5 years: {size / 1e6:.2f} MB; first contentful paint after"
        f" {', '.join(f'{paint:.0f}' for paint in paints)} ms, key numbers after {', '.join(f'{at:.0f}' for at in keys)} ms,"
        f" every chart drawn after {', '.join(f'{at:.0f}' for at in drawn)} ms;"
        f" load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} processors\n",
        encoding="utf-8",
    )
    assert size < 3_000_000
    assert min(paints) < 1000
    assert min(keys) < 1000


def test_data_that_ends_before_its_day_is_said(tmp_path: Path, open_report: Open) -> None:
    """Nothing delivered looks like nothing booked; a number that is not there is not compared with anything."""
    generate(tmp_path / "data", apartments=20, bookings=300, viewings=300, seed=2, end=END)
    application = run(tmp_path, as_of=END + timedelta(days=60))
    report = open_report(application)
    [(week,)] = application.query("select max(week_start) from bookings_per_user_weekly").rows
    header = report.page.inner_text("header")
    assert f"last booking in the week of {week.day} {week:%b %Y}" in header
    assert report.page.get_attribute("#freshness", "data-level") == "watch"
    assert (report.key("repeat"), report.changes("repeat")) == ("", {})
    assert report.changes("occupancy") != {}


def test_what_never_changed_has_no_highest_and_lowest(tmp_path: Path, open_report: Open) -> None:
    """Prices of listings that were delivered once."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "apartments.csv").write_text(
        "id,title,source,price,currency,listing_created_on,is_active\n1,Flat,own,120.00,EUR,2024-01-01,true\n",
        encoding="utf-8",
    )
    sentence = open_report(run(tmp_path)).text("price", "sentence")
    assert "120.00 in every full week." in sentence
    assert "Highest" not in sentence


def test_the_keyboard_reaches_everything(marketplace: Application, open_report: Open) -> None:
    """Filters, key number scope and tables, in the order they are read; a table opens with Enter."""
    report = open_report(marketplace)
    reached = []
    for _ in range(80):
        report.page.keyboard.press("Tab")
        reached.append(report.page.evaluate("document.activeElement.id || document.activeElement.localName"))
    for control in ("preset", "from", "to", "city", "currency", "reset", "keys-month", "summary", "week-locations"):
        assert control in reached, control
    report.page.focus("#figure-occupancy summary")
    report.page.keyboard.press("Enter")
    report.page.wait_for_selector("#figure-occupancy table")


def test_a_changed_selection_is_announced(marketplace: Application, open_report: Open) -> None:
    """A screen reader hears what the filters did."""
    report = open_report(marketplace)
    report.choose("preset", "full")
    assert report.page.inner_text("#announcement").startswith("Showing May 2024, all cities")


def test_it_prints_light_whatever_the_screen_is(marketplace: Application, open_report: Open) -> None:
    """Paper is white: charts are drawn again for it, and as before afterwards."""
    report = open_report(marketplace, scheme="dark")
    colour = "getComputedStyle(document.documentElement).getPropertyValue('--accent').trim()"
    first_label = "document.querySelector('#figure-occupancy svg text').getAttribute('fill')"
    screen = report.page.evaluate(first_label)
    report.page.evaluate(f"addEventListener('beforeprint', () => {{ window.printed = [{colour}, {first_label}]; }})")
    pdf = report.page.pdf(format="A4", print_background=True)
    report.settle()
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 50_000
    accent, label = report.page.evaluate("window.printed")
    assert accent == "#0b63b0"
    assert label != screen
    assert report.page.evaluate(first_label) == screen


def test_text_from_data_stays_text(tmp_path: Path, open_report: Open) -> None:
    """Titles and cities may hold anything: it is shown, never run, and never turns the text around it."""
    generate(tmp_path / "data", apartments=40, bookings=900, viewings=100, seed=5, end=END)
    _rewrite(tmp_path / "data" / "apartments.csv", "title", HOSTILE)
    _rewrite(tmp_path / "data" / "apartment_attributes.csv", "cityname", HOSTILE)
    _rewrite(tmp_path / "data" / "bookings.csv", "currency", ["USD"])
    report = open_report(run(tmp_path))
    report.choose("preset", "all")
    assert report.page.title() == "Rental marketplace report, as of 2024-06-17"
    titles: set[str] = set()
    weeks = report.page.eval_on_selector_all("#week-listings option", "found => found.map(one => one.value)")
    for week in weeks[:12]:
        report.choose("week-listings", week)
        titles |= {row["Title"] for row in report.twin("listings")}
    assert titles == set(HOSTILE)
    cities = {row["City"] for row in report.twin("locations")}
    assert all(any(city.startswith(text) for city in cities) for text in HOSTILE)
    assert report.page.locator("main img, main script").count() == 0
    report.choose("city", next(city for city in cities if city.startswith("</script>")))
    assert "</script><script>" in report.text("occupancy", "scope")
    report.screenshot("report-hostile-text")


def _rewrite(path: Path, column: str, values: Sequence[str]) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row[column] = values[number % len(values)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_without_bookings_the_page_says_what_it_cannot_show(tmp_path: Path, open_report: Open) -> None:
    """Prices are all that listings alone can tell; every other chart and key number has the reason in its place."""
    generate(tmp_path / "data", apartments=60, bookings=100, viewings=100, seed=5, end=END)
    (tmp_path / "data" / "bookings.csv").unlink()
    report = open_report(run(tmp_path))
    states = {name: report.state(name) for name in report.figures()}
    assert [name for name, state in states.items() if state == "shown"] == ["price", "history"]
    assert states["quality"] == "empty"
    assert report.text("revenue", "sentence") == "Not shown: it needs bookings, which was never delivered."
    assert report.key("price")
    assert "it needs bookings" in report.page.inner_text("#key-occupancy")
    assert Axe().run(report.page, options=RULES).response["violations"] == []
    report.screenshot("report-prices-only")


def test_an_empty_marketplace_has_a_page(tmp_path: Path, open_report: Open) -> None:
    """Files with a header and no row: nothing to show, and no error."""
    generate(tmp_path / "data", apartments=0, bookings=0, viewings=0, seed=5, end=END)
    report = open_report(run(tmp_path))
    assert {report.state(name) for name in report.figures() if name != "history"} == {"empty"}
    assert Axe().run(report.page, options=RULES).response["violations"] == []
    report.screenshot("report-empty")


def test_a_dirty_marketplace_tells_what_it_refused(tmp_path: Path, open_report: Open) -> None:
    """A third of the rows has a defect: the state is not the same as for a few."""
    generate(tmp_path / "data", apartments=80, bookings=800, viewings=800, seed=5, end=END, dirty=0.3)
    report = open_report(run(tmp_path), scheme="dark")
    assert report.page.get_attribute("#quality-state", "data-level") == "bad"
    assert len({row["Rule"] for row in report.twin("quality")}) > 5
    report.screenshot("report-dirty-dark")


def test_scripts_are_needed_and_the_page_says_so(marketplace: Application, browser: Browser) -> None:
    """Without JavaScript there is a sentence instead of an empty page."""
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((marketplace.workspace / "report" / "index.html").as_uri())
    assert "allow JavaScript" in page.inner_text("body")
    context.close()
