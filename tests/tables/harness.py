"""A marketplace of a few rows, as curated tables in an engine session, and the metrics of it.

Rows are written as a reader would say them: `booking(user=1, listing=7, booked="2024-03-05", stay="2024-03-10/2024-03-12")`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from rental_etl.engine.duckdb_session import DuckDBEngine
from rental_etl.jobs.calculation import Calculation
from rental_etl.jobs.ranges import WHOLE, Span
from rental_etl.model.run import RuleResult
from rental_etl.ports.engine import Engine
from rental_etl.tables.models import curated_models, presentation_models
from rental_etl.tables.render import Parameters

Row = dict[str, Any]
_numbers = count(1)


def day(text: str) -> date:
    """A date from ISO text."""
    return date.fromisoformat(text)


def money(text: str) -> Decimal:
    """An exact amount."""
    return Decimal(text)


def booking(
    *,
    booked: str,
    stay: str = "2024-07-01/2024-07-02",
    user: int = 1,
    listing: int = 1,
    price: str = "100.00",
    currency: str = "EUR",
    status: str = "confirmed",
) -> Row:
    """A row of curated.bookings; `stay` is first night/day of leaving, `booked` a day or a moment."""
    checkin, checkout = stay.split("/")
    return {
        "booking_id": next(_numbers),
        "user_id": user,
        "apartment_id": listing,
        "booking_date": datetime.fromisoformat(booked),
        "checkin_date": day(checkin),
        "checkout_date": day(checkout),
        "total_price": money(price),
        "currency": currency,
        "booking_status": status,
    }


def version(
    *,
    listing: int = 1,
    created: str = "2024-01-01",
    modified: str | None = None,
    price: str = "50.00",
    currency: str = "EUR",
    active: bool = True,
    title: str | None = None,
) -> Row:
    """A row of curated.apartment_history; `modified` is the effective modification, the creation when left out."""
    return {
        "id": listing,
        "title": title,
        "price": money(price),
        "currency": currency,
        "listing_created_on": datetime.fromisoformat(created),
        "is_active": active,
        "effective_modified_at": datetime.fromisoformat(modified or created),
    }


def view(*, at: str, user: int = 1, listing: int = 1, wishlisted: bool | None = None) -> Row:
    """A row of curated.user_viewing."""
    viewed_at = datetime.fromisoformat(at)
    return {"user_id": user, "apartment_id": listing, "viewed_at": viewed_at, "is_wishlisted": wishlisted}


def place(*, listing: int = 1, state: str | None = None, city: str | None = None) -> Row:
    """A row of curated.apartment_attributes."""
    return {"id": listing, "state": state, "cityname": city}


def rate(*, on: str, currency: str, rate: str) -> Row:
    """A row of curated.fx_rates."""
    return {"rate_date": day(on), "currency": currency, "rate": Decimal(rate)}


@dataclass(frozen=True)
class Marketplace:
    """Curated rows. `deleted` maps listings to the day they were gone from the source."""

    bookings: Sequence[Row] = ()
    versions: Sequence[Row] = ()
    views: Sequence[Row] = ()
    places: Sequence[Row] = ()
    rates: Sequence[Row] = ()
    deleted: dict[int, str] = field(default_factory=dict)

    def listings(self) -> list[Row]:
        """What curated.apartments shows: each listing's last version and its deletion."""
        last: dict[int, Row] = {}
        for row in sorted(self.versions, key=lambda row: row["effective_modified_at"]):
            gone = self.deleted.get(row["id"])
            last[row["id"]] = {**row, "deleted_on": day(gone) if gone else None}
        return list(last.values())

    def tables(self) -> dict[str, Sequence[Row]]:
        """The rows by curated table."""
        return {
            "bookings": self.bookings,
            "apartment_history": self.versions,
            "apartments": self.listings(),
            "user_viewing": self.views,
            "apartment_attributes": self.places,
            "fx_rates": self.rates,
        }

    def bind(self, engine: Engine) -> None:
        """Make the rows readable as `curated.*`."""
        for name, rows in self.tables().items():
            bind_rows(engine, f"curated.{name}", name, rows)


def bind_rows(engine: Engine, relation: str, table: str, rows: Sequence[Row]) -> None:
    """Make rows of a curated table readable under a name."""
    columns = curated_models()[table].columns
    nulls = ", ".join(f"cast(null as {column.sql_type}) as {column.name}" for column in columns)
    texts = [
        ", ".join(f"cast({_literal(row.get(column.name))} as {column.sql_type})" for column in columns) for row in rows
    ]
    engine.keep(relation, f"select {nulls} where false{''.join(f' union all select {text}' for text in texts)}")


@contextmanager
def session(temp: Path = Path("/nonexistent")) -> Iterator[DuckDBEngine]:
    """An engine; small rows never spill."""
    with DuckDBEngine(memory="500MB", threads=1, temp=temp) as engine:
        yield engine


def rows_of(
    table: str, marketplace: Marketplace, *, as_of: str, span: Span = WHOLE, **settings: Any
) -> list[tuple[Any, ...]]:
    """A metric's rows, in the order of its grain."""
    model = presentation_models()[table]
    with session() as engine:
        marketplace.bind(engine)
        return computed(engine, table, parameters=Parameters(as_of=day(as_of), **settings), span=span)[
            : 10**6 if model else 0
        ]


def computed(engine: Engine, table: str, *, parameters: Parameters, span: Span = WHOLE) -> list[tuple[Any, ...]]:
    """A metric's rows over bound curated tables, of the periods in a span, in the order of its grain."""
    model = presentation_models()[table]
    calculation = Calculation(engine, parameters=parameters, scratch=Path("/nonexistent"))
    calculation.plan(model, span)
    return engine.rows(f"select * from ({calculation.statement(model)}) order by {', '.join(model.grain)}")


def broken_rules(table: str, marketplace: Marketplace, *, as_of: str, **settings: Any) -> list[RuleResult]:
    """What a metric leaves out."""
    with session() as engine:
        marketplace.bind(engine)
        parameters = Parameters(as_of=day(as_of), **settings)
        calculation = Calculation(engine, parameters=parameters, scratch=Path("/nonexistent"))
        return calculation.broken_rules(presentation_models()[table])


def _literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool | int | Decimal):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
