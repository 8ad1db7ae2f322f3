"""Functions shared by the codecs of imagecodecs."""

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
    from rendicom.dicom.codestreams import StreamInfo
    from rendicom.pixels.codecs import DecodeRequest


class ImagecodecsCodec:
    """Base of the codecs in imagecodecs, where one is called ``module``: ``jpegls``."""

    install = "pip install imagecodecs"
    module: str

    def version(self) -> str | None:
        """Return the library's version, or None if it is not installed."""
        return _version_of(self.module)


@cache
def _version_of(name: str) -> str | None:
    """Return the result of ``imagecodecs.<name>_version`` without the name of the library."""
    if find_spec("imagecodecs") is None:
        return None
    import imagecodecs

    codec = getattr(imagecodecs, name.upper(), None)
    if codec is None or not codec.available:
        return None
    text = str(getattr(imagecodecs, f"{name}_version")())
    return text.partition(" ")[2] or text


def call(decode: Callable[..., Any], stream: bytes | memoryview, **how: Any) -> Any:
    """Return the output of a decoder; errors of the library become errors of Rendicom.

    Raises
    ------
    UnsupportedImageError
        The library does not decode such streams.
    CorruptDataError
        Any other error of the library.
    """
    try:
        return decode(stream, **how)
    except NotImplementedError as error:
        raise UnsupportedImageError(f"the library does not decode this: {error}") from error
    except (RuntimeError, ValueError, TypeError, IndexError, OverflowError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CorruptDataError(reason[:160]) from error
    except MemoryError as error:
        raise LimitExceededError("the stream needs more memory than is available") from error


def allowed_halvings(info: StreamInfo, request: DecodeRequest) -> int:
    """Return the number of times a codec may halve the image.

    0 if header and stream differ, or if the samples may be pixel cells with other bits, which must
    not be averaged.
    """
    size = (info.rows, info.columns, info.components)
    if size != (request.rows, request.columns, request.samples_per_pixel) or info.precision > 16:
        return 0
    if not info.is_complete or request.high_bit != request.bits_stored - 1:
        return 0
    if bool(info.signed) != request.signed and info.components == 1:
        return 0
    return min(info.halvings, request.halvings)


def checked(info: StreamInfo, request: DecodeRequest) -> StreamInfo:
    """Return ``info`` if the stream that it describes is safe to decode.

    Raises
    ------
    LimitExceededError
        It has more than ``request.max_pixels`` pixels, regardless of the header.
    UnsupportedTransferSyntaxError, UnsupportedImageError
        It has a feature or number of components that is not supported.
    CorruptDataError
        Its size is missing; or, with ``strict``, its end is.
    """
    if info.unsupported:
        raise UnsupportedTransferSyntaxError(
            f"the stream is {info.unsupported}", hint="no library for it is known"
        )
    if not (info.rows and info.columns):
        raise CorruptDataError("the stream has no image size")
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
