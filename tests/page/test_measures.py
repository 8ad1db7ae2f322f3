"""Letters, scale, values and measures over the image; two images side by side."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pagescreen import AXIAL, FILM, at_own_size, check, open_at, settle, watched
from pagestudies import (
    COLUMNS,
    PRIOR,
    ROWS,
    THORAX,
    film_uid,
    slice_values,
)

BAR = "return [it.barLength(given), it.lengthText(it.barLength(given))]"


def _run(page: Any, module: str, body: str, argument: Any = None) -> Any:
    code = f"async (given) => {{ const it = await import('./static/{module}'); {body} }}"
    return page.evaluate(code, argument)


def _turned(image: np.ndarray[Any, Any], rotate: int, flip: str) -> np.ndarray[Any, Any]:
    turned = np.rot90(image, -rotate // 90)
    return {"": turned, "h": turned[:, ::-1], "v": turned[::-1]}[flip]


@pytest.mark.parametrize("aspect", [1, 2, 0.5])
def test_points_of_the_picture_are_those_of_the_stored_image(screen: Any, aspect: float) -> None:
    image = np.arange(20).reshape(4, 5)
    tall = np.repeat(image, max(1, int(aspect)), axis=0)
    wide = np.repeat(tall, max(1, int(1 / aspect)), axis=1)
    for rotate, flip in itertools.product((0, 90, 180, 270), ("", "h", "v")):
        shown = _turned(wide, rotate, flip)
        turn = {"rotate": rotate, "flip": flip, "aspect": aspect, "rows": 4, "columns": 5}
        for row, column in ((0, 0), (1, 3), (shown.shape[0] - 1, shown.shape[1] - 1)):
            point = {"x": column + 0.5, "y": row + 0.5}
            body = """
              const stored = it.pictureToImage(given[0], given[1]);
              return [stored, it.imageToPicture(stored, given[1])];
            """
            stored, back = _run(screen, "geometry.js", body, [point, turn])
            assert image[int(stored["y"]), int(stored["x"])] == shown[row, column]
            assert back == pytest.approx(point)


def _model(*orientation: float) -> dict[str, Any]:
    return {"00200037": {"vr": "DS", "Value": list(orientation)}}


@pytest.mark.parametrize(
    ("orientation", "top", "left"),
    [
        ((1, 0, 0, 0, 1, 0), "A", "R"),
        ((1, 0, 0, 0, 0, -1), "H", "R"),
        ((0, 1, 0, 0, 0, -1), "H", "A"),
        ((0.8, 0.6, 0, -0.6, 0.8, 0), "AL", "RA"),
    ],
)
def test_letters_say_where_the_edges_lie(
    screen: Any, orientation: tuple[float, ...], top: str, left: str
) -> None:
    body = "return it.edgeLetters(given, 1, (point) => point)"
    found = _run(screen, "patient.js", body, _model(*orientation))
    assert (found["top"], found["left"]) == (top, left)


def test_letters_come_from_patient_orientation_too(screen: Any) -> None:
    body = "return it.edgeLetters(given, 1, (point) => point)"
    model = {"00200020": {"vr": "CS", "Value": ["P", "F"]}}
    found = _run(screen, "patient.js", body, model)
    assert found == {"top": "H", "right": "P", "bottom": "F", "left": "A"}
    model["00200020"]["Value"] = ["P<b>", "F"]
    assert _run(screen, "patient.js", body, model)["right"] == ""


@pytest.mark.parametrize(
    ("most", "length", "text"),
    [(70, 50, "5 cm"), (50, 50, "5 cm"), (9.9, 5, "5 mm"), (0.7, 0.5, "500 µm"), (3, 2, "2 mm")],
)
def test_a_scale_is_a_round_length(screen: Any, most: float, length: float, text: str) -> None:
    assert _run(screen, "patient.js", BAR, most) == [pytest.approx(length), text]


def _letters(page: Any) -> dict[str, str]:
    page.locator(".overlay .letter").first.wait_for()
    found = page.locator("#image .letter").evaluate_all(
        "all => all.map((each) => [each.dataset.edge, each.textContent])"
    )
    return dict(found)


def test_letters_turn_with_the_picture(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    assert _letters(screen) == {"top": "A", "right": "L", "bottom": "P", "left": "R"}
    screen.keyboard.press("r")
    settle(screen)
    assert _letters(screen) == {"top": "R", "right": "A", "bottom": "L", "left": "P"}
    screen.keyboard.press("h")
    settle(screen)
    assert _letters(screen) == {"top": "R", "right": "P", "bottom": "L", "left": "A"}


def test_the_scale_is_as_long_as_it_says(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    at_own_size(screen)
    bar = screen.locator("#image .bar")
    bar.wait_for()
    millimeters = float(bar.get_attribute("data-millimeters"))
    drawn = bar.evaluate("each => each.getBBox().height")
    assert drawn == pytest.approx(millimeters / 0.7, rel=0.01)


def _place(page: Any, x: float, y: float) -> tuple[float, float]:
    """Return where a point of the image is on the screen, at its own size."""
    box = page.locator("#image").bounding_box()
    left = box["x"] + (box["width"] - COLUMNS) / 2
    top = box["y"] + (box["height"] - ROWS) / 2
    return left + x, top + y


def _drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*_place(page, *start))
    page.mouse.down()
    page.mouse.move(*_place(page, *end), steps=5)
    page.mouse.up()


def test_the_value_under_the_pointer_is_the_stored_one(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    at_own_size(screen)
    screen.mouse.move(*_place(screen, 100.5, 60.5))
    value = f"{slice_values(1)[60, 100]}".replace("-", "−")
    screen.get_by_text(re.compile(rf"^{value} HU  ·  x 100, y 60  ·  70, 42, 0 mm$")).wait_for()
    screen.mouse.move(*_place(screen, 10.5, 10.5))
    screen.get_by_text("100 HU").wait_for()
    screen.keyboard.press("ArrowDown")
    screen.get_by_text("200 HU").wait_for()
    screen.mouse.move(*_place(screen, COLUMNS + 20, 10))
    screen.wait_for_function("() => document.querySelector('#pointer-state').textContent === ''")


def test_lengths_angles_and_rectangles_are_measured_by_the_server(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    at_own_size(screen)
    screen.keyboard.press("l")
    _drag(screen, (20, 40), (50, 80))
    screen.locator("#image .note", has_text="35 mm").wait_for()
    screen.get_by_role("status").get_by_text("35 mm").wait_for()
    screen.get_by_role("button", name="Mean and deviation").click()
    _drag(screen, (2, 2), (22, 12))
    note = screen.locator("#image .note", has_text="Mean 100 HU")
    note.wait_for()
    assert "SD 0" in note.text_content()
    assert "98 mm²" in note.text_content()
    screen.keyboard.press("g")
    _drag(screen, (80, 20), (80, 60))
    _drag(screen, (82, 60), (120, 60))
    screen.locator("#image .note", has_text="90°").wait_for()
    assert screen.locator("#image .shape").count() == 3
    screen.keyboard.press("ArrowDown")
    screen.get_by_text("Image 2 of 6").wait_for()
    assert screen.locator("#image .shape").count() == 0
    screen.keyboard.press("ArrowUp")
    screen.get_by_text("Image 1 of 6").wait_for()
    assert screen.locator("#image .shape").count() == 3
    screen.keyboard.press("Delete")
    assert screen.locator("#image .shape").count() == 0


def test_a_click_alone_measures_nothing(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    screen.keyboard.press("l")
    screen.mouse.click(*_place(screen, 20, 20))
    assert screen.locator("#image .shape").count() == 0


# --- side by side ----------------------------------------------------------------------------


def test_two_series_scroll_by_where_they_lie(screen: Any, served: Any) -> None:
    open_at(screen, served, f"{AXIAL}/instances/{THORAX}.1.2")
    screen.keyboard.press("s")
    second = screen.locator("#image-state-2")
    screen.locator(f"#rail a[data-series='{THORAX}.3']").click()
    # The second slice lies at 5 mm; the thin ones from 24 mm down, 3 mm apart: the seventh at 6.
    second.get_by_text("Image 7 of 9").wait_for()
    screen.locator("#image").click()
    screen.keyboard.press("ArrowDown")
    screen.locator("#image-state").get_by_text("Image 3 of 6").wait_for()
    second.get_by_text("Image 6 of 9").wait_for()
    screen.locator("#image-2").hover()
    screen.mouse.wheel(0, 100)
    second.get_by_text("Image 7 of 9").wait_for()
    screen.locator("#image-state").get_by_text("Image 2 of 6").wait_for()
    screen.keyboard.press("k")
    screen.keyboard.press("ArrowUp")
    second.get_by_text("Image 6 of 9").wait_for()
    screen.locator("#image-state").get_by_text("Image 2 of 6").wait_for()
    screen.keyboard.press("s")
    assert not screen.locator("#image-2").is_visible()


@pytest.fixture
def two_studies(browser: Any, followed: Any) -> Iterator[Any]:
    """Return a page on a server with a patient of two studies in one frame of reference."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page, complaints = watched(context)
    page.goto(followed.url)
    page.locator(".studies tbody tr").first.wait_for()
    yield page
    context.close()
    check(complaints, followed.url)


