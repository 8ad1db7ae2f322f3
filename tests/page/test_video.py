"""A video plays where the browser can play it, and is paged through where not."""

from __future__ import annotations

from typing import Any

import pytest

from pagescreen import check, settle, watched
from pagestudies import ENDOSCOPY, write_video

pytest.importorskip("av")
VIDEO = f"#/studies/{ENDOSCOPY}/series/{ENDOSCOPY}.1"


def test_a_video_plays_or_is_paged_through(browser: Any, empty: Any) -> None:
    write_video(empty.folder)
    context = browser.new_context()
    page, complaints = watched(context)
    complaints.expected += ("status of 406",)
    page.goto(empty.url)
    page.get_by_text("Kussmaul, Adolf").wait_for(timeout=30_000)
    page.goto(empty.url + VIDEO)
    page.locator("#document video, #canvas[data-shown='full']").first.wait_for()
    if page.locator("#document video").count():
        size = page.locator("video").evaluate("each => [each.videoWidth, each.videoHeight]")
        assert size == [64, 48]
    else:
        settle(page)
        page.get_by_text("Image 1 of 10").wait_for()
    context.close()
    check(complaints, empty.url)
