"""Objects that are about images, turned round: the images they are about (``--on``)."""

import base64
import re
import zipfile
from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import generate_uid

import rendicom
from brokenparts import reference
from phantoms import PET, as_bytes, blended, dataset, key_objects, segmentation, series
from rendicom.cli.main import main


def run(*arguments, status=0):
    """Run the command as a program does, in this process."""
    words = [str(each) for each in arguments]
    in_folder = any(word.endswith("/") for word in words)
    assert main([*words, *(("--engine", "inline") if in_folder else ())]) == status


def pictures(folder):
    return {path.stem: np.asarray(Image.open(path).convert("RGB")) for path in folder.glob("*.png")}


@pytest.fixture
def study(tmp_path):
    """Return a folder with a CT of six slices, a PET on it, and the data sets of both."""
    ct = series(np.random.default_rng(1).integers(0, 256, (6, 24, 24)), position=(-12, -12, 0))
    values = np.random.default_rng(2).integers(0, 300, (6, 12, 12))
    pet = series(values, position=(-11.5, -11.5, 0), spacing=(2, 2), sop_class=PET)
    for name, images in (("ct", ct), ("pt", pet)):
        (tmp_path / "study").mkdir(exist_ok=True)
        for index, ds in enumerate(images):
            if sop_class_of(ds) == PET:
                ds.RescaleSlope = 2
            path = tmp_path / "study" / f"{name}{index}.dcm"
            path.write_bytes(as_bytes(ds))
    return tmp_path, ct, pet


def sop_class_of(ds):
    return str(ds.SOPClassUID)


def test_a_segmentation_gives_pictures_of_the_images_it_has_something_on(study):
    folder, ct, _ = study
    masks = np.zeros((6, 24, 24), np.uint8)
    masks[2:4, 5:9, 6:20] = 1
    seg = folder / "seg.dcm"
    seg.write_bytes(as_bytes(segmentation(ct, masks, "BINARY", [(255, 0, 0)], count=1)))
    options = ("--format", "png", "--layer-style", "fill")
    run("convert", seg, f"{folder}/out/", "--on", folder / "study", *options)
    found = pictures(folder / "out")
    assert sorted(found) == ["ct2", "ct3"]
    gray = rendicom.open_instance(ct[2]).display(1)
    np.testing.assert_allclose(
        found["ct2"], blended(gray, [((255, 0, 0), masks[2] * 0.4)]), atol=1.01
    )
    run("convert", folder / "study" / "ct2.dcm", folder / "one.png", "--layer", seg, *options[2:])
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "one.png")), found["ct2"])


def test_pixels_of_images_without_a_picture_are_not_read(study):
    folder, ct, _ = study
    masks = np.zeros((6, 24, 24), np.uint8)
    masks[2, 5:9, 6:20] = 1
    seg = folder / "seg.dcm"
    seg.write_bytes(as_bytes(segmentation(ct, masks, "BINARY", [(255, 0, 0)], count=1)))
    damaged = folder / "study" / "ct0.dcm"
    damaged.write_bytes(damaged.read_bytes()[:-300])
    arguments = ("--format", "png", "--strict")
    run("convert", damaged, folder / "refused.png", "--strict", status=1)
    run("convert", seg, f"{folder}/out/", "--on", folder / "study", *arguments)
    assert sorted(pictures(folder / "out")) == ["ct2"]


def test_archives_and_addresses_are_refused_where_files_and_folders_are_meant(study, capsys):
    folder, _, _ = study
    image, packed = folder / "study" / "ct0.dcm", folder / "all.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(image, "ct0.dcm")
    run("convert", image, f"{folder}/out/", "--on", packed, status=2)
    run("convert", packed, f"{folder}/out/", "--on", folder / "study", status=2)
    run("convert", image, folder / "out.png", "--layer", packed, status=2)
    said = capsys.readouterr().err
    assert said.count("all.zip is an archive: unpack it") == 3
    run("convert", image, f"{folder}/out/", "--on", "https://example.org/dicomweb", status=2)
    assert "only local files and folders" in capsys.readouterr().err


def test_a_key_object_selection_gives_the_images_selected(study):
    folder, ct, _ = study
    ko = key_objects([ct[1], ct[4]])
    (folder / "ko.dcm").write_bytes(as_bytes(ko))
    run("convert", folder / "ko.dcm", f"{folder}/out/", "--on", folder / "study", "--format", "png")
    found = pictures(folder / "out")
    assert sorted(found) == ["ct1", "ct4"]
    gray = rendicom.open_instance(ct[4]).display(1)
    np.testing.assert_array_equal(found["ct4"][..., 0], gray)


