"""Every statement that Redshift is sent, as it is sent: kept in tests/rendered/redshift_statements, and held against what Redshift rejects.

`REWRITE=1 pytest tests/adapters/test_warehouse_redshift_statements.py` writes the files anew after a change that is meant.
"""

import contextlib
import dataclasses
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlglot

from adapters.houses import AS_OF, STAYS, RedshiftHouse, batch, load, locked, parquet, publication
from redshift.dialect import DENIED, refusal
from rental_etl.errors import UsageError, WorkspaceBusyError
from rental_etl.model.contract import Column
from rental_etl.model.run import Accounting, CuratedView, JobRecord, MetricUpdate, RuleResult, RunRecord
from rental_etl.tables.contracts import contracts
from rental_etl.tables.models import curated_models, presentation_models
from rental_etl.warehouse.redshift.statements import Layout

RENDERED = Path(__file__).parents[1] / "rendered" / "redshift_statements"


REJECTED = (
    "insert into t values (1) on conflict do nothing",
    "select * from generate_series(1, 3)",
    "select string_agg(a, ',') from t",
    "select array_agg(a) from t",
    "select 1 where a is not distinct from b",
    "savepoint s",
    "select count(*) filter (where a) from t",
    "insert into t values (1) returning a",
    "select distinct on (a) b from t",
    "select 1 from t for update",
    "truncate t",
    "alter table t append from u",
    "merge into t using u on t.a = u.a when matched then delete",
    "create or replace table t (a bigint)",
    "create temp table if not exists t as select 1",
    "create view if not exists v as select 1",
    "create index on t (a)",
    "create temp table t (a bigint) on commit drop",
    "lock table t in share mode",
    "explain analyze select 1",
    "select pg_try_advisory_xact_lock(1)",
    "select to_regclass('t')",
    "set lock_timeout = 300",
    "create table t (a varchar)",
    "create table t (a character varying)",
    "create table t (a text)",
    "create table t (a timestamp(6))",
    "create table t (a double)",
    "create table t (a jsonb)",
    "copy t from stdin",
    "copy t from 's3://b/m' iam_role default format as parquet manifest maxerror 3",
    "copy t from 's3://b/p' iam_role default format as parquet",
    "copy t from 's3://b/m' format as parquet manifest",
    "unload ('select 1') to 's3://b/p' iam_role default",
)


def record_run(house: RedshiftHouse) -> None:
    """The first contact: schemas and ledger are made, then one row is kept."""
    jobs = (JobRecord("load", 0.5, {"path": "C:\\data"}),)
    house.open().record_run(
        RunRecord("run-1", "run", AS_OF, "running", "2024-01-22T00:00:00", jobs=jobs, message="it's")
    )


def load_every_table(house: RedshiftHouse) -> None:
    """Every source table is made, one with rows; then a batch is replaced, and one dropped."""
    warehouse = house.open()
    for number, (table, contract) in enumerate(contracts().items(), start=1):
        part = _empty(house, table, [(column.name, column.sql_type) for column in contract.columns], marks=True)
        warehouse.load(contract, add=[(batch(number, 1, table=table), [str(part)])], drop=(), replace=True)
    warehouse.load(contracts()["bookings"], add=[], drop=[1], replace=False)


def publish(house: RedshiftHouse) -> None:
    """Every presentation and curated table is made; then some periods of one change, and another is skipped."""
    warehouse = house.open()
    views = tuple(
        CuratedView(
            model.name,
            number,
            (str(_empty(house, model.name, [(column.name, column.sql_type) for column in model.columns])),),
            tuple((column.name, column.sql_type) for column in model.columns),
        )
        for number, model in enumerate(curated_models().values(), start=1)
    )
    updates = [
        MetricUpdate(
            model.name,
            model.columns,
            model.period_column,
            AS_OF.replace(day=1),
            AS_OF.replace(day=1),
            True,
            (str(_empty(house, model.name, model.columns, period=model.period_column)),),
        )
        for model in presentation_models().values()
    ]
    accounting = (Accounting("bookings", 1, 1, 0, 1, 1, 0, 0, 0, 0),)
    rules = (RuleResult("bookings", "unknown_apartment", "apartment_id", "warn", 1),)
    warehouse.publish(publication(*updates, curated=views, accounting=accounting, rules=rules))
    some = dataclasses.replace(updates[0], whole=False)
    none = dataclasses.replace(updates[1], files=(), skipped="it needs bookings, which was never delivered")
    changed = dataclasses.replace(views[0], snapshot_id=99)
    warehouse.publish(publication(some, none, curated=(changed, *views[2:])))


def look(house: RedshiftHouse) -> None:
    """What is asked between runs: what is loaded, the last publish, questions, an export."""
    house.open().publish(publication(*_weekly(house)))
    house.shim.statements.clear()
    warehouse = house.open()
    warehouse.loaded()
    warehouse.last_publish()
    list(warehouse.query("select week_start from revenue_weekly").rows)
    list(warehouse.query("explain select 1").rows)
    with contextlib.suppress(UsageError):
        warehouse.query("select 1 from revenues")
    warehouse.export(house.files / "out", "csv")


