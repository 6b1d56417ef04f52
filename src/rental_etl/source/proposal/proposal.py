"""Which file or table of a source is which table of the contracts, and the settings that follow. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from rental_etl.source.proposal.columns import Confidence, Listings, Placed, place, shapes_of
from rental_etl.source.proposal.files import file_patterns
from rental_etl.source.proposal.findings import Findings, find_out
from rental_etl.source.proposal.names import column_likeness, table_likeness
from rental_etl.source.proposal.sample import Looked, Sample, Unread
from rental_etl.source.proposal.shape import Shape, days
from rental_etl.tables.contracts import contracts

_WORTH: Mapping[Confidence, float] = {"sure": 1.0, "likely": 0.85, "guess": 0.5, "open": 0.0}
# How much names and columns together have to say; without a telling name nearly all columns have to be there.
_ENOUGH, _NAMELESS = 0.45, 0.7
# Besides its id, attributes need nothing: so many columns that tell of places and rooms make a table of them.
_TELLING_ATTRIBUTES = 3
# The tables that columns alone can tell: someone's views look like someone's messages.
_TOLD_BY_COLUMNS = ("apartments", "bookings", "fx_rates")
# Those whose rows name listings.
_REFERRING = ("bookings", "user_viewing")


@dataclass(frozen=True, slots=True)
class TableProposal:
    """What is proposed for one table. `sample` is None when nothing holds it; `why` says what speaks for it. `settings` are keys of `[tables.<table>]`,
    `suggested` ones that a person has to decide on, `extra` the delivered columns that the contract does not know, `unknown` words for states."""

    table: str
    sample: Sample | None
    why: str
    placed: tuple[Placed, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    suggested: Mapping[str, Any] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    open: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    delivery: str = ""
    unknown: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[Placed, ...]:
        """Columns that every row needs and that were not found."""
        return tuple(one for one in self.placed if one.required and not one.delivered)

    @property
    def confidence(self) -> Confidence:
        """That of the weakest column that is needed."""
        order: Sequence[Confidence] = ("open", "guess", "likely", "sure")
        return min((one.confidence for one in self.placed if one.required), key=order.index, default="open")


@dataclass(frozen=True, slots=True)
class Proposal:
    """Everything that was understood of a source: a proposal per table, and what at the source belongs to none."""

    source: str
    tables: tuple[TableProposal, ...]
    unplaced: tuple[Unread, ...]
    sampled: bool

    def settings(self) -> dict[str, dict[str, Any]]:
        """The settings to switch on, by table."""
        return {one.table: dict(one.settings) for one in self.tables if one.settings}


@dataclass(frozen=True, slots=True)
class _Match:
    table: str
    sample: Sample
    shapes: Mapping[str, Shape]
    placed: tuple[Placed, ...]
    likeness: float
    worth: float


def propose(looked: Looked, *, last_day: date) -> Proposal:
    """Propose settings for what was looked at; `last_day` is the last day a date may be. The same samples give the same proposal."""
    chosen, matches = _choose(looked)
    tables = []
    for table in ("apartments", "apartment_attributes", "bookings", "user_viewing", "fx_rates"):
        match = chosen.get(table)
        if match is None:
            tables.append(TableProposal(table, None, "no file or table looks like it"))
        else:
            tables.append(_proposed(match, looked, last_day=last_day))
    used = {match.sample.name for match in chosen.values()}
    unplaced = [
        Unread(sample.name, _why_not(sample, chosen, matches)) for sample in looked.samples if sample.name not in used
    ]
    sampled = any(not sample.whole for sample in looked.samples)
    return Proposal(looked.source, tuple(tables), (*unplaced, *looked.unread), sampled)


def candidates(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Those that may be a table by their names alone: the ones worth taking rows of."""
    return tuple(
        sample
        for sample in samples
        if any(_match(sample, table, shapes_of(sample)).worth >= _ENOUGH / 2 for table in contracts())
    )


def _choose(looked: Looked) -> tuple[dict[str, _Match], list[_Match]]:
    """The best sample of each table, and all matches, best first. A sample is one table, but that of the listings may hold their attributes too."""
    matches = []
    for sample in looked.samples:
        shapes = shapes_of(sample)
        matches += [_match(sample, table, shapes) for table in contracts()]
    chosen = _best(matches)
    listings = chosen.get("apartments")
    if listings is not None:
        # Whose ids they are is known now, and that tells more of what refers to them.
        known = Listings(_values(listings, "id"), _delivered(listings, "id"))
        matches = [
            _match(match.sample, match.table, match.shapes, listings=known) if match.table in _REFERRING else match
            for match in matches
        ]
        chosen = _best(matches)
        if "apartment_attributes" not in chosen:
            # Its id is that of the listings, whatever it is called.
            beside = _match(listings.sample, "apartment_attributes", listings.shapes, guessing=True)
            if _delivered(beside, "id") and (_delivered(beside, "cityname") or _delivered(beside, "state")):
                chosen["apartment_attributes"] = beside
    return chosen, sorted(matches, key=lambda match: match.worth, reverse=True)


def _best(matches: Sequence[_Match]) -> dict[str, _Match]:
    """The match of most worth for each table; a sample is taken once."""
    chosen: dict[str, _Match] = {}
    used: set[str] = set()
    for match in sorted(matches, key=lambda match: match.worth, reverse=True):
        if match.table not in chosen and match.sample.name not in used and _is_enough(match):
            chosen[match.table] = match
            used.add(match.sample.name)
    return chosen


