"""One writer at a time: a transaction on the warehouse that holds its advisory lock from beginning to end."""

import contextlib
import time
from collections.abc import Iterator

from rental_etl.errors import WorkspaceBusyError
from rental_etl.warehouse.postgres.connect import PostgresSession, Server, connected

# "rental" in ASCII: one lock per database, let go by the server when the transaction or the connection ends.
_KEY = 0x72656E74616C
_POLL_SECONDS = 0.1


@contextlib.contextmanager
def writing(server: Server) -> Iterator[PostgresSession]:
    """A session that alone writes, in one transaction. Raises WorkspaceBusyError naming the holder after the server's `wait_seconds`."""
    with connected(server, write=True) as session:
        _take_the_lock(session, server)
        yield session


def _take_the_lock(session: PostgresSession, server: Server) -> None:
    deadline = time.monotonic() + server.wait_seconds
    while not _taken(session):
        if time.monotonic() >= deadline:
            raise WorkspaceBusyError(
                f"the warehouse is being written to by {_holder(session)}",
                where=server.url,
                expected="one run at a time",
                remedy="wait for the other run to end; when it hangs, let an administrator end its session",
            )
        time.sleep(_POLL_SECONDS)


def _taken(session: PostgresSession) -> bool:
    [(taken,)] = session.execute(f"select pg_try_advisory_xact_lock({_KEY})").fetchall()
    return bool(taken)


def _holder(session: PostgresSession) -> str:
    """The other session: its program, its number on the server, its user and address, as far as this user may see them."""
    sql = (
        "select l.pid, a.application_name, a.usename, host(a.client_addr) "
        "from pg_locks l left join pg_stat_activity a on a.pid = l.pid "
        f"where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.classid = {_KEY >> 32} "
        f"and l.objid = {_KEY & 0xFFFFFFFF} and l.database = (select oid from pg_database where datname = current_database())"
    )
    for pid, program, user, address in session.execute(sql).fetchall():
        place = f", from {address}" if address else ""
        return f"{program or 'another session'} (server PID {pid}, user {user or 'unknown'}{place})"
    return "another session, which has just ended"
