"""TIFF 6.0, little endian, in strips: every integer and float type, unwindowed values included."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rendicom.encode.formats import EncodeSettings, Format
from rendicom.encode.zlib_streams import zlib_stream
from rendicom.errors import EncodeError
from rendicom.values import DisplayImage

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STRIP_BYTES = 1 << 18
_SHORT, _LONG, _RATIONAL, _UNDEFINED = 3, 4, 5, 7
_TYPE_BYTES = {_SHORT: 2, _LONG: 4, _RATIONAL: 8, _UNDEFINED: 1}
_DEFLATE, _NO_COMPRESSION = 8, 1
_HORIZONTAL_DIFFERENCES, _NO_PREDICTOR = 2, 1
# Offsets are 32 bits; directory and profile follow the strips.
_MOST_BYTES = (1 << 32) - (1 << 26)
_SAMPLE_FORMATS = {"u": 1, "i": 2, "f": 3}


def _encode(image: DisplayImage, settings: EncodeSettings) -> bytes:
    samples = image.samples
    strips = list(_strips(samples, settings.compression))
    fields = _fields(image, settings.compression)
    # Strips follow the 8-byte header, each at an even offset.
    *offsets, directory = accumulate((len(each) + len(each) % 2 for each in strips), initial=8)
    fields[273] = (_LONG, offsets)
    fields[279] = (_LONG, [len(strip) for strip in strips])
    if directory > _MOST_BYTES:
        raise EncodeError("the picture needs more than the 4 GB of a tiff", hint="use png")
    padded = (part for strip in strips for part in (strip, bytes(len(strip) % 2)))
    header = struct.pack("<2sHI", b"II", 42, directory)
    return b"".join((header, *padded, _directory(fields, directory)))


def _strips(samples: NDArray[Any], compression: int | None) -> Iterator[bytes]:
    step = _rows_per_strip(samples)
    little = samples.astype(samples.dtype.newbyteorder("<"), copy=False)
    for start in range(0, len(samples), step):
        rows = little[start : start + step]
        if compression == 0:
            yield rows.tobytes()
            continue
        if samples.dtype.kind != "f":
            differences = rows.copy()
            differences[:, 1:] -= rows[:, :-1]
            rows = differences
        yield zlib_stream([rows], compression)


def _rows_per_strip(samples: NDArray[Any]) -> int:
    return min(len(samples), max(1, _STRIP_BYTES // int(samples[0].nbytes)))


def _fields(image: DisplayImage, compression: int | None) -> dict[int, tuple[int, Any]]:
    samples = image.samples
    height, width = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    stored = compression == 0
    predicted = not stored and samples.dtype.kind != "f"
    black_is_zero, rgb = 1, 2
    fields: dict[int, tuple[int, Any]] = {
        256: (_LONG, [width]),
        257: (_LONG, [height]),
        258: (_SHORT, [8 * samples.itemsize] * channels),
        259: (_SHORT, [_NO_COMPRESSION if stored else _DEFLATE]),
        262: (_SHORT, [rgb if channels == 3 else black_is_zero]),
        277: (_SHORT, [channels]),
        278: (_LONG, [_rows_per_strip(samples)]),
        282: (_RATIONAL, [1, 1]),
        283: (_RATIONAL, [1, 1]),
        284: (_SHORT, [1]),
        296: (_SHORT, [1]),
        317: (_SHORT, [_HORIZONTAL_DIFFERENCES if predicted else _NO_PREDICTOR]),
        339: (_SHORT, [_SAMPLE_FORMATS[samples.dtype.kind]] * channels),
    }
    if image.icc_profile is not None:
        fields[34675] = (_UNDEFINED, image.icc_profile)
    return fields


def _directory(fields: dict[int, tuple[int, Any]], offset: int) -> bytes:
    """Return the image file directory at ``offset``, with the values it points to."""
    entries = [struct.pack("<H", len(fields))]
    values: list[bytes] = []
    behind = offset + 2 + 12 * len(fields) + 4
    for tag, (kind, content) in sorted(fields.items()):
        data = _packed(kind, content)
        count = len(data) // _TYPE_BYTES[kind]
        if len(data) <= 4:
            entries.append(struct.pack("<HHI4s", tag, kind, count, data))
            continue
        entries.append(struct.pack("<HHII", tag, kind, count, behind))
        data += bytes(len(data) % 2)
        values.append(data)
        behind += len(data)
    no_more_directories = bytes(4)
    return b"".join((*entries, no_more_directories, *values))


def _packed(kind: int, content: Any) -> bytes:
    if kind == _UNDEFINED:
        return bytes(content)
    return struct.pack(f"<{len(content)}{'H' if kind == _SHORT else 'I'}", *content)


FORMAT = Format(
    name="tiff",
    title="TIFF",
    media_type="image/tiff",
    extensions=(".tiff", ".tif"),
    gray=("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32"),
    colour=("uint8", "uint16"),
    icc=True,
    max_side=2**32 - 1,
    library="numpy",
    encode=_encode,
)
