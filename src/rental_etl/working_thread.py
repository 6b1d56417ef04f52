"""Runs the work of engines and databases so that Ctrl-C ends it at once and breaks nothing.

An exception that comes up in the middle of a call to Spark's JVM leaves that connection with half an answer, and py4j then closes others by mistake: what is
called next fails as if Spark had died. DuckDB looks for a signal only between parts of a statement, which may take minutes. So the work is done in a thread of
its own, which no signal reaches, and the main thread waits for it.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

Result = TypeVar("Result")
# Seconds between two looks: a signal that comes while the main thread is about to wait does not wake it.
_LOOK = 0.5
# Seconds between two attempts to cancel: a statement that is still being planned may have nothing to cancel yet.
_AGAIN = 0.1


class WorkingThread:
    """The thread in which the work of one session is done.

    `cancel` ends what the session is doing, is called from the main thread and must bear being called in vain; `prepare` runs once in the new thread.
    """

    def __init__(self, cancel: Callable[[], None], prepare: Callable[[], None] | None = None) -> None:
        self._cancel = cancel
        self._pool = ThreadPoolExecutor(1, "working", initializer=prepare)

    def do(self, work: Callable[[], Result]) -> Result:
        """Its result, or its exception; KeyboardInterrupt when the main thread is interrupted, after the work has ended."""
        if threading.current_thread() is not threading.main_thread():
            return work()
        doing = self._pool.submit(work)
        try:
            while not doing.done():
                wait([doing], _LOOK)
        except KeyboardInterrupt:
            while not doing.done():
                self._cancel()
                wait([doing], _AGAIN)
            raise
        return doing.result()

    def end(self) -> None:
        """Let the thread go."""
        self._pool.shutdown(wait=False)
