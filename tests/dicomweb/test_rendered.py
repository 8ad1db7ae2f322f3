"""Query parameters of rendered resources: what is read, what is refused and by which name."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rendicom.dicomweb.rendered_parameters import (
    RenderedQuery,
    check_media_type,
    parse_rendered,
    rendered_parameters,
    thumbnail_parameters,
)
from rendicom.encode import formats
from rendicom.errors import BadRequestError
from rendicom.options import RenderOptions, parameters
from rendicom.selection import Selection
from rendicom.values import Viewport, Window


def parsed(query: str, **more: bool) -> RenderedQuery:
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    return parse_rendered(pairs, **more)


def refused(query: str, **more: bool) -> str:
    """Return the parameter that is to blame."""
    with pytest.raises(BadRequestError) as caught:
        parsed(query, **more)
    return caught.value.parameter


def test_nothing_asked_for() -> None:
    assert parsed("") == RenderedQuery(RenderOptions())


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("40,400,linear", Window(40, 400)),
        ("-600.5,1500,linear", Window(-600.5, 1500)),
        ("%2B.5,1.,linear", Window(0.5, 1)),
        ("4e1,4E2,linear", Window(40, 400)),
        ("40,0.5,linear-exact", Window(40, 0.5, "linear-exact")),
        ("40,400,sigmoid", Window(40, 400, "sigmoid")),
        ("40%2C400%2Clinear", Window(40, 400)),
    ],
)
def test_windows(text: str, window: Window) -> None:
    assert parsed(f"window={text}").options == RenderOptions(window=window)


@pytest.mark.parametrize(
    "text",
    ["40,400", "40", "", ",", ",,", "40,400,", "40,,linear", ",400,linear", "a,1,linear",
     "40,b,linear", "40,0,linear", "40,-1,linear", "40,0.5,linear", "40,0,linear-exact",
     "40,-1,sigmoid", "40,400,LINEAR", "40,400,linear_exact", "40,400,linear,", "1,40,400,linear",
     "40,400,linear,1", "nan,400,linear", "40,inf,linear", "40,1e999,linear", "1_0,400,linear",
     "%2040,400,linear", "40,400,%20linear", "0x10,400,linear", "٤,400,linear", "40;400;linear"],
)  # fmt: skip
def test_no_windows(text: str) -> None:
    assert refused(f"window={text}") == "window"


@pytest.mark.parametrize(
    ("text", "viewport"),
    [
        ("256,256", Viewport(256, 256)),
        ("1024,1024", Viewport(1024, 1024)),
        ("100,100,,,-256,128", Viewport(100, 100, None, None, -256, 128)),
        ("300,200,128,64,256,-128", Viewport(300, 200, 128, 64, 256, -128)),
        ("512,512,,,512,512", Viewport(512, 512, None, None, 512, 512)),
        ("10,10,1.5", Viewport(10, 10, 1.5)),
        ("10,10,-1.5,,2.25", Viewport(10, 10, -1.5, None, 2.25)),
        ("8192,8192", Viewport(8192, 8192)),
    ],
)
def test_viewports(text: str, viewport: Viewport) -> None:
    assert parsed(f"viewport={text}").options == RenderOptions(viewport=viewport)


@pytest.mark.parametrize(
    "text",
    ["", "10", "0,10", "10,0", "10,a", "10,10,", "10,10,,", "1,1,,,,", "-5,5", "5,-5", "5.5,5",
     "1,2,3,4,5,6,7", "10,10,a", "10,10,0,0,0,5", "10,10,0,0,5,0", "10,10,,,-0,5", "10,10,nan",
     "10,10,,,inf", "10,10,1e999", "1_0,10", "%2010,10", "1e2,10", ",10", "10,",
     "8193,8192", "99999,99999", "9" * 300 + ",1"],
)  # fmt: skip
def test_no_viewports(text: str) -> None:
    assert refused(f"viewport={text}") == "viewport"


def test_the_largest_viewport_is_for_the_server_to_set() -> None:
    pairs = [("viewport", "100,100")]
    assert parse_rendered(pairs, max_viewport_pixels=10_000).options.viewport
    with pytest.raises(BadRequestError, match="9999 pixels"):
        parse_rendered(pairs, max_viewport_pixels=9_999)


@pytest.mark.parametrize("text", ["1", "50", "100"])
def test_qualities(text: str) -> None:
    assert parsed(f"quality={text}").options.quality == int(text)


@pytest.mark.parametrize("text", ["", "0", "101", "1.5", "50.0", "-1", "+5", "a", "1e1", "٥", "5 "])
def test_no_qualities(text: str) -> None:
    assert refused(f"quality={text}") == "quality"


@pytest.mark.parametrize(
    ("text", "annotation", "unsupported"),
    [
        ("patient", "patient", ""),
        ("technique", "technique", ""),
        ("technique,patient", "patient,technique", ""),
        ("patient,patient", "patient", ""),
        ("foo", None, "foo"),
        ("foo,patient,bar,foo", "patient", "foo,bar"),
        ("PATIENT", None, "PATIENT"),
    ],
)
def test_annotations(text: str, annotation: str | None, unsupported: str) -> None:
    found = parsed(f"annotation={text}")
    assert found.options == RenderOptions(annotation=annotation)
    said = f"The following annotation values are not supported: {unsupported}"
    assert found.warnings == ((said,) if unsupported else ())


@pytest.mark.parametrize(
    "text", ["", ",", "patient,", ",patient", "patient,,technique", "pa tient", "patient;x",
             "%0d%0aSet-Cookie:x", "é"],
)  # fmt: skip
def test_no_annotations(text: str) -> None:
    assert refused(f"annotation={text}") == "annotation"


@pytest.mark.parametrize("text", ["no", "yes", "srgb", "adobergb", "rommrgb", "displayp3"])
def test_icc_profiles(text: str) -> None:
    options = parsed(f"iccprofile={text}").options
    assert options.icc == text
    for item in formats().values():
        if item.icc or text == "no":
            check_media_type(options, item.media_type)
            continue
        with pytest.raises(BadRequestError, match="cannot hold an ICC profile") as caught:
            check_media_type(options, item.media_type)
        assert caught.value.parameter == "iccprofile"
        assert "png" in caught.value.hint


def test_formats_that_hold_profiles_are_told_apart() -> None:
    """Guard the test above: both kinds are there."""
    assert formats()["png"].icc
    assert formats()["jpg"].icc
    assert not formats()["gif"].icc
    check_media_type(RenderOptions(), "image/gif")
    check_media_type(RenderOptions(icc="srgb"), "text/html")


@pytest.mark.parametrize("text", ["", "bogus", "sRGB", "YES", "no ", "yes,srgb"])
def test_no_icc_profiles(text: str) -> None:
    assert refused(f"iccprofile={text}") == "iccprofile"


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("preset=lung", RenderOptions(preset="lung")),
        ("bit-depth=16&invert=yes", RenderOptions(bit_depth=16, invert=True)),
        ("rotate=90&flip=h", RenderOptions(rotate=90, flip="h")),
        (
            "overlays=yes&overlay-planes=6000",
            RenderOptions(overlays=True, overlay_planes=(0x6000,)),
        ),
        ("overlay-color=%23ff0000", RenderOptions(overlay_color="#ff0000")),
        ("square-pixels=true&strict=1", RenderOptions(square_pixels=True, strict=True)),
        ("max-size=64&compression=9", RenderOptions(max_size=64, compression=9)),
    ],
)
def test_extensions(query: str, options: RenderOptions) -> None:
    assert parsed(query).options == options


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("preset=knee", "preset"),
        ("bit-depth=12", "bit-depth"),
        ("invert=", "invert"),
        ("rotate=45", "rotate"),
        ("voi=window:0", "voi"),
        ("voi=", "voi"),
        ("overlay-planes=5000", "overlay-planes"),
        ("window=40,400,linear&preset=lung", "preset"),
        ("preset=lung&window=40,400,linear", "preset"),
        ("voi=minmax&window=40,400,linear", "voi"),
        ("window=40,400,linear&values=stored", "values"),
    ],
)
def test_bad_extensions(query: str, parameter: str) -> None:
    assert refused(query) == parameter


@pytest.mark.parametrize(
    "query",
    ["foo=1", "Window=1", "WINDOW=40", "max-pixels=1", "max_size=1", "icc=bogus", "accept=x",
     "annotations=", "=", "window%00=1", "foo=1&foo=2"],
)  # fmt: skip
def test_other_names_are_ignored(query: str) -> None:
    assert parse_rendered(parse_qsl(query, keep_blank_values=True)) == parsed("")


@pytest.mark.parametrize("name", ["window", "viewport", "quality", "iccprofile", "preset"])
def test_what_is_given_twice_is_refused(name: str) -> None:
    value = {"window": "1,2,linear", "viewport": "1,1", "quality": "1", "preset": "lung"}
    pair = f"{name}={value.get(name, 'no')}"
    assert parsed(pair)
    assert refused(f"{pair}&{pair}") == name


def test_what_is_too_long_is_refused() -> None:
    assert refused("quality=" + "0" * 999 + "50") == "quality"
    assert refused("charset=" + "a" * 1001) == "charset"


def test_charset_and_frames_are_handed_on() -> None:
    found = parsed("charset=iso-8859-1&frames=1-3,7")
    assert (found.charset, found.selection) == ("iso-8859-1", Selection("frames", "1-3,7"))


# --- presentation states and thumbnails -------------------------------------------------------


@pytest.mark.parametrize("query", ["window=40,400,linear", "voi=minmax", "preset=lung", "window="])
def test_presentation_states_bring_their_own_window(query: str) -> None:
    assert refused(query, is_presentation_state=True) == query.partition("=")[0]


def test_presentation_states_have_no_region() -> None:
    found = parsed("viewport=64,32&annotation=technique&quality=5", is_presentation_state=True)
    assert found.options == RenderOptions(
        viewport=Viewport(64, 32), annotation="technique", quality=5
    )
    for text in ("64,32,0", "64,32,,,,5", "64,32,1,1,5,5"):
        assert refused(f"viewport={text}", is_presentation_state=True) == "viewport"


def test_thumbnails() -> None:
    found = parsed("viewport=64,32&charset=utf-8", is_thumbnail=True)
    assert found.options == RenderOptions(viewport=Viewport(64, 32), fast=True)
    assert found.charset == "utf-8"
    small = parsed("", is_thumbnail=True).options
    assert small.max_size is not None
    assert small.max_size <= 512
    for text in ("64,32,0", "64,32,,,,5", "64", "0,1", "99999,99999"):
        assert refused(f"viewport={text}", is_thumbnail=True) == "viewport"


def test_thumbnails_have_nothing_drawn_into_them() -> None:
    query = "annotation=patient&overlays=yes&window=x&quality=0&frames=2&voi=&max-size=9"
    assert parsed(query, is_thumbnail=True) == parsed("", is_thumbnail=True)


# --- what the lists say -----------------------------------------------------------------------


def test_every_option_is_a_parameter_but_limits() -> None:
    """The tables 10.4.1-5 and 8.3.5.2, and all of `RenderOptions` that is for a client."""
    known = {item.name: item for item in rendered_parameters()}
    standard = {name for name, item in known.items() if not item.is_extension}
    assert standard == {
        "accept", "annotation", "charset", "iccprofile", "quality", "viewport", "window"
    }  # fmt: skip
    extensions = set(parameters()) - standard - {"icc", "max-pixels"}
    assert set(known) - standard == extensions | {"frames", "layer"}
    assert all(item.help for item in known.values())
    names = [item.is_extension for item in rendered_parameters()]
    assert names == sorted(names)
    assert {item.name for item in thumbnail_parameters()} == {"accept", "charset", "viewport"}


@settings(deadline=None)
@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from([item.name for item in rendered_parameters()] + ["x"]),
            st.one_of(st.text(max_size=12), st.from_regex(r"\A[0-9,.e+-]{0,12}(linear)?\Z")),
        ),
        max_size=4,
    ),
    is_thumbnail=st.booleans(),
)
def test_any_values_are_read_or_refused_by_name(
    pairs: list[tuple[str, str]], is_thumbnail: bool
) -> None:
    try:
        found = parse_rendered(pairs, is_thumbnail=is_thumbnail)
    except BadRequestError as error:
        blamed = error.parameter
    else:
        text = found.options.canonical()
        assert RenderOptions.parse(dict(parse_qsl(text))) == found.options
        blamed = pairs[0][0] if pairs else ""
    assert blamed in {name for name, _value in pairs} | {""}


def test_layers_are_uids_each_once() -> None:
    assert parse_rendered([("layer", "1.2,1.3,1.2")]).layers == ("1.2", "1.3")
    assert parse_rendered([("layer", "")]).layers == ()
    for text in ("1.2,,1.3", "a", "1" * 65):
        with pytest.raises(BadRequestError) as caught:
            parse_rendered([("layer", text)])
        assert caught.value.parameter == "layer"
