"""What tests of jobs share."""

from pathlib import Path

import pytest

from jobs.workshop import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """An empty lake."""
    return Workshop(tmp_path)
