"""Curated tables as Iceberg v2, committed through pyiceberg with a SQLite catalog.

Reads and writes `catalog.db` and `curated/<table>/`. The engine writes the Parquet files (with field ids); a commit replaces data files in one snapshot, whose
summary carries what follows from it. A commit that did not happen leaves files that `clean` removes.
"""

import json
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rental_etl.errors import SystemUnreachableError
from rental_etl.lake.files import make_folder
from rental_etl.model.contract import Column
from rental_etl.ports.lake import Snapshot

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table
    from pyiceberg.types import IcebergType

_PROPERTY = "rental-etl"
_NAMESPACE = "curated"


class LocalCurated:
    """A `Curated` on a local disk."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def current(self, table: str) -> Snapshot | None:
        """The table's current snapshot; None before the first commit."""
        if not (self.root / "catalog.db").exists() or not self._catalog.table_exists((_NAMESPACE, table)):
            return None
        return _snapshot(self._catalog.load_table((_NAMESPACE, table)))

    def since(self, table: str, snapshot_id: int) -> Sequence[Mapping[str, Any]] | None:
        """Properties of the snapshots after `snapshot_id`, oldest first; None when it is not an ancestor of the current one."""
        if self.current(table) is None:
            return None
        loaded = self._catalog.load_table((_NAMESPACE, table))
        found: list[Mapping[str, Any]] = []
        snapshot = loaded.current_snapshot()
        while snapshot is not None and snapshot.snapshot_id != snapshot_id:
            found.append(_properties(snapshot))
            parent = snapshot.parent_snapshot_id
            snapshot = None if parent is None else loaded.snapshot_by_id(parent)
        return None if snapshot is None else found[::-1]

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
        """Replace data files in one snapshot and return it. A table whose columns changed is made anew."""
        from pyiceberg.io.pyarrow import parquet_files_to_data_files

        loaded = self._table(table, columns=columns, partition_by=partition_by)
        gone = set(remove)
        summary = {_PROPERTY: json.dumps(properties, sort_keys=True)}
        with loaded.transaction() as transaction:
            update = transaction.update_snapshot(snapshot_properties=summary).overwrite()
            with update:
                for data_file in _data_files(loaded):
                    if data_file.file_path in gone:
                        update.delete_data_file(data_file)
                for data_file in parquet_files_to_data_files(loaded.io, transaction.table_metadata, iter(add)):
                    update.append_data_file(data_file)
        snapshot = _snapshot(loaded)
        if snapshot is None:
            raise SystemUnreachableError(f"the commit to curated.{table} left no snapshot", where=str(self.root))
        return snapshot

    def folder(self, table: str) -> Path:
        """Where new data files of a table are to be written."""
        return make_folder(self.root / "curated" / table / "data")

    def clean(self, keep: Mapping[str, int], older_than_seconds: float) -> int:
        """Expire snapshots older than the retention that are neither published nor later, and delete files no snapshot needs."""
        deleted = 0
        for table, published in keep.items():
            loaded = self._catalog.load_table((_NAMESPACE, table))
            expired = _expired(loaded, published=published, older_than_seconds=older_than_seconds)
            if expired:
                loaded.maintenance.expire_snapshots().by_ids(expired).commit()
                loaded = self._catalog.load_table((_NAMESPACE, table))
            deleted += _delete_unreferenced(loaded, self.root / "curated" / table)
        return deleted

    def forget(self) -> None:
        """Drop the catalog and every curated file: the first step of a repair."""
        from rental_etl.lake.files import remove_tree

        self.__dict__.pop("_catalog", None)
        for name in ("catalog.db", "catalog.db-journal"):
            (self.root / name).unlink(missing_ok=True)
        remove_tree(self.root / "curated")

    @cached_property
    def _catalog(self) -> "SqlCatalog":
        from pyiceberg.catalog.sql import SqlCatalog

        make_folder(self.root / "curated")
        catalog = SqlCatalog(
            "rental-etl",
            uri=f"sqlite:///{self.root / 'catalog.db'}",
            warehouse=f"file://{self.root / 'curated'}",
        )
        catalog.create_namespace_if_not_exists(_NAMESPACE)
        return catalog

    def _table(self, table: str, *, columns: Sequence[Column], partition_by: str) -> "Table":
        identifier = (_NAMESPACE, table)
        schema = _schema(columns)
        if self._catalog.table_exists(identifier):
            loaded = self._catalog.load_table(identifier)
            if loaded.schema().as_struct() == schema.as_struct():
                return loaded
            self._catalog.drop_table(identifier)
        return self._catalog.create_table(
            identifier,
            schema=schema,
            location=f"file://{self.root / 'curated' / table}",
            partition_spec=_spec(schema, partition_by),
            properties={
                "format-version": "2",
                "write.metadata.delete-after-commit.enabled": "true",
                "write.metadata.previous-versions-max": "10",
            },
        )


