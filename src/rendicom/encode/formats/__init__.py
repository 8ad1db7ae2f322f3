"""One output format per file; each defines ``FORMAT``.

Modules import their libraries inside functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from rendicom.records import NamedTuple

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from rendicom.values import DisplayImage


@cache
def name_of(dtype: np.dtype[Any]) -> str:
    """Return ``dtype.name``, for which NumPy runs many lines of Python each time."""
    return dtype.name


class EncodeSettings(NamedTuple):
    """Options of encoders.

    ``quality`` is 1..100 for lossy formats; ``compression`` is 0..9 for lossless ones, ``None``
    for the format's fast default. Large pictures may be encoded by up to ``threads`` threads,
    to the same bytes as by one.
    """

    quality: int = 90
    compression: int | None = None
    threads: int = 1


class Format(NamedTuple):
    """An output format: its capabilities and its encoder.

    Attributes
    ----------
    name
        Value of ``--format``.
    media_type, extensions
        Extensions are in lower case with a leading dot; the first is used for new files.
    max_side
        Longest side in pixels.
    library
        Module that the encoder needs, as for ``importlib.util.find_spec``.
    encode
        (image, settings) -> bytes; the image's dtype is one of those declared.
    gray, colour
        Supported numpy dtypes (``uint8``, ``uint16``, ``float32``...).
    lossy
        ``quality`` applies, and decoded samples may differ.
    icc
        ICC profiles can be embedded.
    encode_animation
        (images, durations in milliseconds, settings) -> bytes, looping forever; ``None`` for
        still formats.
    """

    name: str
    title: str
    media_type: str
    extensions: tuple[str, ...]
    max_side: int
    library: str
    encode: Callable[[DisplayImage, EncodeSettings], bytes]
    gray: tuple[str, ...] = ("uint8",)
    colour: tuple[str, ...] = ("uint8",)
    lossy: bool = False
    icc: bool = False
    encode_animation: (
        Callable[[Sequence[DisplayImage], Sequence[float], EncodeSettings], bytes] | None
    ) = None
