"""A transform that reads the warehouse gives what one that reads the lake gives, on random marketplaces and whatever is refused."""

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from reference.comparison import difference
from reference.product import Product
from reference.strategies import Story, stories

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
EXAMPLES = int(os.environ.get("REFERENCE_EXAMPLES", "200" if DEEP else "12"))


@given(stories())
@settings(max_examples=EXAMPLES, deadline=None, derandomize=not DEEP, suppress_health_check=list(HealthCheck))
def test_both_ways_publish_the_same(story: Story) -> None:
    """Row accounting too: a row that came back twice, or not at all, would not balance."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Product(Path(folder) / "lake", story.quality)
        warehouse = Product(Path(folder) / "warehouse", story.quality, reads="warehouse")
        for run in story.runs:
            for product in (lake, warehouse):
                product.deliver(run)
            refused = lake.run(run)
            assert refused == warehouse.run(run)
            if refused and run.decision:
                for product in (lake, warehouse):
                    product.decide(run.decision, refused)
                assert lake.run(run) == warehouse.run(run)
            assert lake.published() == warehouse.published()
            if lake.published():
                assert not difference(lake.tables(), warehouse.tables())
                assert lake.app.status().accounting == warehouse.app.status().accounting
