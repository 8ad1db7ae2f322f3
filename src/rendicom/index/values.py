"""What goes into the catalogue and what comes out of it: plain values that travel anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

__all__ = [
    "Counts",
    "Entry",
    "Found",
    "Indexed",
    "Level",
    "Match",
    "Rejected",
    "ScanProgress",
    "Sought",
    "Status",
]

Level = Literal["studies", "series", "instances"]
Status = Literal["present", "deleted", "unknown"]


class Indexed(NamedTuple):
    """One instance as its file describes it.

    ``of_study``, ``of_series`` and ``more`` hold attributes by tag; see
    `rendicom.index.keys` for which, and for their form. ``number`` and ``series_number`` are
    None where the file has none. The rest is as in `Entry`.
    """

    study: str
    series: str
    instance: str
    location: str
    version: str
    size: int
    sop_class: str
    transfer_syntax: str
    number_of_frames: int
    rows: int
    columns: int
    bits_allocated: int
    has_pixels: bool
    burned_in: bool
    representative_frame: int
    series_number: int | None
    instance_number: int | None
    of_study: Mapping[str, list[Any]]
    of_series: Mapping[str, list[Any]]
    more: Mapping[str, list[Any]]


class Rejected(NamedTuple):
    """A file that holds no instance; ``is_dicom`` where it is DICOM that cannot be listed."""

    location: str
    version: str
    size: int
    is_dicom: bool


class Entry(NamedTuple):
    """Which instance this is, and where.

    Attributes
    ----------
    location
        Path or URI.
    version
        Changes when the file does.
    size
        Of the file, in bytes.
    number_of_frames
        1 where the file does not say.
    rows, columns
        0 for an object without an image.
    has_pixels
        There is an image to render.
    burned_in
        The pixels may identify the patient: the file says so, or it is the label of a slide.
    representative_frame
        Counted from 1.
    """

    study: str
    series: str
    instance: str
    location: str
    version: str
    size: int
    sop_class: str
    transfer_syntax: str
    modality: str
    number_of_frames: int
    rows: int
    columns: int
    has_pixels: bool
    burned_in: bool
    representative_frame: int
    series_number: int | None
    instance_number: int | None


class Match(Protocol):
    """One condition of a search; `rendicom.dicomweb.query.Match` is such a one.

    ``path`` is one tag, or those of sequences and then one. ``kind`` is ``single``, ``list``,
    ``wildcard``, ``range`` (first and last, inclusive, an empty one open), ``universal`` or
    ``empty``.
    """

    @property
    def path(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def vr(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def values(self) -> tuple[str, ...]: ...  # noqa: D102


class Sought(Protocol):
    """A search; `rendicom.dicomweb.query.Query` is one."""

    @property
    def matches(self) -> Sequence[Match]: ...  # noqa: D102
    @property
    def include(self) -> Sequence[tuple[int, ...]] | Literal["all"]: ...  # noqa: D102
    @property
    def limit(self) -> int | None: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def fuzzy(self) -> bool: ...  # noqa: D102


class Found(NamedTuple):
    """What a search found.

    ``models`` are in the DICOM JSON model, without Retrieve URL; ``remaining`` is how many more
    matches follow them; ``warnings`` are sentences for Warning headers.
    """

    models: list[dict[str, Any]]
    remaining: int
    warnings: tuple[str, ...] = ()


class Counts(NamedTuple):
    """How much the catalogue holds; ``duplicates`` are further files of instances it has."""

    studies: int
    series: int
    instances: int
    duplicates: int = 0


class ScanProgress(NamedTuple):
    """How far the look through the folders is.

    Once a look is complete this is what it found, until the next one is.

    Attributes
    ----------
    found
        Files seen.
    indexed
        Instances among them that are listed.
    failed
        DICOM files that cannot be listed, and files that cannot be read.
    is_complete
        All folders were looked through at least once.
    unreachable
        Folders that cannot be reached now; what was known of them is kept.
    """

    found: int = 0
    indexed: int = 0
    failed: int = 0
    is_complete: bool = False
    unreachable: tuple[str, ...] = ()
