"""Frames of multi-frame images with objects on them, and as objects on others, by both doors."""

import highdicom as hd
import numpy as np
import pytest
from pydicom.uid import generate_uid

from obliquestudy import CLASS, CT, PT, item, outline, palette, reference
from patientspace import affine, at, indices
from phantoms import FRAME_OF_REFERENCE, blended, database_closed, dataset, segmentation

FILL = {"layer_style": "fill"}
COLOURS = ((213, 40, 90), (10, 160, 255))


@pytest.fixture(scope="module")
def enhanced(oblique_study, doors):
    """Return the CT as one object; its frames are in the order of highdicom."""
    for number, ds in enumerate(oblique_study.ct):
        ds.ImageType, ds.AcquisitionNumber, ds.KVP = ["ORIGINAL", "PRIMARY", "AXIAL"], number, 120
    made = hd.legacy.LegacyConvertedEnhancedCTImage(
        legacy_datasets=oblique_study.ct, series_instance_uid=generate_uid(), series_number=4,
        sop_instance_uid=generate_uid(), instance_number=1,
    )  # fmt: skip
    doors.add([made], "ect")
    return database_closed(made)


def slices_of(made):
    """Return which slice of the CT each frame is."""
    found = []
    for frame in made.PerFrameFunctionalGroupsSequence:
        place = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        found.append(int(np.round((np.linalg.inv(CT.affine) @ [*place, 1])[0])))
    return found


def test_frames_have_their_masks_contours_doses_and_values(doors, oblique_study, enhanced):
    study, slices = oblique_study, slices_of(enhanced)
    masks = np.zeros((*CT.shape, 2), np.uint8)
    masks[1:4, 5:20, 8:30, 0] = masks[2:6, 12:30, 20:50, 1] = 1
    seg = segmentation([enhanced], masks[slices], "BINARY", COLOURS, count=2)
    found = doors.shown(seg, "ect", **FILL)
    drawn = [n for n, index in enumerate(slices, 1) if 1 <= index < 6]
    assert sorted(found) == [f"ect0-{n:04}" for n in drawn]
    for number in drawn:
        index = slices[number - 1]
        shares = [(c, masks[index, ..., n] * 0.4) for n, c in enumerate(COLOURS)]
        expected = blended(study.gray(index), shares)
        np.testing.assert_allclose(found[f"ect0-{number:04}"], expected, atol=2)
    number = slices.index(4) + 1
    rois = study.structures(
        (3, "A", COLOURS[1], [("CLOSED_PLANAR", [(9, 5), (29, 5), (29, 19), (9, 19)], 4)])
    )
    contour = rois.ROIContourSequence[0].ContourSequence[0]
    contour.ContourImageSequence = [reference(enhanced, ReferencedFrameNumber=number)]
    (name,) = doors.shown(rois, "ect", **FILL)
    assert name == f"ect0-{number:04}"
    values, gray = study.dose_at(4), study.gray(4)[..., None]
    picture, _ = doors.drawn(
        enhanced, study.dose, frame=number, layer_style="outline", isodose="40Gy"
    )
    changed = (np.abs(picture - gray) > 0.6).any(axis=-1)
    known = np.isfinite(values)
    core = known & ~outline(known)
    line = outline(np.nan_to_num(values) >= 40)
    np.testing.assert_array_equal(changed[core], line[core])


def test_key_frames_and_marks_are_on_their_frames(doors, oblique_study, enhanced):
    keys = oblique_study.keys(enhanced)
    below = keys.ContentSequence[-1]
    below.ReferencedSOPSequence[0].ReferencedFrameNumber = [2, 5]
    assert sorted(doors.shown(keys, "ect")) == ["ect0-0002", "ect0-0005"]
    report = oblique_study.report(("CIRCLE", [20.5, 20.5, 28.5, 20.5], enhanced))
    image = report.ContentSequence[0].ContentSequence[0].ReferencedSOPSequence[0]
    image.ReferencedFrameNumber = 7
    (name,) = doors.shown(report, "ect")
    assert name == "ect0-0007"


