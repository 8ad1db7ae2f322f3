"""Bytes in the memory of this process, not visible to others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rendicom.errors import UnreadableSourceError
from rendicom.storage.backends.local import exists_error
from rendicom.storage.interface import Existing, Stored

if TYPE_CHECKING:
    from typing import BinaryIO


class _Memory:
    schemes: tuple[str, ...] = ("memory",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[str, tuple[bytes, str]] = {}

    def check(self, location: str) -> None:
        """Accept every location."""

    def open_bytes(self, location: str) -> BinaryIO:
        from io import BytesIO

        return BytesIO(self._data(location))

    def list_folder(self, location: str) -> Iterator[Stored]:
        folder = location.rstrip("/") + "/"
        with self._lock:
            found = sorted(
                Stored(each, _below(each, folder), len(data), version)
                for each, (data, version) in self._objects.items()
                if each == location or each.startswith(folder)
            )
        yield from found

    def version_of(self, location: str) -> str:
        found = self._objects.get(location)
        return "" if found is None else found[1]

    def head(self, location: str, length: int) -> bytes:
        return self._data(location)[:length]

    def exists(self, location: str) -> bool:
        return location in self._objects

    def write(
        self, location: str, data: bytes, *, existing: Existing, is_durable: bool = False
    ) -> bool:
        del is_durable  # memory ends with the process
        from hashlib import md5

        # As the ETag of S3 mostly is.
        version = md5(data, usedforsecurity=False).hexdigest()
        with self._lock:
            if location in self._objects and existing != "overwrite":
                if existing == "fail":
                    raise exists_error(location)
                return False
            self._objects[location] = (bytes(data), version)
            return True

    def remove(self, location: str, *, is_durable: bool = False) -> None:
        del is_durable
        with self._lock:
            self._objects.pop(location, None)

    def _data(self, location: str) -> bytes:
        found = self._objects.get(location)
        if found is None:
            raise UnreadableSourceError("there is no such object")
        return found[0]


def _below(location: str, folder: str) -> str:
    if location.startswith(folder):
        return location.removeprefix(folder)
    return location.rpartition("/")[2]


BACKEND = _Memory()
