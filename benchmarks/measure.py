"""Runs one command in a process of its own and measures it."""

import os
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measured:
    """Wall-clock and CPU seconds, and the greatest resident memory of a process in MB; children it waited for included."""

    wall: float
    cpu: float
    peak_mb: float


class CommandFailedError(Exception):
    """A command under measurement failed; the message ends with what it wrote."""


def measure(command: Sequence[str], *, log: Path, bytecode: Path) -> Measured:
    """Run a command to its end, its output in `log`; raises CommandFailedError unless it returns 0.

    Compiled modules are kept in `bytecode`, as they are beside the modules where Python is installed for use: compiling the libraries anew in every
    process costs seconds.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = log.read_text(errors="replace")[-3000:]
        raise CommandFailedError(f"{' '.join(command)}\nreturned {process.returncode}:\n{tail}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def machine() -> str:
    """This machine in one line."""
    model = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")
    if described.exists():
        names = [
            line.split(":", 1)[1].strip()
            for line in described.read_text().splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, Python {platform.python_version()}"
