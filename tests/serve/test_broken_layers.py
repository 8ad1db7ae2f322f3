"""Objects that lie on images and are broken, on a server that goes on: a clear word for each."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("highdicom")

from brokenlayers import NAMES, broken, good_images
from brokenparts import written
from phantoms import as_bytes, segmentation, series
from serverprocess import Served, served

KINDS = ("seg", "contours", "dose", "report", "keys", "state", "blending", "view", "annotations",
         "image")  # fmt: skip
PICTURE = "image/png, application/problem+json;q=0.1"
PARTS = 'multipart/related; type="image/png", application/problem+json;q=0.1'
ANSWERS = {200, 400, 404, 406, 413, 500, 501}
MEMORY = 700 << 20
"""Bytes of the server and its worker: what libraries take, and some pictures."""
TOLD = {
    "seg-sheared": "is not drawn: frame 5: Image Orientation (Patient) 1\\0\\0\\0.6\\0.8\\0 is",
    "seg-nan-orientation": "Image Orientation (Patient) 1\\0\\nan\\0\\1\\0 is damaged",
    "seg-zero-spacing": "Pixel Spacing 0\\1 is not positive",
    "seg-elsewhere": "is not drawn: it is in another frame of reference than the image",
    "seg-no-rows": "cannot be drawn: Rows is 0",
    "seg-no-pixels": "cannot be drawn: the object is of class Segmentation and holds no pixel data",
    "seg-garbled": "cannot be drawn: frame",
    "seg-colour": "cannot be drawn: the pixels of the segmentation are colors",
    "seg-truncated": "is drawn, but frame 3: the header declares 5 frames, the file holds",
    "contours-nan": "is not drawn: a contour is damaged",
    "contours-odd": "is not drawn: a contour is damaged",
    "contours-empty": "is not drawn: a contour has no points",
    "contours-elsewhere": "is not drawn: it is in another frame of reference than the image",
    "dose-no-scaling": "is drawn, but it has no Dose Grid Scaling above 0: its values have no unit",
    "dose-nan-scaling": "is drawn, but it has no Dose Grid Scaling above 0",
    "dose-short-offsets": "is drawn, but frame 3: the Grid Frame Offset Vector is shorter than",
    "dose-truncated": "the header declares 3 frames, the file holds",
    "dose-of-zero": "is not drawn: it has no value above 0",
    "dose-colour": "cannot be drawn: the values of the dose are colors",
    "report-nan": "is not drawn: the coordinates of a mark are damaged",
    "report-kind": "is not drawn: a mark is of an unknown kind, or has too few points",
    "report-many-marks": "is drawn, but it has more than 4096 marks: not all are drawn",
    "report-of-itself": "is not drawn: it refers to other images only",
    "keys-circle-1": "is not drawn: it refers to other images only",
    "annotations-starts": "is not drawn: the index of the points of a group is damaged",
    "annotations-kind": "is not drawn: a group is of an unknown kind",
    "blending-lone": "cannot be drawn: the presentation state does not say which images lie",
    "blending-advanced-circle": "cannot be drawn: the presentation state blends an input that",
    "blending-of-nothing": "is not drawn: the images it superimposes were not found",
    "image-singular": "is not drawn: Image Orientation (Patient) 1\\0\\0\\1\\0\\0 is singular",
}
"""What is said of an object as a layer of the third image; its UID stands before it."""
ALONE = {
    "contours-nan": (404, "is not drawn: a contour is damaged"),
    "contours-none": (404, "is not drawn: it has no contours"),
    "dose-no-pixels": (406, "no rendered form"),
    "state-of-itself": (404, "none of the images of the presentation state"),
    "state-circle-1": (404, "none of the images of the presentation state"),
    "state-of-nothing": (404, "none of the images of the presentation state"),
    "blending-of-itself": (404, "none of the images that the presentation state superimposes"),
    "view-huge": (413, "90000 x 90000 pixels"),
    "view-nan": (500, "is damaged"),
}
"""Status and words for an object by itself."""


class Study(NamedTuple):
    """What is served: the images, and the broken objects by what is wrong with them."""

    server: Served
    images: list[Any]
    objects: dict[str, Any]

    def ask(self, ds: Any, below: str, accept: str = PICTURE, **query: str) -> Any:
        """Return the answer of the server to a request for an instance."""
        path = (
            f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"
            f"/instances/{ds.SOPInstanceUID}{below}"
        )
        return self.server.get(path, accept, params=query)

    def on_image(self, name: str) -> Any:
        """Return the answer for the third image with an object on it."""
        uid = str(self.objects[name].SOPInstanceUID)
        return self.ask(self.images[2], "/rendered", layer=uid)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    folder: Path = tmp_path_factory.mktemp("broken")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        images = good_images()
        objects = broken(images)
        files = {**objects, **{f"ct{number}": ds for number, ds in enumerate(images)}}
        for name, ds in files.items():
            # The name of the file is one that nobody may hear either.
            (folder / f"{NAMES[0]}-{name}.dcm").write_bytes(written(ds))
    with served(folder, "--rescan", "0") as server:
        server.wait_for_index(len(files))
        yield Study(server, images, objects)
        assert not any("Traceback" in line or "unexpected" in line for line in server.errors)


def said(answer: Any) -> str:
    """Return what an answer says of what went wrong; "" where nothing did."""
    told = answer.headers.get("warning", "")
    if "problem" in answer.headers.get("content-type", ""):
        told += answer.json()["detail"]
    return told


def complaints(what: str, answer: Any) -> list[str]:
    """Return what is wrong with an answer itself."""
    found = []
    text = "" if "html" in answer.headers["content-type"] else answer.text
    if answer.status_code not in ANSWERS:
        found.append(f"status {answer.status_code}")
    if answer.status_code != 200:
        problem = answer.json()
        if problem["code"] == "internal-error":
            found.append("a fault of our own")
        if not problem["detail"] or "\n" in problem["detail"]:
            found.append("no clear line")
    if any(name in text + said(answer) for name in NAMES):
        found.append("it names somebody")
    return [f"{what}: {each}: {said(answer)}" for each in found]


@pytest.mark.parametrize("kind", KINDS)
def test_every_request_for_a_broken_object_is_answered_with_a_word(study: Study, kind: str) -> None:
    workers = {each.pid for each in study.server.workers()}
    before = study.ask(study.images[2], "/rendered").content
    wrong = []
    chosen = [name for name in study.objects if name.partition("-")[0] == kind]
    assert len(chosen) >= 5
    for name in chosen:
        ds = study.objects[name]
        answers = {
            "alone": study.ask(ds, "/rendered"),
            "parts": study.ask(ds, "/rendered", PARTS),
            "thumbnail": study.ask(ds, "/thumbnail", "image/jpeg, application/problem+json;q=0.1"),
        }
        if kind != "image":
            answers["list"] = study.ask(ds, "/layers", "application/json")
            assert answers["list"].status_code == 200, name
        layer = study.on_image(name)
        answers["layer"] = layer
        if layer.status_code != 200 and str(ds.SOPInstanceUID) not in said(layer):
            wrong.append(f"{name}: does not say which layer: {said(layer)}")
        for what, answer in answers.items():
            wrong += complaints(f"{name} {what}", answer)
    assert wrong == []
    assert {each.pid for each in study.server.workers()} == workers
    assert study.server.memory() < MEMORY
    assert study.ask(study.images[2], "/rendered").content == before


@pytest.mark.parametrize("name", TOLD)
def test_a_layer_that_is_broken_is_named_with_its_fault(study: Study, name: str) -> None:
    told = said(study.on_image(name)).replace("\\\\", "\\")
    uid = study.objects[name].SOPInstanceUID
    if name.startswith("image"):
        uid = study.objects[name].SeriesInstanceUID
    assert f"{uid} " in told
    assert TOLD[name] in told


@pytest.mark.parametrize("name", ALONE)
def test_an_object_that_cannot_be_shown_says_why(study: Study, name: str) -> None:
    status, words = ALONE[name]
    answer = study.ask(study.objects[name], "/rendered")
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert words in said(answer)


def test_a_dose_without_scaling_has_no_unit(study: Study) -> None:
    for name, high in (("dose-of-plan", "19.5 Gy"), ("dose-zero-scaling", "1.95e+04")):
        listed = study.ask(study.objects[name], "/layers", "application/json").json()["layers"]
        assert listed[0]["bar"]["high"] == high


def test_a_broken_object_leaves_the_list_of_the_study_whole(study: Study) -> None:
    series_path = f"/studies/{study.images[0].StudyInstanceUID}/series/"
    path = f"{series_path}{study.images[0].SeriesInstanceUID}/layers"
    answer = study.server.get(path, "application/json")
    assert answer.status_code == 200
    listed = {each["layer"] for each in answer.json()["layers"]}
    left_out = {each["layer"]: each["problem"] for each in answer.json()["left_out"]}
    assert str(study.objects["seg-of-nothing"].SOPInstanceUID) in listed
    for name in ("seg-no-rows", "seg-garbled", "seg-sheared", "dose-colour", "blending-lone",
                 "contours-nan", "dose-of-zero"):  # fmt: skip
        uid = str(study.objects[name].SOPInstanceUID)
        assert uid not in listed
        assert left_out[uid].startswith(f"{uid} ")
        words = TOLD[name].partition("cannot be drawn: ")[2] or TOLD[name].partition(": ")[2]
        assert words[:20] in left_out[uid] or name == "seg-sheared"
    # What draws nothing here, as most reports of a study, is nothing to complain about.
    assert str(study.objects["report-nothing"].SOPInstanceUID) not in left_out
    assert not any(name in answer.text for name in NAMES)


def test_pictures_of_a_study_with_a_broken_layer(study: Study) -> None:
    path = f"/studies/{study.images[0].StudyInstanceUID}"
    for below in ("", f"/series/{study.images[0].SeriesInstanceUID}"):
        uid = str(study.objects["seg-no-rows"].SOPInstanceUID)
        answer = study.server.get(f"{path}{below}/rendered", PARTS, params={"layer": uid})
        assert answer.status_code in (200, 500)
        assert f"{uid} cannot be drawn: Rows is 0" in said(answer) or "left out" in said(answer)
    assert study.server.get(f"{path}/thumbnail", "image/jpeg").status_code == 200


def test_a_segmentation_of_a_thousand_frames_on_many_slices(tmp_path: Path) -> None:
    ct = series(np.full((600, 24, 24), 90, np.int16), step=1.0)
    masks = np.zeros((600, 24, 24, 2), np.uint8)
    masks[:, 2:9, 2:9, 0] = 1
    masks[:400, 14:20, 3:14, 1] = 1
    seg = segmentation(ct, masks, "BINARY", [(255, 0, 0), (0, 0, 255)], count=2)
    assert seg.NumberOfFrames == 1000
    for number, ds in enumerate([*ct, seg]):
        (tmp_path / f"{number}.dcm").write_bytes(as_bytes(ds))
    uid = str(seg.SOPInstanceUID)
    with served(tmp_path, "--rescan", "0") as server:
        server.wait_for_index(601)
        asked = Study(server, ct, {"seg": seg})
        for number, colours in ((300, 2), (500, 1)):
            answer = asked.ask(ct[number], "/rendered", layer=uid, **{"layer-opacity": "1"})
            shown = np.asarray(Image.open(BytesIO(answer.content)).convert("RGB"))
            assert len(np.unique(shown.reshape(-1, 3), axis=0)) == 1 + colours
        answer = asked.ask(seg, "/layers", "application/json")
        first = [each["first"]["instance"] for each in answer.json()["layers"][0]["items"]]
        assert first == [ct[0].SOPInstanceUID] * 2
        assert server.memory() < MEMORY


def test_a_list_that_was_made_opens_no_image_again(tmp_path: Path) -> None:
    """The images are gone before it is asked for again: only what is known can be answered."""
    ct = series(np.full((40, 8, 8), 90, np.int16))
    masks = np.zeros((40, 8, 8), np.uint8)
    masks[20:] = 1
    seg = segmentation(ct, masks, "BINARY", [(255, 0, 0)], count=1)
    for number, ds in enumerate([*ct, seg]):
        (tmp_path / f"{number}.dcm").write_bytes(as_bytes(ds))
    path = f"/studies/{seg.StudyInstanceUID}/series/{ct[0].SeriesInstanceUID}/layers"
    with served(tmp_path, "--rescan", "0") as server:
        server.wait_for_index(41)
        # Who opens the segmentation asks for its place, and then for the list of the series.
        place = Study(server, ct, {}).ask(seg, "/layers", "application/json").json()
        for file in tmp_path.glob("*.dcm"):
            file.unlink()
        listed = server.get(path, "application/json").json()
        named = server.get(path, "application/json", params={"names": "yes"}).json()
    assert place["layers"][0]["first"]["instance"] == ct[20].SOPInstanceUID
    assert listed == place
    assert named["layers"][0]["items"][0].pop("name") == "Part 1"
    assert named == place
