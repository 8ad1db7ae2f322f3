"""Metadata and bulk data become files whose pixels are those that were sent (PS3.18 10.5.2)."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.encaps import generate_frames

from rendicom.dicomweb.bulkvalues import Bulk
from rendicom.dicomweb.composing import Composed, compose, compose_all
from rendicom.dicomweb.retrieval import instance_bytes, read_pieces
from rendicom.errors import (
    BadRequestError,
    CorruptDataError,
    RendicomError,
    UnsupportedTransferSyntaxError,
)
from rendicom.testing.rle_streams import rle

Array = NDArray[Any]
UID = "1.2.840.10008.1.2.4."
NATIVE = "1.2.840.10008.1.2.1"
WHERE = "bulk/1"

rng = np.random.default_rng(5)
GRAY = rng.integers(0, 256, (24, 31), np.uint8)
DEEP = rng.integers(0, 4096, (24, 31), np.uint16)
SMOOTH = np.stack(np.meshgrid(np.arange(40) * 6, np.arange(32) * 7), axis=-1)
COLOUR = np.dstack((SMOOTH, np.full((32, 40), 90))).astype(np.uint8)


def model(**said: Any) -> dict[str, Any]:
    """Return metadata of an instance with what is said of its image."""
    dataset = pydicom.Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3.4"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    for keyword, value in said.items():
        setattr(dataset, keyword, value)
    found: dict[str, Any] = dataset.to_json_dict()
    return {**found, "7FE00010": {"vr": "OW", "BulkDataURI": WHERE}}


def of(pixels: Array, bits: int = 0, **more: Any) -> dict[str, Any]:
    """Return metadata that say what native pixels are."""
    allocated = pixels.dtype.itemsize * 8
    colour = pixels.ndim == 3
    return model(**{
        "Rows": pixels.shape[0], "Columns": pixels.shape[1], "SamplesPerPixel": 3 if colour else 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        "BitsAllocated": allocated, "BitsStored": bits or allocated,
        "HighBit": (bits or allocated) - 1, "PixelRepresentation": 0,
        **({"PlanarConfiguration": 0} if colour else {}), **more,
    })  # fmt: skip


def made(said: dict[str, Any], media_type: str, *parts: bytes) -> Composed:
    return compose(said, [Bulk(WHERE, media_type, part) for part in parts])


def read(data: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(BytesIO(data))


def streams(dataset: pydicom.Dataset) -> list[bytes]:
    count = int(dataset.get("NumberOfFrames") or 1)
    return list(generate_frames(dataset.PixelData, number_of_frames=count))


def shown(data: bytes) -> Array:
    """Return the pixels of a file, made native by the server's own retrieval."""
    pieces = instance_bytes(data, NATIVE)
    whole: Array = read(b"".join(read_pieces(pieces, data))).pixel_array
    return whole


def picture(pixels: Array, kind: str, **how: Any) -> bytes:
    held = BytesIO()
    Image.fromarray(pixels).save(held, kind, **how)
    return held.getvalue()


