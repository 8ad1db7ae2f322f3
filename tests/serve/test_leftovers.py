"""What a server keeps outside of its folders is gone when it is, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from rendicom.errors import OptionError
from rendicom.index.catalogue import Catalogue
from serverprocess import served

posix_only = pytest.mark.skipif(os.name != "posix", reason="SIGKILL")

HOLD = """
import sys
from rendicom.index.catalogue import Catalogue
kept = Catalogue("sqlite://")
print("here", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def indexes(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir() if each.name.startswith("rendicom-index-")}


def holding() -> subprocess.Popen[bytes]:
    """Return a process that has an index; it says so before this returns."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"here"
    return process


def test_only_what_nobody_uses_is_removed(temporary):
    with holding() as killed, holding() as living:
        left = indexes(temporary)
        assert len(left) == 2
        killed.kill()
        killed.wait(20)
        mine = Catalogue("sqlite://")
        another = Catalogue("sqlite://")
        after = indexes(temporary)
        assert len(after) == 3, "two of ours, and the one that is in use"
        assert len(after & left) == 1
        assert mine.counts() == another.counts()
        living.kill()
        living.wait(20)
    Catalogue("sqlite://").close()
    assert indexes(temporary) == after - left, "ours are in use"
    mine.close()
    another.close()
    assert indexes(temporary) == set()


def test_what_is_not_ours_stays(temporary):
    (temporary / "rendicom-index-of-a-friend").write_text("a file")
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "in-use").write_text("")
    young = temporary / "rendicom-index-young"
    young.mkdir()
    old = temporary / "rendicom-index-old"
    old.mkdir()
    os.utime(old, (0, 0))
    if os.name == "posix":
        (temporary / "rendicom-index-link").symlink_to(elsewhere)
    Catalogue("sqlite://").close()
    assert elsewhere.is_dir()
    assert (elsewhere / "in-use").exists()
    assert young.is_dir()
    assert not old.exists()
    assert (temporary / "rendicom-index-of-a-friend").read_text() == "a file"


def test_no_room_for_it_is_said(temporary, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "not-there"))
    with pytest.raises(OptionError, match="no temporary folder"):
        Catalogue("sqlite://")


@posix_only
def test_a_server_that_was_killed_leaves_nothing_to_the_next(folder, temporary):
    environment = {"TMPDIR": str(temporary)}
    with served(folder / "made", "--rescan", "0", environment=environment) as first:
        first.wait_for_index()
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(20)
        left = indexes(temporary)
        assert len(left) == 1
    with served(folder / "made", "--rescan", "0", environment=environment) as second:
        second.wait_for_index()
        assert len(indexes(temporary)) == 1
        assert not indexes(temporary) & left
    assert list(temporary.iterdir()) == []
