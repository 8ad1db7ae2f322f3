"""The bytes of `/rendered` are those of the library and of `rendicom convert`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rendicom import RenderOptions, open_instance, render
from rendicom.cli.main import main
from rendicom.dicomweb.problems import problem_of
from rendicom.dicomweb.rendered_parameters import rendered_parameters
from rendicom.errors import RendicomError
from rendicom.index.scan_scheduler import read_indexed
from servedfiles import GRAY, LOOP, LOOPS, WIDE, path
from serverprocess import served

OPTIONS = (
    {},
    {"voi": "minmax"},
    {"window": "40,400,linear", "viewport": "200,150"},
    {"invert": "yes", "rotate": "90", "quality": "60"},
    {"voi": "percentile:2,98", "bit-depth": "16"},
    {"overlays": "yes", "annotation": "technique", "viewport": "300,300,10,10,60,-50"},
    {"icc": "srgb", "flip": "h"},
)
TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/tiff", "image/bmp")


class Found(NamedTuple):
    file: Path
    where: str
    frames: int


def found_in(*folders: Path) -> list[Found]:
    """Return what is served of folders: of files with the same UIDs, the one that comes first."""
    by_path: dict[str, Found] = {}
    everything = (each for folder in folders for each in folder.rglob("*") if each.is_file())
    for file in sorted(everything, key=str):
        try:
            entry = read_indexed(str(file), "", 0)
        except RendicomError:
            continue
        if entry is None or not entry.has_pixels:
            continue
        where = path(entry.study, entry.instance, series=entry.series)
        by_path.setdefault(where, Found(file, where, entry.number_of_frames))
    return list(by_path.values())


def cases(found: list[Found]) -> Iterator[tuple[Found, dict[str, str], str]]:
    """Yield each file with some options and a format; all of them come up in turn."""
    options, types = cycle(OPTIONS), cycle(TYPES)
    for each in found:
        yield each, {}, "image/png"
        # Seven and six have no common divisor: no pair comes twice in a short while.
        yield each, next(options), next(types)


def from_library(file: Path, options: dict[str, str], media_type: str) -> bytes | int:
    """Return the bytes of the first frame, or the status of what is wrong with it."""
    try:
        made = render(file, media_type=media_type, options=RenderOptions.parse(options))
    except RendicomError as error:
        return problem_of(error).status
    return made.data


def from_server(server: Any, each: Found, options: dict[str, str], media_type: str) -> bytes | int:
    query = {"iccprofile" if name == "icc" else name: text for name, text in options.items()}
    response = server.get(f"{each.where}/frames/1/rendered", media_type, params=query)
    return response.content if response.status_code == 200 else int(response.status_code)


def compare(server: Any, found: list[Found]) -> int:
    """Return how many pictures are the same bytes; the others are told of."""
    wanted = list(cases(found))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda case: from_server(server, *case), wanted))
    different, pictures = [], 0
    for case, answer in zip(wanted, answers, strict=True):
        expected = from_library(case[0].file, *case[1:])
        pictures += isinstance(expected, bytes)
        # A profile that a format has no place for is refused before the file is opened.
        if answer != expected and not (answer == 400 and "icc" in case[1]):
            kinds = [x if isinstance(x, int) else f"{len(x)} bytes" for x in (answer, expected)]
            different.append((case[0].file.name, *case[1:], *kinds))
    assert different == []
    return pictures


def test_real_files(server, folder):
    found = found_in(folder / "real", folder / "made")
    assert len(found) > 40
    assert compare(server, found) > 80


@pytest.mark.corpus
def test_corpus(corpus):
    with served(corpus, "--rescan", "0", workers=2) as server:
        found = [each for each in found_in(corpus) if each.file.stat().st_size < 1 << 20]
        server.wait_for_index()
        assert compare(server, found[::3]) > 60


def test_the_command(server, folder, tmp_path, capsys):
    for number, (options, suffix) in enumerate(zip(OPTIONS, cycle((".png", ".jpg")))):
        target = tmp_path / f"{number}{suffix}"
        flags = [text for name, value in options.items() for text in (f"--{name}", value)]
        flags = [flag for flag in flags if flag != "yes"]
        assert main(["convert", str(folder / "made" / "wide.dcm"), str(target), *flags]) == 0
        query = {"iccprofile" if name == "icc" else name: text for name, text in options.items()}
        media_type = {".png": "image/png", ".jpg": "image/jpeg"}[suffix]
        response = server.get(path(GRAY, WIDE) + "/rendered", media_type, params=query)
        assert response.content == target.read_bytes(), options


def test_loops(server, folder):
    file = folder / "made" / "loop.dcm"
    for media_type in ("image/gif", "image/apng", "image/webp"):
        for options in ({}, {"viewport": "6,6"}):
            with open_instance(file) as instance:
                made = instance.render_animation(None, RenderOptions.parse(options), media_type)
            response = server.get(path(LOOPS, LOOP) + "/rendered", media_type, params=options)
            assert response.content == made.data


def test_every_parameter_does_the_same(server, folder):
    values = {
        "window": "10,300,sigmoid", "voi": "roi:10,10,50,50", "preset": "bone", "invert": "yes",
        "bit-depth": "16", "values": "stored", "padding": "no", "shutter": "no",
        "viewport": "50,50", "max-size": "99", "rotate": "270", "flip": "v",
        "square-pixels": "yes", "quality": "10", "compression": "9", "overlays": "yes",
        "overlay-planes": "6000", "overlay-mode": "invert", "overlay-color": "#ff0000",
        "annotation": "patient", "iccprofile": "yes", "strict": "yes", "fast": "yes",
        # Without layers on the image these change nothing.
        "layer-opacity": "0.5", "layer-style": "fill", "layer-items": "1,2", "layer-labels": "yes",
        "layer-palette": "HOT_IRON", "layer-window": "10,20", "legend": "yes",
        "isodose": "20Gy,95%", "suv": "yes", "gsdf": "0.5,500", "scale": "2",
    }  # fmt: skip
    known = {each.name for each in rendered_parameters()} - {"accept", "charset", "frames", "layer"}
    assert known == set(values), "a new parameter wants a value here"
    for name, text in values.items():
        options = RenderOptions.parse({"icc" if name == "iccprofile" else name: text})
        expected = render(folder / "made" / "wide.dcm", media_type="image/png", options=options)
        response = server.get(path(GRAY, WIDE) + "/rendered", "image/png", params={name: text})
        assert response.content == expected.data, name
