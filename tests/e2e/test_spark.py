"""Spark computes what DuckDB computes, on random marketplaces."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from reference.comparison import difference
from reference.deliveries import Quality, Run
from reference.product import Product
from reference.strategies import Story, stories
from spark import server as spark

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
EXAMPLES = int(os.environ.get("SPARK_EXAMPLES", "60" if DEEP else "2"))


class Twins:
    """Two workspaces that are given the same deliveries, one for each engine."""

    def __init__(self, folder: Path, quality: Quality) -> None:
        self.duckdb = Product(folder / "duckdb", quality)
        self.spark = Product(folder / "spark", quality, engine=spark.section())

    def run(self, run: Run) -> None:
        """One run of both, which have to refuse and publish the same; what is refused is decided and tried again."""
        refused = self._step(run)
        if refused and run.decision:
            for product in (self.duckdb, self.spark):
                product.decide(run.decision, refused)
            self._step(run)

    def _step(self, run: Run) -> set[tuple[str, int]]:
        refused = []
        for product in (self.duckdb, self.spark):
            product.deliver(run)
            refused.append(product.run(run))
        assert refused[0] == refused[1]
        assert self.duckdb.published() == self.spark.published()
        if self.duckdb.published():
            expected, found = self.duckdb.tables(), self.spark.tables()
            assert not difference(expected, found), difference(expected, found)
            assert self.duckdb.app.status().accounting == self.spark.app.status().accounting
        return refused[0]


@pytest.mark.timeout(900)
@given(stories(max_runs=4 if DEEP else 2))
@settings(max_examples=EXAMPLES, deadline=None, derandomize=not DEEP, suppress_health_check=list(HealthCheck))
def test_random_deliveries_give_the_same_rows(story: Story) -> None:
    """Decimals, rounding at half, refused batches and row accounting among them."""
    with tempfile.TemporaryDirectory() as folder:
        twins = Twins(Path(folder), story.quality)
        for run in story.runs:
            twins.run(run)
