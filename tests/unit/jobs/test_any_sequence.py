"""Any sequence of batches, merged in any portions, leads where a model of a few dicts leads, and so does a full refresh."""

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.model import Books, KeyedModel, ListingModel, ModelBatch, ModelRow, rows_of_a_table_without_key
from jobs.workshop import Row, Workshop

DAY = date(2024, 6, 1)
MONTHS = [datetime(2024, 1, 31, 23, 59), datetime(2024, 2, 1), datetime(2024, 3, 15, 12)]


@dataclass(frozen=True, slots=True)
class Step:
    """A batch to deliver, and whether what waits is merged after it."""

    batch: ModelBatch
    merge: bool


def steps(contents: st.SearchStrategy[Any], keys: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Step]]:
    """Sequences of up to six small batches over few keys, so that they meet."""
    row = st.builds(
        lambda key, content, state: ModelRow(key, content, valid=state == "valid", landed=state != "unreadable"),
        keys,
        contents,
        st.sampled_from(["valid"] * 6 + ["refused", "unreadable"]),
    )
    nameless = st.just(ModelRow(None, (), valid=False, landed=False))
    rows = st.lists(st.one_of(row, row, row, row, row, nameless), max_size=5)
    shape = st.tuples(st.sampled_from(["full", "delta", "delta"]), st.sampled_from("ab"), rows, st.booleans())

    def number(shapes: Sequence[Any]) -> list[Step]:
        return [
            Step(ModelBatch(at, kind, name if kind == "delta" else "all", DAY + timedelta(at), tuple(rows)), merge)
            for at, (kind, name, rows, merge) in enumerate(shapes, start=1)
        ]

    return st.lists(shape, min_size=1, max_size=6).map(number)


def play(shop: Workshop, table: str, sequence: Sequence[Step], columns: Callable[[ModelRow], Row]) -> None:
    """Deliver and merge."""
    for step in sequence:
        batch = step.batch
        number = shop.deliver(
            table,
            *({**columns(row), "_error": None if row.valid else "rule"} for row in batch.rows if row.landed),
            kind=batch.kind,
            name=batch.name,
            day=batch.day,
            unreadable=[row.key for row in batch.rows if not row.landed],
            parts=1 + batch.number % 2,
        )
        assert number == batch.number
        # Without a word from a person an empty full batch is refused.
        shop.landing.decisions[number] = "accept"
        if step.merge:
            shop.merge()
            shop.books()
    shop.merge()


def seen(shop: Workshop, table: str, sequence: Sequence[Step]) -> tuple[dict[int, dict[str, int]], Counter[Any]]:
    """Fates of every batch, which balance, and warnings of merging."""
    books = shop.books()
    fates = {number: {**shop_fates(books[number])} for number in books}
    assert set(fates) == {step.batch.number for step in sequence}
    warnings = Counter({(rule.batch_id, rule.rule): rule.rows for rule in shop.rules() if rule.batch_id})
    return fates, warnings


def shop_fates(entry: Any) -> dict[str, int]:
    return {name: getattr(entry, name) for name in ("current", "replaced", "repeated", "refused", "deleted")}


def expected_fates(
    sequence: Sequence[Step], books: Books, current: Mapping[int, int], deleted: Mapping[int, int]
) -> Any:
    fates = {}
    for step in sequence:
        number = step.batch.number
        counted = books.fates[number]
        fates[number] = {
            "current": current.get(number, 0),
            "replaced": counted["replaced"],
            "repeated": counted["repeated"],
            "refused": counted["refused"],
            "deleted": counted["deleted"] + deleted.get(number, 0),
        }
    # What a later full batch took the place of is not counted any more.
    last_full = max((step.batch.number for step in sequence if step.batch.kind == "full"), default=0)
    warnings = Counter(
        {
            (number, rule): rows
            for number, found in books.warnings.items()
            for rule, rows in found.items()
            if number >= last_full
        }
    )
    return fates, warnings


def both_ways(check: Callable[[Workshop], None], play_into: Callable[[Workshop], None]) -> None:
    """As merged in portions, and after a full refresh of the same batches, with and without the memory of what was merged."""
    with tempfile.TemporaryDirectory() as folder:
        shop = Workshop(Path(folder))
        play_into(shop)
        check(shop)
        shop.merge(full_refresh=True)
        check(shop)
        shop.forget()
        shop.merge()
        check(shop)


thorough = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])

bookings = st.tuples(st.sampled_from(MONTHS), st.sampled_from([100, 200]), st.sampled_from([None, "paid"]))


