"""Takes the reference dose of isodose lines from RT plans (PS3.3 C.8.8.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.composition.dose import DoseLayer
from rendicom.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rendicom.composition.base import Layer
    from rendicom.engine import Instance

_REFERENCES, _TYPE, _PRESCRIBED = 0x300A0010, 0x300A0020, 0x300A0026


def apply_plans(layers: Iterable[Layer], plans: Mapping[str, Instance]) -> None:
    """Make isodose levels in per cent relative to the prescriptions of the plans.

    Parameters
    ----------
    layers
        The layers; only doses are changed.
    plans
        RT Plans and RT Ion Plans, by their names in messages.

    Raises
    ------
    OptionError
        No dose refers to a plan, or a plan has no prescribed dose.
    """
    doses = [layer for layer in layers if isinstance(layer, DoseLayer)]
    for name, plan in plans.items():
        meant = [dose for dose in doses if plan.sop_instance in dose.plans]
        if not meant:
            raise OptionError(
                f"{name} is a plan, and no layer is a dose in Gy that refers to it",
                hint="a plan cannot be drawn on an image itself",
            )
        prescribed = _prescribed_in(plan)
        if prescribed is None:
            raise OptionError(
                f"{name} has no Target Prescription Dose",
                hint="without the plan, isodose lines are in per cent of the maximum",
            )
        for dose in meant:
            dose.prescription = prescribed


def _prescribed_in(plan: Instance) -> float | None:
    """Return the greatest Target Prescription Dose in Gy; a plan may have several targets."""
    found = [
        item.number(_PRESCRIBED) or 0.0
        for item in plan.header.attributes.items(_REFERENCES)
        if item.text(_TYPE).upper() == "TARGET"
    ]
    return max((dose for dose in found if 0 < dose < 1e4), default=None)
