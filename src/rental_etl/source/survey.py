"""Looks through a file of quoted text at the speed of a regular expression: is every record regular, and how many are there?

Reads the file in blocks; writes nothing. Says nothing about what is wrong where something is: that is for those who judge record by record.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rental_etl.source.records import Splitter
from rental_etl.source.stopping import go_on

_BLOCK = 1 << 20
_LINE_FEED = ord("\n")
# A record that is longer is for others to judge.
_PATIENCE = 4 * _BLOCK


@dataclass(frozen=True, slots=True)
class Survey:
    """A file of regular records: how many, the longest in bytes (with its line end), and whether one takes more than one line."""

    records: int
    longest: int
    over_lines: bool


def survey(path: Path, splitter: Splitter, *, width: int, header_lines: int) -> Survey | None:
    """Look at all records after the header; None when one of them is not regular, or may not be.

    The file has to be text in UTF-8 whose line ends are all alike. Blank lines are no records.
    """
    # A line is a record or blank. Whatever else is there matches as one byte, so that nothing is searched for.
    line = re.compile(rb"(%b)?(?:\r?\n|\Z)|(.)" % splitter.regular(width).pattern, re.DOTALL)
    records = longest = ends = feeds = 0
    rest = b""
    for block, last in _blocks(path, header_lines):
        text = rest + block
        at = 0
        for match in line.finditer(text):
            end = match.end()
            # What ends without a line end may go on in the next block.
            if match.lastindex == 2 or (end == len(text) and not last and not text.endswith(b"\n")):
                break
            if match.lastindex == 1:
                records += 1
                longest = max(longest, end - at)
            ends += end > at and text[end - 1] == _LINE_FEED
            at = end
        feeds += text.count(b"\n", 0, at)
        rest = text[at:]
        if len(rest) > _PATIENCE or (last and rest):
            return None
    return Survey(records, longest, over_lines=feeds > ends)


def _blocks(path: Path, header_lines: int) -> Iterator[tuple[bytes, bool]]:
    """The file after its header in blocks, each with whether it is the last."""
    with path.open("rb") as file:
        for _ in range(header_lines):
            file.readline()
        block = file.read(_BLOCK)
        while block:
            go_on()
            following = file.read(_BLOCK)
            yield block, not following
            block = following
