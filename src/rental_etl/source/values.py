"""SQL that reads one delivered value as the type its contract promises.

A value written the usual way is recognised by a cheap test that accepts only what has one meaning (`plain`); everything else is read the careful way,
which DuckDB evaluates for those rows alone. So one pass is fast on regular data and right on all.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from rental_etl.model.contract import Column
from rental_etl.source.manner import BLANKS, FIRST_DAY, NULL_WORDS, Manner
from rental_etl.source.sql_text import among, literal, one_of
from rental_etl.source.time_zones import is_utc, to_utc

_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?"
_ZONE = r" ?(Z|UTC|[+-](0[0-9]|1[0-8])(:?[0-5][0-9])?)"
TIME = rf"([T ]{_CLOCK}({_ZONE})?)?"
_ISO = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{TIME}"
_TURNED = rf"[0-9]{{1,2}}[/.-][0-9]{{1,2}}[/.-][0-9]{{4}}{TIME}"
_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"


@dataclass(frozen=True, slots=True)
class Way:
    """How a column is read, as SQL.

    `parse`, `plain` and `inside` (its bounds) are over the delivered value `c_<name>` and what was parsed of it, `x_<name>`; `careful`, `rounded` and `waits`
    (a date that needs the date order) over the trimmed text `t_<name>`, which is not null. `result` is what a plain value becomes when not `x_<name>`.
    `same` tells, of a plain value, whether it is delivered in the very bytes in which its type is written.
    """

    parse: str
    plain: str
    careful: str
    inside: str = "true"
    result: str = ""
    rounded: str = "false"
    waits: str = "false"
    same: str = "false"


def way(column: Column, manner: Manner, *, native: bool = False) -> Way:
    """How a column is read that is delivered as text or, when `native`, as the contract's type."""
    readers = {
        "int64": _int64,
        "decimal": _decimal,
        "float64": _float64,
        "bool": _bool,
        "date": _date,
        "timestamp": _timestamp,
    }
    found = _text(column) if column.type == "text" else readers[column.type](column, manner)
    if native and column.type != "text":
        return replace(
            found,
            parse=f"try_cast(c_{column.name} as {column.sql_type})",
            plain=f"x_{column.name} is not null",
            same="false",
        )
    return found


def cleaned(column: Column, manner: Manner) -> str:
    """A delivered value's text, trimmed and mapped; null where it is a word for null."""
    text = f"trim(cast(c_{column.name} as varchar), {literal(BLANKS)})"
    words = manner.values.get(column.name, {})
    if words:
        whens = " ".join(f"when {literal(word)} then {literal(stored)}" for word, stored in words.items())
        text = f"case lower({text}) {whens} else {text} end"
    return f"case when not {one_of(text, ('', *NULL_WORDS))} then {text} end"


def _int64(column: Column, manner: Manner) -> Way:
    x, c = f"x_{column.name}", f"c_{column.name}"
    number = _number(f"t_{column.name}", manner)
    whole = literal(r"[+-]?[0-9]+(\.0*)?")
    digits = f"regexp_replace({number}, {literal('[.]0*$')}, '')"
    return Way(
        parse=f"try_cast({c} as bigint)",
        plain=f"cast({x} as varchar) = {c}",
        careful=f"case when regexp_full_match({number}, {whole}) then try_cast({digits} as bigint) end",
        same="true",
    )


def _decimal(column: Column, manner: Manner) -> Way:
    x, c, number = f"x_{column.name}", f"c_{column.name}", _number(f"t_{column.name}", manner)
    whole, scale = column.precision - column.scale, column.scale
    same = f"cast({x} as varchar) = {c}"
    if manner.number_format == "1.234,50":
        plain = f"regexp_full_match({c}, '-?[0-9]{{1,{whole}}}')"
    else:
        # What is written as the type is written is told soonest; the test is for fewer places, none at all, and leading zeros.
        plain = f"case when {same} then true else regexp_full_match({c}, '-?[0-9]{{1,{whole}}}([.][0-9]{{1,{scale}}})?') end"
    return Way(
        parse=f"try_cast({c} as {column.sql_type})",
        plain=plain,
        careful=f"case when regexp_full_match({number}, {literal(_NUMBER)}) then try_cast({number} as {column.sql_type}) end",
        rounded=f"regexp_matches({number}, '[.][0-9]{{{scale}}}[0-9]*[1-9]')",
        same=same,
    )


def _float64(column: Column, manner: Manner) -> Way:
    x, c, number = f"x_{column.name}", f"c_{column.name}", _number(f"t_{column.name}", manner)
    fraction = "" if manner.number_format == "1.234,50" else "([.][0-9]{1,15})?"
    parsed = f"try_cast({number} as double)"
    return Way(
        parse=f"try_cast({c} as double)",
        plain=f"regexp_full_match({c}, '-?[0-9]{{1,3}}{fraction}')",
        inside=f"isfinite({x})",
        careful=f"case when regexp_full_match({number}, {literal(_NUMBER)}) and isfinite({parsed}) then {parsed} end",
        same=f"cast({x} as varchar) = {c}",
    )


