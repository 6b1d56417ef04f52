"""Starts and stops a PostgreSQL server of its own: private data directory and a free port on loopback, also as root.

`python tests/postgres/server.py` starts one for trying things out and stops it with Ctrl-C. Needs Debian's `postgresql`, which `require` installs where it may.
"""

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from postgres.certificates import write_certificates

PACKAGES = ("postgresql",)
ADMIN, ADMIN_PASSWORD = "postgres", "admin's \\ word"
USER, PASSWORD = "etl", "etl's \\ pass word"
# Logs in the way of older servers, which is what redshift_connector knows.
OLD_USER = "loader"
_PROGRAMS = ("initdb", "postgres")
# Runs the server until it ends. When whoever holds the other end of standard input is gone without a word (a test process that was
# killed), the server ends and its folder goes.
_KEEPER = """
folder=$1; shift; exec 3<&0; "$@" & server=$!
( if ! read -r word <&3; then kill -QUIT $server; while kill -0 $server; do sleep 0.1; done; rm -rf "$folder"; fi ) 2> /dev/null &
wait $server
"""


def require() -> None:
    """Make sure that the server's programs are there, installing Debian's package as root. Raises RuntimeError saying what is missing."""
    missing = [name for name in _PROGRAMS if _program(name) is None]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", *PACKAGES]):
            subprocess.run(command, env=quiet, check=False, capture_output=True, timeout=600)
        missing = [name for name in _PROGRAMS if _program(name) is None]
    if missing:
        raise RuntimeError(
            f"these tests need a real PostgreSQL, and {', '.join(missing)} was not found: apt-get install {' '.join(PACKAGES)}"
        )


@dataclass(slots=True)
class Postgres:
    """A server. `settings` are those of postgresql.conf; `port` stays the same over a restart."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def authority(self) -> Path:
        """The certificate of the authority that signed the server's, which is for `localhost` alone."""
        return self.folder / "authority.pem"

    def start(self) -> None:
        """Create the data directory where there is none, start the server and wait until it answers. Raises RuntimeError when it does not."""
        data = self.folder / "data"
        if not data.exists():
            self._create(data)
        self.port = self.port or _free_port()
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "ssl": "on",
            "ssl_cert_file": str(self.folder / "server.pem"),
            "ssl_key_file": str(self.folder / "server.key"),
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "max_connections": "50",
            **self.settings,
        }
        command = [str(_program("postgres")), "-D", str(data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        kept = ["sh", "-c", _KEEPER, "keeper", str(self.folder), *command]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(kept, stdout=log, stderr=log, stdin=subprocess.PIPE, **_unprivileged())
        self._wait()

    def stop(self) -> None:
        """Shut down in order, ending every session."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Pull the plug: sessions end without a word, and the next start recovers."""
        self._end(signal.SIGQUIT)

    def sql(self, text: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as the administrator; returns its rows."""
        import psycopg

        with psycopg.connect(self._conninfo(database), autocommit=True) as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def create_database(self, name: str | None = None, *, owner: str = USER) -> str:
        """Make an empty database; returns its name."""
        name = name or f"db_{uuid.uuid4().hex[:12]}"
        self.sql(f"create database {_quoted(name)} owner {_quoted(owner)}")
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, ending its sessions."""
        self.sql(f"drop database if exists {_quoted(name)} with (force)")

    def url(self, database: str, *, user: str = USER, host: str = "127.0.0.1") -> str:
        """The URL of a database, without a password."""
        return f"postgresql://{quote(user)}@{host}:{self.port}/{quoted_path(database)}"

    def _conninfo(self, database: str) -> str:
        import psycopg.conninfo

        return psycopg.conninfo.make_conninfo(
            host="127.0.0.1", port=self.port, user=ADMIN, password=ADMIN_PASSWORD, dbname=database, connect_timeout=10
        )

    def _create(self, data: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_certificates(self.folder, host="localhost")
        word = self.folder / "word"
        word.write_text(ADMIN_PASSWORD)
        for path in (self.folder, *self.folder.iterdir()):
            _give_away(path)
        flags = ["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=md5", f"--username={ADMIN}"]
        command = [str(_program("initdb")), "-D", str(data), *flags, f"--pwfile={word}"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=120, **_unprivileged())
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr.decode(errors='replace')[-2000:]}")

    def _wait(self) -> None:
        import psycopg

        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                break
            with contextlib.suppress(psycopg.OperationalError):
                self.sql("select 1")
                return
            time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text(errors='replace')[-2000:]}")

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            server = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
            os.kill(server, how)
            self.process.wait(timeout=60)
        # The keeper's other half is told that all is well.
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write(b"done\n")
                self.process.stdin.close()
        self.process = None


@contextlib.contextmanager
def running(settings: Mapping[str, str] | None = None) -> Iterator[Postgres]:
    """A server of one's own for as long as the block lasts, with the users `etl` and `loader`, who have the same password."""
    require()
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        server = Postgres(Path(folder), settings or {})
        server.start()
        try:
            password = PASSWORD.replace("'", "''")
            server.sql(f"create role {USER} login password '{password}'")
            server.sql(f"set password_encryption = md5; create role {OLD_USER} login password '{password}'")
            yield server
        finally:
            server.kill()


@cache
def shared() -> Postgres:
    """One server per process, stopped when the process ends. Users make databases of their own in it."""
    stack = contextlib.ExitStack()
    server = stack.enter_context(running())
    atexit.register(stack.close)
    return server


def quoted_path(database: str) -> str:
    """A database's name as it stands in a URL."""
    return quote(database, safe="")


def _program(name: str) -> Path | None:
    """The newest installed one: Debian keeps them off the PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = shutil.which(name, path=os.pathsep.join([*map(str, reversed(versions)), os.environ.get("PATH", "")]))
    return Path(found) if found else None


def _unprivileged() -> dict[str, Any]:
    """As whom to run: PostgreSQL refuses to run as root."""
    if os.geteuid():
        return {}
    return {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": "/tmp"}


def _give_away(path: Path) -> None:
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    with running() as started:
        database = started.create_database("rental")
        print(f"{started.url(database)}  password of {USER}: {PASSWORD}  (Ctrl-C ends it)", flush=True)  # noqa: T201
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
