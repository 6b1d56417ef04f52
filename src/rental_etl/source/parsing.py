"""What shaped a reading, recorded with it, so that one can tell later whether today's settings would read the same files differently."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from rental_etl.model.contract import Contract
from rental_etl.model.reading import TableReading
from rental_etl.source.manner import DateOrder

# To be raised whenever the same bytes and settings are read differently than before.
PARSER_VERSION = "1"

_SETTINGS = (
    "encoding",
    "delimiter",
    "number_format",
    "time_zone",
    "columns",
    "values",
    "true_words",
    "false_words",
)


def wanted(contract: Contract, reading: TableReading) -> dict[str, str]:
    """What today's contract and settings ask for; settings at their default are left out."""
    default = TableReading()
    asked = {
        f"setting.{name}": json.dumps(_plain(getattr(reading, name)), sort_keys=True, ensure_ascii=False)
        for name in _SETTINGS
        if getattr(reading, name) != getattr(default, name)
    }
    if reading.date_order:
        asked["setting.date_order"] = reading.date_order
    return {"parser": PARSER_VERSION, "contract": fingerprint(contract), **asked}


def record(
    contract: Contract,
    reading: TableReading,
    *,
    date_order: DateOrder,
    decided_by: str,
    delimiters: Iterable[str],
    encodings: Iterable[str],
) -> dict[str, str]:
    """The `parsing` of a reading: what was asked for and what was found out."""
    found = {
        "delimiter": " ".join(dict.fromkeys(delimiters)).replace("\t", "tab"),
        "encoding": " ".join(dict.fromkeys(encodings)),
        "date_order": date_order,
        "date_order_from": decided_by,
        "number_format": reading.number_format,
        "time_zone": reading.time_zone,
    }
    return {**wanted(contract, reading), **{name: value for name, value in found.items() if value}}


def is_outdated(parsing: Mapping[str, str], *, contract: Contract, reading: TableReading) -> bool:
    """Whether today's contract and settings may read differently than what `parsing` records."""
    now = wanted(contract, reading)
    then = {
        name: value for name, value in parsing.items() if name in {"parser", "contract"} or name.startswith("setting.")
    }
    # A date order that is set to what had been found out changes nothing.
    asked, found = now.pop("setting.date_order", ""), parsing.get("date_order", "")
    before = then.pop("setting.date_order", "")
    return now != then or asked not in {before, found}


def fingerprint(contract: Contract) -> str:
    """Of what a contract says about reading: columns, types, words and rules, not its prose."""
    said = {
        "columns": [
            {key: value for key, value in asdict(column).items() if key not in ("description", "examples")}
            for column in contract.columns
        ],
        "rules": [(rule.name, rule.severity, rule.violated_when) for rule in contract.rules],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value
