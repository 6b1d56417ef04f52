"""A TCP shim that answers like Redshift in front of a PostgreSQL server, for the real `redshift_connector`.

It drops the startup parameters that PostgreSQL does not know, says it is version 8.0.2, reads backslashes in literals as escapes, refuses what the
deny-list refuses, leaves dist and sort keys out, gives error 1023 for conflicts, and carries out COPY and UNLOAD of Parquet against an S3 server. A green
test covers this shim, not Redshift.
"""

import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from redshift import wire
from redshift.dialect import refusal
from redshift.storage import COPY, UNLOAD, SpectrumError, Target, copied, unloaded, unquoted
from redshift.wire import GoneError

_KEPT = ("user", "database", "application_name", "client_encoding")
_OPTIONS = (
    # As in PostgreSQL 8, whose dialect Redshift speaks.
    "-c standard_conforming_strings=off -c escape_string_warning=off "
    # A transaction sees one state of the database.
    "-c default_transaction_isolation=repeatable\\ read"
)
_WAITS_FOR_CLIENT = (3, 5, 10, 11)
_KEYS = re.compile(r' (?:diststyle key distkey \("[^"]+"\)| ?sortkey \((?:"[^"]+"(?:, )?)+\))')
_EXTERNAL = re.compile(r"create external schema (\"[^\"]+\") from data catalog .*")
_NOTHING = "do $$ begin end $$"


