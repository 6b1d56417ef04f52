"""Fixtures of the source's tests."""

from pathlib import Path

import pytest

from source.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An empty folder and the source that reads it."""
    folder = tmp_path / "deliveries"
    folder.mkdir()
    return Desk(folder, tmp_path / "staging", tmp_path / "temp")
