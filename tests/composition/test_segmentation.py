"""Masks of segmentations on images, against highdicom's objects and plain numpy."""

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

import rendicom
from phantoms import FRAME_OF_REFERENCE, as_bytes, blended, segmentation, series
from rendicom.errors import OptionError

COLOURS = [(230, 40, 10), (0, 160, 255), (90, 200, 60)]
FILL = rendicom.RenderOptions(layer_style="fill", layer_opacity=0.3)


def dicom_lab_to_rgb(stored):
    """Return what highdicom shows for a Recommended Display CIELab Value."""
    light, a, b = np.array(stored) / 65535 * (100, 255, 255) - (0, 128, 128)
    return hd.color.CIELabColor(light, a, b).to_rgb()


def oblique(degrees=(20, -35, 50)):
    matrix = Rotation.from_euler("zyx", degrees, degrees=True).as_matrix()
    return (*matrix[:, 0], *matrix[:, 1])


def phantom(shape=(6, 30, 40), seed=3, step=-2.5):
    """Return an oblique, anisotropic series, its first slice the uppermost."""
    volume = np.random.default_rng(seed).integers(0, 256, shape)
    place = {"orientation": oblique(), "position": (-20, 7, 31), "spacing": (1.7, 0.8)}
    return series(volume, step=step, **place)


def overlapping(shape):
    """Return three masks that overlap, one with a hole; the last slice is empty."""
    masks = np.zeros((*shape, 3), np.uint8)
    masks[:-1, 4:20, 6:30, 0] = 1
    masks[:-1, 8:12, 10:20, 0] = 0
    masks[:-1, 10:26, 3:15, 1] = 1
    masks[1:3, 2:6, 2:39, 2] = 1
    return masks


def drawn(image, layer, options=FILL):
    """Return the picture, the gray one below, and what was told of it."""
    instance = rendicom.open_instance(image)
    told = instance.render(1, options, "image/png", layers=[layer])
    return instance.display(1, options, layers=[layer]), instance.display(1), told


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_segments_are_blended_over_each_other_on_the_image_they_were_made_of(kind):
    images = phantom()
    masks = overlapping((6, 30, 40))
    amounts = masks * (0.6 if kind == "FRACTIONAL" else 1)
    seg = segmentation(
        images, amounts if kind == "FRACTIONAL" else masks, kind, COLOURS, count=3,
        **({"max_fractional_value": 200} if kind == "FRACTIONAL" else {}),
    )  # fmt: skip
    stored = [each.RecommendedDisplayCIELabValue for each in seg.SegmentSequence]
    colours = [np.array(dicom_lab_to_rgb(each)) for each in stored]
    for index, image in enumerate(images):
        picture, gray, told = drawn(image, as_bytes(seg))
        shares = [(c, 0.3 * amounts[index, ..., n]) for n, c in enumerate(colours)]
        np.testing.assert_allclose(picture, blended(gray, shares), atol=1.01)
        untouched = ~masks[index].any(axis=-1)
        np.testing.assert_array_equal(picture[untouched], gray[untouched][:, np.newaxis] + [0] * 3)
        numbers = [n + 1 for n in range(3) if masks[index, ..., n].any()]
        assert [item.number for layer in told.layers for item in layer.items] == numbers
        assert told.warnings == ()


