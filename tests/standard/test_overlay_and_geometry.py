"""Overlays, rotation, flips, crops and sizes (PS3.3 C.9.2, PS3.4 N.2.3, PS3.18 8.3.5.1.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rendicom.errors import OptionError
from rendicom.testing import BIG_ENDIAN, EXPLICIT, IMPLICIT, element, image, overlay, rle
from rendicom.testing import encapsulate as encapsulated

Show = Callable[..., Any]


def _plain(rows: int, columns: int, *, frames: int | None = None, **more: Any) -> bytes:
    shape = (rows, columns) if frames is None else (frames, rows, columns)
    return image(np.full(shape, 100, np.uint8), **more)


def _drawn(shown: Any) -> Any:
    """Return where a picture of value 100 was painted white."""
    return (shown == 255).astype(int)


WINDOW = {"window": "128,256"}


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
def test_bits_run_on_over_row_ends(syntax: str, display: Show) -> None:
    bitmap = np.zeros((4, 5), np.uint8)
    bitmap[0, 0] = bitmap[1, 3] = bitmap[2, 2] = bitmap[3, 4] = 1
    data = _plain(4, 5, extra=overlay(bitmap), transfer_syntax=syntax)
    assert np.array_equal(_drawn(display(data, overlays="yes", **WINDOW)), bitmap)


def test_overlays_are_off_by_default(display: Show) -> None:
    data = _plain(3, 3, extra=overlay(np.ones((3, 3))))
    assert (display(data, **WINDOW) == 100).all()


@pytest.mark.parametrize(("row", "column", "expected"), [
    (1, 1, [[1, 1, 0], [1, 1, 0], [0, 0, 0]]),
    (2, 2, [[0, 0, 0], [0, 1, 1], [0, 1, 1]]),
    (0, 0, [[1, 0, 0], [0, 0, 0], [0, 0, 0]]),
    (3, 3, [[0, 0, 0], [0, 0, 0], [0, 0, 1]]),
    (-1, 0, [[0, 0, 0], [0, 0, 0], [0, 0, 0]]),
    (9, 9, [[0, 0, 0], [0, 0, 0], [0, 0, 0]]),
])  # fmt: skip
def test_origin_counts_from_one_and_planes_are_clipped(
    row: int, column: int, expected: list[list[int]], display: Show
) -> None:
    data = _plain(3, 3, extra=overlay(np.ones((2, 2)), row=row, column=column))
    assert _drawn(display(data, overlays="yes", **WINDOW)).tolist() == expected


def test_plane_larger_than_the_image(display: Show) -> None:
    bitmap = np.zeros((6, 6), np.uint8)
    bitmap[1, 1] = bitmap[3, 3] = bitmap[5, 5] = 1
    data = _plain(3, 3, extra=overlay(bitmap, row=-1, column=0))
    # Overlay pixel (r, c) lies over image pixel (r - 2, c - 1).
    assert _drawn(display(data, overlays="yes", **WINDOW)).tolist() == [
        [0, 0, 0], [0, 0, 1], [0, 0, 0],
    ]  # fmt: skip


def test_frames_of_an_overlay_start_at_its_image_frame(display: Show) -> None:
    bitmap = np.zeros((2, 2, 2), np.uint8)
    bitmap[0, 0, 0] = bitmap[1, 1, 1] = 1
    data = _plain(2, 2, frames=5, extra=overlay(bitmap, frame_origin=3))
    drawn = [
        _drawn(display(data, number, overlays="yes", **WINDOW)).tolist() for number in range(1, 6)
    ]
    empty = [[0, 0], [0, 0]]
    assert drawn == [empty, empty, [[1, 0], [0, 0]], [[0, 0], [0, 1]], empty]


def test_one_plane_lies_over_all_frames(display: Show) -> None:
    data = _plain(1, 2, frames=2, extra=overlay(np.array([[0, 1]])))
    for number in (1, 2):
        assert _drawn(display(data, number, overlays="yes", **WINDOW)).tolist() == [[0, 1]]


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN, "1.2.840.10008.1.2.5"])
def test_plane_in_an_unused_bit_of_the_cells(syntax: str, display: Show) -> None:
    cells = np.array([[0x1000 | 2048, 2048], [0xF000, 4095]], np.uint16)
    pixels: Any = cells.tobytes()
    if syntax.endswith(".5"):
        pixels = encapsulated([rle(cells)])
    data = image(
        pixels, rows=2, columns=2, bits_allocated=16, bits_stored=12, transfer_syntax=syntax,
        extra=overlay(np.ones((2, 2)), embedded_bit=12),
    )  # fmt: skip
    assert display(data, window="2048,4096").tolist() == [[128, 128], [0, 255]]
    shown = display(data, window="2048,4096", overlays="yes")
    assert shown.tolist() == [[255, 128], [255, 255]]


def test_planes_are_chosen_by_group(display: Show) -> None:
    first = overlay(np.array([[1, 0]]), group=0x6000)
    second = overlay(np.array([[0, 1]]), group=0x6002)
    data = _plain(1, 2, extra=[*first, *second])
    for groups, expected in (("6000", [1, 0]), ("6002", [0, 1]), ("6000,6002", [1, 1])):
        shown = display(data, overlays="yes", overlay_planes=groups, **WINDOW)
        assert _drawn(shown).tolist() == [expected]


def test_coloured_planes_on_gray_and_on_colour(display: Show) -> None:
    plane = overlay(np.array([[1, 0]]))
    shown = display(_plain(1, 2, extra=plane), overlays="yes", overlay_color="#ff8000", **WINDOW)
    assert shown.tolist() == [[[255, 128, 0], [100, 100, 100]]]
    rgb = image(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8), photometric="RGB", extra=plane)
    shown = display(rgb, overlays="yes", overlay_color="#00ff00")
    assert shown.tolist() == [[[0, 255, 0], [4, 5, 6]]]


def test_overlays_turn_with_the_image(display: Show) -> None:
    data = _plain(1, 2, extra=overlay(np.array([[1, 0]])))
    shown = display(data, overlays="yes", rotate="90", **WINDOW)
    assert shown.tolist() == [[255], [100]]


# --- geometry -------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "columns", "viewport", "size"), [
    (256, 512, "256,256", (256, 128)),
    (256, 512, "1024,1024", (1024, 512)),
    (256, 512, "100,100,,,-256,128", (100, 50)),
    (512, 512, "300,200,128,64,256,-128", (300, 150)),
    (512, 512, "512,512,,,512,512", (512, 512)),
    (512, 512, "7,7", (7, 7)),
    (3, 1000, "10,10", (10, 1)),
])  # fmt: skip
def test_sizes_of_viewports(
    rows: int, columns: int, viewport: str, size: tuple[int, int], display: Show
) -> None:
    shown = display(_plain(rows, columns), viewport=viewport, **WINDOW)
    assert shown.shape[::-1] == size
    assert (shown == 100).all()


def test_region_outside_the_image_is_refused(display: Show) -> None:
    with pytest.raises(OptionError):
        display(_plain(4, 4), viewport="4,4,10,10,2,2", **WINDOW)


@pytest.mark.parametrize(("limit", "shape"), [("50", (25, 50)), ("200", (50, 100))])
def test_max_size_only_reduces(limit: str, shape: tuple[int, int], display: Show) -> None:
    assert display(_plain(50, 100), max_size=limit, **WINDOW).shape == shape


@pytest.mark.parametrize(("extra", "shape"), [
    (element(0x00280034, "IS", [2, 1]), (20, 10)),
    (element(0x00280034, "IS", [1, 1]), (10, 10)),
    (element(0x00280030, "DS", [0.5, 0.25]), (20, 10)),
])  # fmt: skip
def test_square_pixels(extra: Any, shape: tuple[int, int], display: Show) -> None:
    """Vertical size comes first (PS3.3 C.7.6.3.1.7, 10.7.1.3)."""
    data = _plain(10, 10, extra=[extra])
    assert display(data, square_pixels="yes", **WINDOW).shape == shape
    assert display(data, **WINDOW).shape == (10, 10)


def test_reducing_averages_and_masks_keep_their_values(display: Show) -> None:
    stripes = np.zeros((8, 8), np.uint8)
    stripes[:, ::2] = 255
    reduced = display(image(stripes), viewport="2,2", **WINDOW)
    assert np.abs(reduced.astype(int) - 128).max() <= 12
    mask = (stripes > 0).astype(np.uint8)
    reduced = display(image(mask, bits_allocated=1), viewport="3,3")
    assert set(np.unique(reduced)) <= {0, 255}