def test_the_page_of_a_key_object_selection_has_small_pictures(study):
    folder, ct, _ = study
    ct[4].BurnedInAnnotation = "YES"
    (folder / "study" / "ct4.dcm").write_bytes(as_bytes(ct[4]))
    missing = series(np.zeros((1, 4, 4)))[0]
    ko = key_objects([ct[1], ct[4], missing])
    (folder / "ko.dcm").write_bytes(as_bytes(ko))
    run("convert", folder / "ko.dcm", folder / "ko.html", "--on", folder / "study")
    page = (folder / "ko.html").read_text("utf-8")
    (found,) = re.findall('<img src="data:image/jpeg;base64,([^"]+)"', page)
    shown = np.asarray(Image.open(BytesIO(base64.b64decode(found))))
    gray = rendicom.open_instance(ct[1]).display(1)
    assert np.abs(shown.astype(int) - gray).mean() < 20
    run("convert", folder / "ko.dcm", folder / "study", f"{folder}/pages/", "--format", "html")
    assert (folder / "pages" / "ko.html").read_text("utf-8") == page
    run("convert", folder / "ko.dcm", folder / "bare.html")
    assert "<img" not in (folder / "bare.html").read_text("utf-8")


def test_a_report_of_places_gives_the_slices_they_are_in(study):
    folder, ct, _ = study
    sr = dataset("1.2.840.10008.5.1.4.1.1.88.34", "SR")
    item = pydicom.Dataset()
    item.ValueType, item.GraphicType = "SCOORD3D", "POINT"
    item.GraphicData = [float(x) for x in ct[2].ImagePositionPatient]
    item.ReferencedFrameOfReferenceUID = ct[0].FrameOfReferenceUID
    sr.ValueType, sr.ContentSequence = "CONTAINER", [item]
    (folder / "sr.dcm").write_bytes(as_bytes(sr))
    run("convert", folder / "sr.dcm", f"{folder}/out/", "--on", folder / "study", "--format", "png")
    assert sorted(pictures(folder / "out")) == ["ct2", "pt2"]


def voi(center, width):
    item = pydicom.Dataset()
    item.WindowCenter, item.WindowWidth = center, width
    return item


def hot(ds):
    ramp = np.arange(256)
    channels = {"Red": np.minimum(2 * ramp, 255), "Green": np.maximum(2 * ramp - 255, 0),
                "Blue": np.zeros(256)}  # fmt: skip
    for name, values in channels.items():
        setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        data = (values * 257).astype("<u2").tobytes()
        setattr(ds, f"{name}PaletteColorLookupTableData", data)
    return ds


@pytest.mark.parametrize("is_advanced", [False, True])
def test_blending_follows_the_formula_of_the_standard(study, is_advanced):
    folder, ct, pet = study
    number = 8 if is_advanced else 4
    state = dataset(f"1.2.840.10008.5.1.4.1.1.11.{number}", "PR")
    inputs = []
    for images, window in ((ct, (100, 150)), (pet, (260, 400))):
        item, one = pydicom.Dataset(), pydicom.Dataset()
        item.StudyInstanceUID = images[0].StudyInstanceUID
        item.SoftcopyVOILUTSequence = [voi(*window)]
        item.BlendingInputNumber = len(inputs) + 1
        one.SeriesInstanceUID = images[0].SeriesInstanceUID
        one.ReferencedImageSequence = [reference(ds) for ds in images]
        if is_advanced:
            item.ReferencedImageSequence = one.ReferencedImageSequence
        else:
            item.BlendingPosition = "SUPERIMPOSED" if images is pet else "UNDERLYING"
            item.ReferencedSeriesSequence = [one]
        inputs.append(item)
    if is_advanced:
        inputs[1].PaletteColorLookupTableSequence = [hot(pydicom.Dataset())]
        display = pydicom.Dataset()
        display.BlendingMode, display.RelativeOpacity = "FOREGROUND", 0.3
        display.BlendingDisplayInputSequence = [pydicom.Dataset(), pydicom.Dataset()]
        for place, item in enumerate(display.BlendingDisplayInputSequence, 1):
            item.BlendingInputNumber = place
        state.AdvancedBlendingSequence, state.BlendingDisplaySequence = inputs, [display]
    else:
        hot(state)
        state.BlendingSequence, state.RelativeOpacity = inputs, 0.3
    (folder / "pr.dcm").write_bytes(as_bytes(state))
    run("convert", folder / "pr.dcm", f"{folder}/out/", "--on", folder / "study", "--format", "png")
    found = pictures(folder / "out")
    assert sorted(found) == [f"ct{index}" for index in range(6)]
    share = 0.7 if is_advanced else 0.3
    for index in (0, 3):
        stored = pet[index].pixel_array.astype(float) * 2
        # A pixel of the CT lies a quarter of a PET pixel beside the center of the nearest one.
        places = np.clip((np.arange(24) - 0.5) / 2, 0, 11)
        low = np.minimum(places.astype(int), 10)
        part = places - low
        rows = stored[low] * (1 - part)[:, None] + stored[low + 1] * part[:, None]
        values = rows[:, low] * (1 - part) + rows[:, low + 1] * part
        level = np.floor(np.clip((values - 259.5) / 399 + 0.5, 0, 1) * 255 + 0.5)
        colours = np.stack([np.minimum(2 * level, 255), np.maximum(2 * level - 255, 0), 0 * level])
        under = np.clip((ct[index].pixel_array - 99.5) / 149 + 0.5, 0, 1) * 255
        expected = share * colours + (1 - share) * under
        np.testing.assert_allclose(found[f"ct{index}"].transpose(2, 0, 1), expected, atol=1.01)


