"""The same instances of a folder through every door: `convert`, `open_folder` and the server."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest

import rendicom
from conftest import corpus_folder
from indexedfiles import IMAGE, write
from rendicom.cli.main import main
from rendicom.errors import RendicomError
from rendicom.index.reading import read_indexed
from serverprocess import served, until

UNREADABLE = {"corrupt-data", "not-dicom", "limit-exceeded"}
PACKAGED = Path(pydicom.__file__).parent / "data" / "test_files"
ROOT = "1.2.826.0.1.3680043.8.498.93"


def _bare(first_group: int, uid: str) -> bytes:
    """Return an implicit VR data set without preamble whose first element is of this group."""
    values = {
        0x00020010: b"1.2.840.10008.1.2\0",
        0x00041200: b"\0\0\0\0",
        0x00080016: b"1.2.840.10008.5.1.4.1.1.7\0",
        0x00080018: uid.encode() + b"\0" * (len(uid) % 2),
        0x00100020: b"4711",
        0x00180015: b"CHEST ",
        0x00200010: b"1 ",
        0x00280002: struct.pack("<H", 1),
        0x00280004: b"MONOCHROME2 ",
        0x00280010: struct.pack("<H", 2),
        0x00280011: struct.pack("<H", 4),
        0x00280100: struct.pack("<H", 8),
        0x00280101: struct.pack("<H", 8),
        0x00280102: struct.pack("<H", 7),
        0x00280103: struct.pack("<H", 0),
        0x7FE00010: bytes(range(8)),
    }
    made = b""
    for tag, value in values.items():
        group = tag >> 16
        if group < first_group or (group == 4 and first_group != 4):
            continue
        if group == 2:  # file meta information has explicit VR
            made += struct.pack("<HH2sH", group, tag & 0xFFFF, b"UI", len(value)) + value
        else:
            made += struct.pack("<HHI", group, tag & 0xFFFF, len(value)) + value
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of files that doors could disagree about, and 14 instances."""
    folder = tmp_path_factory.mktemp("doors") / "in"
    outside = folder.parent / "outside"
    for number, group in enumerate((0x02, 0x04, 0x08, 0x10, 0x18, 0x20, 0x28)):
        path = folder / "bare" / f"{group:02X}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_bare(group, f"{ROOT}.1.{number}"))
    prefixed = b"DICM" + _bare(0x08, f"{ROOT}.2.1")
    (folder / "bare" / "DICM").write_bytes(prefixed)
    names = {
        folder / "plain.dcm", folder / "no extension", folder / "picture.jpg",
        folder / "deep" / "er" / "1", folder / "deep" / "1.dcm", folder / "Ünïcode.dcm",
        folder / ".hidden.dcm", folder / ".folder" / "1.dcm",
        folder / "deep" / ".1" / "a" / "1.dcm", outside / "1.dcm", outside / "below" / "2.dcm",
    }  # fmt: skip
    for number, path in enumerate(sorted(names)):
        write(path, SOPInstanceUID=f"{ROOT}.3.{number}", **IMAGE)
    (folder / "notes.txt").write_text("not DICOM")
    (folder / "._plain.dcm").write_bytes(b"\0\5\x16\7" + bytes(100))
    if sys.platform != "win32":
        (folder / "same.dcm").symlink_to(folder / "plain.dcm")
        (folder / "out.dcm").symlink_to(outside / "1.dcm")
        (folder / "elsewhere").symlink_to(outside / "below")
        (folder / "loop").symlink_to(folder)
        (folder / "nowhere.dcm").symlink_to(outside / "missing")
    return folder


@pytest.fixture(scope="module", params=["made", "packaged", "corpus"])
def folder(request: pytest.FixtureRequest) -> Path:
    if request.param == "made":
        return Path(request.getfixturevalue("made"))
    found = PACKAGED if request.param == "packaged" else corpus_folder()
    if found is None:
        pytest.skip("no corpus: set RENDICOM_CORPUS to its folder")
    return found


def _converted(folder: Path, target: Path, *flags: str) -> set[str]:
    """Return the SOP Instance UIDs of what `convert` takes for instances that it can read."""
    main(["convert", str(folder), str(target), "--frames", "1", "--quiet", *flags])
    uids = set()
    for line in (target / "manifest.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row.get("status") in (None, "ignored") or row["code"] == "cannot-read":
            continue
        uid = row["sop_instance_uid"]
        if not uid:
            uid = _made_uid(row["source"], row["code"])
        uids.add(uid)
    return uids - {""}


def _made_uid(source: str, code: str) -> str:
    """Return the UID that the catalogue gives to a file without one, if it is an instance."""
    try:
        indexed = read_indexed(source, "")
    except RendicomError as error:
        refused, indexed = error.code, None
    else:
        refused = ""
    assert not refused or code in UNREADABLE, source
    # Without any UID and without pixels it is not an instance.
    assert indexed is not None or code in {*UNREADABLE, "no-pixel-data"}, source
    return indexed.instance if indexed is not None else ""


def _opened(folder: Path) -> set[str]:
    with rendicom.open_folder(folder) as archive:
        return {each.instance for each in archive.instances()}


def _listed(folder: Path, *flags: str) -> set[str]:
    """Return what a server over the folder finds by searches (PS3.18 10.6)."""

    def pages() -> Iterator[str]:
        with served(*flags, folder) as server:
            server.wait_for_index()
            offset = 0
            while True:
                answer = server.get(
                    f"/instances?limit=100&offset={offset}", accept="application/dicom+json"
                )
                models = answer.json() if answer.status_code == 200 else []
                yield from (model["00080018"]["Value"][0] for model in models)
                offset += len(models)
                if not models:
                    return

    return set(pages())


def test_every_door_finds_the_same_instances(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    converted = _converted(folder, tmp_path / "out")
    assert _opened(folder) == converted
    assert _listed(folder) == converted
    assert len(converted) > 10


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_followed_through_every_door_or_none(made: Path, tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    kept = _converted(made, tmp_path / "kept")
    followed = _converted(made, tmp_path / "followed", "--follow-links")
    assert len(followed - kept) == 2
    assert _listed(made, "--follow-links") == followed


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_that_are_not_followed_are_counted_once_in_the_log(made: Path) -> None:
    pytest.importorskip("fastapi")
    with served("--rescan", "0.1", made) as server:
        server.wait_for_index()
        until(lambda: server.errors, what="the warning")
        (made / "later.dcm").write_bytes((made / "plain.dcm").read_bytes())
        server.wait_for_index()
    (made / "later.dcm").unlink()
    told = [line for line in server.errors if "not followed" in line]
    assert len(told) == 1
    assert f"3 links in {made} lead out of it" in told[0]
    assert "out.dcm" not in "".join(server.errors)
