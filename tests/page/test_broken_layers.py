"""What lies on images and is broken: the page says so in words, and the image stays."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("highdicom")
pytest.importorskip("httpx2")
pytest.importorskip("psutil")

from brokenlayers import NAMES, SIZE, broken, good_images
from brokenparts import reference, written
from brokenreports import state
from pagescreen import Served, canvas, check, settle, watched
from serverprocess import served

EXPECTED = ("status of 404", "status of 406", "status of 413", "status of 500", "status of 501")
"""The browser says these of answers that the page reads."""


class Study(NamedTuple):
    served: Served
    images: list[Any]
    objects: dict[str, Any]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    folder = tmp_path_factory.mktemp("broken")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        images = good_images()
        objects = {**broken(images), "state-loop": state(*map(reference, images[1:4]))}
        files = {**objects, **{f"ct{number}": ds for number, ds in enumerate(images)}}
        for name, ds in files.items():
            # A few objects are large, and are for the server alone.
            if "million" not in name and "many" not in name:
                (folder / f"{name}.dcm").write_bytes(written(ds))
    with served(folder, "--rescan", "0") as server:
        server.wait_for_index()
        yield Study(Served(f"{server.url}/", folder), images, objects)
        assert not any("unexpected" in line for line in server.errors)


@pytest.fixture(params=[(1280, 800), (390, 800)], ids=["desktop", "phone"])
def reader(browser: Any, study: Study, request: pytest.FixtureRequest) -> Iterator[Any]:
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height})
    page, complaints = watched(context)
    page.complaints = complaints
    complaints.expected += EXPECTED
    yield page
    context.close()
    check(complaints, study.served.url)


def show(page: Any, study: Study, ds: Any, query: str = "") -> None:
    """Open the series of an object, or an instance of the images with layers on it."""
    path = f"#/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"
    page.goto("about:blank")
    page.goto(study.served.url + path + (f"/instances/{ds.SOPInstanceUID}{query}" if query else ""))


def on_image(page: Any, study: Study, name: str) -> None:
    show(page, study, study.images[2], f"?layer={study.objects[name].SOPInstanceUID}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("contours-nan", "is not drawn: a contour is damaged"),
        ("contours-none", "it has no contours"),
        ("annotations-kind", "a group is of an unknown kind"),
        ("state-of-itself", "none of the images of the presentation state"),
        ("view-singular", "rows and columns are not perpendicular"),
        ("blending-lone", "does not say which images lie above which"),
        ("seg-no-rows", "Rows is 0"),
    ],
)
def test_an_object_without_a_picture_says_why(
    reader: Any, study: Study, name: str, words: str
) -> None:
    show(reader, study, study.objects[name])
    reader.get_by_role("alert").get_by_text(words).wait_for()
    assert not any(each in reader.locator("#trouble").inner_text() for each in NAMES)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "seg-sheared",
            "It is not drawn: frame 5: Image Orientation (Patient) 1\\0\\0\\0.6\\0.8\\0",
        ),
        ("seg-elsewhere", "It is not drawn: it is in another frame of reference than the image."),
        ("dose-nowhere", "It is not drawn: one of the two has no position."),
    ],
)
def test_an_object_that_is_shown_without_its_images_says_why(
    reader: Any, study: Study, name: str, words: str
) -> None:
    show(reader, study, study.objects[name])
    reader.locator("#notice").get_by_text(words).wait_for()
    settle(reader)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("seg-elsewhere", "is not drawn: it is in another frame of reference than the image."),
        ("seg-truncated", "is drawn, but frame 3: the header declares 5 frames"),
        ("dose-no-scaling", "is drawn, but it has no Dose Grid Scaling above 0"),
        ("annotations-nan", "is not drawn: the coordinates of a group are damaged."),
    ],
)
def test_what_is_wrong_with_a_layer_stands_on_its_image(
    reader: Any, study: Study, name: str, words: str
) -> None:
    on_image(reader, study, name)
    settle(reader)
    reader.locator("#notice").get_by_text(words).wait_for()
    assert reader.locator("#notice").inner_text().startswith("The layer is ")
    box = reader.locator("#notice").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= reader.viewport_size["width"]
    # Without the layer there is nothing to say.
    show(reader, study, study.images[2], "?invert=yes")
    settle(reader)
    assert reader.locator("#notice").is_hidden()


@pytest.mark.parametrize("name", ["seg-no-rows", "seg-garbled", "dose-colour"])
def test_an_image_is_shown_without_a_layer_that_cannot_be_drawn(
    reader: Any, study: Study, name: str
) -> None:
    on_image(reader, study, name)
    alert = reader.get_by_role("alert")
    alert.get_by_text("cannot be drawn: ").wait_for()
    alert.get_by_role("button", name="Show the image without it").click()
    settle(reader)
    assert reader.locator("#trouble").is_hidden()
    shown = canvas(reader)
    assert (np.ptp(shown.astype(int), axis=2) == 0).all()
    assert shown.max() > 100


def test_the_list_of_layers_tells_what_is_left_out(browser: Any, study: Study) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page, complaints = watched(context)
    show(page, study, study.images[0], "?invert=yes")
    settle(page)
    page.keyboard.press("y")
    left_out = page.locator("#layers .left-out")
    left_out.first.wait_for(timeout=60_000)
    told = " ".join(left_out.all_inner_texts())
    wanted = ("cannot be drawn: Rows is 0", "is not drawn: a contour is damaged.", "are colors.",
              "it is in another frame of reference than the image.")  # fmt: skip
    for words in wanted:
        assert words in told
    assert not any(name in told for name in NAMES)
    assert page.locator("#layers [data-layer]").count() > 20
    context.close()
    check(complaints, study.served.url)


def test_a_state_of_several_images_is_a_loop(browser: Any, study: Study) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page, complaints = watched(context)
    with page.expect_response(lambda answer: answer.url.endswith("/rendered")) as answered:
        show(page, study, study.objects["state-loop"])
    picture = page.locator("#document img.drawn")
    picture.wait_for()
    assert answered.value.headers["content-type"] == "image/apng"
    again = context.request.get(answered.value.url, headers={"accept": "image/apng"})
    with Image.open(BytesIO(again.body())) as loop:
        assert loop.n_frames == 3
    width = "async (picture) => { await picture.decode(); return picture.naturalWidth; }"
    assert picture.evaluate(width) == SIZE[1]
    assert page.locator("#trouble").is_hidden()
    context.close()
    check(complaints, study.served.url)
