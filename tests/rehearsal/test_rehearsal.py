"""The whole system on one machine: the state machine is interpreted, every Glue job is a process of the built bundle, between MariaDB as Aurora, S3, Glue's
catalog and Secrets Manager in the emulator, and the Redshift shim. What this does not prove is said in docs/aws.md.
"""

import json
import os
import signal
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deploy.code import SCRIPT

import shell
from aws_stack import synthesized
from mariadb import server as mariadb
from postgres import server as postgres
from redshift import stores
from redshift.shim import Shim
from rehearsal import bundle
from rehearsal.emulator import Emulated, emulate, identity
from rehearsal.executions import BUCKET, Machine, another, machine
from rehearsal.rights import Asked, asked, refused, services
from rental_etl.aws.state_machine import Patience
from rental_etl.pipeline import JOBS

FAILING = ["RecordFailure", "NotifyFailure", "PipelineFailed"]
PATIENCE = Patience(job=240, busy=1, fault=1, rerun=1, times_busy=60)


@dataclass(frozen=True, slots=True)
class House:
    """A marketplace in Aurora, and the pipeline around it."""

    folder: Path
    pipeline: Machine
    small: Machine
    database: str
    settings: Mapping[str, str]

    @property
    def aws(self) -> Emulated:
        """The emulator."""
        return self.pipeline.aws

    def sql(self, text: str) -> str:
        """Change the marketplace."""
        return mariadb.shared().sql(text, database=self.database)

    def command(self, *arguments: object, **more: str) -> shell.Done:
        """Run `rental-etl` beside the jobs, as an engineer would."""
        known = {**self.settings, **identity(self.aws.url), **more}
        return shell.rental_etl(*arguments, cwd=self.folder, variables=known)

    def published(self) -> dict[str, bytes]:
        """The twelve tables as the warehouse has them."""
        return self._exported("warehouse")

    def local(self) -> dict[str, bytes]:
        """The twelve tables as a laptop makes them from the same database: DuckDB, local lake, one process."""
        name = f"local-{uuid.uuid4().hex[:6]}"
        own = {"RENTAL_ETL_SOURCE__URL": self.settings["RENTAL_ETL_SOURCE__URL"], "RENTAL_ETL_SOURCE__PASSWORD": "pw"}
        place = ["--workspace", name]
        done = shell.rental_etl("run", *place, "--as-of", shell.END, cwd=self.folder, variables=own)
        assert done.code == 0, done.err
        done = shell.rental_etl("export", *place, f"{name}-tables", cwd=self.folder)
        assert done.code == 0, done.err
        return {path.name: path.read_bytes() for path in (self.folder / f"{name}-tables").iterdir()}

    def runs(self) -> dict[str, dict[str, Any]]:
        """What `etl.runs` says, by run id."""
        done = self.command("query", "select run_id, command, state, jobs from etl.runs", "--format", "json")
        assert done.code == 0, done.err
        return {run["run_id"]: run for run in done.document}

    def last(self, job: str) -> Mapping[str, Any]:
        """The newest run of a Glue job."""
        found: list[Mapping[str, Any]] = self.aws.client("glue").get_job_runs(JobName=job)["JobRuns"]
        return found[-1] if found else {}

    def _exported(self, name: str) -> dict[str, bytes]:
        target = self.folder / f"{name}-{uuid.uuid4().hex[:6]}"
        done = self.command("export", target)
        assert done.code == 0, done.err
        return {path.name: path.read_bytes() for path in target.iterdir()}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The marketplace ingested into MariaDB, everything else empty."""
    folder = tmp_path_factory.mktemp("rehearsal")
    script = folder / "job.py"
    script.write_bytes(SCRIPT)
    environment = {"PATH": os.defpath, "HOME": str(folder)}
    with emulate(folder / "aws", command=[str(bundle.python()), str(script)], environment=environment) as aws:
        database = _database()
        # As the stack makes it: jobs have no right to.
        catalog = synthesized.settings_of("standard").catalog_database
        aws.client("glue").create_database(DatabaseInput={"Name": catalog})
        shim = Shim(("127.0.0.1", postgres.shared().port), aws.client("s3"))
        settings = _settings(aws, database, shim.port)
        pipeline = machine(aws, patience=PATIENCE, arguments=_arguments(settings))
        small = another(pipeline, "small", "small", patience=PATIENCE)
        made = House(folder, pipeline, small, database, settings)
        shell.marketplace(folder / "data", dirty=0.02)
        done = made.command("ingest", folder / "data", RENTAL_ETL_SOURCE__PASSWORD="pw", RENTAL_ETL_SOURCE__SECRET="")
        assert done.code in (0, 1), done.err
        yield made
        shim.stop()


def _database() -> str:
    server, name = mariadb.shared(), f"rental_{uuid.uuid4().hex[:8]}"
    server.sql(f"create database {name} character set utf8mb4")
    server.sql("create user if not exists etl@'%' identified by 'pw'; grant all on *.* to etl@'%'")
    return name


def _settings(aws: Emulated, database: str, redshift: int) -> dict[str, str]:
    """What differs from a deployment: where things are, and passwords, which are secrets here, where a deployment has IAM."""
    secrets = aws.client("secretsmanager")
    for name, user, password in (("aurora", "etl", "pw"), ("redshift", postgres.OLD_USER, postgres.PASSWORD)):
        secrets.create_secret(Name=name, SecretString=json.dumps({"username": user, "password": password}))
    warehouse = stores.create_database()
    return {
        "RENTAL_ETL_SOURCE__URL": f"mysql://etl@127.0.0.1:{mariadb.shared().port}/{database}",
        "RENTAL_ETL_SOURCE__SECRET": "aurora",
        "RENTAL_ETL_LAKE__URL": f"s3://{BUCKET}",
        "RENTAL_ETL_LAKE__ENDPOINT": aws.url,
        "RENTAL_ETL_LAKE__CATALOG": "glue",
        "RENTAL_ETL_WAREHOUSE__URL": f"redshift://127.0.0.1:{redshift}/{warehouse}",
        "RENTAL_ETL_WAREHOUSE__SECRET": "redshift",
        "RENTAL_ETL_WAREHOUSE__TLS": "off",
        "RENTAL_ETL_WAREHOUSE__STAGING": f"s3://{BUCKET}/temp",
        "RENTAL_ETL_WAREHOUSE__IAM_ROLE": stores.ROLE,
    }


def _arguments(settings: Mapping[str, str]) -> dict[str, str]:
    """Those of the deployed jobs, with the settings of this machine in place of the deployment's."""
    deployed = next(iter(synthesized.resources("standard", "AWS::Glue::Job").values()))["DefaultArguments"]
    kept = {
        name: value
        for name, value in deployed.items()
        if isinstance(value, str) and name != "--job" and not name.startswith("--RENTAL_ETL_")
    }
    return kept | {f"--{name}": value for name, value in settings.items()}


