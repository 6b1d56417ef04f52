"""Durable file operations of the local lake: write then link, so that no reader sees half a file."""

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rental_etl.errors import ConfigurationError, SystemUnreachableError
from rental_etl.storage.syncing import sync


@contextlib.contextmanager
def reaching(path: Path, action: str, *, also: str = "") -> Iterator[None]:
    """Turn what the system says about a file into SystemUnreachableError; `action` completes "cannot ...", `also` the remedy."""
    try:
        yield
    except OSError as error:
        raise SystemUnreachableError(
            f"cannot {action}: {error.strerror or error}",
            where=str(error.filename or path),
            expected="a folder that this user may write to, on a disk with room",
            remedy=f"free disk space or change the folder's permissions, then run again; or {also or 'choose another --workspace'}",
        ) from error


def make_folder(path: Path) -> Path:
    """Create a folder and its parents. Raises SystemUnreachableError when the system refuses."""
    with reaching(path, f"create the folder {path.name}"):
        path.mkdir(parents=True, exist_ok=True)
    return path


def create_exclusively(path: Path, text: str, *, scratch: Path) -> bool:
    """Create `path` with `text` in one step, durably; False when it exists already. `scratch` is on the same file system."""
    temporary = scratch / f"{uuid.uuid4().hex}.tmp"
    with reaching(path, f"write {path.name}"):
        try:
            write_durably(temporary, text)
            os.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        sync(path.parent)
    return True


def replace_durably(path: Path, text: str, *, scratch: Path) -> None:
    """Give `path` other text in one step. `scratch` is on the same file system."""
    temporary = scratch / f"{uuid.uuid4().hex}.tmp"
    with reaching(path, f"write {path.name}"):
        try:
            write_durably(temporary, text)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync(path.parent)


def read_json(path: Path) -> Any:
    """A JSON document that was written in one step. Raises ConfigurationError when it is none any more."""
    with reaching(path, f"read {path.name}"):
        text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{path.name} is damaged: {error}",
            where=str(path),
            expected="the file as rental-etl wrote it",
            remedy="restore the file from a backup of the workspace",
        ) from error


def write_durably(path: Path, text: str) -> None:
    """Write a small text file and wait until it is on disk."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sync_tree(folder: Path) -> None:
    """Wait until a folder and everything below it is on disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path.is_file():
            sync(path)
    sync(folder)


def remove_tree(folder: Path) -> None:
    """Remove a folder and all below it; a missing folder is fine."""
    shutil.rmtree(folder, ignore_errors=True)
