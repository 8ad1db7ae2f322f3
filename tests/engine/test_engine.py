"""The engine joins the rooms: whatever the source is, the same bytes come out."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image

import rendicom
from rendicom.testing import element, encapsulate, image, overlay

RAMP = np.arange(256, dtype=np.uint16).reshape(16, 16)


def as_array(picture: rendicom.RenderedImage) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.data)))


def test_every_kind_of_source_gives_the_same_bytes(
    pydicom_file: Callable[[str], Path],
) -> None:
    path = pydicom_file("CT_small.dcm")
    data = path.read_bytes()
    with path.open("rb") as file:
        sources = [path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data), file]
        sources.append(pydicom.dcmread(path))
        pictures = [rendicom.render(source, media_type="image/png").data for source in sources]
    assert len(set(pictures)) == 1


def test_a_dataset_made_in_memory() -> None:
    dataset = pydicom.Dataset()
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 16, 16, 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation, dataset.PhotometricInterpretation = 0, "MONOCHROME2"
    dataset.PixelData = RAMP.tobytes()
    picture = rendicom.render(dataset, media_type="image/png")
    assert np.array_equal(as_array(picture), RAMP)


def test_rendered_image_says_what_it_is() -> None:
    picture = rendicom.render(image(RAMP), media_type="image/png")
    assert (picture.media_type, picture.width, picture.height) == ("image/png", 16, 16)
    assert bytes(picture) == picture.data
    assert picture.frame == 1
    assert "0" in picture.voi
    assert "255" in picture.voi


def test_jpeg_is_the_default() -> None:
    picture = rendicom.render(image(RAMP))
    assert picture.media_type == "image/jpeg"
    assert Image.open(io.BytesIO(picture.data)).format == "JPEG"


def test_unknown_media_type_is_an_option_error() -> None:
    with pytest.raises(rendicom.OptionError, match="image/heic"):
        rendicom.render(image(RAMP), media_type="image/heic")


def test_auto_range_is_the_same_for_all_frames() -> None:
    frames = np.stack([np.full((4, 4), value, np.uint16) for value in (0, 50, 100)])
    with rendicom.open_instance(image(frames)) as instance:
        shown = [int(instance.display(number)[0, 0]) for number in (3, 1, 2)]
    assert shown == [255, 0, 128]


def test_auto_range_of_many_frames_decodes_32_of_them() -> None:
    frames = np.arange(1000, dtype=np.uint16).repeat(16).reshape(1000, 4, 4)
    with rendicom.open_instance(image(frames)) as instance:
        assert instance.display(1)[0, 0] == 0
        assert instance.display(1000)[0, 0] == 255
        assert instance.display(500)[0, 0] == pytest.approx(499 / 999 * 255, abs=1)


def test_threads_share_one_instance(pydicom_file: Callable[[str], Path]) -> None:
    path = pydicom_file("examples_ybr_color.dcm")
    with rendicom.open_instance(path) as instance:
        alone = [rendicom.render(path, number).data for number in range(1, 9)]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda number: instance.render(number).data, range(1, 9)))
    assert together == alone


def test_ranges_are_computed_once_under_threads() -> None:
    frames = np.arange(64, dtype=np.uint16).repeat(16).reshape(64, 4, 4)
    with rendicom.open_instance(image(frames)) as instance:
        start = threading.Barrier(8)

        def shown(number: int) -> int:
            start.wait()
            return int(instance.display(number)[0, 0])

        with ThreadPoolExecutor(8) as pool:
            values = list(pool.map(shown, range(1, 65, 8)))
    assert values == [int(255 * (number - 1) / 63 + 0.5) for number in range(1, 65, 8)]


def test_errors_name_the_frame() -> None:
    streams = [b"\xff\xd8\xff\xe0garbage\xff\xd9"] * 2
    data = image(
        encapsulate(streams), rows=8, columns=8, frames=2, transfer_syntax="1.2.840.10008.1.2.4.50"
    )
    with pytest.raises(rendicom.CorruptDataError) as caught:
        rendicom.render(data, 2)
    assert caught.value.frame == 2
    assert str(caught.value).startswith("frame 2: ")


def test_the_traceback_names_the_file_and_the_message_does_not(tmp_path: Path) -> None:
    (tmp_path / "cut.dcm").write_bytes(image(np.zeros((4, 4), np.uint8))[:-9])
    for name in ("none.dcm", "cut.dcm"):
        path = tmp_path / name
        with pytest.raises(rendicom.RendicomError) as caught:
            rendicom.render(path, options=rendicom.RenderOptions(strict=True))
        assert caught.value.__notes__ == [f"source: {path}"]
        assert name not in str(caught.value)


def test_errors_travel_between_processes() -> None:
    error = rendicom.CorruptDataError("it is broken", hint="mend it", frame=3)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is rendicom.CorruptDataError
    assert str(copy) == str(error) == "frame 3: it is broken (mend it)"


def test_strict_refuses_what_is_otherwise_a_warning() -> None:
    data = image(RAMP.tobytes()[:-64], rows=16, columns=16, bits_allocated=16)
    options = rendicom.RenderOptions(window=rendicom.Window(128, 256))
    picture = rendicom.render(data, options=options, media_type="image/png")
    assert any("short" in warning for warning in picture.warnings)
    whole = rendicom.render(image(RAMP), options=options, media_type="image/png")
    assert np.array_equal(as_array(picture)[:14], as_array(whole)[:14])
    with pytest.raises(rendicom.CorruptDataError):
        rendicom.render(data, options=rendicom.RenderOptions(strict=True))


def test_max_pixels_is_checked_before_anything_is_read() -> None:
    with pytest.raises(rendicom.LimitExceededError):
        rendicom.render(image(RAMP), options=rendicom.RenderOptions(max_pixels=255))


def test_overlays_are_off_unless_asked_for() -> None:
    plane = np.zeros((16, 16), np.bool_)
    plane[3, 5] = True
    data = image(RAMP * 0, extra=overlay(plane))
    with rendicom.open_instance(data) as instance:
        assert instance.overlay_groups() == (0x6000,)
        assert not instance.display(1).any()
        drawn = instance.display(1, rendicom.RenderOptions(overlays=True))
    assert np.argwhere(drawn).tolist() == [[3, 5]]


def test_animation_has_the_files_own_timing(pydicom_file: Callable[[str], Path]) -> None:
    with rendicom.open_instance(pydicom_file("examples_ybr_color.dcm")) as instance:
        picture = instance.render_animation()
        (duration,) = instance.description.frame_durations
    loop = Image.open(io.BytesIO(picture.data))
    assert loop.n_frames == 30
    shown = 0.0
    for index in range(loop.n_frames):
        loop.seek(index)
        shown += loop.info["duration"]
    assert shown == pytest.approx(30 * duration, abs=10)


def test_animation_of_a_still_format_is_refused() -> None:
    with (
        rendicom.open_instance(image(np.zeros((2, 4, 4), np.uint8))) as instance,
        pytest.raises(rendicom.OptionError, match="one frame only"),
    ):
        instance.render_animation(media_type="image/png")


def test_signed_stored_values_in_png_are_moved_up_and_said() -> None:
    values = np.array([[-2000, -1], [0, 1500]], np.int16)
    options = rendicom.RenderOptions(values="stored")
    picture = rendicom.render(image(values), options=options, media_type="image/png")
    assert np.array_equal(as_array(picture).astype(int) - 32768, values)
    assert picture.warnings == ("signed values are written plus 32768",)
    tiff = rendicom.render(image(values), options=options, media_type="image/tiff")
    assert tiff.warnings == ()


def test_modality_values_are_float() -> None:
    extra = [element(0x00281053, "DS", "0.5"), element(0x00281052, "DS", "-1024")]
    options = rendicom.RenderOptions(values="modality")
    picture = rendicom.render(image(RAMP, extra=extra), options=options, media_type="image/tiff")
    found = as_array(picture)
    assert found.dtype == np.float32
    assert np.array_equal(found, RAMP * np.float32(0.5) - 1024)
    with pytest.raises(rendicom.OptionError, match="png cannot hold float32"):
        rendicom.render(image(RAMP), options=options, media_type="image/png")


def test_rendering_needs_no_door_library() -> None:
    code = (
        "import sys, json, rendicom;"
        "rendicom.render(sys.stdin.buffer.read(), media_type='image/png');"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=image(RAMP), capture_output=True, check=True
    )
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"click", "rich", "pydicom", "fastapi", "httpx2", "dask", "PIL"}


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_memory_of_one_frame_does_not_grow_with_their_number(tmp_path: Path) -> None:
    path = tmp_path / "many.dcm"
    frame = np.arange(512 * 512, dtype=np.uint16).tobytes()
    path.write_bytes(image(frame * 300, rows=512, columns=512, frames=300, bits_allocated=16))
    # VmHWM and not ru_maxrss: the latter remembers the size of the process that forked.
    code = (
        "import sys, re, pathlib, rendicom;"
        "rendicom.render(sys.argv[1], 200, media_type='image/png');"
        "status = pathlib.Path('/proc/self/status').read_text();"
        "print(re.search(r'VmHWM:\\s+(\\d+)', status)[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True)
    assert int(done.stdout) * 1024 < 3 * len(frame) + 60 * 2**20


@pytest.mark.parametrize("first", ["rendicom.open_instance", "rendicom.Window", "rendicom.engine"])
def test_public_functions_stay_functions_whatever_was_used_first(first: str) -> None:
    """A package of the same name would take a function's place once it is imported."""
    code = f"import rendicom, rendicom.engine; {first}; print(callable(rendicom.render))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_strict_refuses_what_only_the_decoder_notices() -> None:
    data = image(RAMP.astype(np.uint8), transfer_syntax="1.2.840.10008.1.2.4.50")
    assert "not compressed" in rendicom.render(data).warnings[0]
    with pytest.raises(rendicom.CorruptDataError, match="not compressed"):
        rendicom.render(data, options=rendicom.RenderOptions(strict=True))


