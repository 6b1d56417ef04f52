"""Reads a dump into typed Parquet, by the same rules as a delivered file, and keeps a compressed copy of it.

Reads the dump, or the kept copy of one; writes under a staging folder like every reading of a file.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from rental_etl.errors import SystemUnreachableError
from rental_etl.model.batch import Reading
from rental_etl.model.contract import Contract
from rental_etl.source.layout import Columns
from rental_etl.source.mysql.dump import Dump
from rental_etl.source.mysql.lines import QUOTE, TROUBLE
from rental_etl.source.readings import DeliveryReader
from rental_etl.source.sql_text import line_limit, literal, name
from rental_etl.storage.parquet import PARQUET

_KEPT = "database.dump"
_FETCH_ROWS = 10_000
_BUFFER = 8_000_000
_TEXT = "'varchar'"


@dataclass(frozen=True, slots=True)
class Shape:
    """What has to be known of a dump to read it back without looking at it first; see `Dump`."""

    header: tuple[str, ...]
    rows: int
    longest: int
    over_lines: bool
    troubled: int
    separator: str = ","
    typed: tuple[str, ...] = ()

    def parsing(self) -> dict[str, str]:
        """As a batch keeps it."""
        numbers = [self.rows, self.longest, self.over_lines, self.troubled]
        return {_KEPT: json.dumps([list(self.header), *numbers, self.separator, list(self.typed)])}


def shape_of(dump: Dump) -> Shape:
    """The shape of a dump."""
    return Shape(
        header=dump.header,
        rows=dump.rows,
        longest=dump.longest,
        over_lines=dump.over_lines,
        troubled=dump.troubled,
        separator=dump.separator,
        typed=dump.typed,
    )


def kept_shape(parsing: Mapping[str, str]) -> Shape:
    """The shape that a batch keeps."""
    header, rows, longest, over_lines, troubled, *dialect = json.loads(parsing[_KEPT])
    separator, typed = dialect or (",", ())
    return Shape(tuple(header), rows, longest, over_lines, troubled, separator, tuple(typed))


class DumpFile:
    """A dump as a delivered file: text by the contract's names, no lines. Rows that the database could not write exactly count as records that cannot be
    split."""

    def __init__(
        self,
        path: Path,
        *,
        named: str,
        shape: Shape,
        contract: Contract,
        connection: duckdb.DuckDBPyConnection,
        scratch: Path,
    ) -> None:
        self.name = named
        self._connection = connection
        self._scratch = scratch
        self._scan = _scan(path, shape)
        self._header = shape.header
        places = {column: place for place, column in enumerate(self._header) if column in contract.names}
        missing = tuple(column for column in contract.names if column not in places)
        self.columns = Columns(places, len(self._header), missing=missing)
        # Their text casts to the type or to nothing, and what gives nothing is read the careful way.
        self.natives = {column: column in shape.typed for column in places}
        self.rejects = scratch / "rejects.csv"
        self.longest_reject = 6 * shape.longest + 1000
        self.rejected = Counter[str]()
        self._rows = shape.rows - shape.troubled
        self._exact = f"{self._scan} where {TROUBLE} is null" if shape.troubled else self._scan
        if shape.troubled:
            self._set_aside()

    def relation(self) -> str:
        """The rows in the order in which they were read, as columns `c_<name>`."""
        columns = ", ".join(f"{name(column)} as c_{column}" for column in self.columns.places)
        return f"(select {columns} from {self._exact})"

    def agrees(self, rows: int) -> bool:
        """Whether the engine read exactly the rows there are."""
        return rows == self._rows

    def doubt(self) -> bool:
        """There is nothing closer to look at."""
        return False

    def sample(self, rows: int) -> Iterator[Mapping[str, str]]:
        """The first rows as text by column name."""
        columns = list(self.columns.places)
        texts = ", ".join(f"coalesce(c_{column}, '')" for column in columns)
        for row in self._connection.execute(f"select {texts} from {self.relation()} limit {int(rows)}").fetchall():
            yield dict(zip(columns, row, strict=True))

    def locate(self, ordinals: Collection[int]) -> Iterator[tuple[int, None, str]]:
        """Ordinal (from 0) and the row's values, as JSON, of these rows."""
        wanted = self._scratch / "ordinals.csv"
        wanted.write_text("".join(f"{ordinal}\n" for ordinal in ordinals), encoding="ascii")
        numbered = f"select row_number() over () - 1 as ordinal, {self._text()} as text from {self._exact}"
        listed = (
            f"read_csv({literal(str(wanted))}, auto_detect = false, header = false, columns = {{'ordinal': 'bigint'}})"
        )
        found = self._connection.execute(
            f"select rows.ordinal, rows.text from ({numbered}) as rows semi join {listed} as listed on rows.ordinal = listed.ordinal"
        )
        while rows := found.fetchmany(_FETCH_ROWS):
            for ordinal, text in rows:
                yield int(ordinal), None, str(text)

    def _set_aside(self) -> None:
        """Write the rows that the database could not write exactly."""
        troubled = f"from {self._scan} where {TROUBLE} is not null"
        found = self._connection.execute(f"select {TROUBLE}, count(*) {troubled} group by all").fetchall()
        self.rejected.update({str(rule): int(rows) for rule, rows in found})
        rows = f"select '', '', {TROUBLE}, {self._text()} {troubled}"
        self._connection.execute(f"copy ({rows}) to {literal(str(self.rejects))} (format csv, header false)")

    def _text(self) -> str:
        values = ", ".join(f"{name(column)} := {name(column)}" for column in self._header if column != TROUBLE)
        return f"cast(to_json(struct_pack({values})) as varchar)"


