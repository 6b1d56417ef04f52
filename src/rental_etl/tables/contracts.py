"""Reads the source contracts (ODCS YAML beside this module) into `Contract` values."""

import re
from functools import cache
from importlib import resources
from typing import Any, cast

from rental_etl.errors import ModelError
from rental_etl.model.contract import Column, ColumnType, Contract, Rule, Severity
from rental_etl.tables.documents import read_yaml

# Child tables before their parents: a listing that appears while a running source is read yields no false orphan.
TABLES = ("bookings", "user_viewing", "apartment_attributes", "apartments", "fx_rates")


@cache
def contracts() -> dict[str, Contract]:
    """Every source table's contract by name, in extraction order. Raises ModelError when a file is not a valid contract."""
    return {table: _read(table) for table in TABLES}


def contract_text(table: str) -> str:
    """The YAML behind a contract, for fingerprints and documentation."""
    return (resources.files("rental_etl.tables.source") / f"{table}.yaml").read_text(encoding="utf-8")


def _read(table: str) -> Contract:
    from open_data_contract_standard.model import OpenDataContractStandard

    document = OpenDataContractStandard(**read_yaml(contract_text(table)))
    if not document.schema_ or len(document.schema_) != 1:
        raise ModelError(f"contract {table} must describe exactly one table")
    schema = document.schema_[0]
    custom = _custom(schema)
    return Contract(
        table=table,
        description=schema.description or "",
        columns=tuple(_column(table, item) for item in schema.properties or ()),
        rules=tuple(_rule(item) for item in schema.quality or ()),
        also_named=tuple(custom.get("alsoNamed", ())),
        mandatory=bool(custom.get("mandatory", False)),
        deletes=custom.get("deletes", "forget"),
        partition_by=custom.get("partitionBy", ""),
    )


def _custom(item: Any) -> dict[str, Any]:
    return {entry.property: entry.value for entry in item.customProperties or ()}


def _column(table: str, item: Any) -> Column:
    match = re.fullmatch(
        r"(int64|text|bool|date|timestamp|float64|decimal)(?:\((\d+),(\d+)\))?", item.physicalType or ""
    )
    if match is None:
        raise ModelError(f"contract {table}: column {item.name} has the unknown type {item.physicalType}")
    custom = _custom(item)
    return Column(
        name=item.name,
        type=cast(ColumnType, match[1]),
        precision=int(match[2] or 0),
        scale=int(match[3] or 0),
        key=bool(item.primaryKey),
        required=bool(item.required) or bool(item.primaryKey),
        case=custom.get("case", ""),
        words=custom.get("words", {}),
        examples=tuple(item.examples or ()),
        description=item.description or "",
    )


def _rule(item: Any) -> Rule:
    return Rule(
        name=item.name,
        severity=cast(Severity, item.severity),
        violated_when=item.query,
        description=item.description or "",
    )