@pytest.fixture
def loop() -> Iterator[rendicom.Instance]:
    with rendicom.open_instance(image(np.stack([RAMP, RAMP]))) as instance:
        yield instance


@pytest.mark.parametrize("frame", ["1", None, 1.0, True, b"1", (1,), np.array([1]), object()])
def test_frame_numbers_that_are_none(loop: rendicom.Instance, frame: Any) -> None:
    for call in (loop.render, loop.display, lambda number: loop.render_animation([1, number])):
        with pytest.raises(rendicom.OptionError, match=r"^frame"):
            call(frame)


@pytest.mark.parametrize("frames", ["12", 5, (), object(), {1, 2}])
def test_frames_of_a_loop_that_are_none(loop: rendicom.Instance, frames: Any) -> None:
    with pytest.raises(rendicom.OptionError, match=r"^frame"):
        loop.render_animation(frames)


def test_numbers_of_numpy_and_short_names() -> None:
    plain = rendicom.render(image(RAMP), media_type="image/png")
    assert rendicom.render(image(RAMP), np.int64(1), media_type="png").data == plain.data
    assert rendicom.render(image(RAMP), media_type="image/jpg").media_type == "image/jpeg"
    with pytest.raises(rendicom.OptionError, match=r"^options"):
        rendicom.render(image(RAMP), 1, {"quality": 5})  # type: ignore[arg-type]
