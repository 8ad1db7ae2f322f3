"""The commands serve and key, as they are typed."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import psutil
import pytest

from rendicom.cli.main import main
from rendicom.server.keys import add_key, find_key, parse_keys
from rendicom.testing.images import image
from tlscertificate import write_certificate

COMMAND = [sys.executable, "-m", "rendicom"]
posix_only = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("RENDICOM_")}


class Running:
    """A server of its own process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        assert process.stderr is not None
        self.url = process.stdout.readline().strip()
        self.errors: list[str] = []
        reader = threading.Thread(target=lambda: self.errors.extend(process.stderr), daemon=True)
        reader.start()

    def client(self, **more: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=20, **more)

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@contextmanager
def serving(*arguments: str | Path, **more: Any) -> Iterator[Running]:
    command = [*COMMAND, "serve", "--port", "0", "--workers", "1", *map(str, arguments)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment() | more.pop("env", {}),
        **more,
    ) as process:
        running = Running(process)
        try:
            yield running
        finally:
            process.kill()


@pytest.fixture
def refused(monkeypatch, capsys) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Run the command in this process, up to where it cannot go on."""
    for name in set(os.environ) - set(environment()):
        monkeypatch.delenv(name)
    handlers, level = logging.root.handlers, logging.root.level

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        status = main(["serve", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    with warnings.catch_warnings():
        yield run
    logging.root.handlers = handlers
    logging.root.setLevel(level)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("study")
    (root / "a.dcm").write_bytes(image(np.arange(24, dtype=np.uint16).reshape(4, 6)))
    return root


# Starting


def test_the_first_line_is_the_url(folder):
    with serving(folder) as server:
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*/", server.url)
        with server.client() as client:
            assert client.get("readyz").json()["status"] == "ready"
            workers = server.workers()
            assert len(workers) == 1
        assert server.end() == 0
        assert psutil.wait_procs(workers, timeout=10)[1] == []
        assert server.process.stdout.read() == "", "nothing else gets there"
    assert any("DICOMweb at" in line for line in server.errors)
    assert all(line.startswith("rendicom: ") for line in server.errors)


def page_faults(process: psutil.Process) -> int:
    """Return how often a process of Linux was given a new page of memory."""
    text = Path(f"/proc/{process.pid}/stat").read_text()
    return int(text.rpartition(")")[2].split()[7])


@pytest.mark.skipif(sys.platform != "linux", reason="the memory functions of glibc")
def test_memory_of_large_pictures_is_used_again(tmp_path):
    noise = np.random.default_rng(3).integers(0, 256, (1000, 1000), np.uint8)
    (tmp_path / "a.dcm").write_bytes(image(noise))
    with serving(tmp_path, "--cache-bytes", "0") as server, server.client() as client:
        until = time.monotonic() + 30
        # Without results a search is answered by 204, which has no body.
        while not (told := client.get("dicomweb/instances")).content and time.monotonic() < until:
            time.sleep(0.05)
        found = told.json()
        study, series, instance = (
            found[0][tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")
        )
        url = f"dicomweb/studies/{study}/series/{series}/instances/{instance}/rendered"

        def faults(times: int) -> int:
            before = page_faults(psutil.Process(server.process.pid))
            for _ in range(times):
                response = client.get(url, headers={"Accept": "image/png"})
                assert len(response.content) > noise.size / 2
            return page_faults(psutil.Process(server.process.pid)) - before

        faults(5)
        assert faults(20) < 20 * noise.size / 4096, "a new page for each that a picture has"


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_variables_count(folder):
    variables = {
        "RENDICOM_FOLDERS": str(folder),
        "RENDICOM_LOG_FORMAT": "json",
        "RENDICOM_HOST": "::1",
    }
    with serving(env=variables) as server:
        assert server.url.startswith("http://[::1]:")
        with server.client() as client:
            assert client.get("healthz").status_code == 200
        server.end()
    entries = [json.loads(line) for line in server.errors]
    assert any("DICOMweb at" in entry["message"] for entry in entries)
    assert {entry["level"] for entry in entries} == {"info"}


def test_a_port_that_is_taken(folder, refused):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, out, err = refused(folder, "--port", str(port))
    assert (status, out) == (1, "")
    expected = f"rendicom: port {port} is taken by another program (--port 0 chooses a free one)"
    assert err.splitlines() == [expected]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--host", "0.0.0.0"], "reached from other machines"),  # noqa: S104 - it is refused
        (["--port", "many"], "--port 'many' is not usable"),
        (["--host", "192.0.2.1", "--insecure-no-auth"], "is not an address of this machine"),
        (
            ["--host", "no.such.host.invalid", "--insecure-no-auth"],
            "is not an address of this machine",
        ),
        (["--tls-cert", "none", "--tls-key", "none"], "cannot be used: No such file"),
        (["--api-key-file", "none"], "none cannot be read"),
        (["--jwks", "none", "--jwt-audience", "a"], "--jwks none cannot be read"),
        (["--audit-log", "none/audit"], "--audit-log none/audit cannot be written"),
        (["none"], "there is no folder none"),
        (["--engine", "dask"], "--engine"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_a_wrong_option_is_one_line(folder, refused, monkeypatch, tmp_path, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    status, out, err = refused(folder, "--port", "0", *arguments)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert sentence in err
    assert "Traceback" not in err


def test_nothing_to_serve_is_said(refused):
    status, _, err = refused()
    assert status == 2
    assert "there is nothing to serve" in err


def test_all_may_come_in_if_told_so(folder):
    with serving(folder, "--host", "0.0.0.0", "--insecure-no-auth") as server:  # noqa: S104
        assert server.url.startswith("http://127.0.0.1:"), "a page that can be opened"
        with server.client() as client:
            assert client.get("metrics").status_code == 200
        assert server.end(signal.SIGINT) == 0
    assert any("requires no key" in line for line in server.errors)


def test_a_key_lets_in(folder, tmp_path):
    keys = tmp_path / "keys"
    key = add_key(str(keys), name="viewer", scope="read")
    quiet = ("--log-level", "warning")
    with serving(folder, "--api-key-file", keys, *quiet) as server, server.client() as client:
        assert client.get("metrics").status_code == 401
        assert client.get("metrics", headers={"apikey": key}).status_code == 200
        server.end()
    assert server.errors == []


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    return write_certificate(tmp_path_factory.mktemp("tls"))


def test_https(folder, certificate):
    cert, key = certificate
    with serving(folder, "--tls-cert", cert, "--tls-key", key) as server:
        assert server.url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(cert))
        with server.client(verify=context) as client:
            assert client.get("healthz").status_code == 200
        assert server.end(signal.SIGHUP if os.name == "posix" else signal.SIGTERM) == 0


def test_who_does_not_end_tls_holds_up_no_end(folder, certificate):
    """Such a client neither answers what closes the connection, nor closes it."""
    cert, key = certificate
    with serving(folder, "--tls-cert", cert, "--tls-key", key) as server:
        host, port = port_of(server)
        context = ssl.create_default_context(cafile=str(cert))
        with (
            socket.create_connection((host, port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname=host) as connection,
        ):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
            assert server.end() == 0


def port_of(server: Running) -> tuple[str, int]:
    host, port = re.search(r"//(.+):(\d+)/", server.url).groups()
    return host, int(port)


def rest_of(connection: socket.socket) -> bytes:
    """Return what arrives until the server closes the connection."""
    pieces = []
    with suppress(ConnectionError):
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
    return b"".join(pieces)


HELLO = b"\x16\x03\x01\x02\x00\x01"


def test_handshakes_that_do_not_end_count_for_their_client(folder, certificate):
    cert, key = certificate
    more = ("--tls-cert", cert, "--tls-key", key, "--max-connections-per-client", "5")
    with serving(folder, *more) as server, ExitStack() as stack:
        where = port_of(server)
        held = [stack.enter_context(socket.create_connection(where, 20)) for _ in range(5)]
        for number, connection in enumerate(held):
            connection.sendall(HELLO[:number])
        for _ in range(5):
            with socket.create_connection(where, 20) as refused:
                assert rest_of(refused) == b""
        held.pop().close()
        context = ssl.create_default_context(cafile=str(cert))
        statuses = []
        while len(statuses) < 20:
            # The server notices in its own time that a connection has ended.
            with suppress(httpx2.TransportError), server.client(verify=context) as client:
                statuses.append(client.get("healthz").status_code)
        assert set(statuses) == {200}
        assert server.end() == 0, "handshakes do not hold it up"


def test_a_handshake_has_an_end(folder, certificate):
    cert, key = certificate
    with serving(folder, "--tls-cert", cert, "--tls-key", key, "--idle", "1") as server:
        for sent in (b"", HELLO, b"GET / HTTP/1.1\r\n\r\n"):
            with socket.create_connection(port_of(server), 20) as connection:
                connection.sendall(sent)
                assert len(rest_of(connection)) < 100


def test_handshakes_make_room_for_others(folder, certificate):
    cert, key = certificate
    more = ("--tls-cert", cert, "--tls-key", key, "--max-connections", "10",
            "--max-connections-per-client", "100")  # fmt: skip
    with serving(folder, *more) as server, ExitStack() as stack:
        held = [
            stack.enter_context(socket.create_connection(port_of(server), 20)) for _ in range(30)
        ]
        context = ssl.create_default_context(cafile=str(cert))
        with server.client(verify=context) as client:
            assert client.get("healthz").status_code == 200
        assert rest_of(held[0]) == b""


def test_a_certificate_that_is_none(folder, refused, certificate):
    _, key = certificate
    status, _, err = refused(folder, "--port", "0", "--tls-cert", key, "--tls-key", key)
    assert status == 2
    assert "--tls-cert and --tls-key cannot be used" in err
    assert len(err.splitlines()) == 1


# Ending


@posix_only
def test_requests_under_way_finish_and_new_ones_are_refused(folder):
    with serving(folder, "--writable", "--data", folder.parent / "data", "--drain", "20") as server:
        host, port = re.search(r"//(.+):(\d+)/", server.url).groups()
        with socket.create_connection((host, port), timeout=20) as connection:
            connection.sendall(
                b"POST /dicomweb/studies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
                b'Content-Type: multipart/related; type="application/dicom"; boundary=x\r\n'
                b"Expect: 100-continue\r\n\r\n"
            )
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 100"), "it reads the body"
            connection.sendall(b"ab")
            server.process.send_signal(signal.SIGTERM)
            until = time.monotonic() + 10
            while time.monotonic() < until:
                try:
                    socket.create_connection((host, port), timeout=5).close()
                except ConnectionRefusedError:
                    break
                time.sleep(0.01)
            else:
                raise AssertionError("it still listens")
            assert server.process.poll() is None
            connection.sendall(b"cd")
            answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        assert answer.startswith(b"HTTP/1.1 4")
        assert server.process.wait(20) == 0


@posix_only
def test_requests_that_wait_to_be_accepted_are_answered(folder):
    with serving(folder, "--drain", "20") as server, ExitStack() as stack:
        host, port = re.search(r"//(.+):(\d+)/", server.url).groups()
        server.process.send_signal(signal.SIGSTOP)
        asked = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        waiting = []
        for _ in range(150):
            connection = socket.create_connection((host, port), timeout=20)
            waiting.append(stack.enter_context(connection))
            connection.sendall(asked)
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)
        statuses = Counter(connection.recv(1 << 16)[:12] for connection in waiting)
        assert statuses == {b"HTTP/1.1 200": 150}
        assert server.process.wait(20) == 0


@posix_only
def test_what_does_not_finish_is_ended_after_a_while(folder):
    with serving(folder, "--drain", "1", "--writable", "--data", folder.parent / "data") as server:
        host, port = re.search(r"//(.+):(\d+)/", server.url).groups()
        with socket.create_connection((host, port), timeout=20) as connection:
            connection.sendall(
                b"POST /dicomweb/studies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
                b'Content-Type: multipart/related; type="application/dicom"; boundary=a\r\n\r\nab'
            )
            time.sleep(0.2)
            assert server.end() == 0
    assert not any("Traceback" in line for line in server.errors)


@posix_only
def test_a_second_signal_ends_it_at_once(folder, tmp_path):
    temporary = {"TMPDIR": str(tmp_path)}
    with serving(folder, "--drain", "60", "--store", folder.parent / "data", "--writable",
                 env=temporary) as server:  # fmt: skip
        workers = server.workers()
        assert list(tmp_path.iterdir()) != []
        host, port = re.search(r"//(.+):(\d+)/", server.url).groups()
        with socket.create_connection((host, port), timeout=20) as connection:
            connection.sendall(
                b"POST /dicomweb/studies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
                b'Content-Type: multipart/related; type="application/dicom"; boundary=a\r\n\r\nab'
            )
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            assert server.process.poll() is None
            assert server.end() == 128 + signal.SIGTERM
        assert psutil.wait_procs(workers, timeout=10)[1] == []
    assert list(tmp_path.iterdir()) == [], "the index would hold names"


@posix_only
def test_workers_do_not_outlive_a_server_that_is_killed(folder):
    with serving(folder) as server:
        workers = server.workers()
        server.process.kill()
        assert psutil.wait_procs(workers, timeout=15)[1] == []


# What it costs others


def test_other_commands_load_nothing_of_it():
    script = (
        "import sys; from rendicom.cli.main import main; main(['--help']); main(['doctor']);"
        "found = {'pydantic', 'fastapi', 'uvicorn', 'sqlalchemy', 'jwt'} & set(sys.modules);"
        "sys.exit(str(found) if found else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_missing_is_said(monkeypatch, capsys):
    from rendicom.cli import serve
    from rendicom.extras import install_command

    monkeypatch.setattr(serve, "_REQUIRED", ("fastapi", "no_such_library"))
    monkeypatch.setattr(serve.command, "params", [])
    assert main(["serve", "."]) == 2
    err = capsys.readouterr().err
    assert f"serve needs no_such_library: {install_command('server')}" in err


# Keys


def test_a_key_is_printed_once(tmp_path, capsys):
    path = tmp_path / "keys"
    assert main(["key", str(path), "--name", "viewer", "--scope", "write", "--days", "3"]) == 0
    captured = capsys.readouterr()
    secret = captured.out.strip()
    found = find_key(parse_keys(path.read_text("utf-8"), what="keys"), secret)
    assert found is not None
    assert (found.name, found.scope) == ("viewer", "write")
    assert found.expires == datetime.now(UTC).date() + timedelta(days=3)
    assert captured.err == ""


def test_a_name_that_is_taken(tmp_path, capsys):
    path = str(tmp_path / "keys")
    main(["key", path, "--name", "viewer"])
    capsys.readouterr()
    assert main(["key", path, "--name", "viewer"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "has a key named viewer already" in captured.err
