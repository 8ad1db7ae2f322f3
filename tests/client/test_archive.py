"""A server and a folder are one to a program, and give the same pictures."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("psutil")

import rendicom
from clientserver import path_of
from rendicom.errors import NoSuchResourceError
from servedfiles import GRAY, LOOP, LOOPS, PAPERS, SQUARE, WIDE

WINDOW = rendicom.RenderOptions(window=rendicom.Window(40, 400))


@pytest.fixture(params=["folder", "server", "server, rendered here"])
def archive(request, made_server):
    if request.param == "folder":
        opened = rendicom.open_folder(made_server.folders[0])
    else:
        how = "local" if "here" in request.param else "auto"
        opened = rendicom.connect(made_server.base, rendering=how)
    with opened:
        yield opened


def uid(model, tag="0020000D"):
    return model[tag]["Value"][0]


def test_searches(archive):
    studies = {uid(each) for each in archive.search()}
    assert {GRAY, LOOPS, PAPERS} <= studies
    assert [uid(each) for each in archive.search(match={"StudyInstanceUID": GRAY})] == [GRAY]
    series = list(archive.search("series", study=GRAY))
    assert {uid(each, "0020000E") for each in series} == {f"{GRAY}.1", f"{GRAY}.2"}
    found = list(archive.search("instances", study=GRAY, series=f"{GRAY}.1", include=["Rows"]))
    rows = {uid(each, "00080018"): uid(each, "00280010") for each in found}
    assert (rows[WIDE], rows[SQUARE]) == (256, 512)
    assert len(list(archive.search(limit=2))) == 2
    assert list(archive.search(match={"PatientID": "nobody"})) == []


def test_instances_come_series_by_series(archive):
    found = list(archive.instances(GRAY))
    assert {each.instance for each in found} >= {WIDE, SQUARE}
    assert {each.study for each in found} == {GRAY}
    series = [each.series for each in found]
    assert series == sorted(series)
    assert list(archive.instances(GRAY, f"{GRAY}.1")) == [
        each for each in found if each.series == f"{GRAY}.1"
    ]
    assert len(list(islice(archive.instances(limit=3), 10))) == 3


@pytest.mark.parametrize(
    ("study", "instance", "frame", "options"),
    [
        (GRAY, SQUARE, 1, rendicom.RenderOptions()),
        (GRAY, WIDE, 1, WINDOW),
        (GRAY, WIDE, 1, rendicom.RenderOptions(invert=True, bit_depth=16)),
        (LOOPS, LOOP, 4, rendicom.RenderOptions(max_size=20)),
    ],
)
def test_pictures_are_those_of_the_file(archive, made_server, study, instance, frame, options):
    got = archive.render(study, f"{study}.1", instance, frame, options, "image/png")
    expected = rendicom.render(path_of(made_server.folders[0], instance), frame, options,
                               "image/png")  # fmt: skip
    assert (got.data, got.frame) == (expected.data, frame)


def test_an_instance_is_opened(archive):
    with archive.open(LOOPS, f"{LOOPS}.1", LOOP) as instance:
        assert instance.description.number_of_frames == 5
        assert isinstance(instance.frame(2).samples, np.ndarray)


def test_what_is_not_there(archive):
    with pytest.raises(NoSuchResourceError):
        archive.open(GRAY, f"{GRAY}.1", "1.2.3")
    with pytest.raises(NoSuchResourceError):
        archive.render(GRAY, f"{GRAY}.1", "1.2.3")
    with pytest.raises(rendicom.NoSuchFrameError):
        archive.render(LOOPS, f"{LOOPS}.1", LOOP, 6)


def test_places_that_are_none(tmp_path):
    with pytest.raises(rendicom.OptionError, match="no folder"):
        rendicom.open_folder(tmp_path / "nothing")
    with pytest.raises(rendicom.OptionError, match="form https"):
        rendicom.connect("pacs.example")
    with pytest.raises(rendicom.OptionError, match="names a resource"):
        rendicom.connect("http://pacs.example/dicomweb/studies/1.2.3")


def test_a_program_needs_no_cause_to_load_it():
    import subprocess
    import sys

    code = "import rendicom, sys; rendicom.render; print([n for n in sys.modules if 'client' in n])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
