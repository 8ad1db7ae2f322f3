"""Dose: a color wash and isodose lines, interpolated in patient space (PS3.3 C.8.8.3)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rendicom.composition.base import Contribution, KeptFrames, as_share, is_wanted
from rendicom.composition.planes import Planes
from rendicom.composition.references import references_in
from rendicom.composition.resampling import stacks_of
from rendicom.errors import CorruptDataError, OptionError
from rendicom.rendering.blending import extent_of
from rendicom.rendering.layers import ColourBar, IsoLines, LegendRow, ValueLayer
from rendicom.values import DrawnItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from rendicom.composition.base import BaseFrame, Layer, Piece
    from rendicom.composition.geometry import Plane
    from rendicom.composition.layer_options import LayerOptions
    from rendicom.engine import Instance

_UNITS, _PLANS = 0x30040002, 0x300C0002
_LEAST_WASH = 0.15
DEFAULT_LEVELS = ("95%", "80%", "50%", "30%", "10%")
_STOPS = ((0, 0, 160), (0, 80, 255), (0, 220, 220), (0, 200, 0), (240, 240, 0), (255, 130, 0),
          (255, 0, 0))  # fmt: skip


def dose_colours(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return colors for fractions 0 to 1 of the maximum: blue, green, yellow, red."""
    places = np.linspace(0, 1, len(_STOPS))
    stops = np.array(_STOPS, np.float64)
    # Each channel is contiguous, as it is blended by itself.
    colours = np.empty((3, *shares.shape), np.uint8)
    for channel in range(3):
        colours[channel] = np.floor(np.interp(shares, places, stops[:, channel]) + 0.5)
    return np.moveaxis(colours, 0, -1)


