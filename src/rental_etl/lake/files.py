"""Durable file operations of the local lake: write then link, so that no reader sees half a file."""

import os
import shutil
import uuid
from pathlib import Path

from rental_etl.errors import SystemUnreachableError


def make_folder(path: Path) -> Path:
    """Create a folder and its parents. Raises SystemUnreachableError when the system refuses."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemUnreachableError(
            f"cannot create the folder {path.name}: {error.strerror}",
            where=str(path),
            expected="a folder that this user may write to",
            remedy="choose another --workspace, or change the folder's permissions",
        ) from error
    return path


def create_exclusively(path: Path, text: str, *, scratch: Path) -> bool:
    """Create `path` with `text` in one step, durably; False when it exists already. `scratch` is on the same file system."""
    temporary = scratch / f"{uuid.uuid4().hex}.tmp"
    write_durably(temporary, text)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    sync_folder(path.parent)
    return True


def write_durably(path: Path, text: str) -> None:
    """Write a small text file and wait until it is on disk."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sync_tree(folder: Path) -> None:
    """Wait until every file below a folder is on disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Wait until a folder's entries are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_tree(folder: Path) -> None:
    """Remove a folder and all below it; a missing folder is fine."""
    shutil.rmtree(folder, ignore_errors=True)
