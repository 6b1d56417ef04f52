"""Folds batches of a table without a key: which batches' rows are in force follows from their kinds and names alone.

Leaves `merge.<table>`, `merge.<table>_in` and `merge.<table>_out` in the engine session, like `merge`.
"""

from collections.abc import Sequence

from rental_etl.jobs.merge import Survey, Tally, bind_landed, changed_days
from rental_etl.model.batch import Batch
from rental_etl.model.contract import Contract
from rental_etl.ports.engine import Engine
from rental_etl.ports.lake import Landing
from rental_etl.tables.models import CuratedModel


def in_force(batches: Sequence[Batch]) -> tuple[Batch, ...]:
    """Of batches in order, those whose rows count: a full one replaces all before it, a delta what its name delivered before."""
    kept: dict[str, Batch] = {}
    for batch in batches:
        if batch.kind == "full":
            kept.clear()
        kept.pop(batch.delivery.name, None)
        kept[batch.delivery.name] = batch
    return tuple(kept.values())


class KeylessMerge:
    """Folds batches into a table without a key. `base.<table>` holds the rows of the `merged` batches in force."""

    def __init__(
        self, engine: Engine, *, landing: Landing, contract: Contract, model: CuratedModel, merged: Sequence[Batch]
    ) -> None:
        self.engine = engine
        self.landing = landing
        self.contract = contract
        self.model = model
        self.tally = Tally()
        self._merged = list(merged)
        self._parts: list[str] = []

    def segments(self, batches: Sequence[Batch]) -> list[tuple[Batch, ...]]:
        """Every batch alone."""
        return [(batch,) for batch in batches]

    def bind(self, prefix: str, batches: Sequence[Batch]) -> None:
        """Make the landed rows of a batch readable."""
        bind_landed(self.engine, prefix, landing=self.landing, contract=self.contract, batches=batches)

    def survey(self, prefix: str) -> Survey:
        """Rows in force before the batch bound under `prefix`; without keys none are deleted."""
        del prefix
        landed = sum(earlier.reading.rows_landed for earlier in in_force(self._merged))
        return Survey(landed)

    def fold(self, prefix: str, batches: tuple[Batch, ...]) -> None:
        """Add one bound batch."""
        self._merged += batches
        columns = ", ".join(column.name for column in self.model.columns)
        self.engine.define(f"{prefix}_candidates", f"select * from {prefix}_landed where _error is null")
        winners = self.model.sql.replace("merge.candidates", f"{prefix}_candidates")
        self.engine.define(f"{prefix}_valid", f"select {columns} from ({winners})")
        self._parts.append(f"{prefix}_valid")
        self.tally.add("refused", self._counts(f"{prefix}_landed where _error is not null"))

    def finish(self) -> None:
        """Define the outcome relations of the whole fold."""
        name = self.model.name
        columns = ", ".join(column.name for column in self.model.columns)
        counting = ", ".join(str(batch.batch_id) for batch in in_force(self._merged)) or "-1"
        parts = [f"select * from {part}" for part in self._parts]
        arrived = " union all ".join(parts) or f"select {columns} from base.{name} where false"
        self.engine.define(f"merge.{name}_arrived", arrived)
        stays, goes = f"where _batch_id in ({counting})", f"where _batch_id not in ({counting})"
        self.engine.define(f"merge.{name}_in", f"select {columns} from merge.{name}_arrived {stays}")
        self.engine.define(f"merge.{name}_out", f"select {columns} from base.{name} {goes}")
        self.engine.define(
            f"merge.{name}",
            f"select {columns} from base.{name} {stays} union all select {columns} from merge.{name}_in",
        )
        self.tally.add("replaced", self._counts(f"merge.{name}_out"))
        self.tally.add("replaced", self._counts(f"merge.{name}_arrived {goes}"))

    def changes(self) -> dict[str, list[str]]:
        """By kind of day, the first and last day that rows which came or went matter to."""
        return changed_days(self.engine, self.model)

    def _counts(self, relation: str) -> dict[int, int]:
        rows = self.engine.rows(f"select _batch_id, count(*) from {relation} group by _batch_id")
        return {int(batch_id): int(count) for batch_id, count in rows}