LOSSLESS = {
    "jpeg lossless": (imagecodecs.ljpeg_encode, "image/jpeg", ("57", "70")),
    "jpeg-ls": (imagecodecs.jpegls_encode, "image/jls", ("80",)),
    "jpeg 2000": (
        lambda x: imagecodecs.jpeg2k_encode(x, codecformat="j2k", reversible=True), "image/jp2",
        ("90",),
    ),
    "jpeg 2000 in boxes": (
        lambda x: imagecodecs.jpeg2k_encode(x, codecformat="jp2", reversible=True), "image/jp2",
        ("90",),
    ),
    "htj2k": (lambda x: imagecodecs.htj2k_encode(x, reversible=True), "image/jphc", ("201",)),
    "jpeg xl": (lambda x: imagecodecs.jpegxl_encode(x, lossless=True), "image/jxl", ("112",)),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.parametrize("says", [True, False], ids=["said", "unsaid"])
@pytest.mark.parametrize("pixels", [GRAY, DEEP, COLOUR], ids=["8 bit", "12 bit", "colour"])
def test_a_lossless_stream_keeps_its_coding(name, pixels, says):
    encode, media_type, allowed = LOSSLESS[name]
    if name == "jpeg lossless" and pixels.ndim == 3:
        pixels = pixels[..., 0]  # the encoder at hand writes gray only
    bits = 12 if pixels is DEEP else 8
    stream = encode(pixels)
    said = of(pixels, bits) if says else model()
    composed = made(said, media_type, stream)
    held = read(composed.data)
    assert held.file_meta.TransferSyntaxUID.removeprefix(UID) in allowed
    assert (held.Rows, held.Columns) == pixels.shape[:2]
    assert held.SamplesPerPixel == (3 if pixels.ndim == 3 else 1)
    (kept,) = streams(held)
    codestream = stream[stream.index(b"\xff\x4f\xff\x51") :] if "boxes" in name else stream
    assert kept.rstrip(b"\0") == codestream.rstrip(b"\0")
    assert np.array_equal(shown(composed.data), pixels)
    assert not set(composed.corrected) - {"PhotometricInterpretation", "BitsStored", "HighBit"}


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422", None])
def test_a_baseline_jpeg_shows_as_another_decoder_shows_it(subsampling, photometric):
    stream = picture(COLOUR, "JPEG", quality=90, subsampling=subsampling)
    said = of(COLOUR, PhotometricInterpretation=photometric) if photometric else model()
    composed = made(said, "image/jpeg", stream)
    held = read(composed.data)
    assert held.file_meta.TransferSyntaxUID == UID + "50"
    wanted = "YBR_FULL" if subsampling == "4:4:4" else "YBR_FULL_422"
    assert held.PhotometricInterpretation == wanted
    assert ("PhotometricInterpretation" in composed.corrected) == (
        photometric not in (wanted, None)
    )
    assert (held.LossyImageCompression, held.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
    assert float(held.LossyImageCompressionRatio) == pytest.approx(
        COLOUR.size / len(stream), rel=0.01
    )
    (kept,) = streams(held)
    assert kept.startswith(stream)
    other = np.asarray(Image.open(BytesIO(stream))).astype(int)
    assert np.abs(shown(composed.data).astype(int) - other).max() <= 2


def test_what_contradicts_the_stream_is_corrected_and_kept():
    stream = picture(GRAY, "JPEG", quality=95)
    said = of(GRAY.astype(np.uint16), 12, Rows=99, Columns=5, LossyImageCompression="00")
    composed = made(said, "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.70", stream)
    held = read(composed.data)
    assert held.file_meta.TransferSyntaxUID == UID + "50"
    assert (held.Rows, held.Columns, held.BitsAllocated, held.BitsStored) == (24, 31, 8, 8)
    assert {"Rows", "Columns", "BitsAllocated", "BitsStored", "LossyImageCompression"} <= set(
        composed.corrected
    )
    (item,) = held.OriginalAttributesSequence
    (old,) = item.ModifiedAttributesSequence
    assert (old.Rows, old.Columns, old.BitsStored) == (99, 5, 12)
    assert item.ReasonForTheAttributeModification == "CORRECT"
    moment = composed.data[composed.moment].decode()
    assert moment == str(item.AttributeModificationDateTime)
    again = made(said, "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.70", stream)
    rest = slice(composed.moment.stop, None)
    assert again.data[rest] == composed.data[rest]
    assert np.array_equal(shown(composed.data), np.asarray(Image.open(BytesIO(stream))))


def test_metadata_that_fit_are_left_alone():
    stream = picture(GRAY, "JPEG", quality=95)
    composed = made(of(GRAY, PhotometricInterpretation="MONOCHROME1"), "image/jpeg", stream)
    assert composed.corrected == ()
    held = read(composed.data)
    assert held.PhotometricInterpretation == "MONOCHROME1"
    assert "OriginalAttributesSequence" not in held


@pytest.mark.parametrize("bits", [10, 12])
def test_a_lossless_stream_may_be_deeper_than_what_is_stored(bits):
    pixels = (DEEP >> (12 - bits)).astype(np.uint16)
    stream = imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True)
    composed = made(of(pixels, bits), "image/jp2", stream)
    held = read(composed.data)
    assert (held.BitsAllocated, held.BitsStored, held.HighBit) == (16, bits, bits - 1)
    assert composed.corrected == ()
    assert np.array_equal(shown(composed.data), pixels)


def test_signed_jpeg_2000():
    pixels = (DEEP.astype(np.int16) - 2048).astype(np.int16)
    stream = imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True)
    composed = made(model(), "image/jp2", stream)
    assert read(composed.data).PixelRepresentation == 1
    assert np.array_equal(shown(composed.data), pixels)


