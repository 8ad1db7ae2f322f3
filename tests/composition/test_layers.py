"""Contours, dose, values and marks on images, against scikit-image, scipy and plain numpy."""

import numpy as np
import pydicom
import pytest
from scipy.interpolate import RegularGridInterpolator
from scipy.spatial.transform import Rotation
from skimage.draw import polygon2mask

import rendicom
from phantoms import (
    FRAME_OF_REFERENCE,
    PET,
    as_bytes,
    blended,
    dataset,
    dose,
    segmentation,
    series,
    structure_set,
)
from rendicom.composition.layer_options import LayerOptions
from rendicom.composition.value_map import ValueLayerOfSeries, members_of
from rendicom.errors import OptionError
from rendicom.rendering.layers import ColourBar, LegendRow
from rendicom.rendering.stages.layers import laid_out
from rendicom.rendering.typesetting import TextSize, width_of

SPACING, POSITION, STEP = (1.5, 0.75), (-12.0, 30.0, 9.0), -3.0
SHAPE = (5, 40, 60)
KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
FILL = rendicom.RenderOptions(layer_style="fill", layer_opacity=0.5)
MATRIX = Rotation.from_euler("zyx", (15, -25, 70), degrees=True).as_matrix()
ORIENTATION = (*MATRIX[:, 0], *MATRIX[:, 1])


def images(value=60):
    volume = np.full(SHAPE, value)
    return series(volume, orientation=ORIENTATION, position=POSITION, spacing=SPACING, step=STEP)


def in_patient(points, index):
    """Return x, y, z of columns and rows in slice ``index``."""
    points = np.asarray(points, float)
    place = np.multiply(ORIENTATION[:3], SPACING[1] * points[:, :1])
    place = place + np.multiply(ORIENTATION[3:], SPACING[0] * points[:, 1:])
    normal = np.cross(ORIENTATION[:3], ORIENTATION[3:])
    return place + POSITION + normal * STEP * index


def drawn(image, layer, options=FILL):
    instance = rendicom.open_instance(image)
    told = instance.render(1, options, "image/png", layers=[as_bytes(layer)])
    picture = instance.display(1, options, layers=[as_bytes(layer)])
    gray = np.repeat(instance.display(1)[..., np.newaxis], 3, axis=2)
    return picture, (picture != gray).any(axis=-1), told


# --- structure sets -------------------------------------------------------------------------


def star(middle, radius, points=9):
    angles = np.arange(points) * 4 * np.pi / points + 0.1
    radii = np.where(np.arange(points) % 2, radius, radius * 0.55)
    return np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, np.newaxis] + middle


@pytest.mark.parametrize("number", [0, -1, 65536, 2**31 - 1])
def test_a_region_of_any_number_has_a_color_of_its_own(number):
    made = images()
    contour = ("CLOSED_PLANAR", in_patient(star((30, 20), 12), 2), made[2])
    picture, changed, told = drawn(made[2], structure_set((number, "Odd", None, [contour])))
    assert changed.any()
    assert told.layers[0].items[0].number == number
    assert picture[changed].max() > 0


@pytest.mark.parametrize("refers", [True, False])
def test_contours_fill_the_pixels_whose_centers_they_enclose(refers):
    made = images()
    outer, inner = star((30.3, 19.7), 17), star((29.1, 20.2), 6)
    other = np.array([[2.2, 3.4], [20.8, 5.1], [11.3, 30.9]])
    second, third = (made[2], made[3]) if refers else (None, None)
    layer = structure_set(
        (7, "Ring", (250, 10, 20), [
            ("CLOSEDPLANAR_XOR", in_patient(outer, 2), second),
            ("CLOSEDPLANAR_XOR", in_patient(inner, 2), second),
        ]),
        (3, "Two", (0, 200, 90), [
            ("CLOSED_PLANAR", in_patient(other, 2), second),
            ("CLOSED_PLANAR", in_patient(np.add(other, (30, 4)), 2), second),
            ("CLOSED_PLANAR", in_patient(other, 3), third),
        ]),
    )  # fmt: skip

    def inside(points):
        return polygon2mask(SHAPE[1:], points[:, ::-1])

    ring = inside(outer) ^ inside(inner)
    two = inside(other) | inside(np.add(other, (30, 4)))
    picture, _, told = drawn(made[2], layer)
    gray = rendicom.open_instance(made[2]).display(1)
    expected = blended(gray, [((0, 200, 90), two * 0.5), ((250, 10, 20), ring * 0.5)])
    wrong = (np.abs(picture - expected) > 1.01).any(axis=-1)
    assert wrong.sum() <= 2  # centers on a line, by rounding
    assert [item.number for item in told.layers[0].items] == [3, 7]
    assert drawn(made[3], layer)[1].sum() == pytest.approx(inside(other).sum(), abs=1)
    assert not drawn(made[0], layer)[1].any()


