"""What an Iceberg table's metadata says, read with the standard library alone: importing pyiceberg takes two seconds, which a run with nothing to
commit spares.

Reads the metadata files that a catalog points to; writes nothing.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rental_etl.errors import ConfigurationError
from rental_etl.lake.catalogs import Catalog
from rental_etl.lake.tree import Tree
from rental_etl.ports.lake import Snapshot

# What a commit leaves in its snapshot's summary: what follows from it, and the table's data files with their months.
PROPERTY = "rental-etl"
FILES_PROPERTY = "rental-etl-files"


@dataclass(frozen=True, slots=True)
class SnapshotEntry:
    """One snapshot in a table's metadata. `committed_at` is in seconds since 1970; `files` is None when another program committed it."""

    snapshot_id: int
    parent_id: int | None
    committed_at: float
    properties: Mapping[str, Any]
    files: tuple[tuple[str, str], ...] | None


@dataclass(frozen=True, slots=True)
class TableEntry:
    """A table's metadata: every retained snapshot by id, the current one's id, and the metadata files that are in use."""

    snapshots: Mapping[int, SnapshotEntry]
    current_id: int | None
    metadata_files: frozenset[str]

    @property
    def current(self) -> SnapshotEntry | None:
        """The current snapshot; None before the first commit."""
        return None if self.current_id is None else self.snapshots[self.current_id]

    def lineage(self) -> Iterator[SnapshotEntry]:
        """The current snapshot and its ancestors as far as they are retained, newest first."""
        entry = self.current
        while entry is not None:
            yield entry
            entry = self.snapshots.get(entry.parent_id) if entry.parent_id is not None else None


def read_table(tree: Tree, catalog: Catalog, table: str) -> TableEntry | None:
    """What the catalog knows of a table; None when there is none. Raises ConfigurationError when it cannot be used as it lies there."""
    location = catalog.location(table)
    if location is None:
        return None
    text = tree.text(location) if location.startswith(f"{tree.root}/") else None
    if text is None:
        raise _displaced(catalog.where, location)
    document = json.loads(text)
    folder = document["location"]
    snapshots = {entry["snapshot-id"]: _snapshot(entry, folder) for entry in document.get("snapshots", ())}
    current = document.get("current-snapshot-id")
    log = [entry["metadata-file"] for entry in document.get("metadata-log", ())]
    return TableEntry(snapshots, current if current in snapshots else None, frozenset([location, *log]))


def as_snapshot(entry: SnapshotEntry) -> Snapshot | None:
    """The port's view of a snapshot; None when its files are known to the manifests alone."""
    return None if entry.files is None else Snapshot(entry.snapshot_id, entry.files, entry.properties)


def _snapshot(entry: Mapping[str, Any], folder: str) -> SnapshotEntry:
    summary = entry.get("summary", {})
    files = json.loads(summary[FILES_PROPERTY]) if FILES_PROPERTY in summary else None
    return SnapshotEntry(
        snapshot_id=entry["snapshot-id"],
        parent_id=entry.get("parent-snapshot-id"),
        committed_at=entry["timestamp-ms"] / 1000,
        properties=json.loads(summary.get(PROPERTY, "{}")),
        files=None if files is None else tuple((f"{folder}/{path}", month) for path, month in files),
    )


def _displaced(catalog: str, location: str) -> ConfigurationError:
    return ConfigurationError(
        "the curated tables are not where their catalog says",
        where=catalog,
        expected=location,
        remedy="if the workspace was moved or restored, run `rental-etl repair`: it builds them again from the landed batches",
    )
