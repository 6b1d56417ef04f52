"""How a command ends when it does not end well: a few labelled lines on stderr, and an exit code.

0 done, 1 a quality gate refused to publish (or a defect of ours), 2 wrong usage, configuration or input, 3 a system could not be reached,
4 another run holds the workspace, 130 interrupted.
"""

import difflib
import errno
import os
import sys
import traceback
from collections.abc import Iterable
from types import TracebackType

import typer

from rental_etl.errors import ErrorPage, RentalEtlError

USAGE = 2
UNREACHABLE = 3
INTERRUPTED = 130

_FULL = (errno.ENOSPC, errno.EDQUOT)


def say(lines: Iterable[tuple[str, str]]) -> None:
    """Write labelled lines to stderr, the texts below each other; a stderr that nobody reads is no error."""
    coloured = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    try:
        for label, text in lines:
            head = f"{label}:".ljust(10)
            if coloured and label == "error":
                head = typer.style(head, fg="red", bold=True)
            sys.stderr.write(head + text.replace("\n", "\n" + " " * 10) + "\n")
        sys.stderr.flush()
    except OSError:
        drop(sys.stderr.fileno())


def refused(error: RentalEtlError) -> int:
    """Say what the product found; returns its exit code."""
    say(error.lines())
    return error.exit_code


def misused(error: typer.TyperException) -> int:
    """Say what is wrong with the options, in the same style as any other error."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "rental-etl"
    what = error.format_message().replace("Value error, ", "").partition(" (Possible options: ")[0]
    lines = [("error", what[:1].lower() + what[1:].rstrip(".")), ("where", path)]
    near = difflib.get_close_matches(
        getattr(error, "option_name", ""), getattr(error, "possibilities", None) or (), n=1
    )
    if near:
        lines.append(("expected", f"did you mean {near[0]}?"))
    say([*lines, ("do", f"see `{path} --help`")])
    return USAGE


def no_system(error: OSError) -> int:
    """Say that disk or system refused."""
    lines = [
        ("error", "no space is left on the disk" if error.errno in _FULL else f"the system refused: {_reason(error)}")
    ]
    if error.filename is not None:
        lines.append(("where", os.fsdecode(error.filename)))
    if error.errno in _FULL:
        lines.append(
            ("do", "make room, or use a --workspace on another disk; then run again, nothing half-done is visible")
        )
    else:
        lines.append(
            ("do", "check the file or folder and its permissions, then run again; --debug shows where it happened")
        )
    lines.append(("see", ErrorPage.SYSTEM))
    say(lines)
    return UNREACHABLE


def no_memory() -> int:
    """Say that memory ran out."""
    say(
        [
            ("error", "the machine's memory is used up"),
            ("do", "give the engine less with [engine] memory, or close other programs; then run again"),
            ("see", ErrorPage.SYSTEM),
        ]
    )
    return UNREACHABLE


def interrupted(*, resumes: bool) -> int:
    """Say that the work was stopped; `resumes` when another run goes on from there."""
    sys.stderr.write("\n" if sys.stderr.isatty() else "")
    say([("error", "interrupted" + ("; run again, it goes on where it stopped" if resumes else ""))])
    return INTERRUPTED


def defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A `sys.excepthook` for what nobody foresaw: one line instead of a traceback. Python then exits with 1."""
    del trace
    text = traceback.format_exception_only(kind, error)[-1].splitlines()[0]
    say(
        [
            ("error", f"a defect of rental-etl: {text}"),
            ("do", "run again with --debug, and report what it shows"),
            ("see", ErrorPage.DEFECT),
        ]
    )


def drop(descriptor: int) -> None:
    """Send what is still to be written there to nowhere, so that closing it at exit raises nothing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).lower()
