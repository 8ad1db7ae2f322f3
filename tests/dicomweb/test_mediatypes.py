"""Which media type is sent: the tables of PS3.18 8.7.4 and the rules of 8.7.8.1."""

from __future__ import annotations

from itertools import islice, permutations
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rendicom.dicomweb.accepts import Accepts
from rendicom.dicomweb.mediatypes import (
    Category,
    Choice,
    Offer,
    animated_types,
    choose,
    choose_charset,
    choose_rendered,
    picture_types,
)
from rendicom.encode import formats
from rendicom.errors import NotAcceptableError

TEXTS = ("text/html", "text/plain", "text/xml", "application/pdf")


def rendered(
    accept: str | None,
    category: Category = "single-frame",
    *,
    query: str | None = None,
    offers: tuple[str, ...] = (),
    is_single: bool = True,
    is_thumbnail: bool = False,
    is_still: bool = False,
    is_lenient: bool = False,
) -> str:
    """Return what is chosen as an Accept header would say it; 406 for nothing."""
    accepts = Accepts.parse(accept, query, is_lenient=is_lenient)
    try:
        choice = choose_rendered(
            accepts, category, offers=offers, is_single=is_single, is_thumbnail=is_thumbnail,
            is_still=is_still,
        )  # fmt: skip
    except NotAcceptableError:
        return "406"
    return written(choice)


def written(choice: Choice) -> str:
    text = f"parts of {choice.media_type}" if choice.is_multipart else choice.media_type
    return f"{text} for all" if choice.is_representative else text


def test_every_format_is_offered_the_demanded_ones_first() -> None:
    known = {item.media_type for item in formats().values()}
    assert set(picture_types()) == known
    assert picture_types()[:3] == ("image/jpeg", "image/png", "image/gif")
    moving = {item.media_type for item in formats().values() if item.encode_animation}
    assert set(animated_types()) == moving
    assert animated_types()[0] == "image/gif"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("image/png", "image/png"),
        ("*/*", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("image/gif", "image/gif"),
        ("image/x-icon", "406"),
        ("text/html", "406"),
        ("video/mp4", "406"),
        ("application/dicom", "406"),
        ("image/x-icon, */*;q=0.1", "image/jpeg"),
        ("image/png;q=0.5, image/jpeg;q=0.9", "image/jpeg"),
        ("image/jpeg;q=0.5, image/png;q=0.9", "image/png"),
        ("image/jpeg;q=0, image/png", "image/png"),
        ("image/jpeg;q=0, */*", "image/png"),
        ("image/jpeg;q=0", "406"),
        ("*/*;q=0", "406"),
        ("*/*;q=0, image/png", "image/png"),
        # The most specific range says how much a type is wanted.
        ("image/*;q=0.9, image/jpeg;q=0.1, image/png;q=0.5", "image/gif"),
        ("*/*, image/*;q=0.5, image/png;q=0.7", "image/png"),
        ("image/jpeg;q=0.2, image/*;q=0.1, */*;q=0", "image/jpeg"),
        ("*/*, image/*;q=0", "406"),
        # Malformed and unknown parameters are ignored.
        ("image/png;q=x;level=9", "image/png"),
        ("image/png; transfer-syntax=1.2.840.10008.1.2.1", "image/png"),
        # What programs send of themselves.
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "image/jpeg"),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "image/jpeg"),
        ("image/png, */*", "image/png"),
        ("image/webp, image/png", "image/png"),
        ("image/webp, image/png;q=0.9", "image/webp"),
        ('multipart/related; type="image/png"', "parts of image/png"),
        ("multipart/related; type=image/png", "parts of image/png"),
        ("multipart/related; type=image/*", "parts of image/jpeg"),
        ('multipart/related; type="*/*"', "parts of image/jpeg"),
        ("multipart/related", "parts of image/jpeg"),
        ('image/png;q=0.5, multipart/related; type="image/gif"', "parts of image/gif"),
        ('multipart/related; type="image/jpeg", image/jpeg', "image/jpeg"),
    ],
)
def test_one_frame(accept: str, expected: str) -> None:
    assert rendered(accept) == expected


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("image/png", "image/*", "image/png"),
        ("image/png", "image/jpeg, image/png;q=0.1", "image/png"),
        ("image/gif;q=0.1,image/png;q=0.2", "*/*", "image/png"),
        ("image/x-icon", "*/*", "image/jpeg"),  # nothing of the query: the header decides
        ("image/x-icon", "image/x-icon, image/gif;q=0.1", "image/gif"),
        ("image/x-icon", "image/x-icon", "406"),
        ("image/png;q=0", "*/*", "image/jpeg"),
        ("image/jpeg;q=0", "*/*", "image/png"),
        ('multipart/related;type="image/png"', "*/*", "parts of image/png"),
    ],
)
def test_the_query_goes_first(query: str, accept: str, expected: str) -> None:
    assert rendered(accept, query=query) == expected


