"""Messages between the run and its workers: text and numbers, never pixels.

Named tuples and not dataclasses, which take seven times as long to define.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rendicom.batch.identity import Filters, InstanceSummary
    from rendicom.batch.input_source import InputSource
    from rendicom.batch.outcomes import Outcome
    from rendicom.batch.sources import Unit
    from rendicom.composition.composed import Pages
    from rendicom.options import RenderOptions
    from rendicom.selection import FrameSelection
    from rendicom.storage import Existing


class Recipe(NamedTuple):
    """Instructions for every source; sent to the workers with each chunk."""

    target: str
    """Folder or URI of the pictures, as given."""
    format: str
    """Name of the output format."""
    options: RenderOptions
    frames: FrameSelection | None = None
    """None for what fits: every frame, or the whole loop in an animated format."""
    existing: Existing = "overwrite"
    filters: Filters | None = None
    timeout: float | None = None
    """Seconds one picture may take; None for no limit."""
    base: str = ""
    """Folder that relative paths count from; empty for the current one."""
    is_rehearsal: bool = False
    """Nothing is written; each picture is `Planned`."""
    patient_fields: tuple[str, ...] = ()
    """Keywords of patients' attributes that a layout asks for; empty unless the user allowed it."""
    presentation: str = ""
    """Where the presentation state lies that images it refers to are shown by, or empty."""
    input_source: InputSource | None = None
    """Supplier of the units; None for files."""
    is_bundled: bool = False
    """The pictures of a chunk go into one file in ``target``, for the run to take them from."""
    is_alone: bool = False
    """The run has one source, requested by name: if it has no pixels, that is a failure."""
    layers: tuple[str, ...] = ()
    """Where the objects lie that are drawn over the images."""
    layer_words: str = ""
    """What changes with these objects; empty where their files tell it."""
    on: tuple[str, ...] = ()
    """Files and folders of the images that those objects are about; images that nothing is said of
    give no picture."""
    among: tuple[str, ...] | None = None
    """Files and folders of the run, in which objects find the images that they are about. None
    where they are not to be shown on images."""
    run: str = ""
    """Name of the run: what it keeps open in workers is its own."""


class UnitReport(NamedTuple):
    """Outcomes of a unit."""

    unit: Unit
    outcomes: tuple[Outcome, ...]
    identity: InstanceSummary | None = None
    """None where the header could not be read."""
    pictures: int = 0
    """How many pictures the source gives in all; 0 where unknown."""
    rest: FrameSelection | None = None
    """Frames not done because the worker's time was up: to be sent again."""
    seconds: float = 0.0
    """Time it took; where there is a rest, that of the pictures alone."""
    patient: Mapping[str, str] = {}
    """Values of `Recipe.patient_fields`, for names only: never for the manifest or a message."""
    bundle: tuple[str, int] = ("", 0)
    """Path of the file that holds the pictures, one after the other, and where the first begins;
    empty where they have files of their own."""
    pages: Pages | None = None
    """The images that the rest shows, of an object that is about images."""


class ChunkReports(NamedTuple):
    """Answer of a worker: reports, and the units it had no time for."""

    reports: tuple[UnitReport, ...]
    left: tuple[Unit, ...] = ()
