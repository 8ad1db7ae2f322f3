"""Clients that send too much of a head, stop in the middle, or do not read: on raw sockets."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from liveserver import Live, living
from rendicom.server.crowd import Crowd

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
    if scope["query_string"] == b"slow":
        await asyncio.sleep(3 * _PATIENCE)
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


def _application_with(*headers: tuple[bytes, bytes]) -> Any:
    """Return an application that answers with a text of two bytes and these headers."""

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await application(scope, receive, send)
            return
        given = [(b"content-length", b"2"), *headers]
        await send({"type": "http.response.start", "status": 200, "headers": given})
        await send({"type": "http.response.body", "body": b"ok"})

    return answering


def test_a_response_in_one_piece_has_all_its_headers():
    with living(_application_with((b"ETag", b'"1"'), (b"X-Twice", b"a"), (b"X-Twice", b"b"))) as at:
        for _ in range(2):
            head, _, body = at.exchange(_GET + b"Connection: close\r\n\r\n").partition(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            assert lines[0] == b"http/1.1 200 ok"
            assert body == b"ok"
            for line in (b'etag: "1"', b"x-twice: a", b"x-twice: b", b"connection: close"):
                assert lines.count(line) == 1
            assert [line for line in lines if line.startswith(b"date: ")] != []


@pytest.mark.parametrize("name", [b"etag", b"x-other"])
def test_a_header_with_a_line_break_is_not_sent(name):
    with living(_application_with((name, b'"1"\r\nx-injected: 1'))) as at:
        answer = at.exchange(_GET + b"\r\n")
        assert b"x-injected" not in answer
        assert not answer.startswith(b"HTTP/1.1 200")


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


def test_many_pipelined_requests_are_no_large_head(server):
    request = b"GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    number = (300 << 10) // len(request)
    last = b"GET /1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = server.exchange(request * number + last)
    assert answer.count(b"HTTP/1.1 200 OK") == number + 1


def test_half_a_head_behind_a_slow_request_does_not_end_it(impatient):
    asked = b"GET /2?slow HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with impatient.raw(asked + _GET) as connection:
        assert _status(connection.recv(1 << 16)) == 200
        connection.sendall(b"Connection: close\r\n\r\n")
        assert _status(connection.recv(1 << 16)) == 200


@pytest.mark.parametrize("ending", [b"", b"Connection: close\r\n"])
def test_who_sends_everything_before_reading_gets_an_early_answer(server, ending):
    head = b"POST /7 HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % _LARGE
    answer = b""
    with server.raw(head + ending + b"\r\n") as connection:
        for _ in range(_LARGE >> 20):
            connection.sendall(bytes(1 << 20))
        while not answer.endswith(b"\r\n\r\n" + bytes(7)):
            piece = connection.recv(1 << 16)
            assert piece, answer
            answer += piece
    assert _status(answer) == 200


def test_who_sends_without_end_after_an_answer_is_not_waited_for(impatient):
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n"
    with impatient.raw(head + b"Connection: close\r\n\r\n") as connection:
        began = time.monotonic()
        _sent_until_closed(connection, b"a", pause=0.02)
    assert time.monotonic() - began < 5


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


# --- too many -------------------------------------------------------------------------------


def _closing(target: bytes = b"/2") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", b"GET ", _GET])
def test_one_client_does_not_have_all_connections(sent, caplog):
    crowd = Crowd(most=100, most_of_one=5)
    with living(application, crowd=crowd, limit_concurrency=100) as live, ExitStack() as stack:
        held = [stack.enter_context(live.raw(sent)) for _ in range(5)]
        refused = [live.exchange(_closing()) for _ in range(20)]
        assert {_status(answer) for answer in refused} == {503}
        assert all(b"Retry-After: 1\r\n" in answer for answer in refused)
        assert len(held) == 5
    said = [
        each for each in caplog.records if "too many simultaneous connections" in each.getMessage()
    ]
    assert len(said) == 1, "a line a minute"


def test_who_left_is_counted_no_more():
    with living(application, crowd=Crowd(most=100, most_of_one=3)) as live:
        for _ in range(20):
            assert _status(live.exchange(_closing())) == 200


def test_half_a_head_makes_room_for_those_who_ask():
    crowd = Crowd(most=20)
    with living(application, crowd=crowd, limit_concurrency=20) as live, ExitStack() as stack:
        held = [stack.enter_context(live.raw(_GET)) for _ in range(60)]
        assert {_status(live.exchange(_closing())) for _ in range(20)} == {200}
        # The longest wait ends first: those of the first are gone by now.
        with suppress(ConnectionError):
            assert held[0].recv(12) == b""


def test_a_request_under_way_makes_no_room():
    crowd = Crowd(most=10)
    with living(application, crowd=crowd, limit_concurrency=10) as live, ExitStack() as stack:
        request = b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % _LARGE
        slow = stack.enter_context(live.raw(request))
        taken = len(slow.recv(100))
        for _ in range(30):
            stack.enter_context(live.raw(_GET))
        assert _status(live.exchange(_closing())) == 200
        while taken < _LARGE:
            piece = slow.recv(1 << 20)
            assert piece, "the answer goes on"
            taken += len(piece)


def test_proxies_speak_for_many():
    crowd = Crowd(most=100, most_of_one=2, unlimited=["127.0.0.0/8"])
    with living(application, crowd=crowd) as live, ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(live.raw(_GET))
        assert _status(live.exchange(_closing())) == 200


def test_a_network_of_ipv6_is_one_client():
    class Connection:
        def make_room(self) -> None:
            raise AssertionError

    crowd = Crowd(most_of_one=2)
    admitted = [crowd.admit(Connection(), f"2001:db8::{number}") for number in range(4)]
    assert admitted == [True, True, False, False]
    assert crowd.admit(Connection(), "2001:db8:0:1::1")


# --- the end --------------------------------------------------------------------------------


def test_a_request_that_comes_just_when_the_server_ends_is_answered(monkeypatch):
    monkeypatch.setattr("rendicom.server.connections._LAST_SECONDS", 1.5)
    with living(application) as live, ExitStack() as stack:
        silent, begun, kept = (stack.enter_context(live.raw()) for _ in range(3))
        begun.sendall(_GET)
        kept.sendall(_GET + b"\r\n")
        assert kept.recv(1 << 16).startswith(b"HTTP/1.1 200")
        live.end()
        with suppress(ConnectionError):
            while True:
                live.raw().close()
        silent.sendall(_GET + b"\r\n")
        begun.sendall(b"\r\n")
        kept.sendall(_GET + b"\r\n")
        for connection in (silent, begun, kept):
            answer = connection.recv(1 << 16)
            assert _status(answer) == 200
            assert b"connection: close" in answer
