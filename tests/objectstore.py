"""A real S3 server in a process of its own, and what tests do with it."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote
from uuid import uuid4

import pytest

from waiting import free_port

ACCESS_KEY, SECRET_KEY = "rendicomtestkey", "wJalrNotASecretAnybodyKnows"

PAGE = 100
"""So many objects are in one page of a listing; a thousand take the server long to store."""


class Server(NamedTuple):
    """A server on this machine that keeps its objects in memory."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that lead a process to this server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
            # What the machine's owner has set must not lead elsewhere.
            "AWS_SESSION_TOKEN": "",
            "AWS_PROFILE": "",
        }

    def request(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def make_bucket(self) -> str:
        """Return the name of a new bucket."""
        name = f"bucket-{uuid4().hex[:12]}"
        assert self.request("PUT", f"/{name}")[0] == 200
        return name

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Write an object without a client: any key S3 knows."""
        assert self.request("PUT", f"/{bucket}/{quote(key)}", data)[0] == 200

    def get(self, bucket: str, key: str) -> bytes:
        status, data = self.request("GET", f"/{bucket}/{quote(key)}")
        assert status == 200
        return data


@contextlib.contextmanager
def serving(log: Path) -> Iterator[Server]:
    """Start a server and end it; skip the test where there is none to start."""
    pytest.importorskip("obstore")
    pytest.importorskip("moto")
    pytest.importorskip("flask")
    server = Server(free_port())
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(server.port)]
    with log.open("wb") as output:
        environment = {**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE)}
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        try:
            _wait_for(server, process, log)
            yield server
        finally:
            process.kill()
            process.wait(20)


def _wait_for(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            server.request("GET", "/moto-api/")
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, "the server does not start"
            time.sleep(0.1)
        else:
            return


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start one server for all tests of a session."""
    with serving(tmp_path_factory.mktemp("s3") / "log") as server:
        yield server


@pytest.fixture
def s3(s3_server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URI of a new bucket, which this process and its children reach."""
    for name, value in s3_server.environment.items():
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name, raising=False)
    return f"s3://{s3_server.make_bucket()}"
