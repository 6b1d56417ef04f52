"""Curated tables as Iceberg v2, committed through pyiceberg, on a local disk or in S3.

Reads and writes a catalog and `curated/<table>/`. The engine writes the Parquet files (with field ids); a commit replaces data files in one snapshot, whose
summary carries what follows from it. A commit that did not happen leaves files that `clean` removes.
"""

import contextlib
import importlib
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rental_etl.errors import SystemUnreachableError, WorkspaceBusyError
from rental_etl.lake.catalog import FILES_PROPERTY, PROPERTY, TableEntry, as_snapshot, read_table
from rental_etl.lake.catalogs import Catalog, SqliteCatalog
from rental_etl.lake.columns import partition_spec, schema_of
from rental_etl.lake.tree import LocalTree, Tree, unneeded
from rental_etl.model.contract import Column
from rental_etl.ports.lake import Snapshot

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog as OpenCatalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

_TABLE_PROPERTIES = {
    # Athena reads v2, not v3.
    "format-version": "2",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "10",
}


class IcebergCurated:
    """A `Curated` whose files are a `tree`'s and whose tables a `catalog` knows. Locations in it are absolute: a lake that was moved has to be repaired."""

    def __init__(self, tree: Tree, catalog: Catalog) -> None:
        self.tree = tree
        self.catalog = catalog
        # What a commit builds on: another writer's commit in between would otherwise be built on unseen.
        self._seen: dict[str, int | None] = {}
        self._loading: threading.Thread | None = None

    def current(self, table: str) -> Snapshot | None:
        """The table's current snapshot; None before the first commit."""
        entry = read_table(self.tree, self.catalog, table)
        self._seen[table] = entry.current_id if entry else None
        if entry is None or entry.current is None:
            return None
        return as_snapshot(entry.current) or self._foreign_snapshot(table)

    def since(self, table: str, snapshot_id: int) -> Sequence[Mapping[str, Any]] | None:
        """Properties of the snapshots after `snapshot_id`, oldest first; None when it is not an ancestor of the current one."""
        entry = read_table(self.tree, self.catalog, table)
        found: list[Mapping[str, Any]] = []
        for snapshot in entry.lineage() if entry else ():
            if snapshot.snapshot_id == snapshot_id:
                return found[::-1]
            found.append(snapshot.properties)
        return None

    def expect_commit(self) -> None:
        """Begin to load pyiceberg, which takes a second of the interpreter and leaves the engine its threads."""
        if self._loading is None:
            self._loading = threading.Thread(target=_load, name="loading pyiceberg", daemon=True)
            self._loading.start()

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

        Raises SystemUnreachableError when the system refuses, or when a file to be removed is not the table's, and WorkspaceBusyError when somebody
        else committed since `current` was asked.
        """
        if self._loading is not None:
            # Two threads that import modules which import each other could each see half of them.
            self._loading.join()
        with self._committing(table):
            loaded, anew = self._table(table, columns=columns, partition_by=partition_by)
            _replace(loaded, remove=() if anew else remove, add=add, properties=properties)
        snapshot = self.current(table)
        if snapshot is None:
            raise SystemUnreachableError(f"the commit to curated.{table} left no snapshot", where=self.tree.root)
        return snapshot

    def folder(self, table: str) -> str:
        """The location where new data files of a table are to be written."""
        return self.tree.writable(f"curated/{table}/data")

    def clean(self, keep: Mapping[str, int], older_than_seconds: float) -> int:
        """Expire snapshots older than the retention that are neither published nor later, and delete files no snapshot needs.

        `keep` names the published snapshot of each table; a table that has it not is left alone. Files younger than this object may be on their
        way to a commit and stay.
        """
        deleted = 0
        for table, published in keep.items():
            entry = read_table(self.tree, self.catalog, table)
            if entry is None or published not in entry.snapshots:
                continue
            expired = _expired(entry, published=published, before=time.time() - older_than_seconds)
            if expired or self._has_strays(table, entry):
                deleted += self._sweep(table, expired)
        return deleted

    def forget(self) -> None:
        """Drop the catalog and every curated file: the first step of a repair."""
        self.catalog.forget()
        self.tree.clear("curated")

    @property
    def _catalog(self) -> "OpenCatalog":
        return self.catalog.opened(self.tree.location("curated"), self.tree.properties)

    def _table(self, table: str, *, columns: Sequence[Column], partition_by: str) -> "tuple[Table, bool]":
        """The table to commit to, and whether it was made just now."""
        identifier = (self.catalog.namespace, table)
        schema = schema_of(columns)
        spec = partition_spec(schema, partition_by)
        if self._catalog.table_exists(identifier):
            loaded = self._catalog.load_table(identifier)
            self._require_seen(table, loaded)
            if loaded.schema().as_struct() == schema.as_struct() and loaded.spec().fields == spec.fields:
                return loaded, False
            self._catalog.drop_table(identifier)
        made = self._catalog.create_table(
            identifier,
            schema=schema,
            location=self.tree.location(f"curated/{table}"),
            partition_spec=spec,
            properties=_TABLE_PROPERTIES,
        )
        return made, True

    def _foreign_snapshot(self, table: str) -> Snapshot | None:
        """The current snapshot of a table to which another program committed: its files are known to the manifests alone."""
        loaded = self._catalog.load_table((self.catalog.namespace, table))
        snapshot = loaded.current_snapshot()
        if snapshot is None:
            return None
        files = sorted((_plain(data_file.file_path), _month(data_file)) for data_file in _data_files(loaded))
        return Snapshot(snapshot.snapshot_id, tuple(files), {})

    def _has_strays(self, table: str, entry: TableEntry) -> bool:
        """Whether there are files that no snapshot seems to need, as far as that can be told without reading manifests."""
        needed = {path for snapshot in entry.snapshots.values() for path, _ in snapshot.files or ()}
        folder = f"curated/{table}"
        return any(path not in needed for path in self.tree.old(f"{folder}/data", ".parquet")) or any(
            path not in entry.metadata_files for path in self.tree.old(f"{folder}/metadata", ".metadata.json")
        )

    def _sweep(self, table: str, expired: Sequence[int]) -> int:
        loaded = self._catalog.load_table((self.catalog.namespace, table))
        if expired:
            with self._committing(table):
                loaded.maintenance.expire_snapshots().by_ids(list(expired)).commit()
            loaded = self._catalog.load_table((self.catalog.namespace, table))
        entry = read_table(self.tree, self.catalog, table)
        metadata_files = entry.metadata_files if entry else frozenset()
        needed = _referenced(loaded) | metadata_files
        folder = f"curated/{table}"
        left = unneeded(self.tree, f"{folder}/data", (".parquet",), needed=needed)
        left += unneeded(self.tree, f"{folder}/metadata", (".avro", ".metadata.json"), needed=needed)
        self.tree.remove(left)
        return len(left)

    def _require_seen(self, table: str, loaded: "Table") -> None:
        """Raise WorkspaceBusyError when the table is not as `current` saw it."""
        snapshot = loaded.current_snapshot()
        now = snapshot.snapshot_id if snapshot else None
        if self._seen.get(table, now) != now:
            raise self._busy(table)

    def _busy(self, table: str) -> WorkspaceBusyError:
        return WorkspaceBusyError(
            f"another run committed to curated.{table} at the same moment",
            where=self.catalog.where,
            expected="one run at a time",
            remedy="wait for it to end, then run again; nothing was lost",
        )

    @contextlib.contextmanager
    def _committing(self, table: str) -> Iterator[None]:
        """Errors of files, catalog and commit come out as the product's."""
        from pyiceberg.exceptions import CommitFailedException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self.tree.errors(f"commit to curated.{table}"):
                yield
        except CommitFailedException as error:
            raise self._busy(table) from error
        except (SQLAlchemyError, FileNotFoundError) as error:
            raise SystemUnreachableError(
                f"cannot commit to curated.{table}: {str(error).splitlines()[0]}",
                where=self.catalog.where,
                expected="a catalog that this user alone writes to, and files as they were written",
                remedy="run again; when it stays so, run `rental-etl repair`",
            ) from error


class LocalCurated(IcebergCurated):
    """Curated tables in a folder, with the catalog `catalog.db` in it."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        super().__init__(LocalTree(self.root), SqliteCatalog(self.root / "catalog.db"))


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


def _load() -> None:
    # What cannot be loaded is told by the commit itself.
    with contextlib.suppress(ImportError):
        for module in ("pyiceberg.catalog.sql", "pyiceberg.io.pyarrow"):
            importlib.import_module(module)
