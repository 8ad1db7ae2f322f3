"""What the tests of the server serve: files whose every pixel is known, and real ones."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from presentationstates import reference, referring, state
from rendicom.testing.images import image, overlay
from rendicom.testing.writer import (
    DEFLATED,
    Element,
    dicom_file,
    element,
    encapsulate,
    sequence,
)
from reportmaker import code, item, objects, sequence_of

ROOT = "1.2.826.0.1.3680043.8.498.91"
CT = "1.2.840.10008.5.1.4.1.1.2"
MULTI_FRAME_BYTES = "1.2.840.10008.5.1.4.1.1.7.2"
SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
BASIC_TEXT = "1.2.840.10008.5.1.4.1.1.88.11"
KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
PDF = "1.2.840.10008.5.1.4.1.1.104.1"
PLAN = "1.2.840.10008.5.1.4.1.1.481.5"

PATIENT = "Toboso^Dulcinea"
PATIENT_ID = "LaMancha4711"
BIRTH_DATE = "19020304"
PHI = tuple(text.encode() for text in ("Toboso", "Dulcinea", PATIENT_ID, BIRTH_DATE))
"""What must not stand in any problem, log or thumbnail."""

GRAY, LOOPS, PAPERS, SECRETS, TROUBLE = (f"{ROOT}.{number}" for number in range(1, 6))
"""Study Instance UIDs."""

WIDE, SQUARE, FIRST = (f"{GRAY}.1.{number}" for number in (1, 2, 3))
"""512 x 256 and 512 x 512 images of HU, and one that comes first by its number."""
LOOP, UNEVEN = f"{LOOPS}.1.1", f"{LOOPS}.1.2"
"""Five frames 40 ms apart, and three with times of their own."""
STATE = f"{GRAY}.2.1"
"""A presentation state for the first and third of them, in a series of its own."""
REPORT, SELECTION, LETTER, PLANNED = (f"{PAPERS}.1.{number}" for number in range(1, 5))
BURNED, COVERED = (f"{SECRETS}.1.{number}" for number in (1, 2))
"""Burned In Annotation YES; a name in an overlay plane."""
JPIP, HUGE, DEFLATE_BOMB, BROKEN, MOVIE = (f"{TROUBLE}.1.{number}" for number in range(1, 6))

LETTER_BYTES = b"%PDF-1.4\n%an odd number of bytes: 41\n%%EOF"
MOVIE_BYTES = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 512) + b"\0\0\0\x08mdat" * 5

Array = NDArray[Any]


def path(study: str, instance: str = "", frames: str = "", *, series: str = "") -> str:
    """Return the path of a resource below the base."""
    if not instance:
        return f"/studies/{study}" + (f"/series/{series}" if series else "")
    whole = f"/studies/{study}/series/{series or study + '.1'}/instances/{instance}"
    return f"{whole}/frames/{frames}" if frames else whole


def identity(study: str, instance: str, *, number: int | None = None) -> tuple[Element, ...]:
    """Return what makes an instance of a study; it is of the series with ``.1`` behind that."""
    listed = [
        element(0x00080018, "UI", instance),
        element(0x00080020, "DA", "20240229"),
        element(0x00100010, "PN", PATIENT),
        element(0x00100020, "LO", PATIENT_ID),
        element(0x00100030, "DA", BIRTH_DATE),
        element(0x0020000D, "UI", study),
        element(0x0020000E, "UI", f"{study}.1"),
        element(0x00200011, "IS", "1"),
    ]
    if number is not None:
        listed.append(element(0x00200013, "IS", str(number)))
    return tuple(listed)


def made(
    study: str,
    instance: str,
    pixels: Any,
    *more: Element,
    number: int | None = None,
    **header: Any,
) -> bytes:
    """Return an image of a study."""
    return image(pixels, extra=(*identity(study, instance, number=number), *more), **header)


def hounsfield(rows: int, columns: int) -> Array:
    """Return HU: each column one more than the one left of it, zero in the middle."""
    values = np.tile(np.arange(columns) - columns // 2, (rows, 1)).astype(np.int32)
    values[rows // 2 :, :] += 1
    return values


def ct(instance: str, rows: int, columns: int, *, number: int) -> bytes:
    """Return `hounsfield` as a CT image with a window of its own."""
    stored = (hounsfield(rows, columns) + 1024).astype(np.uint16)
    return made(
        GRAY, instance, stored,
        element(0x00281050, "DS", "0"), element(0x00281051, "DS", "300"),
        element(0x00281052, "DS", "-1024"), element(0x00281053, "DS", "1"),
        number=number, sop_class=CT, modality="CT", bits_stored=12,
    )  # fmt: skip


def frames_of_gray(count: int) -> Array:
    """Return frames of 8 x 12 pixels, each brighter than the one before."""
    return np.stack([np.full((8, 12), 40 * (index + 1), np.uint8) for index in range(count)])


def write_made(folder: Path) -> None:
    """Write all files that are made in code."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in _made():
        (folder / f"{name}.dcm").write_bytes(data)