def test_data_in_twelve_tables_out(house: House) -> None:
    """Five jobs, each a process of its own; the tables are those of a local run, to the last byte."""
    end, path = house.pipeline.run("nightly-1", as_of=str(shell.END))
    assert end["status"] == "SUCCEEDED", house.aws.log(house.last(house.pipeline.failure("nightly-1")["job"])["Id"])
    assert path[2::2] == [*("".join(word.capitalize() for word in job.name.split("_")) for job in JOBS), "Done"]
    published = house.published()
    assert len(published) == 12
    assert published == house.local()
    run = house.runs()["nightly-1"]
    assert (run["command"], run["state"]) == ("run", "published")
    _is_billed_by_job_run(house)
    page = house.aws.client("s3").get_object(Bucket=BUCKET, Key="report/index.html")
    assert page["ContentType"].startswith("text/html")
    assert b"nightly-1" in page["Body"].read()
    tables = house.aws.client("glue").get_tables(DatabaseName="rental")["TableList"]
    assert {"bookings", "apartments", "apartment_history"} <= {table["Name"] for table in tables}


def test_nothing_new_changes_nothing(house: House) -> None:
    """And one job does what five do: the small preset over the same lake."""
    before = house.published()
    end, path = house.small.run("nightly-2", as_of=str(shell.END))
    assert (end["status"], path) == ("SUCCEEDED", ["Begin", "WhatToRun", "RunPipeline", "AfterRunPipeline", "Done"])
    assert house.runs()["nightly-2"]["state"] == "unchanged"
    assert house.published() == before


