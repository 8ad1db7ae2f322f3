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

    ``location`` is its whole URI, ``name`` what is below the folder listed, ``/`` between parts;
    ``size`` is in bytes; ``version`` changes when the object does.
    """

    location: str
    name: str
    size: int
    version: str


class Store(Protocol):
    """The operations of a backend; `rendicom.testing.stores.StoreTests` holds it to that.

    Locations are whole: scheme, bucket and key. Only errors of Rendicom leave a store, and no
    message holds a secret. Threads may share a store.

    Attributes
    ----------
    schemes
        What its URIs start with, in small letters, without ``://``.
    """

    schemes: tuple[str, ...]

    def check(self, location: str) -> None:
        """Return when there can be such a location here; no store is asked.

        Raises
        ------
        OptionError
            A package is missing, or the location is malformed.
        """
        ...

    def open_bytes(self, location: str) -> str | BinaryIO:
        """Return a seekable binary file, or a path that is one.

        What is read of a large object costs little more than that. If the object changes
        meanwhile, reading fails or gives the old bytes, never some of both.

        Raises
        ------
        UnreadableSourceError
        """
        ...

    def list_folder(self, location: str) -> Iterator[Stored]:
        """Yield all that is below ``location``, or the one object there, sorted by name.

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
            The result is unknown.
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
        """Tell whether something is there.

        Raises
        ------
        UnreadableSourceError
            The result is unknown.
        """
        ...

    def write(
        self, location: str, data: bytes, *, existing: Existing, is_durable: bool = False
    ) -> bool:
        """Write whole or not at all; False when ``existing`` is ``skip`` and something is there.

        ``data`` may be any buffer, such as a mapped file. With ``is_durable`` a loss of power
        after the return loses nothing.

        Raises
        ------
        OutputExistsError
            Something is there and ``existing`` is ``fail``.
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
