"""Lets work in another thread be given up: whatever reads a file block by block asks `go_on` before each."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event

_STOPPED: ContextVar[Event | None] = ContextVar("stopped", default=None)


class StoppedError(Exception):
    """The work was given up; whoever did so knows."""


@contextmanager
def stoppable(stopped: Event) -> Iterator[None]:
    """Inside, in this thread, `go_on` raises once `stopped` is set."""
    token = _STOPPED.set(stopped)
    try:
        go_on()
        yield
    finally:
        _STOPPED.reset(token)


def go_on() -> None:
    """Raise StoppedError when the work around was given up."""
    stopped = _STOPPED.get()
    if stopped is not None and stopped.is_set():
        raise StoppedError
