"""Small DICOM files in a folder of their own, and the command as a function."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rendicom.cli.main import main
from rendicom.testing.images import image, overlay
from rendicom.testing.writer import dicom_file, element

WINDOW = (element(0x00281050, "DS", "100"), element(0x00281051, "DS", "200"))


class Samples:
    """Makes files; each method returns the path it was given."""

    def gray(self, path: str, frames: int | None = None, **more: Any) -> Path:
        """Write values that count up from 0 in 4 rows and 6 columns, with one window."""
        shape = (4, 6) if frames is None else (frames, 4, 6)
        values = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
        extra = (*WINDOW, *more.pop("extra", ()))
        return _write(path, image(values, bits_stored=12, extra=extra, **more))

    def overlaid(self, path: str) -> Path:
        """Write an image with an overlay plane."""
        return self.gray(path, extra=overlay(np.ones((4, 6), np.uint8)))

    def document(self, path: str) -> Path:
        """Write a Key Object Selection Document with nothing in it."""
        class_uid = element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.88.59")
        return _write(path, dicom_file([class_uid]))

    def cut(self, path: str) -> Path:
        """Write an image that ends within its pixels."""
        whole = self.gray(path)
        return _write(path, whole.read_bytes()[:-10])


def _write(path: str, data: bytes) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data)
    return Path(path)


@pytest.fixture
def samples() -> Samples:
    """Return what makes small DICOM files."""
    return Samples()


@dataclass(frozen=True)
class Result:
    """What the command said."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return the JSON lines of standard output."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def run(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run the command in this process."""

    def call(*arguments: str | Path) -> Result:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return call


@pytest.fixture
def tree(here: Path) -> Callable[[], set[str]]:
    """List the files in the current folder, less the manifests that folders get."""

    def files() -> set[str]:
        found = (path for path in here.rglob("*") if path.is_file())
        return {str(path.relative_to(here)) for path in found if path.name != "manifest.jsonl"}

    return files
