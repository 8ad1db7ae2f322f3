"""``rendicom convert --presentation-state``: one file, folders, and what does not go with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from presentationstates import GRAYSCALE, element, reference, state, voi, vois
from rendicom.testing import image

Run = Callable[..., object]
TURNED = state(
    element(0x00700042, "US", 90), vois(voi("2", "2")), references=[reference(frames=())]
)


def _image(path: Path, *, instance: str = "", frames: int | None = None) -> Path:
    shape = (2, 3) if frames is None else (frames, 2, 3)
    uid = (element(0x00080018, "UI", instance),) if instance else ()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(image(np.arange(np.prod(shape), dtype=np.uint8).reshape(shape), extra=uid))
    return path


def _shown(path: Path) -> list[list[int]]:
    with Image.open(path) as picture:
        return np.asarray(picture).tolist()


@pytest.fixture
def told(here: Path) -> Path:
    path = here / "state.dcm"
    path.write_bytes(TURNED)
    return path


def test_one_picture(here: Path, told: Path, run: Run) -> None:
    _image(here / "a.dcm")
    done = run("convert", "a.dcm", "a.png", "--presentation-state", "state.dcm", "-v")
    assert done.status == 0, done.err
    # Values above 1 are white; the first column turned by 90 degrees is the first row.
    assert _shown(here / "a.png") == [[255, 0], [255, 0], [255, 255]]
    assert "of the presentation state" in done.err


def test_one_picture_it_is_not_for(here: Path, told: Path, run: Run) -> None:
    _image(here / "b.dcm", instance="1.9.9")
    done = run("convert", "b.dcm", "b.png", "--presentation-state", "state.dcm")
    assert done.status == 1
    assert "does not refer" in done.err
    assert not (here / "b.png").exists()


@pytest.mark.parametrize("engine", ["inline", "local"])
def test_a_folder_where_it_is_for_some(engine: str, here: Path, told: Path, run: Run) -> None:
    _image(here / "in" / "a.dcm")
    _image(here / "in" / "b.dcm", instance="1.9.9")
    _image(here / "in" / "c.dcm", instance="1.9.8")
    done = run(
        "convert", "in", "out/", "--format", "png", "--engine", engine, "--jobs", "1",
        "--presentation-state", "state.dcm",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert _shown(here / "out" / "a.png") == [[255, 0], [255, 0], [255, 255]]
    assert _shown(here / "out" / "b.png") == [[0, 51, 102], [153, 204, 255]]
    assert done.err.count("shown without it") == 1
    plain = run("convert", "in/b.dcm", "plain.png")
    assert plain.status == 0
    assert (here / "plain.png").read_bytes() == (here / "out" / "b.png").read_bytes()


def test_only_the_frames_it_is_for(here: Path, run: Run) -> None:
    (here / "state.dcm").write_bytes(
        state(element(0x00700042, "US", 90), references=[reference(frames=(2,))])
    )
    _image(here / "loop.dcm", frames=3)
    done = run(
        "convert", "loop.dcm", "out/", "--format", "png", "--presentation-state", "state.dcm"
    )
    assert done.status == 0, done.err
    shown = [np.shape(_shown(path)) for path in sorted((here / "out").glob("*.png"))]
    assert shown == [(2, 3), (3, 2), (2, 3)]


def test_resume_does_not_mix_states(here: Path, told: Path, run: Run) -> None:
    _image(here / "in" / "a.dcm")
    line = ("convert", "in", "out/", "--format", "png", "--engine", "inline")
    assert run(*line).status == 0
    before = _shown(here / "out" / "a.png")
    assert run(*line, "--resume", "--presentation-state", "state.dcm").status == 0
    assert _shown(here / "out" / "a.png") != before


@pytest.mark.parametrize(("arguments", "words"), [
    (("--window", "40,400"), "--window and a presentation state"),
    (("--rotate", "90"), "--rotate and a presentation state"),
    (("--invert",), "--invert and a presentation state"),
])  # fmt: skip
def test_clashes_are_usage_errors(
    arguments: tuple[str, ...], words: str, here: Path, told: Path, run: Run
) -> None:
    _image(here / "a.dcm")
    done = run("convert", "a.dcm", "a.png", "--presentation-state", "state.dcm", *arguments)
    assert done.status == 2
    assert words in done.err


def test_what_is_no_presentation_state(here: Path, run: Run) -> None:
    _image(here / "a.dcm")
    (here / "blending.dcm").write_bytes(state(kind=GRAYSCALE[:-1] + "4"))
    for name, words in (
        ("a.dcm", "not a presentation state"), ("nothing.dcm", "nothing.dcm"),
        ("blending.dcm", "Blending"),
    ):  # fmt: skip
        done = run("convert", "a.dcm", "a.png", "--presentation-state", name)
        assert done.status == 2, done.err
        assert words in done.err
    assert not (here / "a.png").exists()


def test_annotation_through_the_flag(here: Path, run: Run) -> None:
    path = here / "a.dcm"
    path.write_bytes(
        image(np.full((120, 160), 9, np.uint8), extra=[element(0x00100010, "PN", "Doe^J")])
    )
    assert run("convert", "a.dcm", "plain.png").status == 0
    assert run("convert", "a.dcm", "named.png", "--annotation", "technique,patient").status == 0
    assert _shown(here / "plain.png") != _shown(here / "named.png")
    done = run("convert", "a.dcm", "x.png", "--annotation", "name")
    assert done.status == 2
    assert "annotation" in done.err
