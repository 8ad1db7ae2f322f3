"""Chooses the VOI transform of a gray image: the requested one, or else that of the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rendicom.coded_warnings import Notes
from rendicom.errors import CorruptDataError, OptionError
from rendicom.options import PRESETS, RenderOptions, Voi
from rendicom.records import NamedTuple
from rendicom.rendering.lut import Modality, stored_extent
from rendicom.rendering.voi import ValueRange, VoiTransform
from rendicom.values import Window
from rendicom.views import format_number, is_usable

if TYPE_CHECKING:
    from rendicom.values import DisplayAttributes, Frame, PixelDescription

_LONGEST_EXPLANATION = 64
_SAMPLED = 32


class PlanRequest(NamedTuple):
    """Input of a plan; warnings are collected in ``notes``."""

    description: PixelDescription
    display: DisplayAttributes
    options: RenderOptions
    frame: Frame
    value_range: Callable[[Voi], tuple[float, float]]
    notes: Notes
    are_whole: Callable[[], bool]

    def repaired(self, code: str, text: str) -> None:
        """Add a warning about repaired attributes, or raise CorruptDataError if strict."""
        if self.options.strict:
            raise CorruptDataError(text)
        self.notes.add(code, text)


def frames_counted(voi: Voi, number_of_frames: int) -> Sequence[int]:
    """Return the numbers of the frames from which the range of an instance is computed.

    All frames if a range is requested; otherwise, and for percentiles, at most 32 that are evenly
    spaced.
    """
    if number_of_frames <= _SAMPLED or voi.kind in ("minmax", "roi"):
        return range(1, number_of_frames + 1)
    return [1 + round(index * (number_of_frames - 1) / (_SAMPLED - 1)) for index in range(_SAMPLED)]


def choose_voi(image: PlanRequest, modality: Modality) -> tuple[VoiTransform, str]:
    """Return the VOI transform and its description.

    A requested window or preset replaces those of the file (PS3.18 8.3.5.1.4); otherwise
    ``options.voi`` names one. Windows and LUTs of the file are alternatives (PS3.3 C.11.2.1.1).

    Raises
    ------
    OptionError
        The file has no such window or LUT, or it cannot be used.
    """
    options = image.options
    if options.window is not None:
        window = _with_true_function(options.window, image, modality)
        return window, f"window {window} (requested)"
    if options.preset is not None:
        if image.description.modality != "CT":
            image.notes.add(
                "option-without-effect", "presets are windows in HU and this image is not CT"
            )
        window = PRESETS[options.preset]
        return window, f"window {window} (preset {options.preset})"
    voi = options.voi
    if voi.kind == "auto":
        return _automatic(image, modality)
    if voi.kind == "window":
        return _window_of_file(image, modality, int(voi.arguments[0]) - 1)
    if voi.kind == "lut":
        return _lut_of_file(image, int(voi.arguments[0]) - 1)
    if voi.kind == "name":
        return _named(image, modality, voi.name)
    if voi.kind == "identity":
        return _identity(image, modality)
    return _range(image, modality, voi)


def palette_range(display: DisplayAttributes, *, is_float: bool) -> tuple[float, float] | None:
    """Return the stored values that have the first and the last color of the range palette.

    They are those of the file (PS3.3 C.7.6.16.2.26), or else integers index the palette as in any
    image (C.7.6.3.1.5). Windows are for gray. None without such a palette, and for floating point
    values without a range.
    """
    if display.range_palette is None:
        return None
    if display.palette_range is not None or is_float:
        return display.palette_range
    channels = (display.range_palette.red, display.range_palette.green, display.range_palette.blue)
    first = min(channel.first for channel in channels)
    last = max(channel.first + len(channel.entries) for channel in channels) - 1
    return float(first), float(last)


def asks_for_voi(options: RenderOptions) -> bool:
    """Tell whether a VOI transform is requested."""
    return options.window is not None or options.preset is not None or options.voi != Voi()


def _automatic(image: PlanRequest, modality: Modality) -> tuple[VoiTransform, str]:
    """Return the first VOI LUT, else the first valid window, else the range of the pixels.

    Binary and fractional segmentations have a natural range and are never stretched.
    """
    description, display = image.description, image.display
    if description.segmentation_type == "FRACTIONAL" and display.maximum_fractional_value:
        return ValueRange(0, 1), "identity"
    if image.frame.bits_stored == 1 or description.segmentation_type == "BINARY":
        return ValueRange(*stored_extent(1, signed=image.frame.signed)), "identity"
    if display.voi_luts:
        return _lut_of_file(image, 0)
    for index, window in enumerate(display.windows):
        if _is_sane(window, image, modality):
            return _window_of_file(image, modality, index)
    if display.windows:
        image.repaired(
            "window-replaced", "no window of the file can be used: the range of the pixels is shown"
        )
    return _range(image, modality, Voi())


def _is_sane(window: Window, image: PlanRequest, modality: Modality) -> bool:
    """Return whether a window intersects the range of possible values."""
    if not is_usable(window):
        return False
    if window.function == "linear" and window.width < 1 and _are_whole(image, modality):
        return False
    if image.frame.samples.dtype.kind == "f":
        return True
    lowest, highest = modality.bounds(*_extent(image))
    half = window.width if window.function == "sigmoid" else window.width / 2
    return window.center + half >= lowest and window.center - half <= highest


def _are_whole(image: PlanRequest, modality: Modality) -> bool:
    """Return whether modality values are integers."""
    if modality.table is not None:
        return True
    if not (float(modality.slope).is_integer() and float(modality.intercept).is_integer()):
        return False
    return image.frame.samples.dtype.kind != "f" or image.are_whole()


def _with_true_function(window: Window, image: PlanRequest, modality: Modality) -> Window:
    """Return a narrow LINEAR window as LINEAR_EXACT if values are not integers.

    LINEAR of width 1 or less is a threshold between integers (PS3.3 C.11.2.1.2.1). Nearly all
    fractional values would be white, against the purpose of the window.
    """
    if window.function != "linear" or window.width > 1:
        return window
    if not _are_whole(image, modality):
        image.notes.add(
            "window-replaced",
            "the values are not whole numbers, and the LINEAR window is at most 1 wide: "
            "shown as LINEAR_EXACT",
        )
        return replace(window, function="linear-exact")
    if window.width < 1:
        image.repaired("window-replaced", "a LINEAR window narrower than 1 was taken to be 1 wide")
        return replace(window, width=1.0)
    return window


def _extent(image: PlanRequest) -> tuple[int, int]:
    return stored_extent(image.frame.bits_stored, signed=image.frame.signed)


def _window_of_file(image: PlanRequest, modality: Modality, index: int) -> tuple[VoiTransform, str]:
    windows = image.display.windows
    if index >= len(windows):
        raise OptionError(f"the file has no window {index + 1}", hint=_what_there_is(image))
    window = windows[index]
    if not is_usable(window):
        raise OptionError(f"window {index + 1} of the file is invalid", hint="use voi auto")
    window = _with_true_function(window, image, modality)
    return window, f"window {index + 1} of the file {window}{_quoted(window.explanation)}"


def _lut_of_file(image: PlanRequest, index: int) -> tuple[VoiTransform, str]:
    tables = image.display.voi_luts
    if index >= len(tables):
        raise OptionError(f"the file has no VOI LUT {index + 1}", hint=_what_there_is(image))
    table = tables[index]
    return table, f"VOI LUT {index + 1} of the file{_quoted(table.explanation)}"


def _named(image: PlanRequest, modality: Modality, name: str) -> tuple[VoiTransform, str]:
    """Return the window or LUT with this explanation, else the first whose explanation has it."""
    display = image.display
    offers = [
        *((_plain(window.explanation), "window", n) for n, window in enumerate(display.windows)),
        *((_plain(table.explanation), "lut", n) for n, table in enumerate(display.voi_luts)),
    ]
    wanted = _plain(name)
    equal = [offer for offer in offers if offer[0] == wanted]
    containing = [offer for offer in offers if wanted in offer[0]]
    for _, kind, index in (*equal, *containing):
        if kind == "window":
            return _window_of_file(image, modality, index)
        return _lut_of_file(image, index)
    raise OptionError(f"the file has no window or LUT named {name!r}", hint=_what_there_is(image))


def _plain(name: str) -> str:
    """Return a name for comparison: NFKC, stripped, without case."""
    import unicodedata

    return unicodedata.normalize("NFKC", name).strip().casefold()


def _identity(image: PlanRequest, modality: Modality) -> tuple[VoiTransform, str]:
    """Return the full range of the modality transform (PS3.3 C.11.2.1.2.2).

    Floating point values have no such range: that of the pixels is used.
    """
    if image.frame.samples.dtype.kind == "f":
        return _range(image, modality, Voi())
    return ValueRange(*modality.bounds(*_extent(image))), "identity"


def _range(image: PlanRequest, modality: Modality, voi: Voi) -> tuple[VoiTransform, str]:
    """Return the range of the pixels of all frames, or of some frames with a note."""
    frames = image.description.number_of_frames
    counted = len(frames_counted(voi, frames))
    if counted < frames:
        image.notes.add("range-estimated", f"the range is that of {counted} of the {frames} frames")
    if image.frame.reduction is not None:
        image.notes.add(
            "range-estimated", "the range is that of the image decoded at a smaller size"
        )
    low, high = image.value_range(voi)
    how = {
        "percentile": "percentile " + "..".join(map(format_number, voi.arguments)),
        "roi": str(voi),
    }.get(voi.kind, "min..max")
    text = f"{how} {_short(low)}..{_short(high)}"
    if image.frame.is_difference:
        text += " of the differences from the mask"
    if low == high and voi.kind in ("auto", "minmax"):
        return _range_of_one(image, modality, low), text
    return ValueRange(low, high), text


def _range_of_one(image: PlanRequest, modality: Modality, value: float) -> ValueRange:
    """Return a range for pixels that all have one value, or are padding.

    The value is not shown as black: it is gray if there is padding or if it has no natural
    brightness; otherwise its brightness is that in the range of the stored bits.
    """
    has_padding = image.display.padding is not None and image.options.padding
    if has_padding or image.frame.samples.dtype.kind == "f":
        image.notes.add(
            "uniform-image", f"all pixels have the value {_short(value)}: shown as gray"
        )
        half = max(0.5, abs(value) * 2.0**-40)
        return ValueRange(value - half, value + half)
    image.notes.add("uniform-image", f"all pixels have the value {_short(value)}")
    return ValueRange(*modality.bounds(*_extent(image)))


def _short(value: float) -> str:
    """Return a number for display: integers in full, others with six digits."""
    return format_number(value if value == int(value) else float(f"{value:.6g}"))


def _quoted(explanation: str) -> str:
    text = "".join(character for character in explanation if character.isprintable())
    return f' "{text[:_LONGEST_EXPLANATION]}"' if text else ""


def _what_there_is(image: PlanRequest) -> str:
    """Return all windows and LUTs of the file, as options name them."""
    display = image.display
    windows = [
        f"window:{number}{_quoted(window.explanation)}"
        for number, window in enumerate(display.windows, 1)
    ]
    tables = [
        f"lut:{number}{_quoted(table.explanation)}"
        for number, table in enumerate(display.voi_luts, 1)
    ]
    return f"it has {', '.join((*windows, *tables)) or 'none'}"


# --- standardized uptake ----------------------------------------------------------------------


def in_uptake(
    modality: Modality,
    display: DisplayAttributes,
    value_range: Callable[[Voi], tuple[float, float]],
) -> tuple[DisplayAttributes, Callable[[Voi], tuple[float, float]]]:
    """Return attributes and value ranges in standardized uptake, with the windows of the file.

    Raises
    ------
    OptionError
        The image has no uptake.
    """
    factor = display.suv_factor
    if factor is None:
        raise OptionError(
            "the image has no standardized uptake",
            hint="it requires PET in g/ml, or in Bq/ml with dose, half-life, times and weight",
        )
    windows = tuple(
        replace(
            window, center=window.center * factor, width=window.width * factor,
            function="sigmoid" if window.function == "sigmoid" else "linear-exact",
        )
        for window in display.windows
    )  # fmt: skip
    scaled = display._replace(
        slope=modality.slope * factor,
        intercept=modality.intercept * factor,
        windows=windows,
        voi_luts=(),
    )

    def scaled_range(voi: Voi) -> tuple[float, float]:
        low, high = value_range(voi)
        return low * factor, high * factor

    return scaled, scaled_range
