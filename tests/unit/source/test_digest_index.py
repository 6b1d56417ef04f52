"""A file that has not changed is not read again; one that has changed in the least is."""

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from rental_etl.errors import InputError
from rental_etl.source import copying
from rental_etl.source.copying import Digests
from rental_etl.source.digest_index import DigestIndex

BEFORE, AFTER = b"id\n1\n", b"id\n2\n"


class Folder:
    """A source folder, its index, and how many files were read to know their digest."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files = place / "files"
        self.files.mkdir()
        self.index = place / "source-files.json"
        self.read = 0
        digest = hashlib.file_digest

        def counted(*arguments: Any) -> Any:
            self.read += 1
            return digest(*arguments)

        monkeypatch.setattr(hashlib, "file_digest", counted)

    def put(self, name: str, content: bytes) -> Path:
        path = self.files / name
        path.write_bytes(content)
        return path

    def digests(self, *names: str, source: str = "here") -> list[str]:
        """As a new run finds them."""
        found = Digests(DigestIndex(self.index, source=source)).of(
            [self.files / name for name in names], folder=self.files
        )
        return [file.sha256 for file in found]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    # Files that were just written count as old.
    monkeypatch.setattr(copying, "_TICK", -1)
    monkeypatch.setattr(copying, "_COARSE_TICK", -1)
    return Folder(tmp_path, monkeypatch)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_an_unchanged_file_is_read_once(folder: Folder) -> None:
    folder.put("a.csv", BEFORE)
    assert [folder.digests("a.csv") for _ in range(3)] == [[sha(BEFORE)]] * 3
    assert folder.read == 1


def test_a_change_is_seen_that_keeps_size_and_date(folder: Folder) -> None:
    """As `cp --preserve` or an editor that restores the date would make it: only the inode's own time tells."""
    path = folder.put("a.csv", BEFORE)
    folder.digests("a.csv")
    found = path.stat()
    path.write_bytes(AFTER)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert path.stat().st_mtime_ns == found.st_mtime_ns
    assert folder.digests("a.csv") == [sha(AFTER)]


def test_another_file_under_the_name_is_read(folder: Folder) -> None:
    folder.put("a.csv", BEFORE)
    folder.digests("a.csv")
    folder.put("b.csv", AFTER).rename(folder.files / "a.csv")
    assert folder.digests("a.csv") == [sha(AFTER)]


def test_what_another_table_learns_does_not_forget_the_rest(folder: Folder) -> None:
    folder.put("a.csv", BEFORE)
    folder.digests("a.csv")
    folder.put("b.csv", AFTER)
    folder.digests("b.csv")
    folder.digests("a.csv", "b.csv")
    assert folder.read == 2


def test_a_file_that_is_gone_is_forgotten(folder: Folder) -> None:
    folder.put("a.csv", BEFORE)
    folder.digests("a.csv")
    (folder.files / "a.csv").unlink()
    folder.put("b.csv", AFTER)
    folder.digests("b.csv")
    assert "a.csv" not in folder.index.read_text()


def test_the_files_of_another_source_are_not_taken_for_these(folder: Folder) -> None:
    folder.put("a.csv", BEFORE)
    folder.digests("a.csv", source="there")
    folder.digests("a.csv")
    assert folder.read == 2


@pytest.mark.parametrize("damage", ["", "[", "[]", '{"source": "here"}', '{"source": "here", "files": {"a.csv": 1}}'])
def test_a_damaged_index_costs_reading(folder: Folder, damage: str) -> None:
    folder.put("a.csv", BEFORE)
    folder.index.write_text(damage)
    assert folder.digests("a.csv") == folder.digests("a.csv") == [sha(BEFORE)]
    assert folder.read == 1


def test_without_a_workspace_files_are_read(folder: Folder) -> None:
    """`check` before the first run makes nothing."""
    folder.index = folder.files.parent / "nowhere" / "source-files.json"
    folder.put("a.csv", BEFORE)
    assert folder.digests("a.csv") == folder.digests("a.csv") == [sha(BEFORE)]
    assert folder.read == 2
    assert not folder.index.parent.exists()


