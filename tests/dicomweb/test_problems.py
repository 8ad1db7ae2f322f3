"""What went wrong, on the wire: statuses, problem documents, warnings; there and back."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rendicom import errors
from rendicom.client.error_responses import refusal
from rendicom.dicomweb.problems import (
    STATUS_OF,
    Problem,
    problem_headers,
    problem_of,
    represent,
    warning_header,
)
from rendicom.errors import BadRequestError, RendicomError, WireError


def error_of(status: int, body: bytes) -> RendicomError:
    return refusal(status, body, "host", hide=str)


CLASSES = [getattr(errors, name) for name in errors.__all__]

STATUSES = {
    400: {"bad-request", "bad-option"},
    401: {"unauthenticated"},
    403: {"forbidden"},
    404: {"no-such-resource", "no-such-frame"},
    406: {"not-acceptable", "no-pixel-data", "cannot-encode"},
    409: {"conflict"},
    410: {"deleted-resource"},
    413: {"too-large", "limit-exceeded"},
    415: {"unsupported-media-type"},
    500: {"error", "wire-error", "cannot-read", "not-dicom", "corrupt-data", "worker-died",
          "output-exists", "output-collision", "target-in-use"},
    501: {"not-supported", "unsupported-transfer-syntax", "unsupported-image"},
    503: {"overloaded", "timed-out"},
    507: {"cannot-write"},
}  # fmt: skip


@pytest.mark.parametrize("kind", CLASSES)
def test_the_status_of_each_error(kind: type[RendicomError]) -> None:
    (status,) = [status for status, codes in STATUSES.items() if kind.code in codes]
    assert problem_of(kind("x")).status == status


def test_of_errors_nobody_listed_the_one_above_counts() -> None:
    class OddNameError(BadRequestError):
        code = "odd-name"

    assert problem_of(OddNameError("x")).status == 400


FULL = Problem(
    406, "Not Acceptable", "<i>none</i> & more", "not-acceptable", "ask 'else'", "accept", 3,
    ("image/png", "image/gif"),
)  # fmt: skip


def test_json() -> None:
    assert json.loads(FULL.to_json()) == {
        "type": "about:blank",
        "title": "Not Acceptable",
        "status": 406,
        "detail": "<i>none</i> & more",
        "code": "not-acceptable",
        "hint": "ask 'else'",
        "parameter": "accept",
        "frame": 3,
        "available": ["image/png", "image/gif"],
    }
    least = json.loads(Problem(404, "Not Found").to_json())
    assert least == {"type": "about:blank", "title": "Not Found", "status": 404}


def test_text() -> None:
    assert FULL.to_text().decode() == (
        "406 Not Acceptable\nDetail: <i>none</i> & more\nHint: ask 'else'\nCode: not-acceptable\n"
        "Parameter: accept\nFrame: 3\nAvailable: image/png, image/gif\n"
    )


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())


@pytest.mark.parametrize("value", ["<script>alert(1)</script>", '"><img onerror=x>', "&lt;", "'"])
def test_html_holds_values_as_text(value: str) -> None:
    problem = Problem(400, "Bad Request", value, "bad-request", value, value, None, (value,))
    page = _Words()
    page.feed(problem.to_html().decode())
    assert page.tags == ["html", "meta", "title", "h1", *["p"] * 5]
    assert page.words[:3] == ["400 Bad Request", "400 Bad Request", f"Detail: {value}"]
    assert page.words[-1] == f"Available: {value}"


def test_members_of_an_error() -> None:
    error = BadRequestError("no window", hint="h", frame=2, parameter="window")
    problem = problem_of(error)
    assert (problem.status, problem.title) == (400, "Bad Request")
    assert (problem.detail, problem.code) == ("no window", "bad-request")
    assert (problem.hint, problem.parameter, problem.frame) == ("h", "window", 2)


JSON, HTML, TEXT = "application/problem+json", "text/html", "text/plain"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        ("application/problem+json", JSON),
        ("application/dicom+json", JSON),
        ("application/*", JSON),
        ("text/html", HTML),
        ("text/*", HTML),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", HTML),
        ("text/html;q=0.1, application/json", JSON),
        ("text/plain", TEXT),
        ("text/plain, text/html;q=0.5", TEXT),
        ("text/html;q=0, text/*", TEXT),
        # No text at all is accepted: PS3.18 8.6.3.
        ("image/png", HTML),
        ("application/dicom", HTML),
        ('multipart/related; type="image/jpeg"', HTML),
        # The header itself is the problem.
        ("application/dicom, image/jpeg", JSON),
        ("nonsense", JSON),
    ],
)
def test_the_form_that_a_client_reads(accept: str | None, expected: str) -> None:
    body, media_type = represent(FULL, accept)
    assert media_type.partition(";")[0] == expected
    forms = {JSON: FULL.to_json(), HTML: FULL.to_html(), TEXT: FULL.to_text()}
    assert body == forms[expected]
    assert expected == JSON or media_type.endswith("; charset=utf-8")


def test_when_to_come_again() -> None:
    for seconds, said in ((0.2, "1"), (0, "1"), (2.1, "3"), (60, "60")):
        error = errors.OverloadedError("x", retry_after=seconds)
        assert problem_headers(error) == {"Retry-After": said}
    assert problem_headers(BadRequestError("x")) == {}


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_come_back_as_they_were(kind: type[RendicomError]) -> None:
    error = kind("what", hint="do", frame=4)
    problem = problem_of(error)
    again = error_of(problem.status, problem.to_json())
    assert type(again) is kind
    assert vars(again) == vars(error)


def test_what_more_there_is_comes_back() -> None:
    bad = error_of(400, problem_of(BadRequestError("x", parameter="window")).to_json())
    assert isinstance(bad, BadRequestError)
    assert bad.parameter == "window"
    refused = errors.NotAcceptableError("x", available=("image/png",))
    none = error_of(406, problem_of(refused).to_json())
    assert isinstance(none, errors.NotAcceptableError)
    assert none.available == ("image/png",)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, BadRequestError), (401, errors.UnauthenticatedError), (403, errors.ForbiddenError),
     (404, errors.NoSuchResourceError), (406, errors.NotAcceptableError),
     (409, errors.ConflictError), (410, errors.DeletedResourceError), (413, errors.TooLargeError),
     (415, errors.UnsupportedMediaTypeError), (500, WireError), (501, errors.NotSupportedError),
     (502, WireError), (503, errors.OverloadedError), (418, WireError), (999, WireError)],
)  # fmt: skip
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[1]", b"\xff", b'{"code": 7, "detail": []}', b'{"code": [], "detail": ""}'],
)
def test_servers_that_send_no_problem_document(
    status: int, kind: type[WireError], body: bytes
) -> None:
    error = error_of(status, body)
    assert type(error) is kind
    assert str(status) in error.message


@settings(deadline=None)
@given(said=st.dictionaries(
    st.sampled_from(["type", "detail", "code", "hint", "frame", "available", "parameter"]),
    st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=2)),
), status=st.integers(400, 599))  # fmt: skip
def test_any_document_becomes_an_error(said: dict[str, object], status: int) -> None:
    error = error_of(status, json.dumps(said).encode())
    assert isinstance(error, RendicomError)
    assert error.message


def test_deep_documents() -> None:
    assert type(error_of(404, b"[" * 200_000)) is errors.NoSuchResourceError


def test_of_several_errors_a_status_stands_for_one_of_the_wire() -> None:
    for status in set(STATUS_OF.values()) - {500, 507}:
        assert issubclass(type(error_of(status, b"")), WireError)


# --- warnings ---------------------------------------------------------------------------------


def test_a_warning() -> None:
    text = "The following annotation values are not supported: foo,bar"
    assert warning_header([text], service="http://h/dicomweb") == (f"299 http://h/dicomweb: {text}")
    assert warning_header([], service="x") == ""


def test_warnings_are_one_line_of_ascii_each_once() -> None:
    got = warning_header(
        ["a\r\nSet-Cookie: b", "Größe\t\0\x7f", "a\r\nSet-Cookie: b"], service="rendicom"
    )
    assert got == "299 rendicom: a Set-Cookie: b, 299 rendicom: Gr??e ??"


def test_many_and_long_warnings_fit_a_header() -> None:
    got = warning_header(("x" * 10_000 + str(number) for number in range(100)), service="rendicom")
    assert len(got) < 400
    got = warning_header(map(str, range(100)), service="rendicom")
    assert got.startswith("299 rendicom: 0, 299 rendicom: 1, ")
    assert got.endswith("299 rendicom: 96 more warnings")


@given(texts=st.lists(st.text(max_size=30), max_size=8))
def test_any_warning_is_a_header(texts: list[str]) -> None:
    got = warning_header(texts, service="rendicom")
    assert got.isascii()
    assert got.isprintable()
    assert got.startswith("299 rendicom: ") == bool(texts)
