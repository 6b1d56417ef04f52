"""Small pieces of SQL text. Values are written into the text: bound parameters make DuckDB's driver load pandas and pyarrow."""

from collections.abc import Iterable


def literal(value: str) -> str:
    """A string literal; blanks that an editor would not show are written as escapes."""
    if any(character < " " for character in value):
        escaped = "".join(f"\\x{ord(character):02x}" if character < " " else character for character in _doubled(value))
        return f"E'{escaped}'"
    return "'" + value.replace("'", "''") + "'"


def one_of(expression: str, values: Iterable[str]) -> str:
    """Whether an expression, evaluated once, is one of some texts."""
    # Not `in (...)`: DuckDB turns that into a join, which costs, and gives the rows in another order.
    return f"list_contains([{', '.join(map(literal, values))}]::varchar[], {expression})"


def among(column: str, values: Iterable[str]) -> str:
    """Whether a column is one of a few texts: cheap when most rows are none."""
    return "(" + " or ".join(f"{column} = {literal(value)}" for value in values) + ")"


def name(text: str) -> str:
    """A quoted name."""
    return '"' + text.replace('"', '""') + '"'


def _doubled(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def line_limit(longest: int) -> str:
    """Further options of a CSV scan whose longest record has so many bytes. The engine's own limit is 2 MB, and its buffers must hold a record."""
    if longest <= 2_000_000:
        return ""
    return f", max_line_size = {longest + 1000}, buffer_size = {max(32_000_000, 3 * longest)}"
