"""Folds batches, in order, into a keyed curated table: which rows come in force, which go, and where every landed row ended.

Works on relations `merge.*` of an engine session and leaves there `merge.<table>` (the new state, evaluated when written), `merge.<table>_in` (rows that
came in force), `merge.<table>_out` (rows that were in force and are no more) and `merge.<table>_deleted` (last versions of deleted keys). Nothing is written.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from rental_etl.model.batch import Batch
from rental_etl.model.contract import Column, Contract
from rental_etl.ports.engine import Engine
from rental_etl.ports.lake import Landing
from rental_etl.tables.models import CuratedModel

ERROR_COLUMN = Column("_error", "text")


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


@dataclass(frozen=True, slots=True)
class Survey:
    """What a full batch would do, for the guards: keys (or rows) in force before it, and keys it would delete."""

    keys_before: int
    keys_deleted: int = 0


def bind_landed(engine: Engine, prefix: str, *, landing: Landing, contract: Contract, batches: Sequence[Batch]) -> None:
    """Bind batches: `<prefix>_landed`, typed rows with `_error`, `_batch_id`, `_part`, `_row`; and `<prefix>_named`, the keys they name.

    A key counts as named also in a refused or unreadable row: it is present at the source.
    """
    files: list[Path] = []
    tags: list[Mapping[str, int]] = []
    for batch in batches:
        for number, part in enumerate(batch.reading.parts):
            files.append(landing.path(part.path))
            tags.append({"_batch_id": batch.batch_id, "_part": number})
    engine.bind(f"{prefix}_landed", files, columns=(*contract.columns, ERROR_COLUMN), tags=tags)
    if not contract.key:
        return
    keys = ", ".join(column.name for column in contract.key)
    known = " and ".join(f"{column.name} is not null" for column in contract.key)
    quarantines = [landing.path(batch.reading.quarantine) for batch in batches if batch.reading.quarantine]
    engine.bind(f"{prefix}_quarantined", quarantines, columns=contract.key)
    engine.define(
        f"{prefix}_named",
        f"select {keys} from {prefix}_landed union all select {keys} from {prefix}_quarantined where {known}",
    )


class KeyedMerge:
    """Folds segments of batches into one keyed table.

    `base.<table>` holds the rows in force before, `graves` (a relation, or "") the last versions of deleted keys. `select` turns landed
    rows into the table's columns (the listing history computes one). With `forgets`, a full batch deletes the keys it does not name.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        landing: Landing,
        contract: Contract,
        model: CuratedModel,
        graves: str = "",
        select: str = "*",
        forgets: bool = False,
    ) -> None:
        self.engine = engine
        self.landing = landing
        self.contract = contract
        self.model = model
        self.state = f"base.{model.name}"
        self.graves = graves
        self.select = select
        self.forgets = forgets
        self.tally = Tally()
        self._empty = not engine.rows(f"select 1 from {self.state} limit 1")
        self._buried = bool(graves) and bool(engine.rows(f"select 1 from {graves} limit 1"))
        self._names = ", ".join(column.name for column in model.columns)
        self._key = ", ".join(model.key)
        self._in: list[str] = []
        self._out: list[str] = []

    def segments(self, batches: Sequence[Batch]) -> list[tuple[Batch, ...]]:
        """Batches in order, cut so that a full one that deletes stands alone."""
        cut = groupby(batches, key=lambda batch: batch.batch_id if self.forgets and batch.kind == "full" else 0)
        return [tuple(group) for _, group in cut]

    def bind(self, prefix: str, batches: Sequence[Batch]) -> None:
        """Make the landed rows and named keys of a segment readable."""
        bind_landed(self.engine, prefix, landing=self.landing, contract=self.contract, batches=batches)

    def survey(self, prefix: str) -> Survey:
        """What a bound full batch would do; keeps the rows it would delete for `fold`."""
        before = self._count(self.state)
        if not self.forgets:
            return Survey(before)
        same = self._same_key("state", "named")
        deleted = self.engine.keep(
            f"{prefix}_deleted",
            f"select {self._of('state')} from {self.state} as state anti join {prefix}_named as named on {same}",
        )
        return Survey(before, deleted)

    def fold(self, prefix: str, batches: tuple[Batch, ...]) -> None:
        """Fold one bound segment (a full batch after its `survey`)."""
        engine = self.engine
        engine.define(
            f"{prefix}_valid", f"select {self.select}, _batch_id as _seq from {prefix}_landed where _error is null"
        )
        self.tally.add("refused", self._counts(f"{prefix}_landed", "_error is not null"))
        winners = self._winners(prefix)
        first = self._empty and len(batches) == 1 and not self._buried
        self._empty = False
        if first:
            self.state = winners
            self._in.append(winners)
            return
        if len(batches) > 1:
            self._resolve_series(prefix, winners)
        else:
            self._compare(prefix, winners)
        self._revive(prefix, winners)
        self._replace(prefix, deletes=self.forgets and batches[0].kind == "full")

    def finish(self) -> None:
        """Define the outcome relations of the whole fold."""
        columns = self._names
        self.engine.define(f"merge.{self.model.name}", f"select {columns} from {self.state}")
        for suffix, relations in (("in", self._in), ("out", self._out)):
            parts = [f"select {columns} from {relation}" for relation in relations]
            sql = " union all ".join(parts) or f"select {columns} from {self.state} where false"
            self.engine.define(f"merge.{self.model.name}_{suffix}", sql)
        if self.graves:
            self.engine.define(f"merge.{self.model.name}_deleted", f"select {columns} from {self.graves}")

    def changes(self) -> dict[str, list[str]]:
        """By kind of day, the first and last day, old or new, that a changed row matters to."""
        return changed_days(self.engine, self.model)

    def _winners(self, prefix: str) -> str:
        """One row per key and batch; the rows that lose inside their batch are counted."""
        engine, key = self.engine, self._key
        repeated = engine.keep(
            f"{prefix}_repeated", f"select {key}, _seq from {prefix}_valid group by {key}, _seq having count(*) > 1"
        )
        if not repeated:
            return f"{prefix}_valid"
        same = self._same_key("valid", "repeated") + " and valid._seq = repeated._seq"
        engine.define(
            "merge.candidates",
            f"select valid.* from {prefix}_valid as valid semi join {prefix}_repeated as repeated on {same}",
        )
        engine.keep(f"{prefix}_resolved", self.model.sql)
        lost = dict(self._counts("merge.candidates"))
        for batch_id, rows in self._counts(f"{prefix}_resolved").items():
            lost[batch_id] -= rows
        self.tally.add("repeated", lost)
        self.tally.find("warn:repeated_key:", lost)
        engine.define(
            f"{prefix}_winners",
            f"select valid.* from {prefix}_valid as valid anti join {prefix}_repeated as repeated on {same}"
            f" union all select * from {prefix}_resolved",
        )
        return f"{prefix}_winners"

    def _compare(self, prefix: str, winners: str) -> None:
        """Keep the winners that are new or say something else than the row in force."""
        same = " and ".join(
            [self._same_key("winners", "state")]
            + [f"winners.{column} is not distinct from state.{column}" for column in self.model.content]
        )
        self.engine.keep(
            f"{prefix}_changed",
            f"select {self._of('winners')} from {winners} as winners anti join {self.state} as state on {same}",
        )
        repeated = self._counts(winners)
        for batch_id, rows in self._counts(f"{prefix}_changed").items():
            repeated[batch_id] -= rows
        self.tally.add("repeated", repeated)

    def _resolve_series(self, prefix: str, winners: str) -> None:
        """Of several batches' versions of a key and the row in force, find what changed, what repeated and what is in force at the end."""
        engine, key, names = self.engine, self._key, self._names
        same = self._same_key("state", "winners")
        engine.define(
            f"{prefix}_versions",
            f"select {names}, _seq from {winners} union all"
            f" select {self._of('state')}, cast(0 as bigint) as _seq from {self.state} as state semi join {winners} as winners on {same}",
        )
        # Most keys come once and meet nothing: only the others need their versions compared in order.
        engine.keep(f"{prefix}_met", f"select {key} from {prefix}_versions group by {key} having count(*) > 1")
        meets = self._same_key("versions", "met")
        versions = f"from {prefix}_versions as versions {{join}} join {prefix}_met as met on {meets}"
        window = f"over (partition by {key} order by _seq)"
        differs = (
            " or ".join(f"lag({column}) {window} is distinct from {column}" for column in self.model.content) or "false"
        )
        engine.keep(
            f"{prefix}_marked",
            f"select {names}, _seq, (row_number() {window} = 1 or {differs}) as _changes"
            f" from (select versions.* {versions.format(join='semi')})",
        )
        self.tally.add("repeated", self._counts(f"{prefix}_marked", "not _changes"))
        engine.keep(
            f"{prefix}_ranked",
            f"select {names}, _seq, row_number() over (partition by {key} order by _seq desc) as _rank"
            f" from {prefix}_marked where _changes",
        )
        self.tally.add("replaced", self._counts(f"{prefix}_ranked", "_rank > 1 and _seq > 0"))
        engine.define(
            f"{prefix}_changed",
            f"select {names} from {prefix}_ranked where _rank = 1 and _seq > 0"
            f" union all select {self._of('versions')} {versions.format(join='anti')}",
        )

    def _revive(self, prefix: str, winners: str) -> None:
        """A deleted key that is named again only by invalid rows is present: its last valid version is in force again."""
        engine = self.engine
        engine.define(f"{prefix}_in", f"select {self._names} from {prefix}_changed")
        if not self.graves:
            return
        buried = self.graves
        if self._buried:
            named, won = self._same_key("graves", "named"), self._same_key("graves", "winners")
            revived = engine.keep(
                f"{prefix}_revived",
                f"select {self._of('graves')} from {buried} as graves semi join {prefix}_named as named on {named}"
                f" anti join {winners} as winners on {won}",
            )
            if revived:
                self.tally.add("deleted", {batch: -rows for batch, rows in self._counts(f"{prefix}_revived").items()})
                engine.define(
                    f"{prefix}_in",
                    f"select {self._names} from {prefix}_changed union all select {self._names} from {prefix}_revived",
                )
            engine.keep(
                f"{prefix}_buried",
                f"select {self._of('graves')} from {buried} as graves anti join {prefix}_named as named on {named}",
            )
            buried = f"{prefix}_buried"
        self.graves = buried

    def _replace(self, prefix: str, *, deletes: bool) -> None:
        """Define the state after the segment."""
        came = f"{prefix}_in"
        same = self._same_key("state", "came")
        self.engine.keep(
            f"{prefix}_replaced",
            f"select {self._of('state')} from {self.state} as state semi join {came} as came on {same}",
        )
        self.tally.add("replaced", self._counts(f"{prefix}_replaced"))
        gone = f"select {self._key} from {prefix}_replaced"
        self._in.append(came)
        self._out.append(f"{prefix}_replaced")
        if deletes:
            self.tally.add("deleted", self._counts(f"{prefix}_deleted"))
            gone += f" union all select {self._key} from {prefix}_deleted"
            self._out.append(f"{prefix}_deleted")
            self.engine.define(
                f"{prefix}_graves",
                f"select {self._names} from {self.graves} union all select {self._names} from {prefix}_deleted",
            )
            self.graves = f"{prefix}_graves"
            self._buried = True
        self.engine.define(f"{prefix}_gone", gone)
        stays = self._same_key("state", "gone")
        self.engine.define(
            f"{prefix}_state",
            f"select {self._of('state')} from {self.state} as state anti join {prefix}_gone as gone on {stays}"
            f" union all select {self._names} from {came}",
        )
        self.state = f"{prefix}_state"

    def _counts(self, relation: str, condition: str = "true") -> dict[int, int]:
        rows = self.engine.rows(f"select _batch_id, count(*) from {relation} where {condition} group by _batch_id")
        return {int(batch_id): int(count) for batch_id, count in rows}

    def _count(self, relation: str) -> int:
        return int(self.engine.rows(f"select count(*) from {relation}")[0][0])

    def _same_key(self, left: str, right: str) -> str:
        return " and ".join(f"{left}.{column} = {right}.{column}" for column in self.model.key)

    def _of(self, alias: str) -> str:
        return ", ".join(f"{alias}.{column.name}" for column in self.model.columns)


def changed_days(engine: Engine, model: CuratedModel) -> dict[str, list[str]]:
    """The hull of the days that rows of `merge.<table>_in` and `_out` matter to, by kind."""
    if not model.changes:
        return {}
    ends = ", ".join(f"min({first}), max({last})" for first, last in model.changes.values())
    moved = f"(select * from merge.{model.name}_in union all select * from merge.{model.name}_out)"
    found = engine.rows(f"select {ends} from {moved}")[0]
    kinds = enumerate(model.changes)
    return {
        f"{model.source}.{kind}": [str(found[2 * place]), str(found[2 * place + 1])]
        for place, kind in kinds
        if found[2 * place] is not None
    }
