"""However a command ends: the right exit code, a few labelled lines, no traceback unless it is asked for."""

import errno
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rental_etl.cli import exits
from rental_etl.cli.entry import run
from rental_etl.errors import (
    ConfigurationError,
    QualityGateError,
    RentalEtlError,
    SystemUnreachableError,
    WorkspaceBusyError,
)
from rental_etl.ports.warehouse import Rows


class Failing:
    """An application whose every question ends in `error`."""

    error: BaseException = RentalEtlError("never set")
    given: dict[str, Any]

    def __init__(self, settings: Any, **given: Any) -> None:
        type(self).given = {"settings": settings, **given}

    def run(self, *_given: Any, **_named: Any) -> Any:
        """Fail."""
        raise self.error

    def query(self, sql: str) -> Rows:
        """Fail in the middle of an answer."""

        def rows() -> Iterator[tuple[Any, ...]]:
            yield (sql,)
            raise self.error

        return Rows(("sql",), rows())


@pytest.fixture(autouse=True)
def failing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[Failing]:
    """Commands work on `Failing`, in an empty folder."""
    monkeypatch.setattr("rental_etl.bootstrap.Application", Failing)
    monkeypatch.chdir(tmp_path)
    return Failing


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (
            QualityGateError("batch 7 was refused", where="w", expected="x", remedy="r"),
            1,
            "error:    batch 7 was refused\nwhere:    w\nexpected: x\ndo:       r\n"
            "see:      docs/errors.md#the-quality-gate-refused-to-publish\n",
        ),
        (
            ConfigurationError("no", remedy="first\nsecond"),
            2,
            "error:    no\ndo:       first\n          second\nsee:      docs/errors.md#the-configuration-cannot-be-understood\n",
        ),
        (SystemUnreachableError("gone"), 3, "error:    gone\nsee:      docs/errors.md#a-system-cannot-be-reached\n"),
        (WorkspaceBusyError("held by 12"), 4, "error:    held by 12\nsee:      docs/errors.md#the-workspace-is-busy\n"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/w/part-0.parquet"),
            3,
            "error:    no space is left on the disk\nwhere:    /w/part-0.parquet\n"
            "do:       make room, or use a --workspace on another disk; then run again, nothing half-done is visible\n"
            "see:      docs/errors.md#a-system-cannot-be-reached\n",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/w"),
            3,
            "error:    the system refused: permission denied\nwhere:    /w\n"
            "do:       check the file or folder and its permissions, then run again; --debug shows where it happened\n"
            "see:      docs/errors.md#a-system-cannot-be-reached\n",
        ),
        (
            MemoryError(),
            3,
            "error:    the machine's memory is used up\n"
            "do:       give the engine less with [engine] memory, or close other programs; then run again\n"
            "see:      docs/errors.md#a-system-cannot-be-reached\n",
        ),
        (KeyboardInterrupt(), 130, "error:    interrupted; run again, it goes on where it stopped\n"),
    ],
)
def test_every_kind_of_end_has_its_code_and_its_words(
    failing: type[Failing], capsys: pytest.CaptureFixture[str], error: BaseException, code: int, lines: str
) -> None:
    """Scripts look at the code, people at the lines."""
    failing.error = error
    assert run(["run"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == lines


def test_a_question_that_is_interrupted_has_nothing_to_go_on_with(
    failing: type[Failing], capsys: pytest.CaptureFixture[str]
) -> None:
    """What was printed before stays printed."""
    failing.error = KeyboardInterrupt()
    assert run(["query", "select 1", "--format", "csv"]) == 130
    captured = capsys.readouterr()
    assert captured.out == "sql\nselect 1\n"
    assert captured.err.endswith("error:    interrupted\n")


def test_debug_shows_the_traceback_and_the_lines(failing: type[Failing], capsys: pytest.CaptureFixture[str]) -> None:
    """The traceback helps whoever looks for the cause, the lines everybody else."""
    failing.error = SystemUnreachableError("gone")
    assert run(["run", "--debug"]) == 3
    said = capsys.readouterr().err
    assert "Traceback (most recent call last)" in said
    assert said.endswith("error:    gone\nsee:      docs/errors.md#a-system-cannot-be-reached\n")


def test_a_defect_is_one_line_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody but us can do anything about it."""
    exits.defect(ValueError, ValueError("a\nb"), None)
    assert capsys.readouterr().err == (
        "error:    a defect of rental-etl: ValueError: a\ndo:       run again with --debug, and report what it shows\n"
        "see:      docs/errors.md#a-defect-of-rental-etl\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["run", "--sorce", "x"],
            "error:    no such option: --sorce\nwhere:    rental-etl run\nexpected: did you mean --source?\n",
        ),
        (["rum"], "error:    no such command 'rum'. Did you mean 'run'?\nwhere:    rental-etl\n"),
        (["query"], "error:    missing argument 'SQL'\nwhere:    rental-etl query\n"),
        (["query", "a", "b"], "error:    got unexpected extra argument(s) (b)\nwhere:    rental-etl query\n"),
        (
            ["query", "a", "--format", "xml"],
            "error:    invalid value for '--format': 'xml' is not one of 'table', 'csv', 'json'\n",
        ),
        (
            ["run", "--as-of", "30/06/2024"],
            "error:    invalid value for '--as-of': '30/06/2024' is not a day such as 2024-06-30\n",
        ),
        (
            ["run", "--as-of", "2023-02-29"],
            "error:    invalid value for '--as-of': '2023-02-29' is not a day such as 2024-06-30\n",
        ),
        (["run", "--as-of"], "error:    option '--as-of' requires an argument\n"),
        (["batch", "accept", "x"], "error:    invalid value for 'ID'"),
        (
            ["run", "--engine", "duckbd"],
            "error:    engine.kind = 'duckbd' is not possible\nwhere:    options of the command\n",
        ),
    ],
)
def test_wrong_options_are_said_in_the_same_style(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Exit code 2, what is wrong, and where help is."""
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(said)
    assert any(line.startswith("do:       ") for line in captured.err.splitlines()[-2:])


def test_options_win_over_environment_over_file(failing: type[Failing], monkeypatch: pytest.MonkeyPatch) -> None:
    """Three places say where the source is; the nearest to the user counts, and each setting by itself."""
    failing.error = SystemUnreachableError("gone")
    Path("rental-etl.toml").write_text(
        'workspace = "file"\n[source]\nurl = "file"\n[metrics]\ntop_n = 3\n[lake]\nkeep_source = false\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("RENTAL_ETL_WORKSPACE", "environment")
    monkeypatch.setenv("RENTAL_ETL_SOURCE__URL", "environment")
    monkeypatch.setenv("RENTAL_ETL_METRICS__TOP_N", "5")
    run(["run", "--source", "option", "--as-of", "2024-06-30"])
    settings = failing.given["settings"]
    assert (settings.source.url, str(settings.workspace), settings.metrics.top_n, settings.lake.keep_source) == (
        "option",
        "environment",
        5,
        False,
    )
    assert failing.given["as_of"] == date(2024, 6, 30)


def test_another_configuration_can_be_named(failing: type[Failing]) -> None:
    """`--config` is read instead of the one in the working directory."""
    failing.error = SystemUnreachableError("gone")
    Path("rental-etl.toml").write_text("[metrics]\ntop_n = 3\n", encoding="utf-8")
    Path("other.toml").write_text("[metrics]\ntop_n = 4\n", encoding="utf-8")
    run(["run", "--config", "other.toml"])
    assert failing.given["settings"].metrics.top_n == 4


def test_a_stderr_that_nobody_reads_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """`rental-etl run 2>&1 | head -1` must not lose its exit code."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stderr", pipe)
        assert exits.refused(WorkspaceBusyError("held")) == 4


CHILD = """
import os, signal, sys, time
# Whoever started the tests may have told them to outlive a terminal.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from rental_etl.cli import entry
import rental_etl.bootstrap
class Slow:
    def __init__(self, settings, **given): pass
    def run(self, *given, **named):
        print("working", flush=True)
        # In short naps: a signal just before a long one would be seen only after it.
        for _ in range(600): time.sleep(0.1)
    def query(self, sql):
        from rental_etl.ports.warehouse import Rows
        if sql == "bug": raise KeyError("bug")
        return Rows(("n",), ((n,) for n in range(10_000_000)))
rental_etl.bootstrap.Application = Slow
sys.argv = ["rental-etl", *sys.argv[1:]]
entry.main()
"""


def child(*arguments: str, **given: Any) -> subprocess.Popen[str]:
    """The command line in a process of its own."""
    return subprocess.Popen([sys.executable, "-c", CHILD, *arguments], text=True, stderr=subprocess.PIPE, **given)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_being_told_to_end_is_like_ctrl_c(number: signal.Signals) -> None:
    """A scheduler that stops a run sees 130, and the run has closed what it held."""
    with child("run", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said == "error:    interrupted; run again, it goes on where it stopped\n"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """`rental-etl query ... | head -2`."""
    with child("query", "select 1", "--format", "csv", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["n\n", "0\n"]
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait(timeout=30) == 0
    assert "Error" not in said


def test_a_full_disk_behind_stdout_is_said() -> None:
    """`rental-etl query ... > file` on a disk without room."""
    disk = Path("/dev/full")
    with disk.open("w", encoding="utf-8") as full, child("query", "x", "--format", "csv", stdout=full) as process:
        _, said = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "error:    no space is left on the disk\n" in said
    assert "Exception" not in said


def test_a_defect_ends_with_1_and_without_a_traceback() -> None:
    """The whole way: what nobody foresaw comes out of `main`."""
    with child("query", "bug", stdout=subprocess.PIPE) as process:
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said.endswith(
        "error:    a defect of rental-etl: KeyError: 'bug'\ndo:       run again with --debug, and report what it shows\n"
        "see:      docs/errors.md#a-defect-of-rental-etl\n"
    )
    assert "Traceback" not in said


def test_a_defect_with_debug_shows_the_traceback() -> None:
    """What the hint promises."""
    with child("query", "bug", "--debug", stdout=subprocess.PIPE) as process:
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Traceback (most recent call last)" in said


def test_lines_are_aligned_and_plain_where_no_terminal_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log with escape codes is hard to read."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    exits.say([("error", "a"), ("expected", "b\nc")])
    assert out.getvalue() == "error:    a\nexpected: b\n          c\n"


def test_what_was_asked_for_at_the_end_is_done_and_its_output_written() -> None:
    """The process ends without taking the interpreter apart, and with the command's code all the same."""
    registering = """
import atexit, sys
from rental_etl.cli import entry
usual = entry.run
def run(arguments):
    atexit.register(print, "tidied up")
    return usual(arguments)
entry.run = run
sys.argv = ["rental-etl", *sys.argv[1:]]
entry.main()
"""
    for arguments, code in ((["--version"], 0), (["nonsense"], 2)):
        done = subprocess.run(
            [sys.executable, "-c", registering, *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout.splitlines()[-1]) == (code, "tidied up"), done.stderr
