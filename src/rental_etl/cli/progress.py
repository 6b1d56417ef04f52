"""Tells how work gets on, on stderr: a bar on a terminal once a job takes more than a second, elsewhere one line per finished job."""

import sys
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress

_PATIENCE_SECONDS = 1.0


class Bars:
    """A `Watch` for a terminal: what takes long is shown while it lasts, and leaves nothing behind."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._job = ""
        self._step = ""
        self._done = 0
        self._total = 0
        self._bars: Progress | None = None
        self._timer = threading.Timer(_PATIENCE_SECONDS, self._show)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._bars:
                self._bars.stop()

    def job(self, name: str) -> None:
        """Name what is being done now."""
        with self._lock:
            self._job, self._step, self._done, self._total = name, "", 0, 0
            if self._bars:
                for task in self._bars.task_ids:
                    self._bars.remove_task(task)
                self._bars.add_task(name, total=None, label="")

    def progress(self, label: str, done: int, total: int) -> None:
        """Move the bar of the job."""
        with self._lock:
            self._step, self._done, self._total = label, done, total
            if self._bars and self._bars.task_ids:
                self._bars.update(self._bars.task_ids[-1], label=label, completed=done, total=total or None)

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        with self._lock:
            self._bars = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TimeElapsedColumn(),
                TextColumn("{task.fields[label]}", markup=False),
                console=Console(stderr=True),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            if self._job:
                self._bars.add_task(self._job, total=self._total or None, completed=self._done, label=self._step)
            self._bars.start()


class Lines:
    """A `Watch` for logs: one line per job, when it is done. A log that nobody reads any more does not stop the work."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._name = ""
        self._began = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(f"stopped after {self._seconds()}" if kind else self._seconds())

    def job(self, name: str) -> None:
        """Report the job before, and begin this one."""
        self._end(self._seconds())
        self._name, self._began = name, time.perf_counter()

    def progress(self, label: str, done: int, total: int) -> None:
        """Nothing: a log is for what is finished."""

    def _seconds(self) -> str:
        return f"{time.perf_counter() - self._began:.1f} s"

    def _end(self, outcome: str) -> None:
        if self._name and not self._silent:
            with suppress(BrokenPipeError):
                sys.stderr.write(f"{self._name:<9} {outcome}\n")
                sys.stderr.flush()
        self._name = ""


def watching(*, log: bool = True) -> Bars | Lines:
    """Who watches the work of a command; a context manager. Without `log` there is nothing to see where no terminal is."""
    return Bars() if sys.stderr.isatty() else Lines(silent=not log)