def test_open_contours_and_points_are_drawn_whatever_the_style_says():
    made = images()
    layer = structure_set(
        (1, "Line", (255, 255, 0), [("OPEN_PLANAR", in_patient([[5, 10], [50, 10]], 1), None)]),
        (2, "Spot", None, [("POINT", in_patient([[20, 30]], 1), None)]),
        (3, "Bad", None, [("CLOSED_PLANAR", [[np.nan] * 3] * 3, None)]),
    )
    for style in ("fill", "outline"):
        picture, changed, told = drawn(made[1], layer, rendicom.RenderOptions(layer_style=style))
        assert changed[10, 6:50].all()
        assert changed[30, 20]
        assert not changed[:8].any()
        assert tuple(picture[10, 25]) == (255, 255, 0)
        assert "damaged" in told.warnings[0]


def test_a_contour_of_very_many_points_is_thinned():
    made = images()
    angles = np.linspace(0, 60 * np.pi, 60_000)
    spiral = np.column_stack([30 + 25 * np.cos(angles), 20 + 18 * np.sin(angles)])
    layer = structure_set((1, "Many", None, [("CLOSED_PLANAR", in_patient(spiral, 0), None)]))
    _, changed, _ = drawn(made[0], layer, rendicom.RenderOptions(layer_style="both"))
    assert changed[20, 5:55].any()


# --- dose -----------------------------------------------------------------------------------


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize("is_absolute", [False, True])
def test_dose_is_interpolated_in_patient_space(is_reversed, is_absolute):
    rng = np.random.default_rng(8)
    values = rng.integers(0, 60000, (6, 9, 11)).astype(float)
    z = 4.0 + 5.0 * np.arange(6)
    if is_reversed:
        z = z[::-1]
    offsets = z if is_absolute else z - z[0]
    layer = dose(values, offsets=offsets, position=(-20, -15, z[0]), spacing=(4, 3))
    image = series(np.full((1, 30, 28), 100), position=(-18.3, -13.1, 17.4), spacing=(1, 0.9))[0]
    order = np.argsort(z)
    field = RegularGridInterpolator(
        [z[order], -15 + 4.0 * np.arange(9), -20 + 3.0 * np.arange(11)], values[order] * 0.001
    )
    rows, columns = np.mgrid[:30, :28]
    gray_places = np.stack([np.full(rows.shape, 17.4), -13.1 + rows, -18.3 + 0.9 * columns], -1)
    expected = field(gray_places)
    _, changed, told = drawn(image, layer)
    clear = np.abs(expected - 0.15 * values.max() * 0.001) > 1e-6
    np.testing.assert_array_equal(changed[clear], (expected >= 0.15 * values.max() * 0.001)[clear])
    line = rendicom.RenderOptions(layer_style="outline", isodose=("30Gy", "50%"))
    _, changed, told = drawn(image, layer, line)
    for level in (30, 0.5 * values.max() * 0.001):
        inside = np.pad(expected >= level, 1)
        inner = inside[1:-1, 1:-1] & inside[:-2, 1:-1] & inside[2:, 1:-1]
        inner &= inside[1:-1, :-2] & inside[1:-1, 2:]
        assert changed[(expected >= level) & ~inner].all()
    assert [item.name for item in told.layers[0].items] == ["30Gy", "50%"]


def plan(*targets, uid):
    """Return a plan; ``targets`` are (type, dose in Gy or None)."""
    ds = dataset("1.2.840.10008.5.1.4.1.1.481.5", "RTPLAN")
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid
    ds.DoseReferenceSequence = []
    for kind, amount in targets:
        item = pydicom.Dataset()
        item.DoseReferenceStructureType, item.DoseReferenceType = "SITE", kind
        if amount is not None:
            item.TargetPrescriptionDose = amount
        ds.DoseReferenceSequence.append(item)
    return ds


