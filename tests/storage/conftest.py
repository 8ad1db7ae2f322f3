"""The object store of these tests: a folder's own conftest, so that others start no server."""

from collections.abc import Iterator

import pytest

from objectstore import Server, s3, s3_server
from storage.relay import Relay, relaying

__all__ = ["relay", "s3", "s3_server"]


@pytest.fixture
def relay(s3: str, s3_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """Stand between this process and the store; to be asked for before the bucket is used."""
    with relaying(s3_server.port) as relay:
        monkeypatch.setenv("AWS_ENDPOINT_URL", relay.url)
        yield relay
