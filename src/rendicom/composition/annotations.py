"""Microscopy bulk simple annotations on the tiles of a slide (PS3.3 C.37)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from rendicom.composition.base import OTHER_IMAGES, Contribution, as_share, is_wanted, legend_of
from rendicom.composition.references import ImageReference, references_in
from rendicom.pixels.colour import srgb_of_dicom_lab
from rendicom.presentation import GraphicObject, GraphicType
from rendicom.rendering.graphic_paths import path_of
from rendicom.rendering.label_colors import default_colours
from rendicom.rendering.layers import LayerMask, LayerPath
from rendicom.rendering.polygons import polygon_mask, thinned
from rendicom.values import DrawnItem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rendicom.composition.base import BaseFrame, Piece
    from rendicom.composition.layer_options import LayerOptions
    from rendicom.dicom.attributes import Attributes
    from rendicom.engine import Instance

_GROUPS, _NUMBER, _LABEL, _COLOUR = 0x006A0002, 0x0040A180, 0x006A0005, 0x0062000D
_COORDINATES, _DOUBLE, _STARTS = 0x00660016, 0x00660022, 0x00660040
_DIMENSIONS, _COMMON_Z, _TYPE = 0x006A0001, 0x006A0010, 0x00700023
_ORIGIN = 0x00480301
_IMAGES, _FRAME_OF_REFERENCE = 0x00081140, 0x00200052
_SIZES = {"POINT": 1, "ELLIPSE": 4, "RECTANGLE": 4}
_KINDS = (*_SIZES, "POLYLINE", "POLYGON")
_MOST_DRAWN = 1 << 16


class _Group(NamedTuple):
    """Annotations of one kind; ``starts`` are the first points of each, and their number last."""

    number: int
    label: str
    kind: str
    colour: tuple[int, int, int] | None
    points: NDArray[np.float64]
    starts: NDArray[np.intp]


class AnnotationLayer:
    """Points, lines and shapes in the matrix of a slide, or in the coordinates of the slide."""

    kind = "annotations"

    def __init__(self, instance: Instance, name: str) -> None:
        self.name, self.instance = name, instance.sop_instance
        self._attributes = instance.header.attributes
        self._is_flat = self._attributes.text(_DIMENSIONS).upper() != "3D"
        self._is_of_frame = self._attributes.text(_ORIGIN).upper() == "FRAME"
        self._frame_of_reference = self._attributes.text(_FRAME_OF_REFERENCE)

    @cached_property
    def references(self) -> tuple[ImageReference, ...]:
        """Return the images that it was made on."""
        return references_in(self._attributes.items(_IMAGES))

    def over(self, base: BaseFrame, options: LayerOptions) -> Contribution:
        """Return the annotations on a tile, in ascending order of the groups."""
        if self._is_flat:
            if not any(each.includes(base.instance, base.frame) for each in self.references):
                return Contribution(warning=OTHER_IMAGES)
        elif base.plane is None or base.plane.frame_of_reference != self._frame_of_reference:
            problem = base.problem or "it is in another frame of reference than the image"
            return Contribution(warning=problem)
        groups, warning = self._groups
        wanted = [each for each in groups if is_wanted(each.number, each.label, options)]
        if not wanted:
            return Contribution(warning=warning or "none of its groups is requested")
        pieces: list[Piece] = []
        items: list[DrawnItem] = []
        drawn = 0
        for group in wanted:
            placed = self._placed(group, base)
            near = _near(group.kind, placed, group.starts, base.shape)
            if not near.size:
                continue
            colour = group.colour or default_colours()[group.number % 256]
            items.append(DrawnItem(group.number, group.label, colour))
            mask = np.zeros(base.shape, np.bool_)
            for index in near.tolist():
                points = placed[group.starts[index] : group.starts[index + 1]]
                drawn += len(points)
                if drawn > _MOST_DRAWN:
                    warning = "it has too many points: not all are drawn"
                    break
                path = _path(group.kind, points)
                if options.style in ("fill", "both") and group.kind not in ("POINT", "POLYLINE"):
                    mask |= polygon_mask(path - 0.5, base.shape)
                if options.style != "fill" or group.kind in ("POINT", "POLYLINE"):
                    flat = tuple((x, y) for x, y in path.tolist())
                    pieces.append(LayerPath(flat, as_share(colour)))
            if mask.any():
                fill = LayerMask(mask, as_share(colour), options.opacity, has_outline=False)
                pieces.append(fill)
        return Contribution(tuple(pieces), tuple(items), legend_of(items), warning)

    def _placed(self, group: _Group, base: BaseFrame) -> NDArray[np.float64]:
        """Return points as x, y from the corner of the tile, in pixels."""
        if self._is_flat or base.plane is None:
            column, row = (0, 0) if self._is_of_frame else base.tile or (0, 0)
            return group.points[:, :2] - (column, row)
        return base.plane.to_pixels(group.points)[:, :2] + 0.5

    @cached_property
    def _groups(self) -> tuple[tuple[_Group, ...], str]:
        """Return what can be drawn, and what is wrong with the rest."""
        read = list(self._read())
        groups = [each for each in read if isinstance(each, _Group)]
        note = next((each for each in read if isinstance(each, str)), "")
        return tuple(sorted(groups, key=lambda group: group.number)), note

    def _read(self) -> Iterator[_Group | str]:
        for place, item in enumerate(self._attributes.items(_GROUPS), 1):
            found = _points(item, is_flat=self._is_flat)
            kind = item.text(_TYPE).upper()
            if kind not in _KINDS:
                yield "a group is of an unknown kind"
                continue
            size = _SIZES.get(kind)
            if found is None or (size is not None and len(found) % size):
                yield "the coordinates of a group are damaged"
                continue
            if not len(found):
                continue
            if size is not None:
                starts = np.arange(0, len(found) + 1, size)
            else:
                width = 2 if self._is_flat or _COMMON_Z in item else 3
                first = np.frombuffer(item.raw(_STARTS), "<u4").astype(np.intp)
                starts = np.append((first - 1) // width, len(found))
                if len(starts) < 2 or starts[0] < 0 or (np.diff(starts) < 0).any():
                    yield "the index of the points of a group is damaged"
                    continue
            lab = item.integers(_COLOUR)
            yield _Group(
                item.integer(_NUMBER, place) or place, item.text(_LABEL), kind,
                srgb_of_dicom_lab(*lab) if len(lab) == 3 else None, found, starts,
            )  # fmt: skip


def _points(item: Attributes, *, is_flat: bool) -> NDArray[np.float64] | None:
    """Return coordinates, (n, 2) or (n, 3); None if they are damaged."""
    raw = item.raw(_DOUBLE)
    numbers = np.frombuffer(raw[: len(raw) // 8 * 8], "<f8").astype(np.float64)
    if not raw:
        raw = item.raw(_COORDINATES)
        numbers = np.frombuffer(raw[: len(raw) // 4 * 4], "<f4").astype(np.float64)
    common = item.number(_COMMON_Z) if _COMMON_Z in item else None
    width = 2 if is_flat or common is not None else 3
    if numbers.size % width or not np.all(np.abs(numbers) < 1e9):
        return None
    found = numbers.reshape(-1, width)
    if is_flat or common is None:
        return found
    return np.column_stack([found, np.full(len(found), common)])


def _near(
    kind: str, points: NDArray[np.float64], starts: NDArray[np.intp], shape: tuple[int, int]
) -> NDArray[np.intp]:
    """Return the annotations whose bounding boxes overlap an image."""
    sizes = np.diff(starts)
    kept = np.flatnonzero(sizes > 0)
    if not kept.size:
        return kept
    low = np.minimum.reduceat(points, starts[:-1][kept])
    high = np.maximum.reduceat(points, starts[:-1][kept])
    if kind == "ELLIPSE":
        # The ends of the axes do not bound an ellipse; half of the longer axis does.
        axes = points[starts[:-1][kept, np.newaxis] + np.arange(4)]
        lengths = np.linalg.norm(axes[:, 1::2] - axes[:, ::2], axis=2).max(axis=1)
        middle, half = axes.mean(axis=1), lengths[:, np.newaxis] / 2
        low, high = middle - half, middle + half
    rows, columns = shape
    is_near = (high >= 0).all(axis=1) & (low[:, 0] <= columns) & (low[:, 1] <= rows)
    found: NDArray[np.intp] = kept[is_near]
    return found


def _path(kind: str, points: NDArray[np.float64]) -> NDArray[np.float64]:
    if kind in ("POLYGON", "RECTANGLE"):
        points = np.concatenate([points, points[:1]])
    if kind == "ELLIPSE":
        corners = tuple((x, y) for x, y in points.tolist())
        return np.array(path_of(GraphicObject(cast("GraphicType", kind), "PIXEL", corners)))
    return thinned(points)
