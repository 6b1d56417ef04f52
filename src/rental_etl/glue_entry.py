"""A Glue job: its arguments become settings and jobs of the pipeline, its failure one screen in the log and one marked line for Step Functions.

Reads the arguments Glue passes, a configuration in S3 where one is named, and the run's earlier record in `etl.runs`. Glue job names are those of the
pipeline's jobs, and `run_pipeline` for all of them. Running it again with the same run id goes on where that run stopped.

Arguments (Glue passes them on exactly as they are written; no abbreviations):
  --job NAME              which job; default: --JOB_NAME
  --jobs a,b              with run_pipeline: some of the pipeline's, by command or name
  --run_id, --as_of, --engine, --full_refresh true|false
  --config s3://...       a rental-etl.toml
  --dpu N                 the DPU of the workers that are there from beginning to end, for the job's line about cost
  --worker_dpu N          the DPU of each worker that auto scaling adds
  --connection NAME       a Glue connection of type JDBC that says where Redshift is and which secret has its password
  --RENTAL_ETL_LAKE__URL  and any other setting, named as in the environment; never a password, which Glue would log
"""

import contextlib
import importlib.util
import os
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rental_etl import events
from rental_etl.aws.billing import Workers
from rental_etl.aws.outcomes import marked
from rental_etl.aws.state_machine import WHOLE
from rental_etl.errors import ConfigurationError, RentalEtlError, UsageError
from rental_etl.pipeline import JOBS

if TYPE_CHECKING:
    from rental_etl.bootstrap import Application
    from rental_etl.model.summary import RunSummary

_PREFIX = "RENTAL_ETL_"
_JDBC = re.compile(r"jdbc:redshift://(?P<place>[^?;]+)")
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Order:
    """What one Glue run is asked to do: commands of the pipeline, and what they share."""

    commands: tuple[str, ...]
    run_id: str | None
    as_of: date | None
    engine: str | None
    full_refresh: bool
    config: str
    connection: str
    variables: Mapping[str, str]
    workers: Workers = field(default_factory=Workers)
    glue_run: str = ""

    @property
    def noted(self) -> dict[str, Any]:
        """What `etl.runs` keeps with every job: in which Glue job run it was, and with how many DPU."""
        noted = {"glue_run": self.glue_run, "glue_dpu": self.workers.dpu}
        return {name: value for name, value in noted.items() if value}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the job that the arguments name. A failure raises SystemExit with one line, which Glue passes on as the run's error message."""
    began = time.monotonic()
    events.write_to(sys.stdout, "json")
    order = None
    try:
        order = parse(sys.argv[1:] if arguments is None else arguments)
        with _settled(order) as application, _glue_job(application.settings.engine.kind):
            summary = application.run(
                order.commands, full_refresh=order.full_refresh, run_id=order.run_id, noted=order.noted
            )
        _tell(summary)
    except RentalEtlError as error:
        sys.stderr.write("".join(f"{label + ':':10}{text}\n" for label, text in error.lines()))
        raise SystemExit(marked(error)) from error
    except Exception as error:
        # Nobody will run it again with --debug: the log has to say all.
        traceback.print_exception(error)
        raise SystemExit(marked(error)) from error
    finally:
        # A job run that failed is billed, too.
        if order and order.workers.dpu:
            _tell_cost(order, seconds=time.monotonic() - began)
        events.silence()


def parse(arguments: Sequence[str]) -> Order:
    """What the arguments say. Those of Glue itself are passed over. Raises UsageError."""
    given = _pairs(arguments)
    full_refresh = given.get("full_refresh", "false").lower()
    if full_refresh not in _WORDS:
        raise UsageError(f"--full_refresh is {full_refresh}", expected="true or false", remedy="correct the argument")
    return Order(
        commands=_commands(given.get("job") or given.get("JOB_NAME", ""), given.get("jobs", "")),
        run_id=given.get("run_id") or None,
        as_of=_day(given.get("as_of", "")),
        engine=given.get("engine") or None,
        full_refresh=_WORDS[full_refresh],
        config=given.get("config", ""),
        connection=given.get("connection", ""),
        variables=_variables(given),
        workers=Workers(_dpu(given, "dpu"), each=_dpu(given, "worker_dpu")),
        glue_run=given.get("JOB_RUN_ID", ""),
    )


def _pairs(arguments: Sequence[str]) -> dict[str, str]:
    """`--name value` and `--name=value`; a later one wins, as in Glue."""
    found: dict[str, str] = {}
    name = ""
    for text in arguments:
        if text.startswith("--"):
            name, equals, value = text[2:].partition("=")
            found[name] = value
            name = "" if equals else name
        elif name:
            found[name], name = text, ""
    return found


