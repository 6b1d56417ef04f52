"""Landed batches as relations of an engine session, and what becomes of their rows: what every way of merging shares."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from rental_etl.jobs.raw_rows import RawRows
from rental_etl.model.batch import Batch
from rental_etl.model.contract import Column, Contract
from rental_etl.ports.engine import Engine
from rental_etl.ports.lake import Landing
from rental_etl.tables.models import CuratedModel

ERROR_COLUMN = Column("_error", "text")
_TAGS = (Column("_batch_id", "int64"), Column("_part", "int64"), Column("_row", "int64"))


@dataclass(slots=True)
class Tally:
    """By batch, what became of its landed rows (replaced, repeated, refused, deleted) and its findings (rows by rule)."""

    fates: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    findings: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, fate: str, counts: Mapping[int, int]) -> None:
        """Count rows of batches under a fate."""
        for batch_id, rows in counts.items():
            self.fates[batch_id][fate] += rows

    def find(self, rule: str, counts: Mapping[int, int]) -> None:
        """Count rows of batches under a rule."""
        for batch_id, rows in counts.items():
            self.findings[batch_id][rule] += rows

    def absorb(self, other: "Tally") -> None:
        """Add what another tally counted."""
        for batch_id, fates in other.fates.items():
            self.fates[batch_id].update(fates)
        for batch_id, findings in other.findings.items():
            self.findings[batch_id].update(findings)


@dataclass(frozen=True, slots=True)
class Survey:
    """What a full batch would do, for the guards: keys (or rows) in force before it, and keys it would delete."""

    keys_before: int
    keys_deleted: int = 0


def segments(batches: Sequence[Batch]) -> Iterator[tuple[Batch, ...]]:
    """Batches in order, cut into what can be folded at once: a full one alone, deltas in a row together."""
    for _, group in groupby(batches, key=lambda batch: batch.batch_id if batch.kind == "full" else 0):
        yield tuple(group)


def in_force(batches: Sequence[Batch]) -> tuple[Batch, ...]:
    """Of batches of a table without a key, in order, those whose rows count: a full one replaces all before it, a delta what its name delivered before."""
    kept: dict[str, Batch] = {}
    for batch in batches:
        if batch.kind == "full":
            kept.clear()
        kept.pop(batch.delivery.name, None)
        kept[batch.delivery.name] = batch
    return tuple(kept.values())


def still_said(batches: Sequence[Batch], contract: Contract) -> tuple[Batch, ...]:
    """Of a table's batches, in order, those that no later one took the place of as a whole: the last full one and the deltas since; without a key, of each
    name the last."""
    if not contract.key:
        return in_force(batches)
    last_full = max((place for place, batch in enumerate(batches) if batch.kind == "full"), default=0)
    return tuple(batches[last_full:])


def bind_landed(
    engine: Engine,
    prefix: str,
    *,
    landing: Landing,
    contract: Contract,
    batches: Sequence[Batch],
    raw: RawRows | None = None,
) -> None:
    """Bind batches: `<prefix>_landed`, typed rows with `_error`, `_batch_id`, `_part`, `_row`; and `<prefix>_named`, the keys they name, by batch.

    A key counts as named also in a refused or unreadable row: it is present at the source. With `raw`, rows come from the warehouse as far as it has them.
    """
    parts = [(batch, number, part) for batch in batches for number, part in enumerate(batch.reading.parts)]
    held = raw.held(batches) if raw else []
    _bind(
        engine,
        f"{prefix}_stored" if held else f"{prefix}_landed",
        [landing.path(part.path) for _, _, part in parts],
        columns=(*contract.columns, ERROR_COLUMN),
        tags=[{"_batch_id": batch.batch_id, "_part": number} for batch, number, _ in parts],
    )
    if raw and held:
        raw.define(engine, prefix, contract=contract, held=held)
    if not contract.key:
        return
    quarantined = [batch for batch in batches if batch.reading.quarantine]
    _bind(
        engine,
        f"{prefix}_quarantined",
        [landing.path(batch.reading.quarantine) for batch in quarantined],
        columns=contract.key,
        tags=[{"_batch_id": batch.batch_id, "_part": 0} for batch in quarantined],
    )
    keys = ", ".join(column.name for column in contract.key)
    known = " and ".join(f"{column.name} is not null" for column in contract.key)
    engine.define(
        f"{prefix}_named",
        f"select {keys}, _batch_id from {prefix}_landed"
        f" union all select {keys}, _batch_id from {prefix}_quarantined where {known}",
    )


def counts(engine: Engine, relation: str, condition: str = "true") -> dict[int, int]:
    """Rows of a relation by batch."""
    rows = engine.rows(f"select _batch_id, count(*) from {relation} where {condition} group by _batch_id")
    return {int(batch_id): int(count) for batch_id, count in rows}


def changed_days(engine: Engine, model: CuratedModel) -> dict[str, list[str]]:
    """What changed rows of `merge.<table>_in` and `_out` matter to: by kind, the hull of their days, or no day for all of them."""
    name, changes = model.name, {}
    if model.changes:
        ends = ", ".join(f"min({first}), max({last})" for first, last in model.changes.values())
        moved = f"(select * from merge.{name}_in union all select * from merge.{name}_out)"
        found = engine.rows(f"select {ends} from {moved}")[0]
        for place, kind in enumerate(model.changes):
            if found[2 * place] is not None:
                changes[f"{model.source}.{kind}"] = [str(found[2 * place]), str(found[2 * place + 1])]
    same = " and ".join(f"came.{column} = gone.{column}" for column in model.key)
    for kind, columns in model.whole_changes.items():
        differs = " or ".join(f"came.{column} is distinct from gone.{column}" for column in columns)
        pairs = f"merge.{name}_in as came full join merge.{name}_out as gone on {same}"
        if engine.rows(f"select 1 from {pairs} where {differs} limit 1"):
            changes[f"{model.source}.{kind}"] = []
    return changes


def _bind(
    engine: Engine,
    name: str,
    files: Sequence[str],
    *,
    columns: Sequence[Column],
    tags: Sequence[Mapping[str, int]],
) -> None:
    """Bind files with tags; without files an empty relation has the tags' columns too."""
    if files:
        engine.bind(name, files, columns=columns, tags=tags)
    else:
        engine.bind(name, (), columns=(*columns, *_TAGS))
