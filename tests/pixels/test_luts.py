"""Lookup tables and palettes whose descriptor and entries disagree (PS3.3 C.7.9, C.11)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presentationstates import element, state, vois
from rendicom.dicom.byte_source import open_source
from rendicom.dicom.header import read_header
from rendicom.engine import open_instance, open_presentation
from rendicom.errors import CorruptDataError
from rendicom.options import RenderOptions
from rendicom.pixels.describe import describe
from rendicom.pixels.display import display_attributes
from rendicom.testing import BIG_ENDIAN, EXPLICIT, IMPLICIT, image, lookup_table, palette, sequence
from rendicom.values import DisplayAttributes

MODALITY_LUT, VOI_LUT, PRESENTATION_LUT = 0x00283000, 0x00283010, 0x20500010
SYNTAXES = (EXPLICIT, IMPLICIT, BIG_ENDIAN)


def shown(data: bytes) -> DisplayAttributes:
    header = read_header(open_source(data))
    return display_attributes(header, describe(header), 1)


def display(data: bytes, **options: str) -> tuple[Any, tuple[str, ...]]:
    chosen = RenderOptions.parse(options)
    with open_instance(data) as instance:
        return instance.display(1, chosen).tolist(), instance.explain(1, chosen).warnings


def refuses(data: bytes) -> bool:
    with open_instance(data) as instance:
        try:
            instance.display(1, RenderOptions(strict=True))
        except CorruptDataError:
            return True
    return False


# --- the first value mapped -----------------------------------------------------------------


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("vr", ["US", "SS"])
@pytest.mark.parametrize("first", [32768, 40000, 65533])
@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16])
def test_voi_lut_behind_a_modality_lut_is_unsigned(
    dtype: type, first: int, vr: Any, syntax: str
) -> None:
    """What comes out of a Modality LUT has no sign, whatever the pixels have (C.11.1.1.1)."""
    lowest = int(np.iinfo(dtype).min) // 2
    modality = lookup_table(
        [0, first, first + 1, first + 2, 65535], tag=MODALITY_LUT, first=lowest, vr="SS"
    )
    voi = lookup_table([0, 128, 255], first=first, bits=8, vr=vr)
    samples = np.arange(lowest, lowest + 5).astype(dtype).reshape(1, 5)
    data = image(samples, extra=[modality, voi], transfer_syntax=syntax)
    assert display(data) == ([[0, 0, 128, 255, 255]], ())


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("first", "intercept", "bits", "dtype", "mapped"), [
    (64512, -1024, 12, np.uint16, -1024),
    (-1024, -1024, 12, np.uint16, -1024),
    (40000, -1024, 16, np.uint16, 40000),  # -25536 is no value of the image
    (65000, -1024, 16, np.uint16, -536),
    (-5, 0, 16, np.int16, -5),
    (40000, 0, 16, np.int16, -25536),
    (40000, 32768, 16, np.int16, 40000),  # pixels are signed, what is looked up is not
    (40000, 0, 16, np.uint16, 40000),
    (-25536, 0, 16, np.uint16, 40000),
])  # fmt: skip
def test_first_value_mapped_suits_the_values_looked_up(
    first: int, intercept: int, bits: int, dtype: type, mapped: int, syntax: str
) -> None:
    extra = [
        lookup_table([0, 255], first=first, bits=8, vr="SS" if first < 0 else "US"),
        element(0x00281052, "DS", intercept), element(0x00281053, "DS", 1),
    ]  # fmt: skip
    pixels = np.zeros((1, 2), dtype)
    data = image(pixels, bits_stored=bits, extra=extra, transfer_syntax=syntax)
    assert shown(data).voi_luts[0].first == mapped


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("vr", ["US", "SS"])
def test_voi_lut_of_a_presentation_state(vr: Any, syntax: str) -> None:
    voi = lookup_table([0, 128, 255], first=40000, bits=8, vr=vr)
    modality = lookup_table([0, 40000, 40001], tag=MODALITY_LUT, first=-2, vr="SS")
    behind = open_presentation(state(vois((voi,)), modality, transfer_syntax=syntax))
    assert behind.vois[0].tables[0].first == 40000
    alone = open_presentation(state(vois((voi,)), transfer_syntax=syntax))
    is_known = vr == "US" and syntax != IMPLICIT
    assert alone.vois[0].tables[0].first == (40000 if is_known else -25536)


# --- the bits of the entries ----------------------------------------------------------------


@pytest.mark.parametrize(("said", "largest", "bits"), [
    (16, 65535, 16), (16, 32768, 16), (16, 16383, 16), (16, 8191, 16),
    (16, 4095, 12), (16, 4000, 12), (16, 2047, 11), (16, 1023, 10), (16, 255, 8), (16, 60, 8),
    (12, 1023, 12), (10, 1023, 10), (14, 4095, 14),
    (8, 4095, 12), (10, 65535, 16), (12, 8191, 13),
    (16, 0, 16),
])  # fmt: skip
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_voi_lut_has_the_bits_that_its_entries_need(
    said: int, largest: int, bits: int, syntax: str
) -> None:
    table = lookup_table([0, largest // 2, largest], bits=said, packed=False)
    data = image(np.array([[0, 1, 2]], np.uint8), extra=[table], transfer_syntax=syntax)
    assert shown(data).voi_luts[0].bits == bits
    picture, warnings = display(data)
    top = (1 << bits) - 1
    assert picture == [[int(entry * 255 / top + 0.5) for entry in (0, largest // 2, largest)]]
    expected = (f"the VOI LUT says {said} bits and has entries of {bits}",)
    assert warnings == (() if bits == said else expected)
    assert refuses(data) == (bits != said)


def test_entries_of_a_modality_lut_are_amounts() -> None:
    """A Modality LUT of small entries is no narrow one: identity shows its whole range."""
    table = lookup_table([0, 2048, 4095], tag=MODALITY_LUT, bits=16)
    data = image(np.array([[0, 1, 2]], np.uint8), extra=[table])
    assert display(data, voi="identity") == ([[0, 8, 16]], ())  # 255 * 4095 / 65535 = 15.9
    assert not refuses(data)


def test_a_presentation_lut_is_not_narrow_but_its_voi_lut_is() -> None:
    dim = lookup_table([0, 2048, 4095], tag=PRESENTATION_LUT, bits=16)
    told = open_presentation(state(dim))
    assert told.presentation_lut is not None
    assert (told.presentation_lut.bits, told.warnings) == (16, ())
    told = open_presentation(state(vois((lookup_table([0, 2048, 4095], bits=16),))))
    assert told.vois[0].tables[0].bits == 12
    assert len(told.warnings) == 1


# --- palettes -------------------------------------------------------------------------------

RAMP = np.array([0x0102, 0x4030, 0xAB12, 0xFFFE], np.uint16)
HIGH = (RAMP >> 8).tolist()
SMALL = [0, 7, 200, 255]
GRAY = {"photometric": "PALETTE COLOR"}
INDEX = np.arange(4, dtype=np.uint8).reshape(1, 4)


def coloured(*elements: Any, syntax: str = EXPLICIT) -> tuple[list[list[int]], tuple[str, ...]]:
    """Return the three channels as shown, and the warnings."""
    data = image(INDEX, extra=elements, photometric="PALETTE COLOR", transfer_syntax=syntax)
    picture, warnings = display(data)
    assert refuses(data) == bool(warnings)
    return np.array(picture)[0].T.tolist(), warnings


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("channels", "expected"), [
    ((RAMP, RAMP, RAMP), (HIGH, HIGH, HIGH)),
    # A channel of small entries is as deep as the others are.
    ((SMALL, RAMP, [0] * 4), ([0] * 4, HIGH, [0] * 4)),
])  # fmt: skip
def test_palette_that_says_8_bits_and_has_16(channels: Any, expected: Any, syntax: str) -> None:
    found, warnings = coloured(*palette(*channels, bits=8, packed=False), syntax=syntax)
    assert found == list(map(list, expected))
    assert warnings == ("the color palette says 8 bits and has entries of 16",)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("bits", "packed", "is_warned"), [
    (8, True, False), (8, False, False), (16, False, True), (16, True, True),
])  # fmt: skip
def test_palette_of_entries_up_to_255(
    bits: int, packed: bool, is_warned: bool, syntax: str
) -> None:
    made = palette(SMALL, SMALL[::-1], SMALL, bits=bits, packed=packed)
    found, warnings = coloured(*made, syntax=syntax)
    assert found == [SMALL, SMALL[::-1], SMALL]
    assert bool(warnings) == is_warned


def test_palette_of_16_bits_stays() -> None:
    assert coloured(*palette(RAMP, [0] * 4, RAMP)) == ([HIGH, [0] * 4, HIGH], ())
    assert coloured(*palette([0] * 4, [0] * 4, [0] * 4)) == ([[0] * 4] * 3, ())


def test_palette_whose_channels_differ_in_depth() -> None:
    wide = palette(RAMP, RAMP, RAMP)
    narrow = palette(SMALL, SMALL, SMALL, bits=8)
    mixed = [*narrow[:2], *wide[2:4], *narrow[4:]]
    assert coloured(*mixed) == ([SMALL, HIGH, SMALL], ())
    spread = palette(SMALL, SMALL, SMALL, bits=8, packed=False)
    mixed = [*wide[:2], *spread[2:]]
    assert coloured(*mixed) == ([HIGH, SMALL, SMALL], ())


def test_supplemental_palette_that_says_8_bits_and_has_16() -> None:
    extra = [
        *palette(RAMP, RAMP, RAMP, bits=8, packed=False, first=2),
        element(0x00089205, "CS", "COLOR"),
        element(0x00281050, "DS", 1), element(0x00281051, "DS", 2),
        element(0x00281056, "CS", "LINEAR_EXACT"),
    ]  # fmt: skip
    picture, warnings = display(image(INDEX, extra=extra))
    assert [pixel[0] for pixel in picture[0]] == [0, 128, HIGH[0], HIGH[1]]
    assert warnings == ("the color palette says 8 bits and has entries of 16",)
    extra[0] = element(0x00281101, "US", 1)
    picture, warnings = display(image(INDEX, extra=extra))
    assert picture == [[0, 128, 255, 255]]
    assert warnings == ("the supplemental color palette is damaged and was not used",)


# --- segmented palettes ---------------------------------------------------------------------


def segmented(words: list[int], *, bits: int, count: int, packed: bool | None = None) -> Any:
    return palette(words, words, words, bits=bits, count=count, packed=packed, segmented=True)


def indirect(segments: int, offset: int, *, bits: int) -> list[int]:
    """Return an indirect segment; the offset is in bytes, its low part first."""
    if bits == 8:
        return [2, segments, *offset.to_bytes(4, "little")]
    return [2, segments, offset & 0xFFFF, offset >> 16]


def entries_of(data: bytes) -> list[int] | None:
    found = shown(data).palette
    return None if found is None else found.green.entries.tolist()


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("bits", [8, 16])
def test_copy_of_a_linear_segment_starts_at_the_entry_before_the_copy(
    bits: int, syntax: str
) -> None:
    step = 1 if bits == 8 else 257
    size = bits // 8
    words = [0, 2, 0, 100 * step, 1, 2, 200 * step]  # discrete 0 100, linear to 200
    words += [0, 1, 40 * step, *indirect(1, 4 * size, bits=bits)]
    words += indirect(2, 0, bits=bits)
    expected = [0, 100, 150, 200, 40, 120, 200, 0, 100, 150, 200]
    if bits == 8:
        expected[-4:] = [0, 100, 150, 200]
    made = segmented(words, bits=bits, count=len(expected))
    data = image(INDEX, extra=made, transfer_syntax=syntax, **GRAY)
    assert entries_of(data) == [entry * step for entry in expected]
    assert shown(data).warnings == ()


@pytest.mark.parametrize("bits", [8, 16])
def test_copies_of_copies_end(bits: int) -> None:
    size, start = bits // 8, [0, 2, 9, 5]
    first = [*start, *indirect(1, 0, bits=bits)]
    nested = [*first, *indirect(1, len(start) * size, bits=bits)]
    assert (
        entries_of(image(INDEX, extra=segmented(nested, bits=bits, count=6), **GRAY)) == [9, 5] * 3
    )
    cycle = [*start, *indirect(200, len(start) * size, bits=bits)]
    empty = [*start, *indirect(255, 0, bits=bits)]
    empty[1] = 0  # a discrete segment without entries, copied without end
    outside = [*start, *indirect(1, 60000, bits=bits)]
    unknown = [*start, 3, 1, 0, 0]
    for words in (cycle, empty, outside, unknown, [1, 4, 200], [2, 1, 0, 0, 0, 0]):
        data = image(INDEX, extra=segmented(words, bits=bits, count=256), **GRAY)
        assert entries_of(data) is None
        assert shown(data).warnings


def test_segments_in_words_under_a_descriptor_of_8_bits_and_the_other_way() -> None:
    words = [0, 2, 3, 9, 1, 6, 255]
    expected = [3, 9, 50, 91, 132, 173, 214, 255]
    for bits, packed in ((8, True), (8, False), (16, False), (16, True)):
        made = segmented(words, bits=bits, count=8, packed=packed)
        data = image(INDEX, extra=made, **GRAY)
        assert entries_of(data) == expected
        assert bool(shown(data).warnings) == (bits == 16)
    deep = [0, 1, 0, 1, 255, 65535]
    data = image(INDEX, extra=segmented(deep, bits=8, count=256, packed=False), **GRAY)
    assert entries_of(data) == [257 * k for k in range(256)]
    assert shown(data).warnings == ("the color palette says 8 bits and has entries of 16",)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 65535), max_size=40), st.sampled_from([8, 16]), st.booleans())
def test_any_segments_are_a_palette_or_a_warning(words: list[int], bits: int, packed: bool) -> None:
    made = segmented(words, bits=bits, count=256, packed=packed)
    found = shown(image(INDEX, extra=made, **GRAY))
    assert (found.palette is None) <= bool(found.warnings)


def test_damaged_voi_luts_are_left_out_and_said() -> None:
    broken = sequence(VOI_LUT, (element(0x00283002, "US", 1, 0),))
    found = shown(image(INDEX, extra=[broken]))
    assert (found.voi_luts, found.warnings) == ((), ("the VOI LUT is damaged and was not used",))
