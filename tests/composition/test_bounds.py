"""What layers cost: only the frames of a slice are read, paths stay short, NaN is told."""

import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

import rendicom
from phantoms import FRAME_OF_REFERENCE, as_bytes, dataset, segmentation, series
from rendicom.composition.layer_opening import open_located
from rendicom.engine import Instance
from rendicom.rendering.polygons import thinned

DOSE = "1.2.840.10008.5.1.4.1.1.481.2"


def test_of_a_thousand_frames_those_of_the_slice_are_read(monkeypatch):
    ct = series(np.zeros((600, 16, 16), np.int16), step=1.0)
    masks = np.zeros((600, 16, 16, 2), np.uint8)
    masks[:, 2:9, 2:9, 0] = 1
    masks[:400, 10:14, 3:14, 1] = 1
    seg = segmentation(ct, masks, "BINARY", count=2)
    assert seg.NumberOfFrames == 1000
    read = []
    real = Instance.frame
    monkeypatch.setattr(
        Instance, "frame", lambda self, number=1, *more: read.append(number) or real(self, number)
    )
    layers = rendicom.open_layers([as_bytes(seg)])
    for index in (300, 500):
        read.clear()
        picture = rendicom.open_instance(ct[index]).render(1, layers=layers)
        assert len(picture.layers[0].items) == (2 if index < 400 else 1)
        # Some are of the image itself.
        assert len(read) <= 4


@pytest.mark.parametrize("count", [3, 100, 20_000, 1_000_000])
def test_a_path_of_any_length_becomes_a_short_one(count):
    angles = np.linspace(0, 1000 * np.pi, count)
    points = np.column_stack([np.cos(angles), np.sin(angles)]) * (50 + angles[:, None] / 50)
    found = thinned(points)
    assert len(found) <= 8192
    np.testing.assert_array_equal(found[[0, -1]], points[[0, -1]])


def _with_nan(kind):
    """Return an object on the image at 0, 0, 0 whose numbers are damaged in one place."""
    nan = float("nan")
    if kind == "report":
        layer = dataset("1.2.840.10008.5.1.4.1.1.88.33", "SR")
        mark = pydicom.Dataset()
        mark.ValueType, mark.GraphicType, mark.GraphicData = "SCOORD3D", "POINT", [nan, 1, 0]
        mark.ReferencedFrameOfReferenceUID = FRAME_OF_REFERENCE
        layer.ValueType, layer.ContentSequence = "CONTAINER", [mark]
        return layer
    layer = series(np.full((1, 8, 8), 200))[0]
    if kind == "orientation":
        layer.ImageOrientationPatient = ["1", "0", "nan", "0", "1", "0"]
        return layer
    layer.SOPClassUID = layer.file_meta.MediaStorageSOPClassUID = DOSE
    layer.Modality, layer.DoseUnits, layer.DoseGridScaling = "RTDOSE", "GY", 0.001
    layer.NumberOfFrames, layer.FrameIncrementPointer = 2, 0x3004000C
    layer.PixelRepresentation, layer.PixelData = 0, layer.PixelData * 2
    layer.GridFrameOffsetVector = ["nan", "5"]
    return layer


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("report", "the coordinates of a mark are damaged"),
        ("orientation", r"Orientation (Patient) 1\0\nan\0\1\0 is damaged"),
        ("dose offsets", "Grid Frame Offset Vector is damaged"),
    ],
)
def test_what_is_no_number_draws_nothing_and_is_told(kind, said):
    image = series(np.full((1, 8, 8), 90))[0]
    picture = rendicom.open_instance(image).render(
        1, media_type="image/png", layers=[as_bytes(_with_nan(kind))]
    )
    assert len(picture.warnings) == 1
    assert said in picture.warnings[0]
    assert picture.layers == ()


@pytest.mark.skipif(sys.platform != "linux", reason="lists the open files of the process")
def test_of_layers_that_cannot_be_opened_no_file_stays_open(tmp_path):
    """The traceback keeps what the failed call made."""
    image = series(np.zeros((1, 8, 8)))[0]
    seg = segmentation([image], np.ones((1, 8, 8), np.uint8), "BINARY", [(1, 2, 3)], count=1)
    plan = dataset("1.2.840.10008.5.1.4.1.1.481.5", "RTPLAN")
    places = []
    for name, ds in (("seg", seg), ("plan", plan)):
        (tmp_path / f"{name}.dcm").write_bytes(as_bytes(ds))
        places.append(str(tmp_path / f"{name}.dcm"))
    with pytest.raises(rendicom.RendicomError, match="is a plan") as raised:
        open_located(places)
    still_open = {str(each.resolve()) for each in Path("/proc/self/fd").iterdir()}
    assert not set(places) & still_open
    assert raised.tb is not None


@pytest.mark.parametrize("of_image", [True, False])
def test_a_damaged_orientation_is_told_with_its_place_and_numbers(of_image):
    good, other = series(np.zeros((1, 8, 8)))[0], series(np.zeros((1, 8, 8)))[0]
    seg = segmentation([other], np.ones((1, 8, 8), np.uint8), "BINARY", [(1, 2, 3)], count=1)
    damaged = ["1", "0", "0", "0.6", "0.8", "0"]
    if of_image:
        good.ImageOrientationPatient = damaged
    else:
        group = seg.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
        group.ImageOrientationPatient = damaged
    told = rendicom.open_instance(good).render(1, layers=[as_bytes(seg)]).warnings
    where = "of the image, " if of_image else ""
    numbers = "1\\0\\0\\0.6\\0.8\\0"
    said = f"{where}Image Orientation (Patient) {numbers} is sheared: rows and columns are not"
    assert told == (f"layer 1 is not drawn: {said} perpendicular",)
