"""Presentation states, key objects and reports of an oblique study, through both doors."""

import base64
import re
from io import BytesIO

import highdicom as hd
import numpy as np
import pytest
from PIL import Image
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid
from scipy.ndimage import shift
from skimage.draw import disk

from obliquestudy import CLASS, CT, item, reference, run, where
from patientspace import affine, at, indices, oblique
from phantoms import FRAME_OF_REFERENCE, dataset, series

MADE = {
    "manufacturer": "made", "manufacturer_model_name": "made", "software_versions": "1",
    "device_serial_number": "1", "instance_number": 1,
}  # fmt: skip


def new(number=12):
    uids = {"series_instance_uid": generate_uid(), "sop_instance_uid": generate_uid()}
    return {**MADE, **uids, "series_number": number}


def hot(level):
    return np.stack([np.minimum(2 * level, 255), np.maximum(2 * level - 255, 0), 0 * level], -1)


def linear(values, centre, width):
    """Return the LINEAR window of PS3.3 C.11.2.1.2, 0 to 255."""
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1) * 255


def tables(entries):
    return hd.PaletteColorLUTTransformation(*(
        hd.PaletteColorLUT(0, entries[:, n].astype(np.uint8), color=name)
        for n, name in enumerate(("red", "green", "blue"))
    ))  # fmt: skip


HOT = hot(np.arange(256))
GRAY = np.arange(256)[:, np.newaxis].repeat(3, 1)


def softcopy(centre, width):
    return hd.pr.SoftcopyVOILUTTransformation(window_center=centre, window_width=width)


# --- blending ---------------------------------------------------------------------------------


def superimposed(study, index):
    """Return the colors of the PET on a slice of the CT, and where they are known."""
    values = study.pt_at(index)
    level = linear(np.nan_to_num(values), 5200, 9000)
    return hot(np.floor(level + 0.5)), np.isfinite(values) & (np.abs(level % 1 - 0.5) > 1e-3)


@pytest.mark.parametrize("opacity", [0.35, 1.0])
def test_relative_opacity_is_that_of_the_superimposed_image(doors, oblique_study, opacity):
    study = oblique_study
    ds = dataset(f"{CLASS}11.4", "PR")
    ds.BlendingSequence, ds.RelativeOpacity = [], opacity
    for position, images, window, slope in (
        ("SUPERIMPOSED", study.pt, (5200, 9000), 12.5), ("UNDERLYING", study.ct, (20, 300), 1),
    ):  # fmt: skip
        listed = item(
            SeriesInstanceUID=images[0].SeriesInstanceUID,
            ReferencedImageSequence=[reference(each) for each in images],
        )
        ds.BlendingSequence.append(
            item(BlendingPosition=position, StudyInstanceUID=images[0].StudyInstanceUID,
                 ReferencedSeriesSequence=[listed], RescaleSlope=slope, RescaleIntercept=0,
                 RescaleType="US",
                 SoftcopyVOILUTSequence=[item(WindowCenter=window[0], WindowWidth=window[1])])
        )  # fmt: skip
    for element in tables(HOT).iterall():
        ds.add(element)
    found = doors.shown(ds, "ct", "pt")
    assert sorted(found) == [f"ct{index}" for index in range(8)]
    for index in (1, 4, 6):
        colours, known = superimposed(study, index)
        assert known.sum() > 400
        under = linear(study.ct_values[index], 20, 300)[..., None]
        expected = opacity * colours + (1 - opacity) * under
        np.testing.assert_allclose(found[f"ct{index}"][known], expected[known], atol=1.1)


