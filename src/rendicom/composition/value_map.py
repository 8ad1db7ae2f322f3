"""Values of other images in colors: PET, MR or NM on CT, parametric maps, color images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rendicom.composition.base import BaseFrame, Contribution, KeptFrames, as_share, is_wanted
from rendicom.composition.planes import Planes
from rendicom.composition.resampling import Stack, stacks_of
from rendicom.errors import NoPixelDataError, RendicomError
from rendicom.options import PALETTES, Voi
from rendicom.pixels.luts import well_known_palette
from rendicom.pixels.measurement_units import unit_of
from rendicom.pixels.suv_factor import suv_factor
from rendicom.rendering.layers import ColourBar, LegendRow, ValueLayer
from rendicom.rendering.plan import modality_of
from rendicom.rendering.stages.palette import palette_entries
from rendicom.rendering.voi import ValueRange, VoiTransform, levels
from rendicom.rendering.voi_choice import frames_counted, palette_range
from rendicom.values import DisplayAttributes, DrawnItem, Window
from rendicom.views import is_usable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.composition.geometry import Plane
    from rendicom.composition.layer_options import LayerOptions
    from rendicom.engine import Instance

_MODALITY, _SERIES = 0x00080060, 0x0020000E


class SeriesMember(NamedTuple):
    """One frame of a series: ``open`` returns its instance, which `release` closes if possible."""

    open: Callable[[], Instance]
    frame: int
    plane: Plane | None
    instance: str


def members_of(instance: Instance, open_again: Callable[[], Instance]) -> list[SeriesMember]:
    """Return the frames of an instance as members of a volume.

    Raises
    ------
    NoPixelDataError
        It is not an image.
    """
    planes = Planes(instance.header, instance.description)
    count = instance.description.number_of_frames
    return [
        SeriesMember(open_again, frame, planes.plane(frame), instance.sop_instance)
        for frame in range(1, count + 1)
    ]


class ValueLayerOfSeries:
    """The images of a series, or the frames of one image, as one volume."""

    kind = "image"

    def __init__(self, members: Sequence[SeriesMember], name: str) -> None:
        if not members:
            raise NoPixelDataError(f"{name} holds no images")
        self.name, self.instance = name, members[0].instance
        self._members = tuple(members)
        first = members[0].open()
        self._description = first.description
        attributes = first.header.attributes
        self.series, self._modality = attributes.text(_SERIES), attributes.text(_MODALITY)
        self._instances = {member.instance for member in members}
        self._stacks: list[Stack] | None = None
        self._values = lru_cache(maxsize=8)(self._read)
        self._range = lru_cache(maxsize=2)(self._measured)

    @property
    def is_colour(self) -> bool:
        """Tell whether the images are color images."""
        return self._description.samples_per_pixel > 1

    def over(self, base: BaseFrame, options: LayerOptions) -> Contribution:
        """Return the colors of the values at the pixels of ``base``."""
        if base.instance in self._instances:
            return Contribution()
        if not is_wanted(1, self._modality, options):
            return Contribution(warning="it is not among the requested items")
        if base.plane is None or not any(member.plane for member in self._members):
            problem = base.problem or self._problem
            return Contribution(warning=problem or "one of the two has no position")
        stacks = self._stacks_for(base.plane)
        if not stacks:
            return Contribution(warning="it is in another frame of reference than the image")
        near = [each for stack in stacks for each in stack.members_near(base.plane)]
        if not near:
            return Contribution()
        if options.suv and self._suv(near[0]) is None:
            return Contribution(warning="it lacks attributes to compute the standardized uptake")
        if self.is_colour:
            return self._coloured(stacks, base, options)
        shown = self.shown(near[len(near) // 2], options)
        found = _sampled(stacks, base.plane, lambda k: self._values(k, options.suv))
        if found is None:
            return Contribution()
        index = shown.entry_of(found[0])
        is_painted = found[1] & (index > 0)
        opacities = np.where(is_painted, np.float32(options.opacity), np.float32(0))
        if not is_painted.any():
            return Contribution()
        red, green, blue = shown.entries[len(shown.entries) * 3 // 4].tolist()
        item = DrawnItem(1, self._modality, (red, green, blue))
        low, high = shown.ends
        bar = ColourBar(shown.entries, low, f"{high} {shown.unit}".strip())
        return Contribution((ValueLayer(shown.entries[index], opacities),), (item,), (bar,))

    def _coloured(
        self, stacks: Sequence[Stack], base: BaseFrame, options: LayerOptions
    ) -> Contribution:
        channels: list[NDArray[np.float64]] = []
        covered = np.zeros(base.shape, np.bool_)
        for channel in range(3):
            if base.plane is None:
                break
            found = _sampled(
                stacks,
                base.plane,
                lambda k, channel=channel: self._samples(k)[..., channel],  # type: ignore[misc]
            )
            if found is None:
                return Contribution()
            channels.append(found[0])
            covered = found[1]
        top = float((1 << self._description.bits_stored) - 1)
        colours = np.floor(np.clip(np.stack(channels, -1) / top, 0, 1) * 255 + 0.5)
        opacities = np.where(covered, np.float32(options.opacity), np.float32(0))
        item = DrawnItem(1, self._modality, (255, 255, 255))
        row = LegendRow(as_share(item.colour), self._modality)
        layer = ValueLayer(colours.astype(np.uint8), opacities.astype(np.float32))
        return Contribution((layer,), (item,), (row,))

    @property
    def _problem(self) -> str:
        """Return the fault in the position of the first image, or an empty text."""
        instance = self._members[0].open()
        planes = Planes(instance.header, instance.description)
        planes.plane(self._members[0].frame)
        return planes.problem

    # --- values -------------------------------------------------------------------------------

    def _stacks_for(self, plane: Plane) -> list[Stack]:
        """Return the stack that fits a plane best, or the tiles that it overlaps."""
        if self._stacks is None:
            self._stacks = stacks_of([member.plane for member in self._members])
        usable = [
            stack for stack in self._stacks if stack.planes[0].shares_frame_of_reference(plane)
        ]
        if tiles := [stack for stack in usable if stack.planes[0].is_tile]:
            return [each for each in tiles if each.planes[0].overlaps(plane)] or tiles[:1]
        return sorted(
            usable,
            key=lambda stack: (stack.planes[0].is_parallel(plane), len(stack.members)),
            reverse=True,
        )[:1]

    def _display(self, index: int) -> tuple[Instance, DisplayAttributes]:
        member = self._members[index]
        instance = member.open()
        return instance, instance.display_attributes(member.frame)

    def _samples(self, index: int) -> NDArray[Any]:
        member = self._members[index]
        return KeptFrames(member.open()).samples(member.frame)

    def _suv(self, index: int) -> float | None:
        return suv_factor(self._members[index].open().header.attributes)

    def _read(self, index: int, suv: bool) -> NDArray[np.float64]:
        """Return the modality values of a member; padding is replaced by the least of them."""
        samples = self._samples(index)
        instance, display = self._display(index)
        values = modality_of(instance.description, display).values(samples)
        is_none = ~np.isfinite(values)
        if display.padding is not None:
            low, high = display.padding
            is_none |= (samples >= low) & (samples <= high)
        if is_none.any():
            values[is_none] = values[~is_none].min() if not is_none.all() else 0.0
        return values * (self._suv(index) or 1.0) if suv else values

    def _measured(self, suv: bool) -> tuple[float, float]:
        """Return the least and the greatest value of the volume, or of a sample of many slices."""
        ends = []
        for number in frames_counted(Voi(), len(self._members)):
            try:
                values = self._values(number - 1, suv)
            except RendicomError:
                continue
            ends += [float(values.min()), float(values.max())]
        return (min(ends), max(ends)) if ends else (0.0, 0.0)

    # --- colors -------------------------------------------------------------------------------

    def shown(self, index: int, options: LayerOptions) -> _Shown:
        """Return the window for the values: the requested one, the file's, or their whole range."""
        instance, display = self._display(index)
        factor = (self._suv(index) or 1.0) if options.suv else 1.0
        voi: VoiTransform
        usable = [window for window in display.windows if is_usable(window)]
        modality = modality_of(self._description, display)
        mapped = palette_range(display, is_float=self._description.is_float)
        if options.window is not None:
            voi = options.window
        elif mapped is not None and modality.table is None and modality.slope > 0:
            voi = ValueRange(*modality.bounds(*mapped))
        elif display.voi_luts and not options.suv:
            voi = display.voi_luts[0]
        elif usable:
            window = usable[0]
            voi = Window(window.center * factor, window.width * factor, window.function)
            if options.suv or window.width <= 1:
                voi = Window(voi.center, voi.width, "linear-exact")
        else:
            voi = ValueRange(*self._range(options.suv))
        own = display.range_palette or display.palette
        palette = own or well_known_palette(PALETTES[options.palette])
        assert palette is not None  # noqa: S101 - one of pydicom's
        frame = self._members[index].frame
        unit = "SUV" if options.suv else unit_of(instance.header, instance.description, frame)
        return _Shown(voi, palette_entries(palette, 8), unit or self._modality)


