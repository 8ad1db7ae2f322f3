"""Rendered resources, row by row of the standard (PS3.18 8.3, 8.5, 8.7 and 10.4)."""

from __future__ import annotations

import math
from fractions import Fraction
from io import BytesIO
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

import rendicom
from rendicom import RenderOptions
from rendicom.dicomweb.multipart import read_multipart
from servedfiles import (
    BURNED,
    COVERED,
    FIRST,
    GRAY,
    LETTER,
    LETTER_BYTES,
    LOOP,
    LOOPS,
    MOVIE,
    MOVIE_BYTES,
    PAPERS,
    PHI,
    PLANNED,
    REPORT,
    SECRETS,
    SELECTION,
    SQUARE,
    STATE,
    TROUBLE,
    UNEVEN,
    WIDE,
    hounsfield,
    path,
)

WIDE_PATH, SQUARE_PATH = path(GRAY, WIDE), path(GRAY, SQUARE)
RENDERED = WIDE_PATH + "/rendered"
LOOP_RENDERED = path(LOOPS, LOOP) + "/rendered"
STATE_RENDERED = path(GRAY, STATE, series=f"{GRAY}.2") + "/rendered"
MAGIC = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n", "image/gif": b"GIF8"}


def pixels(data: bytes) -> np.ndarray[Any, Any]:
    """Return a picture as numbers, by another library."""
    return np.asarray(Image.open(BytesIO(data)))


def parts(response: Any) -> list[Any]:
    """Return the parts of an answer, having checked its head."""
    kind = response.headers["content-type"]
    assert kind.startswith("multipart/related; type="), kind
    assert "boundary=" in kind
    return read_multipart(kind, response.content)


def problem(response: Any, status: int, code: str = "", parameter: str | None = None) -> Any:
    """Return the problem document of a refusal, having checked it."""
    assert response.status_code == status, (response.status_code, response.text[:300])
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    said = response.json()
    assert said["status"] == status
    assert said["title"]
    if code:
        assert said["code"] == code
    if parameter is not None:
        assert said.get("parameter") == parameter, said
    assert not any(text in response.content for text in PHI)
    return said


def is_baseline(data: bytes) -> bool:
    """Tell whether a JPEG is baseline: SOF0, and 8 bits (A.2)."""
    position = 2
    while position < len(data):
        assert data[position] == 0xFF
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return marker == 0xC0 and data[position + 4] == 8
        position += 2 + length
    raise AssertionError("no frame header")


# --- negotiation (E 44, 45) -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("image/png", "image/png"),
        ("image/jpeg", "image/jpeg"),
        ("image/gif", "image/gif"),
        ("*/*", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("image/x-icon, */*;q=0.1", "image/jpeg"),
        ("image/jpeg;q=2", "image/jpeg"),
        ("image/png;q=0.5, image/jpeg;q=0.9", "image/jpeg"),
        ("image/jpeg;q=0, image/png", "image/png"),
        ("image/jpeg;q=0, image/*", "image/png"),
        ("IMAGE/PNG", "image/png"),
        ("image/png;nonsense=1", "image/png"),
        ("image/png;transfer-syntax=1.2.840.10008.1.2.4.50", "image/png"),
        ("text/html, image/png", "image/png"),
        ("application/json, image/png;q=0.1", "image/png"),
    ],
)
def test_accept(server, accept, media_type):
    response = server.get(RENDERED, accept)
    assert response.status_code == 200, response.text[:300]
    assert response.headers["content-type"] == media_type
    assert response.content.startswith(MAGIC[media_type])
    if media_type == "image/jpeg":
        assert is_baseline(response.content)
    assert pixels(response.content).shape[:2] == (256, 512)
    assert response.headers["content-location"] == server.base + WIDE_PATH
    assert {"Accept"} <= set(response.headers["vary"].split(", "))
    assert response.headers["etag"]
    assert int(response.headers["content-length"]) == len(response.content)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 406),
        ("", 406),
        ("image/x-icon", 406),
        ("text/html", 406),
        ("application/dicom", 406),
        ("application/dicom, image/jpeg", 400),
        ("image/jpeg;q=0", 406),
        ("image", 400),
    ],
)
def test_what_is_not_accepted(server, accept, status):
    response = server.get(RENDERED, accept)
    assert response.status_code == status, response.text[:300]
    assert "image/" not in response.headers["content-type"]
    if accept == "image/x-icon":
        assert response.headers["content-type"].startswith("text/html"), "8.6.3"
        assert b"image/jpeg" in response.content, "it says what there is"


