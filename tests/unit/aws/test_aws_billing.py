"""How Glue bills a job run."""

import pytest

from rental_etl.aws.billing import Workers, billed_seconds


@pytest.mark.parametrize(("seconds", "billed"), [(0, 60), (35, 60), (36, 61), (3600, 3625)])
def test_a_minute_at_least_and_the_installation_with_it(seconds: float, billed: float) -> None:
    """The bundle is installed before the job's own clock starts."""
    assert billed_seconds(seconds) == billed


@pytest.mark.parametrize(
    ("workers", "executors", "used"),
    [
        # As many workers as there are, whether anything runs on them or not.
        (Workers(2), 0, 2 * 125),
        (Workers(10), 900, 10 * 125),
        # They come and go: the driver, and each executor for as long as it was there; DuckDB has none, and the least workers are billed.
        (Workers(2, each=1), 0, 2 * 125),
        (Workers(2, each=1), 900, 125 + 900),
        (Workers(4, each=2), 900, 2 * (125 + 900)),
        # One executor that came late: not less than the least.
        (Workers(2, each=1), 20, 2 * 125),
    ],
)
def test_workers_are_billed_while_they_are_there(workers: Workers, executors: float, used: float) -> None:
    """The most that there may be says nothing about what is billed."""
    assert workers.dpu_seconds(100, executors=executors) == used