def test_a_job_that_dies_once_is_run_again(house: House) -> None:
    """A worker is lost in the middle of transform; the second run goes on from what is committed."""
    house.sql("update bookings set total_price = total_price + 1 where booking_id % 3 = 0")
    execution = house.pipeline.start("nightly-3", as_of=str(shell.END))
    _kill(house, "transform_curated_data")
    end = house.pipeline.end(execution, seconds=240)
    assert end["status"] == "SUCCEEDED", house.pipeline.path(execution)
    assert "RerunOnce" in house.pipeline.path(execution)
    assert house.pipeline.messages() == []
    assert house.published() == house.local()


def test_a_wrong_password_is_told_and_a_redrive_goes_on(house: House) -> None:
    """Every try fails until somebody puts it right; then the same execution goes on, under the same run id."""
    house.sql("update bookings set total_price = total_price + 2 where booking_id % 5 = 0")
    secrets = house.aws.client("secretsmanager")
    secrets.put_secret_value(SecretId="aurora", SecretString=json.dumps({"username": "etl", "password": "stale"}))
    before = house.published()
    end, path = house.small.run("nightly-4", as_of=str(shell.END))
    assert (end["status"], path[-3:]) == ("FAILED", FAILING)
    (message,) = house.pipeline.messages()
    assert "run_pipeline" in message["Subject"]
    log = house.aws.log(house.last("run_pipeline")["Id"])
    assert "error:" in log
    assert "stale" not in log + message["Message"]
    assert house.published() == before
    secrets.put_secret_value(SecretId="aurora", SecretString=json.dumps({"username": "etl", "password": "pw"}))
    end, path = house.small.redrive("nightly-4")
    assert end["status"] == "SUCCEEDED"
    assert path[:3] == ["PipelineFailed", "ToFailedJob", "RunPipeline"]
    assert house.runs()["nightly-4"]["state"] == "published"
    assert house.published() == house.local()


def test_what_a_quality_gate_refuses_is_not_tried_again(house: House) -> None:
    """An emptied table; readers keep what was published, until a person decides and the execution is redriven."""
    before = house.published()
    house.sql("create table kept as select * from bookings; delete from bookings")
    end, path = house.small.run("nightly-5", as_of=str(shell.END))
    assert end["status"] == "FAILED"
    assert path[-5:] == ["RunPipeline", "JudgeFailure", *FAILING]
    assert house.pipeline.failure("nightly-5")["cause"].startswith("[rental-etl refused]")
    assert len(house.pipeline.messages()) == 1
    assert house.published() == before
    refused = house.command("batch", "list", "--json").document
    (number,) = [batch["batch_id"] for batch in refused if batch["state"] == "refused"]
    assert house.command("batch", "reject", number).code == 0
    assert house.small.redrive("nightly-5")[0]["status"] == "SUCCEEDED"
    assert house.published() == before
    house.sql("insert into bookings select * from kept; drop table kept")


def test_executions_at_the_same_time_take_turns(house: House) -> None:
    """Glue runs a job once at a time; two executions over one lake end well, and as one would."""
    house.sql("update bookings set total_price = total_price + 3 where booking_id % 7 = 0")
    started = [house.small.start(f"twin-{number}", as_of=str(shell.END)) for number in (1, 2)]
    ends = [house.small.end(execution, seconds=280)["status"] for execution in started]
    assert ends == ["SUCCEEDED", "SUCCEEDED"], [house.small.path(execution) for execution in started]
    assert house.published() == house.local()


