"""Deliveries as objects below an s3:// URL: the same files, found by the same rules and read by the same reader as those in a folder.

Reads the bucket; writes copies of new objects below a temporary folder, for as long as they are needed, and the index of digests, by which an object that
has not changed is not fetched again. What a delivery is, its bytes say: ETag, size and date only tell that an object is the one seen before.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import date
from pathlib import Path

from rental_etl.errors import SystemUnreachableError
from rental_etl.model.batch import Delivery, Reading, SourceFile
from rental_etl.model.contract import Contract
from rental_etl.model.reading import TableReading
from rental_etl.source.copying import Digests, changed
from rental_etl.source.csv_files import CsvFilesSource, Progress
from rental_etl.source.digest_index import DigestIndex
from rental_etl.source.discovery import SUFFIXES, find, matches, require_data
from rental_etl.source.mirror import mirror, told_of
from rental_etl.storage.leftovers import scratch
from rental_etl.storage.objects import Entry, Objects

# Copies kept between finding out what is new and reading it; beyond it an object is fetched twice.
_KEPT_BYTES = 8 << 30


class S3FilesSource(CsvFilesSource):
    """A `Source` that is a prefix of a bucket. `index` is a local file that outlives the run; the rest is as in `CsvFilesSource`."""

    # What was fetched is counted and let go as it is read.
    readers = 1

    def __init__(
        self,
        objects: Objects,
        *,
        index: Path,
        readings: Mapping[str, TableReading],
        keep_source: bool,
        memory: str,
        threads: int | None,
        temp: Path,
        progress: Progress | None = None,
        local: bool = False,
    ) -> None:
        self._objects = objects
        self._mirrors = temp
        self._holder: tempfile.TemporaryDirectory[str] | None = None
        self._fetched = _Fetched(objects, index, progress=progress or _silent)
        super().__init__(
            temp,
            readings=readings,
            keep_source=keep_source,
            memory=memory,
            threads=threads,
            temp=temp,
            progress=progress,
            local=local,
        )
        self._digests = self._fetched

    @property
    def identity(self) -> str:
        """The URL, whoever asks and by which endpoint."""
        return self._objects.url

    def deliveries(self, contract: Contract) -> Sequence[Delivery]:
        """What lies below the URL for a table. Objects that were not seen before are fetched, to know their content. Raises InputError."""
        self._mirror()
        with self._told():
            return super().deliveries(contract)

    def read(
        self, delivery: Delivery, *, contract: Contract, staging: Path, day: date, hints: Mapping[str, str]
    ) -> Reading:
        """Read one delivery into `staging`. Raises InputError when an object is no longer the one that was listed."""
        self._mirror()
        with self._told():
            self._fetched.need(delivery.files)
            try:
                return super().read(delivery, contract=contract, staging=staging, day=day, hints=hints)
            finally:
                self._fetched.release(delivery.files)

    def check(self, tables: Sequence[Contract]) -> str:
        """What is found below the URL, by its listing alone. Raises what stands in the way."""
        self._mirror()
        with self._told():
            require_data(self.folder, self._readings.values())
            found = {
                table.table: len(find(self.folder, contract=table, reading=self._reading(table)).files)
                for table in tables
            }
        present = ", ".join(f"{table} ({count})" if count > 1 else table for table, count in found.items() if count)
        tls = "TLS" if self._objects.store.encrypts else "no TLS"
        return f"{self.identity}: {tls}, {present}"

    def _siblings(self, contract: Contract, names: set[str]) -> "Iterable[tuple[str, Path]]":
        """The other files of a series, each fetched when it is asked about."""
        for file in self._series.get(contract.table, ()):
            if file.name not in names:
                self._fetched.need([file])
                yield file.name, self.folder / file.name
                self._fetched.release([file])

    def _mirror(self) -> None:
        """A folder with an empty file in the place of every object: what the rules for names look at."""
        if self._holder is not None:
            return
        try:
            holder = scratch(self._mirrors, "source")
            self.folder = Path(holder.name)
            named = [pattern for reading in self._readings.values() for pattern in reading.files]
            for entry, place in mirror(
                self._objects, self.folder, wanted=lambda key: key.endswith(SUFFIXES) or matches(key, named)
            ):
                self._fetched.add(entry, place)
        except OSError as error:
            raise _no_room(self._mirrors, error) from error
        self._holder = holder

    def _told(self) -> AbstractContextManager[None]:
        return told_of(self.identity, self.folder)


class _Fetched(Digests):
    """Digests of objects: known from the index, or found by fetching; the copies are kept until they were read."""

    def __init__(self, objects: Objects, index: Path, *, progress: Progress) -> None:
        super().__init__()
        self._objects, self._progress = objects, progress
        self._place_of_index = index
        self._marks = DigestIndex(index, source=objects.url)
        self._entries: dict[str, Entry] = {}
        self._places: dict[str, Path] = {}
        self._here: set[str] = set()

    def add(self, entry: Entry, place: Path) -> None:
        """An object, and where its copy would lie."""
        self._entries[entry.key] = entry
        self._places[entry.key] = place

    def of(self, paths: Iterable[Path], *, folder: Path) -> list[SourceFile]:
        """Names, sizes and digests."""
        names = [path.relative_to(folder).as_posix() for path in paths]
        known = {name: self._marks.digest(name, _mark(self._entries[name])) for name in names}
        known |= self._learn([name for name, digest in known.items() if digest is None])
        return [SourceFile(name, self._entries[name].size, digest) for name, digest in known.items() if digest]

    def verify(self, files: Sequence[SourceFile], *, folder: Path) -> None:
        """Copies are nobody else's: they were compared when they were made."""
        del files, folder

    def need(self, files: Sequence[SourceFile]) -> None:
        """Have copies of these files. Raises InputError when one is not the one that was announced."""
        missing = [file for file in files if file.name not in self._here]
        self._fetch([file.name for file in missing])
        for file in missing:
            if _digest(self._places[file.name]) != file.sha256:
                raise changed(file.name)

    def release(self, files: Sequence[SourceFile]) -> None:
        """Let go of copies; the empty file stays in their place."""
        for file in files:
            self._empty(file.name)

    def _learn(self, names: Sequence[str]) -> dict[str, str]:
        learnt: dict[str, str] = {}
        kept = sum(self._entries[name].size for name in self._here)
        for done, some in enumerate(_portions(names, 16)):
            self._progress(f"fetching {some[0]}", done * 16, len(names))
            self._fetch(some)
            for name in some:
                learnt[name] = _digest(self._places[name])
                self._marks.learn(name, _mark(self._entries[name]), learnt[name])
                kept += self._entries[name].size
                if kept > _KEPT_BYTES:
                    kept -= self._entries[name].size
                    self._empty(name)
        if names:
            try:
                self._marks.save(self._entries.__contains__)
            except OSError as error:
                raise _no_room(self._place_of_index, error) from error
        return learnt

    def _fetch(self, names: Sequence[str]) -> None:
        self._objects.fetch([(self._entries[name], self._places[name]) for name in names])
        self._here.update(names)

    def _empty(self, name: str) -> None:
        if name in self._here:
            with suppress(OSError):
                os.truncate(self._places[name], 0)
            self._here.discard(name)


def _portions(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (names[first : first + size] for first in range(0, len(names), size))


def _mark(entry: Entry) -> str:
    return f"{entry.etag} {entry.size} {entry.modified:.3f}"


def _digest(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _no_room(place: Path, error: OSError) -> SystemUnreachableError:
    return SystemUnreachableError(
        f"cannot keep copies of the delivered objects: {error.strerror or error}",
        where=str(place),
        expected="a disk with room for what is delivered",
        remedy="free disk space, or set [engine] temp to a folder on a larger disk; then run again",
    )


def _silent(label: str, done: int, total: int) -> None:
    del label, done, total
