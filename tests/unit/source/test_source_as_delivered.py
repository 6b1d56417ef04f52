"""A value stays the text it was delivered as only when that is, byte for byte, how its type is written."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import duckdb
import pytest

from rental_etl.model.contract import Column, Contract
from rental_etl.model.reading import TableReading
from rental_etl.source.manner import Manner, manner
from rental_etl.source.sql_text import literal
from rental_etl.source.typed_rows import compared_rows, marked_groups
from rental_etl.tables.contracts import contracts

DAY = date(2024, 6, 30)
SPELLINGS = (
    *(
        "0",
        "7",
        "-7",
        "+7",
        "007",
        " 7",
        "7 ",
        "7.0",
        "-0",
        "1e3",
        "9223372036854775807",
        "9223372036854775808",
        "1,000",
    ),
    *(
        "0.50",
        "0.5",
        ".5",
        "-.50",
        "1.005",
        "-0.00",
        "00.50",
        "1234567890123456.78",
        "12345678901234567.00",
        "0.1",
        "1e-7",
    ),
    *("true", "TRUE", "True", "1", "0", "yes", "no", "1.0", "f"),
    *(
        "2024-01-05",
        "2024-1-5",
        "05/01/2024",
        "1999-12-31",
        "2030-01-01",
        "2024-02-30",
        "2024-01-05 ",
        "2024-01-05T00:00:00",
    ),
    *(
        "2024-01-05 10:00:00",
        "2024-01-05 10:00",
        "2024-01-05 10:00:00.5",
        "2024-01-05 10:00:00.500000",
        "2024-01-05 10:00:00Z",
    ),
    *("2024-01-05 10:00:00+02", "2024-03-10 02:30:00", "2024-01-05 24:00:00"),
    *(
        "null",
        "NULL",
        "Null",
        "None",
        "NaN",
        "nan",
        "\\N",
        "text",
        " text",
        "text\t",
        "USD",
        "usd",
        "US_D",
        "cancelled",
        "canceled",
    ),
    *("a\\b", "it's", "é", "\u200b", "\u00a0", "\x00", "a b"),
)
MANNERS = {
    "as usual": TableReading(),
    "another zone": TableReading(time_zone="America/New_York"),
    "other numbers": TableReading(number_format="1.234,50"),
    "grouped numbers": TableReading(number_format="1,234.50"),
    "other words": TableReading(true_words=("0", "o"), false_words=("1",)),
    "mapped words": TableReading(
        values={
            name: {"text": "other", "7": "8", "0.50": "0.75", "USD": "EUR", "2024-01-05": "2024-01-06"}
            for table in contracts().values()
            for name in table.names
        }
    ),
}


def kinds() -> list[tuple[Contract, Column]]:
    """A column of every kind, and the contract it is in."""
    found = {
        (column.type, column.scale, column.case, bool(column.words)): (table, column)
        for table in contracts().values()
        for column in table.columns
    }
    return list(found.values())


def spelled(text: str) -> str:
    """A text in SQL, NUL included."""
    return f"concat({', '.join(f'chr({ord(letter)})' for letter in text)})"


def told(contract: Contract, column: Column, given: Manner, delivered: Sequence[str | None]) -> list[tuple[bool, Any]]:
    """For each value whether it may stay text, and what its typed value would be sent as."""
    texts = ", ".join("(null)" if text is None else f"({spelled(text)})" for text in delivered)
    relation, natives = f"(from (values {texts}) as delivered(c_{column.name}))", {column.name: False}
    rows = compared_rows(contract, relation=relation, natives=natives, manner=given)
    sent = f"cast({column.name} as tinyint)" if column.type == "bool" else column.name
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        found = connection.execute(
            f"select same and _error is null, cast({sent} as varchar), e_{column.name} from ({rows})"
        ).fetchall()
    assert [text is None for text in delivered] == [empty for *_, empty in found]
    return [(stays, text) for stays, text, _ in found]


@pytest.mark.parametrize("case", MANNERS)
def test_what_stays_text_is_what_its_type_is_written_as(case: str) -> None:
    """Else the database would hold another value than one that was typed on the way, or read it otherwise."""
    given, delivered = manner(MANNERS[case], day=DAY), (None, *SPELLINGS)
    kept = 0
    for contract, column in kinds():
        for text, (stays, sent) in zip(delivered, told(contract, column, given, delivered), strict=True):
            assert not stays or sent == text, (case, column.name, text, sent)
            kept += stays
    assert kept > len(kinds())


def test_the_usual_spelling_of_every_kind_stays_text() -> None:
    """It is what nearly all files hold, and all that is gained."""
    usual = {"int64": "7", "float64": "0.5", "bool": "1", "date": "2024-01-05", "timestamp": "2024-01-05 10:00:00"}
    given = manner(TableReading(), day=DAY)
    for contract, column in kinds():
        text = usual.get(column.type, "USD" if column.case == "upper" else "confirmed")
        if column.type == "decimal":
            text = f"12.{'5':0<{column.scale}}"
        assert told(contract, column, given, [text]) == [(True, text)], (contract.table, column.name)


def test_groups_tell_of_all_their_rows() -> None:
    """One value that has to be typed is enough; where a value is null, and which key is the least, is told of the whole."""
    contract, given = contracts()["bookings"], manner(TableReading(), day=DAY)
    usual = ("7", "1", "2", "2024-01-01 10:00:00", "2024-01-05", "2024-01-07", "10.00", "USD", "confirmed", "paid", "2")
    lacking = ("3", *usual[1:10], None)
    odd = ("5", *usual[1:6], "10", *usual[7:])
    natives = dict.fromkeys(contract.names, False)
    names = ", ".join(f"c_{name}" for name in contract.names)

    def groups(*rows: tuple[str | None, ...]) -> list[tuple[Any, ...]]:
        listed = ", ".join(
            f"({', '.join('null' if value is None else literal(value) for value in row)})" for row in rows
        )
        relation = f"(from (values {listed}) as delivered({names}))"
        query = marked_groups(contract, relation=relation, natives=natives, manner=given)
        with duckdb.connect() as connection:
            return connection.execute(query).fetchall()

    nothing = [False] * (len(contract.names) - 1)
    assert groups(usual, lacking) == [(None, None, 2, True, 3, *nothing, True)]
    assert groups(usual, odd, usual) == [(None, None, 3, False, 5, *nothing, False)]
