"""What lies on an oblique image, through the command and a server, by numpy, scipy, skimage."""

import highdicom as hd
import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from skimage.draw import polygon2mask

from obliquestudy import CT, DOSE, PT, item, outline, palette, reference
from phantoms import FRAME_OF_REFERENCE, blended

FILL = {"layer_style": "fill"}
COLOURS = ((213, 40, 90), (10, 160, 255), (90, 200, 60))


def overlapping():
    """Return three masks that overlap, the first with a hole; the last slice is empty."""
    masks = np.zeros((*CT.shape, 3), np.uint8)
    masks[:-1, 4:30, 6:40, 0], masks[:-1, 8:14, 10:22, 0] = 1, 0
    masks[:-1, 10:36, 3:25, 1] = 1
    masks[2:4, 2:12, 2:50, 2] = 1
    return masks


def star(middle, radius, points=11):
    angles = np.arange(points) * 4 * np.pi / points + 0.1
    radii = np.where(np.arange(points) % 2, radius, radius * 0.6)
    return np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, np.newaxis] + middle


def inside(points):
    return polygon2mask(CT.size, np.asarray(points)[:, ::-1])


# --- masks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_segments_lie_over_each_other_by_number(doors, oblique_study, kind):
    study, masks = oblique_study, overlapping()
    amounts = masks.astype(float)
    if kind == "FRACTIONAL":
        amounts *= np.array([0.8, 0.4, 0.55])
        made = study.segmentation(amounts, kind, COLOURS, count=3, max_fractional_value=200)
    elif kind == "LABELMAP":
        amounts[..., 0][(masks[..., 1] | masks[..., 2]) > 0] = 0
        amounts[..., 1][masks[..., 2] > 0] = 0
        made = study.segmentation(amounts.astype(np.uint8), kind, COLOURS, count=3)
    else:
        made = study.segmentation(masks, kind, COLOURS, count=3)
    for index, opacity in ((0, 0.4), (2, 0.75)):
        picture, _ = doors.drawn(study.ct[index], made, layer_opacity=opacity, **FILL)
        shares = [(c, opacity * amounts[index, ..., n]) for n, c in enumerate(COLOURS)]
        np.testing.assert_allclose(picture, blended(study.gray(index), shares), atol=2)
    both, _ = doors.drawn(study.ct[2], made)
    expected = study.gray(2)[..., np.newaxis].repeat(3, 2)
    for number, colour in enumerate(COLOURS):
        share = 0.4 * amounts[2, ..., number][..., np.newaxis]
        expected = share * np.array(colour) + (1 - share) * expected
        expected[outline(amounts[2, ..., number] > 0)] = colour
    np.testing.assert_allclose(both, expected, atol=2)
    named = doors.shown(made, "ct", **FILL)
    assert sorted(named) == [f"ct{index}" for index in range(7)]


def test_padding_and_background_of_a_label_map_are_not_painted(doors, oblique_study):
    labels = np.zeros(CT.shape, np.uint8)
    labels[:, 5:20, 5:30], labels[:, 25:30, 5:30], labels[:, 35:40] = 1, 2, 3
    made = oblique_study.segmentation(labels, "LABELMAP", COLOURS, count=3)
    made.PixelPaddingValue = 2
    picture, _ = doors.drawn(oblique_study.ct[4], made, **FILL)
    shares = [(COLOURS[n - 1], 0.4 * (labels[4] == n)) for n in (1, 3)]
    np.testing.assert_allclose(picture, blended(oblique_study.gray(4), shares), atol=2)
    _, said = doors.drawn(oblique_study.ct[4], made, layer_items="9,nobody")
    assert "requested" in said


