"""SPEC section 1 replayed: sequences of runs in, the current tables and the row accounting out.

Every run replays all its batches from the first: nothing is kept between runs but the batches themselves and the decisions about them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from reference.deliveries import Delivery, File, Kind, Quality, Run
from reference.reading import Row, read_row
from reference.tables import KEYS

TABLES = tuple(KEYS)


@dataclass(frozen=True, slots=True)
class Batch:
    """A landed batch. `number` counts the table's batches from 1; `contents` are those of its files."""

    table: str
    number: int
    kind: Kind
    name: str
    contents: tuple[tuple[tuple[str, ...], ...], ...]
    day: date
    rows: tuple[Row, ...]

    @property
    def quarantined(self) -> int:
        """Rows that cannot be read or are refused."""
        return sum(not row.valid for row in self.rows)

    @property
    def present(self) -> set[tuple[Any, ...]]:
        """Keys the batch states, those of quarantined rows included."""
        return {row.key for row in self.rows if row.key is not None}


@dataclass(frozen=True, slots=True)
class Held:
    """A row in force and the number of the batch it came with."""

    values: Mapping[str, Any]
    batch: int


@dataclass(slots=True)
class State:
    """The current tables. `versions` are by listing and effective modification; `keyed` holds the other tables with a key by that key."""

    versions: dict[int, dict[datetime, Held]] = field(default_factory=dict)
    deleted: dict[int, date] = field(default_factory=dict)
    keyed: dict[str, dict[tuple[Any, ...], Held]] = field(default_factory=dict)
    views: list[tuple[str, Held]] = field(default_factory=list)
    delivered: set[str] = field(default_factory=set)

    def rows(self, table: str) -> list[Held]:
        """The rows in force of a table; for apartments, of its history."""
        if table == "apartments":
            return [held for versions in self.versions.values() for held in versions.values()]
        if table == "user_viewing":
            return [held for _, held in self.views]
        return list(self.keyed.get(table, {}).values())

    def keys(self, table: str) -> set[tuple[Any, ...]]:
        """The current keys: listings deleted at the source are not among them."""
        if table == "apartments":
            return {(listing,) for listing in self.versions if listing not in self.deleted}
        return set(self.keyed.get(table, {}))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to: the state it published, or the batches it refused (then nothing was published)."""

    state: State
    refused: tuple[Batch, ...]
    landed: tuple[Batch, ...]


def effective_modification(values: Mapping[str, Any]) -> datetime:
    """When a version of a listing began: never before the listing itself."""
    created: datetime = values["listing_created_on"]
    modified: datetime | None = values["last_modified_timestamp"]
    return created if modified is None else max(modified, created)


class Marketplace:
    """The landed batches of one workspace."""

    def __init__(self, quality: Quality | None = None) -> None:
        self.quality = quality or Quality()
        self.batches: list[Batch] = []
        self.decisions: dict[tuple[str, int], str] = {}

    def of(self, table: str) -> list[Batch]:
        """The batches of one table, oldest first."""
        return [batch for batch in self.batches if batch.table == table]

    def run(self, run: Run) -> Outcome:
        """Land what is new in the folder, then replay everything."""
        landed: list[Batch] = []
        for table, delivery in run.deliveries.items():
            landed += self._land(table, delivery, as_of=run.as_of)
        state, refused = self.replay()
        return Outcome(state=state, refused=tuple(refused), landed=tuple(landed))

    def decide(self, batch: Batch, decision: str) -> None:
        """Accept or reject a refused batch."""
        self.decisions[batch.table, batch.number] = decision

    def replay(self) -> tuple[State, list[Batch]]:
        """Merge all batches in order; returns the state and the batches that guards refuse."""
        state, refused = State(), []
        for table in TABLES:
            batches = self.of(table)
            for position, batch in enumerate(batches):
                decision = self.decisions.get((batch.table, batch.number))
                if decision == "reject":
                    continue
                if decision != "accept" and self._guarded(batch, state):
                    if not any(later.kind == "full" for later in batches[position + 1 :]):
                        refused.append(batch)
                    continue
                _merge(state, batch)
        return state, refused

    def _land(self, table: str, delivery: Delivery, *, as_of: date) -> list[Batch]:
        files = delivery.in_order
        landed = []
        for batch_files in [[file] for file in files] if delivery.kind == "delta" else [files]:
            if not self._known(table, delivery.kind, batch_files):
                landed.append(self._add(table, delivery.kind, batch_files, as_of=as_of))
        return landed

    def _known(self, table: str, kind: Kind, files: Sequence[File]) -> bool:
        contents = tuple(file.content for file in files)
        earlier = self.of(table)
        if kind == "full":
            return bool(earlier) and earlier[-1].kind == "full" and earlier[-1].contents == contents
        return any(content == contents[0] for batch in earlier for content in batch.contents)

    def _add(self, table: str, kind: Kind, files: Sequence[File], *, as_of: date) -> Batch:
        earlier = self.of(table)
        day = max(as_of, earlier[-1].day) if earlier else as_of
        batch = Batch(
            table=table,
            number=len(earlier) + 1,
            kind=kind,
            name=files[0].name if kind == "delta" else table,
            contents=tuple(file.content for file in files),
            day=day,
            rows=tuple(read_row(table, row, day=day) for file in files for row in file.rows),
        )
        self.batches.append(batch)
        return batch

    def _guarded(self, batch: Batch, state: State) -> bool:
        read = len(batch.rows)
        share = self.quality.max_quarantined_ratio
        if share and read and Fraction(batch.quarantined, read) > Fraction(share):
            return True
        if batch.kind == "delta":
            return False
        if not read:
            held = state.keys(batch.table) if KEYS[batch.table] else state.views
            return bool(held)
        keys = state.keys(batch.table)
        if not keys or batch.table == "apartment_attributes":
            return False
        return Fraction(len(keys - batch.present), len(keys)) > Fraction(self.quality.max_deleted_ratio)


def _merge(state: State, batch: Batch) -> None:
    state.delivered.add(batch.table)
    if batch.table == "apartments":
        _merge_listings(state, batch)
    elif batch.table == "user_viewing":
        _merge_views(state, batch)
    else:
        _merge_keyed(state, batch)


def _merge_listings(state: State, batch: Batch) -> None:
    for row in batch.rows:
        if row.valid:
            versions = state.versions.setdefault(row.values["id"], {})
            versions[effective_modification(row.values)] = Held(row.values, batch.number)
    for listing in state.versions:
        if (listing,) in batch.present:
            state.deleted.pop(listing, None)
        elif batch.kind == "full":
            state.deleted.setdefault(listing, batch.day)


def _merge_keyed(state: State, batch: Batch) -> None:
    rows = state.keyed.setdefault(batch.table, {})
    if batch.kind == "full" and batch.table != "apartment_attributes":
        for key in rows.keys() - batch.present:
            del rows[key]
    for row in batch.rows:
        if row.valid and row.key is not None:
            rows[row.key] = Held(row.values, batch.number)


def _merge_views(state: State, batch: Batch) -> None:
    if batch.kind == "full":
        state.views.clear()
    state.views[:] = [(name, held) for name, held in state.views if name != batch.name]
    state.views += [(batch.name, Held(row.values, batch.number)) for row in batch.rows if row.valid]
