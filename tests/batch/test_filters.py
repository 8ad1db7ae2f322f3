"""Filters: what is kept, what is left out and why, and what makes no sense."""

from __future__ import annotations

import pickle

import pytest

from rendicom.batch.identity import Filters, InstanceSummary
from rendicom.errors import OptionError

CT = InstanceSummary(series="1.2.3.4", modality="CT", is_image=True)


def test_nothing_asked_for_leaves_nothing_out() -> None:
    filters = Filters.parse()
    assert not filters.any
    assert filters == Filters()
    assert filters.reason(InstanceSummary()) == ""


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
        ({"skip_burned_in": True}, CT._replace(burned_in="label of a slide"), "label of a slide"),
        ({}, CT._replace(burned_in="label of a slide"), ""),
        ({"only_images": True}, CT, ""),
        ({"only_images": True}, CT._replace(is_image=False), "no image"),
        ({"modality": ["CT"], "only_images": True}, CT._replace(is_image=False), "no image"),
    ],
)
def test_reasons(typed: dict, identity: InstanceSummary, reason: str) -> None:
    filters = Filters.parse(**typed)
    assert filters.reason(identity) == reason
    assert filters.any == bool(typed)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"modality": [""]}, "--modality ''"),
        ({"modality": ["CT,"]}, "--modality ''"),
        ({"modality": ["CT/MR"]}, "--modality 'CT/MR'"),
        ({"modality": ["A" * 17]}, "is not a modality"),
        ({"modality": ["Größe"]}, "is not a modality"),
        ({"series": [""]}, "--series ''"),
        ({"series": ["CT"]}, "--series 'CT' is not a UID"),
        ({"series": ["1.2."]}, "is not a UID"),
        ({"series": ["1..2"]}, "is not a UID"),
        ({"series": ["12"]}, "is not a UID"),
        ({"series": ["1." + "2" * 63]}, "is not a UID"),
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
