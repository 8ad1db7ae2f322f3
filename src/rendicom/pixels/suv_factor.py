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
_REFERENCE_TIME = 0x00541300
_PRIVATE_CREATOR, _SUV_OF_COUNTS, _ACTIVITY_OF_COUNTS = 0x70530010, 0x70531000, 0x70531009
_LONGEST = 1e9
"""Longest time in milliseconds from a series to its image: eleven days."""
_PHILIPS = "PHILIPS PET PRIVATE GROUP"


def suv_factor(attributes: Attributes) -> float | None:
    """Return the factor from modality values to an SUV in g/ml, or None if it is unknown.

    Values are an SUV already (GML), activities in Bq/ml (BQML), or counts (CNTS), for which
    scanners of Philips give the factor to an SUV or to Bq/ml.
    """
    units = attributes.text(_UNITS).upper()
    if units == "GML":
        return 1.0
    if units == "BQML":
        return _of_activity(attributes)
    if units != "CNTS" or attributes.text(_PRIVATE_CREATOR).upper() != _PHILIPS:
        return None
    factor = _positive(attributes, _SUV_OF_COUNTS)
    if factor is not None:
        return factor
    activity, of_activity = _positive(attributes, _ACTIVITY_OF_COUNTS), _of_activity(attributes)
    return activity * of_activity if activity is not None and of_activity is not None else None


def _of_activity(attributes: Attributes) -> float | None:
    """Return the factor from Bq/ml to an SUV: body weight in grams per Bq of dose.

    Activity that is corrected to the start of the scan (START) is compared with the dose remaining
    then; one that is corrected to the injection (ADMIN) with the whole dose; one that is not
    corrected (NONE) with the dose remaining at the time of the image's values (PS3.3
    C.8.9.1.1.5, C.8.9.4.1.5).
    """
    weight = _positive(attributes, _WEIGHT)
    items = attributes.items(_RADIOPHARMACEUTICALS)
    dose = _positive(items[0], _DOSE) if items else None
    if weight is None or dose is None:
        return None
    correction = attributes.text(_DECAY).upper()
    is_corrected = "DECY" in (value.upper() for value in attributes.texts(_CORRECTED))
    if is_corrected == (correction == "NONE"):
        return None
    if correction == "ADMIN":
        return weight * 1000 / dose
    half_life = _positive(items[0], _HALF_LIFE)
    elapsed = _elapsed(attributes, items[0], is_corrected=is_corrected)
    if correction not in ("START", "NONE") or elapsed is None or half_life is None:
        return None
    left = dose * 2 ** (-elapsed / half_life)
    return weight * 1000 / left if left > 0 else None


def _positive(attributes: Attributes, tag: int) -> float | None:
    value = attributes.number(tag)
    return value if value is not None and value > 0 else None


def _elapsed(attributes: Attributes, item: Attributes, *, is_corrected: bool) -> float | None:
    """Return the seconds from the injection to the time of the values.

    Corrected values refer to the time of the series, or of the acquisition if the series was
    created later. Uncorrected ones refer to the Frame Reference Time, which counts from the series,
    or to the acquisition.
    """
    times = [_moment(*(attributes.text(tag) for tag in pair)) for pair in (_SERIES, _ACQUISITION)]
    scans = [time for time in times if time is not None]
    if not scans:
        return None
    scan = min(scans)
    if not is_corrected:
        offset = attributes.number(_REFERENCE_TIME)
        begun, acquired = times
        if offset is not None and begun is not None and abs(offset) < _LONGEST:
            scan = begun + timedelta(milliseconds=offset)
        else:
            scan = acquired or scan
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