def test_several_accept_headers_are_one(server):
    raw = server.exchange(
        f"GET /dicomweb{RENDERED} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        "Accept: image/x-icon\r\nAccept: image/png\r\n\r\n".encode()
    )
    assert raw.startswith(b"HTTP/1.1 200")
    assert MAGIC["image/png"] in raw


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("image/png", "image/*", "image/png"),
        ("image/png", "*/*", "image/png"),
        ("image/gif,image/png;q=0.1", "*/*", "image/gif"),
        ("image/*", "*/*", 400),
        ("*/*", "*/*", 400),
        ("image/png", "image/jpeg", 406),
        ("image/x-icon", "*/*", "image/jpeg"),
        ("application/dicom,image/png", "*/*", 400),
        ("nonsense", "*/*", 400),
    ],
)
def test_accept_in_the_query(server, query, accept, expected):
    response = server.get(RENDERED, accept, params={"accept": query})
    if isinstance(expected, str):
        assert response.status_code == 200, response.text[:300]
        assert response.headers["content-type"] == expected
    else:
        assert response.status_code == expected
    # The name is case-sensitive; other names are ignored (8.3).
    other = server.get(RENDERED, "image/jpeg", params={"Accept": query})
    assert (other.status_code, other.headers["content-type"]) == (200, "image/jpeg")


