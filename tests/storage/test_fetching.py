"""Objects of a store are fetched while those before them are worked on."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from rendicom import storage
from rendicom.batch.input_source import open_units
from rendicom.batch.sources import Unit
from rendicom.errors import UnreadableSourceError
from rendicom.testing import image
from storage.relay import Answer, Asked, Relay

pytest.importorskip("obstore")


def stored(s3: str, count: int) -> tuple[Unit, ...]:
    """Return so many units, the number of columns of each is its place."""
    units = tuple(Unit(f"{s3}/{place}.dcm", str(place)) for place in range(1, count + 1))
    for unit in units:
        storage.write(unit.source, image(np.zeros((2, int(unit.place)), np.uint16)))
    return units


def test_the_next_object_is_asked_for_before_the_first_is_there(s3: str, relay: Relay) -> None:
    units = stored(s3, 6)
    relay.requests.clear()
    second, seen = threading.Event(), []

    def instead(asked: Asked) -> Answer | None:
        if asked.path.endswith("/1.dcm"):
            seen.append(second.wait(30))
        elif asked.path.endswith("/2.dcm"):
            second.set()
        return None

    relay.instead = instead
    columns = []
    with open_units(None, units, base="") as opener:
        for unit in units:
            with opener.instance(unit) as instance:
                columns.append(instance.description.columns)
    assert seen == [True]
    assert columns == [1, 2, 3, 4, 5, 6]
    bucket = s3.removeprefix("s3://")
    assert sorted(relay.requests) == [f"GET /{bucket}/{each}.dcm" for each in columns]


def test_an_object_that_is_gone_fails_in_its_turn(s3: str) -> None:
    units = stored(s3, 3)
    storage.remove(units[1].source)
    with open_units(None, units, base="") as opener:
        for unit, is_there in zip(units, (True, False, True), strict=True):
            if is_there:
                opener.instance(unit).close()
            else:
                with pytest.raises(UnreadableSourceError):
                    opener.instance(unit)
