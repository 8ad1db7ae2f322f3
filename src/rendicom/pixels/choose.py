"""Tells what kind of stream a frame is, and finds a codec that decodes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from rendicom import registry
from rendicom.errors import (
    CorruptDataError,
    LimitExceededError,
    RendicomError,
    UnsupportedImageError,
    UnsupportedTransferSyntaxError,
)
from rendicom.pixels.streams import (
    StreamInfo,
    kind_of,
    parse_jpeg,
    parse_jpeg2000,
    parse_jpeg_xl,
    without_delimiter,
)
from rendicom.pixels.syntaxes import (
    DEFLATED_IMAGE_FRAME,
    ENCAPSULATED_UNCOMPRESSED,
    RLE_LOSSLESS,
    is_decoded,
    is_native,
    is_video,
    syntax_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rendicom.pixels.codecs import Codec, Decoded, DecodeRequest
    from rendicom.values import PixelDescription

__all__ = ["CODECS_OF", "Stream", "decode_stream", "sniff"]

_ROOM = "rendicom.pixels.codecs"

CODECS_OF = {
    "jpeg": ("libjpeg_turbo",),
    "jpeg-lossless": ("libjpeg_turbo", "jpegsof3"),
    "jpeg-ls": ("charls",),
    "jpeg2000": ("openjpeg",),
    "htj2k": ("openjph", "openjpeg"),
    "jpeg-xl": ("libjxl",),
    "rle": ("rle",),
    "deflate": ("deflate",),
    "video": ("ffmpeg",),
}
"""In-tree codecs of each kind of stream, in order of rank, so that a decode imports one module
and not all; a test holds it equal to what the modules say."""

_PARSERS = {"jpeg": parse_jpeg, "jpeg2000": parse_jpeg2000, "jpeg-xl": parse_jpeg_xl}


_DELIMITER_IN_HEADER = "a sequence delimiter lies in the JPEG 2000 header: taken out"


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """One compressed frame and what is known of it before decoding."""

    kind: str
    data: bytes | memoryview
    info: StreamInfo | None = None
    warnings: tuple[str, ...] = ()


def sniff(data: bytes | memoryview, description: PixelDescription) -> Stream:
    """Return the stream with its kind, told by its bytes before its transfer syntax.

    Kind ``native`` is for bytes that are no stream at all.
    """
    uid = description.transfer_syntax
    if uid == ENCAPSULATED_UNCOMPRESSED:
        return Stream("native", data)
    if uid == DEFLATED_IMAGE_FRAME:
        return Stream("deflate", data)
    if is_video(uid):
        return Stream("video", bytes(data))
    data = bytes(data)
    kind = kind_of(data[:16])
    if kind:
        notes: tuple[str, ...] = ()
        if kind == "jpeg2000" and (whole := without_delimiter(data)) is not data:
            data, notes = whole, (_DELIMITER_IN_HEADER,)
        info = _PARSERS[kind](data)
        if is_native(uid) or not is_decoded(uid):
            notes += (f"the frame is a {info.kind} stream, which the transfer syntax does not say",)
        if not info.is_complete:
            notes += ("the stream has no end: it is cut short",)
        return Stream(info.kind, data, info, notes)
    if uid == RLE_LOSSLESS:
        return Stream("rle", data)
    if not is_decoded(uid):
        raise UnsupportedTransferSyntaxError(
            f"nothing decodes transfer syntax {uid}", hint="no library for it is known"
        )
    expected = description.frame_pixels * description.samples_per_pixel
    if len(data) - expected * description.bits_allocated // 8 in (0, 1):
        return Stream("native", data, warnings=("the frame is not compressed",))
    raise CorruptDataError(
        f"the frame is no stream that {syntax_name(uid) or 'the transfer syntax'} allows"
    )


def decode_stream(stream: Stream, request: DecodeRequest) -> Decoded:
    """Return what the first codec that can makes of the stream.

    Raises
    ------
    UnsupportedTransferSyntaxError
        No codec is installed for it, or none exists.
    LimitExceededError
        The stream is larger than allowed, whatever the header says.
    CorruptDataError
        No codec could decode it.
    """
    if request.strict and stream.warnings:
        raise CorruptDataError(stream.warnings[0])
    refusals: list[RendicomError] = []
    missing: list[str] = []
    for codec in _codecs(stream.kind):
        if codec.version() is None:
            missing.append(codec.install)
            continue
        try:
            return codec.decode(bytes(stream.data), request)
        except LimitExceededError:
            raise
        except RendicomError as error:
            refusals.append(error)
        except Exception as error:  # noqa: BLE001 - a codec's fault is the file's, to the person
            refusals.append(CorruptDataError(f"{codec.name} failed: {type(error).__name__}"))
    if refusals:
        if isinstance(refusals[-1], (UnsupportedImageError, UnsupportedTransferSyntaxError)):
            raise refusals[-1]
        name = syntax_name(request.transfer_syntax)
        raise CorruptDataError(f"the {name} stream cannot be decoded: {refusals[-1].message}")
    raise UnsupportedTransferSyntaxError(
        f"nothing installed decodes {syntax_name(request.transfer_syntax)}",
        hint=missing[0] if missing else "no library for it is known",
    )


def _codecs(kind: str) -> Iterator[Codec]:
    """Yield the codecs of a kind: our own, then those of plugins when ours do not do."""
    for name in CODECS_OF.get(kind, ()):
        yield registry.load(_ROOM, name, "CODEC")
    yield from _plugins(kind)


@cache
def _plugins(kind: str) -> tuple[Codec, ...]:
    """Return the codecs of other distributions, lowest rank first."""
    try:
        found = registry.discover(_ROOM, "CODEC")
    except Exception:  # noqa: BLE001 - a plugin that cannot be imported is doctor's to tell
        return ()
    own = registry.module_names(_ROOM)
    foreign = (codec for name, codec in found.items() if name not in own)
    return tuple(sorted((each for each in foreign if kind in each.streams), key=_rank))


def _rank(codec: Codec) -> int:
    return codec.rank