def sloped_dose(refers_to=None):
    """Return a dose that rises by 1 Gy a column, from 0 to 59 Gy, and an image in its place."""
    values = np.broadcast_to(np.arange(60) * 1000, (2, 40, 60))
    layer = dose(values, offsets=(0, 5))
    if refers_to:
        reference = pydicom.Dataset()
        reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.5"
        reference.ReferencedSOPInstanceUID = refers_to
        layer.ReferencedRTPlanSequence = [reference]
    return layer, series(np.full((1, 40, 60), 100))[0]


def first_column_of_line(image, *layers):
    options = rendicom.RenderOptions(layer_style="outline", isodose=("50%",))
    instance = rendicom.open_instance(image)
    picture = instance.display(1, options, layers=[as_bytes(layer) for layer in layers])
    return np.flatnonzero((picture != 100).any(axis=(0, 2)))[0]


def test_per_cent_of_a_dose_are_of_the_prescription_of_a_plan_beside_it():
    layer, image = sloped_dose(refers_to="1.2.3.4")
    beside = plan(("ORGAN_AT_RISK", 58), ("TARGET", 24), ("TARGET", 40), uid="1.2.3.4")
    # Half of 59 Gy is reached in column 30, half of 40 Gy in column 20.
    assert first_column_of_line(image, layer) == 30
    assert first_column_of_line(image, layer, beside) == 20
    assert first_column_of_line(image, beside, layer) == 20


@pytest.mark.parametrize(
    ("refers_to", "targets", "said"),
    [
        ("1.2.3.4", [("TARGET", None), ("ORGAN_AT_RISK", 20)], "no Target Prescription Dose"),
        ("1.2.3.4", [("TARGET", 0)], "no Target Prescription Dose"),
        ("1.2.3.5", [("TARGET", 40)], "no layer is a dose"),
        (None, [("TARGET", 40)], "no layer is a dose"),
    ],
)
def test_a_plan_that_no_line_can_follow_is_refused(refers_to, targets, said):
    layer, image = sloped_dose(refers_to)
    with pytest.raises(OptionError, match=said):
        first_column_of_line(image, layer, plan(*targets, uid="1.2.3.4"))


def test_a_plan_in_a_folder_changes_no_line(tmp_path):
    layer, image = sloped_dose(refers_to="1.2.3.4")
    for name, ds in (("d.dcm", layer), ("p.dcm", plan(("TARGET", 40), uid="1.2.3.4"))):
        (tmp_path / name).write_bytes(as_bytes(ds))
    options = rendicom.RenderOptions(layer_style="outline", isodose=("50%",))
    picture = rendicom.open_instance(image).display(1, options, layers=[tmp_path])
    assert np.flatnonzero((picture != 100).any(axis=(0, 2)))[0] == 30


def test_a_bar_has_its_figures_or_is_left_out_with_a_warning():
    bar = ColourBar(np.full((9, 3), 200, np.uint8), "0", "59.94 Gy")
    names = tuple(LegendRow((1, 0, 0), "a name that is rather long") for _ in range(20))
    for side in (1, 20, 64, 92, 100, 128, 512, 3000):
        found = laid_out((bar, *names), side, side)
        bars = [row for row in found.rows if isinstance(row.entry, ColourBar)]
        assert bool(bars) == (side > 91)
        for row in found.rows:
            assert 0 <= row.top <= side - 2 * row.letter
            assert row.left + width_of(row.text, TextSize(row.letter)) <= side - row.letter
        for row in bars:
            assert row.text == "0 - 59.94 Gy"
            assert row.left >= 4 * row.letter
        assert bool(found.warning) == (len(found.rows) < 21)


def test_a_small_dose_says_that_its_bar_is_missing():
    values = np.full((3, 20, 20), 60000.0)
    layer = dose(values, offsets=(0, 2, 4))
    image = series(np.full((1, 30, 28), 100))[0]
    legend = rendicom.RenderOptions(legend=True, layer_style="fill")
    _, _, told = drawn(image, layer, legend)
    assert "legend is left out: the picture is too small" in told.warnings[0]
    larger = rendicom.RenderOptions(legend=True, layer_style="fill", scale=4)
    with rendicom.open_instance(image) as instance:
        assert instance.render(1, larger, layers=[as_bytes(layer)]).warnings == ()


# --- values ---------------------------------------------------------------------------------


