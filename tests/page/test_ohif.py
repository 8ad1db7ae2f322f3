"""OHIF from the npm registry shows what our server sends as we show it.

RENDICOM_OHIF names the folder of its build. RENDICOM_OHIF_ALL=1 tries every series of the shared
real files instead of a few, which takes half an hour and reports what OHIF itself cannot show.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pydicom
import pytest

from npmpackages import npm_package
from ohifviewer import Viewer, fitted, grid_of, lit_part, opened_viewer, site
from pagestudies import PDF_BYTES, REPORTS
from viewedstudies import PLAYED, SLIDE, STUDY, Viewed, slide_matrix, write_slide, write_viewed

ALL = bool(os.environ.get("RENDICOM_OHIF_ALL"))
SOME = (
    "pydicom__SC_rgb_rle.dcm", "fodicom-codecs__PM5644-960x540_JPEG2000-Lossless.dcm",
    "pydicom__SC_ybr_full_422_uncompressed.dcm",
    "pydicom__examples_palette.dcm", "pydicomdata__emri_small_jpeg_ls_lossless.dcm",
)  # fmt: skip
IMAGES = "1.2.840.10008.5.1.4.1.1"
NOT_ALONE = (
    f"{IMAGES}.66.4", f"{IMAGES}.66.7", f"{IMAGES}.481.2", f"{IMAGES}.30", f"{IMAGES}.77.1.6",
    f"{IMAGES}.3", f"{IMAGES}.77.1.5.5", f"{IMAGES}.77.1.5.7", f"{IMAGES}.77.1.7",
)  # fmt: skip
"""Segmentations, dose and parametric maps, shown on other images only; slides.

The retired class of ultrasound, and classes that its code does not name: wide field and en face
images of eyes, dermoscopy.
"""
KNOWN = {
    "corpus/chafey-htj2k__VL1_JPH": "its decoder of HTJ2K says `_setThrew is not defined`",
    "corpus/dcm_qa_xa30__0001_1.3.12.2.1107.5.2.43.67093.2022071112144703157113445.dcm":
        "it does not use the palette of enhanced MR",
    "corpus/dicom-swift__jpeg_baseline_synthetic.dcm":
        "all pixels are 128, and without a window it stretches the one value to white",
    "corpus/dicom-swift__mr_implicit_vr_le.dcm": "`Invalid VOI LUT function` for LINEAR",
    "corpus/dicomtestfiles__CT1_RLE": "without a window it stretches over padding, too",
    "corpus/fodicom-samples__test1.dcm": "a Pixel Spacing of 0.2, 0 and 0.2",
    "corpus/libdicom__ct_brain_single.dcm": "`Invalid VOI LUT function` for LINEAR",
    "corpus/pydicomdata__RG1_J2KI.dcm": "a Pixel Spacing of 0",
    "corpus/pydicomdata__gdcm-US-ALOKA-16.dcm": "it shows palettes with cells of 16 bits black",
    "whole/video_hevc.dcm": "Debian's browser plays no HEVC",
}  # fmt: skip
"""What it shows otherwise, though what it gets is right."""
ON_CT = {"SEG": "seg_binary.dcm", "RTSTRUCT": "rtstruct.dcm", "SR": "sr_tid1500.dcm"}
EDGES = {
    "SEG": (25, 13, 104, 116), "RTSTRUCT": (24.5, 12.5, 104.5, 116.5),
    "SR": (55.5, 37.5, 69.5, np.nan),
}  # fmt: skip
"""Top, left, bottom and right in pixels of the CT, as the folder's own README has them.

To the right of the measurement there is a line to its text.
"""
ALIKE = 0.1
CLOSE = 8.0
"""Largest difference of means: the viewer interpolates, and blurs the edges that are in a cell."""

playwright = pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def build(pytestconfig: pytest.Config) -> Path:
    """Return the folder of OHIF's packaged build."""
    named = os.environ.get("RENDICOM_OHIF")
    return Path(named) if named else npm_package(pytestconfig.cache, "@ohif/app") / "dist"


@pytest.fixture(scope="module")
def viewed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Viewed]]:
    folder = tmp_path_factory.mktemp("viewed")
    write_slide(folder / "slide")
    return folder, write_viewed(folder / "series")


@pytest.fixture(scope="module")
def whole(corpus: Path) -> Path:
    """Return the folder of shared objects that lie on images."""
    folder = corpus.parent / "whole"
    if not folder.is_dir():
        pytest.skip(f"there is no folder {folder}")
    return folder


