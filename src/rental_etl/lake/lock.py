"""One run at a time: a lock on the workspace that the operating system frees when its holder dies."""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rental_etl.errors import WorkspaceBusyError
from rental_etl.lake.files import make_folder, reaching


@contextmanager
def hold_workspace(workspace: Path, *, command: str, wait_seconds: float = 10.0) -> Iterator[None]:
    """Hold the workspace for writing. Raises WorkspaceBusyError, naming the holder, after waiting."""
    path = make_folder(workspace) / ".lock"
    with reaching(path, "lock the workspace"):
        file = path.open("a+", encoding="utf-8")
    with file:
        _wait(file.fileno(), path, wait_seconds)
        file.truncate(0)
        started = datetime.now(tz=UTC).isoformat(timespec="seconds")
        file.write(json.dumps({"pid": os.getpid(), "command": command, "started": started}))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _wait(descriptor: int, path: Path, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise _busy(path) from None
            # Polling keeps Ctrl-C prompt, which a blocking lock would not.
            time.sleep(0.1)
        else:
            return


def _busy(path: Path) -> WorkspaceBusyError:
    holder = {}
    # The holder may be writing its name just now.
    with contextlib.suppress(ValueError):
        holder = json.loads(path.read_text(encoding="utf-8"))
    who = (
        f"process {holder['pid']} (rental-etl {holder['command']}, since {holder['started']})"
        if holder
        else "another process"
    )
    return WorkspaceBusyError(
        f"the workspace is held by {who}",
        where=str(path.parent),
        expected="one run at a time",
        remedy="wait for it to end, or use another --workspace",
    )