def test_a_series_is_fused_by_its_window_and_a_well_known_palette(tmp_path):
    rng = np.random.default_rng(4)
    values = rng.integers(0, 400, (7, 12, 13))
    pets = series(values, position=(-25, -22, 3), spacing=(4, 3.5), step=-2, sop_class=PET)
    for index, ds in enumerate(pets):
        ds.ImagePositionPatient[2] = 3 - 2.0 * index
        ds.save_as(tmp_path / f"{9 - index}.dcm", enforce_file_format=True)
    image = series(np.full((1, 40, 36), 90), position=(-22.7, -20.2, -5.5))[0]
    options = rendicom.RenderOptions(layer_window=(200, 301), layer_palette="hot-iron")
    instance = rendicom.open_instance(image)
    picture = instance.display(1, options, layers=[tmp_path])
    field = RegularGridInterpolator(
        [np.sort(3 - 2.0 * np.arange(7)), -22 + 4.0 * np.arange(12), -25 + 3.5 * np.arange(13)],
        values[::-1].astype(float),
    )
    rows, columns = np.mgrid[:40, :36]
    found = field(np.stack([np.full(rows.shape, -5.5), -20.2 + rows, -22.7 + columns], -1))
    index = np.floor(np.clip((found - 199.5) / 300 + 0.5, 0, 1) * 255 + 0.5).astype(int)
    palette = pydicom.dcmread(HOT_IRON)
    hot = np.stack(
        [
            np.frombuffer(palette[f"{name}PaletteColorLookupTableData"].value, "<u2")
            if len(palette[f"{name}PaletteColorLookupTableData"].value) == 512
            else np.frombuffer(palette[f"{name}PaletteColorLookupTableData"].value, np.uint8)
            for name in ("Red", "Green", "Blue")
        ],
        -1,
    )
    gray = instance.display(1)
    colours = hot[index]
    share = (index > 0)[..., np.newaxis] * 0.4
    expected = share * colours + (1 - share) * gray[..., np.newaxis]
    np.testing.assert_allclose(picture, expected, atol=1.01)


@pytest.mark.parametrize(
    ("written", "name"),
    [("Hot Iron", "hot-iron"), ("HotIronPalette", "hot-iron"), ("HOT_METAL_BLUE", "hot-metal-blue"),
     ("PET20StepPalette", "pet-20-step"), ("1.2.840.10008.1.5.2", "pet"), (" winter ", "winter")],
)  # fmt: skip
def test_a_palette_is_named_as_in_dicom(written, name):
    assert rendicom.RenderOptions(layer_palette=written).layer_palette == name


@pytest.mark.parametrize("written", ["", "palette", "jet", "1.2.840.10008.1.5.9", "-"])
def test_no_other_palette_is_known(written):
    with pytest.raises(OptionError, match="is not one of hot-iron"):
        rendicom.RenderOptions(layer_palette=written)


HOT_IRON = pydicom.__path__[0] + "/data/palettes/hotiron.dcm"


def pet_slice(**attributes):
    ds = series(np.arange(64).reshape(1, 8, 8) * 400, sop_class=PET)[0]
    ds.Units, ds.CorrectedImage, ds.DecayCorrection = "BQML", ["DECY", "ATTN"], "START"
    ds.PatientWeight = "80"
    item = pydicom.Dataset()
    item.RadionuclideTotalDose, item.RadionuclideHalfLife = "3.0e8", "6586.2"
    item.RadiopharmaceuticalStartTime = "091230.5"
    ds.RadiopharmaceuticalInformationSequence = [item]
    for name, value in attributes.items():
        setattr(item if name.startswith("Radio") else ds, name, value)
    return ds


@pytest.mark.parametrize(
    ("attributes", "seconds"),
    [
        ({}, 3749.5),
        ({"DecayCorrection": "ADMIN"}, 0),
        ({"RadiopharmaceuticalStartDateTime": "20250101231500"}, 39600),
        ({"RadiopharmaceuticalStartTime": "231500"}, 39600),
        ({"SeriesTime": "111500"}, 3749.5),
    ],
)
def test_uptake_is_by_body_weight_and_decayed_dose(attributes, seconds):
    options = rendicom.RenderOptions(suv=True, values="modality")
    values = rendicom.open_instance(pet_slice(**attributes)).display(1, options)
    factor = 80000 / (3.0e8 * 2 ** (-seconds / 6586.2))
    np.testing.assert_allclose(values.ravel(), np.arange(64) * 400 * factor, rtol=1e-5)
    window = rendicom.RenderOptions(suv=True, window=(3, 4, "linear-exact"))
    gray = rendicom.open_instance(pet_slice(**attributes)).display(1, window)
    expected = np.clip((np.arange(64) * 400 * factor - 3) / 4 + 0.5, 0, 1) * 255
    np.testing.assert_allclose(gray.ravel(), expected, atol=0.51)


