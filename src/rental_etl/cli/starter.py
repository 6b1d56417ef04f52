"""The text of a new `rental-etl.toml`: every key as a comment with its default, made from the settings themselves."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from rental_etl.settings import known_keys
from rental_etl.settings.sections import TablesSettings

_HEAD = """\
# Settings of rental-etl. Every line that is commented out shows a default; remove the `# ` to change one.
# Each key can also be set in the environment: [metrics] top_n by RENTAL_ETL_METRICS__TOP_N.
# A password is never written here.
"""
# Where the default is to find something out, a comment shows what a value looks like.
_EXAMPLES: Mapping[str, Any] = {
    "lake.url": "s3://rental-etl-pipeline-data",
    "lake.region": "eu-west-1",
    "lake.endpoint": "https://storage.example.com:9000",
    "lake.catalog": "glue",
    "warehouse.url": "duckdb:///./rental-data/warehouse.duckdb",
    "warehouse.secret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rental",
    "warehouse.region": "eu-west-1",
    "warehouse.tls": "verify-full",
    "warehouse.ca": "global-bundle.pem",
    "warehouse.staging": "s3://rental-etl-pipeline-data/temp",
    "warehouse.catalog": "rental",
    "warehouse.distkey": {"bookings": "apartment_id"},
    "warehouse.sortkey": {"bookings": ["booking_date"]},
    "source.secret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rental",
    "source.region": "eu-west-1",
    "source.endpoint": "https://storage.example.com:9000",
    "source.tls": "verify-full",
    "source.ca": "global-bundle.pem",
    "engine.threads": 2,
    "engine.temp": "./rental-data/temp",
    "engine.master": "spark://localhost:7077",
    "engine.spark": {"spark.executor.memory": "4g"},
    "metrics.reporting_currency": "USD",
    "quality.max_quarantined_ratio": 0.2,
    "cursor": "updated_at",
    "delivery": "full",
    "date_order": "day_first",
    "encoding": "latin-1",
    "delimiter": ";",
    "true_words": ["ja"],
    "false_words": ["nein"],
    **{f"tables.{table}.files": [f"my_{table}*.csv"] for table in TablesSettings.model_fields},
    **{f"tables.{table}.name": f"my_{table}" for table in TablesSettings.model_fields},
    "tables.apartments.columns": {"id": "listing_no"},
    "tables.apartments.values": {"currency": {"US$": "USD"}},
    "tables.apartment_attributes.columns": {"id": "listing_no"},
    "tables.apartment_attributes.values": {"state": {"California": "CA"}},
    "tables.bookings.columns": {"booking_id": "reservation_no", "booking_status": "state"},
    "tables.bookings.values": {"booking_status": {"OK": "confirmed", "STORNO": "canceled"}},
    "tables.user_viewing.columns": {"viewed_at": "seen_at"},
    "tables.user_viewing.values": {"call_to_action": {"contact": "contact_agent"}},
    "tables.fx_rates.columns": {"rate": "usd_per_unit"},
    "tables.fx_rates.values": {"currency": {"US$": "USD"}},
}


@dataclass(frozen=True, slots=True)
class Choices:
    """What a new file says beyond defaults, by dotted key: settings that are `active`, those that are `offered` as comments, and a `remark` on either, or on
    one entry of a table such as `tables.bookings.columns.user_id`."""

    active: Mapping[str, Any] = field(default_factory=dict)
    offered: Mapping[str, Any] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)


def starter(choices: Choices | None = None) -> str:
    """The file, ready to be written. Without choices everything in it is a comment."""
    return _HEAD + "\n".join(_lines(choices or Choices())) + "\n"


def toml(value: Any) -> str:
    """A default as TOML writes it."""
    match value:
        case timedelta():
            return json.dumps(_duration(value))
        case Path():
            return json.dumps(f"./{value}" if not value.is_absolute() else str(value))
        case Mapping():
            return "{ " + ", ".join(f"{_key(key)} = {toml(item)}" for key, item in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(map(toml, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else json.dumps(name, ensure_ascii=False)


def _lines(choices: Choices) -> Iterator[str]:
    section = ""
    explained: set[str] = set()
    tables: list[str] = []
    for key, description, default in known_keys():
        place, _, name = key.rpartition(".")
        if place != section:
            yield from tables
            tables = []
            yield f"\n[{place}]"
            section = place
        inner = [offer for offer in choices.offered if offer.startswith(f"{key}.")]
        if isinstance(choices.active.get(key), Mapping) or isinstance(choices.offered.get(key), Mapping) or inner:
            # A table of its own ends the section's keys.
            tables += _table(key, choices)
            continue
        remark = _on_one_line(choices.remarks.get(key, ""))
        if key in choices.active:
            yield _remarked(f"{name} = {toml(choices.active[key])}", remark)
            continue
        if key in choices.offered:
            yield _remarked(f"# {name} = {toml(choices.offered[key])}", remark)
            continue
        value = default
        if default in (None, "", (), {}):
            value = _EXAMPLES[key if key in _EXAMPLES else name]
        example = "" if value is default else " (an example)"
        setting = f"# {name} = {toml(value)}"
        # A setting that every table has is explained at the first.
        topic = name if place.startswith("tables.") else key
        yield setting if topic in explained else _remarked(setting, f"{description}{example}")
        explained.add(topic)
    yield from tables


def _table(key: str, choices: Choices, entries: Mapping[str, Any] | None = None) -> Iterator[str]:
    """A mapping as a table with a line for each entry, offers as comments at its end; one of mappings as a table each."""
    active: Mapping[str, Any] = choices.active.get(key, {}) if entries is None else entries
    offered: Mapping[str, Any] = choices.offered.get(key, {})
    inner = {name: value for name, value in active.items() if isinstance(value, Mapping)}
    inner |= {
        offer.rpartition(".")[2]: {}
        for offer in choices.offered
        if offer.rpartition(".")[0] == key and offer.rpartition(".")[2] not in inner
    }
    for name, value in inner.items():
        yield from _table(f"{key}.{_key(name)}", choices, value)
    if inner:
        return
    # Without an entry that is switched on, the table's own line is a comment too.
    yield f"\n[{key}]" if active else f"\n# [{key}]"
    for name, value in active.items():
        yield _remarked(f"{_key(name)} = {toml(value)}", _on_one_line(choices.remarks.get(f"{key}.{name}", "")))
    for name, value in offered.items():
        if name not in active:
            yield _remarked(f"# {_key(name)} = {toml(value)}", _on_one_line(choices.remarks.get(f"{key}.{name}", "")))


def _remarked(setting: str, remark: str) -> str:
    return f"{setting:<40}  # {remark}" if remark else setting


def _on_one_line(text: str) -> str:
    """A remark may quote data, and nothing in data may end a comment."""
    return "".join(character if character.isprintable() else " " for character in text)


def _duration(value: timedelta) -> str:
    seconds = value.total_seconds()
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0:
            return f"{seconds / size:g} {unit}s"
    return f"{seconds:g} seconds"
