"""The landing zone in S3.

Reads and writes, below one URL, `lake.json` (who owns the lake), `log/<number>.json` (manifests), `raw/<table>/<batch>-<token>/` (typed Parquet and
the delivered files) and `quarantine/<table>/<batch>-<token>/`. A batch exists from the moment its manifest
does, which is created only if its number is free: so two writers never have the same place in the order, and what the loser uploaded lies in folders of its
own. Readings are staged on a local disk.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from rental_etl.errors import ConfigurationError, WorkspaceBusyError
from rental_etl.lake import manifests
from rental_etl.lake.files import make_folder, reaching, remove_tree
from rental_etl.lake.ownership import agreed, lake_of, new_owner, now
from rental_etl.model.batch import Batch, Delivery, Part, Reading
from rental_etl.model.run import LakeId
from rental_etl.ports.lake import Landed
from rental_etl.storage.objects import Entry, Objects

_OWNER = "lake.json"
# What nobody finished for so long is abandoned; by S3's own clock.
_ABANDONED_SECONDS = 2 * 86_400
_MANIFESTS_AT_ONCE = 16


class S3Landing:
    """A `Landing` below an s3:// URL. `temp` is a local folder; `catalog` gives the identity of the curated tables' catalog."""

    def __init__(self, objects: Objects, *, temp: Path, catalog: Callable[[], str]) -> None:
        self.objects = objects
        self._temp = temp / "landing"
        self._catalog = catalog
        # Manifests never change: each is read once.
        self._entries: dict[int, Any] = {}
        self._last: int | None = None

    def claim(self, *, source: str, warehouse: str) -> LakeId:
        """Record the lake's source, warehouse, place and catalog at the first run, and refuse another later. "" is recorded when it becomes known."""
        wanted = {"source": source, "warehouse": warehouse, "location": self.objects.url, "catalog": self._catalog()}
        fresh = new_owner(wanted)
        text = json.dumps(fresh, indent=1).encode()
        found = self.objects.read_with_etag(_OWNER)
        if found is None:
            if self.objects.create(_OWNER, text):
                self._require_conditions(text)
                return lake_of(fresh)
            found = self.objects.read_with_etag(_OWNER)
        body, etag = found or (b"{}", "")
        owner = _parsed(body, self.objects.location(_OWNER))
        empty = next(self.objects.entries("log/"), None) is None
        known = agreed(owner, wanted, empty=empty, where=self.objects.location(_OWNER))
        if known != owner and not self.objects.put(_OWNER, json.dumps(known, indent=1).encode(), instead_of=etag):
            raise self._busy("its owner")
        return lake_of(known)

    def move_owner(self, *, warehouse: str) -> None:
        """Record that this warehouse and catalog show the lake from now on: the first step of a repair."""
        found = self.objects.read(_OWNER)
        if found is None:
            return
        owner = _parsed(found, self.objects.location(_OWNER))
        moved = {**owner, "warehouse": warehouse, "location": self.objects.url, "catalog": self._catalog()}
        self.objects.put(_OWNER, json.dumps(moved, indent=1).encode())

    def landed(self) -> Landed:
        """Replay the log. What was read once is not read again."""
        for number, entry in self._fetched(self._listed(after=max(self._entries, default=0))):
            self._entries[number] = entry
        self._last = max(self._entries, default=0)
        return manifests.replay(self._entries[number] for number in sorted(self._entries))

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A fresh folder on the local disk, removed afterwards."""
        folder = make_folder(self._temp / uuid.uuid4().hex[:12])
        try:
            yield folder
        finally:
            remove_tree(folder)

    def clear_staging(self) -> None:
        """Remove what killed runs left: of this workspace at once, of others when nobody can be at it any more. Only for the holder of the workspace."""
        leftovers = [folder for folder in self._temp.glob("*") if folder.is_dir()]
        unfinished = {folder.name for folder in leftovers if (folder / ".uploading").exists()}
        if unfinished or self._may_hold_abandoned():
            self._remove_unfinished(unfinished)
        for folder in leftovers:
            remove_tree(folder)

    def commit(self, delivery: Delivery, *, reading: Reading, staging: Path, day: date, run_id: str) -> Batch:
        """Upload a reading and commit it as the next batch. Raises WorkspaceBusyError when another run took its place."""

        def batch(number: int) -> Batch:
            folder = f"raw/{delivery.table}/{number:08d}-{staging.name}"
            return Batch(number, number, delivery, day, run_id, now(), reading, folder)

        return self._commit(batch, staging=staging)

    def revise(self, batch: Batch, *, reading: Reading, staging: Path, run_id: str) -> Batch:
        """Commit another reading of a batch; the delivered files stay where they are."""

        def revision(number: int) -> Batch:
            folder = f"raw/{batch.table}/{batch.batch_id:08d}-{number:08d}-{staging.name}"
            return replace(batch, revision=number, run_id=run_id, landed_at=now(), reading=reading, folder=folder)

        return self._commit(revision, staging=staging)

    def decide(self, batch_id: int, decision: Literal["accept", "reject"], *, run_id: str) -> None:
        """Record what becomes of a refused batch."""
        number = self._last_number() + 1
        self._append(number, manifests.decision_entry(batch_id, decision, number=number, run_id=run_id, at=now()))

    def path(self, relative: str) -> str:
        """The location now of a path recorded in a manifest."""
        return self.objects.location(relative)

    @contextmanager
    def kept_source(self, batch: Batch) -> Iterator[Path | None]:
        """A local folder with a batch's delivered files, removed afterwards; None when they were not kept."""
        self.landed()
        first = self._entries[batch.batch_id]["batch"]["folder"]
        prefix = f"{first}/source/"
        entries = list(self.objects.entries(prefix))
        if not entries:
            yield None
            return
        with self.staging() as folder:
            self.objects.fetch([(entry, folder / entry.key.removeprefix(prefix)) for entry in entries])
            yield folder

    def _commit(self, make: Callable[[int], Batch], *, staging: Path) -> Batch:
        number = self._last_number() + 1
        batch = make(number)
        folder = batch.folder
        quarantine = folder.replace("raw/", "quarantine/", 1)
        parts = tuple(Part(f"{folder}/{Path(part.path).name}", part.rows) for part in batch.reading.parts)
        sent = [(staging / part.path, f"{folder}/{Path(part.path).name}") for part in batch.reading.parts]
        aside = batch.reading.quarantine
        if aside:
            sent.append((staging / aside, f"{quarantine}/{Path(aside).name}"))
        source = staging / "source"
        if batch.revision == batch.batch_id:
            delivered = sorted(path for path in source.rglob("*") if path.is_file())
            sent += [(path, f"{folder}/source/{path.relative_to(source).as_posix()}") for path in delivered]
        with reaching(staging, f"land a batch of {batch.table}"):
            (staging / ".uploading").touch()
        self.objects.send(sent)
        reading = replace(batch.reading, parts=parts, quarantine=f"{quarantine}/{Path(aside).name}" if aside else "")
        batch = replace(batch, reading=reading)
        self._append(number, manifests.batch_entry(batch, number=number))
        return batch

    def _append(self, number: int, text: str) -> None:
        if not self.objects.create(_manifest(number), text.encode()):
            raise self._busy(f"manifest {number}")
        self._last = number

    def _last_number(self) -> int:
        # What another run wrote since the log was replayed is not looked for: it has to be met, for this run does not know what it landed.
        if self._last is None:
            self._last = max(self._listed(after=0), default=0)
        return self._last

    def _listed(self, *, after: int) -> list[int]:
        return [int(Path(entry.key).stem) for entry in self.objects.entries("log/", after=_manifest(after))]

    def _fetched(self, numbers: list[int]) -> list[tuple[int, Any]]:
        def one(number: int) -> tuple[int, Any]:
            body = self.objects.read(_manifest(number))
            return number, _parsed(body or b"", self.objects.location(_manifest(number)))

        if not numbers:
            return []
        with ThreadPoolExecutor(_MANIFESTS_AT_ONCE) as pool:
            return list(pool.map(one, numbers))

    def _may_hold_abandoned(self) -> bool:
        """Whether to look through the whole lake: once a day is enough, for what others left is invisible."""
        mark = self._temp / ".looked"
        try:
            fresh = mark.stat().st_mtime
        except OSError:
            fresh = 0.0
        if time.time() - fresh < _ABANDONED_SECONDS / 2:
            return False
        make_folder(self._temp)
        with reaching(mark, "write to the temporary folder"):
            mark.touch()
        return True

    def _remove_unfinished(self, tokens: set[str]) -> None:
        self.landed()
        committed = {entry["batch"]["folder"] for entry in self._entries.values() if "batch" in entry}
        before = self.objects.now() - _ABANDONED_SECONDS

        def is_left(entry: Entry) -> bool:
            top, table, folder = entry.key.split("/")[:3]
            if f"raw/{table}/{folder}" in committed or top not in ("raw", "quarantine"):
                return False
            return folder.rpartition("-")[2] in tokens or entry.modified < before

        below = [entry for top in ("raw/", "quarantine/") for entry in self.objects.entries(top)]
        left = [entry.key for entry in below if entry.key.count("/") > 2 and is_left(entry)]
        left += [entry.key for entry in self.objects.entries("temp/") if entry.modified < before]
        self.objects.remove(left)
        self.objects.abandon_uploads(before=before)

    def _require_conditions(self, text: bytes) -> None:
        """Raise ConfigurationError when the store overwrites what was to be created only if it is absent."""
        if self.objects.create(_OWNER, text + b"\n"):
            raise ConfigurationError(
                "this store ignores If-None-Match: two runs could overwrite each other's batches",
                where=self.objects.url,
                expected="a store that creates an object only if it is absent, as S3 does",
                remedy="use a newer version of the store, or another one",
            )

    def _busy(self, what: str) -> WorkspaceBusyError:
        return WorkspaceBusyError(
            f"another run wrote {what} of the lake at the same moment",
            where=self.objects.url,
            expected="one run at a time",
            remedy="wait for it to end, then run again; nothing was lost",
        )


def _manifest(number: int) -> str:
    return f"log/{number:08d}.json"


def _parsed(body: bytes, where: str) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise ConfigurationError(
            f"{where.rpartition('/')[2]} is damaged: {error}",
            where=where,
            expected="the object as rental-etl wrote it",
            remedy="restore it from the bucket's versions or a backup",
        ) from error
