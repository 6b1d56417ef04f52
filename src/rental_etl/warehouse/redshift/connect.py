"""Opening a connection to Redshift with its own driver: waits for a cluster that resumes, and turns the driver's errors into the product's.

Credentials are asked for at every connection and never kept.
"""

import contextlib
import os
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self
from urllib.parse import quote, unquote, urlsplit

from rental_etl.errors import ConfigurationError, RentalEtlError, SystemUnreachableError
from rental_etl.warehouse.postgres.catalog import Answer
from rental_etl.warehouse.postgres.errors import refused
from rental_etl.warehouse.redshift.credentials import Credentials, Provider
from rental_etl.warehouse.redshift.errors import explained, told

Tls = Literal["off", "verify-ca", "verify-full"]

_REFUSED_SECONDS = 10.0
_POLL_SECONDS = 0.5
_ATTEMPT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A database of a cluster or a serverless workgroup. `connect_seconds` for one that resumes, `wait_seconds` for a warehouse that another run
    writes to; `user` names who asks in messages."""

    host: str
    port: int
    database: str
    user: str
    credentials: Provider
    tls: Tls = "verify-full"
    connect_seconds: float = 120.0
    wait_seconds: float = 10.0

    @classmethod
    def of(cls, url: str, **options: Any) -> Self:
        """The database a `redshift://user@host:port/database` URL means. Raises ConfigurationError, without repeating a password."""
        try:
            parts = urlsplit(url)
            port = parts.port or 5439
        except ValueError as error:
            raise _not_a_url(str(error)) from None
        if parts.scheme != "redshift":
            raise _not_a_url(f"the URL begins with {parts.scheme}://")
        if parts.password:
            raise _not_a_url("the URL holds a password")
        if not parts.hostname or not parts.path.strip("/"):
            raise _not_a_url("host or database is missing")
        if parts.query or parts.fragment:
            raise _not_a_url("the URL holds options")
        database, user = unquote(parts.path.removeprefix("/")), unquote(parts.username or "")
        return cls(host=parts.hostname, port=port, database=database, user=user, **options)

    @property
    def url(self) -> str:
        """Where an error happened."""
        return f"redshift://{quote(self.user, safe='')}@{self._place}" if self.user else self.identity

    @property
    def identity(self) -> str:
        """The database, whoever asks."""
        return f"redshift://{self._place}"

    @property
    def _place(self) -> str:
        return f"{self.host}:{self.port}/{quote(self.database, safe='')}"


class RedshiftSession:
    """An open connection as the warehouse's modules use it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, sql: str, /) -> Answer:
        """Carry out one statement of ours."""
        # Redshift, like PostgreSQL 8, reads a backslash in a literal as the beginning of an escape; elsewhere ours have none.
        answer: Answer = self.ask(sql.replace("\\", "\\\\"))
        return answer

    def ask(self, sql: str, /) -> Any:
        """Carry out one statement as it is written; returns the driver's cursor."""
        # A cursor of its own: the driver's remember the columns of their first answer.
        cursor = self._connection.cursor()
        cursor.execute(sql)
        return cursor

    def count(self, sql: str, /) -> int:
        """Carry out an insert; returns its rows."""
        return int(self.ask(sql.replace("\\", "\\\\")).rowcount)

    @property
    def tls(self) -> str:
        """Version and cipher of the connection's TLS, as far as the driver shows its socket."""
        wire = getattr(self._connection, "_usock", None)
        if not isinstance(wire, ssl.SSLSocket):
            return "no TLS"
        cipher = wire.cipher()
        return f"{wire.version()} ({cipher[0] if cipher else 'unknown cipher'})"

    def close(self) -> None:
        """End it, also when the server is gone."""
        from redshift_connector.error import Error

        with contextlib.suppress(Error, OSError):
            self._connection.close()


def connect(cluster: Cluster) -> RedshiftSession:
    """Open a connection, each statement a transaction of its own until `begin`.

    Raises ConfigurationError when it refuses who we are or what we ask for, SystemUnreachableError when it cannot be reached.
    """
    driver = load_driver()
    _wait_until_it_answers(cluster)
    credentials = cluster.credentials()
    try:
        connection = driver.connect(**_arguments(cluster, credentials))
    except (driver.Error, OSError, struct.error) as error:
        message, user = told(error).message, cluster.user or credentials.user
        raise refused(message, url=cluster.url, user=user, database=cluster.database) from None
    connection.autocommit = True
    return RedshiftSession(connection)


