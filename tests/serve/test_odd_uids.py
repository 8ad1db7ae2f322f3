"""UIDs that are missing or illegal: search, metadata and retrieval say the same ones instead."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest

from rendicom.testing.images import image
from rendicom.testing.rle_streams import rle
from rendicom.testing.writer import element, encapsulate
from serverprocess import Served, served

NATIVE, RLE, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2"
PIXELS = np.arange(64, dtype=np.uint8).reshape(8, 8)
TAGS = {"StudyInstanceUID": 0x0020000D, "SeriesInstanceUID": 0x0020000E, "SOPInstanceUID": 0x80018}
UIDS = {
    "illegal": ("REM STUDY", "REM SERIES 1", "1.2.", NATIVE),
    "missing": ("", "", "", RLE),
    "series": ("1.2.826.0.1.3680043.10.1", "REM", "1.2.826.0.1.3680043.10.2", IMPLICIT),
}
"""Of study, series and instance, and the transfer syntax; by Patient ID."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("odd")
    for name, (*uids, syntax) in UIDS.items():
        said = zip(TAGS.values(), uids, strict=True)
        extra = [*(element(tag, "UI", uid) for tag, uid in said), element(0x00100020, "LO", name)]
        pixels = encapsulate([rle(PIXELS)]) if syntax == RLE else PIXELS
        more = {"rows": 8, "columns": 8} if syntax == RLE else {}
        data = image(pixels, transfer_syntax=syntax, extra=extra, **more)
        # Files of one folder that name no study are of one study.
        (folder / name).mkdir()
        (folder / name / "1.dcm").write_bytes(data)
    with served(Path(folder), "--rescan", "0") as running:
        running.wait_for_index()
        yield running


@pytest.mark.parametrize("name", UIDS)
def test_one_uid_is_said_everywhere(server: Served, name: str) -> None:
    *stored, syntax = UIDS[name]
    asked = f"/instances?PatientID={name}&includefield=StudyInstanceUID,SeriesInstanceUID"
    (found,) = server.get(asked, "application/dicom+json").json()
    uids = [found[f"{tag:08X}"]["Value"][0] for tag in TAGS.values()]
    for uid, before in zip(uids, stored, strict=True):
        assert uid == before if before.startswith("1.2.8") else uid.startswith("2.25.")
    where = "/studies/{}/series/{}/instances/{}".format(*uids)
    (model,) = server.get(f"{where}/metadata", "application/dicom+json").json()
    assert [model[f"{tag:08X}"]["Value"] for tag in TAGS.values()] == [[uid] for uid in uids]
    assert model["00083002"] == {"vr": "UI", "Value": [syntax]}
    assert list(model) == sorted(model)
    for wanted in (NATIVE, "*"):
        answer = server.get(where, f'application/dicom; transfer-syntax="{wanted}"')
        assert answer.status_code == 200
        read = pydicom.dcmread(io.BytesIO(answer.content))
        assert [str(read[keyword].value) for keyword in TAGS] == uids
        assert read.file_meta.MediaStorageSOPInstanceUID == uids[2]
        kept = RLE if wanted == "*" and syntax == RLE else NATIVE
        assert read.file_meta.TransferSyntaxUID == kept
        assert (read.pixel_array == PIXELS).all()
    wado = f"/wado?requestType=WADO&studyUID={uids[0]}&seriesUID={uids[1]}&objectUID={uids[2]}"
    answer = server.get(f"{server.url}{wado}&contentType=application/dicom")
    assert pydicom.dcmread(io.BytesIO(answer.content)).SOPInstanceUID == uids[2]


def test_metadata_can_be_stored_again(server: Served) -> None:
    """Available Transfer Syntax UID is about the answer: it gets into no file."""
    from rendicom.dicomweb.bulkvalues import Bulk
    from rendicom.dicomweb.composing import compose

    (found,) = server.get("/instances?PatientID=series", "application/dicom+json").json()
    where = found["00081190"]["Value"][0].removeprefix(server.base)
    (model,) = json.loads(server.get(f"{where}/metadata", "application/dicom+json").content)
    composed = compose(model, [Bulk(model["7FE00010"]["BulkDataURI"], "", PIXELS.tobytes())])
    read = pydicom.dcmread(io.BytesIO(composed.data))
    assert "AvailableTransferSyntaxUID" not in read
    assert read.SOPInstanceUID == found["00080018"]["Value"][0]
