"""Whether a delivery writes the day or the month first, from the evidence of all its date columns together."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import duckdb

from rental_etl.errors import ErrorPage, InputError
from rental_etl.model.contract import Contract
from rental_etl.source.conversion import RELATION, ask
from rental_etl.source.delivered import DeliveredFile
from rental_etl.source.manner import BLANKS, FIRST_DAY, DateOrder
from rental_etl.source.sql_text import literal
from rental_etl.source.values import TIME

_TURNED = re.compile(r"\s*([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})(?![0-9])")
_SAMPLE = 500
# So many contradicting values for each confirming one are taken for mistakes.
_MISTAKES = 0.1


@dataclass(slots=True)
class Evidence:
    """Values by how they can be read: only day first, only month first, or both ways with different results; with an example of each."""

    day_only: int = 0
    month_only: int = 0
    either: int = 0
    day_example: str = ""
    month_example: str = ""
    either_example: str = ""

    def add(self, column: str, text: str, count: int, *, last_day: date) -> None:
        """Count `count` values of a column that are written like `text`, such as 31/12/2024."""
        first, second, year = (int(part) for part in re.split("[/.-]", text))
        as_day = _day(year, second, first, last_day)
        as_month = _day(year, first, second, last_day)
        example = f"{column} = {text}"
        if as_day and not as_month:
            self.day_only += count
            self.day_example = min(filter(None, (self.day_example, example)))
        elif as_month and not as_day:
            self.month_only += count
            self.month_example = min(filter(None, (self.month_example, example)))
        elif as_day != as_month:
            self.either += count
            self.either_example = min(filter(None, (self.either_example, example)))


def turns_dates(file: DeliveredFile, contract: Contract) -> bool:
    """Whether the first rows hold dates that are not written year first."""
    columns = [column.name for column in contract.columns if column.is_day]
    rows = file.sample(_SAMPLE)
    return any(_TURNED.match(row.get(column, "")) for row in rows for column in columns)


def gather_evidence(
    file: DeliveredFile,
    *,
    contract: Contract,
    last_day: date,
    connection: duckdb.DuckDBPyConnection,
    evidence: Evidence,
) -> None:
    """Add every date of a file to the evidence."""
    columns = [column.name for column in contract.columns if column.is_day and file.natives.get(column.name) is False]
    if not columns:
        return
    blanks = f"[{BLANKS}]*"
    pattern = literal(rf"^{blanks}([0-9]{{1,2}}[/.-][0-9]{{1,2}}[/.-][0-9]{{4}}){TIME}{blanks}$")
    names = ", ".join(literal(column) for column in columns)
    parts = ", ".join(f"regexp_extract(c_{column}, {pattern}, 1)" for column in columns)
    pairs = f"select unnest([{names}]) as name, unnest([{parts}]) as part from {RELATION}"
    sql = f"select name, part, count(*) from ({pairs}) where part <> '' group by all"
    for column, text, count in ask(file, sql, connection=connection):
        evidence.add(column, text, count, last_day=last_day)


def decide(evidence: Evidence, *, hints: Mapping[str, str], table: str, where: str) -> tuple[DateOrder, str]:
    """The order and what it follows from; "" when nothing tells. Raises InputError when the evidence contradicts itself."""
    day, month = evidence.day_only, evidence.month_only
    if max(day, month) and min(day, month) <= _MISTAKES * max(day, month):
        return ("day_first" if day > month else "month_first"), "its own dates"
    if day and month:
        raise InputError(
            f"the dates of {table} are written both day first and month first",
            where=f"{where}: {evidence.day_example}, but {evidence.month_example}",
            expected="one order of day and month in a delivery",
            remedy=f'deliver one order, or say which one counts: tables.{table}.date_order = "day_first" or "month_first"',
            page=ErrorPage.DATES,
        )
    hinted = hinted_order(hints)
    if hinted:
        return hinted, "earlier files of the series"
    return ("", "") if evidence.either else ("day_first", "no date that reads differently the other way")


def hinted_order(hints: Mapping[str, str]) -> DateOrder:
    """The order that an earlier reading recorded, "" for none."""
    match hints.get("date_order"):
        case "day_first":
            return "day_first"
        case "month_first":
            return "month_first"
        case _:
            return ""


def _day(year: int, month: int, day: int, last_day: date) -> date | None:
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    return found if FIRST_DAY <= found <= last_day else None
