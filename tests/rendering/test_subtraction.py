"""Mask subtraction of XA/XRF presentation states, against scipy and PS3.3 C.7.6.10 by hand."""

import numpy as np
import pydicom
import pytest
from scipy.ndimage import shift

import rendicom
from phantoms import as_bytes, dataset
from rendicom.cli.main import main
from rendicom.presentation import Scope, Subtraction
from rendicom.rendering.subtraction import subtracted
from rendicom.values import Frame

STATE, XA = "1.2.840.10008.5.1.4.1.1.11.5", "1.2.840.10008.5.1.4.1.1.12.1"


def angiogram(frames):
    ds = dataset(XA, "XA")
    ds.NumberOfFrames, ds.Rows, ds.Columns = frames.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 10, 9, 0
    ds.WindowCenter, ds.WindowWidth = 512, 1024
    ds.PixelData = frames.astype("<u2").tobytes()
    return ds


def state(image, items, **more):
    ds = dataset(STATE, "PR")
    series, reference, voi = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    reference.ReferencedSOPClassUID = image.SOPClassUID
    reference.ReferencedSOPInstanceUID = image.SOPInstanceUID
    series.SeriesInstanceUID, series.ReferencedImageSequence = image.SeriesInstanceUID, [reference]
    ds.ReferencedSeriesSequence = [series]
    voi.WindowCenter, voi.WindowWidth, voi.VOILUTFunction = 0, 200, "LINEAR_EXACT"
    ds.SoftcopyVOILUTSequence = [voi]
    ds.RecommendedViewingMode = "SUB"
    ds.MaskSubtractionSequence = []
    for given in items:
        item = pydicom.Dataset()
        for name, value in given.items():
            setattr(item, name, value)
        ds.MaskSubtractionSequence.append(item)
    for name, value in more.items():
        setattr(ds, name, value)
    return ds


def gray(difference):
    return np.clip((difference / 200 + 0.5) * 255, 0, 255)


@pytest.fixture
def frames():
    return np.random.default_rng(6).integers(400, 520, (6, 20, 24))


def shown(frames, number, items, **more):
    image = angiogram(frames)
    presentation = rendicom.open_presentation(as_bytes(state(image, items, **more)))
    return rendicom.open_instance(as_bytes(image)).display(number, presentation=presentation)


def test_the_mean_of_masks_is_subtracted_in_the_range_only(frames):
    item = {"MaskOperation": "AVG_SUB", "ApplicableFrameRange": [3, 5], "MaskFrameNumbers": [1, 2]}
    mean = frames[:2].mean(axis=0)
    np.testing.assert_allclose(shown(frames, 4, [item]), gray(frames[3] - mean), atol=1)
    np.testing.assert_allclose(shown(frames, 6, [item]), gray(frames[5]), atol=1)
    half = shown(frames, 4, [item], MaskVisibilityPercentage=50.0)
    np.testing.assert_allclose(half, gray(frames[3] - mean / 2), atol=1)
    natural = shown(frames, 4, [item], RecommendedViewingMode="NAT")
    np.testing.assert_allclose(natural, gray(frames[3]), atol=1)


def test_a_frame_is_subtracted_from_a_later_one(frames):
    item = {"MaskOperation": "TID", "TIDOffset": 2}
    np.testing.assert_allclose(shown(frames, 5, [item]), gray(frames[4] - frames[2]), atol=1)
    np.testing.assert_allclose(shown(frames, 2, [item]), gray(frames[1]), atol=1)


def test_masks_run_backwards_from_before_the_range(frames):
    """Of frames 4, 5, 6 with an offset of 1: less frames 3, 2, 1."""
    item = {"MaskOperation": "REV_TID", "ApplicableFrameRange": [4, 6], "TIDOffset": 1}
    for number, mask in ((4, 3), (5, 2), (6, 1)):
        expected = gray(frames[number - 1] - frames[mask - 1])
        np.testing.assert_allclose(shown(frames, number, [item]), expected, atol=1)
    item["TIDOffset"] = 2  # frame 6 would be less frame 0
    np.testing.assert_allclose(shown(frames, 5, [item]), gray(frames[4] - frames[0]), atol=1)
    np.testing.assert_allclose(shown(frames, 6, [item]), gray(frames[5]), atol=1)
    np.testing.assert_allclose(shown(frames, 2, [item]), gray(frames[1]), atol=1)


def test_frames_of_the_range_are_averaged_from_the_shown_one_on(frames):
    item = {"MaskOperation": "AVG_SUB", "ApplicableFrameRange": [2, 5], "MaskFrameNumbers": [1],
            "ContrastFrameAveraging": 3}  # fmt: skip
    for number, last in ((2, 4), (3, 5), (4, 5), (5, 5)):
        expected = frames[number - 1 : last].mean(axis=0) - frames[0]
        np.testing.assert_allclose(shown(frames, number, [item]), gray(expected), atol=1)
    free = {"MaskOperation": "TID", "TIDOffset": 1, "ContrastFrameAveraging": 9}
    expected = frames[3:].mean(axis=0) - frames[2]
    np.testing.assert_allclose(shown(frames, 4, [free]), gray(expected), atol=1)


@pytest.mark.parametrize("moved", [(0.0, 0.0), (1.25, -0.5), (-3.0, 2.75), (900.0, 0.0)])
def test_the_mask_is_moved(moved):
    values = np.random.default_rng(7).integers(0, 1000, (2, 16, 18)).astype(np.uint16)
    contrast, mask = (Frame(each, "MONOCHROME2", 16, signed=False) for each in values)
    found = subtracted([contrast], [mask], share=1.0, shift=moved).samples
    expected = values[0] - shift(values[1].astype(float), moved, order=1, mode="nearest")
    np.testing.assert_allclose(found, expected, atol=1e-2)


def test_what_makes_no_sense_is_left_out_with_a_warning(frames, tmp_path, capfd):
    items = [
        {"MaskOperation": "SQUARE"},
        {"MaskOperation": "AVG_SUB"},
        {"MaskOperation": "AVG_SUB", "MaskFrameNumbers": [99]},
    ]
    np.testing.assert_allclose(shown(frames, 4, items), gray(frames[3]), atol=1)
    image = angiogram(frames)
    (tmp_path / "xa.dcm").write_bytes(as_bytes(image))
    (tmp_path / "pr.dcm").write_bytes(as_bytes(state(image, items)))
    target = tmp_path / "one.png"
    assert main(["convert", str(tmp_path / "xa.dcm"), str(target), "--presentation-state",
                 str(tmp_path / "pr.dcm"), "--frames", "4"]) == 0  # fmt: skip
    said = capfd.readouterr().err
    assert "mask operation SQUARE is not supported" in said
    assert "names no frames" in said


def test_frames_outside_of_all_ranges_have_no_masks():
    one = Subtraction(Scope({}), ((4, 6), (9, 9)), (1, 2))
    assert one.masks_of("1.2", 5) == one.masks_of("1.2", 9) == (1, 2)
    assert one.masks_of("1.2", 7) == ()
