"""Series of one invented patient in one frame of reference, and objects about them."""

import weakref
from io import BytesIO

import highdicom as hd
import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from brokenparts import CLASSES, part, reference

FRAME_OF_REFERENCE, STUDY = generate_uid(), generate_uid()
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CT, PET = UID("1.2.840.10008.5.1.4.1.1.2"), UID("1.2.840.10008.5.1.4.1.1.128")


def dataset(sop_class, modality, series=None, number=1):
    """Return a data set of the study that can be written to a file."""
    ds = pydicom.Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = UID(sop_class)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = STUDY, series or generate_uid()
    ds.PatientName, ds.PatientID = "Phantom^Overlay", "P1"
    ds.PatientBirthDate, ds.PatientSex, ds.StudyID, ds.AccessionNumber = "", "", "1", ""
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = ds.AcquisitionDate = "20250102"
    ds.StudyTime = ds.SeriesTime = ds.ContentTime = ds.AcquisitionTime = "101500"
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = modality, 1, number
    ds.Manufacturer, ds.ReferringPhysicianName = "made", ""
    return ds


def series(
    volume,
    *,
    orientation=AXIAL,
    position=(0.0, 0.0, 0.0),
    spacing=(1.0, 1.0),
    step=2.0,
    sop_class=CT,
    frame_of_reference=FRAME_OF_REFERENCE,
):
    """Return one image for each first index of a volume of int16 values, window 0 to 255."""
    normal = np.cross(orientation[:3], orientation[3:])
    uid, made = generate_uid(), []
    for index, pixels in enumerate(volume):
        ds = dataset(sop_class, "PT" if sop_class == PET else "CT", uid, index + 1)
        ds.ImagePositionPatient = [f"{x:.8f}" for x in np.add(position, normal * step * index)]
        ds.ImageOrientationPatient = [f"{x:.10f}" for x in orientation]
        ds.PixelSpacing, ds.SliceThickness = list(spacing), abs(step)
        ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = frame_of_reference, ""
        ds.Rows, ds.Columns = pixels.shape
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated = ds.BitsStored = 16
        ds.HighBit, ds.PixelRepresentation = 15, 1
        ds.RescaleSlope, ds.RescaleIntercept = 1, 0
        ds.WindowCenter, ds.WindowWidth = 128, 256
        ds.PixelData = pixels.astype("<i2").tobytes()
        made.append(ds)
    return made


def dose(values, *, offsets, scaling=0.001, **place):
    """Return a dose of 16-bit values in Gy, at a place as of `series`."""
    ds = series(np.zeros((1, *values.shape[1:])), **place)[0]
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UID(f"{CLASSES}.481.2")
    ds.Modality, ds.DoseUnits, ds.DoseType, ds.DoseGridScaling = "RTDOSE", "GY", "PHYSICAL", scaling
    ds.NumberOfFrames, ds.PixelRepresentation = len(values), 0
    ds.GridFrameOffsetVector = [float(each) for each in offsets]
    ds.FrameIncrementPointer = 0x3004000C
    ds.PixelData = values.astype("<u2").tobytes()
    return ds


def structure_set(*rois):
    """Return a structure set; a ROI is (number, name, color or None, contours).

    A contour is its type, x, y and z of its points, and the image that it refers to or None.
    """
    ds = dataset(f"{CLASSES}.481.3", "RTSTRUCT")
    ds.StructureSetLabel, ds.StructureSetROISequence, ds.ROIContourSequence = "S", [], []
    for number, name, colour, contours in rois:
        ds.StructureSetROISequence.append(
            part(ROINumber=number, ROIName=name, ReferencedFrameOfReferenceUID=FRAME_OF_REFERENCE)
        )
        drawn = part(ReferencedROINumber=number, ContourSequence=[])
        if colour:
            drawn.ROIDisplayColor = list(colour)
        for kind, points, image in contours:
            data = [f"{x:.6f}" for x in np.ravel(points)]
            made = part(ContourGeometricType=kind, NumberOfContourPoints=len(points),
                        ContourData=data)  # fmt: skip
            if image is not None:
                made.ContourImageSequence = [reference(image)]
            drawn.ContourSequence.append(made)
        ds.ROIContourSequence.append(drawn)
    return ds


def key_objects(images, evidence=None):
    return hd.ko.KeyObjectSelectionDocument(
        evidence=evidence or images,
        content=hd.ko.KeyObjectSelection(
            document_title=codes.DCM.OfInterest, referenced_objects=images
        ),
        series_instance_uid=generate_uid(), series_number=9, sop_instance_uid=generate_uid(),
        instance_number=1, manufacturer="made",
    )  # fmt: skip


def as_bytes(ds):
    """Return a data set as a file."""
    stream = BytesIO()
    ds.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def segments(count, colours=None):
    return [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=f"Part {number}",
            segmented_property_category=codes.SCT.Tissue,
            segmented_property_type=codes.SCT.Tissue,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
            display_color=hd.color.CIELabColor.from_rgb(*colours[number - 1]) if colours else None,
        )
        for number in range(1, count + 1)
    ]


def segmentation(images, masks, kind="BINARY", colours=None, **more):
    """Return a segmentation by highdicom; ``masks`` is (frames, rows, columns[, segments])."""
    made = hd.seg.Segmentation(
        source_images=images,
        pixel_array=masks,
        segmentation_type=kind,
        segment_descriptions=segments(more.pop("count"), colours),
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="made",
        manufacturer_model_name="made",
        software_versions="1",
        device_serial_number="1",
        content_creator_name="Doe^J",
        **more,
    )
    return database_closed(made)


def database_closed(made):
    """Return an object of highdicom, whose database is closed with it: Python 3.13 warns else."""
    connection = getattr(made, "_db_con", None)
    if connection is not None:
        weakref.finalize(made, connection.close)
    return made


def blended(gray, layers):
    """Return RGB of gray pixels under (color, opacity of each pixel), the first at the bottom."""
    picture = np.repeat(gray[..., np.newaxis].astype(float), 3, axis=2)
    for colour, opacity in layers:
        share = np.asarray(opacity, float)[..., np.newaxis]
        picture = share * np.asarray(colour, float) + (1 - share) * picture
    return picture