def test_a_label_map_looks_as_the_binary_segmentation_of_its_labels():
    images = phantom()
    labels = np.zeros((6, 30, 40), np.uint8)
    labels[:, 4:20, 6:30], labels[2:, 10:26, 3:15] = 1, 3
    binary = segmentation(
        images, np.stack([labels == n for n in (1, 2, 3)], -1).astype(np.uint8), "BINARY", COLOURS,
        count=3,
    )  # fmt: skip
    labelmap = segmentation(images, labels, "LABELMAP", COLOURS, count=3)
    for options in (FILL, rendicom.RenderOptions()):
        for image in images:
            one, other = (drawn(image, as_bytes(seg), options)[0] for seg in (binary, labelmap))
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
@pytest.mark.parametrize("degrees", [(0, 0, 0), (20, -35, 50), (20, -35, 140), (90, 10, -60)])
def test_masks_on_another_grid_are_taken_from_the_nearest_pixel(kind, degrees):
    """Of slices 2.5 mm apart, on images that refer to nothing."""
    sources = phantom((12, 30, 40))
    masks = np.zeros((12, 30, 40), np.uint8)
    masks[2:9, 5:22, 6:33] = 1
    masks[5:7] &= np.random.default_rng(5).integers(0, 2, (2, 30, 40), np.uint8)
    seg = segmentation(sources, masks, kind, [COLOURS[0]], count=1)
    to_patient = np.eye(4)
    normal = np.cross(oblique()[:3], oblique()[3:])
    to_patient[:3, 0] = normal * -2.5
    to_patient[:3, 1], to_patient[:3, 2] = (
        np.multiply(oblique()[3:], 1.7),
        np.multiply(oblique()[:3], 0.8),
    )
    to_patient[:3, 3] = (-20, 7, 31)
    middle = (to_patient @ [5.7, 13, 19, 1])[:3]
    axes = oblique(degrees)
    corner = middle - np.multiply(axes[:3], 12.2) - np.multiply(axes[3:], 10.7)
    image = series(np.full((1, 25, 27), 90), orientation=axes, position=corner, spacing=(0.9, 1))[0]
    rows, columns = np.mgrid[:25, :27]
    points = np.stack(
        [
            corner[axis] + columns * axes[axis] * 1.0 + rows * axes[3 + axis] * 0.9
            for axis in range(3)
        ]
        + [np.ones((25, 27))]
    )
    index = np.linalg.inv(to_patient) @ points.reshape(4, -1)
    expected = map_coordinates(masks, index[:3], order=0, cval=0).reshape(25, 27) > 0
    is_clear = (np.abs(index[:3] % 1 - 0.5) > 1e-3).all(axis=0).reshape(25, 27)
    picture, gray, _ = drawn(image, as_bytes(seg))
    changed = (picture != gray[..., np.newaxis]).any(axis=-1)
    assert expected.any()
    np.testing.assert_array_equal(changed[is_clear], expected[is_clear])


def test_an_image_of_another_place_or_frame_of_reference_gets_nothing():
    images = phantom()
    seg = as_bytes(segmentation(images, overlapping((6, 30, 40)), "BINARY", COLOURS, count=3))
    elsewhere = series(np.full((1, 5, 5), 7), position=(500, 0, 0))[0]
    picture, gray, told = drawn(elsewhere, seg)
    assert told.layers == told.warnings == ()
    np.testing.assert_array_equal(picture, np.repeat(gray[..., np.newaxis], 3, 2))
    foreign = series(np.full((1, 5, 5), 7), frame_of_reference=generate_uid())[0]
    assert "another frame of reference" in drawn(foreign, seg)[2].warnings[0]
    sheared = series(np.full((1, 5, 5), 7))[0]
    sheared.ImageOrientationPatient = [1, 0, 0, 0.5, 0.8, 0]
    assert "sheared" in drawn(sheared, seg)[2].warnings[0]


def test_items_opacity_and_style_choose():
    image = series(np.full((1, 20, 20), 100))[0]
    masks = np.zeros((1, 20, 20, 3), np.uint8)
    masks[0, 2:12, 2:12, 0] = masks[0, 5:9, 5:19, 1] = masks[0, 15:18, 1:4, 2] = 1
    seg = as_bytes(segmentation([image], masks, "BINARY", COLOURS, count=3))

    def changed(**options):
        picture, gray, told = drawn(image, seg, rendicom.RenderOptions(**options))
        return (picture != gray[..., np.newaxis]).any(axis=-1), told

    np.testing.assert_array_equal(
        changed(layer_style="fill", layer_items="1,part 3")[0], masks[0, ..., [0, 2]].any(axis=0)
    )
    outline = masks[0, ..., 0].astype(bool)
    outline[3:11, 3:11] = False
    np.testing.assert_array_equal(changed(layer_style="outline", layer_items="1")[0], outline)
    nothing, told = changed(layer_items="9")
    assert not nothing.any()
    assert "requested" in told.warnings[0]
    solid = drawn(image, seg, rendicom.RenderOptions(layer_opacity=1, layer_items=(3,)))[0]
    assert abs(solid[16, 2].astype(int) - COLOURS[2]).max() <= 2