class DumpReader(DeliveryReader):
    """Reads one dump. A row that the database could not write exactly goes to quarantine; its key is known all the same."""

    def __init__(self, *, shape: Shape, **given: Any) -> None:
        super().__init__(**given)
        self._shape = shape

    def read(self) -> Reading:
        """Write the landed parts and the quarantine, and say what was found."""
        reading = super().read()
        if reading.quarantine and self.contract.key:
            self._complete_keys(self.staging / reading.quarantine)
        return replace(reading, parsing={**reading.parsing, **self._shape.parsing()})

    @contextmanager
    def _opened(self, name: str, path: Path, result: Any) -> Iterator[DumpFile]:
        del result
        yield DumpFile(
            path,
            named=name,
            shape=self._shape,
            contract=self.contract,
            connection=self.connection,
            scratch=self.scratch,
        )

    def _complete_keys(self, path: Path) -> None:
        """Take keys that quarantined rows lack from their text."""
        keys = {
            column.name: f"try_cast(json_extract_string(text, '$.{column.name}') as {column.sql_type})"
            for column in self.contract.key
        }
        scan = f"read_parquet({literal(str(path))}, hive_partitioning = false)"
        lacking = " or ".join(f"({key} is null and {value} is not null)" for key, value in keys.items())
        if not self.connection.execute(f"select 1 from {scan} where {lacking} limit 1").fetchall():
            return
        values = ", ".join(f"coalesce({key}, {value}) as {key}" for key, value in keys.items())
        completed = path.with_suffix(".completed")
        self.connection.execute(
            f"copy (select * replace ({values}) from {scan}) to {literal(str(completed))} ({PARQUET})"
        )
        completed.replace(path)


def keep(dump: Path, target: Path) -> None:
    """Write a compressed copy of a dump. Raises SystemUnreachableError when the disk is full."""
    import pyarrow as pa

    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with dump.open("rb") as reading, pa.CompressedOutputStream(str(target), "zstd") as writing:
            while chunk := reading.read(1 << 20):
                writing.write(chunk)
    except OSError as error:
        raise SystemUnreachableError(
            f"what the database delivered could not be kept: {error.strerror}",
            where=str(target),
            expected="room for a compressed copy of the rows as text",
            remedy="free disk space, or set lake.keep_source = false",
        ) from error


def _scan(path: Path, shape: Shape) -> str:
    compression = "zstd" if path.suffix == ".zst" else "none"
    options = [
        "auto_detect = false",
        f"columns = {{{', '.join(f'{literal(column)}: {_TEXT}' for column in shape.header)}}}",
        "header = true",
        f"delim = {literal(shape.separator)}",
        "new_line = '\\n'",
        f"quote = {literal(QUOTE)}, escape = {literal(QUOTE)}",
        "hive_partitioning = false",
        f"compression = '{compression}'",
        "strict_mode = true",
    ]
    if shape.over_lines:
        # Where a line begins inside a quoted text, only reading from the start tells.
        options.append("parallel = false")
    # Lines are short as a rule: small buffers take a fraction of the memory and no more time.
    buffers = line_limit(shape.longest) or f", buffer_size = {_BUFFER}"
    return f"read_csv({literal(str(path))}, {', '.join(options)}{buffers})"
