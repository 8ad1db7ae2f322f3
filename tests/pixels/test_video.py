"""Frames of MPEG-2, H.264 and HEVC, held to what FFmpeg makes of the same pictures in a file."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rendicom.engine import open_instance
from rendicom.errors import (
    CorruptDataError,
    LimitExceededError,
    UnsupportedTransferSyntaxError,
)
from rendicom.extras import install_command
from rendicom.pixels.codecs import DecodeRequest, ffmpeg
from rendicom.testing import encapsulate, image

av = pytest.importorskip("av")

ROOT = "1.2.840.10008.1.2.4."
ROWS, COLUMNS, COUNT = 48, 64, 14

# encoder, container, transfer syntax
KINDS = [
    ("mpeg2video", "mpeg2video", "100"),
    ("mpeg2video", "mpeg", "101"),
    ("mpeg2video", "mpegts", "100.1"),
    ("libx264", "h264", "102"),
    ("libx264", "mp4", "102"),
    ("libx264", "mpegts", "103"),
    ("libx265", "hevc", "107"),
    ("libx265", "mp4", "108"),
]


def moving(count: int = COUNT, rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray[Any, Any]:
    """Return a gradient that moves and brightens: no frame is like another."""
    y, x = np.mgrid[0:rows, 0:columns]
    frames = [
        np.stack([(x * 2 + 9 * n) % 200, y * 2 + 5 * n, np.full_like(x, 20 + 12 * n)], axis=-1)
        for n in range(count)
    ]
    return np.array(frames).clip(0, 255).astype(np.uint8)


@cache
def encoded(
    encoder: str,
    container: str,
    count: int = COUNT,
    rows: int = ROWS,
    columns: int = COLUMNS,
    title: str = "",
) -> bytes:
    """Return a video with frames that are stored in another order than they are shown in."""
    if encoder not in av.codecs_available:
        pytest.skip(f"av has no {encoder} to write with")
    buffer = io.BytesIO()
    options = {"bf": "2", "g": "6", "x265-params": "log-level=none"}
    with av.open(buffer, "w", format=container) as output:
        output.metadata["title"] = title
        stream = output.add_stream(encoder, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = columns, rows, "yuv420p"
        stream.bit_rate = 4_000_000
        for frame in moving(count, rows, columns):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(stream.encode())
    return buffer.getvalue()


def shown(video: bytes) -> list[np.ndarray[Any, Any]]:
    """Return all frames as PyAV gives them, luma and chroma turned to RGB here (BT.601)."""
    found = []
    with av.open(io.BytesIO(video)) as container:
        for frame in container.decode(video=0):
            planes = frame.to_ndarray(format="yuv420p").astype(float)
            y = planes[:ROWS]
            cb, cr = (
                half.reshape(ROWS // 2, COLUMNS // 2).repeat(2, axis=0).repeat(2, axis=1)
                for half in (
                    planes[ROWS : ROWS * 5 // 4].ravel(),
                    planes[ROWS * 5 // 4 :].ravel(),
                )
            )
            y, cb, cr = (y - 16) * 255 / 219, (cb - 128) * 255 / 224, (cr - 128) * 255 / 224
            rgb = [y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb]
            found.append(np.stack(rgb, axis=-1).clip(0, 255))
    return found


def instance(video: bytes, syntax: str, *, frames: int = COUNT, **how: Any) -> bytes:
    return image(
        encapsulate([video], **how),
        rows=ROWS, columns=COLUMNS, frames=frames, photometric="YBR_PARTIAL_420",
        transfer_syntax=ROOT + syntax,
    )  # fmt: skip


def request(frame: int = 1, **other: Any) -> DecodeRequest:
    given: dict[str, Any] = {
        "transfer_syntax": ROOT + "102",
        "rows": ROWS,
        "columns": COLUMNS,
        "samples_per_pixel": 3,
        "bits_allocated": 8,
        "bits_stored": 8,
        "signed": False,
        "photometric_interpretation": "YBR_PARTIAL_420",
        "planar_configuration": 0,
        "max_pixels": 10_000_000,
        "frame": frame,
        **other,
    }
    return DecodeRequest(**given)


@pytest.fixture(autouse=True)
def _no_reader_of_another_test() -> Iterator[None]:
    ffmpeg._kept.reader = None
    yield
    ffmpeg._kept.reader = None


# --- frames -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fragments", [1, 5])
@pytest.mark.parametrize(("encoder", "container", "syntax"), KINDS)
def test_every_frame_is_the_one_shown(
    encoder: str, container: str, syntax: str, fragments: int
) -> None:
    video = encoded(encoder, container)
    expected = shown(video)
    assert len(expected) == COUNT
    data = instance(video, syntax, fragments_per_frame=fragments)
    with open_instance(data) as opened:
        for number, other in enumerate(expected, start=1):
            frame = opened.frame(number)
            assert frame.samples.shape == (ROWS, COLUMNS, 3)
            assert frame.photometric_interpretation == "RGB"
            # Chroma is interpolated there and repeated here: compare where it is flat.
            difference = np.abs(frame.samples.astype(float) - other)
            assert np.median(difference) <= 1
            assert abs(frame.samples.mean() - other.mean()) <= 1
            closest = [float(np.abs(frame.samples - each).mean()) for each in expected]
            assert int(np.argmin(closest)) == number - 1


@pytest.mark.parametrize("order", [(3, 1, 2), (14, 13), (5, 5, 9, 2), (1, 14, 1)])
def test_frames_in_any_order(order: tuple[int, ...]) -> None:
    video = encoded("libx264", "mp4")
    alone = {}
    for number in sorted(set(order)):
        ffmpeg._kept.reader = None
        alone[number] = ffmpeg.CODEC.decode(video, request(number)).samples
    for number in order:
        assert (ffmpeg.CODEC.decode(video, request(number)).samples == alone[number]).all()


def test_frames_in_order_open_the_video_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = instance(encoded("libx264", "h264"), "102")
    opened = []
    really = av.open

    def counted(*given: Any, **named: Any) -> Any:
        opened.append(1)
        return really(*given, **named)

    monkeypatch.setattr(av, "open", counted)
    with open_instance(stored) as opened_file:
        for number in range(1, COUNT + 1):
            opened_file.frame(number)
            opened_file.frame(number)
        assert len(opened) == 1
        opened_file.frame(3)
        assert len(opened) == 2


def test_title_that_is_not_utf_8() -> None:
    titled = encoded("libx264", "mp4", title="Stra.e")
    latin = titled.replace(b"Stra.e", b"Stra\xdfe")
    assert latin != titled
    samples = [ffmpeg.CODEC.decode(video, request()).samples for video in (titled, latin)]
    assert np.array_equal(*samples)


def test_each_thread_reads_its_own_video() -> None:
    videos = [encoded("libx264", "mp4"), encoded("mpeg2video", "mpegts")]
    expected = [
        [ffmpeg.CODEC.decode(video, request(number)).samples for number in range(1, COUNT + 1)]
        for video in videos
    ]
    wrong: list[tuple[int, int]] = []

    def read(which: int) -> None:
        for number in range(1, COUNT + 1):
            found = ffmpeg.CODEC.decode(videos[which], request(number)).samples
            if not np.array_equal(found, expected[which][number - 1]):
                wrong.append((which, number))

    threads = [threading.Thread(target=read, args=(index % 2,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_equal_bytes_of_another_object_are_the_same_video() -> None:
    video = encoded("libx264", "mp4")
    ffmpeg.CODEC.decode(video, request(2))
    reader = ffmpeg._kept.reader
    ffmpeg.CODEC.decode(bytes(bytearray(video)), request(3))
    assert ffmpeg._kept.reader is reader
    ffmpeg.CODEC.decode(encoded("libx264", "mpegts"), request(4))
    assert ffmpeg._kept.reader is not reader


def test_number_of_frames_that_is_too_large() -> None:
    data = instance(encoded("libx264", "h264"), "102", frames=COUNT + 3)
    with open_instance(data) as opened:
        opened.frame(COUNT)
        with pytest.raises(CorruptDataError, match=f"ends before frame {COUNT + 1}"):
            opened.frame(COUNT + 1)
        opened.frame(COUNT)
        with pytest.raises(CorruptDataError):
            opened.frame(COUNT + 3)


def test_gray_uses_the_full_range() -> None:
    video = encoded("libx264", "mp4")
    gray = ffmpeg.CODEC.decode(video, request(2, samples_per_pixel=1)).samples
    assert gray.shape == (ROWS, COLUMNS)
    weights = np.array([0.299, 0.587, 0.114])
    assert np.abs(gray - shown(video)[1] @ weights).mean() < 2


def test_high_definition_without_a_matrix_is_bt_709() -> None:
    """Green of Y 100, Cb 90, Cr 90: BT.709 and BT.601 differ by more than lossy coding."""
    for rows, (kr, kb) in ((576, (0.299, 0.114)), (720, (0.2126, 0.0722))):
        buffer = io.BytesIO()
        with av.open(buffer, "w", format="mp4") as output:
            stream = output.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, rows, "yuv420p"
            planes = np.full((rows * 3 // 2, 64), 90, np.uint8)
            planes[:rows] = 100
            output.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
            output.mux(stream.encode())
        samples = ffmpeg.CODEC.decode(buffer.getvalue(), request()).samples
        y, chroma = 84 * 255 / 219, -38 * 255 / 224
        red, blue = y + 2 * (1 - kr) * chroma, y + 2 * (1 - kb) * chroma
        green = (y - kr * red - kb * blue) / (1 - kr - kb)
        assert np.abs(samples[8, 8] - [red, green, blue]).max() <= 1, rows


# --- refusals ---------------------------------------------------------------------------------


def test_video_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "find_spec", lambda name: None)
    data = instance(b"\0\0\1\xb3" + bytes(60), "100")
    with open_instance(data) as opened, pytest.raises(UnsupportedTransferSyntaxError) as caught:
        opened.frame(1)
    assert caught.value.hint == install_command("video")


@pytest.mark.parametrize("video", [b"", b"\0" * 500, bytes(range(256)) * 8, b"\0\0\1\xb3" * 99])
def test_bytes_that_are_no_video(video: bytes) -> None:
    with pytest.raises(CorruptDataError):
        ffmpeg.CODEC.decode(video, request())


def test_video_of_another_codec() -> None:
    with pytest.raises(CorruptDataError):
        ffmpeg.CODEC.decode(encoded("mpeg4", "mp4"), request())


def test_video_without_pictures() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    with pytest.raises(CorruptDataError, match="no video"):
        ffmpeg.CODEC.decode(buffer.getvalue(), request())


@pytest.mark.parametrize(("encoder", "container", "syntax"), KINDS)
def test_size_is_limited(encoder: str, container: str, syntax: str) -> None:
    with pytest.raises(LimitExceededError, match="64 x 48"):
        ffmpeg.CODEC.decode(encoded(encoder, container), request(max_pixels=ROWS * COLUMNS - 1))


def test_size_is_limited_where_it_changes() -> None:
    video = encoded("mpeg2video", "mpeg2video") + encoded("mpeg2video", "mpeg2video", 3, 240, 320)
    limit = request(max_pixels=ROWS * COLUMNS, frame=COUNT - 2)
    assert ffmpeg.CODEC.decode(video, limit).samples.shape == (ROWS, COLUMNS, 3)
    with pytest.raises((CorruptDataError, LimitExceededError)):
        ffmpeg.CODEC.decode(video, replace(limit, frame=COUNT + 2))
    large = ffmpeg.CODEC.decode(video, request(COUNT + 2)).samples
    assert large.shape == (240, 320, 3)


@pytest.mark.parametrize(("encoder", "container", "syntax"), KINDS)
def test_cut_video_gives_the_frames_there_are(encoder: str, container: str, syntax: str) -> None:
    video = encoded(encoder, container)
    for share in (0.9, 0.5, 0.1):
        part = video[: int(len(video) * share)]
        for number in (1, COUNT):
            try:
                decoded = ffmpeg.CODEC.decode(part, request(number))
            except CorruptDataError:
                continue
            assert decoded.samples.shape == (ROWS, COLUMNS, 3)


def test_playlists_open_no_file_and_no_address(tmp_path: Path) -> None:
    """FFmpeg would follow them: from a file of a patient into the network."""
    target = tmp_path / "other.mp4"
    target.write_bytes(encoded("libx264", "mp4"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        head = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
        for text in (
            f"{head}{address}\n#EXT-X-ENDLIST\n",
            f"{head}file://{target}\n#EXT-X-ENDLIST\n",
            f"ffconcat version 1.0\nfile '{target}'\n",
        ):
            with pytest.raises(CorruptDataError):
                ffmpeg.CODEC.decode(text.encode(), request())
        with pytest.raises(TimeoutError):
            server.accept()


def test_reader_is_not_kept_after_an_error() -> None:
    with pytest.raises(CorruptDataError):
        ffmpeg.CODEC.decode(bytes(500), replace(request(), frame=2))
    assert ffmpeg._kept.reader is None
