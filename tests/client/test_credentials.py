"""Who asks: what is sent for each kind of credentials, and that none of it is ever shown."""

from __future__ import annotations

import pickle
import traceback
from base64 import b64encode
from pathlib import Path

import pytest

from rendicom.client.connection_settings import RetryPolicy, connection_to
from rendicom.client.credentials import Certificate, Credentials, TokenFile, of_netrc, secret
from rendicom.client.session import Session
from rendicom.errors import OptionError, UnauthenticatedError
from scriptedserver import Place, answer

SECRET = "sesame-0pen-4711"  # noqa: S105 - nobody's
QUICK = RetryPolicy(attempts=2, first=0.01, longest=0.02, connect=5.0, read=5.0)


@pytest.fixture
def place(server) -> Place:
    made = server.place()
    made.answers("/", answer(b"welcome"))
    return made


@pytest.fixture(autouse=True)
def nobody_at_home(tmp_path, monkeypatch):
    """Let no file of whoever runs the tests be found."""
    monkeypatch.setenv("NETRC", str(tmp_path / "no netrc"))


def session(place: Place, credentials: Credentials | None = None, **more: object) -> Session:
    said = {} if credentials is None else {"credentials": credentials}
    return Session(connection_to(place.base, retry_policy=QUICK, **said, **more))


def sent(place: Place, credentials: Credentials | None = None, **more: object) -> dict[str, str]:
    """Return the headers that a request has with these credentials."""
    opened = session(place, credentials, **more)
    assert opened.get(opened.url("/"), "*/*").body == b"welcome"
    opened.close()
    return place.requests[-1].headers


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


def kept(folder: Path, text: str) -> str:
    """Return ``@FILE`` for a file with this text in it."""
    path = folder / "secret.txt"
    path.write_text(text)
    return f"@{path}"


# --- what is sent -----------------------------------------------------------------------------


def test_nothing_is_sent_for_nobody(place):
    assert not {"authorization", "apikey", "cookie"} & sent(place).keys()


def test_headers(place, tmp_path, monkeypatch):
    monkeypatch.setenv("RENDICOM_TEST_SECRET", f"  {SECRET}\n")
    lines = kept(tmp_path, f"X-One: 1\n\nX-Two:{SECRET}: and more\n")
    credentials = Credentials.of(
        headers=["X-Three:  3 ", lines, "X-Four: env:RENDICOM_TEST_SECRET"]
    )
    headers = sent(place, credentials)
    assert [headers[f"x-{name}"] for name in ("one", "two", "three", "four")] == [
        "1", f"{SECRET}: and more", "3", SECRET,
    ]  # fmt: skip


def test_a_header_whose_value_is_in_a_file(place, tmp_path):
    credentials = Credentials.of(headers=[f"apikey: {kept(tmp_path, SECRET)}"])
    assert sent(place, credentials)["apikey"] == SECRET


@pytest.mark.parametrize("way", ["typed", "file", "variable"])
def test_an_api_key(place, tmp_path, monkeypatch, way):
    monkeypatch.setenv("RENDICOM_TEST_SECRET", SECRET)
    text = {
        "typed": SECRET, "file": kept(tmp_path, SECRET + "\n"),
        "variable": "env:RENDICOM_TEST_SECRET",
    }[way]  # fmt: skip
    assert sent(place, Credentials.of(api_key=text))["apikey"] == SECRET
    headers = sent(place, Credentials.of(api_key=text, api_key_header="X-Key"))
    assert headers["x-key"] == SECRET
    assert "apikey" not in headers


def test_a_token(place):
    assert sent(place, Credentials.of(token=SECRET))["authorization"] == f"Bearer {SECRET}"


def test_a_token_that_is_renewed(place, tmp_path):
    file = kept(tmp_path, "first-token\n")
    opened = session(place, Credentials.of(token=file))
    opened.get(opened.url("/"), "*/*")
    Path(file[1:]).write_text("second-token-is-longer\n")
    opened.get(opened.url("/"), "*/*")
    opened.close()
    assert [each.headers["authorization"] for each in place.requests] == [
        "Bearer first-token", "Bearer second-token-is-longer",
    ]  # fmt: skip


def test_a_token_that_is_renewed_while_it_is_refused(place, tmp_path):
    file = kept(tmp_path, "first-token\n")

    def refuse(connection):
        Path(file[1:]).write_text("second-token-is-longer\n")
        connection.sendall(answer(b"", "WWW-Authenticate: Bearer", status="401 Unauthorized"))

    place.answers("/", refuse, answer(b"welcome"))
    assert sent(place, Credentials.of(token=file))["authorization"].endswith(
        "second-token-is-longer"
    )
    assert len(place.requests) == 2


