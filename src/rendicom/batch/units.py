"""Units of work: one source each, with the place of its pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rendicom.batch.file_names import FRAME_MARK
from rendicom.selection import FrameSelection

if TYPE_CHECKING:
    from rendicom.archives.entries import Member
    from rendicom.composition.composed import Pages

__all__ = ["FRAME_MARK", "MEMBER_MARK", "Unit"]

MEMBER_MARK = "!/"
"""Separates an archive from the name of a file in it: ``scans.zip!/a/b.dcm``."""


class Unit(NamedTuple):
    """One source and the place of its pictures.

    Attributes
    ----------
    source
        Path, URI, or ``ARCHIVE!/NAME``, as shown in messages and in the manifest.
    place
        Path of its pictures below the target, with ``/`` between its parts, without frame number
        and extension. `FRAME_MARK` in it is replaced by the frame number; without a mark, ``-0001``
        is appended for instances of several frames.
    version
        Changes when the source does: size and time, or the ETag; empty where unknown.
    size
        In bytes, 0 where unknown.
    member
        Its member of an archive.
    frames
        Frames to convert instead of those of the recipe: the remaining ones.
    is_known
        Its first bytes were recognized as DICOM. Otherwise the worker checks, and a file that is
        not DICOM is ignored instead of failing.
    about
        Data for `Recipe.input_source`, empty for files.
    pages
        The images that its pictures show, where it is about images and these are known.
    """

    source: str
    place: str
    version: str = ""
    size: int = 0
    member: Member | None = None
    frames: FrameSelection | None = None
    is_known: bool = True
    about: str = ""
    pages: Pages | None = None
