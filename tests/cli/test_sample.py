"""A sample is a file pydicom reads, and nothing that is there is lost for it."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from rendicom.cli.main import main


@pytest.mark.parametrize(("kind", "frames"), [("ct", 1), ("us-cine", 30), ("rt-dose", 15)])
def test_samples(tmp_path: Path, kind: str, frames: int) -> None:
    target = tmp_path / "new" / "sample.dcm"
    assert main(["sample", str(target), "--kind", kind]) == 0
    assert int(pydicom.dcmread(target).get("NumberOfFrames", 1)) == frames


def test_an_existing_file_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "mine.dcm"
    target.write_bytes(b"mine")
    assert main(["sample", str(target)]) == 1
    assert target.read_bytes() == b"mine"
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert "choose another FILE" in error
    assert "--existing" not in error


def test_a_second_sample_says_what_can_be_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "sample.dcm"
    assert main(["sample", str(target)]) == 0
    capsys.readouterr()
    assert main(["sample", str(target)]) == 1
    error = capsys.readouterr().err
    assert "choose another FILE" in error
    assert "TARGET" not in error


def test_a_place_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert main(["sample", str(tmp_path / "file" / "sample.dcm")]) == 1
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert "fault to report" not in error
