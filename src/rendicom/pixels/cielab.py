"""DICOM's PCS values to sRGB (PS3.3 C.10.7.1.1: CIELab over D50, 16 bits a component)."""

from __future__ import annotations

__all__ = ["srgb_of_dicom_lab"]

_D50 = (0.96422, 1.0, 0.82521)
# XYZ over D50 to linear sRGB, Bradford adaptation included (IEC 61966-2-1 primaries).
_TO_RGB = (
    (3.1338561, -1.6168667, -0.4906146),
    (-0.9787684, 1.9161415, 0.0334540),
    (0.0719453, -0.2289914, 1.4052427),
)


def srgb_of_dicom_lab(lightness: int, a: int, b: int) -> tuple[int, int, int]:
    """Return 8-bit sRGB of a CIELab triple encoded as DICOM writes it, 0..65535 each."""
    light = lightness / 65535 * 100
    fy = (light + 16) / 116
    fx, fz = fy + (a / 65535 * 255 - 128) / 500, fy - (b / 65535 * 255 - 128) / 200
    xyz = [_inverse_f(f) * white for f, white in zip((fx, fy, fz), _D50, strict=True)]
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
