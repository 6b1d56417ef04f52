"""Opening a connection to PostgreSQL: waits for a server that wakes up, checks who it is, and sets the session up.

The password is asked for at every connection and never kept; without one libpq looks at PGPASSWORD and ~/.pgpass.
"""

import contextlib
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import quote, unquote, urlsplit

from rental_etl.errors import ConfigurationError
from rental_etl.warehouse.postgres.errors import refused, translated

if TYPE_CHECKING:
    import psycopg

Tls = Literal["off", "prefer", "require", "verify-ca", "verify-full"]

_SSLMODE = {"off": "disable"}
# A server that refuses is down or another one; it is not worth a minute, as one that wakes up is.
_REFUSED_SECONDS = 10.0
_POLL_SECONDS = 0.5
_ATTEMPT_SECONDS = 15
_WAKING = re.compile(
    r"is starting up|is shutting down|too many clients|remaining connection slots|timeout expired|timed out", re.I
)
_REFUSES = re.compile(r"Connection refused|No route to host|Network is unreachable|server closed the connection", re.I)


@dataclass(frozen=True, slots=True)
class Server:
    """A database and how to reach it. `tls` None means: verified unless the host is this machine. `connect_seconds` for a server that does not
    answer yet, `wait_seconds` for a warehouse that another run writes to."""

    host: str
    port: int
    database: str
    user: str
    password: Callable[[], str | None] | None = field(default=None, repr=False)
    tls: Tls | None = None
    ca: Path | None = None
    connect_seconds: float = 60.0
    wait_seconds: float = 10.0

    @classmethod
    def of(cls, url: str, **options: Any) -> Self:
        """The server a `postgresql://user@host:port/database` URL means. Raises ConfigurationError, without repeating a password."""
        try:
            parts = urlsplit(url)
            port = parts.port or 5432
        except ValueError as error:
            raise _not_a_url(str(error)) from None
        if parts.scheme not in ("postgresql", "postgres"):
            raise _not_a_url(f"the URL begins with {parts.scheme}://")
        if parts.password:
            raise _not_a_url("the URL holds a password")
        if not parts.hostname or not parts.username or not parts.path.strip("/"):
            raise _not_a_url("host, user or database is missing")
        if parts.query or parts.fragment:
            raise _not_a_url("the URL holds options")
        database, user = unquote(parts.path.removeprefix("/")), unquote(parts.username)
        return cls(host=parts.hostname, port=port, database=database, user=user, **options)

    @property
    def url(self) -> str:
        """Where an error happened: the URL without a password."""
        return f"postgresql://{quote(self.user, safe='')}@{self._place}"

    @property
    def identity(self) -> str:
        """The database, whoever asks."""
        return f"postgresql://{self._place}"

    @property
    def mode(self) -> str:
        """libpq's sslmode."""
        tls = self.tls or ("prefer" if _is_this_machine(self.host) else "verify-full")
        return _SSLMODE.get(tls, tls)

    @property
    def _place(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{quote(self.database, safe='')}"


class PostgresSession:
    """An open connection as the warehouse's modules use it."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.connection = connection

    def execute(self, sql: str, /) -> "psycopg.Cursor[Any]":
        """Carry out one statement."""
        return self.connection.execute(sql.encode())

    def copy_in(self, statement: str, blocks: Iterator[bytes]) -> int:
        """Carry out a `copy … from stdin` with these bytes; returns rows."""
        with self.connection.cursor() as cursor:
            with cursor.copy(statement.encode()) as copy:
                for block in blocks:
                    copy.write(block)
            return cursor.rowcount


@contextlib.contextmanager
def connected(server: Server, *, write: bool) -> Iterator[PostgresSession]:
    """An open session in one transaction: committed at the end, rolled back when anything is raised; driver errors come out as the product's."""
    with contextlib.closing(connect(server, write=write)) as connection, translated(server.url, server.user):
        yield PostgresSession(connection)
        connection.commit()


def connect(server: Server, *, write: bool) -> "psycopg.Connection[Any]":
    """Open a connection, trying again while the server may be waking up.

    Raises ConfigurationError when it refuses who we are or what we ask for, SystemUnreachableError when it cannot be reached.
    """
    driver = load_driver()
    began = time.monotonic()
    while True:
        try:
            connection: psycopg.Connection[Any] = driver.connect(**_arguments(server))
            break
        except driver.OperationalError as error:
            message = str(error)
            patience = 0.0
            if _WAKING.search(message):
                patience = server.connect_seconds
            elif _REFUSES.search(message):
                patience = min(server.connect_seconds, _REFUSED_SECONDS)
            if time.monotonic() - began >= patience:
                raise refused(message, url=server.url, user=server.user, database=server.database) from None
        time.sleep(min(_POLL_SECONDS, server.connect_seconds))
    with contextlib.ExitStack() as stack:
        stack.callback(connection.close)
        with translated(server.url, server.user):
            _set_up(connection, server, write=write)
        stack.pop_all()
    return connection


def load_driver() -> Any:
    """psycopg. Raises ConfigurationError when it is not installed."""
    try:
        import psycopg
    except ImportError as error:
        raise ConfigurationError(
            f"the PostgreSQL driver cannot be loaded: {error}",
            expected="psycopg 3",
            remedy="install it with `pip install 'rental-etl[postgres]'`",
        ) from error
    return psycopg


def _arguments(server: Server) -> dict[str, Any]:
    password = server.password() if server.password else None
    arguments: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "dbname": server.database,
        "user": server.user,
        "sslmode": server.mode,
        "connect_timeout": max(2, min(_ATTEMPT_SECONDS, int(server.connect_seconds))),
        # Whoever waits for this run sees which process it is.
        "application_name": f"rental-etl on {socket.gethostname()[:30]}, process {os.getpid()}",
        "client_encoding": "UTF8",
        # A server that vanished without a word is noticed within two minutes.
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 5,
        "tcp_user_timeout": 120_000,
    }
    if password:
        arguments["password"] = password
    if server.mode.startswith("verify"):
        arguments["sslrootcert"] = str(server.ca) if server.ca else "system"
    return arguments


def _set_up(connection: "psycopg.Connection[Any]", server: Server, *, write: bool) -> None:
    connection.read_only = not write
    settings = ["timezone = 'UTC'", "standard_conforming_strings = on", "statement_timeout = 0"]
    # A cursor's plan is made for all rows, not for the first ones.
    settings.append("cursor_tuple_fraction = 1.0")
    if write:
        settings += [
            "idle_in_transaction_session_timeout = 0",
            f"lock_timeout = {int(server.wait_seconds * 1000) or 1}",
        ]
    else:
        # So that a table can be asked for by its bare name; presentation comes first.
        settings.append("search_path = presentation, curated, raw, etl, public")
    for setting in settings:
        connection.execute(f"set {setting}".encode())
    connection.commit()


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _not_a_url(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"warehouse.url names no PostgreSQL database: {why}",
        expected="postgresql://user@host:5432/database, without a password",
        remedy="correct warehouse.url; the password comes from RENTAL_ETL_WAREHOUSE__PASSWORD",
    )
