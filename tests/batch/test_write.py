"""A picture is written whole or not at all."""

import os
import stat
import threading
from pathlib import Path

import pytest

from rendicom.engine.picture_file import may_write
from rendicom.errors import OutputExistsError, UnwritableOutputError
from rendicom.storage import Existing, write
from rendicom.storage.backends import local

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions, links and devices")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "x.png"
    assert write(str(path), b"picture") is True
    assert path.read_bytes() == b"picture"
    assert names_in(path.parent) == ["x.png"]


@posix
@pytest.mark.parametrize("links", [True, False])
def test_of_many_writers_one_wins_and_the_others_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(local.os, "link", _no_links)
    outcomes: list[bool] = []

    def run(number: int) -> None:
        data = bytes([number]) * 1000
        outcomes.append(write(str(tmp_path / "x"), data, existing="skip"))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 7 + [True]
    assert len(set((tmp_path / "x").read_bytes())) == 1
    assert names_in(tmp_path) == ["x"]


def _no_links(*_: object, **__: object) -> None:
    raise PermissionError(1, "Operation not permitted")


@posix
def test_permissions_stay_and_new_files_follow_the_umask(tmp_path: Path) -> None:
    old = tmp_path / "old.png"
    old.write_bytes(b"old")
    old.chmod(0o640)
    write(str(old), b"new")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    mask = os.umask(0o027)
    try:
        write(str(tmp_path / "new.png"), b"new")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new.png").stat().st_mode) == 0o640


@posix
def test_links_are_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "real" / "x.png")
    write(str(link), b"one")
    write(str(link), b"two")
    assert link.is_symlink()
    assert (tmp_path / "real" / "x.png").read_bytes() == b"two"
    assert names_in(tmp_path / "real") == ["x.png"]


@posix
def test_devices_are_written_to_and_stay(tmp_path: Path) -> None:
    assert write("/dev/null", b"picture") is True
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    with pytest.raises(UnwritableOutputError, match="No space left on device"):
        write("/dev/full", b"picture")


@pytest.mark.parametrize("existing", ["overwrite", "skip", "fail"])
def test_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: Existing
) -> None:
    real_write = os.write

    def half(descriptor: int, data: bytes) -> int:
        if len(data) < 500:
            raise OSError(28, "No space left on device")
        return real_write(descriptor, data[:300])

    monkeypatch.setattr(local.os, "write", half)
    with pytest.raises(UnwritableOutputError, match=r"x\.png: No space left on device") as raised:
        write(str(tmp_path / "x.png"), bytes(1000), existing=existing)
    assert raised.value.code == "cannot-write"
    assert names_in(tmp_path) == []


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    (tmp_path / "x.png").write_bytes(b"old")
    monkeypatch.setattr(local.os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(str(tmp_path / "x.png"), b"new")
    assert names_in(tmp_path) == ["x.png"]
    assert (tmp_path / "x.png").read_bytes() == b"old"


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write = os.write
    monkeypatch.setattr(local.os, "write", lambda fd, data: real_write(fd, bytes(data[:7])))
    write(str(tmp_path / "x"), bytes(range(100)))
    assert (tmp_path / "x").read_bytes() == bytes(range(100))


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UnwritableOutputError):
        write(str(tmp_path / "file" / "x.png"), b"new")
    with pytest.raises(UnwritableOutputError):
        write(str(tmp_path / ("x" * 300)), b"new")


@pytest.mark.parametrize("existing", ["overwrite", "skip", "fail"])
def test_a_dicom_file_is_never_overwritten(tmp_path: Path, existing: Existing) -> None:
    (tmp_path / "x.jpg").write_bytes(bytes(128) + b"DICM")
    with pytest.raises(OutputExistsError, match="never overwritten"):
        may_write(str(tmp_path / "x.jpg"), existing)


def test_what_may_be_written(tmp_path: Path) -> None:
    path = str(tmp_path / "x.jpg")
    assert may_write(path, "fail") is True
    Path(path).write_bytes(b"picture")
    assert may_write(path, "overwrite") is True
    assert may_write(path, "skip") is False
    with pytest.raises(OutputExistsError):
        may_write(path, "fail")
