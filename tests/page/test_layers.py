"""What lies on images: listed, switched, opened at its first place; objects without a picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

pytest.importorskip("highdicom")

from layeredstudy import FIRST_FILLED
from pagescreen import Served, canvas, check, parameters_of, settle, watched
from phantoms import STUDY


@pytest.fixture
def reader(browser: Any, layered: Served) -> Iterator[Any]:
    """Return a page on the study."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    page, complaints = watched(context)
    page.complaints = complaints
    yield page
    context.close()
    check(complaints, layered.url)


def _series(served: Served, name: str) -> str:
    ds = pydicom.dcmread(served.folder / f"{name}.dcm", stop_before_pixels=True)
    return str(ds.SeriesInstanceUID)


def _open(page: Any, served: Served, name: str) -> None:
    page.goto(f"{served.url}#/studies/{STUDY}/series/{_series(served, name)}")


def _middle(page: Any) -> tuple[int, ...]:
    """Return the color at row 30, column 20 of the image."""
    shown = canvas(page)
    scale = min(shown.shape[0], shown.shape[1]) / 64
    row = shown.shape[0] / 2 + (30.5 - 32) * scale
    column = shown.shape[1] / 2 + (20.5 - 32) * scale
    return tuple(int(each) for each in shown[int(row), int(column)])


@pytest.mark.parametrize("name", ["mask", "contours"])
def test_an_object_opens_on_its_image_where_it_is_first(
    reader: Any, layered: Served, name: str
) -> None:
    _open(reader, layered, name)
    reader.wait_for_url(re.compile(f".*/series/{re.escape(_series(layered, 'ct0'))}/.*layer=.*"))
    settle(reader)
    reader.get_by_text(f"Image {FIRST_FILLED} of 5").wait_for()
    assert reader.locator("#layers").is_visible()
    assert len(set(canvas(reader).reshape(-1, 3).tolist()[0])) == 1
    colours = canvas(reader).astype(int)
    assert (np.ptp(colours, axis=2) > 100).any(), "something is drawn in color"


def test_a_dose_opens_on_its_image_with_its_bar(reader: Any, layered: Served) -> None:
    _open(reader, layered, "dose")
    ct = re.escape(_series(layered, "ct0"))
    reader.wait_for_url(re.compile(f".*/series/{ct}/.*layer=.*"))
    settle(reader)
    reader.locator("#scales").get_by_text("0 – 40 Gy").wait_for()
    assert reader.locator("#scales .swatch").count() == 5
    assert reader.locator("#layers [data-kind=dose]").is_checked()
    assert (np.ptp(canvas(reader).astype(int), axis=2) > 100).any()


def test_layers_are_switched_and_their_opacity_is_chosen(reader: Any, layered: Served) -> None:
    _open(reader, layered, "ct0")
    settle(reader)
    reader.keyboard.press("End")
    reader.get_by_text("Image 5 of 5").wait_for()
    settle(reader)
    gray = _middle(reader)
    assert len(set(gray)) == 1
    reader.get_by_role("button", name="Layers on the image").click()
    boxes = reader.locator("#layers .layers > li")
    boxes.first.wait_for()
    kinds = [each.splitlines()[0] for each in boxes.all_inner_texts()]
    assert sorted(kinds) == ["Dose", "Segmentation", "Structure set"]
    assert "Liver" not in reader.locator("#layers").inner_text()
    mask = boxes.filter(has_text="Segmentation").locator("[data-layer]")
    mask.check()
    reader.wait_for_function("() => location.hash.includes('layer=')")
    settle(reader)
    red, green, blue = _middle(reader)
    assert (red, green, blue) == pytest.approx(
        (0.4 * 255 + 0.6 * gray[0], 0.6 * gray[1], 0.6 * gray[2]), abs=3
    )
    reader.get_by_label("Opacity of Segmentation").fill("1")
    reader.wait_for_function("() => location.hash.includes('layer-opacity=1')")
    settle(reader)
    assert _middle(reader) == pytest.approx((255, 0, 0), abs=3)
    mask.uncheck()
    reader.wait_for_function("() => !location.hash.includes('layer')")
    settle(reader)
    assert _middle(reader) == gray


def test_names_are_asked_for_only_when_somebody_wants_them(reader: Any, layered: Served) -> None:
    _open(reader, layered, "ct0")
    settle(reader)
    reader.keyboard.press("y")
    item = reader.locator("#layers li li").filter(has_text="7")
    item.wait_for()
    assert not any("names=yes" in url for url in reader.complaints.requests)
    reader.get_by_label("Names and legend").check()
    reader.locator("#layers li li").filter(has_text="Liver of J. Doe").wait_for()
    colour = reader.locator("#layers li li").filter(has_text="Liver").locator(".swatch")
    assert colour.evaluate("each => each.style.background") == "rgb(0, 255, 0)"


def test_an_item_leads_to_where_it_is_first(reader: Any, layered: Served) -> None:
    _open(reader, layered, "ct0")
    settle(reader)
    reader.keyboard.press("y")
    reader.locator("#layers li li a").filter(has_text="7").click()
    reader.get_by_text(f"Image {FIRST_FILLED} of 5").wait_for()
    assert "layer" in parameters_of(reader)


