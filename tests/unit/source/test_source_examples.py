"""A contract's examples are read sooner than other values, and as they would be without."""

from dataclasses import replace
from datetime import date

import duckdb
import pytest

from rental_etl.model.contract import Column, Contract
from rental_etl.model.reading import TableReading
from rental_etl.source.manner import manner
from rental_etl.source.sql_text import literal
from rental_etl.source.typed_rows import typed_rows
from rental_etl.tables.contracts import contracts

COLUMNS = [column for contract in contracts().values() for column in contract.columns if column.examples]


def rows(column: Column, texts: list[str], reading: TableReading) -> list[tuple[str | None, ...]]:
    """The typed value of each text and its marks."""
    contract = Contract(table="t", description="", columns=(column,))
    relation = f"(select unnest([{', '.join(map(literal, texts))}]) as c_{column.name})"
    found = manner(reading, day=date(2024, 6, 30), date_order="")
    with duckdb.connect() as connection:
        sql = typed_rows(contract, relation=relation, natives={column.name: False}, manner=found)
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_examples_stand_for_themselves_and_what_looks_like_one_is_read_as_ever(column: Column) -> None:
    """Also where settings give a word another meaning: what is mapped is no longer what it says."""
    examples = list(column.examples)
    around = [
        text for word in examples for text in (word, word.swapcase(), f" {word}", f"{word}\t", word[:-1], f"{word}s")
    ]
    texts = [*around, "", "null", "NaN", "cancelled", "a b", "ä"]
    other = "SOMETHING_ELSE" if column.case == "upper" else "something_else"
    mapped = TableReading(values={column.name: {examples[0]: other}})
    for reading in (TableReading(), mapped):
        assert rows(column, texts, reading) == rows(replace(column, examples=()), texts, reading)
    assert rows(column, examples, TableReading()) == [(word, None, None) for word in examples]
    assert rows(column, examples[:1], mapped) == [(other, None, None)]
