"""YBR, HSV and the like to RGB (PS3.3 C.7.6.3.1.2), rounded exactly as by the formulas.

For 8 bits the luminance is whole, so that ``round(Y + f(chroma)) = Y + round(f(chroma))``: a
table of 256 entries for red and blue and one of 65,536 for green give the formula's own values.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

YBR_MODELS = ("YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420")

_FULL = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])
_PARTIAL = np.array([[1.1644, 0, 1.5960], [1.1644, -0.3917, -0.8130], [1.1644, 2.0173, 0]])
_BAND_PIXELS = 1 << 16


def ybr_to_rgb(samples: NDArray[Any], *, model: str, bits: int) -> NDArray[Any]:
    """Return RGB of YBR samples, (rows, columns, 3), same dtype.

    ``model`` is one of `YBR_MODELS`; chroma is centred on ``2**(bits - 1)``.
    """
    is_partial = model.startswith("YBR_PARTIAL")
    if bits == 8 and samples.dtype == np.uint8 and not is_partial:
        return _full_8_bit(samples)
    rgb = np.empty_like(samples)
    matrix = _PARTIAL if is_partial else _FULL
    half, foot = 1 << (bits - 1), (16 << bits - 8 if is_partial else 0)
    offset = np.array([foot, half, half], np.float64)
    step = max(1, _BAND_PIXELS // samples.shape[1])
    for start in range(0, samples.shape[0], step):
        band = samples[start : start + step].astype(np.float64) - offset
        band = np.floor(band @ matrix.T + 0.5)
        rgb[start : start + step] = band.clip(0, (1 << bits) - 1)
    return rgb


def _full_8_bit(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    red, green, blue = _chroma_tables()
    rgb = np.empty_like(samples)
    step = max(1, _BAND_PIXELS // samples.shape[1])
    for start in range(0, samples.shape[0], step):
        band = samples[start : start + step]
        y, cb, cr = (band[..., channel].astype(np.int16) for channel in range(3))
        out = rgb[start : start + step]
        np.clip(y + red[cr], 0, 255, out=out[..., 0], casting="unsafe")
        np.clip(
            y + green[cb.astype(np.uint16) << 8 | cr], 0, 255, out=out[..., 1], casting="unsafe"
        )
        np.clip(y + blue[cb], 0, 255, out=out[..., 2], casting="unsafe")
    return rgb


@cache
def _chroma_tables() -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int16]]:
    """Return the addends to Y: by Cr for red, by Cb * 256 + Cr for green, by Cb for blue."""
    chroma = np.arange(256) - 128.0
    red = np.floor(1.402 * chroma + 0.5)
    blue = np.floor(1.772 * chroma + 0.5)
    green = np.floor(-0.344136 * chroma[:, None] - 0.714136 * chroma[None, :] + 0.5)
    return red.astype(np.int16), green.astype(np.int16).ravel(), blue.astype(np.int16)


def upsampled_422(cells: NDArray[Any]) -> NDArray[Any]:
    """Return (pixels, 3) of native ``Y1 Y2 Cb Cr`` cells, chroma repeated.

    Chroma is cosited with the first of two luminance samples (PS3.3 C.7.6.3.1.2).
    """
    pairs = cells.reshape(-1, 4)
    full = np.empty((pairs.shape[0] * 2, 3), cells.dtype)
    full[:, 0] = pairs[:, :2].ravel()
    full[:, 1] = pairs[:, 2].repeat(2)
    full[:, 2] = pairs[:, 3].repeat(2)
    return full


def hsv_to_rgb(samples: NDArray[Any], *, bits: int) -> NDArray[Any]:
    """Return RGB of HSV samples (retired), hue over the full range of the type."""
    top = (1 << bits) - 1
    scaled = samples.astype(np.float64) / top
    hue, saturation, value = scaled[..., 0] * 6, scaled[..., 1], scaled[..., 2]
    rgb = np.empty(samples.shape, np.float64)
    for channel, shift in enumerate((5, 3, 1)):
        sector = (hue + shift) % 6
        share = np.clip(np.minimum(sector, 4 - sector), 0, 1)
        rgb[..., channel] = value - value * saturation * share
    return np.floor(rgb * top + 0.5).astype(samples.dtype)


# --- Recommended Display CIELab Values (PS3.3 C.10.7.1.1) -------------------------------------

# The standard refers to the PCS, whose white is D50. DCMTK, highdicom and dcmjs compute with D65,
# so objects are written and displayed with D65, which is used here as well.
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
