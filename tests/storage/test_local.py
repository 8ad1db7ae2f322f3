"""Files of this machine: whole or not at all, whoever dies in between."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rendicom import storage
from rendicom.errors import OptionError, UnreadableSourceError, UnwritableOutputError
from rendicom.storage.backends import local

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="files without a name")
posix = pytest.mark.skipif(os.name != "posix", reason="SIGKILL, permissions")

SIZE = 3_000_000
WRITER = f"""
import sys
from rendicom import storage
from rendicom.storage.backends import local

if sys.argv[1] == "part":
    local._NAMELESS = 0
number = 0
while True:
    name = "same.png" if sys.argv[2] == "same" else f"{{number % 50}}/{{number}}.png"
    storage.write(name, bytes([number % 256]) * {SIZE})
    number += 1
    if number == 5:
        print(flush=True)
"""


@pytest.fixture
def nameless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Return what is remembered of devices, for this test only."""
    devices: set[int] = set()
    monkeypatch.setattr(local, "_without_nameless", devices)
    return devices


def _has_nameless(folder: Path) -> bool:
    try:
        os.close(os.open(folder, os.O_WRONLY | os.O_TMPFILE))
    except (OSError, AttributeError):
        return False
    return True


def _killed_while_writing(folder: Path, way: str, names: str, delay: float) -> list[Path]:
    """Return the files that are left in ``folder`` by a writer that was killed."""
    command = [sys.executable, "-c", WRITER, way, names]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        assert process.wait(20) == -signal.SIGKILL
    return [path for path in folder.rglob("*") if path.is_file()]


def _assert_whole(path: Path) -> None:
    data = path.read_bytes()
    assert len(data) == SIZE
    assert data == data[:1] * SIZE


@linux
@pytest.mark.parametrize("delay", [0.0, 0.0013, 0.0027, 0.0041])
def test_a_killed_writer_leaves_nothing_half_written(tmp_path: Path, delay: float) -> None:
    if not _has_nameless(tmp_path):
        pytest.skip("this file system has no files without a name")
    left = _killed_while_writing(tmp_path, "nameless", "new", delay)
    assert len(left) >= 5
    for path in left:
        assert not path.name.startswith(".")
        _assert_whole(path)


@posix
@pytest.mark.parametrize("delay", [0.0, 0.0017, 0.0031])
@pytest.mark.parametrize(
    ("way", "names"), [("part", "new"), ("part", "same"), ("nameless", "same")]
)
def test_what_a_killed_writer_leaves_otherwise_is_hidden(
    tmp_path: Path, way: str, names: str, delay: float
) -> None:
    left = _killed_while_writing(tmp_path, way, names, delay)
    pictures = [path for path in left if not path.name.startswith(".")]
    assert len(pictures) == 1 if names == "same" else len(pictures) >= 5
    for path in pictures:
        _assert_whole(path)
    parts = [path for path in left if path.name.startswith(".")]
    assert len(parts) <= 1
    for path in parts:
        assert path.name.startswith(".rendicom-")
        assert path.suffix == ".part"
        if way == "nameless" and _has_nameless(tmp_path):
            _assert_whole(path)


@linux
def test_a_file_system_without_nameless_files_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: set[int]
) -> None:
    real_open, asked = os.open, []

    def refuse(path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            asked.append(path)
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return real_open(path, flags, mode)

    monkeypatch.setattr(local.os, "open", refuse)
    for name in ("a.png", "b.png", "c/d.png"):
        assert storage.write(str(tmp_path / name), b"x") is True
        assert (tmp_path / name).read_bytes() == b"x"
    assert len(asked) == 1
    assert nameless == {tmp_path.stat().st_dev}


@linux
@pytest.mark.parametrize("reason", [errno.EPERM, errno.ENOENT, errno.EXDEV])
def test_a_file_that_cannot_get_a_name_is_written_the_other_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: set[int], reason: int
) -> None:
    real_link, asked = os.link, []

    def refuse(source: str, *places: str, **more: object) -> None:
        if source.startswith("/proc"):
            asked.append(source)
            raise OSError(reason, os.strerror(reason))
        real_link(source, *places)

    monkeypatch.setattr(local.os, "link", refuse)
    for name in ("a.png", "b.png"):
        assert storage.write(str(tmp_path / name), b"x", existing="fail") is True
    assert len(asked) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


@linux
def test_a_name_that_is_taken_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: set[int]
) -> None:
    place = tmp_path / "x.png"
    real_write = os.write

    def slow(descriptor: int, data: bytes) -> int:
        place.write_bytes(b"of another")
        monkeypatch.setattr(local.os, "write", real_write)
        return real_write(descriptor, data)

    for existing, written in (("skip", False), ("overwrite", True)):
        place.unlink(missing_ok=True)
        monkeypatch.setattr(local.os, "write", slow)
        assert storage.write(str(place), b"mine", existing=existing) is written  # type: ignore[arg-type]
        assert place.read_bytes() == (b"mine" if written else b"of another")
    assert nameless == set()
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_paths_come_back_to_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "with space.dcm"
    assert storage.open_bytes(str(path)) == str(path)
    assert storage.open_bytes(path.as_uri()) == str(path)
    assert storage.normalised(path.as_uri()) == str(path)


def test_the_version_of_a_file_is_its_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"four")
    assert storage.version_of(str(path)) == f"4-{path.stat().st_mtime_ns}"
    assert storage.version_of(str(path / "y")) == ""


def test_what_cannot_be_read_or_removed(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match="No such file") as raised:
        storage.head(str(tmp_path / "nothing"), 10)
    assert str(tmp_path) not in str(raised.value)
    with pytest.raises(UnreadableSourceError):
        storage.head(str(tmp_path), 10)
    with pytest.raises(UnwritableOutputError, match="cannot remove"):
        storage.remove(str(tmp_path))


@pytest.mark.parametrize("uri", ["file://otherhost/x", "file://x"])
def test_files_of_other_machines(uri: str) -> None:
    with pytest.raises(OptionError, match="another machine"):
        storage.normalised(uri)