@pytest.mark.parametrize(
    ("accept", "strict", "lenient", "still"),
    [
        ("image/gif", "image/gif", "image/gif", "image/gif"),
        ("image/jpeg", "406", "image/jpeg for all", "image/jpeg for all"),
        ("image/png", "406", "image/png for all", "image/png for all"),
        ("*/*", "image/gif", "image/gif", "image/jpeg for all"),
        ("image/*", "image/gif", "image/gif", "image/jpeg for all"),
        ("image/jpeg, image/gif;q=0.1", "image/gif", "image/gif", "image/jpeg for all"),
        ("multipart/related; type=image/jpeg",
         "parts of image/jpeg", "parts of image/jpeg", "406"),
        ("multipart/related; type=image/*", "parts of image/jpeg", "parts of image/jpeg", "406"),
        ("image/x-icon", "406", "406", "406"),
    ],
)  # fmt: skip
def test_many_frames(accept: str, strict: str, lenient: str, still: str) -> None:
    if "multipart" not in accept:
        assert rendered(accept, "multi-frame", is_still=True) == still
    assert rendered(accept, "multi-frame") == strict
    assert rendered(accept, "multi-frame", is_lenient=True) == lenient


@pytest.mark.parametrize("category", ["single-frame", "multi-frame", "presentation-state"])
@pytest.mark.parametrize(
    ("accept", "strict", "lenient"),
    [
        ("*/*", "parts of image/jpeg", "parts of image/jpeg"),
        ("image/jpeg", "406", "image/jpeg for all"),
        ("image/gif", "406", "image/gif for all"),
        ("image/*", "406", "image/jpeg for all"),
        ('multipart/related; type="image/gif"', "parts of image/gif", "parts of image/gif"),
        ("image/png, multipart/related; type=image/png;q=0.1",
         "parts of image/png", "parts of image/png"),
    ],
)  # fmt: skip
def test_several_items(category: Category, accept: str, strict: str, lenient: str) -> None:
    assert rendered(accept, category, is_single=False) == strict
    assert rendered(accept, category, is_single=False, is_lenient=True) == lenient


def test_no_header_when_lenient() -> None:
    assert rendered(None, is_lenient=True) == "image/jpeg"
    assert rendered(None, "multi-frame", is_lenient=True) == "image/gif"
    assert rendered("", is_single=False, is_lenient=True) == "parts of image/jpeg"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "text/html"),
        ("text/*", "text/html"),
        ("text/plain", "text/plain"),
        ("text/xml", "text/xml"),
        ("application/pdf", "application/pdf"),
        ("application/*", "application/pdf"),
        ("text/plain, */*", "text/plain"),
        ("image/jpeg", "406"),
        ("image/*", "406"),
        ("image/jpeg, */*;q=0.1", "text/html"),
        ('multipart/related; type="text/xml"', "parts of text/xml"),
    ],
)
def test_text(accept: str, expected: str) -> None:
    assert rendered(accept, "text", offers=TEXTS) == expected


def test_the_first_offer_of_text_is_the_default() -> None:
    assert rendered("*/*", "text", offers=("text/plain", "text/html")) == "text/plain"
    assert rendered("*/*", "text", offers=TEXTS, is_single=False) == "parts of text/html"
    assert rendered("text/html", "text", offers=TEXTS, is_single=False) == "406"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "video/mp4"),
        ("video/*", "video/mp4"),
        ("video/mp4", "video/mp4"),
        ("video/mpeg", "406"),
        ("image/gif", "image/gif"),
        ("image/jpeg", "406"),
        ("multipart/related; type=image/jpeg", "parts of image/jpeg"),
        ("multipart/related; type=video/mp4", "parts of video/mp4"),
    ],
)
def test_video(accept: str, expected: str) -> None:
    assert rendered(accept, "video", offers=("video/mp4",)) == expected


