"""Objects that are about images in runs over folders and archives: pieces, names, changes."""

import json
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

import rendicom
from phantoms import as_bytes, dataset, segmentation, series
from rendicom.batch.kept_objects import forget, new_run
from rendicom.batch.runner import Runner
from rendicom.batch.sources import Unit
from rendicom.batch.worker import convert_units
from rendicom.batch.worker_messages import ChunkReports, Recipe, UnitReport
from rendicom.engine import Instance
from rendicom.options import RenderOptions
from rendicom.selection import FrameSelection

COUNT = 6
ENHANCED = "1.2.840.10008.5.1.4.1.1.2.1"


@pytest.fixture
def study(tmp_path):
    """Return a folder with a CT and a segmentation of every slice but the first, and the masks."""
    folder = tmp_path / "study"
    (folder / "ct").mkdir(parents=True)
    ct = series(np.random.default_rng(3).integers(0, 256, (COUNT, 20, 24)))
    masks = np.zeros((COUNT, 20, 24), np.uint8)
    for index in range(1, COUNT):
        masks[index, index : index + 8, 3:15] = 1
    for index, ds in enumerate(ct):
        (folder / "ct" / f"{index}.dcm").write_bytes(as_bytes(ds))
    (folder / "seg.dcm").write_bytes(as_bytes(segmentation(ct, masks, count=1)))
    return folder, ct, masks


def converted(source, target, **more):
    """Convert a folder in this process, with all that this leaves behind."""
    more = {"format": "png", "engine": "inline", **more}
    return rendicom.convert(str(source), str(target), **more)


def opened_instances(monkeypatch):
    """Return a list that instances are added to when they are opened."""
    opened, real = [], Instance.__init__

    def noted(self, *args, **more):
        opened.append(self)
        real(self, *args, **more)

    monkeypatch.setattr(Instance, "__init__", noted)
    return opened


def red_of(path):
    """Return where a picture is not gray: what is drawn on it."""
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return np.ptp(pixels, axis=-1) > 0


def test_what_is_left_of_an_object_is_made_elsewhere_without_looking_again(
    study, tmp_path, monkeypatch
):
    folder, _, masks = study
    opened = opened_instances(monkeypatch)
    options = RenderOptions(layer_style="fill")
    recipe = Recipe(str(tmp_path / "out"), "png", options, among=(str(folder),), run=new_run())
    (first,) = convert_units(recipe, (Unit(str(folder / "seg.dcm"), "seg"),), 0.0).reports
    assert str(first.rest) == "2-5"
    looked_for = len(opened)
    pieces, reports = [first], [first]
    while pieces:
        report = pieces.pop()
        unit = report.unit._replace(frames=report.rest, pages=report.pages)
        # Each piece is of another worker, which knows what travels and nothing else.
        forget(recipe.run)
        opened.clear()
        (then,) = convert_units(*pickle.loads(pickle.dumps((recipe, (unit,)))), 0.0).reports
        # The object twice, the image of the picture twice, and none of the others.
        assert len(opened) <= 4 < looked_for
        assert then.pictures == 5
        reports.append(then)
        pieces += [then] if then.rest is not None else []
    numbers = [each.frame for report in reports for each in report.outcomes]
    assert numbers == [1, 2, 3, 4, 5]
    for index in range(1, COUNT):
        plain = rendicom.compose(
            folder / "ct" / f"{index}.dcm", [folder / "seg.dcm"], 1, options, "image/png"
        )
        assert (tmp_path / "out" / f"{index}-seg.png").read_bytes() == plain.data
        np.testing.assert_array_equal(
            red_of(tmp_path / "out" / f"{index}-seg.png"), masks[index] > 0
        )
    forget(recipe.run)


def test_an_object_stays_open_for_all_its_pieces_in_one_worker(study, tmp_path, monkeypatch):
    folder, _, _ = study
    recipe = Recipe(str(tmp_path / "out"), "png", RenderOptions(), among=(str(folder),), run="one")
    (first,) = convert_units(recipe, (Unit(str(folder / "seg.dcm"), "seg"),), 0.0).reports
    opened = opened_instances(monkeypatch)
    unit = first.unit._replace(frames=first.rest, pages=first.pages)
    convert_units(recipe, (unit,), 0.0)
    # The unit itself, and the image twice: for its size and for its pixels.
    assert len(opened) == 3
    forget("one")


def test_the_last_long_unit_is_given_back_early_for_all_workers():
    asked = []

    def task(recipe, units, limit=None):
        asked.append((units, limit))
        (unit,) = units
        if unit.source == "long" and unit.frames is None:
            report = UnitReport(
                unit, (), pictures=9, rest=FrameSelection.of(range(1, 10)), seconds=9.0
            )
            return ChunkReports((report,))
        return ChunkReports((UnitReport(unit, (), pictures=1, seconds=9.0),))

    from rendicom.batch.executors import open_executor

    recipe = Recipe("out", "png", RenderOptions())
    runner = Runner(task, recipe, lambda: open_executor("inline", jobs=1)[1], 4, last_limit=1.0)
    units = [Unit("short", "a"), *(Unit(str(each), str(each)) for each in range(20))]
    list(runner.run([*units, Unit("long", "b")]))
    limits = {each[0].source: limit for each, limit in asked if each[0].frames is None}
    assert limits["short"] is None
    assert limits["long"] == 1.0
    pieces = [each[0].frames for each, _ in asked if each[0].frames is not None]
    # Nine pictures of nine seconds are nine pieces, which have no limit of their own.
    assert len(pieces) == 9
    assert all(limit is None for each, limit in asked if each[0].frames is not None)