def advanced(study, order, mode="FOREGROUND", opacity=0.3):
    """Return an advanced blending state by highdicom: input 1 is the CT, 2 the PET in colors."""
    inputs = [
        hd.pr.AdvancedBlending(referenced_images=images, blending_input_number=number,
                               voi_lut_transformations=[softcopy(*window)],
                               palette_color_lut_transformation=palette)
        for number, images, window, palette in (
            (1, study.ct, (20, 300), tables(GRAY)), (2, study.pt, (5200, 9000), tables(HOT)),
        )
    ]  # fmt: skip
    display = hd.pr.BlendingDisplay(
        blending_mode=mode, relative_opacity=opacity if mode == "FOREGROUND" else None,
        blending_display_inputs=[hd.pr.BlendingDisplayInput(number) for number in order],
    )  # fmt: skip
    return hd.pr.AdvancedBlendingPresentationState(
        referenced_images=[*study.ct, *study.pt], blending=inputs, blending_display=[display],
        content_label="BLEND", **new(),
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["FOREGROUND", "EQUAL"])
def test_advanced_blending_weighs_the_first_input(doors, oblique_study, mode):
    study = oblique_study
    found = doors.shown(advanced(study, (1, 2), mode), "ct", "pt")
    share = 0.3 if mode == "FOREGROUND" else 0.5
    for index in (1, 5):
        colours, known = superimposed(study, index)
        under = linear(study.ct_values[index], 20, 300)[..., None]
        expected = share * under + (1 - share) * colours
        np.testing.assert_allclose(found[f"ct{index}"][known], expected[known], atol=1.6)
        beside = np.isnan(study.pt_at(index)) & _far_from_pet(study, index)
        np.testing.assert_allclose(found[f"ct{index}"][beside],
                                   under[beside].repeat(3, -1), atol=0.6)  # fmt: skip


def test_an_image_without_another_is_shown_alone(doors, oblique_study):
    study = oblique_study
    beside = CT.affine[:3, :3] @ (30, 0, 0)
    far = series(study.ct_values[:1], **CT.place | {"position": CT.affine[:3, 3] + beside})
    doors.add(far, "far")
    state = advanced(study, (1, 2))
    state.AdvancedBlendingSequence[0].ReferencedImageSequence.append(reference(far[0]))
    found = doors.shown(state, "ct", "pt", "far")
    assert sorted(found) == [*(f"ct{index}" for index in range(8)), "far0"]
    expected = linear(study.ct_values[0], 20, 300)
    np.testing.assert_allclose(found["far0"][..., 0], expected, atol=0.6)


def test_one_input_is_blended_with_nothing(doors, oblique_study):
    found = doors.shown(advanced(oblique_study, (1,), "EQUAL"), "ct")
    assert sorted(found) == [f"ct{index}" for index in range(8)]
    expected = linear(oblique_study.ct_values[3], 20, 300)
    np.testing.assert_allclose(found["ct3"][..., 0], expected, atol=0.6)


def _far_from_pet(study, index):
    from obliquestudy import PT

    places = CT.inside(index, PT)
    last = np.array(PT.shape)[:, None, None] - 1
    return ((places < -0.6) | (places > last + 0.6)).any(axis=0)


# --- states of one image ----------------------------------------------------------------------


def test_a_grayscale_state_alone_is_as_its_own_option(doors, oblique_study):
    study = oblique_study
    state = hd.pr.GrayscaleSoftcopyPresentationState(
        referenced_images=[study.ct[2], study.ct[6]], content_label="GRAY",
        voi_lut_transformations=[softcopy(-30, 220)], **new(),
    )  # fmt: skip
    found = doors.shown(state, "ct", "pt")
    assert sorted(found) == ["ct2", "ct6"]
    for index in (2, 6):
        expected = linear(study.ct_values[index], -30, 220)
        np.testing.assert_allclose(found[f"ct{index}"][..., 0], expected, atol=0.6)
    target = doors.folder / "own.png"
    run(["convert", doors.path(study.ct[2]), target, "--presentation-state", doors.path(state)])
    np.testing.assert_array_equal(np.asarray(Image.open(target)), found["ct2"][..., 0])


def angiogram(values):
    ds = dataset(f"{CLASS}12.1", "XA")
    ds.NumberOfFrames, ds.Rows, ds.Columns = values.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelIntensityRelationship, ds.RecommendedViewingMode = "LIN", "NAT"
    ds.PixelData = values.astype("<u2").tobytes()
    return ds


