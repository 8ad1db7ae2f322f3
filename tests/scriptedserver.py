"""A server on real sockets that answers with whatever bytes a test wants, and remembers the asking.

It knows no HTTP but the end of a request, so that nothing keeps it from sending nonsense.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import NamedTuple

from relay import accepting

__all__ = ["Place", "Reply", "Request", "Scripted", "answer", "multipart", "scripted"]

Reply = bytes | Callable[[socket.socket], object]
"""What is sent for a request; the connection is closed behind it."""

_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Request(NamedTuple):
    """What was asked: the target without its query, and names of headers in small letters."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    raw: bytes
    certificate: str = ""
    """Whom the client's certificate names."""


def answer(body: bytes = b"", *headers: str, status: str = "200 OK", length: int = -1) -> bytes:
    """Return an answer; ``length`` is what it says of its body, the truth for -1."""
    said = len(body) if length < 0 else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {said}", "Connection: close", *headers]
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


def multipart(*bodies: bytes, boundary: str = "edge", kind: str = "application/dicom") -> bytes:
    """Return a multipart body, written by hand."""
    parts = (
        b"--%s\r\nContent-Type: %s\r\n\r\n%s\r\n" % (boundary.encode(), kind.encode(), body)
        for body in bodies
    )
    return b"".join(parts) + b"--%s--\r\n" % boundary.encode()


class Place:
    """A base URL of a test of its own, and what happened there."""

    def __init__(self, server: Scripted, name: str) -> None:
        self._server, self._prefix = server, f"/{name}"
        self.base = f"{server.scheme}://127.0.0.1:{server.port}{self._prefix}"

    def answers(self, path: str, *replies: Reply) -> None:
        """Let a path be answered so, one reply for each request; the last for all that follow."""
        self._server.script[self._prefix + path] = list(replies)

    @property
    def requests(self) -> list[Request]:
        """Return what was asked so far."""
        seen = list(self._server.seen)
        return [each for each in seen if each.path.startswith(self._prefix + "/")]

    def count(self, path: str) -> int:
        """Return how often a path was asked for."""
        return sum(each.path == self._prefix + path for each in self.requests)


class Scripted:
    """The server; each connection gets one answer."""

    def __init__(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        self._listener, self._context = listener, context
        self.scheme = "http" if context is None else "https"
        self.port = int(listener.getsockname()[1])
        self.script: dict[str, list[Reply]] = {}
        self.seen: list[Request] = []
        self._lock = threading.Lock()
        self._names = 0

    def place(self) -> Place:
        """Return a base URL that nobody else uses."""
        with self._lock:
            self._names += 1
            return Place(self, f"place{self._names}")

    def run(self) -> None:
        """Accept connections until the listener is closed."""
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _opened(self, connection: socket.socket) -> socket.socket:
        connection.settimeout(20)
        if self._context is None:
            return connection
        try:
            return self._context.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()
            raise

    def _serve(self, accepted: socket.socket) -> None:
        # A client that has had enough goes, in the middle of whatever is sent.
        with suppress(OSError), self._opened(accepted) as connection:
            request = _read(connection)
            if request is None:
                return
            with self._lock:
                self.seen.append(request)
                replies = self.script.get(request.path, [_NOT_FOUND])
                reply = replies.pop(0) if len(replies) > 1 else replies[0]
            if isinstance(reply, bytes):
                connection.sendall(reply)
            else:
                reply(connection)
            connection.shutdown(socket.SHUT_WR)
            # What was not read yet would turn the end into a reset.
            while connection.recv(1 << 16):
                pass


def _whom(connection: socket.socket) -> str:
    shown = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    subject = shown.get("subject", ()) if shown else ()
    return "".join(str(value) for names in subject for _name, value in names)


def _read(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(1 << 16)
        # No letter: somebody speaks TLS where none is spoken.
        if not piece or not (data or piece)[:1].isalpha():
            return None
        data += piece
    lines = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, target, _version = lines[0].split(" ")
    path, _mark, query = target.partition("?")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    named = {name.lower(): value for name, value in headers.items()}
    return Request(method, path, query, named, data, _whom(connection))


def scripted(context: ssl.SSLContext | None = None) -> AbstractContextManager[Scripted]:
    """Serve until the block ends; over TLS where a context is given."""
    return accepting(lambda listener: Scripted(listener, context))