def _made() -> Iterator[tuple[str, bytes]]:
    yield "wide", ct(WIDE, 256, 512, number=3)
    yield "square", ct(SQUARE, 512, 512, number=2)
    yield "first", ct(FIRST, 64, 64, number=1)
    yield "loop", made(
        LOOPS, LOOP, frames_of_gray(5), element(0x00181063, "DS", "40"),
        element(0x00286010, "US", 3), sop_class=MULTI_FRAME_BYTES, number=1,
    )  # fmt: skip
    yield "uneven", made(
        LOOPS, UNEVEN, frames_of_gray(3), element(0x00181065, "DS", ("0", "100", "250")),
        element(0x00280009, "AT", 0x00181065),
        sop_class=MULTI_FRAME_BYTES, number=2,
    )  # fmt: skip
    yield "report", written(report())
    yield "selection", written(selection())
    yield "letter", written(letter())
    yield "plan", dicom_file(
        (element(0x00080016, "UI", PLAN), element(0x00080060, "CS", "RTPLAN"),
         *identity(PAPERS, PLANNED))
    )  # fmt: skip
    yield "state", presentation_state()
    yield (
        "burned",
        made(SECRETS, BURNED, np.full((64, 64), 200, np.uint8), element(0x00280301, "CS", "YES")),
    )
    yield (
        "covered",
        made(
            SECRETS,
            COVERED,
            np.full((64, 64), 100, np.uint8),
            *overlay(np.ones((64, 64), np.uint8)),
        ),
    )
    yield from _troubles()


def _troubles() -> Iterator[tuple[str, bytes]]:
    # Nobody may take the bait: a test listens at this address.
    yield "jpip", made(
        TROUBLE, JPIP, [element(0x00287FE0, "UR", "http://127.0.0.1:9/image")],
        rows=64, columns=64, transfer_syntax="1.2.840.10008.1.2.4.94",
    )  # fmt: skip
    yield "huge", made(TROUBLE, HUGE, bytes(64), rows=65535, columns=65535)
    yield "bomb", made(
        TROUBLE, DEFLATE_BOMB, bytes(64), element(0x00091010, "OB", bytes(64 << 20)),
        rows=8, columns=8, transfer_syntax=DEFLATED,
    )  # fmt: skip
    yield "broken", made(
        TROUBLE, BROKEN, encapsulate([b"\xff\x4f\xff\x51 no codestream"]), rows=8, columns=8,
        bits_allocated=8, transfer_syntax="1.2.840.10008.1.2.4.90",
    )  # fmt: skip
    yield "movie", made(
        TROUBLE, MOVIE, encapsulate([MOVIE_BYTES]), rows=64, columns=64, frames=10,
        photometric="YBR_PARTIAL_420", transfer_syntax="1.2.840.10008.1.2.4.102",
        sop_class="1.2.840.10008.5.1.4.1.1.77.1.4.1",
    )  # fmt: skip


def presentation_state() -> bytes:
    """Return a state that shows two images, the darkest white."""
    images = referring(reference(WIDE, sop_class=CT), reference(FIRST, sop_class=CT))
    return state(
        *identity(GRAY, STATE),
        element(0x0020000E, "UI", f"{GRAY}.2"),
        element(0x00281052, "DS", "-1024"),
        element(0x00281053, "DS", "1"),
        element(0x20500020, "CS", "INVERSE"),
        sequence(0x00081115, (element(0x0020000E, "UI", f"{GRAY}.1"), images)),
    )