@pytest.mark.parametrize(
    ("operation", "masks"),
    [
        ({"MaskOperation": "AVG_SUB", "MaskFrameNumbers": [1, 3], "ApplicableFrameRange": [4, 7]},
         {4: (1, 3), 7: (1, 3), 8: ()}),
        ({"MaskOperation": "TID", "TIDOffset": 3, "ApplicableFrameRange": [4, 5, 7, 8]},
         {4: (1,), 6: (), 8: (5,)}),
        # MFN = (FCFN - offset) - (CFN - FCFN), FCFN the first frame of the first pair.
        ({"MaskOperation": "REV_TID", "TIDOffset": 1, "ApplicableFrameRange": [4, 5, 6, 6]},
         {4: (3,), 5: (2,), 6: (1,), 7: ()}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("moved", [None, (1.25, -0.5)])
def test_masks_are_subtracted(doors, oblique_study, operation, masks, moved):
    values = oblique_study.rng.integers(900, 1400, (8, 30, 26))
    image = angiogram(values)
    state = dataset(f"{CLASS}11.5", "PR")
    state.ReferencedSeriesSequence = [
        item(SeriesInstanceUID=image.SeriesInstanceUID, ReferencedImageSequence=[reference(image)])
    ]
    made = item(**operation)
    if moved:
        made.MaskSubPixelShift = list(moved)
    state.MaskSubtractionSequence, state.RecommendedViewingMode = [made], "SUB"
    state.SoftcopyVOILUTSequence = [item(WindowCenter=10, WindowWidth=700)]
    doors.add([image], f"xa{doors.path(state).stem}")
    found = doors.shown(state, doors.path(image).parent)
    for number, frames in masks.items():
        mask = np.mean([values[each - 1] for each in frames] or [0 * values[0]], axis=0)
        if moved:
            mask = shift(mask.astype(float), moved, order=1, mode="nearest")
        difference = values[number - 1] - mask
        (picture,) = (p for name, p in found.items() if name.endswith(f"-{number:04}"))
        inner = (slice(3, -3), slice(3, -3))
        np.testing.assert_allclose(picture[..., 0][inner], linear(difference, 10, 700)[inner],
                                   atol=1.1)  # fmt: skip


# --- planes through the volume ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("thickness", "method"), [(0, ""), (4.0, "MAXIMUM_IP"), (3.0, "AVERAGE_IP")]
)
def test_a_plane_through_the_oblique_volume(doors, oblique_study, thickness, method):
    study, axes = oblique_study, oblique(70, 10, -30)
    middle = (CT.affine @ (3.5, 21, 27, 1))[:3]
    size, corner = (10.5, 14.0), middle - np.multiply(axes[:3], 7) - np.multiply(axes[3:], 5.25)
    state = dataset(f"{CLASS}11.6", "PR")
    state.FrameOfReferenceUID = FRAME_OF_REFERENCE
    state.VolumetricPresentationStateInputSequence = [
        item(VolumetricPresentationInputNumber=1, PresentationInputType="VOLUME", Crop="NO",
             ReferencedImageSequence=[reference(ds) for ds in study.ct],
             SoftcopyVOILUTSequence=[item(WindowCenter=20, WindowWidth=300)])
    ]  # fmt: skip
    state.MultiPlanarReconstructionStyle = "PLANAR"
    state.MPRThicknessType = "SLAB" if thickness else "THIN"
    if thickness:
        state.MPRSlabThickness, state.RenderingMethod = thickness, method
    state.MPRTopLeftHandCorner = list(corner)
    state.MPRViewWidthDirection, state.MPRViewHeightDirection = list(axes[:3]), list(axes[3:])
    state.MPRViewHeight, state.MPRViewWidth = size
    (picture,) = doors.shown(state, "ct").values()
    shape = (15, 20)
    assert picture.shape[:2] == shape
    first = corner + np.multiply(axes[:3], 0.35) + np.multiply(axes[3:], 0.35)
    count = max(1, int(np.ceil(thickness / 0.7)))
    offsets = (np.arange(count) + 0.5) / count * thickness - thickness / 2
    normal = np.cross(axes[:3], axes[3:])
    planes = [
        at(study.ct_values, indices(affine(axes, first + normal * offset, (0.7, 0.7), 1), shape, 0,
                                    CT.affine))
        for offset in offsets
    ]  # fmt: skip
    joined = {"MAXIMUM_IP": np.max}.get(method, np.mean)(planes, axis=0)
    known = np.isfinite(joined)
    assert known.sum() > 100
    np.testing.assert_allclose(picture[..., 0][known], linear(joined, 20, 300)[known], atol=0.6)


# --- key objects and reports ------------------------------------------------------------------


def test_key_objects_are_their_images_and_small_pictures_on_a_page(doors, oblique_study):
    study = oblique_study
    keys = study.keys(study.ct[5], study.ct[1])
    found = doors.shown(keys, "ct", "pt")
    assert sorted(found) == ["ct1", "ct5"]
    for index in (1, 5):
        np.testing.assert_allclose(found[f"ct{index}"][..., 0], study.gray(index), atol=0.51)
    page = doors.folder / "keys.html"
    run(["convert", doors.path(keys), page, "--on", doors.folder / "ct"])
    answer = doors.server.get(where(keys, "/rendered"), "text/html")
    assert answer.status_code == 200
    small = re.findall('<img src="data:image/jpeg;base64,([^"]+)"', page.read_text("utf-8"))
    assert len(small) == 2
    for text, index in zip(small, (5, 1), strict=True):
        picture = np.asarray(Image.open(BytesIO(base64.b64decode(text))).convert("L"), float)
        assert np.abs(picture - study.gray(index)).mean() < 25


def test_marks_lie_where_their_graphics_say(doors, oblique_study):
    study = oblique_study
    flat = study.report(
        ("CIRCLE", [28.5, 22.5, 36.5, 22.5], study.ct[2]),
        ("POINT", [6.5, 38.5], study.ct[2]),
        ("POLYLINE", [45.5, 5.5, 52.5, 5.5, 52.5, 15.5], study.ct[2]),
        ("ELLIPSE", [5.5, 10.5, 15.5, 10.5, 10.5, 6.5, 10.5, 14.5], study.ct[2]),
        ("MULTIPOINT", [48.5, 30.5, 50.5, 40.5], study.ct[4]),
    )
    found = doors.shown(flat, "ct", "pt")
    assert sorted(found) == ["ct2", "ct4"]

    def changed(picture, index):
        return (np.abs(picture - study.gray(index)[..., None]) > 1).any(axis=-1)

    on = changed(found["ct2"], 2)
    for row, column in ((22, 36), (22, 20), (14, 28), (30, 28), (38, 6), (5, 49), (10, 52),
                        (10, 5), (10, 15), (6, 10), (14, 10)):  # fmt: skip
        assert on[row, column]
    allowed = np.zeros(CT.size, bool)
    allowed[disk((22, 28), 10.6, shape=CT.size)] = True
    allowed[disk((22, 28), 5.4, shape=CT.size)] = False
    allowed[35:42, 3:10] = allowed[3:8, 43:56] = allowed[3:18, 50:56] = True
    allowed[3:18, 2:19] = True
    assert not on[~allowed].any()
    on = changed(found["ct4"], 4)
    assert on[30, 48]
    assert on[40, 50]
    _, said = doors.drawn(study.ct[3], flat)
    assert "other images only" in said
    one, _ = doors.drawn(study.ct[2], flat, layer_items="2")
    assert changed(one, 2)[38, 6]
    assert not changed(one, 2)[:34].any()


def test_marks_in_the_patient_are_on_the_slices_they_cut(doors, oblique_study):
    study = oblique_study
    box = CT.xyz([[10, 8], [40, 8], [40, 30], [10, 30]], 6)
    middle = CT.xyz([[30, 20]], 3)[0]
    axes = [CT.affine[:3, 2] / 0.7 * 9, CT.affine[:3, 1] / 1.3 * 9, CT.affine[:3, 0] / 2.5 * 4]
    ball = [middle + sign * axis for axis in axes for sign in (-1, 1)]
    ring = [middle + sign * axis for axis in axes[:2] for sign in (-1, 1)]
    placed = study.report(("POLYGON", box, None), ("ELLIPSOID", ball, None))
    found = doors.shown(placed, "ct", "pt", by_place=True)
    names = [name for name in found if name.startswith("ct")]
    assert names == ["ct2", "ct3", "ct4", "ct6"]
    radius = 9 * np.sqrt(1 - (2.5 / 4) ** 2)
    for name, size in (("ct3", 9.0), ("ct2", radius)):
        on = (np.abs(found[name] - study.gray(int(name[2]))[..., None]) > 1).any(axis=-1)
        for sign in (-1, 1):
            assert on[20, round(30 + sign * size / 0.7)]
            assert on[round(20 + sign * size / 1.3), 30]
        assert not on[18:23, 26:35].any()
    on = (np.abs(found["ct6"] - study.gray(6)[..., None]) > 1).any(axis=-1)
    assert on[8, 10:41].all()
    assert on[8:31, 40].all()
    flat = study.report(("ELLIPSE", ring, None))
    found = doors.shown(flat, "ct", "pt", by_place=True)
    assert [name for name in found if name.startswith("ct")] == ["ct3"]


def measured_regions(image):
    """Return a TID 1500 report by highdicom: a circle and a triangle, and one in the patient."""
    for name, value in (("PatientBirthDate", ""), ("PatientSex", "O"), ("AccessionNumber", "")):
        setattr(image, name, value)
    source = hd.sr.SourceImageForRegion.from_source_image(image)
    placed = CT.xyz([[40, 30], [50, 30], [50, 40], [40, 30]], 2)
    regions = [
        hd.sr.ImageRegion("CIRCLE", np.array([[28.5, 22.5], [36.5, 22.5]]), source),
        hd.sr.ImageRegion("POLYLINE", np.array([[5.5, 5.5], [15.5, 5.5], [15.5, 15.5], [5.5, 5.5]]),
                          source),
        hd.sr.ImageRegion3D("POLYGON", placed, FRAME_OF_REFERENCE),
    ]  # fmt: skip
    groups = [
        hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=hd.sr.TrackingIdentifier(uid=generate_uid(), identifier=name),
            referenced_region=region, finding_type=codes.SCT.Neoplasm,
        )
        for name, region in zip(("Round", "Edgy", "Placed"), regions, strict=True)
    ]  # fmt: skip
    person = hd.sr.PersonObserverIdentifyingAttributes(name="Doe^J")
    observer = hd.sr.ObserverContext(codes.DCM.Person, person)
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_person_context=observer),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion, imaging_measurements=groups,
    )  # fmt: skip
    made = {
        name: value for name, value in new(3).items() if name[:6] in ("series", "sop_in", "instan")
    }
    return hd.sr.Comprehensive3DSR(evidence=[image], content=report[0], manufacturer="made", **made)


def test_regions_of_a_measurement_report_are_chosen_by_number_or_tracking_name(
    doors, oblique_study
):
    image, gray = oblique_study.ct[2], oblique_study.gray(2)[..., None]
    report = measured_regions(image)
    places = {"1": (22, 36), "2": (5, 10), "3": (30, 45)}
    for asked, seen in ((None, "123"), ("2", "2"), ("round,placed", "13"), ("3,Edgy", "23")):
        options = {} if asked is None else {"layer_items": asked}
        picture, said = doors.drawn(image, report, **options)
        changed = (np.abs(picture - gray) > 1).any(axis=-1)
        assert not said
        assert "".join(n for n, place in places.items() if changed[place]) == seen
    _, said = doors.drawn(image, report, layer_items="nobody")
    assert "none of its marks is requested" in said
    plain, _ = doors.drawn(image, report, scale=5)
    labelled, _ = doors.drawn(image, report, scale=5, layer_labels=True)
    assert (plain != labelled).any()
