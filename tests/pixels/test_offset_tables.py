"""Offset tables that are illegal, and headers that promise more frames than there are."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rendicom.dicom.byte_source import open_source
from rendicom.dicom.header import read_header
from rendicom.dicomweb.retrieval import AS_STORED, frame_bytes
from rendicom.engine import open_instance
from rendicom.errors import CorruptDataError
from rendicom.index.reading import read_indexed
from rendicom.options import RenderOptions
from rendicom.pixels.describe import describe
from rendicom.pixels.source import FrameSource
from rendicom.testing import element, encapsulate, image, rle

RLE, JPEG = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50"
FRAMES = [np.full((8, 8), 20 * number, np.uint8) for number in range(1, 5)]
STREAMS = [rle(frame) + bytes(100 + 2 * index) for index, frame in enumerate(FRAMES)]
SIZES = [8 + len(stream) for stream in STREAMS]
STARTS = [sum(SIZES[:index]) for index in range(4)]


def tabled(
    offsets: list[int] | None,
    lengths: list[int] | None = None,
    *,
    basic: Any = "empty",
    fragments: int = 1,
    streams: list[bytes] | None = None,
) -> bytes:
    extra = []
    if offsets is not None:
        extra.append(element(0x7FE00001, "OV", struct.pack(f"<{len(offsets)}Q", *offsets)))
    if lengths is not None:
        extra.append(element(0x7FE00002, "OV", struct.pack(f"<{len(lengths)}Q", *lengths)))
    pixels = encapsulate(streams or STREAMS, offset_table=basic, fragments_per_frame=fragments)
    return image(pixels, rows=8, columns=8, frames=4, transfer_syntax=RLE, extra=extra)


def shown(data: bytes, *, strict: bool = False) -> list[str]:
    """Check all frames and return the warnings."""
    notes: dict[str, None] = {}
    with open_instance(data) as instance:
        for number in (3, 1, 4, 2):
            found = instance.frame(number, RenderOptions(strict=strict))
            assert (found.samples == FRAMES[number - 1]).all(), number
            notes.update(dict.fromkeys(found.warnings))
    parts = frame_bytes(data, [1, 2, 3, 4], AS_STORED)
    assert [part.data.rstrip(b"\0") for part in parts] == [each.rstrip(b"\0") for each in STREAMS]
    return list(notes)


@pytest.mark.parametrize(
    "offsets",
    [
        pytest.param([0, 0, 0, 0], id="zero"),
        pytest.param(STARTS[:2], id="short"),
        pytest.param([*STARTS, sum(SIZES)], id="long"),
        pytest.param([0, 10**12, 2 * 10**12, 2**64 - 1], id="beyond"),
        pytest.param([8 + start for start in STARTS], id="counted from the values"),
        pytest.param([STARTS[1], STARTS[2], STARTS[3], sum(SIZES)], id="one frame further"),
        pytest.param([0, STARTS[1], STARTS[1], STARTS[3]], id="one twice"),
        pytest.param([0, STARTS[1], STARTS[1], STARTS[2]], id="the last too early"),
        pytest.param([0, STARTS[2], STARTS[1], STARTS[3]], id="out of order"),
        pytest.param([0, STARTS[1] + 2, STARTS[2], STARTS[3]], id="one that hits no item"),
    ],
)
@pytest.mark.parametrize("kind", ["extended", "basic"])
def test_a_wrong_table_is_told_and_not_used(offsets: list[int], kind: str) -> None:
    if kind == "extended":
        data = tabled(offsets)
    else:
        data = tabled(None, basic=[offset & 0xFFFFFFFF for offset in offsets])
    assert shown(data) == [f"the {kind.title()} Offset Table is wrong and was not used"]
    with pytest.raises(CorruptDataError, match="Offset Table"):
        shown(data, strict=True)


def test_a_right_table_is_used_without_a_word() -> None:
    assert shown(tabled(STARTS, [len(stream) for stream in STREAMS]), strict=True) == []
    assert shown(tabled(None, basic=STARTS), strict=True) == []


def test_of_two_tables_the_right_one_counts() -> None:
    (note,) = shown(tabled([0, 0, 0, 0], basic=STARTS))
    assert note.startswith("the Extended Offset Table is wrong")


def test_two_fragments_a_frame_are_joined() -> None:
    """The Extended Offset Table is only for one fragment a frame (PS3.3 C.7.6.3.1.8)."""
    starts = [start + 8 * index for index, start in enumerate(STARTS)]
    (note,) = shown(tabled(starts, [len(stream) for stream in STREAMS], fragments=2))
    assert "several fragments" in note


def test_a_table_of_every_fragment_is_not_used() -> None:
    halves = []
    position = 0
    for stream in STREAMS:
        step = -(-len(stream) // 2)
        step += step % 2
        halves += [position, position + 8 + step]
        position += 16 + len(stream)
    (note,) = shown(tabled(halves, fragments=2))
    assert note == "the Extended Offset Table is wrong and was not used"


@pytest.mark.parametrize("lengths", [[0] * 4, [5] * 4, [10**9] * 4, [2**64 - 1] * 4])
def test_wrong_lengths_are_told_and_not_used(lengths: list[int]) -> None:
    assert shown(tabled(STARTS, lengths)) == [
        "the Extended Offset Table Lengths are wrong and were not used"
    ]


def test_lengths_take_off_the_pad_byte() -> None:
    streams = [b"\xff\xd8\xff\xe0" + bytes([number]) * 7 for number in (1, 2)]
    data = image(
        encapsulate(streams), rows=8, columns=8, frames=2, transfer_syntax=JPEG,
        extra=[
            element(0x7FE00001, "OV", struct.pack("<2Q", 0, 20)),
            element(0x7FE00002, "OV", struct.pack("<2Q", 11, 11)),
        ],
    )  # fmt: skip
    header = read_header(open_source(data))
    source = FrameSource(header, describe(header))
    assert [bytes(source.frame(number).data) for number in (1, 2)] == streams


# --- frames that are there ------------------------------------------------------------------------


def counted(data: bytes, folder: Path) -> tuple[int, int]:
    """Return the number of frames by the engine and by the index."""
    path = folder / "a.dcm"
    path.write_bytes(data)
    found = read_indexed(str(path), "1")
    assert found is not None
    assert 1 <= found.representative_frame <= found.number_of_frames
    with open_instance(data) as instance:
        return instance.description.number_of_frames, found.number_of_frames


@pytest.mark.parametrize("claim", [5, 1000, 2**31 - 1])
@pytest.mark.parametrize("held", [1, 3])
def test_promised_frames_of_native_pixels(claim: int, held: int, tmp_path: Path) -> None:
    data = image(bytes(64 * held), rows=8, columns=8, frames=claim)
    assert counted(data, tmp_path) == (held, held)


@pytest.mark.parametrize("claim", [1000, 2**31 - 1])
@pytest.mark.parametrize("table", ["empty", "basic", "extended"])
@pytest.mark.parametrize("more", [0, 40_000])
def test_promised_frames_of_streams(claim: int, table: Any, more: int, tmp_path: Path) -> None:
    streams = [rle(FRAMES[0]), rle(FRAMES[1]) + bytes(more)]
    data = image(
        encapsulate(streams, offset_table=table), rows=8, columns=8, frames=claim,
        transfer_syntax=RLE, extra=[element(0x00286010, "US", 900)],
    )  # fmt: skip
    assert counted(data, tmp_path) == (2, 2)


def test_frames_of_small_streams_are_all_counted(tmp_path: Path) -> None:
    streams = [rle(np.full((8, 8), number % 250, np.uint8)) for number in range(700)]
    for fragments in (1, 2):
        data = image(
            encapsulate(streams, fragments_per_frame=fragments), rows=8, columns=8, frames=700,
            transfer_syntax=RLE,
        )  # fmt: skip
        assert counted(data, tmp_path) == (700, 700)


def test_promised_frames_without_pixels(tmp_path: Path) -> None:
    data = image((), rows=8, columns=8, frames=2**31 - 1)
    path = tmp_path / "a.dcm"
    path.write_bytes(data)
    found = read_indexed(str(path), "1")
    assert found is not None
    assert (found.number_of_frames, found.has_pixels) == (1, False)