@pytest.fixture(scope="module")
def viewer(
    browser: Any, build: Path, served: Any, viewed: tuple[Path, list[Viewed]]
) -> Iterator[Viewer]:
    with (
        site(build, served.folder, viewed[0]) as (address, base),
        opened_viewer(browser, address, base) as found,
    ):
        yield found


def test_studies_are_listed(viewer: Viewer) -> None:
    viewer.page.goto(viewer.address)
    for name in ("Thorax", "Heart", "Every kind"):
        viewer.page.get_by_text(name).first.wait_for(timeout=180_000)
    assert viewer.complained() == []


def test_every_coding_and_modality_looks_like_our_picture(
    viewer: Viewer, viewed: tuple[Path, list[Viewed]]
) -> None:
    viewer.open(STUDY)
    assert viewer.complained() == []
    faults = {}
    for each in viewed[1]:
        series = f"/studies/{STUDY}/series/{each.series}"
        wanted = viewer.picture(f"{series}/instances/{each.series}.1/frames/1/rendered")
        # The browser itself decodes and scales what is played.
        most = 2 * CLOSE if each.name in PLAYED else CLOSE
        far = viewer.chosen(each.name, viewer.far_from(wanted), most=most)
        complaints = viewer.complained()
        if far > most or complaints:
            faults[each.name] = (far, complaints)
    assert faults == {}


def test_thumbnails_are_ours(viewer: Viewer, viewed: tuple[Path, list[Viewed]]) -> None:
    viewer.open(STUDY)
    images = viewer.page.locator("[data-cy=study-browser-thumbnail] img")
    # It makes the thumbnails of what it plays itself, or none.
    pictures = len(viewed[1]) - len(PLAYED)
    images.nth(pictures - 1).wait_for(state="attached", timeout=60_000)
    assert images.count() == pictures
    assert viewer.complained() == []


def test_a_pdf_is_shown(viewer: Viewer) -> None:
    viewer.open(REPORTS)
    viewer.choose("Letter")
    held = viewer.page.locator("object[type='application/pdf']")
    held.wait_for(state="attached", timeout=60_000)
    address = held.get_attribute("data")
    octets = viewer.page.evaluate(
        "async (url) => [...new Uint8Array(await (await fetch(url)).arrayBuffer())]", address
    )
    # A value has an even length (PS3.5 7.1.1).
    assert bytes(octets).rstrip(b"\0") == PDF_BYTES
    assert viewer.complained() == []


@pytest.fixture(scope="module")
def laid(
    browser: Any, build: Path, whole: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Viewer]:
    """Return the viewer over a CT and one object of each kind that lies on it."""
    folder = tmp_path_factory.mktemp("laid")
    shutil.copytree(whole / "ct", folder / "ct")
    for name in ON_CT.values():
        shutil.copy(whole / name, folder)
    with (
        site(build, folder) as (address, base),
        opened_viewer(browser, address, base) as found,
    ):
        yield found


@pytest.fixture(scope="module")
def real(
    browser: Any, build: Path, corpus: Path, whole: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Viewer]:
    """Return the viewer over a few shared real files, or over all."""
    folders = [corpus, whole]
    if not ALL:
        folders = [tmp_path_factory.mktemp("real")]
        for name in SOME:
            shutil.copy(corpus / name, folders[0])
    with (
        site(build, *folders) as (address, base),
        opened_viewer(browser, address, base) as found,
    ):
        yield found


@pytest.mark.parametrize("kind", ON_CT)
def test_objects_lie_on_their_images(laid: Viewer, whole: Path, kind: str) -> None:
    study = str(pydicom.dcmread(whole / ON_CT[kind], stop_before_pixels=True).StudyInstanceUID)
    laid.open(study)
    wanted = np.array(EDGES[kind])

    def far() -> float:
        shown = fitted(laid.screen(), 128, 128)
        scale = shown.shape[0] / 128
        around = (np.nan_to_num(wanted, nan=51.5) + np.array((-3, -3, 3, 3))) * scale
        top, left, bottom, right = around.round().astype(int)
        part = shown[top:bottom, left:right]
        rows, columns = np.nonzero(part.max(axis=-1) - part.min(axis=-1) > 60)
        if not len(rows):
            return 255.0
        edges = (rows.min() + top, columns.min() + left, rows.max() + top, columns.max() + left)
        return float(np.nanmax(abs(np.array(edges) / scale - wanted)))

    assert laid.chosen(kind, far, most=1) <= 1
    assert laid.complained() == []


