"""The image: what is on screen is what the server makes, at the window that is said."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import rendicom
from pagescreen import (
    AXIAL,
    FILM,
    assert_shows,
    at_own_size,
    canvas,
    decoded,
    open_at,
    parameters_of,
    pictures_asked_for,
    quiet,
    settle,
)  # fmt: skip
from pagestudies import SLICES, THORAX, film_path, film_uid, slice_path, slice_uid
from rendicom import RenderOptions, Window


def _rendered(served: Any, number: int, **options: Any) -> np.ndarray[Any, Any]:
    picture = rendicom.render(
        slice_path(served.folder, number), media_type="image/png", options=RenderOptions(**options)
    )
    return decoded(picture.data)


def _drag(page: Any, dx: int, dy: int, *, button: str = "left", steps: int = 6) -> None:
    box = page.locator("#image").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down(button=button)
    page.mouse.move(x + dx, y + dy, steps=steps)
    page.mouse.up(button=button)


def test_a_study_opens_at_the_first_image_of_its_first_series(screen: Any, served: Any) -> None:
    screen.get_by_text("Lovelace, Ada").click()
    settle(screen)
    at_own_size(screen)
    assert_shows(screen, _rendered(served, 1))
    assert screen.locator("#patient").inner_text() == "Lovelace, Ada"
    assert "Image 1 of 6" in screen.locator("#image-state").inner_text()
    assert "Window 40 / 400" in screen.locator("#image-state").inner_text()
    screen.wait_for_url(f"**/{AXIAL}/instances/{slice_uid(1)}")


def test_dragging_changes_the_window_and_the_picture(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    at_own_size(screen)
    _drag(screen, 80, -40)
    settle(screen)
    window = Window.parse(parameters_of(screen)["window"])
    assert window.width == pytest.approx(40 / 40 * 400 * 1.5, abs=2)
    assert window.center == pytest.approx(-60, abs=2)
    assert_shows(screen, _rendered(served, 1, window=window))


def test_a_preview_is_small_and_the_picture_afterwards_is_whole(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    asked = pictures_asked_for(screen, lambda: (_drag(screen, 60, 0, steps=12), settle(screen)))
    assert any("quality=80" in url for url in asked)
    window = parameters_of(screen)["window"]
    assert any(url.endswith(f"rendered?window={window}") for url in asked)


def test_presets_and_numbers_set_the_window(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    at_own_size(screen)
    screen.get_by_role("button", name="Window and presets").click()
    screen.get_by_role("button", name=re.compile("Lung")).click()
    settle(screen)
    assert parameters_of(screen)["window"] == "-600,1500,linear"
    assert_shows(screen, _rendered(served, 1, preset="lung"))
    screen.get_by_role("button", name="Window and presets").click()
    screen.get_by_label("Center").fill("100")
    screen.get_by_label("Width").fill("300")
    screen.get_by_label("Function").select_option("sigmoid")
    screen.get_by_role("button", name="Set", exact=True).click()
    screen.keyboard.press("Escape")
    settle(screen)
    assert_shows(screen, _rendered(served, 1, window=Window(100, 300, "sigmoid")))
    screen.get_by_role("button", name="Window and presets").click()
    screen.get_by_role("button", name="Default window").click()
    settle(screen)
    assert "window" not in parameters_of(screen)
    assert_shows(screen, _rendered(served, 1))


def test_invert_rotate_and_flip_are_the_server_s(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    for name in ("Invert", "Rotate right", "Flip left and right"):
        screen.get_by_role("button", name=name).click()
        settle(screen)
    at_own_size(screen)
    assert parameters_of(screen) == {"invert": "yes", "rotate": "90", "flip": "h"}
    assert_shows(screen, _rendered(served, 1, invert=True, rotate=90, flip="h"))
    screen.get_by_role("button", name="Rotate right").click()
    settle(screen)
    at_own_size(screen)
    turned = np.rot90(_rendered(served, 1, invert=True, rotate=90, flip="h"), -1)
    assert_shows(screen, turned)
    screen.get_by_role("button", name="Reset the image").click()
    settle(screen)
    at_own_size(screen)
    assert_shows(screen, _rendered(served, 1))


def test_annotation_and_overlays_are_drawn_by_the_server(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    at_own_size(screen)
    screen.get_by_role("button", name="Annotation in the image").click()
    screen.get_by_label("Patient data", exact=True).check()
    screen.get_by_label("Acquisition technique").check()
    screen.keyboard.press("Escape")
    screen.get_by_role("button", name="Overlays").click()
    settle(screen)
    assert parameters_of(screen) == {"overlays": "yes", "annotation": "patient,technique"}
    assert not np.array_equal(
        _rendered(served, 1, annotation="patient,technique"), _rendered(served, 1)
    )
    assert_shows(screen, _rendered(served, 1, annotation="patient,technique"))


def test_the_wheel_pages_and_the_ends_are_ends(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    at_own_size(screen)
    screen.locator("#image").hover()
    for number in (2, 3):
        screen.mouse.wheel(0, 120)
        screen.get_by_text(f"Image {number} of {SLICES}").wait_for()
        settle(screen)
        assert_shows(screen, _rendered(served, number))
    for _ in range(5):
        screen.mouse.wheel(0, -120)
    screen.get_by_text(f"Image 1 of {SLICES}").wait_for()
    settle(screen)
    assert_shows(screen, _rendered(served, 1))


def test_the_window_stays_while_paging(screen: Any, served: Any) -> None:
    open_at(screen, served, f"{AXIAL}/instances/{slice_uid(2)}?window=100,900,linear")
    at_own_size(screen)
    assert_shows(screen, _rendered(served, 2, window=Window(100, 900)))
    screen.keyboard.press("PageDown")
    screen.get_by_text("Image 3 of").wait_for()
    settle(screen)
    assert_shows(screen, _rendered(served, 3, window=Window(100, 900)))


def test_neighbours_are_fetched_ahead_and_not_twice(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    quiet(screen)
    asked = pictures_asked_for(screen, lambda: (screen.keyboard.press("ArrowDown"), settle(screen)))
    assert not any(f"/instances/{slice_uid(2)}/rendered" in url for url in asked)
    assert any(f"/instances/{slice_uid(2)}/rendered" in url for url in screen.complaints.requests)


def test_zoomed_out_asks_for_device_pixels_and_zoomed_in_for_all(screen: Any, served: Any) -> None:
    screen.set_viewport_size({"width": 360, "height": 300})
    open_at(screen, served, f"{AXIAL}/instances/{slice_uid(1)}")
    quiet(screen)
    size = screen.evaluate("() => [document.querySelector('#canvas').height]")[0]
    assert size < 96
    asked = [url for url in screen.complaints.requests if f"{slice_uid(1)}/rendered" in url]
    assert f"viewport={round(128 * size / 96)},{size}" in asked[-1]
    asked = pictures_asked_for(screen, lambda: _zoom_in(screen))
    assert asked[-1].endswith("/rendered")


def _zoom_in(page: Any) -> None:
    for _ in range(6):
        page.keyboard.press("+")
    page.wait_for_timeout(300)
    settle(page)
    quiet(page)


def test_zoom_and_pan_move_the_picture_and_ask_for_nothing(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    quiet(screen)
    before = canvas(screen)

    def act() -> None:
        _drag(screen, 0, -60, button="right")
        _drag(screen, 90, 0, button="middle")
        screen.wait_for_timeout(400)

    assert pictures_asked_for(screen, act) == []
    assert not np.array_equal(before, canvas(screen))
    screen.locator("#image").dblclick()
    screen.wait_for_timeout(100)
    assert np.array_equal(before, canvas(screen))


def test_frames_of_one_instance_page_the_same_way(screen: Any, served: Any) -> None:
    open_at(screen, served, f"{FILM}/instances/{film_uid()}/frames/3")
    at_own_size(screen)
    assert_shows(screen, _frame(served, 3))
    screen.keyboard.press("ArrowDown")
    screen.wait_for_url("**/frames/4")
    settle(screen)
    assert_shows(screen, _frame(served, 4))


def _frame(served: Any, number: int) -> np.ndarray[Any, Any]:
    return decoded(rendicom.render(film_path(served.folder), number, media_type="image/png").data)


def test_the_film_runs_at_its_frame_time(screen: Any, served: Any) -> None:
    open_at(screen, served, FILM)
    speed = screen.get_by_label("Images per second")
    screen.wait_for_function("() => document.querySelector('.rate input').value === '25'")
    assert speed.input_value() == "25"
    screen.get_by_role("button", name="Play").click()
    seen = set()
    for _ in range(60):
        seen.add(screen.locator(".where").inner_text())
        if len(seen) == 5:
            break
        screen.wait_for_timeout(35)
    assert seen == {f"{number} / 5" for number in range(1, 6)}
    screen.get_by_role("button", name="Pause").click()
    settle(screen)
    now = screen.locator(".where").inner_text()
    screen.wait_for_timeout(200)
    assert screen.locator(".where").inner_text() == now
    at_own_size(screen)
    assert_shows(screen, _frame(served, int(now[0])))
    speed.fill("60")
    speed.press("Enter")
    assert speed.input_value() == "60"


def test_colour_has_no_window(screen: Any, served: Any) -> None:
    open_at(screen, served, f"#/studies/{THORAX}/series/{THORAX}.2")
    assert screen.get_by_role("button", name="Window and presets").is_disabled()
    assert screen.get_by_role("button", name="Drag changes the window").is_disabled()
    middle = canvas(screen)[300, 450].astype(int)
    assert np.abs(middle - (200, 90, 40)).max() <= 3


def test_series_change_and_back_returns(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    screen.locator("#rail a", has_text="Photograph").click()
    screen.wait_for_url(f"**/series/{THORAX}.2/**")
    settle(screen)
    assert screen.locator("#rail a[aria-current]").inner_text().startswith("Photograph")
    screen.go_back()
    screen.wait_for_url(f"**/series/{THORAX}.1/**")
    settle(screen)
    at_own_size(screen)
    assert_shows(screen, _rendered(served, 1))


def test_what_is_not_there_is_said_in_a_sentence(screen: Any, served: Any) -> None:
    screen.complaints.expected += ("status of 404",)
    screen.goto(f"{served.url}#/studies/1.2.3.4")
    screen.get_by_role("alert").get_by_text("no such study").wait_for()
    assert screen.get_by_role("alert").inner_text().endswith(".")


def test_attributes_can_be_searched(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    screen.get_by_role("button", name="Attributes").click()
    aside = screen.locator("#metadata")
    aside.get_by_text("(0028,1050)").wait_for()
    aside.get_by_label("Search the attributes").fill("rescale")
    aside.get_by_text("2 of").wait_for()
    rows = aside.locator("tbody tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        ["(0028,1052)", "Rescale Intercept", "-1024"], ["(0028,1053)", "Rescale Slope", "1"],
    ]  # fmt: skip
    screen.keyboard.press("Escape")
    assert aside.is_hidden()
