"""Storing and deleting over the network, and what lies in the folder afterwards (PS3.18 10.5)."""

from __future__ import annotations

import json
import socket
import time
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
import pytest

from rendicom.dicomweb.xmlmodel import to_native_xml
from rendicom.testing.writer import UNDEFINED, element, sequence
from servedfiles import (
    GRAY,
    PATIENT,
    PHI,
    WIDE,
    dataset,
    identity,
    image,
    made,
    path,
    report,
    written,
)
from storedparts import (
    DICOM,
    JSON,
    SECONDARY,
    XML,
    body,
    failures,
    files,
    new_study,
    of_study,
    place,
    store,
    stored,
)


def gray(study: str, instance: str, value: int = 100, **more: Any) -> bytes:
    return made(study, instance, np.full((16, 16), value, np.uint8), **more)


@pytest.fixture(autouse=True)
def nothing_half_written(archive, data):
    """Check after each test that the store has whole files only, and that nobody fell over."""
    yield
    for name, held in files(data).items():
        assert name.endswith(".dcm"), name
        read = pydicom.dcmread(BytesIO(held))
        assert name == place(read.StudyInstanceUID, read.SOPInstanceUID)
    assert not any("unexpected" in line for line in archive.errors), archive.errors


# --- as the standard has it -----------------------------------------------------------------


def test_stored_instances_are_there_at_once(archive, data):
    study = new_study()
    sent = {f"{study}.1.{n}": gray(study, f"{study}.1.{n}", 50 * n) for n in (1, 2, 3)}
    response = store(archive, *sent.values())
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == JSON
    assert stored(response) == list(sent)
    said = response.json()
    assert said["00081190"]["Value"] == [f"{archive.base}/studies/{study}"]
    for item in said["00081199"]["Value"]:
        assert item["00081150"]["Value"] == [SECONDARY]
        url = item["00081190"]["Value"][0]
        assert url == archive.base + path(study, item["00081155"]["Value"][0])
    assert of_study(data, study) == {place(study, uid): held for uid, held in sent.items()}
    for uid, held in sent.items():
        assert archive.get(path(study, uid), DICOM).content == held
        assert archive.get(path(study, uid) + "/rendered", "image/png").status_code == 200
    found = archive.get(f"/studies?StudyInstanceUID={study}", JSON).json()
    assert found[0]["00201208"]["Value"] == [3]


def test_the_same_again_is_stored_once(archive, data):
    study = new_study()
    held = gray(study, f"{study}.1.1")
    for _ in range(3):
        response = store(archive, held, held)
        assert (response.status_code, failures(response)) == (200, [])
    assert len(of_study(data, study)) == 1


@pytest.mark.parametrize("kind", ["unknown VR", "UN in big endian"])
def test_unusual_headers_are_no_reason_to_refuse(archive, data, kind):
    study = new_study()
    syntax = "1.2.840.10008.1.2.2" if kind == "UN in big endian" else "1.2.840.10008.1.2.1"
    unusual = {
        "unknown VR": element(0x00090010, "??", "12345678"),
        "UN in big endian": sequence(
            0x00090010, [element(0x00090011, "LO", "abc")], vr="UN", length=UNDEFINED
        ),
    }[kind]
    sent = made(
        study, f"{study}.1.1", np.full((16, 16), 9, np.uint8), unusual, transfer_syntax=syntax
    )
    response = store(archive, sent)
    assert (response.status_code, stored(response)) == (200, [f"{study}.1.1"])
    assert of_study(data, study) == {place(study, f"{study}.1.1"): sent}
    shown = archive.get(path(study, f"{study}.1.1") + "/rendered", "image/png")
    assert shown.status_code == 200
    # pydicom, which looks at what is left behind, cannot read it.
    (data / "store" / place(study, f"{study}.1.1")).unlink()


def test_other_bytes_under_the_same_uid_are_refused(archive, data):
    study = new_study()
    first, second = gray(study, f"{study}.1.1", 10), gray(study, f"{study}.1.1", 20)
    assert store(archive, first).status_code == 200
    response = store(archive, second)
    assert (response.status_code, failures(response)) == (409, [0x0111])
    mixed = store(archive, second, gray(study, f"{study}.1.2"))
    assert (mixed.status_code, failures(mixed)) == (202, [0x0111])
    assert stored(mixed) == [f"{study}.1.2"]
    assert of_study(data, study)[place(study, f"{study}.1.1")] == first
    # What is in the folders that are served counts as well.
    foreign = made(GRAY, WIDE, np.zeros((4, 4), np.uint8))
    assert failures(store(archive, foreign)) == [0x0111]
    assert of_study(data, GRAY) == {}


