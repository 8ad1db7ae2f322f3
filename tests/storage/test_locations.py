"""What is a path, what an address, and what an address must look like."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from rendicom import registry, storage
from rendicom.errors import OptionError
from rendicom.extras import install_command
from rendicom.storage.backends import memory, objects


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("s3://bucket/key", True),
        ("memory://a", True),
        ("file:///a", True),
        ("S3://bucket", True),
        ("x-1.y+z://a", True),
        ("C://folder/file", False),
        ("C:\\folder", False),
        ("a/b://c", False),
        ("://x", False),
        ("1s://x", False),
        ("plain", False),
        ("/srv/s3:/x", False),
    ],
)
def test_is_uri(location: str, expected: bool) -> None:
    assert storage.is_uri(location) is expected


def test_normalised() -> None:
    pytest.importorskip("obstore")
    assert storage.normalised("a/b.dcm") == "a/b.dcm"
    assert storage.normalised("S3://Bucket/Key") == "s3://Bucket/Key"
    assert storage.normalised("memory://A/b%20c") == "memory://A/b%20c"


@pytest.mark.skipif(sys.platform == "win32", reason="paths with a drive")
def test_file_addresses_are_paths() -> None:
    assert storage.normalised("file:///a/b%20c%25/%C3%BC") == "/a/b c%/ü"
    assert storage.normalised("FILE://localhost/a") == "/a"


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("https://host/a?X-Amz-Signature=SECRET", "https:// is not a known storage"),
        ("ftp://SECRET@host/a", "ftp:// is not a known storage"),
        ("s3:///key", "names no bucket"),
        ("s3://user:SECRET@bucket/key", "no user and no password"),
        ("abfs://user:SECRET@bucket/key", "no user and no password"),
    ],
)
def test_what_cannot_be_a_location(location: str, message: str) -> None:
    pytest.importorskip("obstore")
    with pytest.raises(OptionError, match=message) as raised:
        storage.normalised(location)
    assert "SECRET" not in str(raised.value)


def test_an_unknown_scheme_names_those_known() -> None:
    with pytest.raises(OptionError, match=r"known: file://, memory://, s3://, gs://, az://"):
        storage.exists("gopher://x")


def test_join() -> None:
    assert storage.join("s3://b/a/", "c", "d e") == "s3://b/a/c/d e"
    assert storage.join("memory://b", "c") == "memory://b/c"
    assert storage.join("a", "b").replace("\\", "/") == "a/b"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    objects._is_installed.cache_clear()
    try:
        for call in (storage.normalised, storage.exists, storage.open_bytes):
            with pytest.raises(OptionError, match="not installed") as raised:
                call("s3://nowhere-at-all/x")
            assert raised.value.hint == install_command("cloud")
    finally:
        monkeypatch.undo()
        objects._is_installed.cache_clear()


def test_other_packages_bring_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point is enough, as for codecs and formats."""

    class Other(memory._Memory):
        schemes = ("other",)

    monkeypatch.setattr(sys.modules[__name__], "PLUGIN", Other(), raising=False)
    point = EntryPoint("other", f"{__name__}:PLUGIN", "rendicom.storage.backends")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: EntryPoints([point]))
    monkeypatch.setattr(EntryPoint, "load", lambda self: sys.modules[__name__].PLUGIN)  # type: ignore[attr-defined]
    monkeypatch.setattr(storage, "_by_scheme", {})
    registry.discover.cache_clear()
    try:
        assert storage.normalised("other://x") == "other://x"
        storage.write("other://x", b"1")
        assert storage.head("other://x", 9) == b"1"
        assert not storage.exists("memory://x")
    finally:
        registry.discover.cache_clear()


def test_local_files_load_no_store(tmp_path: Path) -> None:
    script = """
import sys
from rendicom import storage
storage.write(sys.argv[1], b"x")
assert storage.open_bytes(storage.normalised(sys.argv[1])) == sys.argv[1]
loaded = {"obstore", "rendicom.registry", "importlib.metadata", "hashlib", "tempfile", "urllib",
          "rendicom.storage.backends.memory", "rendicom.storage.backends.objects"}
print(*(loaded & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-S", "-c", _with_path(script), "nothing-here"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def _with_path(script: str) -> str:
    return f"import sys; sys.path[:0] = {sys.path!r}\n{script}"
