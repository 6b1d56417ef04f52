"""One run at a time holds a workspace."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rental_etl.errors import WorkspaceBusyError
from rental_etl.lake.lock import hold_workspace

HOLDER = """
import sys
from pathlib import Path
from rental_etl.lake.lock import hold_workspace
with hold_workspace(Path(sys.argv[1]), command="run"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def held(workspace: Path) -> Iterator[subprocess.Popen[str]]:
    """The workspace held by another process until its standard input ends."""
    command = [sys.executable, "-c", HOLDER, str(workspace)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait(timeout=30)


def test_the_workspace_is_made_and_let_go(tmp_path: Path) -> None:
    for _ in range(2):
        with hold_workspace(tmp_path / "new" / "ws", command="run", wait_seconds=0):
            holder = json.loads((tmp_path / "new" / "ws" / ".lock").read_text())
            assert (holder["pid"], holder["command"]) == (os.getpid(), "run")
    assert (tmp_path / "new" / "ws" / ".lock").read_text() == ""


def test_it_is_let_go_after_an_error(tmp_path: Path) -> None:
    def fails() -> None:
        with hold_workspace(tmp_path, command="run"):
            raise ValueError

    with pytest.raises(ValueError):
        fails()
    with hold_workspace(tmp_path, command="run", wait_seconds=0):
        pass


def test_a_second_run_is_told_who_holds_it(tmp_path: Path) -> None:
    with held(tmp_path) as process:
        with pytest.raises(WorkspaceBusyError) as caught, hold_workspace(tmp_path, command="load", wait_seconds=0.2):
            pass
        assert f"process {process.pid} (rental-etl run, since " in caught.value.what
        assert caught.value.exit_code == 4
    with hold_workspace(tmp_path, command="load", wait_seconds=0):
        pass


def test_a_second_run_waits_for_the_first(tmp_path: Path) -> None:
    with held(tmp_path) as process:
        assert process.stdin is not None
        process.stdin.close()
        with hold_workspace(tmp_path, command="load", wait_seconds=30):
            assert json.loads((tmp_path / ".lock").read_text())["command"] == "load"


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    with held(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        with hold_workspace(tmp_path, command="load", wait_seconds=0):
            assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("text", ["", '{"pid": 1', "[]"])
def test_a_holder_that_has_not_written_its_name_yet_is_another_process(tmp_path: Path, text: str) -> None:
    with held(tmp_path):
        (tmp_path / ".lock").write_text(text)
        with (
            pytest.raises(WorkspaceBusyError, match="held by another process"),
            hold_workspace(tmp_path, command="load", wait_seconds=0),
        ):
            pass
