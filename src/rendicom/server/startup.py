"""Starts a server, prints its address, and stops it gracefully."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import math
import os
import selectors
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, cast

import uvicorn

from rendicom.errors import OptionError, RendicomError, TargetInUseError
from rendicom.server.app import create_app
from rendicom.server.connections import Connection, connection_class
from rendicom.server.crowd import Crowd
from rendicom.server.logs import set_up_logs
from rendicom.server.services import Services
from rendicom.server.settings import is_loopback
from rendicom.server.tls import TlsListener
from rendicom.workers.environment import WORKER_ENVIRONMENT

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from rendicom.server.settings import Settings

_log = logging.getLogger("rendicom.server")

_BACKLOG = 1024
_LAST_SECONDS = 1.0
_ACCEPTING, _ACCEPTING_AT_MOST = 0.05, 5.0
"""Seconds in which waiting connections are accepted before the port is closed."""
_COLLECTED = (20_000, 20, 20)
"""Thresholds of the garbage collector: new objects, and collections of younger generations."""
_OTHER_FILES = 512
"""Open files other than connections: databases, pipes, files being sent."""
_MALLOPT = {"MALLOC_TRIM_THRESHOLD_": -1, "MALLOC_MMAP_THRESHOLD_": -3}
"""Variables of glibc's malloc, and their numbers in ``malloc.h``."""
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - a page to open


def serve(settings: Settings) -> None:
    """Serve until a signal ends it. The first line on standard output is the URL to open.

    The first signal lets requests under way finish; a second ends the process at once.

    Raises
    ------
    OptionError
        A setting cannot be used.
    TargetInUseError
        The port is taken.
    WorkerDiedError
        No worker can be started.
    """
    set_up_logs(settings)
    if settings.data:
        os.umask(0o077)  # stored files and their index hold names of patients
    _allow_files(settings.max_connections)
    context = _tls_context(settings)
    sockets = _listen(settings.host, settings.port)
    try:
        services = Services(settings)
        door = _Door(create_app(services))
        server = _Server(_config(settings, door), services, context)
        server.announcement = _url(settings, sockets[0])
        try:
            server.run(sockets)
        except SystemExit:
            if door.failure is not None:
                raise door.failure from None
            raise
    finally:
        for each in sockets:
            each.close()


class _Door:
    """Keeps the error of a failed start; uvicorn only logs its traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.failure: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, or start and stop."""
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if scope["type"] == "lifespan":
                self.failure = error
            raise


