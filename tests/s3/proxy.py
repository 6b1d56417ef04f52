"""A proxy in front of the emulator that lets requests fail: refused, throttled, cut off in the middle."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from s3 import server


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer instead of the emulator's: an error of S3, or, with status 0, a connection that is cut."""

    status: int
    code: str = ""


Rule = Callable[[str, str], Answer | None]


def _nothing(method: str, path: str) -> Answer | None:
    del method, path
    return None


@dataclass
class Proxy:
    """A running proxy. `rule` is asked about every request (method, path with query) and may answer it; `seen` are all of them.

    `ignored` are headers, in small letters, that the store behind it does not get to see.
    """

    url: str
    rule: Rule = _nothing
    seen: list[tuple[str, str]] = field(default_factory=list)
    ignored: tuple[str, ...] = ()

    def failing(self, answer: Answer, *, method: str = "", containing: str = "", times: int = 1_000_000) -> None:
        """Answer so many requests of a kind so."""
        left = [times]
        lock = threading.Lock()

        def rule(asked: str, path: str) -> Answer | None:
            with lock:
                if (method and asked != method) or containing not in path or not left[0]:
                    return None
                left[0] -= 1
                return answer

        self.rule = rule

    def healthy(self) -> None:
        """Let everything pass."""
        self.rule = _nothing


@contextmanager
def running() -> Iterator[Proxy]:
    """A proxy in front of the shared emulator."""
    target = urlsplit(server.endpoint()).netloc
    proxy = Proxy("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else b""
            proxy.seen.append((self.command, self.path))
            answer = proxy.rule(self.command, self.path)
            if answer is None:
                self._forward(body)
            elif answer.status:
                self._refuse(answer)
            else:
                self.close_connection = True

        def _forward(self, body: bytes) -> None:
            connection = http.client.HTTPConnection(target, timeout=60)
            left_out = ("connection", *proxy.ignored)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
            connection.request(self.command, self.path, body, headers)
            given = connection.getresponse()
            content = given.read()
            self.send_response(given.status)
            for name, value in given.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "content-length", "server"):
                    self.send_header(name, value)
            size = given.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", size or "0")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
            connection.close()

        def _refuse(self, answer: Answer) -> None:
            content = f"<Error><Code>{answer.code}</Code><Message>as the test wants it</Message></Error>".encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            """Nothing."""

    for method in ("GET", "PUT", "POST", "DELETE", "HEAD"):
        setattr(Handler, f"do_{method}", Handler._pass)
    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.url = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
