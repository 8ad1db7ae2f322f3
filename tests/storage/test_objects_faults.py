"""What object stores refuse or fail to do, told in a line and without a secret."""

from __future__ import annotations

import os
import socket
import time

import pytest

from objectstore import SECRET_KEY, Server
from rendicom import storage
from rendicom.engine.picture_file import may_write
from rendicom.errors import (
    OptionError,
    RendicomError,
    UnreadableSourceError,
    UnwritableOutputError,
)
from storage.faults import assert_clean
from storage.relay import Answer, Relay
from waiting import free_port

pytest.importorskip("obstore")


def every_call(root: str) -> dict[str, RendicomError | None]:
    """Return what each call raises."""
    raised: dict[str, RendicomError | None] = {}
    for name, call in {
        "open": lambda: storage.open_bytes(f"{root}/x"),
        "head": lambda: storage.head(f"{root}/x", 10),
        "exists": lambda: storage.exists(f"{root}/x"),
        "version": lambda: storage.version_of(f"{root}/x"),
        "list": lambda: list(storage.list_folder(f"{root}/x/")),
        "write": lambda: storage.write(f"{root}/x", b"x"),
        "new": lambda: storage.write(f"{root}/x", b"x", existing="skip"),
        "remove": lambda: storage.remove(f"{root}/x"),
        "may": lambda: may_write(f"{root}/x", "overwrite"),
    }.items():
        try:
            call()
        except RendicomError as error:
            raised[name] = error
        else:
            raised[name] = None
    for name, error in raised.items():
        if error is not None:
            assert_clean(error)
            is_writing = name in ("write", "new", "remove", "may")
            assert type(error) is (UnwritableOutputError if is_writing else UnreadableSourceError)
    return raised


def test_no_such_object(s3: str) -> None:
    for call in (storage.open_bytes, lambda place: storage.head(place, 10)):
        with pytest.raises(UnreadableSourceError, match="there is no such object") as raised:
            call(f"{s3}/nothing")
        assert_clean(raised.value)


def test_no_such_bucket(s3: str) -> None:
    raised = every_call("s3://nobody-has-made-this")
    for name in ("open", "list", "write", "new"):
        assert "there is no such bucket" in str(raised[name])


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "permission denied"),
        (403, "permission denied"),
        (400, "is the region right"),
        (418, "the object store answered 418"),
    ],
)
def test_refusals(s3: str, relay: Relay, status: int, message: str) -> None:
    body = f"<Error><Code>No</Code><Key>{SECRET_KEY}</Key></Error>".encode()
    relay.instead = lambda asked: Answer(status, body)
    for name, error in every_call(s3).items():
        assert error is not None, name
        assert message in str(error), name


def test_a_bucket_elsewhere(s3: str, relay: Relay) -> None:
    relay.instead = lambda asked: Answer(301)
    for name, error in every_call(s3).items():
        assert error is not None, name
        assert "another region" in str(error), name


def test_a_server_that_fails_now_and_then(s3: str, relay: Relay) -> None:
    """A busy server is asked again: no picture is lost for that."""
    storage.write(f"{s3}/x", b"x")
    answers = iter([Answer(503), Answer(500)])
    relay.instead = lambda asked: next(answers, None)
    with storage.open_bytes(f"{s3}/x") as file:  # type: ignore[union-attr]
        assert file.read() == b"x"
    answers = iter([Answer(503), Answer(500)])
    assert storage.write(f"{s3}/y", b"y") is True
    assert storage.head(f"{s3}/y", 5) == b"y"


def test_a_dead_server(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    began = time.monotonic()
    with pytest.raises(UnreadableSourceError, match="does not answer") as raised:
        storage.open_bytes("s3://dead/x")
    assert_clean(raised.value)
    with pytest.raises(UnwritableOutputError, match=r"s3://dead/x: .*does not answer"):
        storage.write("s3://dead/x", b"x")
    assert time.monotonic() - began < 20


def test_a_silent_server(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rendicom.storage.backends.objects._SILENT_SECONDS", 0.3)
    monkeypatch.setattr("rendicom.storage.backends.objects._RETRY_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(UnreadableSourceError, match="does not answer"):
            storage.head("s3://silent/x", 10)
        assert time.monotonic() - began < 5


def test_nobody_has_given_keys(s3: str, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    # Where machines of a cloud ask for keys of theirs.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", relay.url)
    relay.instead = lambda asked: Answer(404)
    with pytest.raises(UnreadableSourceError, match="no keys") as raised:
        storage.open_bytes(f"{s3}/x")
    assert "environment variables" in raised.value.hint
    assert_clean(raised.value)


def test_public_buckets_need_no_keys(
    s3: str, s3_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    path = f"/{s3.removeprefix('s3://')}/x"
    assert s3_server.request("PUT", path, b"x", x_amz_acl="public-read")[0] == 200
    assert storage.head(f"{s3}/x", 5) == b"x"


def test_an_account_is_needed_on_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AZURE_"):
            monkeypatch.delenv(name)
    with pytest.raises(OptionError, match="no keys") as raised:
        storage.exists("az://container/x")
    assert_clean(raised.value)
