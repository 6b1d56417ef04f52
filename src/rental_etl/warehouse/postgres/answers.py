"""Questions: read-only ways into a warehouse on a server, streamed from a cursor there."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rental_etl.errors import ConfigurationError, RentalEtlError, UsageError
from rental_etl.ports.warehouse import Rows
from rental_etl.warehouse.answers import BY_INTEREST, nearest_tables, nothing_yet
from rental_etl.warehouse.postgres.catalog import Session, is_laid_out, tables_of, views_of
from rental_etl.warehouse.postgres.connect import PostgresSession, Server, connect
from rental_etl.warehouse.postgres.errors import explained, said

if TYPE_CHECKING:
    import psycopg

_FETCH = 5_000
_MISSING = re.compile(r'relation "(?P<table>[^"]+)" does not exist')
# The question itself is wrong: its syntax, a name, a value, more rows than fit, a change in a read-only transaction.
ASKED_WRONGLY = ("0A", "20", "21", "22", "25", "2F", "34", "38", "39", "3F", "42", "P0")


def answer(server: Server, sql: str) -> Rows:
    """Run one reading statement; the connection closes with the iterator. Raises UsageError with the database's words."""
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(contextlib.closing(connect(server, write=False)))
        if not is_laid_out(PostgresSession(connection)):
            raise nothing_yet("the warehouse is empty")
        cursor = _asked(connection, server, sql)
        columns = tuple(column.name for column in cursor.description or ())
        rows = _stream(connection, cursor, server)
        # Started here: only a generator that has begun closes the connection when it is dropped unread.
        next(rows)
        stack.pop_all()
    return Rows(columns=columns, rows=rows)


def nothing_to_read(command: str) -> UsageError:
    """What is said about a statement that gives no rows."""
    return UsageError(
        f"a question only reads, and this is {command}" if command else "the question is empty",
        expected="one SELECT statement",
        remedy="change the warehouse through the pipeline alone; copy data out with `rental-etl export`",
    )


def misunderstood(message: str, *, state: str, known: Sequence[str]) -> UsageError:
    """A question the database could not follow, in its words; `known` are the tables that could have been meant."""
    words = said(message)
    if "cannot insert multiple commands" in words:
        return UsageError("several statements at once", expected="one SELECT statement", remedy="ask them one by one")
    lines = message.splitlines()
    where = next((line for line in lines if line.startswith("LINE ")), "")
    remedy = "correct the SQL; it is the dialect of the database in warehouse.url"
    if state == "25006":
        remedy = "change the warehouse through the pipeline alone"
    missing = _MISSING.search(words)
    if missing:
        near = nearest_tables(missing["table"], known)
        remedy = (
            f"did you mean {near}?"
            if near
            else "list the tables with `rental-etl query 'select * from information_schema.tables'`"
        )
    return UsageError(words, where=where, remedy=remedy)


def known_tables(session: Session) -> list[str]:
    """Every table and view of the warehouse as `schema.table`, presentation first."""
    return [
        f"{schema}.{relation}"
        for schema in BY_INTEREST
        for relation in (*tables_of(session, schema), *views_of(session, schema))
    ]


def _asked(connection: "psycopg.Connection[Any]", server: Server, sql: str) -> "psycopg.Cursor[Any]":
    """A cursor on the answer: one on the server, or where the statement allows none (EXPLAIN, SHOW), a plain one."""
    import psycopg

    try:
        cursor: psycopg.Cursor[Any] = connection.cursor(name="answer")
        try:
            cursor.execute(sql.encode())
        except (psycopg.ProgrammingError, psycopg.NotSupportedError, psycopg.DataError):
            connection.rollback()
            cursor = connection.cursor()
            # Prepared, so that the server refuses several statements at once.
            cursor.execute(sql.encode(), prepare=True)
    except psycopg.Error as error:
        raise _wrong(connection, server, error) from error
    if cursor.description is None:
        raise nothing_to_read(cursor.statusmessage or "")
    return cursor


def _stream(
    connection: "psycopg.Connection[Any]", cursor: "psycopg.Cursor[Any]", server: Server
) -> Iterator[tuple[Any, ...]]:
    import psycopg

    try:
        yield ()
        while rows := cursor.fetchmany(_FETCH):
            yield from rows
    except psycopg.Error as error:
        raise _wrong(connection, server, error) from error
    finally:
        connection.close()


def _wrong(connection: "psycopg.Connection[Any]", server: Server, error: "psycopg.Error") -> RentalEtlError:
    state, message = error.sqlstate or "", str(error)
    if "COPY cannot be used" in message:
        return nothing_to_read("COPY")
    if state == "42501":
        return ConfigurationError(
            f"a right is missing: {said(message)}",
            where=server.url,
            expected=f"tables that {server.user} may read",
            remedy=f'let an administrator run: grant select on … to "{server.user}"',
        )
    if state[:2] not in ASKED_WRONGLY:
        return explained(message, state=state, detail="", url=server.url, user=server.user)
    connection.rollback()
    known = known_tables(PostgresSession(connection)) if state == "42P01" else []
    return misunderstood(message, state=state, known=known)
