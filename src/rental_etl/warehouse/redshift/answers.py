"""Questions to Redshift: read-only, and streamed from a cursor there, a thousand rows at a time (a cluster of one node gives no more)."""

import contextlib
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from rental_etl.errors import ConfigurationError, RentalEtlError
from rental_etl.ports.warehouse import Rows
from rental_etl.warehouse.answers import nothing_yet
from rental_etl.warehouse.postgres.answers import ASKED_WRONGLY, known_tables, misunderstood, nothing_to_read
from rental_etl.warehouse.postgres.catalog import is_laid_out
from rental_etl.warehouse.postgres.errors import said
from rental_etl.warehouse.postgres.types import Columns
from rental_etl.warehouse.redshift.connect import Cluster, RedshiftSession, connect, translated
from rental_etl.warehouse.redshift.errors import explained, told
from rental_etl.warehouse.text import name

_CURSOR = "rental_etl_answer"
_FETCH = f"fetch forward 1000 from {_CURSOR}"
_SEARCH_PATH = "set search_path to presentation, curated, raw, etl, public"


def answer(cluster: Cluster, sql: str) -> Rows:
    """Run one reading statement; the connection closes with the iterator. Raises UsageError with the database's words."""
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(contextlib.closing(connect(cluster)))
        with translated(cluster):
            if not is_laid_out(session):
                raise nothing_yet("the warehouse is empty")
            # So that a table can be asked for by its bare name; presentation comes first.
            session.execute(_SEARCH_PATH)
        first, columns, by_cursor = _asked(session, cluster, sql)
        rows = _stream(session, cluster, first, more=by_cursor)
        # Started here: only a generator that has begun closes the connection when it is dropped unread.
        next(rows)
        stack.pop_all()
    return Rows(columns=columns, rows=rows)


def write_csv(session: RedshiftSession, table: str, columns: Columns, file: BinaryIO) -> None:
    """Write a presentation table as CSV without header, NULL as \\N and every text quoted. Runs inside the caller's transaction."""
    names = ", ".join(name(column) for column, _ in columns)
    session.execute(f"declare {_CURSOR} cursor for select {names} from {name('presentation', table)}")
    while rows := session.ask(_FETCH).fetchall():
        file.write("".join(f"{','.join(map(_field, row))}\n" for row in rows).encode())
    session.execute(f"close {_CURSOR}")


def _asked(session: RedshiftSession, cluster: Cluster, sql: str) -> tuple[list[tuple[Any, ...]], tuple[str, ...], bool]:
    """The first rows, the columns, and whether a cursor has more: where the statement allows no cursor (EXPLAIN, SHOW), all rows."""
    from redshift_connector.error import Error, ProgrammingError

    by_cursor = True
    try:
        session.execute("begin read only")
        try:
            session.ask(f"declare {_CURSOR} cursor for {sql}")
            cursor = session.ask(_FETCH)
        except ProgrammingError:
            by_cursor = False
            session.execute("rollback")
            session.execute("begin read only")
            cursor = session.ask(sql)
    except (Error, OSError, struct.error) as error:
        raise _wrong(session, cluster, error) from error
    if not cursor.description:
        raise nothing_to_read(sql.strip().partition(" ")[0].upper())
    columns = tuple(column[0] for column in cursor.description)
    return [tuple(row) for row in cursor.fetchall()], columns, by_cursor


def _stream(
    session: RedshiftSession, cluster: Cluster, first: list[tuple[Any, ...]], *, more: bool
) -> Iterator[tuple[Any, ...]]:
    from redshift_connector.error import Error

    try:
        yield ()
        rows = first
        while rows:
            yield from rows
            rows = [tuple(row) for row in session.ask(_FETCH).fetchall()] if more else []
    except (Error, OSError, struct.error) as error:
        raise _wrong(session, cluster, error) from error
    finally:
        session.close()


def _wrong(session: RedshiftSession, cluster: Cluster, error: Exception) -> RentalEtlError:
    what = told(error)
    if what.message == "query was empty":
        return nothing_to_read("")
    if what.state == "42501":
        return ConfigurationError(
            f"a right is missing: {said(what.message)}",
            where=cluster.url,
            expected=f"tables that {cluster.user or 'this user'} may read",
            remedy=f'let an administrator run: grant select on … to "{cluster.user}"',
        )
    if what.state[:2] not in ASKED_WRONGLY:
        return explained(what, url=cluster.url, user=cluster.user)
    known: list[str] = []
    if what.state == "42P01":
        with translated(cluster):
            session.execute("rollback")
            known = known_tables(session)
    return misunderstood(what.message, state=what.state, known=known)


def _field(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return str(value)
