"""The command that installs an extra, by where the package came from."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from rendicom import extras


def _come_from(text: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace what the installer left of the origin of this package."""
    # Its class is another where a library has put its own finder into place.
    kind = type(metadata.distribution("rendicom"))
    monkeypatch.setattr(kind, "read_text", lambda self, name: text)


@pytest.mark.parametrize(("origin", "command"), [
    (None, "pip install 'rendicom[server]'"),
    ("not json", "pip install 'rendicom[server]'"),
    ({"url": "https://host/r.whl", "archive_info": {}},
     "pip install 'rendicom[server] @ https://host/r.whl'"),
    ({"url": "https://host/r.git", "vcs_info": {"vcs": "git"}},
     "pip install 'rendicom[server] @ git+https://host/r.git'"),
    ({"url": "file:///nowhere/at/all", "dir_info": {}}, "pip install 'rendicom[server]'"),
])  # fmt: skip
def test_where_it_came_from(origin: object, command: str, monkeypatch) -> None:
    text = origin if isinstance(origin, str) or origin is None else json.dumps(origin)
    _come_from(text, monkeypatch)
    extras._origin.cache_clear()
    assert extras.install_command("server") == command


def test_a_checkout_is_named_by_its_folder(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "with blank"
    folder.mkdir()
    text = json.dumps({"url": folder.as_uri(), "dir_info": {"editable": True}})
    _come_from(text, monkeypatch)
    extras._origin.cache_clear()
    assert extras.install_command("video") == f"pip install '{folder}[video]'"


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    extras._origin.cache_clear()


def test_connect_says_what_it_needs() -> None:
    code = """
import sys
sys.modules["httpx2"] = sys.modules["httpcore2"] = None  # as if they were not there
import rendicom
try:
    rendicom.connect("https://localhost/dicomweb")
except rendicom.OptionError as error:
    print(error.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("pip install ")
    assert "[client]" in done.stdout
