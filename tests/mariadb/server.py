"""Starts and stops a MariaDB server of its own: private data directory, Unix socket and a free port on loopback, also as root.

`python tests/mariadb/server.py` starts one for trying things out and stops it with Ctrl-C. Needs Debian's `mariadb-server`; `require` installs it where it may.
"""

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

PACKAGES = ("mariadb-server",)
_PROGRAMS = ("mariadbd", "mariadb-install-db", "mariadb")
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


def require() -> None:
    """Make sure that the server's programs are there, installing Debian's package as root. Raises RuntimeError saying what is missing."""
    missing = [program for program in _PROGRAMS if shutil.which(program, path=_PATH) is None]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", *PACKAGES]):
            subprocess.run(command, env=quiet, check=False, capture_output=True, timeout=600)
        missing = [program for program in _PROGRAMS if shutil.which(program, path=_PATH) is None]
    if missing:
        raise RuntimeError(
            f"these tests need a real MariaDB, and {', '.join(missing)} was not found: apt-get install {' '.join(PACKAGES)}"
        )


@dataclass(slots=True)
class MariaDB:
    """A server. `options` are those of mariadbd without the dashes; `port` stays the same over a restart."""

    folder: Path
    options: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """Where root logs in without a password."""
        return self.folder / "s.sock"

    def start(self) -> None:
        """Create the data directory where there is none, start the server and wait until it answers. Raises RuntimeError when it does not."""
        data = self.folder / "data"
        if not data.exists():
            data.mkdir(parents=True)
            self._run(
                "mariadb-install-db", *self._common(), "--auth-root-authentication-method=normal", "--skip-test-db"
            )
        self.port = self.port or _free_port()
        settings = {
            "port": str(self.port),
            "bind-address": "127.0.0.1",
            "pid-file": str(self.folder / "pid"),
            "innodb-buffer-pool-size": "256M",
            "innodb-flush-log-at-trx-commit": "2",
            "local-infile": "1",
            **self.options,
        }
        command = [_program("mariadbd"), *self._common(), f"--socket={self.socket}", "--skip-log-bin"]
        command += [f"--{name}={value}" for name, value in settings.items()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self._wait()

    def stop(self) -> None:
        """Shut down in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Pull the plug."""
        self._end(signal.SIGKILL)

    def sql(self, text: str, *, database: str = "") -> str:
        """Run statements as root; returns the answer as tab-separated lines without a header. Raises RuntimeError with the server's message."""
        flags = [
            "--no-defaults",
            "--local-infile=1",
            "--batch",
            "--skip-column-names",
            "--default-character-set=utf8mb4",
        ]
        command = [_program("mariadb"), *flags, f"--socket={self.socket}", "-uroot", *([database] if database else [])]
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=False, timeout=600)
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace"))
        return done.stdout.decode()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                break
            with contextlib.suppress(RuntimeError):
                self.sql("select 1")
                return
            time.sleep(0.1)
        raise RuntimeError(f"MariaDB did not start: {(self.folder / 'log').read_text(errors='replace')[-2000:]}")

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=60)
        self.process = None

    def _common(self) -> list[str]:
        # Root has to be named, or the server refuses to run as root.
        user = ["--user=root"] if os.geteuid() == 0 else []
        return ["--no-defaults", f"--datadir={self.folder / 'data'}", *user]

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run([_program(program), *arguments], capture_output=True, check=False, timeout=120)
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.decode(errors='replace')[-2000:]}")


@contextlib.contextmanager
def running(options: Mapping[str, str] | None = None) -> Iterator[MariaDB]:
    """A server of one's own for as long as the block lasts."""
    require()
    # Sockets have a path of at most 107 bytes: pytest's temporary folders are too deep.
    with tempfile.TemporaryDirectory(prefix="mdb-", dir="/tmp") as folder:
        server = MariaDB(Path(folder), options or {})
        server.start()
        try:
            yield server
        finally:
            server.kill()


@cache
def shared() -> MariaDB:
    """One server per process, stopped when the process ends. Users make databases of their own in it."""
    stack = contextlib.ExitStack()
    server = stack.enter_context(running())
    atexit.register(stack.close)
    return server


def _program(name: str) -> str:
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise RuntimeError(f"{name} was not found: apt-get install {' '.join(PACKAGES)}")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _serve() -> None:
    with running() as server:
        server.sql(
            "create user etl@'%' identified by 'pw'; grant all on *.* to etl@'%'; create database rental character set utf8mb4"
        )
        print(f"RENTAL_ETL_SOURCE__PASSWORD=pw  mysql://etl@127.0.0.1:{server.port}/rental", flush=True)  # noqa: T201
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    _serve()
