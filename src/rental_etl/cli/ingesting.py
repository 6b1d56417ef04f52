"""The command that puts files into the operational database."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rental_etl.cli import jsonout
from rental_etl.cli.options import Json, Place
from rental_etl.cli.progress import watching
from rental_etl.cli.terminal import heading, listing, say

if TYPE_CHECKING:
    from rental_etl.jobs.ingest_to_aurora import IngestedFile

_COUNTS = ("rows_read", "added", "changed", "unchanged", "older", "repeated", "quarantined")


def ingest(
    place: Place,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder with the files.")],
    *,
    as_json: Json = False,
) -> None:
    """Put CSV files into the source database (Aurora MySQL).

    Makes the tables where there are none. Rows are added and updated by key, never deleted; each file is stored whole or not
    at all, and one whose content is there already is skipped.

    \b
    Example:
      RENTAL_ETL_SOURCE__URL=mysql://etl@127.0.0.1/rental rental-etl ingest ./data
    """
    with watching() as watch:
        watch.job("ingest")
        done = place.application(watch=watch).ingest(folder)
    if as_json:
        jsonout.write_object({"files": [_plain(file) for file in done]}, sys.stdout)
    else:
        _show(done)


def _plain(file: "IngestedFile") -> dict[str, object]:
    counts = {name: getattr(file, name) for name in _COUNTS}
    quarantine = str(file.quarantine) if file.quarantine else None
    return {"table": file.table, "name": file.name, "known": file.known, **counts, "quarantine": quarantine}


def _show(done: Sequence["IngestedFile"]) -> None:
    fresh = [file for file in done if not file.known]
    if fresh:
        heading("Ingested", sys.stderr)
        # "older" concerns listings alone, and seldom those.
        columns = [name for name in _COUNTS if name != "older" or any(file.older for file in fresh)]
        rows = [(file.table, *(getattr(file, name) for name in columns), file.name) for file in fresh]
        listing(("table", *(name.replace("_", " ") for name in columns), "file"), rows, sys.stderr)
    known = len(done) - len(fresh)
    if known:
        say(f"{known} file{' was' if known == 1 else 's were'} ingested before and skipped", sys.stderr)
    for file in fresh:
        if file.quarantine:
            say(f"refused rows of {file.name}: {file.quarantine}", sys.stderr)
