"""A server that answers as a test tells it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scriptedserver import Scripted, scripted


@pytest.fixture(scope="session")
def server() -> Iterator[Scripted]:
    with scripted() as running:
        yield running
