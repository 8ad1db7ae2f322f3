"""Servers that do wrong whatever can be done wrong, on real sockets."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import rendicom
from rendicom.client.connection_settings import ResponseLimits, RetryPolicy, connection_to
from rendicom.client.credentials import Credentials
from rendicom.client.searching import SearchRequest
from rendicom.client.server import Server
from rendicom.client.session import ResponseStream
from rendicom.dicomweb.resources import Resource
from rendicom.errors import (
    ForbiddenError,
    OverloadedError,
    TooLargeError,
    UnauthenticatedError,
    UnreadableSourceError,
    WireError,
)
from rendicom.testing.images import image
from rendicom.testing.writer import element
from scriptedserver import Place, Reply, Scripted, answer, multipart, scripted

STUDY, SERIES, INSTANCE = (f"1.2.826.0.1.3680043.8.498.78{end}" for end in ("", ".1", ".1.1"))
RESOURCE = Resource(STUDY, SERIES, INSTANCE)
KEY = "sesame-open-4711"
QUICK = RetryPolicy(attempts=4, first=0.01, longest=0.05, retry_after=60.0, connect=5.0, read=5.0)
KIND = 'Content-Type: multipart/related; type="application/dicom"; boundary=edge'
DATA = image(
    np.arange(256, dtype=np.uint8).reshape(16, 16),
    extra=(
        element(0x00080018, "UI", INSTANCE),
        element(0x0020000D, "UI", STUDY),
        element(0x0020000E, "UI", SERIES),
    ),
)
GOOD = answer(multipart(DATA), KIND)
MODEL = {
    "0020000D": {"vr": "UI", "Value": [STUDY]},
    "0020000E": {"vr": "UI", "Value": [SERIES]},
    "00080018": {"vr": "UI", "Value": [INSTANCE]},
    "00280010": {"vr": "US", "Value": [16]},
    "00280011": {"vr": "US", "Value": [16]},
}


@pytest.fixture(scope="module")
def other_server() -> Iterator[Scripted]:
    with scripted() as running:
        yield running


@pytest.fixture
def place(server) -> Place:
    return server.place()


def reached(place: Place, **more: Any) -> Server:
    credentials = Credentials.of(api_key=KEY)
    return Server(
        connection_to(place.base, credentials=credentials, **{"retry_policy": QUICK, **more})
    )


def instance_from(place: Place, *replies: Reply, **more: Any) -> bytes:
    """Return the instance that is retrieved where it is answered so."""
    place.answers(RESOURCE.path, *replies)
    server = reached(place, **more)
    try:
        return bytes(server.instance(RESOURCE))
    finally:
        server.close()


def text_of(model: object) -> bytes:
    return json.dumps(model).encode()


# --- messages that are wrong ------------------------------------------------------------------


def test_what_is_right(place):
    assert instance_from(place, GOOD) == DATA
    (asked,) = place.requests
    assert asked.headers["apikey"] == KEY
    assert asked.headers["accept"].startswith("multipart/related")
    assert asked.headers["user-agent"].startswith("rendicom/")


@pytest.mark.parametrize(
    "reply",
    [
        answer(DATA, "Content-Type: application/dicom"),
        answer(DATA, "Content-Type: application/octet-stream"),
        answer(b"a preamble\r\n" + multipart(DATA), KIND),
        answer(multipart(DATA), 'content-type: Multipart/Related; boundary="edge"'),
        answer(multipart(DATA, b"another"), KIND),
        answer(
            multipart(DATA).replace(b"\r\n\r\n", b"\r\nContent-Location: ../../x\r\n\r\n", 1), KIND
        ),
        answer(DATA, "Content-Disposition: attachment; filename=../../x", "Content-Location: /x"),
        b"HTTP/1.1 200 OK\r\n\r\n" + DATA,
        answer(gzip.compress(DATA, mtime=0), "Content-Encoding: gzip"),
        answer(zlib.compress(DATA), "Content-Encoding: deflate"),
    ],
    ids=[
        "single", "octets", "preamble", "odd case", "two parts", "location", "disposition",
        "no length", "gzip", "deflate",
    ],
)  # fmt: skip
def test_what_is_unusual_and_understood(place, reply):
    assert instance_from(place, reply) == DATA
    assert len(place.requests) == 1


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (answer(multipart(DATA, boundary="brink"), KIND), "malformed"),
        (answer(multipart(DATA), "Content-Type: multipart/related"), "malformed"),
        (answer(multipart(DATA)[:-100], KIND), "malformed"),
        (answer(b"--edge--\r\n", KIND), "malformed|no part"),
        (answer(b"<!doctype html><html><p>Sign in</p></html>", "Content-Type: text/html"), "html"),
        (answer(b"<html><body>Sign in", "Content-Type: application/dicom"), "html"),
        (answer(multipart(b'{"error": "none"}'), KIND), "json"),
        (answer(b""), "nothing"),
        (answer(b"not gzip", "Content-Encoding: gzip"), "damaged"),
        (answer(DATA, "Content-Encoding: br"), "encoding"),
    ],
    ids=[
        "boundary", "no boundary", "cut part", "empty", "html", "html as dicom", "json",
        "nothing", "no gzip", "brotli",
    ],
)  # fmt: skip
def test_what_makes_no_sense(place, reply, said):
    with pytest.raises(WireError, match=said) as caught:
        instance_from(place, reply)
    # Once more would be no better.
    assert len(place.requests) == 1
    assert KEY not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_several_frames_where_one_is_asked_for(place):
    frame = Resource(STUDY, SERIES, INSTANCE, (1,))
    place.answers(frame.path, answer(multipart(b"a", b"b", kind="application/octet-stream"), KIND))
    server = reached(place)
    with pytest.raises(WireError, match="2 frames instead of 1"):
        server.frames(frame)
    server.close()


def test_a_part_of_an_instance(place):
    """206 for a request without Range is no whole instance, whatever else it is."""
    reply = answer(DATA[:300], "Content-Range: bytes 0-299/99999", status="206 Partial Content")
    with pytest.raises(WireError, match="a part of"):
        instance_from(place, reply)


# --- servers that are busy, and connections that break ----------------------------------------


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_a_busy_server_is_asked_again_when_it_said(place, status):
    busy = answer(b"later", "Retry-After: 1", status=status)
    before = time.monotonic()
    assert instance_from(place, busy, GOOD) == DATA
    assert time.monotonic() - before >= 1
    assert len(place.requests) == 2


def test_a_busy_server_lets_all_wait(place):
    busy = answer(b"later", "Retry-After: 1", status="503 Service Unavailable")
    place.answers(RESOURCE.path, busy, GOOD)
    place.answers("/studies", answer(b"[]", "Content-Type: application/dicom+json"))
    server = reached(place)
    waiting = threading.Thread(target=server.instance, args=(RESOURCE,))
    before = time.monotonic()
    waiting.start()
    while not place.requests or not server.session._not_before:
        assert time.monotonic() - before < 20
        time.sleep(0.01)
    assert list(server.search(SearchRequest("studies", Resource()))) == []
    assert time.monotonic() - before >= 1
    waiting.join(20)
    server.close()


def test_a_server_that_stays_busy(place):
    with pytest.raises(OverloadedError) as caught:
        instance_from(place, answer(b"<p>busy", status="503 Service Unavailable"))
    assert len(place.requests) == QUICK.attempts
    assert "busy" not in str(caught.value).partition("127.0.0.1")[0]


def test_a_server_that_wants_too_much_time(place):
    with pytest.raises(OverloadedError):
        instance_from(place, answer(b"", "Retry-After: 61", status="429 Too Many Requests"), GOOD)
    assert len(place.requests) == 1


def test_whoever_waits_can_be_told_to_stop(place):
    place.answers(RESOURCE.path, answer(b"", "Retry-After: 50", status="503 Service Unavailable"))
    server = reached(place)
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            server.instance(RESOURCE)
        except UnreadableSourceError as error:
            caught.append(error)

    waiting = threading.Thread(target=ask)
    waiting.start()
    until = time.monotonic() + 20
    while not server.session._not_before and time.monotonic() < until:
        time.sleep(0.01)
    server.close()
    waiting.join(20)
    assert not waiting.is_alive()
    assert len(caught) == 1


@pytest.mark.parametrize(
    "broken",
    [GOOD[:-200], GOOD[:40], b"", b"220 mail server\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
     answer(gzip.compress(DATA, mtime=0)[:-20], "Content-Encoding: gzip")],
    ids=["in the body", "in the headers", "at once", "no http", "no chunk", "in a chunk", "gzip"],
)  # fmt: skip
def test_a_connection_that_breaks_is_made_again(place, broken):
    assert instance_from(place, broken, broken, GOOD) == DATA
    assert len(place.requests) == 3


def test_a_connection_that_always_breaks(place):
    with pytest.raises(UnreadableSourceError, match="ended the connection"):
        instance_from(place, GOOD[:-200])
    assert len(place.requests) == QUICK.attempts


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    connection = connection_to(f"http://127.0.0.1:{port}", retry_policy=QUICK)
    server = Server(connection)
    with pytest.raises(UnreadableSourceError, match="cannot be reached"):
        server.instance(RESOURCE)
    server.close()


def test_answers_that_drip_are_given_up(place):
    def drip(connection: socket.socket) -> None:
        for byte in GOOD:
            connection.sendall(bytes((byte,)))
            time.sleep(0.02)

    limits = ResponseLimits(slowest=10_000, pause=0.3)
    with pytest.raises(UnreadableSourceError, match="slowly"):
        instance_from(place, drip, limits=limits, retry_policy=QUICK._replace(attempts=2))
    assert len(place.requests) == 2


def test_silence_is_given_up(place):
    retry_policy = QUICK._replace(attempts=2, read=0.3)
    with pytest.raises(UnreadableSourceError, match="sends nothing"):
        instance_from(place, lambda _: time.sleep(1), retry_policy=retry_policy)
    retry_policy = QUICK._replace(read=0.3)
    assert instance_from(place, lambda _: time.sleep(1), GOOD, retry_policy=retry_policy) == DATA


# --- answers that are too much ----------------------------------------------------------------


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom\r\n\r\n" + DATA)
    while True:
        connection.sendall(bytes(1 << 16))


def test_a_body_without_an_end(place):
    with pytest.raises(TooLargeError, match="more than 1000000 bytes"):
        instance_from(place, endless, limits=ResponseLimits(instance=1_000_000, memory=100_000))
    assert len(place.requests) == 1


def test_a_part_without_an_end(place):
    def part(connection: socket.socket) -> None:
        start = multipart(DATA).removesuffix(b"\r\n--edge--\r\n")
        connection.sendall(f"HTTP/1.1 200 OK\r\n{KIND}\r\n\r\n".encode() + start)
        while True:
            connection.sendall(bytes(1 << 16))

    with pytest.raises(TooLargeError):
        instance_from(place, part, limits=ResponseLimits(instance=1_000_000, memory=100_000))


def test_a_length_that_is_too_much_is_not_even_read(place):
    with pytest.raises(TooLargeError):
        instance_from(place, answer(DATA, length=1 << 40))
    assert len(place.requests) == 1


def test_headers_without_an_end(place):
    def headers(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X: " + b"x" * 4000 + b"\r\n")

    with pytest.raises((UnreadableSourceError, TooLargeError)):
        instance_from(place, headers, retry_policy=QUICK._replace(attempts=1))


def test_a_bomb_of_gzip(place):
    bomb = gzip.compress(DATA + bytes(40 << 20), mtime=0)
    assert len(bomb) < 100_000
    with pytest.raises(TooLargeError):
        instance_from(
            place, answer(bomb, "Content-Encoding: gzip"), limits=ResponseLimits(instance=1 << 20)
        )


def test_a_bomb_in_a_search(place):
    bomb = gzip.compress(b"[" + b" " * (40 << 20) + b"]", mtime=0)
    kind = "Content-Type: application/dicom+json"
    place.answers("/studies", answer(bomb, "Content-Encoding: gzip", kind))
    server = reached(place, limits=ResponseLimits(text=1 << 20))
    with pytest.raises(TooLargeError):
        list(server.search(SearchRequest("studies", Resource())))
    server.close()


def test_brackets_without_an_end(place):
    place.answers("/studies", answer(b"[" * 200_000, "Content-Type: application/dicom+json"))
    server = reached(place)
    with pytest.raises(WireError, match="JSON"):
        list(server.search(SearchRequest("studies", Resource())))
    server.close()


# --- redirects and refusals -------------------------------------------------------------------


def to(url: str, status: str = "302 Found") -> bytes:
    return answer(b"", f"Location: {url}", status=status)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Same", "308 Same"])
def test_credentials_stay_on_their_host(place, other_server, status):
    elsewhere = other_server.place()
    elsewhere.answers("/file", GOOD)
    assert instance_from(place, to(f"{elsewhere.base}/file", status)) == DATA
    (asked,) = elsewhere.requests
    assert KEY.encode() not in asked.raw
    assert "apikey" not in asked.headers
    assert place.requests[0].headers["apikey"] == KEY


def test_credentials_stay_on_their_host_when_it_refuses(place, other_server):
    elsewhere = other_server.place()
    elsewhere.answers("/file", answer(b"", "WWW-Authenticate: Basic", status="401 Who"))
    with pytest.raises(UnauthenticatedError):
        instance_from(place, to(f"{elsewhere.base}/file"))
    assert KEY.encode() not in b"".join(each.raw for each in elsewhere.requests)


def test_credentials_go_along_on_their_host(place):
    place.answers("/below/file", GOOD)
    assert instance_from(place, to(f"{place.base}/below/file")) == DATA
    assert [each.headers["apikey"] for each in place.requests] == [KEY, KEY]


def test_a_circle_of_redirects(place):
    place.answers("/round", to(place.base + RESOURCE.path))
    with pytest.raises(WireError, match="redirects too often"):
        instance_from(place, to(f"{place.base}/round"))
    assert 2 <= len(place.requests) <= 10


@pytest.mark.parametrize(
    "where", ["", "file:///etc/passwd", "ftp://127.0.0.1/x", "http://[", "http:// :x/"]
)
def test_redirects_to_no_address(place, where):
    with pytest.raises((WireError, UnreadableSourceError)):
        instance_from(place, to(where))
    assert len(place.requests) == 1


def test_what_is_sent_is_not_sent_elsewhere(place, other_server):
    elsewhere = other_server.place()
    elsewhere.answers("/studies", answer())
    place.answers("/studies", to(f"{elsewhere.base}/studies", "307 Same"))
    server = reached(place)
    with pytest.raises(WireError, match="refused"):
        server.session.exchange(
            "POST", server.session.url("/studies"), {"Content-Type": "application/dicom"},
            read=ResponseStream.whole, limit=100, body=lambda: DATA,
        )  # fmt: skip
    server.close()
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("status", "kind"), [("401 Who", UnauthenticatedError), ("403 No", ForbiddenError)]
)
def test_refusals_are_not_asked_again(place, status, kind):
    body = f"<p>{KEY} of Toboso^Dulcinea is not welcome".encode()
    with pytest.raises(kind) as caught:
        instance_from(place, answer(body, status=status))
    assert len(place.requests) == 1
    said = f"{caught.value} {caught.value.hint}"
    assert KEY not in said
    assert "Toboso" not in said


def test_a_problem_in_our_words_may_not_show_a_secret(place):
    problem = {
        "code": "forbidden",
        "detail": f"the key {KEY} may not",
        "title": "no",
        "status": 403,
    }
    with pytest.raises(ForbiddenError) as caught:
        instance_from(place, answer(text_of(problem), status="403 No"))
    assert caught.value.message == "the key *** may not"


# --- searches ---------------------------------------------------------------------------------


def models(*numbers: int) -> bytes:
    listed = [{"0020000D": {"vr": "UI", "Value": [f"1.2.{number}"]}} for number in numbers]
    return answer(text_of(listed), "Content-Type: application/dicom+json")


def searched(place: Place, **more: Any) -> list[str]:
    server = reached(place)
    try:
        found = list(server.search(SearchRequest("studies", Resource(), **more)))
    finally:
        server.close()
    return [each["0020000D"]["Value"][0] for each in found]


def test_a_search_that_knows_neither_limit_nor_offset(place):
    place.answers("/studies", models(1, 2, 3))
    assert searched(place) == ["1.2.1", "1.2.2", "1.2.3"]
    assert len(place.requests) == 2
    assert searched(place, limit=2) == ["1.2.1", "1.2.2"]


def test_a_search_with_pages_of_its_own(place):
    empty = answer(status="204 No Content")
    place.answers("/studies", models(1, 2), models(2, 3), models(4), empty)
    assert searched(place) == ["1.2.1", "1.2.2", "1.2.3", "1.2.4"]


@pytest.mark.parametrize(
    "body",
    [b'{"error": 1', b"[1, 2]", b'"text"', b"<html>", b"\xff\xfe", b"null", b"[null]", b"NaN"],
)
def test_results_that_are_none(place, body):
    place.answers("/studies", answer(body, "Content-Type: application/dicom+json"))
    with pytest.raises(WireError):
        searched(place)


def native(number: int) -> bytes:
    """Return a data set in XML (PS3.19 A.1)."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><NativeDicomModel>'
        '<DicomAttribute tag="0020000D" vr="UI" keyword="StudyInstanceUID">'
        f'<Value number="1">1.2.{number}</Value></DicomAttribute></NativeDicomModel>'
    ).encode()


