"""The interface of a storage backend, and the objects that it lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Protocol

from rendicom.records import NamedTuple

if TYPE_CHECKING:
    from typing import BinaryIO

Existing = Literal["overwrite", "skip", "fail"]
"""Treatment of files that exist already."""


class Stored(NamedTuple):
    """One object in a listing.

    ``location`` is its full URI, ``name`` its path below the listed folder, with ``/``;
    ``size`` is in bytes; ``version`` changes when the object does.
    """

    location: str
    name: str
    size: int
    version: str


class Store(Protocol):
    """The operations of a backend, tested by `rendicom.testing.stores.StoreTests`.

    Locations are complete: scheme, bucket and key. A store raises only errors of Rendicom, without
    secrets in messages. Threads may share a store.
    """

    schemes: tuple[str, ...]
    """Schemes of its URIs, in lower case, without ``://``."""

    def check(self, location: str) -> None:
        """Check that a location is supported, without a request.

        Raises
        ------
        OptionError
            A package is missing, or the location is malformed.
        """
        ...

    def open_bytes(self, location: str) -> str | BinaryIO:
        """Return a seekable binary file, or the path of one.

        Reading a part of a large object fetches little more. If the object changes meanwhile,
        reading fails or returns the old bytes, never a mixture.

        Raises
        ------
        UnreadableSourceError
        """
        ...

    def list_folder(self, location: str) -> Iterator[Stored]:
        """Yield all objects below ``location``, or the one at it, sorted by name.

        A folder that does not exist is empty. Memory does not grow with the number of objects.

        Raises
        ------
        UnreadableSourceError
        """
        ...

    def version_of(self, location: str) -> str:
        """Return a version that changes when the bytes do; empty if the object is missing.

        Raises
        ------
        UnreadableSourceError
            The store cannot be reached.
        """
        ...

    def head(self, location: str, length: int) -> bytes:
        """Return the first bytes, at most ``length``.

        Raises
        ------
        UnreadableSourceError
        """
        ...

    def exists(self, location: str) -> bool:
        """Tell whether the object exists.

        Raises
        ------
        UnreadableSourceError
            The store cannot be reached.
        """
        ...

    def write(
        self, location: str, data: bytes, *, existing: Existing, is_durable: bool = False
    ) -> bool:
        """Write whole or not at all; return False if an existing object is kept.

        ``data`` may be any buffer, such as a mapped file. With ``is_durable`` the data survive a
        loss of power after the return.

        Raises
        ------
        OutputExistsError
            The object exists and ``existing`` is ``fail``.
        UnwritableOutputError
        """
        ...

    def remove(self, location: str, *, is_durable: bool = False) -> None:
        """Remove the object, if there is one; see `write` for ``is_durable``.

        Raises
        ------
        UnwritableOutputError
        """
        ...
