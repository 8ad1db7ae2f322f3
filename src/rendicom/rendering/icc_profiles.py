"""Chooses the ICC profile of a picture, and generates profiles of well-known color spaces.

The four named spaces are those of PS3.3 C.11.15.1.2. Each is a version 2 matrix profile
(ICC.1:2001-04) without a time stamp, so that pictures are reproducible.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.coded_warnings import CodedWarning, Notes
from rendicom.errors import OptionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.options import IccMode

_RELATIVE_COLORIMETRIC = 1


@dataclass(frozen=True, slots=True)
class Conversion:
    """Relative colorimetric conversion from one ICC profile to another."""

    source: bytes
    target: bytes

    def apply(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Return RGB in the target space, same shape and dtype (uint8 or uint16)."""
        import imagecodecs

        converted = imagecodecs.cms_transform(
            np.ascontiguousarray(samples),
            self.source,
            self.target,
            colorspace="rgb",
            outcolorspace="rgb",
            intent=_RELATIVE_COLORIMETRIC,
        )
        return np.asarray(converted)


@dataclass(frozen=True, slots=True)
class ColourManagement:
    """The conversion of a picture, and the profile to embed."""

    conversion: Conversion | None = None
    profile: bytes | None = None
    warnings: tuple[CodedWarning, ...] = ()


def colour_management(
    mode: IccMode | None, own: Sequence[bytes | None], *, converts: bool = True
) -> ColourManagement:
    """Return the color management of an RGB picture (PS3.18 8.3.5.1.5).

    Parameters
    ----------
    mode
        ``no``: no profile. ``None``: the image's own, if it has one. ``yes``: the image's own,
        else sRGB. A name: convert from the image's own, else from sRGB, and embed the named one.
    own
        Profiles of the image in order of precedence: of the data set, of the stream.
    converts
        Whether samples are display values; otherwise a named space is an OptionError.
    """
    if mode == "no":
        return ColourManagement()
    notes = Notes()
    found = next((sound for sound in (_sound(profile, notes) for profile in own) if sound), None)
    if mode is None:
        return ColourManagement(None, found, tuple(notes))
    if mode == "yes":
        return ColourManagement(None, found or named_profile("srgb"), tuple(notes))
    if not converts:
        raise OptionError(f"icc {mode} converts display values only: leave out values")
    target = named_profile(mode)
    if found is not None and not _is_usable(found):
        notes.add(
            "profile-unusable", "the ICC profile cannot be used for conversion: taken to be sRGB"
        )
        found = None
    source = found or named_profile("srgb")
    conversion = Conversion(source, target) if source != target else None
    return ColourManagement(conversion, target, tuple(notes))


def _sound(profile: bytes | None, notes: Notes) -> bytes | None:
    """Return an RGB input or display profile, cut to its declared size, or None."""
    if not profile:
        return None
    size = int.from_bytes(profile[:4], "big")
    is_sound = (
        132 <= size <= len(profile)
        and profile[36:40] == b"acsp"
        and profile[16:20] == b"RGB "
        and profile[12:16] in (b"scnr", b"mntr", b"prtr", b"spac")
        and profile[20:24] in (b"XYZ ", b"Lab ")
        and _tags_fit(profile, size)
    )
    if not is_sound:
        notes.add("profile-unusable", "the ICC profile is damaged or not for RGB, and was left out")
        return None
    return bytes(profile[:size])


def _tags_fit(profile: bytes, size: int) -> bool:
    count = int.from_bytes(profile[128:132], "big")
    if not 0 < count <= (size - 132) // 12:
        return False
    tags = struct.iter_unpack(">4sII", profile[132 : 132 + 12 * count])
    return all(offset + length <= size for _, offset, length in tags)


@lru_cache(maxsize=8)
def _is_usable(profile: bytes) -> bool:
    """Return whether a pixel can be converted: the header may be valid but tables missing."""
    import imagecodecs

    pixel = np.zeros((1, 1, 3), np.uint8)
    try:
        imagecodecs.cms_transform(pixel, profile, named_profile("srgb"), colorspace="rgb")
    except (RuntimeError, ValueError):
        return False
    return True


