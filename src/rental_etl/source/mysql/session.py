"""Connections to a MySQL server: opened with patience, checked for TLS, set up so that values read the same on every server.

Reads and writes nothing of its own. Every error of the driver leaves here as one of ours.
"""

import contextlib
import importlib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rental_etl.errors import ConfigurationError, RentalEtlError
from rental_etl.source.mysql.access import Access
from rental_etl.source.mysql.failures import ServerRefusedError, login_failure, statement_failure, worth_waiting

if TYPE_CHECKING:
    from mysql.connector.abstracts import MySQLConnectionAbstract

Progress = Callable[[str, int, int], None]
# One attempt to log in; several fit into the patience, so that a packet lost while the cluster wakes costs little.
_ATTEMPT_SECONDS = 20
# How long a server may think before the next row: sorting a large table takes minutes, a dead network forever.
_SILENCE_SECONDS = 1800
# Rows asked for at a time. Few, since one of them may be as large as max_allowed_packet; more would not be faster.
_FETCH_ROWS = 128
_UNTRUSTED, _LOST = 2026, 2006


def is_compiled() -> bool:
    """Whether the driver's compiled half is in use; the pure Python one needs about ten times the processor time.

    It has to be loaded before pyarrow, which leaves it no room for thread-local storage. Raises ConfigurationError when there is no driver.
    """
    try:
        import mysql.connector
    except ImportError as error:
        raise ConfigurationError(
            "the MySQL driver is not installed",
            where="mysql://",
            expected="mysql-connector-python",
            remedy='pip install "rental-etl[mysql]"',
        ) from error
    return bool(mysql.connector.HAVE_CEXT)


def load_driver() -> None:
    """Load what logging in needs, where it is installed."""
    # What cannot be loaded is told by logging in.
    with contextlib.suppress(ConfigurationError):
        is_compiled()


class Session:
    """One open connection. Use `connect`."""

    def __init__(self, connection: "MySQLConnectionAbstract", access: Access) -> None:
        self._connection = connection
        self._streaming = False
        self.access = access

    def execute(self, sql: str, *, doing: str) -> int:
        """Run a statement that gives no rows; returns the rows it affected."""
        with self._explained(doing), self._cursor() as cursor:
            cursor.execute(sql)
            return int(cursor.rowcount)

    def rows(self, sql: str, *, doing: str) -> list[tuple[Any, ...]]:
        """A small result, as Python values."""
        with self._explained(doing), self._cursor() as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]

    def stream(self, sql: str, *, doing: str) -> Iterator[list[tuple[bytes, ...]]]:
        """A result of any size, few rows at a time, each value as the bytes the server sent. A reader that stops early must end the session."""
        with self._explained(doing):
            cursor = self._connection.cursor(raw=True, buffered=False)
            self._streaming = True
            cursor.execute(sql)
        while True:
            with self._explained(doing):
                rows: Any = cursor.fetchmany(_FETCH_ROWS)
            if not rows:
                break
            yield rows
        self._streaming = False
        with self._explained(doing):
            cursor.close()

    def commit(self, *, doing: str) -> None:
        """Make the transaction's changes visible."""
        with self._explained(doing):
            self._connection.commit()

    def rollback(self) -> None:
        """Take the transaction's changes back; a server that is gone does so by itself."""
        with contextlib.suppress(_driver_error()):
            self._connection.rollback()

    def close(self) -> None:
        """End the session. In the middle of a result a second connection tells the server, since closing would first read all that is left."""
        if self._streaming:
            number = self._connection.connection_id
            with contextlib.suppress(_driver_error(), RentalEtlError):
                other = Session(_login(self.access), self.access)
                other.execute(f"kill connection {int(number or 0)}", doing="ending a read")
                other.close()
        with contextlib.suppress(_driver_error()):
            self._connection.close()

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        cursor = self._connection.cursor(buffered=False)
        try:
            yield cursor
        finally:
            with contextlib.suppress(_driver_error()):
                cursor.close()

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except _driver_error() as error:
            number, message = _told(error)
            raise statement_failure(number, message, address=self.access.address, doing=doing) from error


@contextmanager
def connect(access: Access, *, progress: Progress, load_from: str = "") -> Iterator[Session]:
    """A session that ends with the block. `load_from` names the folder whose files the server may ask for (LOAD DATA LOCAL).

    Tries again for as long as `access.patience` lasts while the server does not answer. Raises SystemUnreachableError or ConfigurationError.
    """
    session = Session(_patiently(access, progress=progress, load_from=load_from), access)
    try:
        _set_up(session)
        yield session
    finally:
        session.close()


def _patiently(access: Access, *, progress: Progress, load_from: str) -> "MySQLConnectionAbstract":
    began = time.monotonic()
    patience = access.patience.total_seconds()
    pause = 0.25
    while True:
        try:
            return _login(access, load_from=load_from)
        except _driver_error() as error:
            number, message = _told(error)
            waited = time.monotonic() - began
            if not worth_waiting(number) or waited + pause > patience:
                raise login_failure(number, message, access=access) from error
        progress(f"waiting for the database at {access.address.host}", int(waited), int(patience))
        time.sleep(pause)
        pause = min(2 * pause, 5.0)