def test_a_presentation_state_is_shown_as_with_its_own_option(study):
    folder, ct, _ = study
    state = dataset("1.2.840.10008.5.1.4.1.1.11.1", "PR")
    one = pydicom.Dataset()
    one.SeriesInstanceUID = ct[0].SeriesInstanceUID
    one.ReferencedImageSequence = [reference(ct[3])]
    state.ReferencedSeriesSequence, state.SoftcopyVOILUTSequence = [one], [voi(80, 90)]
    state.PresentationLUTShape = "INVERSE"
    (folder / "pr.dcm").write_bytes(as_bytes(state))
    run("convert", folder / "pr.dcm", f"{folder}/out/", "--on", folder / "study", "--format", "png")
    image = folder / "study" / "ct3.dcm"
    run("convert", image, folder / "own.png", "--presentation-state", folder / "pr.dcm")
    assert [path.name for path in (folder / "out").glob("*.png")] == ["ct3.png"]
    assert (folder / "out" / "ct3.png").read_bytes() == (folder / "own.png").read_bytes()


def test_images_that_are_nowhere_are_named(study, capsys):
    folder = study[0]
    elsewhere = series(np.zeros((1, 4, 4)), frame_of_reference=generate_uid())
    seg = segmentation(elsewhere, np.ones((1, 4, 4), np.uint8), "BINARY", [(9, 9, 9)], count=1)
    (folder / "seg.dcm").write_bytes(as_bytes(seg))
    run("convert", folder / "seg.dcm", f"{folder}/out/", "--on", folder / "study", status=1)
    assert elsewhere[0].SOPInstanceUID in capsys.readouterr().err


def test_a_source_that_gives_no_picture_is_no_fault_of_the_command(study, capsys):
    folder = study[0]
    (folder / "text.dcm").write_bytes(b"no DICOM at all")
    (folder / "plan.dcm").write_bytes(as_bytes(dataset("1.2.840.10008.5.1.4.1.1.481.5", "RTPLAN")))
    for source, said in (("absent", "no such file"), ("text", "not DICOM"), ("plan", "be drawn")):
        file = folder / f"{source}.dcm"
        run("convert", file, f"{folder}/out/", "--on", folder / "study", status=1)
        told = capsys.readouterr().err
        assert f"{source}.dcm: " in told
        assert said in told
        assert "--help" not in told
    run("convert", folder / "plan.dcm", f"{folder}/out/", "--on", folder / "nowhere", status=2)
    assert "nowhere does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("is_report", [False, True])
def test_objects_that_name_each_other_in_a_circle_are_refused(study, is_report, capfd):
    """Neither shows an image: each refers to the other, and an item of a report to itself."""
    folder, ct, _ = study
    sop_class = f"1.2.840.10008.5.1.4.1.1.88.{33 if is_report else 59}"
    first, second = (dataset(sop_class, "SR" if is_report else "KO") for _ in range(2))
    for own, other in ((first, second), (second, first)):
        image, mark = pydicom.Dataset(), pydicom.Dataset()
        image.ValueType, image.ReferencedSOPSequence = "IMAGE", [reference(other)]
        mark.ValueType, mark.GraphicType, mark.GraphicData = "SCOORD", "POINT", [3.5, 4.5]
        itself = pydicom.Dataset()
        itself.ReferencedContentItemIdentifier = [1, 2, 1]
        mark.ContentSequence = [itself, image]
        own.ValueType, own.ContentSequence = "CONTAINER", [image, mark]
    circle = folder / "circle"
    circle.mkdir()
    for name, ds in (("a", first), ("b", second)):
        (circle / f"{name}.dcm").write_bytes(as_bytes(ds))
    target = f"{folder}/out/"
    run("convert", circle / "a.dcm", target, "--on", circle, "--format", "png", status=1)
    assert "b.dcm: the object is of class" in capfd.readouterr().err
    layers = [circle / "a.dcm", circle / "b.dcm"]
    picture = rendicom.open_instance(ct[0]).render(1, media_type="image/png", layers=layers)
    assert picture.warnings == tuple(
        f"{name}.dcm is not drawn: it refers to other images only" for name in "ab"
    )
