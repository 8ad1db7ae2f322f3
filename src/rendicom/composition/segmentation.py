"""Segmentations: masks of segments, by referenced frame or else by position (PS3.3 C.8.20)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rendicom.composition.base import (
    Contribution,
    KeptFrames,
    as_share,
    caption,
    is_wanted,
    legend_of,
)
from rendicom.composition.planes import Planes
from rendicom.composition.references import ImageReference, references_in
from rendicom.composition.resampling import Stack, stacks_of
from rendicom.errors import CorruptDataError
from rendicom.pixels.display import FrameGroups
from rendicom.rendering.label_colors import label_colours
from rendicom.rendering.layers import LayerLabel, LayerMask
from rendicom.rendering.stages.palette import palette_entries
from rendicom.values import DrawnItem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.composition.base import BaseFrame, Piece
    from rendicom.composition.geometry import Plane
    from rendicom.composition.layer_options import LayerOptions
    from rendicom.engine import Instance

_IDENTIFICATION, _SEGMENT = 0x0062000A, 0x0062000B
_SEGMENTS, _NUMBER, _LABEL = 0x00620002, 0x00620004, 0x00620005
_DERIVATION, _SOURCE_IMAGES = 0x00089124, 0x00082112
_REFERENCED_SERIES, _REFERENCED_INSTANCES = 0x00081115, 0x0008114A
_SHARED_GROUPS, _PER_FRAME_GROUPS = 0x52009229, 0x52009230
_FEW = 3
"""Images whose frames are looked for by their UIDs."""
_SAME_HEIGHT = 1e-6
"""Millimeters that rounding may move a focal plane."""
_SAME_PLACE = 0.1
"""Tolerances for equal planes: millimeters, and fractions of a pixel."""


class _SegmentFrame(NamedTuple):
    number: int
    segment: int
    """0 in a label map, whose pixels are segment numbers."""
    references: tuple[ImageReference, ...]


class SegmentationLayer:
    """A segmentation of type BINARY, FRACTIONAL or LABELMAP."""

    kind = "segmentation"

    def __init__(self, instance: Instance, name: str) -> None:
        self.name, self.instance = name, instance.sop_instance
        self._opened = instance
        self._attributes = instance.header.attributes
        self._description = instance.description
        if self._description.samples_per_pixel != 1:
            raise CorruptDataError("the pixels of the segmentation are colors")
        self._asked: set[str] = set()
        self._display = instance.display_attributes(1)
        self._is_labelmap = self._description.segmentation_type == "LABELMAP"
        self._frames = KeptFrames(instance)
        self._planes = Planes(instance.header, self._description)

    def over(self, base: BaseFrame, options: LayerOptions) -> Contribution:
        """Return the masks of the segments on ``base``, in ascending order of their numbers."""
        read: list[int] = []
        masks, problem = self._referenced(base, read), ""
        if not masks:
            placed = self._placed(base, read)
            if placed is None:
                return Contribution(warning=self._unrelated(base))
            masks, problem = placed, self._planes.problem
        if self._is_labelmap and 0 in masks:
            masks = self._labels(masks[0])
        drawn = self._drawn(masks, options)
        return drawn._replace(warning=drawn.warning or self._frames.note(read) or problem)

    # --- which frames -------------------------------------------------------------------------

    @cached_property
    def _segment_frames(self) -> tuple[_SegmentFrame, ...]:
        return tuple(map(self._segment_frame, range(1, self._description.number_of_frames + 1)))

    def _segment_frame(self, number: int) -> _SegmentFrame:
        groups = FrameGroups(self._attributes, number)
        segment = groups.macro(_IDENTIFICATION, _SEGMENT).integer(_SEGMENT, 1) or 1
        derivation = groups.macro(_DERIVATION, _SOURCE_IMAGES)
        is_own = derivation is not groups.top
        references = references_in(derivation.items(_SOURCE_IMAGES)) if is_own else ()
        return _SegmentFrame(number, 0 if self._is_labelmap else segment, references)

    def _frames_of(self, instance: str) -> Iterable[_SegmentFrame]:
        """Return the frames that refer to an image."""
        self._asked.add(instance)
        shared = self._attributes.items(_SHARED_GROUPS)[:1]
        is_shared = any(_DERIVATION in group for group in shared)
        if is_shared or "_segment_frames" in self.__dict__ or len(self._asked) > _FEW:
            return self._by_instance.get(instance, ())
        # For a few images, to look for their UIDs is far quicker than to read about all frames.
        uid = instance.encode("latin-1", "replace")
        numbers = self._attributes.numbers_containing(_PER_FRAME_GROUPS, uid) if uid else []
        count = self._description.number_of_frames
        every = [self._segment_frame(each + 1) for each in numbers if each < count]
        return [each for each in every if any(r.instance == instance for r in each.references)]

    @cached_property
    def _by_instance(self) -> Mapping[str, tuple[_SegmentFrame, ...]]:
        found: dict[str, list[_SegmentFrame]] = {}
        for frame in self._segment_frames:
            for reference in frame.references:
                found.setdefault(reference.instance, []).append(frame)
        return {uid: tuple(frames) for uid, frames in found.items()}

    @cached_property
    def _mentioned(self) -> dict[str, None]:
        """Return the images that the top level of the object refers to, in its order."""
        attributes = self._attributes
        items = [
            item
            for series in attributes.items(_REFERENCED_SERIES)
            for item in series.items(_REFERENCED_INSTANCES)
        ]
        items += attributes.items(_SOURCE_IMAGES) if _SOURCE_IMAGES in attributes else ()
        return dict.fromkeys(reference.instance for reference in references_in(items))

    @property
    def references(self) -> dict[str, None]:
        """Return the images that it refers to, in its order."""
        return self._mentioned | dict.fromkeys(self._by_instance)

    def _referenced(self, base: BaseFrame, read: list[int]) -> dict[int, NDArray[Any]]:
        """Return the masks of frames that refer to ``base`` and have its pixel matrix.

        ``read`` gets the numbers of these frames.
        """
        if (self._description.rows, self._description.columns) != base.shape:
            return {}
        candidates = self._frames_of(base.instance)
        is_single = base.number_of_frames == 1 and base.plane is None
        if not candidates and is_single and list(self._mentioned) == [base.instance]:
            candidates = self._segment_frames
        masks: dict[int, NDArray[Any]] = {}
        for frame in dict.fromkeys(candidates):
            if not self._is_of(frame, base):
                continue
            read.append(frame.number)
            amounts = self._amounts(self._frames.samples(frame.number))
            known = masks.get(frame.segment)
            masks[frame.segment] = amounts if known is None else np.maximum(known, amounts)
        return masks

    def _is_of(self, frame: _SegmentFrame, base: BaseFrame) -> bool:
        """Tell whether a frame has the pixel matrix of ``base``.

        If both have one frame of reference, position counts more than the reference: frames that
        refer to several images, or that lie elsewhere, are placed by position.
        """
        is_named = [each.includes(base.instance, base.frame) for each in frame.references]
        if frame.references and not any(is_named):
            return False
        is_single = len(frame.references) <= 1 and (
            base.number_of_frames == 1 or bool(frame.references and frame.references[0].frames)
        )
        plane = self._planes.plane(frame.number)
        if base.plane is None or plane is None:
            return True
        if not plane.shares_frame_of_reference(base.plane):
            return is_single
        if plane.is_tile:
            gap = plane.slice_spacing or base.plane.slice_spacing or 0.0
            is_away = abs(plane.distance - base.plane.distance) > gap / 2 + _SAME_HEIGHT
            if is_away and self._has_focal_planes:
                return False
        spacing = base.plane.slice_spacing or plane.slice_spacing or 0.0
        return _is_same_place(plane, base.plane, spacing / 2 if is_single else 0.0)

    @cached_property
    def _has_focal_planes(self) -> bool:
        """Tell whether tiles lie in several planes."""
        places = {round(plane.distance, 6) for plane in self._planes.all() if plane is not None}
        return len(places) > 1

    # --- where they lie -----------------------------------------------------------------------

    @cached_property
    def _stacks(self) -> Mapping[int, list[tuple[Stack, tuple[int, ...]]]]:
        """Return the stacks of each segment, with the frame numbers of their slices."""
        groups: dict[int, list[int]] = {}
        for frame in self._segment_frames:
            groups.setdefault(frame.segment, []).append(frame.number)
        every = self._planes.all()
        whole = stacks_of(every)
        spacings = {id(plane): stack.sparse_spacing for stack in whole for plane in stack.planes}
        stacks = {}
        for segment, numbers in groups.items():
            planes = [every[number - 1] for number in numbers]
            stacks[segment] = [(stack, tuple(numbers)) for stack in stacks_of(planes)]
            for stack, _ in stacks[segment]:
                # A segment may be present in a few slices only.
                stack.spacing = spacings[id(stack.planes[0])]
                stack.is_flat = whole[0].is_flat
        return stacks

    def _placed(self, base: BaseFrame, read: list[int]) -> dict[int, NDArray[Any]] | None:
        """Return masks by position, or None if one of the two has no position.

        ``read`` gets the numbers of the frames that count.
        """
        if base.plane is None:
            return None

        def samples(number: int) -> NDArray[Any]:
            read.append(number)
            return self._frames.samples(number)

        is_comparable = False
        masks: dict[int, NDArray[Any]] = {}
        for segment, stacks in self._stacks.items():
            for stack, numbers in stacks:
                if not stack.planes[0].shares_frame_of_reference(base.plane):
                    continue
                is_comparable = True
                found = stack.sample(
                    base.plane,
                    lambda index, numbers=numbers: samples(numbers[index]),  # type: ignore[misc]
                    linear=False,
                )
                if found is not None:
                    amounts = self._amounts(np.where(found[1], found[0], 0))
                    known = masks.get(segment)
                    masks[segment] = amounts if known is None else np.maximum(known, amounts)
        return masks if is_comparable else None

    def _unrelated(self, base: BaseFrame) -> str:
        if base.problem or self._planes.problem:
            return base.problem or self._planes.problem
        if base.plane is not None and any(self._planes.all()):
            return "it is in another frame of reference than the image"
        return "it does not refer to the image, and one of the two has no position"

    # --- drawing ------------------------------------------------------------------------------

    def _amounts(self, samples: NDArray[Any]) -> NDArray[Any]:
        if self._is_labelmap:
            return samples.astype(np.uint16)
        if self._description.segmentation_type == "FRACTIONAL":
            most = self._display.maximum_fractional_value or 255
            return np.clip(samples / np.float32(most), 0, 1).astype(np.float32)
        return samples > 0

    def _labels(self, values: NDArray[Any]) -> dict[int, NDArray[Any]]:
        """Return a mask for each label; the background and padding have none."""
        labels = np.flatnonzero(np.bincount(values.reshape(-1)))
        low, high = self._display.padding or (0, 0)
        return {
            int(label): values == label
            for label in labels
            if label != 0 and not (low <= label <= high)
        }

    @property
    def numbers(self) -> frozenset[int] | None:
        """Return the segments that have frames; None for a label map: its pixels say."""
        if self._is_labelmap:
            return None
        return frozenset(frame.segment for frame in self._segment_frames)

    @cached_property
    def _names(self) -> dict[int, str]:
        attributes = self._attributes
        return {
            item.integer(_NUMBER, 0) or 0: item.text(_LABEL) for item in attributes.items(_SEGMENTS)
        }

    @cached_property
    def _colours(self) -> NDArray[Any]:
        """Return the color of every segment: its own, that of the palette, or a default."""
        given = dict(self._display.segment_colours)
        palette = self._display.palette
        if palette is not None and self._is_labelmap:
            first = min(channel.first for channel in (palette.red, palette.green, palette.blue))
            for index, entry in enumerate(palette_entries(palette, 8).tolist()):
                given.setdefault(first + index, (entry[0], entry[1], entry[2]))
        return label_colours(given, bits=16, bit_depth=8)

    def _drawn(self, masks: Mapping[int, NDArray[Any]], options: LayerOptions) -> Contribution:
        style = options.style or "both"
        opacity = options.opacity if style != "outline" else None
        shown = [
            (number, self._names.get(number, ""), masks[number])
            for number in sorted(masks)
            if is_wanted(number, self._names.get(number, ""), options) and masks[number].any()
        ]
        pieces: list[Piece] = []
        items: list[DrawnItem] = []
        for number, name, amounts in shown:
            red, green, blue = self._colours[number].tolist()
            colour = as_share((red, green, blue))
            pieces.append(LayerMask(amounts, colour, opacity, style != "fill"))
            items.append(DrawnItem(number, name, (red, green, blue)))
            if options.has_labels:
                row, column = np.argwhere(amounts > 0)[0].tolist()
                place = (column + 0.5, row + 0.5)
                pieces.append(LayerLabel(caption(number, name), place, colour))
        warning = "" if self._has_wanted(masks, options) else "none of its segments is requested"
        return Contribution(tuple(pieces), tuple(items), legend_of(items), warning)

    def _has_wanted(self, masks: Mapping[int, NDArray[Any]], options: LayerOptions) -> bool:
        """Tell whether a segment was requested."""
        if options.items is None:
            return True
        numbers = {*self._names, *masks, *(frame.segment for frame in self._segment_frames)}
        return any(is_wanted(number, self._names.get(number, ""), options) for number in numbers)


def _is_same_place(plane: Plane, base: Plane, reach: float) -> bool:
    """Tell whether both have the same pixel matrix, in planes less than ``reach`` mm apart."""
    if not plane.is_aligned(base):
        return False
    rows, columns = base.shape
    corners = np.array([[0, 0], [columns - 1, rows - 1]])
    found = plane.to_pixels(base.to_patient(corners))
    is_near = np.abs(found[:, 2]).max() < reach + _SAME_PLACE
    return bool(is_near and np.abs(found[:, :2] - corners).max() < _SAME_PLACE)
