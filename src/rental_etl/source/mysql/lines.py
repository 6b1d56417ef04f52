"""SQL by which the server itself writes each row as one line of text: every value exact, whatever its type, in the form the reading rules know best.

A line holds the contract's columns that the table has, in contract order; null is an empty field. One value per row is much cheaper to fetch than many, and
text cannot make a driver fall over. There are two ways to write a line. The plain one only joins the values, by a character that text hardly ever holds,
which whoever fetches the lines counts. The careful one also quotes text, and says in a last field what kept the row from being written exactly ("" for
nothing): for bytes that may be no text, for rows that exceed a packet, and for text that does hold the character.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rental_etl.model.contract import Column, Contract
from rental_etl.model.reading import TableReading
from rental_etl.source.mysql.catalog import StoredColumn, StoredTable, quote

TROUBLE = "_trouble"
QUOTE = "\x01"
# Joins the values of a plain line.
SEPARATOR = "\x1f"
TOO_LONG = "row_too_long"
NOT_TEXT = "not_text"

_WHOLE = frozenset({"tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year"})
_NUMBERS = _WHOLE | {"bit", "decimal", "float", "double"}
_MOMENTS = frozenset({"date", "datetime", "timestamp"})
_BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "geometry", "point", "vector"})
# What fits into a packet on every server, also with every quote doubled: below this no line can be too long.
_SURELY_FITS = 256 * 1024


@dataclass(frozen=True, slots=True)
class LineQuery:
    """How to select a table's rows as lines: the expression, the header that names its fields, what stands between them, and which contract columns are
    written so that their text casts to the contract's type or to nothing. `careful` is the query to ask when plain lines cannot be split."""

    expression: str
    header: tuple[str, ...]
    separator: str = ","
    typed: tuple[str, ...] = ()
    careful: "LineQuery | None" = None

    def sql(self, table: StoredTable, *, where: str = "", order: str = "") -> str:
        """The statement."""
        condition = f" where {where}" if where else ""
        ordering = f" order by {order}" if order else ""
        return f"select {self.expression} from {table.quoted}{condition}{ordering}"


def line_query(table: StoredTable, *, contract: Contract, reading: TableReading, cursor: bool) -> LineQuery:
    """Lines of the columns that a table has, plain ones where they can be; with `cursor` its cursor column is one more, so that content changes when it
    does."""
    wanted = [column for column in contract.columns if column.name in table.columns]
    typed = tuple(column.name for column in wanted if _is_typed(table.columns[column.name], column, reading))
    careful = _careful(table, wanted, contract=contract, reading=reading, typed=typed, cursor=cursor)
    if any(column.type in _BYTES for column in table.columns.values()):
        return careful
    fields = [_plain_field(table.columns[column.name], column, reading, name=column.name in typed) for column in wanted]
    fields += [quote(table.cursor.name)] if cursor and table.cursor is not None else []
    line = f"concat_ws('{SEPARATOR}', {', '.join(map(_plain, fields))})"
    return LineQuery(line, careful.header[:-1], SEPARATOR, typed, careful)


def _careful(
    table: StoredTable,
    wanted: Sequence[Column],
    *,
    contract: Contract,
    reading: TableReading,
    typed: tuple[str, ...],
    cursor: bool,
) -> LineQuery:
    fields = {column.name: _field(table.columns[column.name], column, reading) for column in wanted}
    header = list(fields)
    if cursor and table.cursor is not None:
        fields["_cursor"] = _plain(quote(table.cursor.name))
        header.append("_cursor")
    line = _line([*fields.values(), _not_text(table)])
    if _may_be_long(table):
        # CONCAT gives NULL for what exceeds max_allowed_packet. The key and the cursor are short.
        known = {column.name for column in contract.key} | {"_cursor"}
        short = _line([*(field if name in known else "''" for name, field in fields.items()), f"'{TOO_LONG}'"])
        line = f"ifnull({line}, {short})"
    return LineQuery(line, (*header, TROUBLE), typed=typed)


def compared(table: StoredTable, *, contract: Contract) -> str:
    """The order in which a later row wins: by cursor, then column by column. Text compares by its bytes, not by the rules of a language."""
    columns = [table.columns[column.name] for column in contract.columns if column.name in table.columns]
    parts = [table.cursor] if table.cursor else []
    return ", ".join(
        f"cast({quote(column.name)} as binary)" if column.octets else quote(column.name)
        for column in [*parts, *columns]
    )


def by_key(table: StoredTable, *, contract: Contract) -> str:
    """Any order that is the same every time."""
    if table.unique:
        return ", ".join(quote(table.columns[column.name].name) for column in contract.key)
    return compared(table, contract=contract)


def _line(fields: list[str]) -> str:
    return "concat(" + ", ',', ".join(fields) + ", '\\n')"


