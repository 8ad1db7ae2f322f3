"""The contract of ``rendicom convert``, in this process."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from rendicom.testing.images import image

# The window 100, 200 of the samples is 0..199 (PS3.3 C.11.2.1.2.1), so value 23, the last
# pixel, is (23 - 99.5) / 199 * 255 + 127.5 = 29.47.
LAST_PIXEL = 29


def test_one_path_alone_is_a_jpg_in_the_current_folder(here, samples, run, tree) -> None:
    samples.gray("study/CT.1.2.DCM")
    result = run("convert", "study/CT.1.2.DCM")
    assert (result.status, result.out, result.err) == (0, "", "")
    assert tree() == {"study/CT.1.2.DCM", "CT.1.2.jpg"}
    with Image.open("CT.1.2.jpg") as picture:
        assert (picture.format, picture.size, picture.mode) == ("JPEG", (6, 4), "L")


def test_the_ending_of_target_is_the_format(here, samples, run) -> None:
    samples.gray("a.dcm")
    assert run("convert", "a.dcm", "x.png").status == 0
    with Image.open("x.png") as picture:
        assert (picture.format, picture.getpixel((5, 3))) == ("PNG", LAST_PIXEL)


def test_flags_reach_the_picture(here, samples, run) -> None:
    samples.gray("a.dcm")
    assert run("convert", "a.dcm", "x.png", "--window", "12,24", "--invert").status == 0
    with Image.open("x.png") as picture:
        # 0 is the low end of the window, which is 0..23, and 23 the high end; inverted.
        assert (picture.getpixel((0, 0)), picture.getpixel((5, 3))) == (255, 0)


def test_several_sources_go_to_a_folder_that_is_made(here, samples, run, tree) -> None:
    samples.gray("a.dcm")
    samples.gray("b.IMA")
    samples.gray("1.2.840.113")
    assert run("convert", "a.dcm", "b.IMA", "1.2.840.113", "out/deep").status == 0
    assert tree() - {"a.dcm", "b.IMA", "1.2.840.113"} == {
        "out/deep/a.jpg", "out/deep/b.jpg", "out/deep/1.2.840.113.jpg",
    }  # fmt: skip


def test_a_folder_is_mirrored_and_counted(here, samples, run, tree) -> None:
    samples.gray("study/a.dcm")
    samples.gray("study/one/b.dcm", frames=2)
    samples.gray("study/one/b.img")
    Path("study/notes.txt").write_text("no DICOM")
    result = run("convert", "study", "out", "--format", "png")
    assert result.status == 0
    assert {name for name in tree() if name.startswith("out")} == {
        "out/a.png", "out/one/b-0001.png", "out/one/b-0002.png", "out/one/b.img.png",
    }  # fmt: skip
    assert result.err == "rendicom: 4 pictures written, 1 other file ignored\n"


def test_quiet_says_nothing_of_success(here, samples, run) -> None:
    samples.gray("study/a.dcm")
    samples.overlaid("study/b.dcm")
    result = run("convert", "study", "out", "-q")
    assert (result.status, result.out, result.err) == (0, "", "")


def test_a_folder_without_dicom_is_a_failure(here, run) -> None:
    Path("study").mkdir()
    Path("study/notes.txt").write_text("no DICOM")
    result = run("convert", "study", "out", "--json")
    assert result.status == 1
    assert [line["code"] for line in result.lines] == ["not-dicom"]
    assert [path.name for path in Path("out").iterdir()] == ["manifest.jsonl"]


@pytest.mark.parametrize(
    ("frames", "names"),
    [
        ([], {"x-0001.jpg", "x-0002.jpg", "x-0003.jpg"}),
        (["--frames", "all"], {"x-0001.jpg", "x-0002.jpg", "x-0003.jpg"}),
        (["--frames", "2"], {"x-0002.jpg"}),
        (["--frames", "1-2,3"], {"x-0001.jpg", "x-0002.jpg", "x-0003.jpg"}),
        (["--format", "gif"], {"x.gif"}),
        (["--format", "gif", "--frames", "1,3"], {"x.gif"}),
        (["--format", "gif", "--frames", "3"], {"x-0003.gif"}),
    ],
)
def test_frames_in_a_folder(here, samples, run, frames, names) -> None:
    samples.gray("x.dcm", frames=3)
    Path("out").mkdir()
    assert run("convert", "x.dcm", "out", *frames).status == 0
    assert {path.name for path in Path("out").iterdir()} == names | {"manifest.jsonl"}


def test_a_single_frame_has_no_number(here, samples, run, tree) -> None:
    samples.gray("x.dcm", frames=1)
    samples.gray("y.dcm")
    assert run("convert", "x.dcm", "y.dcm", "out", "--frames", "1").status == 0
    assert tree() >= {"out/x.jpg", "out/y.jpg"}


def test_a_file_gets_one_frame_and_one_line_that_says_so(here, samples, run) -> None:
    samples.gray("x.dcm", frames=3)
    result = run("convert", "x.dcm", "x.png")
    assert result.status == 0
    assert len(result.err.splitlines()) == 1
    assert result.err.startswith("rendicom: x.dcm: has 3 frames, frame 1 is taken (")
    with Image.open("x.png") as picture:
        assert picture.getpixel((5, 3)) == LAST_PIXEL


def test_a_file_gets_the_representative_frame(here, samples, run) -> None:
    from rendicom.testing.writer import element

    samples.gray("x.dcm", frames=3, extra=[element(0x00286010, "US", 2)])
    result = run("convert", "x.dcm", "x.png")
    assert "has 3 frames, frame 2 is taken" in result.err
    with Image.open("x.png") as picture:
        # Value 47: (47 - 99.5) / 199 * 255 + 127.5 = 60.2.
        assert picture.getpixel((5, 3)) == 60


def test_an_animated_file_gets_the_loop(here, samples, run) -> None:
    samples.gray("x.dcm", frames=3)
    assert run("convert", "x.dcm", "x.gif").err == ""
    with Image.open("x.gif") as picture:
        assert picture.n_frames == 3
    assert run("convert", "x.dcm", "x.gif", "--frames", "2-3").status == 0
    with Image.open("x.gif") as picture:
        assert picture.n_frames == 2


@pytest.mark.parametrize("frames", ["1-2", "1,3", "all"])
def test_several_frames_do_not_fit_a_still_file(here, samples, run, tree, frames) -> None:
    samples.gray("x.dcm", frames=3)
    result = run("convert", "x.dcm", "x.png", "--frames", frames)
    assert result.status == 2
    assert "give a folder as TARGET" in result.err
    assert tree() == {"x.dcm"}


def test_all_frames_of_a_single_frame_image_are_one(here, samples, run) -> None:
    samples.gray("x.dcm")
    assert run("convert", "x.dcm", "x.png", "--frames", "all").status == 0


def test_a_frame_that_is_not_there(here, samples, run, tree) -> None:
    samples.gray("x.dcm", frames=3)
    result = run("convert", "x.dcm", "out/", "--frames", "2-4", "--json")
    assert result.status == 1
    assert result.lines[0]["code"] == "no-such-frame"
    assert tree() == {"x.dcm"}


def test_failures_have_their_own_codes_and_do_not_stop_the_others(here, samples, run) -> None:
    samples.gray("study/good.dcm")
    samples.document("study/document.dcm")
    Path("note.txt").write_text("not DICOM at all, but named on the command line")
    Path("study/unknown.dcm").write_bytes(
        image(b"\0" * 48, rows=4, columns=6, transfer_syntax="1.2.840.10008.1.2.4.94")
    )
    samples.gray("study/zero.dcm", without=[0x00280010, 0x00280011])
    result = run("convert", "note.txt", "missing.dcm", "study", "out", "--json")
    assert result.status == 1
    *lines, summary = result.lines
    assert summary["no_pixels"] == 1
    codes = {Path(line["source"]).name: line.get("code", "ok") for line in lines}
    assert codes == {
        "note.txt": "not-dicom",
        "missing.dcm": "cannot-read",
        "document.dcm": "no-pixel-data",
        "zero.dcm": "no-pixel-data",
        "unknown.dcm": "unsupported-transfer-syntax",
        "good.dcm": "ok",
    }
    assert [path.name for path in Path("out/study").iterdir()] == ["good.jpg"]
    errors = [line for line in result.err.splitlines() if line.startswith("rendicom: ")]
    assert len(errors) == len(result.err.splitlines()) == 7
    assert any(line.startswith("rendicom: missing.dcm: ") for line in errors)


def test_corrupt_data_and_limits_are_told_apart(here, samples, run) -> None:
    samples.cut("cut.dcm")
    samples.gray("big.dcm")
    cut = run("convert", "cut.dcm", "cut.png", "--strict", "--json")
    assert (cut.status, cut.lines[0]["code"]) == (1, "corrupt-data")
    big = run("convert", "big.dcm", "big.png", "--max-pixels", "23", "--json")
    assert (big.status, big.lines[0]["code"]) == (1, "limit-exceeded")
    option = run("convert", "big.dcm", "big.png", "--voi", "window:2", "--json")
    assert (option.status, option.lines[0]["code"]) == (1, "bad-option")
    assert not list(here.glob("*.png"))


def test_what_is_left_of_a_damaged_file_comes_with_a_warning(here, samples, run) -> None:
    samples.cut("cut.dcm")
    result = run("convert", "cut.dcm", "cut.png", "--json")
    assert result.status == 0
    assert len(result.lines[0]["warnings"]) == 1
    assert result.lines[0]["warning_codes"] == ["incomplete-data"]
    assert result.err.startswith("rendicom: cut.dcm: warning: ")
    assert run("convert", "cut.dcm", "cut.png", "--quiet").err == ""


def test_json_lines_have_the_documented_keys(here, samples, run) -> None:
    samples.gray("x.dcm", frames=2)
    result = run("convert", "x.dcm", "out/", "--format", "png", "--json", "--frames", "2")
    (line,) = result.lines
    size = Path("out/x-0002.png").stat().st_size
    assert "100,200" in line.pop("voi")
    assert line == {
        "source": "x.dcm", "output": "out/x-0002.png", "frame": 2, "status": "ok",
        "width": 6, "height": 4, "media_type": "image/png", "bytes": size, "warnings": [],
        "warning_codes": [],
    }  # fmt: skip
    again = run("convert", "x.dcm", "out/", "--format", "png", "--json", "--existing", "skip")
    assert [line["status"] for line in again.lines] == ["ok", "skipped"]
    assert again.lines[1] == {
        "source": "x.dcm", "output": "out/x-0002.png", "frame": 2, "status": "skipped",
    }  # fmt: skip
    failed = run("convert", "missing.dcm", "x.png", "--json").lines[0]
    assert failed.keys() == {"source", "frame", "status", "code", "message", "hint"}
    loop = run("convert", "x.dcm", "x.gif", "--json").lines[0]
    assert loop["frame"] is None


def test_existing_fail_fails_that_input_only(here, samples, run) -> None:
    samples.gray("a.dcm")
    samples.gray("b.dcm")
    Path("out").mkdir()
    Path("out/a.jpg").write_bytes(b"old")
    result = run("convert", "a.dcm", "b.dcm", "out", "--existing", "fail", "--json")
    assert result.status == 1
    codes = {line["source"]: line.get("code", "ok") for line in result.lines}
    assert codes == {"a.dcm": "output-exists", "b.dcm": "ok"}
    assert Path("out/a.jpg").read_bytes() == b"old"
    assert run("convert", "a.dcm", "b.dcm", "out").status == 0
    assert Path("out/a.jpg").read_bytes() != b"old"


def test_skip_does_not_even_decode(here, samples, run, monkeypatch) -> None:
    from rendicom.engine import Instance

    samples.gray("a.dcm")
    Path("a.png").write_bytes(b"old")
    monkeypatch.setattr(Instance, "picture", lambda *_: pytest.fail("rendered"))
    assert run("convert", "a.dcm", "a.png", "--existing", "skip").status == 0
    assert Path("a.png").read_bytes() == b"old"


def test_a_source_in_the_way_is_not_overwritten(here, samples, run) -> None:
    samples.gray("study/x.dcm")
    before = samples.gray("study/x.jpg").read_bytes()
    result = run("convert", "study", "study", "--json")
    assert result.status == 1
    assert {line.get("code", "ok") for line in result.lines} == {"ok", "output-exists"}
    assert Path("study/x.jpg").read_bytes() == before


@pytest.mark.parametrize("target", ["b.dcm", "new.dcm", "link.png", "a.dcm"])
def test_a_source_is_never_a_target(here, samples, run, tree, target) -> None:
    contents = {name: samples.gray(name).read_bytes() for name in ("a.dcm", "b.dcm")}
    os.link("a.dcm", "link.png")
    result = run("convert", "a.dcm", target)
    assert result.status == 2
    assert result.err.count("\n") == 1
    assert tree() == {"a.dcm", "b.dcm", "link.png"}
    assert {name: Path(name).read_bytes() for name in contents} == contents


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a.dcm", "x.png", "--window", "40"],
        ["a.dcm", "x.png", "--window", "40,400", "--preset", "lung"],
        ["a.dcm", "x.png", "--preset", "nose"],
        ["a.dcm", "x.png", "--frames", "0"],
        ["a.dcm", "x.png", "--format", "jpeg2000"],
        ["a.dcm", "x.jpg", "--format", "png"],
        ["a.dcm", "x.xyz"],
        ["a.dcm", "x.jpg", "--bit-depth", "16"],
        ["a.dcm", "x.jpg", "--values", "stored"],
        ["a.dcm", "x.jxl", "--values", "stored"],
        ["a.dcm", "x.png", "--values", "modality"],
        ["a.dcm", "-", "--json"],
        ["a.dcm", "x.png", "--nonsense"],
        ["a.dcm", "x.png", "--quality", "0"],
        ["a.dcm", "x.png", "--existing", "maybe"],
    ],
)
def test_usage_errors_are_one_line_and_write_nothing(here, samples, run, tree, arguments) -> None:
    samples.gray("a.dcm")
    result = run("convert", *arguments)
    assert result.status == 2
    assert result.err.count("\n") == 1
    assert result.err.startswith("rendicom: ")
    assert "see rendicom convert --help" in result.err
    assert tree() == {"a.dcm"}


def test_a_usage_error_has_its_json_line(here, run) -> None:
    result = run("convert", "a.dcm", "x.png", "--window", "40", "--json")
    assert result.status == 2
    assert [(line["status"], line["code"], line["source"]) for line in result.lines] == [
        ("failed", "bad-option", None)
    ]


def test_negative_numbers_are_values_and_no_flags(here, samples, run) -> None:
    samples.gray("a.dcm")
    result = run("convert", "a.dcm", "x.png", "--window", "-600,1500", "-v")
    assert result.status == 0
    assert "-600,1500" in result.err


def test_verbose_names_frame_and_window(here, samples, run) -> None:
    samples.gray("a.dcm")
    result = run("convert", "a.dcm", "x.png", "-v")
    assert result.err.startswith("rendicom: a.dcm -> x.png: frame 1, 6 x 4, ")
    assert "100,200" in result.err


def test_overlays_are_told_of_and_not_drawn(here, samples, run) -> None:
    samples.overlaid("a.dcm")
    result = run("convert", "a.dcm", "x.png")
    assert result.err == (
        "rendicom: a.dcm: has overlay planes 6000, not drawn: they may carry names "
        "(--overlays draws them)\n"
    )
    with Image.open("x.png") as picture:
        assert picture.getpixel((5, 3)) == LAST_PIXEL
    assert run("convert", "a.dcm", "x.png", "--no-overlays").err == ""
    assert run("convert", "a.dcm", "x.png", "--overlays").err == ""
    with Image.open("x.png") as picture:
        assert picture.getextrema() == (255, 255)


def test_an_overlay_is_told_of_once_for_all_frames(here, samples, run) -> None:
    import numpy as np

    from rendicom.testing.images import overlay

    samples.gray("a.dcm", frames=3, extra=overlay(np.ones((4, 6), np.uint8)))
    result = run("convert", "a.dcm", "out/")
    assert result.err.count("overlay") == 2  # the planes, and the flag


@pytest.mark.parametrize("frames", [None, 2])
def test_a_fault_of_ours_fails_one_picture_on_one_line(
    here, samples, run, monkeypatch, frames
) -> None:
    from rendicom.engine import Instance

    real_picture = Instance.picture

    def picture(instance: Instance, *more: Any) -> Any:
        if instance.description.number_of_frames == 5:
            raise ZeroDivisionError("the name of a patient")
        return real_picture(instance, *more)

    monkeypatch.setattr(Instance, "picture", picture)
    samples.gray("a.dcm", frames=5)
    samples.gray("b.dcm", frames=frames)
    result = run("convert", "a.dcm", "b.dcm", "out", "--json", "--quiet", "--engine", "inline")
    assert result.status == 1
    assert result.lines[0]["code"] == "internal-error"
    assert "ZeroDivisionError" in result.lines[0]["message"]
    assert " at batch/picture_job.py:" in result.lines[0]["message"]
    assert result.lines[-1]["status"] == "ok"
    assert result.err.count("\n") == 6  # the frames, and the summary
    assert "patient" not in result.out + result.err
    assert "Traceback" in run("convert", "a.dcm", "x.png", "-v").err


def test_too_little_memory_fails_one_file(here, samples, run, monkeypatch) -> None:
    from rendicom.engine import Instance

    def render(*_: Any) -> Any:
        raise MemoryError

    samples.gray("a.dcm")
    monkeypatch.setattr(Instance, "picture", render)
    assert run("convert", "a.dcm", "x.png", "--json").lines[0]["code"] == "limit-exceeded"


def test_a_full_disk_is_said_and_leaves_nothing(here, samples, run, tree, monkeypatch) -> None:
    from rendicom.storage.backends import local

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    samples.gray("a.dcm")
    monkeypatch.setattr(local.os, "write", full)
    result = run("convert", "a.dcm", "x.png", "--json")
    monkeypatch.undo()
    assert (result.status, result.lines[0]["code"]) == (1, "cannot-write")
    assert "No space left on device" in result.lines[0]["message"]
    assert tree() == {"a.dcm"}


def test_names_that_could_steer_a_terminal_are_shown_escaped(here, run) -> None:
    result = run("convert", "bad\x1b[31m\nname.dcm", "x.png")
    assert result.status == 1
    assert result.err.startswith("rendicom: bad\\x1b[31m\\nname.dcm: ")
    assert result.err.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX")
def test_names_that_are_no_text_are_kept(here, samples, run) -> None:
    name = os.fsdecode(b"caf\xe9.dcm")
    samples.gray(name)
    result = run("convert", name, "out/", "--json")
    assert result.status == 0
    assert [os.fsencode(path.name) for path in Path("out").glob("*.jpg")] == [b"caf\xe9.jpg"]
    assert result.lines[0]["source"] == name


@pytest.mark.parametrize("format_name", ["png", "jpg", "tiff", "gif", "webp"])
def test_the_same_command_gives_the_same_bytes(here, samples, run, format_name) -> None:
    samples.gray("a.dcm", frames=2)
    for name in ("one", "two"):
        target = f"{name}.{format_name}"
        assert run("convert", "a.dcm", target).status == 0
    assert Path(f"one.{format_name}").read_bytes() == Path(f"two.{format_name}").read_bytes()
