"""What runs cost: arithmetic that can be followed, and the promise about small marketplaces."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml

from rental_etl.aws import cost
from rental_etl.aws.state_machine import definition
from rental_etl.cli.entry import run
from rental_etl.errors import ConfigurationError
from rental_etl.model.run import JobRecord, RunRecord

DAILY = cost.Size(bookings=1_000_000, viewings=1_000_000, listings=40_000, changed=0.01)
PRICES = cost.load_prices()
SMALL, STANDARD = cost.Shape("small", "duckdb"), cost.Shape("standard", "duckdb")


def lines(found: cost.Bill) -> dict[str, cost.Line]:
    """The lines of one run."""
    return {line.item: line for line in found.run}


STANDARD_SPARK = cost.Shape("standard", "spark")


def test_a_daily_run_of_a_million_bookings_costs_less_than_two_cents() -> None:
    """Of Glue and Step Functions, in the small preset: one minute of two DPU, five transitions."""
    found = cost.bill(SMALL, DAILY, runs=30, prices=PRICES)
    assert lines(found)["Glue"].usd == pytest.approx(2 * 60 / 3600 * 0.308)
    assert lines(found)["Step Functions"].usd == pytest.approx(5 * 0.000025)
    assert found.glue_and_steps < 0.02
    five = cost.bill(STANDARD, DAILY, runs=30, prices=PRICES)
    assert lines(five)["Glue"].usd == pytest.approx(5 * 2 * 60 / 3600 * 0.308)


@pytest.mark.parametrize("shape", [SMALL, STANDARD])
def test_transitions_are_those_of_the_state_machine(shape: cost.Shape) -> None:
    """Of a run in which nothing fails, walked from state to state as an execution goes that wants all jobs."""
    machine = definition(shape.preset)
    path = [machine["StartAt"]]
    while (state := machine["States"][path[-1]])["Type"] != "Succeed":
        # A choice's first rule is what went wrong; its second the next job.
        rules = state.get("Choices", ())[1:]
        path.append(rules[0]["Next"] if rules else state.get("Next") or state["Default"])
    assert path[-1] == "Done"
    arithmetic = lines(cost.bill(shape, DAILY, runs=1, prices=PRICES))["Step Functions"].arithmetic
    assert arithmetic.startswith(f"{len(path)} transitions x ")


def test_the_page_shows_what_the_command_says() -> None:
    """Amounts that were written once are wrong after the next change."""
    page = (Path(__file__).parents[3] / "docs" / "cost.md").read_text(encoding="utf-8")
    row = {
        line.split("|")[1].split(",")[0].strip(" *").partition(":")[0]: line
        for line in page.splitlines()
        if line.count("|") == 4
    }
    for place, shape in ((2, SMALL), (3, STANDARD)):
        found = cost.bill(shape, DAILY, runs=30, prices=PRICES)
        of, month = lines(found), {line.item: line.usd for line in found.month}
        for name, amount in (
            ("Glue", f"{of['Glue'].arithmetic} = **${of['Glue'].usd:.4f}**"),
            ("Step Functions", f"{of['Step Functions'].arithmetic} = **${of['Step Functions'].usd:.4f}**"),
            ("both", f"**${found.glue_and_steps:.4f}**"),
            ("Redshift", f"= ${of['Redshift'].usd:.4f}"),
            ("Aurora", f"= ${of['Aurora'].usd:.4f}"),
            ("S3 requests", f"${of['S3 requests'].usd:.4f}"),
            ("one run", f"**${found.per_run:.3f}**"),
            ("30 runs", f"${month['runs']:.2f}"),
            ("what stands still", f"${found.per_month - month['runs']:.2f}"),
            ("one month", f"**${found.per_month:.2f}**"),
        ):
            assert row[name].split("|")[place].strip().endswith(amount), (name, row[name], amount)


def test_the_page_about_spark_shows_what_the_command_says() -> None:
    """Glue and Step Functions by size and share of new rows, DuckDB's amount before Spark's."""
    page = (Path(__file__).parents[3] / "docs" / "spark.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if " M + " in line]
    sizes = [(int(row[0].split(" M")[0]) * 1_000_000, row) for row in rows if len(row) == 5]
    assert len(sizes) == 4
    for count, row in sizes:
        places = [(0.01, cost.Shape("small", "duckdb")), (0.01, STANDARD_SPARK), (1.0, cost.Shape("small", "duckdb"))]
        for told, (changed, shape) in zip(row[1:], [*places, (1.0, STANDARD_SPARK)], strict=True):
            size = cost.Size(count, count, count // 25, changed)
            minutes = cost.seconds_of(shape, size) / 60
            found = f"{cost.bill(shape, size, runs=1, prices=PRICES).glue_and_steps:.3f}"
            assert told == (f"{found} ({minutes:.0f} min of work)" if minutes > 60 else found)


def test_a_month_is_its_runs_and_what_stands_still() -> None:
    """Endpoints cost by the hour, also where nothing runs."""
    once, daily = (cost.bill(SMALL, DAILY, runs=runs, prices=PRICES) for runs in (0, 30))
    assert daily.per_month == pytest.approx(once.per_month + 30 * daily.per_run)
    assert once.per_month > 10


def test_more_rows_never_cost_less() -> None:
    """Nor a greater share that is new."""
    for vary in ([(10**power, 0.1) for power in range(4, 9)], [(10**8, share / 10) for share in range(11)]):
        sizes = [cost.Size(rows, rows, 1000, changed) for rows, changed in vary]
        found = [cost.bill(SMALL, size, runs=30, prices=PRICES).per_run for size in sizes]
        assert found == sorted(found)
        assert found[0] < found[-1]


def test_the_cheapest_is_one_worker_until_it_is_too_small() -> None:
    """DuckDB in one worker; then larger workers; then Spark; then nothing within an hour."""
    chosen = [
        cost.cheapest(cost.Size(bookings, bookings, bookings // 50, 0.1), runs=30, prices=PRICES).shape
        for bookings in (10**6, 10**9, 2 * 10**9)
    ]
    assert chosen[0] == SMALL
    assert (chosen[1].engine, chosen[1].worker) != ("duckdb", "G.1X")
    assert chosen[2].engine == "spark"
    with pytest.raises(ConfigurationError, match="no size of worker"):
        cost.cheapest(cost.Size(10**12, 10**12, 10**9, 1.0), runs=30, prices=PRICES)


def test_past_runs_are_reckoned_from_their_seconds() -> None:
    """A minute at least; a run that is not over is not counted."""
    jobs = (JobRecord("extract", 100.0), JobRecord("metrics", 55.0))
    over = RunRecord("a", "run", date(2024, 6, 30), "published", "2024-07-01 03:00:00", "2024-07-01 03:03:00", jobs)
    going = RunRecord("b", "run", date(2024, 6, 30), "running", "2024-07-01 03:00:00", "", jobs)
    (spent,) = cost.measured([going, over], dpu=2, prices=PRICES)
    assert (spent.run.run_id, spent.seconds) == ("a", 155.0)
    assert spent.line.usd == pytest.approx(2 * 180 / 3600 * 0.308)
    assert spent.line.arithmetic == "(2 DPU x 180 s) / 3600 x $0.308"
    (spare,) = cost.measured([over], dpu=2, prices=PRICES, flex=True)
    assert spare.line.usd == pytest.approx(2 * 180 / 3600 * 0.203)


def test_each_glue_job_run_of_a_past_run_is_billed_by_itself() -> None:
    """Five jobs of a second are five minutes; a job that saw more workers than the least is billed for them."""
    names = ("extract", "load", "transform", "metrics", "report")
    quick = [JobRecord(name, 1.0, {"glue_run": f"jr_{name}", "glue_dpu": 2.0, "dpu_seconds": 1.0}) for name in names]
    run_ = RunRecord("a", "run", date(2024, 6, 30), "published", "2024-07-01", "2024-07-01", tuple(quick))
    (spent,) = cost.measured([run_], dpu=8, prices=PRICES)
    assert [(part.glue_run, part.jobs, part.billed) for part in spent.job_runs] == [
        (f"jr_{name}", (name,), 60.0) for name in names
    ]
    assert spent.line.usd == pytest.approx(5 * 2 * 60 / 3600 * 0.308)
    assert spent.line.usd == pytest.approx(lines(cost.bill(STANDARD, DAILY, runs=1, prices=PRICES))["Glue"].usd)
    many = JobRecord("transform", 275.0, {"glue_run": "jr_many", "glue_dpu": 2.0, "dpu_seconds": 2750.0})
    scaled = replace(run_, jobs=(*quick[:2], many, *quick[3:]))
    (spent,) = cost.measured([scaled], dpu=8, prices=PRICES)
    assert spent.line.usd == pytest.approx((4 * 2 * 60 + 2750) / 3600 * 0.308)


def test_every_price_has_a_source_and_the_table_a_date() -> None:
    """A price without a date is a rumour."""
    text = Path(cost.__file__).with_name("prices.yaml").read_text(encoding="utf-8")
    table = yaml.safe_load(text)
    assert isinstance(table["date"], date)
    for name, entry in table["prices"].items():
        assert entry["source"].startswith("https://aws.amazon.com/"), name
        assert entry["unit"], name


def test_a_table_of_ones_own_is_taken_or_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that lacks a price would count it as nothing."""
    table = yaml.safe_load(Path(cost.__file__).with_name("prices.yaml").read_text(encoding="utf-8"))
    table["prices"]["glue_dpu_hour"]["usd"] = 0.44
    own = tmp_path / "prices.yaml"
    own.write_text(yaml.safe_dump(table))
    assert run(["cost", "--prices", str(own), "--json"]) == 0
    first = json.loads(capsys.readouterr().out)["predicted"][0]
    assert first["run"][0]["usd"] == pytest.approx(2 * 60 / 3600 * 0.44, abs=1e-6)
    del table["prices"]["s3_write"]
    own.write_text(yaml.safe_dump(table))
    assert run(["cost", "--prices", str(own)]) == 2
    assert "s3_write" in capsys.readouterr().err


