"""The closing words of a run: what it landed, did not take, published, skipped; and what to do next."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from rental_etl.cli import overview, runs
from rental_etl.cli.summary import show_nothing_new, show_summary
from rental_etl.model.batch import Batch, Delivery, Kind, Part, Reading
from rental_etl.model.run import Accounting, JobRecord, Published, RuleResult, RunRecord
from rental_etl.model.summary import BatchState, Freshness, RunSummary, Status
from rental_etl.settings import load_settings

RUN = RunRecord(
    run_id="20240701T100000-abc",
    command="run",
    as_of=date(2024, 6, 30),
    state="published",
    started_at="2024-07-01 10:00:00.000",
    finished_at="2024-07-01 10:00:02.000",
    jobs=(JobRecord("extract", 0.44, {"rows_read": 1000}), JobRecord("metrics", 1.06, {})),
)
PUBLISHED = Published(3, RUN.run_id, RUN.as_of, "2024-07-01 10:00:02.000", {})


def batch(number: int, *, table: str = "bookings", kind: Kind = "full") -> Batch:
    """A batch of 1,000 rows of which 3 were unreadable and 4 refused."""
    reading = Reading(parts=(Part("p", 997),), quarantine="q", rows_read=1000, rows_unreadable=3, rows_refused=4)
    delivery = Delivery(table, f"{table}.csv", kind, (), "c")
    return Batch(number, number, delivery, date(2024, 6, 30), "r", "2024-07-01 09:00:00.000000", reading, "f")


SUMMARY = RunSummary(
    run=RUN,
    landed=(batch(7),),
    rules=(
        RuleResult("bookings", "checkout_not_after_checkin", "checkin_date", "error", 2, 7),
        RuleResult("bookings", "checkout_not_after_checkin", "checkin_date", "error", 2, 8),
        RuleResult("bookings", "unknown_apartment", "apartment_id", "warn", 1200),
    ),
    published={"revenue_monthly": 24},
    skipped={
        "view_conversion_weekly": "needs user_viewing, which was never delivered",
        "revenue_weekly": "needs user_viewing, which was never delivered",
    },
    notes=("bookings.csv: columns outside the contract stay in the kept source only: colour",),
)


def lines(text: str) -> list[str]:
    """Every line that has words, one blank between them."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_a_run_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    """All on stderr; counts by rule are added up over batches, quarantined ones first."""
    show_summary(SUMMARY, next_steps=[("rental-etl status", "look")])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert lines(captured.err) == [
        "landed",
        "batch table delivery kind read taken quarantined",
        "7 bookings bookings.csv full 1,000 993 7",
        "in quarantine, by rule",
        "rows table rule column",
        "4 bookings checkout_not_after_checkin checkin_date",
        "warnings, by rule",
        "rows table rule column",
        "1,200 bookings unknown_apartment apartment_id",
        "published",
        "table rows computed",
        "revenue_monthly 24",
        "skipped",
        "needs user_viewing, which was never delivered: view_conversion_weekly, revenue_weekly",
        "notes",
        "- bookings.csv: columns outside the contract stay in the kept source only: colour",
        "next",
        "rental-etl status look",
        "published, as of 2024-06-30: extract 0.4 s, metrics 1.1 s; 1.5 s in all",
    ]


def test_a_run_without_broken_rules_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Silence could mean that nobody counted."""
    show_summary(replace(SUMMARY, rules=()), next_steps=[])
    assert "rules\n  every row is as its contract says\n" in capsys.readouterr().err


def test_a_single_job_says_what_it_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """`load` publishes nothing; its counts are what there is to say."""
    job = JobRecord("load", 0.5, {"rows": {"bookings": 1200}, "batches": 2})
    run = replace(RUN, command="load", state="done", jobs=(job,))
    show_summary(RunSummary(run), next_steps=[])
    assert capsys.readouterr().err == (
        "load: rows: bookings 1,200\nload: batches: 2\n\ndone, as of 2024-06-30: load 0.5 s\n"
    )