@contextlib.contextmanager
def connected(cluster: Cluster) -> Iterator[RedshiftSession]:
    """An open session, closed at the end; driver errors inside come out as the product's."""
    with contextlib.closing(connect(cluster)) as session, translated(cluster):
        yield session


@contextlib.contextmanager
def transaction(session: RedshiftSession, begin: str = "begin") -> Iterator[None]:
    """All or nothing: committed at the end, rolled back when anything is raised."""
    from redshift_connector.error import Error

    session.execute(begin)
    try:
        yield
    except BaseException:
        # After a lost connection there is nothing left to roll back, and the first error is the one to show.
        with contextlib.suppress(Error, OSError, struct.error):
            session.execute("rollback")
        raise
    session.execute("commit")


@contextlib.contextmanager
def translated(cluster: Cluster) -> Iterator[None]:
    """Driver errors come out as the product's, naming the database."""
    from redshift_connector.error import Error

    try:
        yield
    # The driver reads a lost connection's end as a message that is too short.
    except (Error, OSError, struct.error) as error:
        raise explained(told(error), url=cluster.url, user=cluster.user) from error


def load_driver() -> Any:
    """redshift_connector. Raises ConfigurationError when it is not installed."""
    try:
        import redshift_connector
    except ImportError as error:
        raise ConfigurationError(
            f"the Redshift driver cannot be loaded: {error}",
            expected="redshift-connector",
            remedy="install it with `pip install 'rental-etl[redshift]'`",
        ) from error
    return redshift_connector


def _arguments(cluster: Cluster, credentials: Credentials) -> dict[str, Any]:
    return {
        "host": cluster.host,
        "port": cluster.port,
        "database": cluster.database,
        "user": credentials.user,
        "password": credentials.password,
        "ssl": cluster.tls != "off",
        "sslmode": "verify-full" if cluster.tls == "off" else cluster.tls,
        # A statement that is kept prepared, such as a FETCH, would keep the columns of its first answer.
        "max_prepared_statements": 0,
        # Whoever waits for this run sees which process it is.
        "application_name": f"rental-etl on {socket.gethostname()[:30]}, process {os.getpid()}",
        # The driver's timeout would end long statements too; a server that vanished is noticed by these instead.
        "tcp_keepalive": True,
        "tcp_keepalive_idle": 30,
        "tcp_keepalive_interval": 10,
        "tcp_keepalive_count": 5,
    }


def _wait_until_it_answers(cluster: Cluster) -> None:
    """Try the port until something listens there. A refusal is given up sooner than silence: a cluster that resumes is silent."""
    began = time.monotonic()
    while True:
        try:
            socket.create_connection(
                (cluster.host, cluster.port), timeout=min(_ATTEMPT_SECONDS, cluster.connect_seconds)
            ).close()
            return
        except OSError as error:
            patience = cluster.connect_seconds
            if isinstance(error, ConnectionRefusedError):
                patience = min(patience, _REFUSED_SECONDS)
            if isinstance(error, socket.gaierror) or time.monotonic() - began >= patience:
                raise _unreachable(cluster, error) from error
        time.sleep(min(_POLL_SECONDS, cluster.connect_seconds))


def _unreachable(cluster: Cluster, error: OSError) -> RentalEtlError:
    return SystemUnreachableError(
        f"Redshift cannot be reached: {error.strerror or error}",
        where=cluster.url,
        expected="a cluster or workgroup that runs, in a network that this machine may reach",
        remedy="check host and port in warehouse.url, the security group, and that the cluster is not paused; then run again",
    )


def _not_a_url(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"warehouse.url names no Redshift database: {why}",
        expected="redshift://user@host:5439/database, without a password",
        remedy="correct warehouse.url; the password comes from RENTAL_ETL_WAREHOUSE__PASSWORD, warehouse.secret or IAM",
    )
