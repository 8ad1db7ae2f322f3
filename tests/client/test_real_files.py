"""Real files by way of a real Orthanc: what is got is what ``rendicom convert`` makes of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from orthancserver import orthanc
from rendicom.cli.main import main

__all__ = ["orthanc"]

NAMES = (
    "CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "SC_rgb_rle.dcm", "SC_rgb_jpeg_dcmtk.dcm",
    "JPEG-lossy.dcm", "examples_jpeg2k.dcm", "emri_small.dcm", "examples_palette.dcm",
)  # fmt: skip


@pytest.fixture(scope="module")
def files(
    pydicom_file: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Return files by what they are called below a base; one of those that are named alike."""
    folder = tmp_path_factory.mktemp("real")
    found: dict[str, Path] = {}
    for name in NAMES:
        read = pydicom.dcmread(pydicom_file(name), stop_before_pixels=True)
        uids = read.StudyInstanceUID, read.SeriesInstanceUID, read.SOPInstanceUID
        path = "/studies/{}/series/{}/instances/{}".format(*uids)
        if path not in found:
            found[path] = Path(shutil.copy(pydicom_file(name), folder / name))
    assert len(found) >= 6
    return found


def pictures(folder: Path) -> list[bytes]:
    """Return the pictures in a folder, in the order of their names."""
    return [path.read_bytes() for path in sorted(folder.rglob("*.*g"))]


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_as_converted(orthanc, files, tmp_path, kind):
    assert main(["store", orthanc, str(next(iter(files.values())).parent)]) == 0
    for number, (path, file) in enumerate(files.items()):
        own, local, auto = (tmp_path / f"{number} {name}" for name in ("own", "local", "auto"))
        more = ["--format", kind, "--frames", "all", "--engine", "inline"]
        assert main(["convert", str(file), f"{own}/", *more]) == 0
        wanted = pictures(own)
        assert wanted
        assert main(["get", orthanc + path, f"{local}/", *more, "--render", "local"]) == 0
        assert pictures(local) == wanted, file.name
        assert main(["get", orthanc + path, f"{auto}/", *more]) == 0
        assert pictures(auto) == wanted, file.name


def test_stored_as_they_are(orthanc, files):
    """What comes back has the same data set, in the same transfer syntax."""
    from rendicom.client.connection_settings import connection_to
    from rendicom.client.server import Server
    from rendicom.dicomweb.resources import Resource

    assert main(["store", orthanc, str(next(iter(files.values())).parent)]) == 0
    server = Server(connection_to(orthanc))
    for path, file in files.items():
        _, _, study, _, series, _, instance = path.split("/")
        body = server.instance(Resource(study, series, instance))
        got = pydicom.dcmread(BytesIO(bytes(body)))
        sent = pydicom.dcmread(file)
        assert got.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID
        assert got.PixelData == sent.PixelData
    server.close()
