"""Structure sets: contours of regions of interest (PS3.3 C.8.8.5, C.8.8.6)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rendicom.composition.base import Contribution, as_share, caption, is_wanted, legend_of
from rendicom.composition.references import references_in
from rendicom.rendering.label_colors import label_colours
from rendicom.rendering.layers import LayerLabel, LayerMask, LayerPath
from rendicom.rendering.polygons import distinct, polygon_mask, thinned
from rendicom.values import DrawnItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from rendicom.composition.base import BaseFrame, Piece
    from rendicom.composition.geometry import Plane
    from rendicom.composition.layer_options import LayerOptions
    from rendicom.dicom.attributes import Attributes
    from rendicom.engine import Instance

_ROIS, _ROI_NUMBER, _ROI_NAME, _ROI_FRAME = 0x30060020, 0x30060022, 0x30060026, 0x30060024
_ROI_CONTOURS, _COLOUR, _OF_ROI = 0x30060039, 0x3006002A, 0x30060084
_CONTOURS, _TYPE, _DATA, _IMAGES = 0x30060040, 0x30060042, 0x30060050, 0x30060016
_FRAMES_OF_REFERENCE, _STUDIES, _SERIES = 0x30060010, 0x30060012, 0x30060014
_MOST_POINTS = 4_000_000
_MOST_DRAWN = 1 << 16
_SAME = 1e-3
_TEXT = 1 << 18
"""Bytes of numbers that are converted at a time."""
_FEW = 3
"""Images whose contours are looked for by their UIDs."""
_INSTANCE_TAG = b"\x08\x00\x55\x11"
"""Referenced SOP Instance UID, as little endian data sets have it."""


class _Contour(NamedTuple):
    kind: str
    points: NDArray[np.float64]


class _Starts(NamedTuple):
    """The first points of the contours of a region, and which of them refer to no image."""

    points: NDArray[np.float64]
    are_free: NDArray[np.bool_]


class _Roi(NamedTuple):
    number: int
    name: str
    colour: tuple[int, int, int] | None
    frame_of_reference: str
    item: Attributes
    """Of ROI Contour Sequence; its contours may be many, and are read when they are drawn."""


class StructureSetLayer:
    """The contours of a structure set, on the referenced images or at their patient position."""

    kind = "structure set"

    def __init__(self, instance: Instance, name: str) -> None:
        self.name, self.instance = name, instance.sop_instance
        self._attributes = instance.header.attributes
        self._starts: dict[int, _Starts] = {}
        self._asked: set[str] = set()
        self._spacings: dict[tuple[float, ...], float | None] = {}

    def over(self, base: BaseFrame, options: LayerOptions) -> Contribution:
        """Return the contours on ``base``, in ascending order of the regions' numbers."""
        wanted = [roi for roi in self._rois if is_wanted(roi.number, roi.name, options)]
        if not wanted and self._rois:
            return Contribution(warning="none of its regions is requested")
        if not any(roi.item.items(_CONTOURS) for roi in wanted):
            return Contribution(warning="it has no contours")
        if base.plane is None:
            return Contribution(warning=base.problem or "the image has no position")
        foreign = {base.plane.frame_of_reference, ""}
        near = [roi for roi in wanted if not {roi.frame_of_reference, *foreign} - foreign]
        if base.plane.frame_of_reference and not near and not self.refers_to(base.instance):
            return Contribution(warning="it is in another frame of reference than the image")
        pieces: list[Piece] = []
        notes: list[str] = []
        items, drawn = [], 0
        for roi in near or wanted:
            found = self._of_roi(roi, base, base.plane, notes)
            if not found:
                continue
            if drawn > _MOST_DRAWN:
                notes.append("there are too many points: the last regions are not drawn")
                break
            colour = roi.colour or self._default_colour(roi.number)
            drawn += sum(len(points) for _, points in found)
            pieces += _drawn(roi, found, as_share(colour), base, options)
            items.append(DrawnItem(roi.number, roi.name, colour))
        note = notes[0] if notes else ""
        return Contribution(tuple(pieces), tuple(items), legend_of(items), note)

    def refers_to(self, instance: str) -> bool:
        """Tell whether the object refers to an image."""
        return instance in self._listed or any(
            reference.instance == instance
            for roi in self._rois
            for item in self._contours_with(roi, instance)
            for reference in references_in(item.items(_IMAGES))
        )

    @property
    def numbers(self) -> frozenset[int]:
        """Return the regions that have contours."""
        return frozenset(roi.number for roi in self._rois if roi.item.items(_CONTOURS))

    @cached_property
    def references(self) -> dict[str, None]:
        """Return the images referred to, in the order of the object."""
        found = dict(self._listed)
        for index in self._by_instance.values():
            found |= dict.fromkeys(index)
        return found

    @cached_property
    def _listed(self) -> dict[str, None]:
        """Return the images of the frames of reference."""
        found: dict[str, None] = {}
        for frame in self._attributes.items(_FRAMES_OF_REFERENCE):
            for study in frame.items(_STUDIES):
                for series in study.items(_SERIES):
                    found |= dict.fromkeys(
                        each.instance for each in references_in(series.items(_IMAGES))
                    )
        return found

    # --- reading the file ---------------------------------------------------------------------

    @cached_property
    def _rois(self) -> tuple[_Roi, ...]:
        described = {
            item.integer(_ROI_NUMBER, 0) or 0: item for item in self._attributes.items(_ROIS)
        }
        found = []
        for item in self._attributes.items(_ROI_CONTOURS):
            number = item.integer(_OF_ROI, 0) or 0
            about = described.get(number)
            colour = item.integers(_COLOUR)
            red, green, blue = colour if len(colour) == 3 else (0, 0, 0)
            is_colour = len(colour) == 3 and all(0 <= part <= 255 for part in colour)
            found.append(
                _Roi(
                    number,
                    about.text(_ROI_NAME) if about is not None else "",
                    (red, green, blue) if is_colour else None,
                    about.text(_ROI_FRAME) if about is not None else "",
                    item,
                )
            )
        return tuple(sorted(found, key=lambda roi: roi.number))

    @cached_property
    def _default_colours(self) -> NDArray[np.uint8]:
        given = {roi.number: roi.colour for roi in self._rois if roi.colour is not None}
        known = {number: colour for number, colour in given.items() if 0 < number < 1 << 16}
        return label_colours(known, bits=16, bit_depth=8)

    def _default_colour(self, number: int) -> tuple[int, int, int]:
        # A number may exceed the table, and 0 is the background.
        red, green, blue = self._default_colours[max(1, number % len(self._default_colours))]
        return int(red), int(green), int(blue)

    # --- which contours are on an image -------------------------------------------------------

    def _of_roi(
        self, roi: _Roi, base: BaseFrame, plane: Plane, notes: list[str]
    ) -> list[tuple[_Contour, NDArray[np.float64]]]:
        """Return the contours of a region on ``base``, with their points in its pixels."""
        named = [
            item
            for item in self._contours_with(roi, base.instance)
            if any(
                each.includes(base.instance, base.frame)
                for each in references_in(item.items(_IMAGES))
            )
        ]
        if named:
            placed = [(each, plane.to_pixels(each.points)) for each in _read(named, notes)]
        else:
            placed = self._nearest(roi, plane, self.refers_to(base.instance), notes)
        return [(contour, points[:, :2]) for contour, points in placed]

    def _contours_with(self, roi: _Roi, instance: str) -> Iterator[Attributes]:
        """Yield the contours of a region that may refer to an image."""
        self._asked.add(instance)
        if "_by_instance" in self.__dict__ or len(self._asked) > _FEW:
            numbers = self._by_instance[id(roi.item)].get(instance, [])
        else:
            # For a few images, to look for their UIDs is far quicker than to read all contours.
            uid = instance.encode("latin-1", "replace")
            numbers = roi.item.numbers_containing(_CONTOURS, uid) if uid else []
        yield from roi.item.passing_items(_CONTOURS, numbers)

    @cached_property
    def _by_instance(self) -> dict[int, dict[str, list[int]]]:
        """Return the numbers of the contours that refer to each image, for each region."""
        found: dict[int, dict[str, list[int]]] = {}
        for roi in self._rois:
            index: dict[str, list[int]] = found.setdefault(id(roi.item), {})
            for number, item in enumerate(roi.item.passing_items(_CONTOURS)):
                for uid in {each.instance for each in references_in(item.items(_IMAGES))}:
                    index.setdefault(uid, []).append(number)
        return found

    def _nearest(
        self, roi: _Roi, plane: Plane, is_known: bool, notes: list[str]
    ) -> list[tuple[_Contour, NDArray[np.float64]]]:
        """Return the contours in the nearest plane, if it belongs to the same slice.

        An image that the object refers to (``is_known``) may have none, between others that have:
        contours that refer to others do not count for it.
        """
        count = len(roi.item.items(_CONTOURS))
        # In doubt they are read: the tag may occur in other bytes as well.
        if is_known and len(roi.item.numbers_containing(_CONTOURS, _INSTANCE_TAG)) == count:
            return []  # all have a reference to an image
        spacing = self._spacing(plane) or plane.slice_spacing or 2 * _SAME
        if is_known:
            spacing = min(spacing, plane.slice_spacing or spacing)
        reach = spacing / 2 + _SAME
        starts = self._starts_of(roi)
        # Of a damaged one, which begins at nan, it is not known; it is read and reported.
        may_be = ~(np.abs(starts.points @ plane.normal - plane.distance) > reach)
        if is_known:
            may_be &= starts.are_free
        items = roi.item.passing_items(_CONTOURS, np.flatnonzero(may_be).tolist())
        near = []
        for contour in _read(items, notes):
            points = plane.to_pixels(contour.points)
            if np.abs(points[:, 2]).max() <= reach and np.ptp(points[:, 2]) <= 2 * reach / 10:
                near.append((contour, points))
        if not near:
            return []
        best = min((abs(float(points[0, 2])), float(points[0, 2])) for _, points in near)[1]
        return [each for each in near if abs(float(each[1][0, 2]) - best) < reach / 10]

    def _starts_of(self, roi: _Roi) -> _Starts:
        """Return where the contours of a region begin: nan for a damaged one."""
        key = id(roi.item)
        if key not in self._starts:
            points, are_free = [], []
            for item in roi.item.passing_items(_CONTOURS):
                numbers = _numbers(b"\\".join(item.raw(_DATA).split(b"\\", 3)[:3]))
                points.append(numbers if numbers.size == 3 else np.full(3, np.nan))
                are_free.append(not (_IMAGES in item and references_in(item.items(_IMAGES))))
            self._starts[key] = _Starts(
                np.array(points, np.float64).reshape(-1, 3), np.array(are_free, np.bool_)
            )
        return self._starts[key]

    def _spacing(self, plane: Plane) -> float | None:
        """Return the least distance of two contours' planes along the normal of the image."""
        key = tuple(np.round(plane.normal, 6))
        if key not in self._spacings:
            starts = [self._starts_of(roi).points @ plane.normal for roi in self._rois]
            places = np.concatenate(starts)
            places = np.unique(np.round(places[np.isfinite(places)], 2))
            gaps = np.diff(places)
            gaps = gaps[gaps > 10 * _SAME]
            self._spacings[key] = float(gaps.min()) if gaps.size else None
        return self._spacings[key]


