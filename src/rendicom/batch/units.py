"""Units of work: one source each, with the place of its pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rendicom.batch.file_names import FRAME_MARK
from rendicom.selection import FrameSelection

if TYPE_CHECKING:
    from rendicom.archives.entries import Member

__all__ = ["FRAME_MARK", "MEMBER_MARK", "Unit"]

MEMBER_MARK = "!/"
"""Separates an archive from the name of a file in it: ``scans.zip!/a/b.dcm``."""


class Unit(NamedTuple):
    """One source and the place of its pictures.

    Attributes
    ----------
    source
        Path, URI, or ``ARCHIVE!/NAME``: as it is shown, and written to the manifest.
    place
        Where its pictures go: path below the target, ``/`` between its parts, without frame
        number and extension. `FRAME_MARK` in it says where the frame number goes; without, an
        instance of several frames gets ``-0001`` at the end.
    version
        Changes when the source does: size and time, or the ETag; empty where unknown.
    size
        In bytes, 0 where unknown.
    member
        Where in an archive it lies.
    frames
        Which frames, instead of those the recipe says: what was left over.
    is_known
        Its first bytes were seen to be DICOM. Otherwise the worker looks, and what is not DICOM is
        ignored, not a failure.
    about
        Data for `Recipe.input_source`, empty for files.
    """

    source: str
    place: str
    version: str = ""
    size: int = 0
    member: Member | None = None
    frames: FrameSelection | None = None
    is_known: bool = True
    about: str = ""