def reshape(house: RedshiftHouse) -> None:
    """Tables change their columns; dist and sort keys are set; raw is taken back into the lake; the catalog's tables are shown."""
    load(house, 1, [1])
    house.open().publish(publication(*_weekly(house)))
    house.shim.statements.clear()
    warehouse = house.open(layouts={"stays": Layout("stay_id", ("begins",))}, catalog="rental")
    contract = dataclasses.replace(STAYS, columns=(*STAYS.columns, Column("guests", "int64")))
    warehouse.load(contract, add=[], drop=[], replace=False)
    warehouse.load(STAYS, add=[], drop=[], replace=True)
    warehouse.publish(publication(dataclasses.replace(_weekly(house)[0], columns=(("week_start", "date"),), files=())))
    warehouse.unload(STAYS, f"s3://{house.bucket}/unloaded")
    house.meddle("drop schema curated cascade")
    house.open(catalog="rental").record_run(RunRecord("run-1", "run", AS_OF, "running", ""))


def busy(house: RedshiftHouse) -> None:
    """Another run writes: who it is, is asked."""
    house.open().record_run(RunRecord("run-1", "run", AS_OF, "running", ""))
    house.shim.statements.clear()
    with locked(house), pytest.raises(WorkspaceBusyError):
        house.open().record_run(RunRecord("run-1", "run", AS_OF, "running", ""))


SCENES: tuple[Callable[[RedshiftHouse], None], ...] = (record_run, load_every_table, publish, look, reshape, busy)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_the_statements_are_those_that_are_kept(
    redshift_house: RedshiftHouse, scene: Callable[[RedshiftHouse], None]
) -> None:
    scene(redshift_house)
    sent = _normalised(redshift_house.shim.statements, redshift_house)
    title = " ".join((scene.__doc__ or "").split())
    text = f"-- {title}\n\n" + "".join(f"{statement};\n" for statement in sent)
    kept = RENDERED / f"{scene.__name__}.txt"
    if os.environ.get("REWRITE"):
        kept.write_text(text, encoding="utf-8")
    assert kept.read_text(encoding="utf-8") == text


def test_no_kept_statement_is_refused() -> None:
    statements = [
        line for file in sorted(RENDERED.glob("*.txt")) for line in file.read_text(encoding="utf-8").splitlines()
    ]
    # One question is wrong on purpose, but not in its dialect.
    refused = {line: refusal(line) for line in statements if line and not line.startswith("--") and refusal(line)}
    assert refused == {}
    assert len(statements) > 100


def test_tables_are_made_with_types_that_copy_accepts() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in sorted(RENDERED.glob("*.txt")))
    made = re.findall(r"^create (?:temp )?table [^(]+\((.*?)\)(?: diststyle .*)?;$", text, re.MULTILINE)
    types = {re.sub(r'^"[^"]+" ', "", column) for columns in made for column in re.split(r', (?=")', columns)}
    plain = {"bigint", "boolean", "date", "double precision", "timestamp without time zone", "character varying(65535)"}
    assert plain == {type_ for type_ in types if not re.fullmatch(r"numeric\(\d+,\d+\)", type_)}


@pytest.mark.parametrize("statement", REJECTED)
def test_what_redshift_rejects_is_known(statement: str) -> None:
    assert refusal(statement) != ""


def test_every_reason_of_the_list_has_an_example() -> None:
    assert {reason for _, reason in DENIED} == {refusal(statement) for statement in REJECTED}


@pytest.mark.parametrize(
    "statement",
    [
        "insert into t values ('on conflict', 'it''s a text \\' truncate')",
        'select "filter", "text" from t',
        "create table t (a double precision, b character varying(65535), c varchar(10))",
        "comment on table t is 'truncate; merge'",
        "lock table etl.writer",
    ],
)
def test_words_in_texts_and_names_are_no_reason(statement: str) -> None:
    assert refusal(statement) == ""


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
        "SELECT * FROM GENERATE_SERIES(1, 3)",
        "SELECT COUNT(*) FILTER(WHERE a) FROM t",
        "SELECT 1 FROM t WHERE a IS DISTINCT FROM b",
    ],
)
def test_the_list_knows_more_than_sqlglot_does(statement: str) -> None:
    """sqlglot's Redshift dialect lets these through: it alone would not do."""
    assert sqlglot.transpile(statement, read="redshift", write="redshift", unsupported_level=sqlglot.ErrorLevel.RAISE)
    assert refusal(statement) != ""


def _weekly(house: RedshiftHouse) -> list[MetricUpdate]:
    columns = (("week_start", "date"), ("revenue", "decimal(18,2)"))
    file = _empty(house, "weekly", columns, period="week_start")
    return [MetricUpdate("revenue_weekly", columns, "week_start", AS_OF, AS_OF, True, (str(file),))]


def _empty(
    house: RedshiftHouse,
    name: str,
    columns: tuple[tuple[str, str], ...] | list[tuple[str, str]],
    *,
    marks: bool = False,
    period: str = "",
) -> Path:
    """A file with one row of nulls, but for its period."""
    values = {period: f"date '{AS_OF.replace(day=1)}'"}
    fields = [f'{values.get(column, "null")}::{type_} as "{column}"' for column, type_ in columns]
    fields += ["null::varchar as _error", "null::varchar as _warning"] if marks else []
    return parquet(house.files / f"{name}.parquet", f"select {', '.join(fields)}")


def _normalised(statements: list[str], house: RedshiftHouse) -> list[str]:
    """Statements without what is different every time."""
    text = [statement.replace(house.bucket, "BUCKET") for statement in statements]
    text = [re.sub(r"[0-9a-f]{32}", "ID", statement) for statement in text]
    text = [re.sub(r"timestamp '20(?!24)[^']+'", "timestamp 'NOW'", statement) for statement in text]
    return [re.sub(r"relation = \d+", "relation = OID", statement) for statement in text]
