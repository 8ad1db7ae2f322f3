"""A conversion that fails leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rendicom.testing import element, encapsulate, image, rle

CONVERT = "import sys; from rendicom.cli.main import main; sys.exit(main())"
VALUES = np.arange(400, dtype=np.uint8).reshape(20, 20)


def _convert(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CONVERT, "convert", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("broken", [
    image(VALUES)[:-900],
    image(VALUES, extra=[element(0x00280010, "US", 60000), element(0x00280011, "US", 60000)]),
    image(encapsulate([b"\xff\xd8\xff\xd9"]), rows=20, columns=20,
          transfer_syntax="1.2.840.10008.1.2.4.50"),
    b"not a dicom file at all",
], ids=["no pixels", "too large", "empty stream", "text"])  # fmt: skip
@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "tiff"])
def test_nothing_is_left(broken: bytes, suffix: str, tmp_path: Path) -> None:
    source = tmp_path / "in.dcm"
    source.write_bytes(broken)
    out = tmp_path / "out"
    out.mkdir()
    done = _convert(source, out / f"picture.{suffix}")
    assert done.returncode == 1, done.stderr
    assert done.stderr
    assert list(out.iterdir()) == []


def test_what_was_there_stays(tmp_path: Path) -> None:
    source, target = tmp_path / "in.dcm", tmp_path / "picture.png"
    source.write_bytes(b"not a dicom file at all")
    target.write_bytes(b"mine")
    assert _convert(source, target).returncode == 1
    assert target.read_bytes() == b"mine"


def test_good_frames_are_kept_when_one_is_broken(tmp_path: Path) -> None:
    streams = [rle(VALUES), struct_of_nonsense(), rle(VALUES[::-1])]
    source, out = tmp_path / "in.dcm", tmp_path / "out"
    source.write_bytes(
        image(
            encapsulate(streams), rows=20, columns=20, frames=3,
            transfer_syntax="1.2.840.10008.1.2.5",
        )
    )  # fmt: skip
    out.mkdir()
    done = _convert(source, out, "--format", "png", "--strict", "--window", "128,256")
    assert done.returncode == 1
    names = sorted(path.name for path in out.iterdir())
    assert names == ["in-0001.png", "in-0003.png", "manifest.jsonl"]


def struct_of_nonsense() -> bytes:
    return b"\xff" * 64
