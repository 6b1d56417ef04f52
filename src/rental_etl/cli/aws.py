"""The commands about AWS: the state machine, and what runs cost."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rental_etl.cli.options import Json, Place


class Preset(StrEnum):
    """The two ways to lay the pipeline out."""

    small = "small"
    standard = "standard"


def state_machine(
    preset: Annotated[
        Preset, typer.Option("--preset", help="small: one Glue job for everything; standard: one per job.")
    ] = Preset.standard,
) -> None:
    """Print the Step Functions definition.

    It is what `make deploy` deploys, as Amazon States Language; CloudFormation fills in ${FailureTopicArn} and ${Bucket}.

    \b
    Example:
      rental-etl state-machine --preset small
    """
    import json

    from rental_etl.aws.state_machine import definition

    json.dump(definition(preset.value), sys.stdout, indent=2)
    sys.stdout.write("\n")


def cost(
    place: Place,
    *,
    bookings: Annotated[int, typer.Option("--bookings", min=0, metavar="N", help="Bookings there are.")] = 1_000_000,
    viewings: Annotated[int, typer.Option("--viewings", min=0, metavar="N", help="Viewings there are.")] = 1_000_000,
    listings: Annotated[int, typer.Option("--listings", min=0, metavar="N", help="Listings there are.")] = 40_000,
    changed: Annotated[
        float, typer.Option("--changed", min=0, max=1, metavar="R", help="Share of rows that a run finds new.")
    ] = 0.01,
    runs: Annotated[int, typer.Option("--runs", min=0, metavar="N", help="Runs in a month.")] = 30,
    prices: Annotated[
        Path | None, typer.Option("--prices", metavar="FILE", help="Price table.  [default: the one shipped]")
    ] = None,
    flex: Annotated[
        bool, typer.Option("--flex", help="Glue's spare capacity (setting `flex` of a deployment).")
    ] = False,
    past: Annotated[
        int, typer.Option("--past", min=0, metavar="N", help="Also show what the last N runs cost, from the ledger.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Predict and measure what runs cost on AWS.

    Every amount shows how it comes about: prices from a dated table, seconds estimated from benchmarks, not measured on AWS.

    \b
    Examples:
      rental-etl cost --bookings 1000000 --runs 30
      rental-etl cost --past 10
    """
    from rental_etl.aws import cost as costs
    from rental_etl.cli import bills

    table = costs.load_prices(prices)
    size = costs.Size(bookings, viewings, listings, changed)
    shapes = [costs.Shape("small", "duckdb"), costs.Shape("standard", "duckdb"), costs.Shape("standard", "spark")]
    found = [costs.bill(shape, size, runs=runs, prices=table, flex=flex) for shape in shapes]
    best = costs.cheapest(size, runs=runs, prices=table, flex=flex)
    records = place.application().status(runs=past).runs[:past] if past else ()
    spent = costs.measured(records, dpu=shapes[0].dpu, prices=table, flex=flex)
    if as_json:
        bills.write_json(found, best, spent, table, sys.stdout)
    else:
        bills.show(found, best, spent, table, sys.stdout)
