"""Conditions, compression, ranges and other origins, over a real socket (RFC 9110, Fetch)."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from servedfiles import GRAY, WIDE, path

JSON = "application/dicom+json"
VIEWER = "https://viewer.example"
METADATA = path(GRAY, WIDE) + "/metadata"
PICTURE = path(GRAY, WIDE) + "/rendered"


def raw(server: Any, where: str, accept: str, *more: str, method: str = "GET") -> tuple[str, bytes]:
    """Return the head of an answer in small letters, and its body as it is on the wire."""
    lines = (f"{method} /dicomweb{where} HTTP/1.1", "Host: localhost", f"Accept: {accept}", *more)
    answer = server.exchange("\r\n".join((*lines, "Connection: close", "", "")).encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode().lower(), body


def test_text_is_compressed_and_has_a_tag_of_its_own(server):
    plain_head, plain = raw(server, METADATA, JSON, "Accept-Encoding: identity")
    head, body = raw(server, METADATA, JSON, "Accept-Encoding: gzip")
    assert gzip.decompress(body) == plain
    assert len(body) < len(plain)
    assert "vary: accept, accept-encoding" in head
    assert "vary: accept, accept-encoding" in plain_head
    tag = plain_head.split("etag: ")[1].split("\r\n")[0]
    assert f"etag: w/{tag}" in head
    for known in (tag, f"W/{tag}", f'"other", W/{tag}', "*"):
        for encoding in ("gzip", "identity"):
            more = (f"If-None-Match: {known}", f"Accept-Encoding: {encoding}")
            head, body = raw(server, METADATA, JSON, *more)
            assert head.startswith("http/1.1 304"), known
            assert body == b""
            assert tag in head
    head, body = raw(server, METADATA, JSON, 'If-None-Match: "other"')
    assert head.startswith("http/1.1 200")


def test_head_says_what_get_would(server):
    for where, accept in ((PICTURE, "image/png"), (METADATA, JSON), ("/studies", JSON)):
        got, body = raw(server, where, accept)
        asked, nothing = raw(server, where, accept, method="HEAD")
        assert nothing == b""
        assert body != b""
        for name in ("content-type", "etag", "vary", "cache-control"):
            (line,) = [each for each in got.split("\r\n") if each.startswith(f"{name}:")]
            assert line in asked, name


def test_a_range_is_of_the_same_picture(server):
    head, whole = raw(server, PICTURE, "image/png")
    tag = head.split("etag: ")[1].split("\r\n")[0]
    for asked, part in (("0-9", whole[:10]), ("10-", whole[10:]), ("-7", whole[-7:])):
        head, body = raw(server, PICTURE, "image/png", f"Range: bytes={asked}", f"If-Range: {tag}")
        assert head.startswith("http/1.1 206")
        assert body == part
        assert f"/{len(whole)}" in head.split("content-range: bytes ")[1]
    head, body = raw(server, PICTURE, "image/png", "Range: bytes=0-9", 'If-Range: "other"')
    assert head.startswith("http/1.1 200")
    assert body == whole


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_page_of_an_origin_that_is_allowed_may_ask(archive, method):
    asked = {
        "origin": VIEWER, "access-control-request-method": method,
        "access-control-request-headers": "apikey, content-type",
    }  # fmt: skip
    answer = archive.request("OPTIONS", PICTURE, headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == VIEWER
    assert method in answer.headers["access-control-allow-methods"]
    assert "apikey" in answer.headers["access-control-allow-headers"].lower()


def test_a_cached_answer_to_no_page_is_not_given_to_a_page(archive):
    for headers in ({}, {"origin": VIEWER}, {"origin": "https://elsewhere.example"}):
        answer = archive.get(PICTURE, "image/png", headers=headers)
        named = [each.strip() for each in answer.headers["vary"].lower().split(",")]
        assert named.count("origin") == 1
        assert "accept" in named


def test_pages_of_other_origins_get_to_see_nothing(archive):
    seen = archive.get(PICTURE, "image/png", headers={"origin": VIEWER})
    assert seen.headers["access-control-allow-origin"] == VIEWER
    assert "origin" in seen.headers["vary"].lower()
    exposed = seen.headers["access-control-expose-headers"].lower()
    assert {"etag", "warning", "content-location", "content-range"} <= set(exposed.split(", "))
    unseen = archive.get(PICTURE, "image/png", headers={"origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in unseen.headers
    refused = archive.request(
        "OPTIONS", PICTURE,
        headers={"origin": "https://elsewhere.example", "access-control-request-method": "GET"},
    )  # fmt: skip
    assert "access-control-allow-origin" not in refused.headers
