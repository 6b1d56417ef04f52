"""One writer at a time: a transaction on the warehouse that locks its table `etl.writer` from beginning to end, and is done again after a conflict."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from rental_etl.errors import WorkspaceBusyError
from rental_etl.warehouse.redshift.connect import Cluster, RedshiftSession, connected, transaction, translated
from rental_etl.warehouse.redshift.errors import ConflictError, told

Result = TypeVar("Result")

_ATTEMPTS = 5
PAUSE_SECONDS = 1.0
_CANCELED = "57014"


def in_transaction(cluster: Cluster, work: Callable[[RedshiftSession], Result]) -> Result:
    """Do `work` as the only writer, all or nothing; from the beginning again when Redshift undoes it because of a conflict (error 1023).

    Raises WorkspaceBusyError naming the holder after the cluster's `wait_seconds`, or when the conflicts do not end.
    """
    attempt = 1
    while True:
        try:
            with _writing(cluster) as session:
                return work(session)
        except ConflictError:
            if attempt == _ATTEMPTS:
                raise
        time.sleep(PAUSE_SECONDS * attempt)
        attempt += 1


@contextlib.contextmanager
def _writing(cluster: Cluster) -> Iterator[RedshiftSession]:
    with connected(cluster) as session:
        # The only way to end the wait for a lock; one that is shared by all statements would end long loads.
        session.execute(f"set statement_timeout to {max(1, int(cluster.wait_seconds * 1000))}")
        with transaction(session):
            # First of all: a transaction sees the state of its first statement after the lock.
            _lock(session, cluster)
            session.execute("set statement_timeout to 0")
            yield session


def _lock(session: RedshiftSession, cluster: Cluster) -> None:
    from redshift_connector.error import Error

    try:
        session.execute("lock table etl.writer")
    except Error as error:
        if told(error).state != _CANCELED:
            raise
        raise WorkspaceBusyError(
            f"the warehouse is being written to by {_holder(cluster)}",
            where=cluster.url,
            expected="one run at a time",
            remedy="wait for the other run to end; when it hangs, let an administrator end its session: select pg_terminate_backend(PID)",
        ) from error


def _holder(cluster: Cluster) -> str:
    """The other session: its number on the server, its user, and since when, as far as this user may see it."""
    with connected(cluster) as session, translated(cluster):
        # Two questions: Redshift does not join its catalog with the state of its nodes.
        table = "select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'etl' and c.relname = 'writer'"
        for (oid,) in session.execute(table).fetchall():
            sql = (
                "select pid, txn_owner, txn_start from svv_transactions "
                f"where lockable_object_type = 'relation' and relation = {int(oid)} and granted order by txn_start"
            )
            for pid, user, start in session.execute(sql).fetchall():
                return f"another session (server PID {pid}, user {str(user).strip()}, since {start:%H:%M:%S} UTC)"
    return "another session, which this user may not see or which has just ended"
