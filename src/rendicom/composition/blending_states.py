"""Blending presentation states: images over each other (PS3.4 N.2.4, N.2.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rendicom.composition.base import BaseFrame, Contribution
from rendicom.composition.resampling import stacks_of
from rendicom.rendering.layers import LayeredImage, ValueLayer
from rendicom.rendering.lut import Modality, stored_extent
from rendicom.rendering.plan import modality_of
from rendicom.rendering.stages.palette import palette_entries
from rendicom.rendering.voi import ValueRange, levels
from rendicom.values import DrawnItem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.composition.layer_options import LayerOptions
    from rendicom.composition.value_map import SeriesMember
    from rendicom.pixels.blendings import Blending, BlendInput, BlendStep, Threshold
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
        self._blending = blending
        self._above = [
            (
                above,
                [
                    member
                    for reference in above.state.references
                    for member in members.get(reference.instance, ())
                    if member.plane is not None
                    and (not reference.frames or member.frame in reference.frames)
                ],
            )
            for above in blending.inputs[1:]
        ]

    def over(self, base: BaseFrame, options: LayerOptions) -> Contribution:  # noqa: ARG002
        """Return the superimposed images at the pixels of ``base``."""
        if not self.state.includes(base.instance, base.frame):
            return Contribution(warning="it does not refer to the image")
        if not all(members for _, members in self._above):
            return Contribution(warning="the images it superimposes were not found")
        found = [_superimposed(base, above, members) for above, members in self._above]
        numbers = [place for place, each in enumerate(found, 1) if each is not None]
        # Where no other image lies, the state says how the one at the bottom is shown alone.
        items = [DrawnItem(number, "", (255, 255, 255)) for number in numbers or (1,)]
        return Contribution(tuple(self._pieces(base, found)), tuple(items))

    def _pieces(self, base: BaseFrame, found: Sequence[_Seen | None]) -> Iterator[ValueLayer]:
        """Yield the inputs over the bottom one, with the opacities that give the weighted mean."""
        nowhere = np.zeros(base.shape, np.bool_)
        seen = [_seen_of_base(base, self._blending.inputs[0])]
        seen += [nowhere if each is None else each.where for each in found]
        weights = _mean(self._blending.result, seen, {}).weights
        if not seen[0].all():
            black = np.zeros((*base.shape, 3), np.uint8)
            yield ValueLayer(black, (~seen[0]).astype(np.float32))
        total = weights.get(0, np.zeros(base.shape))
        for place, each in enumerate(found, 1):
            weight = weights.get(place)
            if each is None or weight is None:
                continue
            total = total + weight
            share = np.divide(weight, total, out=np.zeros(base.shape), where=total > 0)
            yield ValueLayer(each.colours, share.astype(np.float32))


class _Seen(NamedTuple):
    """Colors of an input at the pixels of an image, and where they are seen."""

    colours: NDArray[Any]
    where: NDArray[np.bool_]


class _Mean(NamedTuple):
    """The weight of each input at each pixel of a result, and where there is a result."""

    weights: dict[int, NDArray[np.float64]]
    where: NDArray[np.bool_]


def _mean(
    part: BlendStep | int, seen: Sequence[NDArray[np.bool_]], known: dict[int, _Mean]
) -> _Mean:
    """Return the mean that a step gives, or an input as one.

    An input that is not seen at a pixel leaves its share to the others (PS3.4 N.2.6).
    """
    if isinstance(part, int):
        return _Mean({part: seen[part].astype(np.float64)}, seen[part])
    if id(part) not in known:
        known[id(part)] = _joined(part, [_mean(each, seen, known) for each in part.parts])
    return known[id(part)]


def _joined(step: BlendStep, parts: Sequence[_Mean]) -> _Mean:
    amounts = [each.where.astype(np.float64) for each in parts]
    if step.opacity is not None:
        amounts = [step.opacity * amounts[0], (1 - step.opacity) * amounts[1]]
        # What is fully transparent is shown where it is alone.
        for own, other in ((0, 1), (1, 0)):
            amounts[own][parts[own].where & ~parts[other].where] = 1.0
    total = np.sum(amounts, axis=0)
    weights: dict[int, NDArray[np.float64]] = {}
    for each, amount in zip(parts, amounts, strict=True):
        share = np.divide(amount, total, out=np.zeros_like(total), where=total > 0)
        for place, weight in each.weights.items():
            weights[place] = share * weight + weights.get(place, 0.0)
    return _Mean(weights, np.any([each.where for each in parts], axis=0))


def _seen_of_base(base: BaseFrame, given: BlendInput) -> NDArray[np.bool_]:
    """Return the pixels of the image at the bottom that are seen."""
    image = base.image
    padding = image.display_attributes(base.frame).padding if given.hides_padding else None
    if padding is None and not given.thresholds:
        return np.ones(base.shape, np.bool_)
    samples = image.frame(base.frame).samples
    values = _modality(given.state, image, base.frame).values(samples)
    is_seen = np.ones(base.shape, np.bool_) if padding is None else ~_is_within(samples, padding)
    return is_seen & _passes(values, given.thresholds)


def _is_within(samples: NDArray[Any], padding: tuple[float, float]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (samples >= padding[0]) & (samples <= padding[1])
    return found


def _superimposed(base: BaseFrame, above: BlendInput, members: list[SeriesMember]) -> _Seen | None:
    """Return the colors at the pixels of ``base``; they are not seen without a value."""
    if base.plane is None:
        return None

    def seen(index: int) -> NDArray[np.bool_] | None:
        display = members[index].open().display_attributes(members[index].frame)
        if display.padding is None:
            return None
        samples = members[index].open().frame(members[index].frame).samples
        return ~_is_within(samples, display.padding)

    def values(index: int) -> NDArray[np.float64]:
        member = members[index]
        instance = member.open()
        samples = instance.frame(member.frame).samples
        found = _modality(above.state, instance, member.frame).values(samples)
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
        covered = covered & _passes(sampled, above.thresholds)
        return _Seen(_colours(sampled, above.state, members[near[0]]), covered)
    return None


def _passes(values: NDArray[np.float64], thresholds: Sequence[Threshold]) -> NDArray[np.bool_]:
    """Return where values lie in one of the ranges; everywhere if there are none."""
    passes = np.full(values.shape, not thresholds)
    for low, high, includes_ends, is_inside in thresholds:
        if includes_ends:
            is_within = (values >= low) & (values <= high)
        else:
            is_within = (values > low) & (values < high)
        passes |= is_within if is_inside else ~is_within
    return passes


def _modality(state: PresentationState, image: LayeredImage, frame: int) -> Modality:
    if state.keeps_modality:
        return modality_of(image.description, image.display_attributes(frame))
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
        instance = member.open()
        description = instance.description
        extent = stored_extent(description.bits_stored, signed=description.signed)
        modality = _modality(state, instance, member.frame)
        transform = ValueRange(*modality.bounds(*extent))
    if state.palette is None:
        entries = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    else:
        entries = palette_entries(state.palette, 8)
    index = np.floor(levels(values, transform, len(entries) - 1) + 0.5).astype(np.intp)
    colours: NDArray[Any] = entries[index]
    return colours
