"""A slice of an invented CT, and a segmentation, a structure set and a dose of it, made in code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

__all__ = ["write_study"]

_ROOT = "1.2.826.0.1.3680043.8.498.77"
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_CT, _SEGMENTATION = f"{_STORAGE}2", f"{_STORAGE}66.4"
_STRUCTURES, _DOSE = f"{_STORAGE}481.3", f"{_STORAGE}481.2"
_SIDE, _SPACING = 320, 1.25
_ORIENTATION = [1, 0, 0, 0, 1, 0]
_CORNER = -_SIDE * _SPACING / 2
_LESION, _CORD = (118.0, 150.0, 21.0, 17.0), (160.0, 216.0, 9.0, 8.0)
"""Center, and half width and height, in pixels."""


def write_study(folder: Path) -> None:
    """Write ``ct.dcm``, ``seg.dcm``, ``rtstruct.dcm`` and ``rtdose.dcm`` into a folder."""
    image = _image()
    made = {"ct": image, "seg": _segmentation(image), "rtstruct": _structures(image),
            "rtdose": _dose()}  # fmt: skip
    for name, dataset in made.items():
        dataset.save_as(folder / f"{name}.dcm", enforce_file_format=True)


def _inside(x: float, y: float, width: float, height: float) -> Any:
    rows, columns = np.mgrid[0:_SIDE, 0:_SIDE]
    return ((columns - x) / width) ** 2 + ((rows - y) / height) ** 2 <= 1


def _dataset(sop_class: str, modality: str, number: int) -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = UID(sop_class), UID(f"{_ROOT}.{number}.1")
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.StudyInstanceUID, made.SeriesInstanceUID = f"{_ROOT}.9", f"{_ROOT}.{number}"
    made.FrameOfReferenceUID, made.Modality = f"{_ROOT}.8", modality
    made.PatientName, made.PatientID = "Phantom^Layers", "P1"
    return made


def _pixels(made: Dataset, values: Any, bits: int, *, is_signed: bool = False) -> None:
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.Rows, made.Columns = values.shape[-2:]
    made.BitsAllocated = made.BitsStored = bits
    made.HighBit, made.PixelRepresentation = bits - 1, int(is_signed)
    if bits == 1:
        made.PixelData = np.packbits(values.ravel(), bitorder="little").tobytes()
    else:
        made.PixelData = values.astype("<i2" if is_signed else "<u2").tobytes()


def _image() -> Dataset:
    made = _dataset(_CT, "CT", 1)
    values = np.full((_SIDE, _SIDE), -1000.0)
    for shape, amount in (
        ((160, 165, 132, 103), 40), ((160, 165, 122, 93), 0), ((103, 150, 48, 66), -780),
        ((220, 150, 48, 66), -800), ((168, 132, 34, 36), 60), (_LESION, 45), (_CORD, 20),
        ((160, 236, 17, 11), 320), ((52, 165, 9, 14), 260), ((268, 165, 9, 14), 260),
    ):  # fmt: skip
        values[_inside(*shape)] = amount
    values += np.random.default_rng(1).normal(0, 14, values.shape) * (values > -950)
    made.ImagePositionPatient, made.ImageOrientationPatient = [_CORNER, _CORNER, 0], _ORIENTATION
    made.PixelSpacing, made.SliceThickness = [_SPACING, _SPACING], 3
    made.RescaleSlope, made.RescaleIntercept = 1, 0
    made.WindowCenter, made.WindowWidth = -60, 900
    _pixels(made, values.round(), 16, is_signed=True)
    return made


def _segmentation(image: Dataset) -> Dataset:
    made = _dataset(_SEGMENTATION, "SEG", 2)
    lungs = _inside(103, 150, 48, 66) | _inside(220, 150, 48, 66)
    masks = (_inside(*_LESION), lungs & ~_inside(*_LESION), _inside(168, 132, 34, 36) & ~lungs)
    # Recommended Display CIELab Value of red, blue and yellow (PS3.3 C.10.7.1.1).
    colours = ((34885, 53485, 50171), (41574, 33153, 21327), (58000, 29000, 52000))
    _pixels(made, np.array(masks, np.uint8), 1)
    made.NumberOfFrames, made.SegmentationType = len(masks), "BINARY"
    made.SegmentSequence = [
        _item(SegmentNumber=number, SegmentLabel=name, RecommendedDisplayCIELabValue=list(colour))
        for number, (name, colour) in enumerate(
            zip(("Lesion", "Lungs", "Heart"), colours, strict=True), 1
        )
    ]
    source = _item(
        ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID
    )
    made.SharedFunctionalGroupsSequence = [
        _item(
            PlaneOrientationSequence=[_item(ImageOrientationPatient=_ORIENTATION)],
            PixelMeasuresSequence=[_item(PixelSpacing=[_SPACING, _SPACING], SliceThickness=3)],
            PlanePositionSequence=[_item(ImagePositionPatient=[_CORNER, _CORNER, 0])],
            DerivationImageSequence=[_item(SourceImageSequence=[source])],
        )
    ]
    made.PerFrameFunctionalGroupsSequence = [
        _item(SegmentIdentificationSequence=[_item(ReferencedSegmentNumber=number)])
        for number in range(1, len(masks) + 1)
    ]
    return made


def _structures(image: Dataset) -> Dataset:
    made = _dataset(_STRUCTURES, "RTSTRUCT", 3)
    made.StructureSetLabel = "LAYERS"
    made.StructureSetROISequence, made.ROIContourSequence = [], []
    for number, (name, colour, shape) in enumerate(
        (("BODY", (0, 220, 90), (160, 165, 132, 103)), ("GTV", (255, 40, 40), _LESION),
         ("CORD", (255, 220, 0), _CORD)), 1,
    ):  # fmt: skip
        made.StructureSetROISequence.append(
            _item(ROINumber=number, ROIName=name, ROIGenerationAlgorithm="",
                  ReferencedFrameOfReferenceUID=image.FrameOfReferenceUID)
        )  # fmt: skip
        points = _outline(shape)
        contour = _item(ContourGeometricType="CLOSED_PLANAR", ContourData=points,
                        NumberOfContourPoints=len(points) // 3)  # fmt: skip
        made.ROIContourSequence.append(
            _item(ReferencedROINumber=number, ROIDisplayColor=list(colour),
                  ContourSequence=[contour])
        )  # fmt: skip
    return made


def _outline(shape: Sequence[float]) -> list[str]:
    x, y, width, height = shape
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    points = np.column_stack([x + width * np.cos(angles), y + height * np.sin(angles)])
    places = points * _SPACING + _CORNER
    return [f"{number:.2f}" for place in places for number in (*place, 0.0)]


def _dose() -> Dataset:
    made = _dataset(_DOSE, "RTDOSE", 4)
    side, spacing = 128, 3.0
    corner = -side * spacing / 2
    rows, columns = np.mgrid[0:side, 0:side] * spacing + corner
    x, y = (center * _SPACING + _CORNER for center in _LESION[:2])
    near = np.exp(-(((columns - x) / 44) ** 2 + ((rows - y) / 36) ** 2))
    beam = 0.35 * np.exp(-(((columns - x) / 26) ** 2)) * (rows < y + 110)
    grid = 60000 * np.clip(np.maximum(near, beam), 0, 1)
    _pixels(made, np.array([grid, grid, grid]).round(), 16)
    made.NumberOfFrames, made.DoseUnits, made.DoseGridScaling = 3, "GY", 0.001
    made.DoseType, made.DoseSummationType = "PHYSICAL", "PLAN"
    made.GridFrameOffsetVector, made.FrameIncrementPointer = [0, 3, 6], 0x3004000C
    made.ImagePositionPatient, made.ImageOrientationPatient = [corner, corner, -3], _ORIENTATION
    made.PixelSpacing, made.SliceThickness = [spacing, spacing], 3
    return made


def _item(**values: Any) -> Dataset:
    made = Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made
