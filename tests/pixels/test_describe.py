"""The header's facts, repaired where only one reading makes sense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rendicom.dicom.byte_source import open_source
from rendicom.dicom.header import read_header
from rendicom.errors import CorruptDataError, NoPixelDataError
from rendicom.pixels.colour import srgb_of_dicom_lab
from rendicom.pixels.describe import describe, is_image
from rendicom.pixels.display import display_attributes
from rendicom.testing import (
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    dicom_file,
    element,
    functional_groups,
    image,
    palette,
    sequence,
)
from rendicom.values import DisplayAttributes, PixelDescription, Window

PIXELS = np.arange(64, dtype=np.int16).reshape(8, 8)


def described(data: bytes) -> PixelDescription:
    return describe(read_header(open_source(data)))


def shown(data: bytes, frame: int = 1) -> DisplayAttributes:
    header = read_header(open_source(data))
    return display_attributes(header, describe(header), frame)


def test_plain_image() -> None:
    found = described(image(PIXELS, modality="CT"))
    assert (found.rows, found.columns, found.number_of_frames) == (8, 8, 1)
    assert (found.bits_allocated, found.bits_stored, found.high_bit) == (16, 16, 15)
    assert found.signed
    assert found.modality == "CT"
    assert found.warnings == ()


def test_no_pixel_data() -> None:
    with pytest.raises(NoPixelDataError, match=r"^the object holds no pixel data$"):
        described(dicom_file([element(0x00080060, "CS", "SR")]))


def test_an_object_without_pixels_is_named() -> None:
    sop_class = element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.88.59")
    message = r"of class Key Object Selection Document and holds no pixel data"
    with pytest.raises(NoPixelDataError, match=message):
        described(dicom_file([sop_class]))


@pytest.mark.parametrize(
    ("sop_class", "named"), [("1.2.3.4", "object is of class 1.2.3.4 and"), ("DOE^JOHN", "object")]
)
def test_an_object_of_an_unknown_class_has_its_uid_only(sop_class: str, named: str) -> None:
    with pytest.raises(NoPixelDataError, match=f"^the {named} holds no pixel data$"):
        described(dicom_file([element(0x00080016, "UI", sop_class)]))


@pytest.mark.parametrize(
    ("last", "expected"),
    [("2", True), ("1.1", True), ("77.1", True), ("88.59", False), ("9.1.1", False)],
)
def test_an_image_is_recognized_by_its_class_alone(last: str, expected: bool) -> None:
    sop_class = element(0x00080016, "UI", f"1.2.840.10008.5.1.4.1.1.{last}")
    assert is_image(read_header(open_source(dicom_file([sop_class])))) == expected


def test_pixel_data_without_an_image() -> None:
    with pytest.raises(NoPixelDataError, match="Rows and Columns are missing"):
        described(image(PIXELS, without=[0x00280010, 0x00280011]))


@pytest.mark.parametrize(("rows", "columns"), [(0, 8), (8, 0)])
def test_an_empty_image_is_corrupt(rows: int, columns: int) -> None:
    size = [element(0x00280010, "US", rows), element(0x00280011, "US", columns)]
    with pytest.raises(CorruptDataError):
        described(image(PIXELS, extra=size))


@pytest.mark.parametrize(
    ("tag", "attribute", "value"),
    [
        (0x00280100, "bits_allocated", 16),
        (0x00280101, "bits_stored", 16),
        (0x00280102, "high_bit", 15),
        (0x00280002, "samples_per_pixel", 1),
        (0x00280004, "photometric_interpretation", "MONOCHROME2"),
    ],
)
def test_a_missing_attribute_is_inferred(tag: int, attribute: str, value: Any) -> None:
    assert getattr(described(image(PIXELS, without=[tag])), attribute) == value


def test_frames_promised_are_no_more_than_there_are() -> None:
    found = described(image(PIXELS, extra=[element(0x00280008, "IS", "2000000000")]))
    assert found.number_of_frames == 1
    assert found.warnings == ("the header declares 2000000000 frames, the file holds 1",)


def test_number_of_frames_that_is_no_number_is_counted() -> None:
    pixels = np.zeros((3, 8, 8), np.uint8)
    found = described(image(pixels, extra=[element(0x00280008, "IS", "1A")]))
    assert found.number_of_frames == 3


# --- display attributes -----------------------------------------------------------------------


def window(center: str, width: str) -> list[Any]:
    return [element(0x00281050, "DS", center), element(0x00281051, "DS", width)]


def test_windows_pair_up_to_the_shorter_list() -> None:
    names = element(0x00281055, "LO", ["SOFT", "BONE"])
    found = shown(image(PIXELS, extra=[*window("40\\400\\7", "300\\1500"), names]))
    assert found.windows == (Window(40, 300), Window(400, 1500))
    assert [item.explanation for item in found.windows] == ["SOFT", "BONE"]


def test_unknown_voi_function_is_linear_and_said() -> None:
    extra = [*window("40", "300"), element(0x00281056, "CS", "CUBIC")]
    found = shown(image(PIXELS, extra=extra))
    assert found.windows == (Window(40, 300, "linear"),)
    assert "VOI LUT Function is unknown" in found.warnings[0]


def rescale(slope: str, intercept: str) -> Any:
    items = [element(0x00281053, "DS", slope), element(0x00281052, "DS", intercept)]
    return sequence(0x00289145, items)


def test_per_frame_groups_win_over_shared_over_top_level() -> None:
    data = image(
        np.zeros((3, 8, 8), np.uint8),
        extra=[
            *window("1", "2"),
            element(0x00281053, "DS", "9"),
            *functional_groups(
                shared=[sequence(0x00289132, window("10", "20"))],
                per_frame=[[rescale("2", "0")], [rescale("3", "-5")], []],
            ),
        ],
    )
    assert [shown(data, frame).slope for frame in (1, 2, 3)] == [2, 3, 9]
    assert [shown(data, frame).intercept for frame in (1, 2, 3)] == [0, -5, 0]
    assert shown(data, 3).windows == (Window(10, 20),)


def test_aspect_ratio_wins_over_spacing() -> None:
    spacing = element(0x00280030, "DS", [0.5, 0.25])
    assert shown(image(PIXELS, extra=[spacing])).pixel_aspect_ratio == (0.5, 0.25)
    both = [spacing, element(0x00280034, "IS", [4, 3])]
    assert shown(image(PIXELS, extra=both)).pixel_aspect_ratio == (4, 3)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ([element(0x00181063, "DS", "40")], (40.0,)),
        ([element(0x00180040, "IS", 25)], (40.0,)),
        ([element(0x00082144, "IS", 10)], (100.0,)),
        ([element(0x00181065, "DS", [0, 30, 50])], (30.0, 50.0, 40.0)),
        ([element(0x00181063, "DS", "0")], ()),
        ([element(0x00181063, "DS", "-3"), element(0x00180040, "IS", 25)], (40.0,)),
    ],
)
def test_frame_durations(extra: list[Any], expected: tuple[float, ...]) -> None:
    data = image(np.zeros((3, 8, 8), np.uint8), extra=extra)
    assert described(data).frame_durations == expected


def lut(descriptor: list[int], data: Any, *, vr: str = "US") -> Any:
    numbers = element(0x00283002, vr, descriptor)
    return sequence(0x00283000, [numbers, data])


def test_damaged_lut_is_left_out_and_said() -> None:
    found = shown(image(PIXELS, extra=[lut([4, 0, 16], element(0x00283006, "OW", b""))]))
    assert found.modality_lut is None
    assert found.warnings == ("the Modality LUT is damaged and was not used",)


def test_short_lut_repeats_its_last_entry() -> None:
    table = shown(image(PIXELS, extra=[lut([9, 0, 16], element(0x00283006, "US", [5, 6, 7]))]))
    assert table.modality_lut is not None
    assert table.modality_lut.entries.tolist() == [5, 6, *[7] * 7]


@pytest.mark.parametrize(
    ("lab", "rgb"),
    [
        ((65535, 0x8080, 0x8080), (255, 255, 255)),
        ((0, 0x8080, 0x8080), (0, 0, 0)),
        # CIELab (D65) of sRGB red, green and blue: 53.24 80.09 67.20; 87.73 -86.18 83.18;
        # 32.30 79.19 -107.86
        ((34891, 53479, 50167), (255, 0, 0)),
        ((57494, 10748, 54274), (0, 255, 0)),
        ((21168, 53248, 5176), (0, 0, 255)),
    ],
)
def test_cielab_to_srgb(lab: tuple[int, int, int], rgb: tuple[int, int, int]) -> None:
    assert srgb_of_dicom_lab(*lab) == pytest.approx(rgb, abs=1)


# --- functional groups ----------------------------------------------------------------------

BLANK = element(0x00281050, "DS", b"")


def _spacing(*sizes: float) -> list[Any]:
    return [element(0x00280030, "DS", list(sizes))]


def _rescaled(slope: str) -> list[Any]:
    return [element(0x00281052, "DS", "0"), element(0x00281053, "DS", slope)]


def _window(center: str) -> list[Any]:
    return [element(0x00281050, "DS", center), element(0x00281051, "DS", "20")]


MACROS = [
    (0x00289132, _window("10"), _window("90"), lambda shown: shown.windows[0].center, 10, 90),
    (0x00289145, _rescaled("3"), _rescaled("9"), lambda shown: shown.slope, 3, 9),
    (0x00289110, _spacing(2, 1), _spacing(4, 1), lambda shown: shown.pixel_aspect_ratio[0], 2, 4),
    (
        0x00189472,
        [element(0x00181600, "CS", "CIRCULAR"), element(0x00181610, "IS", [1, 1]),
         element(0x00181612, "IS", 5)],
        [element(0x00181600, "CS", "CIRCULAR"), element(0x00181610, "IS", [1, 1]),
         element(0x00181612, "IS", 7)],
        lambda shown: shown.shutter.circle[2], 5, 7,
    ),
    (
        0x00289443, [element(0x00281040, "CS", "LOG")], [element(0x00281040, "CS", "LIN")],
        lambda shown: shown.pixel_intensity_relationship, "LOG", "LIN",
    ),
]  # fmt: skip


@pytest.mark.parametrize("empty", [[], [BLANK], [element(0x00204000, "LT", "a comment")]])
@pytest.mark.parametrize(("macro", "shared", "top", "read", "first", "last"), MACROS)
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
def test_an_item_without_the_attributes_of_its_macro_is_absent(
    empty: list[Any], macro: int, shared: list[Any], top: list[Any], read: Any, first: Any,
    last: Any, syntax: str,
) -> None:  # fmt: skip
    """The next level counts: the shared groups, then the top level (PS3.3 C.7.6.16)."""
    pixels = np.stack([PIXELS] * 3)
    per_frame = [[sequence(macro, empty)], [sequence(macro, top)], []]
    groups = functional_groups(shared=[sequence(macro, shared)], per_frame=per_frame)
    data = image(pixels, extra=groups, transfer_syntax=syntax)
    assert [read(shown(data, frame)) for frame in (1, 2, 3)] == [first, last, first]
    nothing = functional_groups(shared=[sequence(macro, empty)], per_frame=per_frame)
    data = image(pixels, extra=[*nothing, *top], transfer_syntax=syntax)
    assert [read(shown(data, frame)) for frame in (1, 2, 3)] == [last] * 3


@pytest.mark.parametrize("spacing", [
    (0, 0), (-1, 1), (1e308, 1e-308), (1e-320, 1), (1, 5000), (1,), (1, 1, 1),
])  # fmt: skip
def test_sizes_that_no_pixel_has_are_named_and_not_used(spacing: tuple[float, ...]) -> None:
    found = shown(image(PIXELS, extra=_spacing(*spacing)))
    assert found.pixel_aspect_ratio == (1, 1)
    assert found.warnings == ("an invalid pixel size or aspect ratio was not used",)
    found = shown(image(PIXELS, extra=[*_spacing(*spacing), element(0x00181164, "DS", [3, 1])]))
    assert found.pixel_aspect_ratio == (3, 1)


@pytest.mark.parametrize("extra", [
    element(0x00181063, "DS", "1e300"), element(0x00181063, "FD", 1e300),
    element(0x00082144, "DS", "1e-300"), element(0x00181065, "DS", ["0", "1e308", "1e308"]),
])  # fmt: skip
def test_times_without_end_are_none(extra: Any) -> None:
    assert described(image(np.zeros((3, 8, 8), np.uint8), extra=[extra])).frame_durations == ()


@pytest.mark.parametrize("samples", [-1, -(1 << 62), 0x10000, 1 << 40])
def test_samples_that_no_image_has_count_as_missing(samples: int) -> None:
    found = described(image(PIXELS, extra=[element(0x00280002, "SV", samples)]))
    assert found.samples_per_pixel == 1
    assert found.warnings == ("Samples per Pixel is missing",)


@pytest.mark.parametrize(("planar", "wanted"), [(-1, 0), (0, 0), (1, 1), (2, 0), (257, 0)])
def test_a_planar_configuration_is_zero_or_one(planar: int, wanted: int) -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    given = element(0x00280006, "SS", planar)
    assert described(image(pixels, photometric="RGB", extra=[given])).planar_configuration == wanted


@pytest.mark.parametrize("bits", [0, 17, 62, 65535])
def test_a_segmented_palette_of_impossible_bits_is_damaged(bits: int) -> None:
    tables = palette(*[[0, 2, 0, 65535, 1, 2, 0]] * 3, segmented=True, count=4, bits=bits)
    data = image(PIXELS.astype(np.uint8), photometric="PALETTE COLOR", extra=tables)
    assert shown(data).palette is None
