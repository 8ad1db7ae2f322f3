"""Connections of HTTP/1.1 without a proxy: kept, given up, and limited."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from rendicom.client.connection_settings import RetryPolicy, connection_to
from rendicom.client.session import Session
from rendicom.errors import TooLargeError, UnreadableSourceError
from scriptedserver import Place, Reply, Scripted, answer, scripted

ONCE = RetryPolicy(attempts=1, connect=5.0, read=5.0)
TWICE = RetryPolicy(attempts=2, first=0.01, longest=0.02, connect=5.0, read=5.0)
BODY = bytes(range(256)) * 1024
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDED = b"5\r\nchunk\r\n0\r\n\r\n"
KEPT = answer(BODY).replace(b"Connection: close\r\n", b"")


@pytest.fixture(scope="module")
def server() -> Iterator[Scripted]:
    with scripted() as running:
        yield running


@pytest.fixture
def place(server) -> Place:
    return server.place()


@pytest.fixture
def open_session() -> Iterator[Any]:
    opened: list[Session] = []

    def made(place: Place, **more: Any) -> Session:
        opened.append(Session(connection_to(place.base, **{"retry_policy": ONCE, **more})))
        return opened[-1]

    yield made
    for each in opened:
        each.close()


def got(session: Session, **more: Any) -> bytes:
    return session.get(session.url("/file"), "*/*", **more).body


def asked_again(connection: socket.socket) -> None:
    """Wait for another request on a connection."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = connection.recv(1 << 16)
        assert piece
        data += piece


def test_a_connection_serves_several_requests(place, open_session):
    def twice(connection: socket.socket) -> None:
        connection.sendall(KEPT)
        asked_again(connection)
        connection.sendall(KEPT)

    place.answers("/file", twice, answer(b"another connection"))
    # The third request may meet the end of the connection.
    session = open_session(place, retry_policy=TWICE)
    assert got(session) == BODY
    assert got(session) == BODY
    assert got(session) == b"another connection"


def test_a_connection_that_the_server_closes_is_replaced(place, open_session):
    closed = threading.Event()

    def close(connection: socket.socket) -> None:
        connection.sendall(KEPT)
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    place.answers("/file", close, answer(b"second"), answer(b"third"))
    session = open_session(place)
    assert got(session) == BODY
    assert closed.wait(20)
    # There is one attempt only.
    assert got(session) == b"second"
    assert got(session) == b"third"


def test_a_response_that_was_not_read_costs_its_connection(place, open_session):
    place.answers("/file", KEPT, answer(b"second"))
    session = open_session(place)
    with pytest.raises(TooLargeError):
        got(session, limit=100)
    assert got(session) == b"second"


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" + KEPT,
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 2 + KEPT,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"%x;why=not\r\n%s\r\n" % (len(BODY) // 8, BODY[at::8]) for at in range(8))
        + b"0\r\nTrailer: yes\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\nContent-Length: %d\n\n%s" % (len(BODY), BODY),
        answer(BODY, "Upgrade: h2c", "Connection: Upgrade"),
        answer(BODY, "X-Long: one\r\n two"),
        answer(BODY, "X-Latin: \xe9", "X-Empty:"),
    ],
    ids=["continue", "hints", "chunks", "old", "line feeds", "upgrade", "folded", "latin"],
)
def test_unusual_responses(place, open_session, reply):
    place.answers("/file", reply)
    body = got(open_session(place))
    assert body == (b"".join(BODY[at::8] for at in range(8)) if b"why" in reply else BODY)


@pytest.mark.parametrize("more", [b"\r\n", b"noise", KEPT, b"HTTP/1.1 404 No\r\n\r\n"])
@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst",
        CHUNKED + ENDED.replace(b"chunk", b"first"),
    ],
    ids=["length", "chunks"],
)
def test_what_follows_a_response_is_not_taken_for_the_next(place, open_session, reply, more):
    place.answers("/file", reply + more, answer(b"second"))
    # The server closes the connection, which the second request may meet: it is sent again.
    session = open_session(place, retry_policy=TWICE)
    assert got(session) == b"first"
    assert got(session) == b"second"


def test_both_ways_of_giving_a_length(place, open_session):
    place.answers("/file", CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n") + ENDED)
    assert got(open_session(place)) == b"chunk"


def test_a_header_cannot_end_the_headers(place, open_session):
    session = open_session(place)
    for value in ("x\r\nX-More: y", "x\n", "x\0", "\u20ac"):
        with pytest.raises(UnreadableSourceError, match="invalid request"):
            session.ask("GET", session.url("/file"), value)
    assert place.requests == []


def test_headers_that_come_twice(place, open_session):
    place.answers("/file", answer(b"", 'Warning: 299 a: "x"', 'warning: 299 a: "y"'))
    headers = open_session(place).get(f"{place.base}/file", "*/*").headers
    assert headers["warning"] == '299 a: "x", 299 a: "y"'


def endless(start: bytes, again: bytes) -> Reply:
    def send(connection: socket.socket) -> None:
        connection.sendall(start)
        with suppress(OSError):
            while True:
                connection.sendall(again * 1000)

    return send


@pytest.mark.parametrize(
    "reply",
    [
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        endless(b"", b"HTTP/1.1 100 Continue\r\nX: y\r\n"),
        endless(CHUNKED + b"0\r\n", b"X: y\r\n"),
        endless(CHUNKED + b"-1\r\n", b"x" * 1000),
        endless(CHUNKED + b"-5\r\n", b"x" * 1000),
        endless(CHUNKED, b"1\r\nx\r\n"),
        endless(CHUNKED, b"1;" + b"y" * 60000 + b"\r\nx\r\n"),
        endless(CHUNKED, b"f" * 1000),
    ],
    ids=[
        "continue", "hints", "headers", "trailers", "all", "below zero", "chunks", "extensions",
        "size",
    ],
)  # fmt: skip
def test_responses_without_an_end(place, open_session, reply):
    place.answers("/file", reply)
    with pytest.raises((UnreadableSourceError, TooLargeError)):
        got(open_session(place), limit=100_000)
    assert len(place.requests) == 1


@pytest.mark.parametrize(
    "body", [b"5\r\nabc", b"3\r\nabc", b"3\r\nabc\r\n", b"3\r\nabcdef", b"zz\r\nabc\r\n0\r\n\r\n"]
)
def test_chunks_that_are_cut(place, open_session, body):
    place.answers("/file", CHUNKED + body)
    with pytest.raises(UnreadableSourceError):
        got(open_session(place))


def test_targets_are_escaped(place, open_session):
    place.answers("/a%20b/%C3%A9", answer(b"found"))
    place.answers("/file", answer(b"", f"Location: {place.base}/a b/\xe9", status="302 Found"))
    assert got(open_session(place)) == b"found"


def test_a_closed_session_keeps_no_connection(place, open_session):
    ended = threading.Event()

    def wait_for_end(connection: socket.socket) -> None:
        connection.sendall(KEPT)
        if not connection.recv(1):
            ended.set()

    place.answers("/file", wait_for_end)
    session = open_session(place)
    assert got(session) == BODY
    session.close()
    assert ended.wait(20)
