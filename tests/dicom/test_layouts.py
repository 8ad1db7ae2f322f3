"""A header read with the layout of files before it is the header read without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.data import get_testdata_files

from rendicom.dicom import layouts
from rendicom.dicom.byte_source import BufferSource, open_source
from rendicom.dicom.element_walker import ElementWalker
from rendicom.dicom.header import read_header
from rendicom.errors import RendicomError
from rendicom.testing.images import image
from rendicom.testing.writer import Element, element, sequence

UNDEFINED = 0xFFFFFFFF
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


@pytest.fixture(autouse=True)
def _nothing_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layouts, "_layouts", {})


def slice_of(*extra: Element, **more: Any) -> bytes:
    return image(np.zeros((8, 8), np.uint16), extra=extra, **more)


def read(data: bytes | Path) -> Any:
    """Return all that a header says, by tag, and where the pixels are; or why it cannot be read."""
    source = BufferSource(data) if isinstance(data, bytes) else open_source(data)
    try:
        header = read_header(source, reader="fast")
    except RendicomError as error:
        return type(error), error.message
    return (
        [said(header.attributes, tag) for tag in header.attributes.tags()],
        header.pixel,
        header.warnings,
    )


def said(attributes: Any, tag: int) -> Any:
    items = [[said(item, inner) for inner in item.tags()] for item in attributes.items(tag)]
    return tag, attributes.stored(tag), items


def alone(data: bytes | Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(layouts, "_layouts", {})
        return read(data)


def steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return a function that tells how many elements were walked over since the last call."""
    counted = [0]

    def counting(walk: Callable[..., int]) -> Callable[..., int]:
        def walked(self: Any, window: Any, position: int, *more: Any) -> int:
            end = walk(self, window, position, *more)
            counted[0] += 1
            return end

        return walked

    for name in ("_walk_explicit", "_walk_implicit"):
        monkeypatch.setattr(ElementWalker, name, counting(getattr(ElementWalker, name)))

    def since() -> int:
        found, counted[0] = counted[0], 0
        return found

    return since


