"""Deliveries as files in a folder: CSV, compressed or not, and Parquet.

Reads the source folder; writes, under a staging folder, landed Parquet (`parts/`), delivered files (`source/`) and quarantined rows (`quarantine/`). The same
files and settings give the same reading.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING

from rental_etl.errors import SystemUnreachableError
from rental_etl.model.batch import Batch, Delivery, Reading, SourceFile
from rental_etl.model.contract import Contract
from rental_etl.model.reading import TableReading
from rental_etl.ports.source import NotInPiecesError, Piece
from rental_etl.source import parsing
from rental_etl.source.copying import Digests, settling
from rental_etl.source.digest_index import DigestIndex
from rental_etl.source.discovery import find, require_data
from rental_etl.source.stopping import stoppable

if TYPE_CHECKING:
    from rental_etl.source.session import Sessions

Progress = Callable[[str, int, int], None]


class CsvFilesSource:
    """A `Source` that is a folder of files.

    `readings` are the settings by table; `keep_source` keeps a copy of the delivered files with each reading; `memory` (such as "1GB"), `threads` and
    `temp` (a folder) bound what reading takes; `progress` is told a label, and bytes done and in all; `local` when the lake is on this machine; `index` is a
    local file that outlives the run.
    """

    # Reading is in turn bound by the disk, by Python and by the engine.
    readers = 2
    # From how many bytes on a file is read in pieces where that is of use: any, and one that somebody waits for; and how many each has.
    large = 48_000_000
    awaited = 4_000_000
    piece = 20_000_000

    def __init__(
        self,
        folder: Path,
        *,
        readings: Mapping[str, TableReading],
        keep_source: bool,
        memory: str,
        threads: int | None,
        temp: Path,
        progress: Progress | None = None,
        local: bool = False,
        index: Path | None = None,
    ) -> None:
        self.folder = folder
        self._readings = readings
        self._keep_source = keep_source
        self._memory = memory
        self._threads = threads
        self._temp = temp
        self._progress = progress
        self._local = local
        self._digests = Digests(DigestIndex(index, source=self.identity) if index else None)
        self._series: dict[str, tuple[SourceFile, ...]] = {}
        self._has_data = False
        self._stopped = Event()
        self._opened: Sessions | None = None
        self._opening = Lock()

    @property
    def identity(self) -> str:
        """The folder, wherever it is named from."""
        return str(self.folder.resolve())

    def deliveries(self, contract: Contract) -> Sequence[Delivery]:
        """What the folder holds for a table: one delivery of all its files, or one per file of a series. Raises InputError."""
        if not self._has_data:
            require_data(self.folder, self._readings.values())
            self._has_data = True
        reading = self._reading(contract)
        found = find(self.folder, contract=contract, reading=reading)
        files = tuple(self._digests.of(found.files, folder=self.folder))
        kind = reading.delivery or ("delta" if found.series else "full")
        self._series[contract.table] = files if kind == "delta" else ()
        if not files:
            return ()
        if kind == "full":
            return (Delivery(contract.table, contract.table, "full", files, _content(files)),)
        return tuple(Delivery(contract.table, file.name, "delta", (file,), _content((file,))) for file in files)

    def read(
        self, delivery: Delivery, *, contract: Contract, staging: Path, day: date, hints: Mapping[str, str]
    ) -> Reading:
        """Read one delivery into `staging`. Raises InputError when it cannot be interpreted or changes meanwhile."""
        with stoppable(self._stopped):
            return self._checked(delivery, contract=contract, staging=staging, day=day, hints=hints)

    def stop(self) -> None:
        """Make readings in other threads fail soon; this source reads nothing any more."""
        self._stopped.set()
        with self._opening:
            if self._opened:
                self._opened.interrupt()

    def _checked(
        self, delivery: Delivery, *, contract: Contract, staging: Path, day: date, hints: Mapping[str, str]
    ) -> Reading:
        paths = [(file.name, self.folder / file.name) for file in delivery.files]
        if self._keep_source:
            copies = [(name, staging / "source" / name) for name, _ in paths]
            for file, (_, path), (_, copy) in zip(delivery.files, paths, copies, strict=True):
                self._digests.copy(path, copy, expected=file)
            with settling([copy for _, copy in copies] if self._local else ()):
                return self._read(delivery.files, copies, contract=contract, staging=staging, day=day, hints=hints)
        self._digests.verify(delivery.files, folder=self.folder)
        result = self._read(delivery.files, paths, contract=contract, staging=staging, day=day, hints=hints)
        self._digests.verify(delivery.files, folder=self.folder)
        return result

    def outdated(self, batch: Batch, *, contract: Contract) -> bool:
        """Whether a batch was parsed by other settings or another contract than today's."""
        return parsing.is_outdated(batch.reading.parsing, contract=contract, reading=self._reading(contract))

    def reread(
        self, batch: Batch, *, contract: Contract, kept: Path, staging: Path, hints: Mapping[str, str]
    ) -> Reading:
        """Parse a batch's kept source again with today's settings. What was decided about its dates stays decided unless they tell otherwise."""
        paths = [(file.name, kept / file.name) for file in batch.delivery.files]
        for name, path in paths:
            if not path.is_file():
                raise SystemUnreachableError(
                    f"the kept source of batch {batch.batch_id} is not complete: {name} is missing",
                    where=str(path),
                    expected="the delivered files as they were landed",
                    remedy=f"restore it, or deliver {batch.table} again",
                )
        known = {**batch.reading.parsing, **hints}
        return self._read(batch.delivery.files, paths, contract=contract, staging=staging, day=batch.day, hints=known)

    def _read(
        self,
        files: Sequence[SourceFile],
        paths: Sequence[tuple[str, Path]],
        *,
        contract: Contract,
        staging: Path,
        day: date,
        hints: Mapping[str, str],
    ) -> Reading:
        # Late: planning and finding nothing new need no engine.
        from rental_etl.source.readings import DeliveryReader

        names = {file.name for file in files}
        self._temp.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix="reading-", dir=self._temp) as scratch,
            self._sessions().session() as connection,
        ):
            return DeliveryReader(
                paths,
                contract=contract,
                reading=self._reading(contract),
                day=day,
                hints=hints,
                siblings=self._siblings(contract, names),
                connection=connection,
                staging=staging,
                scratch=Path(scratch),
                done=self._counting(files),
                local=self._local,
            ).read()

    def is_divisible(self, delivery: Delivery, *, awaited: bool = False) -> bool:
        """Whether a delivery is one large file."""
        bound = self.awaited if awaited else self.large
        return len(delivery.files) == 1 and delivery.files[0].size >= bound

    def read_in_pieces(
        self,
        delivery: Delivery,
        *,
        contract: Contract,
        staging: Path,
        day: date,
        landed: Callable[[Piece], None],
        divided: bool,
        as_text: bool,
    ) -> Reading:
        """Read one file piece by piece. Raises NotInPiecesError when it has to be read as a whole, InputError when it changes meanwhile."""
        from rental_etl.source.pieces import PieceReader, cuts

        if len(delivery.files) != 1:
            raise NotInPiecesError("there are several files")
        (file,) = delivery.files
        path, reading = self.folder / file.name, self._reading(contract)
        self._digests.verify(delivery.files, folder=self.folder)
        size = self.piece if divided else max(1, file.size)
        found = (
            cuts(path, size=size, first_size=-(-size // 32) if divided else size)
            if reading.encoding in ("", "utf-8")
            else ()
        )
        if not found:
            raise NotInPiecesError("not every line is a record")
        self._temp.mkdir(parents=True, exist_ok=True)
        with (
            stoppable(self._stopped),
            tempfile.TemporaryDirectory(prefix="reading-", dir=self._temp) as scratch,
            self._sessions().session() as connection,
        ):
            result = PieceReader(
                name=file.name,
                path=path,
                found=found,
                landed=landed,
                divided=divided,
                as_text=as_text,
                contract=contract,
                reading=reading,
                day=day,
                connection=connection,
                staging=staging,
                scratch=Path(scratch),
                done=_ignored,
            ).read()
        self._digests.verify(delivery.files, folder=self.folder)
        return result

    def _siblings(self, contract: Contract, names: set[str]) -> Iterable[tuple[str, Path]]:
        """The other files of the series that a delivery is of."""
        series = self._series.get(contract.table, ())
        return [(file.name, self.folder / file.name) for file in series if file.name not in names]

    def _sessions(self) -> "Sessions":
        from rental_etl.source.session import Sessions

        with self._opening:
            if self._opened is None:
                self._opened = Sessions(memory=self._memory, threads=self._threads, temp=self._temp)
            return self._opened

    def _reading(self, contract: Contract) -> TableReading:
        return self._readings.get(contract.table, TableReading())

    def _counting(self, files: Sequence[SourceFile]) -> Callable[[str], None]:
        sizes = {file.name: file.size for file in files}
        total, read = sum(sizes.values()), 0

        def done(name: str) -> None:
            nonlocal read
            read += sizes[name]
            if self._progress is not None:
                self._progress(f"read {name}", min(read, total), total)

        return done


def _content(files: Sequence[SourceFile]) -> str:
    if len(files) == 1:
        return files[0].sha256
    return hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()


def _ignored(count: object) -> None:
    del count