def test_masks_on_an_image_of_another_grid_are_of_the_nearest_voxel(doors, oblique_study):
    masks = oblique_study.rng.integers(0, 2, (*CT.shape, 1)).astype(np.uint8)
    made = oblique_study.segmentation(masks, "BINARY", COLOURS[:1], count=1)
    for index in (0, 1, 3, 6):
        places = PT.inside(index, CT)
        found = map_coordinates(masks[..., 0], np.round(places), order=0) > 0
        # Between two slices, or two pixels, both are nearest.
        clear = np.abs(places % 1 - 0.5).min(axis=0) > 1e-3
        gray = doors.drawn(oblique_study.pt[index])[0]
        picture, _ = doors.drawn(oblique_study.pt[index], made, layer_opacity=1, **FILL)
        painted = (picture != gray).any(axis=-1)
        np.testing.assert_array_equal(painted[clear], found[clear])
        assert found[clear].any()


@pytest.mark.parametrize("refers", [True, False])
def test_empty_slices_between_others_stay_empty(doors, oblique_study, refers):
    """Writers leave out empty frames, and Spacing Between Slices is optional."""
    masks = np.zeros((*CT.shape, 1), np.uint8)
    masks[1::2, 5:20, 9:30] = 1
    made = oblique_study.segmentation(masks, "BINARY", COLOURS[:1], count=1)
    del made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices
    if not refers:
        for frame in made.PerFrameFunctionalGroupsSequence:
            del frame.DerivationImageSequence
    found = doors.shown(made, "ct", by_place=not refers)
    assert sorted(found) == ["ct1", "ct3", "ct5", "ct7"]
    square = [(9, 5), (29, 5), (29, 19), (9, 19)]
    contours = [("CLOSED_PLANAR", square, index) for index in (1, 3, 5, 7)]
    rois = oblique_study.structures((1, "A", (1, 2, 250), contours), refers=refers)
    listed = item(SeriesInstanceUID=oblique_study.ct[0].SeriesInstanceUID,
                  ContourImageSequence=[reference(ds) for ds in oblique_study.ct])  # fmt: skip
    study = item(RTReferencedSeriesSequence=[listed])
    rois.ReferencedFrameOfReferenceSequence = [
        item(FrameOfReferenceUID=FRAME_OF_REFERENCE, RTReferencedStudySequence=[study])
    ]
    found = doors.shown(rois, "ct", by_place=not refers)
    assert sorted(found) == ["ct1", "ct3", "ct5", "ct7"]


# --- contours ---------------------------------------------------------------------------------


@pytest.mark.parametrize("refers", [True, False])
def test_contours_of_all_kinds(doors, oblique_study, refers):
    outer, hole, other = star((28.3, 21.7), 19), star((27.6, 22.2), 8), star((8.2, 9.1), 6.4)
    line = [(40.0, 3.0), (53.0, 3.0), (53.0, 20.0)]
    made = oblique_study.structures(
        (9, "Ring", COLOURS[0], [("CLOSEDPLANAR_XOR", outer, 3), ("CLOSEDPLANAR_XOR", hole, 3)]),
        (2, "Blob", COLOURS[1], [("CLOSED_PLANAR", other, 3), ("CLOSED_PLANAR", other, 4)]),
        (5, "Line", COLOURS[2], [("OPEN_PLANAR", line, 3)]),
        (6, "Dot", (255, 255, 0), [("POINT", [(50, 38)], 3)]),
        refers=refers,
    )  # fmt: skip
    image, gray = oblique_study.ct[3], oblique_study.gray(3)
    ring, blob = inside(outer) ^ inside(hole), inside(other)
    picture, _ = doors.drawn(image, made, **FILL)
    expected = blended(gray, [(COLOURS[1], blob * 0.4), (COLOURS[0], ring * 0.4)])
    drawn = np.zeros(CT.size, bool)
    drawn[1:6, 38:56] = drawn[1:23, 51:56] = drawn[35:42, 47:54] = True
    np.testing.assert_allclose(picture[~drawn], expected[~drawn], atol=2)
    np.testing.assert_allclose(picture[3, 42:52], np.full((10, 3), COLOURS[2]), atol=2)
    np.testing.assert_allclose(picture[38, 50], (255, 255, 0), atol=2)
    lines, _ = doors.drawn(image, made)
    changed = (np.abs(lines - gray[..., None]) > 1).any(axis=-1)
    deep = ring & ~outline(ring) & ~outline(ring & ~outline(ring))
    assert not changed[deep & ~drawn].all()
    for points in (outer, hole, other):
        columns, rows = np.round(points).astype(int).T
        assert changed[rows, columns].all()
    one, said = doors.drawn(image, made, layer_items="2, ring", **FILL)
    np.testing.assert_allclose(one, expected, atol=2)
    assert not said
    found = doors.shown(made, "ct", "pt", by_place=not refers, **FILL)
    assert [name for name in found if name.startswith("ct")] == ["ct3", "ct4"]
    assert len(found) == 2 or not refers
    np.testing.assert_array_equal(found["ct3"], picture)


