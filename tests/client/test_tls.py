"""Certificates: which are believed, and to whom the client's own is shown."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("cryptography")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rendicom.client.connection_settings import RetryPolicy, connection_to
from rendicom.client.credentials import Certificate, Credentials
from rendicom.client.session import Session
from rendicom.errors import OptionError, UnreadableSourceError, WireError
from scriptedserver import Place, Scripted, answer, scripted

QUICK = RetryPolicy(attempts=3, first=0.01, longest=0.02, connect=5.0, read=5.0)
PASSWORD = "sesame-0pen-4711"  # noqa: S105 - nobody's
PEM = serialization.Encoding.PEM


class Made(NamedTuple):
    """A certificate and its key, which has a password."""

    certificate: Path
    key: Path


def _made(folder: Path, name: str, host: str = "127.0.0.1") -> Made:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Made(folder / f"{name}.pem", folder / f"{name}.key")
    made.certificate.write_bytes(certificate.public_bytes(PEM))
    locked = serialization.BestAvailableEncryption(PASSWORD.encode())
    made.key.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, locked))
    return made


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    folder = tmp_path_factory.mktemp("certificates")
    made = {name: _made(folder, name) for name in ("server", "client")}
    return {**made, "elsewhere": _made(folder, "elsewhere", "192.0.2.1")}


def _context(certificates: dict[str, Made], name: str, verify: ssl.VerifyMode) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates[name], PASSWORD)
    context.load_verify_locations(certificates["client"].certificate)
    context.verify_mode = verify
    return context


@pytest.fixture(scope="module")
def server(certificates) -> Iterator[Scripted]:
    """Return a server that lets nobody in without a certificate."""
    with scripted(_context(certificates, "server", ssl.CERT_REQUIRED)) as running:
        yield running


@pytest.fixture(scope="module")
def other_server(certificates) -> Iterator[Scripted]:
    """Return a server that looks at certificates, and lets everybody in."""
    with scripted(_context(certificates, "server", ssl.CERT_OPTIONAL)) as running:
        yield running


@pytest.fixture
def place(server) -> Place:
    made = server.place()
    made.answers("/", answer(b"welcome"))
    return made


@pytest.fixture
def open_place(other_server) -> Place:
    made = other_server.place()
    made.answers("/", answer(b"welcome"))
    return made


@pytest.fixture
def shown(certificates) -> Credentials:
    """Return credentials of a client with a certificate."""
    own = certificates["client"]
    return Credentials.of(certificate=Certificate(str(own.certificate), str(own.key), PASSWORD))


@pytest.fixture
def asked(certificates, monkeypatch):
    """Ask for the answer of a place, and return its body."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    bundle = str(certificates["server"].certificate)

    def ask(place: Place, credentials: Credentials | None = None, ca_bundle: str = bundle) -> bytes:
        connection = connection_to(
            place.base, credentials=credentials or Credentials(), ca_bundle=ca_bundle,
            retry_policy=QUICK, has_netrc=False,
        )  # fmt: skip
        session = Session(connection)
        try:
            return session.get(session.url("/"), "*/*").body
        finally:
            session.close()

    return ask


def test_a_client_with_a_certificate(place, asked, shown):
    assert asked(place, shown) == b"welcome"
    assert [each.certificate for each in place.requests] == ["client"]


@pytest.mark.parametrize("has_http2", [True, False])
def test_later_requests(place, certificates, shown, has_http2):
    connection = connection_to(
        place.base, credentials=shown, ca_bundle=str(certificates["server"].certificate),
        has_http2=has_http2, has_netrc=False,
    )  # fmt: skip
    session = Session(connection)
    assert [session.get(session.url("/"), "*/*").body for _ in range(3)] == [b"welcome"] * 3
    session.close()
    assert [each.certificate for each in place.requests] == ["client"] * 3


@pytest.mark.parametrize("name", ["client", "elsewhere"])
def test_a_server_that_nobody_knows_without_http2(open_place, certificates, name):
    bundle = str(certificates[name].certificate)
    session = Session(connection_to(open_place.base, ca_bundle=bundle, has_http2=False))
    with pytest.raises(UnreadableSourceError, match="is not trusted"):
        session.get(session.url("/"), "*/*")
    session.close()
    assert open_place.requests == []


def test_a_certificate_and_its_key_in_one_file(place, asked, certificates, tmp_path):
    both = tmp_path / "both.pem"
    both.write_bytes(b"".join(path.read_bytes() for path in certificates["client"]))
    given = Credentials.of(certificate=Certificate(str(both), password=PASSWORD))
    assert asked(place, given) == b"welcome"


def test_a_client_without_one(place, asked):
    with pytest.raises(UnreadableSourceError):
        asked(place)
    assert place.requests == []


@pytest.mark.parametrize("password", ["", "wrong-one-4711"])
def test_a_key_with_another_password(place, asked, certificates, password):
    own = certificates["client"]
    given = Credentials.of(certificate=Certificate(str(own.certificate), str(own.key), password))
    with pytest.raises(OptionError, match="client certificate") as caught:
        asked(place, given)
    assert not password or password not in f"{caught.value} {caught.value.hint}"
    assert place.requests == []


def test_a_server_that_nobody_knows(open_place, asked, certificates):
    for bundle in ("", str(certificates["client"].certificate)):
        with pytest.raises(UnreadableSourceError, match="is not trusted") as caught:
            asked(open_place, ca_bundle=bundle)
        assert "--ca-bundle" in caught.value.hint
    assert open_place.requests == []


def test_certificates_that_the_environment_names(open_place, asked, certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates["server"].certificate))
    assert asked(open_place, ca_bundle="") == b"welcome"


def test_a_certificate_of_another_host(certificates, asked):
    with scripted(_context(certificates, "elsewhere", ssl.CERT_OPTIONAL)) as running:
        place = running.place()
        place.answers("/", answer(b"welcome"))
        with pytest.raises(UnreadableSourceError, match="is not trusted"):
            asked(place, ca_bundle=str(certificates["elsewhere"].certificate))
        assert place.requests == []


def test_a_server_without_tls(asked):
    with scripted() as running:
        place = running.place()
        place.answers("/", answer(b"welcome"))
        place.base = place.base.replace("http:", "https:")
        with pytest.raises(UnreadableSourceError, match=r"127\.0\.0\.1:\d+"):
            asked(place)


def test_a_redirect_shows_no_certificate(place, open_place, asked, shown):
    place.answers("/", answer(b"", f"Location: {open_place.base}/", status="302 Found"))
    assert asked(place, shown) == b"welcome"
    assert [each.certificate for each in open_place.requests] == [""]
    assert asked(open_place, shown) == b"welcome"
    assert [each.certificate for each in open_place.requests] == ["", "client"]


def test_a_redirect_out_of_tls_is_refused(open_place, asked):
    with scripted() as running:
        plain = running.place()
        plain.answers("/", answer(b"welcome"))
        open_place.answers("/", answer(b"", f"Location: {plain.base}/", status="302 Found"))
        with pytest.raises(WireError, match="from https to http"):
            asked(open_place)
        assert plain.requests == []
