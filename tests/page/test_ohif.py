"""Another viewer, OHIF from the npm registry, shows what our server serves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

PACKAGE = "@ohif/app@3.13.2"
SOURCE = {
    "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
    "sourceName": "ours",
    "configuration": {
        "friendlyName": "ours", "name": "ours", "imageRendering": "wadors",
        "thumbnailRendering": "thumbnail", "thumbnailRequestStrategy": "fetch",
        "qidoSupportsIncludeField": True, "enableStudyLazyLoad": True,
        "supportsFuzzyMatching": True, "supportsWildcard": True, "singlepart": "bulkdata,video",
        "bulkDataURI": {"enabled": True},
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def viewer(pytestconfig: pytest.Config) -> Path:
    """Return the folder of OHIF's packaged build; RENDICOM_OHIF names one that is there."""
    named = os.environ.get("RENDICOM_OHIF")
    if named:
        return Path(named)
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = pytestconfig.cache.mkdir("ohif")
    if not (folder / "package/dist/index.html").exists():
        packed = subprocess.run(
            ["npm", "pack", PACKAGE, "--silent", "--pack-destination", str(folder)],
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        if packed.returncode:
            pytest.skip("the npm registry does not answer")
        archive = folder / packed.stdout.split()[-1]
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
        archive.unlink()
    return folder / "package/dist"


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


@pytest.fixture
def site(viewer: Path, served: Any) -> Iterator[tuple[str, str]]:
    """Serve the viewer, and our server again with leave for its pages; return both addresses."""

    class Site(_Site):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, directory=str(viewer)))
    address = f"http://localhost:{server.server_port}"
    command = [
        sys.executable, "-m", "rendicom", "serve", str(served.folder), "--port", "0",
        "--workers", "1", "--cors", address,
    ]  # fmt: skip
    ours = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert ours.stdout is not None
    root = ours.stdout.readline().strip()
    while not json.load(urlopen(f"{root}page/status.json"))["indexing"]["is_complete"]:  # noqa: S310
        time.sleep(0.1)
    base = f"{root}dicomweb"
    roots = dict.fromkeys(("qidoRoot", "wadoRoot", "wadoUriRoot"), base)
    source = {**SOURCE, "configuration": {**SOURCE["configuration"], **roots}}  # type: ignore[dict-item]
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
    server.server_close()
    ours.terminate()
    ours.communicate(timeout=30)


def test_ohif_lists_and_shows_a_study(browser: Any, site: tuple[str, str]) -> None:
    address, base = site
    page = browser.new_context(viewport={"width": 1200, "height": 800}).new_page()
    search = f"{base}/studies?ModalitiesInStudy=CT&includefield=StudyDescription"
    studies = page.request.get(search, headers={"Accept": "*/*"})
    study = studies.json()[0]
    uid = study["0020000D"]["Value"][0]
    refusals: list[str] = []
    page.on(
        "response",
        lambda answer: (
            refusals.append(f"{answer.status} {answer.url}")
            if answer.url.startswith(base) and answer.status >= 400
            else None
        ),
    )
    page.goto(address)
    page.get_by_text(study["00081030"]["Value"][0]).first.wait_for(timeout=90_000)
    page.goto(f"{address}/viewer?StudyInstanceUIDs={uid}")
    canvas = page.locator("canvas").first
    canvas.wait_for(timeout=90_000)
    for _ in range(60):
        shown = np.asarray(Image.open(BytesIO(canvas.screenshot())).convert("L"))
        if shown.std() > 10:
            break
        page.wait_for_timeout(1000)
    assert shown.std() > 10, "OHIF shows nothing"
    assert refusals == []
