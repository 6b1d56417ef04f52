"""`init`: shows what was understood of a source, on stdout, and writes the configuration that follows."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rental_etl.cli import jsonout
from rental_etl.cli.progress import watching
from rental_etl.cli.starter import Choices, starter
from rental_etl.cli.summary import show_steps
from rental_etl.cli.terminal import heading, listing, say
from rental_etl.errors import UsageError

if TYPE_CHECKING:
    from rental_etl.source.proposal.proposal import Proposal, TableProposal

_NEEDED_FOR = {
    "apartments": "nothing runs without it",
    "apartment_attributes": "places are unknown",
    "bookings": "only the average listing price is computed",
    "user_viewing": "the conversion is skipped",
    "fx_rates": "money stays in its currencies",
}
_MANDATORY = "apartments"
# Tables that most marketplaces have, so that what is left over may be them.
_OFTEN_HIDDEN = ("apartment_attributes", "bookings", "user_viewing")
_WORDS = 20
# What a setting that is left open may be, as a comment to switch on.
_OFFERS: Mapping[str, Any] = {"date_order": "day_first", "number_format": "1.234,50", "true_words": ("ja",)}


def configure(folder: Path, *, source: str | None, force: bool, as_json: bool) -> None:
    """Look, show, and write `rental-etl.toml` into a folder. Raises UsageError when there is one that may not be replaced."""
    from rental_etl.settings import CONFIG_NAME

    path = folder / CONFIG_NAME
    if path.exists() and not force:
        raise _exists(path)
    proposal = _proposal(folder, source)
    choices = _choices(proposal, url=_url(folder, source)) if proposal else Choices()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(starter(choices))
    except FileExistsError:
        raise _exists(path) from None
    if as_json:
        jsonout.write_object({"written": str(path), **_document(proposal)}, sys.stdout)
    elif proposal:
        _show(proposal)
    if proposal is None:
        say(f"wrote {path}; every setting in it is a comment with its default", sys.stderr)
        say(
            "nothing was looked at: `rental-etl init --source DIR --force` proposes settings for your own files",
            sys.stderr,
        )
        return
    say(f"\nwrote {path}", sys.stderr)
    undecided = any(one.missing or one.open for one in proposal.tables)
    runs = any(one.table == _MANDATORY and one.sample for one in proposal.tables)
    show_steps("next", _steps(path, undecided=undecided, runs=runs))


def _proposal(folder: Path, source: str | None) -> "Proposal | None":
    """None when no source is named and there is none in its usual place."""
    from rental_etl.bootstrap import Application
    from rental_etl.settings import load_settings

    found = load_settings(config=Path(os.devnull), overrides={"source": {"url": source}} if source else {})
    if source is None and found.source.url == "./data":
        if not (folder / "data").is_dir():
            return None
        found = load_settings(config=Path(os.devnull), overrides={"source": {"url": str(folder / "data")}})
    with watching(log=False) as watch:
        watch.job("init")
        return Application(found, watch=watch).propose()


def _url(folder: Path, source: str | None) -> str:
    """The source as the file names it, "" for the default. Paths in it are relative to where commands are typed: the folder of the file."""
    if source is None or "://" in source:
        return source or ""
    inside = folder.absolute() == Path.cwd()
    url = source if inside and not source.startswith("~") else str(Path(source).expanduser().absolute())
    return "" if Path(url) == Path("data") else url


def _exists(path: Path) -> UsageError:
    return UsageError(
        "there is a configuration file already, and it was left as it is",
        where=str(path),
        remedy="edit it, name another folder (rental-etl init DIR), or replace it with --force",
    )


def _choices(proposal: "Proposal", *, url: str) -> Choices:
    active: dict[str, Any] = {"source.url": url} if url else {}
    offered: dict[str, Any] = {}
    remarks: dict[str, str] = {}
    for one in proposal.tables:
        place = f"tables.{one.table}"
        active |= {f"{place}.{key}": value for key, value in one.settings.items()}
        offered |= {f"{place}.{key}": value for key, value in one.suggested.items()}
        remarks |= {f"{place}.{key}": reason for key, reason in one.reasons.items()}
        for column in one.placed:
            remarks[f"{place}.columns.{column.column}"] = column.confidence
        if one.missing:
            offered[f"{place}.columns"] = {column.column: "?" for column in one.missing}
            remarks |= {f"{place}.columns.{column.column}": f"DECIDE: {column.why}" for column in one.missing}
        if one.unknown:
            offered[f"{place}.values.booking_status"] = dict.fromkeys(one.unknown[:_WORDS], "?")
            remarks |= {f"{place}.values.booking_status.{word}": "DECIDE: which state is it?" for word in one.unknown}
        for key, sentence in one.open.items():
            name = f"{place}.{key}"
            if key in _OFFERS and name not in active:
                offered[name] = _OFFERS[key]
                remarks[name] = f"DECIDE: {sentence}"
    return Choices(active, offered, remarks)


def _show(proposal: "Proposal") -> None:
    out = sys.stdout
    looked = (
        "; of what is large a sample was read, so rare words and late changes may be missing"
        if proposal.sampled
        else ""
    )
    say(f"looked at {proposal.source}{looked}", out)
    heading("tables", out)
    listing(("table", "from", "rows", "understood", "delivery"), [_table_row(one) for one in proposal.tables], out)
    for one in proposal.tables:
        if one.sample is not None:
            _show_table(one)
    undecided = list(_undecided(proposal))
    if undecided:
        heading("for you to decide", out)
        for sentence in undecided:
            say(f"  - {sentence}", out)
    if proposal.unplaced:
        heading("not placed", out)
        listing(("", ""), [(one.name, one.why) for one in proposal.unplaced], out)


def _table_row(one: "TableProposal") -> tuple[object, ...]:
    if one.sample is None:
        return (one.table, "-", "", "not found", _NEEDED_FOR[one.table])
    rows = one.sample.rows_about
    about = "unknown" if rows is None else f"{rows:,}" if one.sample.whole else f"about {rows:,}"
    return (one.table, one.sample.name, about, one.confidence, one.delivery)


def _show_table(one: "TableProposal") -> None:
    assert one.sample is not None
    out = sys.stdout
    heading(f"{one.table}, from {one.sample.name} (by {one.why})", out)
    rows = [
        (
            placed.column,
            placed.delivered or "-",
            placed.confidence if placed.delivered or placed.required else "",
            placed.example or placed.why,
        )
        for placed in one.placed
        if placed.delivered or placed.required
    ]
    listing(("column", "is", "understood", "for example"), rows, out)
    for key, value in one.settings.items():
        if key != "columns":
            say(f"  {key} = {_shown(value)}: {one.reasons[key]}", out)
    absent = [placed.column for placed in one.placed if not placed.delivered and not placed.required]
    if absent:
        say(f"  without: {', '.join(absent)}", out)
    if one.extra:
        say(f"  not read: {', '.join(one.extra)}", out)
    for note in one.notes:
        say(f"  note: {note}", out)


def _shown(value: Any) -> str:
    from rental_etl.cli.starter import toml

    return toml(value)


def _undecided(proposal: "Proposal") -> Iterator[str]:
    absent = [one.table for one in proposal.tables if one.sample is None]
    place = "files (in a database: name) and columns"
    if _MANDATORY in absent:
        yield f"{_MANDATORY}: nothing holds it, and nothing runs without it. Deliver it, or say where it is in [tables.{_MANDATORY}]: {place}"
    others = [table for table in absent if table in _OFTEN_HIDDEN]
    if others and proposal.unplaced:
        yield f"{', '.join(others)}: not found. If one of those not placed holds it, say so in [tables.<table>]: {place}"
    for one in proposal.tables:
        for missing in one.missing:
            yield f"{one.table} needs {missing.column}: {missing.why}"
        for key, sentence in one.open.items():
            yield f"tables.{one.table}.{key}: {sentence}"
        for key, value in one.suggested.items():
            yield f"tables.{one.table}.{key} = {_shown(value)} is possible: {one.reasons[key]}"


def _document(proposal: "Proposal | None") -> dict[str, Any]:
    if proposal is None:
        return {"source": None, "sampled": False, "tables": [], "unplaced": []}
    return {
        "source": proposal.source,
        "sampled": proposal.sampled,
        "tables": [_table_document(one) for one in proposal.tables],
        "unplaced": [{"name": one.name, "why": one.why} for one in proposal.unplaced],
    }


def _table_document(one: "TableProposal") -> dict[str, Any]:
    return {
        "table": one.table,
        "from": one.sample and one.sample.name,
        "files": list(one.sample.files) if one.sample else [],
        "rows_about": one.sample and one.sample.rows_about,
        "confidence": one.confidence if one.sample else "open",
        "columns": [
            {
                "column": placed.column,
                "delivered": placed.delivered or None,
                "confidence": placed.confidence,
                "why": placed.why,
            }
            for placed in one.placed
        ],
        "settings": dict(one.settings),
        "suggested": dict(one.suggested),
        "open": dict(one.open) | {f"columns.{placed.column}": placed.why for placed in one.missing},
        "notes": list(one.notes),
        "not_read": list(one.extra),
    }


def _steps(path: Path, *, undecided: bool, runs: bool) -> list[tuple[str, str]]:
    option = "" if path.absolute().parent == Path.cwd() else f" --config {path}"
    decide = [(f"edit {path}", "the lines that say DECIDE")] if undecided else []
    run = [(f"rental-etl run{option}", "the whole pipeline; nothing in your source is changed")] if runs else []
    return [*decide, (f"rental-etl check{option}", "what is missing still"), *run]
