"""A Glue job's arguments, and how several jobs become one run."""

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

import shell
from redshift import stores
from rental_etl import glue_entry
from rental_etl.aws.billing import Workers
from rental_etl.aws.cost import load_prices, measured
from rental_etl.aws.outcomes import BROKEN, REFUSED, UNUSABLE, marked
from rental_etl.aws.state_machine import definition
from rental_etl.bootstrap import Application
from rental_etl.errors import ConfigurationError, QualityGateError, RentalEtlError, SystemUnreachableError, UsageError
from rental_etl.pipeline import JOBS
from rental_etl.settings import load_settings


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A job's arguments become variables of its process: here they go again."""
    monkeypatch.chdir(tmp_path)
    # In place: modules that are imported meanwhile keep what they find here.
    with patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith("RENTAL_ETL_")]:
            del os.environ[name]
        yield


def test_arguments_are_read_as_glue_passes_them() -> None:
    """Those of Glue itself are among them; a default argument comes before the one of the run, which wins."""
    order = glue_entry.parse(
        [
            *(
                "--job-bookmark-option",
                "job-bookmark-disable",
                "--TempDir",
                "s3://b/temp/",
                "--JOB_NAME",
                "run_pipeline",
            ),
            *("--engine", "duckdb", "--run_id", "nightly-1", "--as_of=2024-06-30", "--full_refresh", "true"),
            *("--jobs", "generate_metrics,load", "--rental_etl_lake__url", "s3://b", "--engine", "spark", "--dpu", "2"),
            *("--worker_dpu", "1.0", "--JOB_RUN_ID", "jr_0a"),
        ]
    )
    assert order == glue_entry.Order(
        commands=("load", "metrics"),
        run_id="nightly-1",
        as_of=date(2024, 6, 30),
        engine="spark",
        full_refresh=True,
        config="",
        connection="",
        variables={"RENTAL_ETL_LAKE__URL": "s3://b"},
        workers=Workers(2.0, each=1.0),
        glue_run="jr_0a",
    )


@pytest.mark.parametrize("job", JOBS)
def test_each_job_of_the_pipeline_is_a_glue_job(job: Any) -> None:
    """By the name of the Glue job, or by --job where that has another."""
    assert glue_entry.parse(["--JOB_NAME", job.name]).commands == (job.command,)
    assert glue_entry.parse(["--JOB_NAME", "staging-1", "--job", job.name]).commands == (job.command,)


def test_every_job_of_the_state_machine_is_one_that_can_be_run() -> None:
    """And its arguments are among those that are read."""
    known = {"--run_id", "--as_of", "--engine", "--full_refresh", "--jobs"}
    for preset in ("small", "standard"):
        for state in definition(preset)["States"].values():
            if "JobName" in state.get("Arguments", {}):
                assert glue_entry.parse(["--JOB_NAME", state["Arguments"]["JobName"]]).commands
                assert set(state["Arguments"]["Arguments"]) <= known


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["--JOB_NAME", "tidy"], UsageError),
        ([], UsageError),
        (["--JOB_NAME", "run_pipeline", "--jobs", "load,tidy"], UsageError),
        (["--JOB_NAME", "run_pipeline", "--as_of", "june"], UsageError),
        (["--JOB_NAME", "run_pipeline", "--full_refresh", "perhaps"], UsageError),
        (["--JOB_NAME", "run_pipeline", "--worker_dpu", "some"], UsageError),
        (["--JOB_NAME", "run_pipeline", "--RENTAL_ETL_SOURCE__PASSWORD", "hunter2"], ConfigurationError),
    ],
)
def test_wrong_arguments_are_named(arguments: list[str], kind: type[RentalEtlError]) -> None:
    """A password would be in Glue's logs; its value is not repeated."""
    with pytest.raises(kind) as caught:
        glue_entry.parse(arguments)
    assert "hunter2" not in str(caught.value.lines())


def test_the_kind_of_a_failure_is_marked() -> None:
    """Step Functions runs a job again or not by it."""
    assert marked(QualityGateError("a guard refused")) == f"{REFUSED} a guard refused"
    assert marked(UsageError("no such key", where="rental-etl.toml")) == f"{UNUSABLE} no such key (rental-etl.toml)"
    assert marked(SystemUnreachableError("no answer")) == f"{BROKEN} no answer"
    assert marked(ZeroDivisionError("1/0")) == f"{BROKEN} ZeroDivisionError"


