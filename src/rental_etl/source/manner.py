"""How the values of a delivery are to be read, as a pure value: words, formats and bounds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from rental_etl.model.reading import TableReading

NULL_WORDS = ("null", "NULL", "Null", "None", "NaN", "nan")
TRUE_WORDS = ("true", "1", "1.0", "y", "yes", "t", "on")
FALSE_WORDS = ("false", "0", "0.0", "n", "no", "f", "off")
# What is trimmed: ASCII white space.
BLANKS = " \t\n\r\x0b\x0c"
FIRST_DAY = date(2000, 1, 1)

DateOrder = Literal["", "day_first", "month_first", "iso"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How to read values. `last_day` is the last readable day; `values` maps, by column, delivered words in lower case to the words to read instead;
    `true_words` and `false_words` are in lower case. While `date_order` is "", dates that need it wait."""

    last_day: date
    date_order: DateOrder = ""
    number_format: Literal["1234.50", "1,234.50", "1.234,50"] = "1234.50"
    time_zone: str = "UTC"
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    true_words: tuple[str, ...] = TRUE_WORDS
    false_words: tuple[str, ...] = FALSE_WORDS


def manner(reading: TableReading, *, day: date, date_order: DateOrder = "") -> Manner:
    """The manner that settings ask for, on a batch's day. Configured words win over the usual ones."""
    true = {word.strip().lower() for word in reading.true_words}
    false = {word.strip().lower() for word in reading.false_words}
    return Manner(
        last_day=three_years_after(day),
        date_order=reading.date_order or date_order,
        number_format=reading.number_format,
        time_zone=reading.time_zone,
        values={
            column: {word.strip(BLANKS).lower(): stored.strip(BLANKS) for word, stored in words.items()}
            for column, words in reading.values.items()
        },
        true_words=(*(word for word in TRUE_WORDS if word not in false), *sorted(true - set(TRUE_WORDS))),
        false_words=(*(word for word in FALSE_WORDS if word not in true), *sorted(false - set(FALSE_WORDS))),
    )


def three_years_after(day: date) -> date:
    """The same calendar day three years on; 28 February for a leap day."""
    try:
        return day.replace(year=day.year + 3)
    except ValueError:
        return day.replace(year=day.year + 3, day=28)
