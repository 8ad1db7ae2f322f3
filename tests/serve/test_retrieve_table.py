"""Instances, frames, bulk data, metadata, searches and WADO-URI as PS3.18 has them."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pydicom
import pytest
from PIL import Image

from rendicom.dicomweb.multipart import read_multipart
from servedfiles import (
    CT,
    DEFLATE_BOMB,
    FIRST,
    GRAY,
    HUGE,
    JPIP,
    LETTER,
    LETTER_BYTES,
    LOOP,
    LOOPS,
    MOVIE,
    MOVIE_BYTES,
    PAPERS,
    PATIENT,
    PATIENT_ID,
    PHI,
    PLANNED,
    REPORT,
    SECRETS,
    SQUARE,
    STATE,
    TROUBLE,
    WIDE,
    frames_of_gray,
    hounsfield,
    path,
)

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
RLE, JPEG_LS, J2K = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"
DICOM = "application/dicom"
OCTETS = "application/octet-stream"
JSON = "application/dicom+json"
XML = 'multipart/related; type="application/dicom+xml"'
WIDE_PATH = path(GRAY, WIDE)


def related(kind: str, *parameters: str) -> str:
    """Return a media type for parts."""
    return "; ".join((f'multipart/related; type="{kind}"', *parameters))


def parts(response: Any) -> list[Any]:
    assert response.status_code == 200, response.text[:300]
    return read_multipart(response.headers["content-type"], response.content)


def real(server: Any, name: str) -> tuple[pydicom.Dataset, str]:
    """Return one of pydicom's files as served, and its path."""
    (file,) = (server.folders[0] / "real").glob(f"???-{name}")
    read = pydicom.dcmread(file)
    return read, path(read.StudyInstanceUID, read.SOPInstanceUID, series=read.SeriesInstanceUID)


# --- instances (A.9) ------------------------------------------------------------------------


def test_an_instance_is_the_file(server):
    stored = (server.folders[0] / "made" / "wide.dcm").read_bytes()
    single = server.get(WIDE_PATH, DICOM)
    assert single.headers["content-type"] == f"{DICOM}; transfer-syntax={EXPLICIT}"
    assert single.headers["content-location"] == server.base + WIDE_PATH
    assert single.content == stored
    for accept in ("*/*", related(DICOM), f"multipart/related; type={DICOM}"):
        (part,) = parts(server.get(WIDE_PATH, accept))
        assert part.headers["content-type"] == f"{DICOM}; transfer-syntax={EXPLICIT}"
        assert part.location == server.base + WIDE_PATH
        assert part.read() == stored


def test_a_series_is_its_files(server):
    for where in (path(GRAY, series=f"{GRAY}.1"), path(GRAY)):
        found = parts(server.get(where, related(DICOM)))
        read = [pydicom.dcmread(BytesIO(part.read())).SOPInstanceUID for part in found]
        assert read[:3] == [FIRST, SQUARE, WIDE]
        assert read[3:] == ([STATE] if where == path(GRAY) else [])
    assert server.get(path(GRAY), DICOM).status_code == 406


