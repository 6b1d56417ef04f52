"""What the Iceberg catalog says, read with the standard library alone: importing pyiceberg takes two seconds, which a run with nothing to commit spares.

Reads `catalog.db` and the metadata files it points to; writes nothing.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rental_etl.errors import ConfigurationError
from rental_etl.lake.files import reaching
from rental_etl.ports.lake import Snapshot

CATALOG = "rental-etl"
NAMESPACE = "curated"

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
    metadata_files: frozenset[Path]

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


def read_table(root: Path, table: str) -> TableEntry | None:
    """What the catalog under `root` knows of a table; None when there is none. Raises ConfigurationError when it cannot be used as it lies there."""
    location = _metadata_location(root, table)
    if location is None:
        return None
    if not location.is_relative_to(root) or not location.exists():
        raise _displaced(root, location)
    with reaching(location, "read the metadata of a curated table"):
        document = json.loads(location.read_text(encoding="utf-8"))
    folder = Path(document["location"])
    snapshots = {entry["snapshot-id"]: _snapshot(entry, folder) for entry in document.get("snapshots", ())}
    current = document.get("current-snapshot-id")
    log = [Path(entry["metadata-file"]) for entry in document.get("metadata-log", ())]
    return TableEntry(snapshots, current if current in snapshots else None, frozenset([location, *log]))


def as_snapshot(entry: SnapshotEntry) -> Snapshot | None:
    """The port's view of a snapshot; None when its files are known to the manifests alone."""
    return None if entry.files is None else Snapshot(entry.snapshot_id, entry.files, entry.properties)


def _metadata_location(root: Path, table: str) -> Path | None:
    file = root / "catalog.db"
    if not file.exists():
        return None
    sql = (
        "select metadata_location from iceberg_tables where catalog_name = ? and table_namespace = ? and table_name = ?"
    )
    try:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            # A catalog whose making was interrupted has no table of tables yet.
            if not connection.execute("select 1 from sqlite_master where name = 'iceberg_tables'").fetchone():
                return None
            row = connection.execute(sql, (CATALOG, NAMESPACE, table)).fetchone()
    except sqlite3.Error as error:
        raise ConfigurationError(
            f"the catalog of the curated tables cannot be read: {error}",
            where=str(file),
            expected="the SQLite database as rental-etl wrote it",
            remedy="run `rental-etl repair`: it builds the curated tables again from the landed batches",
        ) from error
    return Path(row[0]) if row else None


def _snapshot(entry: Mapping[str, Any], folder: Path) -> SnapshotEntry:
    summary = entry.get("summary", {})
    files = json.loads(summary[FILES_PROPERTY]) if FILES_PROPERTY in summary else None
    return SnapshotEntry(
        snapshot_id=entry["snapshot-id"],
        parent_id=entry.get("parent-snapshot-id"),
        committed_at=entry["timestamp-ms"] / 1000,
        properties=json.loads(summary.get(PROPERTY, "{}")),
        files=None if files is None else tuple((str(folder / path), month) for path, month in files),
    )


def _displaced(root: Path, location: Path) -> ConfigurationError:
    return ConfigurationError(
        "the curated tables are not where their catalog says",
        where=str(root / "catalog.db"),
        expected=f"{location}",
        remedy="if the workspace was moved or restored, run `rental-etl repair`: it builds them again from the landed batches",
    )