def _is_typed(stored: StoredColumn, column: Column, reading: TableReading) -> bool:
    """Whether the text of every value casts to the contract's type exactly, or to nothing. A cast of a text with more digits would round in silence."""
    if column.type == "int64":
        return stored.type in _WHOLE or (stored.type == "decimal" and not stored.scale)
    if column.type == "decimal":
        exact = stored.type in _WHOLE or (stored.type == "decimal" and stored.scale <= column.scale)
        return exact and reading.number_format != "1.234,50"
    if column.type == "date":
        return stored.type in _MOMENTS
    local = stored.type == "timestamp" and reading.time_zone != "UTC"
    return column.type == "timestamp" and stored.type in _MOMENTS and not local


def _plain_field(stored: StoredColumn, column: Column, reading: TableReading, *, name: bool) -> str:
    """A value of a plain line; by its mere `name` where the type says it all."""
    if name and column.type != "date":
        return quote(stored.name)
    if stored.type in _NUMBERS:
        return _number(quote(stored.name), stored, reading)
    if stored.type in _MOMENTS:
        return _moment(quote(stored.name), stored, column, reading)
    return _utf8(stored)


def _utf8(stored: StoredColumn) -> str:
    """Text in UTF-8. A binary collation: others may find a control character equal to nothing, and cannot be mixed in one CONCAT."""
    name = quote(stored.name)
    if stored.charset == "utf8mb4":
        return f"{name} collate utf8mb4_bin"
    shown = name if stored.octets or stored.type in _BYTES else f"cast({name} as char)"
    return f"convert({shown} using utf8mb4) collate utf8mb4_bin"


def _field(stored: StoredColumn, column: Column, reading: TableReading) -> str:
    name = quote(stored.name)
    if stored.type in _NUMBERS:
        return _plain(_number(name, stored, reading))
    if stored.type in _MOMENTS:
        return _plain(_moment(name, stored, column, reading))
    return _quoted(_utf8(stored))


def _number(name: str, stored: StoredColumn, reading: TableReading) -> str:
    """A number in the form in which the settings say that numbers are written."""
    if stored.type in _WHOLE:
        return name
    if stored.type == "bit":
        return f"cast({name} as unsigned)"
    value = name
    if stored.type in ("float", "double"):
        # FLOAT is shown with 6 digits unless it is computed with.
        shown = f"cast(({name} + 0e0) as char)"
        value = f"if(locate('e', {shown}), {_written_out(shown)}, {shown})"
    return f"replace({value}, '.', ',')" if reading.number_format == "1.234,50" else value


def _moment(name: str, stored: StoredColumn, column: Column, reading: TableReading) -> str:
    """A date or time as the usual way of reading knows it: without zeros after the second; a date without its time where a date is wanted."""
    if column.type == "date":
        return name if stored.type == "date" else f"left({name}, 10)"
    if stored.type == "date":
        return f"concat({name}, ' 00:00:00')" if column.type == "timestamp" else name
    shown = name
    if stored.scale:
        # Most moments are whole seconds, and cutting is much cheaper than trimming.
        trimmed = f"trim(trailing '0' from {name})"
        shown = f"if(microsecond({name}) = 0, left({name}, 19), {trimmed})"
    # The session's zone is UTC; only where the user says that times are local ones is there anything to tell apart.
    if stored.type == "timestamp" and column.type == "timestamp" and reading.time_zone != "UTC":
        return f"concat({shown}, '+00:00')"
    return shown


def _written_out(value: str) -> str:
    """A number with an exponent, such as -1.5e-7, without it: an exponent is the database's way to show it, not a way to deliver numbers."""
    sign = f"if(left({value}, 1) = '-', '-', '')"
    digits = f"replace(replace(substring_index({value}, 'e', 1), '-', ''), '.', '')"
    power = f"cast(substring_index({value}, 'e', -1) as signed)"
    small = f"concat('0.', repeat('0', -{power} - 1), {digits})"
    whole = f"left(rpad({digits}, greatest({power} + 1, length({digits})), '0'), {power} + 1)"
    rest = f"substr({digits}, {power} + 2)"
    large = f"concat({whole}, if(length({digits}) > {power} + 1, concat('.', {rest}), ''))"
    return f"concat({sign}, if({power} < 0, {small}, {large}))"


def _plain(value: str) -> str:
    return f"ifnull({value}, '')"


def _quoted(value: str) -> str:
    return f"ifnull(concat('{QUOTE}', replace({value}, '{QUOTE}', '{2 * QUOTE}'), '{QUOTE}'), '')"


def _not_text(table: StoredTable) -> str:
    """What tells that bytes are not text in UTF-8, which then cannot be delivered as such."""
    tests = [
        f"({quote(column.name)} is not null and"
        f" not (ifnull(cast(convert({quote(column.name)} using utf8mb4) as binary), '') <=> {quote(column.name)}))"
        for column in table.columns.values()
        if column.type in _BYTES
    ]
    return f"if({' or '.join(tests)}, '{NOT_TEXT}', '')" if tests else "''"


def _may_be_long(table: StoredTable) -> bool:
    columns = table.columns.values()
    unbounded = any(_is_text(column) and not column.octets for column in columns)
    return unbounded or sum(column.octets for column in columns) > _SURELY_FITS


def _is_text(column: StoredColumn) -> bool:
    return column.type not in _NUMBERS and column.type not in _MOMENTS
