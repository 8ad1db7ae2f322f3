"""A server of this process on a real socket, around whatever application a test brings."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import uvicorn

from rendicom.server.connections import connection_class
from rendicom.server.crowd import Crowd

__all__ = ["Live", "living"]


class Live(NamedTuple):
    """Where a server is."""

    host: str
    port: int
    end: Callable[[], None]
    """Asks it to end, as a signal does."""

    @property
    def url(self) -> str:
        """Return its base URL, without a final slash."""
        return f"http://{self.host}:{self.port}"

    def raw(self, data: bytes = b"", *, timeout: float = 10.0) -> socket.socket:
        """Return a connection, with ``data`` sent."""
        connected = socket.create_connection((self.host, self.port), timeout=timeout)
        try:
            connected.sendall(data)
        except OSError:
            connected.close()
            raise
        return connected

    def exchange(self, data: bytes) -> bytes:
        """Return all that comes back for ``data`` until the server closes the connection."""
        with self.raw(data) as connected:
            pieces = []
            while piece := connected.recv(1 << 16):
                pieces.append(piece)
            return b"".join(pieces)


@contextmanager
def living(
    app: Any, *, patience: float = 10.0, crowd: Crowd | None = None, **settings: Any
) -> Iterator[Live]:
    """Serve ``app`` in a thread, with the server's own class of connections."""
    bound = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=connection_class(patience, crowd),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        **settings,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and thread.is_alive() and time.monotonic() < until:
        time.sleep(0.005)
    assert server.started, "the server did not start"
    host, port = bound.getsockname()[:2]

    def end() -> None:
        server.should_exit = True

    try:
        yield Live(host, port, end)
    finally:
        server.should_exit = True
        thread.join(15)
        bound.close()
        assert not thread.is_alive(), "the server did not end"
