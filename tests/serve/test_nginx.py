"""A real nginx in front: TLS, a path of its own, and what X-Forwarded-* say."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from servedfiles import LOOP, LOOPS, ROOT, frames_of_gray, made, path
from serverprocess import served, until
from waiting import free_port

httpx2 = pytest.importorskip("httpx2")
psutil = pytest.importorskip("psutil")
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
PREFIX = "/pacs"
SENT = f"{ROOT}.76"
DOCUMENTED = Path(__file__).parents[2] / "deploy" / "nginx.conf"
AROUND = """
daemon off;
error_log stderr;
pid {folder}/pid;
worker_processes 1;
events {{ worker_connections 128; }}
http {{
  log_format protocols "$server_port $server_protocol $request_method";
  access_log {folder}/protocols protocols;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/server.conf;
}}
"""


def configure(folder: Path, port: int, http2: int, server: str) -> None:
    """Write the configuration that is documented, for these addresses and this certificate.

    At the port ``http2`` is the same with HTTP/2.
    """
    text = DOCUMENTED.read_text()
    ports = f"listen 127.0.0.1:{http2} ssl http2; listen 127.0.0.1:{port}"
    for there, here in (
        ("listen 443", ports), ("server_name pacs.example", "server_name _"),
        ("/etc/nginx/tls", str(folder)), ("http://127.0.0.1:8080/", f"{server}/"),
    ):  # fmt: skip
        assert there in text
        text = text.replace(there, here)
    (folder / "server.conf").write_text(text)
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder))


class Proxied(NamedTuple):
    """The server by way of nginx: what to ask, its address, and what is behind it.

    ``protocols`` has port, protocol and method of each request.
    """

    client: Any
    url: str
    audit: Path
    certificate: Path
    protocols: Path
    port: int
    http2: int
    memory: Callable[[], int]


def used_by(process: int) -> int:
    """Return the bytes of memory that a process and its children have."""
    main = psutil.Process(process)
    return sum(each.memory_info().rss for each in (main, *main.children()))


def make_certificate(folder: Path) -> None:
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")],
        capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def proxied(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    if NGINX is None or shutil.which("openssl") is None:
        pytest.skip("Debian's nginx and openssl are not installed")
    place = tmp_path_factory.mktemp("nginx")
    # Started as root, nginx works as another user, who must get at its folders.
    place.chmod(0o777)
    make_certificate(place)
    port, http2, audit = free_port(), free_port(), place / "audit"
    more = ("--root-path", PREFIX, "--trusted-proxies", "127.0.0.1", "--writable", "--data",
            place / "data", "--rescan", "0", "--audit-log", audit)  # fmt: skip
    with served(folder / "made", *more) as server:
        server.wait_for_index()
        configure(place, port, http2, server.url)
        command = [NGINX, "-c", str(place / "nginx.conf"), "-p", str(place)]
        nginx = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            until(lambda: is_open(port), what="nginx")
            certificate = place / "certificate.pem"
            trusted = ssl.create_default_context(cafile=str(certificate))
            url = f"https://localhost:{port}{PREFIX}"
            with httpx2.Client(verify=trusted, timeout=60, headers={"Accept": "*/*"}) as client:
                yield Proxied(
                    client, url, audit, certificate, place / "protocols", port, http2,
                    lambda: server.memory() + used_by(nginx.pid),
                )  # fmt: skip
        finally:
            nginx.terminate()
            nginx.wait(20)


def is_open(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def test_addresses_in_answers_are_those_of_the_proxy(proxied: Proxied) -> None:
    base = f"{proxied.url}/dicomweb"
    (study,) = proxied.client.get(f"{base}/studies?StudyInstanceUID={LOOPS}").json()
    where = study["00081190"]["Value"][0]
    assert where == f"{base}/studies/{LOOPS}"
    assert proxied.client.get(f"{where}/metadata").status_code == 200
    models = proxied.client.get(f"{base}{path(LOOPS, LOOP)}/metadata").json()
    pixels = models[0]["7FE00010"]["BulkDataURI"]
    assert pixels.startswith(f"{base}/")
    held = proxied.client.get(pixels)
    assert held.status_code == 200
    assert frames_of_gray(5).tobytes() in held.content
    frames = proxied.client.get(f"{base}{path(LOOPS, LOOP, '1,2')}")
    places = re.findall(rb"Content-Location: (\S+)", frames.content)
    assert [each.decode() for each in places] == [
        f"{base}{path(LOOPS, LOOP, number)}" for number in ("1", "2")
    ]


def test_pictures_come_through(proxied: Proxied) -> None:
    asked = f"{proxied.url}/dicomweb{path(LOOPS, LOOP, '2')}/rendered"
    picture = proxied.client.get(asked, headers={"Accept": "image/png"})
    assert picture.status_code == 200
    assert picture.content.startswith(b"\x89PNG")
    again = {"Accept": "image/png", "If-None-Match": picture.headers["etag"]}
    assert proxied.client.get(asked, headers=again).status_code == 304


@pytest.mark.parametrize("flags", [(), ("--no-http2",)])
@pytest.mark.parametrize("is_http2", [True, False])
def test_get_uses_http2_if_the_server_has_it(
    proxied: Proxied, tmp_path: Path, is_http2: bool, flags: tuple[str, ...]
) -> None:
    port = proxied.http2 if is_http2 else proxied.port
    url = f"https://localhost:{port}{PREFIX}/dicomweb/studies/{LOOPS}"
    before = len(proxied.protocols.read_text().splitlines())
    done = subprocess.run(
        [sys.executable, "-m", "rendicom", "get", url, str(tmp_path), "--render", "local",
         "--frames", "all", "--format", "png", "--ca-bundle", str(proxied.certificate), *flags],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = sorted(
        proxied.client.get(
            f"{proxied.url}/dicomweb{path(LOOPS, LOOP, str(number))}/rendered",
            headers={"Accept": "image/png"},
        ).content
        for number in range(1, 6)
    )
    pictures = sorted(each.read_bytes() for each in tmp_path.rglob("*.png"))
    assert set(expected) <= set(pictures)
    protocol = "HTTP/2.0" if is_http2 and not flags else "HTTP/1.1"
    until(lambda: len(logged(proxied, port, before)) > 1, what="the log")
    assert set(logged(proxied, port, before)) == {f"{port} {protocol} GET"}


def logged(proxied: Proxied, port: int, before: int) -> list[str]:
    """Return what requests since ``before`` came to a port."""
    lines = proxied.protocols.read_text().splitlines()[before:]
    return [line for line in lines if line.startswith(f"{port} ")]


def test_the_page_and_all_it_names_come_through(proxied: Proxied) -> None:
    page = proxied.client.get(f"{proxied.url}/")
    assert page.status_code == 200
    named = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert named
    for each in named:
        target = httpx2.URL(f"{proxied.url}/").join(each)
        assert str(target).startswith(f"{proxied.url}/"), each
        assert proxied.client.get(target).status_code == 200, each
    described = proxied.client.get(f"{proxied.url}/openapi.json").json()
    assert described["servers"][0]["url"] in (PREFIX, proxied.url)


def test_what_is_stored_is_told_with_its_address(proxied: Proxied) -> None:
    data = made(SENT, f"{SENT}.1.1", np.full((8, 8), 9, np.uint8))
    answer = proxied.client.post(
        f"{proxied.url}/dicomweb/studies", content=data,
        headers={"Content-Type": "application/dicom", "Accept": "application/dicom+json"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    (stored,) = answer.json()["00081199"]["Value"]
    where = stored["00081190"]["Value"][0]
    assert where.startswith(f"{proxied.url}/dicomweb/studies/{SENT}/")
    held = proxied.client.get(where, headers={"Accept": "application/dicom"})
    assert held.content == data
    gone = proxied.client.delete(f"{proxied.url}/dicomweb/studies/{SENT}")
    assert gone.status_code == 204


def test_the_audit_log_names_the_client_that_nginx_saw(proxied: Proxied) -> None:
    asked = f"{proxied.url}/dicomweb/studies?StudyInstanceUID={LOOPS}&limit=1"
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "gopher"}
    assert proxied.client.get(asked, headers=headers).status_code == 200
    # nginx adds this machine, which is trusted: the hop before it is the client.
    until(lambda: '"client": "203.0.113.9"' in proxied.audit.read_text(), what="its line")


# --- much at once ---------------------------------------------------------------------------

BIG = f"{ROOT}.78"
BIG_ROWS, BIG_COLUMNS = 32768, 65534
MOST_MEMORY = 400 << 20
"""Bytes by which all processes together may grow: a fifth of the instance."""
AT_ONCE = 32 << 20


def big_head() -> bytes:
    """Return an image up to its pixels, which are 2 GB."""
    data = made(BIG, f"{BIG}.1.1", np.zeros((2, 2), np.uint8))
    for tag, vr, small, large in (
        (0x00280010, b"US", 2, BIG_ROWS), (0x00280011, b"US", 2, BIG_COLUMNS),
    ):  # fmt: skip
        start = struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, 2)
        assert data.count(start + struct.pack("<H", small)) == 1
        data = data.replace(start + struct.pack("<H", small), start + struct.pack("<H", large))
    pixels = struct.pack("<HH", 0x7FE0, 0x0010)
    head = data[: data.rindex(pixels) + 8]
    return head + struct.pack("<I", BIG_ROWS * BIG_COLUMNS)


@pytest.fixture(scope="module")
def big(proxied: Proxied) -> Iterator[str]:
    """Store an instance of 2 GB by way of nginx; return where it is."""
    if shutil.disk_usage(proxied.audit.parent).free < 6 << 30:
        pytest.skip("there is no room for files of 2 GB")
    head, length = big_head(), BIG_ROWS * BIG_COLUMNS

    def body() -> Iterator[bytes]:
        yield head
        for start in range(0, length, AT_ONCE):
            yield bytes(min(AT_ONCE, length - start))
            grown.append(proxied.memory())

    grown = [proxied.memory()]
    headers = {
        "Content-Type": "application/dicom", "Accept": "application/dicom+json",
        "Content-Length": str(len(head) + length),
    }  # fmt: skip
    address = f"{proxied.url}/dicomweb/studies"
    answer = proxied.client.post(address, content=body(), headers=headers, timeout=600)
    assert answer.status_code == 200, answer.text
    assert max(grown) - grown[0] < MOST_MEMORY
    yield f"{address}/{BIG}/series/{BIG}.1/instances/{BIG}.1.1"
    assert proxied.client.delete(f"{address}/{BIG}").status_code == 204


def test_two_gigabytes_come_and_go_in_little_memory(proxied: Proxied, big: str) -> None:
    before = proxied.memory()
    read = 0
    with proxied.client.stream("GET", big, headers={"Accept": "application/dicom"}) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_bytes(AT_ONCE):
            read += len(piece)
            assert proxied.memory() - before < MOST_MEMORY
    assert read == len(big_head()) + BIG_ROWS * BIG_COLUMNS


def test_slow_clients_hold_little_memory_and_keep_nobody_out(proxied: Proxied, big: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    before = proxied.memory()
    path_asked = big.partition(f":{proxied.port}")[2]
    ask = f"GET {path_asked} HTTP/1.1\r\nHost: localhost:{proxied.port}\r\n"
    ask += "Accept: application/dicom\r\n\r\n"
    with ExitStack() as stack:
        for number in range(40):
            plain = stack.enter_context(socket.create_connection(("127.0.0.1", proxied.port), 60))
            slow = stack.enter_context(context.wrap_socket(plain))
            if number % 2:
                # The head of a request, and no end of it.
                slow.sendall(ask[:-2].encode())
            else:
                slow.sendall(ask.encode())
                assert slow.recv(1000).startswith(b"HTTP/1.1 200")
        for _ in range(5):
            assert proxied.client.get(f"{proxied.url}/readyz").status_code == 200
            assert proxied.client.get(f"{proxied.url}/dicomweb/studies").status_code == 200
        assert proxied.memory() - before < MOST_MEMORY