@pytest.mark.parametrize(
    ("name", "asked", "given"),
    [
        ("MR_small.dcm", "", EXPLICIT),
        ("SC_rgb_rle.dcm", "", EXPLICIT),
        ("SC_rgb_rle.dcm", RLE, RLE),
        ("SC_rgb_rle.dcm", "*", RLE),
        ("SC_rgb_rle.dcm", EXPLICIT, EXPLICIT),
        ("examples_jpeg2k.dcm", "*", J2K),
        ("examples_jpeg2k.dcm", "", EXPLICIT),
        ("SC_rgb_jpeg.dcm", "", "1.2.840.10008.1.2.4.50"),
        ("SC_rgb_jpeg.dcm", EXPLICIT, EXPLICIT),
        ("rtplan.dcm", "*", EXPLICIT),
        ("rtplan.dcm", "", EXPLICIT),
        ("ExplVR_BigEnd.dcm", "*", EXPLICIT),
        ("image_dfl.dcm", "", EXPLICIT),
        ("SC_rgb_rle.dcm", IMPLICIT, 406),
        ("SC_rgb_rle.dcm", BIG, 406),
        ("SC_rgb_rle.dcm", JPEG_LS, 406),
        ("MR_small.dcm", J2K, 406),
    ],
)
def test_transfer_syntaxes(server, name, asked, given):
    stored, where = real(server, name)
    parameter = (f"transfer-syntax={asked}",) if asked else ()
    response = server.get(where, related(DICOM, *parameter))
    single = server.get(where, "; ".join((DICOM, *parameter)))
    if given == 406:
        assert (response.status_code, single.status_code) == (406, 406)
        return
    (part,) = parts(response)
    assert part.headers["content-type"] == f"{DICOM}; transfer-syntax={given}"
    data = part.read()
    assert single.content == data
    read = pydicom.dcmread(BytesIO(data))
    assert read.file_meta.TransferSyntaxUID == given
    assert read.SOPInstanceUID == stored.SOPInstanceUID
    assert str(read.get("PatientName", "")) == str(stored.get("PatientName", ""))
    if "PixelData" in stored and given != "1.2.840.10008.1.2.4.50":
        difference = read.pixel_array.astype(int) - stored.pixel_array.astype(int)
        assert np.abs(difference).max() <= (3 if name == "SC_rgb_jpeg.dcm" else 0)


def test_pixel_data_as_bytes(server):
    (part,) = parts(server.get(WIDE_PATH, related(OCTETS)))
    expected = (hounsfield(256, 512) + 1024).astype("<u2").tobytes()
    assert part.read() == expected
    for where in (WIDE_PATH + "/pixeldata", WIDE_PATH + "/bulkdata/7FE00010"):
        (part,) = parts(server.get(where, related(OCTETS)))
        assert part.read() == expected
        assert server.get(where, OCTETS).content == expected
        piece = server.get(where, OCTETS, headers={"range": "bytes=2-5"})
        assert (piece.status_code, piece.content) == (206, expected[2:6])
    found = parts(server.get(path(GRAY) + "/pixeldata", related(OCTETS)))
    assert [part.location for part in found] == [
        f"{server.base}{path(GRAY, each)}/bulkdata/7FE00010" for each in (FIRST, SQUARE, WIDE)
    ]


# --- frames ---------------------------------------------------------------------------------


def test_frames_are_bytes_in_order(server):
    values = frames_of_gray(5)
    found = parts(server.get(path(LOOPS, LOOP, "2,3,5"), related(OCTETS)))
    assert [part.read() for part in found] == [values[n].tobytes() for n in (1, 2, 4)]
    assert [part.location for part in found] == [
        server.base + path(LOOPS, LOOP, str(number)) for number in (2, 3, 5)
    ]
    assert found[0].headers["content-type"] == f"{OCTETS}; transfer-syntax={EXPLICIT}"
    single = server.get(path(LOOPS, LOOP, "4"), OCTETS)
    assert single.content == values[3].tobytes()
    assert server.get(path(LOOPS, LOOP, "1,2"), OCTETS).status_code == 406
    for frames, status in (("0", 400), ("2,1", 400), ("x", 400), ("6", 404)):
        assert server.get(path(LOOPS, LOOP, frames), related(OCTETS)).status_code == status
    for instance in (REPORT, PLANNED):
        assert server.get(path(PAPERS, instance, "1"), related(OCTETS)).status_code in (404, 406)