@thorough
@given(steps(bookings, st.tuples(st.integers(1, 4))))
def test_bookings(sequence: list[Step]) -> None:
    """Keys are upserted, and a full batch deletes."""
    model = KeyedModel(forgets=True)
    for step in sequence:
        model.fold(step.batch)

    def columns(row: ModelRow) -> Row:
        booked, price, paid = row.content
        key = row.key or (None,)
        return {"booking_id": key[0], "booking_date": booked, "total_price": Decimal(price), "payment_status": paid}

    def check(shop: Workshop) -> None:
        found = shop.rows(
            "bookings", "booking_id, booking_date, cast(total_price as integer), payment_status, _batch_id"
        )
        assert sorted((key, *content, owner) for (key,), (content, owner) in model.state.items()) == sorted(
            found, key=lambda row: int(row[0])
        )
        buried = shop.rows("bookings_deleted", "booking_id, _batch_id")
        assert sorted((key, owner) for (key,), (_, owner) in model.graves.items()) == buried
        current = Counter(owner for _, owner in model.state.values())
        assert expected_fates(sequence, model.books, current, {}) == seen(shop, "bookings", sequence)

    both_ways(check, lambda shop: play(shop, "bookings", sequence, columns))


@thorough
@given(steps(st.tuples(st.sampled_from(["Austin", "Dallas", None])), st.tuples(st.integers(1, 3))))
def test_attributes(sequence: list[Step]) -> None:
    """Keys are upserted and never deleted."""
    model = KeyedModel(forgets=False)
    for step in sequence:
        model.fold(step.batch)

    def check(shop: Workshop) -> None:
        found = shop.rows("apartment_attributes", "id, cityname, _batch_id")
        assert sorted((key, *content, owner) for (key,), (content, owner) in model.state.items()) == found
        current = Counter(owner for _, owner in model.state.values())
        assert expected_fates(sequence, model.books, current, {}) == seen(shop, "apartment_attributes", sequence)

    def columns(row: ModelRow) -> Row:
        return {"id": (row.key or (None,))[0], "cityname": row.content[0]}

    both_ways(check, lambda shop: play(shop, "apartment_attributes", sequence, columns))


CREATED = datetime(2024, 1, 1)
versions = st.tuples(
    st.sampled_from([CREATED, CREATED + timedelta(days=1), CREATED + timedelta(days=40)]), st.sampled_from([90, 110])
)


@thorough
@given(steps(versions, st.tuples(st.integers(1, 3))))
def test_listings(sequence: list[Step]) -> None:
    """Every version is kept, and a listing that a full batch lacks is deleted from that batch's day on, until it is named again."""
    model = ListingModel()
    for step in sequence:
        model.fold(step.batch)

    def columns(row: ModelRow) -> Row:
        modified, price = row.content
        return {"id": (row.key or (None,))[0], "last_modified_timestamp": modified, "price": Decimal(price)}

    def check(shop: Workshop) -> None:
        history = shop.rows("apartment_history", "id, effective_modified_at, cast(price as integer), _batch_id")
        assert history == sorted((key, *content, owner) for ((key,), _), (content, owner) in model.versions.items())
        latest = {key: content for (key, _), (content, _) in sorted(model.versions.items())}
        shown = shop.rows("apartments", "id, cast(price as integer), deleted_on")
        assert [(key, content[1], model.deleted_on.get((key,))) for (key,), content in sorted(latest.items())] == shown
        current, deleted = Counter[int](), Counter[int]()
        for (key, _), (_, owner) in model.versions.items():
            (deleted if key in model.deleted_on else current)[owner] += 1
        assert expected_fates(sequence, model.books, current, deleted) == seen(shop, "apartments", sequence)

    both_ways(check, lambda shop: play(shop, "apartments", sequence, columns))


views = st.tuples(st.sampled_from(MONTHS), st.sampled_from([1, 2]))


@thorough
@given(steps(views, st.none()))
def test_viewings(sequence: list[Step]) -> None:
    """Without a key rows belong to their batch, and batches replace batches."""
    in_force, books = rows_of_a_table_without_key([step.batch for step in sequence])

    def columns(row: ModelRow) -> Row:
        return {"viewed_at": row.content[0], "user_id": row.content[1]}

    def check(shop: Workshop) -> None:
        expected = sorted((*content, number) for number, contents in in_force.items() for content in contents)
        assert expected == shop.rows("user_viewing", "viewed_at, user_id, _batch_id")
        current = {number: len(contents) for number, contents in in_force.items()}
        assert expected_fates(sequence, books, current, {}) == seen(shop, "user_viewing", sequence)

    both_ways(check, lambda shop: play(shop, "user_viewing", sequence, columns))