def test_nothing_new_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With what is known about the last publish."""
    show_nothing_new(RunSummary(RUN), published=PUBLISHED)
    assert capsys.readouterr().err == "nothing new since publish 3 of 2024-07-01 10:00 UTC, as of 2024-06-30\n"


class Told:
    """What a summary asks the application for."""

    def __init__(self, workspace: str) -> None:
        self.settings = load_settings(config=Path("/dev/null"), overrides={"workspace": workspace})

    def batches(self) -> tuple[BatchState, ...]:
        """Two batches of bookings."""
        return (BatchState(batch(7), "merged"), BatchState(batch(8), "merged"))


@pytest.mark.parametrize(("workspace", "option"), [("rental-data", ""), ("other", " --workspace other")])
def test_next_steps_can_be_typed_as_they_are(capsys: pytest.CaptureFixture[str], workspace: str, option: str) -> None:
    """They name the workspace where it is not the default one."""
    application: Any = Told(workspace)
    runs.conclude(SUMMARY, application, as_json=False)
    said = capsys.readouterr().err
    assert f"  rental-etl quarantine{option} " in said
    assert f'  rental-etl query{option} "from revenue_monthly limit 10" ' in said


def test_status_shows_everything_at_a_glance(capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout: it is what was asked for."""
    status = Status(
        workspace="/w",
        runs=(RUN, replace(RUN, state="refused", message="batch 8 was refused")),
        published=PUBLISHED,
        freshness=(
            Freshness("bookings", 2, 8, date(2024, 6, 30), "2024-07-01 09:00:00.000000", 990, 1),
            Freshness("fx_rates", 0, 0, None, "", 0, 0),
        ),
        accounting=(
            Accounting("bookings", 7, 1000, 3, 997, 990, 1, 2, 4, 0),
            Accounting("bookings", 6, 10, 0, 10, 0, 10, 0, 0, 0),
        ),
        rules=(),
        waiting=(BatchState(batch(8), "refused", "it would delete 900 of 990 keys"),),
    )
    overview.show_status(status, now=datetime(2024, 7, 1, 12, tzinfo=UTC))
    captured = capsys.readouterr()
    assert captured.err == ""
    assert lines(captured.out) == [
        "workspace /w",
        "published 1 hour ago (2024-07-01 10:00 UTC), as of 2024-06-30 (no. 3)",
        "quality 990 rows in force of 1,010 delivered; 7 unreadable or refused (0.7%), 0 warnings; every row is accounted for",
        "attention batch 8 of bookings was refused and waits for your word: it would delete 900 of 990 keys",
        "tables",
        "table rows last delivery day batches waiting",
        "bookings 990 3 hours ago 2024-06-30 2 1",
        "fx_rates 0 never 0 0",
        "where the delivered rows are",
        "table read unreadable current replaced repeated refused",
        "bookings 1,010 3 990 11 2 4",
        "rules",
        "every row is as its contract says",
        "waiting",
        "batch table delivery state why",
        "no. 8 bookings bookings.csv refused it would delete 900 of 990 keys",
        "runs",
        "started (UTC) command as of state seconds what happened",
        "2024-07-01 10:00 run 2024-06-30 published 1.5",
        "2024-07-01 10:00 run 2024-06-30 refused 1.5 batch 8 was refused",
        "next",
        "rental-etl quarantine bookings --all what is in it that was not taken",
        "rental-etl batch accept 8 take it as it is, at the next run (any of them: rental-etl batch accept BATCH)",
        "rental-etl batch reject 8 leave it out for good",
        "rental-etl run go on from where the last run stopped",
        "rental-etl quarantine the rows that were not taken, and why",
    ]
    overview.show_status(replace(status, accounting=(replace(status.accounting[0], landed=996),), rules=()))
    assert "where the delivered rows are: THEY DO NOT ADD UP" in capsys.readouterr().out
