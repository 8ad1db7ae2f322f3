"""Filters: what is kept, what is left out and why, and what makes no sense."""

from __future__ import annotations

import pickle

import pytest

from rendicom.batch.filters import Filters
from rendicom.batch.units import Identity
from rendicom.errors import OptionError

CT = Identity(series="1.2.3.4", modality="CT", burned_in="NO", has_pixels=True)


def test_nothing_asked_for_leaves_nothing_out() -> None:
    filters = Filters.parse()
    assert not filters.any
    assert filters == Filters()
    assert filters.reason(Identity()) == ""


@pytest.mark.parametrize(
    ("typed", "identity", "reason"),
    [
        ({"modality": ["CT"]}, CT, ""),
        ({"modality": ["ct"]}, CT, ""),
        ({"modality": ["MR,CT"]}, CT, ""),
        ({"modality": ["MR", " CT "]}, CT, ""),
        ({"modality": ["CT"]}, CT._replace(modality="ct"), ""),
        ({"modality": ["MR"]}, CT, "modality CT"),
        ({"modality": ["C"]}, CT, "modality CT"),
        ({"modality": ["MR"]}, CT._replace(modality=""), "no modality"),
        ({"series": ["1.2.3.4"]}, CT, ""),
        ({"series": ["9.9", "1.2.3.4"]}, CT, ""),
        ({"series": ["9.9,1.2.3.4"]}, CT, ""),
        ({"series": ["1.2.3"]}, CT, "another series"),
        ({"series": ["1.2.3"]}, CT._replace(series=""), "another series"),
        ({"series": ["1.2.3"], "modality": ["CT"]}, CT, "another series"),
        ({"skip_burned_in": True}, CT, ""),
        ({"skip_burned_in": True}, CT._replace(burned_in=""), ""),
        ({"skip_burned_in": True}, CT._replace(burned_in="MAYBE"), ""),
        ({"skip_burned_in": True}, CT._replace(burned_in="YES"), "burned-in annotation"),
        ({}, CT._replace(burned_in="YES"), ""),
        ({"only_images": True}, CT, ""),
        ({"only_images": True}, CT._replace(has_pixels=False), "no image"),
        ({"modality": ["CT"], "only_images": True}, CT._replace(has_pixels=False), "no image"),
    ],
)
def test_reasons(typed: dict, identity: Identity, reason: str) -> None:
    filters = Filters.parse(**typed)
    assert filters.reason(identity) == reason
    assert filters.any == bool(typed)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"modality": [""]}, "--modality ''"),
        ({"modality": ["CT,"]}, "--modality ''"),
        ({"modality": ["CT/MR"]}, "--modality 'CT/MR'"),
        ({"modality": ["A" * 17]}, "is no modality"),
        ({"modality": ["Größe"]}, "is no modality"),
        ({"series": [""]}, "--series ''"),
        ({"series": ["CT"]}, "--series 'CT' is no UID"),
        ({"series": ["1.2."]}, "is no UID"),
        ({"series": ["1..2"]}, "is no UID"),
        ({"series": ["12"]}, "is no UID"),
        ({"series": ["1." + "2" * 63]}, "is no UID"),
    ],
)
def test_what_makes_no_sense_is_refused(typed: dict, said: str) -> None:
    with pytest.raises(OptionError) as raised:
        Filters.parse(**typed)
    assert said in str(raised.value)
    assert raised.value.hint


def test_filters_travel_to_workers() -> None:
    filters = Filters.parse(modality=["CT,MR"], series=["1.2"], only_images=True)
    assert pickle.loads(pickle.dumps(filters)) == filters
