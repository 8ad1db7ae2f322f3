"""Draws overlay planes on the image (PS3.3 C.9.2).

The standard does not define how. These are the five modes of DCMTK, in any color:

========== ===================================================================================
replace    the plane's pixels take the color
threshold  they take the color where the image is at most half bright, and are black elsewhere
complement they turn white where the image is nearly black, and black elsewhere
invert     all pixels the plane does not cover, inside its rectangle, take the color
roi        all pixels the plane does not cover, inside its rectangle, are dimmed to 1/17
========== ===================================================================================

By default, planes of type R (region of interest) are drawn as ``roi``, others as ``replace``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.coded_warnings import Notes
from rendicom.rendering.blending import paintable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.options import OverlayMode, RenderOptions
    from rendicom.values import DisplayAttributes, Frame, OverlayPlane

_NEARLY_BLACK = 17
"""The brightest value in units of the largest value that counts as nearly black."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlays:
    """Planes in drawing order; ``mode`` None depends on the type of each plane."""

    planes: tuple[OverlayPlane, ...]
    mode: OverlayMode | None
    colour: tuple[int, int, int]


def plan_overlays(
    display: DisplayAttributes,
    options: RenderOptions,
    notes: Notes,
    *,
    has_cells: bool,
) -> Overlays | None:
    """Return the planes to draw; None if none are requested or present."""
    if not options.overlays:
        return None
    wanted = options.overlay_planes
    planes = [plane for plane in display.overlays if wanted is None or plane.group in wanted]
    there = {plane.group for plane in planes}
    missing = [f"{group:04X}" for group in wanted or () if group not in there]
    if missing:
        notes.add("option-without-effect", f"the frame has no overlay plane {', '.join(missing)}")
    drawable = [plane for plane in planes if plane.bitmap is not None or has_cells]
    if len(drawable) < len(planes):
        notes.add(
            "overlay-lost",
            "overlay planes inside the pixel cells were lost when the image was coded",
        )
    if not drawable:
        return None
    red, green, blue = bytes.fromhex(options.overlay_color.removeprefix("#"))
    return Overlays(tuple(drawable), options.overlay_mode, (red, green, blue))


def draw_overlays(image: NDArray[Any], overlays: Overlays, frame: Frame) -> NDArray[Any]:
    """Return a copy of the picture with the planes drawn on it.

    Parameters
    ----------
    image
        uint8 or uint16, (rows, columns) or (rows, columns, 3), in the geometry of the frame.
    overlays
        Planes to draw. A color that is not gray makes a gray image RGB.
    frame
        Its cells hold the embedded planes.
    """
    is_gray = len(set(overlays.colour)) == 1
    result, colour = paintable(image, overlays.colour[:1] if is_gray else overlays.colour)
    top = np.iinfo(image.dtype).max
    ink = (np.array(colour, np.int64) * (top // 255)).astype(image.dtype)
    for plane in overlays.planes:
        placed = placed_bitmap(plane, frame, image.shape[:2])
        if placed is None:
            continue
        window, bitmap = placed
        mode = overlays.mode or ("roi" if plane.kind == "R" else "replace")
        _paint(result[window], bitmap, mode, ink, top=int(top))
    return result


def placed_bitmap(
    plane: OverlayPlane, frame: Frame | None, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], NDArray[np.bool_]] | None:
    """Return the rectangle of the image under the plane, and the plane cropped to it.

    None if they do not intersect, or if the cells of an embedded plane are not available.
    """
    if plane.bitmap is not None:
        bitmap = plane.bitmap()
    elif plane.embedded_bit is not None and frame is not None and frame.cells is not None:
        cells = frame.cells[: plane.rows, : plane.columns]
        bitmap = (cells >> cells.dtype.type(plane.embedded_bit) & cells.dtype.type(1)).astype(bool)
    else:
        return None
    image_parts, plane_parts = [], []
    for origin, extent, size in zip((plane.row, plane.column), bitmap.shape, shape, strict=True):
        start = origin - 1
        low, high = max(start, 0), min(start + extent, size)
        if low >= high:
            return None
        image_parts.append(slice(low, high))
        plane_parts.append(slice(low - start, high - start))
    window = (image_parts[0], image_parts[1])
    return window, bitmap[plane_parts[0], plane_parts[1]]


def _paint(
    view: NDArray[Any], bitmap: NDArray[np.bool_], mode: OverlayMode, ink: Any, *, top: int
) -> None:
    """Draw on ``view``, in place."""
    if mode == "replace":
        view[bitmap] = ink
    elif mode == "invert":
        view[~bitmap] = ink
    elif mode == "roi":
        outside = view[~bitmap].astype(np.uint32)
        view[~bitmap] = (outside * 2 + _NEARLY_BLACK) // (2 * _NEARLY_BLACK)
    elif mode == "threshold":
        is_dark = _brightness(view) <= top / 2
        view[bitmap & is_dark] = ink
        view[bitmap & ~is_dark] = 0
    else:
        is_dark = _brightness(view) <= top // _NEARLY_BLACK
        view[bitmap & is_dark] = top
        view[bitmap & ~is_dark] = 0


def _brightness(view: NDArray[Any]) -> NDArray[Any]:
    """Return gray values, or luma of RGB (ITU-R BT.601)."""
    if view.ndim == 2:
        return view
    return view @ np.array([299, 587, 114], np.int64) / 1000