def test_a_file_that_has_only_just_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another change in the same tick of the clock would leave the same time."""
    monkeypatch.setattr(copying, "_TICK", 3_600_000_000_000)
    monkeypatch.setattr(copying, "_COARSE_TICK", 3_600_000_000_000)
    folder = Folder(tmp_path, monkeypatch)
    folder.put("a.csv", BEFORE)
    folder.digests("a.csv")
    folder.digests("a.csv")
    assert folder.read == 2


class Hashed(Folder):
    """A folder of one file that was announced, and how many of its bytes were hashed once more to copy it."""

    def copied(self, *, touch: bool = False) -> bytes:
        digests = Digests()
        path = self.files / "a.csv"
        (announced,) = digests.of([path], folder=self.files)
        if touch:
            path.touch()
        self.read = 0
        digests.copy(path, self.files / "kept" / "a.csv", expected=announced)
        return (self.files / "kept" / "a.csv").read_bytes()


@pytest.fixture
def hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hashed:
    monkeypatch.setattr(copying, "_TICK", -1)
    monkeypatch.setattr(copying, "_COARSE_TICK", -1)
    folder = Hashed(tmp_path, monkeypatch)
    sha256 = hashlib.sha256

    class Counted:
        def __init__(self) -> None:
            self.inner = sha256()

        def update(self, data: Any) -> None:
            folder.read += len(data)
            self.inner.update(data)

        def hexdigest(self) -> str:
            return self.inner.hexdigest()

    monkeypatch.setattr(hashlib, "sha256", Counted)
    return folder


def test_a_file_that_was_hashed_in_this_run_is_copied_as_it_is(hashed: Hashed) -> None:
    """Its bytes are those that were hashed as long as nothing touched it."""
    hashed.put("a.csv", BEFORE)
    assert (hashed.copied(), hashed.read) == (BEFORE, 0)


@pytest.mark.parametrize("calls", [0, 1, 3])
def test_what_the_system_does_not_copy_is_copied_by_hand(
    hashed: Hashed, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    """Some file systems never do it, and a full disk shows in the middle."""
    content = b"id\n" + b"1\n" * 1000
    copied: list[int] = []

    def refusing(into: int, out: int, count: int) -> int:
        if len(copied) == calls:
            raise OSError(errno.EXDEV, "not here")
        copied.append(os.write(out, os.read(into, min(count, 7))))
        return copied[-1]

    monkeypatch.setattr(os, "copy_file_range", refusing, raising=False)
    hashed.put("a.csv", content)
    assert (hashed.copied(), copied) == (content, [7] * calls)


def test_without_such_a_system_all_is_copied_by_hand(hashed: Hashed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "copy_file_range", raising=False)
    hashed.put("a.csv", BEFORE)
    assert hashed.copied() == BEFORE


def test_a_file_that_was_touched_since_is_hashed_while_it_is_copied(hashed: Hashed) -> None:
    hashed.put("a.csv", BEFORE)
    assert (hashed.copied(touch=True), hashed.read) == (BEFORE, len(BEFORE))


def test_a_file_that_has_only_just_changed_is_hashed_while_it_is_copied(
    hashed: Hashed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_TICK", 3_600_000_000_000)
    monkeypatch.setattr(copying, "_COARSE_TICK", 3_600_000_000_000)
    hashed.put("a.csv", BEFORE)
    assert (hashed.copied(), hashed.read) == (BEFORE, len(BEFORE))


def test_a_file_that_changed_since_it_was_hashed_is_not_copied(hashed: Hashed) -> None:
    path = hashed.put("a.csv", BEFORE)
    digests = Digests()
    (announced,) = digests.of([path], folder=hashed.files)
    found = path.stat()
    path.write_bytes(AFTER)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    with pytest.raises(InputError, match="changed while it was being read"):
        digests.copy(path, hashed.files / "kept" / "a.csv", expected=announced)
