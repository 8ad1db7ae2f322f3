"""Pictures of planes through a volume, as planar MPR presentation states describe them."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from brokenparts import part as item
from phantoms import FRAME_OF_REFERENCE, as_bytes, dataset, series
from rendicom.cli.main import main

STATE = "1.2.840.10008.5.1.4.1.1.11.6"
VOLUME = np.random.default_rng(4).integers(0, 256, (9, 24, 28))
SPACING, STEP, POSITION = (1.5, 1.25), 2.0, (-15.0, -18.0, 4.0)
OBLIQUE = Rotation.from_euler("zyx", (20, 35, -50), degrees=True).as_matrix()


def state(images, corner, along, down, size, **more):
    ds = dataset(STATE, "PR")
    references = [
        item(ReferencedSOPClassUID=ds_.SOPClassUID, ReferencedSOPInstanceUID=ds_.SOPInstanceUID)
        for ds_ in images
    ]
    ds.FrameOfReferenceUID = FRAME_OF_REFERENCE
    ds.VolumetricPresentationStateInputSequence = [
        item(
            VolumetricPresentationInputNumber=1, PresentationInputType="VOLUME", Crop="NO",
            ReferencedImageSequence=references,
            SoftcopyVOILUTSequence=[item(WindowCenter=128, WindowWidth=256)],
        )
    ]  # fmt: skip
    ds.MultiPlanarReconstructionStyle, ds.MPRThicknessType = "PLANAR", "THIN"
    ds.MPRTopLeftHandCorner, ds.MPRViewWidthDirection = list(corner), list(along)
    ds.MPRViewHeightDirection = list(down)
    ds.MPRViewHeight, ds.MPRViewWidth = size
    for name, value in more.items():
        setattr(ds, name, value)
    return ds


def values_at(corner, along, down, shape, spacing, offset=0.0):
    """Return the values of the volume at the centers of pixels; NaN outside of its centers."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    normal = np.cross(along, down)
    points = [
        corner[axis] + along[axis] * columns * spacing[1] + down[axis] * rows * spacing[0]
        + normal[axis] * offset
        for axis in range(3)
    ]  # fmt: skip
    x, y, z = (point - start for point, start in zip(points, POSITION, strict=True))
    index = np.stack([z / STEP, y / SPACING[0], x / SPACING[1]])
    return map_coordinates(VOLUME.astype(float), index, order=1, cval=np.nan)


@pytest.fixture
def study(tmp_path):
    images = series(VOLUME, spacing=SPACING, step=STEP, position=POSITION)
    (tmp_path / "ct").mkdir()
    for number, ds in enumerate(images):
        (tmp_path / "ct" / f"{number}.dcm").write_bytes(as_bytes(ds))
    return tmp_path, images


def picture(folder, ds):
    (folder / "mpr.dcm").write_bytes(as_bytes(ds))
    target = folder / "out.png"
    target.unlink(missing_ok=True)
    assert main(["convert", str(folder / "mpr.dcm"), str(target), "--on", str(folder / "ct")]) == 0
    return np.asarray(Image.open(target).convert("L")).astype(float)


AXES = {
    "coronal": ((1, 0, 0), (0, 0, -1), (-14.0, 3.1, 19.0), (14, 25)),
    "sagittal": ((0, 1, 0), (0, 0, -1), (2.2, -17, 20), (15, 30)),
    "oblique": (tuple(OBLIQUE[:, 0]), tuple(OBLIQUE[:, 1]), (-9.0, -6.0, 15.0), (12.5, 11.25)),
}


@pytest.mark.parametrize("name", AXES)
def test_a_plane_is_interpolated_where_it_cuts_the_volume(study, name):
    folder, images = study
    along, down, corner, size = AXES[name]
    found = picture(folder, state(images, corner, along, down, size))
    assert found.shape == (round(size[0] / 1.25), round(size[1] / 1.25))
    spacing = size[0] / found.shape[0], size[1] / found.shape[1]
    expected = values_at(corner, along, down, found.shape, spacing)
    inside = np.isfinite(expected)
    assert inside.mean() > 0.4
    np.testing.assert_allclose(found[inside], expected[inside], atol=0.51)
    (folder / "plain").mkdir()
    target = f"{folder}/plain/"
    run = [str(folder / "mpr.dcm"), str(folder / "ct"), target, "--engine", "inline"]
    assert main(["convert", *run, "--format", "png"]) == 0
    assert (folder / "plain" / "mpr.png").read_bytes() == (folder / "out.png").read_bytes()