@pytest.mark.parametrize("missing", [
    {"PatientWeight": None}, {"PatientWeight": "0"}, {"CorrectedImage": ["ATTN"]},
    {"Units": "CNTS"}, {"DecayCorrection": "NONE"}, {"DecayCorrection": "FIRST"},
])  # fmt: skip
def test_without_what_an_uptake_is_made_of_there_is_none(missing):
    with pytest.raises(rendicom.OptionError, match="standardized uptake"):
        rendicom.open_instance(pet_slice(**missing)).display(1, rendicom.RenderOptions(suv=True))


def uptake(ds):
    """Return the uptake of one count."""
    values = rendicom.RenderOptions(suv=True, values="modality")
    return rendicom.open_instance(as_bytes(ds)).display(1, values)[7, 7] / (63 * 400)


def test_uptake_of_what_is_not_corrected_is_by_the_dose_left_at_its_time():
    plain = {"DecayCorrection": "NONE", "CorrectedImage": ["ATTN"], "AcquisitionTime": "102000"}
    for more, seconds in (({}, 3749.5 + 300), ({"FrameReferenceTime": "90500"}, 3749.5 + 90.5)):
        factor = 80000 / (3.0e8 * 2 ** (-seconds / 6586.2))
        assert uptake(pet_slice(**plain, **more)) == pytest.approx(factor, rel=1e-6)


def test_uptake_of_counts_is_by_the_factors_of_their_scanner():
    def counted(creator="Philips PET Private Group", **factors):
        ds = pet_slice(Units="CNTS")
        block = ds.private_block(0x7053, creator, create=True)
        for name, value in factors.items():
            block.add_new({"suv": 0x00, "activity": 0x09}[name], "DS", value)
        return ds

    of_activity = 80000 / (3.0e8 * 2 ** (-3749.5 / 6586.2))
    assert uptake(counted(suv="0.00125", activity="3.5")) == pytest.approx(0.00125, rel=1e-6)
    for factors in ({"activity": "3.5"}, {"suv": "0", "activity": "3.5"}):
        assert uptake(counted(**factors)) == pytest.approx(3.5 * of_activity, rel=1e-6)
    assert uptake(pet_slice(Units="GML", PatientWeight=None)) == 1
    for ds in (counted(), counted("SOMEONE", suv="0.00125")):
        with pytest.raises(rendicom.OptionError, match="standardized uptake"):
            uptake(ds)


def test_the_bar_of_a_series_has_the_unit_of_its_values():
    def bar_of(ds, **options):
        with rendicom.open_instance(ds) as pet:
            layer = ValueLayerOfSeries(members_of(pet, lambda: pet), "pet")
            shown = layer.shown(0, LayerOptions(**options))
            return *shown.ends, shown.unit

    assert bar_of(pet_slice(WindowCenter=None)) == ("0", "25200", "Bq/ml")
    assert bar_of(pet_slice(Units="HORSES"))[2] == "PT"
    factor = 80000 / (3.0e8 * 2 ** (-3749.5 / 6586.2))
    assert bar_of(pet_slice(WindowCenter=None), suv=True) == ("0", f"{25200 * factor:.4g}", "SUV")


# --- reports --------------------------------------------------------------------------------


def report(*marks, by_place=False):
    """Return a report; a mark is (type, numbers, image or None for patient space, frames)."""
    ds = dataset("1.2.840.10008.5.1.4.1.1.88.33", "SR")
    ds.ValueType, ds.ContentSequence = "CONTAINER", []
    library = pydicom.Dataset()
    library.ValueType, library.ContentSequence = "CONTAINER", []
    ds.ContentSequence.append(library)
    for kind, numbers, image, frames in marks:
        item = pydicom.Dataset()
        item.ValueType = "SCOORD" if image is not None else "SCOORD3D"
        item.GraphicType, item.GraphicData = kind, [float(x) for x in np.ravel(numbers)]
        if image is None:
            item.ReferencedFrameOfReferenceUID = FRAME_OF_REFERENCE
        else:
            reference, child = pydicom.Dataset(), pydicom.Dataset()
            reference.ReferencedSOPClassUID = image.SOPClassUID
            reference.ReferencedSOPInstanceUID = image.SOPInstanceUID
            if frames:
                reference.ReferencedFrameNumber = frames
            child.ValueType, child.ReferencedSOPSequence = "IMAGE", [reference]
            if by_place:
                library.ContentSequence.append(child)
                child = pydicom.Dataset()
                child.ReferencedContentItemIdentifier = [1, 1, len(library.ContentSequence)]
            child.RelationshipType = "SELECTED FROM"
            item.ContentSequence = [child]
        ds.ContentSequence.append(item)
    return ds


