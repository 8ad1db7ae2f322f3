"""Plans of frames, which images that are described alike share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.records import NamedTuple
from rendicom.rendering.plan import RenderPlan, compile_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from rendicom.options import RenderOptions, Voi
    from rendicom.values import DisplayAttributes, Frame, PixelDescription

_MOST = 8


class _SharedPlan(NamedTuple):
    key: tuple[object, ...]
    description: PixelDescription
    display: DisplayAttributes
    plan: RenderPlan


_kept: tuple[_SharedPlan, ...] = ()
"""The last ones first; replaced as a whole, as other threads may be reading it."""


def plan_of(
    description: PixelDescription,
    display: DisplayAttributes,
    options: RenderOptions,
    *,
    frame: Frame,
    value_range: Callable[[Voi], tuple[float, float]],
    are_whole: Callable[[], bool],
    is_shared: bool,
) -> RenderPlan:
    """Return what `compile_plan` does, from memory if these very attributes had a plan before.

    Plans that depend on pixels are not kept, nor those of attributes that are not ``is_shared``.
    """
    global _kept  # noqa: PLW0603 - the memory of the process
    samples = frame.samples
    key = (
        options, frame.photometric_interpretation, frame.bits_stored, frame.signed, samples.dtype,
        samples.shape, frame.icc_profile, frame.reduction, frame.cells is None,
    )  # fmt: skip
    for kept in _kept if is_shared else ():
        if kept.display is display and kept.description is description and kept.key == key:
            return kept.plan
    measured = False

    def measured_range(voi: Voi) -> tuple[float, float]:
        nonlocal measured
        measured = True
        return value_range(voi)

    def measured_wholeness() -> bool:
        nonlocal measured
        measured = True
        return are_whole()

    plan = compile_plan(
        description, display, options, frame=frame,
        value_range=measured_range, are_whole=measured_wholeness,
    )  # fmt: skip
    if is_shared and not measured:
        _kept = (_SharedPlan(key, description, display, plan), *_kept[: _MOST - 1])
    return plan
