"""Manifests as JSON: what the numbered entries of the lake's log hold, and how they are read back."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from rental_etl.model.batch import Batch, Delivery, Part, Reading, SourceFile
from rental_etl.ports.lake import Landed


def batch_entry(batch: Batch, *, number: int) -> str:
    """The manifest that commits a batch, or a later revision of one."""
    kind = "batch" if batch.batch_id == number else "revision"
    return json.dumps({"kind": kind, "number": number, "batch": _plain(batch)}, indent=1, sort_keys=True)


def decision_entry(batch_id: int, decision: str, *, number: int, run_id: str, at: str) -> str:
    """The manifest that accepts or rejects a refused batch."""
    entry = {
        "kind": "decision",
        "number": number,
        "batch_id": batch_id,
        "decision": decision,
        "run_id": run_id,
        "at": at,
    }
    return json.dumps(entry, indent=1, sort_keys=True)


def replay(entries: Iterable[Mapping[str, Any]]) -> Landed:
    """The state that a log of manifests, in order, leads to."""
    batches: dict[int, Batch] = {}
    decisions: dict[int, Any] = {}
    last = 0
    for entry in entries:
        last = int(entry["number"])
        if entry["kind"] == "decision":
            decisions[int(entry["batch_id"])] = entry["decision"]
        else:
            batch = _batch(entry["batch"])
            batches[batch.batch_id] = batch
    return Landed(batches=tuple(batches[number] for number in sorted(batches)), decisions=decisions, last_number=last)


def _plain(batch: Batch) -> dict[str, Any]:
    document = asdict(replace(batch))
    document["day"] = batch.day.isoformat()
    return document


def _batch(document: Mapping[str, Any]) -> Batch:
    delivery = document["delivery"]
    reading = document["reading"]
    return Batch(
        batch_id=document["batch_id"],
        revision=document["revision"],
        day=date.fromisoformat(document["day"]),
        run_id=document["run_id"],
        landed_at=document["landed_at"],
        folder=document["folder"],
        delivery=Delivery(**{**delivery, "files": tuple(SourceFile(**file) for file in delivery["files"])}),
        reading=Reading(
            **{
                **reading,
                "parts": tuple(Part(**part) for part in reading["parts"]),
                "extra_columns": tuple(reading["extra_columns"]),
                "missing_columns": tuple(reading["missing_columns"]),
            }
        ),
    )
