"""Temporary folders named by the process that uses them: those of processes that were killed go with the next one."""

import os
import shutil
import tempfile
from pathlib import Path


def scratch(temp: Path, purpose: str) -> "tempfile.TemporaryDirectory[str]":
    """A fresh folder below `temp` (made if need be), removed at its end. Raises OSError."""
    temp.mkdir(parents=True, exist_ok=True)
    clear_dead(temp, purpose)
    return tempfile.TemporaryDirectory(prefix=f"{purpose}-{os.getpid()}-", dir=temp)


def clear_dead(temp: Path, purpose: str) -> None:
    """Remove the folders `<purpose>-<process>-...` below `temp` of processes that were killed."""
    for folder in temp.glob(f"{purpose}-*-*"):
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
