"""Planes and resampling, against numpy and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator
from scipy.spatial.transform import Rotation

from rendicom.composition.geometry import Plane
from rendicom.composition.resampling import Stack
from rendicom.errors import CorruptDataError

angles = st.tuples(*[st.floats(-180, 180)] * 3)
lengths = st.floats(0.1, 8)


def turned(degrees, flips=(1, 1)):
    matrix = Rotation.from_euler("zyx", degrees, degrees=True).as_matrix()
    return [*(matrix[:, 0] * flips[0]), *(matrix[:, 1] * flips[1])]


def volume(shape, orientation, position, spacing, step):
    """Return planes, one for each first index of a volume of ``shape``."""
    normal = np.cross(orientation[:3], orientation[3:])
    return [
        Plane.of(np.add(position, normal * step * k), orientation, spacing, shape[1:])
        for k in range(shape[0])
    ]


@given(
    angles, st.tuples(*[st.floats(-500, 500)] * 3), lengths, lengths,
    st.sampled_from([(1, 1), (-1, 1), (1, -1), (-1, -1)]),
)  # fmt: skip
def test_patient_coordinates_lead_back_to_the_pixel(degrees, position, row, column, flips):
    plane = Plane.of(position, turned(degrees, flips), (row, column), (40, 60))
    pixels = np.array([[0, 0], [59, 0], [0, 39], [12.25, 7.5]])
    patient = plane.to_patient(pixels)
    first = np.multiply(turned(degrees, flips)[:3], column * 12.25)
    second = np.multiply(turned(degrees, flips)[3:], row * 7.5)
    np.testing.assert_allclose(patient[3], np.add(position, first + second), atol=1e-6)
    back = plane.to_pixels(patient + 3 * plane.normal)
    np.testing.assert_allclose(back, np.column_stack([pixels, np.full(4, 3.0)]), atol=1e-6)


@pytest.mark.parametrize("degrees", [(0, 0, 0), (0, 0, 30), (25, -40, 10), (180, 0, 90)])
@pytest.mark.parametrize("step", [2.5, -2.5])
def test_linear_resampling_is_that_of_scipy(degrees, step):
    shape = (9, 20, 24)
    values = np.random.default_rng(7).normal(size=shape)
    orientation, position = turned((10, 20, 30)), (-30.0, 5.0, 8.0)
    planes = volume(shape, orientation, position, (3.0, 2.0), step)
    middle = planes[4].to_patient(np.array([[11.3, 9.1]]))[0]
    turn = Rotation.from_euler("zyx", degrees, degrees=True).as_matrix()
    axes = [*(turn @ orientation[:3]), *(turn @ orientation[3:])]
    base = Plane.of(
        middle - np.multiply(axes[:3], 8) - np.multiply(axes[3:], 6), axes, (0.7, 0.9), (17, 19)
    )
    sampled = Stack(planes, range(9)).sample(base, lambda k: values[k], linear=True)
    rows, columns = np.mgrid[:17, :19]
    points = base.to_patient(np.column_stack([columns.ravel(), rows.ravel()]))
    index = planes[0].to_pixels(points)[:, ::-1] / (step, 1, 1)
    expected = RegularGridInterpolator(
        [np.arange(n) for n in shape], values, bounds_error=False, fill_value=np.nan
    )(index).reshape(17, 19)
    found, covered = sampled
    is_inside = np.isfinite(expected)
    assert is_inside.mean() > 0.5
    assert covered[is_inside].all()
    np.testing.assert_allclose(found[is_inside], expected[is_inside], atol=1e-6)
    half = np.abs(index - np.clip(index, 0, np.array(shape) - 1)).max(axis=1) > 0.5 + 1e-5
    assert not covered.ravel()[half].any()


def test_the_nearest_slice_counts_and_only_that_is_read():
    planes = volume((600, 4, 4), [1, 0, 0, 0, 1, 0], (0, 0, 0), (1, 1), 2.0)
    stack, read = Stack(planes, range(600)), []

    def frame(number):
        read.append(number)
        return np.full((4, 4), number)

    def at(z):
        base = Plane.of((0, 0, z), [1, 0, 0, 0, -1, 0], (1, 1), (1, 4))
        return stack.sample(base, frame, linear=False)

    assert at(100.9)[0].tolist() == [[50] * 4]
    assert at(101.1)[0].tolist() == [[51] * 4]
    assert at(-0.9)[0].tolist() == [[0] * 4]
    assert at(-1.1) is None
    assert at(1199.1) is None
    assert read == [50, 51, 0]


def test_slices_that_are_missing_are_not_made_up():
    planes = volume((10, 2, 2), [1, 0, 0, 0, 1, 0], (0, 0, 0), (1, 1), 2.0)
    present = [0, 1, 2, 6, 7]
    stack = Stack(planes, present)
    for z, expected in ((3.0, 1.5), (4.5, 2.0), (7.0, None), (11.5, 6.0)):
        base = Plane.of((0, 0, z), [1, 0, 0, 0, 1, 0], (1, 1), (2, 2))
        found = stack.sample(base, lambda number: np.full((2, 2), number), linear=True)
        assert (found and found[0].max()) == expected


def test_spacing_between_slices_counts_where_most_slices_are_missing():
    stated = [
        Plane.of((0, 0, z), [1, 0, 0, 0, 1, 0], (1, 1), (2, 2), thickness=2, gap=2)
        for z in (0, 8, 12)
    ]
    assert Stack(stated, range(3)).spacing == 2
    unstated = [
        Plane.of((0, 0, z), [1, 0, 0, 0, 1, 0], (1, 1), (2, 2), thickness=5, gap=1)
        for z in (0, 6, 12)
    ]
    assert Stack(unstated, range(3)).spacing == 6


@pytest.mark.parametrize(
    ("orientation", "spacing", "message"),
    [
        ([0, 0, 0, 0, 1, 0], (1, 1), "singular"),
        ([1, 0, 0, 1, 0, 0], (1, 1), "singular"),
        ([1, 0, 0, 0.5, 0.8, 0], (1, 1), "sheared"),
        ([1, 0, 0, 0, 1, 0], (0, 1), "Pixel Spacing"),
        ([1, 0, 0, 0, float("nan"), 0], (1, 1), "damaged"),
    ],
)
def test_what_is_no_plane_is_refused(orientation, spacing, message):
    with pytest.raises(CorruptDataError, match=message):
        Plane.of((0, 0, 0), orientation, spacing, (2, 2))
