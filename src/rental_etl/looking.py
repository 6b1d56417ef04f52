"""Looks at the source that the settings name, before a run: what may be in it, and whether it can be read. Reads samples, writes nothing."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import partial
from urllib.parse import urlsplit

from rental_etl.adapters import Progress, access_to, is_database
from rental_etl.errors import ConfigurationError
from rental_etl.model.reading import TableReading
from rental_etl.settings import Settings
from rental_etl.source.manner import three_years_after
from rental_etl.source.proposal.proposal import Proposal, propose
from rental_etl.source.proposal.sample import Looked
from rental_etl.storage.store import is_remote
from rental_etl.stores import local_folder
from rental_etl.tables.contracts import contracts


def proposal(settings: Settings, *, day: date, progress: Progress) -> Proposal:
    """What the source seems to hold, on a day. Raises RentalEtlError when it cannot be looked at."""
    return propose(_looked_at(settings, progress=progress), last_day=three_years_after(day))


def readiness(
    settings: Settings, readings: Mapping[str, TableReading], *, day: date
) -> Iterator[tuple[str, Callable[[], str]]]:
    """By table, a look at whether its files can be read (see `ready`); nothing where the source is no folder that is there."""
    url = settings.source.url
    if is_database(url) or is_remote(url):
        return
    folder = local_folder(url, key="source.url")
    if folder.is_dir():
        from rental_etl.source.proposal.readiness import ready

        for table, contract in contracts().items():
            yield (
                table,
                partial(ready, folder, contract=contract, reading=readings[table], last_day=three_years_after(day)),
            )


def _looked_at(settings: Settings, *, progress: Progress) -> Looked:
    url = settings.source.url
    if is_database(url):
        from rental_etl.source.mysql.looking import look as look_into

        return look_into(access_to(settings), progress=progress)
    if is_remote(url):
        raise ConfigurationError(
            f"init does not look into {urlsplit(url).scheme}://",
            where=f"source.url = {url}",
            expected="a folder or a MySQL database",
            remedy="copy some of the files to a folder, let init look at that, and name the bucket in source.url afterwards",
        )
    from rental_etl.source.proposal.folder import look

    return look(local_folder(url, key="source.url"))
