"""Shows what runs cost: every amount with its arithmetic."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from rental_etl.cli.terminal import heading, listing, say

if TYPE_CHECKING:
    from rental_etl.aws.billing import JobRun
    from rental_etl.aws.cost import Bill, Line, Prices, Shape, Spent

_UNCHECKED = "Nobody has held these prices against AWS's pages: compare them, or give your own with --prices."
_ESTIMATED = (
    "Seconds are estimated from benchmarks on one machine: where this was written, nothing could be deployed to AWS."
)


def show(bills: Sequence["Bill"], best: "Bill", spent: Sequence["Spent"], prices: "Prices", stream: TextIO) -> None:
    """For people."""
    say(f"USD at list prices of {prices.date}, {prices.region}; no free tier, no tax", stream)
    if not prices.checked:
        say(_UNCHECKED, stream)
    say(_ESTIMATED, stream)
    for bill in bills:
        heading(f"one run: {_named(bill.shape)}", stream)
        rows = [*_rows(bill.run), ("one run", "", f"{bill.per_run:.4f}")]
        listing(("for", "how", "usd"), [*rows, ("Glue + Step Functions", "", f"{bill.glue_and_steps:.4f}")], stream)
        heading(f"one month: {_named(bill.shape)}", stream)
        listing(("for", "how", "usd"), [*_rows(bill.month), ("one month", "", f"{bill.per_month:.2f}")], stream)
    heading("cheapest", stream)
    say(f"  {_named(best.shape)}: ${best.per_run:.4f} a run, ${best.per_month:.2f} a month", stream)
    if spent:
        heading("what the last runs took, and what Glue bills for it", stream)
        past = [
            (each.run.run_id, each.run.state, f"{each.seconds:.1f} s", each.line.arithmetic, f"{each.line.usd:.4f}")
            for each in spent
        ]
        listing(("run", "state", "took", "how", "usd"), past, stream)
        if any(not part.glue_run for each in spent for part in each.job_runs):
            say("  Runs that were not on Glue are reckoned as one job run of the small preset.", stream)


def write_json(
    bills: Sequence["Bill"], best: "Bill", spent: Sequence["Spent"], prices: "Prices", stream: TextIO
) -> None:
    """For machines."""
    document = {
        "region": prices.region,
        "date": str(prices.date),
        "prices_checked": prices.checked,
        "predicted": [_as_object(bill) for bill in bills],
        "cheapest": _as_object(best),
        "measured": [
            {
                "run_id": each.run.run_id,
                "state": each.run.state,
                "seconds": each.seconds,
                "how": each.line.arithmetic,
                "usd": round(each.line.usd, 6),
                "job_runs": [_job_run(part) for part in each.job_runs],
            }
            for each in spent
        ],
    }
    json.dump(document, stream, indent=2)
    stream.write("\n")


def _as_object(bill: "Bill") -> dict[str, object]:
    shape = bill.shape
    return {
        "preset": shape.preset,
        "engine": shape.engine,
        "worker": shape.worker,
        "workers": shape.workers,
        "seconds": round(bill.seconds, 1),
        "run_usd": round(bill.per_run, 6),
        "glue_and_step_functions_usd": round(bill.glue_and_steps, 6),
        "month_usd": round(bill.per_month, 2),
        "run": [_line(line) for line in bill.run],
        "month": [_line(line) for line in bill.month],
    }


def _job_run(part: "JobRun") -> dict[str, object]:
    return {
        "glue_run": part.glue_run or None,
        "jobs": list(part.jobs),
        "seconds": round(part.seconds, 3),
        "billed_seconds": round(part.billed, 3),
        "dpu_seconds": round(part.dpu_seconds, 1),
    }


def _line(line: "Line") -> dict[str, object]:
    return {"for": line.item, "how": line.arithmetic, "usd": round(line.usd, 6)}


def _rows(lines: Sequence["Line"]) -> list[tuple[str, str, str]]:
    return [(line.item, line.arithmetic, f"{line.usd:.4f}") for line in lines]


def _named(shape: "Shape") -> str:
    return f"{shape.preset}, {shape.engine}, {shape.workers} x {shape.worker}"
