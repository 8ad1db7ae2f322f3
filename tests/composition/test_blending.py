"""Advanced blending: steps, geometry, thresholds and padding (PS3.3 C.11.33, PS3.4 N.2.6)."""

import numpy as np
import pytest

import rendicom
from brokenparts import part as item
from brokenparts import reference
from phantoms import PET, as_bytes, dataset, series

ADVANCED = "1.2.840.10008.5.1.4.1.1.11.8"
GRAY = (128, 256)


def step(numbers, mode="EQUAL", opacity=None, result=None):
    made = item(
        BlendingMode=mode,
        BlendingDisplayInputSequence=[item(BlendingInputNumber=number) for number in numbers],
    )
    if opacity is not None:
        made.RelativeOpacity = opacity
    if result is not None:
        made.BlendingInputNumber = result
    return made


def state(images, steps, *, by_series=False, **more):
    """Return a state of inputs of one image each; ``more`` are attributes of input 2."""
    ds = dataset(ADVANCED, "PR")
    inputs, every = [], []
    for number, image in enumerate(images, 1):
        made = item(
            BlendingInputNumber=number, StudyInstanceUID=image.StudyInstanceUID,
            SeriesInstanceUID=image.SeriesInstanceUID,
            SoftcopyVOILUTSequence=[item(WindowCenter=GRAY[0], WindowWidth=GRAY[1])],
        )  # fmt: skip
        if not by_series:
            made.ReferencedImageSequence = [reference(image)]
        every.append(
            item(SeriesInstanceUID=image.SeriesInstanceUID,
                 ReferencedInstanceSequence=[reference(image)])
        )  # fmt: skip
        inputs.append(made)
    for name, value in more.items():
        setattr(inputs[1], name, value)
    ds.AdvancedBlendingSequence, ds.BlendingDisplaySequence = inputs, steps
    ds.ReferencedSeriesSequence = every
    return ds


@pytest.fixture
def study(tmp_path):
    rng = np.random.default_rng(11)
    made = [series(rng.integers(0, 256, (1, 9, 12)))[0] for _ in range(3)]
    for number, ds in enumerate(made):
        (tmp_path / f"{number}.dcm").write_bytes(as_bytes(ds))
    return tmp_path, made, [ds.pixel_array.astype(float) for ds in made]


def shown(folder, ds, image):
    (folder / "pr.dcm").write_bytes(as_bytes(ds))
    with rendicom.open_layers([folder / "pr.dcm"], images=[str(folder)]) as layers:
        opened = rendicom.open_instance(image)
        assert not opened.render(1, presentation=layers.state, layers=layers).warnings
        picture = opened.display(1, presentation=layers.state, layers=layers)
    assert (picture[..., :1] == picture).all()
    return picture[..., 0].astype(float)