def test_each_layer_may_have_its_own_opacity_style_and_items():
    image = series(np.full((1, 20, 20), 100))[0]
    masks = np.zeros((1, 20, 20, 2), np.uint8)
    masks[0, 2:8, 2:8, 0] = masks[0, 10:14, 2:8, 1] = 1
    first = as_bytes(segmentation([image], masks, "BINARY", COLOURS, count=2))
    second = as_bytes(segmentation([image], masks[:, ::-1, ::-1], "BINARY", COLOURS, count=2))
    instance = rendicom.open_instance(image)

    def display(**options):
        return instance.display(1, rendicom.RenderOptions(**options), layers=[first, second])

    together = display(
        layer_opacity=(0.3, None), layer_style="fill,outline", layer_items=[None, [2]]
    )
    below = rendicom.RenderOptions(layer_opacity=0.3, layer_style="fill")
    above = rendicom.RenderOptions(layer_style="outline", layer_items=(2,))
    one = instance.display(1, below, layers=[first])
    other = instance.display(1, above, layers=[second])
    lies_above = (other != instance.display(1)[..., np.newaxis]).any(axis=-1)
    assert lies_above.any()
    np.testing.assert_array_equal(together, np.where(lies_above[..., np.newaxis], other, one))
    with pytest.raises(OptionError, match="layer-opacity has 3 values for 2 layers"):
        display(layer_opacity="0.1,0.2,0.3")


def test_segments_without_colours_are_told_from_the_background_and_each_other():
    image = series(np.zeros((1, 8, 40)))[0]
    labels = np.arange(40, dtype=np.uint8).repeat(8).reshape(40, 8).T[np.newaxis]
    seg = segmentation([image], labels, "LABELMAP", count=39)
    picture = drawn(image, as_bytes(seg), rendicom.RenderOptions(layer_opacity=1))[0]
    assert len(np.unique(picture[4], axis=0)) == 40
    assert not picture[:, 0].any()


def test_a_long_segmentation_is_read_where_it_is_asked_for(monkeypatch):
    images = series(np.zeros((300, 8, 8)), step=1.0)
    masks = np.ones((300, 8, 8, 1), np.uint8)
    seg = as_bytes(segmentation(images, masks, "BINARY", COLOURS[:1], count=1))
    decoded = []
    frame = rendicom.Instance.frame
    monkeypatch.setattr(
        rendicom.Instance, "frame", lambda self, n=1, *a: decoded.append(n) or frame(self, n, *a)
    )
    drawn(images[150], seg)
    assert len(decoded) <= 6


def test_a_picture_that_is_turned_and_enlarged_has_its_masks_in_the_same_place():
    image = series(np.full((1, 20, 30), 10))[0]
    masks = np.zeros((1, 20, 30, 1), np.uint8)
    masks[0, 2:8, 20:28] = 1
    seg = as_bytes(segmentation([image], masks, "BINARY", [(255, 0, 0)], count=1))
    picture = drawn(
        image, seg, rendicom.RenderOptions(rotate=90, viewport="100,100", layer_style="fill")
    )[0]
    turned = np.rot90(masks[0, ..., 0], -1)
    rows, columns = np.nonzero(picture[..., 0] > 60)
    factor = picture.shape[0] / turned.shape[0]
    expected = np.nonzero(turned)
    for found, known in ((rows, expected[0]), (columns, expected[1])):
        assert abs(found.min() - known.min() * factor) <= 2
        assert abs(found.max() - (known.max() + 1) * factor) <= 2


def test_recommended_display_colours_are_those_of_highdicom():
    rng = np.random.default_rng(11)
    image = series(np.zeros((1, 4, 64)))[0]
    colours = [tuple(int(x) for x in rng.integers(0, 256, 3)) for _ in range(60)]
    labels = np.zeros((1, 4, 64), np.uint8)
    labels[0, :, :60] = np.arange(1, 61)
    seg = segmentation([image], labels, "LABELMAP", colours, count=60)
    picture = drawn(image, as_bytes(seg), rendicom.RenderOptions(layer_opacity=1))[0]
    assert np.abs(picture[0, :60].astype(int) - colours).max() <= 2


def test_layers_may_be_given_as_files_and_data_sets(tmp_path):
    image = series(np.full((1, 20, 20), 100))[0]
    masks = np.ones((1, 20, 20), np.uint8)
    seg = segmentation([image], masks, "BINARY", COLOURS[:1], count=1)
    path = tmp_path / "seg.dcm"
    path.write_bytes(as_bytes(seg))
    instance = rendicom.open_instance(as_bytes(image))
    pictures = [
        instance.render(1, FILL, layers=[each]).data
        for each in (path, str(path), pydicom.dcmread(path), path.read_bytes())
    ]
    assert len(set(pictures)) == 1
    with rendicom.open_layers([path]) as layers:
        assert instance.render(1, FILL, layers=layers).data == pictures[0]
    assert rendicom.compose(as_bytes(image), [path], 1, FILL).data == pictures[0]
    assert image.FrameOfReferenceUID == FRAME_OF_REFERENCE