def test_the_command_shows_the_arithmetic(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both presets, the cheapest, and each amount with how it comes about."""
    assert run(["cost"]) == 0
    out = capsys.readouterr().out
    assert "1 job x 2 DPU x 60 s / 3600 x $0.308" in out
    assert "5 jobs x 2 DPU x 60 s / 3600 x $0.308" in out
    assert "cheapest" in out


def test_the_command_says_what_it_does_not_know(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody compared the shipped prices with their pages; who did so in a table of one's own is not told so again."""
    assert run(["cost"]) == 0
    out = capsys.readouterr().out
    assert "Nobody has held these prices against AWS's pages" in out
    assert "nothing could be deployed to AWS" in out
    assert run(["cost", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["prices_checked"] is False
    table = yaml.safe_load(Path(cost.__file__).with_name("prices.yaml").read_text(encoding="utf-8"))
    own = tmp_path / "prices.yaml"
    own.write_text(yaml.safe_dump(table | {"checked": True}))
    assert run(["cost", "--prices", str(own)]) == 0
    assert "Nobody has held" not in capsys.readouterr().out


def test_spare_capacity_is_cheaper(capsys: pytest.CaptureFixture[str]) -> None:
    """By Glue's price for it alone."""
    assert run(["cost", "--flex"]) == 0
    assert "1 job x 2 DPU x 60 s / 3600 x $0.203" in capsys.readouterr().out
