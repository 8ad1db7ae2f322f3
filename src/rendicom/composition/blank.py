"""Makes images that no file holds: black ones to draw on, and planes cut from a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom import engine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rendicom.composition.geometry import Plane
    from rendicom.engine import Instance

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def blank_image(plane: Plane, pixels: NDArray[np.uint8] | None = None) -> Instance:
    """Return an image in a plane, with the given gray levels or black."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = _SECONDARY_CAPTURE
    made.ImagePositionPatient = list(plane.position)
    made.ImageOrientationPatient = [*plane.along_row, *plane.along_column]
    made.PixelSpacing = list(plane.spacing)
    made.SliceThickness, made.SpacingBetweenSlices = plane.thickness, plane.gap
    made.FrameOfReferenceUID = plane.frame_of_reference
    made.Rows, made.Columns = plane.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    made.WindowCenter, made.WindowWidth = 128, 256
    rows, columns = plane.shape
    black = bytes(rows * columns)
    made.PixelData = (black if pixels is None else pixels.tobytes()) + bytes(len(black) % 2)
    return engine.open_instance(made)