def test_a_token_that_is_refused_and_stays(place, tmp_path):
    place.answers("/", answer(b"", status="401 Unauthorized"))
    opened = session(place, Credentials.of(token=kept(tmp_path, SECRET)))
    with pytest.raises(UnauthenticatedError):
        opened.get(opened.url("/"), "*/*")
    opened.close()
    assert len(place.requests) == 1


def test_a_token_that_is_gone(place, tmp_path):
    file = kept(tmp_path, SECRET)
    opened = session(place, Credentials.of(token=file))
    Path(file[1:]).unlink()
    with pytest.raises(OptionError, match="the token"):
        opened.get(opened.url("/"), "*/*")
    opened.close()
    assert place.requests == []


def test_a_token_is_found_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("here.txt").write_text(SECRET)
    credentials = pickle.loads(pickle.dumps(Credentials.of(token="@here.txt")))  # noqa: S106
    monkeypatch.chdir(tmp_path.parent)
    assert TokenFile(credentials.token_file).read() == SECRET


@pytest.mark.parametrize(
    "given",
    [{"user": "sancho:pan:za"}, {"user": "sancho", "password": "pan:za"}],
    ids=["in one", "apart"],
)
def test_a_user(place, given):
    assert sent(place, Credentials.of(**given))["authorization"] == basic("sancho:pan:za")


def test_a_user_whose_password_is_in_a_file(place, tmp_path):
    credentials = Credentials.of(user="sancho", password=kept(tmp_path, f"{SECRET}\r\n"))
    assert sent(place, credentials)["authorization"] == basic(f"sancho:{SECRET}")


def test_a_user_in_the_address(place):
    place.base = place.base.replace("//", "//sancho:p%40nza@")
    assert sent(place)["authorization"] == basic("sancho:p@nza")
    opened = session(place)
    assert "nza" not in opened.url("/")
    assert "nza" not in repr(opened.connection)
    opened.close()
    with pytest.raises(OptionError, match="choose") as caught:
        session(place, Credentials.of(api_key=SECRET))
    assert "nza" not in str(caught.value)


# --- .netrc -----------------------------------------------------------------------------------


@pytest.fixture
def netrc(tmp_path, monkeypatch) -> Path:
    path = tmp_path / "netrc"
    path.write_text(f"machine 127.0.0.1 login sancho password {SECRET}\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    return path


def test_a_netrc_is_for_whoever_says_nothing(place, netrc):
    assert sent(place)["authorization"] == basic(f"sancho:{SECRET}")
    assert "authorization" not in sent(place, Credentials.of(api_key="of-its-own"))
    assert "authorization" not in sent(place, has_netrc=False)


def test_a_netrc_is_for_its_host(place, netrc):
    netrc.write_text(f"machine pacs.example.org login sancho password {SECRET}\n")
    assert "authorization" not in sent(place)
    found = of_netrc("pacs.example.org")
    assert found is not None
    assert found.headers == (("Authorization", basic(f"sancho:{SECRET}")),)


@pytest.mark.parametrize("text", ["", "machine", "machine 127.0.0.1 login a\n", "\0\xff"])
def test_a_netrc_that_says_nothing(place, netrc, text):
    netrc.write_text(text)
    assert "authorization" not in sent(place)


# --- what makes no sense ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"headers": [SECRET]},
        {"headers": [f": {SECRET}"]},
        {"headers": [f"X Y: {SECRET}"]},
        {"headers": [f"Größe: {SECRET}"]},
        {"headers": [f"X: {SECRET}\r\nHost: other"]},
        {"headers": [f"X\r\nY: {SECRET}"]},
        {"headers": [f"X: {SECRET} ä"]},
        {"headers": [f"Host: {SECRET}"]},
        {"headers": [f"content-length: {SECRET}"]},
        {"api_key": f"{SECRET}\n{SECRET}"},
        {"api_key": SECRET, "api_key_header": "a b"},
        {"api_key": SECRET, "api_key_header": ""},
        {"token": f"{SECRET}\0"},
        {"token": SECRET, "user": f"sancho:{SECRET}"},
        {"token": SECRET, "headers": ["Authorization: Digest x"]},
        {"user": f"sancho:{SECRET}", "password": SECRET},
        {"user": "sancho"},
        {"user": "sancho:"},
    ],
)
def test_what_makes_no_sense_is_said_without_it(given):
    with pytest.raises(OptionError) as caught:
        Credentials.of(**given)
    said = "".join(traceback.format_exception_only(caught.value)) + caught.value.hint
    assert SECRET not in said
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["api_key", "token", "password", "headers"])
@pytest.mark.parametrize("content", [None, "", " \n", "a\nb", "x" * 70_000])
def test_files_that_hold_no_secret(tmp_path, name, content):
    path = tmp_path / "secret"
    if content is not None:
        path.write_text(content)
    text = f"@{path}"
    given = {"headers": [f"X: {text}"]} if name == "headers" else {name: text}
    with pytest.raises(OptionError, match=r"secret|one line"):
        Credentials.of(**{"user": "sancho" if name == "password" else "", **given})


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for text in (f"@{tmp_path}", f"@{tmp_path / 'binary'}", "@", "@~nobody-there/x"):
        with pytest.raises(OptionError, match="the key"):
            secret(text, what="the key")