def test_a_problem_comes_as_the_client_can_read_it(server):
    missing = path(GRAY, "1.2.3") + "/rendered"
    for accept, kind in (
        ("image/png", "text/html; charset=utf-8"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("application/problem+json", "application/problem+json"),
        ("application/dicom+json", "application/problem+json"),
        ("*/*", "application/problem+json"),
    ):
        response = server.get(missing, accept)
        assert (response.status_code, response.headers["content-type"]) == (404, kind)
        assert b"no such instance" in response.content
    page = server.get(WIDE_PATH + "/rendered?window=<script>", "text/html, image/png;q=0.9")
    assert page.status_code == 400
    assert b"<script>" not in page.content


# --- parameters (A.5, E 46 to 50) -----------------------------------------------------------


def linear(x: Fraction, center: Fraction, width: Fraction) -> Fraction:
    if x <= center - Fraction(1, 2) - (width - 1) / 2:
        return Fraction(0)
    if x > center - Fraction(1, 2) + (width - 1) / 2:
        return Fraction(255)
    return ((x - (center - Fraction(1, 2))) / (width - 1) + Fraction(1, 2)) * 255


def linear_exact(x: Fraction, center: Fraction, width: Fraction) -> Fraction:
    if x <= center - width / 2:
        return Fraction(0)
    if x > center + width / 2:
        return Fraction(255)
    return ((x - center) / width + Fraction(1, 2)) * 255


def sigmoid(x: Fraction, center: Fraction, width: Fraction) -> Fraction:
    return Fraction(255 / (1 + math.exp(-4 * float(x - center) / float(width))))


@pytest.mark.parametrize(
    ("center", "width", "function", "curve"),
    [
        (40, 400, "linear", linear),
        (0, 100, "linear", linear),
        (0, 1, "linear", linear),
        (0, 100, "linear-exact", linear_exact),
        (40.5, 300.25, "linear-exact", linear_exact),
        (0, 100, "sigmoid", sigmoid),
    ],
)
def test_window(server, center, width, function, curve):
    response = server.get(RENDERED, "image/png", params={"window": f"{center},{width},{function}"})
    shown = pixels(response.content)
    values = hounsfield(256, 512)
    known = {
        x: math.floor(curve(Fraction(int(x)), Fraction(center), Fraction(width)) + Fraction(1, 2))
        for x in np.unique(values)
    }
    expected = np.vectorize(known.__getitem__)(values)
    assert np.abs(shown.astype(int) - expected).max() <= 1
    assert shown[0, 0] == (expected[0, 0])


def malformed(*rows: tuple[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(name, text) for name, texts in rows for text in texts]


@pytest.mark.parametrize(
    ("name", "text"),
    malformed(
        ("window", (
            "40,400", "40,400,LINEAR", "40,400,linear_exact", "40,,linear", "a,1,linear",
            "40,0,linear", "40,-1,sigmoid", "nan,1,linear", "inf,1,linear", "1,inf,linear", "",
            "40,400,linear,", "40,0.5,linear", ",,", "40 ,400,linear", "4_0,400,linear",
        )),
        ("viewport", (
            "0,10", "10", "10,a", "10,10,", "-5,5", "1,2,3,4,5,6,7", "10.5,10", "10,10,,",
            "10,10,0,0,0,5", "100000,100000", "", "10,10,600,0", "10,10,nan,0", "1e3,10",
        )),
        ("quality", ("0", "101", "1.5", "", "-1", "a", "٥", "1_0")),
        ("annotation", ("", ",", "patient,", "a b")),
        ("iccprofile", ("bogus", "", "YES")),
        ("voi", ("nothing", "window:0", "roi:1,2,3")),
        ("preset", ("no-such-preset",)),
        ("bit-depth", ("12",)),
        ("rotate", ("45",)),
        ("overlays", ("perhaps",)),
        ("invert", ("maybe",)),
    ),
)  # fmt: skip
def test_a_bad_value_is_named(server, name, text):
    said = problem(server.get(RENDERED, "image/png,*/*", params={name: text}), 400, parameter=name)
    assert said["code"] in ("bad-request", "bad-option")


@pytest.mark.parametrize(
    "query",
    [
        "WINDOW=1", "Quality=0", "nonsense=%00", "viewpoint=1", "max-pixels=1", "max_size=0",
        "%77=1", "window%20=a", "requestType=1", "=&&=", "voi%00=1",
    ],
)  # fmt: skip
def test_unknown_parameters_are_ignored(server, query):
    plain = server.get(RENDERED, "image/png")
    response = server.get(f"{RENDERED}?{query}", "image/png")
    assert response.status_code == 200
    assert response.content == plain.content


@pytest.mark.parametrize(
    ("where", "text", "size", "window"),
    [
        (WIDE_PATH, "256,256", (128, 256), None),
        (WIDE_PATH, "1024,1024", (512, 1024), None),
        (WIDE_PATH, "100,100,,,-256,128", (50, 100), (slice(0, 128), slice(0, 256), "h")),
        (
            SQUARE_PATH, "300,200,128,64,256,-128", (150, 300),
            (slice(64, 192), slice(128, 384), "v"),
        ),
        (SQUARE_PATH, "512,512,,,512,512", (512, 512), (slice(0, 512), slice(0, 512), "")),
        (SQUARE_PATH, "256,256,256,256", (256, 256), (slice(256, 512), slice(256, 512), "")),
        (SQUARE_PATH, "64,64,-448,-448", (64, 64), (slice(448, 512), slice(448, 512), "")),
    ],
)  # fmt: skip
def test_viewport(server, where, text, size, window):
    response = server.get(where + "/rendered", "image/png", params={"viewport": text})
    assert response.status_code == 200, response.text[:300]
    shown = pixels(response.content).astype(float)
    assert shown.shape == size
    if window is None:
        return
    whole = pixels(server.get(where + "/rendered", "image/png").content).astype(float)
    rows, columns, flip = window
    region = whole[rows, columns]
    region = region[:, ::-1] if flip == "h" else region[::-1] if flip == "v" else region
    # Whatever the resampling, the corners of a ramp stay what they are.
    assert abs(shown[0, 0] - region[0, 0]) <= 4
    assert abs(shown[-1, -1] - region[-1, -1]) <= 4
    if region.shape == size:
        assert np.array_equal(shown, region)


def test_quality(server):
    sizes = []
    for quality in (1, 50, 100):
        response = server.get(RENDERED, "image/jpeg", params={"quality": str(quality)})
        assert is_baseline(response.content)
        sizes.append(len(response.content))
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2]
    plain = server.get(RENDERED, "image/png").content
    assert server.get(RENDERED, "image/png", params={"quality": "1"}).content == plain


def test_annotation(server):
    plain = server.get(RENDERED, "image/png").content
    named = server.get(RENDERED, "image/png", params={"annotation": "patient"})
    both = server.get(RENDERED, "image/png", params={"annotation": "technique,patient"})
    assert pixels(named.content).shape[:2] == pixels(plain).shape
    assert named.content != plain
    assert both.content != named.content
    assert "warning" not in named.headers
    foreign = server.get(RENDERED, "image/png", params={"annotation": "foo,patient"})
    assert foreign.status_code == 200
    assert foreign.content == named.content
    said = foreign.headers["warning"]
    assert said.startswith(f"299 {server.base}: ")
    assert "The following annotation values are not supported: foo" in said


def test_icc_profile(server):
    rgb = next(iter(colour_paths(server)))
    no = server.get(rgb, "image/png", params={"iccprofile": "no"})
    assert "icc_profile" not in Image.open(BytesIO(no.content)).info
    for value in ("yes", "srgb", "adobergb", "rommrgb", "displayp3"):
        for media_type in ("image/png", "image/jpeg"):
            response = server.get(rgb, media_type, params={"iccprofile": value})
            assert response.status_code == 200, (value, response.text)
            profile = Image.open(BytesIO(response.content)).info["icc_profile"]
            assert profile[36:40] == b"acsp", "an ICC profile has its signature there"
    problem(
        server.get(rgb, "image/gif,*/*;q=0.1", params={"iccprofile": "srgb"}), 400,
        parameter="iccprofile",
    )  # fmt: skip
    assert server.get(rgb, "image/gif", params={"iccprofile": "no"}).status_code == 200


def colour_paths(server: Any) -> list[str]:
    """Return rendered paths of instances in colour with one frame."""
    found = server.get("/instances?includefield=all&limit=500", "application/dicom+json").json()
    return [
        path(
            each["0020000D"]["Value"][0], each["00080018"]["Value"][0],
            series=each["0020000E"]["Value"][0],
        ) + "/rendered"
        for each in found
        if each.get("00280004", {}).get("Value") == ["RGB"]
        and each.get("00280008", {}).get("Value", [1])[0] == 1
        and each.get("00280100", {}).get("Value") == [8]
    ]  # fmt: skip


def test_a_window_means_nothing_for_colour(server):
    rgb = colour_paths(server)[0]
    plain = server.get(rgb, "image/png")
    windowed = server.get(rgb, "image/png", params={"window": "10,20,linear"})
    assert windowed.status_code == 200
    assert windowed.content == plain.content
    assert windowed.headers["warning"].startswith("299 ")


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ({}, {}),
        ({"window": "40,400,linear"}, {"window": "40,400,linear"}),
        ({"viewport": "100,100,,,-256,128"}, {"viewport": "100,100,,,-256,128"}),
        ({"voi": "minmax", "invert": "yes"}, {"voi": "minmax", "invert": "yes"}),
        ({"preset": "lung", "rotate": "90"}, {"preset": "lung", "rotate": "90"}),
        ({"bit-depth": "16"}, {"bit-depth": "16"}),
    ],
)
def test_bytes_are_those_of_the_library(server, query, options):
    file = server.folders[0] / "made" / "wide.dcm"
    expected = rendicom.render(file, media_type="image/png", options=RenderOptions.parse(options))
    response = server.get(RENDERED, "image/png", params=query)
    assert response.content == expected.data