def _match(
    sample: Sample,
    table: str,
    shapes: Mapping[str, Shape],
    *,
    listings: Listings | None = None,
    guessing: bool = False,
) -> _Match:
    contract = contracts()[table]
    likeness = table_likeness(sample.stem, table)
    guessing = guessing or likeness > 0 or listings is not None or table in _TOLD_BY_COLUMNS
    placed = place(sample, contract, shapes=shapes, listings=listings, guessing=guessing)
    needed = [_WORTH[one.confidence] for one in placed if one.required]
    others = [one for one in placed if not one.required and one.delivered]
    covered = sum(needed) / len(needed)
    if table == "apartment_attributes":
        covered *= min(1.0, len(others) / _TELLING_ATTRIBUTES)
    worth = 0.4 * likeness + 0.58 * covered + 0.004 * min(len(others), 5)
    return _Match(table, sample, shapes, placed, likeness, worth)


def _is_enough(match: _Match) -> bool:
    needed = [one for one in match.placed if one.required]
    found = sum(bool(one.delivered) for one in needed) / len(needed)
    if match.likeness == 1:
        return found > 0
    if match.likeness == 0:
        return (
            match.table in _TOLD_BY_COLUMNS
            and found >= _NAMELESS
            and match.worth >= 0.58 * _NAMELESS * _WORTH["likely"]
        )
    return match.worth >= _ENOUGH


def _why_not(sample: Sample, chosen: Mapping[str, _Match], matches: Sequence[_Match]) -> str:
    best = next(match for match in matches if match.sample is sample)
    missing = ", ".join(one.column for one in best.placed if one.required and not one.delivered)
    if best.worth < _ENOUGH and missing:
        return "neither its name nor its columns are those of a table"
    if best.table in chosen:
        return (
            f"it may be {best.table} too, but {chosen[best.table].sample.name} is more like it;"
            f" name both in tables.{best.table}.files if they belong together"
        )
    if missing:
        return f"it may be {best.table}, but has no column for {missing}"
    return f"it may be {best.table}, but nothing in its name says so: if it is, call it {best.table} and let init look again"


def _proposed(match: _Match, looked: Looked, *, last_day: date) -> TableProposal:
    contract = contracts()[match.table]
    found = find_out(match.sample, contract, match.placed, last_day=last_day)
    delivery = _place_settings(found, match, looked)
    renamed = {
        one.column: one.delivered
        for one in match.placed
        if one.delivered and one.delivered.strip().casefold() != one.column
    }
    if renamed:
        found.set("columns", renamed, "names of your own")
    used = {one.delivered for one in match.placed}
    return TableProposal(
        table=match.table,
        sample=match.sample,
        why=_why(match),
        placed=match.placed,
        settings=found.settings,
        suggested=found.suggested,
        reasons=found.reasons,
        open=found.open,
        notes=tuple(found.notes),
        extra=tuple(name for name in match.sample.columns if name not in used),
        delivery=delivery,
        unknown=found.unknown,
    )


def _place_settings(found: Findings, match: _Match, looked: Looked) -> str:
    """Where the table is, and how it is delivered. Returns the latter in words."""
    sample, contract = match.sample, contracts()[match.table]
    if looked.is_database:
        if sample.stem.casefold() not in (contract.table, *contract.also_named):
            found.set("name", sample.stem, "the table's name in the database")
        for column, reason in _cursors(match):
            found.suggest("cursor", column, reason)
            break
        return "full: the whole table at every run"
    if sample.encoding:
        found.set("encoding", sample.encoding, "it is no UTF-8")
    claimed = looked.claimed.get(match.table)
    if claimed and claimed.files == sample.files:
        series = claimed.series
    else:
        series = len(sample.files) > 1
        every = tuple(file for one in looked.samples for file in one.files)
        patterns, wild = file_patterns(sample.files, besides=[file for file in every if file not in sample.files])
        found.set("files", patterns, f"{len(sample.files)} files, a series" if series else "the file's name")
        if wild != series:
            found.set(
                "delivery",
                "delta" if series else "full",
                "each file adds to the table" if series else "the file states the whole table",
            )
    return "delta: each file adds to the table" if series else "full: the file states the whole table"


def _cursors(match: _Match) -> Iterator[tuple[str, str]]:
    """Columns that may tell when a row changed last, the surest first."""
    sample = match.sample
    for name in sample.updated:
        yield (
            name,
            "the database sets it whenever a row changes; then a run reads only what changed, and sees what was deleted every full_every",
        )
    if not contracts()[match.table].key:
        viewed = _delivered(match, "viewed_at")
        if viewed:
            yield viewed, "then a run reads only whole new days of it; for rows that never change later"
        return
    for name in sample.columns:
        like = column_likeness(name, table="apartments", column="last_modified_timestamp", day=True)
        if like > 0 and match.shapes[name].share(days(match.shapes[name].values)) == 1:
            yield name, "if everything that changes a row sets it; then a run reads only what changed"


def _why(match: _Match) -> str:
    if match.likeness == 1:
        return "its name"
    return "its name and columns" if match.likeness > 0 else "its columns"


def _delivered(match: _Match, column: str) -> str:
    return next(one.delivered for one in match.placed if one.column == column)


def _values(match: _Match, column: str) -> frozenset[str]:
    name = _delivered(match, column)
    return frozenset(value for value in match.sample.column(name) if value) if name else frozenset()
