"""Landed rows read back from the warehouse's schema `raw`, for `transform.reads = "warehouse"`.

Raw holds the table as delivered: its last full batch and the deltas since. What it does not hold comes from the lake: batches that a later full one has
replaced, and the order of rows, which only matters where a key is repeated inside a batch.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rental_etl.model.batch import Batch
from rental_etl.model.contract import Column, Contract
from rental_etl.ports.engine import Engine
from rental_etl.ports.warehouse import Warehouse

_ORIGIN = (Column("_error", "text"), Column("_batch_id", "int64"))


@dataclass(slots=True)
class RawRows:
    """The rows of `raw`, unloaded table by table when they are first asked for. `local`: to this machine rather than to where the warehouse can."""

    warehouse: Warehouse
    local: bool
    _stack: contextlib.ExitStack
    _held: Mapping[str, Sequence[tuple[int, int]]]
    _files: dict[str, Sequence[str]] = field(default_factory=dict)

    def held(self, batches: Sequence[Batch]) -> list[Batch]:
        """Of batches of one table, those whose rows are in raw, in the revision that is landed."""
        return [batch for batch in batches if (batch.batch_id, batch.revision) in self._held.get(batch.table, ())]

    def define(self, engine: Engine, prefix: str, *, contract: Contract, held: Sequence[Batch]) -> None:
        """Define `<prefix>_landed` from `<prefix>_stored`, the same rows as the lake has them, taking from it only what raw does not tell."""
        if contract.table not in self._files:
            self._files[contract.table] = self._stack.enter_context(self.warehouse.unloaded(contract, local=self.local))
        engine.bind(f"{prefix}_unloaded", self._files[contract.table], columns=(*contract.columns, *_ORIGIN))
        ids = ", ".join(str(batch.batch_id) for batch in held)
        columns = [*contract.names, "_error", "_batch_id"]
        places = "cast(0 as bigint) as _part, cast(0 as bigint) as _row"
        told = ", ".join(f"rows_told.{column}" for column in columns)
        stored = ", ".join([*(f"stored.{column}" for column in columns), "stored._part", "stored._row"])
        unloaded = f"(select * from {prefix}_unloaded where _batch_id in ({ids}))"
        others = f"select {stored} from {prefix}_stored as stored where stored._batch_id not in ({ids})"
        if not contract.key:
            engine.define(
                f"{prefix}_landed", f"select {told}, {places} from {unloaded} as rows_told union all {others}"
            )
            return
        key = [*(column.name for column in contract.key), "_batch_id"]
        keys = ", ".join(key)
        engine.keep(
            f"{prefix}_unordered", f"select {keys} from {unloaded} as rows_told group by {keys} having count(*) > 1"
        )
        same = " and ".join(f"{{0}}.{column} = unordered.{column}" for column in key)
        engine.define(
            f"{prefix}_landed",
            f"select {told}, {places} from {unloaded} as rows_told"
            f" anti join {prefix}_unordered as unordered on {same.format('rows_told')}"
            f" union all select {stored} from {prefix}_stored as stored"
            f" semi join {prefix}_unordered as unordered on {same.format('stored')}"
            f" union all {others}",
        )


@contextlib.contextmanager
def reading_raw(warehouse: Warehouse, *, local: bool) -> Iterator[RawRows]:
    """The rows that `raw` holds now; what is unloaded is removed at the end."""
    with contextlib.ExitStack() as stack:
        yield RawRows(warehouse, local, stack, warehouse.loaded())
