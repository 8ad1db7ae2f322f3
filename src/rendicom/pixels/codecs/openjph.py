"""HTJ2K by OpenJPH, reversible streams only.

imagecodecs wraps the samples of irreversible ones around instead of clamping them, so that white
turns black; those are left to OpenJPEG.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rendicom.errors import CorruptDataError
from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import INSTALL, call, checked, version_of
from rendicom.pixels.streams import parse_jpeg2000

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["CODEC"]


class _OpenJPH:
    name = "OpenJPH"
    streams = ("htj2k",)
    install = INSTALL
    rank = 10

    def version(self) -> str | None:
        return version_of("htj2k")

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        import imagecodecs

        info = checked(parse_jpeg2000(stream), request)
        if not info.reversible:
            raise CorruptDataError("irreversible streams are left to OpenJPEG")
        with _complaints() as complaints:
            samples = call(imagecodecs.htj2k_decode, stream[info.start : info.stop])
        if complaints:
            raise CorruptDataError("OpenJPH: the stream is damaged")
        return Decoded(
            samples,
            photometric_interpretation="RGB" if info.transformed else "",
            bits_stored=info.precision,
            signed=info.signed,
            lossless=info.reversible,
        )


_heard = threading.local()


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect the errors that OpenJPH raises in this thread where no caller can catch them.

    imagecodecs lets them end in ``sys.excepthook``, which prints them, and then in
    ``sys.unraisablehook``, and returns what it has as if all were well. The hooks stay, and pass
    on what comes from elsewhere.
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
