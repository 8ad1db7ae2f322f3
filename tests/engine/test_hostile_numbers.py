"""Numbers that no scanner writes, in every attribute of display: a picture or one of our errors."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from presentationstates import annotated, annotations, figure, layer, layers, state, text
from rendicom.engine import open_instance, open_presentation
from rendicom.errors import RendicomError
from rendicom.options import RenderOptions
from rendicom.testing import Element, element, functional_groups, image, overlay, sequence

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # to shrink takes minutes
NUMBERS = (
    "0", "-1", "1", "3", "0.5", "1e-320", "1e-308", "-1e308", "1e308", "1e400", "nan", "inf",
    "-inf", "2147483647", "-2147483648", "9" * 19, "-" + "9" * 30, "9" * 300, "1e18", "", " ",
    "x", "1_0", "0x10",
)  # fmt: skip
VRS = ("DS", "IS", "FD", "FL", "SL", "US", "SS", "LO")
IMAGE = {
    "shutter": (0x00181602, 0x00181604, 0x00181606, 0x00181608, 0x00181612, 0x00181622),
    "pairs": (0x00181610, 0x00280034, 0x00280030, 0x00181164),
    "window": (0x00281050, 0x00281051),
    "rescale": (0x00281052, 0x00281053),
    "padding": (0x00280120, 0x00280121),
    "time": (0x00181063, 0x00180040, 0x00082144, 0x00181065),
    "overlay": (0x60000050, 0x60000051, 0x60000015, 0x60000010, 0x60000100, 0x60000102),
    "other": (0x3004000E, 0x0062000E, 0x00286010, 0x00180060, 0x00181151),
}
TAGS = tuple(tag for tags in IMAGE.values() for tag in tags)
PIXELS = np.arange(24, dtype=np.int16).reshape(2, 3, 4) * 100


def packed(tag: int, vr: str, values: list[str]) -> Element:
    """Return an element with as much of the values as its VR can hold."""
    if vr in ("DS", "IS", "LO"):
        return element(tag, vr, "\\".join(values))
    numbers = []
    for value in values:
        try:
            number = float(value)
        except ValueError:
            continue
        if vr in ("FD", "FL"):
            with np.errstate(over="ignore"):
                numbers.append(float(np.float32(number)) if vr == "FL" else number)
            continue
        limits = {"SL": (-(2**31), 2**31 - 1), "US": (0, 65535), "SS": (-32768, 32767)}[vr]
        numbers.append(int(min(max(number, limits[0]), limits[1])) if number == number else 0)
    return element(tag, vr, numbers)


def elements(tags: tuple[int, ...], most: int = 8) -> st.SearchStrategy[list[Element]]:
    one = st.builds(
        packed, st.sampled_from(tags), st.sampled_from(VRS),
        st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=8),
    )  # fmt: skip
    return st.lists(one, max_size=most, unique_by=lambda item: item.tag)


OPTIONS = [
    {}, {"voi": "identity"}, {"voi": "window:1"}, {"voi": "minmax"}, {"values": "modality"},
    {"square-pixels": "yes"}, {"square-pixels": "yes", "max-size": "7"},
    {"overlays": "yes", "annotation": "technique"}, {"bit-depth": "16", "viewport": "5,5"},
]  # fmt: skip


def rendered(data: bytes, options: dict[str, str], presentation: Any = None) -> None:
    """Render every way there is; anything but our own errors is a failure, warnings as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with open_instance(data) as instance:
                chosen = RenderOptions.parse(options)
                instance.render(1, chosen, "image/png", presentation=presentation)
                instance.explain(2, chosen, presentation=presentation)
                for kind in ("image/gif", "image/webp"):
                    instance.render_animation(
                        options=chosen, media_type=kind, presentation=presentation
                    )
        except RendicomError:
            return


