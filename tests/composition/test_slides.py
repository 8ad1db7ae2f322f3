"""Layers on tiles of a slide: by the place in the matrix, or on the slide."""

import highdicom as hd
import numpy as np
import pytest
from pydicom.uid import generate_uid
from skimage.draw import polygon2mask

import rendicom
from brokenparts import part as item
from phantoms import as_bytes, database_closed, dataset, segments

SLIDE, SPACE = "1.2.840.10008.5.1.4.1.1.77.1.6", generate_uid()
TILE, MATRIX = 16, (28, 40)  # rows, columns of the whole: 2 x 3 tiles
FILL = rendicom.RenderOptions(layer_style="fill", layer_opacity=0.5)
RED = (200, 30, 60)


def slide(matrix=MATRIX, spacing=0.5e-3):
    """Return a slide whose tiles are all of one gray."""
    ds = dataset(SLIDE, "SM")
    across, down = -(-matrix[1] // TILE), -(-matrix[0] // TILE)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = SPACE, "SLIDE_CORNER"
    ds.Rows = ds.Columns = TILE
    ds.TotalPixelMatrixRows, ds.TotalPixelMatrixColumns = matrix
    ds.TotalPixelMatrixFocalPlanes = 1
    ds.TotalPixelMatrixOriginSequence = [
        item(XOffsetInSlideCoordinateSystem=20, YOffsetInSlideCoordinateSystem=40)
    ]
    ds.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    ds.ContainerIdentifier, ds.SpecimenDescriptionSequence = "1", []
    ds.ContainerTypeCodeSequence, ds.IssuerOfTheContainerIdentifierSequence = [], []
    specimen = item(SpecimenIdentifier="1", SpecimenUID=generate_uid())
    specimen.SpecimenPreparationSequence, specimen.IssuerOfTheSpecimenIdentifierSequence = [], []
    ds.SpecimenDescriptionSequence = [specimen]
    ds.DimensionOrganizationType, ds.NumberOfOpticalPaths = "TILED_FULL", 1
    ds.OpticalPathSequence = [item(OpticalPathIdentifier="1")]
    measures = item(PixelSpacing=[spacing, spacing], SliceThickness=1e-3)
    ds.SharedFunctionalGroupsSequence = [item(PixelMeasuresSequence=[measures])]
    ds.NumberOfFrames = across * down
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation, ds.WindowCenter, ds.WindowWidth = 0, 128, 256
    ds.PixelData = bytes([60]) * (across * down * TILE * TILE)
    return ds


def changed_in_matrix(ds, layer, options=FILL):
    """Return which pixels of the whole a layer changes, tile by tile."""
    matrix = ds.TotalPixelMatrixRows, ds.TotalPixelMatrixColumns
    across, down = -(-matrix[1] // TILE), -(-matrix[0] // TILE)
    whole = np.zeros((down * TILE, across * TILE), bool)
    instance = rendicom.open_instance(as_bytes(ds))
    for number in range(across * down):
        picture = instance.display(number + 1, options, layers=[as_bytes(layer)])
        row, column = number // across * TILE, number % across * TILE
        whole[row : row + TILE, column : column + TILE] = (picture != 60).any(axis=-1)
    return whole[: matrix[0], : matrix[1]]


def masks():
    whole = np.zeros(MATRIX, np.uint8)
    whole[10:22, 13:35] = np.random.default_rng(2).integers(0, 2, (12, 22))
    return whole


def tiled_segmentation(source, kind):
    made = hd.seg.Segmentation(
        source_images=[source], pixel_array=masks()[np.newaxis], segmentation_type=kind,
        segment_descriptions=segments(1, [RED]), series_instance_uid=generate_uid(),
        series_number=2, sop_instance_uid=generate_uid(), instance_number=1, manufacturer="made",
        manufacturer_model_name="made", software_versions="1", device_serial_number="1",
        tile_pixel_array=True,
    )  # fmt: skip
    return database_closed(made)


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
@pytest.mark.parametrize("refers", [True, False])
def test_masks_lie_on_the_tiles_they_were_made_of(kind, refers):
    source = slide()
    seg = tiled_segmentation(source, kind)
    if not refers:
        for group in seg.PerFrameFunctionalGroupsSequence:
            if "DerivationImageSequence" in group:
                del group.DerivationImageSequence
    np.testing.assert_array_equal(changed_in_matrix(source, seg), masks() > 0)


def test_masks_lie_on_another_level_by_the_place_on_the_slide():
    """The center of a coarse pixel c is that of the fine pixel 2c, as both begin there."""
    seg = tiled_segmentation(slide(), "BINARY")
    coarse = slide((14, 20), 1e-3)
    np.testing.assert_array_equal(changed_in_matrix(coarse, seg), masks()[::2, ::2] > 0)


def annotations(source, kind, arrays, **more):
    group = hd.ann.AnnotationGroup(
        number=1, uid=generate_uid(), label="cells",
        annotated_property_category=hd.sr.CodedConcept("91723000", "SCT", "Structure"),
        annotated_property_type=hd.sr.CodedConcept("84640000", "SCT", "Nucleus"),
        graphic_type=kind, graphic_data=arrays,
        algorithm_type=hd.ann.AnnotationGroupGenerationTypeValues.MANUAL,
        display_color=hd.color.CIELabColor.from_rgb(*RED),
    )  # fmt: skip
    return hd.ann.MicroscopyBulkSimpleAnnotations(
        source_images=[source], annotation_groups=[group], series_instance_uid=generate_uid(),
        series_number=5, sop_instance_uid=generate_uid(), instance_number=1, manufacturer="made",
        manufacturer_model_name="made", software_versions="1", device_serial_number="1",
        annotation_coordinate_type=more.get("coordinates", "2D"),
    )  # fmt: skip


POLYGONS = [
    np.array([[12.2, 8.3], [30.4, 9.1], [25.7, 24.6]]),
    np.array([[1.3, 2.2], [6.8, 2.4], [5.1, 9.3], [2.2, 8.8]]),
]


@pytest.mark.parametrize("coordinates", ["2D", "3D"])
def test_polygons_cross_the_borders_of_tiles(coordinates):
    """Coordinates of the matrix begin at the corner of its first pixel, those of a slide do not."""
    source, arrays = slide(), POLYGONS
    if coordinates == "3D":
        arrays = [
            np.column_stack([20 - (p[:, 1] - 0.5) * 5e-4, 40 - (p[:, 0] - 0.5) * 5e-4, p[:, 0] * 0])
            for p in POLYGONS
        ]
    layer = annotations(source, "POLYGON", arrays, coordinates=coordinates)
    expected = np.zeros(MATRIX, bool)
    for points in POLYGONS:
        expected |= polygon2mask(MATRIX, points[:, ::-1] - 0.5)
    np.testing.assert_array_equal(changed_in_matrix(source, layer), expected)


def test_points_and_ellipses_lie_where_they_are_said_to():
    source = slide()
    points = [np.array([[x, y]]) for x, y in ((3.5, 4.5), (20.5, 20.5))]
    found = changed_in_matrix(source, annotations(source, "POINT", points))
    assert found[4, 3]
    assert found[20, 20]
    assert not found[:, 28:].any()
    ellipse = [np.array([[8.5, 14.5], [32.5, 14.5], [20.5, 8.5], [20.5, 20.5]])]
    found = changed_in_matrix(source, annotations(source, "ELLIPSE", ellipse))
    rows, columns = np.mgrid[:28, :40]
    inside = ((columns - 20) / 12) ** 2 + ((rows - 14) / 6) ** 2
    assert found[inside < 0.9].all()
    assert not found[inside > 1.1].any()
    lines = rendicom.RenderOptions(layer_style="outline")
    rim = changed_in_matrix(source, annotations(source, "ELLIPSE", ellipse), lines)
    assert rim[14, 8]
    assert not rim[14, 20]


def test_tiles_beside_an_annotation_say_nothing_of_it():
    source = slide()
    layer = as_bytes(annotations(source, "POLYGON", POLYGONS[1:]))
    instance = rendicom.open_instance(as_bytes(source))
    told = [instance.render(number, layers=[layer]) for number in range(1, 7)]
    assert [bool(each.layers) for each in told] == [True, *[False] * 5]
    assert not any(each.warnings for each in told)


def test_annotations_of_another_slide_are_left_out_with_a_warning():
    layer = annotations(slide(), "POLYGON", POLYGONS)
    told = rendicom.open_instance(as_bytes(slide())).render(1, layers=[as_bytes(layer)])
    assert told.layers == ()
    assert "other images" in told.warnings[0]


def test_marks_of_a_report_may_be_in_the_whole_matrix():
    source = slide()
    report = dataset("1.2.840.10008.5.1.4.1.1.88.33", "SR")
    reference = item(ReferencedSOPClassUID=SLIDE, ReferencedSOPInstanceUID=source.SOPInstanceUID)
    image = item(ValueType="IMAGE", ReferencedSOPSequence=[reference])
    line = item(
        ValueType="SCOORD", GraphicType="POLYLINE", GraphicData=[2.5, 20.5, 37.5, 20.5],
        PixelOriginInterpretation="VOLUME", ContentSequence=[image],
    )  # fmt: skip
    report.ValueType, report.ContentSequence = "CONTAINER", [line]
    found = changed_in_matrix(source, report)
    assert found[20, 3:37].all()
    assert not found[:18].any()
    told = rendicom.open_instance(as_bytes(source)).render(1, layers=[as_bytes(report)])
    assert told.layers == told.warnings == ()


def tiled(values):
    """Return the pixels of a whole, tile after tile."""
    rows, columns = (-(-each // TILE) * TILE for each in values.shape)
    whole = np.zeros((rows, columns), np.uint8)
    whole[: values.shape[0], : values.shape[1]] = values
    parts = whole.reshape(rows // TILE, TILE, columns // TILE, TILE)
    return parts.transpose(0, 2, 1, 3).tobytes()


def test_values_of_several_tiles_lie_side_by_side_on_one():
    # Three pixels of the image are two of the map: its first tile ends within a tile of the image.
    coarse = np.full((19, 27), 100)
    coarse[:, TILE:] = 200
    maps = []
    for values in (coarse, np.full_like(coarse, 100), np.full_like(coarse, 200)):
        ds = slide(coarse.shape, 0.75e-3)
        ds.PixelData = tiled(values)
        maps.append(as_bytes(ds))
    base = rendicom.open_instance(as_bytes(slide()))
    for tile in (1, 2, 3):
        left = (tile - 1) * TILE
        width, seam = min(MATRIX[1] - left, TILE), min(max(24 - left, 0), TILE)
        picture, low, high = (
            base.display(tile, rendicom.RenderOptions(layer_opacity=1.0), layers=[each])[:, :width]
            for each in maps
        )
        assert (low != high).any(axis=-1).all()
        np.testing.assert_array_equal(picture[:, :seam], low[:, :seam])
        np.testing.assert_array_equal(picture[:, seam:], high[:, seam:])


def at_two_heights(ds, is_sparse):
    """Return a slide with two focal planes, two micrometers apart."""
    across, down = (-(-each // TILE) for each in reversed(MATRIX))
    ds.TotalPixelMatrixFocalPlanes, ds.NumberOfFrames = 2, 2 * across * down
    ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = 2e-3
    if is_sparse:
        ds.DimensionOrganizationType = "TILED_SPARSE"
        ds.PerFrameFunctionalGroupsSequence = [
            item(PlanePositionSlideSequence=[item(
                ColumnPositionInTotalImagePixelMatrix=column * TILE + 1,
                RowPositionInTotalImagePixelMatrix=row * TILE + 1,
                XOffsetInSlideCoordinateSystem=20 - row * TILE * 0.5e-3,
                YOffsetInSlideCoordinateSystem=40 - column * TILE * 0.5e-3,
                ZOffsetInSlideCoordinateSystem=2 * height,
            )])
            for height in range(2) for row in range(down) for column in range(across)
        ]  # fmt: skip
    return ds


def labels(low, high=None, *, is_sparse=False):
    """Return a label map of a slide, of one focal plane or two."""
    ds = slide() if high is None else at_two_heights(slide(), is_sparse)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.7"
    ds.Modality, ds.SegmentationType = "SEG", "LABELMAP"
    ds.SegmentSequence = [item(SegmentNumber=1, SegmentLabel="Part")]
    ds.PixelData = b"".join(tiled(each) for each in (low, high) if each is not None)
    return ds


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("how", ["one plane", "two planes", "two sparse planes"])
def test_masks_lie_on_the_focal_plane_they_were_made_of(is_sparse, how):
    low = masks()
    high = np.roll(low[::-1], 3, axis=1)
    image = at_two_heights(slide(), is_sparse)
    image.PixelData = bytes([60]) * (image.NumberOfFrames * TILE * TILE)
    if how == "one plane":
        seg, expected = labels(low), (low, low)
    else:
        seg, expected = labels(low, high, is_sparse="sparse" in how), (low, high)
    instance = rendicom.open_instance(as_bytes(image))
    layers = rendicom.open_layers([as_bytes(seg)])
    count = image.NumberOfFrames // 2
    for height in range(2):
        for number in range(count):
            picture = instance.display(1 + height * count + number, FILL, layers=layers)
            row, column = divmod(number, 3)
            mask = np.zeros((2 * TILE, 3 * TILE), bool)
            mask[: MATRIX[0], : MATRIX[1]] = expected[height] > 0
            own = mask[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
            np.testing.assert_array_equal((picture != 60).any(axis=-1), own)
