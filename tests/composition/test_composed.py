"""Objects that are about images, without ``--on``: their images among the sources, or colors."""

import numpy as np
import pydicom
import pytest
from PIL import Image

import phantoms
import rendicom
from phantoms import as_bytes, blended, dataset, key_objects, segmentation, series
from rendicom.cli.main import main
from rendicom.composition.folders import FileIndex

RED, BLUE = (255, 0, 0), (0, 160, 255)


def run(*arguments, status=0):
    words = [str(each) for each in arguments]
    in_folder = any(word.endswith("/") for word in words)
    assert main([*words, *(("--engine", "inline") if in_folder else ())]) == status


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture
def made(tmp_path):
    """Return a folder with a CT and objects about it, the CT, and masks of two segments."""
    tmp_path = tmp_path / "study"
    tmp_path.mkdir()
    ct = series(
        np.random.default_rng(4).integers(0, 256, (5, 24, 30)),
        orientation=(0.8, 0.6, 0, 0, 0, -1), position=(-5, 3, 40), spacing=(1.5, 1.2), step=-3,
    )  # fmt: skip
    masks = np.zeros((5, 24, 30, 2), np.uint8)
    masks[1:3, 4:15, 6:20, 0] = 1
    masks[2, 10:20, 15:28, 1] = 1
    keys = key_objects([ct[3]], ct)
    (tmp_path / "images").mkdir()
    for index, ds in enumerate(ct):
        (tmp_path / "images" / f"ct{index}.dcm").write_bytes(as_bytes(ds))
    seg = segmentation(ct, masks, "BINARY", [RED, BLUE], count=2)
    (tmp_path / "seg.dcm").write_bytes(as_bytes(seg))
    (tmp_path / "ko.dcm").write_bytes(as_bytes(keys))
    return tmp_path, ct, masks


def test_a_folder_run_finds_the_images_among_its_sources(made, tmp_path):
    folder, ct, masks = made
    run("convert", folder, f"{tmp_path}/out/", "--format", "png", "--layer-style", "fill")
    names = sorted(path.relative_to(tmp_path / "out").as_posix() for path in
                   (tmp_path / "out").rglob("*.png"))  # fmt: skip
    assert names == ["ct1-seg.png", "ct2-seg.png", "ct3-ko.png",
                     *(f"images/ct{index}.png" for index in range(5))]  # fmt: skip
    gray = rendicom.open_instance(ct[2]).display(1)
    shares = [(colour, masks[2, ..., n] * 0.4) for n, colour in enumerate((RED, BLUE))]
    np.testing.assert_allclose(
        pixels(tmp_path / "out" / "ct2-seg.png"), blended(gray, shares), atol=2.01
    )
    np.testing.assert_array_equal(
        pixels(tmp_path / "out" / "ct3-ko.png"), pixels(tmp_path / "out" / "images" / "ct3.png")
    )
    # The library does the same.
    summary = rendicom.convert(folder, tmp_path / "again", format="png", engine="inline",
                               options=rendicom.RenderOptions(layer_style="fill"))  # fmt: skip
    assert summary.written == 8
    again = (tmp_path / "again" / "ct2-seg.png").read_bytes()
    assert again == (tmp_path / "out" / "ct2-seg.png").read_bytes()


def test_a_segmentation_without_its_images_is_shown_in_colors_by_position(made, tmp_path):
    folder, _, masks = made
    run("convert", folder / "seg.dcm", f"{tmp_path}/out/", "--format", "png",
        "--layer-style", "fill")  # fmt: skip
    found = [pixels(path) for path in sorted((tmp_path / "out").glob("*.png"))]
    assert len(found) == 2
    expected = []
    for index in (1, 2):
        black = np.zeros(masks.shape[1:3])
        expected.append(
            blended(black, [(c, masks[index, ..., n]) for n, c in enumerate((RED, BLUE))])
        )
    # The order is that along the normal: the step of the series is negative.
    np.testing.assert_allclose(np.array(found), np.array(expected[::-1]), atol=2)
    run("convert", folder / "seg.dcm", tmp_path / "loop.gif")
    with Image.open(tmp_path / "loop.gif") as loop:
        assert loop.n_frames == 2
    run("convert", folder / "seg.dcm", tmp_path / "frame.png", "--frames", "1")
    with Image.open(tmp_path / "frame.png") as frame:
        assert frame.mode == "L"  # as it is stored