def _commands(job: str, jobs: str) -> tuple[str, ...]:
    names = {job.name: job.command for job in JOBS}
    if job in names:
        return (names[job],)
    if job != WHOLE:
        raise UsageError(
            f"there is no job {job or 'without a name'}",
            where="--job or --JOB_NAME",
            expected=f"{', '.join(names)} or {WHOLE}",
            remedy="name the Glue job so, or pass --job",
        )
    wanted = [word.strip() for word in jobs.split(",") if word.strip()]
    unknown = [word for word in wanted if word not in names and word not in names.values()]
    if unknown:
        raise UsageError(
            f"there is no job {unknown[0]}", where="--jobs", expected=", ".join(names.values()), remedy="correct --jobs"
        )
    return tuple(job.command for job in JOBS if not wanted or job.command in wanted or job.name in wanted)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"--as_of is {text}", expected="a day such as 2024-06-30", remedy="correct it") from None


def _dpu(given: Mapping[str, str], name: str) -> float:
    text = given.get(name, "")
    try:
        return float(text or 0)
    except ValueError:
        raise UsageError(f"--{name} is {text}", expected="a number such as 2", remedy="correct it") from None


def _variables(given: Mapping[str, str]) -> dict[str, str]:
    variables = {name.upper(): value for name, value in given.items() if name.upper().startswith(_PREFIX)}
    for name in variables:
        if name.endswith("PASSWORD"):
            raise ConfigurationError(
                f"--{name} would hold a password, and Glue logs its arguments",
                expected="a Secrets Manager secret, or IAM",
                remedy=f"pass --{name.removesuffix('PASSWORD')}SECRET with the secret's ARN",
            )
    return variables


@contextlib.contextmanager
def _settled(order: Order) -> "Iterator[Application]":
    """The product over the settings in force, in a workspace that lasts as long as the job."""
    from rental_etl.bootstrap import Application
    from rental_etl.settings import load_settings

    with tempfile.TemporaryDirectory(prefix="rental-etl-") as folder:
        os.environ.update(order.variables)
        if order.connection:
            os.environ.update(_connection(order.connection))
        os.environ.setdefault(f"{_PREFIX}WORKSPACE", folder)
        engine = {"engine": {"kind": order.engine}} if order.engine else {}
        settings = load_settings(config=_config(order.config, Path(folder)), overrides=engine)
        yield Application(settings, as_of=order.as_of)


def _config(url: str, folder: Path) -> Path | None:
    if not url.startswith("s3://"):
        return Path(url) if url else None
    from rental_etl.logins.aws import aws_client, aws_errors

    bucket, _, key = url.removeprefix("s3://").partition("/")
    target = folder / "rental-etl.toml"
    with aws_errors(url, needs="s3:GetObject"):
        target.write_bytes(aws_client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    return target


def _connection(name: str) -> dict[str, str]:
    """`[warehouse]` as a Glue connection has it: where Redshift is, and the secret with user and password."""
    from rental_etl.logins.aws import aws_client, aws_errors

    with aws_errors(f"Glue connection {name}", needs="glue:GetConnection"):
        found = aws_client("glue").get_connection(Name=name, HidePassword=True)["Connection"]["ConnectionProperties"]
    place = _JDBC.match(found.get("JDBC_CONNECTION_URL", ""))
    if not place or "SECRET_ID" not in found:
        raise ConfigurationError(
            f"the Glue connection {name} does not say how to reach Redshift",
            expected="JDBC_CONNECTION_URL = jdbc:redshift://host:5439/database, and SECRET_ID",
            remedy="correct the connection, or set warehouse.url and warehouse.secret instead",
        )
    return {
        f"{_PREFIX}WAREHOUSE__URL": f"redshift://{place['place']}",
        f"{_PREFIX}WAREHOUSE__SECRET": found["SECRET_ID"],
    }


@contextlib.contextmanager
def _glue_job(engine: str) -> Iterator[None]:
    """Glue's own frame around a Spark job, where there is Glue; DuckDB needs none, and starts no Spark for it."""
    if engine != "spark" or importlib.util.find_spec("awsglue") is None:
        yield
        return
    context: Any = importlib.import_module("awsglue.context")
    spark: Any = importlib.import_module("pyspark.context")
    job = importlib.import_module("awsglue.job").Job(context.GlueContext(spark.SparkContext.getOrCreate()))
    job.init(WHOLE, {})
    yield
    job.commit()


def _tell(summary: "RunSummary") -> None:
    """How the run ended; and what an alarm counts, `quarantined_ratio`."""
    run_id = summary.run.run_id
    read = sum(batch.reading.rows_read for batch in summary.landed)
    if read:
        quarantined = sum(batch.reading.rows_unreadable + batch.reading.rows_refused for batch in summary.landed)
        events.tell("rows read", run_id=run_id, rows=read, quarantined_ratio=round(quarantined / read, 6))
    events.tell("run done", run_id=run_id, state=summary.run.state)


def _tell_cost(order: Order, *, seconds: float) -> None:
    """What the other alarm counts: `dpu_seconds`, as Glue is expected to bill them."""
    from rental_etl.engine.spark_process import executor_seconds

    used = order.workers.dpu_seconds(seconds, executors=executor_seconds() if order.workers.each else 0.0)
    events.tell("job run ends", run_id=order.run_id or "", glue_run=order.glue_run, dpu_seconds=round(used, 1))


if __name__ == "__main__":
    main()
