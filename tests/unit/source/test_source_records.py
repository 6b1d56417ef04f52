"""Every CSV text is split as a reader splits it that goes character by character, whether it is trusted, checked or written out anew."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rental_etl.errors import InputError
from rental_etl.model.contract import Column, Contract
from rental_etl.model.reading import TableReading
from rental_etl.source.conversion import convert
from rental_etl.source.csv_file import CsvFile
from rental_etl.source.layout import layout
from rental_etl.source.manner import Manner
from rental_etl.source.plain_text import plain_text
from rental_etl.source.session import session
from source.plain_reader import BLANKS, NULLS, Record, records

MANNER = Manner(last_day=date(2027, 12, 31))
# A few damaged records are quarantined; many make the whole file suspicious, which is another test's matter.
pieces = st.sampled_from(
    [
        b'"',
        b'""',
        b",",
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"\t",
        b"a",
        b"1",
        b"\\",
        b"'",
        "é".encode(),
        b"\xff",
        b"\x00",
        b"null",
    ]
)
wild = st.lists(pieces, max_size=30).map(b"".join)
field = st.one_of(
    st.sampled_from(
        [
            b"",
            b"a",
            b" a ",
            b"1",
            b'"a,b"',
            b'"a\nb"',
            b'"a\r\nb"',
            b'"a""b"',
            b'""',
            b' "a" ',
            b'a"b',
            b'"a"b',
            b'"a',
            "é".encode(),
        ]
    ),
    st.lists(pieces, max_size=3).map(b"".join),
)
rows = st.lists(st.lists(field, min_size=2, max_size=4).map(b",".join), max_size=8)
tame = st.builds(
    lambda end, lines, last: end.join(lines) + last,
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    rows,
    st.sampled_from([b"", b"\n", b"\r\n"]),
)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with session(memory="500MB", threads=2, temp=tmp_path_factory.mktemp("temp")) as opened:
        yield opened


def contract_of(width: int) -> Contract:
    return Contract("t", "", tuple(Column(name, "text") for name in "abc"[:width]))


def read_by_engine(
    connection: duckdb.DuckDBPyConnection, content: bytes, width: int, *, delimiter: str = ",", distrust: int = 0
) -> list[Record]:
    """Rows and rejects of a CSV text. `distrust` makes the file be looked at more closely so many times before it is read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(content)
        text = plain_text(path, name="t.csv", table="t", encoding="utf-8", scratch=Path(folder))
        reading = TableReading(delimiter=delimiter)
        file = CsvFile(
            text, layout(text, contract=contract_of(width), reading=reading), table="t", scratch=Path(folder)
        )
        for _ in range(distrust):
            file.doubt()
        target = Path(folder) / "rows.parquet"
        converted = convert(file, contract=contract_of(width), manner=MANNER, connection=connection, target=target)
        names = ", ".join(contract_of(width).names)
        landed = connection.execute(f"select {names} from '{target}'").fetchall()
        placed = {ordinal: (line, text) for ordinal, line, text in file.locate(range(converted.rows))}
        found = []
        for ordinal, values in enumerate(landed):
            line, text_of_row = placed[ordinal]
            fields = tuple("" if value is None else value for value in values)
            found.append(Record(line, text_of_row.encode(), tuple(value.encode() for value in fields)))
        if file.rejected:
            rejects = connection.execute(
                f"select column1, column2, column3 from read_csv('{file.rejects}', header = false, auto_detect = false, new_line = '\\n', delim = ',',"
                " quote = '\"', escape = '\"', columns = {'column0': 'varchar', 'column1': 'bigint', 'column2': 'varchar', 'column3': 'varchar'})"
            ).fetchall()
            found += [Record(line, text.encode(), problem=rule) for line, rule, text in rejects]
        assert file.rejected.total() == len(found) - len(landed)
        return sorted(found, key=lambda record: record.line)


def read_plainly(content: bytes, width: int, delimiter: str = ",") -> list[Record]:
    found = records(content, delimiter=delimiter.encode(), width=width)
    return [
        replace(
            record,
            text=record.text.decode(errors="backslashreplace").encode(),
            fields=tuple(meant(field) for field in record.fields),
        )
        for record in found
    ]


def meant(field: bytes) -> bytes:
    """A text column's value: trimmed, and empty when it is a word for null."""
    text = field.decode().strip(BLANKS)
    return b"" if text in NULLS else text.encode()


@settings(max_examples=400, deadline=None)
@given(
    body=st.one_of(wild, tame),
    width=st.sampled_from([1, 2, 3]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    distrust=st.sampled_from([0, 0, 1, 2]),
)
@example(body=b'1,"a"\n\n2,"b\n', width=2, delimiter=",", distrust=0)
@example(body=b'1,"a" "b"\n2,3\n', width=2, delimiter=",", distrust=0)
@example(body=b"1,2,,\n3,4\n", width=2, delimiter=",", distrust=0)
@example(body=b"1,2\r3,4\r", width=2, delimiter=",", distrust=0)
@example(body=b"1,2\r\n3,4\r", width=2, delimiter=",", distrust=0)
def test_every_text_is_split_as_plain_python_splits_it(
    connection: duckdb.DuckDBPyConnection, body: bytes, width: int, delimiter: str, distrust: int
) -> None:
    """Trusting, checking and writing out must not differ: speed is no reason for other rows."""
    end = b"\r" if b"\n" not in body and b"\r" in body else b"\n"
    content = (delimiter.join("abc"[:width])).encode() + end + body.replace(b",", delimiter.encode())
    expected = read_plainly(content, width, delimiter)
    try:
        answer = read_by_engine(connection, content, width, delimiter=delimiter, distrust=distrust)
    except InputError:
        assert sum(record.problem == "undecodable_bytes" for record in expected) > 3
        return
    assert expected == answer
