"""Recommended Display CIELab Values to sRGB (PS3.3 C.10.7.1.1: 16 bits a component).

The standard refers to the PCS, whose white is D50. DCMTK, highdicom and dcmjs compute with D65,
so objects are written and displayed with D65, which is used here as well.
"""

from __future__ import annotations

_D65 = (0.950456, 1.0, 1.088754)
# XYZ over D65 to linear sRGB (IEC 61966-2-1).
_TO_RGB = (
    (3.2406255, -1.5372080, -0.4986286),
    (-0.9689307, 1.8757561, 0.0415175),
    (0.0557101, -0.2040211, 1.0569959),
)


def srgb_of_dicom_lab(lightness: int, a: int, b: int) -> tuple[int, int, int]:
    """Return 8-bit sRGB of a CIELab triple encoded as DICOM writes it, 0..65535 each."""
    light = lightness / 65535 * 100
    fy = (light + 16) / 116
    fx, fz = fy + (a / 65535 * 255 - 128) / 500, fy - (b / 65535 * 255 - 128) / 200
    xyz = [_inverse_f(f) * white for f, white in zip((fx, fy, fz), _D65, strict=True)]
    linear = (
        sum(weight * value for weight, value in zip(row, xyz, strict=True)) for row in _TO_RGB
    )
    red, green, blue = (_encoded(value) for value in linear)
    return red, green, blue


def _inverse_f(value: float) -> float:
    return value**3 if value > 6 / 29 else 3 * (6 / 29) ** 2 * (value - 4 / 29)


def _encoded(value: float) -> int:
    value = min(1.0, max(0.0, value))
    curve = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return int(curve * 255 + 0.5)
