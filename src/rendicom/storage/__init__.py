"""Bytes by location: a path of this machine, or the URI of an object store.

Local paths go straight to `rendicom.storage.backends.local`; the scheme of a URI chooses one of the
other modules there, which is imported when it is used.
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
    "SCHEMES",
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

SCHEMES = {
    "s3": "objects",
    "gs": "objects",
    "az": "objects",
    "azure": "objects",
    "abfs": "objects",
    "memory": "memory",
}
"""Schemes of URIs, and the module that serves each. ``file://`` is a local path."""

_ROOM = "rendicom.storage.backends"
_FILE = "file://"


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
    """What a backend does; `rendicom.testing.StoreTests` holds it to that.

    Locations are whole: scheme, bucket and key. Nothing but the errors named leaves a store, and
    no message holds a secret.
    """

    def open_bytes(self, location: str) -> str | BinaryIO:
        """Return a seekable binary file, or a path that is one.

        What is read of a large object costs little more than that.

        Raises
        ------
        UnreadableSourceError
        """
        ...

    def list_folder(self, location: str) -> Iterator[Stored]:
        """Yield all that is below ``location``, or the one object there, sorted by name.

        Raises
        ------
        UnreadableSourceError
        """
        ...

    def version_of(self, location: str) -> str:
        """Return what changes when the bytes do; empty where there are none."""
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
    """Tell a URI of a store from a path; ``file://`` counts, the drive of Windows does not."""
    scheme, mark, _ = location.partition("://")
    return bool(mark) and (scheme in SCHEMES or scheme == "file" or scheme in _plugins())


def normalised(location: str) -> str:
    """Return a ``file://`` URI as a path, anything else as it is.

    Raises
    ------
    OptionError
        The scheme is unknown, or the host of a ``file://`` URI is another.
    """
    scheme, mark, rest = location.partition("://")
    if not mark or (is_uri(location) and scheme != "file") or os.path.lexists(location):
        return location
    if scheme != "file":
        known = ", ".join(f"{each}://" for each in ("file", *SCHEMES))
        raise OptionError(f"{scheme}:// is no storage Rendicom knows", hint=f"known: {known}")
    host, slash, _ = rest.partition("/")
    if host not in ("", "localhost") or not slash:
        raise OptionError(f"{location} names another machine", hint="file:///folder/name is local")
    from urllib.request import url2pathname

    return url2pathname(rest[len(host) :])


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
    if "://" not in location or not is_uri(location):
        return _LOCAL
    scheme = location.partition("://")[0]
    if scheme == "file":
        return _LOCAL
    module = SCHEMES.get(scheme)
    if module is None:
        return _plugins()[scheme]
    from rendicom import registry

    store: Store = registry.load(_ROOM, module, "BACKEND")
    return store


def _plugins() -> dict[str, Store]:
    """Return the stores of other packages by scheme, the name of their entry point."""
    from importlib.metadata import entry_points

    return {entry.name: entry.load() for entry in entry_points(group=_ROOM)}
