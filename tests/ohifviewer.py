"""OHIF in a browser, from its npm package, in front of our server."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["Viewer", "fitted", "grid_of", "lit_part", "opened_viewer", "site"]

Array = NDArray[np.float64]
_SOURCE = {
    "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
    "sourceName": "ours",
    "configuration": {
        "friendlyName": "ours", "name": "ours", "imageRendering": "wadors",
        "thumbnailRendering": "thumbnail", "thumbnailRequestStrategy": "fetch",
        "qidoSupportsIncludeField": True, "enableStudyLazyLoad": True,
        "supportsFuzzyMatching": True, "supportsWildcard": True,
        "singlepart": "bulkdata,video,pdf", "bulkDataURI": {"enabled": True},
    },
}  # fmt: skip
_SLIDE = ".DicomMicroscopyViewer canvas"
_CANVAS = "canvas.cornerstone-canvas"
_CANVASES = """() => [...document.querySelectorAll("canvas.cornerstone-canvas")]
    .map((canvas) => canvas.width ? canvas.toDataURL() : "")"""


class _Site(SimpleHTTPRequestHandler):
    """The files of the viewer, its own configuration, and its start page for all its paths."""

    config = b""

    def do_GET(self) -> None:
        if self.path.startswith("/app-config.js"):
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript")
            self.send_header("Content-Length", str(len(self.config)))
            self.end_headers()
            self.wfile.write(self.config)
            return
        if not Path(self.translate_path(self.path)).is_file():
            self.path = "/index.html"
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def site(build: Path, *folders: Path) -> Iterator[tuple[str, str]]:
    """Serve the viewer, and the folders with leave for its pages; yield both addresses."""

    class Site(_Site):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, directory=str(build)))
    address = f"http://localhost:{server.server_port}"
    command = [
        sys.executable, "-m", "rendicom", "serve", *map(str, folders), "--port", "0",
        "--workers", "1", "--cors", address, "--lenient",
    ]  # fmt: skip
    ours = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert ours.stdout is not None
        root = ours.stdout.readline().strip()
        while not json.load(urlopen(f"{root}page/status.json"))["indexing"]["is_complete"]:  # noqa: S310
            time.sleep(0.1)
        base = f"{root}dicomweb"
        roots = dict.fromkeys(("qidoRoot", "wadoRoot", "wadoUriRoot"), base)
        source = {**_SOURCE, "configuration": {**_SOURCE["configuration"], **roots}}  # type: ignore[dict-item]
        config = {
            "routerBasename": None, "extensions": [], "modes": [], "showStudyList": True,
            "maxNumberOfWebWorkers": 2, "showCPUFallbackMessage": False,
            "showWarningMessageForCrossOrigin": False, "defaultDataSourceName": "ours",
            "investigationalUseDialog": {"option": "never"}, "dataSources": [source],
        }  # fmt: skip
        Site.config = f"window.config = {json.dumps(config)};".encode()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield address, base
        server.shutdown()
    finally:
        server.server_close()
        ours.terminate()
        ours.communicate(timeout=30)


@dataclass
class Viewer:
    """A page of the viewer, and what it complained about since it was asked last."""

    page: Any
    address: str
    base: str
    complaints: list[str] = field(default_factory=list)
    has_toured: bool = False

    def complained(self) -> list[str]:
        """Return what failed or was an error in the console, and forget it."""
        said = list(dict.fromkeys(self.complaints))
        self.complaints.clear()
        return said

    def open(self, study: str, *, series: str = "") -> None:
        """Go to a study, or to one of its series, and end the tour that new users get."""
        only = f"&SeriesInstanceUIDs={series}" if series else ""
        self.page.goto(f"{self.address}/viewer?StudyInstanceUIDs={study}{only}")
        self.page.locator("[data-cy^=study-browser-thumbnail]").first.wait_for(timeout=60_000)
        self.end_tour()

    def end_tour(self) -> None:
        """End the tour, which lies over everything a moment after there is a first picture."""
        tour = self.page.get_by_text("Skip all")
        for _ in range(0 if self.has_toured else 40):
            if tour.count():
                tour.first.click()
                self.has_toured = True
                return
            self.page.wait_for_timeout(250)

    def choose(self, description: str) -> None:
        """Put a series into the viewport."""
        thumbnails = self.page.locator("[data-cy^=study-browser-thumbnail]")
        named = self.page.get_by_text(description, exact=True)
        thumbnails.filter(has=named).first.dblclick(timeout=30_000)

    def open_slide(self, study: str) -> None:
        """Go to a study in microscopy mode, without the map and the scale over the slide."""
        self.page.goto(f"{self.address}/microscopy?StudyInstanceUIDs={study}")
        self.page.locator(_SLIDE).first.wait_for(timeout=180_000)
        self.page.add_style_tag(content=".ol-overlaycontainer-stopevent { display: none }")

    def screen(self, selector: str = _CANVAS) -> Array:
        """Return what the screen shows where the first such element is, with what lies over it.

        Unlike what canvases give, this has drawings in SVG, WebGL and videos of other origins.
        """
        box = self.page.locator(selector).first.bounding_box()
        return decoded(self.page.screenshot(clip=box))

    def shown(self) -> Array | None:
        """Return what the first viewport shows: RGB, without what is written over it."""
        for data in self.page.evaluate(_CANVASES):
            if data.startswith("data:image/png"):
                return decoded(base64.b64decode(data.split(",")[1]))
        return None

    def chosen(self, description: str, far: Callable[[], float], *, most: float) -> float:
        """Put a series into the viewport; return what `settled` does.

        It is chosen again after a while: a click is lost where the list is built anew meanwhile.
        """
        least = 255.0
        for _ in range(4):
            self.choose(description)
            least = min(least, self.settled(far, most=most, seconds=30))
            if least <= most:
                break
        return least

    def far_from(self, wanted: Array) -> Callable[[], float]:
        """Return what tells how far the viewport is from a picture."""

        def far() -> float:
            shown = self.shown()
            if shown is None:
                return 255.0
            part = fitted(shown, *wanted.shape[:2])
            return float(np.abs(grid_of(part) - grid_of(wanted)).max())

        return far

    def settled(self, far: Callable[[], float], *, most: float, seconds: float = 60) -> float:
        """Return the least of what ``far`` says, as soon as it is no more than ``most``."""
        least, end = 255.0, time.monotonic() + seconds
        while least > most and time.monotonic() < end:
            self.page.wait_for_timeout(200)
            least = min(least, far())
        return least

    def picture(self, path: str) -> Array:
        """Return a picture of ours below the base of DICOMweb."""
        asked = Request(f"{self.base}{path}", headers={"Accept": "image/png"})  # noqa: S310
        with urlopen(asked) as answer:  # noqa: S310
            return decoded(answer.read())


def decoded(data: bytes) -> Array:
    """Return the samples of a picture as RGB."""
    return np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(np.float64)


def grid_of(picture: Array, parts: int = 8) -> Array:
    """Return means over a grid: what stays the same when a picture is enlarged."""
    rows, columns = picture.shape[:2]
    return np.array([
        [
            picture[
                y * rows // parts : (y + 1) * rows // parts,
                x * columns // parts : (x + 1) * columns // parts,
            ].reshape(-1, 3).mean(0)
            for x in range(parts)
        ]
        for y in range(parts)
    ])  # fmt: skip


def lit_part(shown: Array) -> Array:
    """Return the rectangle that is not black."""
    lit = shown.max(axis=-1) > 8
    rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    if not len(rows):
        return shown[:0]
    return shown[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def fitted(shown: Array, rows: int, columns: int) -> Array:
    """Return the part of a viewport in which a picture of that shape lies."""
    scale = min(shown.shape[0] / rows, shown.shape[1] / columns)
    height, width = int(rows * scale), int(columns * scale)
    top, left = (shown.shape[0] - height) // 2, (shown.shape[1] - width) // 2
    return shown[top : top + height, left : left + width]


@contextmanager
def opened_viewer(browser: Any, address: str, base: str) -> Iterator[Viewer]:
    """Open a page of the viewer that keeps what goes wrong on it."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    viewer = Viewer(context.new_page(), address, base)
    note = viewer.complaints.append
    viewer.page.on(
        "console", lambda said: note(f"console: {said.text}") if said.type == "error" else None
    )
    viewer.page.on("pageerror", lambda error: note(f"error: {error}"))
    viewer.page.on(
        "response",
        lambda answer: note(f"{answer.status} {answer.url}") if answer.status >= 400 else None,
    )
    yield viewer
    context.close()
