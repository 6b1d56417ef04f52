"""How names of tables and columns are compared with the contracts', by the words of `vocabulary.yaml`."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import yaml

_NOUNS = {
    "apartments": "listing",
    "apartment_attributes": "listing",
    "bookings": "booking",
    "user_viewing": "view",
    "fx_rates": "rate",
}


@cache
def fold(name: str) -> str:
    """A name as it is compared: lower case, without accents, blanks and signs; `Anreise-Tag`, `anreise_tag` and `AnreiseTag` are the same."""
    spelled = unicodedata.normalize("NFKD", name.casefold().replace("ß", "ss"))
    plain = re.sub(r"[^a-z0-9]", "", spelled.encode("ascii", "ignore").decode())
    # An umlaut is written ä or ae.
    return re.sub(r"([aou])e", r"\1", plain)


def parts(name: str) -> list[str]:
    """The words of a name, folded: `tblReservas_2024` is tbl, reservas and 2024."""
    spaced = re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z])", " ", name)
    return [fold(word) for word in re.split(r"[\W_]+|(?<=\D)(?=\d)", spaced) if fold(word)]


def table_likeness(stem: str, table: str) -> float:
    """How much a name says that it holds a table: 1 its very name, less for one word among others, 0 nothing."""
    words, whole = parts(stem), fold(stem)
    known = _table_words(table)
    if whole in known:
        return 1.0
    if table == "apartment_attributes" and len(words) > 1 and words[-1] in known:
        return 0.9
    joined = {"".join(words[start:end]) for start in range(len(words)) for end in range(start + 1, len(words) + 1)}
    found = known & joined
    return 0.5 + 0.3 * max(map(len, found)) / len(whole) if found else 0.0


def column_likeness(name: str, *, table: str, column: str, day: bool) -> float:
    """How much a delivered name says that it is a contract's column: 1 the same name, 0.9 but for signs and case, 0.87 its words in another order, less the
    further down it stands among the column's other names, 0 nothing. `day` allows a word for date before or behind."""
    if name.strip().casefold() == column:
        return 1.0
    found = fold(name)
    if found == fold(column):
        return 0.9
    if sorted(parts(name)) == sorted(parts(column)):
        return 0.87
    ranks = _column_words(table, column)
    forms = {found}
    if day:
        forms |= {found.removesuffix(fold(word)) for word in _lists("words for a day")} | {
            found.removeprefix(fold(word)) for word in _lists("words before a day")
        }
    if fold(column) in forms:
        return 0.85
    best = min((ranks[form] for form in forms if form in ranks), default=None)
    if best is not None:
        return 0.8 - 0.2 * best - (0.0 if found in ranks else 0.01)
    inner = {form.removeprefix(prefix) for form in forms for prefix in _prefixes(table) if form.startswith(prefix)}
    behind = min((ranks[form] for form in inner if form in ranks), default=None)
    return 0.0 if behind is None else 0.58 - 0.1 * behind


@cache
def vocabulary() -> Mapping[str, Any]:
    """The words of `vocabulary.yaml`: under nouns, lists, tables, columns, statuses and truth, as texts separated by commas."""
    text = (resources.files("rental_etl.source.proposal") / "vocabulary.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def listed(text: str) -> list[str]:
    """The words of a text that is separated by commas; `@name` stands for the words or keys of that name."""
    return [found for word in text.split(",") for found in _expanded(word.strip())]


def _expanded(word: str) -> Sequence[str]:
    if not word.startswith("@"):
        return [word]
    name = word[1:]
    if name in vocabulary()["lists"]:
        return _lists(name)
    nouns, numbers = _nouns(name), _nouns("numbers")
    if name == "numbers":
        return numbers
    behind = [f"{noun} {number}" for number in numbers for noun in nouns]
    before = [f"{number} {noun}" for number in numbers for noun in nouns]
    german = [f"{noun}s{number}" for noun in nouns for number in numbers]
    return [*behind, *before, *german, *nouns]


@cache
def _nouns(name: str) -> Sequence[str]:
    return [word.strip() for word in vocabulary()["nouns"][name].split(",")]


@cache
def _lists(name: str) -> Sequence[str]:
    return [word.strip() for word in vocabulary()["lists"][name].split(",")]


@cache
def _table_words(table: str) -> frozenset[str]:
    return frozenset(map(fold, listed(vocabulary()["tables"][table])))


@cache
def _column_words(table: str, column: str) -> dict[str, float]:
    """Names by their rank from 0 (first) to below 1."""
    words = list(dict.fromkeys(map(fold, listed(vocabulary()["columns"][table].get(column, column)))))
    return {word: place / len(words) for place, word in enumerate(words)}


@cache
def _prefixes(table: str) -> tuple[str, ...]:
    """What columns of a table often begin with, the longest first."""
    return tuple(sorted({fold(word) for word in _nouns(_NOUNS[table])}, key=len, reverse=True))
