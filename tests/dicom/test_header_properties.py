"""Whatever a file holds: the two readers agree, and nothing but typed errors comes out."""

from __future__ import annotations

import math
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rendicom.dicom.attributes import Attributes
from rendicom.dicom.byte_source import open_source
from rendicom.dicom.byte_window import HandOverError
from rendicom.dicom.header import Header, read_header
from rendicom.dicom.picture_tags import WANTED
from rendicom.errors import RendicomError
from rendicom.testing import (
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    Element,
    dicom_file,
    element,
    encapsulate,
    sequence,
)

PIXELS = 0x7FE00010
SQ_TAGS = sorted(tag for tag, vr in WANTED.items() if vr == "SQ")
VALUE_TAGS = sorted(set(WANTED) - set(SQ_TAGS) - {0x00080005})
VRS = ["CS", "DS", "IS", "US", "SS", "UL", "FD", "FL", "OB", "OW", "LO", "UI", "UN", "AT", "UT"]
NUMERIC_TEXT = st.sampled_from(["0", "1", "-5", "2.50", " 7", "1e3", "x", "", "1\\2\\-3", "4 \\ 5"])

values = st.one_of(st.binary(max_size=12), NUMERIC_TEXT.map(str.encode))
private_tags = st.integers(0x1001, 0x10FF).map(lambda number: 0x00090000 | number)
leaves = st.builds(
    lambda tag, vr, value: Element(tag, vr, (value,)),
    st.one_of(st.sampled_from(VALUE_TAGS), private_tags),
    st.sampled_from(VRS),
    values,
)


def unique(elements: list[Element]) -> tuple[Element, ...]:
    return tuple({item.tag: item for item in elements}.values())


def with_sequences(children: st.SearchStrategy[Element]) -> st.SearchStrategy[Element]:
    items = st.lists(st.lists(children, max_size=3).map(unique), max_size=3)
    return st.builds(
        lambda tag, inside, length, undefined: sequence(
            tag, *inside, length=length, undefined_items=undefined
        ),
        st.one_of(st.sampled_from(SQ_TAGS), private_tags),
        items,
        st.sampled_from([None, UNDEFINED]),
        st.booleans(),
    )


data_sets = st.lists(st.recursive(leaves, with_sequences, max_leaves=8), max_size=8).map(unique)
pixels = st.sampled_from(
    [(), (element(PIXELS, "OW", bytes(12)),), encapsulate([b"\xff\xd8\xff", b"12"])]
)


@settings(max_examples=80, deadline=None)
@given(data_sets, pixels, st.sampled_from([EXPLICIT, IMPLICIT, DEFLATED]))
def test_both_readers_say_the_same(
    elements: tuple[Element, ...], image: tuple[Element, ...], syntax: str
) -> None:
    start = element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2")
    data = dicom_file(unique([*elements, start, *image]), transfer_syntax=syntax)
    try:
        fast = read_header(open_source(data), reader="fast")
    except HandOverError:
        return
    slow = read_header(open_source(data), reader="pydicom")
    assert where(fast) == where(slow)
    assert_same(fast.attributes, slow.attributes, depth=4)


def where(header: Header) -> tuple[object, ...] | None:
    pixel = header.pixel
    return pixel and (pixel.keyword, pixel.vr, pixel.offset, pixel.length)


def assert_same(fast: Attributes, slow: Attributes, *, depth: int) -> None:
    for tag in WANTED:
        assert (tag in fast) == (tag in slow), hex(tag)
        if tag not in fast:
            continue
        assert read_all(fast, tag) == read_all(slow, tag), hex(tag)
        one, other = fast.items(tag), slow.items(tag)
        assert len(one) == len(other), hex(tag)
        for left, right in zip(one, other, strict=True):
            if depth:
                assert_same(left, right, depth=depth - 1)


def read_all(attributes: Attributes, tag: int) -> tuple[object, ...]:
    return (
        attributes.texts(tag),
        [None if math.isnan(number) else number for number in attributes.numbers(tag)],
        attributes.integers(tag),
        attributes.integers(tag, signed=True),
        attributes.raw(tag),
        attributes.words(tag).tobytes(),
    )


WELL_FORMED = [
    element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2"),
    element(0x00280010, "US", 2),
    element(0x00280011, "US", 3),
    sequence(
        0x00283010,
        [element(0x00283002, "US", [4, 0, 8]), element(0x00283006, "OW", b"\0\1\2\3")],
        length=UNDEFINED,
        undefined_items=True,
    ),
    sequence(0x00289132, [element(0x00281050, "DS", "40")]),
    element(PIXELS, "OW", bytes(12)),
]


@settings(max_examples=60, deadline=None)
@given(data_sets)
def test_the_fast_reader_reads_what_is_well_formed(elements: tuple[Element, ...]) -> None:
    clean = [item for item in elements if item.items is None and item.vr != "UN"]
    data = dicom_file(unique([*clean, *WELL_FORMED]))
    header = read_header(open_source(data), reader="fast")
    assert header.attributes.integer(0x00280010) == 2
    assert header.pixel is not None
    assert header.source.read(header.pixel.offset, 20) == bytes(12)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, DEFLATED])
@pytest.mark.parametrize("reader", ["auto", "fast", "pydicom"])
def test_files_cut_anywhere(syntax: str, reader: Literal["auto", "fast", "pydicom"]) -> None:
    data = dicom_file(WELL_FORMED, transfer_syntax=syntax)
    step = 5 if reader == "auto" else 3
    complete = 0
    for end in {*range(0, len(data), step), *range(len(data) - 30, len(data))}:
        complete += use(data[:end], reader=reader)
    # Only what is cut inside the pixel data has a header.
    assert complete >= (10 if syntax != DEFLATED else 0)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([EXPLICIT, IMPLICIT, DEFLATED]),
    st.lists(st.tuples(st.integers(128, 600), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_files_with_changed_bytes(syntax: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(dicom_file(WELL_FORMED, transfer_syntax=syntax))
    for place, value in changes:
        data[place % len(data)] = value
    use(bytes(data), reader="auto")


@pytest.mark.parametrize("vr", [b"\x80B", b"O\xff", b"??"])
def test_a_damaged_vr_of_pixel_data(vr: bytes) -> None:
    data = bytearray(dicom_file(WELL_FORMED, transfer_syntax=EXPLICIT))
    place = data.index(b"\xe0\x7f\x10\x00") + 4
    data[place : place + 2] = vr
    use(bytes(data), reader="auto")


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes(data: bytes, preamble: bool) -> None:
    use((bytes(128) + b"DICM" if preamble else b"") + data, reader="auto")


def use(data: bytes, *, reader: Literal["auto", "fast", "pydicom"]) -> bool:
    """Read a header and everything in it; tell whether that could be done."""
    try:
        header = read_header(
            open_source(data), reader=reader, max_header_bytes=1 << 20, max_inflated_bytes=1 << 20
        )
    except RendicomError as error:
        assert str(error)  # noqa: PT017
        return False
    touch(header.attributes, depth=3)
    if header.pixel is not None:
        header.source.read(header.pixel.offset, header.pixel.length or 1 << 40)
    return True


def touch(attributes: Attributes, *, depth: int) -> None:
    for tag in WANTED:
        if tag in attributes:
            read_all(attributes, tag)
            attributes.integer(tag, 1)
            attributes.number(tag)
            attributes.text(tag, "")
            for item in attributes.items(tag)[:5]:
                if depth:
                    touch(item, depth=depth - 1)
