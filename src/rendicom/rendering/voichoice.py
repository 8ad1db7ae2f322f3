"""Which VOI transform a gray image is shown with: what was asked for, else what the file has."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rendicom.errors import OptionError
from rendicom.options import PRESETS, Voi
from rendicom.rendering.lut import stored_extent
from rendicom.rendering.voi import ValueRange
from rendicom.values import LookupTable, Window, format_number

if TYPE_CHECKING:
    from rendicom.options import RenderOptions
    from rendicom.rendering.lut import Modality
    from rendicom.rendering.voi import VoiTransform
    from rendicom.values import DisplayAttributes, Frame, PixelDescription

__all__ = ["PlanRequest", "choose_voi"]

_LONGEST_EXPLANATION = 64


@dataclass(frozen=True, slots=True, eq=False)
class PlanRequest:
    """All that is known when a plan is made; warnings gather in ``notes``."""

    description: PixelDescription
    display: DisplayAttributes
    options: RenderOptions
    frame: Frame
    value_range: Callable[[Voi], tuple[float, float]]
    notes: list[str]


def choose_voi(image: PlanRequest, modality: Modality) -> tuple[VoiTransform, str]:
    """Return the VOI transform, and which it is in words.

    A window or preset that was asked for replaces what the file has (PS3.18 8.3.5.1.4); else
    ``options.voi`` names one. Windows and LUTs of the file are alternatives (PS3.3 C.11.2.1.1).

    Raises
    ------
    OptionError
        The file has no such window or LUT, or it cannot be used.
    """
    options = image.options
    if options.window is not None:
        if not _is_usable(options.window):
            raise OptionError("the window asked for is not finite or not wider than 0")
        return options.window, f"window {options.window} (asked for)"
    if options.preset is not None:
        if image.description.modality != "CT":
            image.notes.append("presets are windows in HU and this image is not CT")
        window = PRESETS[options.preset]
        return window, f"window {window} (preset {options.preset})"
    voi = options.voi
    if voi.kind == "auto":
        return _automatic(image, modality)
    if voi.kind == "window":
        return _window_of_file(image, int(voi.arguments[0]) - 1)
    if voi.kind == "lut":
        return _lut_of_file(image, int(voi.arguments[0]) - 1)
    if voi.kind == "name":
        return _named(image, voi.name)
    if voi.kind == "identity":
        return _identity(image, modality)
    return _range(image, voi)


def _automatic(image: PlanRequest, modality: Modality) -> tuple[VoiTransform, str]:
    """Return the first VOI LUT, else the first sane window, else the range of the pixels.

    Masks and shares of a segment have a natural range, and are never stretched.
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
            return _window_of_file(image, index)
    if display.windows:
        image.notes.append("no window of the file can be used: the range of the pixels is shown")
    return _range(image, Voi("minmax"))


def _is_sane(window: Window, image: PlanRequest, modality: Modality) -> bool:
    """Tell whether a window can show anything of values that the stored bits allow."""
    if not _is_usable(window) or (window.function == "linear" and window.width < 1):
        return False
    if image.frame.samples.dtype.kind == "f":
        return True
    lowest, highest = modality.bounds(*_extent(image))
    half = window.width if window.function == "sigmoid" else window.width / 2
    return window.center + half >= lowest and window.center - half <= highest


def _is_usable(window: Window) -> bool:
    return math.isfinite(window.center) and math.isfinite(window.width) and window.width > 0


def _extent(image: PlanRequest) -> tuple[int, int]:
    return stored_extent(image.frame.bits_stored, signed=image.frame.signed)


def _window_of_file(image: PlanRequest, index: int) -> tuple[VoiTransform, str]:
    windows = image.display.windows
    if index >= len(windows):
        raise OptionError(f"the file has no window {index + 1}", hint=_what_there_is(image))
    window = windows[index]
    if not _is_usable(window):
        raise OptionError(f"window {index + 1} of the file makes no sense", hint="use voi auto")
    if window.function == "linear" and window.width < 1:
        image.notes.append("a LINEAR window narrower than 1 was taken to be 1 wide")
        window = replace(window, width=1.0)
    return window, f"window {index + 1} of the file {window}{_quoted(window.explanation)}"


def _lut_of_file(image: PlanRequest, index: int) -> tuple[VoiTransform, str]:
    tables = image.display.voi_luts
    if index >= len(tables):
        raise OptionError(f"the file has no VOI LUT {index + 1}", hint=_what_there_is(image))
    table = _with_true_bits(tables[index], image.notes)
    return table, f"VOI LUT {index + 1} of the file{_quoted(table.explanation)}"


def _with_true_bits(table: LookupTable, notes: list[str]) -> LookupTable:
    """Return the table with as many bits as its entries really have."""
    needed = int(table.entries.max()).bit_length()
    if needed <= table.bits:
        return table
    notes.append(f"the VOI LUT says {table.bits} bits and has entries of {needed}")
    return replace(table, bits=needed)


def _named(image: PlanRequest, name: str) -> tuple[VoiTransform, str]:
    """Return the window or LUT with this explanation, else the first whose explanation has it."""
    display = image.display
    offers = [
        *((window.explanation, _window_of_file, n) for n, window in enumerate(display.windows)),
        *((table.explanation, _lut_of_file, n) for n, table in enumerate(display.voi_luts)),
    ]
    wanted = name.strip().casefold()
    equal = [offer for offer in offers if offer[0].strip().casefold() == wanted]
    containing = [offer for offer in offers if wanted in offer[0].casefold()]
    for _, choose, index in (*equal, *containing):
        return choose(image, index)
    raise OptionError(f"the file has no window or LUT named {name!r}", hint=_what_there_is(image))


def _identity(image: PlanRequest, modality: Modality) -> tuple[VoiTransform, str]:
    """Return the full range of the modality transform (PS3.3 C.11.2.1.2.2).

    Floating point values have no such range: that of the pixels stands for it.
    """
    if image.frame.samples.dtype.kind == "f":
        return _range(image, Voi("minmax"))
    return ValueRange(*modality.bounds(*_extent(image))), "identity"


def _range(image: PlanRequest, voi: Voi) -> tuple[VoiTransform, str]:
    low, high = image.value_range(voi)
    how = {
        "percentile": "percentile " + "..".join(map(format_number, voi.arguments)),
        "roi": str(voi),
    }.get(voi.kind, "min..max")
    return ValueRange(low, high), f"{how} {_short(low)}..{_short(high)}"


def _short(value: float) -> str:
    """Return a number for a person: whole ones in full, others to six digits."""
    return format_number(value if value == int(value) else float(f"{value:.6g}"))


def _quoted(explanation: str) -> str:
    text = "".join(character for character in explanation if character.isprintable())
    return f' "{text[:_LONGEST_EXPLANATION]}"' if text else ""


def _what_there_is(image: PlanRequest) -> str:
    """Return all windows and LUTs of the file, as they can be asked for."""
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
