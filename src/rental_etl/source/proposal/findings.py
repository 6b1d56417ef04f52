"""How the values of placed columns are written, and the settings that follow: date order, number format, words. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from rental_etl.errors import InputError
from rental_etl.model.contract import Column, Contract
from rental_etl.source.date_order import Evidence, decide
from rental_etl.source.proposal.columns import Placed
from rental_etl.source.proposal.sample import Sample
from rental_etl.source.proposal.shape import Shape, days, foreign_days, numbers, shape, turned_day
from rental_etl.source.proposal.words import is_read, status, truth

_DAYS = ("date", "timestamp")
_FORMATS = ("1234.50", "1.234,50", "1,234.50")
_SHOWN = 5


@dataclass(slots=True)
class Findings:
    """Settings of one table, suggested ones that a person has to decide on (both with `reasons`), sentences that are left open (by setting), what is worth
    knowing, and `unknown` words for states."""

    settings: dict[str, Any] = field(default_factory=dict)
    suggested: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unknown: tuple[str, ...] = ()

    def set(self, key: str, value: Any, reason: str) -> None:
        """Propose a setting."""
        self.settings[key] = value
        self.reasons[key] = reason

    def suggest(self, key: str, value: Any, reason: str) -> None:
        """Offer a setting without switching it on."""
        self.suggested[key] = value
        self.reasons[key] = reason


def find_out(sample: Sample, contract: Contract, placed: Sequence[Placed], *, last_day: date) -> Findings:
    """What the values of a table tell. `last_day` bounds readable dates."""
    columns = {one.column: one.delivered for one in placed if one.delivered}
    shapes = {column: shape([*sample.column(name), *sample.words.get(name, ())]) for column, name in columns.items()}
    found = Findings()
    typed = [(contract.column(column), shapes[column]) for column in columns]
    _date_order(found, contract, typed, whole=sample.whole, last_day=last_day)
    _number_format(found, contract, typed)
    _truths(found, contract, typed)
    if "booking_status" in shapes:
        _statuses(found, contract.column("booking_status"), shapes["booking_status"])
    return found


def _date_order(
    found: Findings, contract: Contract, typed: Iterable[tuple[Column, Shape]], *, whole: bool, last_day: date
) -> None:
    evidence = Evidence()
    for column, values in typed:
        if column.type not in _DAYS:
            continue
        for text, count in values.values.items():
            turned = turned_day(text)
            if turned:
                evidence.add(column.name, turned, count, last_day=last_day)
        readable = set(days(values.values))
        unread = [value for value in foreign_days(values.values) if value not in readable]
        if unread:
            found.notes.append(
                f"{column.name} is written like {unread[0]!r}, which cannot be read; readable are 2024-12-31, 31/12/2024 and 12/31/2024, also with a time"
            )
    if not (evidence.day_only or evidence.month_only or evidence.either):
        return
    try:
        order, _ = decide(evidence, hints={}, table=contract.table, where="")
    except InputError as error:
        found.open["date_order"] = f"{error.what} ({evidence.day_example}, but {evidence.month_example})"
        return
    if not order:
        looked = "" if whole else " that was looked at"
        found.open["date_order"] = (
            f"the dates of {contract.table} can be read day first or month first, and nothing in the delivery{looked} tells which"
            f" (for example {evidence.either_example})"
        )
        return
    example = evidence.day_example if order == "day_first" else evidence.month_example
    found.set("date_order", order, f"{example} reads no other way" if example else "no date reads another way")


def _number_format(found: Findings, contract: Contract, typed: Iterable[tuple[Column, Shape]]) -> None:
    numeric = [(column, values) for column, values in typed if column.type in ("int64", "decimal", "float64")]
    texts = [text for _, values in numeric for text in values.values]
    read = {
        written: sum(values.values[text] for _, values in numeric for text in numbers(values.values, written))
        for written in _FORMATS
    }
    best = max(_FORMATS, key=lambda written: read[written])
    either = _could_be_thousands(numeric)
    if best != "1234.50" and read["1.234,50"] == read["1,234.50"]:
        found.open["number_format"] = (
            f"a comma in the numbers of {contract.table} may begin a fraction or group thousands (for example"
            f" {next(text for text in texts if ',' in text)}), and nothing tells which"
        )
    elif best != "1234.50":
        example = next(text for text in numbers(texts, best) if not numbers([text], "1234.50"))
        found.set("number_format", best, f"numbers such as {example}")
    elif either and read["1.234,50"] == read["1234.50"]:
        found.open["number_format"] = (
            f"a point in the numbers of {contract.table} may begin a fraction or group thousands (for example {either}); it is read as a fraction"
        )
    for column, values in numeric:
        readable = set(numbers(values.values, best))
        unread = [text for text in values.values if text not in readable]
        if values.share(unread) > 0.01 and values.filled:
            fate = "such rows go to quarantine" if column.required else "they become null"
            found.notes.append(
                f"{column.name} holds values such as {unread[0]!r} that are no number ({values.share(unread):.0%}); {fate}"
            )


def _could_be_thousands(numeric: Iterable[tuple[Column, Shape]]) -> str:
    """An example where a point may mean either, when every fraction of money has three digits; "" when one tells."""
    fractions = [
        text for column, values in numeric if column.type == "decimal" for text in values.values if "." in text
    ]
    return fractions[0] if fractions and all(len(text.rpartition(".")[2]) == 3 for text in fractions) else ""


def _truths(found: Findings, contract: Contract, typed: Iterable[tuple[Column, Shape]]) -> None:
    words: dict[bool, list[str]] = {True: [], False: []}
    for column, values in typed:
        if column.type != "bool":
            continue
        unknown = [word for word in values.values if truth(word) is None]
        for word in values.values:
            meant = truth(word)
            if meant is not None and not is_read(word):
                words[meant].append(word.lower())
        if unknown:
            found.open["true_words"] = (
                f"{column.name} of {contract.table} holds {_list(unknown)}: yes or no? Add them to true_words or false_words"
            )
    for meant, key in ((True, "true_words"), (False, "false_words")):
        if words[meant]:
            found.set(key, tuple(dict.fromkeys(words[meant])), f"words for {'yes' if meant else 'no'}")


def _statuses(found: Findings, column: Column, values: Shape) -> None:
    mapped: dict[str, str] = {}
    unknown = []
    for word in values.values:
        meant = status(word)
        if not meant:
            unknown.append(word)
        elif word.lower() != meant and column.words.get(word.lower()) != meant:
            mapped.setdefault(word.lower(), meant)
    if mapped:
        spelled: Mapping[str, str] = {word.lower(): word for word in reversed(list(values.values))}
        found.set(
            "values", {column.name: {spelled[word]: meant for word, meant in mapped.items()}}, "states in other words"
        )
    if unknown:
        found.unknown = tuple(sorted(unknown))
        found.open[f"values.{column.name}"] = (
            f"{column.name} holds {_list(unknown)}: which of pending, confirmed, completed, canceled, rejected, no_show is meant?"
            " Until it is said, such bookings are kept, warned about (unknown_status) and counted as neither confirmed nor canceled"
        )


def _list(words: Sequence[str]) -> str:
    shown = ", ".join(repr(word) for word in sorted(words)[:_SHOWN])
    return shown + (f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else "")
