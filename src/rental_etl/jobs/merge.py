"""Folds batches, in order, into a keyed curated table: which rows come in force, which go, and where every landed row ended.

Works on relations `merge.*` of an engine session and leaves there `merge.<table>` (the new state, evaluated when written), `merge.<table>_in` (rows that
came in force), `merge.<table>_out` (rows that were in force and are no more) and `merge.<table>_deleted` (last versions of deleted keys). Nothing is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rental_etl.jobs.landed import Survey, Tally, bind_landed, changed_days, counts
from rental_etl.jobs.raw_rows import RawRows
from rental_etl.model.batch import Batch
from rental_etl.model.contract import Contract
from rental_etl.ports.engine import Engine
from rental_etl.ports.lake import Landing
from rental_etl.tables.models import CuratedModel

# A state is a query over the one before; so many deep it is evaluated and kept.
_DEPTH = 8


@dataclass(frozen=True, slots=True)
class _Meeting:
    """A segment held against the state before it, not yet folded: relations `<prefix>_in`, `_out` and `_deleted` are made.

    `present` is the state with the rows that the segment revives, `graves` the deleted rows it leaves; `revived` says whether there were any.
    """

    tally: Tally
    present: str
    graves: str
    revived: bool
    deleted: int


class KeyedMerge:
    """Folds segments of batches into one keyed table.

    `base.<table>` holds the rows in force before, `graves` (a relation, or "") the last versions of deleted keys. `select` turns landed
    rows into the table's columns (the listing history computes one). With `forgets`, a full batch deletes the keys it does not name.
    `finding`, if any, is the rule under which rows are counted that replace a row in force.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        landing: Landing,
        contract: Contract,
        model: CuratedModel,
        raw: RawRows | None = None,
        graves: str = "",
        select: str = "*",
        forgets: bool = False,
        finding: str = "",
    ) -> None:
        self.engine = engine
        self.landing = landing
        self.raw = raw
        self.contract = contract
        self.model = model
        self.state = f"base.{model.name}"
        self.graves = graves
        self.select = select
        self.forgets = forgets
        self.finding = finding
        self.tally = Tally()
        self._empty = not engine.rows(f"select 1 from {self.state} limit 1")
        self._buried = bool(graves) and bool(engine.rows(f"select 1 from {graves} limit 1"))
        self._names = ", ".join(column.name for column in model.columns)
        self._key = ", ".join(model.key)
        self._in: list[str] = []
        self._out: list[str] = []
        self._depth = 0
        self._kept = ""
        self._surveyed: dict[str, _Meeting] = {}

    def bind(self, prefix: str, batches: Sequence[Batch]) -> None:
        """Make the landed rows and named keys of a segment readable."""
        bind_landed(self.engine, prefix, landing=self.landing, contract=self.contract, batches=batches, raw=self.raw)

    def survey(self, prefix: str, batch: Batch) -> Survey:
        """What a bound full batch would do; the work is kept for `fold`."""
        before = self.engine.rows(f"select count(*) from {self.state}")[0][0]
        if not before or not self.forgets:
            return Survey(before)
        self._surveyed[prefix] = self._meet(prefix, (batch,))
        return Survey(before, self._surveyed[prefix].deleted)

    def fold(self, prefix: str, batches: tuple[Batch, ...]) -> None:
        """Fold one bound segment: one full batch, or deltas."""
        first = self._empty and len(batches) == 1 and not self._buried
        self._empty = False
        if first:
            self._valid(prefix, tally=self.tally)
            self.state, _ = self._winners(prefix, tally=self.tally)
            self._in.append(self.state)
            return
        meeting = self._surveyed.pop(prefix, None) or self._meet(prefix, batches)
        self.tally.absorb(meeting.tally)
        self.graves = meeting.graves
        self._in += [f"{prefix}_in", *([f"{prefix}_revived"] if meeting.revived else [])]
        self._out.append(f"{prefix}_out")
        gone = f"select {self._key} from {prefix}_out"
        if meeting.deleted:
            gone += f" union all select {self._key} from {prefix}_deleted"
            self._out.append(f"{prefix}_deleted")
            graves = f"select {self._names} from {self.graves} union all select {self._names} from {prefix}_deleted"
            self.engine.define(f"{prefix}_graves", graves)
            self.graves, self._buried = f"{prefix}_graves", True
        self.engine.define(f"{prefix}_gone", gone)
        self._depth += 1
        make = self.engine.define if self._depth % _DEPTH else self.engine.keep
        make(
            f"{prefix}_state",
            f"select {self._of('state')} from {meeting.present} as state"
            f" anti join {prefix}_gone as gone on {self._same_key('state', 'gone')}"
            f" union all select {self._names} from {prefix}_in",
        )
        self.state = f"{prefix}_state"
        if self._depth % _DEPTH == 0:
            # Nothing looks further back than the state that is kept now.
            self.engine.drop(self._kept)
            self._kept = self.state

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
        """What metrics have to know of the rows that came and went."""
        return changed_days(self.engine, self.model)

    def _meet(self, prefix: str, batches: tuple[Batch, ...]) -> _Meeting:
        """Find out what a bound segment changes, without changing anything."""
        tally = Tally()
        valid = self._valid(prefix, tally=tally)
        winners, lost = self._winners(prefix, tally=tally)
        present, graves = self._revive(prefix, winners, tally=tally)
        deletes = self.forgets and batches[0].kind == "full"
        if len(batches) > 1:
            self._resolve_series(prefix, winners, present, tally=tally)
        else:
            self._compare(prefix, winners, present, deletes=deletes)
            changed = counts(self.engine, f"{prefix}_in")
            rows = {batch: valid[batch] - lost.get(batch, 0) - changed.get(batch, 0) for batch in valid}
            tally.add("repeated", rows)
            self._find(tally, counts(self.engine, f"{prefix}_met", "_meets"))
        tally.add("replaced", counts(self.engine, f"{prefix}_out"))
        deleted = 0
        if deletes:
            tally.add("deleted", counts(self.engine, f"{prefix}_deleted"))
            deleted = self.engine.rows(f"select count(*) from {prefix}_deleted")[0][0]
        return _Meeting(tally, present, graves, present != self.state, deleted)

    def _valid(self, prefix: str, *, tally: Tally) -> dict[int, int]:
        """Define the rows that break no error rule; returns their number by batch, and counts the refused ones."""
        sql = f"select {self.select}, _batch_id as _seq from {prefix}_landed where _error is null"
        self.engine.define(f"{prefix}_valid", sql)
        rows = self.engine.rows(
            f"select _batch_id, count(*) - count(_error), count(_error) from {prefix}_landed group by _batch_id"
        )
        tally.add("refused", {int(batch): int(refused) for batch, _, refused in rows if refused})
        return {int(batch): int(valid) for batch, valid, _ in rows}

    def _winners(self, prefix: str, *, tally: Tally) -> tuple[str, dict[int, int]]:
        """One row per key and batch; the rows that lose inside their batch are counted, and returned by batch."""
        engine, key = self.engine, self._key
        if not self._may_repeat(prefix):
            return f"{prefix}_valid", {}
        repeated = engine.keep(
            f"{prefix}_repeated", f"select {key}, _seq from {prefix}_valid group by {key}, _seq having count(*) > 1"
        )
        if not repeated:
            return f"{prefix}_valid", {}
        same = self._same_key("valid", "repeated") + " and valid._seq = repeated._seq"
        engine.keep(
            "merge.candidates",
            f"select valid.* from {prefix}_valid as valid semi join {prefix}_repeated as repeated on {same}",
        )
        engine.keep(f"{prefix}_resolved", self.model.sql)
        lost = counts(engine, "merge.candidates")
        for batch_id, rows in counts(engine, f"{prefix}_resolved").items():
            lost[batch_id] -= rows
        tally.add("repeated", lost)
        tally.find("warn:repeated_key:", lost)
        engine.define(
            f"{prefix}_winners",
            f"select {self._of('valid')}, valid._seq from {prefix}_valid as valid"
            f" anti join {prefix}_repeated as repeated on {same}"
            f" union all select {self._names}, _seq from {prefix}_resolved",
        )
        return f"{prefix}_winners", lost

    def _may_repeat(self, prefix: str) -> bool:
        """Whether some key may come more than once in a batch: certain that none does, where whole numbers are the keys, or else not known."""
        keys = [column for column in self.model.columns if column.name in self.model.key]
        if [column.type for column in keys] != ["int64"]:
            return True
        # Ids mostly lie close together. A bit for each in a number for every 32 of them takes a fraction of the time of a group for each.
        word, bit = f"{self._key} // 32", f"cast(1 as bigint) << cast({self._key} & 31 as integer)"
        return bool(
            self.engine.rows(
                f"select 1 from (select bit_or({bit}) as bits, count(*) as keys from {prefix}_valid group by {word}, _seq)"
                " where bit_count(bits) < keys limit 1"
            )
        )

    def _revive(self, prefix: str, winners: str, *, tally: Tally) -> tuple[str, str]:
        """A deleted key that is named again first by an invalid row is present: its last valid version is in force again.

        Returns the state with the revived rows, and the graves without any key that is named.
        """
        if not self._buried:
            return self.state, self.graves
        engine, key = self.engine, self._key
        engine.keep(
            f"{prefix}_first_named",
            f"select {key}, min(_batch_id) as _seq from {prefix}_named as named"
            f" semi join {self.graves} as graves on {self._same_key('named', 'graves')} group by {key}",
        )
        named = f"{prefix}_first_named as named on {self._same_key('graves', 'named')}"
        won = self._same_key("graves", "winners") + " and named._seq = winners._seq"
        revived = engine.keep(
            f"{prefix}_revived",
            f"select {self._of('graves')} from {self.graves} as graves join {named} anti join {winners} as winners on {won}",
        )
        engine.keep(f"{prefix}_buried", f"select {self._of('graves')} from {self.graves} as graves anti join {named}")
        if not revived:
            return self.state, f"{prefix}_buried"
        tally.add("deleted", {batch: -rows for batch, rows in counts(engine, f"{prefix}_revived").items()})
        engine.define(
            f"{prefix}_present",
            f"select {self._names} from {self.state} union all select {self._names} from {prefix}_revived",
        )
        return f"{prefix}_present", f"{prefix}_buried"

    def _compare(self, prefix: str, winners: str, present: str, *, deletes: bool) -> None:
        """Hold one batch against the rows in force: one join tells what is new, what differs and, in a full batch, what is missing."""
        engine, first = self.engine, self.model.key[0]
        old = ", ".join(f"gone.{column.name} as _old_{column.name}" for column in self.model.columns)
        differs = " or ".join(f"came.{name} is distinct from gone.{name}" for name in self.model.content) or "false"
        engine.keep(
            f"{prefix}_met",
            f"select {self._of('came')}, {old}, came.{first} is not null as _comes,"
            f" came.{first} is not null and gone.{first} is not null as _meets"
            f" from {winners} as came {'full' if deletes else 'left'} join {present} as gone on {self._same_key('came', 'gone')}"
            f" where came.{first} is null or gone.{first} is null or {differs}",
        )
        old = ", ".join(f"_old_{column.name} as {column.name}" for column in self.model.columns)
        engine.define(f"{prefix}_in", f"select {self._names} from {prefix}_met where _comes")
        engine.define(f"{prefix}_out", f"select {old} from {prefix}_met where _meets")
        if deletes:
            named = self._same_key("gone", "named")
            missing = f"(select {old} from {prefix}_met where not _comes)"
            engine.keep(
                f"{prefix}_deleted",
                f"select gone.* from {missing} as gone anti join {prefix}_named as named on {named}",
            )

    def _resolve_series(self, prefix: str, winners: str, present: str, *, tally: Tally) -> None:
        """Of several batches' versions of a key and the row in force, find what changed, what repeated and what is in force at the end."""
        engine, key, names = self.engine, self._key, self._names
        engine.keep(
            f"{prefix}_before",
            f"select {self._of('state')} from {present} as state"
            f" semi join {winners} as winners on {self._same_key('state', 'winners')}",
        )
        engine.define(
            f"{prefix}_versions",
            f"select {names}, _seq from {winners} union all select {names}, cast(0 as bigint) as _seq from {prefix}_before",
        )
        # Most keys come once and meet nothing: only the others need their versions compared in order.
        engine.keep(f"{prefix}_several", f"select {key} from {prefix}_versions group by {key} having count(*) > 1")
        several = f"join {prefix}_several as several on {self._same_key('versions', 'several')}"
        window = f"over (partition by {key} order by _seq)"
        differs = " or ".join(f"lag({name}) {window} is distinct from {name}" for name in self.model.content) or "false"
        engine.keep(
            f"{prefix}_marked",
            f"select {names}, _seq, row_number() {window} as _place, {differs} as _differs"
            f" from (select versions.* from {prefix}_versions as versions semi {several})",
        )
        tally.add("repeated", counts(engine, f"{prefix}_marked", "_place > 1 and not _differs"))
        self._find(tally, counts(engine, f"{prefix}_marked", "_place > 1 and _differs"))
        engine.keep(
            f"{prefix}_ranked",
            f"select {names}, _seq, row_number() over (partition by {key} order by _seq desc) as _rank"
            f" from {prefix}_marked where _place = 1 or _differs",
        )
        tally.add("replaced", counts(engine, f"{prefix}_ranked", "_rank > 1 and _seq > 0"))
        # Whatever is last has changed, even when it says what the row in force said: another version came between.
        engine.define(
            f"{prefix}_in",
            f"select {names} from {prefix}_ranked where _rank = 1 and _seq > 0 union all"
            f" select {self._of('versions')} from {prefix}_versions as versions anti {several}",
        )
        engine.keep(
            f"{prefix}_out",
            f"select {names} from {prefix}_ranked where _rank > 1 and _seq = 0",
        )

    def _find(self, tally: Tally, rows: dict[int, int]) -> None:
        if self.finding:
            tally.find(self.finding, rows)

    def _same_key(self, left: str, right: str) -> str:
        return " and ".join(f"{left}.{column} = {right}.{column}" for column in self.model.key)

    def _of(self, alias: str) -> str:
        return ", ".join(f"{alias}.{column.name}" for column in self.model.columns)
