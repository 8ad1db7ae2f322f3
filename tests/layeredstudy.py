"""A CT of five slices with objects that lie on it, and objects that have no picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from phantoms import FRAME_OF_REFERENCE, STUDY, dataset, segmentation, series

__all__ = ["FIRST_FILLED", "GENERAL_ECG", "write_layered"]

SIZE = 64
FIRST_FILLED = 3
"""The first slice that the segmentation and the structure set have something in."""
GENERAL_ECG = "1.2.840.10008.5.1.4.1.1.9.1.2"
STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
DOSE = "1.2.840.10008.5.1.4.1.1.481.2"


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
    ds = dataset(STRUCTURE_SET, "RTSTRUCT")
    ds.StructureSetLabel, ds.FrameOfReferenceUID = "made", FRAME_OF_REFERENCE
    region, looks = Dataset(), Dataset()
    region.ROINumber, region.ROIName = 7, "Liver of J. Doe"
    region.ReferencedFrameOfReferenceUID, region.ROIGenerationAlgorithm = FRAME_OF_REFERENCE, ""
    looks.ReferencedROINumber, looks.ROIDisplayColor = 7, [0, 255, 0]
    looks.ContourSequence = Sequence([_square(image) for image in images[FIRST_FILLED - 1 :]])
    ds.StructureSetROISequence, ds.ROIContourSequence = Sequence([region]), Sequence([looks])
    return ds


def _square(image: Any) -> Dataset:
    z = float(image.ImagePositionPatient[2])
    corners = ((10, 10), (30, 10), (30, 30), (10, 30))
    contour, reference = Dataset(), Dataset()
    reference.ReferencedSOPClassUID = image.SOPClassUID
    reference.ReferencedSOPInstanceUID = image.SOPInstanceUID
    contour.ContourImageSequence = Sequence([reference])
    contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", 4
    contour.ContourData = [each for x, y in corners for each in (x, y, z)]
    return contour


def _dose() -> Dataset:
    """Return a dose grid of five planes, 40 Gy at its greatest."""
    ds = dataset(DOSE, "RTDOSE")
    values = np.zeros((5, SIZE, SIZE), np.uint16)
    values[:, 16:48, 16:48] = 4000
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.FrameOfReferenceUID = [1, 1], FRAME_OF_REFERENCE
    ds.GridFrameOffsetVector, ds.FrameIncrementPointer = [0, 2, 4, 6, 8], 0x3004000C
    ds.DoseUnits, ds.DoseType, ds.DoseSummationType, ds.DoseGridScaling = (
        "GY",
        "PHYSICAL",
        "PLAN",
        0.01,
    )
    ds.NumberOfFrames, ds.Rows, ds.Columns = values.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation = 15, 0
    ds.PixelData = values.tobytes()
    return ds