def _number(text: str, manner: Manner) -> str:
    """A number's text with a point and without grouping; "" when it is grouped wrongly."""
    if manner.number_format == "1,234.50":
        grouped = literal(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
        return f"case when regexp_full_match({text}, {grouped}) then replace({text}, ',', '') else {text} end"
    if manner.number_format == "1.234,50":
        grouped = literal(r"[+-]?[0-9]{1,3}(\.[0-9]{3})+(,[0-9]*)?")
        bare = f"replace(replace({text}, '.', ''), ',', '.')"
        return f"case when not contains({text}, '.') or regexp_full_match({text}, {grouped}) then {bare} else '' end"
    return text


def _bool(column: Column, manner: Manner) -> Way:
    c, t = f"c_{column.name}", f"t_{column.name}"

    def spelled(words: tuple[str, ...]) -> str:
        return one_of(c, dict.fromkeys(form for word in words for form in (word, word.upper(), word.capitalize())))

    true, false = manner.true_words, manner.false_words
    # The first word of each is what most write.
    usual = " ".join(f"when {c} = {literal(word)} then {word in true}" for words in (true, false) for word in words[:1])
    return Way(
        parse=f"case {usual} when {spelled(true)} then true when {spelled(false)} then false end",
        plain=f"x_{column.name} is not null",
        same=f"{c} = case when x_{column.name} then '1' else '0' end",
        careful=f"case when {one_of(f'lower({t})', true)} then true when {one_of(f'lower({t})', false)} then false end",
    )


def _text(column: Column) -> Way:
    c, t = f"c_{column.name}", f"t_{column.name}"
    careful = f"{column.case}({t})" if column.case else t
    if column.words:
        whens = " ".join(f"when {literal(word)} then {literal(stored)}" for word, stored in column.words.items())
        careful = f"case {careful} {whens} else {careful} end"
    exceptions = {*NULL_WORDS, *column.words}
    if column.case:
        letters = "A-Z" if column.case == "upper" else "a-z"
        plain = f"regexp_full_match({c}, '[{letters}_]+')"
        exceptions = {word for word in exceptions if word == getattr(word, column.case)()}
    else:
        ends = " or ".join(f"suffix({c}, {literal(blank)})" for blank in BLANKS)
        plain = f"{c} >= '!' and not ({ends})"
    plain = f"{plain} and not {among(c, sorted(exceptions))}"
    if column.examples:
        # What is usual is told by a look; the test is for the rest.
        plain = f"case when {one_of(c, column.examples)} then true else {plain} end"
    return Way(parse=c, plain=plain, careful=careful, same="true")


def _date(column: Column, manner: Manner) -> Way:
    x, c, t = f"x_{column.name}", f"c_{column.name}", f"t_{column.name}"
    inside = f"between {_day(FIRST_DAY)} and {_day(manner.last_day)}"
    parsed = f"try_cast({_calendar_day(t, manner)} as date)"
    return Way(
        parse=f"try_cast({c} as date)",
        plain=f"cast({x} as varchar) = {c}",
        inside=f"{x} {inside}",
        careful=f"case when {parsed} {inside} then {parsed} end",
        waits=_waits(t, manner),
        same="true",
    )


def _timestamp(column: Column, manner: Manner) -> Way:
    x, c, t = f"x_{column.name}", f"c_{column.name}", f"t_{column.name}"
    first, last = FIRST_DAY, manner.last_day
    clock = f"regexp_extract({t}, {literal(f'[T ]({_CLOCK})')}, 1)"
    written = f"replace(coalesce(nullif({clock}, ''), '00:00'), ',', '.')"
    wall = f"try_cast(concat({_calendar_day(t, manner)}, ' ', {written}) as timestamp)"
    zoned = f"regexp_matches({t}, {literal(f':[0-9.,]+{_ZONE}$')})"
    zone_name, margin = manner.time_zone, timedelta(0)
    utc, local = x, wall
    if not is_utc(zone_name, first=first, last=last):
        utc = to_utc(x, zone_name=zone_name, first=first, last=last)
        local = _once(wall, to_utc("value", zone_name=zone_name, first=first, last=last))
        margin = timedelta(days=2)
    start, end = _day(first + margin), _day(last + timedelta(days=1) - margin)
    moment = f"case when {zoned} then {wall} - {_offset(t)} else {local} end"
    inside = f"value >= {_day(first)} and value < {_day(last + timedelta(days=1))}"
    return Way(
        parse=f"try_cast({c} as timestamp)",
        plain=f"cast({x} as varchar) = {c}",
        careful=_once(moment, f"case when {inside} then value end"),
        inside=f"{x} >= {start} and {x} < {end}",
        result=utc,
        waits=_waits(t, manner),
        same="true" if utc == x else "false",
    )


def _calendar_day(text: str, manner: Manner) -> str:
    """The calendar day as written, as text that casts to a date; null when the text is no date."""
    whole = f"when regexp_full_match({text}, {literal(_ISO)}) then substr({text}, 1, 10)"
    order = {"day_first": r"\3-\2-\1", "month_first": r"\3-\1-\2"}.get(manner.date_order)
    if order:
        parts = literal("^([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4}).*$")
        turned = f"regexp_replace({text}, {parts}, {literal(order)})"
        whole += f" when regexp_full_match({text}, {literal(_TURNED)}) then {turned}"
    return f"case {whole} end"


def _waits(text: str, manner: Manner) -> str:
    return "false" if manner.date_order else f"regexp_full_match({text}, {literal(_TURNED)})"


def _offset(text: str) -> str:
    """A zone's distance from UTC as an interval. Casting to a timestamp would drop it in silence."""

    def part(group: int) -> str:
        found = f"regexp_extract({text}, {literal('[+-]([0-9]{2}):?([0-9]{2})?$')}, {group})"
        return f"coalesce(try_cast({found} as integer), 0)"

    sign = f"case when regexp_matches({text}, '-[0-9:]+$') then -1 else 1 end"
    return f"to_minutes({sign} * ({part(1)} * 60 + {part(2)}))"


def _once(expression: str, body: str) -> str:
    """`body`, in which `value` stands for an expression that is to be evaluated once."""
    return f"list_transform([{expression}], lambda value: {body})[1]"


def _day(day: date) -> str:
    return f"date '{day}'"
