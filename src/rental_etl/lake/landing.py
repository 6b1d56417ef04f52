"""The landing zone on a local disk.

Reads and writes `lake.json` (who owns the lake), `log/<number>.json` (manifests), `raw/<table>/<batch>/` (typed Parquet and the delivered
files), `quarantine/<table>/<batch>/` and `temp/`. A batch exists from the moment its manifest does; what a killed run left without one is replaced by the next.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from rental_etl.errors import ConfigurationError, SystemUnreachableError
from rental_etl.lake import manifests
from rental_etl.lake.files import create_exclusively, make_folder, remove_tree, sync_tree
from rental_etl.model.batch import Batch, Delivery, Part, Reading
from rental_etl.ports.lake import Landed


class LocalLanding:
    """A `Landing` in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._temp = self.root / "temp"
        self._log = self.root / "log"

    def claim(self, *, source: str, warehouse: str) -> None:
        """Record the lake's source, warehouse and place at the first run, and refuse another later."""
        make_folder(self._log)
        make_folder(self._temp)
        owner_file = self.root / "lake.json"
        wanted = {"source": source, "warehouse": warehouse, "location": str(self.root)}
        owner = {"lake_id": uuid.uuid4().hex, "created_at": _now(), **wanted}
        if create_exclusively(owner_file, json.dumps(owner, indent=1), scratch=self._temp):
            return
        found = json.loads(owner_file.read_text(encoding="utf-8"))
        for part, value in wanted.items():
            if value and found[part] and found[part] != value:
                raise _owned(owner_file, part=part, found=found[part], wanted=value)

    def move_owner(self, *, warehouse: str) -> None:
        """Record that the lake lies here now, with this warehouse: the first step of a repair after a move."""
        owner_file = self.root / "lake.json"
        if not owner_file.exists():
            return
        owner = json.loads(owner_file.read_text(encoding="utf-8"))
        owner.update(warehouse=warehouse, location=str(self.root))
        temporary = make_folder(self._temp) / f"{uuid.uuid4().hex}.tmp"
        temporary.write_text(json.dumps(owner, indent=1), encoding="utf-8")
        temporary.replace(owner_file)

    def landed(self) -> Landed:
        """Replay the log."""
        paths = sorted(self._log.glob("*.json"))
        return manifests.replay(json.loads(path.read_text(encoding="utf-8")) for path in paths)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A fresh folder under `temp/`, removed afterwards."""
        folder = make_folder(self._temp / uuid.uuid4().hex)
        try:
            yield folder
        finally:
            remove_tree(folder)

    def clear_staging(self) -> None:
        """Remove what killed runs left under `temp/`; only for the holder of the workspace."""
        for leftover in self._temp.glob("*") if self._temp.exists() else ():
            remove_tree(leftover) if leftover.is_dir() else leftover.unlink()

    def commit(self, delivery: Delivery, *, reading: Reading, staging: Path, day: date, run_id: str) -> Batch:
        """Move a reading into place and commit it as the next batch."""

        def batch(number: int) -> Batch:
            return Batch(number, number, delivery, day, run_id, _now(), reading, f"raw/{delivery.table}/{number:08d}")

        return self._commit(batch, staging=staging)

    def revise(self, batch: Batch, *, reading: Reading, staging: Path, run_id: str) -> Batch:
        """Commit another reading of a batch; the delivered files stay where they are."""

        def revision(number: int) -> Batch:
            folder = f"raw/{batch.table}/{batch.batch_id:08d}-{number:08d}"
            return replace(batch, revision=number, run_id=run_id, landed_at=_now(), reading=reading, folder=folder)

        return self._commit(revision, staging=staging)

    def decide(self, batch_id: int, decision: Literal["accept", "reject"], *, run_id: str) -> None:
        """Record what becomes of a refused batch."""
        number = self.landed().last_number + 1
        self._append(number, manifests.decision_entry(batch_id, decision, number=number, run_id=run_id, at=_now()))

    def path(self, relative: str) -> Path:
        """Where a path recorded in a manifest is now."""
        return self.root / relative

    def kept_source(self, batch: Batch) -> Path:
        """The folder of a batch's delivered files."""
        return self.root / "raw" / batch.table / f"{batch.batch_id:08d}" / "source"

    def _commit(self, make: Callable[[int], Batch], *, staging: Path) -> Batch:
        number = self.landed().last_number + 1
        batch = make(number)
        quarantine = f"quarantine/{Path(batch.folder).relative_to('raw')}" if batch.reading.quarantine else ""
        parts = tuple(Part(f"{batch.folder}/{Path(part.path).name}", part.rows) for part in batch.reading.parts)
        sync_tree(staging)
        self._place(staging / "parts", batch.folder)
        if (staging / "source").exists():
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
        make_folder(target.parent)
        folder.mkdir(exist_ok=True)
        folder.rename(target)

    def _append(self, number: int, text: str) -> None:
        if not create_exclusively(self._log / f"{number:08d}.json", text, scratch=make_folder(self._temp)):
            raise SystemUnreachableError(
                f"manifest {number} was written by another process at the same moment",
                where=str(self._log),
                remedy="run again; nothing was lost",
            )


def _now() -> str:
    return datetime.now(tz=UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def _owned(owner_file: Path, *, part: str, found: str, wanted: str) -> ConfigurationError:
    if part == "source":
        remedy = "use another --workspace for another source, or name the workspace's own source"
    else:
        remedy = "if the workspace was moved here run `rental-etl repair`; otherwise use another --workspace"
    return ConfigurationError(
        f"this workspace belongs to another {part}",
        where=str(owner_file),
        expected=f"{part} {found}, but it is {wanted}",
        remedy=remedy,
    )