@pytest.mark.parametrize(
    ("name", "media_type", "syntax", "magic"),
    [
        ("SC_rgb_rle.dcm", "image/dicom-rle", RLE, b"\3\0\0\0"),
        ("examples_jpeg2k.dcm", "image/jp2", J2K, b"\xff\x4f\xff\x51"),
        ("SC_rgb_jpeg.dcm", "image/jpeg", "1.2.840.10008.1.2.4.50", b"\xff\xd8\xff"),
    ],
)
def test_frames_as_they_are_stored(server, name, media_type, syntax, magic):
    stored, where = real(server, name)
    asked = (
        related(media_type, f"transfer-syntax={syntax}"),
        related(media_type, "transfer-syntax=*"),
    )
    for accept in asked:
        (part,) = parts(server.get(where + "/frames/1", accept))
        data = part.read()
        assert part.headers["content-type"] == f"{media_type}; transfer-syntax={syntax}"
        assert data.startswith(magic)
        # Padding, and what else stands behind the end of the stream, is left out.
        kept = pydicom.encaps.get_frame(stored.PixelData, 0, number_of_frames=1)
        assert kept.startswith(data)
        assert len(kept) - len(data) <= 2
    (part,) = parts(server.get(where + "/frames/1", "*/*"))
    assert part.headers["content-type"] == f"{OCTETS}; transfer-syntax={EXPLICIT}"
    assert len(part.read()) == stored.Rows * stored.Columns * 3


def test_one_bit_frames_are_packed_anew(server):
    stored, where = real(server, "liver_1frame.dcm")
    (part,) = parts(server.get(where + "/frames/1", related(OCTETS)))
    bits = np.unpackbits(np.frombuffer(part.read(), np.uint8), bitorder="little")
    assert np.array_equal(bits[: stored.Rows * stored.Columns], stored.pixel_array.ravel())


def test_a_video_is_its_stream(server):
    for where in (path(TROUBLE, MOVIE) + "/bulkdata/7FE00010", path(TROUBLE, MOVIE) + "/pixeldata"):
        assert server.get(where, "video/mp4").content == MOVIE_BYTES


# --- metadata -------------------------------------------------------------------------------


def test_metadata(server):
    response = server.get(WIDE_PATH + "/metadata", JSON)
    assert response.headers["content-type"] == JSON
    (model,) = response.json()
    assert list(model) == sorted(model)
    assert not any(key.startswith("0002") for key in model)
    assert model["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": PATIENT}]}
    assert model["0020000D"]["Value"] == [GRAY]
    assert model["00280010"] == {"vr": "US", "Value": [256]}
    uri = model["7FE00010"]["BulkDataURI"]
    assert uri == f"{server.base}{WIDE_PATH}/bulkdata/7FE00010"
    assert server.get(uri.removeprefix(server.base), OCTETS).status_code == 200
    for accept, kind in (("application/json", "application/json"), ("*/*", JSON)):
        other = server.get(WIDE_PATH + "/metadata", accept)
        assert other.headers["content-type"] == kind
        assert other.json() == [model]
    read = pydicom.Dataset.from_json(model, lambda *_: b"")
    assert read.SOPClassUID == CT


def test_metadata_of_more(server):
    models = server.get(path(GRAY) + "/metadata", JSON).json()
    assert [each["00080018"]["Value"][0] for each in models] == [FIRST, SQUARE, WIDE, STATE]
    (only,) = server.get(path(GRAY, series=f"{GRAY}.2") + "/metadata", JSON).json()
    assert only["00080060"]["Value"] == ["PR"]
    found = parts(server.get(path(GRAY) + "/metadata", XML))
    roots = [ET.fromstring(part.read()) for part in found]  # noqa: S314 - our own
    uids = [root.findtext(".//*[@keyword='SOPInstanceUID']/*") for root in roots]
    assert uids == [FIRST, SQUARE, WIDE, STATE]
    assert server.get(path(GRAY) + "/metadata", "image/png").status_code == 406
    assert server.get(path(GRAY) + "/metadata", None).status_code == 406


