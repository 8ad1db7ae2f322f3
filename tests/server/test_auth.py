"""Who asks: keys of a file, tokens of a provider with keys that really sign."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from rendicom.errors import ForbiddenError, OptionError, UnauthenticatedError
from rendicom.server import auth, tokens
from rendicom.server.auth import Authenticator, Principal
from rendicom.server.keys import add_key
from rendicom.server.tokens import Tokens

_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_EC = ec.generate_private_key(ec.SECP256R1())
_ISSUER, _AUDIENCE = "https://login.example", "rendicom"


@pytest.fixture(autouse=True)
def no_delay(monkeypatch):
    monkeypatch.setattr(auth, "_DELAY_SECONDS", 0.0)


def jwk(key: Any, key_id: str, algorithm: str) -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if algorithm[0] in "RP" else jwt.algorithms.ECAlgorithm
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "alg": algorithm,
            "use": "sig"}  # fmt: skip


def token(key: Any = _RSA, key_id: str = "r1", algorithm: str = "RS256", **claims: Any) -> str:
    payload = {
        "sub": "user-1",
        "aud": _AUDIENCE,
        "iss": _ISSUER,
        "exp": datetime.now(UTC) + timedelta(minutes=5),
        **claims,
    }
    payload = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": key_id})


@pytest.fixture
def key_set(tmp_path) -> Path:
    path = tmp_path / "jwks.json"
    keys = [jwk(_RSA, "r1", "RS256"), jwk(_EC, "e1", "ES256")]
    path.write_text(json.dumps({"keys": keys}), encoding="utf-8")
    return path


def identify(authenticator: Authenticator, headers: dict[str, str]) -> Principal:
    async def run() -> Principal:
        await authenticator.start()
        try:
            return await authenticator.identify(headers)
        finally:
            await authenticator.close()

    return asyncio.run(run())


def of_token(text: str, location: Path | str, **settings: Any) -> Principal:
    checker = Tokens(str(location), audience=_AUDIENCE, issuer=_ISSUER)
    return identify(Authenticator(tokens=checker, **settings), {"authorization": f"Bearer {text}"})


# Keys


@pytest.mark.parametrize(
    "header",
    [
        lambda key: {"apikey": key},
        lambda key: {"x-api-key": key},
        lambda key: {"authorization": f"Bearer {key}"},
        lambda key: {"authorization": f"bearer  {key} "},
    ],
)
def test_a_key_is_taken_from_each_header(tmp_path, header):
    path = str(tmp_path / "keys")
    key = add_key(path, name="viewer", scope="read")
    identity = identify(Authenticator(key_file=path), header(key))
    assert identity.name == "viewer"
    identity.require("read")
    with pytest.raises(ForbiddenError, match="write"):
        identity.require("write")


def test_who_may_write_may_read(tmp_path):
    path = str(tmp_path / "keys")
    key = add_key(path, name="sender", scope="write")
    identity = identify(Authenticator(key_file=path), {"apikey": key})
    identity.require("read")
    identity.require("write")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"apikey": ""},
        {"apikey": "wrong"},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer a.b.c"},
        {"apikey": "\udcff\x00é"},
    ],
)
def test_nobody_else_gets_in(tmp_path, headers):
    path = str(tmp_path / "keys")
    add_key(path, name="viewer", scope="read")
    with pytest.raises(UnauthenticatedError):
        identify(Authenticator(key_file=path), headers)


def test_what_the_file_holds_is_no_key(tmp_path):
    path = tmp_path / "keys"
    add_key(str(path), name="viewer", scope="read")
    digest = path.read_text("utf-8").split()[-1]
    for text in (digest, digest.removeprefix("sha256:")):
        with pytest.raises(UnauthenticatedError):
            identify(Authenticator(key_file=str(path)), {"apikey": text})


def test_an_expired_key_is_told_so(tmp_path):
    path = tmp_path / "keys"
    digest = sha256(b"secret").hexdigest()
    path.write_text(f"old read 2020-01-01 sha256:{digest}\n", encoding="utf-8")
    with pytest.raises(UnauthenticatedError, match="expired"):
        identify(Authenticator(key_file=str(path)), {"apikey": "secret"})


async def test_changes_of_the_file_count_without_a_restart(tmp_path):
    path = tmp_path / "keys"
    first = add_key(str(path), name="first", scope="read")
    authenticator = Authenticator(key_file=str(path))
    await authenticator.start()
    second = add_key(str(path), name="second", scope="write")
    await authenticator.refresh()
    assert (await authenticator.identify({"apikey": second})).name == "second"

    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join(lines[:1] + lines[2:]), encoding="utf-8")
    await authenticator.refresh()
    with pytest.raises(UnauthenticatedError):
        await authenticator.identify({"apikey": first})
    assert (await authenticator.identify({"apikey": second})).name == "second"

    path.write_text("broken\n", encoding="utf-8")
    with pytest.raises(OptionError, match="line 1"):
        await authenticator.refresh()
    with pytest.raises(UnauthenticatedError):
        await authenticator.identify({"apikey": second})

    path.unlink()
    with pytest.raises(OptionError, match="cannot be read"):
        await authenticator.refresh()
    third = add_key(str(path), name="third", scope="read")
    await authenticator.refresh()
    assert (await authenticator.identify({"apikey": third})).name == "third"
    await authenticator.close()


def test_the_file_is_looked_at_in_the_background(tmp_path, monkeypatch):
    monkeypatch.setattr(auth, "_LOOK_SECONDS", 0.01)
    path = tmp_path / "keys"
    add_key(str(path), name="first", scope="read")

    async def run() -> str:
        authenticator = Authenticator(key_file=str(path))
        await authenticator.start()
        path.write_text("broken\n", encoding="utf-8")
        await asyncio.sleep(0.05)
        path.unlink()
        key = add_key(str(path), name="second", scope="read")
        while True:
            try:
                return (await authenticator.identify({"apikey": key})).name
            except UnauthenticatedError:
                await asyncio.sleep(0.01)

    assert asyncio.run(asyncio.wait_for(run(), 10)) == "second"


@pytest.mark.parametrize("text", [None, "", "# none\n", "broken\n"])
def test_a_file_without_keys_is_not_begun_with(tmp_path, text):
    path = tmp_path / "keys"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(OptionError, match="keys"):
        identify(Authenticator(key_file=str(path)), {})


def test_where_nobody_is_asked_everybody_may():
    identity = identify(Authenticator(), {})
    identity.require("write")
    assert identity.name == ""


# Tokens


@pytest.mark.parametrize(
    ("key", "key_id", "algorithm"), [(_RSA, "r1", "RS256"), (_EC, "e1", "ES256")]
)
def test_a_token_of_the_provider_holds(key_set, key, key_id, algorithm):
    identity = of_token(token(key, key_id, algorithm), key_set)
    assert identity.name == "user-1"
    identity.require("read")
    with pytest.raises(ForbiddenError):
        identity.require("write")


@pytest.mark.parametrize("claims", [{"scope": "openid write"}, {"scp": ["write"]}])
def test_a_scope_lets_write(key_set, claims):
    of_token(token(**claims), key_set).require("write")


@pytest.mark.parametrize("scope", ["writer", "openid", "", 7, {"write": 1}])
def test_other_scopes_do_not(key_set, scope):
    with pytest.raises(ForbiddenError):
        of_token(token(scope=scope), key_set).require("write")


def test_a_scope_may_be_needed_to_read(key_set):
    identity = of_token(token(scope="openid"), key_set, read_scope="dicom:read")
    with pytest.raises(ForbiddenError):
        identity.require("read")
    of_token(token(scope="dicom:read"), key_set, read_scope="dicom:read").require("read")


def _unsigned() -> str:
    claims = {"sub": "x", "aud": _AUDIENCE, "iss": _ISSUER, "exp": 9e9}
    return jwt.encode(claims, None, "none", headers={"kid": "r1"})


def _signed_with_the_published_key() -> str:
    """Return a token whose HMAC secret is the public key: what a careless server takes."""
    public = _RSA.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    parts = [
        {"alg": "HS256", "kid": "r1"},
        {"sub": "x", "aud": _AUDIENCE, "iss": _ISSUER, "exp": 9999999999},
    ]
    body = ".".join(_base64(json.dumps(part).encode()) for part in parts)
    return f"{body}.{_base64(hmac.digest(public, body.encode(), 'sha256'))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: token(exp=datetime.now(UTC) - timedelta(minutes=2)), "has expired"),
        (lambda: token(nbf=datetime.now(UTC) + timedelta(minutes=2)), "not valid yet"),
        (lambda: token(aud="another"), "another service"),
        (lambda: token(aud=None), "lacks"),
        (lambda: token(iss="https://evil.example"), "another issuer"),
        (lambda: token(iss=None), "lacks"),
        (lambda: token(exp=None), "lacks"),
        (lambda: token(sub=None), "lacks"),
        (lambda: token(key_id="r9"), "not known"),
        (lambda: token(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
         "signature is wrong"),
        (lambda: token(_EC, "r1", "ES256"), "the token is invalid"),
        (lambda: token()[:-8] + "AAAAAAAA", "signature is wrong"),
        (_unsigned, "algorithm is not accepted"),
        (_signed_with_the_published_key, "algorithm is not accepted"),
        (lambda: "a.b.c", "malformed"),
        (lambda: "é.é.é", "malformed"),
        (lambda: "a" * 20_000 + ".b.c", "malformed"),
    ],
)  # fmt: skip
def test_other_tokens_do_not_hold(key_set, make, reason):
    with pytest.raises(UnauthenticatedError, match=reason) as caught:
        of_token(make(), key_set)
    assert "user-1" not in str(caught.value)


@pytest.mark.parametrize("algorithm", ["RS512", "PS256"])
def test_a_key_is_used_with_the_algorithm_that_it_names(key_set, algorithm):
    with pytest.raises(UnauthenticatedError, match="algorithm"):
        of_token(token(_RSA, "r1", algorithm), key_set)


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256"])
def test_a_key_without_an_algorithm_is_used_with_those_of_its_kind(tmp_path, algorithm):
    path = tmp_path / "jwks.json"
    open_to_all = {**jwk(_RSA, "r1", "RS256")}
    del open_to_all["alg"]
    path.write_text(json.dumps({"keys": [open_to_all]}), encoding="utf-8")
    assert of_token(token(_RSA, "r1", algorithm), path).name == "user-1"


def test_keys_that_cannot_sign_are_not_used(tmp_path):
    path = tmp_path / "jwks.json"
    secret = {"kty": "oct", "kid": "s1", "alg": "HS256", "k": _base64(b"s" * 32)}
    keys = [secret, {**jwk(_RSA, "r1", "RS256"), "use": "enc"}]
    keys += [{**jwk(_EC, "e1", "ES256"), "key_ops": ["encrypt"]}]
    path.write_text(json.dumps({"keys": keys}), encoding="utf-8")
    with pytest.raises(UnauthenticatedError):
        of_token(token(_EC, "e1", "ES256"), path)
    with pytest.raises(UnauthenticatedError):
        of_token(token(b"s" * 32, "s1", "HS256"), path)
    with pytest.raises(UnauthenticatedError):
        of_token(token(), path)


async def test_a_token_that_held_is_not_taken_for_another(key_set):
    authenticator = Authenticator(tokens=Tokens(str(key_set), audience=_AUDIENCE))
    await authenticator.start()
    for _ in range(2):
        for name in ("a", "b"):
            headers = {"authorization": f"Bearer {token(sub=name)}"}
            assert (await authenticator.identify(headers)).name == name


async def test_a_token_that_held_expires_all_the_same(key_set, monkeypatch):
    monkeypatch.setattr(tokens, "_LEEWAY_SECONDS", 0)
    authenticator = Authenticator(tokens=Tokens(str(key_set), audience=_AUDIENCE))
    await authenticator.start()
    ends = datetime.now(UTC) + timedelta(seconds=1)
    headers = {"authorization": f"Bearer {token(exp=ends)}"}
    await authenticator.identify(headers)
    await asyncio.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()) + 0.05)
    with pytest.raises(UnauthenticatedError):
        await authenticator.identify(headers)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"keys": []}', "\x00"])
def test_a_file_that_is_no_key_set_is_not_begun_with(tmp_path, text):
    path = tmp_path / "jwks.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OptionError, match="not a JSON Web Key Set"):
        of_token("a.b.c", path)


class Provider:
    """Publishes keys at a URL; counts how often they are fetched."""

    def __init__(self) -> None:
        provider = self
        self.keys = [jwk(_RSA, "r1", "RS256")]
        self.fetched = 0
        self.is_down = False

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.fetched += 1
                self.send_response(503 if provider.is_down else 200)
                self.end_headers()
                self.wfile.write(json.dumps({"keys": provider.keys}).encode())

            def log_message(self, *args: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    found = Provider()
    yield found
    found.close()


def test_keys_are_fetched_from_a_url_once(provider):
    async def run() -> None:
        checker = Tokens(provider.url, audience=_AUDIENCE)
        await checker.start()
        for _ in range(3):
            assert (await checker.check(token())).subject == "user-1"

    asyncio.run(run())
    assert provider.fetched == 1


async def test_a_key_that_is_not_known_is_looked_for_now_and_then(provider, monkeypatch):
    checker = Tokens(provider.url, audience=_AUDIENCE)
    await checker.start()
    provider.keys = [jwk(_EC, "e2", "ES256")]
    rotated = token(_EC, "e2", "ES256")
    for _ in range(5):
        with pytest.raises(UnauthenticatedError, match="not known"):
            await checker.check(rotated)
    assert provider.fetched == 1, "not at once: anybody can make up a key's name"
    monkeypatch.setattr(tokens, "_REFETCH_SECONDS", 0.0)
    results = await asyncio.gather(*(checker.check(rotated) for _ in range(5)))
    assert {claims.subject for claims in results} == {"user-1"}
    assert provider.fetched == 2, "all waited for one"
    with pytest.raises(UnauthenticatedError):
        await checker.check(token())


async def test_a_provider_that_is_down_is_asked_again_later(provider, monkeypatch, caplog):
    provider.is_down = True
    checker = Tokens(provider.url, audience=_AUDIENCE)
    await checker.start()
    assert "cannot be read" in caplog.text
    with pytest.raises(UnauthenticatedError):
        await checker.check(token())
    provider.is_down = False
    monkeypatch.setattr(tokens, "_REFETCH_SECONDS", 0.0)
    assert (await checker.check(token())).subject == "user-1"
    provider.is_down = True
    monkeypatch.setattr(tokens, "_REFRESH_SECONDS", 0.0)
    assert (await checker.check(token())).subject == "user-1", "old keys do"


@pytest.mark.skipif(os.name == "nt", reason="takes long to refuse there")
async def test_a_provider_that_is_not_there_does_not_end_the_server():
    checker = Tokens("http://127.0.0.1:9/keys", audience=_AUDIENCE)
    await checker.start()
