"""Small studies whose every pixel is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from reportmaker import code, item, objects, sequence_of

ROOT = "1.2.826.0.1.3680043.8.498.77"
CT = "1.2.840.10008.5.1.4.1.1.2"
US = "1.2.840.10008.5.1.4.1.1.3.1"
SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
BASIC_TEXT = "1.2.840.10008.5.1.4.1.1.88.11"
PDF = "1.2.840.10008.5.1.4.1.1.104.1"

THORAX, HEART, REPORTS, PRIOR = (f"{ROOT}.{last}" for last in (1, 2, 3, 7))
SLICES = 6
THIN = 9
ROWS, COLUMNS = 96, 128
FILM = 5


def slice_uid(number: int) -> str:
    """Return the UID of a slice of the thorax, counted from 1."""
    return f"{THORAX}.1.{number}"


def slice_path(folder: Path, number: int) -> Path:
    """Return where a slice of the thorax is."""
    return folder / "thorax" / f"{number}.dcm"


def film_uid() -> str:
    """Return the UID of the multi-frame instance."""
    return f"{HEART}.1.1"


def film_path(folder: Path) -> Path:
    """Return where the multi-frame instance is."""
    return folder / "heart" / "film.dcm"


def slice_values(number: int) -> np.ndarray[Any, Any]:
    """Return HU of a slice: a ramp from left to right, another corner bright in each."""
    values = np.tile(np.linspace(-1000, 1000, COLUMNS), (ROWS, 1))
    values[:24, :24] = 100 * number
    return values.round().astype(np.int16)


def _dataset(sop_class: str, instance: str, study: str, series: str) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = instance
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, instance
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.SpecificCharacterSet = "ISO_IR 192"
    return dataset


def _patient(dataset: Dataset, name: str, identifier: str, date: str, accession: str) -> None:
    dataset.PatientName, dataset.PatientID = name, identifier
    dataset.PatientBirthDate, dataset.PatientSex = "19151210", "F"
    dataset.StudyDate, dataset.StudyTime = date, "143005"
    dataset.AccessionNumber = accession


def _gray(dataset: Dataset, values: np.ndarray[Any, Any], *, bits: int) -> None:
    dataset.Rows, dataset.Columns = values.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored = 8 if bits == 8 else 16, bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, 0
    dataset.PixelData = values.astype("<u1" if bits == 8 else "<u2").tobytes()


def _save(dataset: Dataset, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def _slice(series: int, number: int, z: float, values: np.ndarray[Any, Any]) -> Dataset:
    uid = f"{THORAX}.{series}"
    dataset = _dataset(CT, f"{uid}.{number}", THORAX, uid)
    _patient(dataset, "Lovelace^Ada", "RC-42", "20240312", "A1001")
    dataset.StudyDescription = "Thorax"
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "CT", series, number
    dataset.PixelSpacing, dataset.ImageOrientationPatient = [0.7, 0.7], [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient, dataset.FrameOfReferenceUID = [0, 0, z], f"{THORAX}.99"
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    dataset.WindowCenter, dataset.WindowWidth = 40, 400
    _gray(dataset, values + 1024, bits=12)
    return dataset


def write_thorax(folder: Path) -> None:
    """Write CT slices 5 mm apart, thin ones 3 mm apart from the other end, and a photograph."""
    for number in range(1, SLICES + 1):
        dataset = _slice(1, number, 5 * (number - 1), slice_values(number))
        dataset.SeriesDescription = "Axial"
        _save(dataset, slice_path(folder, number))
    for number in range(1, THIN + 1):
        dataset = _slice(3, number, 24 - 3 * (number - 1), slice_values(number)[::3, ::3])
        dataset.SeriesDescription = "Thin"
        _save(dataset, folder / "thin" / f"{number}.dcm")
    photograph = _dataset(SECONDARY, f"{THORAX}.2.1", THORAX, f"{THORAX}.2")
    _patient(photograph, "Lovelace^Ada", "RC-42", "20240312", "A1001")
    photograph.Modality, photograph.SeriesNumber, photograph.InstanceNumber = "OT", 2, 1
    photograph.SeriesDescription = "Photograph"
    _gray(photograph, np.zeros((40, 60), np.uint8), bits=8)
    photograph.SamplesPerPixel, photograph.PhotometricInterpretation = 3, "RGB"
    photograph.PlanarConfiguration = 0
    photograph.PixelData = np.full((40, 60, 3), (200, 90, 40), np.uint8).tobytes()
    _save(photograph, folder / "thorax" / "photograph.dcm")


def write_prior(folder: Path) -> None:
    """Write slices of the same patient half a year before, 2 mm apart, in the same frame."""
    for number in range(1, SLICES + 1):
        dataset = _slice(1, number, 2 * (number - 1), slice_values(number))
        uid = f"{PRIOR}.1.{number}"
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = PRIOR, f"{PRIOR}.1"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
        dataset.StudyDate, dataset.StudyDescription = "20230912", "Thorax before"
        dataset.SeriesDescription = "Earlier"
        _save(dataset, folder / "prior" / f"{number}.dcm")


def write_film(folder: Path) -> None:
    """Write a multi-frame image of 25 frames a second, each brighter than the one before."""
    dataset = _dataset(US, film_uid(), HEART, f"{HEART}.1")
    _patient(dataset, "Harvey^William", "RC-7", "20231105", "B2002")
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "US", 1, 1
    dataset.StudyDescription = "Heart"
    dataset.NumberOfFrames, dataset.FrameTime = FILM, "40"
    dataset.FrameIncrementPointer = 0x00181063
    frames = np.stack([np.full((50, 70), 40 * number, np.uint8) for number in range(1, FILM + 1)])
    _gray(dataset, frames, bits=8)
    _save(dataset, film_path(folder))


def write_report(folder: Path) -> None:
    """Write a report that tries to act, and that refers to a slice of the thorax."""
    dataset = _dataset(BASIC_TEXT, f"{REPORTS}.1.1", REPORTS, f"{REPORTS}.1")
    _patient(dataset, "Röntgen^Wilhelm", "RC-9", "20230101", "C3003")
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "SR", 1, 1
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence = code("Imaging Report", "18748-4", "LN")
    finding = item("TEXT", ConceptNameCodeSequence=code("Finding", "121071", "DCM"),
                   TextValue="Clear lungs <script>document.title = 'acted'</script>")  # fmt: skip
    dataset.ContentSequence = [finding, objects("IMAGE", slice_uid(3))]
    dataset.CurrentRequestedProcedureEvidenceSequence = sequence_of(
        THORAX, f"{THORAX}.1", slice_uid(3)
    )
    _save(dataset, folder / "reports" / "report.dcm")


def write_pdf(folder: Path) -> None:
    """Write an encapsulated PDF."""
    dataset = _dataset(PDF, f"{REPORTS}.2.1", REPORTS, f"{REPORTS}.2")
    _patient(dataset, "Röntgen^Wilhelm", "RC-9", "20230101", "C3003")
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "DOC", 2, 1
    dataset.SeriesDescription = "Letter"
    dataset.DocumentTitle, dataset.MIMETypeOfEncapsulatedDocument = "Letter", "application/pdf"
    dataset.EncapsulatedDocument = PDF_BYTES + b"\0" * (len(PDF_BYTES) % 2)
    dataset.EncapsulatedDocumentLength = len(PDF_BYTES)
    _save(dataset, folder / "reports" / "letter.dcm")


PDF_BYTES = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)


def write_studies(folder: Path) -> None:
    """Write everything."""
    for write in (write_thorax, write_film, write_report, write_pdf):
        write(folder)


ENDOSCOPY = f"{ROOT}.4"


def write_video(folder: Path) -> None:
    """Write ten frames of H.264 in MP4 (PS3.5 8.2.7)."""
    import io

    import av
    from pydicom.encaps import encapsulate

    place = io.BytesIO()
    with av.open(place, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in range(10):
            picture = np.full((48, 64, 3), 20 * level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    dataset = _dataset(
        "1.2.840.10008.5.1.4.1.1.77.1.1.1", f"{ENDOSCOPY}.1.1", ENDOSCOPY, f"{ENDOSCOPY}.1"
    )
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    _patient(dataset, "Kussmaul^Adolf", "RC-11", "20220101", "D4004")
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "ES", 1, 1
    _gray(dataset, np.zeros((48, 64), np.uint8), bits=8)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "YBR_PARTIAL_420"
    dataset.PlanarConfiguration, dataset.NumberOfFrames, dataset.FrameTime = 0, 10, "100"
    dataset.PixelData = encapsulate([place.getvalue()], has_bot=False)
    dataset["PixelData"].is_undefined_length = True
    _save(dataset, folder / "endoscopy" / "video.dcm")