# --- frames, series and studies (E 51, 52) --------------------------------------------------


def test_one_frame_is_a_single_part(server):
    frame = path(LOOPS, LOOP, "2")
    response = server.get(frame + "/rendered", "image/png")
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-location"] == server.base + frame
    assert np.all(pixels(response.content) == pixels(response.content)[0, 0])
    as_part = server.get(frame + "/rendered", "multipart/related; type=image/png")
    (part,) = parts(as_part)
    assert part.read() == response.content
    assert part.location == server.base + frame


@pytest.mark.parametrize(
    "accept", ['multipart/related; type="image/png"', "multipart/related;type=image/png"]
)
def test_several_frames_are_parts_in_order(server, accept):
    response = server.get(path(LOOPS, LOOP, "1,3,4") + "/rendered", accept)
    assert response.headers["content-type"].startswith('multipart/related; type="image/png"; ')
    found = parts(response)
    where = [path(LOOPS, LOOP, str(number)) for number in (1, 3, 4)]
    assert [part.location for part in found] == [server.base + each for each in where]
    for part, each in zip(found, where, strict=True):
        assert part.headers["content-type"] == "image/png"
        data = part.read()
        assert int(part.headers["content-length"]) == len(data)
        assert data == server.get(each + "/rendered", "image/png").content


@pytest.mark.parametrize(
    ("frames", "accept", "status"),
    [
        ("1,2", "image/jpeg", 406),
        ("0", "image/png, */*", 400),
        ("a", "image/png, */*", 400),
        ("2,1", "image/png, */*", 400),
        ("1,1", "image/png, */*", 400),
        ("1,", "image/png, */*", 400),
        ("-1", "image/png, */*", 400),
        ("1-3", "image/png, */*", 400),
        ("%D9%A1", "image/png, */*", 400),
        ("6", "image/png, */*", 404),
        ("999", "image/png, */*", 404),
        ("1,999", "multipart/related; type=image/png, */*", 404),
        ("9" * 50, "image/png, */*", 404),
    ],
)
def test_frames_that_are_not_there(server, frames, accept, status):
    response = server.get(path(LOOPS, LOOP, frames) + "/rendered", accept)
    assert response.status_code in ((400, 404) if len(frames) == 50 else (status,))


def test_frames_of_what_has_none(server):
    for study, instance in ((PAPERS, REPORT), (PAPERS, LETTER), (PAPERS, PLANNED)):
        response = server.get(path(study, instance, "1") + "/rendered", "*/*")
        assert response.status_code in (400, 404, 406)


