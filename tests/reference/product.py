"""Runs the product in this process on a story's CSV files, and reads back what it published."""

import csv
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reference.comparison import CURATED, PRESENTATION, Tables
from reference.deliveries import File, Quality, Run
from reference.tables import KEYS
from rental_etl.bootstrap import Application
from rental_etl.errors import BatchRefusedError
from rental_etl.settings import load_settings

BatchName = tuple[str, int]


class Product:
    """One workspace of the product and the folder it reads."""

    def __init__(
        self, folder: Path, quality: Quality, *, engine: Mapping[str, Any] | None = None, reads: str = "lake"
    ) -> None:
        self.source = folder / "source"
        self.workspace = folder / "workspace"
        self.quality = quality
        self.engine = dict(engine or {})
        self.reads = reads
        self.source.mkdir(parents=True)
        self._app: Application | None = None

    @property
    def app(self) -> Application:
        """The application of the last run."""
        assert self._app is not None
        return self._app

    def deliver(self, run: Run) -> None:
        """Put a run's files into the folder, and nothing else."""
        shutil.rmtree(self.source)
        self.source.mkdir()
        for delivery in run.deliveries.values():
            for file in delivery.files:
                write_csv(file, self.source / file.name)

    def run(self, run: Run, *, full_refresh: bool = False) -> set[BatchName]:
        """Run everything; returns the batches that were refused, by table and number within it."""
        self._app = Application(self._settings(run), as_of=run.as_of)
        try:
            self.app.run(("extract", "load", "transform", "metrics"), full_refresh=full_refresh)
        except BatchRefusedError as refusal:
            return {name for batch, name in self.names().items() if batch in refusal.refused}
        return set()

    def names(self) -> dict[int, BatchName]:
        """Each landed batch's table and its number within that table."""
        found: dict[int, BatchName] = {}
        counts: Counter[str] = Counter()
        for state in self.app.batches():
            counts[state.batch.table] += 1
            found[state.batch.batch_id] = (state.batch.table, counts[state.batch.table])
        return found

    def decide(self, decision: Any, refused: set[BatchName]) -> None:
        """Accept or reject batches."""
        for batch, name in self.names().items():
            if name in refused:
                self.app.decide(batch, decision)

    def published(self) -> bool:
        """Whether there has been a publish."""
        return self.app.status().published is not None

    def tables(self) -> Tables:
        """The presentation and curated tables as published."""
        return published(self.app)

    def _settings(self, run: Run) -> Any:
        metrics = {key: value for key, value in asdict(run.metrics).items() if value != ""}
        quality = {key: float(value) for key, value in asdict(self.quality).items() if value != ""}
        delivered: Mapping[str, Any] = {
            table: {"delivery": run.deliveries[table].kind} for table in KEYS if table in run.deliveries
        }
        return load_settings(
            config=None,
            overrides={
                "workspace": self.workspace,
                "source": {"url": str(self.source)},
                "metrics": metrics,
                "quality": quality,
                "engine": self.engine,
                "transform": {"reads": self.reads},
                "tables": delivered,
            },
        )


def published(app: Application) -> Tables:
    """The presentation and curated tables that a workspace shows."""
    presentation = {f"presentation.{name}": columns for name, columns in PRESENTATION.items()}
    names = presentation | {f"curated.{name}": columns for name, columns in CURATED.items()}
    # One question instead of one per table, because every question opens the warehouse.
    lists = [f"(select list(row({', '.join(columns)})) from {name})" for name, columns in names.items()]
    found = next(app.query(f"select {', '.join(lists)}").rows)
    return {name: Counter(rows or ()) for name, rows in zip(names, found, strict=True)}


def write_csv(file: File, path: Path) -> None:
    """Write a file as a spreadsheet would."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(file.columns)
        writer.writerows(file.cells)
