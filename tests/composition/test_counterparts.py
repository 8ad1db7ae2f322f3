"""Objects of other grids than their images, against plain numpy, scipy and scikit-image."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation
from skimage.draw import polygon2mask

import rendicom
from patientspace import affine, indices, oblique, xyz
from phantoms import PET, as_bytes, blended, dose, segmentation, series, structure_set

FILL = rendicom.RenderOptions(layer_style="fill", layer_opacity=0.5)
ORIENTATION = oblique(25, -15, 40)
AXES = np.array([ORIENTATION[:3], ORIENTATION[3:], np.cross(ORIENTATION[:3], ORIENTATION[3:])])
SPACING, POSITION, STEP = (1.3, 0.7), (11.0, -4.0, 25.0), -2.5
SHAPE = (7, 32, 44)


OWN = affine(ORIENTATION, POSITION, SPACING, STEP)


def images(volume=None, **changes):
    place = {"orientation": ORIENTATION, "position": POSITION, "spacing": SPACING, "step": STEP}
    volume = np.full(SHAPE, 60) if volume is None else volume
    return series(volume, **{**place, **changes})


def drawn(image, layer, options=FILL):
    instance = rendicom.open_instance(image)
    layers = [layer if isinstance(layer, (bytes, str)) else as_bytes(layer)]
    told = instance.render(1, options, "image/png", layers=layers)
    return instance.display(1, options, layers=layers), told


# --- segmentations ----------------------------------------------------------------------------


def moved(seg, by):
    """Return a segmentation whose frames lie ``by`` (mm along rows, columns, normal) elsewhere."""
    shift = by @ AXES
    for item in seg.PerFrameFunctionalGroupsSequence:
        place = item.PlanePositionSequence[0]
        place.ImagePositionPatient = [
            f"{a + b:.8f}" for a, b in zip(place.ImagePositionPatient, shift, strict=True)
        ]
    return seg


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("by", [(2.1, -2.6, 0), (0, 0, 2.5), (0, 0, 0.9), (0.9, 0.3, 0)])
@pytest.mark.parametrize("refers", [True, False])
def test_masks_of_as_many_pixels_at_another_place_are_by_position(kind, by, refers):
    made = images()
    masks = np.zeros(SHAPE, np.uint8)
    masks[1:5, 6:20, 9:30] = np.random.default_rng(6).integers(0, 2, (4, 14, 21))
    seg = segmentation(made, masks, kind, [(200, 30, 60)], count=1)
    if not refers:
        for item in seg.PerFrameFunctionalGroupsSequence:
            del item.DerivationImageSequence
        del seg.ReferencedSeriesSequence
    moved(seg, by)
    source = OWN.copy()
    source[:3, 3] += by @ AXES
    for index in (0, 2, 4, 5):
        places = indices(OWN, SHAPE[1:], index, source)
        expected = map_coordinates(masks, places, order=0) > 0
        picture, _ = drawn(made[index], seg)
        share = blended(np.full(SHAPE[1:], 60), [((200, 30, 60), expected * 0.5)])
        np.testing.assert_allclose(picture, share, atol=2)


@pytest.mark.parametrize("flips", [(1, -1), (-1, 1), (-1, -1)])
@pytest.mark.parametrize("turned", [False, True])
def test_masks_stored_the_other_way_round_lie_where_they_say(flips, turned):
    """A mask whose rows or columns run the other way than those of the image it refers to."""
    made = images(np.full((3, 24, 24), 60), spacing=(1, 1))
    masks = np.zeros((3, 24, 24), np.uint8)
    masks[:, 3:9, 5:20], masks[1, 12:14, 2:4] = 1, 1
    seg = segmentation(made, masks, "BINARY", [(200, 30, 60)], count=1)
    row, column = (np.multiply(ORIENTATION[:3], flips[0]), np.multiply(ORIENTATION[3:], flips[1]))
    if turned:
        row, column = column, row
    seg.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient = [
        f"{x:.8f}" for x in (*row, *column)
    ]
    own = affine(ORIENTATION, POSITION, (1, 1), STEP)
    corner_index = [23 if flip < 0 else 0 for flip in flips[::-1]]
    corner = (own @ [0, *corner_index, 1])[:3]
    for item in seg.PerFrameFunctionalGroupsSequence:
        place = item.PlanePositionSequence[0]
        shifted = np.array(place.ImagePositionPatient, float) + (own @ [0, *corner_index, 0])[:3]
        place.ImagePositionPatient = [f"{x:.8f}" for x in shifted]
    source = affine((*row, *column), corner, (1, 1), STEP)
    if turned != (flips[0] * flips[1] < 0):
        source[:3, 0] *= -1
    for index in range(3):
        places = indices(own, (24, 24), index, source)
        expected = map_coordinates(masks, np.round(places), order=0) > 0
        picture, _ = drawn(made[index], seg)
        np.testing.assert_array_equal((picture != 60).any(axis=-1), expected)


def test_a_slightly_tilted_image_gets_the_values_where_it_lies():
    """Two planes half a degree apart are not parallel: far from the corner it is millimeters."""
    volume = np.broadcast_to(np.arange(12)[:, None, None] * 20, (12, 40, 40))
    pets = series(volume, spacing=(8, 8), step=1.0, sop_class=PET)
    matrix = Rotation.from_euler("x", 0.5, degrees=True).as_matrix()
    tilted = (*matrix[:, 0], *matrix[:, 1])
    image = series(np.full((1, 300, 40), 90), orientation=tilted, position=(9, 3, 4.25))[0]
    source = affine((1, 0, 0, 0, 1, 0), (0, 0, 0), (8, 8), 1)
    target = affine(tilted, (9, 3, 4.25), (1, 1), 1)
    places = indices(target, (300, 40), 0, source)
    seg = segmentation(pets, (volume > 100).astype(np.uint8), "BINARY", [(200, 3, 6)], count=1)
    mask = map_coordinates((volume > 100).astype(np.uint8), places, order=0) > 0
    picture, _ = drawn(image, seg)
    clear = np.abs(places % 1 - 0.5).min(axis=0) > 1e-3
    np.testing.assert_array_equal((picture != 90).any(axis=-1)[clear], mask[clear])
    assert mask[clear].any()


# --- dose -------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", [ORIENTATION, (1, 0, 0, 0, -1, 0), (0, 1, 0, 0, 0, -1)])
@pytest.mark.parametrize("step", [3.0, -3.0])
def test_a_dose_grid_in_any_direction_is_interpolated_where_it_lies(orientation, step):
    rng = np.random.default_rng(9)
    values = rng.integers(20000, 60000, (6, 11, 13))
    spacing = (2.6, 3.4)
    matrix = affine(orientation, (5, -8, 12), spacing, step)
    ds = dose(values, offsets=step * np.arange(6), orientation=orientation,
              position=(5, -8, 12), spacing=spacing)  # fmt: skip
    middle = (matrix @ [2.4, 5, 6, 1])[:3]
    corner = middle - np.multiply(ORIENTATION[:3], 5) - np.multiply(ORIENTATION[3:], 5)
    image = series(np.full((1, 16, 14), 60), orientation=ORIENTATION, position=corner,
                   spacing=(0.6, 0.7))[0]  # fmt: skip
    target = affine(ORIENTATION, corner, (0.6, 0.7), 1)
    places = indices(target, (16, 14), 0, matrix)
    inside = ((places >= 0) & (places <= np.array([5, 10, 12])[:, None, None])).all(axis=0)
    expected = map_coordinates(values / 1000, places, order=1)
    assert inside.sum() > 100
    options = rendicom.RenderOptions(layer_style="fill", layer_opacity=1)
    picture, told = drawn(image, ds, options)
    stops = np.array([(0, 0, 160), (0, 80, 255), (0, 220, 220), (0, 200, 0), (240, 240, 0),
                      (255, 130, 0), (255, 0, 0)])  # fmt: skip
    shares = expected / (values.max() / 1000)
    colours = np.stack([np.interp(shares, np.linspace(0, 1, 7), c) for c in stops.T], -1)
    np.testing.assert_allclose(picture[inside], colours[inside], atol=1.01)
    assert told.layers


# --- structure sets -----------------------------------------------------------------------------


@pytest.mark.parametrize("refers", [True, False])
def test_a_keyhole_leaves_a_hole(refers):
    made = images()
    outer = np.array([[4.3, 3.2], [38.7, 3.4], [37.9, 28.6], [5.1, 27.8]])
    inner = np.array([[15.2, 10.3], [14.8, 20.6], [27.3, 21.4], [28.1, 9.7]])
    path = np.concatenate([outer, outer[:1], inner, inner[:1]])
    contour = ("CLOSED_PLANAR", xyz(OWN, path, 3), made[3] if refers else None)
    layer = structure_set((4, "R", (10, 200, 30), [contour]))
    expected = polygon2mask(SHAPE[1:], outer[:, ::-1]) & ~polygon2mask(SHAPE[1:], inner[:, ::-1])
    picture, _ = drawn(made[3], layer)
    np.testing.assert_array_equal((picture != 60).any(axis=-1), expected)
