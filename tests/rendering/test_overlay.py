"""How overlay planes are painted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rendicom.values import DisplayAttributes, OverlayPlane

Show = Callable[..., Any]

RAMP = np.array([[0, 15, 16, 100, 127, 128, 255]], np.uint8)
ON = {"overlays": "yes", "window": "128,256"}


def _plane(bitmap: Any, *, row: int = 1, column: int = 1, **more: Any) -> OverlayPlane:
    bits: NDArray[np.bool_] = np.asarray(bitmap, bool)
    given: dict[str, Any] = {"group": 0x6000, "kind": "G"}
    if "embedded_bit" not in more:
        given["bitmap"] = lambda: bits
    rows, columns = bits.shape
    return OverlayPlane(rows=rows, columns=columns, row=row, column=column, **given | more)


def _over(columns: int, **more: Any) -> tuple[OverlayPlane, ...]:
    """Return a plane over a ramp that leaves out the last column."""
    return (_plane([[1] * (columns - 1) + [0]], **more),)


# As dcmj2pnm 3.6.7 paints them, but for the bright side of ``threshold``, where it leaves 1.
MODES = {
    "replace": [255, 255, 255, 255, 255, 255, 255],
    "threshold": [255, 255, 255, 255, 255, 0, 255],
    "complement": [255, 255, 0, 0, 0, 0, 255],
    "invert": [0, 15, 16, 100, 127, 128, 255],
    "roi": [0, 15, 16, 100, 127, 128, 15],
}


@pytest.mark.parametrize("mode", MODES)
def test_modes_on_gray(mode: str, show: Show) -> None:
    shown = _drawn(show, RAMP, _over(7), overlay_mode=mode)
    assert shown.tolist() == [MODES[mode]]


def _drawn(show: Show, samples: Any, planes: tuple[OverlayPlane, ...], **more: Any) -> Any:
    return show(samples, planes=planes, **ON, **more)


@pytest.mark.parametrize("mode", MODES)
def test_modes_on_colour_and_in_sixteen_bits(mode: str, show: Show) -> None:
    colour = np.repeat(RAMP[..., None], 3, axis=2)
    shown = show(colour, planes=_over(7), overlays="yes", overlay_mode=mode)
    assert shown[..., 2].tolist() == [MODES[mode]]
    deep = _drawn(show, RAMP, _over(7), overlay_mode=mode, bit_depth="16")
    assert deep.tolist() == [[value * 257 for value in MODES[mode]]]


@pytest.mark.parametrize(("kind", "expected"), [("G", MODES["replace"]), ("R", MODES["roi"])])
def test_default_mode_goes_by_the_kind_of_plane(kind: str, expected: list[int], show: Show) -> None:
    assert _drawn(show, RAMP, _over(7, kind=kind)).tolist() == [expected]


def test_colour_makes_a_gray_picture_rgb(show: Show) -> None:
    shown = _drawn(show, RAMP[:, :2], (_plane([[1, 0]]),), overlay_color="#ff8001")
    assert shown.tolist() == [[[255, 128, 1], [15, 15, 15]]]
    deep = _drawn(show, RAMP[:, :2], (_plane([[1, 0]]),), overlay_color="#ff8001", bit_depth="16")
    assert deep.tolist() == [[[65535, 32896, 257], [3855] * 3]]
    gray = _drawn(show, RAMP[:, :2], (_plane([[1, 0]]),), overlay_color="#808080")
    assert gray.tolist() == [[128, 15]]


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint8])
def test_plane_in_a_bit_of_the_cells(dtype: Any, show: Show) -> None:
    bit = np.dtype(dtype).itemsize * 8 - 1
    cells = np.array([[1 << bit, 0, (1 << bit) | 1]]).astype(dtype)
    plane = _plane([[0, 0, 0]], embedded_bit=bit)
    gray = np.zeros((1, 3), np.uint8)
    assert show(gray, planes=(plane,), cells=cells, **ON).tolist() == [[255, 0, 255]]


def test_lost_cells_and_absent_planes_are_said(show_frame: Show, make_frame: Show) -> None:
    plane = _plane([[0]], embedded_bit=12)
    frame = make_frame(np.zeros((1, 1), np.uint16))
    _, plan = show_frame(frame, DisplayAttributes(overlays=(plane,)), **ON)
    assert plan.overlays is None
    assert "lost" in plan.warnings[0]
    _, plan = show_frame(frame, overlay_planes="6002,601E", **ON)
    assert plan.warnings == ("the frame has no overlay plane 6002, 601E",)


@pytest.mark.parametrize("values", ["stored", "modality"])
def test_values_for_machines_stay_clean(values: str, show_frame: Show, make_frame: Show) -> None:
    display = DisplayAttributes(overlays=(_plane([[1]]),))
    frame = make_frame(np.array([[7]], np.uint8))
    image, plan = show_frame(frame, display, overlays="yes", values=values)
    assert image.samples.tolist() == [[7]]
    assert plan.warnings
