"""Hashes and copies delivered files, and notices when one changes meanwhile.

Reads the source folder, writes copies. A digest is remembered as long as a file's size, times of change and inode stay the same.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from rental_etl.errors import InputError, SystemUnreachableError
from rental_etl.model.batch import SourceFile
from rental_etl.source.digest_index import DigestIndex
from rental_etl.source.stopping import go_on
from rental_etl.storage.syncing import sync

# Small enough to stay in the processor's cache between hashing and writing.
_CHUNK = 1 << 20
# What the system is asked to copy by itself at once: a moment's work.
_AT_ONCE = 8 << 20
# How long after a change of a file another can bear the same time, in nanoseconds: where times have fractions of a second, and where not.
_TICK, _COARSE_TICK = 100_000_000, 2_000_000_000
_Mark = tuple[int, int, int, int]


class Digests:
    """SHA-256 of files, two at a time, each file once; with an index, once until it changes."""

    def __init__(self, index: DigestIndex | None = None) -> None:
        self._known: dict[tuple[Path, _Mark], str] = {}
        self._index = index
        self._learnt = False
        self._saving = Lock()
        # Files read here when they had long had their mark: as long as they bear it, their bytes are those that were read.
        self._settled: set[tuple[Path, _Mark]] = set()

    def of(self, paths: Iterable[Path], *, folder: Path) -> list[SourceFile]:
        """Names (relative to `folder`), sizes and digests. Raises InputError when a file changes while it is hashed."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            found = list(pool.map(lambda path: self._one(path, folder), paths))
        with self._saving:
            if self._index and self._learnt:
                self._learnt = False
                # Without a workspace, or on a full disk, files are read again next time.
                with suppress(OSError):
                    self._index.save(lambda name: (folder / name).exists())
        return found

    def copy(self, source: Path, target: Path, *, expected: SourceFile) -> None:
        """Copy a file byte for byte. Raises InputError when it is not, or no longer, the one that was announced; it is hashed again only if it was touched."""
        with _readable(source):
            mark = _mark(source)
        read = (source, mark) in self._settled and self._known[source, mark] == expected.sha256
        copy_checked(source, target, expected=expected, bearing=mark if read else None)

    def verify(self, files: Sequence[SourceFile], *, folder: Path) -> None:
        """Raise InputError when a file is not, or no longer, the one that was announced; it is hashed again only if it was touched."""
        for file, found in zip(files, self.of([folder / file.name for file in files], folder=folder), strict=True):
            if found != file:
                raise changed(file.name)

    def _one(self, path: Path, folder: Path) -> SourceFile:
        name = path.relative_to(folder).as_posix()
        with _readable(path):
            mark = _mark(path)
            digest = self._known.get((path, mark)) or self._remembered(name, mark)
            if digest is None:
                settled = _is_settled(mark)
                with path.open("rb", buffering=0) as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                if _mark(path) != mark:
                    raise changed(name)
                if settled:
                    self._settled.add((path, mark))
                self._remember(name, mark, digest)
            self._known[path, mark] = digest
        return SourceFile(name, mark[0], digest)

    def _remembered(self, name: str, mark: _Mark) -> str | None:
        return self._index.digest(name, _text(mark)) if self._index else None

    def _remember(self, name: str, mark: _Mark, digest: str) -> None:
        if self._index and _is_settled(mark):
            self._index.learn(name, _text(mark), digest)
            self._learnt = True


def copy_checked(source: Path, target: Path, *, expected: SourceFile, bearing: _Mark | None = None) -> None:
    """Copy a file byte for byte. Raises InputError when it is not, or no longer, the file that was announced.

    What bears the mark `bearing` from beginning to end is known to be that file; anything else is hashed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with _readable(source):
        before = _mark(source)
        known = before == bearing
        with source.open("rb", buffering=0) as reading, target.open("wb", buffering=0) as writing:
            if known:
                _let_copy(reading.fileno(), writing.fileno())
            buffer = memoryview(bytearray(_CHUNK))
            while size := reading.readinto(buffer):
                go_on()
                if not known:
                    digest.update(buffer[:size])
                _write_all(writing.fileno(), buffer[:size], target)
        if _mark(source) != before or not (known or digest.hexdigest() == expected.sha256):
            raise changed(expected.name)


@contextmanager
def settling(copies: Sequence[Path]) -> Iterator[None]:
    """Bring copies to disk beside what is done inside, so that landing them need not wait for it. Raises SystemUnreachableError when the disk fails."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="settling") as pool:
        settled = [pool.submit(_settle, copy) for copy in copies]
        yield
        for one in settled:
            one.result()


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
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _is_settled(mark: _Mark) -> bool:
    """Whether a change from now on would show: a file that has only just changed could change again and bear the same time."""
    tick = _TICK if mark[2] % 1_000_000_000 else _COARSE_TICK
    return time.time_ns() - mark[2] > tick


def _text(mark: _Mark) -> str:
    return " ".join(map(str, mark))


def _let_copy(reading: int, writing: int) -> None:
    """Let the system copy, which asks for the interpreter less often and on some file systems only shares the blocks.

    What it does not copy, and why, shows when that is copied by hand.
    """
    # Linux has it, and a Python that was built for an old one has not.
    copy_file_range: Callable[[int, int, int], int] | None = getattr(os, "copy_file_range", None)
    if copy_file_range:
        with suppress(OSError):
            while copy_file_range(reading, writing, _AT_ONCE):
                go_on()


def _write_all(descriptor: int, chunk: memoryview, target: Path) -> None:
    try:
        while chunk:
            chunk = chunk[os.write(descriptor, chunk) :]
    except OSError as error:
        raise _not_copied(target, error) from error


def _settle(copy: Path) -> None:
    try:
        sync(copy)
    except OSError as error:
        raise _not_copied(copy, error) from error


def _not_copied(target: Path, error: OSError) -> SystemUnreachableError:
    return SystemUnreachableError(
        f"a delivered file could not be copied: {error.strerror}",
        where=str(target),
        expected="room for a copy of the delivered files",
        remedy="free disk space, or set lake.keep_source = false",
    )


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