def test_every_bulk_data_uri_leads_somewhere(server):
    checked = 0
    for where in (path(PAPERS, LETTER), *(real(server, name)[1] for name in (
        "waveform_ecg.dcm", "examples_palette.dcm", "SC_rgb_rle.dcm",
    ))):  # fmt: skip
        (model,) = server.get(where + "/metadata", JSON).json()
        for uri in bulk_uris(model):
            response = server.get(uri.removeprefix(server.base), OCTETS)
            assert response.status_code == 200, uri
            assert response.content
            checked += 1
    assert checked >= 4
    assert LETTER_BYTES in server.get(path(PAPERS, LETTER) + "/bulkdata/00420011", OCTETS).content
    for bad in ("00420099", "nothing", "00420011/1", "../metadata", "%2e%2e/x", "7FE00010/1/2"):
        response = server.get(f"{path(PAPERS, LETTER)}/bulkdata/{bad}", OCTETS)
        assert response.status_code in (404, 406), bad


def bulk_uris(model: Any) -> list[str]:
    found = []
    for element in model.values():
        if "BulkDataURI" in element:
            found.append(element["BulkDataURI"])
        if element["vr"] == "SQ":
            for item in element.get("Value", ()):
                found += bulk_uris(item)
    return found


# --- search ---------------------------------------------------------------------------------


def found(server: Any, query: str, accept: str = JSON) -> list[Any]:
    response = server.get(query, accept)
    if response.status_code == 204:
        assert response.content == b""
        return []
    assert response.status_code == 200, response.text[:300]
    return list(response.json())


def uids(models: list[Any], tag: str = "0020000D") -> set[str]:
    return {each[tag]["Value"][0] for each in models}


OURS = {GRAY, LOOPS, PAPERS, SECRETS, TROUBLE}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"/studies?PatientID={PATIENT_ID}", OURS),
        ("/studies?00100020=LaMancha*", OURS),
        ("/studies?PatientName=TOBOSO*", OURS),
        ("/studies?PatientName=toboso^d?lcinea", OURS),
        ("/studies?PatientName=dulcinea&fuzzymatching=true", OURS),
        (f"/studies?PatientID={PATIENT_ID}&StudyDate=20240201-20240301", OURS),
        (f"/studies?PatientID={PATIENT_ID}&StudyDate=-20240228", set()),
        (f"/studies?StudyInstanceUID={GRAY},{LOOPS}", {GRAY, LOOPS}),
        (f"/studies?StudyInstanceUID={GRAY}%5C{LOOPS}", {GRAY, LOOPS}),
        (f"/studies?PatientID={PATIENT_ID}&ModalitiesInStudy=CT", {GRAY}),
        (f"/studies?PatientID={PATIENT_ID}&ModalitiesInStudy=SR", {PAPERS}),
        ("/studies?PatientID=nobody", set()),
        (f"/studies?PatientID={PATIENT_ID.lower()}", set()),
        (f"/studies?PatientID={PATIENT_ID}&Modality=CT&nonsense=1", OURS),
        (f"/series?Modality=PR&StudyInstanceUID={GRAY}", {GRAY}),
        (f"/studies/{GRAY}/series", {GRAY}),
        (f"/studies/{GRAY}/instances?SOPClassUID={CT}", {GRAY}),
    ],
)
def test_search(server, query, expected):
    models = found(server, query)
    if "studies?" in query and "nonsense" in query:
        # An attribute of a deeper level is no key of a study: left out, with a warning.
        assert uids(models) <= OURS
        return
    assert uids(models) == expected
    for model in models:
        assert list(model) == sorted(model)
        url = model["00081190"]["Value"][0]
        assert url.startswith(f"{server.base}/studies/{model['0020000D']['Value'][0]}")
        assert server.get(url.removeprefix(server.base) + "/metadata", JSON).status_code == 200


