"""Determines the kind of stream of a frame, and finds a codec for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING

from rendicom import registry
from rendicom.coded_warnings import CodedWarning
from rendicom.dicom.codestreams import StreamInfo, is_rle_header, kind_of, parse_stream
from rendicom.dicom.jpeg2000 import mended_jpeg2000
from rendicom.dicom.transfer_syntaxes import (
    DEFLATED_IMAGE_FRAME,
    ENCAPSULATED_UNCOMPRESSED,
    RLE_LOSSLESS,
    is_decoded,
    is_native,
    is_video,
    syntax_name,
)
from rendicom.errors import (
    CorruptDataError,
    LimitExceededError,
    RendicomError,
    UnsupportedImageError,
    UnsupportedTransferSyntaxError,
    out_of_memory,
)
from rendicom.pixels.framesize import native_samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rendicom.pixels.codecs import Codec, Decoded, DecodeRequest
    from rendicom.values import PixelDescription

_ROOM = "rendicom.pixels.codecs"

_KEPT_AS_THEY_ARE = (LimitExceededError, UnsupportedImageError, UnsupportedTransferSyntaxError)


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """One compressed frame, with its properties before decoding."""

    kind: str
    data: bytes | memoryview
    info: StreamInfo | None = None
    warnings: tuple[CodedWarning, ...] = ()


def sniff(data: bytes | memoryview, description: PixelDescription) -> Stream:
    """Return the stream with its kind, determined from its bytes, or else its transfer syntax.

    Kind ``native`` means that the bytes are not a compressed stream.
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
        notes: tuple[CodedWarning, ...] = ()
        if kind == "jpeg2000":
            data, notes = mended_jpeg2000(data)
        info = parse_stream(data)
        if is_native(uid) or not is_decoded(uid):
            notes += (_unsaid(info.kind),)
        if not info.is_complete:
            notes += (CodedWarning("incomplete-data", "the stream has no end: it is cut short"),)
        return Stream(info.kind, data, info, notes)
    if uid == RLE_LOSSLESS:
        return Stream("rle", data)
    if is_native(uid) and is_rle_header(data[:64]):
        return Stream("rle", data, warnings=(_unsaid("rle"),))
    if not is_decoded(uid):
        raise UnsupportedTransferSyntaxError(
            f"nothing decodes transfer syntax {uid}", hint="no library for it is known"
        )
    expected = native_samples(
        description.rows,
        description.columns,
        description.samples_per_pixel,
        description.photometric_interpretation,
        cell_bits=description.bits_allocated,
        held_bytes=len(data),
    )
    if len(data) - expected * description.bits_allocated // 8 in (0, 1):
        note = CodedWarning("stream-differs", "the frame is not compressed")
        return Stream("native", data, warnings=(note,))
    raise CorruptDataError(
        f"the frame is not a stream that {syntax_name(uid) or 'the transfer syntax'} allows"
    )


def _unsaid(kind: str) -> CodedWarning:
    text = f"the frame is a {kind} stream, which the transfer syntax does not say"
    return CodedWarning("stream-differs", text)


def decode_stream(stream: Stream, request: DecodeRequest) -> Decoded:
    """Return the result of the first codec that decodes the stream.

    Raises
    ------
    UnsupportedTransferSyntaxError
        No codec is installed for it, or none exists.
    LimitExceededError
        The stream exceeds the limits, regardless of the header.
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
        except MemoryError:
            refusals.append(out_of_memory())
        except Exception as error:  # noqa: BLE001 - a codec's fault is the file's, to the person
            refusals.append(CorruptDataError(f"{codec.name} failed: {type(error).__name__}"))
    if refusals:
        if isinstance(refusals[-1], _KEPT_AS_THEY_ARE):
            raise refusals[-1]
        name = syntax_name(request.transfer_syntax)
        raise CorruptDataError(f"the {name} stream cannot be decoded: {refusals[-1].message}")
    raise UnsupportedTransferSyntaxError(
        f"nothing installed decodes {syntax_name(request.transfer_syntax)}",
        hint=missing[0] if missing else "no library for it is known",
    )


def _codecs(kind: str) -> Iterator[Codec]:
    """Yield the codecs of a kind: in-tree ones, then plugins if none of those can decode it."""
    for name in in_tree_codecs(kind):
        yield registry.load(_ROOM, name, "CODEC")
    yield from _plugins(kind)


@cache
def in_tree_codecs(kind: str) -> tuple[str, ...]:
    """Return the names of the modules that decode a kind of stream, lowest rank first.

    They are found without imports: decoding needs one module, not all.
    """
    streams = registry.declared(_ROOM, "CODEC", "streams")
    ranks = registry.declared(_ROOM, "CODEC", "rank")
    return tuple(sorted((name for name in streams if kind in streams[name]), key=ranks.__getitem__))


@cache
def _plugins(kind: str) -> tuple[Codec, ...]:
    """Return the codecs of other distributions, lowest rank first."""
    try:
        found = registry.discover(_ROOM, "CODEC")
    except Exception:  # noqa: BLE001 - a plugin that cannot be imported is doctor's to tell
        return ()
    own = registry.module_names(_ROOM)
    foreign = (codec for name, codec in found.items() if name not in own)
    return tuple(sorted((each for each in foreign if kind in each.streams), key=attrgetter("rank")))