def _schema(columns: Sequence[Column]) -> "Schema":
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    fields = [
        NestedField(number, column.name, _type(column), required=False)
        for number, column in enumerate(columns, start=1)
    ]
    return Schema(*fields)


def _type(column: Column) -> "IcebergType":
    from pyiceberg import types

    if column.type == "decimal":
        return types.DecimalType(column.precision, column.scale)
    plain: dict[str, IcebergType] = {
        "int64": types.LongType(),
        "text": types.StringType(),
        "bool": types.BooleanType(),
        "date": types.DateType(),
        "timestamp": types.TimestampType(),
        "float64": types.DoubleType(),
    }
    return plain[column.type]


def _spec(schema: "Schema", partition_by: str) -> "PartitionSpec":
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.transforms import MonthTransform

    if not partition_by:
        return PartitionSpec()
    source = schema.find_field(partition_by).field_id
    return PartitionSpec(
        PartitionField(source_id=source, field_id=1000, transform=MonthTransform(), name=f"{partition_by}_month")
    )


def _data_files(table: "Table") -> "list[DataFile]":
    return [task.file for task in table.scan().plan_files()]


def _snapshot(table: "Table") -> Snapshot | None:
    snapshot = table.current_snapshot()
    if snapshot is None:
        return None
    files = tuple(sorted((data_file.file_path, _month(data_file)) for data_file in _data_files(table)))
    return Snapshot(snapshot.snapshot_id, files, _properties(snapshot))


def _month(data_file: "DataFile") -> str:
    if len(data_file.partition) == 0:
        return ""
    months = data_file.partition[0]
    return "" if months is None else f"{1970 + months // 12:04d}-{months % 12 + 1:02d}"


def _properties(snapshot: Any) -> Mapping[str, Any]:
    text = snapshot.summary.additional_properties.get(_PROPERTY, "{}") if snapshot.summary else "{}"
    return dict(json.loads(text))


def _expired(table: "Table", *, published: int, older_than_seconds: float) -> list[int]:
    oldest = (time.time() - older_than_seconds) * 1000
    current = table.current_snapshot()
    since_publish = set()
    while current is not None and current.snapshot_id != published:
        since_publish.add(current.snapshot_id)
        current = table.snapshot_by_id(current.parent_snapshot_id) if current.parent_snapshot_id else None
    kept = since_publish | {published}
    return [
        snapshot.snapshot_id
        for snapshot in table.snapshots()
        if snapshot.snapshot_id not in kept and snapshot.timestamp_ms < oldest
    ]


def _delete_unreferenced(table: "Table", folder: Path) -> int:
    referenced: set[str] = set()
    for snapshot in table.snapshots():
        referenced.add(snapshot.manifest_list.removeprefix("file://"))
        for manifest in snapshot.manifests(table.io):
            referenced.add(manifest.manifest_path.removeprefix("file://"))
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
                referenced.add(entry.data_file.file_path.removeprefix("file://"))
    candidates = [*folder.glob("data/**/*.parquet"), *folder.glob("metadata/*.avro")]
    unneeded = [path for path in candidates if str(path) not in referenced]
    for path in unneeded:
        path.unlink()
    return len(unneeded)
