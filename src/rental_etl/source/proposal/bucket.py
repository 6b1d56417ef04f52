"""What is looked at of the objects below an s3:// URL: a folder with a file as long as each, of which only the parts that are looked at have been fetched.

Reads the bucket; writes to a temporary folder, which is gone afterwards. Of a large text some blocks are fetched, of a packed one the beginning; Parquet
is fetched whole.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rental_etl.errors import SystemUnreachableError
from rental_etl.source.mirror import mirror, told_of
from rental_etl.source.proposal.text import parts_of
from rental_etl.storage.objects import Entry, Objects

# Packed bytes that hold more text than is looked at.
_PACKED = 2 << 20
_MAGIC = 4


class Beginnings:
    """The folder, the URL it stands for, and `need`: what has to be said of files before they are read."""

    def __init__(self, objects: Objects, folder: Path, *, progress: Callable[[str, int, int], None]) -> None:
        self.folder, self.url = folder, objects.url
        self._objects, self._progress = objects, progress
        self._left: dict[str, tuple[Entry, Path]] = {}
        for entry, place in mirror(objects, folder, wanted=lambda _: True):
            os.truncate(place, entry.size)
            self._left[entry.key] = (entry, place)

    def need(self, names: Sequence[str]) -> None:
        """Have of these files, named as below the URL, what is looked at. Raises InputError when one is no longer the one that was listed."""
        wanted = [self._left.pop(name) for name in names if name in self._left]
        whole = []
        for done, (entry, place) in enumerate(wanted):
            self._progress(f"looking into {entry.key}", done, len(wanted))
            parts = self._parts(entry)
            if parts is None:
                whole.append((entry, place))
                continue
            with place.open("r+b") as file:
                for first, count in parts:
                    file.seek(first)
                    file.write(self._objects.read_range(entry.key, first, count))
        self._objects.fetch(whole)

    def _parts(self, entry: Entry) -> list[tuple[int, int]] | None:
        """Offsets and lengths, None for all of it; what a file is, its first bytes say before its name does."""
        parts = [(first, count) for first, count in parts_of(entry.size) if count]
        if len(parts) < 2:
            return parts
        magic = self._objects.read_range(entry.key, 0, _MAGIC)
        if magic == b"PAR1" or entry.key.casefold().endswith(".parquet"):
            return None
        packed = magic.startswith(b"\x1f\x8b") or entry.key.casefold().endswith(".gz")
        return [(0, min(entry.size, _PACKED))] if packed else parts


@contextmanager
def beginnings(
    objects: Objects, *, temp: Path | None, progress: Callable[[str, int, int], None]
) -> Iterator[Beginnings]:
    """The folder for as long as the block lasts, below `temp` (default: the system's). Errors in it name the bucket. Raises what reading the bucket raises."""
    try:
        if temp is not None:
            temp.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="rental-etl-", dir=temp) as name:
            folder = Path(name)
            with told_of(objects.url, folder):
                yield Beginnings(objects, folder, progress=progress)
    except OSError as error:
        raise SystemUnreachableError(
            f"cannot keep the parts of objects that are looked at: {error.strerror or error}",
            where=str(temp or tempfile.gettempdir()),
            expected="a disk with room for them",
            remedy="free disk space, or set [engine] temp to a folder on a larger disk; then try again",
        ) from error
