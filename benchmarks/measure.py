"""Runs one command in a process of its own and measures it, alone or with the processes it starts."""

import contextlib
import os
import platform
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


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
    with log.open("wb") as output:
        began = time.perf_counter()
        process = _started(command, output, bytecode)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    _require_success(process.returncode, command, log)
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def measure_family(command: Sequence[str], *, log: Path, bytecode: Path) -> Measured:
    """As `measure`, for a command that works in processes it does not wait for, such as a JVM: memory is the greatest sum over all of them.

    They are looked at four times a second: what happens between two looks is not seen.
    """
    family, ended = Family(), threading.Event()
    with log.open("wb") as output:
        began = time.perf_counter()
        process = _started(command, output, bytecode)
        looking = threading.Thread(target=family.watch, args=(process.pid, ended))
        looking.start()
        code = process.wait()
        wall = time.perf_counter() - began
        ended.set()
        looking.join()
    _require_success(code, command, log)
    return Measured(wall, sum(family.cpu.values()), family.peak_mb)


class Family:
    """What a process and those below it were seen to use: CPU seconds by process, and together the most MB at a time."""

    def __init__(self) -> None:
        self.cpu: dict[int, float] = {}
        self.peak_mb = 0.0

    def watch(self, root: int, ended: threading.Event) -> None:
        """Look again and again until it has ended."""
        while not ended.wait(0.25):
            self._look(root)

    def _look(self, root: int) -> None:
        seen = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                with contextlib.suppress(OSError):
                    seen[int(folder.name)] = (folder / "stat").read_text().rpartition(")")[2].split()
        members = {root}
        while more := {pid for pid, fields in seen.items() if int(fields[1]) in members} - members:
            members |= more
        present = [(pid, seen[pid]) for pid in members if pid in seen]
        for pid, fields in present:
            self.cpu[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        # A child that has not become another program yet still has its parent's memory, of the same extent.
        own = [fields for _, fields in present if fields[20] != seen.get(int(fields[1]), [""] * 21)[20]]
        pages = sum(int(fields[21]) for fields in own)
        self.peak_mb = max(self.peak_mb, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


def _started(command: Sequence[str], output: BinaryIO, bytecode: Path) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment)


def _require_success(code: int, command: Sequence[str], log: Path) -> None:
    if code:
        tail = log.read_text(errors="replace")[-3000:]
        raise CommandFailedError(f"{' '.join(command)}\nreturned {code}:\n{tail}")


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
