"""The committed text of every model is what the renderer makes of it today."""

import re

import pytest

from redshift.dialect import refusal
from rendered.refresh import FOLDER, rendered, statements
from rental_etl.errors import ModelError, UsageError
from rental_etl.tables.render import fill, render

# FACTS: these mean something else, or nothing, on another engine. Divisions are integer ones, ratios computed exactly.
NOT_PORTABLE = {
    "decimal division": r"(?<![/*])/(?![/*])",
    "isodow and dayofweek": r"\b(isodow|dayofweek)\b",
    "asof join": r"\basof\b",
    "strptime": r"strptime",
    "hours and months between dates": r"date_diff\(\s*'(?!day)",
    "range over intervals": r"\brange between\b",
    "median and quantiles": r"\b(median|quantile\w*|percentile\w*)\b",
    "group by all": r"\bgroup by all\b",
}


def test_the_committed_texts_are_current() -> None:
    """`python tests/rendered/refresh.py` writes them anew."""
    wanted = dict(rendered())
    found = {path: path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.sql")}
    assert sorted(map(str, wanted)) == sorted(map(str, found))
    for path, text in wanted.items():
        assert (str(path), text) == (str(path), found[path])


@pytest.mark.parametrize("construct", NOT_PORTABLE)
def test_models_keep_to_the_portable_subset(construct: str) -> None:
    """What renders without an error can still differ silently."""
    users = [
        name
        for name, sql in statements().items()
        if re.search(NOT_PORTABLE[construct], re.sub(r"--.*", "", sql.replace("//", "")), re.IGNORECASE)
    ]
    assert users == []


def test_a_construct_another_engine_lacks_is_an_error() -> None:
    """Broken SQL with a warning would reach the engine."""
    with pytest.raises(ModelError, match="cannot be rendered for redshift"):
        render("select unnest(generate_series(1, 3)) as number", "redshift")


def test_what_renders_for_redshift_is_nothing_that_redshift_refuses() -> None:
    """Metrics that need a series of days are an error that says so; all others are valid, and exact."""
    series = []
    for name, sql in statements().items():
        try:
            text = render(sql, "redshift")
        except ModelError as error:
            assert "leader node" in error.what  # noqa: PT017
            series.append(name.partition("/")[2])
            continue
        # `merge` is also the schema of what is being merged.
        bare = re.sub(r"/\*.*?\*/|\bmerge(?=\.)", "", text, flags=re.DOTALL)
        assert (name, refusal(bare), "DOUBLE" in bare) == (name, "", False)
    assert {"daily_rates", "nights_monthly", "revenue_monthly"} <= set(series)
    assert not {"bookings", "bookings_per_user_weekly", "cancellation_rate_monthly"} & set(series)


def test_redshift_divides_whole_numbers_exactly_and_counts_without_filter() -> None:
    """The renderer would divide in floating point, and leave FILTER, which Redshift refuses."""
    text = render("select a // b as q, count(*) filter (where c) as n, sum(x) filter (where c) as s from t", "redshift")
    assert "".join(text.split()) == (
        "SELECT(((a)-(a)%(b))/(b))ASq,COUNT(CASEWHENcTHEN1END)ASn,SUM(CASEWHENcTHENxEND)ASsFROMt"
    )


def test_sql_that_cannot_be_parsed_is_an_error_of_the_model() -> None:
    """The reader is told which engine it was for."""
    with pytest.raises(ModelError, match="cannot be rendered for spark"):
        render("select from where", "spark")


def test_wide_integers_are_decimals_elsewhere() -> None:
    """Spark has no 128-bit integers, and its DIV cuts what has more than 64 bits off without a word."""
    wide = "CAST(a AS DECIMAL(38, 0))"
    exact = f"CAST((\n    {wide} - {wide} % b\n  ) / b AS DECIMAL(38, 0))"
    assert render("select cast(a as hugeint) // b from t", "spark") == f"SELECT\n  {exact}\nFROM t\n"
    assert render("select a // b from t", "spark") == "SELECT\n  a DIV b\nFROM t\n"


def test_the_first_day_of_a_week_or_month_is_found_from_the_day_on_spark() -> None:
    """Its DATE_TRUNC converts every row to a zone and back; hours of a day have no other way."""
    assert render("select cast(date_trunc('week', a) as date) from t", "spark") == (
        "SELECT\n  TRUNC(CAST(a AS DATE), 'WEEK')\nFROM t\n"
    )
    assert "DATE_TRUNC('HOUR', a)" in render("select cast(date_trunc('hour', a) as date) from t", "spark")


def test_schemas_become_prefixes_on_spark() -> None:
    """Temporary views have no schema there."""
    sql = "select a.x from curated.bookings as a join intermediate.places on a.x = places.place_id"
    assert (
        render(sql, "spark")
        == "SELECT\n  a.x\nFROM curated_bookings AS a\nJOIN intermediate_places AS places\n  ON a.x = places.place_id\n"
    )


def test_unknown_names_are_refused() -> None:
    """A dialect that does not exist, a parameter that does not."""
    with pytest.raises(UsageError, match="unknown dialect oracle"):
        render("select 1", "oracle")
    with pytest.raises(ModelError, match=r"unknown parameter \$nothing"):
        fill("select $nothing", {})
