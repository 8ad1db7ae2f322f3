"""``rendicom store`` against our own server over a socket."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("psutil")

import pydicom
from pydicom.uid import generate_uid

from rendicom.cli.main import main
from rendicom.testing.images import image
from serverprocess import Served, served


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return a server with nothing in it."""
    with served(
        "--writable", "--data", tmp_path_factory.mktemp("data"), "--rescan", "0"
    ) as running:
        yield running


@pytest.fixture
def send(store, capsys):
    def run(*arguments, url=None):
        status = main(["store", url or store.base, *map(str, arguments)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def made(path: Path, study: str = "") -> tuple[Path, str]:
    """Write an instance and return its path and UID."""
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image(np.full((4, 6), 7, np.uint16), bits_stored=12))
    dataset = pydicom.dcmread(path)
    dataset.StudyInstanceUID = study or generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.save_as(path)
    return path, str(dataset.SOPInstanceUID)


def stored(server: Served, uid: str) -> bytes:
    """Return the file that the server has of an instance."""
    response = server.get(f"/instances?SOPInstanceUID={uid}", "application/dicom+json")
    if response.status_code == 204:
        return b""
    url = response.json()[0]["00081190"]["Value"][0]
    accept = "application/dicom; transfer-syntax=*"
    return bytes(server.get(url.removeprefix(server.base), accept).content)


def test_one_file(send, store, tmp_path):
    path, uid = made(tmp_path / "one.dcm")
    assert stored(store, uid) == b""
    assert send(path) == (0, "", "rendicom: 1 instance stored\n")
    assert stored(store, uid) == path.read_bytes()
    assert send(path)[0] == 0, "to send it again does no harm"


def test_folders_and_archives(send, store, tmp_path):
    wanted = [made(tmp_path / "in" / f"{n % 3}" / f"{n}.dcm") for n in range(7)]
    (tmp_path / "in" / "note.txt").write_text("no DICOM")
    (tmp_path / "in" / "empty").touch()
    status, _, err = send(tmp_path / "in")
    assert (status, err) == (0, "rendicom: 7 instances stored\n")
    assert all(stored(store, uid) == path.read_bytes() for path, uid in wanted)
    packed = [made(tmp_path / f"packed-{n}.dcm") for n in range(3)]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path, _ in packed:
            archive.write(path, path.name)
    assert send(tmp_path / "all.zip")[0] == 0
    assert all(stored(store, uid) == path.read_bytes() for path, uid in packed)


def test_each_has_its_own_result(send, store, tmp_path):
    good, uid = made(tmp_path / "a.dcm")
    other = tmp_path / "b.dcm"
    dataset = pydicom.dcmread(good)
    dataset.PixelData = bytes(len(dataset.PixelData))
    dataset.save_as(other)
    nameless = tmp_path / "c.dcm"
    shutil.copy(good, nameless)
    dataset = pydicom.dcmread(nameless)
    del dataset.StudyInstanceUID
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.save_as(nameless)
    text = tmp_path / "d.txt"
    text.write_text("no DICOM at all")
    status, out, err = send(good, other, nameless, text, "--json")
    assert (status, err) == (1, "rendicom: 1 instance stored, 3 failed\n")
    lines = {Path(line["source"]).name: line for line in map(json.loads, out.splitlines())}
    assert lines["a.dcm"]["status"] == "stored"
    assert lines["a.dcm"]["retrieve_url"].endswith(f"/instances/{uid}")
    assert "different content" in lines["b.dcm"]["message"]
    assert lines["b.dcm"]["code"] == "conflict"
    assert lines["c.dcm"]["status"] == "failed"
    assert lines["d.txt"]["code"] == "not-dicom"
    assert stored(store, uid) == good.read_bytes(), "what was there first stays"


def test_more_than_one_request(send, store, tmp_path, monkeypatch):
    monkeypatch.setattr("rendicom.cli.store._MOST_INSTANCES", 2)
    wanted = [made(tmp_path / f"{n}.dcm") for n in range(9)]
    status, _, err = send(*(path for path, _ in wanted), "--jobs", "3", "-v")
    assert status == 0
    assert err.splitlines()[:9] == [f"rendicom: {path}: stored" for path, _ in wanted]
    assert all(stored(store, uid) == path.read_bytes() for path, uid in wanted)


def test_into_a_study(send, store, tmp_path):
    mine, uid = made(tmp_path / "a.dcm", study="1.2.840.99.1")
    other, strange = made(tmp_path / "b.dcm", study="1.2.840.99.2")
    status, _, err = send(mine, other, url=f"{store.base}/studies/1.2.840.99.1")
    assert status == 1
    assert "belongs to another study" in err
    assert (stored(store, uid), stored(store, strange)) == (mine.read_bytes(), b"")


def test_a_server_that_stores_nothing(tmp_path, capsys):
    path, _ = made(tmp_path / "in" / "a.dcm")
    made(tmp_path / "in" / "b.dcm")
    with served(tmp_path) as running:
        assert main(["store", running.base, str(path.parent)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "0 instances stored" in said.err
    assert len(said.err.splitlines()) <= 2, "once, not for each"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["http://127.0.0.1:9/dicomweb", "{}"], 1, "cannot be reached"),
        (["pacs.example", "{}"], 2, "form https"),
        (["http://127.0.0.1:9/wado?requestType=WADO&studyUID=1&seriesUID=2&objectUID=3", "{}"], 2,
         "stored on a server"),
        (["http://127.0.0.1:9/dicomweb"], 2, "FILE"),
    ],
)  # fmt: skip
def test_what_cannot_be(arguments, status, said, tmp_path, capsys, monkeypatch):
    from rendicom.client import connection_settings as connection

    monkeypatch.setattr(connection, "_RETRY_POLICY", connection.RetryPolicy(attempts=1))
    path, _ = made(tmp_path / "a.dcm")
    assert main(["store", *(each.format(path) for each in arguments)]) == status
    assert said in capsys.readouterr().err


def test_a_folder_without_dicom(send, tmp_path):
    (tmp_path / "note.txt").write_text("no DICOM")
    status, _, err = send(tmp_path)
    assert (status, "no DICOM file" in err) == (1, True)


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a right there")
def test_links_out_of_a_folder_are_followed_only_when_asked(store, send, tmp_path):
    inside, own = made(tmp_path / "folder" / "a.dcm")
    _, linked = made(tmp_path / "elsewhere" / "b.dcm")
    _, single = made(tmp_path / "c.dcm")
    (tmp_path / "folder" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder" / "one.dcm").symlink_to(tmp_path / "c.dcm")
    (tmp_path / "folder" / "same.dcm").symlink_to(inside)
    status, _, err = send(tmp_path / "folder")
    assert status == 1
    assert "stored, 2 failed" in err
    assert err.count("--follow-links") == 2
    assert [bool(stored(store, uid)) for uid in (own, linked, single)] == [True, False, False]
    status, _, err = send(tmp_path / "folder", "--follow-links")
    assert (status, "--follow-links" in err) == (0, False)
    assert all(stored(store, uid) for uid in (own, linked, single))
