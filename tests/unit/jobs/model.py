"""What merging is to lead to, batch by batch and row by row, in plain dicts: written from SPEC section 1, sharing nothing with the jobs."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

Key = tuple[Any, ...]
Content = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A landed row, or one that could not be read (`landed` false): its key, None where that could not be read either."""

    key: Key | None
    content: Content
    valid: bool = True
    landed: bool = True


@dataclass(frozen=True, slots=True)
class ModelBatch:
    """A batch of one table."""

    number: int
    kind: Literal["full", "delta"]
    name: str
    day: date
    rows: tuple[ModelRow, ...]

    @property
    def named(self) -> set[Key]:
        """Keys present at the source."""
        return {row.key for row in self.rows if row.key is not None}


@dataclass(slots=True)
class Books:
    """By batch: fates of landed rows, and warnings found while merging."""

    fates: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    warnings: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def winners(self, batch: ModelBatch, identity: Any = lambda row: row.key) -> dict[Key, ModelRow]:
        """The last valid row of each identity; the others are counted."""
        last: dict[Key, ModelRow] = {}
        for row in batch.rows:
            if row.landed and not row.valid:
                self.fates[batch.number]["refused"] += 1
            elif row.landed:
                if identity(row) in last:
                    self.fates[batch.number]["repeated"] += 1
                    self.warnings[batch.number]["repeated_key"] += 1
                last[identity(row)] = row
        return last


@dataclass(slots=True)
class KeyedModel:
    """A table with a key. `state` and `graves` map keys to (content, batch)."""

    forgets: bool
    state: dict[Key, tuple[Content, int]] = field(default_factory=dict)
    graves: dict[Key, tuple[Content, int]] = field(default_factory=dict)
    books: Books = field(default_factory=Books)

    def fold(self, batch: ModelBatch) -> None:
        """Merge one batch."""
        fates = self.books.fates
        winners = self.books.winners(batch)
        for key in batch.named & set(self.graves):
            content, owner = self.graves.pop(key)
            if key not in winners:
                self.state[key] = (content, owner)
                fates[owner]["deleted"] -= 1
        for key, row in winners.items():
            before = self.state.get(key)
            if before is not None and before[0] == row.content:
                fates[batch.number]["repeated"] += 1
                continue
            if before is not None:
                fates[before[1]]["replaced"] += 1
            self.state[key] = (row.content, batch.number)
        if batch.kind == "full" and self.forgets:
            for key in set(self.state) - batch.named:
                self.graves[key] = self.state.pop(key)
                fates[self.graves[key][1]]["deleted"] += 1


@dataclass(slots=True)
class ListingModel:
    """Listings: versions by (id, effective modification), and when a listing was found missing. A row's content begins with its effective modification."""

    versions: dict[tuple[Key, Any], tuple[Content, int]] = field(default_factory=dict)
    deleted_on: dict[Key, date] = field(default_factory=dict)
    books: Books = field(default_factory=Books)

    def fold(self, batch: ModelBatch) -> None:
        """Merge one batch."""
        fates = self.books.fates
        for version, row in self.books.winners(batch, lambda row: (row.key, row.content[0])).items():
            before = self.versions.get(version)
            if before is not None and before[0] == row.content:
                fates[batch.number]["repeated"] += 1
                continue
            if before is not None:
                fates[before[1]]["replaced"] += 1
                self.books.warnings[batch.number]["changed_version"] += 1
            self.versions[version] = (row.content, batch.number)
        for key in batch.named:
            self.deleted_on.pop(key, None)
        if batch.kind == "full":
            for key in {key for key, _ in self.versions} - batch.named:
                self.deleted_on.setdefault(key, batch.day)


def rows_of_a_table_without_key(batches: Sequence[ModelBatch]) -> tuple[Mapping[int, Sequence[Content]], Books]:
    """Valid rows in force by batch: those of a full batch and what came after it, of each name the last."""
    books = Books()
    in_force: dict[str, ModelBatch] = {}
    for batch in batches:
        gone = (
            list(in_force.values())
            if batch.kind == "full"
            else [in_force[batch.name]]
            if batch.name in in_force
            else []
        )
        for earlier in gone:
            books.fates[earlier.number]["replaced"] += sum(row.valid and row.landed for row in earlier.rows)
            del in_force[earlier.name]
        in_force[batch.name] = batch
        books.fates[batch.number]["refused"] += sum(row.landed and not row.valid for row in batch.rows)
    valid = {
        batch.number: [row.content for row in batch.rows if row.valid and row.landed] for batch in in_force.values()
    }
    return valid, books
