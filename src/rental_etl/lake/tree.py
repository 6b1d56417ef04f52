"""The files of the curated tables, on a local disk or in S3: what reading metadata and cleaning up need of them."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from rental_etl.lake.files import make_folder, reaching, remove_tree
from rental_etl.storage.objects import Objects


class Tree(Protocol):
    """Everything below a lake's root. A location is an absolute path or an s3:// URL."""

    @property
    def root(self) -> str:
        """The lake's location."""
        ...

    @property
    def properties(self) -> dict[str, str]:
        """How pyiceberg gets at the files."""
        ...

    def location(self, relative: str) -> str:
        """The location of a path below the root."""
        ...

    def writable(self, relative: str) -> str:
        """The location of a folder that can be written into."""
        ...

    def text(self, location: str) -> str | None:
        """A small file; None when it is not there."""
        ...

    def old(self, relative: str, suffix: str) -> Iterator[str]:
        """Locations of the files below a folder that end so and are older than this object: younger ones may be on their way to a commit."""
        ...

    def remove(self, locations: Iterable[str]) -> None:
        """Remove files; those that are gone already are fine."""
        ...

    def clear(self, relative: str) -> None:
        """Remove a folder and all below it."""
        ...

    def errors(self, action: str) -> AbstractContextManager[None]:
        """Failures of the files come out as the product's errors; `action` completes "cannot ..."."""
        ...


class LocalTree:
    """A folder."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._opened_at = time.time()

    @property
    def root(self) -> str:
        """The lake's folder."""
        return str(self._root)

    @property
    def properties(self) -> dict[str, str]:
        """Local files need none."""
        return {}

    def location(self, relative: str) -> str:
        """The absolute path of a path below the root."""
        return str(self._root / relative)

    def writable(self, relative: str) -> str:
        """The path of a folder, which is made."""
        return str(make_folder(self._root / relative))

    def text(self, location: str) -> str | None:
        """A small file; None when it is not there."""
        path = Path(location)
        if not path.exists():
            return None
        with reaching(path, "read the metadata of a curated table"):
            return path.read_text(encoding="utf-8")

    def old(self, relative: str, suffix: str) -> Iterator[str]:
        """Paths of the files below a folder that end so and are older than this object."""
        for path in (self._root / relative).rglob(f"*{suffix}"):
            if path.stat().st_mtime < self._opened_at:
                yield str(path)

    def remove(self, locations: Iterable[str]) -> None:
        """Remove files; those that are gone already are fine."""
        for location in locations:
            Path(location).unlink(missing_ok=True)

    def clear(self, relative: str) -> None:
        """Remove a folder and all below it."""
        remove_tree(self._root / relative)

    def errors(self, action: str) -> AbstractContextManager[None]:
        """What the system says comes out as SystemUnreachableError."""
        return reaching(self._root, action, also="when a file is missing, run `rental-etl repair`")


class S3Tree:
    """What lies below an s3:// URL."""

    def __init__(self, objects: Objects, *, region: str | None, endpoint: str | None) -> None:
        self._objects = objects
        self._opened_at: float | None = None
        self._given = {"rental-etl.region": region or "", "rental-etl.endpoint": endpoint or ""}

    @property
    def root(self) -> str:
        """The lake's URL."""
        return self._objects.url

    @property
    def properties(self) -> dict[str, str]:
        """The way to the objects that everything else takes too, with its retries and its account of what went wrong."""
        return {"py-io-impl": "rental_etl.lake.s3_io.S3FileIO", **self._given}

    def location(self, relative: str) -> str:
        """The URL of a path below the root."""
        return self._objects.location(relative)

    def writable(self, relative: str) -> str:
        """The URL of a folder; there is nothing to be made."""
        # Asked before anything is written, so that nothing of this run is older.
        self._open()
        return self._objects.location(relative)

    def text(self, location: str) -> str | None:
        """A small object; None when it is not there."""
        body = self._objects.read(self._objects.key_of(location))
        return None if body is None else body.decode()

    def old(self, relative: str, suffix: str) -> Iterator[str]:
        """URLs of the objects below a folder that end so and are older than this object's first write, by S3's clock."""
        opened_at = self._open()
        for entry in self._objects.entries(f"{relative}/"):
            if entry.key.endswith(suffix) and entry.modified < opened_at:
                yield self._objects.location(entry.key)

    def _open(self) -> float:
        if self._opened_at is None:
            self._opened_at = self._objects.now()
        return self._opened_at

    def remove(self, locations: Iterable[str]) -> None:
        """Remove objects; those that are gone already are fine."""
        self._objects.remove([self._objects.key_of(location) for location in locations])

    def clear(self, relative: str) -> None:
        """Remove all objects below a folder."""
        self._objects.remove([entry.key for entry in self._objects.entries(f"{relative}/")])

    @contextlib.contextmanager
    def errors(self, action: str) -> Iterator[None]:
        """What S3 says comes out as the product's errors."""
        with self._objects.store.errors(self.root, action=action):
            yield


def unneeded(tree: Tree, relative: str, suffixes: Sequence[str], *, needed: frozenset[str] | set[str]) -> list[str]:
    """Old files below a folder, by suffix, that are not needed."""
    return [path for suffix in suffixes for path in tree.old(relative, suffix) if path not in needed]
