"""Files and commands: what is downloaded is what the server answers, byte for byte."""

from __future__ import annotations

import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rendicom
from pagescreen import AXIAL, FILM, decoded, open_at, settle
from pagestudies import slice_path, slice_uid
from rendicom import RenderOptions

TYPES = {"JPEG": ("image/jpeg", "jpg"), "PNG": ("image/png", "png"), "GIF": ("image/gif", "gif")}
LOOK = "window=100,700,linear&invert=yes&rotate=90"


def _get(url: str, media_type: str) -> bytes:
    request = urllib.request.Request(url, headers={"Accept": media_type})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        return bytes(response.read())


def _download(page: Any, *choices: str) -> tuple[str, bytes]:
    page.keyboard.press("d")
    dialog = page.get_by_role("dialog")
    for choice in choices:
        dialog.get_by_label(choice).check()
    with page.expect_download() as started:
        dialog.get_by_role("button", name="Download").click()
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()


@pytest.mark.parametrize("name", TYPES)
def test_a_download_is_what_the_server_answers(screen: Any, served: Any, name: str) -> None:
    open_at(screen, served, f"{AXIAL}/instances/{slice_uid(2)}?{LOOK}")
    media_type, extension = TYPES[name]
    file_name, data = _download(screen, name)
    assert file_name == f"{slice_uid(2)}.{extension}"
    path = AXIAL.removeprefix("#/")
    url = f"{served.url}dicomweb/{path}/instances/{slice_uid(2)}/rendered?{LOOK}"
    assert data == _get(url, media_type)
    options = RenderOptions.parse(dict(each.split("=") for each in LOOK.split("&")))
    again = rendicom.render(
        slice_path(served.folder, 2), media_type=media_type, options=options
    )  # fmt: skip
    assert data == again.data


def test_what_is_on_screen_when_zoomed_is_that_part(screen: Any, served: Any) -> None:
    open_at(screen, served, f"{AXIAL}/instances/{slice_uid(3)}?rotate=90&flip=h")
    for _ in range(8):
        screen.keyboard.press("+")
    screen.wait_for_timeout(300)
    settle(screen)
    _, data = _download(screen, "PNG", "As on screen")
    height, width = decoded(data).shape
    stage = screen.locator("#canvas").evaluate("each => [each.width, each.height]")
    # The region is of whole pixels of the image.
    pixel = float(screen.locator("#zoom-state").inner_text().removesuffix(" %")) / 100
    assert abs(width - stage[0]) <= pixel
    assert abs(height - stage[1]) <= pixel
    # The middle of the image is the middle of the part that is seen.
    middle = decoded(data)[height // 2, width // 2]
    whole = rendicom.render(slice_path(served.folder, 3), media_type="image/png")
    rows, columns = decoded(whole.data).shape
    assert abs(int(middle) - int(decoded(whole.data)[rows // 2, columns // 2])) <= 12


def test_all_frames_are_a_film(screen: Any, served: Any) -> None:
    from io import BytesIO

    from PIL import Image

    open_at(screen, served, FILM)
    name, data = _download(screen, "All 5 frames, as a loop (GIF)")
    assert name.endswith(".gif")
    film = Image.open(BytesIO(data))
    assert film.n_frames == 5
    assert film.info["duration"] == 40


def _texts(page: Any, *choices: str) -> dict[str, str]:
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog")
    for choice in choices:
        dialog.get_by_label(choice).check()
    areas = dialog.locator("textarea")
    texts = areas.evaluate_all("all => Object.fromEntries(all.map((a) => [a.ariaLabel, a.value]))")
    page.keyboard.press("Escape")
    return dict(texts)


def test_every_text_gets_the_same_bytes(screen: Any, served: Any, tmp_path: Path) -> None:
    open_at(screen, served, f"{AXIAL}/instances/{slice_uid(2)}?{LOOK}")
    texts = _texts(screen, "PNG")
    assert list(texts) == ["URL", "curl", "rendicom get", "Python", "Link to this page"]
    wanted = _get(texts["URL"], "*/*")
    assert decoded(wanted).shape == (128, 96)
    curl = shlex.split(texts["curl"])
    assert subprocess.run([*curl, "-s"], cwd=tmp_path, timeout=30).returncode == 0
    assert (tmp_path / f"{slice_uid(2)}.png").read_bytes() == wanted
    (tmp_path / f"{slice_uid(2)}.png").unlink()
    subprocess.run([sys.executable, "-c", texts["Python"]], cwd=tmp_path, check=True, timeout=30)
    assert (tmp_path / f"{slice_uid(2)}.png").read_bytes() == wanted
    get = shlex.split(texts["rendicom get"])
    assert get[:2] == ["rendicom", "get"]
    assert get[2] == curl[-1]
    assert get[3] == f"{slice_uid(2)}.png"


def test_a_link_opens_the_same_picture(screen: Any, served: Any) -> None:
    open_at(screen, served, f"{AXIAL}/instances/{slice_uid(4)}?{LOOK}")
    link = _texts(screen)["Link to this page"]
    screen.goto("about:blank")
    screen.goto(link)
    settle(screen)
    screen.get_by_text("Image 4 of 6").wait_for()
    assert "Window 100 / 700" in screen.locator("#image-state").inner_text()


def test_copy_fills_the_clipboard(screen: Any, served: Any) -> None:
    screen.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_at(screen, served, AXIAL)
    screen.keyboard.press("c")
    wanted = screen.get_by_label("curl", exact=True).input_value()
    screen.get_by_role("button", name="Copy curl").click()
    screen.get_by_text("curl copied.").wait_for()
    assert screen.evaluate("() => navigator.clipboard.readText()") == wanted


def test_pixels_of_a_png_are_those_of_the_engine(screen: Any, served: Any) -> None:
    open_at(screen, served, f"{AXIAL}/instances/{slice_uid(5)}")
    _, data = _download(screen, "PNG")
    made = rendicom.render(slice_path(served.folder, 5), media_type="image/png")
    assert np.array_equal(decoded(data), decoded(made.data))
