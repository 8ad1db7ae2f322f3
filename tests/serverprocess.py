"""`rendicom serve` as a process of its own, and what tests ask of it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil

from waiting import until

__all__ = ["COMMAND", "Served", "served", "until"]

COMMAND = (sys.executable, "-m", "rendicom", "serve", "--port", "0")


class Served:
    """A server that runs.

    Attributes
    ----------
    url
        Of the page, without a slash at the end; ``base`` is that of DICOMweb.
    errors
        Lines on standard error so far.
    """

    def __init__(self, process: subprocess.Popen[str], folders: tuple[Path, ...]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.folders = folders
        self.errors: list[str] = []
        self.audit: Path | None = None
        self._reader = threading.Thread(
            target=lambda: self.errors.extend(process.stderr or ()), daemon=True
        )
        self._reader.start()
        self.url = process.stdout.readline().strip().rstrip("/")
        assert self.url.startswith("http"), self.errors
        self.base = f"{self.url}/dicomweb"
        found = re.search(r"//(.+):(\d+)", self.url)
        assert found is not None
        self.address = (found[1].strip("[]"), int(found[2]))
        # Servers close idle connections, some of these after 1 s: the client has to be earlier.
        limits = httpx2.Limits(keepalive_expiry=0.3)
        self._client = httpx2.Client(base_url=self.base, timeout=60, limits=limits)

    def request(self, method: str, path: str, accept: str | None = "*/*", **more: Any) -> Any:
        """Return the response; ``accept`` None sends no such header at all."""
        headers = dict(more.pop("headers", {}))
        built = self._client.build_request(method, path, headers=headers, **more)
        if accept is None:
            del built.headers["accept"]
        else:
            built.headers["accept"] = accept
        return self._client.send(built)

    def get(self, path: str, accept: str | None = "*/*", **more: Any) -> Any:
        """Return the response to GET of a path below the base of DICOMweb."""
        return self.request("GET", path, accept, **more)

    def raw(self, data: bytes, *, timeout: float = 20.0) -> socket.socket:
        """Return a connection, with ``data`` sent."""
        connection = socket.create_connection(self.address, timeout=timeout)
        connection.sendall(data)
        return connection

    def exchange(self, data: bytes, *, timeout: float = 20.0) -> bytes:
        """Return what comes back for ``data`` until the server closes or says nothing more."""
        pieces = []
        with self.raw(data, timeout=timeout) as connection:
            try:
                while piece := connection.recv(1 << 16):
                    pieces.append(piece)
            except (TimeoutError, ConnectionError, OSError):
                pass
        return b"".join(pieces)

    def status(self) -> dict[str, Any]:
        """Return how far the index is."""
        response = self._client.get(f"{self.url}/page/status.json")
        assert response.status_code == 200, response.text
        return dict(response.json())

    def wait_for_index(self, instances: int = 0) -> None:
        """Wait until the folders have been looked through."""

        def is_complete() -> bool:
            said = self.status()
            return bool(said["indexing"]["is_complete"]) and said["instances"] >= instances

        until(is_complete, what="index")

    def workers(self) -> list[psutil.Process]:
        """Return the processes below that of the server."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def memory(self) -> int:
        """Return resident bytes of the server and its workers."""
        total = 0
        for each in (psutil.Process(self.process.pid), *self.workers()):
            try:
                total += each.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total

    def end(self) -> int:
        """Ask the server to end, and return its status."""
        self._client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self._reader.join(10)
        return status


@contextmanager
def served(
    *arguments: str | Path, workers: int = 1, environment: dict[str, str] | None = None
) -> Iterator[Served]:
    """Serve until the block ends; a server that outlives SIGTERM is killed."""
    command = [*COMMAND, "--workers", str(workers), *map(str, arguments)]
    variables = {key: text for key, text in os.environ.items() if not key.startswith("RENDICOM_")}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**variables, **(environment or {})},
    )  # fmt: skip
    try:
        running = Served(process, tuple(each for each in arguments if isinstance(each, Path)))
        yield running
        running.end()
    finally:
        process.kill()
        process.wait(20)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
