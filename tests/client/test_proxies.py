"""Proxies that the environment names: what goes through them, and who sees which secret."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

import pytest

from rendicom.client.connection_settings import RetryPolicy, connection_to
from rendicom.client.credentials import Credentials
from rendicom.client.session import Session
from rendicom.errors import UnreadableSourceError
from scriptedserver import Scripted, answer, scripted

QUICK = RetryPolicy(attempts=2, first=0.01, longest=0.02, connect=5.0, read=5.0)
# Reserved names (RFC 2606): nobody is asked where they are.
FAR = "http://pacs.invalid/rs"
KEY, PASSWORD = "sesame-open-4711", "proxy-pass-0815"


@pytest.fixture(scope="module")
def proxy() -> Iterator[Scripted]:
    with scripted() as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    """Let the environment of whoever runs the tests name no proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def body_of(base: str) -> bytes:
    credentials = Credentials.of(api_key=KEY)
    session = Session(connection_to(base, credentials=credentials, retry_policy=QUICK))
    try:
        return session.get(session.url("/studies"), "*/*").body
    finally:
        session.close()


def test_a_proxy(proxy, monkeypatch):
    proxy.script[f"{FAR}/studies"] = [answer(b"through")]
    monkeypatch.setenv("http_proxy", f"http://sancho:{PASSWORD}@127.0.0.1:{proxy.port}")
    assert body_of(FAR) == b"through"
    asked = proxy.seen[-1]
    assert (asked.method, asked.path) == ("GET", f"{FAR}/studies")
    assert (asked.headers["host"], asked.headers["apikey"]) == ("pacs.invalid", KEY)
    said = b64encode(f"sancho:{PASSWORD}".encode()).decode()
    assert asked.headers["proxy-authorization"] == f"Basic {said}"


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_hosts_that_need_none(proxy, monkeypatch, name):
    place = proxy.place()
    place.answers("/studies", answer(b"straight"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv(name, "127.0.0.1")
    assert body_of(place.base) == b"straight"
    assert "proxy-authorization" not in place.requests[0].headers


@pytest.mark.parametrize("reply", ["407 Who", "403 No", "502 Bad Gateway"])
def test_a_proxy_that_lets_nobody_through(proxy, monkeypatch, reply):
    # To a server with TLS it opens a tunnel, and sees neither requests nor keys.
    proxy.script["pacs.invalid:443"] = [answer(PASSWORD.encode(), status=reply)]
    monkeypatch.setenv("https_proxy", f"http://sancho:{PASSWORD}@127.0.0.1:{proxy.port}")
    with pytest.raises(UnreadableSourceError, match="proxy") as caught:
        body_of(FAR.replace("http:", "https:"))
    assert PASSWORD not in f"{caught.value} {caught.value.hint}"
    asked = proxy.seen[-1]
    assert (asked.method, asked.path) == ("CONNECT", "pacs.invalid:443")
    assert KEY.encode() not in asked.raw


def test_a_proxy_that_is_not_there(monkeypatch, proxy):
    monkeypatch.setenv("http_proxy", f"http://sancho:{PASSWORD}@127.0.0.1:9")
    with pytest.raises(UnreadableSourceError) as caught:
        body_of(FAR)
    assert PASSWORD not in f"{caught.value} {caught.value.hint}"
