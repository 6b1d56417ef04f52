"""Regular files are recognised in blocks exactly as they are record by record."""

import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rental_etl.source import survey as module
from rental_etl.source.records import REGULAR, Records, Splitter
from rental_etl.source.survey import Survey, survey

fields = st.sampled_from(
    [b"", b"a", b"bc", b'"a,b"', b'"a{end}b"', b'"{end}"', b'"a""b"', b'""', b'"', b' "a"', b"\xc3\xa9"]
)
lines = st.lists(st.one_of(st.tuples(fields, fields), st.tuples(fields), st.just(())), max_size=12)


def by_record(path: Path) -> Survey | None:
    """The same, by judging every record."""
    count = longest = 0
    over_lines = False
    for _, run, verdict in Records(path, Splitter(","), width=2, header_lines=1).runs():
        if verdict != REGULAR:
            return None
        count += len(run)
        longest = max(longest, *map(len, run))
        over_lines = over_lines or any(b"\n" in record for record in run)
    return Survey(count, longest, over_lines)


@settings(max_examples=500, deadline=None)
@given(lines=lines, end=st.sampled_from([b"\n", b"\r\n"]), ends=st.booleans(), block=st.integers(1, 40))
@example(lines=[(b"a", b'"b"')], end=b"\r\n", ends=True, block=12)
@example(lines=[(b'"a{end}b"', b"c"), (b"d", b"e")], end=b"\n", ends=False, block=9)
@example(lines=[(b"a", b"bc")], end=b"\n", ends=False, block=7)
def test_wherever_blocks_end(lines: list[tuple[bytes, ...]], end: bytes, ends: bool, block: int) -> None:
    """A block may end inside a field, a quote, a pair of quotes or a line end."""
    body = end.join(b",".join(line).replace(b"{end}", end) for line in lines) + (end if ends else b"")
    with tempfile.TemporaryDirectory() as folder, patch.object(module, "_BLOCK", block):
        path = Path(folder) / "x.csv"
        path.write_bytes(b"h,i" + end + body)
        found, expected = survey(path, Splitter(","), width=2, header_lines=1), by_record(path)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (found.records, found.over_lines) == (expected.records, expected.over_lines)
        assert expected.longest <= found.longest <= expected.longest + len(end)


def test_a_record_beyond_all_patience_is_left_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One lost quote must not make the rest of a file be looked at again and again."""
    monkeypatch.setattr(module, "_BLOCK", 64)
    monkeypatch.setattr(module, "_PATIENCE", 256)
    path = tmp_path / "x.csv"
    path.write_bytes(b'h,i\n1,"lost\n' + b"2,3\n" * 1000)
    assert survey(path, Splitter(","), width=2, header_lines=1) is None