@pytest.mark.parametrize(
    ("syntax", "wanted"),
    [("90", "91"), ("91", "91"), ("93", "93"), ("50", "91"), ("", "91")],
)
def test_the_transfer_syntax_that_is_named_holds_where_the_stream_allows_it(syntax, wanted):
    stream = imagecodecs.jpeg2k_encode(GRAY, level=40, codecformat="j2k", reversible=False)
    more = f"; transfer-syntax={UID}{syntax}" if syntax else ""
    held = read(made(of(GRAY), "image/jp2" + more, stream).data)
    assert held.file_meta.TransferSyntaxUID == UID + wanted
    assert held.LossyImageCompressionMethod == "ISO_15444_1"


def test_a_progressive_jpeg_is_decoded():
    stream = picture(COLOUR, "JPEG", quality=90, progressive=True)
    composed = made(of(COLOUR), "image/jpeg", stream)
    held = read(composed.data)
    assert held.file_meta.TransferSyntaxUID == NATIVE
    assert held.LossyImageCompression == "01"
    other = np.asarray(Image.open(BytesIO(stream))).astype(int)
    assert np.abs(held.pixel_array.astype(int) - other).max() <= 2


# --- several frames -------------------------------------------------------------------------


def frames_of(count: int) -> list[Array]:
    return [((GRAY.astype(int) + 17 * number) % 256).astype(np.uint8) for number in range(count)]


@pytest.mark.parametrize("says", [True, False])
def test_each_part_is_a_frame(says):
    frames = frames_of(5)
    parts = [imagecodecs.jpegls_encode(frame) for frame in frames]
    said = of(GRAY, NumberOfFrames="5") if says else model()
    composed = made(said, "image/jls", *parts)
    held = read(composed.data)
    assert held.NumberOfFrames == 5
    assert [each.rstrip(b"\0") for each in streams(held)] == [each.rstrip(b"\0") for each in parts]
    assert np.array_equal(shown(composed.data), np.stack(frames))


@pytest.mark.parametrize("name", ["bulk/1/{}", "bulk/1/frames/{}", "WADO/frames/{}"])
def test_parts_may_name_their_frames(name):
    frames = frames_of(11)
    said = model(NumberOfFrames="11")
    if name.startswith("WADO"):
        said["7FE00010"]["BulkDataURI"] = "WADO/bulkdata/7FE00010"
    bulk = [
        Bulk(name.format(number), "image/jls", imagecodecs.jpegls_encode(frame))
        for number, frame in enumerate(frames, 1)
    ]
    assert np.array_equal(shown(compose(said, bulk[::-1]).data), np.stack(frames))
    with pytest.raises(BadRequestError):
        compose(said, [*bulk[:3], *bulk[4:]])
    with pytest.raises(BadRequestError):
        compose(said, bulk[:-1])


def test_a_stream_in_several_parts():
    stream = picture(GRAY, "JPEG")
    composed = made(of(GRAY), "image/jpeg", stream[:100], stream[100:300], stream[300:])
    (kept,) = streams(read(composed.data))
    assert kept.startswith(stream)


