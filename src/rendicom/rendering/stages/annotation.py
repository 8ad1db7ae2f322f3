"""Text in the corners of a picture (PS3.18 8.3.5.1.1), light with a dark halo."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rendicom.rendering.blending import blend
from rendicom.rendering.typesetting import (
    TextSize,
    missing_letters,
    set_line,
    shortened,
    width_of,
)
from rendicom.rendering.voi import ValueRange
from rendicom.values import Corners, LookupTable, Patient, Technique, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from rendicom.rendering.plan import RenderPlan

_LIGHT, _DARK, _OPACITY = 0.95, 0.0, 0.85
_SIDES_A_CAPITAL = 56
"""Shorter side of the picture, as a multiple of the height of capitals."""
_SMALLEST, _LEGIBLE = 5, 7
_TINY = 96
"""Pictures with a shorter side below this get the smallest size."""


def annotated(
    plan: RenderPlan,
    annotation: str,
    *,
    patient: Callable[[], Patient],
    technique: Callable[[], Technique],
    frame: int,
    number_of_frames: int,
) -> RenderPlan:
    """Return the plan of a frame with the text that ``annotation`` requests.

    ``patient`` and ``technique`` are called only if they are requested.
    """
    wanted = annotation.split(",")
    corners = corners_of(
        plan,
        patient() if "patient" in wanted else None,
        technique() if "technique" in wanted else None,
        frame=frame,
        number_of_frames=number_of_frames,
    )
    warnings = missing_letters(itertools.chain.from_iterable(corners))
    return plan._replace(annotation=corners, warnings=plan.warnings + warnings)


def corners_of(
    plan: RenderPlan,
    patient: Patient | None,
    technique: Technique | None,
    *,
    frame: int,
    number_of_frames: int,
) -> Corners:
    """Return the patient at the top left, and technique in the other three corners.

    ``None`` leaves its corners empty.
    """
    written = Corners(top_left=_patient_lines(patient) if patient is not None else ())
    if technique is None:
        return written
    return written._replace(
        top_right=_technique_lines(technique),
        bottom_left=_filled("  ".join(technique.position), _window_text(plan)),
        bottom_right=(f"Frame {frame}/{number_of_frames}",) if number_of_frames > 1 else (),
    )


def _patient_lines(patient: Patient) -> tuple[str, ...]:
    born = "  ".join(_filled(patient.birth_date, patient.sex))
    others = [name for name in patient.other_names if not missing_letters([name])]
    return _filled(patient.name, "  ".join(others), patient.identifier, born)


def _technique_lines(technique: Technique) -> tuple[str, ...]:
    numbers = (
        f"Series {technique.series_number}" if technique.series_number else "",
        f"Image {technique.instance_number}" if technique.instance_number else "",
    )
    return _filled(
        "  ".join(_filled(technique.modality, technique.study_date)),
        "  ".join(_filled(*numbers)),
        *("  ".join(line) for line in technique.values),
    )


def _window_text(plan: RenderPlan) -> str:
    """Return the window or range of gray values as radiologists write it."""
    voi = plan.tone.voi if plan.tone is not None and plan.voi != "none (color)" else None
    if isinstance(voi, Window):
        curve = "" if voi.function == "linear" else f"  {voi.function}"
        return f"C {_short(voi.center)}  W {_short(voi.width)}{curve}"
    if isinstance(voi, ValueRange):
        return f"{_short(voi.low)} to {_short(voi.high)}"
    if isinstance(voi, LookupTable):
        explanation = "".join(filter(str.isprintable, voi.explanation)).strip()
        return f"LUT {explanation}".rstrip()
    return ""


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _filled(*texts: str) -> tuple[str, ...]:
    return tuple(filter(None, texts))


# --- drawing ------------------------------------------------------------------------------------


class _Row(NamedTuple):
    """One row of text: left and right text, and the row of the baseline."""

    left: str
    right: str
    baseline: int


def write_corners(picture: NDArray[Any], corners: Corners) -> NDArray[Any]:
    """Return a copy of the picture with text in its corners, same shape and dtype.

    If lines do not fit side by side, those of the right corner are placed below those of the left
    corner, or are shortened with an ellipsis if they do not fit. Lines that do not fit vertically
    are left out, the last ones of the top first.
    """
    result = picture.copy()
    rows, columns = picture.shape[:2]
    size = _size_for(rows, columns)
    room = columns - 2 * _margin(size)
    for row in _rows(corners, size, rows, room):
        left, right = _shared(row, size, room)
        if left:
            _write(result, left, size, _margin(size), row.baseline)
        if right:
            end = columns - _margin(size)
            _write(result, right, size, end - width_of(right, size), row.baseline)
    return result


def _size_for(rows: int, columns: int) -> TextSize:
    shorter = min(rows, columns)
    least = _SMALLEST if shorter < _TINY else _LEGIBLE
    return TextSize(max(least, round(shorter / _SIDES_A_CAPITAL)))


def _margin(size: TextSize) -> int:
    return max(3, round(size.capital * 0.7))


def _rows(corners: Corners, size: TextSize, height: int, room: int) -> Iterator[_Row]:
    """Yield the rows at the bottom, and those at the top that fit above them."""
    margin = _margin(size)
    first, last = margin + size.capital, height - margin - round(size.capital * 0.25)
    ends = _pairs(corners.bottom_left[::-1], corners.bottom_right[::-1])
    baselines = [last - index * size.leading for index in range(len(ends))]
    below = [(*pair, at) for pair, at in zip(ends, baselines, strict=True) if at >= first]
    yield from itertools.starmap(_Row, below)
    lowest = min((at for _, _, at in below), default=last + size.leading) - size.leading
    space = max(0, (lowest - first) // size.leading + 1)
    pairs = _pairs(corners.top_left, corners.top_right)
    if not all(_fits(pair, size, room) for pair in pairs):
        stacked = _pairs(corners.top_left, ("",) * len(corners.top_left) + corners.top_right)
        pairs = stacked if len(stacked) <= space else pairs
    for index, pair in enumerate(pairs[:space]):
        yield _Row(*pair, first + index * size.leading)


def _pairs(left: tuple[str, ...], right: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(itertools.zip_longest(left, right, fillvalue=""))


def _fits(pair: tuple[str, str], size: TextSize, room: int) -> bool:
    gap = 2 * size.capital if all(pair) else 0
    return sum(width_of(text, size) for text in pair) + gap <= room


def _shared(row: _Row, size: TextSize, room: int) -> tuple[str, str]:
    """Return both texts of a row, shortened so that there is a gap between them."""
    if not row.left or not row.right:
        return shortened(row.left, size, room), shortened(row.right, size, room)
    if _fits((row.left, row.right), size, room):
        return row.left, row.right
    room = max(0, room - 2 * size.capital)
    left, right = width_of(row.left, size), width_of(row.right, size)
    # A short text is kept whole; two long texts get half the width each.
    left_room = max(room // 2, room - right)
    right_room = max(room - room // 2, room - left)
    return shortened(row.left, size, left_room), shortened(row.right, size, right_room)


def _write(picture: NDArray[Any], text: str, size: TextSize, x: int, baseline: int) -> None:
    line = set_line(text, size)
    top, left = baseline - size.ascent, x - size.margin
    for coverage, level in ((line.halo * np.float32(_OPACITY), _DARK), (line.letters, _LIGHT)):
        blend(picture, coverage, (level,), top=top, left=left)
