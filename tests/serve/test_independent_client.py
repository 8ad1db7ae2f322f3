"""What other people's client makes of the server: dicomweb-client of PyPI."""

from __future__ import annotations

import itertools
import time
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
import pytest

from servedfiles import (
    CT,
    FIRST,
    GRAY,
    LETTER,
    LOOP,
    LOOPS,
    PAPERS,
    PATIENT,
    PATIENT_ID,
    REPORT,
    ROOT,
    SQUARE,
    WIDE,
    frames_of_gray,
    hounsfield,
    made,
    path,
)

api = pytest.importorskip("dicomweb_client.api")

EXPLICIT, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"
J2K, JPEG = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.50"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def client(server) -> Any:
    return api.DICOMwebClient(url=server.base)


@pytest.fixture(scope="session")
def writer(archive) -> Any:
    return api.DICOMwebClient(url=archive.base)


def in_gray(instance: str) -> dict[str, str]:
    return {
        "study_instance_uid": GRAY, "series_instance_uid": f"{GRAY}.1", "sop_instance_uid": instance
    }  # fmt: skip


def in_loops(instance: str) -> dict[str, str]:
    return {
        "study_instance_uid": LOOPS, "series_instance_uid": f"{LOOPS}.1",
        "sop_instance_uid": instance,
    }  # fmt: skip


def test_search(client):
    studies = client.search_for_studies(search_filters={"PatientID": PATIENT_ID}, fields=["all"])
    assert {each["0020000D"]["Value"][0] for each in studies} >= {GRAY, LOOPS, PAPERS}
    read = pydicom.Dataset.from_json(studies[0])
    assert read.PatientName == PATIENT
    series = client.search_for_series(GRAY, search_filters={"Modality": "CT"})
    assert [each["0020000E"]["Value"][0] for each in series] == [f"{GRAY}.1"]
    found = client.search_for_instances(GRAY, f"{GRAY}.1", limit=2, offset=1)
    assert [each["00080018"]["Value"][0] for each in found] == [SQUARE, WIDE]
    everything = client.search_for_instances(get_remaining=True, limit=20)
    assert len({each["00080018"]["Value"][0] for each in everything}) == len(everything) > 60
    assert client.search_for_studies(search_filters={"PatientID": "nobody"}) == []
    fuzzy = client.search_for_studies(
        search_filters={"PatientName": "dulcinea"}, fuzzymatching=True
    )
    assert len(fuzzy) == 5


def test_metadata(client):
    model = client.retrieve_instance_metadata(**in_gray(WIDE))
    read = pydicom.Dataset.from_json(model, lambda *_: b"")
    assert (read.Rows, read.Columns, read.SOPClassUID) == (256, 512, CT)
    assert len(client.retrieve_study_metadata(GRAY)) == 4
    assert len(client.retrieve_series_metadata(GRAY, f"{GRAY}.1")) == 3


def test_instances(client, server):
    wide = client.retrieve_instance(**in_gray(WIDE))
    assert np.array_equal(wide.pixel_array, hounsfield(256, 512) + 1024)
    assert {each.SOPInstanceUID for each in client.retrieve_series(GRAY, f"{GRAY}.1")} == {
        FIRST, SQUARE, WIDE
    }  # fmt: skip
    assert sum(1 for _ in client.iter_study(GRAY)) == 4
    as_stored = client.retrieve_instance(**in_gray(WIDE), media_types=(("application/dicom", "*"),))
    assert as_stored.file_meta.TransferSyntaxUID == EXPLICIT


def real(server: Any, name: str) -> tuple[pydicom.Dataset, dict[str, str]]:
    (file,) = (server.folders[0] / "real").glob(f"???-{name}")
    read = pydicom.dcmread(file)
    uids = {
        "study_instance_uid": read.StudyInstanceUID, "series_instance_uid": read.SeriesInstanceUID,
        "sop_instance_uid": read.SOPInstanceUID,
    }  # fmt: skip
    return read, uids


@pytest.mark.parametrize(
    ("name", "syntax", "media_type"),
    [
        ("SC_rgb_rle.dcm", RLE, "image/dicom-rle"),
        ("examples_jpeg2k.dcm", J2K, "image/jp2"),
        ("SC_rgb_jpeg.dcm", JPEG, "image/jpeg"),
    ],
)
def test_compressed_frames(client, server, name, syntax, media_type):
    stored, uids = real(server, name)
    kept = pydicom.encaps.get_frame(stored.PixelData, 0, number_of_frames=1)
    for asked in ((media_type, syntax), (media_type, "*"), media_type):
        (frame,) = client.retrieve_instance_frames(**uids, frame_numbers=[1], media_types=(asked,))
        assert kept.startswith(frame), asked
    plain = client.retrieve_instance_frames(
        **uids, frame_numbers=[1], media_types=(("application/octet-stream", EXPLICIT),)
    )
    assert len(plain[0]) == stored.Rows * stored.Columns * 3
    as_stored = client.retrieve_instance(**uids, media_types=(("application/dicom", "*"),))
    assert as_stored.file_meta.TransferSyntaxUID == syntax
    assert as_stored.PixelData == stored.PixelData


