"""Where sessions spill what memory does not hold: each has a folder of its own, for two in one folder overwrite each other's files."""

import contextlib
import os
import uuid
from pathlib import Path

from rental_etl.storage.leftovers import clear_dead

_ENGINES = ("duckdb", "spark")


def spill_folder(temp: Path, engine: str = "duckdb") -> Path:
    """A folder under `temp` that no other session has. The session makes it when it needs it, and removes it; `temp` is made here."""
    # Where it cannot be made, whoever has to spill says so.
    with contextlib.suppress(OSError):
        temp.mkdir(parents=True, exist_ok=True)
        for each in _ENGINES:
            clear_dead(temp, each)
    return temp / f"{engine}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
