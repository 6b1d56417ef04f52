"""`status` says first how things stand, in words, and last what to do."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from rental_etl.cli.overview import ago, show_status
from rental_etl.model.batch import Batch, Delivery, Reading
from rental_etl.model.run import Accounting, Published, RuleResult, RunRecord
from rental_etl.model.summary import BatchState, Freshness, Status

NOW = datetime(2024, 7, 3, 12, tzinfo=UTC)
RUN = RunRecord(
    "r", "run", date(2024, 6, 30), "published", "2024-07-01 04:00:00.000", "2024-07-01 04:01:00.000", (), ""
)
QUIET = Status(
    workspace="/w",
    runs=(RUN,),
    published=Published(3, "r", date(2024, 6, 30), "2024-07-01 11:00:00.000", {}),
    freshness=(
        Freshness("bookings", 2, 2, date(2024, 6, 30), "2024-07-03 10:59:00.000", 90, 0),
        Freshness("user_viewing", 0, 0, None, "", 0, 0),
    ),
    accounting=(
        Accounting(
            "bookings",
            1,
            rows_read=100,
            unreadable=4,
            landed=96,
            current=90,
            replaced=0,
            repeated=0,
            refused=6,
            deleted=0,
        ),
    ),
    rules=(RuleResult("bookings", "unknown_status", "booking_status", "warn", 3),),
    waiting=(),
)
REFUSED = BatchState(
    Batch(
        7, 7, Delivery("bookings", "bookings", "full", (), ""), date(2024, 7, 1), "r", "", Reading((), "", 0, 0, 0), ""
    ),
    "refused",
    "it is empty",
)


def shown(status: Status, capsys: pytest.CaptureFixture[str]) -> str:
    """What a person sees."""
    show_status(status, now=NOW)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2024-07-03 11:59:30", "just now"),
        ("2024-07-03 11:58:59", "1 minute ago"),
        ("2024-07-03 09:30:00.123", "2 hours ago"),
        ("2024-07-02 12:00:00", "1 day ago"),
        ("2023-07-03 12:00:00", "366 days ago"),
    ],
)
def test_ages_are_said_as_people_say_them(moment: str, words: str) -> None:
    """In the greatest unit that is full."""
    assert ago(moment, NOW) == words


def test_a_quiet_workspace_says_so_in_three_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Where, how old, how good."""
    said = shown(QUIET, capsys)
    assert said.splitlines()[:3] == [
        "workspace  /w",
        "published  2 days ago (2024-07-01 11:00 UTC), as of 2024-06-30 (no. 3)",
        "quality    90 rows in force of 100 delivered; 10 unreadable or refused (10.0%), 3 warnings; every row is accounted for",
    ]
    assert "attention" not in said
    assert ["bookings", "90", "1", "hour", "ago", "2024-06-30", "2", "0"] in [
        line.split() for line in said.splitlines()
    ]
    assert said.rstrip().endswith("rental-etl quarantine  the rows that were not taken, and why")


def test_one_row_among_many_that_was_set_aside_is_not_none(capsys: pytest.CaptureFixture[str]) -> None:
    """0.0 % would say that nothing was."""
    found = replace(QUIET.accounting[0], rows_read=100_000, unreadable=0, landed=100_000, current=99_999, refused=1)
    assert "; 1 unreadable or refused (less than 0.1%), " in shown(replace(QUIET, accounting=(found,)), capsys)


def test_a_refused_batch_and_a_failed_run_ask_for_attention(capsys: pytest.CaptureFixture[str]) -> None:
    """With the commands that decide."""
    failed = replace(RUN, state="failed", message="the disk is full")
    said = shown(replace(QUIET, waiting=(REFUSED,), runs=(failed, RUN)), capsys)
    assert "attention  batch 7 of bookings was refused and waits for your word: it is empty\n" in said
    assert "attention  the last run failed: the disk is full\n" in said
    commands = said.partition("\nnext\n")[2]
    for command in ("quarantine bookings --all", "batch accept 7", "batch reject 7", "run "):
        assert f"rental-etl {command}" in commands


def test_before_the_first_publish_the_answer_is_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said about numbers that are not there."""
    said = shown(replace(QUIET, published=None, accounting=(), runs=()), capsys)
    assert "published  nothing yet" in said
    assert "quality" not in said
    assert "rental-etl run  the whole pipeline" in said
