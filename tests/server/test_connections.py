"""Clients that send too much of a head, stop in the middle, or do not read: on raw sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from liveserver import Live, living

_GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
_LARGE = 64 << 20
_PATIENCE = 0.3


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the path's number of bytes."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    size = int(scope["path"].strip("/") or 2)
    length = (b"content-length", str(size).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    while size:
        piece = min(size, 1 << 20)
        size -= piece
        await send({"type": "http.response.body", "body": bytes(piece), "more_body": bool(size)})


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    with living(application) as live:
        yield live


@pytest.fixture(scope="module")
def impatient() -> Iterator[Live]:
    with living(application, patience=_PATIENCE) as live:
        yield live


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def _sent_until_closed(connection: socket.socket, piece: bytes, pause: float = 0.0) -> int:
    """Send until the server does not take it any more; return how many bytes it took."""
    sent = 0
    with suppress(ConnectionError):
        while sent < 100 << 20:
            connection.sendall(piece)
            sent += len(piece)
            time.sleep(pause)
    return sent


def _taken(connection: socket.socket) -> int:
    """Return how many bytes come until the connection ends, however it does."""
    taken = 0
    with suppress(ConnectionError):
        while piece := connection.recv(1 << 20):
            taken += len(piece)
    return taken


def test_requests_of_common_size_are_answered(server):
    cookies = b"Cookie: " + b"c" * 8000 + b"\r\n"
    target = b"/2?" + b"q" * 8000
    request = b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n" + cookies
    assert _status(server.exchange(request + b"Connection: close\r\n\r\n")) == 200


def test_a_target_that_is_too_long(server):
    answer = server.exchange(b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert _status(answer) == 414
    assert b"Connection: close" in answer


def test_too_many_headers(server):
    headers = b"".join(b"X-%d: 1\r\n" % number for number in range(300))
    assert _status(server.exchange(_GET + headers + b"\r\n")) == 431


def test_a_header_that_is_too_large(server):
    assert _status(server.exchange(_GET + b"X: " + b"a" * 70_000 + b"\r\n\r\n")) == 431


def test_a_header_that_does_not_end(server):
    with server.raw(_GET + b"X: ") as connection:
        sent = _sent_until_closed(connection, b"a" * 10_000)
    assert sent < 10 << 20


def test_what_is_no_request(server):
    for junk in (b"\x16\x03\x01\x02\x00\x01\x00", b"NONSENSE\r\n\r\n", b"\x00" * 100):
        assert _status(server.exchange(junk)) == 400


def test_the_next_request_of_a_connection_has_its_own_limits(server):
    headers = b"".join(b"X-%d: 1\r\n" % number for number in range(150))
    with server.raw() as connection:
        for _ in range(5):
            connection.sendall(_GET + headers + b"\r\n")
            assert _status(connection.recv(1 << 16)) == 200


def test_pipelined_requests_are_answered_in_order(server):
    requests = b"".join(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % n for n in (1, 2, 3))
    last = b"GET /4 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = server.exchange(requests + last)
    sizes = [part.split(b"\r\n")[0] for part in answer.split(b"content-length: ")[1:]]
    assert sizes == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("sent", [b"", b"GET ", _GET, _GET + b"X: a"])
def test_who_stops_in_a_head_is_not_waited_for(impatient, sent):
    with impatient.raw(sent) as connection:
        began = time.monotonic()
        assert _taken(connection) == 0
        assert time.monotonic() - began < 5


def test_who_sends_a_head_drop_by_drop_is_not_waited_for(impatient):
    with impatient.raw(_GET + b"X: ") as connection:
        began = time.monotonic()
        _sent_until_closed(connection, b"a", pause=0.02)
    assert time.monotonic() - began < 5


def test_who_does_not_read_is_not_waited_for(impatient):
    with impatient.raw() as connection:
        connection.sendall(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % _LARGE)
        time.sleep(_PATIENCE * 4)
        assert _taken(connection) < _LARGE


def test_who_reads_slowly_is_waited_for(impatient):
    size = _LARGE
    with impatient.raw() as connection:
        connection.sendall(
            b"GET /%d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % size
        )
        taken, pauses = 0, 0
        while piece := connection.recv(1 << 20):
            taken += len(piece)
            if taken > (pauses + 1) * _LARGE // 8:
                pauses += 1
                time.sleep(_PATIENCE / 2)
    assert taken > size
    assert pauses >= 5, "it took longer than the server waits for one that does not read"
