"""One frame of MPEG-2, H.264 or HEVC by FFmpeg (PyAV)."""

from __future__ import annotations

import io
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rendicom.errors import CorruptDataError, LimitExceededError
from rendicom.pixels.codecs import Decoded, DecodeRequest

if TYPE_CHECKING:
    from av import VideoFrame

__all__ = ["CODEC"]


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

        wanted = request.frame - 1
        try:
            with av.open(io.BytesIO(stream), mode="r") as container:
                if not container.streams.video:
                    raise CorruptDataError("the stream holds no video")
                video = container.streams.video[0]
                if (video.width or 0) * (video.height or 0) > request.max_pixels:
                    raise LimitExceededError(f"the video is {video.width} x {video.height} pixels")
                video.thread_type = "NONE"
                for index, frame in enumerate(container.decode(video)):
                    if index == wanted:
                        return _decoded(frame, request)
        except av.error.FFmpegError as error:
            raise CorruptDataError(f"FFmpeg: {error.strerror}") from error
        raise CorruptDataError(f"the video ends before frame {request.frame}")


def _decoded(frame: VideoFrame, request: DecodeRequest) -> Decoded:
    if request.samples_per_pixel == 1:
        return Decoded(frame.to_ndarray(format="gray"), bits_stored=8, signed=False)
    samples = frame.to_ndarray(format="rgb24")
    return Decoded(samples, photometric_interpretation="RGB", bits_stored=8, signed=False)


CODEC = _FFmpeg()
