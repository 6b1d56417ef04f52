"""The statements only Redshift knows, as text: what COPY, UNLOAD and tables look like there. tests/rendered/redshift_statements shows every one in use."""

from collections.abc import Mapping
from dataclasses import dataclass

from rental_etl.errors import ConfigurationError
from rental_etl.warehouse.postgres.types import Columns, Types, described
from rental_etl.warehouse.text import literal, name

# Redshift counts bytes, and takes a bare VARCHAR for 256 of them.
TEXT_BYTES = 65_535
REDSHIFT = Types(
    {
        "varchar": f"character varying({TEXT_BYTES})",
        "double": "double precision",
        "timestamp": "timestamp without time zone",
    }
)


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a table are laid out; "" leaves it to Redshift (AUTO)."""

    distkey: str = ""
    sortkey: tuple[str, ...] = ()


Layouts = Mapping[str, Layout]


def create_table(schema: str, table: str, columns: Columns, layout: Layout | None = None) -> str:
    """A table. Raises ConfigurationError when the layout names a column that it does not have."""
    layout = layout or Layout()
    known = {column for column, _ in columns}
    for key in (*filter(None, [layout.distkey]), *layout.sortkey):
        if key not in known:
            raise ConfigurationError(
                f"{schema}.{table} has no column {key}",
                where="[warehouse] distkey or sortkey",
                expected="one of " + ", ".join(sorted(known)),
                remedy="correct the key, or leave it out: Redshift then chooses",
            )
    keys = f" diststyle key distkey ({name(layout.distkey)})" if layout.distkey else ""
    keys += f" sortkey ({', '.join(map(name, layout.sortkey))})" if layout.sortkey else ""
    return f"create table {name(schema, table)} ({described(columns)}){keys}"


def create_stage(stage: str, columns: Columns) -> str:
    """A temporary table that Parquet is copied into: COPY takes columns by place and count."""
    return f"create temp table {name(stage)} ({described(columns)})"


def copy(stage: str, manifest: str, role: str) -> str:
    """Load the files that a manifest lists."""
    return f"copy {name(stage)} from {literal(manifest)} {_authorised(role)} format as parquet manifest"


def unload(select: str, folder: str, role: str) -> str:
    """Write a query's rows as Parquet files below a folder."""
    return f"unload ({literal(select)}) to {literal(folder)} {_authorised(role)} format as parquet"


def external_schema(schema: str, *, database: str, role: str) -> str:
    """A schema that shows the tables of a Glue database."""
    return f"create external schema {name(schema)} from data catalog database {literal(database)} {_authorised(role)}"


def _authorised(role: str) -> str:
    return "iam_role default" if role == "default" else f"iam_role {literal(role)}"