def test_items_are_for_all_layers_and_a_layer_without_one_says_so(doors, oblique_study):
    masks = overlapping()
    seg = oblique_study.segmentation(masks, "BINARY", COLOURS, count=3)
    rois = oblique_study.structures(
        (7, "Blob", (1, 250, 9), [("CLOSED_PLANAR", star((20, 20), 9), 2)])
    )
    image = oblique_study.ct[2]
    picture, said = doors.drawn(image, seg, rois, layer_items="part 3,1", **FILL)
    shares = [(COLOURS[n], 0.4 * masks[2, ..., n]) for n in (0, 2)]
    np.testing.assert_allclose(picture, blended(oblique_study.gray(2), shares), atol=2)
    assert "none of its regions is requested" in said
    picture, said = doors.drawn(image, seg, rois, layer_items="blob", **FILL)
    shares = [((1, 250, 9), 0.4 * inside(star((20, 20), 9)))]
    np.testing.assert_allclose(picture, blended(oblique_study.gray(2), shares), atol=2)
    assert "none of its segments is requested" in said
    each, _ = doors.drawn(image, seg, rois, layer_opacity="0.3,0.8", layer_items="2;7", **FILL)
    shares = [(COLOURS[1], 0.3 * masks[2, ..., 1]), ((1, 250, 9), 0.8 * inside(star((20, 20), 9)))]
    np.testing.assert_allclose(each, blended(oblique_study.gray(2), shares), atol=2)


def test_what_has_no_color_gets_one_of_its_own(doors, oblique_study):
    masks = np.zeros((*CT.shape, 3), np.uint8)
    squares = [(slice(2, 8), slice(5 + 15 * n, 12 + 15 * n)) for n in range(3)]
    for number, square in enumerate(squares):
        masks[(slice(None), *square, number)] = 1
    seg = oblique_study.segmentation(masks, "BINARY", None, count=3)
    corners = [(5, 20), (15, 20), (15, 35), (5, 35)]
    rois = oblique_study.structures(
        *((number, "R", None, [("CLOSED_PLANAR", np.add(corners, (15 * number - 15, 0)), 2)])
          for number in (1, 2, 3))
    )  # fmt: skip
    for made, centers in (
        (seg, [(5, 8), (5, 23), (5, 38)]),
        (rois, [(28, 10), (28, 25), (28, 40)]),
    ):
        picture, _ = doors.drawn(oblique_study.ct[2], made, layer_opacity=1, **FILL)
        colours = [tuple(picture[place]) for place in centers]
        assert len(set(colours)) == 3
        assert all(max(colour) - min(colour) > 60 for colour in colours)


# --- dose -------------------------------------------------------------------------------------


def wash(values, most):
    stops = np.array([(0, 0, 160), (0, 80, 255), (0, 220, 220), (0, 200, 0), (240, 240, 0),
                      (255, 130, 0), (255, 0, 0)])  # fmt: skip
    return np.stack([np.interp(values / most, np.linspace(0, 1, 7), c) for c in stops.T], -1)


