"""Responses to store requests (PS3.18 10.5.3, PS3.3 CC.4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rendicom import errors

if TYPE_CHECKING:
    from rendicom.dicomweb.jsonmodel import JsonModel
    from rendicom.errors import RendicomError

PROCESSING_FAILURE = 0x0110
DUPLICATE = 0x0111
CLASS_NOT_SUPPORTED = 0x0122
NOT_AUTHORIZED = 0x0124
OUT_OF_RESOURCES = 0xA700
DATA_SET_MISMATCH = 0xA900
STUDY_MISMATCH = 0xC409
CANNOT_UNDERSTAND = 0xC000
SYNTAX_NOT_SUPPORTED = 0xC122
CLASS_MISMATCH = 0xA901
COERCED = 0xB000
ELEMENTS_DISCARDED = 0xB006

REASONS = {
    PROCESSING_FAILURE: "processing failed",
    DUPLICATE: "an instance with this UID and different content exists already",
    CLASS_NOT_SUPPORTED: "the SOP class is not supported",
    NOT_AUTHORIZED: "storing is not allowed",
    OUT_OF_RESOURCES: "there is not enough space",
    DATA_SET_MISMATCH: "the data set does not fit its SOP class",
    CLASS_MISMATCH: "the file meta information contradicts the data set",
    STUDY_MISMATCH: "the instance belongs to another study than the one in the URL",
    CANNOT_UNDERSTAND: "the instance cannot be read as DICOM",
    SYNTAX_NOT_SUPPORTED: "the transfer syntax is not supported",
    COERCED: "attributes that contradicted the pixel data were corrected",
    ELEMENTS_DISCARDED: "some elements were not stored",
}
"""Texts of the Failure and Warning Reasons (PS3.4 GG.4.2, PS3.7 C)."""


class StoreOutcome(NamedTuple):
    """The result for one instance that was sent.

    ``failure`` and ``warning`` are reasons (0008,1197) and (0008,1196); None for none.
    ``sop_class`` and ``instance`` are empty if they could not be read. ``note`` is for people.
    """

    sop_class: str = ""
    instance: str = ""
    retrieve_url: str = ""
    failure: int | None = None
    warning: int | None = None
    note: str = ""


def reason_of(error: RendicomError) -> int:
    """Return the Failure Reason of an error."""
    if isinstance(error, errors.UnsupportedTransferSyntaxError | errors.UnsupportedImageError):
        return SYNTAX_NOT_SUPPORTED
    if isinstance(error, errors.UnwritableOutputError):
        return OUT_OF_RESOURCES
    refused = (errors.LimitExceededError, errors.TooLargeError, errors.OverloadedError)
    if isinstance(error, (*refused, errors.TimedOutError, errors.WorkerDiedError)):
        return PROCESSING_FAILURE
    return CANNOT_UNDERSTAND


def store_status(outcomes: Sequence[StoreOutcome]) -> int:
    """Return the status: 200 all stored, 202 some failed or were changed, 409 none stored.

    507 if there is no space for any (RFC 4918 11.5): the client may send the same again.
    """
    failures = [outcome.failure for outcome in outcomes if outcome.failure is not None]
    failed = len(failures)
    if outcomes and failed == len(outcomes):
        return 507 if set(failures) == {OUT_OF_RESOURCES} else 409
    warned = any(outcome.warning is not None for outcome in outcomes)
    return 202 if failed or warned else 200


def store_response(outcomes: Iterable[StoreOutcome], *, retrieve_url: str = "") -> JsonModel:
    """Return the Store Instances Response Module in the DICOM JSON model.

    ``retrieve_url`` is that of the study, if all instances belong to one. Instances that could not
    be identified are in Other Failures Sequence.
    """
    stored, failed, others = [], [], []
    for outcome in outcomes:
        if outcome.failure is None:
            item = {
                **_reference(outcome),
                "00081190": {"vr": "UR", "Value": [outcome.retrieve_url]},
            }
            if outcome.warning is not None:
                item["00081196"] = _us(outcome.warning)
            stored.append(item)
        elif outcome.sop_class and outcome.instance:
            failed.append({**_reference(outcome), "00081197": _us(outcome.failure)})
        else:
            others.append({"00081197": _us(outcome.failure)})
    url: JsonModel = {"vr": "UR", "Value": [retrieve_url]} if retrieve_url else {"vr": "UR"}
    lists = {"00081198": failed, "00081199": stored, "0008119A": others}
    sequences = {tag: {"vr": "SQ", "Value": items} for tag, items in lists.items() if items}
    return {"00081190": url, **sequences}


def _reference(outcome: StoreOutcome) -> JsonModel:
    return {
        "00081150": {"vr": "UI", "Value": [outcome.sop_class]},
        "00081155": {"vr": "UI", "Value": [outcome.instance]},
    }


def _us(value: int) -> JsonModel:
    return {"vr": "US", "Value": [value]}
