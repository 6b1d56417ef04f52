"""Messages of PostgreSQL's protocol 3 as they go over a socket."""

import socket
import struct
from collections.abc import Mapping

SSL_REQUEST = 80877103
PROTOCOL = 196608


class GoneError(Exception):
    """The other side closed the connection."""


def read_startup(peer: socket.socket) -> tuple[int, bytes]:
    """The first message, which has no type: its code and what follows."""
    (length,) = struct.unpack("!i", read_exactly(peer, 4))
    body = read_exactly(peer, length - 4)
    return struct.unpack("!i", body[:4])[0], body[4:]


def read_message(peer: socket.socket) -> tuple[bytes, bytes]:
    """The next message: its type and its body."""
    kind, length = struct.unpack("!ci", read_exactly(peer, 5))
    return kind, read_exactly(peer, length - 4)


def message(kind: bytes, body: bytes = b"") -> bytes:
    """A message to be sent."""
    return kind + struct.pack("!i", len(body) + 4) + body


def startup(parameters: Mapping[str, str]) -> bytes:
    """The message that opens a session."""
    body = struct.pack("!i", PROTOCOL)
    body += b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items()) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def parameters_of(body: bytes) -> dict[str, str]:
    """The parameters of a startup message."""
    words = [word.decode() for word in body.rstrip(b"\0").split(b"\0")]
    return dict(zip(words[::2], words[1::2], strict=True))


def fields_of(body: bytes) -> dict[str, str]:
    """The fields of an error: C is its SQLSTATE, M its message, D its detail."""
    return {part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part}


def error(fields: Mapping[str, str]) -> bytes:
    """An error message."""
    return message(b"E", b"".join(f"{code}{text}\0".encode() for code, text in fields.items()) + b"\0")


def read_exactly(peer: socket.socket, size: int) -> bytes:
    """So many bytes. Raises GoneError when the connection ends before."""
    parts = []
    while size:
        part = peer.recv(min(size, 1 << 20))
        if not part:
            raise GoneError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
