"""``rendicom get --layer``: objects of the server, and files, on its images."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")
pytest.importorskip("psutil")

import rendicom
from phantoms import PET, as_bytes, segmentation, series
from rendicom.cli.main import main
from serverprocess import served


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a folder that is served, and the data sets in it."""
    folder = tmp_path_factory.mktemp("study")
    values = np.random.default_rng(5)
    ct = series(values.integers(0, 256, (4, 20, 24)))
    pet = series(values.integers(0, 200, (4, 20, 24)), sop_class=PET)
    masks = np.zeros((4, 20, 24), np.uint8)
    masks[1:3, 3:9, 5:20] = 1
    seg = segmentation(ct, masks, "BINARY", [(255, 0, 0)], count=1)
    for name, images in (("ct", ct), ("pt", pet), ("seg", [seg])):
        for index, ds in enumerate(images):
            (folder / f"{name}{index}.dcm").write_bytes(as_bytes(ds))
    return folder, ct, pet, seg, masks


@pytest.fixture(scope="module")
def server(study):
    with served(study[0], "--rescan", "0") as running:
        running.wait_for_index()
        yield running


def get(server, ds, target, *flags, level="series"):
    url = f"{server.base}/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"
    url += f"/instances/{ds.SOPInstanceUID}" if level == "instance" else ""
    return main(["get", url, str(target), "--format", "png", *map(str, flags)])


def changed(path, ds):
    picture = np.asarray(Image.open(path).convert("RGB"))
    return (picture != rendicom.open_instance(ds).display(1)[..., None]).any(axis=-1)


def test_a_segmentation_of_the_server_is_drawn_on_a_series(server, study, tmp_path):
    _, ct, _, seg, masks = study
    flags = ("--layer", seg.SOPInstanceUID, "--layer-style", "fill")
    assert get(server, ct[0], f"{tmp_path}/", *flags) == 0
    for index, ds in enumerate(ct):
        found = changed(tmp_path / f"{ds.SOPInstanceUID}.png", ds)
        np.testing.assert_array_equal(found, masks[index] == 1)
    # The manifest knows what was drawn: nothing is made again.
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.png")}
    assert get(server, ct[0], f"{tmp_path}/", *flags, "--resume") == 0
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.png")}


def test_a_series_of_the_server_and_a_file_are_drawn_on_one_image(server, study, tmp_path):
    folder, ct, pet, _, _ = study
    flags = ("--layer", pet[0].SeriesInstanceUID, "--layer", folder / "seg0.dcm")
    target = tmp_path / "one.png"
    assert get(server, ct[1], target, *flags, level="instance") == 0
    by_library = rendicom.open_instance(ct[1]).render(
        1, media_type="image/png", layers=[folder / "pt1.dcm", folder / "seg0.dcm"]
    )
    assert changed(target, ct[1]).mean() > 0.9
    assert np.asarray(Image.open(target)).shape == by_library.array.shape


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--layer", "1.2.3.4"), "the server has no layer 1.2.3.4"),
        (("--layer", "1.2.3.4", "--render", "remote"), "leave out --render remote"),
        (("--layer", "nowhere.dcm"), "--layer"),
    ],
)
def test_layers_that_cannot_be_drawn(server, study, tmp_path, capfd, flags, said):
    target = tmp_path / "no.png"
    assert get(server, study[1][0], target, *flags, level="instance") == 2
    assert said in capfd.readouterr().err
    assert not target.exists()
