"""Reads deliveries a little ahead of their being landed, several at once where the source allows it.

What is landed, and in which order, does not depend on it: a delivery is begun once the one before it of the same table is landed, and deliveries are
taken in their order. Reads the source; writes staging folders, which are gone afterwards.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from rental_etl.model.batch import Batch, Delivery, Reading
from rental_etl.model.contract import Contract
from rental_etl.ports.lake import Landing
from rental_etl.ports.source import Source

Work = Sequence[tuple[Contract, Delivery]]
# Seconds until a thread that computes in Python lets another go on: one that copies or hashes asks after every block, and would else wait longer than it works.
_TURN = 0.0005


@dataclass(frozen=True, slots=True)
class Read:
    """A delivery that was read into `staging`, on a batch's day."""

    reading: Reading
    staging: Path
    day: date


@dataclass(frozen=True, slots=True)
class _Begun:
    reading: Future[Reading]
    folder: ExitStack
    staging: Path
    day: date


class ReadingAhead:
    """Reads `work` in `source.readers` threads, or in the caller's when that is one.

    `work` holds the deliveries of one table after those of another. `last` is each table's latest batch: the caller adds what it lands. `as_of` bounds
    a batch's day from below. `expecting` is called when there is work: before the first reading or, with several threads, after it, when the engine is at
    the next and needs the interpreter no more.
    """

    def __init__(
        self,
        *,
        source: Source,
        landing: Landing,
        work: Work,
        last: Mapping[str, Batch],
        as_of: date,
        expecting: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._landing = landing
        self._work = work
        self._last = last
        self._as_of = as_of
        self._expecting = expecting
        self._telling = Lock()
        self._told = False
        self._begun: dict[int, _Begun] = {}
        tables = [contract.table for contract, _ in work]
        firsts = [tables.index(table) for table in dict.fromkeys(tables)]
        # Beside the first, which is taken first, large ones: what is left at the end is soon done.
        self._firsts = sorted(firsts, key=lambda first: sum(file.size for file in work[first][1].files), reverse=True)
        readers = min(source.readers, len(self._firsts))
        self._threads = ThreadPoolExecutor(readers, thread_name_prefix="reading") if readers > 1 else None

    def __enter__(self) -> Self:
        self._usual_turn = sys.getswitchinterval()
        if self._threads:
            sys.setswitchinterval(_TURN)
        elif self._work:
            self._expecting()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as folders:
            for begun in self._begun.values():
                folders.push(begun.folder)
            # A thread must have let go of its folder before that is removed.
            if self._threads:
                if kind:
                    self._source.stop()
                self._threads.shutdown(cancel_futures=True)
            sys.setswitchinterval(self._usual_turn)

    @contextmanager
    def take(self, place: int) -> Iterator[Read]:
        """The delivery at a place of the work, read; its staging folder is there inside. Raises what reading it raised."""
        self._begin(place)
        if self._threads:
            # The others of this table wait for this one.
            for first in self._firsts:
                if first > place:
                    self._begin(first)
        reading = self._begun[place].reading.result()
        begun = self._begun.pop(place)
        with begun.folder:
            yield Read(reading, begun.staging, begun.day)

    def _begin(self, place: int) -> None:
        """Read the delivery at a place, here or in a thread, unless that was begun before."""
        if place in self._begun:
            return
        contract, delivery = self._work[place]
        previous = self._last.get(contract.table)
        day = max(self._as_of, previous.day) if previous else self._as_of
        hints = hints_of(previous, delivery)
        with ExitStack() as folder:
            staging = folder.enter_context(self._landing.staging())

            def read() -> Reading:
                return self._source.read(delivery, contract=contract, staging=staging, day=day, hints=hints)

            reading: Future[Reading]
            if self._threads:
                reading = self._threads.submit(read)
                reading.add_done_callback(self._expect)
            else:
                reading = Future()
                reading.set_result(read())
            self._begun[place] = _Begun(reading, folder.pop_all(), staging, day)

    def _expect(self, first: Future[Reading]) -> None:
        with self._telling:
            if not self._told and not first.cancelled() and first.exception() is None:
                self._told = True
                self._expecting()


def hints_of(previous: Batch | None, delivery: Delivery) -> Mapping[str, str]:
    """Earlier files of a series are evidence for reading the next; a full delivery speaks for itself."""
    if previous is None or delivery.kind == "full" or previous.kind == "full":
        return {}
    return previous.reading.parsing
