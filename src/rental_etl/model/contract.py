"""What a source table promises: columns, key and rules. Pure values, read from YAML by `tables.catalog`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ColumnType = Literal["int64", "text", "bool", "date", "timestamp", "float64", "decimal"]
Severity = Literal["error", "warn"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a contract.

    `required` is true for key columns too: null or unreadable puts the row in quarantine. `case` is how the words of a text column
    are stored ("upper", "lower" or as written) and `words` maps other spellings, in that case, to the stored one. `examples` are usual values of a text
    column, as they are stored: they are read sooner than others, not otherwise.
    """

    name: str
    type: ColumnType
    precision: int = 0
    scale: int = 0
    key: bool = False
    required: bool = False
    case: Literal["upper", "lower", ""] = ""
    words: Mapping[str, str] = field(default_factory=dict)
    examples: tuple[str, ...] = ()
    description: str = ""

    @property
    def sql_type(self) -> str:
        """The type in DuckDB's words, which are also the canonical ones."""
        names = {"int64": "bigint", "text": "varchar", "bool": "boolean", "float64": "double"}
        if self.type == "decimal":
            return f"decimal({self.precision},{self.scale})"
        return names.get(self.type, self.type)

    @property
    def is_day(self) -> bool:
        """Whether it holds dates, with or without a time."""
        return self.type in ("date", "timestamp")


@dataclass(frozen=True, slots=True)
class Rule:
    """A row rule: `violated_when` is a predicate over the typed columns of one row (portable SQL), true for a bad row."""

    name: str
    severity: Severity
    violated_when: str
    description: str


@dataclass(frozen=True, slots=True)
class Contract:
    """A source table.

    `deletes` says what a full delivery does to keys it does not name: "forget" (the row goes), "retire" (the listing stays known but
    counts as inactive) or "keep" (nothing). `partition_by` names the timestamp column whose month partitions the curated table.
    """

    table: str
    description: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    also_named: tuple[str, ...] = ()
    mandatory: bool = False
    deletes: Literal["forget", "retire", "keep"] = "forget"
    partition_by: str = ""

    @property
    def key(self) -> tuple[Column, ...]:
        """The primary key's columns; empty where a repeated row is a second fact."""
        return tuple(column for column in self.columns if column.key)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in contract order, which is the order of landed Parquet."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)
