"""The commands against a real Orthanc, filled over STOW-RS."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rendicom
from orthancserver import orthanc
from rendicom.cli.main import main
from rendicom.testing.images import image
from rendicom.testing.writer import element
from reportmaker import container, part10, report

__all__ = ["orthanc"]

ROOT = "1.2.826.0.1.3680043.8.498.77"
STUDY = f"{ROOT}.1"
WINDOW = (element(0x00281050, "DS", "900"), element(0x00281051, "DS", "600"))


def _named(series: int, number: int) -> tuple:
    return (
        element(0x00080018, "UI", f"{STUDY}.{series}.{number}"),
        element(0x00080060, "CS", "CT"),
        element(0x00100010, "PN", "Toboso^Dulcinea"),
        element(0x00100020, "LO", "LaMancha4711"),
        element(0x0020000D, "UI", STUDY),
        element(0x0020000E, "UI", f"{STUDY}.{series}"),
        element(0x00200011, "IS", str(series)),
        element(0x00200013, "IS", str(number)),
    )


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> dict[str, Path]:
    """Return files by SOP Instance UID: slices with a window, a loop, and a report."""
    folder = tmp_path_factory.mktemp("sent")
    made = {}
    rows, columns = np.mgrid[0:48, 0:64]
    for number in range(1, 5):
        values = (rows * 20 + columns * 10 + number * 37).astype(np.uint16)
        extra = (*WINDOW, *_named(1, number))
        made[f"{STUDY}.1.{number}"] = image(values, bits_stored=12, extra=extra)
    frames = np.stack([(rows + columns + 20 * n).astype(np.uint8) for n in range(12)])
    made[f"{STUDY}.2.1"] = image(frames, bits_stored=8, extra=_named(2, 1))
    paths = {}
    for uid, data in made.items():
        paths[uid] = folder / f"{uid}.dcm"
        paths[uid].write_bytes(data)
    return paths


@pytest.fixture(scope="session")
def filled(orthanc, files) -> str:
    """Return the base of the server, with the files in it."""
    folder = str(next(iter(files.values())).parent)
    command = [sys.executable, "-m", "rendicom", "store", orthanc, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, f"rendicom: {len(files)} instances stored\n")
    return orthanc


def pictures(folder: Path, extension: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob(f"*{extension}"))
    }


def expected(
    files: dict[str, Path], options: rendicom.RenderOptions, kind: str
) -> dict[str, bytes]:
    """Return what `rendicom convert` would write: by series and instance, frames numbered."""
    found = {}
    media_type = {"png": "image/png", "jpg": "image/jpeg"}[kind]
    for uid, path in files.items():
        with rendicom.open_instance(path) as instance:
            count = instance.description.number_of_frames
            for frame in range(1, count + 1):
                name = f"{uid}-{frame:04}" if count > 1 else uid
                data = instance.render(frame, options, media_type).data
                found[f"{uid.rpartition('.')[0]}/{name}.{kind}"] = data
    return found


@pytest.mark.parametrize("kind", ["png", "jpg"])
@pytest.mark.parametrize("how", ["local", "auto"])
def test_a_whole_study(filled, files, tmp_path, capsys, kind, how):
    arguments = ["get", f"{filled}/studies/{STUDY}", str(tmp_path), "--format", kind]
    assert main([*arguments, "--render", how]) == 0
    assert pictures(tmp_path, kind) == expected(files, rendicom.RenderOptions(), kind)
    assert f"{4 + 12} pictures written" in capsys.readouterr().err
    manifest = (tmp_path / "manifest.jsonl").read_text()
    assert all(f'"{uid}"' in manifest for uid in files)
    assert "Toboso" not in manifest


def test_a_window_is_applied(filled, files, tmp_path, capsys):
    """Orthanc has another idea of linear-exact, so nothing is left to it."""
    options = rendicom.RenderOptions(window=rendicom.Window(500, 300, "linear-exact"))
    url = f"{filled}/studies/{STUDY}/series/{STUDY}.1"
    flags = ["--window", "500,300,linear-exact", "--format", "png", "-v"]
    assert main(["get", url, str(tmp_path), *flags]) == 0
    slices = {uid: path for uid, path in files.items() if uid.startswith(f"{STUDY}.1.")}
    assert pictures(tmp_path, "png") == {
        f"{uid}.png": rendicom.render(path, 1, options, "image/png").data
        for uid, path in slices.items()
    }
    assert "rendered here: the server is not rendicom serve" in capsys.readouterr().err


def test_frames_of_a_loop(filled, files, tmp_path, capsys):
    url = f"{filled}/studies/{STUDY}/series/{STUDY}.2/instances/{STUDY}.2.1"
    assert main(["get", url, str(tmp_path / "seven.png"), "--frames", "7", "-v"]) == 0
    path = files[f"{STUDY}.2.1"]
    wanted = rendicom.render(path, 7, media_type="image/png").data
    assert (tmp_path / "seven.png").read_bytes() == wanted
    assert "retrieved by the frame" in capsys.readouterr().err
    assert main(["get", f"{url}/frames/2,5", f"{tmp_path / 'some'}/", "--format", "png"]) == 0
    some = sorted((tmp_path / "some").glob("*.png"))
    assert [each.read_bytes() for each in some] == [
        rendicom.render(path, frame, media_type="image/png").data for frame in (2, 5)
    ]
    assert main(["get", url, str(tmp_path / "all.gif")]) == 0
    with rendicom.open_instance(path) as instance:
        assert (tmp_path / "all.gif").read_bytes() == instance.render_animation().data


def test_to_standard_output(filled, files, capfdbinary):
    url = f"{filled}/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.2"
    assert main(["get", url, "-", "--format", "png"]) == 0
    wanted = rendicom.render(files[f"{STUDY}.1.2"], 1, media_type="image/png").data
    assert capfdbinary.readouterr().out == wanted


def test_a_second_run_has_nothing_to_do(filled, tmp_path, capsys):
    arguments = ["get", f"{filled}/studies/{STUDY}", str(tmp_path), "--format", "png", "--resume"]
    assert main(arguments) == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    missing = min(before)
    missing.unlink()
    capsys.readouterr()
    assert main(arguments) == 0
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    assert after.keys() == before.keys()
    assert {path for path in after if after[path] != before[path]} == {missing}


def test_chosen_by_a_search(filled, tmp_path):
    flags = ["--match", "PatientID=LaMancha4711", "--series", f"{STUDY}.1", "--limit", "2"]
    assert main(["get", filled, str(tmp_path), "--format", "png", *flags]) == 0
    assert {path.stem for path in tmp_path.rglob("*.png")} == {f"{STUDY}.1.1", f"{STUDY}.1.2"}
    assert main(["get", filled, str(tmp_path / "none"), "--match", "PatientID=nobody"]) == 1


def test_what_no_server_can_be_asked_for(filled, files, tmp_path):
    url = f"{filled}/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1"
    assert main(["get", url, str(tmp_path / "a.png"), "--bit-depth", "16", "--invert"]) == 0
    options = rendicom.RenderOptions(bit_depth=16, invert=True)
    wanted = rendicom.render(files[f"{STUDY}.1.1"], 1, options, "image/png").data
    assert (tmp_path / "a.png").read_bytes() == wanted
    again = ["get", url, str(tmp_path / "b.png"), "--invert", "--render", "remote"]
    assert main(again) in (1, 2)
    assert not (tmp_path / "b.png").exists()


def test_what_it_can_do_is_found_out(filled, capsys):
    assert main(["probe", f"{filled}/studies/{STUDY}/series/{STUDY}.1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    found = {(each["service"], each["name"]): each["verdict"] for each in said["findings"]}
    assert found["search", "studies"] == "yes"
    assert found["retrieve", "instance, multipart, as stored"] == "yes"
    assert found["retrieve", "instance, single part"] == "no"
    assert found["rendered", "image/png"] == "yes"
    assert found["parameters", "window, linear"] == "yes"
    assert found["parameters", "window, linear-exact"] == "differs"
    assert found["parameters", "annotation"] == "ignored"
    assert found["thumbnails", "study"] == "no"
    assert found["service", "store"] == "not tried"


def test_it_is_searched(filled, capsys):
    assert main(["find", f"{filled}/studies/{STUDY}", "--csv"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert sorted(row.split(",")[-1] for row in rows[1:]) == [f"{STUDY}.1", f"{STUDY}.2"]


def test_a_report_becomes_a_page(orthanc, tmp_path, capsys):
    path = tmp_path / "report.dcm"
    path.write_bytes(part10(report(container("Findings"))))
    assert main(["store", orthanc, str(path)]) == 0
    with rendicom.open_instance(path) as instance:
        uid = instance.sop_instance
    capsys.readouterr()
    assert main(["find", orthanc, "--level", "instances", "--match", f"SOPInstanceUID={uid}",
                 "--json"]) == 0  # fmt: skip
    model = json.loads(capsys.readouterr().out)
    url = (
        f"{orthanc}/studies/{model['0020000D']['Value'][0]}/series/"
        f"{model['0020000E']['Value'][0]}/instances/{uid}"
    )
    assert main(["get", url, str(tmp_path / "got.html")]) == 0
    assert main(["convert", str(path), str(tmp_path / "own.html")]) == 0
    assert (tmp_path / "got.html").read_bytes() == (tmp_path / "own.html").read_bytes()
    assert main(["get", url, str(tmp_path / "got.png")]) == 1
    assert not (tmp_path / "got.png").exists()
