"""Where sessions spill what memory does not hold: each has a folder of its own, for two in one folder overwrite each other's files."""

import contextlib
import os
import shutil
import uuid
from pathlib import Path

_ENGINES = ("duckdb", "spark")


def spill_folder(temp: Path, engine: str = "duckdb") -> Path:
    """A folder under `temp` that no other session has. The session makes it when it needs it, and removes it; `temp` is made here."""
    # Where it cannot be made, whoever has to spill says so.
    with contextlib.suppress(OSError):
        temp.mkdir(parents=True, exist_ok=True)
        _clear(temp)
    return temp / f"{engine}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _clear(temp: Path) -> None:
    """Remove the folders of processes that were killed."""
    for folder in (folder for engine in _ENGINES for folder in temp.glob(f"{engine}-*-*")):
        pid = folder.name.split("-")[1]
        if pid.isdecimal() and not _runs(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
