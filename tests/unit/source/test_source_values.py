"""Every value is read as plain Python reads it, whichever way it is written."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rental_etl.model.contract import Column, Contract
from rental_etl.quality.rules import FINE, ROUNDED, UNREADABLE
from rental_etl.source.manner import Manner
from rental_etl.source.session import session
from rental_etl.source.sql_text import literal
from rental_etl.source.typed_rows import typed_rows
from source.plain_reader import Habits, UnreadableError, is_rounded, same_bits, value

LAST_DAY = date(2027, 12, 31)
COLUMNS = {
    "int64": Column("v", "int64"),
    "decimal": Column("v", "decimal", 18, 2),
    "narrow": Column("v", "decimal", 5, 1),
    "rate": Column("v", "decimal", 18, 8),
    "float64": Column("v", "float64"),
    "bool": Column("v", "bool"),
    "date": Column("v", "date"),
    "timestamp": Column("v", "timestamp"),
    "text": Column("v", "text"),
    "upper": Column("v", "text", case="upper"),
    "words": Column("v", "text", case="lower", words={"cancelled": "canceled"}),
}

digits = st.text("0123456789", min_size=1, max_size=4)
number_texts = st.one_of(
    st.integers(-(2**64), 2**64).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**17), max_value=10**17).map(str),
    st.text("0123456789+-.,eE_x$ ", max_size=9),
    st.builds("{}{}.{}".format, st.sampled_from(["", "-", "+"]), digits, st.text("0459", max_size=12)),
    st.builds("{},{:03}.{}".format, st.integers(0, 9999), st.integers(0, 999), digits),
    st.builds("{}.{:03},{}".format, st.integers(0, 9999), st.integers(0, 999), digits),
    st.sampled_from(
        ["9223372036854775807", "9223372036854775808", "-9223372036854775808", "12.0", "12.5", "1e3", "0x10"]
    ),
    st.sampled_from(
        ["9999999999999999.994", "9999999999999999.995", "9999.95", "9999.94", "-0", "-0.004", "1_000", "12."]
    ),
    st.sampled_from([".5", "-.5", ".", "-", "+", "inf", "Infinity", "1" + "0" * 400, "0." + "0" * 60 + "1", "١٢"]),
)
two = st.one_of(st.integers(0, 60).map("{:02}".format), st.integers(0, 13).map(str))
years = st.one_of(st.sampled_from(["1999", "2000", "2023", "2024", "2027", "2028", "0024", "24", "12024"]))
dates = st.builds("{1}{0}{2}{0}{3}".format, st.sampled_from(["-", "/", "."]), years, two, two) | st.builds(
    "{3}{0}{2}{0}{1}".format, st.sampled_from(["-", "/", "."]), years, two, two
)
zones = st.one_of(
    st.sampled_from(
        ["", "Z", "z", " UTC", "UTC", " Z", "+00", "+05:30", "-0330", " +02:00", "+19:00", "+05:60", "+5", "CET"]
    ),
    st.builds("{}{}:{}".format, st.sampled_from("+-"), two, two),
)
clocks = st.builds(
    "{}{}:{}{}{}".format,
    st.sampled_from(["T", " ", "t", "  ", ""]),
    two,
    two,
    st.one_of(
        st.just(""), st.builds(":{}".format, two), st.builds(":{}{}{}".format, two, st.sampled_from(".,"), digits)
    ),
    zones,
)
fixed = st.datetimes(min_value=datetime(1999, 12, 30), max_value=datetime(2028, 1, 3))
date_texts = st.one_of(
    st.builds("{}{}".format, dates, st.one_of(st.just(""), clocks)),
    fixed.map(str),
    fixed.map(lambda moment: moment.isoformat(timespec="seconds")),
    fixed.map(lambda moment: moment.strftime("%d/%m/%Y %H:%M")),
    fixed.map(lambda moment: str(moment.date())),
    st.sampled_from(["2024-02-29", "2023-02-29", "2024-03-31 02:30:00", "2024-10-27 02:30:00", "2024-10-27 03:00:00"]),
    st.sampled_from(
        ["infinity", "epoch", "2024-01-01 (BC)", "2024-1-5", "20240105", "2024-01-05T", "2024-01-05 24:00"]
    ),
)
word_texts = st.one_of(
    st.sampled_from(
        ["true", "TRUE", "tRue", "1", "0", "y", "N", "yes", "oN", "Off", "1.0", "2", "ja", "nein", "OK", "ok"]
    ),
    st.sampled_from(["usd", "USD", "Cancelled", "CANCELED", "no_show", "confirmed"]),
    st.text("aZ é_'\\\"\t\n\x0b\x00,;n\u00a0", max_size=6),
)
nulls = st.sampled_from(["", " ", "null", "NULL", "Null", "None", "NaN", "nan", "NONE", "nil", "nUll", "\tnull\r\n"])
texts = st.one_of(number_texts, date_texts, word_texts, nulls)
padded = st.builds(
    "{}{}{}".format, st.sampled_from(["", "", "", " ", "\t", "\n"]), texts, st.sampled_from(["", "", " ", "\r\n"])
)

ways = st.builds(
    Habits,
    last_day=st.just(LAST_DAY),
    day_first=st.sampled_from([True, False, None]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    words=st.sampled_from([{}, {"ok": "confirmed", "12.0": "", "none": "1"}]),
)
formats = st.sampled_from([("", "."), (",", "."), (".", ",")])


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with session(memory="500MB", threads=1, temp=tmp_path_factory.mktemp("temp")) as opened:
        yield opened


def quoted(text: str) -> str:
    """A literal, also of a text with NUL, which no literal can hold."""
    return "concat(" + ", chr(0), ".join(literal(part) for part in text.split("\0")) + ")"


def manner_of(habits: Habits) -> Manner:
    orders: dict[bool | None, Any] = {True: "day_first", False: "month_first", None: "iso"}
    number_formats: dict[tuple[str, str], Any] = {("", "."): "1234.50", (",", "."): "1,234.50", (".", ","): "1.234,50"}
    return Manner(
        last_day=habits.last_day,
        date_order=orders[habits.day_first],
        number_format=number_formats[habits.grouping, habits.point],
        time_zone=habits.zone,
        values={"v": habits.words},
    )


def read_by_engine(
    connection: duckdb.DuckDBPyConnection, column: Column, delivered: list[str], habits: Habits
) -> list[tuple[Any, int]]:
    contract = Contract("t", "", (column,))
    rows = ", ".join(f"({quoted(text)})" for text in delivered)
    relation = f"(values {rows}) as delivered(c_v)"
    sql = typed_rows(contract, relation=relation, natives={"v": False}, manner=manner_of(habits))
    marks = {None: FINE, "unreadable_value:v": UNREADABLE, "rounded:v": ROUNDED}
    return [(found, marks[warning]) for found, _, warning in connection.execute(sql).fetchall()]


def read_plainly(column: Column, text: str, habits: Habits) -> tuple[Any, int]:
    try:
        found = value(column, text, habits)
    except UnreadableError:
        return None, UNREADABLE
    return found, ROUNDED if found is not None and is_rounded(column, text, habits) else FINE


def comparable(answer: tuple[Any, int]) -> tuple[Any, int]:
    found, mark = answer
    return (same_bits(found) if isinstance(found, float) else found), mark


@settings(max_examples=150, deadline=None)
@given(data=st.data(), kind=st.sampled_from(sorted(COLUMNS)), habits=ways, number_format=formats)
def test_every_text_is_read_as_plain_python_reads_it(
    connection: duckdb.DuckDBPyConnection,
    data: st.DataObject,
    kind: str,
    habits: Habits,
    number_format: tuple[str, str],
) -> None:
    """The fast way may only accept what the careful way, and the plain reader, read the same."""
    column = COLUMNS[kind]
    habits = replace(habits, grouping=number_format[0], point=number_format[1])
    likely = {"date": date_texts, "timestamp": date_texts, "bool": word_texts, "text": word_texts, "words": word_texts}
    delivered = data.draw(st.lists(st.one_of(likely.get(kind, number_texts), padded), min_size=1, max_size=60))
    expected = [(text, comparable(read_plainly(column, text, habits))) for text in delivered]
    answers = read_by_engine(connection, column, delivered, habits)
    assert expected == [(text, comparable(answer)) for text, answer in zip(delivered, answers, strict=True)]