def test_an_image_of_another_study_beside_one(two_studies: Any, followed: Any) -> None:
    page = two_studies
    open_at(page, followed, f"{AXIAL}/instances/{THORAX}.1.2")
    assert page.locator("#rail .choose").count() == 0
    page.keyboard.press("s")
    choice = page.locator("#rail .choose select")
    choice.wait_for()
    assert choice.locator("option").all_inner_texts() == [
        "2024-03-12 · Thorax", "2023-09-12 · Thorax before",
    ]  # fmt: skip
    choice.select_option(PRIOR)
    # The second slice lies at 5 mm; those before at 0, 2, 4 mm: the third is as near as the fourth.
    second = page.locator("#image-state-2")
    second.get_by_text("2023-09-12  ·  Image 3 of 6").wait_for()
    page.locator("#image-state").get_by_text("2024-03-12  ·  Image 2 of 6").wait_for()
    page.locator("#image").click()
    page.locator("#study-line").get_by_text("2024-03-12").wait_for()
    page.locator(f"#rail a[data-series='{THORAX}.3']").wait_for()
    page.keyboard.press("ArrowDown")
    # 10 mm: the sixth.
    second.get_by_text("Image 6 of 6").wait_for()
    beside = f"/studies/{PRIOR}/series/{PRIOR}.1/instances/{PRIOR}.1.6"
    page.wait_for_function("(end) => location.hash.endsWith(end)", arg=f";{beside}")
    assert page.evaluate("location.hash") == f"{AXIAL}/instances/{THORAX}.1.3;{beside}"
    if place := os.environ.get("RENDICOM_SCREENSHOTS"):
        page.screenshot(path=f"{place}/two-studies.png")
    page.reload()
    second.get_by_text("2023-09-12  ·  Image 6 of 6").wait_for()
    page.locator("#image-state").get_by_text("2024-03-12  ·  Image 3 of 6").wait_for()
    assert page.locator(".pane.active").get_attribute("data-pane") == "1"
    settle(page)
    page.keyboard.press("s")
    page.wait_for_function("() => !location.hash.includes(';')")
    assert not page.locator("#image-2").is_visible()
    assert page.locator("#rail .choose").count() == 0
    assert page.locator("#image-state").inner_text().startswith("Image 3 of 6")


