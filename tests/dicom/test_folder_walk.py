"""Folders: what is found, in which order, and where it goes."""

import os
import socket
import sys
from pathlib import Path

import pytest

from rendicom.batch.output_paths import find
from rendicom.batch.sources import Unit
from rendicom.dicom.file_kind import Ignored
from rendicom.dicom.folder_walk import Folder, Found, Unreadable, walk

DICOM = bytes(128) + b"DICM"


def tree(root: Path, *names: str, content: bytes = DICOM) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def found(root: Path, *, follow_links: bool = False) -> list[str]:
    entries = walk(str(root), follow_links=follow_links)
    return [os.path.relpath(each.path, root) for each in entries if isinstance(each, Found)]


def placed(*sources: Path | str, target: str = "out") -> dict[str, str]:
    """Return what each source is called, sources shortened to their last two parts."""
    return {
        "/".join(Path(unit.source).parts[-2:]): f"{target}/{unit.place}"
        for unit in find([str(source) for source in sources], target, extension=".jpg")
        if isinstance(unit, Unit)
    }


def test_files_come_sorted_and_before_the_subfolders(tmp_path: Path) -> None:
    tree(tmp_path, "b/2.dcm", "b/1", "a/z", "a/deep/er/x", "m.dcm", "A.DCM")
    assert found(tmp_path) == ["A.DCM", "m.dcm", "a/z", "a/deep/er/x", "b/1", "b/2.dcm"]


def test_content_decides_and_not_the_name(tmp_path: Path) -> None:
    tree(tmp_path, "picture.jpg", "noextension")
    tree(tmp_path, "text.txt", content=b"this is a text")
    tree(tmp_path, "empty", content=b"")
    tree(tmp_path, "DICOMDIR", content=DICOM + b"\2\0\2\0UI\x14\x001.2.840.10008.1.3.10\0")
    assert found(tmp_path) == ["noextension", "picture.jpg"]
    ignored = [Path(e.source).name for e in walk(str(tmp_path)) if isinstance(e, Ignored)]
    assert ignored == ["DICOMDIR", "empty", "text.txt"]


def test_paths_are_spelt_as_the_root_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "study/a.dcm", "study/s/b.dcm")
    monkeypatch.chdir(tmp_path)
    for root in ("study", "./study", "study/"):
        paths = [entry.path for entry in walk(root) if isinstance(entry, Found)]
        below = root.rstrip("/")
        assert paths == [f"{below}/a.dcm", f"{below}/s/b.dcm"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_neither_loop_nor_repeat(tmp_path: Path) -> None:
    root = tmp_path / "root"
    tree(root, "a/1", "b/2")
    tree(tmp_path, "elsewhere/3")
    (tmp_path / "elsewhere" / "again").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "above").symlink_to(tmp_path)
    (root / "a" / "beside").symlink_to(root / "b")
    (root / "first").symlink_to(tmp_path / "elsewhere")
    (root / "second").symlink_to(tmp_path / "elsewhere")
    (root / "nowhere").symlink_to(tmp_path / "missing")
    (root / "file").symlink_to(tmp_path / "elsewhere" / "3")
    (root / "a" / "same").symlink_to(root / "b" / "2")
    assert found(root, follow_links=True) == ["file", "a/1", "a/same", "b/2", "first/3"]
    assert found(root) == ["a/1", "a/same", "b/2"]
    refused = [
        Path(entry.source).relative_to(root).as_posix()
        for entry in walk(str(root))
        if isinstance(entry, Unreadable) and "--follow-links" in entry.reason
    ]
    assert sorted(refused) == ["file", "first"], "second is the same folder"


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets in files")
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert [type(entry) for entry in walk(str(tmp_path))] == [Folder, Ignored]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    tree(tmp_path, "shut/a", "closed", "open")
    (tmp_path / "shut").chmod(0)
    (tmp_path / "closed").chmod(0)
    entries = list(walk(str(tmp_path)))
    (tmp_path / "shut").chmod(0o755)
    unreadable = [(Path(e.source).name, e.reason) for e in entries if isinstance(e, Unreadable)]
    assert unreadable == [("closed", "Permission denied"), ("shut", "Permission denied")]


def test_a_folder_that_vanishes_does_not_end_the_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, "a/1", "b/2")
    real_scandir = os.scandir

    def scandir(folder: str) -> object:
        if folder.endswith("a"):
            raise FileNotFoundError(2, "No such file or directory")
        return real_scandir(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert found(tmp_path) == ["b/2"]
    said = [entry for entry in walk(str(tmp_path)) if isinstance(entry, Unreadable)]
    assert said == [Unreadable(str(tmp_path / "a"), "No such file or directory")]


def test_a_missing_root_is_said(tmp_path: Path) -> None:
    (entry,) = walk(str(tmp_path / "missing"))
    assert entry == Unreadable(str(tmp_path / "missing"), "No such file or directory")


def test_one_folder_is_mirrored(tmp_path: Path) -> None:
    tree(tmp_path, "s/a.dcm", "s/a.img", "s/one/a.dcm", "s/one/1.2.3")
    assert placed(tmp_path / "s") == {
        "s/a.dcm": "out/a",
        "s/a.img": "out/a.img",
        "one/1.2.3": "out/one/1.2.3",
        "one/a.dcm": "out/one/a",
    }


def test_several_sources_keep_apart(tmp_path: Path) -> None:
    tree(tmp_path, "p/s/a.dcm", "q/s/a.dcm", "p/a.dcm", "q/a.dcm")
    sources = [tmp_path / "p/s", tmp_path / "q/s", tmp_path / "p/a.dcm", tmp_path / "q/a.dcm"]
    units = list(find([str(s) for s in sources], "out", extension=".jpg"))
    places = [unit.place for unit in units if isinstance(unit, Unit)]
    assert places == ["s/a", "s-2/a", "a", "a.dcm"]


def test_no_picture_takes_the_name_of_a_source_beside_it(tmp_path: Path) -> None:
    tree(tmp_path, "x.dcm", "x.jpg")
    places = placed(tmp_path / "x.dcm", tmp_path / "x.jpg", target=str(tmp_path))
    assert set(places.values()) == {f"{tmp_path}/x.dcm", f"{tmp_path}/x.jpg"}


def test_a_folder_called_dot_goes_by_its_real_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, "here/a.dcm", "b.dcm")
    monkeypatch.chdir(tmp_path / "here")
    assert placed(".", "../b.dcm") == {"a.dcm": "out/here/a", "../b.dcm": "out/b"}


def test_standard_input_has_a_name() -> None:
    assert placed("-", "a.dcm") == {"-": "out/stdin", "a.dcm": "out/a"}
