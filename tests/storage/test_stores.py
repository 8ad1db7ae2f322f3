"""Every store keeps the promises of the protocol."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from rendicom.storage.backends.local import BACKEND as LOCAL
from rendicom.storage.backends.memory import BACKEND as MEMORY
from rendicom.storage.backends.objects import BACKEND as OBJECTS
from rendicom.testing.stores import StoreTests


class TestLocal(StoreTests):
    store = LOCAL
    # In a file:// URI a percent sign is a code (RFC 8089).
    names = tuple(name for name in StoreTests.names if "%" not in name)

    @pytest.fixture
    def root(self, tmp_path: Path) -> str:
        return tmp_path.as_uri()


class TestMemory(StoreTests):
    store = MEMORY

    @pytest.fixture
    def root(self) -> str:
        return f"memory://{uuid4().hex}"


class TestS3(StoreTests):
    store = OBJECTS

    @pytest.fixture
    def root(self, s3: str) -> str:
        return f"{s3}/a folder"
