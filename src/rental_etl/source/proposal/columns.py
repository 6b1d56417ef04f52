"""Which delivered column holds which column of a contract: by name first, then by what the values look like. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from rental_etl.model.contract import Column, Contract
from rental_etl.source.proposal.names import column_likeness, fold, listed, vocabulary
from rental_etl.source.proposal.sample import Sample
from rental_etl.source.proposal.shape import Shape, days, fits, shape, whole_numbers
from rental_etl.source.proposal.words import status

Confidence = Literal["sure", "likely", "guess", "open"]
# A name as good as this is the contract's own, but for signs and case.
_OWN_NAME = 0.9
# So many different words a system may have for states, and so many of the rows have to hold one that is known.
_STATES, _ENOUGH = 12, 0.5


@dataclass(frozen=True, slots=True)
class Placed:
    """A contract's column and the delivered one that holds it; `delivered` is "" when none does, and `why` says so. `example` is one of its values."""

    column: str
    required: bool
    delivered: str
    confidence: Confidence
    why: str
    example: str = ""


@dataclass(frozen=True, slots=True)
class Listings:
    """What is known of the listings by other means: their ids, and what their own table calls them."""

    ids: frozenset[str] = frozenset()
    called: str = ""


def shapes_of(sample: Sample) -> Mapping[str, Shape]:
    """The shape of each of a sample's columns."""
    return {name: shape(sample.column(name)) for name in sample.columns}


def place(
    sample: Sample,
    contract: Contract,
    *,
    shapes: Mapping[str, Shape] | None = None,
    listings: Listings | None = None,
    guessing: bool = True,
) -> tuple[Placed, ...]:
    """Where each of a contract's columns is, in contract order. `shapes` are the sample's, made here when not given; without `guessing` names alone
    decide."""
    return _Placing(sample, contract, shapes or shapes_of(sample), listings or Listings()).placed(guessing=guessing)