@pytest.mark.parametrize("count", [1, 2])
def test_other_frames_than_the_metadata_say(count):
    parts = [picture(frame, "JPEG") for frame in frames_of(count)]
    with pytest.raises(BadRequestError, match="3 frames"):
        made(of(GRAY, NumberOfFrames="3"), "image/jpeg", *parts)


def test_frames_that_differ():
    with pytest.raises(BadRequestError, match="differ"):
        made(model(), "image/jpeg", picture(GRAY, "JPEG"), picture(GRAY[:-1], "JPEG"))
    with pytest.raises(RendicomError):
        made(model(), "image/jpeg", picture(GRAY, "JPEG"), picture(GRAY, "PNG"))


def test_native_frames_in_parts():
    frames = frames_of(3)
    composed = made(of(GRAY, NumberOfFrames="3"), "", *(frame.tobytes() for frame in frames))
    assert np.array_equal(read(composed.data).pixel_array, np.stack(frames))


def test_a_value_as_it_lies_in_a_file():
    parts = [imagecodecs.jpegls_encode(frame) for frame in frames_of(3)]
    value = pydicom.encaps.encapsulate(parts)
    kind = f"application/octet-stream; transfer-syntax={UID}80"
    composed = made(of(GRAY, NumberOfFrames="3"), kind, value)
    assert np.array_equal(shown(composed.data), np.stack(frames_of(3)))


# --- RLE, pictures, video -------------------------------------------------------------------


@pytest.mark.parametrize("pixels", [GRAY, DEEP, COLOUR], ids=["8 bit", "16 bit", "colour"])
@pytest.mark.parametrize(
    "kind", ["image/dicom-rle", "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.5"]
)
def test_rle(pixels, kind):
    composed = made(of(pixels), kind, rle(pixels))
    assert read(composed.data).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.5"
    assert np.array_equal(shown(composed.data), pixels)
    assert composed.corrected == ()


def test_rle_that_does_not_fit():
    for said in (model(), of(DEEP), of(GRAY, Rows=9000)):
        with pytest.raises(RendicomError):
            made(said, "image/dicom-rle", rle(GRAY))


@pytest.mark.parametrize("pixels", [GRAY, DEEP, COLOUR], ids=["8 bit", "16 bit", "colour"])
@pytest.mark.parametrize("says", [True, False])
def test_png(pixels, says):
    stream = imagecodecs.png_encode(pixels)
    composed = made(of(pixels) if says else model(), "image/png", stream)
    held = read(composed.data)
    assert held.file_meta.TransferSyntaxUID == NATIVE
    assert np.array_equal(held.pixel_array, pixels)
    assert composed.corrected == ()
    assert "LossyImageCompression" not in held


def test_png_with_an_alpha_channel():
    alpha = np.full((*COLOUR.shape[:2], 1), 255, np.uint8)
    opaque = np.concatenate((COLOUR, alpha), axis=2)
    composed = made(model(), "image/png", picture(opaque, "PNG"))
    assert np.array_equal(read(composed.data).pixel_array, COLOUR)
    opaque[3, 3, 3] = 0
    with pytest.raises(UnsupportedTransferSyntaxError, match="transparent"):
        made(model(), "image/png", picture(opaque, "PNG"))


def test_a_gif_of_several_frames():
    images = [Image.fromarray(np.full((8, 9), value, np.uint8)) for value in (10, 90, 200)]
    held = BytesIO()
    images[0].save(held, "GIF", save_all=True, append_images=images[1:])
    composed = made(model(), "image/gif", held.getvalue())
    dataset = read(composed.data)
    assert dataset.NumberOfFrames == 3
    pixels = dataset.pixel_array
    assert pixels.shape[:3] == (3, 8, 9)
    assert [int(frame.mean()) for frame in pixels] == [10, 90, 200]


