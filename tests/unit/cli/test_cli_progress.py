"""Progress goes to stderr: bars on a terminal for what takes long, one line per job elsewhere."""

import io
import re
import sys

import pytest

from rental_etl.cli import progress
from rental_etl.cli.progress import Bars, Lines, watching


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_a_log_gets_one_line_per_finished_job(capsys: pytest.CaptureFixture[str]) -> None:
    """And none per step."""
    with watching() as watch:
        assert isinstance(watch, Lines)
        watch.job("extract")
        watch.progress("reading bookings.csv", 1, 2)
        watch.job("load")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.sub(r"\d", "0", captured.err) == "extract   0.0 s\nload      0.0 s\n"


def test_a_log_says_where_a_job_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    """The error comes after it."""
    watch = watching()
    watch.job("extract")
    watch.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert re.sub(r"\d", "0", capsys.readouterr().err) == "extract   stopped after 0.0 s\n"


def test_a_question_leaves_no_line_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    """Its answer is all there is to say."""
    with watching(log=False) as watch:
        watch.job("query")
    assert capsys.readouterr().err == ""


def test_nothing_is_shown_on_a_terminal_before_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar that flashes up tells nothing."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with watching() as watch:
        assert isinstance(watch, Bars)
        watch.job("extract")
        watch.progress("reading bookings.csv", 1, 2)
    assert screen.getvalue() == ""


@pytest.mark.parametrize("begun", [False, True])
def test_a_bar_shows_job_and_step_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, begun: bool) -> None:
    """Whether they came before the bar or after it."""
    monkeypatch.setattr(progress, "_PATIENCE_SECONDS", 3600.0 if begun else 0.0)
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with watching() as watch:
        assert isinstance(watch, Bars)
        if not begun:
            watch._timer.join()
        watch.job("transform")
        watch.progress("merging bookings", 1, 2)
        if begun:
            watch._show()
        assert watch._bars is not None
        watch._bars.refresh()
        shown = screen.getvalue()
    assert "transform" in shown
    assert "merging bookings" in shown
    # Cursor up and erase the line: the bar is transient.
    assert screen.getvalue().endswith("\x1b[2K")
