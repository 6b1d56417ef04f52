"""Digests of delivered files, kept from run to run: a file that has not changed is not read again to learn that.

Reads and writes one JSON file in the workspace, which may be deleted at any time. It never decides what is new, the bytes do: a mark that differs in the least
makes a file read again.
"""

import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


class DigestIndex:
    """The SHA-256 of the files of one source, each under the mark (size, times, ...) that it had when it was read."""

    def __init__(self, path: Path, *, source: str) -> None:
        self._path = path
        self._source = source
        self._known: dict[str, list[str]] | None = None
        self._loading = threading.Lock()

    def digest(self, name: str, mark: str) -> str | None:
        """The digest of a file that still has the mark it was read with."""
        known = self._load().get(name)
        return known[1] if known and known[0] == mark else None

    def learn(self, name: str, mark: str, digest: str) -> None:
        """A file was read; lasting once saved."""
        self._load()[name] = [mark, digest]

    def save(self, is_there: Callable[[str], bool]) -> None:
        """Write what is known of the files that are still there. Raises OSError."""
        files = {name: known for name, known in list(self._load().items()) if is_there(name)}
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            temporary.write_text(json.dumps({"source": self._source, "files": files}), encoding="utf-8")
            temporary.replace(self._path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _load(self) -> dict[str, list[str]]:
        with self._loading:
            if self._known is None:
                self._known = self._read()
            return self._known

    def _read(self) -> dict[str, list[str]]:
        # A lost or damaged index costs reading.
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            found = json.loads(self._path.read_text(encoding="utf-8"))
            if found["source"] == self._source:
                return {name: [str(mark), str(digest)] for name, (mark, digest) in found["files"].items()}
        return {}