def _read(items: Iterable[Attributes], notes: list[str]) -> list[_Contour]:
    """Return the contours of one image in items; ``notes`` gets what is not drawn."""
    found, left = [], _MOST_POINTS
    for item in items:
        points = _numbers(item.raw(_DATA))
        if not points.size:
            notes.append("a contour has no points")
            continue
        if points.size % 3 or not np.all(np.abs(points) < 1e6):
            notes.append("a contour is damaged")
            continue
        left -= points.size // 3
        if left < 0:
            notes.append(f"it has more than {_MOST_POINTS} points: not all are drawn")
            break
        found.append(_Contour(item.text(_TYPE).upper(), points.reshape(-1, 3)))
    return found


def _numbers(raw: bytes) -> NDArray[np.float64]:
    """Return numbers in text, some ten thousand at a time; nan where they are damaged."""
    raw = raw.replace(b"\0", b" ").strip()
    parts, start = [np.empty(0)], 0
    try:
        while raw and start <= len(raw):
            stop = raw.find(b"\\", start + _TEXT)
            stop = len(raw) if stop < 0 else stop
            parts.append(np.fromiter(map(float, raw[start:stop].split(b"\\")), np.float64))
            start = stop + 1
    except ValueError:
        return np.array([np.nan])
    return np.concatenate(parts)


