"""What a client accepts: the grammar of Accept, and of the query parameter that narrows it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rendicom.dicomweb.accepts import Accepts, Range
from rendicom.dicomweb.header_fields import format_media_type, parse_media_type
from rendicom.errors import BadRequestError, NotAcceptableError

tokens = st.text("abcXYZ019!#$&-^_.+", min_size=1, max_size=8)
values = st.one_of(tokens, st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=9))


@settings(deadline=None)
@given(
    essence=st.tuples(tokens, tokens).map(lambda both: "/".join(both).lower()),
    parameters=st.dictionaries(tokens.map(str.lower), values, max_size=4),
)
def test_media_types_read_back(essence: str, parameters: dict[str, str]) -> None:
    found = parse_media_type(format_media_type(essence, parameters))
    assert (found.essence, dict(found.parameters)) == (essence, parameters)


@pytest.mark.parametrize(
    ("text", "essence", "parameters"),
    [
        ("image/png", "image/png", {}),
        (" IMAGE/PNG ; Q=0.5 ", "image/png", {"q": "0.5"}),
        ('a/b; c="d;e, \\"f\\" \\\\"', "a/b", {"c": 'd;e, "f" \\'}),
        ("a/b; c=1; C=2", "a/b", {"c": "1"}),
        ("a/b;;c; =d", "a/b", {"c": ""}),
        ('a/b; q"=0; "q"=0; q\"x=0;é=1; d e=1; f =1', "a/b", {"f": "1"}),
        ("multipart/related; type=application/dicom+json", "multipart/related",
         {"type": "application/dicom+json"}),
    ],
)  # fmt: skip
def test_media_types(text: str, essence: str, parameters: dict[str, str]) -> None:
    found = parse_media_type(text)
    assert (found.essence, dict(found.parameters)) == (essence, parameters)


@pytest.mark.parametrize(
    "text", ["", "image", "image/", "/png", "a b/c", "a/b c", 'a/b; c="', "é/a"]
)
def test_no_media_types(text: str) -> None:
    with pytest.raises(BadRequestError):
        parse_media_type(text)


def only(header: str) -> Range:
    (found,) = Accepts.parse(header).header
    return found


@pytest.mark.parametrize(
    ("text", "q"),
    [("", 1), (";q=1", 1), (";q=0", 0), (";q=0.000", 0), (";q=.2", 0.2), ("; Q=0.25", 0.25),
     (";q=1.000", 1), (";q=0.7;v=b3", 0.7), (";v=b3;q=0.7", 0.7),
     # What is malformed is ignored, as any parameter is.
     (";q=", 1), (";q=high", 1), (";q=-1", 1), (";q=nan", 1), (";q=7", 1), (";q=1e-3", 1)],
)  # fmt: skip
def test_weights(text: str, q: float) -> None:
    assert only("image/png" + text).q == q


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("essence", ["image/jpeg", "image/*", "*/*", "application/dicom+xml"])
def test_multipart_types_with_quotes_and_without(essence: str, quote: str) -> None:
    found = only(f"multipart/related; type={quote}{essence}{quote}; q=0.5")
    assert (found.essence, found.is_multipart, found.q) == (essence, True, 0.5)


def test_multipart_without_a_type_is_any() -> None:
    assert only("multipart/related") == only('multipart/related; type="*/*"')
    assert only("multipart/*").is_multipart


@pytest.mark.parametrize(
    ("text", "syntax"),
    [
        ('multipart/related; type="application/dicom"; transfer-syntax=*', "*"),
        ("multipart/related; type=application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90",
         "1.2.840.10008.1.2.4.90"),
        ('multipart/related; type="application/dicom"; transfer-syntax="1.2.3"', "1.2.3"),
        ('multipart/related; type="application/dicom; transfer-syntax=1.2.3"', "1.2.3"),
        ("application/dicom;transfer-syntax=1.2.3", "1.2.3"),
        ("application/dicom", ""),
        ("application/dicom; transfer-syntax=jpeg", ""),
    ],
)  # fmt: skip
def test_transfer_syntaxes(text: str, syntax: str) -> None:
    found = only(text)
    assert (found.essence, found.transfer_syntax) == ("application/dicom", syntax)


def test_unknown_parameters_are_ignored() -> None:
    assert only("image/png; level=1; foo; =; bar=baz").essence == "image/png"


def test_lists_keep_their_order_and_empty_members_are_none() -> None:
    found = Accepts.parse(", image/png ,, text/html;q=0.5,").header
    assert [each.essence for each in found] == ["image/png", "text/html"]


def test_commas_in_quotes_do_not_part() -> None:
    assert only('image/png; a="b, image/gif"').essence == "image/png"


def test_javas_lone_star() -> None:
    found = Accepts.parse("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2").header
    assert [(each.essence, each.q) for each in found[-2:]] == [("*/*", 0.2), ("*/*", 0.2)]


@pytest.mark.parametrize("header", [None, "", "  "])
def test_no_header(header: str | None) -> None:
    with pytest.raises(NotAcceptableError):
        Accepts.parse(header)
    assert Accepts.parse(header, is_lenient=True).header == (Range("*/*"),)


@pytest.mark.parametrize(
    "header", ["image", "image/png, foo", ",", 'image/png; a="', "image/png image/gif",
               "multipart/related; type=foo", ", ".join(["a/b"] * 101)],
)  # fmt: skip
def test_malformed_headers(header: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        Accepts.parse(header)
    assert caught.value.parameter == "Accept"


@pytest.mark.parametrize(
    "header",
    ["a/b," * 2047, '"' * 8001, "a/b;" + "x=" * 4000, "a/b;q=" + "1" * 8000, "a/b;" + " " * 8000,
     'a/b;x="' + "\\" * 8000, "," * 8192],
)  # fmt: skip
def test_long_headers_are_read_or_refused_at_once(header: str) -> None:
    assert len(header) <= 8192
    with suppress(BadRequestError):
        Accepts.parse(header)


def test_longer_headers_are_refused() -> None:
    header = "image/png;x=" + "x" * 8181
    with pytest.raises(BadRequestError, match="longer") as caught:
        Accepts.parse(header)
    assert caught.value.parameter == "Accept"
    with pytest.raises(BadRequestError, match="longer") as caught:
        Accepts.parse("*/*", header)
    assert caught.value.parameter == "accept"
    assert Accepts.parse(header[:-1])


MIXED = [
    "application/dicom, image/jpeg",
    'multipart/related; type="application/dicom", image/jpeg',
    "application/dicom+json, text/html;q=0.1",
    'application/dicom+xml, multipart/related; type="video/mp4"',
    "application/dicom;q=0, application/pdf",
]


@pytest.mark.parametrize("text", MIXED)
def test_dicom_and_rendered_types_do_not_mix(text: str) -> None:
    with pytest.raises(BadRequestError, match="mixes") as caught:
        Accepts.parse(text)
    assert caught.value.parameter == "Accept"
    with pytest.raises(BadRequestError, match="mixes") as caught:
        Accepts.parse("*/*", text)
    assert caught.value.parameter == "accept"


@pytest.mark.parametrize(
    "header",
    [
        "application/dicom, */*",
        "application/dicom, image/*",
        "application/octet-stream, image/jpeg",
        "application/dicom+json, application/json",
        'application/dicom, multipart/related; type="image/jls"; transfer-syntax=*',
    ],
)
def test_wildcards_and_bulk_data_do_not_count_as_mixed(header: str) -> None:
    assert len(Accepts.parse(header).header) == 2


@pytest.mark.parametrize(
    ("query", "header"),
    [
        ("image/png", "image/*"),
        ("image/png", "*/*"),
        ("image/png,image/gif;q=0.3", "image/png, image/gif"),
        ('multipart/related;type="image/png"', "*/*"),
        ('multipart/related;type="image/png"', "multipart/related; type=image/*"),
        ("application/dicom;transfer-syntax=1.2.3", "application/dicom;transfer-syntax=*"),
        ("application/dicom;transfer-syntax=1.2.3", "application/*"),
        ("application/dicom+json", "application/json, */*;q=0.1"),
    ],
)
def test_a_query_that_goes_with_the_header(query: str, header: str) -> None:
    assert Accepts.parse(header, query).query


@pytest.mark.parametrize(
    ("query", "header"),
    [
        ("image/png", "image/jpeg"),
        ("image/png", "text/*"),
        ("image/png", "image/*, image/png;q=0"),
        ("image/jpeg,image/png", "image/jpeg"),
        ('multipart/related;type="image/png"', "image/*"),
        ("image/png", "multipart/related; type=image/*"),
        ("application/dicom;transfer-syntax=1.2.3", "application/dicom;transfer-syntax=1.2.4"),
    ],
)
def test_a_query_that_does_not(query: str, header: str) -> None:
    with pytest.raises(NotAcceptableError):
        Accepts.parse(header, query)


@pytest.mark.parametrize(
    "query", ["image/*", "*/*", "image/png,*/*;q=0.1", "multipart/related;type=image/*", "",
              "multipart/related", "*", "image", "application/dicom json"],
)  # fmt: skip
def test_bad_queries(query: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        Accepts.parse("*/*", query)
    assert caught.value.parameter == "accept"


def test_a_plus_that_became_a_space_is_explained() -> None:
    with pytest.raises(BadRequestError) as caught:
        Accepts.parse("*/*", "application/dicom json")
    assert "%2B" in caught.value.hint


@settings(deadline=None)
@given(header=st.text(max_size=60), query=st.one_of(st.none(), st.text(max_size=40)))
def test_any_text_is_read_or_refused(header: str, query: str | None) -> None:
    with suppress(BadRequestError, NotAcceptableError):
        found = Accepts.parse(header, query)
        assert all(0 <= each.q <= 1 for each in found.header + found.query)