def test_images_that_come_between_two_runs_of_a_process_are_found(study, tmp_path):
    folder, _, _ = study
    last = folder / "ct" / "5.dcm"
    data = last.read_bytes()
    last.unlink()
    converted(folder, tmp_path / "out")
    assert not (tmp_path / "out" / "5-seg.png").exists()
    last.write_bytes(data)
    converted(folder, tmp_path / "out")
    assert (tmp_path / "out" / "5-seg.png").exists()


@pytest.mark.parametrize("change", ["an image comes", "a picture goes"])
def test_a_resumed_run_has_the_pictures_of_a_whole_one(study, tmp_path, change):
    folder, _, _ = study
    last, out = folder / "ct" / "5.dcm", tmp_path / "out"
    data = last.read_bytes()
    if change == "an image comes":
        last.unlink()
    converted(folder, out)
    last.write_bytes(data)
    (out / "3-seg.png").unlink()
    converted(folder, out, resume=True)
    converted(folder, tmp_path / "whole")
    names = sorted(each.name for each in (tmp_path / "whole").glob("*-seg.png"))
    assert names == [f"{index}-seg.png" for index in range(1, COUNT)]
    for name in names:
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    told = [
        each["output"].rpartition("/")[2] for each in lines if each["source"].endswith("seg.dcm")
    ]
    assert sorted(told) == names


def test_pictures_of_images_with_one_name_do_not_replace_each_other(tmp_path):
    ct = series(np.full((2, 16, 16), 90, np.int16))
    masks = np.zeros((2, 16, 16), np.uint8)
    masks[0, 2:6, 2:6] = masks[1, 8:14, 8:14] = 1
    for index, ds in enumerate(ct):
        (tmp_path / "in" / f"{index}").mkdir(parents=True)
        (tmp_path / "in" / f"{index}" / "image.dcm").write_bytes(as_bytes(ds))
    (tmp_path / "in" / "seg.dcm").write_bytes(as_bytes(segmentation(ct, masks, count=1)))
    converted(tmp_path / "in", tmp_path / "out", options=RenderOptions(layer_style="fill"))
    first, second = (tmp_path / "out" / f"image{each}-seg.png" for each in ("", "-2"))
    np.testing.assert_array_equal(red_of(first), masks[0] > 0)
    np.testing.assert_array_equal(red_of(second), masks[1] > 0)


def _enhanced(values):
    """Return a CT of many frames, 2 mm apart."""
    from pydicom import Dataset

    single = series(values[:1])[0]
    ds = dataset(ENHANCED, "CT")
    for keyword in ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation",
                    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
                    "FrameOfReferenceUID", "WindowCenter", "WindowWidth"):  # fmt: skip
        setattr(ds, keyword, getattr(single, keyword))
    ds.NumberOfFrames, ds.PixelData = len(values), values.astype("<i2").tobytes()
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = single.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = single.PixelSpacing, 2
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    ds.SharedFunctionalGroupsSequence, ds.PerFrameFunctionalGroupsSequence = [shared], []
    for index in range(len(values)):
        group, place = Dataset(), Dataset()
        place.ImagePositionPatient = [0, 0, 2 * index]
        group.PlanePositionSequence = [place]
        ds.PerFrameFunctionalGroupsSequence.append(group)
    return ds


def test_each_frame_of_an_image_has_a_picture_with_its_number(tmp_path):
    values = np.full((4, 16, 16), 90, np.int16)
    masks = np.zeros((4, 16, 16), np.uint8)
    masks[1, 2:6, 2:6] = masks[3, 8:14, 8:14] = 1
    seg = segmentation(series(values), masks, count=1)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "image.dcm").write_bytes(as_bytes(_enhanced(values)))
    (tmp_path / "in" / "seg.dcm").write_bytes(as_bytes(seg))
    converted(tmp_path / "in", tmp_path / "out", options=RenderOptions(layer_style="fill"))
    found = {each.name: each for each in (tmp_path / "out").glob("*-seg.png")}
    assert sorted(found) == ["image-0002-seg.png", "image-0004-seg.png"]
    np.testing.assert_array_equal(red_of(found["image-0002-seg.png"]), masks[1] > 0)
    np.testing.assert_array_equal(red_of(found["image-0004-seg.png"]), masks[3] > 0)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_images_are_found_in_the_archive_of_the_object(study, tmp_path, kind):
    folder, _, _ = study
    path = tmp_path / f"study.{kind}"
    files = sorted(each for each in folder.rglob("*.dcm"))
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for each in files:
                archive.write(each, each.relative_to(folder))
    else:
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as archive:
            for each in files:
                archive.add(each, each.relative_to(folder))
    converted(path, tmp_path / "packed")
    converted(folder, tmp_path / "plain")
    plain = {each.name: each.read_bytes() for each in (tmp_path / "plain").rglob("*-seg.png")}
    packed = {each.name: each.read_bytes() for each in (tmp_path / "packed").rglob("*-seg.png")}
    assert sorted(plain) == [f"{index}-seg.png" for index in range(1, COUNT)]
    assert packed == plain


def test_of_an_archive_one_file_is_in_memory_at_a_time(study, tmp_path, monkeypatch):
    folder, _, _ = study
    path = tmp_path / "study.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in sorted(folder.rglob("*.dcm")):
            archive.write(each, each.relative_to(folder))
    alive, most = set(), [0]
    real = Instance.__init__

    def counted(self, *args, **more):
        import weakref

        real(self, *args, **more)
        alive.add(id(self))
        weakref.finalize(self, alive.discard, id(self))
        most[0] = max(most[0], len(alive))

    monkeypatch.setattr(Instance, "__init__", counted)
    converted(path, tmp_path / "out")
    # The object of the unit, the kept one, an image, and the last unit that is not collected yet.
    assert most[0] <= 4
