"""What travels between the run and its workers: text and numbers, never pixels.

Named tuples and not dataclasses, which take seven times as long to define.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rendicom.batch.frames import FrameSelection
from rendicom.batch.names import FRAME_MARK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rendicom.batch.filters import Filters
    from rendicom.batch.job import Outcome
    from rendicom.batch.origin import Origin
    from rendicom.batch.write import Existing
    from rendicom.options import RenderOptions

__all__ = ["FRAME_MARK", "MEMBER_MARK", "Chunk", "Identity", "Member", "Recipe", "Report", "Unit"]

MEMBER_MARK = "!/"
"""Stands between an archive and the name of a file in it: ``scans.zip!/a/b.dcm``."""


class Member(NamedTuple):
    """Where in an archive a file lies.

    ``number`` counts the archive's entries from 0; ``offset`` is where the bytes of a tar member
    start in the stream, decompressed, and where the header before them starts in a zip; ``size`` is
    in bytes, decompressed.
    """

    archive: str
    number: int
    offset: int
    size: int


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
        Its first bytes were seen to be DICOM. Otherwise the worker looks, and what is no DICOM is
        ignored, not a failure.
    about
        What is known of it before it is opened, in words of `Recipe.origin`.
    """

    source: str
    place: str
    version: str = ""
    size: int = 0
    member: Member | None = None
    frames: FrameSelection | None = None
    is_known: bool = True
    about: str = ""


class Identity(NamedTuple):
    """What an instance is, in the terms that names, filters and the manifest use.

    UIDs, Modality, Series Number and Instance Number are text as in the file, empty where absent;
    nothing here is a patient's. ``burned_in`` is Burned In Annotation (0028,0301).
    """

    study: str = ""
    series: str = ""
    instance: str = ""
    modality: str = ""
    series_number: str = ""
    instance_number: str = ""
    burned_in: str = ""
    has_pixels: bool = False


class Recipe(NamedTuple):
    """What is done to every source; goes to the workers once a chunk.

    Attributes
    ----------
    target
        Folder or URI of the pictures, as given.
    format
        Name of the output format.
    frames
        None for what fits: every frame, or the whole loop in an animated format.
    timeout
        Seconds one picture may take; None for no limit.
    base
        Folder that relative paths count from; empty for the current one.
    is_rehearsal
        Nothing is written; each picture is `Planned`.
    patient_fields
        Keywords of patients' attributes that a layout asks for; empty unless somebody allowed it.
    presentation
        Where the presentation state lies that images it refers to are shown by, or empty.
    origin
        Where units are from that are no files.
    """

    target: str
    format: str
    options: RenderOptions
    frames: FrameSelection | None = None
    existing: Existing = "overwrite"
    filters: Filters | None = None
    timeout: float | None = None
    base: str = ""
    is_rehearsal: bool = False
    patient_fields: tuple[str, ...] = ()
    presentation: str = ""
    origin: Origin | None = None


class Report(NamedTuple):
    """What became of a unit.

    Attributes
    ----------
    identity
        None where the header could not be read.
    pictures
        How many pictures the source gives in all; 0 where unknown.
    rest
        Frames not done because the worker's time was up: to be sent again.
    seconds
        Time it took.
    patient
        Values of `Recipe.patient_fields`, for names only: never for the manifest or a message.
    """

    unit: Unit
    outcomes: tuple[Outcome, ...]
    identity: Identity | None = None
    pictures: int = 0
    rest: FrameSelection | None = None
    seconds: float = 0.0
    patient: Mapping[str, str] = {}


class Chunk(NamedTuple):
    """What a worker sends back: reports, and the units it had no time for."""

    reports: tuple[Report, ...]
    left: tuple[Unit, ...] = ()