def test_video_whose_stream_fits_no_container() -> None:
    assert rendered("video/mp4", "video") == "406"
    assert rendered("*/*", "video") == "image/gif"


@pytest.mark.parametrize("accept", ["*/*", "image/jpeg", "text/html", "multipart/related"])
def test_other_objects_have_no_rendered_form(accept: str) -> None:
    with pytest.raises(NotAcceptableError) as caught:
        choose_rendered(Accepts.parse(accept), "other", is_single=True)
    assert caught.value.available == ()
    assert rendered(accept, "other", is_lenient=True) == "406"


@pytest.mark.parametrize("category", get_args(Category))
@pytest.mark.parametrize(
    ("accept", "expected"),
    [("*/*", "image/jpeg"), ("image/png", "image/png"), ("text/html", "406")],
)
def test_thumbnails_are_one_picture(category: Category, accept: str, expected: str) -> None:
    assert rendered(accept, category, is_single=False, is_thumbnail=True) == expected


def test_a_refusal_lists_what_there_is() -> None:
    with pytest.raises(NotAcceptableError) as caught:
        choose_rendered(Accepts.parse("image/jpeg"), "multi-frame", is_single=True)
    available = caught.value.available
    assert available[0] == "image/gif"
    assert "image/jpeg" not in available
    assert 'multipart/related; type="image/jpeg"' in available
    for each in available:
        assert choose_rendered(Accepts.parse(each), "multi-frame", is_single=True)


def test_charset_of_a_media_type() -> None:
    accepts = Accepts.parse("text/html; charset=ISO-8859-1")
    assert choose_rendered(accepts, "text", offers=TEXTS, is_single=True).charset == "iso-8859-1"


members = st.sampled_from(
    ["image/jpeg", "image/png", "image/gif", "image/webp", "image/*", "*/*", "text/html",
     "multipart/related; type=image/jpeg", "multipart/related; type=image/*"]
)  # fmt: skip
weighted = st.lists(
    st.tuples(members, st.sampled_from(["", ";q=0", ";q=0.1", ";q=0.5", ";q=0.9"])).map("".join),
    min_size=1, max_size=5, unique_by=lambda text: text.partition(";q=")[0],
)  # fmt: skip


@settings(deadline=None)
@given(
    header=weighted,
    category=st.sampled_from(["single-frame", "multi-frame"]),
    is_single=st.booleans(),
)
def test_the_order_of_members_says_nothing(
    header: list[str], category: Category, is_single: bool
) -> None:
    asked = [", ".join(order) for order in islice(permutations(header), 24)]
    answers = {rendered(accept, category, is_single=is_single) for accept in asked}
    assert len(answers) == 1


@settings(deadline=None)
@given(header=weighted, is_single=st.booleans())
def test_what_is_excluded_is_never_sent(header: list[str], is_single: bool) -> None:
    got = rendered(", ".join(header), is_single=is_single)
    form = got.replace("parts of ", "multipart/related; type=")
    assert f"{form};q=0" not in header


def test_equal_headers_have_equal_hashes() -> None:
    """Choices are remembered by what is accepted, whose parameters are mappings."""
    one, two = (Accepts.parse(f"image/png; a={a}; b={b}") for a, b in ("12", "12"))
    turned, other = Accepts.parse("image/png; b=2; a=1"), Accepts.parse("image/png; a=2; b=1")
    assert one == two == turned != other
    assert hash(one) == hash(two) == hash(turned) != hash(other)


# --- objects, metadata, frames, searches -----------------------------------------------------

EXPLICIT, J2K = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.90"
OBJECTS = (
    Offer("application/dicom", "either", (EXPLICIT, J2K, "*")),
    Offer("application/octet-stream", "multipart"),
)
METADATA = (Offer("application/dicom+json"), Offer("application/dicom+xml", "multipart"))
FRAMES = (
    Offer("application/octet-stream", "multipart", (EXPLICIT,)),
    Offer("image/jp2", "multipart", (J2K,)),
)


