"""Hypothesis strategies for small, nasty marketplaces: few keys and few dates, so that everything collides with everything.

Days bunch at month ends, the leap day, year ends and the edges of ISO weeks. Each story draws a few of them, and one small pool of rows per table;
every file then picks from that pool, so rows come back, go missing, are repeated and are corrected, inside one file and between runs. Values shrink
towards harmless ones.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from hypothesis import strategies as st

from reference.deliveries import Delivery, File, Kind, Metrics, Quality, Run
from reference.rows import TextRow, apartment, attributes, booking, file, rate, view
from reference.tables import KEYS, TYPES

EDGES = (
    *("2024-01-01", "2024-01-02", "2024-01-07", "2024-01-08", "2024-01-30", "2024-01-31", "2024-02-01"),
    *("2024-02-28", "2024-02-29", "2024-03-01", "2024-03-31", "2024-04-01"),
    *("2023-12-28", "2023-12-30", "2023-12-31", "2024-12-29", "2024-12-30", "2024-12-31", "2025-01-01"),
)
# Never three years, to the day, before a day above: SPEC leaves open whether that day can still be read.
AS_OF = (
    *("2024-01-31", "2024-01-30", "2024-01-03", "2024-02-04", "2024-02-29", "2024-03-31", "2024-12-31", "2025-03-02"),
    *("2023-12-31", "2023-11-15", "2021-03-15"),
)
TIMES = ("00:00:00", "12:30:00", "23:59:59", "23:59:59.999999", "00:30:00+01:00", "23:30:00-05:00")
PRICES = (
    *("100.00", "50.00", "0.01", "99.99", "33.33", "100", "66.665", "0.005", "1000.1"),
    *("1000000000000000.01", "9999999999999999.99"),
)
CURRENCIES = ("USD", "EUR", "eur", "GBP")
STATUSES = (
    *("confirmed", "completed", "CONFIRMED", "confirmed", "completed", "confirmed", "completed"),
    *("canceled", "Cancelled", "pending", "rejected", "no_show", "odd"),
)
LISTINGS = ("1", "2", "3", "5000000000")
USERS = ("1", "2", "3")
PLACES = (("TX", "Austin"), ("CA", "Austin"), ("TX", ""), ("", "null"), ("SP", "São Paulo"), ("unknown", "unknown"))
TITLES = ("Flat", "Flat, sunny", 'the "best"', "two\nlines", "back\\slash\\", "null", "", " padded ")
BAD: Mapping[str, tuple[str, ...]] = {
    "int": ("", "one", "1.5", "9223372036854775808"),
    "decimal2": ("-1", "0", "", "1e3", "$5", "12345678901234567.00"),
    "decimal8": ("0", "-1", "", "much"),
    "decimal1": ("many", "99999"),
    "upper": ("", "EURO", "E1R", "€"),
    "status": ("", "NULL"),
    "bool": ("", "maybe"),
    "date": ("", "2023-02-29", "1999-12-31", "soon", "2099-01-01"),
    "timestamp": ("", "2023-02-29 10:00:00", "1999-12-31 23:59:59", "soon", "2099-01-01"),
    "text": ("", "NaN"),
    "lower": ("", "NaN"),
}

prices = st.sampled_from(PRICES)
currencies = st.sampled_from(CURRENCIES)
listings = st.sampled_from(LISTINGS)
users = st.sampled_from(USERS)
booleans = st.sampled_from(("true", "FALSE", "1", "no", "Y"))


class Story:
    """A workspace's life: the guards, then run after run. No dataclass, because Hypothesis would print its fields instead of the CSVs."""

    def __init__(self, *, quality: Quality, runs: tuple[Run, ...]) -> None:
        self.quality = quality
        self.runs = runs

    def __repr__(self) -> str:
        """The settings, and every file as the CSV it is."""
        lines = [f"{self.quality}"]
        for number, run in enumerate(self.runs, start=1):
            lines.append(f"--- run {number}: as_of {run.as_of} decision {run.decision!r} {run.metrics}")
            for table, delivery in run.deliveries.items():
                for delivered in delivery.in_order:
                    lines.append(f"{table} ({delivery.kind}) {delivered.name}: {','.join(delivered.columns)}")
                    lines += [f"    {','.join(map(repr, cells))}" for cells in delivered.cells]
        return "\n" + "\n".join(lines)


@st.composite
def spoiled(draw: st.DrawFn, table: str, rows: st.SearchStrategy[TextRow]) -> TextRow:
    """A row of which, one time in ten, one cell is null, unreadable or against a rule."""
    row = draw(rows)
    if draw(st.integers(0, 9)) < 9:
        return row
    column = draw(st.sampled_from(tuple(TYPES[table])))
    return {**row, column: draw(st.sampled_from(BAD[TYPES[table][column]]))}


@st.composite
def _stay(draw: st.DrawFn, days: st.SearchStrategy[str], moments: st.SearchStrategy[str]) -> TextRow:
    checkin = draw(days)
    nights = draw(st.sampled_from((1, 2, 3, 1, 2, 5, 28, 29, 30, 31, 62, 100, 366, 0, -1)))
    checkout = (date.fromisoformat(checkin) + timedelta(days=nights)).isoformat()
    return booking(
        str(draw(st.integers(1, 10))),
        user_id=draw(users),
        apartment_id=draw(listings),
        booking_date=draw(moments),
        checkin_date=draw(st.sampled_from((checkin, f"{checkin} 23:59:59"))),
        checkout_date=checkout,
        total_price=draw(prices | st.just("0.00")),
        currency=draw(currencies),
        booking_status=draw(st.sampled_from(STATUSES)),
        num_guests=draw(st.sampled_from(("2", "2.0", ""))),
    )