def test_objects_without_their_images_say_which_they_want(made, tmp_path, capfd):
    folder, ct, _ = made
    run("convert", folder / "ko.dcm", tmp_path / "ko.png", status=1)
    said = capfd.readouterr().err
    assert "refers to was found" in said
    assert str(ct[3].SOPInstanceUID) in said
    assert "html" in said
    structures = dataset("1.2.840.10008.5.1.4.1.1.481.3", "RTSTRUCT")
    item, about = pydicom.Dataset(), pydicom.Dataset()
    about.ReferencedFrameOfReferenceUID, about.ROINumber, about.ROIName = "1.2.3", 1, "A^B"
    item.FrameOfReferenceUID = "1.2.3"
    structures.ReferencedFrameOfReferenceSequence = [item]
    structures.StructureSetROISequence = [about]
    (tmp_path / "rs.dcm").write_bytes(as_bytes(structures))
    run("convert", tmp_path / "rs.dcm", tmp_path / "rs.png", status=1)
    said = capfd.readouterr().err
    assert "refers to was found" in said
    assert "A^B" not in said


def test_a_dose_alone_is_the_slice_of_its_maximum_with_a_bar(tmp_path):
    values = np.zeros((4, 200, 240))
    values[2, 60:120, 80:140] = np.linspace(1000, 60000, 60)[:, None]
    values[1, 10:20, 10:20] = 500
    dose = phantoms.dose(values, offsets=(0, 3, 6, 9), position=(0, 0, 5))
    (tmp_path / "dose.dcm").write_bytes(as_bytes(dose))
    run("convert", tmp_path / "dose.dcm", f"{tmp_path}/out/", "--format", "png")
    (path,) = (tmp_path / "out").glob("*.png")
    picture = pixels(path).astype(int)
    assert picture.shape == (200, 240, 3)
    assert tuple(picture[119, 100]) == (255, 0, 0)  # the maximum
    assert not picture[:55].any()
    bar = picture[180:].reshape(-1, 3)
    assert {(0, 0, 160), (255, 0, 0)} <= set(map(tuple, bar.tolist()))


def test_on_images_that_nothing_is_said_of_is_a_failure(made, tmp_path, capfd):
    folder, _, _ = made
    far = series(np.full((2, 24, 30), 7), position=(0, 0, 500))
    for index, ds in enumerate(far):
        (tmp_path / f"far{index}.dcm").write_bytes(as_bytes(ds))
    on = (folder / "seg.dcm", "--on", tmp_path / "far0.dcm", "--format", "png")
    run("convert", on[0], f"{tmp_path}/out/", *on[1:], status=1)
    assert "does not refer to" in capfd.readouterr().err
    run("convert", on[0], tmp_path / "one.png", *on[1:3], status=1)
    assert "does not refer to" in capfd.readouterr().err


def test_headers_are_read_until_all_images_are_found(made, monkeypatch):
    folder, ct, _ = made
    opened = []
    from rendicom.composition import folders

    real = folders.engine.open_instance
    monkeypatch.setattr(
        folders.engine, "open_instance", lambda path: opened.append(path) or real(path)
    )
    index = FileIndex([str(folder / "images")])
    assert list(index.paths_of([ct[1].SOPInstanceUID])) == [ct[1].SOPInstanceUID]
    assert len(opened) == 2
    assert index.paths_of(["1.2.3", ct[0].SOPInstanceUID]).keys() == {ct[0].SOPInstanceUID}
    assert len(opened) == 5