def test_required_attributes_are_returned(server):
    (study,) = found(server, f"/studies?StudyInstanceUID={GRAY}")
    assert study["00201206"]["Value"] == [2]
    assert study["00201208"]["Value"] == [4]
    assert set(study["00080061"]["Value"]) == {"CT", "PR"}
    for tag in ("00080020", "00080056", "00081190", "00100010", "00100020", "00100030"):
        assert study[tag]["Value"]
    (series,) = found(server, f"/studies/{GRAY}/series?Modality=CT")
    assert series["00201209"]["Value"] == [3]
    listed = found(server, f"/studies/{GRAY}/series/{GRAY}.1/instances")
    assert uids(listed, "00080018") == {FIRST, SQUARE, WIDE}
    assert {each["00280010"]["Value"][0] for each in listed} == {64, 512, 256}


def test_paging(server):
    everything = found(server, "/instances?limit=1000")
    seen = []
    for offset in range(0, len(everything), 20):
        response = server.get(f"/instances?limit=20&offset={offset}", JSON)
        page = response.json()
        seen += [each["00080018"]["Value"][0] for each in page]
        remaining = len(everything) - offset - len(page)
        warning = response.headers.get("warning", "")
        said = f"299 {server.base}: There are {remaining} additional results that can be requested"
        assert (said in warning) == bool(remaining)
    assert seen == [each["00080018"]["Value"][0] for each in everything]
    assert found(server, f"/instances?offset={len(everything)}") == []
    assert found(server, "/instances?limit=0") == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("/studies?limit=-1", 400), ("/studies?limit=a", 400), ("/studies?offset=x", 400),
        ("/studies?StudyDate=yesterday", 400), ("/studies?fuzzymatching=perhaps", 400),
        ("/studies?StudyInstanceUID=abc", 400),
        ("/studies?limit=" + "9" * 400, 400), ("/studies/1.2.3/instances", 404),
        (f"/studies/{GRAY}/series/1.2.3/instances", 404), ("/studies?PatientID=" + "a" * 70, 204),
        ("/studies?PatientName=%00", 400), ("/studies?PatientName='%20OR%20'1'='1", 204),
        ("/studies?PatientID=%25", 204), ("/studies?PatientID=_%25", 204),
    ],
)  # fmt: skip
def test_odd_searches(server, query, status):
    response = server.get(query, JSON)
    assert response.status_code in ((status, 400) if status == 204 else (status,)), response.text[
        :300
    ]
    assert not any(text in response.content for text in PHI)


def test_search_as_xml(server):
    response = server.get(f"/studies?PatientID={PATIENT_ID}", XML)
    roots = [ET.fromstring(part.read()) for part in parts(response)]  # noqa: S314 - our own
    assert {root.findtext(".//*[@keyword='StudyInstanceUID']/*") for root in roots} == OURS
    assert server.get("/studies", "image/png").status_code == 406
    assert server.get("/studies", None).status_code == 406


# --- WADO-URI (A.7, E 56) -------------------------------------------------------------------


def wado(server: Any, study: str, instance: str, accept: str | None = "*/*", **more: str) -> Any:
    query = {
        "requestType": "WADO", "studyUID": study, "seriesUID": more.pop("series", f"{study}.1"),
        "objectUID": instance, **more,
    }  # fmt: skip
    return server.get("", accept, params=query)


def size(response: Any) -> tuple[int, int]:
    """Return width and height of a picture."""
    assert response.status_code == 200, response.text[:300]
    return Image.open(BytesIO(response.content)).size


