"""Cut and flipped files: a typed error or a picture, never anything else."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rendicom.engine import open_instance
from rendicom.errors import RendicomError
from rendicom.options import RenderOptions
from rendicom.testing import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    element,
    encapsulate,
    functional_groups,
    icc_profile,
    image,
    lookup_table,
    overlay,
    palette,
    rle,
    sequence,
)
from rendicom.testing.strategies import damaged

OPTIONS = RenderOptions(max_pixels=1_000_000, overlays=True)
SECONDS = 3
VALUES = np.arange(48, dtype=np.int16).reshape(6, 8) * 500 - 9000
COLOURS = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
RICH = [
    element(0x00281050, "DS", [40, 300]),
    element(0x00281051, "DS", [400, 1500]),
    element(0x00281053, "DS", "1.5"),
    element(0x00281052, "DS", "-100"),
    element(0x00280120, "SS", -9000),
    element(0x00280030, "DS", [0.5, 0.25]),
    lookup_table(range(50), first=-9000, bits=8, vr="SS"),
    sequence(
        0x00081140,
        [element(0x00081155, "UI", "1.2"), sequence(0x00081199, [], length=UNDEFINED)],
        length=UNDEFINED,
        undefined_items=True,
    ),
    *overlay(np.eye(6, 8)),
]


def _files() -> dict[str, bytes]:
    frames = [rle(VALUES), rle(VALUES[::-1])]
    groups = functional_groups(
        shared=[sequence(0x00289145, [element(0x00281053, "DS", 2)])],
        per_frame=[[sequence(0x00289132, [element(0x00281050, "DS", 3)])]] * 2,
    )
    made = {
        "explicit": image(VALUES, extra=RICH),
        "implicit": image(VALUES, extra=RICH, transfer_syntax=IMPLICIT),
        "big endian": image(VALUES, extra=RICH, transfer_syntax=BIG_ENDIAN),
        "deflated": image(VALUES, extra=RICH, transfer_syntax=DEFLATED),
        "bare": image(VALUES, extra=RICH, preamble=False, meta=False),
        "palette": image(
            COLOURS[..., 0], photometric="PALETTE COLOR",
            extra=palette([0, 1, 0, 1, 99, 65535], [0, 1, 7], [0, 1, 7], segmented=True, count=100),
        ),
        "colour": image(
            COLOURS, photometric="RGB", planar=1,
            extra=[element(0x00282000, "OB", icc_profile())],
        ),
        "float": image(VALUES.astype(np.float32)),
        "one bit": image(VALUES > 0, bits_allocated=1, bits_stored=1, signed=False),
    }  # fmt: skip
    for table in ("empty", "basic", "extended"):
        made[f"rle, {table} table"] = image(
            encapsulate(frames, offset_table=table), rows=6, columns=8, frames=2,
            bits_allocated=16, signed=True, transfer_syntax="1.2.840.10008.1.2.5",
            extra=[*RICH, *groups],
        )  # fmt: skip
    return made | _coded()


def _coded() -> dict[str, bytes]:
    from imagecodecs import (
        htj2k_encode,
        jpeg2k_encode,
        jpeg8_encode,
        jpegls_encode,
        jpegxl_encode,
    )

    gray = COLOURS[..., 0].copy()
    streams = {
        "50": jpeg8_encode(COLOURS, level=90),
        "70": jpeg8_encode(gray, lossless=True, predictor=1),
        "80": jpegls_encode(COLOURS),
        "90": jpeg2k_encode(COLOURS, codecformat="j2k", reversible=True),
        "201": htj2k_encode(gray, reversible=True),
        "110": jpegxl_encode(gray, lossless=True),
    }
    return {
        f"syntax .4.{suffix}": image(
            encapsulate([bytes(stream)], fragments_per_frame=2), rows=6, columns=8,
            photometric="RGB" if suffix in ("50", "80", "90") else "MONOCHROME2",
            transfer_syntax=f"1.2.840.10008.1.2.4.{suffix}",
        )
        for suffix, stream in streams.items()
    }  # fmt: skip


FILES = _files()


def outcome(data: bytes, options: RenderOptions = OPTIONS) -> str:
    began = time.process_time()
    try:
        return _outcome(data, options)
    finally:
        assert time.process_time() - began < SECONDS


def _outcome(data: bytes, options: RenderOptions) -> str:
    try:
        with open_instance(data) as instance:
            picture = instance.render(1, options, "image/png")
    except RendicomError as error:
        return error.code
    assert picture.data.startswith(b"\x89PNG")
    return "ok"


@pytest.mark.parametrize("name", FILES)
def test_undamaged_files_render(name: str) -> None:
    assert outcome(FILES[name]) == "ok"


@pytest.mark.parametrize("name", ["explicit", "implicit", "deflated", "rle, extended table"])
def test_cut_at_every_byte(name: str) -> None:
    data = FILES[name]
    met = {outcome(data[:end]) for end in range(len(data))}
    assert met <= {"ok", "not-dicom", "no-pixel-data", "corrupt-data", "unsupported-image"}
    assert "corrupt-data" in met


@pytest.mark.parametrize("name", FILES)
def test_cut_in_many_places(name: str) -> None:
    data = FILES[name]
    for end in range(0, len(data), max(1, len(data) // 60)):
        outcome(data[:end])


@pytest.mark.parametrize("name", FILES)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_flipped_bits_and_cuts(name: str, data: Any) -> None:
    outcome(data.draw(damaged(FILES[name])))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes(data: bytes) -> None:
    assert outcome(data) != "ok"
    outcome(b"\0" * 128 + b"DICM" + data)


@pytest.mark.parametrize("data", [
    b"", b"\0", b"\0" * 132, b"\0" * 128 + b"DICM", b"%PDF-1.7\n", b"\xff\xd8\xff\xe0\0\x10JFIF",
    b"\x89PNG\r\n\x1a\n" + b"\0" * 200, b"hello world\n" * 40, b"\xff" * 5000,
], ids=lambda data: repr(data[:8]))  # fmt: skip
def test_what_is_not_dicom(data: bytes) -> None:
    # The prefix alone says DICOM: then it is the rest that is missing.
    assert outcome(data) in ("not-dicom", "no-pixel-data", "corrupt-data")
    assert data.endswith(b"DICM") or outcome(data) != "corrupt-data"


@pytest.mark.parametrize("missing", [
    0x00280010, 0x00280011, 0x00280100, 0x00280002, 0x00280004, 0x7FE00010,
])  # fmt: skip
def test_missing_attributes(missing: int) -> None:
    met = outcome(image(VALUES, without=[missing]))
    assert met in ("corrupt-data", "no-pixel-data", "ok")
    if missing in (0x00280010, 0x00280011, 0x7FE00010):
        assert met != "ok"


@pytest.mark.parametrize(("tag", "value"), [
    (0x00280010, 0), (0x00280011, 0), (0x00280100, 0), (0x00280100, 7), (0x00280100, 24),
    (0x00280100, 64), (0x00280101, 0), (0x00280101, 17), (0x00280102, 3), (0x00280102, 40),
    (0x00280103, 2), (0x00280002, 0), (0x00280002, 2), (0x00280002, 4), (0x00280002, 65535),
    (0x00280010, 65535), (0x00280011, 7), (0x00280006, 9),
])  # fmt: skip
def test_nonsense_in_the_header(tag: int, value: int) -> None:
    for base, more in ((VALUES, {}), (COLOURS, {"photometric": "RGB"})):
        outcome(image(base, extra=[element(tag, "US", value)], **more))


@pytest.mark.parametrize("text", ["BOGUS", "", "HSV", "CMYK", "ARGB", "YBR_PARTIAL_420", "\xff"])
def test_nonsense_photometric_interpretation(text: str) -> None:
    for base, samples in ((VALUES, 1), (COLOURS, 3)):
        outcome(image(base, samples=samples, photometric=text))


def test_strict_refuses_what_is_cut() -> None:
    data = FILES["explicit"][:-20]
    assert outcome(data) == "ok"
    strict = RenderOptions(strict=True)
    assert outcome(data, strict) == "corrupt-data"
    assert outcome(FILES["explicit"], strict) == "ok"
    with open_instance(data) as instance:
        assert instance.render(1, media_type="image/png").warnings


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("claimed", [0, 1, 6, 10**6, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
@pytest.mark.parametrize("tag", [0x00091010, 0x00281201, 0x00283006, 0x7FE00010])
def test_lengths_that_lie(syntax: str, claimed: int, tag: int) -> None:
    lie = element(tag, "OW", b"\1\2\3\4" * 24, length=claimed)
    outcome(image(VALUES, extra=[lie], transfer_syntax=syntax))
