"""Blending presentation states: superimposed images over an underlying one (PS3.4 N.2.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.composition.base import Contribution
from rendicom.composition.resampling import stacks_of
from rendicom.rendering.layers import ValueLayer
from rendicom.rendering.lut import Modality, stored_extent
from rendicom.rendering.plan import modality_of
from rendicom.rendering.stages.palette import palette_entries
from rendicom.rendering.voi import ValueRange, levels
from rendicom.values import DrawnItem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.composition.base import BaseFrame
    from rendicom.composition.layer_options import LayerOptions
    from rendicom.composition.value_map import SeriesMember
    from rendicom.pixels.blendings import Blending, Superimposed, Threshold
    from rendicom.presentation import PresentationState

_HALF = 0.5 - 1e-6


class BlendingLayer:
    """The superimposed images of a blending presentation state.

    ``members`` are the images at hand, by SOP Instance UID.
    """

    kind = "blending"

    def __init__(
        self, blending: Blending, name: str, members: Mapping[str, list[SeriesMember]]
    ) -> None:
        self.name, self.instance = name, blending.instance
        self.state = blending.base
        self._above = [
            (
                above,
                [
                    member
                    for reference in above.state.references
                    for member in members.get(reference.instance, ())
                    if member.plane is not None
                ],
            )
            for above in blending.above
        ]

    def over(self, base: BaseFrame, options: LayerOptions) -> Contribution:  # noqa: ARG002
        """Return the superimposed images at the pixels of ``base``."""
        if not self.state.includes(base.instance, base.frame):
            return Contribution(warning="it does not refer to the image")
        pieces, items = [], []
        for number, (above, members) in enumerate(self._above, 1):
            if not members:
                return Contribution(warning="the images it superimposes were not found")
            piece = _superimposed(base, above, members)
            if piece is not None:
                pieces.append(piece)
                items.append(DrawnItem(number, "", (255, 255, 255)))
        return Contribution(tuple(pieces), tuple(items))


def _superimposed(
    base: BaseFrame, above: Superimposed, members: list[SeriesMember]
) -> ValueLayer | None:
    """Return the colors at the pixels of ``base``; transparent where there is no value."""
    if base.plane is None:
        return None

    def seen(index: int) -> NDArray[np.bool_] | None:
        display = members[index].open().display_attributes(members[index].frame)
        if display.padding is None:
            return None
        low, high = display.padding
        samples = members[index].open().frame(members[index].frame).samples
        return (samples < low) | (samples > high)

    def values(index: int) -> NDArray[np.float64]:
        member = members[index]
        found = _modality(above.state, member).values(member.open().frame(member.frame).samples)
        is_seen = seen(index)
        return found if is_seen is None else np.where(is_seen, found, 0.0)

    def amounts(index: int) -> NDArray[np.float64]:
        is_seen = seen(index)
        shape = members[index].open().description
        if is_seen is None:
            return np.ones((shape.rows, shape.columns))
        return is_seen.astype(np.float64)

    for stack in stacks_of([member.plane for member in members]):
        if not stack.planes[0].shares_frame_of_reference(base.plane):
            continue
        found = stack.sample(base.plane, values, linear=True)
        if found is None:
            continue
        sampled, covered = found
        near = stack.members_near(base.plane) or stack.members[:1]
        if any(seen(index) is not None for index in near):
            # Next to padding, the mean is taken of the valid values only.
            valid = stack.sample(base.plane, amounts, linear=True)
            share = valid[0] if valid is not None else np.ones(base.shape)
            covered = covered & (share >= _HALF)
            np.divide(sampled, share, out=sampled, where=covered)
        for threshold in above.thresholds:
            covered = covered & _passes(sampled, threshold)
        colours = _colours(sampled, above.state, members[near[0]])
        return ValueLayer(colours, covered.astype(np.float32) * np.float32(above.opacity))
    return None


def _passes(values: NDArray[np.float64], threshold: Threshold) -> NDArray[np.bool_]:
    low, high = threshold.low, threshold.high
    if threshold.includes_ends:
        is_within = (values >= low) & (values <= high)
    else:
        is_within = (values > low) & (values < high)
    passes: NDArray[np.bool_] = is_within if threshold.is_inside else ~is_within
    return passes


def _modality(state: PresentationState, member: SeriesMember) -> Modality:
    if state.keeps_modality:
        instance = member.open()
        return modality_of(instance.description, instance.display_attributes(member.frame))
    return Modality(state.slope, state.intercept, state.modality_lut)


def _colours(
    values: NDArray[np.float64], state: PresentationState, member: SeriesMember
) -> NDArray[Any]:
    """Return the colors that the presentation state assigns to modality values."""
    voi = next((v for v in state.vois if v.scope.includes(member.instance, member.frame)), None)
    transform: Any = None
    if voi is not None:
        transform = next(iter((*voi.windows, *voi.tables)), None)
    if transform is None:
        description = member.open().description
        extent = stored_extent(description.bits_stored, signed=description.signed)
        modality = _modality(state, member)
        transform = ValueRange(*modality.bounds(*extent))
    if state.palette is None:
        entries = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    else:
        entries = palette_entries(state.palette, 8)
    index = np.floor(levels(values, transform, len(entries) - 1) + 0.5).astype(np.intp)
    colours: NDArray[Any] = entries[index]
    return colours
