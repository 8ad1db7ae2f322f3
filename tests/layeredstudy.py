"""A CT of five slices with objects that lie on it, and objects that have no picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from phantoms import STUDY, dataset, dose, segmentation, series, structure_set

__all__ = ["FIRST_FILLED", "GENERAL_ECG", "write_layered"]

SIZE = 64
FIRST_FILLED = 3
"""The first slice that the segmentation and the structure set have something in."""
GENERAL_ECG = "1.2.840.10008.5.1.4.1.1.9.1.2"
CORNERS = ((10, 10), (30, 10), (30, 30), (10, 30))


def write_layered(folder: Path) -> dict[str, str]:
    """Write all of it; return the Series Instance UIDs by what they are."""
    images = series(np.full((5, SIZE, SIZE), 100, np.int16))
    masks = np.zeros((5, SIZE, SIZE), bool)
    masks[FIRST_FILLED - 1 :, 20:40, 10:30] = True
    colours = [(255, 0, 0)]
    mask = segmentation(images, masks, count=1, colours=colours, omit_empty_frames=False)
    # The writer chooses the order of frames: the third is the middle one either way.
    only = masks & (np.arange(5) == FIRST_FILLED - 1)[:, np.newaxis, np.newaxis]
    strayed = segmentation(
        series(np.zeros((5, SIZE, SIZE), np.int16), frame_of_reference=generate_uid()),
        only, count=1, colours=colours, omit_empty_frames=False,
    )  # fmt: skip
    ecg = dataset(GENERAL_ECG, "ECG")
    ecg.SeriesDescription = "Heart"
    objects = {
        "mask": mask, "strayed": strayed, "contours": _contours(images), "dose": _dose(),
        "ecg": ecg,
    }  # fmt: skip
    for number, (name, ds) in enumerate(objects.items(), 2):
        ds.SeriesNumber, ds.SeriesDescription = number, name.capitalize()
        ds.StudyInstanceUID = STUDY
        ds.save_as(folder / f"{name}.dcm", enforce_file_format=True)
    for number, ds in enumerate(images):
        ds.SeriesDescription = "Base"
        ds.save_as(folder / f"ct{number}.dcm", enforce_file_format=True)
    found = {name: str(ds.SeriesInstanceUID) for name, ds in objects.items()}
    return {**found, "ct": str(images[0].SeriesInstanceUID)}


def _contours(images: list[Any]) -> Dataset:
    """Return a structure set with one region, a square in the slices from the third on."""
    squares = [
        ("CLOSED_PLANAR", [(x, y, float(image.ImagePositionPatient[2])) for x, y in CORNERS], image)
        for image in images[FIRST_FILLED - 1 :]
    ]
    return structure_set((7, "Liver of J. Doe", (0, 255, 0), squares))


def _dose() -> Dataset:
    """Return a dose grid of five planes, 40 Gy at its greatest."""
    values = np.zeros((5, SIZE, SIZE))
    values[:, 16:48, 16:48] = 4000
    return dose(values, offsets=(0, 2, 4, 6, 8), scaling=0.01)