def test_frames(client):
    values = frames_of_gray(5)
    frames = client.retrieve_instance_frames(**in_loops(LOOP), frame_numbers=[1, 3, 5])
    assert frames == [values[index].tobytes() for index in (0, 2, 4)]
    lazily = client.iter_instance_frames(**in_loops(LOOP), frame_numbers=[2, 4])
    assert list(lazily) == [values[index].tobytes() for index in (1, 3)]


def test_rendered(client, server):
    for media_type, magic in (
        ("image/png", b"\x89PNG"), ("image/jpeg", b"\xff\xd8\xff"), ("image/gif", b"GIF8"),
    ):  # fmt: skip
        data = client.retrieve_instance_rendered(**in_gray(WIDE), media_types=(media_type,))
        assert data.startswith(magic)
        assert data == server.get(path(GRAY, WIDE) + "/rendered", media_type).content
    windowed = client.retrieve_instance_rendered(
        **in_gray(WIDE), media_types=("image/png",),
        params={"window": "40,400,linear", "viewport": "100,100"},
    )  # fmt: skip
    expected = server.get(
        path(GRAY, WIDE) + "/rendered?window=40,400,linear&viewport=100,100", "image/png"
    )
    assert windowed == expected.content
    frame = client.retrieve_instance_frames_rendered(
        **in_loops(LOOP), frame_numbers=[2], media_types=("image/png",)
    )
    assert frame == server.get(path(LOOPS, LOOP, "2") + "/rendered", "image/png").content
    letter = client.retrieve_instance_rendered(
        PAPERS, f"{PAPERS}.1", LETTER, media_types=("application/pdf",)
    )
    assert letter.startswith(b"%PDF")
    page = client.retrieve_instance_rendered(
        PAPERS, f"{PAPERS}.1", REPORT, media_types=("text/html",)
    )
    assert b"5 mm" in page


def test_bulk_data(client, server):
    model = client.retrieve_instance_metadata(**in_gray(WIDE))
    # This client names a host without its port, so that addresses it gets have none either.
    uri = server.base + model["7FE00010"]["BulkDataURI"].partition("/dicomweb")[2]
    (data,) = client.retrieve_bulkdata(uri)
    assert data == (hounsfield(256, 512) + 1024).astype("<u2").tobytes()
    piece = client.retrieve_bulkdata(
        uri, byte_range=(0, 9), media_types=("application/octet-stream",)
    )
    assert data.startswith(piece[0][:10])


def test_store_and_delete(writer, archive):
    study = f"{ROOT}.77.{time.time_ns()}.{next(_numbers)}"
    sent = [
        pydicom.dcmread(BytesIO(made(study, f"{study}.1.{n}", np.full((8, 8), n, np.uint8))))
        for n in (1, 2)
    ]
    answer = writer.store_instances(sent)
    assert len(answer.ReferencedSOPSequence) == 2
    assert "FailedSOPSequence" not in answer
    again = writer.store_instances(sent, study_instance_uid=study)
    assert len(again.ReferencedSOPSequence) == 2
    found = writer.search_for_instances(study)
    assert [each["00080018"]["Value"][0] for each in found] == [f"{study}.1.1", f"{study}.1.2"]
    back = writer.retrieve_instance(study, f"{study}.1", f"{study}.1.2")
    assert np.all(back.pixel_array == 2)
    assert writer.retrieve_instance_rendered(
        study, f"{study}.1", f"{study}.1.1", media_types=("image/png",)
    ).startswith(b"\x89PNG")
    writer.delete_instance(study, f"{study}.1", f"{study}.1.1")
    assert len(writer.search_for_instances(study)) == 1
    writer.delete_series(study, f"{study}.1")
    assert writer.search_for_instances(search_filters={"StudyInstanceUID": study}) == []
    with pytest.raises(Exception, match="410"):
        writer.retrieve_instance(study, f"{study}.1", f"{study}.1.2")
    assert not any("unexpected" in line for line in archive.errors)
