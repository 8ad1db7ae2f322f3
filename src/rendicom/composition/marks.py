"""Structured reports: points, lines and shapes (PS3.3 C.18.6 SCOORD, C.18.9 SCOORD3D).

Of a key object selection nothing is drawn: a warning lists the selected images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from rendicom.composition.base import (
    OTHER_IMAGES,
    Contribution,
    as_share,
    caption,
    is_wanted,
    legend_of,
)
from rendicom.composition.references import ImageReference, references_in
from rendicom.presentation import GraphicObject, GraphicType
from rendicom.rendering.graphic_paths import path_of
from rendicom.rendering.label_colors import default_colours
from rendicom.rendering.layers import LayerLabel, LayerPath
from rendicom.rendering.polygons import distinct, thinned
from rendicom.values import DrawnItem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.composition.base import BaseFrame, Piece
    from rendicom.composition.geometry import Plane
    from rendicom.composition.layer_options import LayerOptions
    from rendicom.dicom.attributes import Attributes
    from rendicom.engine import Instance

_CONTENT, _VALUE_TYPE, _CONCEPT, _MEANING = 0x0040A730, 0x0040A040, 0x0040A043, 0x00080104
_CODE, _TEXT = 0x00080100, 0x0040A160
_REFERENCED, _BY_PATH = 0x00081199, 0x0040DB73
_DATA, _TYPE, _FRAME_OF_REFERENCE = 0x00700022, 0x00700023, 0x30060024
_ORIGIN = 0x00480301
_TRACKING_IDENTIFIER = "112039"
_DEEPEST, _DEEPEST_KEY, _MOST_MARKS, _MOST_POINTS = 40, 8, 4096, 1 << 16
_LEAST_POINTS = {"POINT": 1, "MULTIPOINT": 1, "POLYLINE": 2, "POLYGON": 1, "CIRCLE": 2,
                 "ELLIPSE": 4, "ELLIPSOID": 6}  # fmt: skip
_ROUND = 120
_MANY = 64
"""Points of a line that need no thinning."""
_THINNEST = 1.0
"""Assumed slice thickness in mm where it is unknown."""


class _Mark(NamedTuple):
    number: int
    name: str
    kind: str
    points: NDArray[np.float64]
    references: tuple[ImageReference, ...]
    frame_of_reference: str
    is_of_matrix: bool = False
    """The points are in the whole matrix of a slide, not in one of its tiles."""


class ReportLayer:
    """The marks of a structured report, on the referenced images or at their patient position."""

    kind = "report"

    def __init__(self, instance: Instance, name: str) -> None:
        self.name, self.instance = name, instance.sop_instance
        self._attributes = instance.header.attributes

    def over(self, base: BaseFrame, options: LayerOptions) -> Contribution:
        """Return the marks on ``base`` in the order of the report."""
        marks, note = self._read
        wanted = [mark for mark in marks if is_wanted(mark.number, mark.name, options)]
        if not wanted:
            said = "none of its marks is requested" if marks else "it has no marks on images"
            return Contribution(warning=note or said)
        pieces: list[Piece] = []
        items: list[DrawnItem] = []
        drawn, is_comparable = 0, False
        for mark in wanted:
            paths: list[Sequence[tuple[float, float]]]
            if mark.references:
                is_comparable |= any(each.instance == base.instance for each in mark.references)
                paths = list(_flat_paths(mark, base))
            else:
                plane = base.plane
                if plane is None or mark.frame_of_reference != plane.frame_of_reference:
                    continue
                is_comparable = True
                paths = list(_cut_paths(mark, plane))
            if not paths:
                continue
            drawn += sum(map(len, paths))
            if drawn > _MOST_POINTS:
                note = "it has too many points: not all are drawn"
                break
            red, green, blue = default_colours()[min(mark.number, 255)]
            colour = as_share((red, green, blue))
            pieces += [LayerPath(tuple(path), colour) for path in paths]
            if options.has_labels:
                x, y = min((point for path in paths for point in path), key=lambda each: each[1])
                pieces.append(LayerLabel(caption(mark.number, mark.name), (x, y), colour))
            items.append(DrawnItem(mark.number, mark.name, (red, green, blue)))
        if not is_comparable:
            is_elsewhere = any(mark.references for mark in wanted)
            foreign = "its marks are in another frame of reference than the image"
            note = OTHER_IMAGES if is_elsewhere else foreign
        return Contribution(tuple(pieces), tuple(items), legend_of(items), note)

    @cached_property
    def references(self) -> tuple[ImageReference, ...]:
        """Return the images that marks refer to, in the order of the report."""
        return tuple(dict.fromkeys(each for mark in self._read[0] for each in mark.references))

    @property
    def frames_of_reference(self) -> set[str]:
        """Return the frames of reference of marks in patient space."""
        return {mark.frame_of_reference for mark in self._read[0]} - {""}

    @cached_property
    def _read(self) -> tuple[tuple[_Mark, ...], str]:
        """Return the marks that can be drawn, and what is wrong with another one."""
        marks: list[_Mark] = []
        note = ""
        for item, name in _walk(self._attributes, "", 0):
            kind = item.text(_VALUE_TYPE).upper()
            if kind not in ("SCOORD", "SCOORD3D"):
                continue
            if len(marks) >= _MOST_MARKS:
                note = f"it has more than {_MOST_MARKS} marks: not all are drawn"
                break
            size = 2 if kind == "SCOORD" else 3
            numbers = np.asarray(item.numbers(_DATA), np.float64)
            if not numbers.size or numbers.size % size or not np.all(np.abs(numbers) < 1e7):
                note = "the coordinates of a mark are damaged"
                continue
            least = _LEAST_POINTS.get(item.text(_TYPE).upper())
            if least is None or numbers.size // size < least:
                note = "a mark is of an unknown kind, or has too few points"
                continue
            references = self._images_of(item) if size == 2 else ()
            if size == 2 and not references:
                note = "a mark does not refer to an image"
                continue
            marks.append(
                _Mark(
                    len(marks) + 1, name or _meaning(item), item.text(_TYPE).upper(),
                    numbers.reshape(-1, size), references, item.text(_FRAME_OF_REFERENCE),
                    item.text(_ORIGIN).upper() == "VOLUME",
                )
            )  # fmt: skip
        return tuple(marks), note

    def _images_of(self, item: Attributes) -> tuple[ImageReference, ...]:
        """Return the images below an item, or those that it refers to by position in the tree."""
        found: list[ImageReference] = []
        for child in item.items(_CONTENT):
            path = child.integers(_BY_PATH) if _BY_PATH in child else ()
            image = self._at(path) if path else child
            if image is not None and _REFERENCED in image:
                found += references_in(image.items(_REFERENCED))
        return tuple(found)

    def _at(self, path: Sequence[int]) -> Attributes | None:
        """Return the item at a position in the tree; the root is 1 (PS3.3 C.17.3.2.5)."""
        item = self._attributes
        for step in path[1:_DEEPEST]:
            items = item.items(_CONTENT)
            if not 0 < step <= len(items):
                return None
            item = items[step - 1]
        return item


def _walk(item: Attributes, name: str, depth: int) -> Iterator[tuple[Attributes, str]]:
    """Yield all content items, each with the tracking identifier that it belongs to."""
    if depth > _DEEPEST or _CONTENT not in item:
        return
    children = item.items(_CONTENT)
    for child in children:
        concept = child.items(_CONCEPT)
        if concept and concept[0].text(_CODE) == _TRACKING_IDENTIFIER:
            name = child.text(_TEXT) or name
    for child in children:
        yield child, name
        yield from _walk(child, name, depth + 1)


def _meaning(item: Attributes) -> str:
    concept = item.items(_CONCEPT)
    return concept[0].text(_MEANING) if concept else ""


def _flat_paths(mark: _Mark, base: BaseFrame) -> Iterator[Sequence[tuple[float, float]]]:
    """Yield the paths of a SCOORD on ``base``, in pixels of the image from its corner."""
    tile = base.tile if mark.is_of_matrix else None
    if not any(
        each.instance == base.instance if tile else each.includes(base.instance, base.frame)
        for each in mark.references
    ):
        return
    column, row = tile or (0, 0)
    placed = mark.points - (column, row)
    if mark.kind in ("POLYLINE", "POLYGON") and len(placed) > _MANY:
        placed = thinned(placed)
    if mark.kind == "MULTIPOINT":
        placed = distinct(placed, base.shape)
    points = tuple((x, y) for x, y in placed.tolist())
    rows, columns = base.shape
    for path in _paths(mark.kind, points):
        found = np.array(path)
        low, high = found.min(axis=0), found.max(axis=0)
        if tile is None or ((high >= 0).all() and low[0] <= columns and low[1] <= rows):
            yield path


def _paths(
    kind: str, points: tuple[tuple[float, float], ...]
) -> Iterator[Sequence[tuple[float, float]]]:
    if kind in ("POINT", "MULTIPOINT"):
        yield from ((point,) for point in (points if kind == "MULTIPOINT" else points[:1]))
        return
    if kind == "POLYGON":
        kind, points = "POLYLINE", (*points, points[0])
    if kind == "POLYLINE" and len(points) > _MANY:
        points = tuple((x, y) for x, y in thinned(np.array(points)).tolist())
    yield path_of(GraphicObject(cast("GraphicType", kind), "PIXEL", points))


def _cut_paths(mark: _Mark, plane: Plane) -> Iterator[Sequence[tuple[float, float]]]:
    """Yield the paths of the part of a SCOORD3D that lies in the slice."""
    if mark.kind == "ELLIPSOID":
        yield from _cut_ellipsoid(mark.points, plane)
        return
    half = (plane.slice_spacing or _THINNEST) / 2 + 1e-3
    if plane.is_tile:
        half = math.inf  # marks on a slide are drawn on all focal planes
    placed = plane.to_pixels(mark.points)
    is_near = np.abs(placed[:, 2]) <= half
    flat = tuple((x + 0.5, y + 0.5) for x, y in placed[:, :2].tolist())
    if mark.kind == "MULTIPOINT":
        flat = tuple(point for point, near in zip(flat, is_near, strict=True) if near)
        yield from _paths("MULTIPOINT", flat)
    elif is_near.all():
        yield from _paths(mark.kind, flat)


def _cut_ellipsoid(
    points: NDArray[np.float64], plane: Plane
) -> Iterator[Sequence[tuple[float, float]]]:
    """Yield the ellipse in which a plane cuts an ellipsoid, given by the ends of its axes."""
    if len(points) != 6:
        return
    center = points.mean(axis=0)
    axes = (points[1::2] - points[0::2]).T / 2
    across = axes.T @ plane.normal
    length = float(np.linalg.norm(across))
    if length == 0:
        return
    height = (plane.distance - float(plane.normal @ center)) / length
    if abs(height) >= 1:
        return
    across /= length
    first = np.cross(across, np.eye(3)[int(np.argmin(np.abs(across)))])
    first /= np.linalg.norm(first)
    second = np.cross(across, first)
    radius = math.sqrt(1 - height * height)
    angles = np.linspace(0, 2 * np.pi, _ROUND + 1)[:, np.newaxis]
    sphere = height * across + radius * (np.cos(angles) * first + np.sin(angles) * second)
    placed = plane.to_pixels(center + sphere @ axes.T)
    yield tuple((x + 0.5, y + 0.5) for x, y in placed[:, :2].tolist())


# --- key object selections --------------------------------------------------------------------


class KeyObjectLayer:
    """The selected images and frames."""

    kind = "key object selection"

    def __init__(self, instance: Instance, name: str) -> None:
        self.name, self.instance = name, instance.sop_instance
        self._attributes = instance.header.attributes

    @cached_property
    def references(self) -> tuple[ImageReference, ...]:
        """Return the selected images in the order of the object."""
        return tuple(dict.fromkeys(_references(self._attributes, 0)))

    def over(self, base: BaseFrame, options: LayerOptions) -> Contribution:  # noqa: ARG002
        """Tell whether ``base`` is a selected frame."""
        for number, reference in enumerate(self.references, 1):
            if reference.includes(base.instance, base.frame):
                return Contribution(items=(DrawnItem(number, "", (255, 255, 255)),))
        if any(reference.instance == base.instance for reference in self.references):
            return Contribution()
        return Contribution(warning=OTHER_IMAGES if self.references else "it refers to no images")


def _references(item: Attributes, depth: int) -> Iterator[ImageReference]:
    for child in item.items(_CONTENT) if depth < _DEEPEST_KEY else ():
        yield from references_in(child.items(_REFERENCED))
        yield from _references(child, depth + 1)
