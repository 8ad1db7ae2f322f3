"""Every broken file of the corpus: a typed error or a picture, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rendicom.testing import encapsulate, image

SUFFIXES = {".jls": "80", ".jpg": "50", ".jp2": "90", ".jpc": "90", ".j2k": "90"}


@pytest.mark.corpus
def test_malformed_files(corpus: Path, isolated: Callable[..., list[dict[str, Any]]]) -> None:
    paths = sorted(path for path in (corpus / "malformed").iterdir() if path.is_file())
    paths = [path for path in paths if path.suffix != ".tsv"]
    assert len(paths) > 20
    told = isolated(paths, overlays=True, timeout=120)
    assert len(told) == len(paths)
    assert max(line["seconds"] for line in told) < 20


@pytest.mark.corpus
def test_malformed_code_streams(
    corpus: Path, isolated: Callable[..., list[dict[str, Any]]], tmp_path: Path
) -> None:
    streams = sorted((corpus / "malformed" / "codestreams").iterdir())
    paths = []
    for stream in streams:
        if stream.suffix not in SUFFIXES:
            continue
        data = image(
            encapsulate([stream.read_bytes()]), rows=64, columns=64,
            transfer_syntax=f"1.2.840.10008.1.2.4.{SUFFIXES[stream.suffix]}",
        )  # fmt: skip
        paths.append(tmp_path / f"{stream.name}.dcm")
        paths[-1].write_bytes(data)
    assert len(paths) > 15
    told = isolated(paths, timeout=180)
    assert len(told) == len(paths)
    assert max(line["seconds"] for line in told) < 30
    assert max(line["grown"] for line in told) < 600
