"""An instance as a sequence of its frames."""

from __future__ import annotations

import io
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import rendicom
from rendicom.testing.images import image
from rendicom.testing.writer import dicom_file, element

FRAMES = np.stack([np.arange(256, dtype=np.uint8).reshape(16, 16) + each for each in range(3)])
COLOURS = np.stack([FRAMES, FRAMES[..., ::-1], FRAMES], axis=-1)


def test_length_and_iteration() -> None:
    with rendicom.open_instance(image(FRAMES)) as instance:
        assert len(instance) == 3
        stored = [frame.samples for frame in instance]
    assert np.array_equal(stored, FRAMES)


@pytest.mark.parametrize("samples", [FRAMES, FRAMES[:1], COLOURS, COLOURS[:1]])
def test_as_an_array(samples: np.ndarray) -> None:
    photometric = "RGB" if samples.ndim == 4 else "MONOCHROME2"
    with rendicom.open_instance(image(samples, photometric=photometric)) as instance:
        assert np.array_equal(np.asarray(instance), samples)
        assert np.asarray(instance, dtype=np.float32).dtype == np.float32
        with pytest.raises(ValueError, match="copy"):
            np.array(instance, copy=False)


def test_without_pixels() -> None:
    report = dicom_file([element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.88.11")])
    with rendicom.open_instance(report) as instance:
        assert instance
        with pytest.raises(rendicom.NoPixelDataError):
            len(instance)


def test_pickled_by_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ct.dcm").write_bytes(image(FRAMES))
    instances = [rendicom.open_instance("ct.dcm"), rendicom.open_instance(image(FRAMES))]
    assert len(pickle.dumps(instances[0])) < 500
    monkeypatch.chdir("/")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(np.asarray, instances))
    assert np.array_equal(found, [FRAMES, FRAMES])


def test_a_stream_is_not_pickled() -> None:
    with (
        rendicom.open_instance(io.BytesIO(image(FRAMES))) as instance,
        pytest.raises(TypeError, match="path"),
    ):
        pickle.dumps(instance)


PLACE = (
    element(0x00280030, "DS", "0.5\\0.75"),
    element(0x00200032, "DS", "-100.5\\20\\3e1"),
)


def test_spacing_and_position() -> None:
    with rendicom.open_instance(image(FRAMES, extra=PLACE)) as instance:
        assert instance.spacing == (0.5, 0.75)
        assert instance.position == (-100.5, 20.0, 30.0)


def test_spacing_and_position_that_are_missing_or_damaged() -> None:
    with rendicom.open_instance(image(FRAMES)) as instance:
        assert (instance.spacing, instance.position) == (None, None)
    damaged = (element(0x00280030, "DS", "0\\1"), element(0x00200032, "DS", "1\\2"))
    with rendicom.open_instance(image(FRAMES, extra=damaged)) as instance:
        assert (instance.spacing, instance.position) == (None, None)


def test_what_it_shows_of_itself() -> None:
    named = (element(0x00100010, "PN", "Doe^Jane"),)
    with rendicom.open_instance(image(FRAMES[:, :8], extra=named)) as instance:
        assert repr(instance) == "<Instance 16 x 8, 3 frames>"
    with rendicom.open_instance(dicom_file(named)) as instance:
        assert repr(instance).startswith("<Instance: ")
        assert "Doe" not in repr(instance)
