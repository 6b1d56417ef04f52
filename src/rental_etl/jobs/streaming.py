"""Reads a large delivery in a thread of its own, piece by piece, so that a database can store one piece while the next is read."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from queue import Full, Queue
from threading import Event

from rental_etl.model.batch import Delivery, Reading
from rental_etl.model.contract import Contract
from rental_etl.ports.source import DivisibleSource, NotInPiecesError, Piece

# Pieces that may wait, each on disk: a reader much faster than the database would only take room and processor time from it.
_WAITING = 4


class Stream:
    """A delivery that is read in the background. `pieces` gives its pieces in order as they are ready, `reading` what the whole reading found."""

    def __init__(self, queue: "Queue[Piece | None]", start: Callable[[], "Future[Reading]"]) -> None:
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
    as_text: bool,
) -> Iterator[Stream]:
    """What reads in the background until the block ends."""
    queue: Queue[Piece | None] = Queue(_WAITING)
    abandoned = Event()

    def put(piece: Piece | None) -> None:
        while not abandoned.is_set():
            with suppress(Full):
                queue.put(piece, timeout=0.1)
                return

    def landed(piece: Piece) -> None:
        put(piece)
        if abandoned.is_set():
            raise NotInPiecesError("nobody waits for the rest")

    def work() -> Reading:
        try:
            return source.read_in_pieces(
                delivery,
                contract=contract,
                staging=staging,
                day=day,
                landed=landed,
                divided=True,
                as_text=as_text,
            )
        finally:
            put(None)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="pieces") as pool:
        try:
            yield Stream(queue, lambda: pool.submit(work))
        finally:
            abandoned.set()
