"""Accepts TLS clients, each counted and timed from the moment it connects.

A TLS server of the event loop creates a connection when the handshake is over: until then there is
no limit per address, and each handshake may take a minute.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from rendicom.server.connections import HEAD_SECONDS, Connection

_PAUSE = 1.0
"""Seconds before the next attempt if the system has no free file descriptors."""


class TlsListener:
    """Listens at sockets until it is closed.

    Parameters
    ----------
    context
        Has the certificate.
    make
        Returns the connection for the next client.
    """

    def __init__(self, context: ssl.SSLContext, make: Callable[[], Connection]) -> None:
        self._context, self._make = context, make
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, sockets: Sequence[socket.socket]) -> None:
        """Start accepting clients."""
        for each in sockets:
            each.setblocking(False)
            self._begin(self._accept(each))

    def close(self) -> None:
        """Stop accepting clients, and cancel all handshakes."""
        for task in self._tasks:
            task.cancel()

    def _begin(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listening)
            except ConnectionError:
                continue  # it has gone again
            except OSError:
                await asyncio.sleep(_PAUSE)
                continue
            connection = self._make()
            if connection.crowd.admit(connection, address[0]):
                connection.handshake = self._begin(self._shake_hands(accepted, connection))
            else:
                connection.crowd.leave(connection)
                accepted.close()

    async def _shake_hands(self, accepted: socket.socket, connection: Connection) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=min(connection.patience, HEAD_SECONDS),
            )
        except OSError:
            pass
        finally:
            connection.handshake = None
            if connection.transport is None:
                connection.crowd.leave(connection)
                accepted.close()