def dataset(sop_class: str, study: str, instance: str, modality: str) -> Dataset:
    """Return the beginning of an object, by pydicom."""
    made_of = Dataset()
    made_of.file_meta = FileMetaDataset()
    made_of.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made_of.SOPClassUID, made_of.SOPInstanceUID = sop_class, instance
    made_of.StudyInstanceUID, made_of.SeriesInstanceUID = study, f"{study}.1"
    made_of.Modality = modality
    made_of.PatientName, made_of.PatientID = PATIENT, PATIENT_ID
    made_of.PatientBirthDate, made_of.StudyDate = BIRTH_DATE, "20240229"
    made_of.StudyTime = made_of.AccessionNumber = made_of.StudyID = ""
    made_of.SpecificCharacterSet = "ISO_IR 192"
    return made_of


def written(made_of: Dataset) -> bytes:
    """Return a data set as a file."""
    target = BytesIO()
    made_of.save_as(target, enforce_file_format=True)
    return target.getvalue()


def report() -> Dataset:
    """Return a report with a sentence that must be escaped, and an image."""
    made_of = dataset(BASIC_TEXT, PAPERS, REPORT, "SR")
    made_of.ValueType, made_of.ContinuityOfContent = "CONTAINER", "SEPARATE"
    made_of.ConceptNameCodeSequence = code("Imaging Measurement Report", "126000", "DCM")
    made_of.CompletionFlag, made_of.VerificationFlag = "COMPLETE", "UNVERIFIED"
    made_of.ContentDate, made_of.ContentTime = "20240229", "120000"
    finding = item("TEXT", ConceptNameCodeSequence=code("Finding", "121071", "DCM"),
                   TextValue="Größe <b>5 mm</b> & more")  # fmt: skip
    made_of.ContentSequence = [finding, objects("IMAGE", WIDE)]
    made_of.CurrentRequestedProcedureEvidenceSequence = sequence_of(GRAY, f"{GRAY}.1", WIDE)
    return made_of


def selection() -> Dataset:
    """Return a selection of two key images."""
    made_of = dataset(KEY_OBJECTS, PAPERS, SELECTION, "KO")
    made_of.ValueType, made_of.ContinuityOfContent = "CONTAINER", "SEPARATE"
    made_of.ConceptNameCodeSequence = code("Of Interest", "113000", "DCM")
    made_of.ContentDate, made_of.ContentTime = "20240229", "120000"
    made_of.ContentSequence = [objects("IMAGE", each) for each in (WIDE, SQUARE)]
    made_of.CurrentRequestedProcedureEvidenceSequence = sequence_of(GRAY, f"{GRAY}.1", WIDE, SQUARE)
    return made_of


def letter() -> Dataset:
    """Return an encapsulated PDF whose length is odd."""
    made_of = dataset(PDF, PAPERS, LETTER, "DOC")
    made_of.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made_of.DocumentTitle = "Letter"
    made_of.EncapsulatedDocument = LETTER_BYTES + b"\0" * (len(LETTER_BYTES) % 2)
    made_of.EncapsulatedDocumentLength = len(LETTER_BYTES)
    return made_of


_PREFERRED = (
    "examples_jpeg2k.dcm", "MR_small.dcm", "SC_rgb_jpeg.dcm", "SC_rgb_rle.dcm", "liver_1frame.dcm",
    "rtplan.dcm", "waveform_ecg.dcm",
)  # fmt: skip


def write_real(folder: Path) -> None:
    """Copy one file of each instance that pydicom ships and that says what it is of."""
    folder.mkdir(parents=True, exist_ok=True)
    seen = set()
    everything = sorted((Path(pydicom.__file__).parent / "data" / "test_files").rglob("*"))
    # Several have the same UIDs: these are the ones to see.
    everything.sort(key=lambda source: source.name not in _PREFERRED)
    for source in filter(Path.is_file, everything):
        try:
            read = pydicom.dcmread(source, stop_before_pixels=True)
            uids = (read.StudyInstanceUID, read.SeriesInstanceUID, read.SOPInstanceUID)
        except Exception:  # noqa: BLE001, S112 - no DICOM, or not enough of it
            continue
        if all(uids) and uids not in seen and len(uids[2]) <= 64:
            seen.add(uids)
            shutil.copy(source, folder / f"{len(seen):03}-{source.name}")