@pytest.mark.parametrize("method", ["MAXIMUM_IP", "MINIMUM_IP", "AVERAGE_IP"])
def test_a_slab_is_the_maximum_minimum_or_mean_across_it(study, method):
    folder, images = study
    along, down, corner, size = AXES["coronal"]
    ds = state(images, corner, along, down, size, MPRThicknessType="SLAB", MPRSlabThickness=5.0,
               RenderingMethod=method)  # fmt: skip
    found = picture(folder, ds)
    spacing = size[0] / found.shape[0], size[1] / found.shape[1]
    layers = [
        values_at(corner, along, down, found.shape, spacing, offset)
        for offset in (np.arange(4) + 0.5) / 4 * 5 - 2.5
    ]
    join = {"MAXIMUM_IP": np.max, "MINIMUM_IP": np.min, "AVERAGE_IP": np.mean}[method]
    expected = join(layers, axis=0)
    inside = np.isfinite(expected)
    np.testing.assert_allclose(found[inside], expected[inside], atol=0.51)


def test_what_is_outside_is_black_and_the_shape_inverts(study):
    folder, images = study
    corner, size = (-40.0, -18.0, 8.0), (12.5, 50.0)
    plain = picture(folder, state(images, corner, (1, 0, 0), (0, 1, 0), size))
    inverse = picture(
        folder,
        state(images, corner, (1, 0, 0), (0, 1, 0), size, PresentationLUTShape="INVERSE"),
    )
    inside = slice(21, 40)
    assert not plain[:, :18].any()
    assert not inverse[:, :18].any()
    np.testing.assert_allclose(plain[:, inside] + inverse[:, inside], 255, atol=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"GlobalCrop": "YES"}, "crops its volume"),
        ({"MPRTopLeftHandCorner": [1.0, 2.0]}, "has no plane"),
        ({"MPRViewWidth": 1e9}, "has no plane"),
        ({"MPRViewWidthDirection": [0.0, 0.0, 0.0]}, "singular"),
        ({"MPRThicknessType": "SLAB", "MPRSlabThickness": 3.0, "RenderingMethod": "X"}, "method X"),
        ({"FrameOfReferenceUID": "1.2.3"}, "frame of reference"),
        ({"VolumetricPresentationStateInputSequence": []}, "refers to no image"),
    ],
)
def test_what_cannot_be_shown_is_told(study, change, said, capfd):
    folder, images = study
    along, down, corner, size = AXES["coronal"]
    (folder / "mpr.dcm").write_bytes(as_bytes(state(images, corner, along, down, size, **change)))
    run = [str(folder / "mpr.dcm"), str(folder / "out.png"), "--on", str(folder / "ct")]
    assert main(["convert", *run]) != 0
    assert said in capfd.readouterr().err
    assert not (folder / "out.png").exists()


def test_without_its_images_it_names_them(study, capfd):
    folder, images = study
    along, down, corner, size = AXES["coronal"]
    (folder / "mpr.dcm").write_bytes(as_bytes(state(images, corner, along, down, size)))
    assert main(["convert", str(folder / "mpr.dcm"), str(folder / "out.png")]) == 1
    assert str(images[0].SOPInstanceUID) in capfd.readouterr().err


def test_as_a_layer_it_is_refused_with_what_shows_it(study, capfd):
    folder, images = study
    along, down, corner, size = AXES["coronal"]
    (folder / "mpr.dcm").write_bytes(as_bytes(state(images, corner, along, down, size)))
    run = [str(folder / "ct" / "0.dcm"), str(folder / "o.png"), "--layer", str(folder / "mpr.dcm")]
    assert main(["convert", *run]) == 2
    assert "with --on" in capfd.readouterr().err