def test_dose_is_a_wash_and_lines_where_it_lies(doors, oblique_study):
    study, most = oblique_study, 63.21
    for index in (1, 4):
        gray, values = study.gray(index), study.dose_at(index)
        known = np.isfinite(values)
        washed = known & (values >= 0.15 * most)
        assert washed.sum() > 300
        picture, _ = doors.drawn(study.ct[index], study.dose, **FILL)
        expected = 0.4 * wash(np.nan_to_num(values), most) + 0.6 * gray[..., None]
        np.testing.assert_allclose(picture[washed], expected[washed], atol=1.6)
        # Half a voxel around the grid has the values of its rim.
        places = CT.inside(index, DOSE)
        low, high = np.zeros(3), np.array(DOSE.shape) - 1
        far = ((places < low[:, None, None] - 0.6) | (places > high[:, None, None] + 0.6)).any(0)
        none = far | (known & (values < 0.15 * most - 1e-6))
        np.testing.assert_allclose(picture[none], gray[none][:, None].repeat(3, 1), atol=0.51)
        lines, _ = doors.drawn(
            study.ct[index], study.dose, layer_style="outline", isodose="35Gy,50%"
        )
        changed = (np.abs(lines - gray[..., None]) > 0.6).any(axis=-1)
        rims = [outline(np.nan_to_num(values) >= level) for level in (50 / 100 * most, 35)]
        core = known & ~outline(known)
        np.testing.assert_array_equal(changed[core], (rims[0] | rims[1])[core])
        over = core & rims[1]
        np.testing.assert_allclose(lines[over], wash(np.full(over.sum(), 35), most), atol=1)


def test_a_legend_has_a_bar_from_blue_to_red(doors, oblique_study):
    options = {"layer_style": "fill", "scale": 5}
    plain, _ = doors.drawn(oblique_study.ct[4], oblique_study.dose, **options)
    legend, _ = doors.drawn(oblique_study.ct[4], oblique_study.dose, legend=True, **options)
    rows, columns = np.nonzero((plain != legend).any(axis=-1))
    assert rows.min() > plain.shape[0] / 2
    middle = legend[np.median(rows).astype(int)]
    bar = middle[columns.min() : columns.min() + 40]
    np.testing.assert_allclose(bar[0], (0, 0, 160), atol=1)
    reds = np.flatnonzero((np.abs(middle - (255, 0, 0)) <= 1).all(axis=-1))
    assert reds.size
    assert reds[0] > columns.min() + 10


def test_a_dose_alone_is_the_slice_of_its_maximum(doors, oblique_study):
    found = doors.shown(oblique_study.dose)
    (picture,) = found.values()
    values = oblique_study.dose_values[4] * 1e-3
    washed = values >= 0.15 * 63.21
    np.testing.assert_allclose(picture[washed], wash(values, 63.21)[washed], atol=1)
    assert not picture[~washed].any()


# --- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [None, (3.0, 5.0)])
@pytest.mark.parametrize("named", ["hot-iron", "1.2.840.10008.1.5.1"])
def test_pet_is_fused_by_place_in_uptake(doors, oblique_study, window, named):
    study, options = oblique_study, {"suv": True, "layer_palette": named}
    centre, width = (
        (5000 * study.suv_factor, 10000 * study.suv_factor) if window is None else window
    )
    if window is not None:
        options["layer_window"] = "3,5,linear-exact"
    for index in (1, 5):
        values = study.pt_at(index) * study.suv_factor
        known = np.isfinite(values)
        assert known.sum() > 500
        entry = np.clip((np.nan_to_num(values) - centre) / width + 0.5, 0, 1) * 255
        picture, _ = doors.drawn(study.ct[index], study.pt[0], layer_opacity=0.7, **options)
        colours = palette("hotiron")[np.floor(entry + 0.5).astype(int)]
        share = 0.7 * (np.floor(entry + 0.5) > 0)[..., None]
        expected = share * colours + (1 - share) * study.gray(index)[..., None]
        edge = np.abs(entry % 1 - 0.5) < 1e-3
        np.testing.assert_allclose(picture[known & ~edge], expected[known & ~edge], atol=1.6)


def test_pet_itself_has_windows_in_uptake(doors, oblique_study):
    picture, _ = doors.drawn(oblique_study.pt[2], suv=True, window="2,4,linear-exact")
    values = oblique_study.pt_values[2] * 12.5 * oblique_study.suv_factor
    expected = np.clip((values - 2) / 4 + 0.5, 0, 1) * 255
    np.testing.assert_allclose(picture[..., 0], expected, atol=0.6)


