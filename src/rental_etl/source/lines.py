"""The lines of a file, read a block at a time and ahead as far as a record needs."""

from collections.abc import Iterator
from pathlib import Path

from rental_etl.source.stopping import go_on

_BLOCK = 1 << 20


class Lines:
    """A window on the lines of a file, with their ends: line feeds or (an old custom) carriage returns.

    `block` is the window's text while it is one untouched block of whole lines; `at` is the place of the next line in `window`, and `before` the number
    of lines before the window. `size` is that of a block in bytes.
    """

    def __init__(self, path: Path, *, by_returns: bool = False, size: int = _BLOCK) -> None:
        self.block = b""
        self.at = 0
        self.before = 0
        self._window: list[bytes] | None = []
        self._end = b"\r" if by_returns else b"\n"
        self._blocks = _blocks(path, self._end, size)

    @property
    def window(self) -> list[bytes]:
        """The lines of the window."""
        if self._window is None:
            self._window = _split(self.block, self._end)
        return self._window

    @property
    def number(self) -> int:
        """The number, from 1, of the next line."""
        return self.before + self.at + 1

    def fill(self) -> bool:
        """Make sure that there is a next line; False at the end of the file."""
        if self._window is None or self.at < len(self._window):
            return True
        self.before += len(self._window)
        self.at = 0
        self.block = next(self._blocks, b"")
        self._window = None if self.block else []
        return bool(self.block)

    def pass_block(self, lines: int) -> None:
        """Take the whole window, which is one block of so many lines."""
        self.before += lines
        self._window = []
        self.block = b""

    def peek(self, distance: int) -> bytes:
        """The line `distance` lines after the next; empty beyond the end of the file."""
        while self.at + distance >= len(self.window):
            more = next(self._blocks, b"")
            if not more:
                return b""
            self.before += self.at
            self._window = [*self.window[self.at :], *_split(more, self._end)]
            self.at = 0
            self.block = b""
        return self.window[self.at + distance]

    def take(self, count: int = 1) -> bytes:
        """The next lines, as one text; fewer at the end of the file."""
        self.peek(count - 1)
        taken = self.window[self.at : self.at + count]
        self.at += len(taken)
        return b"".join(taken)


def without_end(line: bytes) -> bytes:
    """A line, or a record of several, without the last line's end."""
    if line.endswith(b"\r\n"):
        return line[:-2]
    return line[:-1] if line.endswith((b"\n", b"\r")) else line


def _blocks(path: Path, end: bytes, size: int) -> Iterator[bytes]:
    """The file's text, cut after line ends."""
    with path.open("rb", buffering=0) as file:
        rest: list[bytes] = []
        while chunk := file.read(size):
            go_on()
            cut = chunk.rfind(end) + 1
            if not cut:
                rest.append(chunk)
                continue
            yield b"".join([*rest, chunk[:cut]])
            rest = [chunk[cut:]] if cut < len(chunk) else []
        if rest:
            yield b"".join(rest)


def _split(block: bytes, end: bytes) -> list[bytes]:
    """The lines of a block, with their ends."""
    lines = block.split(end)
    last = lines.pop()
    return [line + end for line in lines] + ([last] if last else [])