@pytest.mark.parametrize("by_place", [False, True])
@pytest.mark.parametrize(
    ("kind", "numbers", "on", "off"),
    [
        ("POINT", [20.5, 12.5], [(12, 20)], [(12, 30)]),
        ("MULTIPOINT", [20.5, 12.5, 40.5, 30.5], [(12, 20), (30, 40)], [(20, 30)]),
        ("POLYLINE", [5.5, 4.5, 30.5, 4.5, 30.5, 20.5], [(4, 15), (12, 30)], [(12, 15)]),
        ("CIRCLE", [30.5, 20.5, 40.5, 20.5], [(20, 40), (20, 20), (10, 30)], [(20, 30)]),
        ("ELLIPSE", [10.5, 20.5, 50.5, 20.5, 30.5, 12.5, 30.5, 28.5],
         [(20, 10), (20, 50), (12, 30), (28, 30)], [(20, 30)]),
    ],
)  # fmt: skip
def test_marks_lie_where_their_coordinates_say(by_place, kind, numbers, on, off):
    made = images()
    layer = report((kind, numbers, made[1], None), by_place=by_place)
    _, changed, told = drawn(made[1], layer)
    assert all(changed[place] for place in on)
    assert not any(changed[place] for place in off)
    assert told.layers[0].kind == "report"
    _, changed, told = drawn(made[2], layer)
    assert not changed.any()
    assert told.warnings == ("layer 1 is not drawn: it refers to other images only",)


@pytest.mark.parametrize("kind", ["report", "key objects"])
def test_what_refers_to_another_frame_of_the_image_is_left_out_without_a_word(kind):
    made = images()
    layer = report(("POINT", [20.5, 12.5], made[1], [2]))
    if kind == "key objects":
        layer.SOPClassUID = layer.file_meta.MediaStorageSOPClassUID = KEY_OBJECTS
    made[1].NumberOfFrames = 1
    _, changed, told = drawn(made[1], layer)
    assert not changed.any()
    assert (told.layers, told.warnings) == ((), ())
    _, _, told = drawn(made[0], layer)
    assert told.warnings == ("layer 1 is not drawn: it refers to other images only",)


def test_marks_in_patient_space_lie_in_the_slice_they_cut():
    made = images()
    box = in_patient([[10, 8], [40, 8], [40, 30], [10, 30]], 3)
    middle = in_patient([[30, 20]], 2)[0]
    normal = np.cross(ORIENTATION[:3], ORIENTATION[3:])
    axes = [np.multiply(ORIENTATION[:3], 9), np.multiply(ORIENTATION[3:], 9), normal * 5]
    ball = [middle + sign * axis for axis in axes for sign in (-1, 1)]
    layer = report(("POLYGON", box, None, None), ("ELLIPSOID", ball, None, None))
    changed = drawn(made[3], layer)[1]
    assert changed[8, 12:39].all()
    assert changed[10:29, 10].all()
    share = np.sqrt(1 - (3 / 5) ** 2)
    assert changed[20, round(30 + 9 * share / SPACING[1])]
    assert changed[round(20 - 9 * share / SPACING[0]), 30]
    changed = drawn(made[2], layer)[1]
    assert changed[20, 42]
    assert not changed[8, 12:25].any()
    assert not drawn(made[0], layer)[1].any()


def test_layers_lie_over_each_other_in_the_order_given():
    image = series(np.full((1, 16, 16), 50))[0]
    masks = np.ones((1, 16, 16), np.uint8)
    layers = [
        as_bytes(segmentation([image], masks, "BINARY", [colour], count=1))
        for colour in ((255, 0, 0), (0, 0, 255))
    ]
    instance = rendicom.open_instance(image)
    for order in (layers, layers[::-1]):
        picture = instance.display(1, FILL, layers=order)
        colours = [(255, 0, 0), (0, 0, 255)] if order is layers else [(0, 0, 255), (255, 0, 0)]
        expected = blended(instance.display(1), [(c, np.full((16, 16), 0.5)) for c in colours])
        np.testing.assert_allclose(picture, expected, atol=2)
    with pytest.raises(rendicom.OptionError, match="modality"):
        instance.display(1, rendicom.RenderOptions(values="modality"), layers=layers)