def _drawn(
    roi: _Roi,
    found: list[tuple[_Contour, NDArray[np.float64]]],
    colour: tuple[float, float, float],
    base: BaseFrame,
    options: LayerOptions,
) -> list[Piece]:
    """Return fill, lines and label of one region."""
    style = options.style or "outline"
    closed = [each for each in found if each[0].kind.startswith("CLOSED")]
    pieces: list[Piece] = []
    if closed and style != "outline":
        mask = np.zeros(base.shape, np.bool_)
        for contour, points in closed:
            inside = polygon_mask(points, base.shape)
            mask = mask ^ inside if contour.kind.endswith("XOR") else mask | inside
        pieces.append(LayerMask(mask, colour, options.opacity, has_outline=False))
    for contour, points in found:
        is_closed = contour.kind.startswith("CLOSED")
        if is_closed and style == "fill":
            continue
        if contour.kind == "POINT":
            dots = distinct(points, base.shape)
            pieces += [LayerPath(((x + 0.5, y + 0.5),), colour) for x, y in dots.tolist()]
            continue
        path = thinned(np.concatenate([points, points[:1]]) if is_closed else points) + 0.5
        pieces.append(LayerPath(tuple((x, y) for x, y in path.tolist()), colour))
    if options.has_labels:
        x, y = min((point for _, points in found for point in points.tolist()), key=lambda p: p[1])
        pieces.append(LayerLabel(caption(roi.number, roi.name), (x + 0.5, y + 0.5), colour))
    return pieces
