"""Without a mouse: keys only, fingers on a phone; and what people are told who do not see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pagescreen import AXIAL, FILM, check, open_at, parameters_of, settle, watched
from pagestudies import THORAX


def _press(page: Any, *keys: str) -> None:
    for each in keys:
        page.keyboard.press(each)


def test_everything_can_be_done_with_keys(screen: Any) -> None:
    screen.reload()
    screen.locator(".studies").wait_for()
    for _ in range(25):
        screen.keyboard.press("Tab")
        if screen.evaluate("() => document.activeElement.textContent") == "Lovelace, Ada":
            break
    screen.keyboard.press("Enter")
    settle(screen)
    _press(screen, "i", "r", "v", "]", ".", "ArrowDown", "ArrowDown")
    settle(screen)
    got = parameters_of(screen)
    assert got == {"window": "22,360,linear", "invert": "yes", "rotate": "90", "flip": "v"}
    screen.get_by_text("Image 3 of 6").wait_for()
    _press(screen, "End")
    screen.get_by_text("Image 6 of 6").wait_for()
    _press(screen, "ArrowRight")
    screen.wait_for_url(f"**/series/{THORAX}.2/**")
    settle(screen)
    _press(screen, "ArrowLeft")
    screen.wait_for_url(f"**/series/{THORAX}.1/**")
    settle(screen)
    _press(screen, "7")
    settle(screen)
    assert parameters_of(screen)["window"] == "-600,1500,linear"
    _press(screen, "Escape")
    screen.locator(".studies").wait_for()


def test_the_help_lists_the_keys_and_can_turn_them_off(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    _press(screen, "?")
    dialog = screen.get_by_role("dialog", name="Help")
    text = dialog.inner_text()
    for label in ("Invert", "Play or pause", "Download", "Pinch", "Next series"):
        assert label in text
    dialog.get_by_label("Single letters and digits are shortcuts").uncheck()
    _press(screen, "Escape")
    assert screen.get_by_role("dialog").count() == 0
    _press(screen, "i")
    assert parameters_of(screen) == {}
    screen.evaluate("() => localStorage.clear()")


def test_the_toolbar_is_one_stop_and_arrows_go_along_it(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    stops = "() => document.querySelectorAll('#toolbar button.tool[tabindex=\"0\"]').length"
    assert screen.evaluate(stops) == 1
    screen.get_by_role("button", name="Drag changes the window").focus()
    _press(screen, "ArrowRight", "ArrowRight", "Enter")
    zoom = screen.get_by_role("button", name="Drag zooms")
    assert zoom.get_attribute("aria-pressed") == "true"
    assert screen.evaluate(stops) == 1


def test_every_control_has_a_name(screen: Any, served: Any) -> None:
    open_at(screen, served, AXIAL)
    screen.get_by_role("button", name="Attributes").click()
    nameless = screen.evaluate(
        """() => [...document.querySelectorAll("button, input, select, textarea, a[href], iframe")]
        .filter((each) => each.checkVisibility())
        .filter((each) => !(each.ariaLabel || each.title || each.textContent.trim()
          || each.labels?.length))
        .map((each) => each.outerHTML)"""
    )
    assert nameless == []
    assert "Image 1 of 6" in screen.locator("#canvas").get_attribute("aria-label")
    assert screen.locator("#toast").get_attribute("aria-live") == "polite"
    assert screen.evaluate("() => document.documentElement.lang") == "en"


def test_those_who_want_little_motion_get_none(browser: Any, served: Any) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page, complaints = watched(context)
    open_at(page, served, AXIAL)
    moving = page.evaluate(
        "() => [...document.querySelectorAll('*')].filter((each) => "
        "getComputedStyle(each).transitionDuration !== '0s').length"
    )
    assert moving == 0
    context.close()
    check(complaints, served.url)


# --- a phone ---------------------------------------------------------------------------------


@pytest.fixture
def phone(browser: Any, served: Any) -> Iterator[Any]:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, device_scale_factor=2, has_touch=True,
        is_mobile=True,
    )  # fmt: skip
    page, complaints = watched(context)
    page.complaints = complaints
    page.fingers = context.new_cdp_session(page)
    yield page
    context.close()
    check(complaints, served.url)


def _fingers(page: Any, *path: list[tuple[float, float]]) -> None:
    """Move fingers along a path; each step has the place of each finger."""
    for at, places in enumerate(path):
        page.fingers.send(
            "Input.dispatchTouchEvent",
            {
                "type": "touchMove" if at else "touchStart",
                "touchPoints": [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(places)],
            },
        )
    page.fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def _no_sideways(page: Any) -> None:
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    outside = page.evaluate(
        """() => [...document.querySelectorAll("#search *, .bar *, #stage *, .studies *")]
        .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > 361)
        .map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert outside == []


def test_everything_fits_a_phone(phone: Any, served: Any) -> None:
    phone.goto(served.url)
    phone.get_by_text("Lovelace, Ada").wait_for()
    _no_sideways(phone)
    state = phone.locator("#index-state").filter(has_text="studies")
    state.wait_for()
    assert state.bounding_box()["height"] < 30, "the number of studies takes one line"
    phone.get_by_role("button", name="More").tap()
    phone.get_by_label("Accession number").wait_for()
    _no_sideways(phone)
    phone.get_by_text("Lovelace, Ada").tap()
    settle(phone)
    _no_sideways(phone)
    assert phone.locator("#stage").bounding_box()["height"] > 380
    canvas_width = phone.locator("#canvas").evaluate("each => each.width")
    assert canvas_width == 720


def test_one_finger_windows_and_two_page_or_zoom(phone: Any, served: Any) -> None:
    open_at(phone, served, AXIAL)
    _fingers(phone, *[[(180, 300)], [(200, 300)], [(240, 300)], [(260, 300)]])
    settle(phone)
    assert parameters_of(phone)["window"] == "40,600,linear"
    up = [[(120, 400 - step), (220, 400 - step)] for step in range(0, 80, 8)]
    _fingers(phone, *up)
    phone.get_by_text("Image 4 of 6").wait_for()
    before = phone.locator("#zoom-state").inner_text()
    pinch = [[(170 - step, 300), (190 + step, 300)] for step in range(0, 80, 8)]
    _fingers(phone, *pinch)
    phone.wait_for_timeout(250)
    assert phone.locator("#zoom-state").inner_text() != before
    phone.get_by_text("Image 4 of 6").wait_for()


def test_a_film_runs_on_a_phone(phone: Any, served: Any) -> None:
    open_at(phone, served, FILM)
    phone.get_by_role("button", name="Play").tap()
    phone.get_by_role("button", name="Pause").wait_for()
    phone.wait_for_function("() => document.querySelector('.where').textContent !== '1 / 5'")
    phone.get_by_role("button", name="Pause").tap()
    settle(phone)