def rows_on(palette: Sequence[str]) -> dict[str, st.SearchStrategy[TextRow]]:
    """By table, rows whose dates are of the palette."""
    days = st.sampled_from(palette)
    moments = st.builds(lambda day, time: f"{day} {time}", days, st.sampled_from(TIMES)) | days
    found: dict[str, st.SearchStrategy[TextRow]] = {
        "apartments": st.builds(
            apartment,
            st.sampled_from(LISTINGS[:3]),
            title=st.sampled_from(TITLES),
            price=prices,
            currency=currencies,
            listing_created_on=moments,
            is_active=booleans,
            last_modified_timestamp=st.just("") | moments,
        ),
        "apartment_attributes": st.builds(
            lambda listing, place, baths: attributes(listing, state=place[0], cityname=place[1], bathrooms=baths),
            listings,
            st.sampled_from(PLACES),
            st.sampled_from(("1.5", "2", "1.25", "lots")),
        ),
        "bookings": _stay(days, moments),
        "user_viewing": st.builds(
            view, users, listings, moments, is_wishlisted=booleans | st.just("") | st.just("maybe")
        ),
        "fx_rates": st.builds(
            rate, days, currencies, st.sampled_from(("1.1", "0.5", "1.23456789", "0.000000015", "1.123456785", "0"))
        ),
    }
    return {table: spoiled(table, rows) for table, rows in found.items()}


POOL_SIZES = {"apartments": 6, "apartment_attributes": 4, "bookings": 14, "user_viewing": 8, "fx_rates": 6}

metric_settings = st.builds(
    Metrics,
    confirmed_statuses=st.sampled_from((("confirmed", "completed"), ("confirmed",), ("completed", "odd", "pending"))),
    canceled_statuses=st.sampled_from((("canceled",), ("canceled", "rejected"), ("no_show", "confirmed"))),
    reporting_currency=st.sampled_from(("", "USD", "EUR")),
    top_n=st.sampled_from((10, 1, 2)),
)
qualities = st.sampled_from(
    (*(Quality(max_deleted_ratio="1"),) * 6, Quality(), Quality(max_deleted_ratio="1", max_quarantined_ratio="0.5"))
)


@st.composite
def _pick(draw: st.DrawFn, pool: Sequence[TextRow]) -> list[TextRow]:
    """Rows of the pool, about as many as it has; seldom few or none (which is what it shrinks to)."""
    rich = draw(st.integers(0, 15)) > 0
    few, many = (len(pool) // 2, len(pool) + 3) if rich else (0, 2)
    return draw(st.lists(st.sampled_from(pool), min_size=few, max_size=many))


@st.composite
def deliveries(draw: st.DrawFn, table: str, *, kind: Kind, mixed: bool, pool: Sequence[TextRow]) -> Delivery:
    """One delivery of a table. `mixed`: other runs deliver it as the other kind, so where there is no key names of a series and of a
    full delivery are kept apart (SPEC does not say whether they are the same name)."""
    apart = mixed and not KEYS[table]
    names = [f"{table}-1.csv", f"{table}-2.csv", f"{table}-10.csv"]
    if kind == "full":
        single = apart or draw(st.integers(0, 3)) < 3
        chosen = [f"{table}.csv"] if single else names[:2]
    else:
        chosen = draw(
            st.lists(st.sampled_from(names if apart else [*names, f"{table}.csv"]), min_size=1, max_size=3, unique=True)
        )
    files: list[File] = [file(name, table, draw(_pick(pool))) for name in chosen]
    return Delivery(kind, tuple(files))


@st.composite
def stories(draw: st.DrawFn, *, max_runs: int = 4) -> Story:
    """One to four runs over the same small pools of rows."""
    palette = draw(st.lists(st.sampled_from(EDGES), min_size=1, max_size=7, unique=True))
    pools = {
        table: draw(st.lists(rows, min_size=POOL_SIZES[table] // 2, max_size=POOL_SIZES[table]))
        for table, rows in rows_on(palette).items()
    }
    habits = {table: draw(st.sampled_from(("full", "full", "delta", "mixed"))) for table in pools}
    usual = draw(metric_settings)
    runs = []
    for number in range(draw(st.integers(1, max_runs))):
        tables = {}
        for table, pool in pools.items():
            if (table == "apartments" and number == 0) or draw(st.integers(0, 9)) < 9:
                mixed = habits[table] == "mixed"
                kind: Kind = (
                    draw(st.sampled_from(("full", "delta")))
                    if mixed
                    else "full"
                    if habits[table] == "full"
                    else "delta"
                )
                tables[table] = draw(deliveries(table, kind=kind, mixed=mixed, pool=pool))
        runs.append(
            Run(
                as_of=date.fromisoformat(draw(st.sampled_from(AS_OF))),
                deliveries=tables,
                metrics=usual if draw(st.integers(0, 3)) < 3 else draw(metric_settings),
                decision=draw(st.sampled_from(("", "accept", "reject"))),
            )
        )
    return Story(quality=draw(qualities), runs=tuple(runs))