def test_wado_uri_is_a_jpeg(server):
    response = wado(server, GRAY, WIDE)
    assert response.headers["content-type"] == "image/jpeg"
    assert response.content == server.get(WIDE_PATH + "/rendered", "image/jpeg").content
    for prefix in ("/wado", "/dicomweb/", "/dicomweb"):
        again = server.get(
            f"{server.url}{prefix}?requestType=WADO&studyUID={GRAY}&seriesUID={GRAY}.1&objectUID={WIDE}"
        )
        assert again.content == response.content
    png = wado(server, GRAY, WIDE, contentType="image/png")
    assert png.content == server.get(WIDE_PATH + "/rendered", "image/png").content
    windowed = wado(
        server, GRAY, WIDE, windowCenter="40", windowWidth="400", contentType="image/png"
    )
    query = {"window": "40,400,linear"}
    expected = server.get(WIDE_PATH + "/rendered", "image/png", params=query).content
    assert windowed.content == expected
    assert wado(server, LOOPS, LOOP).content == server.get(
        path(LOOPS, LOOP, "1") + "/rendered", "image/jpeg"
    ).content  # fmt: skip
    third = wado(server, LOOPS, LOOP, frameNumber="3", contentType="image/png")
    assert third.content == server.get(path(LOOPS, LOOP, "3") + "/rendered", "image/png").content
    assert wado(server, LOOPS, LOOP, contentType="image/gif").content[:4] == b"GIF8"
    report = wado(server, PAPERS, REPORT)
    assert report.headers["content-type"] in ("image/jpeg", "text/html; charset=utf-8")
    plain = wado(server, PAPERS, REPORT, contentType="text/plain")
    assert "5 mm" in plain.text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"region": "0.25,0.25,0.75,0.75"}, (256, 256)),
        ({"rows": "100"}, (100, 100)),
        ({"columns": "64"}, (64, 64)),
        ({"rows": "100", "columns": "50"}, (50, 50)),
        ({"region": "0,0,1,0.5", "columns": "256"}, (256, 128)),
        ({"region": "0,0,1,1"}, (512, 512)),
    ],
)
def test_wado_uri_sizes(server, query, expected):
    assert size(wado(server, GRAY, SQUARE, contentType="image/png", **query)) == expected


@pytest.mark.parametrize(
    ("query", "status", "parameter"),
    [
        ({"requestType": "wado"}, 400, "requestType"),
        ({"studyUID": ""}, 400, "studyUID"),
        ({"objectUID": "abc"}, 400, "objectUID"),
        ({"windowCenter": "40"}, 400, "windowWidth"),
        ({"windowWidth": "40"}, 400, "windowCenter"),
        ({"windowCenter": "a", "windowWidth": "1"}, 400, "windowCenter"),
        ({"frameNumber": "0"}, 400, "frameNumber"),
        ({"frameNumber": "1"}, 400, "frameNumber"),
        ({"frameNumber": "a"}, 400, "frameNumber"),
        ({"region": "0,0,1,1,1"}, 400, "region"),
        ({"region": "0.5,0,0.5,1"}, 400, "region"),
        ({"region": "0,0,2,1"}, 400, "region"),
        ({"rows": "0"}, 400, "rows"),
        ({"rows": "999999", "columns": "999999"}, 400, "columns"),
        ({"imageQuality": "0"}, 400, "imageQuality"),
        (
            {"contentType": "application/dicom;transfer-syntax=1.2.840.10008.1.2.1"},
            400,
            "contentType",
        ),
        ({"contentType": "text/plain;charset=utf-8"}, 400, "contentType"),
        ({"contentType": "application/dicom", "rows": "5"}, 400, "rows"),
        ({"contentType": "application/dicom", "windowCenter": "1", "windowWidth": "2"}, 400, None),
        ({"contentType": "application/dicom", "anonymize": "no"}, 400, "anonymize"),
        ({"contentType": "application/dicom", "anonymize": "yes"}, 501, None),
        ({"contentType": "application/dicom", "transferSyntax": "abc"}, 400, "transferSyntax"),
        ({"contentType": "application/dicom", "transferSyntax": "1.2.3"}, 406, None),
        ({"contentType": "application/dicom", "transferSyntax": IMPLICIT}, 406, None),
        ({"contentType": "application/dicom", "transferSyntax": J2K}, 406, None),
        ({"anonymize": "yes"}, 400, "anonymize"),
        ({"contentType": "image/x-icon"}, "image/jpeg", None),
        ({"presentationUID": STATE}, 400, "presentationSeriesUID"),
        ({"objectUID": "1.2.3"}, 404, None),
    ],
)
def test_wado_uri_refusals(server, query, status, parameter):
    response = wado(server, GRAY, WIDE, **query)
    if isinstance(status, str):
        assert response.status_code in (200, 406)
        return
    assert response.status_code == status, response.text[:300]
    if parameter is not None:
        assert response.json()["parameter"] == parameter


