"""What is durable is on the disk before it gets its name, and the name before the return."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rendicom import storage
from rendicom.errors import OutputExistsError, UnwritableOutputError
from rendicom.storage.backends import local

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX calls")


@pytest.fixture(params=["nameless", "link", "no links"])
def calls(request: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return what is asked of the system, in order, on each way to a new file."""
    made: list[tuple[str, str]] = []
    if request.param != "nameless":
        monkeypatch.setattr(local, "_NAMELESS", 0)
    elif not getattr(os, "O_TMPFILE", 0):
        pytest.skip("there are no files without a name here")
    monkeypatch.setattr(local, "_durable_folders", set())

    def spy(name: str, described: Callable[..., str]) -> None:
        original = getattr(os, name)

        def call(*arguments: Any, **more: Any) -> Any:
            made.append((name, described(*arguments)))
            if name == "link" and request.param == "no links":
                raise PermissionError(1, "no links here")
            return original(*arguments, **more)

        monkeypatch.setattr(os, name, call)

    def opened(descriptor: int) -> str:
        return os.path.realpath(f"/proc/self/fd/{descriptor}")

    spy("write", lambda descriptor, _data: "")
    spy("fsync", opened)
    spy("link", lambda _source, place: str(place))
    spy("replace", lambda _source, place: str(place))
    spy("unlink", str)
    return made


def kinds(made: list[tuple[str, str]]) -> list[str]:
    return [name for name, _ in made]


def test_the_order_of_a_new_file(calls, tmp_path):
    place = tmp_path / "study" / "series" / "one.dcm"
    assert storage.write(str(place), b"abc", existing="fail", is_durable=True)
    assert place.read_bytes() == b"abc"
    names = [(name, where) for name, where in calls if where in ("", str(place))]
    named = max(index for index, call in enumerate(calls) if call[1] == str(place))
    synced = [index for index, call in enumerate(calls) if call[0] == "fsync"]
    assert names[0][0] == "write"
    assert kinds(calls).index("write") < synced[0] < named, calls
    # Then the folder of the file, and those above it, which were made as well.
    behind = [where for name, where in calls[named:] if name == "fsync"]
    wanted = [str(place.parent), str(place.parents[1]), str(tmp_path)]
    assert behind[:3] == wanted
    calls.clear()
    second = place.with_name("two.dcm")
    storage.write(str(second), b"abc", existing="fail", is_durable=True)
    assert [where for name, where in calls if name == "fsync"][1:] == [str(place.parent)]


def test_a_folder_that_was_removed_and_made_again(calls, tmp_path):
    place = tmp_path / "study" / "one.dcm"
    storage.write(str(place), b"abc", existing="fail", is_durable=True)
    place.unlink()
    place.parent.rmdir()
    calls.clear()
    storage.write(str(place), b"abc", existing="fail", is_durable=True)
    assert str(tmp_path) in [where for name, where in calls if name == "fsync"]


def test_what_replaces_a_file(calls, tmp_path):
    place = tmp_path / "one.dcm"
    place.write_bytes(b"old")
    storage.write(str(place), b"new", is_durable=True)
    found = kinds(calls)
    assert found.index("fsync") < found.index("replace")
    behind = calls[found.index("replace") :]
    assert ("fsync", str(tmp_path)) in behind


def test_what_is_there_already_is_made_sure_of(calls, tmp_path):
    place = tmp_path / "one.dcm"
    place.write_bytes(b"old")
    with pytest.raises(OutputExistsError):
        storage.write(str(place), b"new", existing="fail", is_durable=True)
    assert ("fsync", str(tmp_path)) in calls


def test_removed(calls, tmp_path):
    place = tmp_path / "one.dcm"
    place.write_bytes(b"old")
    calls.clear()
    storage.remove(str(place), is_durable=True)
    assert calls == [("unlink", str(place)), ("fsync", str(tmp_path))]


def test_what_is_not_durable_costs_no_wait(calls, tmp_path):
    place = tmp_path / "new" / "one.dcm"
    storage.write(str(place), b"abc")
    storage.write(str(place), b"abd")
    storage.remove(str(place))
    assert "fsync" not in kinds(calls)


def test_a_disk_that_fails_is_told(monkeypatch, tmp_path):
    def broken(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    place = tmp_path / "one.dcm"
    with pytest.raises(UnwritableOutputError, match="Input/output error"):
        storage.write(str(place), b"abc", is_durable=True)
    assert list(Path(tmp_path).iterdir()) == []
