"""What tests of the page do again and again."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from pagestudies import HEART, THORAX

AXIAL = f"#/studies/{THORAX}/series/{THORAX}.1"
FILM = f"#/studies/{HEART}/series/{HEART}.1"


@dataclass
class Served:
    """A server that runs, and what it serves."""

    url: str
    folder: Path
    key: str = ""


@dataclass
class Complaints:
    """What the browser did not like, and what it asked for."""

    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    under_way: int = 0
    expected: tuple[str, ...] = ("willReadFrequently",)
    """The tests read canvases, which the page never does."""

    def began(self, request: Any) -> None:
        """Take note of a request."""
        self.requests.append(request.url)
        self.under_way += 1

    def ended(self, _request: Any) -> None:
        """Take note that one is over."""
        self.under_way -= 1

    def unexpected(self) -> list[str]:
        """Return what no test said it would cause."""
        return [
            each for each in self.said if not any(known in each for known in self.expected)
        ]  # fmt: skip


def watched(context: Any) -> tuple[Any, Complaints]:
    """Open a page whose complaints are kept."""
    page, complaints = context.new_page(), Complaints()
    page.on(
        "console",
        lambda message: (
            complaints.said.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    page.on("pageerror", lambda error: complaints.said.append(str(error)))
    page.on("request", complaints.began)
    page.on("requestfinished", complaints.ended)
    page.on("requestfailed", complaints.ended)
    page.set_default_timeout(30_000)
    return page, complaints


def check(complaints: Complaints, served_url: str) -> None:
    """Nothing was complained about, and nobody else was asked for anything."""
    assert complaints.unexpected() == []
    host = urlsplit(served_url).netloc
    schemes = {"blob", "data", "chrome-extension", "chrome"}
    foreign = [
        url
        for url in complaints.requests
        if urlsplit(url).netloc != host and urlsplit(url).scheme not in schemes
    ]
    assert foreign == []


_CANVAS = """() => {
  const canvas = document.querySelector("#canvas");
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let text = "";
  for (let at = 0; at < data.length; at += 32768) {
    text += String.fromCharCode(...data.subarray(at, at + 32768));
  }
  return {width: canvas.width, height: canvas.height, pixels: btoa(text)};
}"""


def open_at(page: Any, served: Any, fragment: str) -> None:
    """Go to an address of the page and wait until a picture is there."""
    page.goto(served.url + fragment)
    settle(page)


def settle(page: Any) -> None:
    """Wait until nothing is under way any more and something is on the canvas."""
    page.wait_for_function(
        """() => document.querySelector("#stage").getAttribute("aria-busy") === "false"
            && document.querySelector("#canvas").dataset.shown === "full" """
    )


def canvas(page: Any) -> np.ndarray[Any, Any]:
    """Return what is on the canvas: rows, columns, RGB."""
    told = page.evaluate(_CANVAS)
    flat = np.frombuffer(base64.b64decode(told["pixels"]), np.uint8)
    return flat.reshape(told["height"], told["width"], 4)[:, :, :3]


def at_own_size(page: Any) -> None:
    """Show each pixel of the image as one of the screen: what is on the canvas is exact then."""
    page.locator("#image").focus()
    for _ in range(2):
        if page.locator("#zoom-state").inner_text() != "100 %":
            page.keyboard.press("f")
            page.wait_for_timeout(60)
    assert page.locator("#zoom-state").inner_text() == "100 %"
    page.wait_for_timeout(200)
    settle(page)


def quiet(page: Any) -> None:
    """Wait until nothing has been asked for any more for a while."""
    calm = 0
    for _ in range(200):
        calm = calm + 1 if page.complaints.under_way <= 0 else 0
        if calm >= 4:
            return
        page.wait_for_timeout(60)
    raise AssertionError("requests do not end")


def assert_shows(page: Any, picture: np.ndarray[Any, Any]) -> None:
    """Hold the canvas, and nothing but black around it, to a gray picture at its own size."""
    shown = canvas(page)
    rows, columns = picture.shape
    top, left = (
        (whole - part + 1) // 2 for whole, part in zip(shown.shape[:2], picture.shape, strict=True)
    )
    wanted = np.zeros_like(shown)
    wanted[top : top + rows, left : left + columns] = picture[:, :, None]
    assert np.array_equal(wanted, shown)


def decoded(data: bytes) -> np.ndarray[Any, Any]:
    """Return the samples of a picture as another library reads them."""
    return np.asarray(Image.open(io.BytesIO(data)))


def parameters_of(page: Any) -> Mapping[str, str]:
    """Return the rendering parameters of the address, once it has been brought up to date."""
    page.wait_for_timeout(350)
    return page.evaluate(
        "() => Object.fromEntries(new URLSearchParams(location.hash.split('?')[1] ?? ''))"
    )


def pictures_asked_for(page: Any, act: Callable[[], Any]) -> list[str]:
    """Return the URLs of pictures that are asked for while something is done."""
    seen = len(page.complaints.requests)
    act()
    return [url for url in page.complaints.requests[seen:] if "/rendered" in url]
