"""What layers cost: only the frames of a slice are read, paths stay short, NaN is told."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest

import phantoms
import rendicom
from phantoms import FRAME_OF_REFERENCE, as_bytes, dataset, segmentation, series
from rendicom.composition import structure_set
from rendicom.composition.layer_opening import open_located
from rendicom.composition.segmentation import SegmentationLayer
from rendicom.engine import Instance, instance
from rendicom.rendering.polygons import thinned


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


def test_of_a_picture_two_files_are_opened_and_the_frames_of_its_slice_decoded(
    tmp_path, monkeypatch
):
    ct = series(np.zeros((60, 16, 16), np.int16), step=1.0)
    masks = np.zeros((60, 16, 16, 2), np.uint8)
    masks[:, 2:9, 2:9, 0] = masks[:40, 10:14, 3:14, 1] = 1
    for index, ds in enumerate(ct):
        (tmp_path / f"{index}.dcm").write_bytes(as_bytes(ds))
    seg = tmp_path / "seg.dcm"
    seg.write_bytes(as_bytes(segmentation(ct, masks, "BINARY", count=2)))
    calls = []

    def counted(owner, name):
        real = getattr(owner, name)
        monkeypatch.setattr(
            owner, name, lambda *more, **named: calls.append(name) or real(*more, **named)
        )

    counted(Instance, "__init__")
    counted(instance, "decode_frame")
    counted(SegmentationLayer, "_segment_frame")
    for index, count in ((30, 2), (50, 1)):
        calls.clear()
        picture = rendicom.compose(tmp_path / f"{index}.dcm", [seg])
        assert len(picture.layers[0].items) == count
        # Of the segmentation only what its segments have here, and nothing about other frames.
        expected = {"__init__": 2, "decode_frame": 1 + count, "_segment_frame": count}
        assert Counter(calls) == expected


@pytest.mark.parametrize("refers", [False, True])
def test_of_many_contours_those_of_the_slice_are_converted(refers, monkeypatch):
    ct = series(np.full((50, 16, 16), 50, np.int16), step=1.0)
    contours = []
    for index, ds in enumerate(ct):
        low, high = 2, 4 + index % 8
        square = [(low, low, index), (high, low, index), (high, high, index), (low, high, index)]
        contours.append(("CLOSED_PLANAR", square, ds if refers else None))
    layer = phantoms.structure_set((1, "Many", None, contours))
    whole, real = [], structure_set._read
    monkeypatch.setattr(
        structure_set, "_read", lambda items, notes: whole.append(real(items, notes)) or whole[-1]
    )
    layers = rendicom.open_layers([as_bytes(layer)])
    options = rendicom.RenderOptions(layer_style="fill")
    # Few images are looked up by their UIDs, many in an index.
    for index in (0, 7, 12, 30, 31, 49):
        whole.clear()
        with rendicom.open_instance(ct[index]) as image:
            pixels = image.display(1, options, layers=layers)
            plain = image.display(1)
        assert [len(each) for each in whole] == [1]
        expected = np.zeros((16, 16), bool)
        # A pixel whose center lies on the line counts on one side.
        expected[2 : 5 + index % 8, 2 : 5 + index % 8] = True
        changed = (pixels != plain[..., np.newaxis]).any(axis=-1)
        assert not changed[~expected].any()
        assert changed[3 : 4 + index % 8, 3 : 4 + index % 8].all()


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
    layer = phantoms.dose(np.full((2, 8, 8), 200), offsets=(0, 5))
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
