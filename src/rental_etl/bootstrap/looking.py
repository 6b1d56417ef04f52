"""Looks at the source that the settings name, before a run: what may be in it, and whether it can be read. Reads samples, writes nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rental_etl.bootstrap.adapters import Progress, access_to, is_database
from rental_etl.bootstrap.stores import local_folder, objects_of
from rental_etl.model.contract import Contract
from rental_etl.model.reading import TableReading
from rental_etl.settings import Settings
from rental_etl.source.manner import three_years_after
from rental_etl.source.proposal.proposal import Proposal, propose
from rental_etl.source.proposal.sample import Looked
from rental_etl.storage.store import is_remote
from rental_etl.tables.contracts import contracts

if TYPE_CHECKING:
    from rental_etl.source.proposal.bucket import Beginnings


def proposal(settings: Settings, *, day: date, progress: Progress) -> Proposal:
    """What the source seems to hold, on a day. Raises RentalEtlError when it cannot be looked at."""
    return propose(_looked_at(settings, progress=progress), last_day=three_years_after(day))


def readiness(
    settings: Settings, readings: Mapping[str, TableReading], *, day: date, progress: Progress
) -> Iterator[tuple[str, Callable[[], str]]]:
    """By table, a look at whether its files can be read (see `ready`); nothing where the source is no folder that is there."""
    url = settings.source.url
    if is_database(url):
        return
    from rental_etl.source.proposal.folder import at_hand

    with ExitStack() as held:
        need = at_hand
        if is_remote(url):
            there = held.enter_context(_beginnings(settings, progress=progress))
            folder, need, called = there.folder, there.need, there.url
        else:
            folder = local_folder(url, key="source.url")
            called = str(folder)
        if not folder.is_dir():
            return
        for table, contract in contracts().items():
            yield table, partial(_ready, folder, contract, readings[table], day=day, need=need, called=called)


def _ready(
    folder: Path,
    contract: Contract,
    reading: TableReading,
    *,
    day: date,
    need: Callable[[Sequence[str]], None],
    called: str,
) -> str:
    from rental_etl.source.mirror import told_of
    from rental_etl.source.proposal.readiness import ready

    with told_of(called, folder):
        return ready(folder, contract=contract, reading=reading, last_day=three_years_after(day), need=need)


def _beginnings(settings: Settings, *, progress: Progress) -> "AbstractContextManager[Beginnings]":
    from rental_etl.source.proposal.bucket import beginnings

    return beginnings(objects_of(settings), temp=settings.engine.temp, progress=progress)


def _looked_at(settings: Settings, *, progress: Progress) -> Looked:
    url = settings.source.url
    if is_database(url):
        from rental_etl.source.mysql.looking import look as look_into

        return look_into(access_to(settings), progress=progress)
    from rental_etl.source.proposal.folder import look

    if is_remote(url):
        with _beginnings(settings, progress=progress) as there:
            return replace(look(there.folder, need=there.need), source=url)
    return look(local_folder(url, key="source.url"))
