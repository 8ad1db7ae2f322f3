"""What the codecs out of imagecodecs have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rendicom.errors import (
    CorruptDataError,
    LimitExceededError,
    UnsupportedImageError,
    UnsupportedTransferSyntaxError,
)

if TYPE_CHECKING:
    from rendicom.pixels.codecs import DecodeRequest
    from rendicom.pixels.streams import StreamInfo

__all__ = ["INSTALL", "call", "checked", "version_of"]

INSTALL = "pip install imagecodecs"


@cache
def version_of(name: str) -> str | None:
    """Return what ``imagecodecs.<name>_version`` says, without the library's own name."""
    if find_spec("imagecodecs") is None:
        return None
    import imagecodecs

    codec = getattr(imagecodecs, name.upper(), None)
    if codec is None or not codec.available:
        return None
    text = str(getattr(imagecodecs, f"{name}_version")())
    return text.partition(" ")[2] or text


def call(decode: Callable[..., Any], stream: bytes | memoryview, **how: Any) -> Any:
    """Return what a decoder makes of a stream; its own errors become CorruptDataError."""
    try:
        return decode(stream, **how)
    except (RuntimeError, ValueError, TypeError, IndexError, OverflowError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CorruptDataError(reason[:160]) from error
    except MemoryError as error:
        raise CorruptDataError("the stream asks for more memory than there is") from error


def checked(info: StreamInfo, request: DecodeRequest) -> StreamInfo:
    """Return ``info`` when a decoder may be let loose on the stream it describes.

    Raises
    ------
    LimitExceededError
        It is larger than ``request.max_pixels``, whatever the header says.
    UnsupportedTransferSyntaxError, UnsupportedImageError
        It has a feature, or a number of components, that nothing here decodes.
    CorruptDataError
        It does not say how large it is; or, when strict, it has no end.
    """
    if info.unsupported:
        raise UnsupportedTransferSyntaxError(
            f"the stream is {info.unsupported}", hint="no library for it is known"
        )
    if not (info.rows and info.columns):
        raise CorruptDataError("the stream does not say how large it is")
    if info.rows * info.columns > request.max_pixels:
        raise LimitExceededError(
            f"the stream is {info.columns} x {info.rows} pixels, more than {request.max_pixels}",
            hint="--max-pixels raises it",
        )
    if info.components > 4:
        raise UnsupportedImageError(f"{info.components} samples a pixel are not supported")
    if request.strict and not info.is_complete:
        raise CorruptDataError("the stream has no end: it is cut short")
    return info
