"""Reads a large delivery in a thread of its own, piece by piece, so that a database can store one piece while the next is read."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from queue import SimpleQueue

from rental_etl.model.batch import Delivery, Reading
from rental_etl.model.contract import Contract
from rental_etl.ports.source import DivisibleSource, NotInPiecesError, Piece


class Stream:
    """A delivery that is read in the background. `pieces` gives its pieces in order as they are ready, `reading` what the whole reading found."""

    def __init__(self, queue: "SimpleQueue[Piece | None]", start: Callable[[], "Future[Reading]"]) -> None:
        self._queue = queue
        self._start = start
        self._reading: Future[Reading] | None = None

    def pieces(self) -> Iterator[Piece]:
        """Every piece; the first one asked for begins the reading. Raises what the reading raised, NotInPiecesError among it."""
        self._reading = self._start()
        while (piece := self._queue.get()) is not None:
            yield piece
        self._reading.result()

    def reading(self) -> Reading:
        """What was found, after the last piece."""
        assert self._reading is not None
        return self._reading.result()


@contextmanager
def streaming(
    source: DivisibleSource,
    delivery: Delivery,
    *,
    contract: Contract,
    staging: Path,
    day: date,
    check: Callable[[Reading], None],
) -> Iterator[Stream]:
    """What reads in the background until the block ends. `check` looks at the whole reading before the last piece counts as the last."""
    queue: SimpleQueue[Piece | None] = SimpleQueue()
    abandoned = False

    def landed(piece: Piece) -> None:
        if abandoned:
            raise NotInPiecesError("nobody waits for the rest")
        queue.put(piece)

    def work() -> Reading:
        try:
            reading = source.read_in_pieces(delivery, contract=contract, staging=staging, day=day, landed=landed)
            check(reading)
            return reading
        finally:
            queue.put(None)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="pieces") as pool:
        try:
            yield Stream(queue, lambda: pool.submit(work))
        finally:
            abandoned = True
