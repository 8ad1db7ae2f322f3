"""What viewers, browsers and proxies ask for, over the wire; each test is one such request."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from rendicom.dicomweb.multipart import read_multipart
from rendicom.testing.images import image
from rendicom.testing.writer import encapsulate
from servedfiles import (
    FIRST,
    GRAY,
    LETTER,
    LETTER_BYTES,
    LOOP,
    LOOPS,
    PAPERS,
    REPORT,
    ROOT,
    SQUARE,
    WIDE,
    identity,
    made,
    path,
)
from serverprocess import Served, served
from storedparts import DICOM, JSON, body, new_study, of_study

VIEWER = "https://viewer.example"
MOVING, BROKEN, SHARED, ODD = (f"{ROOT}.8{number}" for number in range(4))
JPEG = "1.2.840.10008.1.2.4.50"
JPEG_XL = "1.2.840.10008.1.2.4.110"
J2K = "1.2.840.10008.1.2.4.90"
SIGNED = (np.arange(256, dtype=np.int16).reshape(16, 16) - 128) * 200
RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
OCTETS = "application/octet-stream"
OHIF = f"multipart/related; type={OCTETS}; transfer-syntax=*"


def coloured() -> bytes:
    held = BytesIO()
    ramp = np.tile(np.arange(32, dtype=np.uint8) * 7, (16, 1))
    pixels = np.dstack((ramp, ramp, np.full_like(ramp, 60)))
    Image.fromarray(pixels).save(held, "JPEG", subsampling="4:2:2")
    return held.getvalue()


def xl() -> bytes:
    return bytes(imagecodecs.jpegxl_encode(RAMP, lossless=True))


@cache  # two encodings of one video need not be the same bytes
def video(codec: str, form: str) -> bytes:
    import av

    held = BytesIO()
    with av.open(held, "w", format=form) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(12):
            pixels = np.full((48, 64, 3), 20 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return held.getvalue()


VIDEOS = {
    "h264": ("libx264", "mp4", "102", "video/mp4"),
    "mpeg2": ("mpeg2video", "mpeg2video", "100", "video/mpeg"),
    "hevc": ("libx265", "mp4", "107", "video/H265"),
}


def moving(uid: str, codec: str) -> bytes:
    coding, form, last, _ = VIDEOS[codec]
    return image(
        encapsulate([video(coding, form)]), rows=48, columns=64, samples=3, frames=12,
        photometric="YBR_PARTIAL_420", transfer_syntax=f"1.2.840.10008.1.2.4.{last}",
        sop_class="1.2.840.10008.5.1.4.1.1.77.1.4.1", extra=identity(MOVING, uid),
    )  # fmt: skip


def shared(uid: str, syntax: str) -> bytes:
    stream = coloured()
    return image(
        encapsulate([stream]), rows=16, columns=32, samples=3, photometric="YBR_FULL_422",
        transfer_syntax=syntax, extra=identity(SHARED, uid),
    )  # fmt: skip


def without_sign(uid: str) -> bytes:
    """Return a file of signed values whose stream says they are unsigned."""
    stream = imagecodecs.jpeg2k_encode(SIGNED.view(np.uint16), codecformat="j2k", reversible=True)
    return image(
        encapsulate([stream]), rows=16, columns=16, bits_allocated=16, bits_stored=16,
        signed=True, transfer_syntax=J2K, extra=identity(SHARED, uid),
    )  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("viewers")
    for number, codec in enumerate(VIDEOS, 1):
        (folder / f"{codec}.dcm").write_bytes(moving(f"{MOVING}.1.{number}", codec))
    (folder / "jpeg.dcm").write_bytes(shared(f"{SHARED}.1.1", JPEG))
    native = np.full((16, 16, 4), (90, 120, 128, 150), np.uint8)
    (folder / "native.dcm").write_bytes(
        image(native.tobytes(), rows=16, columns=32, samples=3, photometric="YBR_FULL_422",
              extra=identity(SHARED, f"{SHARED}.1.2"))
    )  # fmt: skip
    (folder / "lies.dcm").write_bytes(shared(f"{SHARED}.1.3", "1.2.840.10008.1.2.4.90"))
    (folder / "retired.dcm").write_bytes(shared(f"{SHARED}.1.4", "1.2.840.10008.1.2.4.55"))
    (folder / "xl.dcm").write_bytes(
        image(encapsulate([xl()]), rows=16, columns=16, extra=identity(SHARED, f"{SHARED}.1.5"),
              transfer_syntax=JPEG_XL)
    )  # fmt: skip
    (folder / "unsigned.dcm").write_bytes(without_sign(f"{SHARED}.1.6"))
    for number in range(1, 6):
        pixels = np.full((16, 16), 30 * number, np.uint8)
        whole = made(BROKEN, f"{BROKEN}.1.{number}", pixels, number=number)
        if number in (3, 4):
            cut = image(
                encapsulate([b"\xff\xd8\xff\xe0no picture"]), rows=16, columns=16, extra=identity(
                    BROKEN, f"{BROKEN}.1.{number}", number=number
                ), transfer_syntax=JPEG,
            )  # fmt: skip
            whole = cut
        (folder / f"broken{number}.dcm").write_bytes(whole)
    (folder / "odd.dcm").write_bytes(
        image(encapsulate([b"\xff\xd8\xff\xe0no picture"]), rows=16, columns=16,
              extra=identity(ODD, f"{ODD}.1.1"), transfer_syntax=JPEG)
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def viewed(files: Path, folder: Path) -> Iterator[Served]:
    """Return a server behind a proxy, whose pages of another origin may use it."""
    more = ("--cors", VIEWER, "--trusted-proxies", "127.0.0.1", "--rescan", "0")
    with served(files, folder / "made", *more) as running:
        running.wait_for_index()
        yield running


@pytest.fixture(scope="module")
def kind(files: Path, folder: Path) -> Iterator[Served]:
    """Return a lenient one."""
    with served(files, folder / "made", "--lenient", "--rescan", "0") as running:
        running.wait_for_index()
        yield running


def only_part(response: Any) -> Any:
    assert response.status_code == 200, response.text[:300]
    (part,) = read_multipart(response.headers["content-type"], response.content)
    return part


# --- frames and bulk data -------------------------------------------------------------------


def test_ohif_gets_ultrasound_as_it_is_stored(viewed):
    where = path(SHARED, f"{SHARED}.1.1", "1")
    response = viewed.get(where, OHIF)
    part = only_part(response)
    assert part.headers["content-type"] == f"image/jpeg; transfer-syntax={JPEG}"
    assert part.read() == coloured()
    assert 'type="image/jpeg"' in response.headers["content-type"]
    # By name they are cells, as the metadata say: two bytes a pixel.
    for accept in (OHIF.replace("*", "1.2.840.10008.1.2.1"), f"multipart/related; type={OCTETS}"):
        assert len(only_part(viewed.get(where, accept)).read()) == 16 * 32 * 2


def test_ohif_gets_native_422_as_colours_that_it_shows(viewed):
    where = path(SHARED, f"{SHARED}.1.2", "1")
    part = only_part(viewed.get(where, OHIF))
    assert part.headers["content-type"] == "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90"
    shown = np.asarray(Image.open(BytesIO(part.read())))
    assert shown.shape == (16, 32, 3)
    # PS3.3 C.7.6.3.1.2 for Y 90, Cb 128, Cr 150.
    wanted = (90 + 1.402 * 22, 90 - 0.714136 * 22, 90)
    assert np.abs(shown[0, 0].astype(int) - wanted).max() <= 1
    native = only_part(viewed.get(where, f"multipart/related; type={OCTETS}"))
    assert native.read() == bytes((90, 120, 128, 150)) * 256


def test_ohif_gets_values_where_the_stream_lacks_their_sign(viewed):
    where = path(SHARED, f"{SHARED}.1.6", "1")
    part = only_part(viewed.get(where, OHIF))
    kind = "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"
    assert part.headers["content-type"] == kind
    assert part.read() == SIGNED.tobytes()
    # By name it is the stream.
    by_name = f"multipart/related; type=image/jp2; transfer-syntax={J2K}"
    named = only_part(viewed.get(where, by_name))
    assert named.headers["content-type"] == f"image/jp2; transfer-syntax={J2K}"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_ohif_gets_frames_of_videos_as_colours_that_it_shows(viewed, number):
    part = only_part(viewed.get(path(MOVING, f"{MOVING}.1.{number}", "3"), OHIF))
    assert part.headers["content-type"] == "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90"
    shown = np.asarray(Image.open(BytesIO(part.read())))
    assert shown.shape == (48, 64, 3)
    # The third frame is RGB 40 everywhere.
    assert np.abs(shown.astype(int) - 40).max() <= 6


@pytest.mark.parametrize("number", [3, 4])
def test_streams_that_nobody_could_name_come_uncompressed(viewed, number):
    for accept in (OHIF, "multipart/related; type=*/*; transfer-syntax=*"):
        part = only_part(viewed.get(path(SHARED, f"{SHARED}.1.{number}", "1"), accept))
        assert part.headers["content-type"] == f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.1"
        assert len(part.read()) == 16 * 32 * 2


def test_jpeg_xl_comes_as_stored_or_as_cells_for_a_viewer_that_asks_for_them(viewed):
    where = path(SHARED, f"{SHARED}.1.5", "1")
    part = only_part(viewed.get(where, OHIF))
    assert part.headers["content-type"] == f"image/jxl; transfer-syntax={JPEG_XL}"
    assert part.read().rstrip(b"\0") == xl().rstrip(b"\0")
    # What OHIF sends with requestTransferSyntaxUID.
    named = f'multipart/related; type="{OCTETS}"; transfer-syntax="1.2.840.10008.1.2.1"'
    assert only_part(viewed.get(where, named)).read() == RAMP.tobytes()


@pytest.mark.parametrize("end", ["/bulkdata/7FE00010", "/pixeldata"])
def test_bulk_data_are_where_metadata_say(viewed, end):
    where = path(GRAY, WIDE)
    (model,) = viewed.get(where + "/metadata", JSON).json()
    uri = model["7FE00010"]["BulkDataURI"]
    assert viewed.get(where + end, OCTETS).headers["content-location"] == uri
    part = only_part(viewed.get(where + end, f"multipart/related; type={OCTETS}"))
    assert part.location == uri


# --- documents in a frame -------------------------------------------------------------------


@pytest.mark.parametrize("end", ["/bulkdata/00420011", "/rendered"])
@pytest.mark.parametrize("how", ["header", "query"])
def test_a_pdf_in_an_object_element(viewed, end, how):
    where = path(PAPERS, LETTER) + end
    if how == "query":
        response = viewed.get(where + "?accept=application/pdf", "*/*")
    else:
        response = viewed.get(where, "application/pdf")
    assert response.status_code == 200, response.text[:300]
    assert response.headers["content-type"] == "application/pdf"
    assert response.content.rstrip(b"\0") == LETTER_BYTES
    assert response.headers["content-security-policy"] == f"frame-ancestors 'self' {VIEWER}"
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"


def test_bulk_data_of_a_document_are_octets_unasked(viewed):
    response = viewed.get(path(PAPERS, LETTER) + "/bulkdata/00420011", "*/*")
    assert OCTETS in response.headers["content-type"]
    assert viewed.get(path(GRAY, WIDE) + "/bulkdata/7FE00010", "application/pdf").status_code == 406


@pytest.mark.parametrize("name", ["viewed", "server"])
def test_documents_may_be_framed_by_the_origins_of_cors(request, name):
    running = request.getfixturevalue(name)
    policy = running.get(path(PAPERS, LETTER) + "/rendered", "text/html").headers[
        "content-security-policy"
    ]
    directives = [each.strip() for each in policy.split(";")]
    wanted = f"frame-ancestors 'self' {VIEWER}" if name == "viewed" else "frame-ancestors 'self'"
    assert wanted in directives
    for media_type in ("application/pdf", "text/plain"):
        source = LETTER if media_type == "application/pdf" else REPORT
        response = running.get(path(PAPERS, source) + "/rendered", media_type)
        assert response.headers["content-type"].startswith(media_type)
        assert response.headers["content-security-policy"] == wanted
    picture = running.get(path(GRAY, WIDE) + "/rendered", "image/png")
    assert "content-security-policy" not in picture.headers


# --- WADO-URI -------------------------------------------------------------------------------


def wado(study: str, instance: str, **more: str) -> str:
    asked = {"requestType": "WADO", "studyUID": study, "seriesUID": f"{study}.1",
             "objectUID": instance, **more}  # fmt: skip
    return "?" + "&".join(f"{name}={value}" for name, value in asked.items())


def test_objects_by_wado_uri_with_another_accept(viewed, kind, folder):
    where = wado(GRAY, WIDE, contentType="application/dicom", transferSyntax="*")
    for accept in (OHIF, "image/png", "application/json, text/plain", None):
        response = kind.get(where, accept)
        assert response.status_code == 200, (accept, response.text[:300])
        assert response.content == (folder / "made" / "wide.dcm").read_bytes()
    assert viewed.get(where, OHIF).status_code == 406
    assert viewed.get(where, "*/*").status_code == 400


@pytest.mark.parametrize(("number", "codec"), list(enumerate(VIDEOS, 1)))
def test_a_video_by_wado_uri(viewed, number, codec):
    media_type = VIDEOS[codec][3]
    uid = f"{MOVING}.1.{number}"
    response = viewed.get(wado(MOVING, uid, contentType=media_type), "*/*")
    assert response.status_code == 200, response.text[:300]
    assert response.headers["content-type"] == media_type
    assert response.content.rstrip(b"\0").startswith(video(*VIDEOS[codec][:2])[:64])
    piece = viewed.get(
        wado(MOVING, uid, contentType=media_type), "*/*", headers={"range": "bytes=0-9"}
    )
    assert (piece.status_code, len(piece.content)) == (206, 10)
    still = viewed.get(wado(MOVING, uid), "*/*")
    assert still.headers["content-type"] == "image/jpeg"


# --- rendered and thumbnails ----------------------------------------------------------------


@pytest.mark.parametrize("accept", ["image/jpeg", "image/*", "*/*"])
def test_a_still_of_many_frames_in_lenient_mode(kind, viewed, accept):
    response = kind.get(path(LOOPS, LOOP) + "/rendered", accept)
    assert response.status_code == 200, response.text[:300]
    if accept == "image/jpeg":
        assert viewed.get(path(LOOPS, LOOP) + "/rendered", accept).status_code == 406
        assert response.headers["content-location"].endswith("/frames/3")
        shown = np.asarray(Image.open(BytesIO(response.content)).convert("L"))
        third = kind.get(path(LOOPS, LOOP, "3") + "/rendered", "image/jpeg")
        assert np.array_equal(shown, np.asarray(Image.open(BytesIO(third.content)).convert("L")))


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(
    "accept", ["image/*", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"]
)
def test_posters_of_videos(viewed, kind, number, accept):
    for running in (viewed, kind):
        for end in ("/rendered", "/thumbnail", "/frames/3/rendered", "/frames/3/thumbnail"):
            response = running.get(path(MOVING, f"{MOVING}.1.{number}") + end, accept)
            assert response.status_code == 200, (end, response.text[:300])
            assert response.headers["content-type"].startswith("image/"), end


@pytest.mark.parametrize("where", [path(BROKEN), path(BROKEN, series=f"{BROKEN}.1")])
def test_the_thumbnail_of_a_series_whose_middle_is_broken(viewed, where):
    response = viewed.get(where + "/thumbnail", "image/png")
    assert response.status_code == 200, response.text[:300]
    assert response.headers["content-location"].endswith(f"{BROKEN}.1.2")
    again = viewed.get(
        where + "/thumbnail", "image/png", headers={"if-none-match": response.headers["etag"]}
    )
    assert again.status_code in (200, 304)
    assert viewed.get(path(BROKEN, f"{BROKEN}.1.3") + "/thumbnail", "image/png").status_code == 500


def test_the_thumbnail_of_a_study_where_all_is_broken(viewed):
    response = viewed.get(path(ODD) + "/thumbnail", "image/png")
    assert response.status_code == 200
    assert Image.open(BytesIO(response.content)).size == (128, 128)


def test_the_thumbnail_of_a_frame_says_which(viewed):
    response = viewed.get(path(LOOPS, LOOP, "4") + "/thumbnail", "*/*")
    assert response.headers["content-location"] == viewed.base + path(LOOPS, LOOP, "4")


# --- proxies --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-proto": "https", "x-forwarded-host": "pacs.example"},
        {"x-forwarded-proto": "https, http", "x-forwarded-host": "pacs.example, inner:8080"},
        {"x-forwarded-proto": "HTTPS,http,http", "x-forwarded-host": "pacs.example,a,b"},
        {"forwarded": "for=192.0.2.1;proto=https;host=pacs.example"},
        {"forwarded": 'for="[2001:db8::1]:4711"; Proto=https; HOST="pacs.example", for=10.0.0.1'},
        {"x-forwarded-proto": "https", "x-forwarded-host": "pacs.example",
         "forwarded": "proto=http;host=evil.example"},
    ],
)  # fmt: skip
def test_the_first_hop_says_where_we_are(viewed, headers):
    # The names of this machine only: a server without keys answers to no other.
    headers = {
        name: value.replace("pacs.example", "localhost:77") for name, value in headers.items()
    }
    response = viewed.get("/studies?limit=1", JSON, headers=headers)
    assert response.status_code == 200, response.text
    (url,) = response.json()[0]["00081190"]["Value"]
    assert url.startswith("https://localhost:77/dicomweb/studies/")


@pytest.mark.parametrize("host", ["evil.example", "a b", 'x"y', "localhost/evil", ""])
def test_other_names_are_still_refused_or_ignored(viewed, host):
    response = viewed.get("/studies?limit=1", JSON, headers={"x-forwarded-host": host})
    assert response.status_code == (403 if host == "evil.example" else 200)


def test_nobody_else_is_believed(server):
    headers = {"x-forwarded-proto": "https", "forwarded": "proto=https;host=localhost:77"}
    (found,) = server.get("/studies?limit=1", JSON, headers=headers).json()
    assert found["00081190"]["Value"][0].startswith(server.base)


# --- bodies with gzip -----------------------------------------------------------------------


def gray(study: str, value: int = 100) -> bytes:
    return made(study, f"{study}.1.1", np.full((16, 16), value, np.uint8))


def posted(archive: Any, content: bytes, kind: str, coding: str) -> Any:
    headers = {"content-type": kind, "content-encoding": coding}
    return archive.request("POST", "/studies", JSON, content=content, headers=headers)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", "identity"])
@pytest.mark.parametrize("members", [1, 3])
def test_a_body_with_gzip(archive, data, coding, members):
    study = new_study()
    held = gray(study)
    content, kind = body([(held, DICOM, "")])
    third = len(content) // members + 1
    packed = b"".join(
        gzip.compress(content[at : at + third], mtime=0) for at in range(0, len(content), third)
    )
    response = posted(archive, content if coding == "identity" else packed, kind, coding)
    assert response.status_code == 200, response.text
    assert list(of_study(data, study).values()) == [held]


def test_a_small_body_that_holds_very_much(archive):
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join((*(packer.compress(bytes(1 << 20)) for _ in range(80)), packer.flush()))
    before = archive.memory()
    response = posted(archive, packed, DICOM, "gzip")
    assert response.status_code == 413, response.text
    assert archive.memory() - before < 60 << 20


@pytest.mark.parametrize(
    ("content", "coding", "status"),
    [
        (gzip.compress(b"x" * 5000, mtime=0)[:-20], "gzip", 400), (b"no gzip", "gzip", 400),
        (b"abc", "br", 415), (b"abc", "deflate", 415), (b"abc", "gzip, gzip", 415),
        (gzip.compress(b"", mtime=0) , "gzip", 400),
    ],
)  # fmt: skip
def test_other_codings_are_refused(archive, content, coding, status):
    response = posted(archive, content, DICOM, coding)
    assert response.status_code == status, response.text


# --- the wire -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "hosts", "status"),
    [("1.1", 0, 400), ("1.1", 1, 200), ("1.1", 2, 400), ("1.0", 0, 200), ("1.0", 1, 200)],
)
def test_one_host_header(server, version, hosts, status):
    lines = [f"GET /healthz HTTP/{version}", *["Host: localhost"] * hosts, "Connection: close"]
    answer = server.exchange(("\r\n".join(lines) + "\r\n\r\n").encode())
    assert answer.split()[1] == str(status).encode()


@pytest.mark.parametrize("way", ["//studies", "/studies/", "///studies//", "/studies//"])
def test_slashes_that_mean_nothing(server, way):
    plain = server.get("/studies?limit=3", JSON)
    found = server._client.get(f"{server.base}{way}?limit=3", headers={"accept": JSON})
    assert (found.status_code, found.content) == (200, plain.content)
    instance = server._client.get(f"{server.url}//dicomweb{path(GRAY, FIRST)}/rendered/")
    assert instance.status_code == 200


def test_accept_given_twice(server):
    for end in ("/rendered", "/metadata", ""):
        where = f"{path(GRAY, SQUARE)}{end}?accept=image/png&accept=image/jpeg"
        response = server.get(where, "*/*")
        assert (response.status_code, response.json()["parameter"]) == (400, "accept")


def test_warnings_name_the_service(server):
    response = server.get("/studies?limit=1", JSON)
    assert response.headers["warning"].startswith(f"299 {server.base}: There are ")
