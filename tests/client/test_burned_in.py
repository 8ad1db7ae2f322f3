"""Images that may show the patient, on a server: thumbnails, and pictures got without them."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("psutil")

from PIL import Image

from rendicom.cli.main import main
from rendicom.testing.images import image
from rendicom.testing.writer import element
from serverprocess import Served, served

STUDY = "1.2.826.0.1.3680043.8.498.81"
CLEAN, LABEL, OVERVIEW, ANNOTATED, SPECIMEN = range(1, 6)
SAID = {
    CLEAN: [element(0x00080008, "CS", ("ORIGINAL", "PRIMARY", "VOLUME", "NONE"))],
    LABEL: [element(0x00080008, "CS", ("ORIGINAL", "PRIMARY", "LABEL", "NONE"))],
    OVERVIEW: [
        element(0x00080008, "CS", ("DERIVED", "PRIMARY", "OVERVIEW", "RESAMPLED")),
        element(0x00280301, "CS", "NO"),
    ],
    ANNOTATED: [element(0x00280301, "CS", "YES")],
    SPECIMEN: [element(0x00280301, "CS", "NO"), element(0x00480010, "CS", "YES")],
}


def written(folder: Path) -> Path:
    """Write the files, each in a series of its own, black to the left and white to the right."""
    values = np.zeros((64, 64), np.uint8)
    values[:, 32:] = 255
    folder.mkdir(exist_ok=True)
    for number, extra in SAID.items():
        identity = (
            element(0x00080018, "UI", f"{STUDY}.{number}.1"),
            element(0x0020000D, "UI", STUDY),
            element(0x0020000E, "UI", f"{STUDY}.{number}"),
            element(0x00200011, "IS", str(9 - number)),
        )
        (folder / f"{number}.dcm").write_bytes(image(values, extra=(*identity, *extra)))
    return folder


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = written(tmp_path_factory.mktemp("burned in"))
    with served(folder, "--rescan", "0") as running:
        running.wait_for_index(len(SAID))
        yield running


def is_shown(data: bytes) -> bool:
    """Tell whether a picture is the image of the file: its left half black, its right white."""
    samples = np.asarray(Image.open(BytesIO(data)).convert("L"), np.float64)
    half = samples.shape[1] // 2
    return bool(samples[:, :half].max() < 8 and samples[:, half:].min() > 247)


def width(path: Path) -> int:
    return Image.open(BytesIO(path.read_bytes())).width


@pytest.mark.parametrize("number", SAID)
def test_a_thumbnail_shows_no_name(own, number):
    series = f"/studies/{STUDY}/series/{STUDY}.{number}"
    for path in (series, f"{series}/instances/{STUDY}.{number}.1"):
        answer = own.get(f"{path}/thumbnail", "image/png")
        assert answer.status_code == 200
        assert is_shown(answer.content) == (number == CLEAN)
    whole = own.get(f"{series}/instances/{STUDY}.{number}.1/rendered", "image/png")
    assert is_shown(whole.content)


def test_a_clean_image_stands_for_the_study(own):
    assert is_shown(own.get(f"/studies/{STUDY}/thumbnail", "image/png").content)


@pytest.mark.parametrize("how", ["auto", "remote", "local"])
def test_pictures_of_a_server(own, tmp_path, how):
    target, sheet = tmp_path / "out", tmp_path / "sheet.png"
    command = ["get", f"{own.base}/studies/{STUDY}", str(target), "--format", "png"]
    flags = ["--skip-burned-in", "--render", how, "--engine", "inline"]
    assert main([*command, *flags, "--contact-sheet", str(sheet)]) == 0
    assert [path.stem for path in target.rglob("*.png")] == [f"{STUDY}.{CLEAN}.1"]
    assert width(sheet) == 160 + 2 * 4, "one tile"


def test_pictures_and_sheets_of_a_folder(tmp_path):
    source, target, sheet = written(tmp_path / "in"), tmp_path / "out", tmp_path / "sheet.png"
    command = ["convert", str(source), str(target), "--format", "png", "--engine", "inline"]
    assert main(command) == 0
    assert len(list(target.glob("*.png"))) == len(SAID)
    # What an earlier run wrote is in no sheet of a run that leaves it out.
    flags = ["--skip-burned-in", "--resume", "--contact-sheet", str(sheet)]
    assert main([*command, *flags]) == 0
    assert sorted(path.name for path in tmp_path.glob("sheet*")) == ["sheet.png"]
    assert width(sheet) == 160 + 2 * 4