@pytest.mark.parametrize("opacity", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("by_series", [False, True])
def test_the_first_input_has_the_opacity(study, opacity, by_series):
    folder, images, values = study
    for order in ((1, 2), (2, 1)):
        ds = state(images[:2], [step(order, "FOREGROUND", opacity)], by_series=by_series)
        first, second = (values[number - 1] for number in order)
        expected = opacity * first + (1 - opacity) * second
        found = shown(folder, ds, images[order[0] - 1])
        np.testing.assert_allclose(found, expected, atol=1.01)


def test_results_are_inputs_of_later_steps(study):
    folder, images, values = study
    steps = [step([1, 2], result=7), step([7, 3], "FOREGROUND", 0.8)]
    for order in (steps, steps[::-1]):
        expected = 0.8 * (values[0] + values[1]) / 2 + 0.2 * values[2]
        found = shown(folder, state(images, order), images[0])
        np.testing.assert_allclose(found, expected, atol=1.51)
    found = shown(folder, state(images, [step([3, 1, 2])]), images[2])
    np.testing.assert_allclose(found, sum(values) / 3, atol=1.51)


def test_the_input_whose_geometry_is_displayed_is_at_the_bottom(study):
    folder, images, values = study
    ds = state(images[:2], [step([1, 2], "FOREGROUND", 0.3)], GeometryForDisplay="YES")
    expected = 0.3 * values[0] + 0.7 * values[1]
    np.testing.assert_allclose(shown(folder, ds, images[1]), expected, atol=1.01)


@pytest.mark.parametrize(
    ("kind", "limits", "is_seen"),
    [
        ("RANGE_INCL", (50, 180), lambda v: (v >= 50) & (v <= 180)),
        ("RANGE_EXCL", (50, 180), lambda v: (v <= 50) | (v >= 180)),
        ("GREATER_OR_EQUAL", (90,), lambda v: v >= 90),
        ("GREATER_THAN", (90,), lambda v: v > 90),
        ("LESS_OR_EQUAL", (90,), lambda v: v <= 90),
        ("LESS_THAN", (90,), lambda v: v < 90),
    ],
)
def test_an_input_is_seen_where_its_values_pass_the_threshold(study, kind, limits, is_seen):
    folder, images, values = study
    threshold = item(
        ThresholdType=kind, ThresholdValueSequence=[item(ThresholdValue=float(x)) for x in limits]
    )
    images[1].PixelData = np.where(values[1] == 91, 90, values[1]).astype("<i2").tobytes()
    (folder / "1.dcm").write_bytes(as_bytes(images[1]))
    upper = images[1].pixel_array.astype(float)
    ds = state(images[:2], [step([1, 2], "FOREGROUND", 0.25)], ThresholdSequence=[threshold])
    expected = np.where(is_seen(upper), 0.25 * values[0] + 0.75 * upper, values[0])
    np.testing.assert_allclose(shown(folder, ds, images[0]), expected, atol=1.01)


def test_padding_of_one_input_leaves_the_other(study):
    folder, images, values = study
    images[1].PixelPaddingValue = int(values[1][3, 4])
    (folder / "1.dcm").write_bytes(as_bytes(images[1]))
    ds = state(images[:2], [step([1, 2], "FOREGROUND", 0.25)])
    is_padding = values[1] == values[1][3, 4]
    expected = np.where(is_padding, values[0], 0.25 * values[0] + 0.75 * values[1])
    np.testing.assert_allclose(shown(folder, ds, images[0]), expected, atol=1.01)


def test_an_image_between_two_slices_far_apart_is_between_them(tmp_path):
    """The middle of a gap of 1.4 spacings is no slice's nearest place."""
    base = series(np.full((1, 6, 6), 100), position=(0, 0, 3.4))[0]
    pets = series(np.stack([np.full((6, 6), v) for v in (0, 40, 80)]), sop_class=PET)
    for ds, z in zip(pets, (0, 2, 4.8), strict=True):
        ds.ImagePositionPatient[2] = z
    for number, ds in enumerate([base, *pets]):
        (tmp_path / f"{number}.dcm").write_bytes(as_bytes(ds))
    ds = state([base, pets[0]], [step([1, 2], "FOREGROUND", 0.5)])
    ds.AdvancedBlendingSequence[1].ReferencedImageSequence = [reference(each) for each in pets]
    expected = 50 + 0.5 * (40 + 40 * 1.4 / 2.8)
    np.testing.assert_allclose(shown(tmp_path, ds, base), expected, atol=1.01)


@pytest.mark.parametrize("opacity", [0.0, 0.25, 1.0])
def test_padding_of_the_input_at_the_bottom_leaves_the_other(study, opacity):
    """PS3.4 N.2.6: padding of one input leaves the other, and padding of both is black."""
    folder, images, values = study
    paddings = [np.zeros((9, 12), bool), np.zeros((9, 12), bool)]
    paddings[0][2:6, 3:9] = paddings[1][4:8, 1:7] = True
    for number, where in enumerate(paddings):
        stored = np.where(where, -7, values[number])
        images[number].PixelPaddingValue = -7
        images[number].PixelData = stored.astype("<i2").tobytes()
        (folder / f"{number}.dcm").write_bytes(as_bytes(images[number]))
    both = opacity * values[0] + (1 - opacity) * values[1]
    expected = np.select(
        [paddings[0] & paddings[1], paddings[0], paddings[1]], [0, values[1], values[0]], both
    )
    ds = state(images[:2], [step([1, 2], "FOREGROUND", opacity)])
    np.testing.assert_allclose(shown(folder, ds, images[0]), expected, atol=1.01)
    ds = state(images, [step([1, 2], "FOREGROUND", opacity, result=4), step([4, 3])])
    result = np.where(paddings[0] & paddings[1], values[2], (expected + values[2]) / 2)
    np.testing.assert_allclose(shown(folder, ds, images[0]), result, atol=1.51)
    equal = state(images, [step([1, 2, 3])])
    weights = np.stack([~paddings[0], ~paddings[1], np.ones((9, 12))])
    result = (weights * np.stack(values)).sum(axis=0) / weights.sum(axis=0)
    np.testing.assert_allclose(shown(folder, equal, images[0]), result, atol=1.51)


def test_a_pixel_is_seen_if_it_passes_one_of_several_thresholds(study):
    folder, images, values = study
    parts = [
        item(ThresholdType=kind, ThresholdValueSequence=[item(ThresholdValue=x) for x in limits])
        for kind, limits in (("LESS_THAN", (60.0,)), ("RANGE_INCL", (120.0, 200.0)))
    ]

    def passes(v):
        return (v < 60) | ((v >= 120) & (v <= 200))

    for number in (1, 2):
        ds = state(images[:2], [step([1, 2], "FOREGROUND", 0.25)])
        ds.AdvancedBlendingSequence[number - 1].ThresholdSequence = parts
        seen = [np.ones((9, 12), bool), np.ones((9, 12), bool)]
        seen[number - 1] = passes(values[number - 1])
        expected = np.select(
            [seen[0] & seen[1], seen[0], seen[1]],
            [0.25 * values[0] + 0.75 * values[1], values[0], values[1]], 0,
        )  # fmt: skip
        np.testing.assert_allclose(shown(folder, ds, images[0]), expected, atol=1.01)


def test_one_input_is_shown_alone(study):
    folder, images, values = study
    ds = state(images[:1], [step([1])])
    np.testing.assert_allclose(shown(folder, ds, images[0]), values[0], atol=1.01)
