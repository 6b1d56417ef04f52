"""Where every column of a curated or presentation table comes from, read from the SQL itself. Reads the models; writes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from rental_etl.tables.models import CuratedModel, curated_models, needed_intermediates, presentation_models
from rental_etl.tables.render import Parameters, fill

# What transform hands to the curated models is made of these, before SQL sees it.
_MADE: Mapping[str, tuple[str, ...]] = {"effective_modified_at": ("last_modified_timestamp", "listing_created_on")}
_OURS = ("_batch_id", "deleted_on")
_DAY = date(2024, 6, 30)


@dataclass(frozen=True, slots=True)
class Lineage:
    """A table's origins: the `tables` whose rows it is made of, and by column the columns its value is computed from (`layer.table.column`, sorted).

    Columns that only decide which rows are taken are not named; a column that counts rows has none.
    """

    table: str
    tables: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]


@cache
def lineages() -> dict[str, Lineage]:
    """Of every curated and presentation table, by `layer.name`."""
    curated = {f"curated.{name}": _curated(model) for name, model in curated_models().items()}
    return curated | {f"presentation.{name}": _presentation(name) for name in presentation_models()}


def _curated(model: CuratedModel) -> Lineage:
    columns = {column.name: column.sql_type for column in model.columns}
    given = {"candidates": columns, "history": columns, "retired": {"id": "bigint", "deleted_on": "date"}}
    origins = _origins(model.sql, {}, {"merge": given})
    from_history = any(table == "merge.history" for found in origins.values() for table, _ in found)
    layer = "curated.apartment_history" if from_history else f"source.{model.source}"

    def named(column: str) -> tuple[str, ...]:
        if column in _OURS:
            return ()
        return tuple(f"{layer}.{origin}" for origin in _MADE.get(column, (column,)))

    return Lineage(
        f"curated.{model.name}",
        (layer,),
        {
            column.name: tuple(sorted({name for _, origin in origins[column.name] for name in named(origin)}))
            for column in model.columns
        },
    )


def _presentation(name: str) -> Lineage:
    model = presentation_models()[name]
    literals = Parameters(as_of=_DAY).literals()
    needed = needed_intermediates(model.reads)
    shared = {f"intermediate.{one.name}": fill(one.sql, literals) for one in needed}
    schema = {
        "curated": {
            one.name: {column.name: column.sql_type for column in one.columns} for one in curated_models().values()
        }
    }
    origins = _origins(fill(model.sql, literals), shared, schema)
    reads = {read for reads in (model.reads, *(one.reads for one in needed)) for read in reads}
    return Lineage(
        f"presentation.{name}",
        tuple(sorted(read for read in reads if read.startswith("curated."))),
        {
            column: tuple(sorted(f"{table}.{origin}" for table, origin in origins[column]))
            for column, _ in model.columns
        },
    )


def _origins(sql: str, shared: Mapping[str, str], schema: Mapping[str, Any]) -> dict[str, set[tuple[str, str]]]:
    """By output column the (table, column) pairs that its value is computed from."""
    from sqlglot import exp
    from sqlglot.lineage import lineage

    nodes = lineage(None, sql, schema=dict(schema), sources=dict(shared), dialect="duckdb", trim_selects=False)
    assert isinstance(nodes, dict)
    return {
        column: {
            (f"{node.expression.db}.{node.expression.name}", node.name.rpartition(".")[2].strip('"'))
            for node in root.walk()
            if isinstance(node.expression, exp.Table) and node.expression.db
        }
        for column, root in nodes.items()
    }
