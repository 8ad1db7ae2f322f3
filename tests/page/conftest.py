"""A real server over small files whose pixels we know, and a real browser in front of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from layeredstudy import write_layered
from pagescreen import Served, check, watched
from pagestudies import write_film, write_prior, write_studies, write_thorax

playwright = pytest.importorskip("playwright.sync_api")
pytest.importorskip("fastapi")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def _start(*arguments: str | Path) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "rendicom", "serve", *map(str, arguments), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line.startswith("http"), f"the server says {line!r}"
    return process, line.rstrip("/") + "/"


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a few studies without keys."""
    folder = tmp_path_factory.mktemp("studies")
    write_studies(folder)
    process, url = _start(folder, "--workers", "1")
    yield Served(url, folder)
    _stop(process)


@pytest.fixture(scope="session")
def guarded(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the same to those who have a key."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    made = subprocess.run(
        [sys.executable, "-m", "rendicom", "key", str(keys), "--name", "reader"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    process, url = _start(served.folder, "--workers", "1", "--api-key-file", keys)
    yield Served(url, served.folder, made.stdout.split()[-1])
    _stop(process)


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a CT, objects that lie on it, and objects without a picture; clients may store."""
    folder = tmp_path_factory.mktemp("layered")
    write_layered(folder)
    data = tmp_path_factory.mktemp("data")
    process, url = _start(folder, "--workers", "1", "--writable", "--data", data)
    yield Served(url, folder)
    _stop(process)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve two studies of one patient in one frame of reference, and one of another."""
    folder = tmp_path_factory.mktemp("followed")
    for write in (write_thorax, write_prior, write_film):
        write(folder)
    process, url = _start(folder, "--workers", "1")
    yield Served(url, folder)
    _stop(process)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Served]:
    """Serve a folder with nothing in it, and look often whether there is."""
    process, url = _start(tmp_path, "--workers", "1", "--rescan", "0.3")
    yield Served(url, tmp_path)
    _stop(process)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a browser; it ends with the file, since its event loop gets in the way of others."""
    if CHROMIUM is None:
        pytest.skip("Debian's chromium is not installed")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def screen(browser: Any, served: Served) -> Iterator[Any]:
    """Return a page of a desktop, on the list of studies; nothing may go wrong on it."""
    context = browser.new_context(viewport={"width": 1200, "height": 800}, accept_downloads=True)
    page, complaints = watched(context)
    page.goto(served.url)
    page.locator(".studies tbody tr").first.wait_for()
    page.complaints = complaints
    yield page
    context.close()
    check(complaints, served.url)
