"""Reads where frames lie: from functional groups, the top level, dose grids and NM detectors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rendicom.composition.geometry import LEAST_FOCAL_GAP, Plane
from rendicom.errors import CorruptDataError
from rendicom.pixels.display import FrameGroups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rendicom.dicom.attributes import Attributes
    from rendicom.dicom.header import Header
    from rendicom.values import PixelDescription

_FRAME_OF_REFERENCE = 0x00200052
_POSITION_MACRO, _POSITION = 0x00209113, 0x00200032
_ORIENTATION_MACRO, _ORIENTATION = 0x00209116, 0x00200037
_MEASURES_MACRO, _SPACING = 0x00289110, 0x00280030
_THICKNESS, _GAP = 0x00180050, 0x00180088
_OFFSETS = 0x3004000C
_SLIDE_ORIENTATION, _MATRIX_ORIGIN = 0x00480102, 0x00480008
_MATRIX_COLUMNS, _MATRIX_ROWS = 0x00480006, 0x00480007
_SLIDE_MACRO, _TILE_COLUMN, _TILE_ROW = 0x0048021A, 0x0048021E, 0x0048021F
_SLIDE_X, _SLIDE_Y, _SLIDE_Z = 0x0040072A, 0x0040073A, 0x0040074A
_FOCAL_PLANES = 0x00480303
_DETECTORS, _SLICE_VECTOR = 0x00540022, 0x00540080


class _Measures(NamedTuple):
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    thickness: float | None
    gap: float | None


class Planes:
    """The planes of the frames of one instance, read on demand."""

    def __init__(self, header: Header, description: PixelDescription) -> None:
        self._attributes = header.attributes
        self._description = description
        self._known: dict[int, Plane | None] = {}
        self.frame_of_reference = self._attributes.text(_FRAME_OF_REFERENCE)
        self.problem = ""
        """Reason why the position of a requested plane is not usable."""

    def plane(self, frame: int) -> Plane | None:
        """Return the plane of a frame, counted from 1; None if it has no usable position."""
        if frame not in self._known:
            try:
                self._known[frame] = self._read(frame)
            except CorruptDataError as error:
                many = self._description.number_of_frames > 1
                self.problem = f"frame {frame}: {error.message}" if many else error.message
                self._known[frame] = None
        return self._known[frame]

    def tile(self, frame: int) -> tuple[int, int] | None:
        """Return column and row of a tile in the matrix of a slide, from 0; None for others.

        The header states them for each frame, or the tiles are ordered by rows (PS3.3 C.7.6.17.3).
        """
        groups = FrameGroups(self._attributes, frame)
        place = groups.macro(_SLIDE_MACRO, _TILE_COLUMN)
        column, row = place.integers(_TILE_COLUMN), place.integers(_TILE_ROW)
        if column and row:
            return column[0] - 1, row[0] - 1
        across, down = self._tiles
        if not across * down:
            return None
        number = (frame - 1) % (across * down)
        return (
            number % across * self._description.columns,
            number // across * self._description.rows,
        )

    def all(self) -> list[Plane | None]:
        """Return the planes of all frames."""
        return [self.plane(frame) for frame in range(1, self._description.number_of_frames + 1)]

    def _read(self, frame: int) -> Plane | None:
        groups = FrameGroups(self._attributes, frame)
        found = _measures(groups)
        if not found.position:
            found = self._on_slide(frame, found) or _detector(self._attributes) or found
        if not (found.position and found.orientation and found.spacing):
            return None
        description = self._description
        plane = Plane.of(
            found.position,
            found.orientation,
            found.spacing,
            (description.rows, description.columns),
            thickness=found.thickness,
            gap=found.gap,
            frame_of_reference=self.frame_of_reference,
        )
        if _SLIDE_ORIENTATION in self._attributes:
            gap = abs(found.gap or 0.0)
            is_gap = LEAST_FOCAL_GAP <= gap < 1
            return replace(plane, is_tile=True, gap=gap if is_gap else None, thickness=None)
        offset = self._offset(frame, plane)
        if not offset:
            return plane
        x, y, z = (plane.normal * offset + plane.position).tolist()
        return replace(plane, position=(x, y, z))

    def _on_slide(self, frame: int, found: _Measures) -> _Measures | None:
        """Return the plane of a tile on its slide (PS3.3 C.8.12.2.1)."""
        orientation = self._attributes.numbers(_SLIDE_ORIENTATION)
        tile = self.tile(frame)
        if len(orientation) != 6 or len(found.spacing) != 2 or tile is None:
            return None
        origins = self._attributes.items(_MATRIX_ORIGIN)
        x, y = ((origins[0].number(tag) or 0.0) if origins else 0.0 for tag in (_SLIDE_X, _SLIDE_Y))
        steps = tile[0] * found.spacing[1], tile[1] * found.spacing[0]
        moved = (
            start + steps[0] * orientation[axis] + steps[1] * orientation[3 + axis]
            for axis, start in enumerate((x, y, self._height(frame, found)))
        )
        return found._replace(position=tuple(moved), orientation=orientation)

    def _height(self, frame: int, found: _Measures) -> float:
        """Return the height of a focal plane over the slide, in millimeters.

        The header states it for each frame, in micrometers, or the focal planes follow each other
        at the Spacing Between Slices (PS3.3 C.7.6.17.3).
        """
        stated = FrameGroups(self._attributes, frame).macro(_SLIDE_MACRO, _SLIDE_Z)
        if _SLIDE_Z in stated:
            return (stated.number(_SLIDE_Z) or 0.0) / 1000
        across, down = self._tiles
        count = self._attributes.integer(_FOCAL_PLANES, 1) or 1
        if count < 2 or not across * down:
            return 0.0
        return (frame - 1) // (across * down) % count * (found.gap or 0.0)

    @property
    def _tiles(self) -> tuple[int, int]:
        """Return how many columns and rows of tiles a slide has; 0 where it does not say."""
        width = self._attributes.integer(_MATRIX_COLUMNS, 0) or 0
        height = self._attributes.integer(_MATRIX_ROWS, 0) or 0
        if width < 1 or height < 1:
            return 0, 0
        return -(-width // self._description.columns), -(-height // self._description.rows)

    def _offset(self, frame: int, plane: Plane) -> float:
        """Return the distance of a frame from the first one along the normal."""
        if _OFFSETS in self._attributes:
            return _grid_offset(self._attributes.numbers(_OFFSETS), frame, plane)
        if _SLICE_VECTOR in self._attributes and _POSITION_MACRO not in self._attributes:
            vector = self._attributes.integers(_SLICE_VECTOR)
            number = vector[frame - 1] if frame <= len(vector) else 1
            return (number - 1) * (self._attributes.number(_GAP) or plane.thickness or 0.0)
        return 0.0


def _measures(groups: FrameGroups) -> _Measures:
    size = groups.macro(_MEASURES_MACRO, _SPACING)
    return _Measures(
        groups.macro(_POSITION_MACRO, _POSITION).numbers(_POSITION),
        groups.macro(_ORIENTATION_MACRO, _ORIENTATION).numbers(_ORIENTATION),
        size.numbers(_SPACING),
        size.number(_THICKNESS),
        size.number(_GAP),
    )


def _detector(attributes: Attributes) -> _Measures | None:
    """Return the measures of a reconstructed NM image (PS3.3 C.8.4.11)."""
    for item in attributes.items(_DETECTORS) if _DETECTORS in attributes else ():
        if _POSITION in item:
            return _Measures(
                item.numbers(_POSITION),
                item.numbers(_ORIENTATION),
                attributes.numbers(_SPACING),
                attributes.number(_THICKNESS),
                attributes.number(_GAP),
            )
    return None


def _grid_offset(offsets: Sequence[float], frame: int, plane: Plane) -> float:
    """Return the position of a plane of a dose grid (PS3.3 C.8.8.3.2).

    Offsets begin with 0 and count from the first plane, or are z coordinates themselves.
    """
    if frame > len(offsets):
        raise CorruptDataError("the Grid Frame Offset Vector is shorter than the dose grid")
    first, own = offsets[0], offsets[frame - 1]
    if not (abs(first) < 1e7 and abs(own) < 1e7):
        raise CorruptDataError("the Grid Frame Offset Vector is damaged")
    if first == 0:
        return own
    return (own - first) * (1.0 if plane.normal[2] >= 0 else -1.0)
