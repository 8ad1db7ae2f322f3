"""Values of options as people type them, and values where no option takes any."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli import terminals
from rendicom.batch.job import output_format_named, output_format_names
from rendicom.errors import OptionError
from rendicom.testing.images import overlay


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-q", "0.9"], "-q is --quiet and takes no value: did you mean --quality? "),
        (["-q", "90"], "did you mean --quality? (a path of that name is ./90)"),
        (["out", "-q", ".9"], "takes no value"),
        (["-vq", "0.9"], "-q is --quiet and takes no value"),
        (["out", "--invert", "yes"], "--invert takes no value (a path of that name is ./yes)"),
        (["--quality", "90", "0.9"], "TARGET 0.9 looks like the value of an option"),
        (["0,9"], "TARGET 0,9 looks like the value of an option"),
        (["out", "--quality", "0.9"], "quality '0.9' is not a whole number from 1 to 100"),
    ],
)  # fmt: skip
def test_a_value_is_no_path(here, samples, run, tree, arguments, said) -> None:
    samples.gray("study/x.dcm")
    for source in ("study", "study/x.dcm"):
        result = run("convert", source, *arguments)
        assert (result.status, tree()) == (2, {"study/x.dcm"})
        assert said in result.err


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        (["-q", "2024"], "2024"),
        (["-q", "./0.9"], "0.9"),
        (["2025"], "2025"),
        (["-q", "--", "0.7.1"], "0.7.1"),
        (["--layout", "{source}", "-q", "out"], "out"),
        (["0.8/"], "0.8"),
    ],
)
def test_a_path_may_be_a_number(here, samples, run, arguments, target) -> None:
    samples.gray("study/x.dcm")
    Path("2024").mkdir()
    assert run("convert", "study", *arguments).status == 0
    assert Path(target, "x.jpg").is_file()


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("JPG", "jpg"), ("jpeg", "jpg"), ("JPEG", "jpg"), ("tif", "tiff"), ("TIFF", "tiff"),
        ("Png", "png"), ("HTM", "html"), ("pgm", "pnm"), ("ppm", "pnm"), ("Txt", "txt"),
    ],
)  # fmt: skip
def test_formats_go_by_their_extensions_in_any_case(typed, name) -> None:
    assert output_format_named(typed).name == name


def test_every_extension_of_a_format_is_a_name() -> None:
    for name in output_format_names():
        for extension in output_format_named(name).extensions:
            found = output_format_named(extension[1:].upper())
            assert extension in found.extensions
    for bad in ("", ".jpg", "jp g", "gray"):
        with pytest.raises(OptionError, match="is not one of apng"):
            output_format_named(bad)


def test_formats_on_the_command_line(here, samples, run) -> None:
    samples.gray("x.dcm")
    assert run("convert", "x.dcm", "--format", "TIF").status == 0
    assert run("convert", "x.dcm", "y.tiff", "--format", "tif").status == 0
    assert run("convert", "x.dcm", "out/", "--format", "JPEG").status == 0
    assert all(map(os.path.isfile, ("x.tiff", "y.tiff", "out/x.jpg")))
    assert run("convert", "x.dcm", "y.png", "--format", "JPEG").status == 2


@pytest.mark.parametrize(
    "flags",
    [
        ["--overlays"],
        ["--overlay-planes", "6000"],
        ["--overlay-mode", "replace"],
        ["--overlay-color", "#ffffff"],
    ],
)
def test_flags_of_overlays_draw_them(here, samples, run, flags) -> None:
    samples.gray("x.dcm", extra=overlay(np.eye(4, 6, dtype=np.uint8)))
    result = run("convert", "x.dcm", "x.png", "--voi", "window:1", *flags)
    assert (result.status, result.err) == (0, "")
    with Image.open("x.png") as picture:
        assert (np.asarray(picture.convert("L"))[np.eye(4, 6, dtype=bool)] == 255).all()


def test_overlays_cannot_be_drawn_and_not_drawn(here, samples, run) -> None:
    samples.overlaid("x.dcm")
    result = run("convert", "x.dcm", "x.png", "--no-overlays", "--overlay-color", "#ff0000")
    assert result.status == 2
    assert "--no-overlays and --overlay-color exclude each other" in result.err


# --- the name of what is written --------------------------------------------------------------


def on_terminal(*arguments: str) -> str:
    session = terminals.start(["-m", "rendicom", "convert", *arguments])
    try:
        assert session.finish() == 0
        return session.data.decode()
    finally:
        session.close()


@pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")
def test_one_file_on_a_terminal_is_named(here, samples, run) -> None:
    samples.gray("x.dcm")
    assert on_terminal("x.dcm") == "rendicom: x.jpg written\r\n"
    assert on_terminal("x.dcm", "y.png") == "rendicom: y.png written\r\n"
    assert "exists already" in on_terminal("x.dcm", "y.png", "--existing", "skip")
    assert on_terminal("x.dcm", "y.png", "-q") == ""
    assert on_terminal("x.dcm", "y.png", "-v").count("y.png") == 1
    # Without a terminal nobody reads it.
    assert run("convert", "x.dcm", "y.png").err == ""