def test_all_frames_of_an_instance(server):
    found = parts(server.get(LOOP_RENDERED, "multipart/related; type=image/jpeg"))
    where = [server.base + path(LOOPS, LOOP, str(number)) for number in range(1, 6)]
    assert [part.location for part in found] == where
    shades = [float(pixels(part.read()).mean()) for part in found]
    assert shades == sorted(shades)
    assert len(set(shades)) == 5


@pytest.mark.parametrize(
    ("instance", "query", "delays"),
    [
        (LOOP, {}, [40] * 5),
        (UNEVEN, {}, None),
        (LOOP, {"frames": "2-4"}, [40] * 3),
    ],
)
def test_a_loop_moves_as_the_file_says(server, instance, query, delays):
    url = path(LOOPS, instance) + "/rendered"
    response = server.get(url, "image/gif", params=query)
    assert response.content[:6] == b"GIF89a"
    shown = Image.open(BytesIO(response.content))
    said = []
    for number in range(shown.n_frames):
        shown.seek(number)
        said.append(shown.info["duration"])
    if delays is None:
        # Frame Time Vector: the time before each frame; a GIF says the time after it.
        assert said[:2] == [100, 250]
        assert len(said) == 3
    else:
        assert said == delays
    assert response.headers["content-location"] == server.base + path(LOOPS, instance)


def test_a_loop_is_no_still(server, lenient):
    for accept in ("image/jpeg", "image/png"):
        assert server.get(LOOP_RENDERED, accept).status_code == 406
        response = lenient.get(LOOP_RENDERED, accept)
        assert (response.status_code, response.headers["content-type"]) == (200, accept)
        # Representative Frame Number says 3.
        third = lenient.get(path(LOOPS, LOOP, "3") + "/rendered", accept)
        assert response.content == third.content
        assert response.headers["content-location"] == lenient.base + path(LOOPS, LOOP, "3")
    assert server.get(LOOP_RENDERED, "*/*").headers["content-type"] == "image/gif"


def test_a_series_comes_in_the_order_of_its_numbers(server):
    for where in (f"{path(GRAY)}/series/{GRAY}.1", path(GRAY)):
        found = parts(server.get(where + "/rendered", "multipart/related; type=image/png"))
        expected = [server.base + path(GRAY, each) for each in (FIRST, SQUARE, WIDE)]
        assert [part.location for part in found] == expected
        for part in found:
            alone = server.get(part.location.removeprefix(server.base) + "/rendered", "image/png")
            assert part.read() == alone.content


def test_a_series_is_no_single_picture(server, lenient):
    for where in (path(GRAY), path(GRAY, series=f"{GRAY}.1")):
        assert server.get(where + "/rendered", "image/jpeg").status_code == 406
        response = lenient.get(where + "/rendered", "image/jpeg")
        assert response.status_code == 200
        assert is_baseline(response.content)


def test_lenient_takes_a_missing_accept(server, lenient):
    assert server.get(RENDERED, None).status_code == 406
    response = lenient.get(RENDERED, None)
    assert (response.status_code, response.headers["content-type"]) == (200, "image/jpeg")
    problem(lenient.get(RENDERED, "*/*", params={"quality": "0"}), 400, parameter="quality")


def test_a_mixed_study_says_what_it_leaves_out(server):
    response = server.get(path(PAPERS) + "/rendered", "multipart/related; type=text/html")
    assert {part.location for part in parts(response)} == {
        server.base + path(PAPERS, each) for each in (REPORT, SELECTION, LETTER)
    }
    assert f"299 {server.base}: 1 of 4 instances are left out" in response.headers["warning"]


# --- thumbnails (E 53) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "where",
    [path(GRAY), path(GRAY, series=f"{GRAY}.1"), WIDE_PATH, path(LOOPS, LOOP, "2")],
)
def test_thumbnail(server, where):
    for accept, media_type in (("*/*", "image/jpeg"), ("image/png", "image/png")):
        response = server.get(where + "/thumbnail", accept)
        assert response.headers["content-type"] == media_type
        assert max(Image.open(BytesIO(response.content)).size) <= 256
        study = server.base + path(where.split("/")[2])
        assert response.headers["content-location"].startswith(study)
    small = server.get(where + "/thumbnail", "image/png", params={"viewport": "50,60"})
    width, height = Image.open(BytesIO(small.content)).size
    assert width <= 50
    assert height <= 60
    assert width == 50 or height == 60
    for text in ("50,60,1,1", "50,60,,,5,5", "0,5", ""):
        problem(
            server.get(where + "/thumbnail", params={"viewport": text}), 400, parameter="viewport"
        )
    ignored = server.get(where + "/thumbnail", "image/png", params={"annotation": "patient"})
    assert ignored.content == server.get(where + "/thumbnail", "image/png").content


