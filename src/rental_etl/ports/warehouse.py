"""Where people ask questions: schemas `raw`, `curated`, `presentation` and the ledger `etl`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rental_etl.model.batch import Batch
from rental_etl.model.contract import Contract
from rental_etl.model.run import LakeId, Publication, Published, RunRecord


@dataclass(frozen=True, slots=True)
class Rows:
    """A query's answer: column names and an iterator of rows."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


Ask = Callable[[str], Rows]
"""How a read-only question is asked; see `Warehouse.query`."""


class Warehouse(Protocol):
    """One warehouse. Every method opens, works and closes: the file or connection is held no longer than the method runs."""

    @property
    def identity(self) -> str:
        """What the lake records as its warehouse."""
        ...

    def belong_to(self, lake: LakeId, *, moved: bool = False) -> None:
        """Say which lake this object writes for. The first write records it, in its transaction.

        A write raises ConfigurationError when the warehouse belongs to another lake, unless this one `moved`: then it takes the other's place.
        """
        ...

    def loaded(self) -> Mapping[str, Sequence[tuple[int, int]]]:
        """By table, the (batch_id, revision) whose rows `raw` holds."""
        ...

    def load(
        self, contract: Contract, *, add: Sequence[tuple[Batch, Sequence[str]]], drop: Sequence[int], replace: bool
    ) -> int:
        """Bring `raw.<table>` up to date in one transaction with the ledger; returns rows added.

        `add` are batches with the locations of their Parquet parts (absolute paths or s3:// URLs), in order; `drop` are batch ids whose rows go;
        with `replace` every row goes first.
        """
        ...

    def unloaded(self, contract: Contract, *, local: bool) -> AbstractContextManager[Sequence[str]]:
        """The rows of `raw.<table>` as Parquet files, removed afterwards: the contract's columns, `_error` and `_batch_id`; their locations.

        With `local` the files are on this machine, otherwise where the warehouse writes them best. The table has been loaded.
        """
        ...

    def publish(self, publication: Publication) -> Published:
        """Switch all presentation tables, the curated views and the ledger in one transaction."""
        ...

    def last_publish(self) -> Published | None:
        """The publish in force."""
        ...

    def record_run(self, run: RunRecord) -> None:
        """Insert or replace one row of `etl.runs`."""
        ...

    def query(self, sql: str) -> Rows:
        """A read-only question; the connection closes when the rows are exhausted."""
        ...

    def asking(self) -> AbstractContextManager[Ask]:
        """For many questions: `query` while the context lasts, without opening the warehouse for each where that takes long."""
        ...

    def export(self, folder: Path, format: str) -> Mapping[str, int]:
        """Write every presentation table to `<table>.<format>` (csv or parquet), each atomically; returns rows by table."""
        ...
