"""`rendicom.dataset`: frames of a folder by position."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

import rendicom
from rendicom.testing.images import image
from rendicom.testing.writer import element

FRAME = np.arange(256, dtype=np.uint8).reshape(16, 16)
CINE = np.stack([FRAME, FRAME.T, FRAME[::-1]])
RESCALED = (element(0x00281052, "DS", "-1024"), element(0x00281053, "DS", "2"))
NAMED = element(0x00100010, "PN", "Doe^Jane")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "b").mkdir()
    (tmp_path / "a.dcm").write_bytes(image(FRAME, modality="CT", extra=(*RESCALED, NAMED)))
    (tmp_path / "b" / "cine.dcm").write_bytes(image(CINE, modality="US"))
    (tmp_path / "cut.dcm").write_bytes(image(FRAME)[:200])
    (tmp_path / "notes.txt").write_text("not DICOM")
    return tmp_path


def test_items_in_order(archive: Path) -> None:
    frames = rendicom.dataset(archive, modality=["CT", "US"])
    assert len(frames) == 4
    assert [(Path(row["source"]).name, row["frame"], row["modality"]) for _, row in frames] == [
        ("a.dcm", 1, "CT"), *(("cine.dcm", number, "US") for number in (1, 2, 3)),
    ]  # fmt: skip
    assert np.array_equal(np.stack([array for array, _ in frames[1:]]), CINE)
    assert np.array_equal(frames[-1][0], CINE[2])
    assert "Doe" not in repr([row for _, row in frames])
    assert [Path(each.source).name for each in frames.failures] == ["cut.dcm"]
    for wrong in (4, -5):
        with pytest.raises(IndexError):
            frames[wrong]


@pytest.mark.parametrize("values", ["display", "stored", "modality"])
def test_arrays_may_be_written_to(archive: Path, values: str) -> None:
    frames = rendicom.dataset(archive / "a.dcm", values=values)
    kept = frames[0][0].copy()
    frames[0][0][...] = 0
    assert np.array_equal(frames[0][0], kept)


def test_values_and_options(archive: Path) -> None:
    (units, _), *_ = rendicom.dataset(archive / "a.dcm", values="modality")
    assert units.dtype == np.float32
    assert np.array_equal(units, FRAME * 2.0 - 1024)
    small = rendicom.dataset(archive, options=rendicom.RenderOptions(max_size=8))
    assert {array.shape for array, _ in small} == {(8, 8)}


def test_members_of_archives_and_pickling(archive: Path) -> None:
    with zipfile.ZipFile(archive / "more.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("x/cine.dcm", image(CINE, modality="US"))
    frames = pickle.loads(pickle.dumps(rendicom.dataset(archive / "more.zip")))
    assert np.array_equal(np.stack([array for array, _ in frames]), CINE)
    assert frames.row(1)["source"].endswith("more.zip!/x/cine.dcm")


def test_a_loader_with_processes(archive: Path) -> None:
    data = pytest.importorskip("torch.utils.data")
    frames = rendicom.dataset(archive)
    loader = data.DataLoader(frames, batch_size=None, num_workers=2)
    assert sum(1 for _ in loader) == len(frames)


def test_nothing_there(tmp_path: Path) -> None:
    frames = rendicom.dataset(tmp_path)
    assert (len(frames), list(frames)) == (0, [])
    missing = rendicom.dataset(tmp_path / "missing")
    assert (len(missing), len(missing.failures)) == (0, 1)
    assert "1 not listed" in repr(missing)
    with pytest.raises(rendicom.OptionError):
        rendicom.dataset(tmp_path, modality=["no modality at all"])