def _sampled(
    stacks: Sequence[Stack], plane: Plane, frame: Callable[[int], NDArray[Any]]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Return values at the pixels of a plane, and where there are any, from stacks side by side."""
    result: tuple[NDArray[np.float64], NDArray[np.bool_]] | None = None
    for stack in stacks:
        found = stack.sample(plane, frame, linear=True)
        if found is None:
            continue
        if result is not None:
            values, covered = result
            found = np.where(covered, values, found[0]), covered | found[1]
        result = found
    return result


class _Shown(NamedTuple):
    """Window and palette of values; ``unit`` is the modality if the file has no unit."""

    voi: VoiTransform
    entries: NDArray[Any]
    unit: str

    def entry_of(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the palette entry of each value."""
        return np.floor(levels(values, self.voi, len(self.entries) - 1) + 0.5).astype(np.intp)

    @property
    def ends(self) -> tuple[str, str]:
        """Return where the colors begin, and where they end."""
        if isinstance(self.voi, ValueRange):
            return _figure(self.voi.low), _figure(self.voi.high)
        if isinstance(self.voi, Window):
            half = self.voi.width / 2
            return _figure(self.voi.center - half), _figure(self.voi.center + half)
        return "", ""


def _figure(value: float) -> str:
    """Return a number with four digits; counts up to a million have no exponent."""
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e7 else f"{value:.4g}"