def test_studies_in_two_frames_of_reference_are_not_linked(two_studies: Any, followed: Any) -> None:
    page = two_studies
    film = f"{FILM.removeprefix('#')}/instances/{film_uid()}/frames/2"
    page.goto(f"{followed.url}{AXIAL}/instances/{THORAX}.1.2;{film}")
    second = page.locator("#image-state-2")
    second.get_by_text("Image 2 of 5").wait_for()
    page.locator("#image-state").get_by_text("Image 2 of 6").wait_for()
    page.locator("#image").click()
    page.keyboard.press("ArrowDown")
    page.locator("#image-state").get_by_text("Image 3 of 6").wait_for()
    page.wait_for_function("(end) => location.hash.endsWith(end)", arg=f"{THORAX}.1.3;{film}")
    assert "Image 2 of 5" in second.inner_text()


def test_tools_act_on_the_image_that_was_touched_last(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    screen.keyboard.press("s")
    screen.wait_for_function("() => document.querySelector('#canvas-2').dataset.shown === 'full'")
    screen.locator("#image-2").click()
    screen.keyboard.press("i")
    invert = screen.get_by_role("button", name="Invert")
    assert invert.get_attribute("aria-pressed") == "true"
    screen.locator("#image").click()
    assert invert.get_attribute("aria-pressed") == "false"
