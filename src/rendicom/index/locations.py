"""Locations in the catalogue: a folder and a name in it; and short forms of UIDs."""

from __future__ import annotations

import os

from rendicom.storage import is_uri, normalised

_PREFIX = "1.2.840.10008."
_SHORT = "~"


def absolute(location: str) -> str:
    """Return an absolute path, or a URI without trailing slash."""
    location = normalised(location)
    return location.rstrip("/") if is_uri(location) else os.path.abspath(location)


def split(location: str) -> tuple[str, str]:
    """Return folder, with its separator, and name; joined they are the location again."""
    separator = "/" if is_uri(location) else os.sep
    folder, mark, name = location.rpartition(separator)
    if not mark and os.altsep and not is_uri(location):
        folder, mark, name = location.rpartition(os.altsep)
    return folder + mark, name


def is_below(location: str, root: str) -> bool:
    """Return whether a location, or a folder from `split`, is ``root`` or below it."""
    separators = ("/",) if is_uri(root) else (os.sep, os.altsep or os.sep)
    if not location.startswith(root):
        return False
    rest = location[len(root) :]
    return not rest or root.endswith(separators) or rest[0] in separators


def short_uid(uid: str) -> str:
    """Return a UID of the standard in a shorter form: each row has two of them."""
    return _SHORT + uid[len(_PREFIX) :] if uid.startswith(_PREFIX) else uid


def long_uid(text: str) -> str:
    """Return the UID of a short form from `short_uid`."""
    return _PREFIX + text[1:] if text.startswith(_SHORT) else text
