"""Compressed bulk data that is stored with metadata, over the wire (PS3.18 10.5)."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image

from rendicom.dicomweb.multipart import MultipartWriter
from rendicom.dicomweb.xmlmodel import to_native_xml
from servedfiles import dataset, path
from storedparts import JSON, SECONDARY, XML, failures, new_study, of_study, stored

LEVELS = np.stack(np.meshgrid(np.arange(40) * 6, np.arange(32) * 7), axis=-1)
COLOUR = np.dstack((LEVELS, np.full((32, 40), 90))).astype(np.uint8)


def coded(kind: str) -> bytes:
    held = BytesIO()
    Image.fromarray(COLOUR).save(held, kind)
    return held.getvalue()


def metadata(study: str, uid: str, uri: str = "bulk/1", **said: Any) -> dict[str, Any]:
    described = dataset(SECONDARY, study, uid, "OT")
    for keyword, value in said.items():
        setattr(described, keyword, value)
    model: dict[str, Any] = described.to_json_dict()
    return {**model, "7FE00010": {"vr": "OB", "BulkDataURI": uri}}


def sent(server: Any, models: list[Any], *bulk: tuple[bytes, str, str], kind: str = JSON) -> Any:
    writer = MultipartWriter(kind)
    if kind == XML:
        parts = [(to_native_xml(dict(sorted(each.items()))), XML, "") for each in models]
    else:
        parts = [(json.dumps(models).encode(), JSON, "")]
    pieces = [writer.part(*part[:2], part[2] or None) for part in (*parts, *bulk)]
    content = b"".join((*pieces, writer.end()))
    headers = {"content-type": writer.content_type}
    return server.request("POST", "/studies", JSON, content=content, headers=headers)


@pytest.mark.parametrize("kind", [JSON, XML])
@pytest.mark.parametrize(
    ("form", "media_type", "syntax"),
    [("JPEG", "image/jpeg", "1.2.840.10008.1.2.4.50"), ("PNG", "image/png", "1.2.840.10008.1.2.1"),
     ("JPEG2000", "image/jp2", "1.2.840.10008.1.2.4.90")],
)  # fmt: skip
def test_a_picture_that_was_stored_is_shown(archive, data, kind, form, media_type, syntax):
    study = new_study()
    uid, stream = f"{study}.1.1", coded(form)
    response = sent(archive, [metadata(study, uid)], (stream, media_type, "bulk/1"), kind=kind)
    assert (response.status_code, stored(response)) == (200, [uid]), response.text[:300]
    (held,) = of_study(data, study).values()
    assert pydicom.dcmread(BytesIO(held)).file_meta.TransferSyntaxUID == syntax
    shown = archive.get(path(study, uid) + "/rendered", "image/png")
    assert shown.status_code == 200, shown.text[:300]
    pixels = np.asarray(Image.open(BytesIO(shown.content)).convert("RGB")).astype(int)
    wanted = np.asarray(Image.open(BytesIO(stream)).convert("RGB")).astype(int)
    assert np.abs(pixels - wanted).max() <= 2


def test_the_same_again_is_no_other_instance(archive, data):
    study = new_study()
    models = [metadata(study, f"{study}.1.1", Rows=7, Columns=9)]
    bulk = (coded("JPEG"), "image/jpeg", "bulk/1")
    for _ in range(2):
        response = sent(archive, models, bulk)
        assert (response.status_code, stored(response)) == (202, [f"{study}.1.1"])
        (item,) = response.json()["00081199"]["Value"]
        assert item["00081196"]["Value"] == [0xB000]
        assert "corrected: Rows, Columns" in response.headers["warning"]
    other = sent(archive, models, (coded("PNG"), "image/png", "bulk/1"))
    assert (other.status_code, failures(other)) == (409, [0x0111])
    assert len(of_study(data, study)) == 1


def test_what_cannot_be_stored_says_why(archive, data):
    study = new_study()
    uids = [f"{study}.1.{number}" for number in range(1, 5)]
    models = [metadata(study, uid, f"bulk/{uid[-1]}") for uid in uids]
    response = sent(
        archive, models, (b"RIFF1234WEBPVP8 ", "image/webp", "bulk/1"),
        (coded("JPEG")[:150], "image/jpeg", "bulk/2"), (coded("JPEG"), "image/jpeg", "bulk/3"),
    )  # fmt: skip
    assert response.status_code == 202
    assert stored(response) == [uids[2]]
    failed = response.json()["00081198"]["Value"]
    assert [item["00081155"]["Value"][0] for item in failed] == [uids[0], uids[1], uids[3]]
    assert failures(response) == [0xC122, 0xC000, 0xC000]
    assert f"{uids[0]} pixel data sent as image/webp" in response.headers["warning"]
    assert len(of_study(data, study)) == 1
