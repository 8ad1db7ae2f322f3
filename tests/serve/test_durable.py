"""What was stored and answered for survives a loss of power, and only its owner may read it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from rendicom.index.catalogue import Catalogue
from servedfiles import made, path
from serverprocess import served
from storedparts import new_study, store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")


def gray(study: str, instance: str) -> bytes:
    return made(study, instance, np.full((16, 16), 100, np.uint8))


@contextmanager
def mounted(image: Path, folder: Path, *options: str) -> Iterator[None]:
    """Mount an image of a file system, or skip where we may not."""
    folder.mkdir()
    command = ["mount", "-o", ",".join(("loop", *options)), str(image), str(folder)]
    with suppress(OSError):
        if subprocess.run(command, capture_output=True, timeout=30).returncode == 0:
            try:
                yield
            finally:
                subprocess.run(["umount", "-l", str(folder)], check=True, timeout=30)
            return
    pytest.skip("no file system can be mounted here")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return an image of an empty file system."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not installed")
    made_in = tmp_path / "disk"
    with made_in.open("wb") as held:
        held.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(made_in)], check=True, timeout=60)
    return made_in


@pytest.mark.parametrize("flags", [(), ("--no-fsync",)], ids=["fsync", "no fsync"])
def test_a_loss_of_power(image, tmp_path, flags):
    """What the disk has at that moment is what a copy of its image has."""
    study = new_study()
    held = {f"{study}.1.{number}": gray(study, f"{study}.1.{number}") for number in range(5)}
    kept, gone = list(held)[:4], list(held)[4]
    after = tmp_path / "after"
    # The file system would write by itself every few seconds.
    with mounted(image, tmp_path / "live", "commit=600"):
        data = tmp_path / "live" / "data"
        with served("--writable", "--data", data, "--rescan", "0", *flags) as archive:
            assert store(archive, *held.values()).status_code == 200
            assert archive.request("DELETE", path(study, gone)).status_code == 204
            shutil.copyfile(image, after)
    with mounted(after, tmp_path / "replayed"):
        root = tmp_path / "replayed" / "data"
        found = {each.stem: each.read_bytes() for each in root.rglob("*.dcm")}
        if flags:
            assert found != {uid: held[uid] for uid in kept}, "the test cannot tell"
            return
        assert found == {uid: held[uid] for uid in kept}
        with served("--data", root, "--rescan", "0") as again:
            again.wait_for_index()
            for uid in kept:
                assert again.get(path(study, uid), "application/dicom").content == held[uid]
            assert again.get(path(study, gone)).status_code == 410


@pytest.mark.parametrize(("is_durable", "level"), [(True, 2), (False, 1)])
def test_the_index_waits_for_the_disk(tmp_path, is_durable, level):
    catalogue = Catalogue(f"sqlite:///{tmp_path / 'index'}", is_durable=is_durable)
    for ask in (catalogue.database.read, catalogue.database.write):
        found = ask(lambda connection: connection.exec_driver_sql("PRAGMA synchronous").scalar())
        assert found == level
    catalogue.close()


def modes(folder: Path) -> dict[str, int]:
    names = (folder, *folder.rglob("*"))
    return {str(each.relative_to(folder)): stat.S_IMODE(each.stat().st_mode) for each in names}


@pytest.mark.parametrize("is_old", [False, True])
def test_only_the_owner_may_read_data(tmp_path, is_old):
    data, study = tmp_path / "data", new_study()
    if is_old:
        (data / "store" / "1.2").mkdir(parents=True)
        sqlite3.connect(data / "index.sqlite3").close()
        for each in (data, data / "store", data / "index.sqlite3"):
            each.chmod(0o755)
    with served("--writable", "--data", data, "--rescan", "0") as archive:
        assert store(archive, gray(study, f"{study}.1.1")).status_code == 200
        found = modes(data)
    found.pop("store/1.2", None)
    assert any(name.endswith(".dcm") for name in found)
    for name, mode in found.items():
        assert mode == (0o700 if (data / name).is_dir() else 0o600), name


def test_a_new_folder_of_data_is_no_reason_to_warn(tmp_path):
    """Also where nobody may store: the container starts so."""
    (tmp_path / "studies").mkdir()
    with served(tmp_path / "studies", "--data", tmp_path / "data") as running:
        running.wait_for_index()
        assert running.get(f"{running.url}/readyz").status_code == 200
        running.end()
        assert [line for line in running.errors if "warning" in line] == []


def test_folders_of_others_are_left_alone(tmp_path):
    data = tmp_path / "data"
    (data / "theirs").mkdir(parents=True)
    data.chmod(0o755)
    with served("--data", data, "--rescan", "0"):
        assert modes(data)["."] == 0o755
        assert modes(data)["index.sqlite3"] == 0o600


@pytest.mark.parametrize("where", ["data", "./data/", "a/../data"])
def test_delete_below_a_relative_folder(tmp_path, monkeypatch, where):
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path)
    study = new_study()
    with served("--writable", "--data", where, "--rescan", "0") as archive:
        assert store(archive, gray(study, f"{study}.1.1")).status_code == 200
        assert archive.request("DELETE", f"/studies/{study}").status_code == 204
        assert list(tmp_path.rglob("*.dcm")) == []


def test_delete_below_a_store_of_its_own(tmp_path):
    study = new_study()
    where = (tmp_path / "store").as_uri()
    more = ("--data", tmp_path / "data", "--rescan", "0")
    with served("--writable", "--store", where, *more) as archive:
        assert store(archive, gray(study, f"{study}.1.1")).status_code == 200
        assert len(list((tmp_path / "store").rglob("*.dcm"))) == 1
        assert archive.request("DELETE", f"/studies/{study}").status_code == 204
        assert list(tmp_path.rglob("*.dcm")) == []
