"""Pictures without a DICOM transfer syntax, as native cells (PS3.18 10.5.2)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.dicom.transfer_syntaxes import EXPLICIT_LITTLE_ENDIAN
from rendicom.dicomweb.bulkvalues import (
    MAX_PIXELS,
    Coded,
    depth_of,
    gray_model,
    matrix_of,
)
from rendicom.errors import (
    BadRequestError,
    CorruptDataError,
    LimitExceededError,
    UnsupportedTransferSyntaxError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rendicom.dicomweb.bulkvalues import StatedMatrix

_PICTURES = {b"\x89PNG\r\n\x1a\n": "png", b"GIF87a": "gif", b"GIF89a": "gif"}


def picture_kind(data: bytes) -> str:
    """Return the format of a picture without a DICOM transfer syntax, or an empty text."""
    return next((kind for start, kind in _PICTURES.items() if data.startswith(start)), "")


def native_pictures(parts: Sequence[bytes], said: StatedMatrix) -> Coded:
    """Return the cells of PNG or GIF pictures."""
    frames: list[NDArray[Any]] = []
    for data in parts:
        frames += _read_picture(data, picture_kind(data))
    said.check_frames(len(frames))
    return native_cells(frames, said)


def _read_picture(data: bytes, kind: str) -> list[NDArray[Any]]:
    import imagecodecs

    from rendicom.pixels.codecs._imagecodecs import call

    if not kind:
        raise BadRequestError("the frames differ in coding")
    _check_size(data, kind)
    if kind == "gif":
        samples = call(imagecodecs.gif_decode, data)
        return list(samples) if samples.ndim == 4 else [samples]
    if data.find(b"acTL", 0, data.find(b"IDAT")) >= 0:
        raise UnsupportedTransferSyntaxError("an animated PNG is not accepted: send its frames")
    return [_without_alpha(call(imagecodecs.png_decode, data))]


def _check_size(data: bytes, kind: str) -> None:
    """Refuse a picture whose declared size exceeds the limit."""
    sizes, place = ("<HH", 6) if kind == "gif" else (">II", 16)
    if len(data) < place + struct.calcsize(sizes):
        raise CorruptDataError("the picture is cut off")
    columns, rows = struct.unpack_from(sizes, data, place)
    if columns * rows > MAX_PIXELS:
        raise LimitExceededError(f"the picture has more than {MAX_PIXELS} pixels")


def _without_alpha(samples: NDArray[Any]) -> NDArray[Any]:
    """Return a picture without its alpha channel; refuse transparent pixels."""
    if samples.ndim == 2 or samples.shape[2] in (1, 3):
        return samples
    alpha = samples[..., -1]
    if int(alpha.min()) != np.iinfo(alpha.dtype).max:
        raise UnsupportedTransferSyntaxError("DICOM has no transparent pictures")
    return samples[..., :-1]


def native_cells(frames: Sequence[NDArray[Any]], said: StatedMatrix) -> Coded:
    """Return pictures as native cells, by pixel."""
    shaped = [frame[..., 0] if frame.ndim == 3 and frame.shape[2] == 1 else frame
              for frame in frames]  # fmt: skip
    first = shaped[0]
    if any((each.shape, each.dtype) != (first.shape, first.dtype) for each in shaped):
        raise BadRequestError("the frames differ in size, components or depth")
    components = first.shape[2] if first.ndim == 3 else 1
    model = gray_model(said) if components == 1 else "RGB"
    attributes = matrix_of(first.shape[0], first.shape[1], components, model)
    attributes |= depth_of(first.dtype.itemsize * 8, said, is_exact=components == 1)
    cells = tuple(each.astype(each.dtype.newbyteorder("<")).tobytes() for each in shaped)
    return Coded(EXPLICIT_LITTLE_ENDIAN, cells, attributes)