def test_wado_uri_objects(server):
    response = wado(server, GRAY, WIDE, contentType=DICOM)
    assert response.headers["content-type"] == DICOM
    assert response.content == (server.folders[0] / "made" / "wide.dcm").read_bytes()
    stored, _ = real(server, "SC_rgb_rle.dcm")
    kept = {"series": stored.SeriesInstanceUID, "contentType": DICOM}
    uid = stored.StudyInstanceUID, stored.SOPInstanceUID
    for syntax, given in ((None, EXPLICIT), (EXPLICIT, EXPLICIT), (RLE, RLE)):
        more = {"transferSyntax": syntax} if syntax else {}
        read = pydicom.dcmread(BytesIO(wado(server, *uid, **kept, **more).content))
        assert read.file_meta.TransferSyntaxUID == given
        assert np.array_equal(read.pixel_array, stored.pixel_array)


def test_wado_uri_with_a_presentation_state(server):
    state = {"presentationUID": STATE, "presentationSeriesUID": f"{GRAY}.2"}
    shown = wado(server, GRAY, WIDE, contentType="image/png", **state)
    pixels = np.asarray(Image.open(BytesIO(shown.content))).astype(int)
    assert pixels[0, 0] > pixels[0, -1], "the darkest is white"
    for more in ({"windowCenter": "1", "windowWidth": "2"}, {"frameNumber": "1"}):
        assert wado(server, GRAY, WIDE, **state, **more).status_code == 400
    small = wado(server, GRAY, WIDE, contentType="image/png", columns="64", **state)
    assert size(small) == (64, 32)
    missing = {**state, "presentationUID": "1.2.3"}
    assert wado(server, GRAY, WIDE, **missing).status_code == 404
    wrong = {"presentationUID": FIRST, "presentationSeriesUID": f"{GRAY}.1"}
    assert wado(server, GRAY, WIDE, **wrong).status_code in (400, 404, 406, 501)


# --- hostile files (E 57) -------------------------------------------------------------------


def test_nobody_takes_the_bait_of_jpip(server):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as bait:
        bait.settimeout(0.3)
        assert server.get(path(TROUBLE, JPIP) + "/rendered").status_code in (406, 501)
        assert server.get(path(TROUBLE, JPIP) + "/thumbnail").status_code in (200, 406, 501)
        (model,) = server.get(path(TROUBLE, JPIP) + "/metadata", JSON).json()
        assert model["00287FE0"]["vr"] == "UR"
        with pytest.raises(TimeoutError):
            bait.accept()


def test_bombs_do_not_go_off(server):
    before = server.memory()
    for instance in (HUGE, DEFLATE_BOMB):
        for end in ("/rendered", "/thumbnail", "/metadata", "/frames/1", "/pixeldata", ""):
            response = server.get(path(TROUBLE, instance) + end)
            assert response.status_code in (200, 404, 413, 415, 500, 501), (instance, end)
            assert len(response.content) < 70_000_000
    assert server.memory() - before < 800_000_000
    assert server.get(WIDE_PATH + "/rendered").status_code == 200


# --- capabilities (A.8, E 55) ---------------------------------------------------------------

WADL = "{http://wadl.dev.java.net/2009/02}"


