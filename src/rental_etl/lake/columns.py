"""Contract columns in Iceberg's words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rental_etl.model.contract import Column

if TYPE_CHECKING:
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.types import IcebergType


def schema_of(columns: Sequence[Column]) -> "Schema":
    """Columns as an Iceberg schema with field ids 1..n in their order; a contract's rules, not the schema, say what may be null."""
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


def partition_spec(schema: "Schema", partition_by: str) -> "PartitionSpec":
    """Partitions by the month of a timestamp column; none without one."""
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.transforms import MonthTransform

    if not partition_by:
        return PartitionSpec()
    source = schema.find_field(partition_by).field_id
    return PartitionSpec(
        PartitionField(source_id=source, field_id=1000, transform=MonthTransform(), name=f"{partition_by}_month")
    )
