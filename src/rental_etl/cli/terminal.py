"""Tables for people, on stdout or stderr: aligned, fitted to a terminal, whole where no terminal is.

Text from data is shown as it is but for control characters, which a terminal would obey.
"""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import islice
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

NULL = "∅"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WORDS = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_TEXT_WIDTH = 40
# Wider than any table: nothing is cut where a file or a program reads.
_ENDLESS = 1_000_000


def cell(value: Any) -> str:
    """One value as people read it."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return str(value).lower()
    return _CONTROL.sub(lambda match: _WORDS.get(match[0], f"\\x{ord(match[0]):02x}"), str(value))


def say(text: str, stream: TextIO) -> None:
    """Write a line."""
    stream.write(text + "\n")


def heading(text: str, stream: TextIO) -> None:
    """Write a line that stands out, after an empty one."""
    from rich.text import Text

    console(stream).print(Text("\n" + text, style="bold"))


def listing(columns: Sequence[str], rows: Iterable[Sequence[Any]], stream: TextIO, *, indent: int = 2) -> None:
    """Write a small table without lines; on a terminal its last column is cut to what fits."""
    found = [list(row) for row in rows]
    texts = [[f"{value:,}" if isinstance(value, int) else cell(value) for value in row] for row in found]
    room = width(stream) - indent - sum(_width(columns, texts, place) + 2 for place in range(len(columns) - 1))
    for row in texts:
        row[-1] = _cut(row[-1], max(room, _TEXT_WIDTH // 2))
    numeric = [all(isinstance(value, int) for value in column) for column in zip(*found, strict=True)]
    _print(stream, columns, texts, numeric=numeric, lined=False, indent=indent)


def answer(columns: Sequence[str], rows: Iterable[Sequence[Any]], stream: TextIO, *, limit: int) -> bool:
    """Write the first `limit` rows of an answer as a table, or one value a line when the table is wider than the terminal.

    Returns whether there were more.
    """
    iterator = iter(rows)
    found = list(islice(iterator, limit))
    texts = [[cell(value) for value in row] for row in found]
    numeric = [
        all(
            value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))
            for value in column
        )
        for column in zip(*found, strict=True)
    ]
    shortened = [[_cut(text, _TEXT_WIDTH) for text in row] for row in texts] if stream.isatty() else texts
    needed = sum(_width(columns, shortened, place) + 3 for place in range(len(columns)))
    if needed <= width(stream) + 3:
        _print(stream, columns, shortened, numeric=numeric, lined=True, indent=0)
    else:
        _print_upright(stream, columns, texts)
    return next(iterator, None) is not None


def fitted(text: str, stream: TextIO, *, indent: int) -> str:
    """A value's text on one line after `indent` blanks, cut to what fits where `stream` is a terminal."""
    return " " * indent + _cut(cell(text), width(stream) - indent)


def console(stream: TextIO) -> "Console":
    """A Rich console that prints what it is given and nothing more, and cuts or wraps nothing."""
    from rich.console import Console

    return Console(file=stream, width=_ENDLESS, markup=False, highlight=False, emoji=False)


def width(stream: TextIO) -> int:
    """Columns of the terminal; without bound where no terminal is."""
    return get_terminal_size().columns if stream.isatty() else _ENDLESS


def _print(
    stream: TextIO,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numeric: Sequence[bool],
    lined: bool,
    indent: int,
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.padding import Padding
    from rich.table import Table

    table = Table(
        box=SIMPLE_HEAD if lined else None,
        pad_edge=False,
        padding=(0, 1),
        header_style="bold",
        show_edge=False,
        show_header=any(columns),
    )
    for place, name in enumerate(columns):
        right = bool(numeric) and numeric[place]
        table.add_column(name, justify="right" if right else "left", no_wrap=True, overflow="crop")
    for row in rows:
        table.add_row(*row)
    screen = console(stream)
    with screen.capture() as printed:
        screen.print(Padding(table, (0, 0, 0, indent), expand=False))
    stream.write("".join(f"{line.rstrip()}\n" for line in printed.get().splitlines()))


def _print_upright(stream: TextIO, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    screen = console(stream)
    longest = max(map(len, columns))
    for number, row in enumerate(rows, start=1):
        screen.print(f"row {number}", style="bold")
        for name, text in zip(columns, row, strict=True):
            screen.print(f"  {name.ljust(longest)}  {text}", soft_wrap=True)


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]], place: int) -> int:
    from rich.cells import cell_len

    return max([cell_len(columns[place]), *(cell_len(row[place]) for row in rows)])


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
