"""Turns models into statements: parameters become literals, DuckDB's words become another engine's, or an error."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from rental_etl.errors import ModelError, UsageError

if TYPE_CHECKING:
    from sqlglot import exp

# Before and after every period that can be: dates are read from 2000 on. Far enough from the calendar's ends to add months to.
START, END = date(1900, 1, 1), date(9000, 12, 31)
# What a day, rather than a moment, can be the first of.
_DAY_UNITS = ("WEEK", "MONTH", "QUARTER", "YEAR")
DIALECTS = ("duckdb", "spark", "redshift")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What models may refer to as `$name`; see the `[metrics]` settings."""

    as_of: date
    confirmed_statuses: Sequence[str] = ("confirmed", "completed")
    canceled_statuses: Sequence[str] = ("canceled",)
    top_n: int = 10
    reporting_currency: str | None = None

    def literals(self, *, period_from: date = START, period_to: date = END) -> dict[str, str]:
        """SQL text by parameter name."""
        currency = (
            "cast(null as varchar)" if self.reporting_currency is None else _quoted(self.reporting_currency.upper())
        )
        return {
            "as_of": _day(self.as_of),
            "period_from": _day(period_from),
            "period_to": _day(period_to),
            "confirmed_statuses": _words(self.confirmed_statuses),
            "canceled_statuses": _words(self.canceled_statuses),
            "top_n": str(self.top_n),
            "reporting_currency": currency,
        }

    def settings_used_by(self, *texts: str) -> dict[str, str]:
        """The literals of the settings (not as_of, not the period) that some SQL mentions: they belong to its fingerprint."""
        literals = self.literals()
        mentioned = {name for text in texts for name in re.findall(r"\$(\w+)", text)}
        return {name: literals[name] for name in sorted(mentioned - {"as_of", "period_from", "period_to"})}


def fill(sql: str, literals: Mapping[str, str]) -> str:
    """Replace every `$name`. Raises ModelError for an unknown one."""

    def literal(match: re.Match[str]) -> str:
        if match[1] not in literals:
            raise ModelError(f"the model refers to the unknown parameter ${match[1]}")
        return literals[match[1]]

    return re.sub(r"\$(\w+)", literal, sql)


def render(sql: str, dialect: str) -> str:
    """The statement in another engine's words. Raises ModelError where it has none for a construct, UsageError for an unknown dialect."""
    if dialect not in DIALECTS:
        raise UsageError(f"unknown dialect {dialect}", expected=", ".join(DIALECTS))
    if dialect == "duckdb":
        return sql.strip() + "\n"
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import ErrorLevel, SqlglotError

    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
        if dialect == "redshift":
            _suit_redshift(tree)
        if dialect == "spark":
            _truncate_days(tree)
        _narrow(tree, dialect)
        for table in tree.find_all(exp.Table):
            if dialect == "spark" and table.db:
                # Temporary views have no schema on Spark; columns go on calling the table by its own name.
                flat = exp.to_identifier(f"{table.db}_{table.name}")
                name = exp.to_identifier(table.alias or table.name)
                table.replace(exp.Table(this=flat, alias=exp.TableAlias(this=name)))
        return tree.sql(dialect=dialect, pretty=True, unsupported_level=ErrorLevel.RAISE) + "\n"
    except SqlglotError as error:
        raise ModelError(
            f"the model cannot be rendered for {dialect}: {str(error).splitlines()[0]}",
            remedy="look at it in the words of an engine that computes it: duckdb or spark",
        ) from error


def _truncate_days(tree: "exp.Expr") -> None:
    """Find the first day of a week or month from the day: Spark's DATE_TRUNC goes through a time zone, which takes several times as long."""
    from sqlglot import exp

    for cast in [node for node in tree.find_all(exp.Cast) if node.to.this == exp.DataType.Type.DATE]:
        truncated = cast.this
        if isinstance(truncated, exp.DateTrunc | exp.TimestampTrunc) and truncated.text("unit").upper() in _DAY_UNITS:
            day = exp.cast(truncated.this.copy(), "date")
            cast.replace(
                exp.Anonymous(this="TRUNC", expressions=[day, exp.Literal.string(truncated.text("unit").upper())])
            )


def _narrow(tree: "exp.Expr", dialect: str) -> None:
    """Give 128-bit integers, which only DuckDB has, as decimals without a fraction."""
    from sqlglot import exp

    def wide(node: exp.Expr) -> bool:
        return any(type_.this == exp.DataType.Type.INT128 for type_ in node.find_all(exp.DataType))

    def grouped(node: exp.Expr) -> exp.Expr:
        return node.copy() if isinstance(node, exp.Paren | exp.Func | exp.Column) else exp.paren(node.copy())

    for division in [node for node in tree.find_all(exp.IntDiv) if dialect == "spark" and wide(node)]:
        # Spark's DIV gives 64 bits whatever it divides, silently cut off. What is left of a number without its remainder divides exactly.
        number, divisor = grouped(division.this), grouped(division.expression)
        rest = exp.Mod(this=number, expression=divisor)
        exact = exp.Div(this=exp.paren(exp.Sub(this=number.copy(), expression=rest)), expression=divisor.copy())
        division.replace(exp.cast(exact, "decimal(38, 0)"))
    for type_ in list(tree.find_all(exp.DataType)):
        if type_.this == exp.DataType.Type.INT128:
            type_.replace(exp.DataType.build("decimal(38, 0)"))


def _suit_redshift(tree: "exp.Expr") -> None:
    """Write otherwise what Redshift refuses, or computes in floating point, though the renderer lets it through. Raises ModelError for series."""
    from sqlglot import exp

    if tree.find(exp.GenerateSeries, exp.Unnest, exp.Explode):
        raise ModelError(
            "the model cannot be rendered for redshift: it makes a row for each day, week or month of a period,"
            " and Redshift makes series on its leader node alone, away from tables",
            expected="an engine that computes it, as every run does: Redshift is only given the rows",
            remedy="ask presentation.<table> there, or look at the SQL with --dialect duckdb or --dialect spark",
        )
    for filtered in list(tree.find_all(exp.Filter)):
        counted, condition = filtered.this, filtered.expression.this
        value = exp.Literal.number(1) if isinstance(counted.this, exp.Star) else counted.this
        counted.set("this", exp.Case(ifs=[exp.If(this=condition.copy(), true=value.copy())]))
        filtered.replace(counted)
    for division in list(tree.find_all(exp.IntDiv)):
        number, divisor = exp.paren(division.this.copy()), exp.paren(division.expression.copy())
        rest = exp.Mod(this=number, expression=divisor)
        whole = exp.paren(exp.Sub(this=number.copy(), expression=rest))
        # What is left of a number without its remainder divides exactly, whole numbers and decimals alike.
        division.replace(exp.paren(exp.Div(this=whole, expression=divisor.copy(), typed=True, safe=False)))


def _day(day: date) -> str:
    return f"date '{day.isoformat()}'"


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


def _words(words: Sequence[str]) -> str:
    return ", ".join(_quoted(word.lower()) for word in words) or "cast(null as varchar)"
