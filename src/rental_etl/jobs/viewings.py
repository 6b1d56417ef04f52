"""Folds batches of a table without a key: which batches' rows are in force follows from their kinds and names alone.

Leaves `merge.<table>`, `merge.<table>_in` and `merge.<table>_out` in the engine session, like `merge`.
"""

from collections.abc import Sequence

from rental_etl.jobs.landed import Survey, Tally, bind_landed, changed_days, counts, in_force
from rental_etl.jobs.raw_rows import RawRows
from rental_etl.model.batch import Batch
from rental_etl.model.contract import Contract
from rental_etl.ports.engine import Engine
from rental_etl.ports.lake import Landing
from rental_etl.tables.models import CuratedModel


class KeylessMerge:
    """Folds batches into a table without a key. `base.<table>` holds the rows of the `merged` batches in force."""

    def __init__(
        self,
        engine: Engine,
        *,
        landing: Landing,
        contract: Contract,
        model: CuratedModel,
        merged: Sequence[Batch],
        raw: RawRows | None = None,
    ) -> None:
        self.engine = engine
        self.landing = landing
        self.raw = raw
        self.contract = contract
        self.model = model
        self.tally = Tally()
        self._before = in_force(merged)
        self._merged = list(merged)
        self._parts: list[str] = []

    def bind(self, prefix: str, batches: Sequence[Batch]) -> None:
        """Make the landed rows of a segment readable."""
        bind_landed(self.engine, prefix, landing=self.landing, contract=self.contract, batches=batches, raw=self.raw)

    def survey(self, prefix: str, batch: Batch) -> Survey:
        """Rows in force before a bound full batch; without keys only a batch without a valid row deletes them."""
        del prefix
        rows = sum(_valid_rows(earlier) for earlier in in_force(self._merged))
        return Survey(rows, 0 if _valid_rows(batch) else rows)

    def fold(self, prefix: str, batches: tuple[Batch, ...]) -> None:
        """Add one bound segment."""
        self._merged += batches
        columns = ", ".join(column.name for column in self.model.columns)
        self.engine.define(f"{prefix}_candidates", f"select * from {prefix}_landed where _error is null")
        winners = self.model.sql.replace("merge.candidates", f"{prefix}_candidates")
        self.engine.define(f"{prefix}_valid", f"select {columns} from ({winners})")
        self._parts.append(f"{prefix}_valid")
        self.tally.add("refused", counts(self.engine, f"{prefix}_landed", "_error is not null"))

    def finish(self) -> None:
        """Define the outcome relations of the whole fold."""
        name = self.model.name
        columns = ", ".join(column.name for column in self.model.columns)
        now = {batch.batch_id for batch in in_force(self._merged)}
        dropped = ", ".join(str(batch.batch_id) for batch in self._before if batch.batch_id not in now) or "-1"
        counting = ", ".join(map(str, sorted(now))) or "-1"
        parts = [f"select * from {part}" for part in self._parts]
        arrived = " union all ".join(parts) or f"select {columns} from base.{name} where false"
        self.engine.define(f"merge.{name}_arrived", arrived)
        self.engine.define(f"merge.{name}_in", f"select * from merge.{name}_arrived where _batch_id in ({counting})")
        self.engine.define(f"merge.{name}_out", f"select {columns} from base.{name} where _batch_id in ({dropped})")
        self.engine.define(
            f"merge.{name}",
            f"select {columns} from base.{name} where _batch_id not in ({dropped})"
            f" union all select {columns} from merge.{name}_in",
        )
        self.tally.add("replaced", counts(self.engine, f"merge.{name}_out"))
        self.tally.add("replaced", counts(self.engine, f"merge.{name}_arrived", f"_batch_id not in ({counting})"))

    def changes(self) -> dict[str, list[str]]:
        """By kind of day, the first and last day that rows which came or went matter to."""
        return changed_days(self.engine, self.model)


def _valid_rows(batch: Batch) -> int:
    return batch.reading.rows_landed - batch.reading.rows_refused