def test_a_thumbnail_shows_nobody(server):
    covered = server.get(path(SECRETS, COVERED) + "/thumbnail?overlays=yes", "image/png")
    assert np.unique(pixels(covered.content)).size == 1, "the overlay plane is not drawn"
    burned = server.get(path(SECRETS, BURNED) + "/thumbnail", "image/png")
    assert burned.status_code == 200
    shown = server.get(path(SECRETS, BURNED) + "/rendered", "image/png")
    assert pixels(burned.content).mean() != pixels(shown.content).mean()
    for instance in (REPORT, LETTER, PLANNED):
        icon = server.get(path(PAPERS, instance) + "/thumbnail", "image/png")
        assert icon.content.startswith(MAGIC["image/png"])
        sized = server.get(path(PAPERS, instance) + "/thumbnail?viewport=20,30", "image/png")
        width, height = Image.open(BytesIO(sized.content)).size
        assert width <= 20
        assert height <= 30
        for response in (icon, sized):
            assert not any(text in response.content for text in PHI)
    assert server.get(path(GRAY, STATE, series=f"{GRAY}.2") + "/thumbnail").status_code == 200


def test_a_thumbnail_that_cannot_be_made(server):
    assert server.get(path(GRAY, "1.2.3") + "/thumbnail").status_code == 404
    assert server.get(path(LOOPS, LOOP, "1,2") + "/thumbnail").status_code == 400
    assert server.get(path(LOOPS, LOOP, "6") + "/thumbnail").status_code == 404
    assert server.get(WIDE_PATH + "/thumbnail", None).status_code == 406


# --- documents, video, presentation states (E 54) -------------------------------------------


def test_a_report_is_html_text_and_xml(server):
    where = path(PAPERS, REPORT) + "/rendered"
    default = server.get(where)
    assert default.headers["content-type"] == "text/html; charset=utf-8"
    page = default.text
    assert "Größe &lt;b&gt;5 mm&lt;/b&gt; &amp; more" in page
    assert "<b>5 mm</b>" not in page
    assert f'href="{server.base}{WIDE_PATH}/rendered"' in page
    assert "Accept-Charset" in default.headers["vary"]
    plain = server.get(where, "text/plain")
    assert plain.headers["content-type"] == "text/plain; charset=utf-8"
    assert "Größe <b>5 mm</b> & more" in plain.text
    xml = server.get(where, "text/xml")
    assert xml.headers["content-type"].startswith("text/xml")
    root = ET.fromstring(xml.content)  # noqa: S314 - our own
    assert any("Größe <b>5 mm</b> & more" in (each.text or "") for each in root.iter())
    for accept in ("image/jpeg", "application/pdf", "video/mp4"):
        assert server.get(where, accept).status_code == 406


@pytest.mark.parametrize(
    ("accept", "query", "header", "charset"),
    [
        ("text/plain", {}, None, "utf-8"),
        ("text/plain;charset=iso-8859-1", {}, None, "iso-8859-1"),
        ("text/plain", {"charset": "ISO-8859-1"}, None, "iso-8859-1"),
        ("text/plain", {}, "iso-8859-1", "iso-8859-1"),
        ("text/plain", {"charset": "utf-8"}, "iso-8859-1", "utf-8"),
        ("text/plain", {"charset": "no-such-set"}, None, "utf-8"),
        ("text/plain", {}, "no-such-set, iso-8859-1;q=0.5", "iso-8859-1"),
    ],
)
def test_charset(server, accept, query, header, charset):
    headers = {"accept-charset": header} if header else {}
    where = path(PAPERS, REPORT) + "/rendered"
    response = server.get(where, accept, params=query, headers=headers)
    assert response.status_code == 200
    assert response.headers["content-type"].lower() == f"text/plain; charset={charset}"
    assert "Größe".encode(charset) in response.content


def test_a_charset_that_cannot_say_it(server):
    response = server.get(path(PAPERS, REPORT) + "/rendered?charset=us-ascii", "text/plain")
    assert response.status_code in (200, 406)
    if response.status_code == 200:
        assert "us-ascii" not in response.headers["content-type"] or b"?" not in response.content


def test_a_selection_links_what_it_selects(server):
    page = server.get(path(PAPERS, SELECTION) + "/rendered", "text/html").text
    for instance in (WIDE, SQUARE):
        assert f'href="{server.base}{path(GRAY, instance)}/rendered"' in page


def test_an_encapsulated_document_is_itself(server):
    where = path(PAPERS, LETTER) + "/rendered"
    response = server.get(where, "application/pdf")
    assert response.headers["content-type"] == "application/pdf"
    assert response.content == LETTER_BYTES
    assert server.get(where, "image/png").status_code == 406