def test_capabilities_say_what_the_routes_do(server):
    xml = server.request("OPTIONS", "/")
    assert xml.headers["content-type"] == "application/vnd.sun.wadl+xml"
    root = ET.fromstring(xml.content)  # noqa: S314 - our own
    (resources,) = root.findall(f"{WADL}resources")
    assert resources.get("base") == server.base
    described = dict(wadl_methods(resources, ""))
    spoken = server.request("OPTIONS", "/", "application/json")
    assert spoken.headers["content-type"] == "application/json"
    from_json = json_methods(spoken.json()["application"])
    assert from_json == set(described)
    paths = server.get(f"{server.url}/openapi.json").json()["paths"]
    expected = {
        (method.upper(), where.removeprefix("/dicomweb") or "/")
        for where, operations in paths.items()
        if where.startswith("/dicomweb")
        for method in operations
    }
    assert set(described) == expected
    # Each of them is there: whatever it answers, it is not that there is no such path or method.
    values = {
        "study": GRAY, "series": f"{GRAY}.1", "instance": WIDE, "frames": "1", "path": "7FE00010"
    }  # fmt: skip
    for method, where in described:
        response = server.request(method, where.format(**values), "*/*")
        assert response.status_code in (200, 204), (method, where, response.text[:300])
    rendered = described["GET", "/studies/{study}/rendered"]
    names = {each.get("name") for each in rendered.iter(f"{WADL}param")}
    assert {"accept", "annotation", "quality", "viewport", "window", "iccprofile"} <= names
    produced = {each.get("mediaType") for each in rendered.iter(f"{WADL}representation")}
    assert {"image/jpeg", "image/png", "image/gif"} <= produced
    assert server.request("OPTIONS", "/", None).status_code == 406
    assert server.request("OPTIONS", "/", "image/png").status_code == 406
    assert not any(method in ("POST", "DELETE") for method, _ in described)


def wadl_methods(node: Any, where: str) -> Any:
    for child in node.findall(f"{WADL}resource"):
        here = f"{where}/{child.get('path').strip('/')}".rstrip("/") or "/"
        for method in child.findall(f"{WADL}method"):
            yield (method.get("name"), here), method
        yield from wadl_methods(child, here.rstrip("/"))


def json_methods(application: Any) -> set[tuple[str, str]]:
    """Return methods and paths, wherever in the document they are."""

    def walk(node: Any, where: str) -> Any:
        if isinstance(node, list):
            for each in node:
                yield from walk(each, where)
        elif isinstance(node, dict):
            text = node.get("@path")
            here = where if text is None else f"{where}/{text.strip('/')}".rstrip("/") or "/"
            for method in node.get("method", ()) if isinstance(node.get("method"), list) else ():
                yield method["@name"], here or "/"
            for key in ("resources", "resource"):
                if key in node:
                    yield from walk(node[key], here.rstrip("/"))

    json.dumps(application)
    return set(walk(application, ""))


def test_the_base_answers_preflights_and_capabilities(server):
    preflight = {"origin": "https://elsewhere.example", "access-control-request-method": "GET"}
    response = server.request("OPTIONS", "/", headers=preflight)
    assert "access-control-allow-origin" not in response.headers, "nobody allowed that origin"


# --- nothing leaks --------------------------------------------------------------------------


def test_no_patient_in_logs(server):
    for where in ("/rendered", "/metadata", "", "/thumbnail"):
        server.get(path(SECRETS, f"{SECRETS}.1.1") + where)
    server.get(f"/studies?PatientID={PATIENT_ID}&PatientName={PATIENT}", JSON)
    server.get(f"/studies?PatientName={PATIENT}&limit=a", JSON)
    assert server.get(f"{server.url}/healthz").status_code == 200
    metrics = server.get(f"{server.url}/metrics").content
    audit = server.audit.read_bytes()
    assert audit.count(b"\n") > 5
    said = "".join(server.errors).encode()
    for text in PHI:
        assert text not in metrics
        assert text not in audit
        assert text not in said
    assert GRAY.encode() not in metrics