def test_results_in_xml(place):
    message = multipart(native(1), native(2), kind="application/dicom+xml")
    kind = 'Content-Type: multipart/related; type="application/dicom+xml"; boundary=edge'
    place.answers("/studies", answer(message, kind), answer(status="204 No Content"))
    assert searched(place) == ["1.2.1", "1.2.2"]


LAUGHS = b"".join(
    b'<!ENTITY l%d "%s">' % (level, b"&l%d;" % (level - 1) * 10 if level else b"ha" * 10)
    for level in range(9)
)


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE NativeDicomModel [" + LAUGHS + b"]>" + native(1).replace(b"1.2.1", b"&l8;"),
        b'<!DOCTYPE NativeDicomModel [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        + native(1).replace(b"1.2.1", b"&x;"),
        native(1)[:-30],
        b"<html/>",
        b"<a>" * 100_000,
    ],
    ids=["laughs", "file", "cut", "html", "deep"],
)
def test_xml_that_is_none(place, body):
    body = body.replace(b'<?xml version="1.0" encoding="UTF-8"?>', b"")
    place.answers("/studies", answer(body, "Content-Type: application/dicom+xml"))
    with pytest.raises(WireError):
        searched(place)


@pytest.mark.parametrize(
    "value", [None, {}, [], {"vr": "UI"}, {"Value": None}, {"Value": [None]}, {"Value": [[1]]}]
)
def test_results_without_a_name(place, value):
    listed = [{"0020000D": value}, {"0020000D": {"vr": "UI", "Value": ["1.2.7"]}}]
    place.answers("/studies", answer(text_of(listed), "Content-Type: application/json"))
    assert searched(place) == ["1.2.7"]


