"""Names of files that are no text, or longer than there is room for, through every door."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rendicom.batch.manifest import read_manifest
from rendicom.testing.images import image
from rendicom.testing.writer import element

COMMAND = [sys.executable, "-m", "rendicom"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")

ODD = {
    b"inv\xff.dcm": b"inv\xff",
    b"inv\xfe.dcm": b"inv\xfe",
    b"new\nline.dcm": b"new\nline",
    b"esc\x1b[31m\x07.dcm": b"esc\x1b[31m\x07",
    b"quo\"te',|.dcm": b"quo\"te',|",
    b"=1+1.dcm": b"=1+1",
    b"back\\udcff.dcm": b"back\\udcff",
    "é\u0301\u202e.dcm".encode(): "é\u0301\u202e".encode(),
    b"dir\xfd/x.dcm": b"dir\xfd/x",
}
"""Names, and the names that pictures get."""
LONG = (b"a" * 255, b"a" * 254 + b"b", b"b" * 251 + b".dcm", b"\xff" * 251 + b".dcm",
        "é".encode() * 125 + b".dcm", b"c" * 240)  # fmt: skip


@pytest.fixture(autouse=True)
def _elsewhere(here) -> None:
    """Leave the current folder of the tests alone."""


def at(name: bytes) -> Path:
    return Path(os.fsdecode(name))


def run(*arguments: str | bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, timeout=120)


def instance(number: int, frames: int = 1) -> bytes:
    shape = (4, 6) if frames == 1 else (frames, 4, 6)
    pixels = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    uids = (
        element(0x0020000D, "UI", "1.2.3"),
        element(0x0020000E, "UI", "1.2.3.4"),
        element(0x00080018, "UI", f"1.2.3.4.{number}"),
        element(0x00200011, "IS", "7"),
        element(0x00200013, "IS", str(number)),
    )
    return image(pixels, extra=uids)


@pytest.fixture
def odd() -> None:
    """Write files with the odd names; the first has three frames."""
    for number, name in enumerate(ODD, 1):
        path = at(b"in/" + name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(instance(number, 3 if number == 1 else 1))


def expected() -> set[bytes]:
    first, *others = ODD.values()
    return {*(first + b"-%04d.jpg" % n for n in (1, 2, 3)), *(name + b".jpg" for name in others)}


def pictures(folder: str = "out") -> dict[bytes, int]:
    """Return the names of the pictures below a folder, with their times."""
    found = (path for path in Path(folder).rglob("*") if path.suffix == ".jpg")
    return {os.fsencode(path.relative_to(folder)): path.stat().st_mtime_ns for path in found}


def assert_resumed(*command: str, made: dict[bytes, int], files: int) -> None:
    """Hold that a second run does nothing, and that one picture that is gone comes back."""
    again = run(*command, "--resume")
    assert (again.returncode, pictures()) == (0, made), again.stderr
    assert b"0 pictures written, %d files done before" % files in again.stderr
    gone = min(made)
    at(b"out/" + gone).unlink()
    run(*command, "--resume")
    assert pictures().keys() == made.keys()
    assert {name for name, time in pictures().items() if made[name] != time} == {gone}


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_odd_names_are_kept_and_known_again(odd, form) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    command = ("convert", "in", "out", "--engine", "inline", "--manifest", f"table.{form}")
    assert run(*command).returncode == 0
    made = pictures()
    assert made.keys() == expected()
    rows = list(read_manifest(f"table.{form}"))
    assert {os.fsencode(row["source"]) for row in rows} == {b"in/" + name for name in ODD}
    assert {os.fsencode(row["output"]) for row in rows} == {b"out/" + name for name in made}
    assert_resumed(*command, made=made, files=len(ODD))
    assert len(list(read_manifest(f"table.{form}"))) == len(made)


def test_tables_are_valid_text(odd) -> None:
    run("convert", "in", "out", "--engine", "inline", "--manifest", "table.csv")
    run("convert", "in", "out", "--engine", "inline")
    with Path("table.csv").open(encoding="utf-8", newline="") as stream:
        table = {row["source"] for row in csv.DictReader(stream)}
    assert {r"in/inv\udcff.dcm", r"in/back\\udcff.dcm", "in/new\nline.dcm"} <= table
    lines = Path("out/manifest.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(ODD) + 2
    assert {json.loads(line)["source"] for line in lines} == {
        "in/" + os.fsdecode(name) for name in ODD
    }


def test_what_is_printed_of_odd_names_is_text_on_one_line(odd) -> None:
    for name in (b"in/bad\xff\n\x1b.dcm", b"in/\xff.txt"):
        at(name).write_bytes(b"no image")
    result = run("convert", "in", "out", "--engine", "inline", "--json", "-v")
    assert result.returncode == 1
    assert {os.fsencode(json.loads(line)["source"]) for line in result.stdout.splitlines()} == {
        *(b"in/" + name for name in ODD), b"in/bad\xff\n\x1b.dcm"
    }  # fmt: skip
    for stream in (result.stdout, result.stderr, run("convert", "in", "x", "--dry-run").stdout):
        text = stream.decode("utf-8")
        assert "\x1b" not in text
        assert "\x07" not in text
    assert all(line.startswith(b"rendicom: ") for line in result.stderr.splitlines())
    assert rb"bad\udcff\n\x1b.dcm: the bytes are not DICOM" in result.stderr


def test_odd_names_alone(odd) -> None:
    for name in (b"in/inv\xfe.dcm", b"in/new\nline.dcm"):
        assert run("convert", name, b"one" + name[3:] + b".png").returncode == 0
        assert run("info", name).returncode == 0
        assert run("info", name, "--json").returncode == 0
    assert at(b"oneinv\xfe.dcm.png").exists()


def test_odd_names_in_lists_dicomdirs_and_as_sources(odd) -> None:
    names = sorted(ODD)
    Path("list").write_bytes(b"".join(b"in/" + name + b"\0" for name in names))
    command = ("convert", "--from-file", "list", "out", "--engine", "inline")
    assert run(*command).returncode == 0
    assert pictures().keys() == {b"in/" + name for name in expected()}
    assert_resumed(*command, made=pictures(), files=len(ODD))
    command = ("convert", b"in/inv\xff.dcm", b"in/inv\xfe.dcm", b"in/dir\xfd", "two")
    assert run(*command).returncode == 0
    assert pictures("two").keys() == {
        b"inv\xff-0001.jpg", b"inv\xff-0002.jpg", b"inv\xff-0003.jpg", b"inv\xfe.jpg",
        b"dir\xfd/x.jpg",
    }  # fmt: skip


def test_odd_names_through_workers_and_layouts(odd) -> None:
    command = ("convert", "in", "out", "--jobs", "2", "--layout", "{source}/{frame}.{ext}")
    assert run(*command).returncode == 0
    assert len(pictures()) == len(expected())
    assert_resumed(*command, made=pictures(), files=len(ODD))


def test_odd_names_through_dask(odd) -> None:
    pytest.importorskip("distributed")
    command = ("convert", "in", "out", "--engine", "dask", "--jobs", "1")
    result = run(*command)
    assert result.returncode == 0, result.stderr
    assert pictures().keys() == expected()


def _is_text(name: bytes) -> bool:
    return not {0xFD, 0xFE, 0xFF} & set(name)


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_odd_names_in_archives(odd, kind) -> None:
    if kind == "tar":
        with tarfile.open("in.tar", "w") as tar:
            tar.add("in", ".")
    else:
        # Python writes no others; `test_archives` has some.
        with zipfile.ZipFile("in.zip", "w") as archive:
            for number, name in enumerate(filter(_is_text, sorted(ODD)), 1):
                archive.writestr(name.decode(), instance(number))
    command = ("convert", f"in.{kind}", "out", "--engine", "inline")
    assert run(*command).returncode == 0
    made = pictures()
    files = len({row["source"] for row in read_manifest("out/manifest.jsonl")})
    assert files == (len(ODD) if kind == "tar" else len([*filter(_is_text, ODD)]))
    for name in made:
        name.decode("utf-8")
        assert not any(letter < 32 for letter in name)
    assert_resumed(*command, made=made, files=files)


@pytest.mark.parametrize("frames", [1, 3])
def test_long_names_are_cut_the_same_way_each_time(frames) -> None:
    Path("in").mkdir()
    for number, name in enumerate(LONG, 1):
        at(b"in/" + name).write_bytes(instance(number, frames))
    command = ("convert", "in", "out", "--engine", "inline")
    assert run(*command).returncode == 0
    made = pictures()
    assert len(made) == frames * len(LONG)
    assert all(len(name) <= 255 for name in made)
    assert_resumed(*command, made=made, files=len(LONG))
    # A name does not depend on those beside it, nor on the order in which they come.
    for name in LONG[1:]:
        at(b"in/" + name).unlink()
    run("convert", "in", "few", "--engine", "inline")
    assert pictures("few").keys() < made.keys()
    assert len(pictures("few")) == frames
    # So does one on its own, or in an archive.
    with zipfile.ZipFile("long.zip", "w") as archive:
        archive.write(at(b"in/" + LONG[0]), LONG[0].decode())
    run("convert", "long.zip", "zipped", "--engine", "inline")
    assert pictures("zipped").keys() == pictures("few").keys()
    assert run("convert", b"in/" + LONG[0]).returncode == 0
    assert len([*Path().glob("*.jpg")]) == 1


def test_a_contact_sheet_of_odd_names(odd) -> None:
    command = ("convert", "in", "out", "--engine", "inline", "--contact-sheet", "sheet.png")
    result = run(*command)
    assert (result.returncode, Path("out/sheet.png").is_file()) == (0, True), result.stderr
    before = Path("out/sheet.png").read_bytes()
    assert run(*command, "--resume").returncode == 0
    assert Path("out/sheet.png").read_bytes() == before
