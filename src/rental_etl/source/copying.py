"""Hashes and copies delivered files, and notices when one changes meanwhile.

Reads the source folder, writes copies. A digest is remembered as long as a file's size and time of change stay the same.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from rental_etl.errors import InputError, SystemUnreachableError
from rental_etl.model.batch import SourceFile
from rental_etl.source.stopping import go_on

# Small enough to stay in the processor's cache between hashing and writing.
_CHUNK = 1 << 20
_Mark = tuple[int, int, int]


class Digests:
    """SHA-256 of files, two at a time, each file once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, _Mark], str] = {}

    def of(self, paths: Iterable[Path], *, folder: Path) -> list[SourceFile]:
        """Names (relative to `folder`), sizes and digests. Raises InputError when a file changes while it is hashed."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            return list(pool.map(lambda path: self._one(path, folder), paths))

    def verify(self, files: Sequence[SourceFile], *, folder: Path) -> None:
        """Raise InputError when a file is not, or no longer, the one that was announced; it is hashed again only if it was touched."""
        for file, found in zip(files, self.of([folder / file.name for file in files], folder=folder), strict=True):
            if found != file:
                raise changed(file.name)

    def _one(self, path: Path, folder: Path) -> SourceFile:
        name = path.relative_to(folder).as_posix()
        with _readable(path):
            mark = _mark(path)
            digest = self._known.get((path, mark))
            if digest is None:
                with path.open("rb", buffering=0) as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                if _mark(path) != mark:
                    raise changed(name)
                self._known[path, mark] = digest
        return SourceFile(name, mark[0], digest)


def copy_checked(source: Path, target: Path, *, expected: SourceFile, progress: Callable[[int], None]) -> None:
    """Copy a file byte for byte. Raises InputError when it is not, or no longer, the file that was announced."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with _readable(source):
        before = _mark(source)
        with source.open("rb", buffering=0) as reading, target.open("wb", buffering=0) as writing:
            buffer = memoryview(bytearray(_CHUNK))
            while size := reading.readinto(buffer):
                go_on()
                digest.update(buffer[:size])
                _write_all(writing.fileno(), buffer[:size], target)
                progress(size)
        if _mark(source) != before or digest.hexdigest() != expected.sha256:
            raise changed(expected.name)


def changed(name: str) -> InputError:
    """The error for a file that moves under the reader."""
    return InputError(
        f"{name} changed while it was being read",
        where=name,
        expected="a file that is complete when a run begins",
        remedy="run again when it is complete; writers should write elsewhere and rename",
    )


def _mark(path: Path) -> _Mark:
    found = path.stat()
    return (found.st_size, found.st_mtime_ns, found.st_ino)


def _write_all(descriptor: int, chunk: memoryview, target: Path) -> None:
    try:
        while chunk:
            chunk = chunk[os.write(descriptor, chunk) :]
    except OSError as error:
        raise SystemUnreachableError(
            f"a delivered file could not be copied: {error.strerror}",
            where=str(target),
            expected="room for a copy of the delivered files",
            remedy="free disk space, or set lake.keep_source = false",
        ) from error


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(
            f"{path.name} disappeared while it was being read",
            where=str(path),
            expected="files that stay in place during a run",
            remedy="run again when the delivery is complete",
        ) from error
    except OSError as error:
        raise SystemUnreachableError(
            f"{path.name} cannot be read: {error.strerror}",
            where=str(path),
            expected="a file that this user may read",
            remedy="change its permissions, or run as a user who may read it",
        ) from error