def test_variables_that_hold_no_secret(monkeypatch):
    monkeypatch.delenv("RENDICOM_TEST_SECRET", raising=False)
    with pytest.raises(OptionError, match="RENDICOM_TEST_SECRET is not set"):
        secret("env:RENDICOM_TEST_SECRET", what="the key")
    monkeypatch.setenv("RENDICOM_TEST_SECRET", "two\nlines")
    with pytest.raises(OptionError) as caught:
        secret("env:RENDICOM_TEST_SECRET", what="the key")
    assert "two" not in str(caught.value)


# --- certificates -----------------------------------------------------------------------------


def over_tls(certificate: Certificate, **more: object) -> Session:
    credentials = Credentials.of(certificate=certificate)
    base = "https://127.0.0.1:9"
    return Session(connection_to(base, credentials=credentials, retry_policy=QUICK, **more))


def test_a_certificate_that_is_none(tmp_path):
    (tmp_path / "text.pem").write_text("no certificate")
    for name in ("text.pem", "absent.pem"):
        opened = over_tls(Certificate(str(tmp_path / name), password=SECRET))
        with pytest.raises(OptionError, match="client certificate") as caught:
            opened.get(opened.url("/"), "*/*")
        opened.close()
        shown = "".join(traceback.format_exception_only(caught.value)) + caught.value.hint
        assert SECRET not in shown


def test_certificates_to_believe_that_are_none(tmp_path):
    (tmp_path / "text.pem").write_text("no certificate")
    for name, said in (("text.pem", "PEM"), ("absent.pem", "no file")):
        opened = over_tls(Certificate("x"), ca_bundle=str(tmp_path / name))
        with pytest.raises(OptionError, match=said):
            opened.get(opened.url("/"), "*/*")
        opened.close()


# --- what is shown ----------------------------------------------------------------------------


def test_nothing_shows_a_secret(place, tmp_path):
    encoded = basic(f"sancho:{SECRET}").partition(" ")[2]
    certificate = Certificate("client.pem", "key.pem", SECRET)
    for credentials in (
        Credentials.of(headers=[f"X-Key: {SECRET}"]),
        Credentials.of(api_key=SECRET),
        Credentials.of(token=SECRET),
        Credentials.of(token=kept(tmp_path, SECRET)),
        Credentials.of(user=f"sancho:{SECRET}"),
        Credentials.of(certificate=certificate),
    ):
        connection = connection_to("https://pacs.example.org/rs", credentials=credentials)
        for each in (credentials, certificate, connection):
            for shown in (repr(each), str(each), f"{each}", f"{each!r:>3}"):
                assert SECRET not in shown
                assert encoded not in shown


def test_workers_have_them(place):
    connection = connection_to(place.base, credentials=Credentials.of(api_key=SECRET))
    opened = Session(pickle.loads(pickle.dumps(connection)))
    opened.get(opened.url("/"), "*/*")
    opened.close()
    assert place.requests[-1].headers["apikey"] == SECRET


def test_secrets_are_taken_out_of_texts(place, tmp_path):
    opened = session(place, Credentials.of(headers=[f"X: {SECRET}"], user="sancho:panza-4711"))
    encoded = basic("sancho:panza-4711")
    said = opened.hide(f"{SECRET}, {encoded}, {encoded[6:]} and more")
    opened.close()
    assert said == "***, ***, *** and more"
    opened = session(place, Credentials.of(token=kept(tmp_path, SECRET)))
    assert opened.hide(f"Bearer {SECRET}") == "Bearer ***"
    opened.close()


def test_a_password_is_taken_out_of_texts_too(place):
    opened = session(place, Credentials.of(user=f"sancho:{SECRET}"))
    said = opened.hide(f"sancho may not with {SECRET}")
    opened.close()
    assert SECRET not in said
