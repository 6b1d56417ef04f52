"""Everything the product publishes equals the slow reference, run after run, on random marketplaces."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from reference.comparison import Tables, difference, expected_tables
from reference.deliveries import Run
from reference.facts import facts_of
from reference.marketplace import Marketplace, Outcome
from reference.product import Product
from reference.strategies import Story, stories
from reference.tables import KEYS

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
EXAMPLES = int(os.environ.get("REFERENCE_EXAMPLES", "500" if DEEP else "40"))


class Pair:
    """The product and the reference, side by side."""

    def __init__(self, story: Story, folder: Path) -> None:
        self.product = Product(folder, story.quality)
        self.reference = Marketplace(story.quality)
        self.last: Tables | None = None

    def run(self, run: Run) -> None:
        """One run of both; what is refused is decided as the run says, and then tried again."""
        self.product.deliver(run)
        refused = self._step(run)
        if refused and run.decision:
            self.product.decide(run.decision, refused)
            for batch in self.reference.batches:
                if (batch.table, batch.number) in refused:
                    self.reference.decide(batch, run.decision)
            self._step(run)

    def _step(self, run: Run) -> set[tuple[str, int]]:
        outcome = self.reference.run(run)
        expected = {(batch.table, batch.number) for batch in outcome.refused}
        assert expected == self.product.run(run)
        if not outcome.refused:
            facts = facts_of(outcome.state, settings=run.metrics, as_of=run.as_of)
            self.last = expected_tables(outcome.state, facts)
            self._compare_accounting(outcome)
        assert self.product.published() == (self.last is not None)
        if self.last is not None:
            assert not difference(self.last, self.product.tables()), difference(self.last, self.product.tables())
        return expected

    def _compare_accounting(self, outcome: Outcome) -> None:
        names = self.product.names()
        accounts = {names[account.batch_id]: account for account in self.product.app.status().accounting}
        for batch in self.reference.batches:
            account = accounts.get((batch.table, batch.number))
            assert account, f"batch {batch.number} of {batch.table} is not accounted for"
            assert account.balanced, account
            quarantined = account.unreadable + account.refused
            assert (len(batch.rows), batch.quarantined) == (account.rows_read, quarantined), account
        # Where a later batch repeats a row, SPEC leaves open which of the two batches holds it now: only their sum is compared.
        for table in KEYS:
            rows = [held.values for held in outcome.state.rows(table)]
            if table == "apartments":
                rows = [values for values in rows if values["id"] not in outcome.state.deleted]
            current = {name: account.current for name, account in accounts.items() if name[0] == table}
            assert len(rows) == sum(current.values()), (
                f"{table} has {len(rows)} rows in force, accounted for: {current}"
            )


# Forty stories of several runs take minutes where two workers share two cores.
@pytest.mark.timeout(1500)
@given(stories())
@settings(max_examples=EXAMPLES, deadline=None, derandomize=not DEEP, suppress_health_check=list(HealthCheck))
def test_every_run_publishes_what_the_reference_computes(story: Story) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair(story, Path(folder))
        for run in story.runs:
            pair.run(run)
