"""Curated tables as Iceberg v2, committed through pyiceberg with a SQLite catalog.

Reads and writes `catalog.db` and `curated/<table>/`. The engine writes the Parquet files (with field ids); a commit replaces data files in one snapshot, whose
summary carries what follows from it. A commit that did not happen leaves files that `clean` removes.
"""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rental_etl.errors import SystemUnreachableError
from rental_etl.lake.catalog import CATALOG, FILES_PROPERTY, NAMESPACE, PROPERTY, TableEntry, as_snapshot, read_table
from rental_etl.lake.columns import partition_spec, schema_of
from rental_etl.lake.files import make_folder, reaching, remove_tree
from rental_etl.model.contract import Column
from rental_etl.ports.lake import Snapshot

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

_TABLE_PROPERTIES = {
    # Athena reads v2, not v3.
    "format-version": "2",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "10",
}


class LocalCurated:
    """A `Curated` on a local disk. Paths in the catalog are absolute: a lake that was moved has to be repaired."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._folder = self.root / "curated"
        self._opened_at = time.time()
        self._open_catalog: SqlCatalog | None = None

    def current(self, table: str) -> Snapshot | None:
        """The table's current snapshot; None before the first commit."""
        entry = read_table(self.root, table)
        if entry is None or entry.current is None:
            return None
        return as_snapshot(entry.current) or self._foreign_snapshot(table)

    def since(self, table: str, snapshot_id: int) -> Sequence[Mapping[str, Any]] | None:
        """Properties of the snapshots after `snapshot_id`, oldest first; None when it is not an ancestor of the current one."""
        entry = read_table(self.root, table)
        found: list[Mapping[str, Any]] = []
        for snapshot in entry.lineage() if entry else ():
            if snapshot.snapshot_id == snapshot_id:
                return found[::-1]
            found.append(snapshot.properties)
        return None

    def commit(
        self,
        table: str,
        *,
        columns: Sequence[Column],
        partition_by: str,
        remove: Sequence[str],
        add: Sequence[str],
        properties: Mapping[str, Any],
    ) -> Snapshot:
        """Replace data files in one snapshot and return it. A table whose columns or partitions changed is made anew, with the added files alone.

        Raises SystemUnreachableError when the system refuses, or when a file to be removed is not the table's.
        """
        with _committing(table, self.root):
            loaded, anew = self._table(table, columns=columns, partition_by=partition_by)
            _replace(loaded, remove=() if anew else remove, add=add, properties=properties)
        snapshot = self.current(table)
        if snapshot is None:
            raise SystemUnreachableError(f"the commit to curated.{table} left no snapshot", where=str(self.root))
        return snapshot

    def folder(self, table: str) -> str:
        """The location where new data files of a table are to be written."""
        return str(make_folder(self._folder / table / "data"))

    def clean(self, keep: Mapping[str, int], older_than_seconds: float) -> int:
        """Expire snapshots older than the retention that are neither published nor later, and delete files no snapshot needs.

        `keep` names the published snapshot of each table; a table that has it not is left alone. Files younger than this object may be on their
        way to a commit and stay.
        """
        deleted = 0
        for table, published in keep.items():
            entry = read_table(self.root, table)
            if entry is None or published not in entry.snapshots:
                continue
            expired = _expired(entry, published=published, before=time.time() - older_than_seconds)
            if expired or self._has_strays(table, entry):
                deleted += self._sweep(table, expired)
        return deleted

    def forget(self) -> None:
        """Drop the catalog and every curated file: the first step of a repair."""
        if self._open_catalog is not None:
            self._open_catalog.close()
            self._open_catalog = None
        with reaching(self.root, "remove the catalog"):
            for name in ("catalog.db", "catalog.db-journal"):
                (self.root / name).unlink(missing_ok=True)
        remove_tree(self._folder)

    @property
    def _catalog(self) -> "SqlCatalog":
        if self._open_catalog is None:
            from pyiceberg.catalog.sql import SqlCatalog
            from sqlalchemy.engine import URL

            make_folder(self._folder)
            # Paths, not file:// URLs: characters like # and % mean themselves in them.
            file = URL.create("sqlite", database=str(self.root / "catalog.db"))
            self._open_catalog = SqlCatalog(CATALOG, uri=file.render_as_string(), warehouse=str(self._folder))
            self._open_catalog.create_namespace_if_not_exists(NAMESPACE)
        return self._open_catalog

    def _table(self, table: str, *, columns: Sequence[Column], partition_by: str) -> "tuple[Table, bool]":
        """The table to commit to, and whether it was made just now."""
        identifier = (NAMESPACE, table)
        schema = schema_of(columns)
        spec = partition_spec(schema, partition_by)
        if self._catalog.table_exists(identifier):
            loaded = self._catalog.load_table(identifier)
            if loaded.schema().as_struct() == schema.as_struct() and loaded.spec().fields == spec.fields:
                return loaded, False
            self._catalog.drop_table(identifier)
        made = self._catalog.create_table(
            identifier,
            schema=schema,
            location=str(self._folder / table),
            partition_spec=spec,
            properties=_TABLE_PROPERTIES,
        )
        return made, True

    def _foreign_snapshot(self, table: str) -> Snapshot | None:
        """The current snapshot of a table to which another program committed: its files are known to the manifests alone."""
        loaded = self._catalog.load_table((NAMESPACE, table))
        snapshot = loaded.current_snapshot()
        if snapshot is None:
            return None
        files = sorted((_plain(data_file.file_path), _month(data_file)) for data_file in _data_files(loaded))
        return Snapshot(snapshot.snapshot_id, tuple(files), {})

    def _has_strays(self, table: str, entry: TableEntry) -> bool:
        """Whether there are files that no snapshot seems to need, as far as that can be told without reading manifests."""
        needed = {path for snapshot in entry.snapshots.values() for path, _ in snapshot.files or ()}
        folder = self._folder / table
        return any(str(path) not in needed for path in self._old(folder.glob("data/**/*.parquet"))) or any(
            path not in entry.metadata_files for path in self._old(folder.glob("metadata/*.metadata.json"))
        )

    def _sweep(self, table: str, expired: Sequence[int]) -> int:
        loaded = self._catalog.load_table((NAMESPACE, table))
        if expired:
            with _committing(table, self.root):
                loaded.maintenance.expire_snapshots().by_ids(list(expired)).commit()
            loaded = self._catalog.load_table((NAMESPACE, table))
        entry = read_table(self.root, table)
        metadata_files = entry.metadata_files if entry else frozenset()
        needed = _referenced(loaded) | {str(path) for path in metadata_files}
        folder = self._folder / table
        patterns = ("data/**/*.parquet", "metadata/*.avro", "metadata/*.metadata.json")
        unneeded = [path for pattern in patterns for path in self._old(folder.glob(pattern)) if str(path) not in needed]
        for path in unneeded:
            path.unlink(missing_ok=True)
        return len(unneeded)

    def _old(self, paths: Iterator[Path]) -> Iterator[Path]:
        return (path for path in paths if path.stat().st_mtime < self._opened_at)


