"""The answer to a store request (PS3.18 10.5.3)."""

from __future__ import annotations

import pytest

from rendicom.dicomweb import storing
from rendicom.dicomweb.jsonreader import read_model
from rendicom.dicomweb.storing import StoreOutcome, store_response, store_status

CLASS = "1.2.840.10008.5.1.4.1.1.7"
STORED = StoreOutcome(CLASS, "1.2.1", "http://a/studies/1/series/2/instances/1.2.1")
CHANGED = StoreOutcome(CLASS, "1.2.2", "http://a/i/1.2.2", warning=storing.ELEMENTS_DISCARDED)
FAILED = StoreOutcome(CLASS, "1.2.3", failure=storing.OUT_OF_RESOURCES)
UNKNOWN = StoreOutcome(failure=storing.CANNOT_UNDERSTAND)


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([STORED], 200),
        ([STORED, STORED], 200),
        ([CHANGED], 202),
        ([STORED, FAILED], 202),
        ([STORED, UNKNOWN], 202),
        ([FAILED], 507),
        ([UNKNOWN], 409),
        ([FAILED, UNKNOWN], 409),
        ([], 200),
    ],
)
def test_the_status_sums_up_the_outcomes(outcomes: list[StoreOutcome], status: int) -> None:
    assert store_status(outcomes) == status


def test_the_module_has_each_outcome_in_its_sequence() -> None:
    model = store_response([STORED, CHANGED, FAILED, UNKNOWN], retrieve_url="http://a/studies/1")
    assert list(model) == ["00081190", "00081198", "00081199", "0008119A"]
    dataset = read_model(model)
    assert dataset.RetrieveURL == "http://a/studies/1"
    stored, changed = dataset.ReferencedSOPSequence
    assert (stored.ReferencedSOPClassUID, stored.ReferencedSOPInstanceUID) == (CLASS, "1.2.1")
    assert stored.RetrieveURL == "http://a/studies/1/series/2/instances/1.2.1"
    assert "WarningReason" not in stored
    assert changed.WarningReason == 0xB006
    (failed,) = dataset.FailedSOPSequence
    assert failed.ReferencedSOPInstanceUID == "1.2.3"
    assert failed.FailureReason == 0xA700
    (other,) = dataset.OtherFailuresSequence
    assert other.FailureReason == 0xC000


def test_items_keep_their_keys_ascending() -> None:
    item = store_response([CHANGED])["00081199"]["Value"][0]
    assert list(item) == sorted(item)


def test_sequences_without_items_are_left_out() -> None:
    assert store_response([FAILED]).keys() == {"00081190", "00081198"}
    assert store_response([STORED])["00081190"] == {"vr": "UR"}


def test_every_reason_has_words() -> None:
    numbers = {
        value for name, value in vars(storing).items() if name.isupper() and type(value) is int
    }
    assert numbers == storing.REASONS.keys()
    assert all(0 < number <= 0xFFFF for number in numbers)