def test_a_job_that_takes_too_long_is_stopped_and_leaves_nothing_half_done(house: House) -> None:
    """The next run completes what it had begun."""
    house.sql("update bookings set total_price = total_price + 4 where booking_id % 11 = 0")
    before = house.published()
    hasty = another(house.pipeline, "hasty", "small", patience=Patience(job=2, busy=1, fault=1, rerun=1))
    assert hasty.run("nightly-6", as_of=str(shell.END))[0]["status"] == "FAILED"
    assert hasty.failure("nightly-6")["error"] == "States.Timeout"
    assert house.last("run_pipeline")["JobRunState"] == "STOPPED"
    assert house.published() == before
    assert house.small.run("nightly-7", as_of=str(shell.END))[0]["status"] == "SUCCEEDED"
    assert house.published() == house.local()


def test_jobs_ask_for_nothing_that_their_role_may_not(house: House) -> None:
    """The emulator grants everything; what all the runs before asked of S3 and the catalog, the deployed role allows."""
    # As a run removes what a killed one left, if it left anything: many objects in one request, each of which has to be allowed.
    left = [f"raw/bookings/1-killed/parts/{number}" for number in range(2)]
    house.aws.client("s3", as_job=True).delete_objects(
        Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in left]}
    )
    wanted = asked(house.aws.logs)
    assert {Asked("s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/{key}") for key in left} <= wanted
    # Passwords are secrets here, where a deployment has IAM; its role to databases of one's own may read them.
    assert list(services(wanted)) == ["glue", "s3", "secretsmanager"]
    secrets = {each for each in wanted if each.action.startswith("secretsmanager:")}
    assert {each.action for each in secrets} == {"secretsmanager:GetSecretValue"}
    assert {"s3:PutObject", "s3:DeleteObject", "glue:CreateTable", "glue:UpdateTable"} <= {
        each.action for each in wanted
    }
    rest = wanted - secrets
    assert refused(rest, template="standard", role="JobRole", bucket=BUCKET) == []
    # Another bucket, their own code, the record of failures, another database.
    for forbidden in (
        Asked("s3:PutObject", "arn:aws:s3:::elsewhere/raw/x"),
        Asked("s3:PutObject", f"arn:aws:s3:::{BUCKET}/glue/job.py"),
        Asked("s3:PutObject", f"arn:aws:s3:::{BUCKET}/runs/x/failure.json"),
        Asked("glue:UpdateTable", "table/accounts/users"),
    ):
        assert refused([forbidden], template="standard", role="JobRole", bucket=BUCKET) == [forbidden]


def _is_billed_by_job_run(house: House) -> None:
    """The ledger knows in which Glue job run each job was, and each of these told the alarm what it is billed: a minute of two DPU at least."""
    started = {job.command: house.last(job.name)["Id"] for job in JOBS}
    (spent,) = house.command("cost", "--past", "1", "--json").document["measured"]
    assert {part["jobs"][0]: part["glue_run"] for part in spent["job_runs"]} == started
    assert spent["usd"] >= 5 * 2 * 60 / 3600 * 0.308 - 1e-6
    for number in started.values():
        lines = [line for line in house.aws.log(number).splitlines() if '"dpu_seconds"' in line]
        assert [json.loads(line)["glue_run"] for line in lines] == [number]


def _kill(house: House, job: str) -> None:
    """Wait for the next run of a job, and kill its process."""
    earlier = house.last(job).get("Id")
    for _ in range(1200):
        run = house.last(job)
        if run.get("Id") not in (None, earlier):
            pid = int((house.aws.logs / run["Id"] / "pid").read_text())
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.1)
    raise AssertionError(f"{job} did not start")