class Shim:
    """Listens on a port of loopback until it is stopped. `statements` are all that were sent; `before` is told of each before it is carried out, and ends
    the connection by raising GoneError. With `certificate` (a PEM file with its .key beside it) the shim speaks TLS."""

    def __init__(self, backend: tuple[str, int], s3: Any, certificate: Path | None = None, port: int = 0) -> None:
        self.backend, self.s3, self.certificate = backend, s3, certificate
        self.statements: list[str] = []
        self.before: Callable[[str], None] = _let_pass
        self._clients: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Take no more connections."""
        # Closing alone would leave the thread that waits for a connection waiting.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def end_connections(self) -> None:
        """End every connection without a word."""
        for client in list(self._clients):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(GoneError, OSError), contextlib.ExitStack() as stack:
            stack.callback(client.close)
            self._clients.add(client)
            stack.callback(self._clients.discard, client)
            _Connection(self, client, stack).run()


class _Connection:
    """One client and its session on the server behind."""

    def __init__(self, shim: Shim, client: socket.socket, stack: contextlib.ExitStack) -> None:
        self._shim, self._client, self._stack = shim, client, stack
        self._special: dict[bytes, str] = {}
        self._server: socket.socket
        self._state = b"I"

    def run(self) -> None:
        """Open the session, then serve one round after the other: what the client sends up to its Sync."""
        self._open()
        while True:
            messages = []
            while True:
                kind, body = wire.read_message(self._client)
                if kind == b"X":
                    return
                if kind == b"S":
                    break
                if kind != b"H":
                    messages.append((kind, body))
            self._round(messages)

    def _open(self) -> None:
        code, body = wire.read_startup(self._client)
        if code == wire.SSL_REQUEST:
            self._client.sendall(b"S" if self._shim.certificate else b"N")
            if self._shim.certificate:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self._shim.certificate, self._shim.certificate.with_suffix(".key"))
                self._client = context.wrap_socket(self._client, server_side=True)
                self._stack.callback(self._client.close)
            code, body = wire.read_startup(self._client)
        parameters = {name: value for name, value in wire.parameters_of(body).items() if name in _KEPT}
        self._server = socket.create_connection(self._shim.backend)
        for peer in (self._client, self._server):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stack.callback(self._server.close)
        self._server.sendall(wire.startup({**parameters, "options": _OPTIONS}))
        kind = b""
        while kind not in (b"Z", b"E"):
            kind, body = wire.read_message(self._server)
            if kind == b"S" and body.startswith(b"server_version\0"):
                body = b"server_version\x008.0.2\0"
            self._client.sendall(wire.message(kind, body))
            if kind == b"R" and struct.unpack("!i", body[:4])[0] in _WAITS_FOR_CLIENT:
                self._server.sendall(wire.message(*wire.read_message(self._client)))

    def _round(self, messages: Iterable[tuple[bytes, bytes]]) -> None:
        forwarded = []
        for kind, body in messages:
            if kind == b"P":
                forwarded.append((kind, self._parsed(body)))
            elif kind == b"B" and body.split(b"\0")[1] in self._special:
                self._carry_out(self._special[body.split(b"\0")[1]])
                return
            else:
                forwarded.append((kind, body))
        self._server.sendall(b"".join(wire.message(kind, body) for kind, body in forwarded) + wire.message(b"S"))
        kind = b""
        while kind != b"Z":
            kind, body = wire.read_message(self._server)
            self._state = body if kind == b"Z" else self._state
            self._client.sendall(_as_redshift(body) if kind == b"E" else wire.message(kind, body))

    def _parsed(self, body: bytes) -> bytes:
        """A Parse message with the statement as PostgreSQL is to have it."""
        name, statement, rest = body.split(b"\0", 2)
        sql = statement.decode()
        self._shim.statements.append(sql)
        self._shim.before(sql)
        # The driver uses a name again for another statement.
        self._special.pop(name, None)
        reason = refusal(sql)
        if reason:
            sql = f"do $$ begin raise exception '{reason}' using errcode = '0A000'; end $$"
        elif COPY.fullmatch(sql) or UNLOAD.fullmatch(sql):
            self._special[name] = sql
            sql = _NOTHING
        else:
            sql = _EXTERNAL.sub(r"create schema \1", _KEYS.sub("", sql))
        return name + b"\0" + sql.encode() + b"\0" + rest

    def _carry_out(self, sql: str) -> None:
        """COPY or UNLOAD, in the session's transaction; answers the client's Bind, Execute and Sync."""
        answer = wire.message(b"2")
        try:
            copy, unload = COPY.fullmatch(sql), UNLOAD.fullmatch(sql)
            if copy:
                self._copy(copy["table"], unquoted(copy[2]))
            elif unload:
                self._unload(unquoted(unload[1]), unquoted(unload[2]))
            answer += wire.message(b"C", f"{sql.split(maxsplit=1)[0].upper()}\0".encode())
        except SpectrumError as error:
            # A failed statement spoils the transaction.
            self._simple("do $$ begin raise exception 'failed'; end $$")
            answer += wire.error({"S": "ERROR", "C": "XX000", "M": str(error), "D": error.detail})
        except _RefusedError as error:
            answer += wire.error(error.fields)
        self._client.sendall(answer + wire.message(b"Z", self._state))

    def _copy(self, table: str, manifest: str) -> None:
        columns = self._simple(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute "
            f"where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped order by attnum"
        )
        targets = [Target(str(name), str(type_)) for name, type_ in columns.rows]
        # Everything first: a file that cannot be read must not leave half a COPY open.
        rows = list(copied(self._shim.s3, manifest, targets))
        self._simple(f"copy {table} from stdin", rows)

    def _unload(self, select: str, folder: str) -> None:
        answer = self._simple(select)
        unloaded(self._shim.s3, folder, answer.columns, answer.rows)

    def _simple(self, sql: str, copy_in: Iterable[bytes] = ()) -> "_Answer":
        """Carry out a statement of the shim's own. Raises _RefusedError with the server's fields."""
        self._server.sendall(wire.message(b"Q", sql.encode() + b"\0"))
        answer, failed, kind = _Answer(), None, b""
        while kind != b"Z":
            kind, body = wire.read_message(self._server)
            if kind == b"T":
                answer.describe(body)
            elif kind == b"D":
                answer.add(body)
            elif kind == b"G":
                self._server.sendall(b"".join(wire.message(b"d", row) for row in copy_in) + wire.message(b"c"))
            elif kind == b"E":
                failed = wire.fields_of(body)
            elif kind == b"Z":
                self._state = body
        if failed and "raise exception" not in sql:
            raise _RefusedError(failed)
        return answer


class _RefusedError(Exception):
    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(fields["M"])
        self.fields = fields


class _Answer:
    """Columns (name, type's number, modifier) and rows as text."""

    def __init__(self) -> None:
        self.columns: list[tuple[str, int, int]] = []
        self.rows: list[list[str | None]] = []

    def describe(self, body: bytes) -> None:
        place = 2
        for _ in range(struct.unpack("!h", body[:2])[0]):
            end = body.index(b"\0", place)
            _, _, number, _, modifier, _ = struct.unpack("!ihihih", body[end + 1 : end + 19])
            self.columns.append((body[place:end].decode(), number, modifier))
            place = end + 19

    def add(self, body: bytes) -> None:
        place, row = 2, []
        for _ in range(struct.unpack("!h", body[:2])[0]):
            (length,) = struct.unpack("!i", body[place : place + 4])
            place += 4
            row.append(None if length < 0 else body[place : place + length].decode())
            place += max(length, 0)
        self.rows.append(row)


def _as_redshift(body: bytes) -> bytes:
    fields = wire.fields_of(body)
    if fields["C"] == "40001":
        detail = "Serializable isolation violation on table - 100250, transactions forming the cycle are: 1, 2 (pid:3)"
        fields = {"S": "ERROR", "C": "XX000", "M": "1023 ", "D": detail}
    return wire.error(fields)


def _let_pass(statement: str) -> None:
    del statement