# --- the named spaces -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Space:
    title: str
    primaries: tuple[tuple[float, float], ...]
    """CIE x, y of red, green and blue."""
    white: tuple[float, float]
    curve: float | Callable[[float], float]
    """Exponent, or function from code value to linear light."""


def _srgb_curve(value: float) -> float:
    """Return linear light (IEC 61966-2-1)."""
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _romm_curve(value: float) -> float:
    """Return linear light (ISO 22028-2): exponent 1.8 above a short linear segment."""
    return value / 16 if value < 1 / 32 else float(value**1.8)


_D65, _D50 = (0.3127, 0.3290), (0.3457, 0.3585)
_BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
_SPACES = {
    "srgb": _Space("sRGB IEC61966-2.1", _BT709, _D65, _srgb_curve),
    "adobergb": _Space(
        "Adobe RGB (1998)", ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), _D65, 563 / 256
    ),
    "rommrgb": _Space(
        "ROMM RGB", ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), _D50, _romm_curve
    ),
    "displayp3": _Space(
        "Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), _D65, _srgb_curve
    ),
}
_PCS_WHITE = (0.9642, 1.0, 0.8249)
_BRADFORD = np.array(
    ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
)
_CURVE_POINTS = 1024
_CREATED = (2024, 1, 1, 0, 0, 0)


@cache
def named_profile(name: str) -> bytes:
    """Return the ICC profile of ``srgb``, ``adobergb``, ``rommrgb`` or ``displayp3``."""
    space = _SPACES[name]
    adaptation = _adaptation(space)
    colourants = _colourants(space, adaptation)
    curve = _curve(space.curve)
    tags = {
        b"desc": _description(space.title),
        b"cprt": b"text\0\0\0\0" + b"No copyright, use freely\0",
        b"wtpt": _xyz(_PCS_WHITE),
        b"chad": b"sf32\0\0\0\0" + b"".join(map(_fixed, adaptation.flat)),
        b"rXYZ": _xyz(colourants[0]),
        b"gXYZ": _xyz(colourants[1]),
        b"bXYZ": _xyz(colourants[2]),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    return _assembled(tags)


def _assembled(tags: dict[bytes, bytes]) -> bytes:
    table, body, placed = b"", b"", dict[bytes, int]()
    start = 128 + 4 + 12 * len(tags)
    for signature, data in tags.items():
        if data not in placed:
            placed[data] = start + len(body)
            body += data + b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", signature, placed[data], len(data))
    size = start + len(body)
    header = struct.pack(
        ">I4sI4s4s4s6H4s4sIIIQI",
        size, b"", 0x02400000, b"mntr", b"RGB ", b"XYZ ", *_CREATED, b"acsp", b"", 0, 0, 0, 0, 1,
    )  # fmt: skip
    header += b"".join(map(_fixed, _PCS_WHITE))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: Iterable[float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def _description(title: str) -> bytes:
    text = title.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 78


def _curve(curve: float | Callable[[float], float]) -> bytes:
    if isinstance(curve, float):
        points = [round(curve * 256)]
    else:
        last = _CURVE_POINTS - 1
        points = [round(curve(index / last) * 65535) for index in range(_CURVE_POINTS)]
    return b"curv\0\0\0\0" + struct.pack(f">I{len(points)}H", len(points), *points)


def _adaptation(space: _Space) -> NDArray[np.float64]:
    """Return the matrix from the white point of the space to that of the connection space.

    Linear Bradford, ICC.1:2022 annex E.
    """
    source, target = _BRADFORD @ _xyz_of(space.white), _BRADFORD @ _PCS_WHITE
    return np.linalg.solve(_BRADFORD, _BRADFORD * (target / source)[:, np.newaxis])


def _colourants(space: _Space, adaptation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return XYZ of the primaries in rows, adapted to the white point of the connection space."""
    primaries = np.array([_xyz_of(primary) for primary in space.primaries]).T
    amounts = np.linalg.solve(primaries, _xyz_of(space.white))
    return np.asarray((adaptation @ (primaries * amounts)).T)


def _xyz_of(chromaticity: tuple[float, float]) -> NDArray[np.float64]:
    x, y = chromaticity
    return np.array((x / y, 1.0, (1 - x - y) / y))