@settings(
    max_examples=40, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    elements(TAGS),
    st.sampled_from(("RECTANGULAR", "CIRCULAR", "POLYGONAL", "BITMAP", "")),
    st.lists(st.sampled_from(NUMBERS), min_size=6, max_size=8),
    st.sampled_from(("LINEAR", "LINEAR_EXACT", "SIGMOID", "")),
    st.sampled_from(OPTIONS),
    st.booleans(),
    st.sampled_from((np.int16, np.int32, np.float32, np.float64)),
)
def test_any_numbers_in_an_image(
    extra: list[Element], shape: str, vertices: list[str], function: str,
    options: dict[str, str], in_groups: bool, dtype: type,
) -> None:  # fmt: skip
    common = [
        *overlay(np.ones((2, 2), np.uint8)),
        element(0x00181600, "CS", shape), element(0x00281056, "CS", function),
        element(0x00181620, "IS", "\\".join(vertices)),
    ]  # fmt: skip
    listed = {item.tag: item for item in (*common, *extra)}
    if in_groups:
        inside = list(listed.values())
        groups = [sequence(tag, inside) for tag in (0x00289110, 0x00289132, 0x00289145, 0x00189472)]
        listed = {item.tag: item for item in functional_groups(shared=groups)}
    rendered(image(PIXELS.astype(dtype), extra=listed.values()), options)


STATE = (
    0x00281052, 0x00281053, 0x00700042, 0x00181602, 0x00181604, 0x00181606, 0x00181608,
    0x00181610, 0x00181612, 0x00181620, 0x00181622, 0x60000050, 0x60000010,
)  # fmt: skip
AREA = (0x00700052, 0x00700053, 0x00700101, 0x00700102, 0x00700103)
FIGURE = (0x00700022, 0x00700253, 0x00700284, 0x00700020, 0x00700021)
TEXT = (0x00700010, 0x00700011, 0x00700014)
LAYER = (0x00700062, 0x00700066, 0x00700067, 0x00700401)


@settings(
    max_examples=40, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    elements(STATE), elements(AREA), elements(FIGURE), elements(TEXT), elements(LAYER),
    elements((0x00281050, 0x00281051)),
    st.sampled_from(("POINT", "POLYLINE", "INTERPOLATED", "CIRCLE", "ELLIPSE")),
    st.sampled_from(("PIXEL", "DISPLAY")),
    st.sampled_from(("SCALE TO FIT", "TRUE SIZE", "MAGNIFY")),
    st.sampled_from(("RECTANGULAR", "CIRCULAR", "POLYGONAL")),
)  # fmt: skip
def test_any_numbers_in_a_presentation_state(
    said: list[Element], area: list[Element], drawn: list[Element], written: list[Element],
    layered: list[Element], window: list[Element], kind: str, units: str, mode: str, shape: str,
) -> None:  # fmt: skip
    def merged(*items: Element) -> list[Element]:
        return list({item.tag: item for item in items}.values())

    corners = [element(0x00700052, "SL", [1, 1]), element(0x00700053, "SL", [4, 3])]
    figures = merged(*figure(kind, 1, 1, 3, 2, 2, 1, 2, 3, units=units), *drawn)
    notes = merged(*text("word", anchor=(1, 2), units=units, visible="Y"), *written)
    data = state(
        *merged(element(0x00181600, "CS", shape), *said),
        sequence(0x00283110, window),
        sequence(0x0070005A, merged(*corners, element(0x00700100, "CS", mode), *area)),
        layers(merged(*layer("A"), *layered)),
        annotated(annotations("A", figures=[figures], texts=[notes])),
    )
    try:
        told = open_presentation(data)
    except RendicomError:
        return
    rendered(image(PIXELS), {}, told)


@pytest.mark.parametrize("vertex", ["1e308", "9" * 30, "-" + "9" * 12])
@pytest.mark.parametrize("shape", ["POLYGONAL", "CIRCULAR", "RECTANGULAR"])
def test_a_shutter_beyond_all_images_is_named_and_not_used(shape: str, vertex: str) -> None:
    data = image(
        PIXELS[0],
        extra=[
            element(0x00181600, "CS", shape),
            element(0x00181602, "IS", vertex), element(0x00181604, "IS", "3"),
            element(0x00181606, "IS", "1"), element(0x00181608, "IS", "2"),
            element(0x00181610, "IS", f"1\\{vertex}"), element(0x00181612, "IS", "3"),
            element(0x00181620, "IS", f"1\\1\\{vertex}\\2\\3\\3"),
        ],
    )  # fmt: skip
    with open_instance(data) as instance:
        found = instance.explain()
        assert found.warnings == (f"the {shape.lower()} shutter is incomplete: not used",)
        assert instance.display().max() == 255