class _Server(uvicorn.Server):
    """Prints its address once it listens, and exits with status 0 on a signal."""

    announcement = ""

    def __init__(
        self, config: uvicorn.Config, services: Services, context: ssl.SSLContext | None
    ) -> None:
        super().__init__(config)
        self._services = services
        self._tls = None if context is None else TlsListener(context, self._new_connection)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the address."""
        if self._tls is None:
            await super().startup(sockets)
        else:
            await super().startup([])
            self._tls.start(sockets or ())
        if self.should_exit:
            return
        # Objects of the start live as long as the server: the collector skips them.
        gc.collect()
        gc.freeze()
        # A request leaves no reference cycles. It makes some hundred objects: by default, every few
        # requests would start a collection.
        gc.set_threshold(*_COLLECTED)
        _keep_freed_memory()
        print(self.announcement, flush=True)  # noqa: T201
        self._say_more()

    def _new_connection(self) -> Connection:
        made = cast("type[Connection]", self.config.http_protocol_class)
        return made(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    def _say_more(self) -> None:
        settings = self._services.settings
        where = f"{self.announcement}dicomweb"
        what = "processes" if settings.engine == "local" else "threads"
        _log.info("DICOMweb at %s (worker %s: %s)", where, what, settings.number_of_workers)
        if settings.insecure_no_auth and not is_loopback(settings.host):
            _log.warning(
                "this server requires no key: anyone who can reach it can read everything it serves"
            )
        if settings.open:
            import webbrowser

            # Some browsers only return when they are closed.
            threading.Thread(target=webbrowser.open, args=(self.announcement,), daemon=True).start()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals; unlike in the base class they are not raised again."""
        signals = [signal.SIGINT, signal.SIGTERM]
        for name in ("SIGHUP", "SIGBREAK"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                signals.append(number)
        before = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop after all requests are answered, also those of connections not accepted yet."""
        for each in sockets or ():
            # No further clients are queued, on systems that support this.
            with suppress(OSError):
                each.listen(0)
        # The event loop accepts one at a time; the port is not closed before the last of them.
        until = monotonic() + _ACCEPTING_AT_MOST
        await asyncio.sleep(_ACCEPTING)
        while _has_waiting(sockets or ()) and monotonic() < until:
            await asyncio.sleep(_ACCEPTING)
        if self._tls is not None:
            self._tls.close()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Start to stop; on a second signal, exit at once."""
        if self.should_exit:
            self._services.renderers.kill()
            closing = threading.Thread(target=self._services.abandon, daemon=True)
            closing.start()
            closing.join(_LAST_SECONDS)
            os._exit(128 + sig)
        self._services.is_draining = True
        self.should_exit = True


def _config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    most = settings.max_connections
    most_of_one = settings.max_connections_per_client or max(1, most // 2)
    crowd = Crowd(most, most_of_one, settings.trusted_proxies)
    return uvicorn.Config(
        app,
        http=connection_class(settings.idle, crowd),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        root_path=settings.root_path,
        limit_concurrency=most,
        timeout_keep_alive=math.ceil(settings.idle),
        timeout_graceful_shutdown=math.ceil(settings.drain),
    )


def _keep_freed_memory() -> None:
    """Keep freed memory, as worker processes do: large pictures would need new pages each time."""
    if sys.platform != "linux":
        return
    import ctypes

    # C libraries other than glibc have no mallopt, or one without effect.
    with suppress(AttributeError, OSError):
        set_option = ctypes.CDLL(None).mallopt
        for name, number in _MALLOPT.items():
            set_option(number, int(os.environ.get(name, WORKER_ENVIRONMENT[name])))


def _allow_files(connections: int) -> None:
    """Raise the limit on open files to the number that connections may need."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OTHER_FILES + 2 * connections
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _tls_context(settings: Settings) -> ssl.SSLContext | None:
    if not settings.tls_cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:
        reason = error.strerror or getattr(error, "reason", "") or type(error).__name__
        raise OptionError(f"--tls-cert and --tls-key cannot be used: {reason}") from None
    return context


def _listen(host: str, port: int) -> list[socket.socket]:
    """Return a listening socket for each address of ``host``, all with one port."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise OptionError(f"--host {host} is not an address of this machine") from None
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    with ExitStack() as stack:
        for family, _, _, _, address in dict.fromkeys(found):
            number = port or (sockets[0].getsockname()[1] if sockets else 0)
            try:
                bound = _bound(family, (address[0], number, *address[2:]))
            except OSError as error:
                # A name may resolve to IPv6 on a machine without it.
                if error.errno not in _NOT_HERE:
                    raise _unusable(error, host, number) from None
                missing = error
            else:
                sockets.append(stack.enter_context(bound))
        if missing is not None and not sockets:
            raise _unusable(missing, host, port)
        stack.pop_all()
    return sockets


def _bound(family: int, address: tuple[object, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "nt":
            # On Windows, SO_REUSEADDR would share the port with another program.
            bound.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE"), 1)  # noqa: B009
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def _has_waiting(sockets: Iterable[socket.socket]) -> bool:
    """Tell whether connections wait to be accepted."""
    with selectors.DefaultSelector() as selector:
        for each in sockets:
            selector.register(each, selectors.EVENT_READ)
        return bool(selector.get_map()) and bool(selector.select(0))


def _unusable(error: OSError, host: str, port: object) -> RendicomError:
    if error.errno == errno.EADDRINUSE:
        message = f"port {port} is taken by another program"
        return TargetInUseError(message, hint="--port 0 chooses a free one")
    if error.errno == errno.EACCES:
        return OptionError(f"--port {port} needs special rights", hint="choose one from 1024")
    if error.errno in _NOT_HERE:
        return OptionError(f"--host {host} is not an address of this machine")
    return OptionError(f"cannot listen on {host} port {port}: {error.strerror}")


def _url(settings: Settings, listening: socket.socket) -> str:
    host = _ANYWHERE.get(settings.host, settings.host)
    shown = f"[{host}]" if ":" in host else host
    scheme = "https" if settings.tls_cert else "http"
    return f"{scheme}://{shown}:{listening.getsockname()[1]}/"
