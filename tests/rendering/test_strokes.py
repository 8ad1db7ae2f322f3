"""Lines of many short pieces, which are drawn together, against the same pieces one by one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from rendicom.rendering.strokes import stroked


@pytest.mark.parametrize("thickness", [1.25, 4.0, 15.0, 40.0])
def test_many_short_pieces_are_drawn_as_each_alone(thickness: float) -> None:
    rng = np.random.default_rng(4)
    shape = (50, 70)
    steps = np.add(rng.normal(0, 4, (600, 2)).cumsum(axis=0), (35, 25))
    steps[100] += (60, 5)  # one piece is long
    path = [(float(x), float(y)) for x, y in steps]
    together = stroked(path, thickness, shape)
    assert together is not None
    expected = np.zeros(shape, np.float32)
    for pair in pairwise(path):
        if (alone := stroked(pair, thickness, shape)) is not None:
            rows, columns = alone.values.shape
            part = expected[alone.top : alone.top + rows, alone.left : alone.left + columns]
            np.maximum(part, alone.values, out=part)
    found = np.zeros(shape, np.float32)
    rows, columns = together.values.shape
    found[together.top : together.top + rows, together.left : together.left + columns] = (
        together.values
    )
    # Each counts from its own corner: the last bits may differ.
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert found.max() == 1