@contextlib.contextmanager
def _committing(table: str, root: Path) -> Iterator[None]:
    """Errors of files, catalog and commit come out as the product's."""
    from pyiceberg.exceptions import CommitFailedException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with reaching(root, f"commit to curated.{table}", also="when a file is missing, run `rental-etl repair`"):
            yield
    except (SQLAlchemyError, CommitFailedException) as error:
        raise SystemUnreachableError(
            f"cannot commit to curated.{table}: {str(error).splitlines()[0]}",
            where=str(root / "catalog.db"),
            expected="a catalog that this user alone writes to, on a disk with room",
            remedy="run again; when it stays so, run `rental-etl repair`",
        ) from error


def _replace(loaded: "Table", *, remove: Sequence[str], add: Sequence[str], properties: Mapping[str, Any]) -> None:
    from pyiceberg.io.pyarrow import parquet_files_to_data_files

    gone = set(remove)
    existing = _data_files(loaded)
    missing = gone - {_plain(data_file.file_path) for data_file in existing}
    if missing:
        raise SystemUnreachableError(
            f"a file to be replaced is not in the table: {min(missing)}",
            expected="a table that nobody else commits to",
            remedy="run again",
        )
    added = list(parquet_files_to_data_files(loaded.io, loaded.metadata, iter(add)))
    stay = [data_file for data_file in existing if _plain(data_file.file_path) not in gone]
    summary = {PROPERTY: json.dumps(properties, sort_keys=True), FILES_PROPERTY: _listed(loaded, [*stay, *added])}
    with (
        loaded.transaction() as transaction,
        transaction.update_snapshot(snapshot_properties=summary).overwrite() as update,
    ):
        for data_file in existing:
            if _plain(data_file.file_path) in gone:
                update.delete_data_file(data_file)
        for data_file in added:
            update.append_data_file(data_file)


def _listed(table: "Table", data_files: "Sequence[DataFile]") -> str:
    """Data files with their months as the snapshot's summary holds them: paths relative to the table's folder."""
    prefix = f"{table.location()}/"
    files = sorted([_plain(data_file.file_path).removeprefix(prefix), _month(data_file)] for data_file in data_files)
    return json.dumps(files, separators=(",", ":"))


def _data_files(table: "Table") -> "list[DataFile]":
    return [task.file for task in table.scan().plan_files()]


def _month(data_file: "DataFile") -> str:
    if len(data_file.partition) == 0:
        return ""
    months = data_file.partition[0]
    return "" if months is None else f"{1970 + months // 12:04d}-{months % 12 + 1:02d}"


def _plain(path: str) -> str:
    return path.removeprefix("file://")


def _expired(entry: TableEntry, *, published: int, before: float) -> list[int]:
    """Snapshots older than the retention, but never the published one nor what came after it."""
    kept = {published}
    for snapshot in entry.lineage():
        if snapshot.snapshot_id == published:
            break
        kept.add(snapshot.snapshot_id)
    return [
        snapshot.snapshot_id
        for snapshot in entry.snapshots.values()
        if snapshot.snapshot_id not in kept and snapshot.committed_at < before
    ]


def _referenced(table: "Table") -> set[str]:
    """Every file that a retained snapshot needs."""
    referenced: set[str] = set()
    for snapshot in table.snapshots():
        referenced.add(_plain(snapshot.manifest_list))
        for manifest in snapshot.manifests(table.io):
            referenced.add(_plain(manifest.manifest_path))
            entries = manifest.fetch_manifest_entry(table.io, discard_deleted=True)
            referenced |= {_plain(entry.data_file.file_path) for entry in entries}
    return referenced