def test_what_has_no_picture(server):
    where = path(PAPERS, PLANNED) + "/rendered"
    for accept in ("*/*", "image/png", "text/html"):
        assert server.get(where, accept).status_code == 406


def test_a_video_passes_through(server):
    where = path(TROUBLE, MOVIE) + "/rendered"
    response = server.get(where, "video/mp4")
    assert response.headers["content-type"] == "video/mp4"
    assert response.content == MOVIE_BYTES
    piece = server.get(where, "video/*", headers={"range": "bytes=4-11"})
    assert (piece.status_code, piece.content) == (206, MOVIE_BYTES[4:12])
    assert server.get(where, "video/mpeg").status_code == 406


def test_a_presentation_state_shows_what_it_is_for(server):
    response = server.get(STATE_RENDERED, "multipart/related; type=image/png")
    found = parts(response)
    expected = [server.base + path(GRAY, each) for each in (WIDE, FIRST)]
    assert sorted(part.location for part in found) == sorted(expected)
    for part in found:
        shown = pixels(part.read()).astype(int)
        values = hounsfield(*shown.shape)
        order = np.argsort(values, axis=None)
        assert np.all(np.diff(shown.ravel()[order]) <= 0), "the darkest is white"
    assert server.get(STATE_RENDERED, "image/png").status_code == 406


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"window": "40,400,linear"}, "window"),
        ({"viewport": "10,10,1,1"}, "viewport"),
        ({"viewport": "10,10,,,5,5"}, "viewport"),
    ],
)
def test_a_presentation_state_decides_itself(server, query, parameter):
    problem(server.get(STATE_RENDERED, params=query), 400, parameter=parameter)
    accept = 'multipart/related; type="image/png"'
    small = server.get(STATE_RENDERED, accept, params={"viewport": "10,10"})
    assert [max(Image.open(BytesIO(part.read())).size) for part in parts(small)] == [10, 10]


def test_a_presentation_state_has_no_frames(server):
    where = path(GRAY, STATE, "1", series=f"{GRAY}.2") + "/rendered"
    assert server.get(where, "image/png, */*").status_code == 400


# --- statuses, conditions, ranges -----------------------------------------------------------


@pytest.mark.parametrize(
    "where",
    [
        "/studies/1.2.3/rendered",
        f"/studies/{GRAY}/series/1.2.3/rendered",
        path(GRAY, "1.2.3") + "/rendered",
        path(LOOPS, WIDE) + "/rendered",
        path(GRAY, WIDE, series=f"{LOOPS}.1") + "/rendered",
        "/studies/1.2.3",
        "/studies/1.2.3/metadata",
        "/studies/1.2.3/series",
        "/nothing",
        "/studies/1.2.3/rendered/more",
    ],
)
def test_what_is_not_here(server, where):
    problem(server.get(where), 404)


@pytest.mark.parametrize(
    "uid", ["abc", "1..2", ".1", "1.", "1.2.3x", "1" * 65, "1.2.%00", "%2e%2e", "1,2", "1.2%20"]
)
def test_what_is_no_uid(server, uid):
    for where in (
        f"/studies/{uid}/rendered",
        f"/studies/{GRAY}/series/{uid}/rendered",
        path(GRAY, uid) + "/rendered",
        f"/studies/{uid}/metadata",
        f"/studies/{uid}",
        f"/studies/{uid}/series",
    ):
        response = server.get(where)
        assert response.status_code in (400, 404), where
        assert response.status_code == 400 or "%2e" in uid


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_other_methods(server, method):
    ends = ("/rendered", "", "/metadata", "/thumbnail", "/frames/1")
    for where in ("/studies", *(WIDE_PATH + end for end in ends)):
        response = server.request(method, where)
        said = problem(response, 405)
        assert "GET" in response.headers["allow"]
        assert "HEAD" in response.headers["allow"]
        assert said["code"] != "no-such-path"


def test_conditions(server):
    for where, accept in (
        (RENDERED, "image/png"),
        (LOOP_RENDERED, "image/gif"),
        (LOOP_RENDERED, "multipart/related; type=image/png"),
        (WIDE_PATH + "/thumbnail", "image/png"),
        (WIDE_PATH + "/metadata", "application/dicom+json"),
        (WIDE_PATH, "application/dicom"),
        (path(GRAY), "multipart/related; type=application/dicom"),
        (path(LOOPS, LOOP, "1"), "multipart/related; type=application/octet-stream"),
        (path(PAPERS, REPORT) + "/rendered", "text/html"),
        ("/studies", "application/dicom+json"),
        ("/", "application/json"),
    ):
        method = "OPTIONS" if where == "/" else "GET"
        first = server.request(method, where, accept)
        assert first.status_code == 200, (where, first.text)
        tag = first.headers["etag"]
        assert "Accept" in first.headers["vary"]
        for text in (tag, f'"other", {tag}', "*", f"W/{tag.removeprefix('W/')}"):
            again = server.request(method, where, accept, headers={"if-none-match": text})
            assert again.status_code == 304, (where, text)
            assert again.content == b""
            assert again.headers["etag"].removeprefix("W/") == tag.removeprefix("W/")
        other = server.request(method, where, accept, headers={"if-none-match": '"other"'})
        assert other.status_code == 200


