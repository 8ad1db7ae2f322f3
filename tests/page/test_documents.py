"""Reports and encapsulated documents: shown, and unable to do anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pagescreen import settle
from pagestudies import PDF_BYTES, REPORTS, slice_uid

REPORT = f"#/studies/{REPORTS}/series/{REPORTS}.1"
LETTER = f"#/studies/{REPORTS}/series/{REPORTS}.2"


def test_a_report_is_shown_in_a_frame_that_may_do_nothing(screen: Any, served: Any) -> None:
    screen.goto(served.url + REPORT)
    frame = screen.frame_locator("#document iframe")
    frame.get_by_text("Imaging Report").first.wait_for()
    assert "Clear lungs <script>" in frame.locator("body").inner_text()
    sandbox = screen.locator("#document iframe").get_attribute("sandbox")
    for power in ("allow-scripts", "allow-forms", "allow-popups", "allow-modals"):
        assert power not in sandbox
    assert frame.locator("script").count() == 0
    assert "acted" not in screen.title()
    assert frame.locator("body").evaluate("each => getComputedStyle(each).color") != "rgb(0, 0, 0)"
    assert screen.get_by_role("button", name="Invert").is_disabled()


def test_a_reference_leads_to_the_image_in_this_page(screen: Any, served: Any) -> None:
    screen.goto(served.url + REPORT)
    frame = screen.frame_locator("#document iframe")
    frame.locator("a[href*='#/studies/']").first.click()
    screen.wait_for_url(f"**/instances/{slice_uid(3)}")
    settle(screen)
    screen.get_by_text("Image 3 of 6").wait_for()


def test_a_letter_can_be_downloaded_as_it_is(screen: Any, served: Any) -> None:
    screen.goto(served.url + LETTER)
    with screen.expect_download() as started:
        screen.get_by_role("button", name="Download the PDF").click()
    assert Path(started.value.path()).read_bytes() == PDF_BYTES
    assert started.value.suggested_filename == f"{REPORTS}.2.1.pdf"


def test_from_a_report_to_its_neighbour_and_back(screen: Any, served: Any) -> None:
    screen.goto(served.url + LETTER)
    screen.get_by_role("button", name="Download the PDF").wait_for()
    # What lies beside it is known once the series has been listed.
    screen.wait_for_load_state("networkidle")
    screen.locator("#image").focus()
    screen.keyboard.press("ArrowLeft")
    frame = screen.frame_locator("#document iframe")
    frame.get_by_text("Imaging Report").first.wait_for()
    screen.go_back()
    screen.get_by_role("button", name="Download the PDF").wait_for()
