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
    from rendicom.pixels.blendings import Blending
    from rendicom.presentation import PresentationState

__all__ = ["BlendingLayer"]


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
                state,
                opacity,
                [
                    member
                    for reference in state.references
                    for member in members.get(reference.instance, ())
                    if member.plane is not None
                ],
            )
            for state, opacity in blending.above
        ]

    def over(self, base: BaseFrame, options: LayerOptions) -> Contribution:  # noqa: ARG002
        """Return the superimposed images at the pixels of ``base``."""
        if not self.state.includes(base.instance, base.frame):
            return Contribution(warning="it does not refer to the image")
        pieces, items = [], []
        for number, (state, opacity, members) in enumerate(self._above, 1):
            if not members:
                return Contribution(warning="the images it superimposes are not at hand")
            piece = _superimposed(base, state, opacity, members)
            if piece is not None:
                pieces.append(piece)
                items.append(DrawnItem(number, "", (255, 255, 255)))
        return Contribution(tuple(pieces), tuple(items))


def _superimposed(
    base: BaseFrame, state: PresentationState, opacity: float, members: list[SeriesMember]
) -> ValueLayer | None:
    if base.plane is None:
        return None

    def values(index: int) -> NDArray[np.float64]:
        member = members[index]
        samples = member.open().frame(member.frame).samples
        return _modality(state, member).values(samples)

    for stack in stacks_of([member.plane for member in members]):
        if not stack.planes[0].shares_frame_of_reference(base.plane):
            continue
        found = stack.sample(base.plane, values, linear=True)
        if found is not None:
            near = members[stack.members_near(base.plane)[0]]
            colours = _colours(found[0], state, near)
            return ValueLayer(colours, found[1].astype(np.float32) * np.float32(opacity))
    return None


def _modality(state: PresentationState, member: SeriesMember) -> Modality:
    if state.keeps_modality:
        instance = member.open()
        return modality_of(instance.description, instance.display_attributes(member.frame))
    return Modality(state.slope, state.intercept, state.modality_lut)


def _colours(
    values: NDArray[np.float64], state: PresentationState, member: SeriesMember
) -> NDArray[Any]:
    """Return the colors of modality values as the presentation state has them."""
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
