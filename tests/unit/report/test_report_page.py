"""One file with everything in it, once; it says which publish it shows."""

import hashlib
import json
import re
from datetime import date
from importlib import resources
from typing import Any

import altair
import pytest

from pages import PUBLISHED, facts, largest
from rental_etl.model.run import Published
from rental_etl.report.encoding import pack
from rental_etl.report.figures import Figure, figures
from rental_etl.report.page import is_of, render, stamp
from rental_etl.report.questions import metric_questions
from rental_etl.tables.models import presentation_models

WORDS = {"series": ["this period", "a year earlier"], "range": ["#000", "#888"], "legend": None, "room": 1, "names": 1}


def test_the_page_says_which_publish_it_shows() -> None:
    """A rerun has to know it from the first few thousand characters."""
    page = render(facts())
    later = Published(7, "run-9", date(2024, 6, 17), "2024-06-19 04:00:00", {})
    assert is_of(page[:4096], PUBLISHED)
    assert not is_of(page[:4096], later)
    assert not is_of("", PUBLISHED)
    assert stamp(PUBLISHED) != stamp(later)


def test_nothing_is_fetched_and_everything_is_there_once() -> None:
    """No address of a script, style, picture or font; the chart library once; no placeholder left."""
    page = render(facts())
    assert re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=", page) == []
    assert "default-src 'none'" in page
    assert "sourceMappingURL" not in page
    assert page.count("globalThis:t||self).vega={}") == 1
    assert page.count("globalThis:e||self).vegaLite={}") == 1
    skeleton = page[: page.index('id="facts"')]
    assert "{{" not in skeleton


def test_data_cannot_leave_its_element() -> None:
    """Neither the end of a script nor a placeholder of ours in a title does anything."""
    question = metric_questions(places=10, ranks=10)["listings"]
    title = "</script><!-- {{style}} & \u2028 end"
    row = ("USD", date(2024, 6, 3), 1, "9", title, "</title>", 1, 5, True)
    tables = {**facts().tables, "listings": pack(question.fields, [row])}
    page = render(facts(tables=tables))
    (embedded,) = re.findall(r'<script type="application/json" id="facts">(.*?)</script>', page, re.DOTALL)
    found = json.loads(embedded)["tables"]["listings"]["columns"]["title"]["words"]
    assert found == [title]


def test_a_skipped_metric_has_its_reason_in_place_of_the_chart() -> None:
    """Said before any code has run."""
    page = render(facts(skipped={"revenue_monthly": "it needs <bookings>"}))
    (figure,) = re.findall(r'<figure id="figure-revenue".*?</figure>', page, re.DOTALL)
    assert 'data-state="skipped"' in figure
    assert "Not shown: it needs &lt;bookings&gt;." in figure


@pytest.mark.parametrize("figure", list(figures()), ids=lambda figure: figure.id)
def test_every_specification_is_valid_vega_lite(figure: Figure) -> None:
    """By Altair's schema of the grammar."""
    chart = json.loads(json.dumps(figure.spec))
    altair.Chart.from_dict(_filled(chart))


def _filled(part: Any) -> Any:
    """A specification with examples for the words the page fills in."""
    if isinstance(part, str) and part.startswith("@"):
        return WORDS.get(part[1:], "utcFormat(datum.value, '%Y')" if part == "@time" else "#123456")
    if isinstance(part, list):
        return [_filled(one) for one in part]
    if isinstance(part, dict):
        return {key: _filled(value) for key, value in part.items()}
    return part


def test_every_metric_is_on_the_page() -> None:
    """A table nobody sees is worthless; and every chart's table exists."""
    asked = {question.metric for question in metric_questions(places=1, ranks=1).values()}
    assert asked == set(presentation_models())
    assert {table for figure in figures() for table in figure.tables} == set(presentation_models())


def test_the_city_filter_acts_where_a_table_has_a_city() -> None:
    """On no other chart, and on all of these."""
    with_city = {name for name, model in presentation_models().items() if "city" in dict(model.columns)}
    assert {figure.id for figure in figures() if with_city & set(figure.tables)} == {
        figure.id for figure in figures() if figure.city
    }


def test_the_chart_library_is_the_release_it_is_said_to_be() -> None:
    """The files are somebody else's work: nothing in them is changed here."""
    folder = resources.files("rental_etl.report") / "runtime"
    said = dict(re.findall(r"\| (\S+\.js) \| ([0-9a-f]{64}) \|", (folder / "README.md").read_text(encoding="utf-8")))
    found = {
        item.name: hashlib.sha256(item.read_bytes()).hexdigest() for item in folder.iterdir() if item.name[-3:] == ".js"
    }
    assert said == found


def test_ten_thousand_listings_over_five_years_stay_below_3_mb() -> None:
    """With as many places and ranks as a page takes at most, long titles, nine currencies and money without a pattern."""
    page = largest()
    assert page.tables["listings"]["rows"] > 20_000
    assert len(render(page).encode()) < 3_000_000