def test_a_study_that_the_instance_is_not_of(archive, data):
    study, other = new_study(), new_study()
    held = gray(study, f"{study}.1.1")
    response = store(archive, held, where=f"/studies/{other}")
    assert response.status_code == 409
    assert len(failures(response)) == 1
    assert of_study(data, study) == of_study(data, other) == {}
    assert store(archive, held, where=f"/studies/{study}").status_code == 200
    half = store(archive, held, gray(other, f"{other}.1.1"), where=f"/studies/{study}")
    assert (half.status_code, stored(half)) == (202, [f"{study}.1.1"])


@pytest.mark.parametrize(
    "bad",
    [
        b"", b"no DICOM at all", b"\0" * 128 + b"DICM", b"\0" * 1000,
        gray("1.2.3", "1.2.3.1")[:300], written(report())[:200],
        image(np.zeros((4, 4), np.uint8)),
        gray("../../etc", "1.2.3.2"), gray("1.2.3", "/etc/passwd"), gray("1.2.3", "1.2/../3"),
        gray("1.2.3", "1.2.\\..\\3"), gray("1" * 65, "1.2.3.4"), gray("1.2.3", ""),
        gray("", "1.2.3"),
        gray("1.2.3", "CON"), gray("1..3", "1.2.3.6"),
    ],
)  # fmt: skip
def test_what_cannot_be_stored(archive, data, bad):
    study = new_study()
    good = gray(study, f"{study}.1.1")
    before = files(data)
    alone = store(archive, bad)
    assert alone.status_code == 409, alone.text[:300]
    assert files(data) == before
    for parts in ((bad, good), (good, bad)):
        response = store(archive, *parts)
        assert (response.status_code, stored(response)) == (202, [f"{study}.1.1"])
        assert len(failures(response)) == 1
        assert not any(text in response.content for text in PHI)
    assert set(files(data)) - set(before) == {place(study, f"{study}.1.1")}


def test_a_file_that_ends_within_its_pixels(archive, data):
    study = new_study()
    cut = gray(study, f"{study}.1.1")[:-100]
    response = store(archive, cut)
    assert response.status_code in (200, 409)
    if response.status_code == 200:
        assert of_study(data, study) == {place(study, f"{study}.1.1"): cut}
    else:
        assert of_study(data, study) == {}


# --- forms of the body ----------------------------------------------------------------------


def model_of(study: str, uid: str, location: str) -> tuple[pydicom.Dataset, dict[str, Any], bytes]:
    made_of = dataset(SECONDARY, study, uid, "OT")
    made_of.Rows, made_of.Columns, made_of.SamplesPerPixel = 4, 6, 1
    made_of.BitsAllocated = made_of.BitsStored = 8
    made_of.HighBit, made_of.PixelRepresentation = 7, 0
    made_of.PhotometricInterpretation = "MONOCHROME2"
    cells = bytes(range(24))
    model = made_of.to_json_dict()
    model["7FE00010"] = {"vr": "OB", "BulkDataURI": location}
    return made_of, model, cells


def test_metadata_as_json_with_bulk_data(archive, data):
    study = new_study()
    uid, location = f"{study}.1.1", "bulk/1"
    _, model, cells = model_of(study, uid, location)
    parts = [
        (json.dumps([model]).encode(), JSON, ""),
        (cells, "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", location),
    ]
    content, kind = body(parts, JSON)
    response = archive.request(
        "POST", "/studies", JSON, content=content, headers={"content-type": kind}
    )
    assert response.status_code == 200, response.text[:300]
    (name,) = of_study(data, study)
    read = pydicom.dcmread(BytesIO(of_study(data, study)[name]))
    assert read.PatientName == PATIENT
    assert read.PixelData == cells
    response = archive.get(path(study, uid) + "/rendered?voi=identity", "image/png")
    assert response.status_code == 200


def test_metadata_as_xml_with_bulk_data(archive, data):
    study = new_study()
    uid, location = f"{study}.1.1", "bulk/1"
    _, model, cells = model_of(study, uid, location)
    parts = [
        (to_native_xml(dict(sorted(model.items()))), XML, ""),
        (cells, "application/octet-stream", location),
    ]
    content, kind = body(parts, XML)
    response = archive.request(
        "POST", f"/studies/{study}", XML, content=content, headers={"content-type": kind}
    )
    assert response.status_code == 200, response.text[:300]
    assert response.headers["content-type"].startswith(XML)
    assert uid.encode() in response.content
    (held,) = of_study(data, study).values()
    assert pydicom.dcmread(BytesIO(held)).PixelData == cells