def test_a_dose_comes_with_its_bar(reader: Any, layered: Served) -> None:
    _open(reader, layered, "ct0")
    settle(reader)
    reader.keyboard.press("y")
    boxes = reader.locator("#layers .layers > li")
    boxes.filter(has_text="Dose").locator("[data-layer]").check()
    bar = reader.locator("#scales")
    bar.get_by_text("0 – 40 Gy").wait_for()
    assert [each.strip() for each in bar.locator(".scale").all_inner_texts()][1:] == [
        "95%", "80%", "50%", "30%", "10%",
    ]  # fmt: skip
    boxes.filter(has_text="Segmentation").locator("[data-layer]").check()
    boxes.filter(has_text="Dose").locator("[data-layer]").uncheck()
    bar.wait_for(state="hidden")


def test_each_layer_has_its_own_values_and_items(reader: Any, layered: Served) -> None:
    _open(reader, layered, "mask")
    reader.wait_for_url(re.compile(".*layer=.*"))
    settle(reader)
    boxes = reader.locator("#layers .layers > li")
    boxes.filter(has_text="Dose").locator("[data-layer]").check()
    reader.get_by_label("Opacity of Dose").fill("0.8")
    reader.wait_for_function("() => location.hash.includes('layer-opacity=,0.8')")
    reader.get_by_label("Style of Segmentation").select_option("fill")
    reader.wait_for_function("() => location.hash.includes('layer-style=fill,')")
    dose = boxes.filter(has_text="Dose")
    assert dose.locator(".scale").inner_text().strip() == "0 – 40 Gy"
    levels = dose.locator("[data-item]")
    assert levels.count() == 5
    assert all(levels.nth(each).is_checked() for each in range(5))
    dose.get_by_label("Show 5 10%").uncheck()
    reader.wait_for_function("() => location.hash.includes('layer-items=%3B1,2,3,4')")
    settle(reader)
    asked = parameters_of(reader)
    assert asked["layer-opacity"] == ",0.8"
    assert asked["layer-items"] == ";1,2,3,4"
    # The address has all of it.
    reader.reload()
    settle(reader)
    reader.keyboard.press("y")
    boxes.first.wait_for()
    reader.wait_for_function("() => document.querySelectorAll('[data-item]:checked').length === 4")
    assert reader.get_by_label("Opacity of Dose").input_value() == "0.8"
    for number in (1, 2, 3, 4):
        reader.locator(f"[data-item='{number}']").uncheck()
    reader.wait_for_function("() => !location.hash.includes('layer-items')")
    assert not boxes.filter(has_text="Dose").locator("[data-layer]").is_checked()


def test_a_segmentation_without_its_image_opens_where_it_has_something(
    reader: Any, layered: Served
) -> None:
    _open(reader, layered, "strayed")
    settle(reader)
    reader.get_by_text(f"Image {FIRST_FILLED} of 5").wait_for()
    assert _middle(reader) != (0, 0, 0)


# --- what has no picture ---------------------------------------------------------------------


def test_what_has_no_picture_says_what_it_is_and_can_be_downloaded(
    reader: Any, layered: Served
) -> None:
    reader.complaints.expected += ("status of 406",)
    _open(reader, layered, "ecg")
    alert = reader.get_by_role("alert")
    alert.get_by_text("General ECG Waveform").wait_for()
    with reader.expect_download() as started:
        alert.get_by_role("button", name="Download the DICOM file").click()
    assert Path(started.value.path()).read_bytes()[128:132] == b"DICM"
    reader.keyboard.press("m")
    reader.get_by_text("General ECG Waveform (1.2.840.10008.5.1.4.1.1.9.1.2)").wait_for()


def test_a_study_is_downloaded_as_one_archive(reader: Any, layered: Served) -> None:
    import zipfile

    _open(reader, layered, "ct0")
    settle(reader)
    reader.keyboard.press("d")
    with reader.expect_download() as started:
        reader.get_by_text("This study (ZIP)").click()
    with zipfile.ZipFile(started.value.path()) as archive:
        assert len(archive.namelist()) == len(list(layered.folder.glob("*.dcm")))
    assert started.value.suggested_filename == f"{STUDY}.zip"


# --- upload ----------------------------------------------------------------------------------


def test_files_are_uploaded_and_appear_in_the_list(
    reader: Any, layered: Served, tmp_path: Path
) -> None:
    from pagestudies import write_film

    write_film(tmp_path)
    (tmp_path / "notes.txt").write_text("no DICOM at all")
    reader.goto(layered.url)
    reader.locator(".studies tbody tr").first.wait_for()
    reader.locator("#files").set_input_files(
        [str(tmp_path / "heart" / "film.dcm"), str(tmp_path / "notes.txt")]
    )
    dialog = reader.get_by_role("dialog", name="Upload")
    dialog.get_by_text("1 file stored, 1 refused").wait_for()
    reader.keyboard.press("Escape")
    reader.get_by_text("Harvey, William").wait_for()