def window_of(centre, width):
    return hd.VOILUTTransformation(window_center=centre, window_width=width)


def test_a_parametric_map_is_shown_by_its_palette(doors, oblique_study):
    ramp = np.arange(256)
    channels = [np.minimum(2 * ramp, 255), np.maximum(2 * ramp - 255, 0), 255 - ramp]
    tables = [
        hd.PaletteColorLUT(0, c.astype(np.uint8), color=n)
        for c, n in zip(channels, ("red", "green", "blue"), strict=True)
    ]
    transformation = hd.PaletteColorLUTTransformation(*tables)
    values = oblique_study.rng.integers(0, 256, CT.shape).astype(np.uint8)
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="1", lut_explanation="x", unit=hd.sr.CodedConcept("1", "UCUM", "none"),
        value_range=(0, 255), lut_data=np.arange(256) * 2.0,
    )  # fmt: skip
    made = oblique_study.parametric(values, transformation, real_world_value_mappings=[mapping],
                                    voi_lut_transformations=[window_of(128, 256)])  # fmt: skip
    assert made.PixelPresentation == "COLOR_RANGE"
    own = np.array(oblique_study.ct[5].ImagePositionPatient, float)
    places = [f.PlanePositionSequence[0].ImagePositionPatient
              for f in made.PerFrameFunctionalGroupsSequence]  # fmt: skip
    (number,) = np.flatnonzero([np.allclose(np.array(p, float), own) for p in places])
    table = np.stack(channels, -1)
    alone, _ = doors.drawn(made, frame=number + 1)
    np.testing.assert_array_equal(alone, table[values[5]])
    over, _ = doors.drawn(oblique_study.ct[5], made)
    share = 0.4 * (values[5] > 0)[..., None]
    expected = share * table[values[5]] + (1 - share) * oblique_study.gray(5)[..., None]
    np.testing.assert_allclose(over, expected, atol=1.6)
    window, _ = doors.drawn(oblique_study.ct[5], made, layer_window="100,50,linear-exact")
    entry = np.floor(np.clip((values[5] - 100.0) / 50 + 0.5, 0, 1) * 255 + 0.5).astype(int)
    share = 0.4 * (entry > 0)[..., None]
    expected = share * table[entry] + (1 - share) * oblique_study.gray(5)[..., None]
    np.testing.assert_allclose(window, expected, atol=1.6)


@pytest.mark.parametrize(("centre", "width"), [(1.0, 2.0), (0.5, 1.0), (0.4, 0.3)])
def test_fractional_values_have_the_whole_width_of_their_window(
    doors, oblique_study, centre, width
):
    """LINEAR, the default of integers, would narrow it by 1."""
    values = oblique_study.rng.uniform(0, 2, CT.shape).astype(np.float32)
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="1", lut_explanation="x", unit=hd.sr.CodedConcept("1", "UCUM", "none"),
        value_range=(0.0, 4.0), slope=1.0, intercept=0.0,
    )  # fmt: skip
    made = oblique_study.parametric(values, real_world_value_mappings=[mapping],
                                    voi_lut_transformations=[window_of(centre, width)])  # fmt: skip
    level = np.clip((values - centre) / width + 0.5, 0, 1) * 255
    for number, frame in enumerate(made.PerFrameFunctionalGroupsSequence, 1):
        place = [*map(float, frame.PlanePositionSequence[0].ImagePositionPatient), 1]
        if round((np.linalg.inv(CT.affine) @ place)[0]) == 3:
            alone, _ = doors.drawn(made, frame=number)
    np.testing.assert_allclose(alone[..., 0], level[3], atol=0.51)
    over, _ = doors.drawn(oblique_study.ct[3], made, layer_opacity=1)
    clear = (np.abs(level[3] % 1 - 0.5) > 1e-3) & (level[3] >= 0.5)
    colours = palette("hotiron")[np.floor(level[3][clear] + 0.5).astype(int)]
    np.testing.assert_allclose(over[clear], colours, atol=1)
