"""Objects that lie on the images of a CT and are broken in one way each, by what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pydicom
from pydicom.uid import generate_uid

from brokenparts import CLASSES, NAN, implicit, nothing, part, put_raw, reference
from brokenreports import annotations, key_objects, reports, states
from brokensegmentations import segmentations
from phantoms import FRAME_OF_REFERENCE, PET, dataset, dose, series

SIZE = (32, 40)
SLICES = 6
NAMES = ("Phantom", "Vries")
"""Parts of the names of the patient and of regions: no answer and no log may have them."""


def good_images() -> list[Any]:
    """Return the CT that the objects are about."""
    values = np.random.default_rng(7).integers(0, 256, (SLICES, *SIZE))
    return series(values)


def broken(ct: list[Any]) -> dict[str, Any]:
    """Return data sets by what is wrong with them; all are of the study of ``ct``."""
    before = pydicom.config.settings.reading_validation_mode
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    try:
        made: dict[str, Any] = {}
        for kind in (segmentations, structure_sets, doses, reports, key_objects, states,
                     annotations, images):  # fmt: skip
            made |= kind(ct)
    finally:
        pydicom.config.settings.reading_validation_mode = before
    for ds in made.values():
        ds.StudyInstanceUID = ct[0].StudyInstanceUID
    return made


# --- structure sets -------------------------------------------------------------------------


def _contour(image: Any, data: Any, kind: str = "CLOSED_PLANAR", *, of: Any = None) -> Any:
    made = part(ContourGeometricType=kind, NumberOfContourPoints=4)
    if isinstance(data, bytes):
        put_raw(made, 0x30060050, "DS", data)
    else:
        made.ContourData = data
    made.ContourImageSequence = [reference(image) if of is None else of]
    return made


def _structures(
    contours: list[Any], number: Any = 4, colour: Any = (0, 255, 0), **more: Any
) -> Any:
    ds = implicit(dataset(f"{CLASSES}.481.3", "RTSTRUCT"))
    ds.StructureSetLabel = "S"
    ds.StructureSetROISequence = [
        part(ROINumber=number, ROIName="Vries^Jan",
              ReferencedFrameOfReferenceUID=more.pop("frame", FRAME_OF_REFERENCE))
    ]  # fmt: skip
    ds.ROIContourSequence = [
        part(ReferencedROINumber=number, ROIDisplayColor=list(colour), ContourSequence=contours)
    ]
    return ds


def structure_sets(ct: list[Any]) -> dict[str, Any]:
    z = float(ct[2].ImagePositionPatient[2])
    square = [4, 4, z, 20, 4, z, 20, 20, z, 4, 20, z]
    turns = np.linspace(0, 2000 * np.pi, 1_000_000)
    spiral = np.column_stack([20 + turns / 500 * np.cos(turns), 16 + turns / 500 * np.sin(turns)])
    million = "\\".join(f"{x:.3f}\\{y:.3f}\\{z:g}" for x, y in spiral.tolist()).encode()
    million += b" " * (len(million) % 2)
    rng = np.random.default_rng(1)
    jagged = rng.uniform(-900, 900, (50_000, 2))
    wild = "\\".join(f"{x:.2f}\\{y:.2f}\\{z:g}" for x, y in jagged.tolist()).encode()
    wild += b" " * (len(wild) % 2)
    dots = [
        each for x, y in rng.uniform(0, 30, (60_000, 2)).round(2).tolist() for each in (x, y, z)
    ]
    image = ct[2]
    none = _structures([])
    del none.ROIContourSequence
    twins = _structures([_contour(image, square)])
    twins.ROIContourSequence = [*twins.ROIContourSequence] * 2
    unlisted = _structures([_contour(image, square)])
    unlisted.StructureSetROISequence = []
    itself = _structures([_contour(image, square)])
    itself.ROIContourSequence[0].ContourSequence[0].ContourImageSequence = [reference(itself)]
    tilted = [4, 4, z, 20, 4, z + 3, 20, 20, z + 900, 4, 20, z - 900]
    return {
        "contours-nan": _structures([_contour(image, ["nan", "1", "2"] * 4)]),
        "contours-infinite": _structures([_contour(image, ["1e400", "1", "2"] * 4)]),
        "contours-odd": _structures([_contour(image, square[:-1])]),
        "contours-empty": _structures([_contour(image, [])]),
        "contours-text": _structures([_contour(image, b"a\\b\\c\\Vries\\e\\f ")]),
        "contours-two-points": _structures([_contour(image, square[:6])]),
        "contours-million-points": _structures([_contour(image, million)]),
        "contours-wild": _structures([_contour(image, wild)]),
        "contours-many": _structures([_contour(image, square)] * 5000),
        "contours-dots": _structures([_contour(image, dots, "POINT")]),
        "contours-far": _structures([_contour(image, [each * 9e4 for each in square])]),
        "contours-tilted": _structures([_contour(image, tilted)]),
        "contours-none": none,
        "contours-twins": twins,
        "contours-unlisted": unlisted,
        "contours-of-nothing": _structures([_contour(image, square, of=nothing())]),
        "contours-elsewhere": _structures(
            [_contour(image, square, of=nothing())], frame=generate_uid()
        ),
        "contours-of-itself": itself,
        "contours-number": _structures([_contour(image, square)], number="-2147483648"),
        "contours-number-text": _structures([_contour(image, square)], number="99999999999"),
        "contours-colour": _structures([_contour(image, square)], colour=(300, -5, 7)),
        "contours-kind": _structures([_contour(image, square, "VRIES^JAN")]),
        "contours-xor": _structures([_contour(image, square, "CLOSEDPLANAR_XOR")] * 3),
    }


# --- doses ----------------------------------------------------------------------------------


def _dose(**values: Any) -> Any:
    ds = dose(np.tile(np.arange(SIZE[1]) * 500, (3, SIZE[0], 1)), offsets=(0, 5, 10))
    for keyword, value in values.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def doses(ct: list[Any]) -> dict[str, Any]:
    plan = dataset(f"{CLASSES}.481.5", "RTPLAN")
    circle = _dose(ReferencedRTPlanSequence=[reference(plan)])
    plan.ReferencedDoseSequence = [reference(circle)]
    signed = np.full((3, *SIZE), -5, "<i2")
    return {
        "dose-no-scaling": _dose(DoseGridScaling=None),
        "dose-nan-scaling": _dose(DoseGridScaling="nan"),
        "dose-zero-scaling": _dose(DoseGridScaling=0),
        "dose-negative-scaling": _dose(DoseGridScaling=-1),
        "dose-huge-scaling": _dose(DoseGridScaling="1e300"),
        "dose-no-offsets": _dose(GridFrameOffsetVector=None),
        "dose-short-offsets": _dose(GridFrameOffsetVector=[0]),
        "dose-nan-offsets": _dose(GridFrameOffsetVector=["0", "nan", "inf"]),
        "dose-equal-offsets": _dose(GridFrameOffsetVector=[0, 0, 0]),
        "dose-truncated": _dose(PixelData=bytes(100)),
        "dose-no-pixels": _dose(PixelData=None),
        "dose-of-zero": _dose(PixelData=bytes(3 * 2 * SIZE[0] * SIZE[1])),
        "dose-below-zero": _dose(PixelData=signed.tobytes(), PixelRepresentation=1),
        "dose-elsewhere": _dose(FrameOfReferenceUID=generate_uid()),
        "dose-nowhere": _dose(ImagePositionPatient=None, ImageOrientationPatient=None),
        "dose-singular": _dose(ImageOrientationPatient=["1", "0", "0", "-1", "0", "0"]),
        "dose-unit": _dose(DoseUnits="VRIES^JAN"),
        "dose-colour": _dose(
            SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0,
            BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=bytes(3 * 3 * SIZE[0] * SIZE[1]),
        ),
        "dose-long": _dose(
            NumberOfFrames=2, GridFrameOffsetVector=[0, 5],
            PixelData=np.tile(np.arange(SIZE[1]) * 500, (2, SIZE[0], 1)).astype("<u2").tobytes(),
            ImagePositionPatient=["nan", "0", "0"],
        ),
        "dose-many-frames": _dose(NumberOfFrames=100_000),
        "dose-plan": plan,
        "dose-of-plan": circle,
    }  # fmt: skip


# --- images -----------------------------------------------------------------------------


def images(ct: list[Any]) -> dict[str, Any]:
    def pet(**values: Any) -> Any:
        ds = series(np.full((1, 16, 20), 50), spacing=(2, 2), sop_class=PET)[0]
        for keyword, value in values.items():
            setattr(ds, keyword, value)
        return ds

    floats = pet()
    floats.SOPClassUID = floats.file_meta.MediaStorageSOPClassUID = f"{CLASSES}.30"
    del floats.PixelData
    floats.BitsAllocated = 32
    floats.FloatPixelData = np.full((16, 20), NAN, "<f4").tobytes()
    return {
        "image-slope": pet(RescaleSlope="nan"),
        "image-huge-slope": pet(RescaleSlope="1e308"),
        "image-window": pet(WindowWidth="-1"),
        "image-truncated": pet(PixelData=bytes(10)),
        "image-singular": pet(ImageOrientationPatient=["1", "0", "0", "1", "0", "0"]),
        "image-elsewhere": pet(FrameOfReferenceUID=generate_uid()),
        "image-floats": floats,
    }
