"""Text in the corners of a picture (PS3.18 8.3.5.1.1)."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from rendicom.rendering.typesetting import missing_letters
from rendicom.rendering.voi import ValueRange
from rendicom.values import Corners, LookupTable, Patient, Technique, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from rendicom.rendering.plan import RenderPlan


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
    warnings = missing_letters(chain.from_iterable(corners))
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