def test_the_jobs_of_an_execution_are_one_run(tmp_path: Path) -> None:
    """`etl.runs` has one row for it, with what each job did, and the moment the first began."""
    shell.marketplace(tmp_path / "data")
    given = ["--run_id", "nightly-1", "--as_of", str(shell.END)]
    places = ["--RENTAL_ETL_SOURCE__URL", "data", "--RENTAL_ETL_WORKSPACE", "work"]
    for job in ("extract_from_aurora", "load_to_redshift_raw", "load_to_redshift_raw", "transform_curated_data"):
        glue_entry.main(["--JOB_NAME", job, *given, *places])
    application = Application(load_settings(config=None, overrides={"workspace": Path("work")}))
    (run,) = application.status().runs
    assert (run.run_id, run.command, run.state) == ("nightly-1", "extract load transform", "done")
    assert [job.name for job in run.jobs] == ["extract", "load", "transform"]
    glue_entry.main(["--JOB_NAME", "generate_metrics", *given, *places])
    glue_entry.main(["--JOB_NAME", "build_report", *given, *places])
    (whole,) = application.status().runs
    assert (whole.command, whole.state, whole.started_at) == ("run", "published", run.started_at)


def test_the_ledger_knows_in_which_glue_run_a_job_was(tmp_path: Path) -> None:
    """So that what a run cost can be reckoned afterwards: each Glue job run has a minimum of its own."""
    shell.marketplace(tmp_path / "data")
    given = ["--run_id", "nightly-1", "--as_of", str(shell.END), "--dpu", "2.0"]
    places = ["--RENTAL_ETL_SOURCE__URL", "data", "--RENTAL_ETL_WORKSPACE", "work"]
    runs = [("extract,load", "jr_0a"), ("transform", "jr_0b"), ("metrics", "jr_0c")]
    for jobs, number in runs:
        glue_entry.main(["--JOB_NAME", "run_pipeline", "--jobs", jobs, "--JOB_RUN_ID", number, *given, *places])
    application = Application(load_settings(config=None, overrides={"workspace": Path("work")}))
    (run,) = application.status().runs
    assert {job.name: job.counts["glue_run"] for job in run.jobs} == {
        "extract": "jr_0a",
        "load": "jr_0a",
        "transform": "jr_0b",
        "metrics": "jr_0c",
    }
    assert {job.counts["glue_dpu"] for job in run.jobs} == {2.0}
    (spent,) = measured([run], dpu=8, prices=load_prices())
    assert [part.jobs for part in spent.job_runs] == [("extract", "load"), ("transform",), ("metrics",)]
    assert spent.line.usd == pytest.approx(3 * 2 * 60 / 3600 * 0.308)


@pytest.mark.parametrize("broken", [False, True])
def test_a_job_run_tells_what_it_is_billed(tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: bool) -> None:
    """The alarm counts it, also for a job that failed: Glue bills that as well."""
    shell.marketplace(tmp_path / "data")
    places = ["--RENTAL_ETL_SOURCE__URL", "nowhere" if broken else "data", "--RENTAL_ETL_WORKSPACE", "work"]
    given = ["--JOB_NAME", "extract_from_aurora", "--JOB_RUN_ID", "jr_0a", "--dpu", "2.0", "--worker_dpu", "1.0"]
    with pytest.raises(SystemExit) if broken else contextlib.nullcontext():
        glue_entry.main([*given, *places])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["glue_run"], line["dpu_seconds"]) for line in lines if "dpu_seconds" in line] == [("jr_0a", 120.0)]


def test_a_configuration_and_a_connection_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration from S3; where Redshift is, from the Glue connection that the original design asks for."""
    import boto3

    bucket = stores.create_bucket()
    stores.s3().put_object(
        Bucket=bucket, Key="rental-etl.toml", Body=b'[metrics]\ntop_n = 3\n[warehouse]\nstaging = "s3://x/y"\n'
    )
    with stores.identity():
        monkeypatch.setenv("AWS_ENDPOINT_URL", stores.endpoint())
        glue = boto3.client("glue", region_name=stores.REGION)
        properties = {"JDBC_CONNECTION_URL": "jdbc:redshift://db.example.com:5439/prod", "SECRET_ID": "etl-secret"}
        glue.create_connection(
            ConnectionInput={"Name": "redshift-conn", "ConnectionType": "JDBC", "ConnectionProperties": properties}
        )
        order = glue_entry.parse(
            [
                "--JOB_NAME",
                "run_pipeline",
                "--config",
                f"s3://{bucket}/rental-etl.toml",
                "--connection",
                "redshift-conn",
            ]
        )
        with glue_entry._settled(order) as application:
            settings = application.settings
            assert settings.workspace != Path("rental-data")
    assert (settings.metrics.top_n, settings.warehouse.staging) == (3, "s3://x/y")
    assert settings.warehouse.url == "redshift://db.example.com:5439/prod"
    assert settings.warehouse.secret == "etl-secret"
