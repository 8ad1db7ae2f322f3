"""Frame n is found by every rule of PS3.5 A.4, and nothing else is read."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rendicom.dicom.byte_source import open_source
from rendicom.dicom.header import read_header
from rendicom.errors import CorruptDataError, NoSuchFrameError
from rendicom.pixels.describe import describe
from rendicom.pixels.source import FrameSource
from rendicom.testing import element, encapsulate, image

JPEG = "1.2.840.10008.1.2.4.50"
RLE = "1.2.840.10008.1.2.5"


def source_of(data: bytes | Path) -> FrameSource:
    header = read_header(open_source(data))
    return FrameSource(header, describe(header))


def jpeg_like(number: int, size: int) -> bytes:
    """Return what looks like a JPEG stream from outside and names its frame inside."""
    return b"\xff\xd8\xff\xe0" + bytes([number % 251]) * size + b"\xff\xd9"


def encapsulated(frames: list[bytes], syntax: str = JPEG, **how: object) -> bytes:
    return image(
        encapsulate(frames, **how),  # type: ignore[arg-type]
        rows=8,
        columns=8,
        frames=len(frames),
        transfer_syntax=syntax,
    )


def assert_frames(source: FrameSource, frames: list[bytes]) -> None:
    for number in (*range(len(frames), 0, -1), 1):
        found = bytes(source.frame(number).data)
        assert found.rstrip(b"\0") == frames[number - 1].rstrip(b"\0"), number


STREAMS = [jpeg_like(number, 20 + 7 * number) for number in range(1, 6)]


@pytest.mark.parametrize("table", ["empty", "basic", "extended"])
@pytest.mark.parametrize("delimiter", [True, False])
def test_one_fragment_a_frame(table: str, delimiter: bool) -> None:
    source = source_of(encapsulated(STREAMS, offset_table=table, delimiter=delimiter))
    assert_frames(source, STREAMS)


@pytest.mark.parametrize("table", ["empty", "basic"])
def test_several_fragments_a_frame(table: str) -> None:
    data = encapsulated(STREAMS, offset_table=table, fragments_per_frame=[1, 3, 2, 1, 4])
    assert_frames(source_of(data), STREAMS)


@given(
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=8),
    cuts=st.data(),
    table=st.sampled_from(["empty", "basic"]),
    delimiter=st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_any_cut_into_fragments(
    sizes: list[int], cuts: st.DataObject, table: str, delimiter: bool
) -> None:
    frames = [jpeg_like(index + 1, size) for index, size in enumerate(sizes)]
    pieces = [cuts.draw(st.integers(1, min(5, len(frame) // 8 or 1))) for frame in frames]
    data = encapsulated(frames, offset_table=table, fragments_per_frame=pieces, delimiter=delimiter)
    assert_frames(source_of(data), frames)


@pytest.mark.parametrize(
    "table",
    [
        pytest.param([0, 1, 2, 3, 4], id="not-items"),
        pytest.param([0, 0, 0, 0, 0], id="all-zero"),
        pytest.param([0, 10**9, 2 * 10**9, 3 * 10**9, 4 * 10**9], id="beyond-the-end"),
        pytest.param([0, 36], id="too-few"),
    ],
)
def test_a_wrong_offset_table_is_not_believed(table: list[int]) -> None:
    source = source_of(encapsulated(STREAMS, offset_table=table, fragments_per_frame=2))
    assert_frames(source, STREAMS)
    assert "Basic Offset Table is wrong" in source.frame(2).warnings[0]


def test_rle_frames_are_told_apart_by_their_header() -> None:
    frames = [struct.pack("<16I", 1, 64, *[0] * 14) + bytes([n]) * 90 for n in range(1, 4)]
    assert_frames(source_of(encapsulated(frames, RLE, fragments_per_frame=2)), frames)


def test_fragments_that_start_nothing_are_refused() -> None:
    frames = [bytes([n]) * 40 for n in range(1, 4)]
    source = source_of(encapsulated(frames, RLE, fragments_per_frame=2))
    with pytest.raises(CorruptDataError, match="cannot tell which of 6 fragments"):
        source.frame(2)


def test_one_frame_joins_all_fragments_whatever_the_table_says() -> None:
    data = encapsulated(STREAMS[:1], offset_table=[0, 4, 9], fragments_per_frame=4)
    assert_frames(source_of(data), STREAMS[:1])


def test_truncation_inside_a_fragment_gives_what_is_there() -> None:
    data = encapsulated(STREAMS, offset_table="basic", delimiter=False)
    found = source_of(data[:-10]).frame(5)
    assert STREAMS[4].startswith(bytes(found.data))
    assert found.warnings == ("the file ends inside the pixel data",)


def test_a_stream_without_fragments_is_taken_whole() -> None:
    data = image(STREAMS[0] + b"\0", rows=8, columns=8, transfer_syntax=JPEG)
    found = source_of(data).frame(1)
    assert found.encapsulated
    assert bytes(found.data).rstrip(b"\0") == STREAMS[0]


def test_fragments_under_a_native_transfer_syntax() -> None:
    data = image(encapsulate(STREAMS), rows=8, columns=8, frames=5)
    assert_frames(source_of(data), STREAMS)


def test_ybr_422_frames_have_two_bytes_a_pixel() -> None:
    cells = bytes(range(32))
    data = image(cells, rows=2, columns=4, frames=2, photometric="YBR_FULL_422")
    assert bytes(source_of(data).frame(2).data) == cells[16:]


def test_big_endian_words_of_odd_frames_are_put_in_order() -> None:
    # 3x3 8-bit pixels twice, as words: the second frame starts in the middle of one.
    stored = bytes([1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14, 17, 16])
    pixels = (element(0x7FE00010, "OW", stored, cell=1),)
    data = image(
        pixels, rows=3, columns=3, frames=2, bits_allocated=8,
        transfer_syntax="1.2.840.10008.1.2.2",
    )  # fmt: skip
    source = source_of(data)
    assert bytes(source.frame(1).data) == bytes(range(9))
    assert bytes(source.frame(2).data) == bytes(range(9, 18))


@pytest.mark.parametrize("number", [0, -1, 6])
def test_no_such_frame(number: int) -> None:
    with pytest.raises(NoSuchFrameError, match=f"no frame {number}: the instance has 5 frames"):
        source_of(encapsulated(STREAMS)).frame(number)


@pytest.mark.parametrize("native", [True, False])
def test_one_frame_of_ten_thousand_reads_one_frame(tmp_path: Path, native: bool) -> None:
    path = tmp_path / "many.dcm"
    size, count = 64 * 64, 10_000
    frames = [jpeg_like(number, size - 6) for number in range(count)]
    if native:
        path.write_bytes(image(b"".join(frames), rows=64, columns=64, frames=count))
    else:
        path.write_bytes(encapsulated(frames, offset_table="basic"))
    header = read_header(open_source(path))
    source = FrameSource(header, describe(header))
    before = header.source.bytes_read
    assert bytes(source.frame(7_777).data) == frames[7_776]
    assert header.source.bytes_read - before <= size + 64
    assert before < 700_000  # the header and the offset table
