"""Reads the units of modality values, and the size of pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rendicom.pixels.display import FrameGroups
from rendicom.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rendicom.dicom.attributes import Attributes
    from rendicom.dicom.header import Header
    from rendicom.values import PixelDescription

_RESCALE_MACRO, _SLOPE, _INTERCEPT, _RESCALE_TYPE = 0x00289145, 0x00281053, 0x00281052, 0x00281054
_COUNT_UNITS, _DOSE_UNITS = 0x00541001, 0x30040002
_MAPPINGS, _MAPPED_SLOPE, _MAPPED_INTERCEPT = 0x00409096, 0x00409225, 0x00409224
_UNIT_CODES, _CODE = 0x004008EA, 0x00080100
_MEASURES_MACRO, _SPACING, _ASPECT = 0x00289110, 0x00280030, 0x00280034
_POSITION_MACRO, _POSITION = 0x00209113, 0x00200032
_AT_DETECTOR = (0x00181164, 0x00182010)
_REGIONS = 0x00186011
_REGION_BOUNDS = (0x00186018, 0x0018601A, 0x0018601C, 0x0018601E)
_REGION_UNITS, _REGION_DELTAS = (0x00186024, 0x00186026), (0x0018602C, 0x0018602E)
_CENTIMETERS = 3
_LONGEST_CODE = 16

_RESCALED = {
    "HU": "HU", "HU_MOD": "HU (modified)", "MGML": "mg/ml", "PCT": "%", "OD": "OD/1000",
    "ED": "10^23 electrons/ml", "EDW": "relative to water", "Z_EFF": "Z",
}  # fmt: skip
"""Units by Rescale Type (PS3.3 C.11.1.1.2)."""
_COUNTED = {
    "BQML": "Bq/ml", "CNTS": "counts", "CPS": "counts/s", "GML": "g/ml", "PCNT": "%",
    "MGMINML": "mg/min/ml", "UMOLML": "umol/ml", "MLMING": "ml/min/g", "MLG": "ml/g",
    "1CM": "1/cm", "CM2": "cm2", "CM2ML": "cm2/ml", "STDDEV": "standard deviations",
}  # fmt: skip
"""Units of PET values (PS3.3 C.8.9.1.1.3)."""


def unit_of(header: Header, description: PixelDescription, frame: int) -> str:
    """Return the unit of the modality values of a frame, or an empty string.

    Only units of fixed lists and UCUM codes are returned, never free text of the file.
    """
    attributes = header.attributes
    if not description.photometric_interpretation.startswith("MONOCHROME"):
        return ""
    groups = FrameGroups(attributes, frame)
    mapped = _mapped_unit(groups)
    if mapped:
        return mapped
    rescaled = groups.macro(_RESCALE_MACRO, _SLOPE, _INTERCEPT).text(_RESCALE_TYPE).upper()
    if description.modality == "CT" and not rescaled:
        return "HU"
    if description.modality == "RTDOSE":
        return "Gy" if attributes.text(_DOSE_UNITS).upper() == "GY" else ""
    return _RESCALED.get(rescaled, "") or _COUNTED.get(attributes.text(_COUNT_UNITS).upper(), "")


def _mapped_unit(groups: FrameGroups) -> str:
    """Return the unit of real world values that are equal to the stored ones (C.7.6.16.2.11)."""
    for item in groups.macro(_MAPPINGS, _MAPPED_SLOPE).items(_MAPPINGS) or groups.top.items(
        _MAPPINGS
    ):
        if (item.number(_MAPPED_SLOPE), item.number(_MAPPED_INTERCEPT)) != (1.0, 0.0):
            continue
        for code in item.items(_UNIT_CODES):
            text = code.text(_CODE)
            if 0 < len(text) <= _LONGEST_CODE and text.isascii() and text.isprintable():
                return text
    return ""


class PixelSize(NamedTuple):
    """Height and width of a pixel in ``unit``: ``mm``, ``mm at the detector``, or ``pixels``."""

    height: float
    width: float
    unit: str


def pixel_size_at(header: Header, frame: int, points: Sequence[tuple[float, float]]) -> PixelSize:
    """Return the size of the pixels of a frame around points, given as x and y.

    Pixel Spacing counts first, then the ultrasound region that all points are in (PS3.3 C.8.5.5),
    then the spacing at the detector or of a digitized film, then Pixel Aspect Ratio.
    """
    attributes = header.attributes
    spacing = spacing_of(header, frame)
    if spacing is not None:
        return PixelSize(*spacing, "mm")
    for region in attributes.items(_REGIONS) if _REGIONS in attributes else ():
        size = _size_in(region, points)
        if size is not None:
            return size
    for tag in _AT_DETECTOR:
        spacing = _pair(attributes.numbers(tag))
        if spacing is not None:
            return PixelSize(*spacing, "mm at the detector")
    ratio = _pair(attributes.numbers(_ASPECT)) or (1.0, 1.0)
    return PixelSize(ratio[0] / ratio[1], 1.0, "pixels")


def spacing_of(header: Header, frame: int) -> tuple[float, float] | None:
    """Return Pixel Spacing of a frame: between rows and between columns, in mm, or None."""
    groups = FrameGroups(header.attributes, frame)
    return _pair(groups.macro(_MEASURES_MACRO, _SPACING).numbers(_SPACING))


def position_of(header: Header) -> tuple[float, float, float] | None:
    """Return Image Position (Patient) of the first frame: x, y and z in mm, or None."""
    groups = FrameGroups(header.attributes, 1)
    numbers = groups.macro(_POSITION_MACRO, _POSITION).numbers(_POSITION)
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        return None
    return numbers[0], numbers[1], numbers[2]


def _pair(numbers: Sequence[float]) -> tuple[float, float] | None:
    if len(numbers) != 2 or not all(math.isfinite(each) and each > 0 for each in numbers):
        return None
    return numbers[0], numbers[1]


def _size_in(region: Attributes, points: Sequence[tuple[float, float]]) -> PixelSize | None:
    bounds = [region.integer(tag) for tag in _REGION_BOUNDS]
    units = [region.integer(tag) for tag in _REGION_UNITS]
    deltas = [region.number(tag) for tag in _REGION_DELTAS]
    if None in bounds or None in deltas or units != [_CENTIMETERS, _CENTIMETERS]:
        return None
    left, top, right, bottom = (each for each in bounds if each is not None)
    if not all(left <= x < right + 1 and top <= y < bottom + 1 for x, y in points):
        return None
    size = _pair([abs(each) * 10 for each in reversed(deltas) if each is not None])
    return None if size is None else PixelSize(*size, "mm")