def test_a_segmentation_covers_the_pixels_of_its_mask(laid: Viewer, whole: Path) -> None:
    """Pixel by pixel of the image: all inside the mask is colored, and nothing beside it."""
    seg = pydicom.dcmread(whole / ON_CT["SEG"])
    numbers = [
        group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for group in seg.PerFrameFunctionalGroupsSequence
    ]
    masks = seg.pixel_array > 0
    # Whichever slice it opens at; a rim of a pixel is blurred.
    somewhere = _grown(masks.any(axis=0))
    everywhere = ~_grown(~masks[np.array(numbers) == 2].all(axis=0), 2)
    assert everywhere.sum() > 3000
    # The letters of the orientation are colored as well.
    middle = np.zeros_like(somewhere)
    middle[18:112, 8:122] = True
    laid.open(str(seg.StudyInstanceUID))

    def far() -> float:
        shown = fitted(laid.screen(), 128, 128).astype(int)
        at = ((np.arange(128) + 0.5) * shown.shape[0] / 128).astype(int)
        is_colored = np.ptp(shown[at][:, at], axis=-1) > 60
        wrong = (is_colored & middle & ~somewhere) | (everywhere & ~is_colored)
        return float(wrong.sum())

    assert laid.chosen("SEG", far, most=0) == 0
    assert laid.complained() == []


def _grown(mask: Any, steps: int = 1) -> Any:
    """Return a mask with the pixels beside it."""
    for _ in range(steps):
        wide = np.pad(mask, 1)
        mask = (
            wide[1:-1, 1:-1] | wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]
        )
    return mask


def series_of(viewer: Viewer) -> dict[tuple[str, str], list[str]]:
    """Return study and series of the images that the server has, with their instances."""
    found: dict[tuple[str, str], list[str]] = {}
    asked = f"{viewer.base}/instances?includefield=00280010&includefield=00080016"
    for each in json.load(urlopen(asked)):  # noqa: S310
        value = {tag: (held.get("Value") or [""])[0] for tag, held in each.items()}
        # It opens no study without a modality.
        is_opened = value.get("00280010") and value.get("00080060")
        if is_opened and value["00080016"] not in NOT_ALONE:
            found.setdefault((value["0020000D"], value["0020000E"]), []).append(value["00080018"])
    return found


def alike(shown: Any, wanted: Any) -> float:
    """Return how far two pictures are from each other, whatever the window: 0 to 2."""
    parts = min(8, *shown.shape[:2], *wanted.shape[:2])
    one, other = (grid_of(each, parts).mean(axis=-1).ravel() for each in (shown, wanted))
    if min(one.std(), other.std()) < 2:
        return float(abs(one - other).max()) / 128
    return 1 - float(np.corrcoef(one, other)[0, 1])


def distance(viewer: Viewer, study: str, series: str, instances: list[str]) -> float | None:
    """Return how far a series is from the nearest of our pictures; None where there are none."""
    wanted = []
    for each in instances[:12]:
        path = f"/studies/{study}/series/{series}/instances/{each}/frames/1/rendered"
        try:
            wanted.append(viewer.picture(f"{path}?square-pixels=yes"))
        except HTTPError as error:
            error.close()
    if not wanted:
        return None
    try:
        viewer.open(study, series=series)
    except playwright.TimeoutError:
        return 9.0

    def far() -> float:
        shown = viewer.shown()
        if shown is None:
            return 2.0
        return min(alike(fitted(shown, *each.shape[:2]), each) for each in wanted)

    return viewer.settled(far, most=ALIKE, seconds=20)


def test_real_series_look_like_our_pictures(real: Viewer, corpus: Path) -> None:
    faults = {}
    excused = {
        str(pydicom.dcmread(corpus.parent / name, stop_before_pixels=True).SeriesInstanceUID)
        for name in (KNOWN if ALL else ())
    }
    for (study, series), instances in series_of(real).items():
        if series in excused:
            continue
        far = distance(real, study, series, instances)
        complaints = real.complained()
        if far is not None and (far > ALIKE or complaints):
            faults[series] = (study, far, complaints)
    assert faults == {}


def test_a_slide_is_shown(viewer: Viewer) -> None:
    viewer.open_slide(SLIDE)
    # It turns slides so that their label is at the top: half a turn for this orientation.
    wanted = grid_of(slide_matrix()[::-1, ::-1].astype(float))

    def far() -> float:
        inside = viewer.screen(".DicomMicroscopyViewer")[4:-4, 4:-4]
        part = lit_part(inside)
        return float(abs(grid_of(part) - wanted).max()) if part.size else 255.0

    assert viewer.settled(far, most=CLOSE) <= CLOSE
    assert viewer.complained() == []
