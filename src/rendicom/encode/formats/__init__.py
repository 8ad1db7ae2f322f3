"""One output format per file; each defines ``FORMAT``.

A module here imports instantly and imports its library inside its functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rendicom.values import DisplayImage

__all__ = ["EncodeSettings", "Format"]


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """The part of the options an encoder sees.

    ``quality`` is 1..100 for lossy formats; ``compression`` is 0..9 for lossless ones, ``None``
    for the format's fast default.
    """

    quality: int = 90
    compression: int | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """What an output format can hold, and how to write it.

    Attributes
    ----------
    name
        Value of ``--format``.
    media_type, extensions
        Extensions start with a dot and are lower case; the first one is used for new files.
    gray, colour
        dtypes it stores exactly as given, as numpy names (``uint8``, ``uint16``, ``float32``...).
    lossy
        ``quality`` matters and decoded samples may differ.
    icc
        An ICC profile can be embedded.
    max_side
        Longest side in pixels.
    library
        Module the encoder needs, as for ``importlib.util.find_spec``.
    encode
        (image, settings) -> bytes; the image's dtype is one of those declared.
    encode_animation
        (images, durations in milliseconds, settings) -> bytes, or ``None`` for still formats.
        Loops for ever.
    """

    name: str
    title: str
    media_type: str
    extensions: tuple[str, ...]
    gray: tuple[str, ...]
    colour: tuple[str, ...]
    lossy: bool
    icc: bool
    max_side: int
    library: str
    encode: Callable[[DisplayImage, EncodeSettings], bytes]
    encode_animation: (
        Callable[[Sequence[DisplayImage], Sequence[float], EncodeSettings], bytes] | None
    ) = None