def video(codec: str, form: str, layout: str = "yuv420p", count: int = 40) -> bytes:
    import av

    held = BytesIO()
    with av.open(held, "w", format=form) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, layout
        for number in range(count):
            pixels = np.full((48, 64, 3), 6 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return held.getvalue()


@pytest.mark.parametrize(
    ("codec", "form", "kind", "wanted"),
    [
        ("libx264", "mp4", "video/mp4", "102"), ("mpeg2video", "mpegts", "video/mpeg", "100"),
        ("mpeg2video", "mpeg2video", "video/mpeg", "100"), ("libx264", "h264", "video/mp4", "102"),
        ("libx264", "mp4", f"video/mp4; transfer-syntax={UID}104", "104"),
        ("libx264", "mp4", f"video/mp4; transfer-syntax={UID}107", "102"),
    ],
)  # fmt: skip
def test_a_video_is_one_fragment(codec, form, kind, wanted):
    import av

    stream = video(codec, form)
    said = model(Rows=10, NumberOfFrames="40")
    composed = made(said, kind, stream)
    held = read(composed.data)
    assert held.file_meta.TransferSyntaxUID == UID + wanted
    assert (held.Rows, held.Columns, held.NumberOfFrames) == (48, 64, 40)
    assert composed.corrected == ("Rows",)
    assert held.PhotometricInterpretation == "YBR_PARTIAL_420"
    assert (float(held.FrameTime), held.FrameIncrementPointer) == (40.0, 0x00181063)
    (kept,) = pydicom.encaps.generate_fragments(held.PixelData[8:])
    assert kept[: len(stream)] == stream
    with av.open(BytesIO(kept)) as container:
        frames = [each.to_ndarray(format="rgb24") for each in container.decode(video=0)]
    assert [int(each.mean()) // 6 for each in frames[:40:13]] == pytest.approx(
        [0, 13, 26, 39], abs=1
    )


def test_video_that_has_no_transfer_syntax():
    with pytest.raises(CorruptDataError, match="mpeg4"):
        made(model(), "video/mp4", video("mpeg4", "mp4"))
    with pytest.raises(UnsupportedTransferSyntaxError, match="4:4:4"):
        made(model(), "video/mp4", video("libx264", "mp4", "yuv444p"))
    with pytest.raises(CorruptDataError):
        made(model(), "video/mp4", b"\0" * 500)


# --- what is refused, and what is native ----------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("image/jpeg", GRAY.tobytes()), ("image/jpeg", b""), ("image/webp", b"RIFF1234WEBPVP8 "),
        ("image/tiff", b"II*\0" + bytes(40)), ("text/plain", b"abc"),
        ("image/jpeg", picture(COLOUR, "JPEG")[:120]), ("image/jp2", b"\xff\x4f\xff\x51" * 9),
        (f"application/octet-stream; transfer-syntax={UID}50", GRAY.tobytes()),
        ("image/png", picture(GRAY, "PNG")[:60]), ("nonsense", GRAY.tobytes()),
        ("image/x", b"x"), ("image/png", picture(GRAY, "PNG")[:20]), ("image/gif", b"GIF89a\1"),
    ],
)  # fmt: skip
def test_what_is_none_of_it_is_refused(kind, data):
    with pytest.raises(RendicomError):
        made(of(GRAY), kind, data)


@pytest.mark.parametrize(("vr", "value"), [("LT", "text"), ("US", 1), ("SQ", {})])
def test_pixel_data_that_are_not_binary_are_refused(vr, value):
    said = {**of(GRAY), "7FE00010": {"vr": vr, "Value": [value]}}
    with pytest.raises(BadRequestError):
        compose(said, [])


def test_cmyk_is_refused():
    held = BytesIO()
    Image.fromarray(COLOUR).convert("CMYK").save(held, "JPEG")
    with pytest.raises(RendicomError):
        made(model(), "image/jpeg", held.getvalue())