@pytest.mark.parametrize("step", [-3.2, 3.2])
def test_reconstructed_counts_are_fused_by_place(doors, oblique_study, step):
    """Slices of NM are stacked in the direction of the sign of their spacing (PS3.3 C.8.4.15)."""
    values = oblique_study.rng.integers(0, 200, (6, 20, 18))
    spacing = (2.2, 2.5)
    corner = (CT.affine @ (0.5 if step < 0 else 6.9, -0.5, -0.7, 1))[:3]
    ds = dataset(f"{CLASS}20", "NM")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]
    ds.NumberOfFrames, ds.Rows, ds.Columns = values.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation = 15, 0
    ds.PixelSpacing, ds.SliceThickness, ds.SpacingBetweenSlices = list(spacing), 3.2, step
    ds.FrameIncrementPointer, ds.SliceVector = 0x00540080, [1, 2, 3, 4, 5, 6]
    orientation = CT.place["orientation"]
    ds.DetectorInformationSequence = [
        item(ImagePositionPatient=[f"{x:.6f}" for x in corner],
             ImageOrientationPatient=[f"{x:.8f}" for x in orientation])
    ]  # fmt: skip
    ds.FrameOfReferenceUID, ds.WindowCenter, ds.WindowWidth = FRAME_OF_REFERENCE, 100, 200
    ds.PixelData = values.astype("<u2").tobytes()
    source = affine(orientation, corner, spacing, step)
    for index in (2, 5):
        found = at(values, indices(CT.affine, CT.size, index, source))
        assert np.isfinite(found).sum() > 400
        level = linear(found, 99.5, 199)
        picture, _ = doors.drawn(oblique_study.ct[index], ds, layer_opacity=1,
                                 layer_palette="hot-metal-blue")  # fmt: skip
        assert_colours(picture, level, palette("hotmetalblue"))


def linear(values, centre, width):
    return np.clip((values - centre) / width + 0.5, 0, 1) * 255


def assert_colours(picture, level, colours):
    """Compare where values are known and no half of a level; the lowest is not painted."""
    level = np.nan_to_num(level)
    clear = (np.abs(level % 1 - 0.5) > 1e-3) & (level >= 0.5)
    assert clear.sum() > 50
    expected = colours[np.floor(level[clear] + 0.5).astype(int)]
    np.testing.assert_allclose(picture[clear], expected, atol=1)


def test_many_frames_lie_on_a_series_of_another_grid(doors, oblique_study, enhanced):
    study = oblique_study
    for index in (2, 4):
        found = at(study.ct_values, PT.inside(index, CT))
        picture, _ = doors.drawn(study.pt[index], enhanced, layer_opacity=1, layer_palette="pet",
                                 layer_window="40,400,linear-exact")  # fmt: skip
        assert_colours(picture, linear(found, 40, 400), palette("pet"))


def test_a_blending_state_may_be_of_some_frames(doors, oblique_study, enhanced):
    study, slices = oblique_study, slices_of(enhanced)
    state = dataset(f"{CLASS}11.4", "PR")
    state.BlendingSequence, state.RelativeOpacity = [], 0.3
    for position, references, ds in (
        ("UNDERLYING", [reference(enhanced, ReferencedFrameNumber=[2, 6])], enhanced),
        ("SUPERIMPOSED", [reference(each) for each in study.pt], study.pt[0]),
    ):
        listed = item(SeriesInstanceUID=ds.SeriesInstanceUID, ReferencedImageSequence=references)
        state.BlendingSequence.append(
            item(BlendingPosition=position, StudyInstanceUID=ds.StudyInstanceUID,
                 ReferencedSeriesSequence=[listed],
                 SoftcopyVOILUTSequence=[item(WindowCenter=100, WindowWidth=400)])
        )  # fmt: skip
    for name in ("Red", "Green", "Blue"):
        setattr(state, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 8])
        setattr(state, f"{name}PaletteColorLookupTableData", bytes(range(256)))
    found = doors.shown(state, "ect", "pt")
    assert sorted(found) == ["ect0-0002", "ect0-0006"]
    for number in (2, 6):
        index = slices[number - 1]
        known = np.isfinite(study.pt_at(index))
        over = linear(np.nan_to_num(study.pt_at(index)), 99.5, 399)
        under = linear(study.ct_values[index], 99.5, 399)
        expected = 0.3 * np.floor(over + 0.5) + 0.7 * under
        picture = found[f"ect0-{number:04}"][..., 0]
        np.testing.assert_allclose(picture[known], expected[known], atol=1.3)