class DoseLayer:
    """An RT dose grid.

    Attributes
    ----------
    plans
        SOP Instance UIDs of the plans that a dose in Gy refers to.
    prescription
        The dose in Gy that levels in per cent refer to; None for the maximum of the grid.
    """

    kind = "dose"

    def __init__(self, instance: Instance, name: str) -> None:
        self.name, self.instance = name, instance.sop_instance
        if instance.description.samples_per_pixel != 1:
            raise CorruptDataError("the values of the dose are colors")
        self._opened = instance
        self._frames = KeptFrames(instance)
        self._planes = Planes(instance.header, instance.description)
        scaling = instance.display_attributes(1).dose_grid_scaling
        is_scaled = bool(scaling and np.isfinite(scaling) and scaling > 0)
        self._scaling = scaling if scaling and is_scaled else 1.0
        unscaled = "it has no Dose Grid Scaling above 0: its values have no unit"
        self._note = "" if is_scaled else unscaled
        unit = instance.header.attributes.text(_UNITS).upper()
        self._unit = "Gy" if unit == "GY" and is_scaled else ""
        references = references_in(instance.header.attributes.items(_PLANS)) if self._unit else ()
        self.plans = frozenset(each.instance for each in references)
        self.prescription: float | None = None

    @property
    def plane_of_maximum(self) -> Plane | None:
        """Return the plane of the frame with the greatest value."""
        count = self._opened.description.number_of_frames
        frames = range(1, count + 1)
        return self._planes.plane(max(frames, key=lambda each: self._frames.samples(each).max()))

    @cached_property
    def maximum(self) -> float:
        """Return the greatest value of the grid."""
        count = self._opened.description.number_of_frames
        most = max(int(self._frames.samples(number).max()) for number in range(1, count + 1))
        return most * self._scaling

    def over(self, base: BaseFrame, options: LayerOptions) -> Contribution:
        """Return wash and lines on ``base``."""
        levels = [
            (number, level, amount)
            for number, level, amount in self._levels(options)
            if is_wanted(number, level, options)
        ]
        if not levels and options.items is not None:
            return Contribution(warning="none of its levels is requested")
        planes = self._planes.all()
        if base.plane is None or not any(planes):
            problem = base.problem or self._planes.problem
            return Contribution(warning=problem or "one of the two has no position")
        values: NDArray[np.float64] | None = None
        for stack in stacks_of(planes):
            if not stack.planes[0].shares_frame_of_reference(base.plane):
                return Contribution(warning="it is in another frame of reference than the image")
            found = stack.sample(
                base.plane, lambda index: self._frames.samples(index + 1), linear=True
            )
            if found is not None:
                values = np.where(found[1], found[0] * self._scaling, 0.0)
        note = self._frames.note(range(1, len(planes) + 1)) or self._planes.problem or self._note
        if self.maximum <= 0:
            return Contribution(warning=note or "it has no value above 0")
        if values is None:
            return Contribution(warning=note)
        return self._drawn(values, levels, options)._replace(warning=note)

    def _wash(self, values: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Return the colors of doses; beside the grid, where these are 0, they are all alike."""
        colours = np.moveaxis(np.empty((3, *values.shape), np.uint8), 0, -1)
        colours[...] = dose_colours(np.array(0.0))
        if (box := extent_of(values != 0)) is not None:
            colours[box] = dose_colours(values[box] / self.maximum)
        return colours

    def _levels(self, options: LayerOptions) -> list[tuple[int, str, float]]:
        """Return number, name and amount of the isodose lines."""
        found = []
        for number, level in enumerate(options.isodose or DEFAULT_LEVELS, 1):
            if level.endswith("%"):
                amount = float(level[:-1]) / 100 * (self.prescription or self.maximum)
            elif self._note:
                continue
            else:
                amount = float(level.removesuffix("Gy"))
            found.append((number, level, amount))
        return found

    def _drawn(
        self,
        values: NDArray[np.float64],
        levels: list[tuple[int, str, float]],
        options: LayerOptions,
    ) -> Contribution:
        style = options.style or "both"
        pieces: list[Piece] = []
        if style != "outline":
            is_washed = values >= _LEAST_WASH * self.maximum
            opacities = np.where(is_washed, np.float32(options.opacity), np.float32(0))
            if is_washed.any():
                pieces.append(ValueLayer(self._wash(values), opacities))
        items = []
        for number, level, amount in levels:
            red, green, blue = dose_colours(np.array(amount / self.maximum)).tolist()
            items.append((DrawnItem(number, level, (red, green, blue)), amount))
        if style != "fill":
            rising = sorted(items, key=lambda item: item[1])
            lines = tuple((amount, as_share(item.colour)) for item, amount in rising)
            if any((values >= amount).any() for amount, _ in lines):
                pieces.append(IsoLines(values.astype(np.float32), lines))
        bar = ColourBar(
            dose_colours(np.linspace(0, 1, 256)), "0", f"{self.maximum:.4g} {self._unit}".strip()
        )
        rows = [
            LegendRow(as_share(item.colour), f"{item.name} = {amount:.4g} {self._unit}".strip())
            for item, amount in items
        ]
        drawn = tuple(item for item, amount in items if (values >= amount).any())
        # A color bar for the color wash, and a row for each isodose line.
        return Contribution(tuple(pieces), drawn, (bar, *(rows if style != "fill" else ())))


# --- prescriptions of plans (PS3.3 C.8.8.10) --------------------------------------------------

_REFERENCES, _TYPE, _PRESCRIBED = 0x300A0010, 0x300A0020, 0x300A0026


def apply_plans(layers: Iterable[Layer], plans: Mapping[str, Instance]) -> None:
    """Make isodose levels in per cent relative to the prescriptions of the plans.

    Parameters
    ----------
    layers
        The layers; only doses are changed.
    plans
        RT Plans and RT Ion Plans, by their names in messages.

    Raises
    ------
    OptionError
        No dose refers to a plan, or a plan has no prescribed dose.
    """
    doses = [layer for layer in layers if isinstance(layer, DoseLayer)]
    for name, plan in plans.items():
        meant = [dose for dose in doses if plan.sop_instance in dose.plans]
        if not meant:
            raise OptionError(
                f"{name} is a plan, and no layer is a dose in Gy that refers to it",
                hint="a plan cannot be drawn on an image itself",
            )
        prescribed = _prescribed_in(plan)
        if prescribed is None:
            raise OptionError(
                f"{name} has no Target Prescription Dose",
                hint="without the plan, isodose lines are in per cent of the maximum",
            )
        for dose in meant:
            dose.prescription = prescribed


def _prescribed_in(plan: Instance) -> float | None:
    """Return the greatest Target Prescription Dose in Gy; a plan may have several targets."""
    found = [
        item.number(_PRESCRIBED) or 0.0
        for item in plan.header.attributes.items(_REFERENCES)
        if item.text(_TYPE).upper() == "TARGET"
    ]
    return max((dose for dose in found if 0 < dose < 1e4), default=None)
