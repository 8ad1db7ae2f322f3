"""`rendicom.convert`: a folder in one call, the same as the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rendicom
from rendicom.batch.outcomes import Failed, Written
from rendicom.cli.main import main
from rendicom.testing.images import image

FRAME = np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    (root / "a").mkdir(parents=True)
    (root / "a" / "one.dcm").write_bytes(image(FRAME))
    (root / "two.dcm").write_bytes(image(np.stack([FRAME, FRAME.T])))
    (root / "broken.dcm").write_bytes(image(FRAME)[:-100])
    (root / "notes.txt").write_text("no DICOM")
    return root


def pictures(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*.png")}


def command(*arguments: object) -> int:
    return main([str(each) for each in arguments])


@pytest.mark.parametrize("engine", ["local", "threads", "inline"])
def test_as_the_command(archive: Path, tmp_path: Path, engine: str) -> None:
    results: list[object] = []
    summary = rendicom.convert(
        archive, tmp_path / "out", format="png", jobs=2, engine=engine, on_result=results.append
    )
    assert command("convert", archive, tmp_path / "typed", "--format", "png", "-q") == 0
    assert pictures(tmp_path / "out") == pictures(tmp_path / "typed") != {}
    made = np.asarray(Image.open(tmp_path / "out" / "a" / "one.png"))
    assert np.array_equal(made, FRAME)
    assert (summary.written, summary.failed, summary.ignored) == (4, 0, 1)
    assert sum(isinstance(each, Written) for each in results) == 4
    assert summary.manifest == str(tmp_path / "out" / "manifest.jsonl")
    lines = Path(summary.manifest).read_text().splitlines()
    assert sorted(json.loads(line)["status"] for line in lines).count("ok") == 4


def test_failures_are_outcomes(archive: Path, tmp_path: Path) -> None:
    (archive / "broken.dcm").write_bytes(image(FRAME)[:200])
    summary = rendicom.convert([archive, tmp_path / "missing"], tmp_path / "out", engine="inline")
    assert summary.failed == len(summary.failures) == 2
    assert all(isinstance(each, Failed) and each.code for each in summary.failures)


def test_goes_on_where_it_was(archive: Path, tmp_path: Path) -> None:
    first = rendicom.convert(archive, tmp_path / "out", engine="inline", manifest="table.csv")
    again = rendicom.convert(
        archive, tmp_path / "out", engine="inline", manifest="table.csv", resume=True
    )
    assert (first.written, first.done_before) == (4, 0)
    assert (again.written, again.done_before) == (0, 3)
    other = rendicom.convert(
        archive, tmp_path / "out", engine="inline", manifest="table.csv", resume=True,
        options=rendicom.RenderOptions(invert=True),
    )  # fmt: skip
    assert other.written == 4


def test_the_command_goes_on_where_the_library_was(archive: Path, tmp_path: Path) -> None:
    rendicom.convert(archive, tmp_path / "out", engine="inline", layout="{source}.{ext}")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.jpg")}
    command("convert", archive, tmp_path / "out", "--resume", "-q", "--layout", "{source}.{ext}")
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize(("arguments", "word"), [
    ({"format": "klingon"}, "klingon"),
    ({"frames": "0"}, "frame"),
    ({"layout": "{PatientID}.{ext}"}, "PatientID"),
    ({"engine": "steam"}, "steam"),
    ({"engine": "inline", "timeout": 3.0}, "timeout"),
    ({"manifest": None, "resume": True}, "resume"),
    ({"manifest": "table.xls"}, "table.xls"),
    ({"existing": "ask"}, "existing 'ask' is not one of overwrite, skip, fail"),
    ({"timeout": 0}, "timeout 0 is not"), ({"timeout": -1}, "timeout -1 is not"),
    ({"timeout": "soon"}, "timeout: 'soon' is not a number"),
    ({"jobs": 0}, "jobs 0 is not"), ({"jobs": "2"}, "jobs '2' is not"),
    ({"jobs": 1.5}, "jobs 1.5 is not"), ({"frames": 1}, "frames 1 are not text"),
    ({"format": None}, "format None is not one of"), ({"options": {}}, "type dict are not"),
    ({"on_result": 3}, "on_result 3 cannot be called"), ({"series": "one"}, "series 'one'"),
])  # fmt: skip
def test_wrong_arguments_convert_nothing(
    archive: Path, tmp_path: Path, arguments: dict[str, object], word: str
) -> None:
    with pytest.raises(rendicom.RendicomError, match=word):
        rendicom.convert(archive, tmp_path / "out", **arguments)  # type: ignore[arg-type]
    assert pictures(tmp_path / "out") == {}


@pytest.mark.parametrize("call", [
    lambda: rendicom.convert(None, "out"),  # type: ignore[arg-type]
    lambda: rendicom.convert("archive", None),  # type: ignore[arg-type]
    lambda: rendicom.convert("archive", ["out"]),  # type: ignore[arg-type]
    lambda: rendicom.convert(["archive", 3], "out"),  # type: ignore[list-item]
    lambda: rendicom.dataset(None),  # type: ignore[arg-type]
    lambda: rendicom.dataset("archive", options={}),  # type: ignore[arg-type]
])  # fmt: skip
def test_what_is_no_path_is_an_option_error(call: Callable[[], object]) -> None:
    with pytest.raises(rendicom.OptionError, match=r"path|RenderOptions"):
        call()


def test_one_modality_may_be_a_text(archive: Path, tmp_path: Path) -> None:
    (archive / "three.dcm").write_bytes(image(FRAME, modality="MR"))
    made = rendicom.convert(archive, tmp_path / "out", modality="MR", engine="inline")
    assert made.written == 1
    assert len(rendicom.dataset(archive, modality="MR")) == 1


def test_the_name_of_one_picture_is_no_folder(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(rendicom.OptionError, match=r"ct\.png"):
        rendicom.convert(archive / "a" / "one.dcm", tmp_path / "ct.png")
    assert not (tmp_path / "ct.png").exists()


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_leaves_a_run_that_goes_on(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    root.mkdir()
    for number in range(300):
        (root / f"{number:03}.dcm").write_bytes(image(FRAME))
    # As in a notebook: at the top of a script, without a guard for a second import.
    script = tmp_path / "script.py"
    script.write_text(
        "import rendicom, sys\n"
        "try:\n"
        "    rendicom.convert('archive', 'out', jobs=2, on_result=lambda _: print(flush=True))\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    running = subprocess.Popen([sys.executable, script], cwd=tmp_path, stdout=subprocess.PIPE)
    assert running.stdout is not None
    running.stdout.readline()
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    done = len(list((tmp_path / "out").glob("*.jpg")))
    assert (running.returncode, done < 300) in ((130, True), (0, False))
    summary = rendicom.convert(root, tmp_path / "out", jobs=2, resume=True)
    assert summary.written + summary.done_before == 300
    assert len(list((tmp_path / "out").glob("*.jpg"))) == 300
