"""Files of this machine, written by many threads at once into folders that are not there yet."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rendicom import storage
from rendicom.storage.backends import local

THREADS, FOLDERS, FILES = 8, 12, 10


@pytest.fixture(params=["nameless", "part"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write with files that have no name yet, or with hidden ones, as elsewhere than on Linux."""
    monkeypatch.setattr(local, "_without_nameless", set())
    if request.param == "part":
        monkeypatch.setattr(local, "_NAMELESS", 0)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_threads_write_into_new_folders(tmp_path: Path) -> None:
    """Neighbours in the order of work make the same folder at the same time."""
    names = [f"a/{n % FOLDERS}/b/{n}.png" for n in sorted(range(FOLDERS * FILES), key=_folder)]

    def write(name: str) -> bool:
        return storage.write(str(tmp_path / name), name.encode() * 1000, existing="fail")

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(write, names))
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {os.path.normpath(name) for name in names}
    for name in names:
        assert (tmp_path / name).read_bytes() == name.encode() * 1000


def _folder(number: int) -> int:
    return number % FOLDERS


@pytest.mark.usefixtures("way")
def test_threads_replace_one_file(tmp_path: Path) -> None:
    place = tmp_path / "x.png"

    def write(number: int) -> bytes:
        storage.write(str(place), bytes([number]) * 50_000)
        return place.read_bytes()

    with ThreadPoolExecutor(THREADS) as pool:
        for seen in pool.map(write, range(64)):
            assert len(seen) == 50_000
            assert len(set(seen)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


@pytest.mark.skipif(os.name != "posix", reason="permissions")
@pytest.mark.parametrize("mask", [0o077, 0o027, 0o002])
def test_the_umask_counts_either_way(tmp_path: Path, way: str, mask: int) -> None:
    before = os.umask(mask)
    try:
        storage.write(str(tmp_path / "new" / "x.png"), b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new" / "x.png").stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o777 & ~mask