def chosen(accept: str, offers: tuple[Offer, ...]) -> tuple[str, str]:
    try:
        choice = choose(Accepts.parse(accept), offers=offers)
    except NotAcceptableError:
        return "406", ""
    return written(choice), choice.transfer_syntax


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", ("parts of application/dicom", EXPLICIT)),
        ("application/dicom", ("application/dicom", EXPLICIT)),
        ("application/*", ("application/dicom", EXPLICIT)),
        ('multipart/related; type="application/dicom"', ("parts of application/dicom", EXPLICIT)),
        ("multipart/related; type=application/dicom; transfer-syntax=*",
         ("parts of application/dicom", "*")),
        (f"application/dicom; transfer-syntax={J2K}", ("application/dicom", J2K)),
        ("application/dicom; transfer-syntax=1.2.840.10008.1.2.4.80", ("406", "")),
        ("application/dicom; transfer-syntax=none", ("application/dicom", EXPLICIT)),
        (f"application/dicom; transfer-syntax={J2K};q=0.5, application/dicom;q=0.9",
         ("application/dicom", EXPLICIT)),
        (f"application/dicom; transfer-syntax={J2K};q=0.9, application/dicom;q=0.5",
         ("application/dicom", J2K)),
        ("multipart/related; type=application/octet-stream",
         ("parts of application/octet-stream", "")),
        ("application/octet-stream", ("406", "")),
        ("image/jpeg", ("406", "")),
    ],
)  # fmt: skip
def test_objects(accept: str, expected: tuple[str, str]) -> None:
    assert chosen(accept, OBJECTS) == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "application/dicom+json"),
        ("application/dicom+json, application/json, */*", "application/dicom+json"),
        ("application/*", "application/dicom+json"),
        ('multipart/related; type="application/dicom+xml"', "parts of application/dicom+xml"),
        ("application/dicom+json;q=0.1, multipart/related; type=application/dicom+xml",
         "parts of application/dicom+xml"),
        ("application/dicom+xml", "406"),
        ('multipart/related; type="application/dicom+json"', "406"),
        ("application/json", "406"),
    ],
)  # fmt: skip
def test_metadata(accept: str, expected: str) -> None:
    assert chosen(accept, METADATA)[0] == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", ("parts of application/octet-stream", EXPLICIT)),
        ('multipart/related; type="*/*"', ("parts of application/octet-stream", EXPLICIT)),
        ("multipart/related; type=image/jp2", ("parts of image/jp2", J2K)),
        (f"multipart/related; type=image/jp2; transfer-syntax={J2K}", ("parts of image/jp2", J2K)),
        ("multipart/related; type=image/jp2; transfer-syntax=*", ("parts of image/jp2", J2K)),
        ("multipart/related; type=image/*", ("parts of image/jp2", J2K)),
        ("multipart/related; type=image/jls", ("406", "")),
        ("image/jp2", ("406", "")),
    ],
)  # fmt: skip
def test_frames(accept: str, expected: tuple[str, str]) -> None:
    assert chosen(accept, FRAMES) == expected


def test_a_refusal_names_transfer_syntaxes() -> None:
    with pytest.raises(NotAcceptableError) as caught:
        choose(Accepts.parse("image/png"), offers=FRAMES)
    assert caught.value.available == (
        f'multipart/related; type="application/octet-stream"; transfer-syntax={EXPLICIT}',
        f'multipart/related; type="image/jp2"; transfer-syntax={J2K}',
    )


@pytest.mark.parametrize(
    ("media_type", "query", "header", "expected"),
    [
        ("", "", None, "utf-8"),
        ("iso-8859-1", "utf-8", "gbk", "iso-8859-1"),
        ("", "ISO-8859-2", "gbk", "iso-8859-2"),
        ("nonsense", "", "gbk", "gbk"),
        ("", "nonsense,iso-8859-5", "gbk", "iso-8859-5"),
        ("", "", "iso-8859-1;q=0.2, gb18030 ; q=0.8", "gb18030"),
        ("", "", "iso-8859-1;q=0, *", "utf-8"),
        ("", "", "utf-7, rot13, idna, punycode, utf-16", "utf-8"),
        ("", "", ",;q=,", "utf-8"),
    ],
)
def test_charsets(media_type: str, query: str, header: str | None, expected: str) -> None:
    got = choose_charset(media_type=media_type, query=query, header=header)
    assert got == expected
    assert "é".encode(got, "replace")
