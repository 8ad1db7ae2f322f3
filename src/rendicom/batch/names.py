"""Names of the pictures that come out: pure text, nothing here looks at a disk."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

__all__ = ["DICOM_ENDINGS", "Claims", "picture_name", "stem_of"]

DICOM_ENDINGS = (".dcm", ".dicom", ".ima", ".img")
"""The only endings that are taken off a source's name: a UID is a name full of dots, too."""

_FRAME_NUMBER = re.compile(r"-[0-9]{4,}$")


def stem_of(name: str) -> str:
    """Return a source's name less a DICOM ending in any case.

    >>> stem_of("CT.1.2.840.DCM"), stem_of("1.2.840.113"), stem_of(".dcm")
    ('CT.1.2.840', '1.2.840.113', '.dcm')
    """
    for ending in DICOM_ENDINGS:
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name


def picture_name(
    stem: str, extension: str, *, frame: int | None = None, number_of_frames: int = 1
) -> str:
    """Return the name of one picture.

    ``frame`` is ``None`` for a picture that carries all frames. Frames of a multi-frame instance
    are numbered with at least four digits, and enough for the last one.

    >>> picture_name("scan", ".png", frame=7, number_of_frames=20)
    'scan-0007.png'
    >>> picture_name("scan", ".png", frame=1)
    'scan.png'
    """
    if frame is None or number_of_frames == 1:
        return f"{stem}{extension}"
    width = max(4, len(str(number_of_frames)))
    return f"{stem}-{frame:0{width}}{extension}"


class Claims:
    """The stems given away in one output folder: no two sources share a picture's name.

    The first source to come gets the short stem. A later one that would clash keeps its whole
    name (``a.img.jpg`` beside the ``a.jpg`` of ``a.dcm``), then a number. How many frames a source
    has is not known yet, so ``x-0001`` clashes with ``x`` as well. Names that differ in case or
    Unicode composition only count as the same, as they are on macOS and Windows.

    Parameters
    ----------
    extension
        Extension of the pictures.
    folders
        Names of folders that will stand beside the pictures.
    """

    def __init__(self, extension: str, *, folders: Iterable[str] = ()) -> None:
        self._extension = _folded(extension)
        self._taken: set[str] = set()
        self._unnumbered: set[str] = set()
        for folder in folders:
            self.reserve(folder)

    def reserve(self, folder: str) -> bool:
        """Keep pictures from getting the name of ``folder``; return False where one has it."""
        key = _folded(folder)
        if not key.endswith(self._extension):
            key += "/"
        key = key.removesuffix(self._extension)
        is_free = self._is_free(key)
        self._claim(key)
        return is_free

    def take(self, name: str) -> str:
        """Return the stem for the pictures of the source called ``name``."""
        for stem in _candidates(name):
            key = _folded(stem)
            if self._is_free(key):
                self._claim(key)
                return stem
        raise AssertionError("the candidates never end")

    def take_folder(self, name: str) -> str:
        """Return the name of an output folder for the source folder called ``name``."""
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        return next(each for each in itertools.chain([name], numbered) if self.reserve(each))

    def _is_free(self, key: str) -> bool:
        return (
            key not in self._taken
            and key not in self._unnumbered
            and _FRAME_NUMBER.sub("", key) not in self._taken
        )

    def _claim(self, key: str) -> None:
        self._taken.add(key)
        unnumbered = _FRAME_NUMBER.sub("", key)
        if unnumbered != key:
            self._unnumbered.add(unnumbered)


def _candidates(name: str) -> Iterator[str]:
    stem = stem_of(name)
    yield stem
    if stem != name:
        yield name
    for number in itertools.count(2):
        yield f"{name}-{number}"


def _folded(name: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFC", name).casefold()
