"""An address whose server can be exchanged: what comes in is passed on, and counted."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Protocol, TypeVar

__all__ = ["Relay", "accepting", "relaying"]

_REQUEST = re.compile(rb"(?:GET|POST) (\S+) HTTP/1\.1\r\n")


class Relay:
    """Passes bytes on.

    Attributes
    ----------
    target
        Host and port of the server behind it.
    paths
        What was asked for so far.
    refused
        Connections for which there was no server.
    before
        Is called with the path of each request, before that is passed on.
    """

    def __init__(self, listener: socket.socket, target: tuple[str, int]) -> None:
        self._listener, self.target = listener, target
        self.port = int(listener.getsockname()[1])
        self.paths: list[str] = []
        self.refused = 0
        self.before: Callable[[str], object] = lambda _path: None

    def run(self) -> None:
        """Accept connections until the listener is closed."""
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(connection,), daemon=True).start()

    def _pass_on(self, incoming: socket.socket) -> None:
        with incoming, suppress(OSError):
            try:
                outgoing = socket.create_connection(self.target, timeout=30)
            except OSError:
                self.refused += 1
                raise
            with outgoing:
                back = threading.Thread(target=_pump, args=(outgoing, incoming), daemon=True)
                back.start()
                while data := incoming.recv(1 << 16):
                    for path in _REQUEST.findall(data):
                        self.paths.append(path.decode())
                        self.before(path.decode())
                    outgoing.sendall(data)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


class Accepting(Protocol):
    """Accepts connections until its listener is closed."""

    def run(self) -> None: ...


_T = TypeVar("_T", bound=Accepting)


@contextmanager
def accepting(make: Callable[[socket.socket], _T]) -> Iterator[_T]:
    """Run in a thread what ``make`` returns for a listener, until the block ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        server = make(listener)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            # Closing alone wakes nobody up.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(10)


def relaying(target: tuple[str, int]) -> AbstractContextManager[Relay]:
    """Relay until the block ends."""
    return accepting(lambda listener: Relay(listener, target))
