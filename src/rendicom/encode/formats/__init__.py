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
    """An output format: its capabilities and its encoder."""

    name: str
    """Value of ``--format``."""
    title: str
    media_type: str
    extensions: tuple[str, ...]
    """Extensions are in lower case with a leading dot; the first is used for new files."""
    max_side: int
    """Longest side in pixels."""
    library: str
    """Module that the encoder needs, as for ``importlib.util.find_spec``."""
    encode: Callable[[DisplayImage, EncodeSettings], bytes]
    """(image, settings) -> bytes; the image's dtype is one of those declared."""
    gray: tuple[str, ...] = ("uint8",)
    colour: tuple[str, ...] = ("uint8",)
    """Supported numpy dtypes (``uint8``, ``uint16``, ``float32``...)."""
    lossy: bool = False
    """``quality`` applies, and decoded samples may differ."""
    icc: bool = False
    """ICC profiles can be embedded."""
    encode_animation: (
        Callable[[Sequence[DisplayImage], Sequence[float], EncodeSettings], bytes] | None
    ) = None
    """(images, durations in milliseconds, settings) -> bytes, looping forever; ``None`` for still
    formats."""