@pytest.mark.parametrize(
    ("syntax", "walked"),
    [
        pytest.param(EXPLICIT, 3, id="explicit: private element, pixels, end"),
        pytest.param(IMPLICIT, 2, id="implicit: pixels, end"),
    ],
)
def test_a_series_is_compared_and_not_walked(
    syntax: str, walked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = steps(monkeypatch)
    for number in range(12):
        data = slice_of(
            element(0x00200013, "IS", str(number * 37)), element(0x00281050, "DS", str(number % 2)),
            element(0x00080033, "TM", f"1200{number:02}.{'5' * (number % 5)}"),
            element(0x00291010, "UN", bytes(number)), transfer_syntax=syntax,
        )  # fmt: skip
        since()
        found = read(data)
        walks = since()
        assert found == alone(data, monkeypatch)
        if number >= 9:
            assert walks == walked


VARIANTS = {
    "same": slice_of(element(0x00281050, "DS", "40")),
    "value": slice_of(element(0x00281050, "DS", "41")),
    "longer value": slice_of(element(0x00281050, "DS", "400.25")),
    "other VR": slice_of(element(0x00281050, "FD", 40.0)),
    "empty": slice_of(element(0x00281050, "DS", "")),
    "one more": slice_of(element(0x00281050, "DS", "40"), element(0x00281051, "DS", "7")),
    "one less": slice_of(),
    "unknown VR": slice_of(element(0x00281050, "DS", "40"), Element(0x00291010, "ZZ", (b"abcd",))),
    "sequence": slice_of(sequence(0x00283010, [element(0x00283002, "US", (4, 0, 8))])),
    "longer sequence": slice_of(
        sequence(0x00283010, [element(0x00283002, "US", (4, 0, 8))],
                 [element(0x00283003, "LO", "second")])
    ),
    "undefined length": slice_of(
        sequence(0x00283010, [element(0x00283002, "US", (4, 0, 8))], length=UNDEFINED)
    ),
    "unwanted sequence": slice_of(sequence(0x00321064, [element(0x00080100, "SH", "code")])),
    "implicit": slice_of(element(0x00281050, "DS", "40"), transfer_syntax="1.2.840.10008.1.2"),
    "big endian": slice_of(element(0x00281050, "DS", "40"), transfer_syntax="1.2.840.10008.1.2.2"),
    "no pixels": slice_of(element(0x00281050, "DS", "40"), without=(0x7FE00010,)),
}  # fmt: skip
VARIANTS["cut in an element"] = VARIANTS["same"][:-150]
VARIANTS["cut in the pixels"] = VARIANTS["same"][:-15]
VARIANTS["order"] = VARIANTS["same"].replace(b"\x28\0\x02\0US", b"\x28\0\x12\0US")


VARIANTS |= {
    f"implicit, {name}": slice_of(*elements, transfer_syntax=IMPLICIT)
    for name, elements in {
        "value": [element(0x00281050, "DS", "41")],
        "longer value": [element(0x00281050, "DS", "400.25")],
        "empty": [element(0x00281050, "DS", "")],
        "one more": [element(0x00281050, "DS", "40"), element(0x00281051, "DS", "7")],
        "one less": [],
        "sequence": [sequence(0x00283010, [element(0x00283002, "US", (4, 0, 8))])],
        "undefined length": [
            sequence(0x00283010, [element(0x00283002, "US", (4, 0, 8))], length=UNDEFINED)
        ],
        "unwanted sequence": [sequence(0x00321064, [element(0x00080100, "SH", "code")])],
        "unwanted, undefined length": [
            sequence(0x00321064, [element(0x00080100, "SH", "code")], length=UNDEFINED)
        ],
    }.items()
}
VARIANTS["implicit, cut in an element"] = VARIANTS["implicit, value"][:-150]
VARIANTS["implicit, order"] = VARIANTS["implicit, value"].replace(
    b"\x28\0\x02\0\2\0\0\0", b"\x28\0\x12\0\2\0\0\0"
)
VARIANTS["implicit, too long"] = VARIANTS["implicit, value"].replace(
    b"\x28\0\x50\x10\2\0\0\0", b"\x28\0\x50\x10\2\0\0\x10"
)
VARIANTS["implicit, of undefined length"] = VARIANTS["implicit, value"].replace(
    b"\x28\0\x50\x10\2\0\0\0", b"\x28\0\x50\x10\xff\xff\xff\xff"
)
VARIANTS["explicit, called implicit"] = VARIANTS["same"].replace(
    f"{EXPLICIT}\0".encode(), f"{IMPLICIT}\0\0\0".encode()
)


@pytest.mark.parametrize("first", VARIANTS)
def test_whatever_differs_is_walked_over(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {name: alone(data, monkeypatch) for name, data in VARIANTS.items()}
    for _ in range(4):
        read(VARIANTS[first])
    for _ in range(3):
        for name, data in VARIANTS.items():
            assert read(data) == expected[name], name
            assert read(VARIANTS[first]) == expected[first], name


def test_real_files_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [Path(path) for path in sorted(get_testdata_files("*.dcm"))]
    expected = [alone(path, monkeypatch) for path in paths]
    for order in (1, -1, 1):
        for path, known in list(zip(paths, expected, strict=True))[::order]:
            assert read(path) == known
            assert read(path) == known
    assert any(each._learned is not None for each in layouts._layouts.values())


def test_no_value_of_a_file_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    data = slice_of(element(0x00100010, "PN", "Secret^Name"), element(0x00281050, "DS", "40"))
    for _ in range(5):
        read(data)
    (layout,) = layouts._layouts.values()
    assert layout._learned is not None
    assert "Secret" not in repr(layout._learned)


def test_kinds_and_elements_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        read(slice_of(sop_class=f"1.2.840.10008.5.1.4.1.1.{number}"))
    assert len(layouts._layouts) <= layouts._MOST_KINDS
    many = slice_of(*(element(0x00431000 + at, "LO", "x") for at in range(300)))
    monkeypatch.setattr(layouts, "_MOST_ELEMENTS", 100)
    for _ in range(5):
        assert read(many) == alone(many, monkeypatch)
    assert (
        max(len(each._learned.elements) for each in layouts._layouts.values() if each._learned)
        <= 100
    )


def test_a_layout_that_files_do_not_have_is_given_up() -> None:
    names = ("same", "one more", "one less", "empty")
    for turn in range(200):
        read(VARIANTS[names[turn % 4]])
    (layout,) = layouts._layouts.values()
    assert layout._given_up >= 1
