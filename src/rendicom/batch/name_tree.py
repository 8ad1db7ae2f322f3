"""Output paths for sources that come from many folders, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rendicom.batch.file_names import ClaimedNames, folded

if TYPE_CHECKING:
    from rendicom.batch.scratch import Register

_KNOWN = 256
"""Folders whose names are cached."""
_DOUBLES = 20
"""Number of sources of one name that are numbered in sequence; further numbers take too long."""
_FOLDER, _SOURCE = "\0folder/", "\0source/"


def joined(folder: str, name: str) -> str:
    """Return a place in a folder; either may be empty."""
    return f"{folder}/{name}" if folder and name else folder or name


class Tree:
    """The output paths in use below one folder, kept in a register that may be on disk.

    Folders keep their names unless a picture, or a folder that differs only in case, has it.

    Parameters
    ----------
    extension
        Of the pictures, with its dot.
    register
        Keeps the names in use.
    root
        Folder that all places lie in.
    """

    def __init__(self, extension: str, register: Register, *, root: str = "") -> None:
        self._extension = extension
        self._register = register
        self._root = root
        self._folders: dict[str, str] = {}
        self._claims: dict[str, ClaimedNames] = {}
        self._doubles: dict[str, int] = {}

    def place(self, parts: Sequence[str], *, number: int = 0) -> str:
        """Return the place for the source at ``parts``: folders, and the name as the last.

        ``number`` is unique among sources, for names that occur very often.
        """
        folder = self.folder(parts[:-1])
        name = parts[-1]
        key = f"{_SOURCE}{folder}/{folded(name)}"
        if not self._register.take(key):
            name = self._distinguished(key, name, number)
        return joined(folder, self.claims_in(folder).take(name))

    def _distinguished(self, key: str, name: str, number: int) -> str:
        count = self._doubles[key] = self._doubles.get(key, 0) + 1
        if len(self._doubles) > _KNOWN:
            self._doubles.clear()
        return f"{name}_{number}" if number and count > _DOUBLES else name

    def folder(self, parts: Sequence[str]) -> str:
        """Return the place of a folder; the same parts give the same place."""
        path, place = "", self._root
        for part in parts:
            path = joined(path, part)
            known = self._folders.get(path) or self._register.owner_of(_FOLDER + path)
            place = known or self._named(path, place, part)
        return place

    def take_folder(self, parts: Sequence[str]) -> str:
        """Return the place of a folder that no other source gets."""
        parent = self.folder(parts[:-1])
        return joined(parent, self.claims_in(parent).take_folder(parts[-1]))

    def _named(self, path: str, parent: str, part: str) -> str:
        place = joined(parent, self.claims_in(parent).take_folder(part))
        self._register.take(_FOLDER + path, place)
        if len(self._folders) > _KNOWN:
            self._folders.clear()
        self._folders[path] = place
        return place

    def claims_in(self, folder: str) -> ClaimedNames:
        """Return the names in use in a folder that `folder` returned."""
        claims = self._claims.get(folder)
        if claims is None:
            if len(self._claims) > _KNOWN:
                self._claims.clear()
            claims = ClaimedNames(self._extension, taken=self._register, within=folder)
            self._claims[folder] = claims
        return claims
