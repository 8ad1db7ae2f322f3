"""A server between a client and the object store that counts, and can be made to fail."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

PASSED_ON = ("content-length", "content-type", "etag", "last-modified", "content-range")


class Asked(NamedTuple):
    """A request, and the names of its headers."""

    method: str
    path: str
    headers: tuple[str, ...]


class Answer(NamedTuple):
    """What is answered instead of asking the store."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Relay:
    """Counts what was asked and how many bytes of bodies the client took."""

    def __init__(self, port: int) -> None:
        self.behind = port
        self.requests: list[str] = []
        self.bytes_sent = 0
        self.lock = threading.Lock()
        self.instead: Callable[[Asked], Answer | None] = lambda asked: None
        self.url = ""

    def count(self, method: str) -> int:
        return sum(each.startswith(f"{method} ") for each in self.requests)


@contextlib.contextmanager
def relaying(port: int) -> Iterator[Relay]:
    """Start a relay to the server at ``port`` of this machine."""
    relay = Relay(port)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _pass_on(self) -> None:
            with relay.lock:
                relay.requests.append(f"{self.command} {self.path}")
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            answer = relay.instead(Asked(self.command, self.path, tuple(self.headers)))
            if answer is not None:
                self._answer(answer.status, answer.headers, len(answer.body), [answer.body])
                return
            connection = http.client.HTTPConnection("127.0.0.1", relay.behind, timeout=30)
            with contextlib.closing(connection):
                headers = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() not in ("host", "connection")
                }
                # The signature covers the host that the client has asked.
                headers["Host"] = self.headers["host"]
                connection.request(self.command, self.path, body, headers)
                found = connection.getresponse()
                kept = tuple(
                    (name, value)
                    for name, value in found.getheaders()
                    if name.lower() in PASSED_ON and name.lower() != "content-length"
                )
                size = int(found.headers.get("content-length", 0))
                blocks = iter(lambda: found.read(1 << 16), b"")
                self._answer(found.status, kept, size, blocks)

        def _answer(
            self,
            status: int,
            headers: tuple[tuple[str, str], ...],
            size: int,
            blocks: Iterator[bytes] | list[bytes],
        ) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            if self.command == "HEAD":
                return
            try:
                for block in blocks:
                    self.wfile.write(block)
                    with relay.lock:
                        relay.bytes_sent += len(block)
            except OSError:
                self.close_connection = True

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):
                return self._pass_on
            raise AttributeError(name)

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        relay.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield relay
        finally:
            server.shutdown()
