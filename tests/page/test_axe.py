"""Accessibility as axe-core checks it: nothing serious in list, viewer, panels and help."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from npmpackages import npm_package
from pagescreen import AXIAL, Served, settle, watched
from pagestudies import REPORTS

_CHECK = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations
    .filter((each) => ["serious", "critical"].includes(each.impact))
    .map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(" | ")}`);
}"""


@pytest.fixture(scope="session")
def axe(request: pytest.FixtureRequest) -> str:
    """Return the source of axe-core."""
    return Path(npm_package(request.config.cache, "axe-core") / "axe.min.js").read_text()


@pytest.fixture(params=["light", "dark", "phone"])
def looked(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    """Return a page in one of the looks."""
    is_phone = request.param == "phone"
    size = {"width": 390, "height": 844} if is_phone else {"width": 1280, "height": 800}
    context = browser.new_context(
        viewport=size, color_scheme="dark" if request.param == "dark" else "light",
        is_mobile=is_phone, has_touch=is_phone, reduced_motion="reduce", bypass_csp=True,
    )  # fmt: skip
    page, _ = watched(context)
    yield page
    context.close()


def _findings(page: Any, axe: str) -> list[str]:
    page.evaluate(axe)
    found = page.evaluate(_CHECK)
    assert isinstance(found, list)
    return found


def test_list_and_help_have_no_serious_finding(looked: Any, served: Served, axe: str) -> None:
    looked.goto(served.url)
    looked.locator(".studies tbody tr").first.wait_for()
    assert _findings(looked, axe) == []
    looked.locator("[data-action='help']").click()
    looked.get_by_role("dialog", name="Help").wait_for()
    assert _findings(looked, axe) == []


def test_the_landing_page_has_no_finding(looked: Any, served: Served, axe: str) -> None:
    looked.goto(f"{served.url}dicomweb/")
    looked.get_by_role("heading", name="DICOMweb services").wait_for()
    assert _findings(looked, axe) == []


def test_the_viewer_and_its_panels_have_no_serious_finding(
    looked: Any, served: Served, axe: str
) -> None:
    looked.goto(served.url + AXIAL)
    settle(looked)
    assert _findings(looked, axe) == []
    looked.keyboard.press("s")
    looked.locator("#image-2").wait_for()
    assert _findings(looked, axe) == []
    for key, panel in (("y", "#layers"), ("m", "#metadata")):
        looked.keyboard.press(key)
        looked.locator(f"{panel} [role=status]").wait_for()
        looked.wait_for_timeout(300)
        assert _findings(looked, axe) == []
    looked.keyboard.press("Escape")
    for key in ("d", "c", "?"):
        looked.keyboard.press(key)
        looked.get_by_role("dialog").last.wait_for()
        assert _findings(looked, axe) == []
        looked.keyboard.press("Escape")


def test_a_document_has_no_serious_finding(looked: Any, served: Served, axe: str) -> None:
    looked.goto(f"{served.url}#/studies/{REPORTS}/series/{REPORTS}.2")
    looked.get_by_role("button", name="Download the PDF").wait_for()
    assert _findings(looked, axe) == []
