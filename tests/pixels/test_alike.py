"""Images that are described alike share a description; others never do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydicom.data import get_testdata_files

import rendicom
from rendicom.pixels import alike
from rendicom.pixels.describe import describe
from rendicom.pixels.display import display_attributes
from rendicom.testing.images import image
from rendicom.testing.writer import Element, element, sequence

WINDOW = (element(0x00281050, "DS", "40"), element(0x00281051, "DS", "400"))
PIXELS = bytes(range(256)) * 2


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "_known", ())


def slice_of_series(*extra: Element, **changes: Any) -> bytes:
    given: dict[str, Any] = {
        "rows": 16, "columns": 16, "bits_allocated": 16, "bits_stored": 12, "modality": "CT",
        "sop_class": "1.2.840.10008.5.1.4.1.1.2", "extra": extra,
    }  # fmt: skip
    return image(PIXELS, **{**given, **changes})


def test_slices_of_a_series_are_interpreted_once() -> None:
    found = []
    for number in (1, 2, 3):
        position = ["0", "0", f"{number * 2.5}"]
        data = slice_of_series(*WINDOW, element(0x00200032, "DS", position))
        with rendicom.open_instance(data) as instance:
            found.append((instance.description, instance.display_attributes(), instance.position))
    assert found[0][0] is found[1][0] is found[2][0]
    assert found[0][1] is found[1][1] is found[2][1]
    assert [position[2] for _, _, position in found] == [2.5, 5.0, 7.5]


CHANGES: dict[str, bytes] = {
    "window": slice_of_series(element(0x00281050, "DS", "41"), WINDOW[1]),
    "same length": slice_of_series(WINDOW[0], element(0x00281051, "DS", "401")),
    "VR": slice_of_series(WINDOW[0], element(0x00281051, "FD", 400.0)),
    "one more": slice_of_series(*WINDOW, element(0x00281053, "DS", "2")),
    "one less": slice_of_series(WINDOW[0]),
    "empty": slice_of_series(WINDOW[0], element(0x00281051, "DS", "")),
    "padding": slice_of_series(element(0x00280120, "US", 7), *WINDOW),
    "bits": slice_of_series(*WINDOW, bits_stored=11),
    "sign": slice_of_series(*WINDOW, signed=True),
    "polarity": slice_of_series(*WINDOW, photometric="MONOCHROME1"),
    "modality": slice_of_series(*WINDOW, modality="MR"),
    "shape": slice_of_series(*WINDOW, rows=8, columns=32),
    "frames": slice_of_series(*WINDOW, rows=8, frames=2),
    "overlay": slice_of_series(
        *WINDOW, element(0x60000010, "US", 16), element(0x60000011, "US", 16),
        element(0x60000040, "CS", "G"), element(0x60000050, "SS", (1, 1)),
        element(0x60000100, "US", 1), element(0x60000102, "US", 0),
        element(0x60003000, "OW", bytes(range(32))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("order", [1, -1])
def test_whatever_differs_is_seen(order: int) -> None:
    """Every file after every other; what a file gives alone is made without the memory."""
    files = [slice_of_series(*WINDOW), *CHANGES.values()]
    for data in [*files, *files[::order], *files]:
        with rendicom.open_instance(data) as instance:
            description, header = instance.description, instance.header
            assert description == describe(header)
            alone = display_attributes(header, description, 1)
            # Bitmaps of overlays are read by functions, which are never equal.
            own = instance.display_attributes()._replace(overlays=())
            assert own == alone._replace(overlays=())
            assert len(instance.display_attributes().overlays) == len(alone.overlays)


def test_pictures_are_those_of_a_memory_that_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [slice_of_series(*WINDOW), *CHANGES.values()]
    options = [rendicom.RenderOptions(), rendicom.RenderOptions(invert=True)]
    alone = {}
    for at, data in enumerate(files):
        for option in options:
            monkeypatch.setattr(alike, "_known", ())
            alone[at, option] = rendicom.render(data, options=option, media_type="image/png")
    for _ in range(3):
        for at, data in enumerate(files):
            for option in options:
                found = rendicom.render(data, options=option, media_type="image/png")
                assert found == alone[at, option]


def test_a_range_of_pixels_is_measured_for_each_image() -> None:
    dark, bright = (slice_of_series() for _ in range(2))
    bright = bright[: -len(PIXELS)] + bytes(255 - byte & 0x0F for byte in PIXELS)
    rounds = [[rendicom.render(each).voi for each in (dark, bright)] for _ in range(3)]
    assert rounds[0] == rounds[1] == rounds[2]
    assert rounds[0][0] != rounds[0][1]


def test_nothing_long_or_nested_is_kept() -> None:
    item = sequence(0x00283010, [
        element(0x00283002, "US", (4, 0, 8)), element(0x00283006, "OW", bytes((0, 0, 9, 0) * 2)),
    ])  # fmt: skip
    profile = element(0x00282000, "OB", bytes(2048))
    colour: dict[str, Any] = {
        "samples": 3, "photometric": "RGB", "columns": 8, "bits_allocated": 8, "bits_stored": 8,
        "rows": 16,
    }  # fmt: skip
    for data in (slice_of_series(item), slice_of_series(profile, **colour)):
        with rendicom.open_instance(data) as instance:
            instance.display_attributes()
    assert alike._known == ()


def test_files_in_any_order_are_described_as_alone() -> None:
    paths = [Path(path) for path in sorted(get_testdata_files("*.dcm")) if "DICOMDIR" not in path]
    count = 0
    for path in [*paths[:40], *paths[:40]]:
        try:
            with rendicom.open_instance(path) as instance:
                description, display = instance.description, instance.display_attributes()
                header = instance.header
        except rendicom.RendicomError:
            continue
        with rendicom.open_instance(path) as instance:
            header = instance.header
            assert description == describe(header)
            own = display_attributes(header, description, 1)
            assert (display.windows, display.slope, display.padding, display.warnings) == (
                own.windows, own.slope, own.padding, own.warnings
            )  # fmt: skip
            count += 1
    assert count > 40
