"""How the files of one table are to be read: the `[tables.<table>]` settings as a pure value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class TableReading:
    """Settings of one table; an empty value means: find out, or the default.

    `columns` maps contract names to delivered ones; `values` maps, per contract column, delivered words (compared without regard to case) to
    stored ones; `number_format` is "1234.50", "1,234.50" or "1.234,50"; `time_zone` is where timestamps without an offset were written.
    """

    files: tuple[str, ...] = ()
    delivery: Literal["", "full", "delta"] = ""
    date_order: Literal["", "day_first", "month_first", "iso"] = ""
    encoding: str = ""
    delimiter: str = ""
    number_format: Literal["1234.50", "1,234.50", "1.234,50"] = "1234.50"
    time_zone: str = "UTC"
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    true_words: tuple[str, ...] = ()
    false_words: tuple[str, ...] = ()
