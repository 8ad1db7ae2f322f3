"""HTJ2K by OpenJPH, reversible streams without subsampling only.

imagecodecs wraps the samples of irreversible ones around instead of clamping them, so that white
turns black, and it refuses subsampled ones; both are left to OpenJPEG.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.dicom.jpeg2000 import parse_jpeg2000
from rendicom.errors import CorruptDataError
from rendicom.pixels.cells import within
from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import ImagecodecsCodec, allowed_halvings, call, checked

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

    from rendicom.dicom.codestreams import StreamInfo

_ROWS_AT_ONCE = 64
_WRAPPED_STEP = 192
"""Distance of neighbours from opposite ends of a byte that suggests a cut-off byte."""
_MORE_BITS = 8
_FIRST_SSIZ = 42
"""Offset of the depth of the first component in a codestream."""


class _OpenJPH(ImagecodecsCodec):
    name = "OpenJPH"
    module = "htj2k"
    streams = ("htj2k",)
    rank = 10

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        info = checked(request.info or parse_jpeg2000(stream), request)
        if info.subsampled or not info.reversible:
            raise CorruptDataError("irreversible and subsampled streams are left to OpenJPEG")
        data = stream[info.start : info.stop]
        halvings = allowed_halvings(info, request)
        if halvings:
            # The smaller image exceeds the precision at every sharp edge.
            samples = _narrowed(_decoded(_deepened(data, info), skipres=halvings), info)
        else:
            samples = _decoded(data)
            if info.precision == 8 and _may_have_wrapped(samples):
                samples = _narrowed(_decoded(_deepened(data, info)), info)
        return Decoded(
            _clamped(samples, info.precision),
            photometric_interpretation="RGB" if info.transformed else "",
            bits_stored=info.precision,
            signed=info.signed,
            lossless=info.reversible,
            halvings=halvings,
        )


def _decoded(stream: bytes, **how: int) -> NDArray[Any]:
    import imagecodecs

    with _complaints() as complaints:
        try:
            samples: NDArray[Any] = call(imagecodecs.htj2k_decode, stream, planar=False, **how)
        except CorruptDataError as error:
            complaints.append(error.message)
    if complaints:
        raise CorruptDataError("OpenJPH: the stream is damaged")
    return samples


# A reversible stream may be truncated all the same, and its samples then exceed the precision.
# imagecodecs cuts them off at the next whole byte, so that white turns black.


def _clamped(samples: NDArray[Any], precision: int) -> NDArray[Any]:
    """Return samples clamped to the precision, if the dtype has more bits."""
    width = samples.dtype.itemsize * 8
    if precision >= width:
        return samples
    if samples.dtype.kind == "i":
        half = 1 << precision - 1
        return samples.clip(-half, half - 1)
    if within(samples, bits=precision):
        return samples
    top = (1 << precision) - 1
    negative = samples >= ((1 << width) + top) // 2
    return np.where(negative, 0, samples.clip(None, top)).astype(samples.dtype)


def _may_have_wrapped(samples: NDArray[Any]) -> bool:
    """Tell whether neighbours differ by nearly the whole range, as where a byte was cut off."""
    cells: NDArray[Any] = samples.view(np.uint8).reshape(len(samples), -1)
    step = samples.shape[2] if samples.ndim == 3 else 1
    # Some rows at a time, which fit in the cache of the processor.
    for start in range(0, len(cells), _ROWS_AT_ONCE):
        rows = cells[start : start + _ROWS_AT_ONCE]
        if samples.dtype.kind == "i":
            rows = rows ^ 0x80
        left, right = rows[:, :-step], rows[:, step:]
        steps = np.maximum(left, right)
        steps -= np.minimum(left, right)
        if steps.max(initial=0) >= _WRAPPED_STEP:
            return True
    return False


def _deepened(stream: bytes, info: StreamInfo) -> bytes:
    """Declare 8 more bits per component (T.800 A.5.1); only the level shift depends on it."""
    deep = bytearray(stream)
    deep[_FIRST_SSIZ : _FIRST_SSIZ + 3 * info.components : 3] = bytes(
        (0x80 * bool(info.signed) | info.precision - 1 + _MORE_BITS,) * info.components
    )
    return bytes(deep)


def _narrowed(deep: NDArray[Any], info: StreamInfo) -> NDArray[Any]:
    """Return the samples that `_deepened` gave more bits, within the precision."""
    half, width = 1 << info.precision - 1, "1" if info.precision <= 8 else "2"
    if deep.dtype.kind == "i":
        return deep.clip(-half, half - 1).astype(f"i{width}", copy=False)
    lowest = deep.dtype.type((half << _MORE_BITS) - half)
    shifted: NDArray[Any] = deep.clip(lowest, lowest + 2 * half - 1) - lowest
    return shifted.astype(f"u{width}", copy=False)


_heard = threading.local()


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect the errors of OpenJPH in this thread that do not reach callers.

    Older imagecodecs lets them end in ``sys.excepthook``, which prints them, and then in
    ``sys.unraisablehook``, and returns a partial result without an error. The hooks stay, and pass
    on other exceptions.
    """
    if not hasattr(sys.unraisablehook, "for_openjph"):
        _listen_to_unraisable(sys.unraisablehook)
    if not hasattr(sys.excepthook, "for_openjph"):
        _listen_to_printed(sys.excepthook)
    _heard.complaints = []
    try:
        yield _heard.complaints
    finally:
        _heard.complaints = None


def _listen_to_unraisable(pass_on: Callable[[sys.UnraisableHookArgs], object]) -> None:
    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        complaints = getattr(_heard, "complaints", None)
        if complaints is None or "_htj2k" not in str(unraisable.object):
            pass_on(unraisable)
        else:
            complaints.append(str(unraisable.exc_value))

    hook.for_openjph = True  # type: ignore[attr-defined]
    sys.unraisablehook = hook


def _listen_to_printed(
    pass_on: Callable[[type[BaseException], BaseException, TracebackType | None], object],
) -> None:
    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        complaints = getattr(_heard, "complaints", None)
        if complaints is None:
            pass_on(kind, error, trace)
        else:
            complaints.append(str(error))

    hook.for_openjph = True  # type: ignore[attr-defined]
    sys.excepthook = hook


CODEC = _OpenJPH()
