"""One frame of MPEG-2, H.264 or HEVC by FFmpeg (PyAV)."""

from __future__ import annotations

import io
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from rendicom.errors import (
    CorruptDataError,
    LimitExceededError,
    UnsupportedTransferSyntaxError,
)
from rendicom.extras import install_command
from rendicom.pixels.codecs import Decoded, DecodeRequest

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

_FORMATS = "mpeg,mpegts,mpegvideo,h264,hevc,mov"
"""Without playlists, which would make FFmpeg open any files and URLs they name."""
_CODECS = ("mpeg1video", "mpeg2video", "h264", "hevc")
_HIGH_DEFINITION_ROWS = 720
_BT_709, _UNSPECIFIED = 1, 2
"""Matrix coefficients (ITU-T H.273 table 4)."""
_EXACTLY = 0x2 | 0x2000 | 0x40000
"""Bilinear, full chroma, accurate rounding: FFmpeg's default is off by up to three levels."""


class _FFmpeg:
    name = "FFmpeg"
    streams = ("video",)
    rank = 10

    @property
    def install(self) -> str:
        return install_command("video")

    def version(self) -> str | None:
        if find_spec("av") is None:
            return None
        import av

        return str(av.__version__)

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        import av

        try:
            frame = _reader(stream, request).frame(request.frame)
            _check_size(frame.width, frame.height, request.max_pixels)
            return _decoded(frame, request)
        except av.error.FFmpegError as error:
            _kept.reader = None
            raise CorruptDataError(f"FFmpeg: {error.strerror}") from error


class _VideoReader:
    """An open video, read forward: frames requested in order are decoded once each."""

    def __init__(self, stream: bytes, request: DecodeRequest) -> None:
        self.stream, self.max_pixels = stream, request.max_pixels
        self._container, video = _opened(stream, request.max_pixels)
        # The size may change further on in the stream.
        video.codec_context.options = {"max_pixels": str(request.max_pixels)}
        # Several threads already decode frames in parallel.
        video.thread_type = "NONE"
        self._frames = self._container.decode(video)
        self._latest: VideoFrame | None = None
        self.position = 0

    def frame(self, number: int) -> VideoFrame:
        """Return frame ``number``, which must not be before the position."""
        while self.position < number or self._latest is None:
            frame = next(self._frames, None)
            if frame is None:
                raise CorruptDataError(f"the video ends before frame {number}")
            self._latest = frame
            self.position += 1
        return self._latest


_kept = threading.local()


def _reader(stream: bytes, request: DecodeRequest) -> _VideoReader:
    """Return the cached reader of this thread if it is for this video, else a new one."""
    reader: _VideoReader | None = getattr(_kept, "reader", None)
    if (
        reader is None
        or reader.position > request.frame
        or reader.max_pixels != request.max_pixels
        # An open instance passes the same object; comparing others is cheaper than decoding.
        or reader.stream != stream
    ):
        _kept.reader = None
        reader = _kept.reader = _VideoReader(stream, request)
    return reader


def _opened(stream: bytes, max_pixels: int) -> tuple[InputContainer, VideoStream]:
    """Return a video's container and its stream of pictures."""
    import av

    # Not ``options``, which PyAV before 18 hands to streams that it has not found yet.
    how: dict[str, Any] = {"container_options": {"format_whitelist": _FORMATS}}
    if hasattr(av.container.Container, "metadata_errors"):
        how["metadata_errors"] = "ignore"  # before PyAV 19 text that is not UTF-8 is an error
    container = av.open(io.BytesIO(stream), mode="r", **how)
    if not container.streams.video:
        raise CorruptDataError("the stream holds no video")
    video = container.streams.video[0]
    codec = getattr(video.codec_context, "name", "of no kind")
    if codec not in _CODECS:
        raise CorruptDataError(f"the video is {codec}, which DICOM does not support")
    _check_size(video.width or 0, video.height or 0, max_pixels)
    return container, video


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise LimitExceededError(
            f"the video is {width} x {height} pixels, more than {max_pixels}",
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


# --- properties of a video --------------------------------------------------------------------

_UID = "1.2.840.10008.1.2.4."
_MAIN_LEVEL = (576, 720)
"""Rows and columns of MPEG-2 Main Level."""
_H264_PROFILES = ("Constrained Baseline", "Baseline", "Main", "High", "Constrained High",
                  "Progressive High", "Stereo High")  # fmt: skip


class VideoInfo(NamedTuple):
    """Properties of a video.

    ``codec`` is FFmpeg's name of the coding. ``syntaxes`` are the possible transfer syntaxes, the
    best first. ``rate`` is in frames per second, 0 if unknown.
    """

    codec: str
    rows: int
    columns: int
    bits: int
    frames: int
    rate: float
    syntaxes: tuple[str, ...]


def probe(stream: bytes, *, max_pixels: int) -> VideoInfo:
    """Return the properties of a video; its frames are counted, the first one is decoded.

    Raises
    ------
    CorruptDataError
        It is not a video, or of a coding that DICOM does not support.
    LimitExceededError
        It has more pixels than ``max_pixels``.
    UnsupportedTransferSyntaxError
        DICOM has no transfer syntax for its profile or level, or FFmpeg is not installed.
    """
    if CODEC.version() is None:
        raise UnsupportedTransferSyntaxError("nothing installed reads video", hint=CODEC.install)
    import av

    try:
        container, video = _opened(stream, max_pixels)
        with container:
            frames = sum(1 for packet in container.demux(video) if packet.size)
        container, video = _opened(stream, max_pixels)
        with container:
            frame = next(container.decode(video), None)
            if frame is None:
                raise CorruptDataError("the video has no frame that can be decoded")
            context = video.codec_context
            level = (context.profile or "", getattr(context, "level", 0) or 0)
            bits = max(component.bits for component in frame.format.components)
            return VideoInfo(
                codec=context.name, rows=frame.height, columns=frame.width, bits=bits,
                frames=frames, rate=float(video.average_rate or 0),
                syntaxes=_video_syntaxes(context.name, *level, frame.height, frame.width),
            )  # fmt: skip
    except av.error.FFmpegError as error:
        raise CorruptDataError(f"FFmpeg: {error.strerror}") from error


def _video_syntaxes(
    codec: str, profile: str, level: int, rows: int, columns: int
) -> tuple[str, ...]:
    """Return the transfer syntaxes that a video may have (PS3.5 8.2.5 to 8.2.9)."""
    last: tuple[str, ...] = ()
    if codec in ("mpeg1video", "mpeg2video"):
        is_main = rows <= _MAIN_LEVEL[0] and columns <= _MAIN_LEVEL[1]
        last = ("100", "101") if is_main else ("101",)
    elif codec == "hevc":
        last = {"Main": ("107", "108"), "Main 10": ("108",)}.get(profile, ())
    elif profile in _H264_PROFILES:
        stereo = ("106",) if profile == "Stereo High" else ()
        last = (*stereo, *(("102", "103") if level <= 41 else ()), *_LEVEL_42)
        last = last if level <= 42 else ()
    if not last:
        raise UnsupportedTransferSyntaxError(
            f"DICOM has no transfer syntax for {codec}, profile {profile or '?'}, level {level}"
        )
    return tuple(_UID + each for each in last)


_LEVEL_42 = ("104", "105")

CODEC = _FFmpeg()
