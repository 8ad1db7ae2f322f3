"""What stands before the object store of these tests; the store itself is everybody's."""

from collections.abc import Iterator

import pytest

from objectstore import Server
from storage.relay import Relay, relaying


@pytest.fixture
def relay(s3: str, s3_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """Stand between this process and the store; to be asked for before the bucket is used."""
    with relaying(s3_server.port) as relay:
        monkeypatch.setenv("AWS_ENDPOINT_URL", relay.url)
        yield relay
