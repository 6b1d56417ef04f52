"""What other tools need to use the tables: dbt sources, data contracts (ODCS) and lineage, as plain values ready for YAML or JSON."""

from collections.abc import Mapping
from typing import Any

from rental_etl.tables.contracts import contract_text, contracts
from rental_etl.tables.lineage import lineages
from rental_etl.tables.models import PresentationModel, curated_models, presentation_models

_LOGICAL = {
    "bigint": "integer",
    "varchar": "string",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "double": "number",
}
# A run a day, and some hours to notice that one did not come.
_STALE = {"warn_after": {"count": 36, "period": "hour"}}


def dbt_sources() -> dict[str, Any]:
    """A `sources.yml` for dbt 1.10 and later: the published metrics, the curated tables and the ledger of publishes, of the target's own database."""
    presentation = [
        {
            "name": name,
            "description": f"{model.question} One row per {', '.join(model.grain)}.",
            "columns": [
                {
                    "name": column["name"],
                    "description": column["description"],
                    "data_type": column["type"],
                    **({"data_tests": ["not_null"]} if column["name"] in (*model.grain, "is_complete") else {}),
                }
                for column in model.document["columns"]
            ],
        }
        for name, model in presentation_models().items()
    ]
    curated = [
        {
            "name": name,
            "description": f"{model.question} One row per {', '.join(model.key)}." if model.key else model.question,
            "columns": [
                {
                    "name": column.name,
                    "description": column.description,
                    "data_type": column.sql_type,
                    **_tests(column.name, model.key),
                }
                for column in model.columns
            ],
        }
        for name, model in curated_models().items()
    ]
    publishes = {
        "name": "publishes",
        "description": "The ledger: one row per publish.",
        "config": {"freshness": _STALE, "loaded_at_field": "published_at"},
    }
    described = "Made by rental-etl; read it, and never write to it."
    return {
        "version": 2,
        "sources": [
            {
                "name": "rental_presentation",
                "schema": "presentation",
                "description": f"The metrics. {described}",
                "tables": presentation,
            },
            {
                "name": "rental_curated",
                "schema": "curated",
                "description": f"Current, valid rows. {described}",
                "tables": curated,
            },
            {"name": "rental_etl", "schema": "etl", "description": f"The ledger. {described}", "tables": [publishes]},
        ],
    }


def contract_documents() -> dict[str, str | dict[str, Any]]:
    """Data contracts by file name: of the source tables (as text, with their comments) and of the presentation tables (as values)."""
    sources: dict[str, str | dict[str, Any]] = {f"source/{table}.yaml": contract_text(table) for table in contracts()}
    return sources | {f"presentation/{name}.yaml": _contract(model) for name, model in presentation_models().items()}


def lineage_document() -> dict[str, Any]:
    """Table and column lineage of every curated and presentation table."""
    return {
        name: {
            "tables": list(found.tables),
            "columns": {column: list(origins) for column, origins in found.columns.items()},
        }
        for name, found in lineages().items()
    }


def _tests(column: str, key: tuple[str, ...]) -> Mapping[str, Any]:
    if column not in key:
        return {}
    return {"data_tests": ["not_null", "unique"] if len(key) == 1 else ["not_null"]}


def _contract(model: PresentationModel) -> dict[str, Any]:
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"rental-etl-presentation-{model.name.replace('_', '-')}",
        "name": model.name,
        "version": "1.0.0",
        "status": "active",
        "description": {"purpose": model.question},
        "schema": [
            {
                "name": model.name,
                "physicalName": f"presentation.{model.name}",
                "physicalType": "table",
                "logicalType": "object",
                "description": f"One row per {', '.join(model.grain)}.",
                "properties": [_property(model, column) for column in model.document["columns"]],
                "quality": [
                    {
                        "name": invariant["name"],
                        "type": "sql",
                        "description": invariant["description"],
                        "query": f"select count(*) from presentation.{model.name} where {invariant['sql']}",
                        "mustBe": 0,
                        "severity": "error",
                    }
                    for invariant in model.invariants
                ],
            }
        ],
    }


def _property(model: PresentationModel, column: Mapping[str, Any]) -> dict[str, Any]:
    name, kind = column["name"], column["type"]
    found: dict[str, Any] = {
        "name": name,
        "logicalType": _LOGICAL.get(kind, "number"),
        "physicalType": kind,
        "description": column["description"],
        "required": name in (*model.grain, "is_complete"),
    }
    if name in model.grain:
        found |= {"primaryKey": True, "primaryKeyPosition": model.grain.index(name) + 1}
    origins = lineages()[f"presentation.{model.name}"].columns[name]
    if origins:
        found["transformSourceObjects"] = list(dict.fromkeys(origin.rpartition(".")[0] for origin in origins))
        found["transformDescription"] = f"From {', '.join(origins)}"
    return found
