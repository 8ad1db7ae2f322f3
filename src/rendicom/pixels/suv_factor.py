"""Standardized uptake by body weight from the header of a PET image (PS3.3 C.8.9.1, C.8.9.4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rendicom.dicom.attributes import Attributes

_UNITS, _CORRECTED, _DECAY = 0x00541001, 0x00280051, 0x00541102
_WEIGHT, _RADIOPHARMACEUTICALS = 0x00101030, 0x00540016
_DOSE, _HALF_LIFE, _START_TIME, _START = 0x00181074, 0x00181075, 0x00181072, 0x00181078
_SERIES, _ACQUISITION = (0x00080021, 0x00080031), (0x00080022, 0x00080032)


def suv_factor(attributes: Attributes) -> float | None:
    """Return the factor from Bq/ml to an SUV in g/ml, or None if it is unknown.

    Activity that is corrected to the start of the scan (DECY, START) is compared with the dose
    that was left then; one that is corrected to the injection (ADMIN) with the whole dose.
    """
    units = attributes.text(_UNITS).upper()
    if units == "GML":
        return 1.0
    weight = attributes.number(_WEIGHT)
    items = attributes.items(_RADIOPHARMACEUTICALS)
    if units != "BQML" or not weight or weight <= 0 or not items:
        return None
    if "DECY" not in (value.upper() for value in attributes.texts(_CORRECTED)):
        return None
    dose, half_life = items[0].number(_DOSE), items[0].number(_HALF_LIFE)
    if not dose or dose <= 0:
        return None
    correction = attributes.text(_DECAY).upper()
    if correction == "ADMIN":
        return weight * 1000 / dose
    elapsed = _elapsed(attributes, items[0])
    if correction != "START" or elapsed is None or not half_life or half_life <= 0:
        return None
    left = dose * 2 ** (-elapsed / half_life)
    return weight * 1000 / left if left > 0 else None


def _elapsed(attributes: Attributes, item: Attributes) -> float | None:
    """Return the seconds from the injection to the start of the scan.

    That is the time of the series, or that of the acquisition where the series' is later: then
    it is a series that was made afterwards.
    """
    times = [_moment(*(attributes.text(tag) for tag in pair)) for pair in (_SERIES, _ACQUISITION)]
    scans = [time for time in times if time is not None]
    if not scans:
        return None
    scan = min(scans)
    start = _moment(item.text(_START)[:8], item.text(_START)[8:].split("+")[0].split("-")[0])
    if start is None:
        start = _moment(scan.strftime("%Y%m%d"), item.text(_START_TIME))
        if start is not None and start > scan:
            start -= timedelta(days=1)
    if start is None or start > scan:
        return None
    return (scan - start).total_seconds()


def _moment(date: str, time: str) -> datetime | None:
    digits = time.replace(":", "").split(".")
    fraction = digits[1] if len(digits) > 1 and digits[1].isdigit() else "0"
    try:
        moment = datetime.strptime(date + digits[0].ljust(6, "0")[:6], "%Y%m%d%H%M%S")  # noqa: DTZ007
    except ValueError:
        return None
    return moment + timedelta(seconds=float(f"0.{fraction}"))