@pytest.mark.parametrize("kind", ["", "application/octet-stream", "image/jpeg"])
def test_the_bytes_count_before_the_media_type(kind):
    stream = picture(GRAY, "JPEG")
    held = read(made(of(GRAY), kind, stream).data)
    assert held.file_meta.TransferSyntaxUID == UID + "50"


def test_cells_stay_cells_though_they_look_like_a_stream():
    pixels = GRAY.copy()
    pixels.flat[:4] = (0xFF, 0xD8, 0xFF, 0xE0)
    held = read(made(of(pixels), "application/octet-stream", pixels.tobytes()).data)
    assert held.file_meta.TransferSyntaxUID == NATIVE
    assert np.array_equal(held.pixel_array, pixels)


def test_metadata_that_were_compressed_with_cells_that_are_not():
    said = of(GRAY)
    said["00020010"] = {"vr": "UI", "Value": [UID + "50"]}
    held = read(made(said, "application/octet-stream", GRAY.tobytes()).data)
    assert held.file_meta.TransferSyntaxUID == NATIVE
    assert np.array_equal(held.pixel_array, GRAY)


def test_a_stream_inline():
    stream = picture(GRAY, "JPEG")
    said = of(GRAY)
    said["7FE00010"] = {"vr": "OB", "InlineBinary": base64.b64encode(stream).decode()}
    held = read(compose(said, []).data)
    assert held.file_meta.TransferSyntaxUID == UID + "50"


def test_two_values_at_one_location_are_refused():
    said = model()
    said["00420011"] = {"vr": "OB", "BulkDataURI": "pdf"}
    bulk = [Bulk("pdf", "application/pdf", b"%PDF"), Bulk("pdf", "application/pdf", b"%PDX")]
    with pytest.raises(BadRequestError):
        compose(said, [*bulk, Bulk(WHERE, "", GRAY.tobytes())])


def test_a_bad_one_costs_only_itself():
    good = of(GRAY)
    other = [{**good, "7FE00010": {"vr": "OB", "BulkDataURI": "none"}}, 5, {}]
    text = json.dumps([good, *other]).encode()
    bulk = [Bulk(WHERE, "image/jpeg", picture(GRAY, "JPEG"))]
    found = list(
        compose_all([("application/dicom+json", text), ("application/dicom+xml", b"<a")], bulk)
    )
    assert [each.composed is not None for each in found] == [True, False, False, False, False]
    assert found[1].instance == "1.2.3.4"
    assert all(isinstance(each.error, BadRequestError) for each in found[1:])


SHORT_OF_MEMORY = """
import resource
from rendicom.dicomweb.bulkvalues import Bulk
from rendicom.dicomweb.composing import compose
from test_composing import WHERE, model

side = 8 << 10
said = model(Rows=side, Columns=side, SamplesPerPixel=1, BitsAllocated=8, BitsStored=8,
             PhotometricInterpretation="MONOCHROME2", PixelRepresentation=0)
parts = [Bulk(WHERE, "", PIXELS)]
compose(said, [Bulk(WHERE, "", bytes(16))])  # loads what it needs
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (24 << 20),) * 2)
try:
    compose(said, parts)
except MemoryError:
    print("MemoryError")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize(
    "pixels",
    [
        "bytes(64 << 20)",
        "bytes.fromhex('feff00e000000000feff00e0f0ffff03') + bytes((64 << 20) - 16)",
    ],
    ids=["written", "unwrapped"],
)
def test_too_little_memory_is_no_fault_of_the_request(pixels):
    command = [sys.executable, "-c", SHORT_OF_MEMORY.replace("PIXELS", pixels)]
    here = {**os.environ, "PYTHONPATH": os.pathsep.join((str(Path(__file__).parent), *sys.path))}
    done = subprocess.run(command, capture_output=True, text=True, env=here)
    assert done.stdout == "MemoryError\n", done.stderr
