"""WADO-URI: the table of PS3.18 9, parameter by parameter."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from rendicom.dicomweb.mediatypes import Category
from rendicom.dicomweb.resources import Resource
from rendicom.dicomweb.wadouri import WADO_PARAMETERS, WadoUri, parse_wado_uri
from rendicom.errors import BadRequestError, NotAcceptableError
from rendicom.options import RenderOptions
from rendicom.values import Viewport, Window

REQUIRED = "requestType=WADO&studyUID=1.2&seriesUID=1.3&objectUID=1.4"
DICOM = "contentType=application/dicom"
J2K = "1.2.840.10008.1.2.4.90"


def asked(query: str = "", accept: str | None = "*/*", *, is_lenient: bool = False) -> WadoUri:
    pairs = parse_qsl(f"{REQUIRED}&{query}", keep_blank_values=True)
    return parse_wado_uri(pairs, accept, is_lenient=is_lenient)


def refused(query: str, accept: str = "*/*") -> str:
    """Return the parameter that is to blame."""
    with pytest.raises(BadRequestError) as caught:
        asked(query, accept)
    return caught.value.parameter


def test_the_least() -> None:
    found = asked()
    assert found.resource == Resource("1.2", "1.3", "1.4")
    assert not found.wants_dicom
    assert found.options == RenderOptions()
    assert found.viewport(512, 512) is None
    assert found.choose("single-frame")[:2] == ("image/jpeg", False)


def test_any_order() -> None:
    pairs = parse_qsl(REQUIRED)
    assert parse_wado_uri(pairs[::-1], "*/*") == parse_wado_uri(pairs, "*/*")


@pytest.mark.parametrize("name", ["requestType", "studyUID", "seriesUID", "objectUID"])
def test_what_is_required(name: str) -> None:
    pairs = [pair for pair in parse_qsl(REQUIRED) if pair[0] != name]
    for wrong in ([], [(name, "")], [(name, "x.y")], [(name.lower(), "WADO")]):
        with pytest.raises(BadRequestError) as caught:
            parse_wado_uri([*pairs, *wrong], "*/*")
        assert caught.value.parameter == name


def test_other_names_are_ignored_and_known_ones_stand_once() -> None:
    assert asked("foo=1&windowcenter=x&window=40&viewport=0") == asked()
    assert refused("rows=1&rows=1") == "rows"
    assert refused("studyUID=1.2") == "studyUID"


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("", "*/*", "image/jpeg"),
        ("", "image/*", "image/jpeg"),
        ("", "image/png", "image/png"),
        ("contentType=image/png", "*/*", "image/png"),
        ("contentType=image/png;q=0.1,image/gif;q=0.5", "*/*", "image/gif"),
        ("contentType=image/x-icon", "*/*", "image/jpeg"),
        ("contentType=image/x-icon", "image/x-icon", ""),
        ("", "text/html", ""),
        ("", "multipart/related; type=image/jpeg", ""),
    ],
)
def test_pictures(query: str, accept: str, expected: str) -> None:
    found = asked(query, accept)
    assert not found.wants_dicom
    if expected:
        assert found.choose("single-frame")[:2] == (expected, False)
    else:
        with pytest.raises(NotAcceptableError) as caught:
            found.choose("single-frame")
        assert not any("multipart" in each for each in caught.value.available)


@pytest.mark.parametrize(
    ("query", "category", "expected", "is_one_for_all"),
    [
        ("", "multi-frame", "image/jpeg", True),
        ("contentType=image/png", "multi-frame", "image/png", True),
        ("contentType=image/gif", "multi-frame", "image/gif", False),
        ("", "video", "image/jpeg", True),
        ("contentType=video/mp4", "video", "video/mp4", False),
        ("contentType=image/jpeg", "video", "image/jpeg", True),
        ("", "text", "text/html", False),
        ("contentType=text/plain", "text", "text/plain", False),
    ],
)
def test_many_frames_and_documents(
    query: str, category: Category, expected: str, is_one_for_all: bool
) -> None:
    offers = {"video": ("video/mp4",), "text": ("text/html", "text/plain")}.get(category, ())
    found = asked(query).choose(category, offers=offers)
    assert (found.media_type, found.is_representative) == (expected, is_one_for_all)


@pytest.mark.parametrize(
    ("query", "accept", "wants_dicom"),
    [
        (DICOM, "*/*", True),
        (DICOM, "application/dicom", True),
        ("", "application/dicom", True),
        ("", "application/dicom, */*;q=0.5", True),
        ("", "application/dicom;q=0.1, */*", False),
        ("", "application/dicom;q=0, */*", False),
        ("contentType=image/jpeg", "application/dicom, */*", False),
        ("", 'multipart/related; type="application/dicom"', False),
    ],
)
def test_objects(query: str, accept: str, wants_dicom: bool) -> None:
    assert asked(query, accept).wants_dicom is wants_dicom


@pytest.mark.parametrize(
    "text",
    ["", "image", "image/*", "*/*", "application/dicom,image/jpeg", "image/jpeg,application/dicom",
     "application/dicom,application/json", "application/dicom;transfer-syntax=1.2.840.10008.1.2.1",
     "image/jpeg;transfer-syntax=1.2.840.10008.1.2.4.50", "text/html;charset=utf-8",
     "image/png,image/jpeg;charset=x", "multipart/related;type=image/jpeg"],
)  # fmt: skip
def test_bad_content_types(text: str) -> None:
    assert refused(f"contentType={text}") == "contentType"


def test_a_content_type_goes_with_the_header() -> None:
    with pytest.raises(NotAcceptableError):
        asked("contentType=image/png", "image/jpeg")
    with pytest.raises(NotAcceptableError):
        asked(DICOM, "image/*")


def test_no_header() -> None:
    with pytest.raises(NotAcceptableError):
        asked(accept=None)
    assert asked(accept=None, is_lenient=True).choose("single-frame").media_type == "image/jpeg"


def test_transfer_syntaxes() -> None:
    assert asked(DICOM).transfer_syntax == "1.2.840.10008.1.2.1"
    assert asked(f"{DICOM}&transferSyntax={J2K}").transfer_syntax == J2K
    for never in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.3.4"):
        with pytest.raises(NotAcceptableError):
            asked(f"{DICOM}&transferSyntax={never}")
    for none in ("", "*", "jpeg", "1..2"):
        assert refused(f"{DICOM}&transferSyntax={none}") == "transferSyntax"
    assert refused(f"transferSyntax={J2K}") == "transferSyntax"


def test_anonymize() -> None:
    assert asked(f"{DICOM}&anonymize=yes").is_anonymous
    assert not asked(DICOM).is_anonymous
    for other in ("", "no", "YES", "true"):
        assert refused(f"{DICOM}&anonymize={other}") == "anonymize"
    assert refused("anonymize=yes") == "anonymize"


def test_frames() -> None:
    found = asked("frameNumber=7")
    assert found.resource.frames == (7,)
    found.check_frame(7)
    for frames in (1, 6):
        with pytest.raises(BadRequestError) as caught:
            found.check_frame(frames)
        assert (caught.value.parameter, caught.value.frame) == ("frameNumber", 7)
    with pytest.raises(BadRequestError):
        asked("frameNumber=1").check_frame(1)
    asked().check_frame(1)
    for text in ("0", "-1", "", "1.5", "a", "1,2", "9" * 12):
        assert refused(f"frameNumber={text}") == "frameNumber"


@pytest.mark.parametrize("name", ["annotation", "imageAnnotation"])
def test_both_names_of_annotation(name: str) -> None:
    found = asked(f"{name}=technique,foo")
    assert found.options == RenderOptions(annotation="technique")
    assert found.warnings == ("The following annotation values are not supported: foo",)
    assert refused(f"{name}=") == name
    assert refused("annotation=patient&imageAnnotation=patient") == "imageAnnotation"


def test_quality() -> None:
    assert asked("imageQuality=1").options.quality == 1
    for text in ("0", "101", "", "1.5"):
        assert refused(f"imageQuality={text}") == "imageQuality"


def test_windows() -> None:
    found = asked("windowWidth=400&windowCenter=-40.5").options
    assert found == RenderOptions(window=Window(-40.5, 400))
    assert refused("windowCenter=40") == "windowWidth"
    assert refused("windowWidth=40") == "windowCenter"
    for text in ("", "a", "1,2", "nan", "40,400,linear", " 1"):
        assert refused(f"windowWidth=400&windowCenter={text}") == "windowCenter"
    for text in ("", "a", "1,sigmoid", "0", "0.5", "-1", "inf"):
        assert refused(f"windowCenter=40&windowWidth={text}") == "windowWidth"


@pytest.mark.parametrize(
    ("query", "rows", "columns", "viewport"),
    [
        ("region=.25,.25,.75,.75", 512, 512, Viewport(256, 256, 128, 128, 256, 256)),
        ("region=0,0,1,1", 300, 200, Viewport(200, 300, 0, 0, 200, 300)),
        ("region=0.5,0,1,0.5", 100, 301, Viewport(150, 50, 151, 0, 150, 50)),
        ("region=0,0,1e-9,1e-9", 100, 100, Viewport(1, 1, 0, 0, 1, 1)),
        ("region=0.999999,0.999999,1,1", 100, 100, Viewport(1, 1, 99, 99, 1, 1)),
        ("rows=100", 512, 512, Viewport(100, 100)),
        ("rows=100", 300, 512, Viewport(171, 100)),
        ("columns=100", 512, 300, Viewport(100, 171)),
        ("rows=100&columns=50", 512, 512, Viewport(50, 100)),
        ("rows=100&region=.25,.25,.75,.75", 512, 512, Viewport(100, 100, 128, 128, 256, 256)),
    ],
)
def test_sizes_and_regions(query: str, rows: int, columns: int, viewport: Viewport) -> None:
    assert asked(query).viewport(rows, columns) == viewport


@pytest.mark.parametrize("side", ["rows", "columns"])
def test_the_open_side_does_not_bound_the_other(side: str) -> None:
    for size in range(1, 60):
        found = asked(f"{side}={size}").viewport(37, 41)
        assert found is not None
        scale = min(found.width / 41, found.height / 37)
        assert scale == size / (37 if side == "rows" else 41)


@pytest.mark.parametrize(
    "text",
    ["", "0,0,1", "0,0,1,1,1", "0,0,1,", ",0,1,1", "a,0,1,1", "-.1,0,1,1", "0,0,1.1,1", "0,0,1,2",
     ".5,0,.5,1", "0,.6,1,.5", "1,1,0,0", "nan,0,1,1", "0,0,inf,1"],
)  # fmt: skip
def test_no_regions(text: str) -> None:
    assert refused(f"region={text}") == "region"


@pytest.mark.parametrize("name", ["rows", "columns"])
def test_no_sizes(name: str) -> None:
    for text in ("0", "-1", "", "1.5", "a", "9" * 12):
        assert refused(f"{name}={text}") == name
    with pytest.raises(BadRequestError) as caught:
        asked(f"{name}=99999").viewport(512, 512)
    assert caught.value.parameter == name


PRESENTATION = "presentationSeriesUID=1.5&presentationUID=1.6"


def test_presentation_states() -> None:
    found = asked(f"{PRESENTATION}&annotation=patient&imageQuality=7&rows=9&region=0,0,.5,.5")
    assert found.presentation == Resource("1.2", "1.5", "1.6")
    assert asked().presentation is None
    assert refused("presentationUID=1.6") == "presentationSeriesUID"
    assert refused("presentationSeriesUID=1.6") == "presentationUID"
    assert refused("presentationSeriesUID=1.5&presentationUID=x") == "presentationUID"
    assert refused("presentationSeriesUID=&presentationUID=1") == "presentationSeriesUID"
    assert refused(f"{PRESENTATION}&windowCenter=1&windowWidth=2") == "windowCenter"
    assert refused(f"{PRESENTATION}&frameNumber=2") == "frameNumber"


@pytest.mark.parametrize(
    "query",
    ["windowCenter=1&windowWidth=2", "frameNumber=1", "annotation=patient",
     "imageAnnotation=patient", "imageQuality=5", "rows=1", "columns=1", "region=0,0,1,1",
     "presentationSeriesUID=1.5&presentationUID=1.6"],
)  # fmt: skip
def test_objects_are_not_rendered(query: str) -> None:
    assert refused(f"{DICOM}&{query}") == query.partition("=")[0]
    assert refused(query, "application/dicom") == query.partition("=")[0]


def test_charset_is_handed_on() -> None:
    assert asked("charset=iso-8859-1").charset == "iso-8859-1"


def test_the_list_of_parameters() -> None:
    assert len(set(WADO_PARAMETERS)) == len(WADO_PARAMETERS) == 19