def test_metadata_that_make_no_instance_cost_only_themselves(archive, data):
    study = new_study()
    _, good, cells = model_of(study, f"{study}.1.1", "bulk/1")
    _, lost, _ = model_of(study, f"{study}.1.2", "bulk/none")
    wrong = {"00080018": {"vr": "UI", "Value": [{"a": 1}]}}
    for bad in (lost, wrong, {}, {"nonsense": 1}, [], 5, "text"):
        parts = [
            (json.dumps([good, bad]).encode(), JSON, ""),
            (cells, "application/octet-stream", "bulk/1"),
        ]
        content, kind = body(parts, JSON)
        response = archive.request(
            "POST", "/studies", JSON, content=content, headers={"content-type": kind}
        )
        assert response.status_code == 202, (bad, response.text[:300])
        assert stored(response) == [f"{study}.1.1"]
        assert len(failures(response)) == 1
    assert len(of_study(data, study)) == 1


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        (None, b"abc", 415),
        ("", b"abc", 415),
        ("text/plain", b"abc", 415),
        ("image/png", b"abc", 415),
        ("application/json", b"{}", 415),
        ('multipart/related; type="image/png"; boundary=b', b"--b\r\n\r\nx\r\n--b--", 415),
        ('multipart/form-data; boundary=b', b"--b\r\n\r\nx\r\n--b--", 415),
        ('multipart/related; type="application/dicom"', b"--b--", 400),
        ('multipart/related; type="application/dicom"; boundary=', b"--b--", 400),
        (f'multipart/related; type="{DICOM}"; boundary={"b" * 71}', b"--b--", 400),
        (f'multipart/related; type="{DICOM}"; boundary=b', b"", 400),
        (f'multipart/related; type="{DICOM}"; boundary=b', b"--b--\r\n", 400),
        (f'multipart/related; type="{DICOM}"; boundary=b', b"nothing", 400),
        (f'multipart/related; type="{DICOM}"; boundary=b', b"--b\r\nContent-Type: x", 400),
        (f'multipart/related; type="{DICOM}"; boundary=b', b"--b\r\n\r\nabc\r\n--b", 400),
        (f'multipart/related; type="{DICOM}"; boundary=b', b"--b\r\n" + b"A" * 70000, 400),
        (JSON, b"{", 400), (JSON, b"[" * 100000, 400), (JSON, b"", 400), (JSON, b"\xff\xfe", 400),
        (XML, b"<a", 400),
        (XML, b'<!DOCTYPE a [<!ENTITY b "c">]><NativeDicomModel>&b;</NativeDicomModel>', 400),
        ("nonsense", b"abc", 415), ("a/b; c", b"abc", 415),
    ],
)  # fmt: skip
def test_bodies_that_hold_nothing(archive, data, kind, content, status):
    before = files(data)
    headers = {} if kind is None else {"content-type": kind}
    response = archive.request("POST", "/studies", "*/*", content=content, headers=headers)
    assert response.status_code in (status, {415: 400, 400: 409}[status]), response.text[:300]
    assert response.headers["content-type"] in ("application/problem+json", JSON)
    assert files(data) == before


def test_a_part_of_another_type_costs_only_itself(archive, data):
    study = new_study()
    good = gray(study, f"{study}.1.1")
    content, kind = body([(good, DICOM, ""), (b"GIF89a", "image/gif", "")])
    response = archive.request(
        "POST", "/studies", JSON, content=content, headers={"content-type": kind}
    )
    assert (response.status_code, stored(response)) == (202, [f"{study}.1.1"])
    assert len(failures(response)) == 1
    assert len(of_study(data, study)) == 1


def test_a_message_that_breaks_off_stores_what_came_whole(archive, data):
    study = new_study()
    parts = [(gray(study, f"{study}.1.{n}"), DICOM, "") for n in (1, 2)]
    content, kind = body(parts)
    cut = content[: len(content) - 300]
    response = archive.request(
        "POST", "/studies", JSON, content=cut, headers={"content-type": kind}
    )
    assert (response.status_code, stored(response)) == (202, [f"{study}.1.1"])
    assert len(failures(response)) == 1
    assert set(of_study(data, study)) == {place(study, f"{study}.1.1")}
    assert store(archive, *(part[0] for part in parts)).status_code == 200
    assert len(of_study(data, study)) == 2


def test_a_single_file_is_a_body_too(archive, data):
    study = new_study()
    held = gray(study, f"{study}.1.1")
    response = archive.request(
        "POST", "/studies", JSON, content=held, headers={"content-type": DICOM}
    )
    assert response.status_code in (200, 415)
    assert bool(of_study(data, study)) == (response.status_code == 200)


def test_a_large_instance_goes_through_a_file(archive, data):
    study = new_study()
    pixels = np.arange(12 << 20, dtype=np.uint32).astype(np.uint8).reshape(3 << 10, 4 << 10)
    held = made(study, f"{study}.1.1", pixels)
    before = archive.memory()
    response = store(archive, held)
    assert response.status_code == 200, response.text[:300]
    assert of_study(data, study) == {place(study, f"{study}.1.1"): held}
    assert archive.memory() - before < 300 << 20