class _Placing:
    """Places one sample's columns; each delivered column is used once."""

    def __init__(self, sample: Sample, contract: Contract, shapes: Mapping[str, Shape], listings: Listings) -> None:
        self.sample = sample
        self.contract = contract
        self.listings = listings
        self.shapes = shapes
        self.found: dict[str, tuple[str, Confidence, str]] = {}
        self.misnamed: dict[str, str] = {}
        self.unclear: dict[str, str] = {}

    def placed(self, *, guessing: bool) -> tuple[Placed, ...]:
        """Names first: a guess never takes a column that is called otherwise."""
        self._by_name()
        before = -1
        while guessing and before < len(self.found):
            # One placed column may tell another: the guest is the reference that is not the listing.
            before = len(self.found)
            for column in self.contract.columns:
                if column.required and column.name not in self.found and column.name not in self.misnamed:
                    self._by_values(column)
        return tuple(self._placed(column) for column in self.contract.columns)

    def _placed(self, column: Column) -> Placed:
        if column.name not in self.found:
            why = (
                self.misnamed.get(column.name)
                or self.unclear.get(column.name)
                or "no column is called so or looks like it"
            )
            return Placed(column.name, column.required, "", "open", why)
        delivered, confidence, why = self.found[column.name]
        return Placed(column.name, column.required, delivered, confidence, why, self.shapes[delivered].example())

    def _by_name(self) -> None:
        table = self.contract.table
        likeness = [
            (
                column_likeness(name, table=table, column=column.name, day=column.is_day),
                -place,
                name,
                column,
            )
            for column in self.contract.columns
            for place, name in enumerate(self.sample.columns)
        ]
        for score, _, name, column in sorted(
            (one for one in likeness if one[0] > 0), key=lambda one: one[:2], reverse=True
        ):
            if column.name in self.found or name in self._used():
                continue
            if not fits(self.shapes[name], column) or not self._speaks(name, column):
                if score >= _OWN_NAME or column.name not in self.misnamed:
                    example = self.shapes[name].example()
                    self.misnamed[column.name] = (
                        f"{name} is called like it, but holds {example!r}, which is no {_called(column)}"
                    )
                continue
            self.misnamed.pop(column.name, None)
            self.found[column.name] = (name, *_confidence(score, column, self.shapes[name]))

    def _speaks(self, name: str, column: Column) -> bool:
        """Whether a column of words holds such words; a listing's `status` may be anything."""
        found = self.shapes[name]
        if not found.filled:
            return True
        if column.name == "booking_status":
            return found.share(value for value in found.values if status(value)) > 0 or len(found.values) <= _STATES
        if column.name == "currency":
            return found.share(_codes(found)) > 0
        return True

    def _used(self) -> set[str]:
        return {name for name, *_ in self.found.values()}

    def _by_values(self, column: Column) -> None:
        free = [name for name in self.sample.columns if name not in self._used() and self.shapes[name].filled >= 3]
        candidates = [name for name in free if self._looks_like(column, name)]
        if column.name == "apartment_id":
            # Numbers of guests may be numbers of listings too; what is called as the listings call it is meant.
            candidates = [name for name in candidates if fold(name) == fold(self.listings.called)] or candidates
        if len(candidates) == 1:
            self.found[column.name] = (candidates[0], "guess", "by its values alone")
        elif candidates:
            self.unclear[column.name] = f"it may be {' or '.join(candidates)}"

    def _looks_like(self, column: Column, name: str) -> bool:
        looks: Mapping[str, Callable[[str], bool]] = {
            "apartments.id": self._is_key,
            "apartment_attributes.id": self._is_key,
            "apartments.currency": self._is_currency,
            "apartments.is_active": lambda name: self._fits("is_active", name) and len(self.shapes[name].values) == 2,
            "apartments.price": lambda name: self._is_money("price", name),
            "apartments.listing_created_on": self._is_day,
            "bookings.booking_id": self._is_key,
            "bookings.apartment_id": self._is_listing,
            "bookings.user_id": lambda name: (
                self._is_reference(name) and not self._is_listing(name) and "apartment_id" in self.found
            ),
            "bookings.currency": self._is_currency,
            "bookings.total_price": lambda name: self._is_money("total_price", name),
            "bookings.booking_status": self._is_status,
            "bookings.booking_date": lambda name: (
                self._is_day(name) and self._before(name, self._delivered("checkin_date"))
            ),
            "bookings.checkin_date": lambda name: (
                self._is_day(name) and self._before(name, self._delivered("checkout_date"), strictly=True)
            ),
            "bookings.checkout_date": lambda name: (
                self._is_day(name) and self._before(self._delivered("checkin_date"), name, strictly=True)
            ),
            "user_viewing.apartment_id": self._is_listing,
            "user_viewing.user_id": lambda name: (
                self._is_reference(name) and not self._is_listing(name) and "apartment_id" in self.found
            ),
            "user_viewing.viewed_at": self._is_day,
            "fx_rates.rate_date": self._is_day,
            "fx_rates.currency": self._is_currency,
            "fx_rates.rate": lambda name: self._is_money("rate", name),
        }
        look = looks.get(f"{self.contract.table}.{column.name}")
        return look is not None and look(name)

    def _delivered(self, column: str) -> str:
        return self.found.get(column, ("",))[0]

    def _fits(self, column: str, name: str) -> bool:
        return fits(self.shapes[name], self.contract.column(column))

    def _is_key(self, name: str) -> bool:
        found = self.shapes[name]
        return not found.nulls and len(found.values) == found.filled == len(whole_numbers(found.values))

    def _is_reference(self, name: str) -> bool:
        """Whole numbers without a fraction that come again, and more of them than there are guests in a stay."""
        found = self.shapes[name]
        numbers = [value for value in found.values if value.isdecimal()]
        return not found.nulls and len(numbers) == len(found.values) and 20 < len(numbers) < found.filled

    def _is_listing(self, name: str) -> bool:
        found = self.shapes[name]
        ids = self.listings.ids
        return bool(ids) and found.share(value for value in found.values if value in ids) > 0.9

    def _is_currency(self, name: str) -> bool:
        found = self.shapes[name]
        return found.share(_codes(found)) > 0.95

    def _is_status(self, name: str) -> bool:
        """A few words, of which most rows hold one that is known for a state."""
        found = self.shapes[name]
        return 1 < len(found.values) <= _STATES and found.share(filter(status, found.values)) > _ENOUGH

    def _is_money(self, column: str, name: str) -> bool:
        """Numbers with a fraction: whole ones may count anything."""
        found = self.shapes[name]
        return (
            self._fits(column, name)
            and len(whole_numbers(found.values)) < len(found.values) > 2
            and not days(found.values)
        )

    def _is_day(self, name: str) -> bool:
        found = self.shapes[name]
        return found.share(days(found.values)) > 0.95

    def _before(self, earlier: str, later: str, *, strictly: bool = False) -> bool:
        """Whether one column's days come before the other's, however day and month are ordered."""
        if not earlier or not later:
            return False
        pairs = list(zip(self.sample.column(earlier), self.sample.column(later), strict=True))
        for day_first in (True, False):
            read = [
                (one, other)
                for one, other in ((_day(a, day_first), _day(b, day_first)) for a, b in pairs)
                if one and other
            ]
            good = sum((one < other if strictly else one <= other) for one, other in read)
            if len(read) > 0.5 * len(pairs) and good > 0.95 * len(read):
                return True
        return False


def _confidence(score: float, column: Column, found: Shape) -> tuple[Confidence, str]:
    if score >= _OWN_NAME:
        return "sure", "its name"
    if not found.filled:
        return "guess", "another name for it; it holds no value"
    return "likely", "another name for it, and its values fit" if column.type != "text" else "another name for it"


def _called(column: Column) -> str:
    named = {
        "int64": "whole number",
        "decimal": "number",
        "float64": "number",
        "bool": "yes or no",
        "text": "such word",
    }
    return named.get(column.type, column.type)


def _codes(found: Shape) -> Sequence[str]:
    """Values that are codes of currencies; any three letters are, beside codes that are well known."""
    currencies = set(listed(vocabulary()["lists"]["currencies"]))
    letters = [value for value in found.values if len(value) == 3 and value.isalpha()]
    return letters if any(value.upper() in currencies for value in letters) else []


def _day(text: str | None, day_first: bool) -> date | None:
    """The calendar day of a readable date, None for anything else."""
    if not text or not days([text]):
        return None
    written = text[:10].split(" ")[0].split("T")[0].replace("/", "-").replace(".", "-").split("-")
    first, second, third = (int(part) for part in written[:3])
    year, month, day = (
        (first, second, third) if first > 31 else (third, second, first) if day_first else (third, first, second)
    )
    try:
        return date(year, month, day)
    except ValueError:
        return None