@pytest.mark.parametrize("name", ["../../x", "..", "1.2/../3", "1\0.2", "C:x", "x" * 129])
def test_names_that_could_lead_elsewhere(place, tmp_path, name):
    bad = {**MODEL, "00080018": {"vr": "UI", "Value": [name]}}
    place.answers(
        f"/studies/{STUDY}/series/{SERIES}/instances",
        answer(text_of([bad]), "Content-Type: application/dicom+json"),
    )
    from rendicom.client.listing import InstanceQuery, list_instances

    server = reached(place)
    with pytest.raises(WireError, match="invalid UID"):
        list(list_instances(server, InstanceQuery(Resource(STUDY, SERIES))))
    server.close()


def test_another_instance_than_was_asked_for(place):
    data = DATA.replace(INSTANCE.encode(), INSTANCE[:-1].encode() + b"2")
    kind = "Content-Type: application/dicom+json"
    place.answers(f"/studies/{STUDY}/series/{SERIES}/instances", answer(text_of([MODEL]), kind))
    place.answers(RESOURCE.path, answer(multipart(data), KIND))
    with rendicom.connect(place.base, rendering="local") as archive:
        with pytest.raises(WireError, match="another instance"):
            archive.open(STUDY, SERIES, INSTANCE)
        with pytest.raises(WireError, match="another instance"):
            archive.render(STUDY, SERIES, INSTANCE)
