"""The entry point: runs one command and turns every end into an exit code."""

import atexit
import gc
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from types import FrameType, ModuleType
from typing import NoReturn

import typer

from rental_etl.cli import exits
from rental_etl.cli.app import app
from rental_etl.errors import RentalEtlError

_COMPLETING = "_RENTAL_ETL_COMPLETE"
# Commands that another run takes up again after an interruption.
_RESUMED = ("demo", "run", "extract", "load", "transform", "metrics", "report", "quarantine", "repair")


class _Unused(MetaPathFinder):
    """Lets a module that this process has no use for be as if it were not installed. pyarrow loads pandas wherever it is, which takes 0.2 s of each run.

    (A None among sys.modules would not do: compiled code takes it for the module.)
    """

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Nothing, but an error for pandas."""
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError(f"{fullname} is not used here", name=fullname)


def main() -> NoReturn:
    """Run the command that the process was started with, and exit."""
    # A command makes few cycles and many objects that stay: looking for the former after every 700 of the latter takes a twentieth of a small run.
    gc.set_threshold(100_000)
    arguments = sys.argv[1:]
    if _COMPLETING in os.environ:
        # A shell asks what could be typed next.
        app(prog_name="rental-etl")
    if "--debug" not in arguments:
        sys.excepthook = exits.defect
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a character must not end a run.
            stream.reconfigure(errors="backslashreplace")
    sys.meta_path.insert(0, _Unused())
    for number in (signal.SIGTERM, signal.SIGHUP):
        # One that is ignored (nohup) stays ignored.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)
    ended: list[int] = []
    # What registers later is done before.
    atexit.register(_leave, ended)
    ended.append(run(arguments))
    sys.exit(ended[0])


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code. An exception that is a defect of ours comes out."""
    try:
        code = _invoke(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough (`| head`).
        exits.drop(sys.stdout.fileno())
        code = 0
    except (RentalEtlError, typer.TyperException, OSError, MemoryError, KeyboardInterrupt) as error:
        if "--debug" in arguments:
            traceback.print_exception(error)
        code = _explained(error, resumes=arguments[0] in _RESUMED)
        _flush()
    return code


def _invoke(arguments: Sequence[str]) -> int:
    # Not `app()`: it would print and exit by itself, and take errors of the system for its own.
    command = typer.main.get_command(app)
    try:
        with command.make_context("rental-etl", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return 0


def _explained(error: BaseException, *, resumes: bool) -> int:
    match error:
        case RentalEtlError():
            return exits.refused(error)
        case typer.TyperException():
            return exits.misused(error)
        case OSError():
            return exits.no_system(error)
        case MemoryError():
            return exits.no_memory()
        case _:
            return exits.interrupted(resumes=resumes)


def _flush() -> None:
    """Write what a command printed before it failed, where that is still possible."""
    try:
        sys.stdout.flush()
    except OSError:
        exits.drop(sys.stdout.fileno())


def _leave(ended: Sequence[int]) -> None:
    """End the process, with the command's exit code if it has one, and do not take the interpreter apart: that takes 0.2 s after a run, and all is closed."""
    for code in ended:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(code)


def _stop(number: int, frame: FrameType | None) -> None:
    """Being told to end is like Ctrl-C: what is open is closed in order."""
    del number, frame
    raise KeyboardInterrupt
