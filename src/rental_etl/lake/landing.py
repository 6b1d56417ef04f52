"""The landing zone on a local disk.

Reads and writes `lake.json` (who owns the lake), `log/<number>.json` (manifests), `raw/<table>/<batch>/` (typed Parquet and the delivered
files), `quarantine/<table>/<batch>/` and `temp/`. A batch exists from the moment its manifest does; what a killed run left without one is removed.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from rental_etl.errors import SystemUnreachableError
from rental_etl.lake import manifests
from rental_etl.lake.files import (
    create_exclusively,
    make_folder,
    reaching,
    read_json,
    remove_tree,
    replace_durably,
    sync_tree,
)
from rental_etl.lake.ownership import agreed, lake_of, new_owner, now
from rental_etl.model.batch import Batch, Delivery, Part, Reading
from rental_etl.model.run import LakeId
from rental_etl.ports.lake import Landed
from rental_etl.storage.syncing import sync


class LocalLanding:
    """A `Landing` in a folder. One writer at a time, which the workspace's lock sees to; a second one loses the race for the next manifest."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._temp = self.root / "temp"
        self._log = self.root / "log"
        self._owner = self.root / "lake.json"
        # Manifests never change: each is read once.
        self._entries: dict[str, Any] = {}
        self._last = 0

    def claim(self, *, source: str, warehouse: str) -> LakeId:
        """Record the lake's source, warehouse and place at the first run, and refuse another later. "" is recorded when it becomes known.

        The source is recorded for good by the first batch: until then another one may be named.
        """
        make_folder(self._log)
        make_folder(self._temp)
        wanted = {"source": source, "warehouse": warehouse, "location": str(self.root)}
        fresh = new_owner(wanted)
        if create_exclusively(self._owner, json.dumps(fresh, indent=1), scratch=self._temp):
            return lake_of(fresh)
        found = read_json(self._owner)
        known = agreed(found, wanted, empty=not any(self._log.iterdir()), where=str(self._owner))
        if known != found:
            replace_durably(self._owner, json.dumps(known, indent=1), scratch=self._temp)
        return lake_of(known)

    def move_owner(self, *, warehouse: str) -> None:
        """Record that the lake lies here now, with this warehouse: the first step of a repair after a move."""
        if not self._owner.exists():
            return
        owner = {**read_json(self._owner), "warehouse": warehouse, "location": str(self.root)}
        replace_durably(self._owner, json.dumps(owner, indent=1), scratch=make_folder(self._temp))

    def landed(self) -> Landed:
        """Replay the log."""
        paths = sorted(self._log.glob("*.json"), key=_number)
        for path in paths:
            if path.name not in self._entries:
                self._entries[path.name] = read_json(path)
        return manifests.replay(self._entries[path.name] for path in paths)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A fresh folder under `temp/`, removed afterwards."""
        folder = make_folder(self._temp / uuid.uuid4().hex)
        try:
            yield folder
        finally:
            remove_tree(folder)

    def clear_staging(self) -> None:
        """Remove what killed runs left: everything under `temp/`, and batches without a manifest. Only for the holder of the workspace."""
        for leftover in self._temp.glob("*"):
            remove_tree(leftover) if leftover.is_dir() else leftover.unlink()
        last = self._last_number()
        for folder in (*self.root.glob("raw/*/*"), *self.root.glob("quarantine/*/*")):
            # A folder is named by its batch, or by its batch and its revision, whose manifest has the greater number.
            number = folder.name.rpartition("-")[2]
            if number.isdecimal() and int(number) > last:
                remove_tree(folder)

    def commit(self, delivery: Delivery, *, reading: Reading, staging: Path, day: date, run_id: str) -> Batch:
        """Move a reading into place and commit it as the next batch."""

        def batch(number: int) -> Batch:
            return Batch(number, number, delivery, day, run_id, now(), reading, f"raw/{delivery.table}/{number:08d}")

        return self._commit(batch, staging=staging)

    def revise(self, batch: Batch, *, reading: Reading, staging: Path, run_id: str) -> Batch:
        """Commit another reading of a batch; the delivered files stay where they are."""

        def revision(number: int) -> Batch:
            folder = f"raw/{batch.table}/{batch.batch_id:08d}-{number:08d}"
            return replace(batch, revision=number, run_id=run_id, landed_at=now(), reading=reading, folder=folder)

        return self._commit(revision, staging=staging)

    def decide(self, batch_id: int, decision: Literal["accept", "reject"], *, run_id: str) -> None:
        """Record what becomes of a refused batch."""
        number = self._last_number() + 1
        self._append(number, manifests.decision_entry(batch_id, decision, number=number, run_id=run_id, at=now()))

    def path(self, relative: str) -> str:
        """The location now of a path recorded in a manifest."""
        return str(self.root / relative)

    @contextmanager
    def kept_source(self, batch: Batch) -> Iterator[Path | None]:
        """The folder of a batch's delivered files; None when they were not kept."""
        folder = self.root / "raw" / batch.table / f"{batch.batch_id:08d}" / "source"
        yield folder if folder.exists() else None

    def _commit(self, make: Callable[[int], Batch], *, staging: Path) -> Batch:
        number = self._last_number() + 1
        batch = make(number)
        quarantine = f"quarantine/{Path(batch.folder).relative_to('raw')}" if batch.reading.quarantine else ""
        parts = tuple(Part(f"{batch.folder}/{Path(part.path).name}", part.rows) for part in batch.reading.parts)
        with reaching(self.root / batch.folder, f"land a batch of {batch.table}"):
            sync_tree(staging)
            self._place(staging / "parts", batch.folder)
            if (staging / "source").exists() and batch.revision == batch.batch_id:
                self._place(staging / "source", f"{batch.folder}/source")
            if quarantine:
                self._place(staging / "quarantine", quarantine)
                quarantine = f"{quarantine}/{Path(batch.reading.quarantine).name}"
        batch = replace(batch, reading=replace(batch.reading, parts=parts, quarantine=quarantine))
        self._append(number, manifests.batch_entry(batch, number=number))
        return batch

    def _place(self, folder: Path, relative: str) -> None:
        target = self.root / relative
        remove_tree(target)
        new = [parent for parent in target.parents if not parent.exists()]
        make_folder(target.parent)
        folder.mkdir(exist_ok=True)
        folder.rename(target)
        for changed in {target.parent, *(parent.parent for parent in new)}:
            sync(changed)

    def _last_number(self) -> int:
        # Listing the log for every batch would take the square of a long series.
        last = self._last or max(map(_number, self._log.glob("*.json")), default=0)
        while (self._log / f"{last + 1:08d}.json").exists():
            last += 1
        self._last = last
        return last

    def _append(self, number: int, text: str) -> None:
        if not create_exclusively(self._log / f"{number:08d}.json", text, scratch=make_folder(self._temp)):
            raise SystemUnreachableError(
                f"manifest {number} was written by another process at the same moment",
                where=str(self._log),
                remedy="run again; nothing was lost",
            )


def _number(manifest: Path) -> int:
    return int(manifest.stem)
