"""One list of parameters: text in, equal options out, the same key everywhere."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, get_args
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rendicom import OptionError, RenderOptions, Viewport, Voi, Window
from rendicom.options import PALETTES, PRESETS, PaletteName, Preset, parameters

numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
windows = st.builds(
    Window, numbers, st.floats(1, 1e6), st.sampled_from(["linear", "linear-exact", "sigmoid"])
)
vois = st.one_of(
    st.sampled_from(["auto", "minmax", "identity", "name:BONE, WIDE & 1+1=2", "roi:0,0,5,7"]),
    st.integers(1, 99).map(lambda number: f"window:{number}"),
    st.integers(1, 99).map(lambda number: f"lut:{number}"),
    st.floats(0, 49).map(lambda low: f"percentile:{low!r},{low + 50!r}"),
).map(Voi.parse)
region = st.one_of(st.none(), numbers)
viewports = st.builds(
    Viewport, st.integers(1, 9999), st.integers(1, 9999), region, region,
    region.filter(lambda value: value != 0), region.filter(lambda value: value != 0),
)  # fmt: skip


@given(window=windows)
def test_window_text_round_trip(window: Window) -> None:
    assert Window.parse(str(window)) == window


@given(viewport=viewports)
def test_viewport_text_round_trip(viewport: Viewport) -> None:
    assert Viewport.parse(str(viewport)) == viewport


@given(voi=vois)
def test_voi_text_round_trip(voi: Voi) -> None:
    assert Voi.parse(str(voi)) == voi


_STYLES = st.sampled_from(["fill", "outline", "both"])
_NAMES = st.lists(st.sampled_from(["1", "Liver & spleen", "65535"]), min_size=1, unique=True)


@given(
    opacities=st.one_of(
        st.floats(0, 1), st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=2, max_size=5)
    ),
    styles=st.one_of(st.none(), _STYLES, st.lists(st.one_of(st.none(), _STYLES), min_size=2)),
    items=st.one_of(st.none(), _NAMES, st.lists(st.one_of(st.none(), _NAMES), min_size=1)),
)
def test_values_of_layers_round_trip(opacities: Any, styles: Any, items: Any) -> None:
    options = RenderOptions(layer_opacity=opacities, layer_style=styles, layer_items=items)
    assert RenderOptions.parse(dict(parse_qsl(options.canonical()))) == options
    if isinstance(opacities, list):
        assert options.layer_opacity == tuple(opacities)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,3|", ("1", "3|")), ("1,3;2", (("1", "3"), ("2",))), (";Liver", (None, ("Liver",))),
        (";", None), ("7", ("7",)), ("7;", (("7",), None)),
    ],
)  # fmt: skip
def test_items_of_layers_stand_between_semicolons(text: str, found: Any) -> None:
    assert RenderOptions.parse({"layer-items": text}).layer_items == found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("layer-opacity", "0.5,2"), ("layer-opacity", ",x"), ("layer-style", "fill,none"),
        ("layer-items", "1;,"), ("layer-items", ""), ("layer-opacity", "1," * 5000 + "1"),
    ],
)  # fmt: skip
def test_a_wrong_value_of_one_layer_names_the_parameter(name: str, text: str) -> None:
    with pytest.raises(OptionError, match=f"^{name} "):
        RenderOptions.parse({name: text})


@given(
    choice=st.one_of(
        st.fixed_dictionaries({"window": windows}),
        st.fixed_dictionaries({"voi": vois}),
        st.fixed_dictionaries({"preset": st.sampled_from(sorted(PRESETS))}),
    ),
    viewport=st.one_of(st.none(), viewports),
    quality=st.integers(1, 100),
    rotate=st.sampled_from([0, 90, 180, 270]),
    planes=st.one_of(st.none(), st.sampled_from([(0x6000,), (0x6000, 0x601E)])),
    invert=st.booleans(),
)
def test_canonical_round_trip(choice: dict[str, object], **rest: object) -> None:
    names = {"planes": "overlay_planes"}
    given_options = {names.get(name, name): value for name, value in rest.items()}
    options = RenderOptions(**choice, **given_options)  # type: ignore[arg-type]
    pairs = dict(parse_qsl(options.canonical()))
    assert RenderOptions.parse(pairs) == options
    assert RenderOptions.parse(pairs).cache_key() == options.cache_key()


@pytest.mark.parametrize("text", [
    "patient,technique", "technique,patient", "technique,patient,technique",
])  # fmt: skip
def test_annotation_knows_no_order(text: str) -> None:
    options = RenderOptions.parse({"annotation": text})
    assert options == RenderOptions(annotation="patient,technique")
    assert options.canonical() == "annotation=patient,technique"
    assert options.cache_key() != RenderOptions(annotation="patient").cache_key()


def test_types_list_every_choice() -> None:
    assert get_args(Preset) == tuple(PRESETS)
    assert get_args(PaletteName) == tuple(PALETTES)


def test_help_explains_every_field() -> None:
    text = RenderOptions.__doc__ or ""
    for each in parameters().values():
        assert f"\n    {each.attribute}\n        {each.help}" in text


def test_scale_and_display_are_texts_and_numbers() -> None:
    options = RenderOptions(scale=2, gsdf=(0.5, 10, 350))
    assert options.canonical() == "gsdf=0.5,10.0,350.0&scale=2.0"
    assert RenderOptions.parse({"gsdf": "0.5,10,350", "scale": "2"}) == options
    with pytest.raises(OptionError, match="scale and viewport exclude each other"):
        RenderOptions(scale=2, viewport=(10, 10))  # type: ignore[arg-type]


def test_defaults_are_empty_text() -> None:
    assert RenderOptions().canonical() == ""


def test_cache_key_is_equal_in_another_process() -> None:
    code = "from rendicom import *; print(RenderOptions(window=Window(40, 400)).cache_key())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == RenderOptions(window=Window(40, 400)).cache_key()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("window", "40"), ("window", "40,400,LINEAR"), ("window", "40,,linear"),
        ("window", "a,1,linear"), ("window", "40,0,linear"), ("window", "40,0.5"),
        ("window", "nan,1"), ("window", "1,inf"), ("window", "40,-3,sigmoid"),
        ("window", "1,2,linear,3"), ("viewport", "0,10"), ("viewport", "10"),
        ("viewport", "10,a"), ("viewport", "10,10,"), ("viewport", "-5,5"),
        ("viewport", "1,2,3,4,5,6,7"), ("viewport", "5,5,0,0,0,5"), ("viewport", "1.5,2"),
        ("scale", "0"), ("scale", "x"), ("scale", "nan"), ("scale", "1001"),
        ("quality", "0"), ("quality", "101"), ("quality", "1.5"), ("quality", ""),
        ("voi", "window:0"), ("voi", "window"), ("voi", "percentile:5"),
        ("voi", "percentile:90,10"), ("voi", "roi:1,2,3"), ("voi", "roi:0,0,0,5"),
        ("voi", "auto:1"), ("voi", "name:"), ("voi", "best"), ("preset", "knee"),
        ("rotate", "45"), ("flip", "x"), ("icc", "cmyk"), ("bit-depth", "12"),
        ("values", "raw"), ("overlay-planes", "6001"), ("overlay-planes", "x"),
        ("overlay-color", "red"), ("max-size", "0"), ("compression", "10"), ("invert", "maybe"),
        ("annotation", ""), ("annotation", "patients"), ("annotation", "patient,"),
        ("annotation", "Patient"), ("annotation", "patient technique"), ("shutter", "open"),
        ("no-such-thing", "1"),
    ],
)  # fmt: skip
def test_bad_text_is_one_clear_error(name: str, text: str) -> None:
    with pytest.raises(OptionError) as caught:
        RenderOptions.parse({name: text})
    assert "\n" not in str(caught.value)
    assert text in str(caught.value) or name in str(caught.value)


@pytest.mark.parametrize(
    "texts",
    [
        {"window": "40,400", "preset": "lung"},
        {"window": "40,400", "voi": "minmax"},
        {"preset": "lung", "voi": "lut:1"},
        {"values": "stored", "window": "40,400"},
        {"values": "modality", "invert": "yes"},
        {"values": "stored", "annotation": "patient"},
    ],
)
def test_clashing_options_are_refused(texts: dict[str, str]) -> None:
    with pytest.raises(OptionError):
        RenderOptions.parse(texts)


def test_every_parameter_has_words_for_a_person() -> None:
    for parameter in parameters().values():
        assert parameter.help.endswith((".", "]")), parameter.name
        assert parameter.is_switch or parameter.metavar or parameter.choices, parameter.name


def test_options_are_hashable_and_frozen() -> None:
    assert hash(RenderOptions(window=Window(1, 2))) == hash(RenderOptions(window=Window(1, 2)))
    with pytest.raises(AttributeError):
        RenderOptions().quality = 3  # type: ignore[misc]


def test_what_is_shown_makes_equal_options() -> None:
    options = RenderOptions(window=(40, 400), invert=True, layer_style=("fill",), max_size=64)
    names = {each.__name__: each for each in (RenderOptions, Window, Viewport, Voi)}
    assert eval(repr(options), names) == options  # noqa: S307 - our own text
    assert repr(RenderOptions()) == "RenderOptions()"
    assert "quality" not in repr(options)
