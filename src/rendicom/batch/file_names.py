"""Names of output pictures as text, safe on every system: nothing here accesses a disk."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rendicom.dicom.file_kind import DICOM_EXTENSIONS

if TYPE_CHECKING:
    from rendicom.batch.scratch import Register

UNNAMED = "unnamed"
"""Replacement for a name without any safe character."""

# Patterns are compiled when they are first used: most runs never need them.
_SEPARATORS = r"[/\\]+"
_DRIVE = r"\A[A-Za-z]:"
# Characters that Windows forbids, controls, and surrogates, which macOS forbids.
_FORBIDDEN = '[<>:"|?*\\\\/\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]'
_UNPRINTABLE = "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
# Windows opens a device for these, whatever follows the first dot.
_DEVICE = r"(?i)\A(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|COM[0-9¹²³]|LPT[0-9¹²³])(\..*)?\Z"
_LONGEST_PART = 200
"""Bytes in UTF-8: file systems hold 255, and a frame number and an extension follow."""
_LONGEST_PATH = 1000


def safe_parts(name: str) -> tuple[str, ...]:
    r"""Return the parts of a path that stays inside its folder on every system; at least one.

    Roots, drives and ``..`` are dropped, unsafe characters are replaced. Very long paths keep their
    end.

    >>> safe_parts("../../etc/x"), safe_parts("C:\\a\\..\\b.dcm"), safe_parts("a//./CON.dcm ")
    (('etc', 'x'), ('a', 'b.dcm'), ('a', '_CON.dcm'))
    """
    raw = re.split(_SEPARATORS, re.sub(_DRIVE, "", name))
    parts = [_safe(part) for part in raw if part.strip(" .")]
    length = 0
    for position, part in enumerate(reversed(parts)):
        length += len(part.encode()) + 1
        if length > _LONGEST_PATH:
            parts = parts[len(parts) - position :]
            break
    return tuple(parts) or (UNNAMED,)


def _safe(part: str) -> str:
    # Windows drops spaces and dots at the end.
    part = re.sub(_FORBIDDEN, "_", part).rstrip(" .").lstrip(" ")
    if re.match(_DEVICE, part):
        part = f"_{part}"
    return shortened(part) or UNNAMED


def shortened(part: str, most: int = _LONGEST_PART) -> str:
    """Return part of a path in a limited number of bytes of UTF-8; a shortened one ends in a hash.

    The hash is of the whole part, so that different parts get different names.
    """
    if len(part) <= most and len(_bytes(part)) <= most:
        return part
    # A byte of a name that is not UTF-8 counts as three: a store may need them.
    start, left = 0, most - 9
    while start < len(part) and (left := left - len(_bytes(part[start]))) >= 0:
        start += 1
    return f"{part[:start].rstrip(' .')}-{hash_of(part)}"


def hash_of(text: str) -> str:
    """Return eight hexadecimal digits that distinguish long texts once they are cut."""
    import hashlib

    return hashlib.sha256(_bytes(text)).hexdigest()[:8]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def shown(name: str) -> str:
    """Return a name for display on one line, without control characters."""
    return re.sub(_UNPRINTABLE, "\ufffd", name)


FRAME_MARK = "\0"
"""Placeholder of the frame number in a name; no file name can contain it."""

DICOM_ENDINGS = (*DICOM_EXTENSIONS, ".img")
"""The only endings removed from the name of a source: UIDs contain dots, too."""

_FRAME_NUMBER = r"-[0-9]{4,}$"
_WIDTH = 4
_ALL_FRAMES = "all"
_NUMBERED = "//#"
"""Suffix of the key of a name without its frame number; no path contains two slashes."""


def stem_of(name: str) -> str:
    """Return a source's name less a DICOM ending in any case.

    >>> stem_of("CT.1.2.840.DCM"), stem_of("1.2.840.113"), stem_of(".dcm")
    ('CT.1.2.840', '1.2.840.113', '.dcm')
    """
    lower = name.lower()
    if not lower.endswith(DICOM_ENDINGS) or lower in DICOM_ENDINGS:
        return name
    return name[: -next(len(ending) for ending in DICOM_ENDINGS if lower.endswith(ending))]


def picture_name(
    stem: str, extension: str, *, frame: int | None = None, number_of_frames: int = 1
) -> str:
    """Return the name of one picture.

    ``frame`` is ``None`` for a picture of all frames. Frames of a multi-frame instance
    are numbered with at least four digits, and enough for the last one. `FRAME_MARK` in the stem is
    replaced by the number, or by ``all`` for a picture of all frames.

    >>> picture_name("scan", ".png", frame=7, number_of_frames=20)
    'scan-0007.png'
    >>> picture_name("scan", ".png", frame=1)
    'scan.png'
    >>> picture_name(f"scan/{frame_marks()}", ".png", frame=1)
    'scan/0001.png'
    """
    marks = stem.count(FRAME_MARK)
    least = marks - 1 if marks > 1 else _WIDTH
    width = max(least, len(str(number_of_frames)))
    number = _ALL_FRAMES if frame is None else f"{frame:0{width}}"
    if marks:
        return f"{stem.replace(FRAME_MARK * marks, number)}{extension}"
    if frame is None or number_of_frames == 1:
        return f"{stem}{extension}"
    return f"{stem}-{number}{extension}"


def frame_marks(digits: int = _WIDTH) -> str:
    """Return the placeholder of a frame number with at least so many digits.

    One mark is the usual width; a run of them is one digit longer than the number.
    """
    return FRAME_MARK if digits == _WIDTH else FRAME_MARK * (digits + 1)


class ClaimedNames:
    """The stems in use in one output folder: no two sources share a picture's name.

    The first source to come gets the short stem. A later one that would clash keeps its whole
    name (``a.img.jpg`` beside the ``a.jpg`` of ``a.dcm``), then a number. How many frames a source
    has is not known yet, so ``x-0001`` clashes with ``x`` as well. Names that differ in case or
    Unicode composition only count as the same, as they are on macOS and Windows. A name that leaves
    no room for a frame number and an extension is cut and ends in a hash.

    Parameters
    ----------
    extension
        Extension of the pictures.
    folders
        Names of folders that will stand beside the pictures.
    taken
        Keeps the names in use, which may be too many for memory.
    within
        Path of the folder, where ``taken`` is shared by several.
    """

    def __init__(
        self,
        extension: str,
        *,
        folders: Iterable[str] = (),
        taken: Register | None = None,
        within: str = "",
    ) -> None:
        self._extension = folded(extension)
        self._taken = _Remembered() if taken is None else taken
        self._prefix = f"{folded(within)}/" if within else ""
        for folder in folders:
            self.reserve(folder)

    def reserve(self, folder: str) -> bool:
        """Keep pictures from getting the name of ``folder``; return False where one has it."""
        key = folded(folder)
        if not key.endswith(self._extension):
            key += "/"
        return self._claim(key.removesuffix(self._extension), folder)

    def take(self, name: str) -> str:
        """Return the stem for the pictures of the source called ``name``."""
        for stem in _candidates(name):
            if self._claim(folded(stem), name):
                return stem
        raise AssertionError("the candidates never end")

    def take_folder(self, name: str) -> str:
        """Return the name of an output folder for the source folder called ``name``."""
        numbered = (f"{shortened(name)}-{number}" for number in itertools.count(2))
        return next(each for each in itertools.chain([name], numbered) if self.reserve(each))

    def _claim(self, key: str, owner: str) -> bool:
        return claim_stem(self._taken, f"{self._prefix}{key}", owner) is None


class _Remembered(dict[str, str]):
    """A `rendicom.batch.scratch.Register` in memory."""

    def take(self, key: str, owner: str = "") -> bool:
        is_free = key not in self
        self.setdefault(key, owner)
        return is_free

    def owner_of(self, key: str) -> str:
        return self.get(key, "")


def claim_stem(taken: Register | _Remembered, key: str, owner: str = "") -> str | None:
    """Give a folded stem to ``owner`` and return None, or return the owner of a conflicting one.

    ``x-0001`` could be a frame of ``x`` as long as the number of frames of ``x`` is unknown.
    """
    is_plain = FRAME_MARK in key or "-" not in key
    unnumbered = key if is_plain else re.sub(_FRAME_NUMBER, "", key)
    for other in (key, f"{key}{_NUMBERED}", unnumbered):
        if other in taken:
            return taken.owner_of(other)
    taken.take(key, owner)
    if unnumbered != key:
        taken.take(f"{unnumbered}{_NUMBERED}", owner)
    return None


def _candidates(name: str) -> Iterator[str]:
    stem = stem_of(name)
    yield shortened(stem)
    whole = shortened(name)
    if stem != name:
        yield whole
    for number in itertools.count(2):
        yield f"{whole}-{number}"


def folded(name: str) -> str:
    """Return the form in which names that macOS and Windows take for the same are equal."""
    if name.isascii():
        return name.lower()
    import unicodedata

    return unicodedata.normalize("NFC", name).casefold()