def test_too_much_is_refused(archive, data):
    before = files(data)
    for announced in (True, False):
        with archive.raw(
            b"POST /dicomweb/studies HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: multipart/related; type=\"application/dicom\"; boundary=b\r\n"
            + (b"Content-Length: 99999999999\r\n\r\n" if announced
               else b"Transfer-Encoding: chunked\r\n\r\n")
        ) as connection:  # fmt: skip
            if not announced:
                try:
                    for _ in range(70):
                        connection.sendall(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
                except OSError:
                    pass
            try:
                answer = connection.recv(1 << 16)
            except ConnectionError:
                answer = b""
        assert answer[:12] in (b"HTTP/1.1 413", b"HTTP/1.1 400", b"")
        assert answer or not announced
    assert files(data) == before


# --- deleting -------------------------------------------------------------------------------


def test_deleted_is_gone_and_says_so(archive, data):
    study = new_study()
    uids = [f"{study}.1.{n}" for n in (1, 2)]
    held = [gray(study, uid) for uid in uids]
    store(archive, *held)
    assert archive.request("DELETE", path(study, uids[0])).status_code == 204
    assert set(of_study(data, study)) == {place(study, uids[1])}
    for end in ("/rendered", "/metadata", "", "/thumbnail", "/frames/1"):
        response = archive.get(path(study, uids[0]) + end)
        assert (response.status_code, response.json()["code"]) == (410, "deleted-resource"), end
        assert archive.get(path(study, uids[1]) + end).status_code == 200
    assert archive.request("DELETE", path(study, uids[0])).status_code == 410
    assert archive.request("DELETE", f"/studies/{study}").status_code == 204
    assert of_study(data, study) == {}
    assert archive.get(f"/studies/{study}/metadata").status_code == 410
    assert archive.get(f"/studies?StudyInstanceUID={study}", JSON).status_code == 204
    assert archive.request("DELETE", f"/studies/{new_study()}").status_code == 404
    # A look through the folders does not bring it back; storing does.
    time.sleep(1.5)
    assert archive.get(path(study, uids[0])).status_code == 410
    assert store(archive, held[0]).status_code == 200
    assert archive.get(path(study, uids[0]), DICOM).content == held[0]


def test_files_of_the_folders_stay(archive, folder):
    for where in (path(GRAY, WIDE), path(GRAY, series=f"{GRAY}.1"), path(GRAY)):
        response = archive.request("DELETE", where)
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert archive.get(path(GRAY, WIDE) + "/rendered").status_code == 200
    assert (folder / "made" / "wide.dcm").exists()


def test_who_may_only_read_cannot_write(server, archive):
    held = gray("1.2.3", "1.2.3.1")
    response = store(server, held)
    assert response.status_code == 405
    assert "POST" not in response.headers["allow"]
    allowed = archive.request("PUT", path(GRAY, WIDE)).headers["allow"]
    assert {"GET", "HEAD", "DELETE"} <= set(allowed.split(", "))
    both = archive.request("PUT", "/studies").headers["allow"]
    assert {"GET", "HEAD", "POST"} <= set(both.split(", "))
    elsewhere = {"origin": "https://elsewhere.example", "content-type": DICOM}
    refused = archive.request("POST", "/studies", content=held, headers=elsewhere)
    assert refused.status_code == 403


def test_many_at_once_store_the_same(archive, data):
    from concurrent.futures import ThreadPoolExecutor

    study = new_study()
    same = gray(study, f"{study}.1.1")
    others = [gray(study, f"{study}.1.2", value) for value in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda other: store(archive, same, other), others))
    assert {answer.status_code for answer in answers} <= {200, 202}
    winners = [answer for answer in answers if not failures(answer)]
    assert len(winners) == 1
    held = of_study(data, study)
    assert held[place(study, f"{study}.1.1")] == same
    assert held[place(study, f"{study}.1.2")] in others


def test_a_client_that_stops_leaves_nothing(archive, data):
    study = new_study()
    content, kind = body([(gray(study, f"{study}.1.1"), DICOM, "")])
    head = (
        f"POST /dicomweb/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    ).encode()
    for _ in range(20):
        connection = archive.raw(head + content[: len(content) // 2])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    assert of_study(data, study) == {}
    assert archive.get(path(GRAY, WIDE) + "/rendered").status_code == 200


def test_identity_of_a_study_is_that_of_its_instances(archive):
    study = new_study()
    named = made(
        study, f"{study}.1.1", np.zeros((4, 4), np.uint8),
        *identity(study, f"{study}.1.1")[2:3], element(0x00081030, "LO", "Thorax & co"),
    )  # fmt: skip
    assert store(archive, named).status_code == 200
    (found,) = archive.get(
        f"/studies?StudyDescription=Thorax*&StudyInstanceUID={study}", JSON
    ).json()
    assert found["0020000D"]["Value"] == [study]