def test_equal_requests_have_equal_tags_and_others_have_others(server):
    def tag(query: dict[str, str], accept: str = "image/png") -> str:
        return str(server.get(RENDERED, accept, params=query).headers["etag"])

    assert tag({"quality": "90"}) == tag({})
    assert tag({"window": "40,400,linear"}) == tag({"window": "40.0,4e2,linear"})
    different = [
        tag({}), tag({}, "image/jpeg"), tag({"window": "40,400,linear"}),
        tag({"viewport": "64,64"}), tag({"annotation": "patient"}),
    ]  # fmt: skip
    assert len(set(different)) == len(different)


@pytest.mark.parametrize(
    ("where", "accept"),
    [
        (RENDERED, "image/png"),
        (WIDE_PATH + "/thumbnail", "image/jpeg"),
        (WIDE_PATH + "/metadata", "application/dicom+json"),
        (WIDE_PATH, "application/dicom"),
        (LOOP_RENDERED, "multipart/related; type=image/png"),
        ("/studies", "application/dicom+json"),
        (path(GRAY, "1.2.3") + "/rendered", "*/*"),
    ],
)
def test_head_is_get_without_a_body(server, where, accept):
    plain = {"accept-encoding": "identity"}
    full = server.get(where, accept, headers=plain)
    head = server.request("HEAD", where, accept, headers=plain)
    assert head.status_code == full.status_code
    assert head.content == b""
    for name in ("content-type", "etag", "vary", "content-location", "cache-control"):
        if name == "content-type" and "boundary" in full.headers[name]:
            continue
        assert head.headers.get(name) == full.headers.get(name), name


@pytest.mark.parametrize(
    ("where", "accept"), [(RENDERED, "image/png"), (WIDE_PATH, "application/dicom")]
)
def test_ranges(server, where, accept):
    whole = server.get(where, accept)
    size = len(whole.content)
    assert whole.headers["accept-ranges"] == "bytes"
    for asked, begin, end in (
        ("0-0", 0, 1), ("10-19", 10, 20), (f"{size - 5}-", size - 5, size),
        ("-7", size - 7, size), (f"5-{size * 2}", 5, size), (f"-{size * 2}", 0, size),
    ):  # fmt: skip
        response = server.get(where, accept, headers={"range": f"bytes={asked}"})
        assert response.status_code == 206, asked
        assert response.content == whole.content[begin:end]
        assert response.headers["content-range"] == f"bytes {begin}-{end - 1}/{size}"
        assert int(response.headers["content-length"]) == end - begin
        assert response.headers["etag"] == whole.headers["etag"]
    for asked in (f"{size}-", f"{size + 5}-{size + 9}", "-0"):
        response = server.get(where, accept, headers={"range": f"bytes={asked}"})
        assert response.status_code == 416, asked
        assert response.headers["content-range"] == f"bytes */{size}"
    for asked in ("bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=0-1,4-5", "bytes="):
        response = server.get(where, accept, headers={"range": asked})
        assert (response.status_code, len(response.content)) in ((200, size), (416, 0)), asked
    tag = whole.headers["etag"]
    held = server.get(where, accept, headers={"range": "bytes=0-3", "if-range": tag})
    assert held.status_code == 206
    gone = server.get(where, accept, headers={"range": "bytes=0-3", "if-range": '"other"'})
    assert (gone.status_code, gone.content) == (200, whole.content)


def test_troubled_instances(server):
    for instance, status in (("2", 413), ("4", 500)):
        for kind in ("rendered", "thumbnail"):
            response = server.get(f"{path(TROUBLE, f'{TROUBLE}.1.{instance}')}/{kind}")
            problem(response, status)
    # A study with some of them: what can be made is there, what cannot is told.
    response = server.get(path(TROUBLE) + "/rendered", "multipart/related; type=image/*")
    assert response.status_code == 200
    assert "left out" in response.headers["warning"]
    assert [part.headers["content-type"] for part in parts(response)] == ["image/jpeg"]


def test_nothing_is_lost_by_what_went_wrong(server):
    assert server.get(RENDERED, "image/png").status_code == 200
