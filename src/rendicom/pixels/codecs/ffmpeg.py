"""One frame of MPEG-2, H.264 or HEVC by FFmpeg (PyAV)."""

from __future__ import annotations

import io
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rendicom.errors import CorruptDataError, LimitExceededError
from rendicom.pixels.codecs import Decoded, DecodeRequest

if TYPE_CHECKING:
    from av import VideoFrame

__all__ = ["CODEC"]

_FORMATS = "mpeg,mpegts,mpegvideo,h264,hevc,mov"
"""FFmpeg also knows playlists, which make it open whatever files and addresses they name."""
_CODECS = ("mpeg1video", "mpeg2video", "h264", "hevc")
_HIGH_DEFINITION_ROWS = 720
_BT_709, _UNSPECIFIED = 1, 2
"""Matrix coefficients (ITU-T H.273 table 4)."""
_EXACTLY = 0x2 | 0x2000 | 0x40000
"""Bilinear, full chroma, accurate rounding: FFmpeg's default is off by up to three levels."""


class _FFmpeg:
    name = "FFmpeg"
    streams = ("video",)
    install = "pip install 'rendicom[video]'"
    rank = 10

    def version(self) -> str | None:
        if find_spec("av") is None:
            return None
        import av

        return str(av.__version__)

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        import av

        try:
            frame = _reader(stream, request).frame(request.frame)
            _check_size(frame.width, frame.height, request)
            return _decoded(frame, request)
        except av.error.FFmpegError as error:
            _kept.reader = None
            raise CorruptDataError(f"FFmpeg: {error.strerror}") from error


class _Reader:
    """An open video, read forward: frames asked for in order are decoded once each."""

    def __init__(self, stream: bytes, request: DecodeRequest) -> None:
        import av

        self.stream, self.max_pixels = stream, request.max_pixels
        # Not ``options``, which PyAV before 18 hands to streams that it has not found yet.
        options = {"format_whitelist": _FORMATS}
        self._container = av.open(
            io.BytesIO(stream), mode="r", container_options=options, metadata_errors="ignore"
        )
        if not self._container.streams.video:
            raise CorruptDataError("the stream holds no video")
        video = self._container.streams.video[0]
        codec = getattr(video.codec_context, "name", "of no kind")
        if codec not in _CODECS:
            raise CorruptDataError(f"the video is {codec}, which DICOM does not know")
        _check_size(video.width or 0, video.height or 0, request)
        # The size may change further on in the stream.
        video.codec_context.options = {"max_pixels": str(request.max_pixels)}
        # Frames are decoded by many threads at once already.
        video.thread_type = "NONE"
        self._frames = self._container.decode(video)
        self._latest: VideoFrame | None = None
        self.position = 0

    def frame(self, number: int) -> VideoFrame:
        """Return frame ``number``, which is not before the position."""
        while self.position < number or self._latest is None:
            frame = next(self._frames, None)
            if frame is None:
                raise CorruptDataError(f"the video ends before frame {number}")
            self._latest = frame
            self.position += 1
        return self._latest


_kept = threading.local()


def _reader(stream: bytes, request: DecodeRequest) -> _Reader:
    """Return the one reader this thread keeps, when it fits, or a new one in its place."""
    reader: _Reader | None = getattr(_kept, "reader", None)
    if (
        reader is None
        or reader.position > request.frame
        or reader.max_pixels != request.max_pixels
        # One object for an open instance; of others, comparing is far less than decoding.
        or reader.stream != stream
    ):
        _kept.reader = None
        reader = _kept.reader = _Reader(stream, request)
    return reader


def _check_size(width: int, height: int, request: DecodeRequest) -> None:
    if width * height > request.max_pixels:
        raise LimitExceededError(
            f"the video is {width} x {height} pixels, more than {request.max_pixels}",
            hint="--max-pixels raises it",
        )


def _decoded(frame: VideoFrame, request: DecodeRequest) -> Decoded:
    if request.samples_per_pixel == 1:
        return Decoded(frame.to_ndarray(format="gray"), bits_stored=8, signed=False)
    matrix = None
    if frame.colorspace == _UNSPECIFIED and frame.height >= _HIGH_DEFINITION_ROWS:
        matrix = _BT_709  # FFmpeg would take BT.601 at any size
    samples = frame.to_ndarray(format="rgb24", src_colorspace=matrix, interpolation=_EXACTLY)
    return Decoded(samples, photometric_interpretation="RGB", bits_stored=8, signed=False)


CODEC = _FFmpeg()
