"""Facts of a report without a database: an empty page, and the largest that a page of five years can be."""

import random
from datetime import date, timedelta
from typing import Any

from rental_etl.model.run import Published
from rental_etl.report.encoding import pack
from rental_etl.report.facts import Facts
from rental_etl.report.questions import ledger_questions, metric_questions, places_allowed, ranks_allowed

PUBLISHED = Published(7, "run-7", date(2024, 6, 17), "2024-06-18 04:00:00.123456", {})


def facts(**changes: Any) -> Facts:
    """A page's facts without a row."""
    questions = {**metric_questions(places=10, ranks=10), **ledger_questions()}
    tables = {name: pack(question.fields, []) for name, question in questions.items()}
    known: dict[str, Any] = {
        "published": PUBLISHED,
        "tables": tables,
        "skipped": {},
        "runs": (),
        "rendered_at": "2024-06-18 04:00:01",
        "version": "1.2.3",
        "limits": {"places": 10, "every_place": 0, "ranks": 10},
    }
    return Facts(**{**known, **changes})


def largest() -> Facts:
    """10,000 listings over five years, with as many places and ranks as a page takes at most, long titles, nine currencies and money without a pattern."""
    chance = random.Random(1)
    weeks = [date(2019, 7, 1) + timedelta(days=7 * number) for number in range(261)]
    months = sorted({week.replace(day=1) for week in weeks})
    days = [weeks[0] + timedelta(days=number) for number in range(7 * 261)]
    currencies = ("AUD", "BRL", "CAD", "CHF", "EUR", "GBP", "JPY", "MXN", "USD")
    places = [(f"State {number % 50}", f"Some long city name {number}") for number in range(places_allowed(len(weeks)))]
    listings = [
        (str(10**9 + number), f"Bright flat of {number} with a view over the {number} roofs of the old town")
        for number in range(10_000)
    ]
    ranks = min(10, ranks_allowed(len(weeks), len(currencies)))
    some = chance.randrange
    rows: dict[str, list[tuple[Any, ...]]] = {
        "occupancy": [(month, some(300_000), some(200_000), True) for month in months],
        "occupancy_by_city": [(*place, month, some(9_000), some(5_000), True) for place in places for month in months],
        "revenue": [
            (code, month, some(9_000), some(10**9), some(90_000), True) for code in currencies for month in months
        ],
        "price": [(code, week, some(9_000), some(10**9), True) for code in currencies for week in weeks],
        "locations": [(*place, week, some(40), some(200), True) for place in places for week in weeks],
        "listings": [
            (code, week, rank + 1, *chance.choice(listings), places[some(len(places))][1], some(9), some(10**6), True)
            for code in currencies
            for week in weeks
            for rank in range(ranks)
        ],
        "repeat": [(day, some(9_000), some(900), True) for day in days],
        "conversion": [(week, *(some(99_999) for _ in range(5)), True) for week in weeks],
        "bookings": [(week, *(some(9_999) for _ in range(4)), True) for week in weeks],
    }
    for name in ("duration", "lead_time", "cancellation"):
        rows[name] = [(month, some(90_000), some(9_000), True) for month in months]
    questions = metric_questions(places=len(places), ranks=ranks)
    tables = {**facts().tables, **{name: pack(questions[name].fields, found) for name, found in rows.items()}}
    limits = {"places": len(places), "every_place": len(places), "ranks": ranks}
    return facts(tables=tables, limits=limits)
