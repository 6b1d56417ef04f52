"""The ledger: schema `etl` of the warehouse, written in the same transactions as the rows it describes.

`lake` names the one lake that the warehouse belongs to. `runs`, `batches` and `publishes` grow; `row_accounting` shows the last publish; `rule_results`
keeps every publish, and the view `current_rule_results` shows the last one. No table has a primary key: DuckDB's index would refuse to delete and insert one
key in a transaction.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from rental_etl.errors import ConfigurationError
from rental_etl.model.batch import Batch
from rental_etl.model.run import LakeId, Publication, Published, RunRecord
from rental_etl.warehouse.connect import Connection
from rental_etl.warehouse.text import Value, moment, name, numbers, value

SCHEMAS = ("raw", "curated", "presentation", "etl")

# Enough to spare statements, few enough for the parser.
_ROWS_AT_ONCE = 1000

_Columns = Mapping[str, str]

_TABLES: Mapping[str, _Columns] = {
    "runs": {
        "run_id": "varchar",
        "command": "varchar",
        "as_of": "date",
        "state": "varchar",
        "started_at": "timestamp",
        "finished_at": "timestamp",
        "seconds": "double",
        "jobs": "varchar",
        "message": "varchar",
    },
    "batches": {
        "batch_id": "bigint",
        "table_name": "varchar",
        "revision": "bigint",
        "kind": "varchar",
        "day": "date",
        "name": "varchar",
        "rows_read": "bigint",
        "rows_landed": "bigint",
        "rows_unreadable": "bigint",
        "run_id": "varchar",
        "landed_at": "timestamp",
        "loaded_at": "timestamp",
        "in_raw": "boolean",
    },
    "row_accounting": {
        "table_name": "varchar",
        "batch_id": "bigint",
        "rows_read": "bigint",
        "unreadable": "bigint",
        "landed": "bigint",
        "current_rows": "bigint",
        "replaced": "bigint",
        "repeated": "bigint",
        "refused": "bigint",
        "deleted": "bigint",
    },
    "rule_results": {
        "publish_id": "bigint",
        "table_name": "varchar",
        "rule": "varchar",
        "column_name": "varchar",
        "severity": "varchar",
        "rows": "bigint",
        "batch_id": "bigint",
    },
    "lake": {
        "lake_id": "varchar",
        "location": "varchar",
        "since": "timestamp",
    },
    "publishes": {
        "publish_id": "bigint",
        "run_id": "varchar",
        "as_of": "date",
        "published_at": "timestamp",
        "inputs": "varchar",
    },
}


def lay_out(connection: Connection) -> None:
    """Make the schemas and the empty ledger; what exists is left alone."""
    for schema in SCHEMAS:
        connection.execute(f"create schema if not exists {schema}")
    for table, columns in _TABLES.items():
        described = ", ".join(f"{name(column)} {type_}" for column, type_ in columns.items())
        connection.execute(f"create table if not exists etl.{table} ({described})")
    connection.execute(
        "create view if not exists etl.current_rule_results as "
        "select * from etl.rule_results where publish_id = (select max(publish_id) from etl.publishes)"
    )


def is_laid_out(connection: Connection) -> bool:
    """Whether the file has a ledger: a DuckDB file of other origin has none before the first run."""
    sql = "select count(*) from duckdb_tables() where database_name = current_database() and schema_name = 'etl' and table_name = 'publishes'"
    found = connection.execute(sql).fetchone()
    return bool(found and found[0])


@dataclass(frozen=True, slots=True)
class Claim:
    """The lake that somebody writes for; with `moved` it takes the place of another."""

    lake: LakeId
    moved: bool


def keep_claim(connection: Connection, claim: Claim | None, *, where: str, at: datetime) -> None:
    """Record the lake that a warehouse belongs to; one that knows of none, as those of earlier versions, is adopted. Runs inside the transaction of a write.

    Raises ConfigurationError when the warehouse belongs to another lake.
    """
    if claim is None:
        return
    lake = claim.lake
    row = connection.execute("select lake_id, location from etl.lake").fetchone()
    found = tuple(row) if row else None
    if found == (lake.lake_id, lake.location):
        return
    if found is not None and not claim.moved:
        raise ConfigurationError(
            "this warehouse belongs to another lake",
            where=where,
            expected=f"the lake at {found[1]} (number {found[0]}), but it is the one at {lake.location} (number {lake.lake_id})",
            remedy="use another database for this lake; if it is to take the other's place here, run `rental-etl repair`",
        )
    connection.execute("delete from etl.lake")
    _insert(connection, "lake", [(lake.lake_id, lake.location, at)])


def loaded(connection: Connection) -> dict[str, list[tuple[int, int]]]:
    """By table, (batch_id, revision) of the batches whose rows raw holds, oldest first."""
    tables: dict[str, list[tuple[int, int]]] = {}
    sql = "select table_name, batch_id, revision from etl.batches where in_raw order by table_name, batch_id"
    for table, batch_id, revision in connection.execute(sql).fetchall():
        tables.setdefault(table, []).append((batch_id, revision))
    return tables


def record_load(
    connection: Connection, table: str, *, added: Sequence[Batch], dropped: Sequence[int], replaced: bool, at: datetime
) -> None:
    """Note which batches raw holds now; a batch that was loaded before keeps one row."""
    gone = f"table_name = {value(table)} and in_raw" if replaced else f"batch_id in {numbers(dropped)}"
    connection.execute(f"update etl.batches set in_raw = false where {gone}")
    connection.execute(f"delete from etl.batches where batch_id in {numbers(batch.batch_id for batch in added)}")
    _insert(connection, "batches", [_batch_row(batch, at) for batch in added])


def record_run(connection: Connection, run: RunRecord) -> None:
    """Insert or replace one run. `seconds` is null while it runs; `jobs` is a JSON list of name, seconds and counts."""
    started, finished = moment(run.started_at), moment(run.finished_at)
    seconds = (finished - started).total_seconds() if started and finished else None
    jobs = json.dumps([{"name": job.name, "seconds": job.seconds, "counts": dict(job.counts)} for job in run.jobs])
    connection.execute(f"delete from etl.runs where run_id = {value(run.run_id)}")
    row = (run.run_id, run.command, run.as_of, run.state, started, finished, seconds, jobs, run.message)
    _insert(connection, "runs", [row])


def record_publish(connection: Connection, publication: Publication, *, at: datetime) -> Published:
    """Number a publish and keep its inputs, its row accounting (in place of the last one's) and its rule results."""
    found = connection.execute("select coalesce(max(publish_id), 0) + 1 from etl.publishes").fetchone()
    number = int(found[0]) if found else 1
    inputs = {**publication.inputs, "curated": {view.name: view.snapshot_id for view in publication.curated}}
    _insert(connection, "publishes", [(number, publication.run_id, publication.as_of, at, json.dumps(inputs))])
    connection.execute("delete from etl.row_accounting")
    _insert(connection, "row_accounting", [tuple(asdict(row).values()) for row in publication.accounting])
    _insert(connection, "rule_results", [(number, *asdict(result).values()) for result in publication.rules])
    return _published(number, publication.run_id, publication.as_of, at, inputs)


def last_publish(connection: Connection) -> Published | None:
    """The publish in force; None before the first."""
    sql = "select publish_id, run_id, as_of, published_at, inputs from etl.publishes order by publish_id desc limit 1"
    row = connection.execute(sql).fetchone()
    if row is None:
        return None
    number, run_id, as_of, at, inputs = row
    return _published(number, run_id, as_of, at, json.loads(inputs))


def _published(number: int, run_id: str, as_of: date, at: datetime, inputs: Mapping[str, Any]) -> Published:
    return Published(number, run_id, as_of, at.isoformat(sep=" ", timespec="microseconds"), inputs)


def _batch_row(batch: Batch, at: datetime) -> tuple[Value, ...]:
    reading = batch.reading
    return (
        batch.batch_id,
        batch.table,
        batch.revision,
        batch.kind,
        batch.day,
        batch.delivery.name,
        reading.rows_read,
        reading.rows_landed,
        reading.rows_unreadable,
        batch.run_id,
        moment(batch.landed_at),
        at,
        True,
    )


def _insert(connection: Connection, table: str, rows: Sequence[Sequence[Value]]) -> None:
    """Add rows in the table's column order."""
    names = ", ".join(name(column) for column in _TABLES[table])
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        chunk = rows[start : start + _ROWS_AT_ONCE]
        values = ", ".join("(" + ", ".join(value(plain) for plain in row) + ")" for row in chunk)
        connection.execute(f"insert into etl.{table} ({names}) values {values}")
