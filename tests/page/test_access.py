"""A server that asks for a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pagescreen import AXIAL, canvas, check, settle, watched

REFUSED = ("status of 401",)


@pytest.fixture
def stranger(browser: Any, guarded: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1000, "height": 700})
    page, complaints = watched(context)
    complaints.expected = (*complaints.expected, *REFUSED)
    page.complaints = complaints
    yield page
    context.close()
    check(complaints, guarded.url)


def test_a_key_is_asked_for_once_and_opens_everything(stranger: Any, guarded: Any) -> None:
    stranger.goto(guarded.url)
    dialog = stranger.get_by_role("dialog", name="API key")
    dialog.wait_for()
    assert stranger.get_by_label("API key").last.evaluate("each => each === document.activeElement")
    stranger.keyboard.type(guarded.key)
    stranger.keyboard.press("Enter")
    stranger.get_by_text("Lovelace, Ada").click()
    settle(stranger)
    assert canvas(stranger).max() > 0
    assert stranger.evaluate("() => document.querySelectorAll('dialog').length") == 0
    assert all(guarded.key not in url for url in stranger.complaints.requests)
    stored = stranger.evaluate("() => [JSON.stringify(localStorage), document.cookie]")
    assert guarded.key not in "".join(stored)


def test_a_wrong_key_is_said_to_be_wrong(stranger: Any, guarded: Any) -> None:
    stranger.goto(guarded.url + AXIAL)
    stranger.get_by_role("dialog").wait_for()
    stranger.keyboard.type("rendicom-of-yesterday")
    stranger.keyboard.press("Enter")
    stranger.get_by_text("did not accept this key").wait_for()
    stranger.get_by_role("dialog").get_by_role("textbox").fill(guarded.key)
    stranger.keyboard.press("Enter")
    settle(stranger)


def test_who_gives_no_key_is_told_what_to_do(stranger: Any, guarded: Any) -> None:
    stranger.goto(guarded.url)
    stranger.get_by_role("dialog").wait_for()
    stranger.keyboard.press("Escape")
    stranger.get_by_text("The server requires an API key").first.wait_for()


def test_commands_name_the_key_and_do_not_hold_it(stranger: Any, guarded: Any) -> None:
    stranger.goto(guarded.url + AXIAL)
    stranger.get_by_role("dialog").wait_for()
    stranger.keyboard.type(guarded.key)
    stranger.keyboard.press("Enter")
    settle(stranger)
    stranger.locator("#image").focus()
    stranger.keyboard.press("c")
    texts = stranger.locator("dialog textarea").evaluate_all("all => all.map((each) => each.value)")
    assert "$RENDICOM_API_KEY" in texts[1]
    assert "RENDICOM_API_KEY" in texts[3]
    assert all(guarded.key not in text for text in texts)
