"""Structure sets: contours of regions of interest (PS3.3 C.8.8.5, C.8.8.6)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rendicom.composition.base import Contribution, as_share, is_wanted
from rendicom.composition.references import references_in
from rendicom.rendering.label_colors import label_colours
from rendicom.rendering.layers import LayerLabel, LayerMask, LayerPath, LegendRow
from rendicom.rendering.polygons import distinct, polygon_mask, thinned
from rendicom.values import DrawnItem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.composition.base import BaseFrame, Piece
    from rendicom.composition.geometry import Plane
    from rendicom.composition.layer_options import LayerOptions
    from rendicom.composition.references import ImageReference
    from rendicom.dicom.attributes import Attributes
    from rendicom.engine import Instance

_ROIS, _ROI_NUMBER, _ROI_NAME, _ROI_FRAME = 0x30060020, 0x30060022, 0x30060026, 0x30060024
_ROI_CONTOURS, _COLOUR, _OF_ROI = 0x30060039, 0x3006002A, 0x30060084
_CONTOURS, _TYPE, _DATA, _IMAGES = 0x30060040, 0x30060042, 0x30060050, 0x30060016
_FRAMES_OF_REFERENCE, _STUDIES, _SERIES = 0x30060010, 0x30060012, 0x30060014
_MOST_POINTS = 4_000_000
_MOST_DRAWN = 1 << 16
_SAME = 1e-3


class _Contour(NamedTuple):
    kind: str
    points: NDArray[np.float64]
    references: tuple[ImageReference, ...]


class _Roi(NamedTuple):
    number: int
    name: str
    colour: tuple[int, int, int] | None
    frame_of_reference: str
    contours: tuple[_Contour, ...]


class StructureSetLayer:
    """The contours of a structure set, on the referenced images or at their patient position."""

    kind = "structure set"

    def __init__(self, instance: Instance, name: str) -> None:
        self.name, self.instance = name, instance.sop_instance
        self._attributes = instance.header.attributes
        self._notes: list[str] = []

    def over(self, base: BaseFrame, options: LayerOptions) -> Contribution:
        """Return the contours on ``base``, in ascending order of the regions' numbers."""
        wanted = [roi for roi in self._rois if is_wanted(roi.number, roi.name, options)]
        if not wanted and self._rois:
            return Contribution(warning="none of its regions is requested")
        if not any(roi.contours for roi in wanted):
            return Contribution(warning=next(iter(self._notes), "it has no contours"))
        if base.plane is None:
            return Contribution(warning=base.problem or "the image does not say where it lies")
        foreign = {base.plane.frame_of_reference, ""}
        near = [roi for roi in wanted if not {roi.frame_of_reference, *foreign} - foreign]
        if base.plane.frame_of_reference and not near and not self.refers_to(base.instance):
            return Contribution(warning="it is in another frame of reference than the image")
        pieces: list[Piece] = []
        items, drawn, notes = [], 0, self._notes[:1]
        for roi in near or wanted:
            found = self._of_roi(roi, base, base.plane)
            if not found:
                continue
            if drawn > _MOST_DRAWN:
                notes = [*notes, "there are too many points: the last regions are not drawn"]
                break
            colour = roi.colour or self._default_colour(roi.number)
            drawn += sum(len(points) for _, points in found)
            pieces += _drawn(roi, found, as_share(colour), base, options)
            items.append(DrawnItem(roi.number, roi.name, colour))
        legend = tuple(
            LegendRow(as_share(each.colour), f"{each.number} {each.name}") for each in items
        )
        return Contribution(tuple(pieces), tuple(items), legend, next(iter(notes), ""))

    def refers_to(self, instance: str) -> bool:
        """Tell whether the object refers to an image."""
        return instance in self.references

    @property
    def numbers(self) -> frozenset[int]:
        """Return the regions that have contours."""
        return frozenset(roi.number for roi in self._rois if roi.contours)

    @cached_property
    def references(self) -> dict[str, None]:
        """Return the images referred to, in the order of the object."""
        found: dict[str, None] = {}
        for frame in self._attributes.items(_FRAMES_OF_REFERENCE):
            for study in frame.items(_STUDIES):
                for series in study.items(_SERIES):
                    found |= dict.fromkeys(
                        each.instance for each in references_in(series.items(_IMAGES))
                    )
        for roi in self._rois:
            for contour in roi.contours:
                found |= dict.fromkeys(each.instance for each in contour.references)
        return found

    # --- reading the file ---------------------------------------------------------------------

    @cached_property
    def _rois(self) -> tuple[_Roi, ...]:
        described = {
            item.integer(_ROI_NUMBER, 0) or 0: item for item in self._attributes.items(_ROIS)
        }
        found, left = [], _MOST_POINTS
        for item in self._attributes.items(_ROI_CONTOURS):
            number = item.integer(_OF_ROI, 0) or 0
            about = described.get(number)
            colour = item.integers(_COLOUR)
            contours = []
            for each in item.items(_CONTOURS):
                contour = self._contour(each)
                if contour is None:
                    continue
                left -= len(contour.points)
                if left < 0:
                    self._notes.append(f"it has more than {_MOST_POINTS} points: not all are drawn")
                    break
                contours.append(contour)
            red, green, blue = colour if len(colour) == 3 else (0, 0, 0)
            is_colour = len(colour) == 3 and all(0 <= part <= 255 for part in colour)
            found.append(
                _Roi(
                    number,
                    about.text(_ROI_NAME) if about is not None else "",
                    (red, green, blue) if is_colour else None,
                    about.text(_ROI_FRAME) if about is not None else "",
                    tuple(contours),
                )
            )
        return tuple(sorted(found, key=lambda roi: roi.number))

    def _contour(self, item: Attributes) -> _Contour | None:
        raw = item.raw(_DATA).replace(b"\0", b" ").strip()
        try:
            numbers = np.array(raw.split(b"\\") if raw else [], np.bytes_).astype(np.float64)
        except ValueError:
            numbers = np.array([np.nan])
        if not numbers.size:
            return None
        if numbers.size % 3 or not np.all(np.abs(numbers) < 1e6):
            self._notes.append("a contour is damaged")
            return None
        references = references_in(item.items(_IMAGES)) if _IMAGES in item else ()
        return _Contour(item.text(_TYPE).upper(), numbers.reshape(-1, 3), references)

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
        self, roi: _Roi, base: BaseFrame, plane: Plane
    ) -> list[tuple[_Contour, NDArray[np.float64]]]:
        """Return the contours of a region on ``base``, with their points in its pixels."""
        named = [
            contour
            for contour in roi.contours
            if any(each.includes(base.instance, base.frame) for each in contour.references)
        ]
        placed = [(contour, plane.to_pixels(contour.points)) for contour in named]
        if not named:
            is_known = self.refers_to(base.instance)
            others = [each for each in roi.contours if not (is_known and each.references)]
            placed = self._nearest(others, plane, is_listed=is_known)
        return [(contour, points[:, :2]) for contour, points in placed]

    def _nearest(
        self, contours: list[_Contour], plane: Plane, *, is_listed: bool
    ) -> list[tuple[_Contour, NDArray[np.float64]]]:
        """Return the contours in the nearest plane, if it belongs to the same slice.

        An image that the object lists may have none, between others that have.
        """
        spacing = self._spacing(plane) or plane.slice_spacing or 2 * _SAME
        if is_listed:
            spacing = min(spacing, plane.slice_spacing or spacing)
        reach = spacing / 2 + _SAME
        near = []
        for contour in contours:
            normal = plane.normal
            if abs(float(np.dot(normal, contour.points[0])) - plane.distance) > reach:
                continue
            points = plane.to_pixels(contour.points)
            if np.abs(points[:, 2]).max() <= reach and np.ptp(points[:, 2]) <= 2 * reach / 10:
                near.append((contour, points))
        if not near:
            return []
        best = min((abs(float(points[0, 2])), float(points[0, 2])) for _, points in near)[1]
        return [each for each in near if abs(float(each[1][0, 2]) - best) < reach / 10]

    def _spacing(self, plane: Plane) -> float | None:
        """Return the smallest distance between planes of contours along the normal of the image."""
        key = tuple(np.round(plane.normal, 6))
        if key not in self._spacings:
            places = np.unique(
                np.round([plane.normal @ c.points[0] for r in self._rois for c in r.contours], 2)
            )
            gaps = np.diff(places)
            gaps = gaps[gaps > 10 * _SAME]
            self._spacings[key] = float(gaps.min()) if gaps.size else None
        return self._spacings[key]

    @cached_property
    def _spacings(self) -> dict[tuple[float, ...], float | None]:
        return {}


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
        pieces.append(LayerLabel(f"{roi.number} {roi.name}".strip(), (x + 0.5, y + 0.5), colour))
    return pieces
