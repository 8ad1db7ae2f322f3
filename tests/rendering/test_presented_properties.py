"""Whatever a presentation state says, there is a picture or one of our errors."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from presentationstates import (
    annotated,
    annotations,
    area,
    element,
    figure,
    layer,
    layers,
    rescale,
    state,
    text,
    voi,
    vois,
)
from rendicom.engine import open_instance, open_presentation
from rendicom.errors import RendicomError
from rendicom.options import RenderOptions
from rendicom.testing import image, overlay
from rendicom.values import Viewport

floats = st.one_of(st.floats(-20, 60), st.floats(width=32, allow_nan=True, allow_infinity=True))
pixels = st.one_of(st.integers(-9, 40), st.integers(-(2**31), 2**31 - 1))
texts = st.text(st.characters(codec="latin-1"), max_size=20)


@st.composite
def states(draw: Any) -> bytes:
    figures = [
        figure(
            draw(st.sampled_from(["POINT", "POLYLINE", "INTERPOLATED", "CIRCLE", "ELLIPSE"])),
            *draw(st.lists(floats, min_size=1, max_size=9)),
            units=draw(st.sampled_from(["PIXEL", "DISPLAY"])),
            filled=draw(st.sampled_from("NY")),
        )
        for _ in range(draw(st.integers(0, 3)))
    ]
    words = [
        text(draw(texts), box=[draw(floats) for _ in range(4)], anchor=(draw(floats), draw(floats)),
             visible="Y")
        for _ in range(draw(st.integers(0, 2)))
    ]  # fmt: skip
    shapes = draw(st.lists(st.sampled_from(["RECTANGULAR", "CIRCULAR", "POLYGONAL", "BITMAP"])))
    edges = (0x00181602, 0x00181604, 0x00181606, 0x00181608)
    vertices = draw(st.lists(st.integers(-9, 40), max_size=9))
    return state(
        *rescale(str(draw(st.floats(-1e3, 1e3))), str(draw(st.floats(-1e6, 1e6)))),
        vois(voi(str(draw(st.floats(-1e4, 1e4))), str(draw(st.floats(1, 1e4))))),
        area((draw(pixels), draw(pixels)), (draw(pixels), draw(pixels)),
             element(0x00700103, "FL", draw(floats)), element(0x00700101, "DS", "3", "0.1"),
             mode=draw(st.sampled_from(["SCALE TO FIT", "MAGNIFY", "TRUE SIZE", "?"]))),
        element(0x00700042, "US", draw(st.sampled_from([0, 90, 180, 270, 7]))),
        element(0x00700041, "CS", draw(st.sampled_from("NY"))),
        element(0x00181600, "CS", *shapes),
        *(element(tag, "IS", str(draw(pixels))) for tag in edges),
        element(0x00181610, "IS", str(draw(pixels)), str(draw(pixels))),
        element(0x00181612, "IS", str(draw(pixels))),
        element(0x00181620, "IS", *map(str, vertices)),
        element(0x00181623, "US", 0x6000),
        *overlay(np.ones((3, 4), np.uint8), row=draw(st.integers(-5, 30))),
        element(0x60001001, "CS", "A"),
        layers(layer("A", gray=draw(st.integers(0, 65535)))),
        annotated(annotations("A", figures=figures, texts=words)),
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(states(), st.one_of(st.none(), st.builds(Viewport, st.integers(1, 90), st.integers(1, 90))))
def test_a_picture_or_one_of_our_errors(data: bytes, viewport: Viewport | None) -> None:
    options = RenderOptions(viewport=viewport, max_pixels=100_000)
    with open_instance(image(np.arange(600, dtype=np.uint16).reshape(20, 30))) as instance:
        try:
            shown = instance.display(1, options, presentation=open_presentation(data))
        except RendicomError:
            return
    assert shown.dtype == np.uint8
    assert shown.size <= 100_000
    if viewport is not None:
        assert shown.shape[0] <= max(viewport.height, 1)
        assert shown.shape[1] <= max(viewport.width, 1)