def _login(access: Access, *, load_from: str = "") -> "MySQLConnectionAbstract":
    compiled = is_compiled()
    import mysql.connector
    from mysql.connector.constants import ClientFlag

    address = access.address
    options: dict[str, Any] = {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": access.password(),
        "database": address.database,
        "use_pure": not compiled,
        "charset": "utf8mb4",
        "collation": "utf8mb4_bin",
        "connection_timeout": int(max(1, min(_ATTEMPT_SECONDS, access.patience.total_seconds()))),
        "read_timeout": _SILENCE_SECONDS,
        "autocommit": True,
        "allow_local_infile": bool(load_from),
        # Rows that an update leaves as they were are not counted as affected; one statement is one statement.
        "client_flags": [-ClientFlag.FOUND_ROWS, -ClientFlag.MULTI_STATEMENTS],
        **_tls_options(access),
    }
    if load_from:
        options["allow_local_infile_in_path"] = load_from
    if access.cleartext:
        options["auth_plugin"] = "mysql_clear_password"
    return mysql.connector.connect(**options)  # type: ignore[return-value]


def _tls_options(access: Access) -> dict[str, Any]:
    mode, ca = access.tls.mode, access.tls.ca
    if access.cleartext and mode != "verify-full":
        # The driver checks that a connection is encrypted before it sends the password only in this mode.
        raise ConfigurationError(
            "an IAM token is sent as it is, so the server must prove who it is first",
            where=f"source.tls = {mode}",
            expected='source.tls = "verify-full" with source.ca',
            remedy="download Amazon's global-bundle.pem and name it in source.ca",
        )
    if mode == "off":
        return {"ssl_disabled": True}
    if mode in ("prefer", "require"):
        return {"ssl_ca": str(ca)} if ca else {}
    if ca is None or not _is_ca_file(str(ca)):
        raise ConfigurationError(
            "the server's certificate cannot be checked without a CA file",
            where=f"source.ca = {ca or 'not set'}",
            expected="a PEM file with the CA's certificate",
            remedy="for Amazon RDS and Aurora: global-bundle.pem; else the file the server's ssl_ca names",
        )
    return {"ssl_ca": str(ca), "ssl_verify_cert": True, "ssl_verify_identity": mode == "verify-full"}


def _is_ca_file(path: str) -> bool:
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError):
        return False
    return True


def _set_up(session: Session) -> None:
    """Refuse a connection without the encryption asked for, and make values read the same whatever the server's defaults."""
    mode = session.access.tls.mode
    # The compiled driver connects in plain text without a word when the server has no TLS, also when it was told to verify the CA.
    if mode not in ("prefer", "off") and not tls_cipher(session):
        raise ServerRefusedError(
            "the server offers no TLS",
            where=session.access.address.identity,
            expected=f"an encrypted connection (source.tls = {mode})",
            remedy='switch TLS on at the server, or set source.tls = "prefer"',
        )
    # No mode: zero dates can be read and compared, quotes and || mean what they mean by default. TIMESTAMP columns read as UTC.
    session.execute("set session sql_mode = ''", doing="setting up the session")
    session.execute("set session time_zone = '+00:00'", doing="setting up the session")
    # A server gives up on a reader that pauses (a slow disk, a busy machine) after 60 s by default.
    session.execute("set session net_write_timeout = 1800", doing="setting up the session")


def tls_cipher(session: Session) -> str:
    """The cipher the connection uses; "" for none."""
    return tls_in_use(session)[1]


def tls_in_use(session: Session) -> tuple[str, str]:
    """Version and cipher of the connection's TLS; "" for none."""
    found = session.rows(
        "show session status where variable_name in ('Ssl_version', 'Ssl_cipher')", doing="looking at the connection"
    )
    values = {str(name).lower(): str(value) for name, value in found}
    return values.get("ssl_version", ""), values.get("ssl_cipher", "")


def _told(error: Any) -> tuple[int, str]:
    """The driver's error number and message."""
    number, message = int(getattr(error, "errno", 0) or 0), str(getattr(error, "msg", error))
    if "CERTIFICATE" in message.upper() or "[SSL" in message:
        # The driver's Python half reports a certificate it does not trust as a lost connection.
        return _UNTRUSTED, message
    # Without a number: the driver noticed by itself that the connection is gone.
    return (number if number > 0 else _LOST), message


def _driver_error() -> Any:
    """What the driver raises; now and then the error of its compiled half gets out as it is."""
    import mysql.connector

    if not mysql.connector.HAVE_CEXT:
        return mysql.connector.Error
    return (mysql.connector.Error, importlib.import_module("_mysql_connector").MySQLInterfaceError)
