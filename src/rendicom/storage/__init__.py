"""Reads and writes bytes by location: a local path, or the URI of an object store.

Local paths go straight to `rendicom.storage.backends.local`; for a URI, the module for its scheme
is looked up there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rendicom.errors import OptionError
from rendicom.storage.backends.local import BACKEND as _LOCAL
from rendicom.storage.interface import Existing, Store, Stored

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

_ROOM = "rendicom.storage.backends"
_IN_SCHEME = frozenset("+-.")
_by_scheme: dict[str, Store] = {}
"""Stores in use, by scheme."""


def is_uri(location: str) -> bool:
    """Tell whether a location is ``SCHEME://...``; one letter is a drive of Windows."""
    return bool(_scheme_of(location))


def _scheme_of(location: str) -> str:
    """Return the scheme in lower case, empty for a path (RFC 3986 3.1)."""
    scheme, mark, _ = location.partition("://")
    if not mark or len(scheme) < 2 or not (scheme.isascii() and scheme[0].isalpha()):
        return ""
    is_scheme = all(letter.isalnum() or letter in _IN_SCHEME for letter in scheme)
    return scheme.lower() if is_scheme else ""


def normalised(location: str) -> str:
    """Return a ``file://`` URI as a path, another URI with its scheme in lower case.

    Raises
    ------
    OptionError
        The scheme is unknown, its library is not installed, or the URI is malformed.
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
    """Return a path or file object for the engine; see `Store.open_bytes`."""
    return _store(location).open_bytes(location)


def list_folder(location: str) -> Iterator[Stored]:
    """Yield the objects below a URI; see `Store.list_folder`."""
    return _store(location).list_folder(location)


def version_of(location: str) -> str:
    """Return a version of the bytes; see `Store.version_of`."""
    return _store(location).version_of(location)


def head(location: str, length: int) -> bytes:
    """Return the first bytes; see `Store.head`."""
    return _store(location).head(location, length)


def exists(location: str) -> bool:
    """Tell whether the location exists; see `Store.exists`."""
    return _store(location).exists(location)


def write(
    location: str, data: bytes, *, existing: Existing = "overwrite", is_durable: bool = False
) -> bool:
    """Write whole or not at all; see `Store.write`."""
    return _store(location).write(location, data, existing=existing, is_durable=is_durable)


def remove(location: str, *, is_durable: bool = False) -> None:
    """Remove the object; see `Store.remove`."""
    _store(location).remove(location, is_durable=is_durable)


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
    raise OptionError(f"{scheme}:// is not a known storage", hint=f"known: {known}")
