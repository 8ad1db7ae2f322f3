"""Bytes by location: a path of this machine, or the URI of an object store.

Local paths go straight to `rendicom.storage.backends.local`; for a URI, the module there that
serves its scheme is looked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from rendicom.errors import OptionError
from rendicom.storage.backends.local import BACKEND as _LOCAL

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = [
    "Existing",
    "Store",
    "Stored",
    "exists",
    "head",
    "is_uri",
    "join",
    "list_folder",
    "normalised",
    "open_bytes",
    "remove",
    "version_of",
    "write",
]

Existing = Literal["overwrite", "skip", "fail"]
"""What happens to what is there already."""

_ROOM = "rendicom.storage.backends"
_IN_SCHEME = frozenset("+-.")
_by_scheme: dict[str, Store] = {}
"""Stores that were asked for."""


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
    """What a backend does; `rendicom.testing.stores.StoreTests` holds it to that.

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

        Nothing is yielded where nothing is. Memory does not grow with the number of objects.

        Raises
        ------
        UnreadableSourceError
        """
        ...

    def version_of(self, location: str) -> str:
        """Return what changes when the bytes do; empty where there are none.

        Raises
        ------
        UnreadableSourceError
            Nobody can tell.
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
            Nobody can tell.
        """
        ...

    def write(self, location: str, data: bytes, *, existing: Existing) -> bool:
        """Write whole or not at all; False when ``existing`` is ``skip`` and something is there.

        ``data`` may be any buffer, such as a mapped file.

        Raises
        ------
        OutputExistsError
            Something is there and ``existing`` is ``fail``.
        UnwritableOutputError
        """
        ...

    def remove(self, location: str) -> None:
        """Remove what is there, if anything is.

        Raises
        ------
        UnwritableOutputError
        """
        ...


def is_uri(location: str) -> bool:
    """Tell ``SCHEME://...`` from a path; one letter is a drive of Windows."""
    return bool(_scheme_of(location))


def _scheme_of(location: str) -> str:
    """Return the scheme in small letters, empty for a path (RFC 3986 3.1)."""
    scheme, mark, _ = location.partition("://")
    if not mark or len(scheme) < 2 or not (scheme.isascii() and scheme[0].isalpha()):
        return ""
    is_scheme = all(letter.isalnum() or letter in _IN_SCHEME for letter in scheme)
    return scheme.lower() if is_scheme else ""


def normalised(location: str) -> str:
    """Return a ``file://`` URI as a path, another URI with its scheme in small letters.

    Raises
    ------
    OptionError
        The scheme is unknown, what serves it is not installed, or the URI is malformed.
    """
    scheme = _scheme_of(location)
    if not scheme:
        return location
    if scheme == "file":
        return _LOCAL.path_of(location)
    location = scheme + location[len(scheme) :]
    _store(location).check(location)
    return location


def join(folder: str, *parts: str) -> str:
    """Return a location below a folder."""
    if not is_uri(folder):
        return os.path.join(folder, *parts)
    return "/".join((folder.rstrip("/"), *parts))


def open_bytes(location: str) -> str | BinaryIO:
    """Return what the engine opens; see `Store.open_bytes`."""
    return _store(location).open_bytes(location)


def list_folder(location: str) -> Iterator[Stored]:
    """Yield what is below a URI; see `Store.list_folder`."""
    return _store(location).list_folder(location)


def version_of(location: str) -> str:
    """Return what changes when the bytes do; see `Store.version_of`."""
    return _store(location).version_of(location)


def head(location: str, length: int) -> bytes:
    """Return the first bytes; see `Store.head`."""
    return _store(location).head(location, length)


def exists(location: str) -> bool:
    """Tell whether something is there; see `Store.exists`."""
    return _store(location).exists(location)


def write(location: str, data: bytes, *, existing: Existing = "overwrite") -> bool:
    """Write whole or not at all; see `Store.write`."""
    return _store(location).write(location, data, existing=existing)


def remove(location: str) -> None:
    """Remove what is there; see `Store.remove`."""
    _store(location).remove(location)


def _store(location: str) -> Store:
    if "://" not in location:
        return _LOCAL
    scheme = _scheme_of(location)
    if scheme in ("", "file"):
        return _LOCAL
    store = _by_scheme.get(scheme)
    if store is None:
        store = _by_scheme[scheme] = _found(scheme)
    return store


def _found(scheme: str) -> Store:
    from rendicom import registry

    stores: list[Store] = list(registry.discover(_ROOM, "BACKEND").values())
    for store in stores:
        if scheme in store.schemes:
            return store
    known = ", ".join(f"{each}://" for store in stores for each in store.schemes)
    raise OptionError(f"{scheme}:// is no storage Rendicom knows", hint=f"known: {known}")
