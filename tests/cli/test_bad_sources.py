"""Sources that cannot be read, or hold no picture: each costs itself and nothing else."""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from rendicom.batch.manifest import read_manifest
from rendicom.testing.writer import dicom_file, element

COMMAND = [sys.executable, "-m", "rendicom"]
CT, DOSE, SPECTROSCOPY = (
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.481.2",
    "1.2.840.10008.5.1.4.1.1.4.2",
)
PLAN = "1.2.840.10008.5.1.4.1.1.481.5"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")


@pytest.fixture(autouse=True)
def _elsewhere(here) -> None:
    """Leave the current folder of the tests alone."""


def _without_rights_of_root() -> None:
    """Give up reading what nobody may read, for root: capabilities(7)."""
    if os.geteuid() == 0:
        drop_from_bounding_set, dac_override, dac_read_search = 24, 1, 2
        library = ctypes.CDLL(None, use_errno=True)
        for capability in (dac_override, dac_read_search):
            assert library.prctl(drop_from_bounding_set, capability, 0, 0, 0) == 0


def convert(*arguments: str, engine: str = "inline") -> subprocess.CompletedProcess[str]:
    """Run the command; what it says of its progress and speed is taken out."""
    done = subprocess.run(
        [*COMMAND, "convert", *arguments, *(["--engine", engine] if engine else [])],
        capture_output=True, text=True, timeout=120, preexec_fn=_without_rights_of_root,
    )  # fmt: skip
    progress = re.compile(r"^rendicom: [0-9]+( of [0-9]+)? files?, .*\n", re.MULTILINE)
    done.stderr = re.sub(r" from [0-9]+ files? in [^)]*\)", "", progress.sub("", done.stderr))
    return done


def fates(manifest: str = "out/manifest.jsonl") -> dict[str, tuple[str, str]]:
    """Return status and code of each source."""
    return {row["source"]: (row["status"], row["code"]) for row in read_manifest(manifest)}


def obj(sop_class: str, *more: bytes) -> bytes:
    """Return an object without pixel data."""
    return dicom_file([element(0x00080016, "UI", sop_class), *more])


@pytest.fixture
def shut(here):
    """Make a folder and files that cannot be read."""
    Path("shut").mkdir()
    Path("shut").chmod(0)
    for name in ("shut.dcm", "shut.zip", "shut.txt"):
        Path(name).touch()
        Path(name).chmod(0)
    yield
    Path("shut").chmod(0o755)


def test_sources_that_cannot_be_read_do_not_keep_the_others(shut, samples) -> None:
    samples.gray("a/1.dcm")
    Path("broken.zip").write_bytes(b"PK\3\4" + bytes(40))
    bad = ["shut", "shut.dcm", "shut.zip", "gone", "gone.zip", "bad://x/y", "s3:///", "broken.zip"]
    for place, order in enumerate((["a", *bad], [*bad, "a"])):
        result = convert(*order, f"out{place}", engine="local")
        assert result.returncode == 1, result.stderr
        found = fates(f"out{place}/manifest.jsonl")
        assert found.pop("a/1.dcm") == ("ok", "")
        assert Path(f"out{place}/a/1.jpg").is_file()
        assert found == dict.fromkeys(bad, ("failed", "cannot-read"))
        assert "8 failed: 8 cannot-read" in result.stderr


@pytest.mark.parametrize("bad", ["shut.txt", "gone.txt", "shut", "long.txt"])
def test_a_list_that_cannot_be_read_costs_itself(shut, samples, bad) -> None:
    samples.gray("a/1.dcm")
    Path("long.txt").write_bytes(b"x" * 200_000)
    result = convert("a", "--from-file", bad, "out")
    assert result.returncode == 1
    assert fates() == {"a/1.dcm": ("ok", ""), bad: ("failed", "cannot-read")}


def test_entries_of_a_list_cost_themselves(shut, samples) -> None:
    samples.gray("a/1.dcm")
    Path("list.txt").write_text("shut\nshut.zip\ngone\nbad://x\na\n")
    assert convert("--from-file", "list.txt", "out").returncode == 1
    bad = ("shut", "shut.zip", "gone", "bad://x")
    assert fates() == {"a/1.dcm": ("ok", ""), **dict.fromkeys(bad, ("failed", "cannot-read"))}


@pytest.mark.parametrize(
    ("sources", "status"),
    [
        (["gone"], 1), (["gone", "gone2"], 1), (["shut"], 1), (["shut.dcm"], 1),
        (["bad://x"], 2), (["bad://x", "worse://y"], 2),
    ],
)  # fmt: skip
def test_nothing_but_sources_that_cannot_be_read(shut, sources, status) -> None:
    result = convert(*sources, "out/")
    assert result.returncode == status
    assert result.stderr.startswith(f"rendicom: {sources[0][:4]}")
    assert not list(Path().glob("out/*.jpg"))


def test_a_folder_within_that_cannot_be_read(shut, samples) -> None:
    samples.gray("a/1.dcm")
    Path("shut").rename("a/shut")
    Path("shut.dcm").rename("a/shut.dcm")
    try:
        assert convert("a", "out").returncode == 1
    finally:
        Path("a/shut").rename("shut")
    bad = dict.fromkeys(("a/shut", "a/shut.dcm"), ("failed", "cannot-read"))
    assert fates() == {"a/1.dcm": ("ok", ""), **bad}


# --- files that are DICOM by their name -------------------------------------------------------

NAMED = ("empty.dcm", "text.DCM", "text.dicom", "text.dic", "text.IMA", "packed.dcm")
OTHERS = ("empty", "notes.txt", "text.img", "scan.nii.gz")
HIDDEN = (".dcm", "._1.dcm")


def _junk(name: str) -> bytes:
    if "packed" in name or name.endswith(".gz"):
        return b"\x1f\x8b\x08" + bytes(30)
    return b"" if "empty" in name else b"a text, whatever it is called" * 20


@pytest.fixture
def junk(samples):
    """Write a DICOM file among files of which some have the name of one."""
    samples.gray("in/sub/1.dcm")
    for name in (*NAMED, *OTHERS, *HIDDEN):
        Path("in", name).write_bytes(_junk(name))


def _expected(prefix: str, *, hidden: str = "hidden") -> dict[str, tuple[str, str]]:
    return {
        f"{prefix}sub/1.dcm": ("ok", ""),
        **{f"{prefix}{name}": ("failed", "not-dicom") for name in NAMED},
        **{f"{prefix}{name}": ("ignored", "not-dicom") for name in OTHERS},
        **{f"{prefix}{name}": ("ignored", hidden) for name in HIDDEN},
    }


def test_what_is_dicom_by_its_name_only_is_a_failure(junk) -> None:
    Path("in/link").symlink_to("nothing")
    Path("in/link.dcm").symlink_to("nothing")
    os.mkfifo("in/pipe.dcm")
    os.mkfifo("in/pipe")
    result = convert("in", "out")
    assert result.returncode == 1
    assert fates() == {
        **_expected("in/"),
        "in/link": ("failed", "cannot-read"),
        "in/link.dcm": ("failed", "cannot-read"),
        "in/pipe.dcm": ("failed", "cannot-read"),
        "in/pipe": ("ignored", "not-dicom"),
    }
    assert "rendicom: 1 picture written, 7 other files ignored" in result.stderr
    assert "rendicom: 9 failed: 6 not-dicom, 3 cannot-read" in result.stderr


def test_other_files_alone_are_no_failure(samples, here) -> None:
    samples.gray("in/1.dcm")
    for name in OTHERS:
        Path("in", name).write_bytes(_junk(name))
    assert convert("in", "out").returncode == 0


@pytest.mark.parametrize("name", ["in.zip", "in.tar"])
def test_names_count_in_archives_too(junk, name) -> None:
    if name.endswith("zip"):
        with zipfile.ZipFile(name, "w") as archive:
            for path in sorted(Path("in").rglob("*")):
                archive.write(path, path.relative_to("in"))
    else:
        with tarfile.open(name, "w") as tar:
            tar.add("in", "")
    assert convert(name, "out").returncode == 1
    # What is not DICOM in an archive is told from its bytes, before its name.
    assert fates() == _expected(f"{name}!/", hidden="not-dicom")


# --- objects without pixels -------------------------------------------------------------------


@pytest.fixture
def mixed(samples):
    """Write two images and three objects without pixels: a document, a plan and spectra."""
    samples.gray("in/1.dcm")
    samples.gray("in/2.dcm")
    samples.document("in/report.dcm")
    Path("in/plan").write_bytes(obj(PLAN))
    size = (element(0x00280010, "US", 1), element(0x00280011, "US", 1))
    Path("in/spectra").write_bytes(obj(SPECTROSCOPY, *size))


NO_PIXELS = ("in/report.dcm", "in/plan", "in/spectra")


def test_objects_without_pixels_are_counted_apart(mixed) -> None:
    result = convert("in", "out")
    assert result.returncode == 0
    assert result.stderr == (
        "rendicom: 2 pictures written\n"
        "rendicom: 3 objects have no pixels, 1 of them is a document "
        "(--format html writes documents, --only-images leaves them out)\n"
    )
    expected = dict.fromkeys(NO_PIXELS, ("no-pixels", "no-pixel-data"))
    assert fates() == {**dict.fromkeys(("in/1.dcm", "in/2.dcm"), ("ok", "")), **expected}
    rows = {row["source"]: row for row in read_manifest("out/manifest.jsonl")}
    assert "html" in rows["in/report.dcm"]["hint"]
    assert "Key Object Selection" in rows["in/report.dcm"]["message"]


def test_objects_without_pixels_in_json(mixed) -> None:
    lines = [json.loads(line) for line in convert("in", "out", "--json").stdout.splitlines()]
    assert Counter(line["status"] for line in lines) == {"ok": 2, "no-pixels": 3, "summary": 1}
    assert {line["source"] for line in lines if line["status"] == "no-pixels"} == set(NO_PIXELS)
    assert lines[-1] == {
        "source": None, "status": "summary", "written": 2, "skipped": 0, "planned": 0,
        "done_before": 0, "no_pixels": 3, "documents": 1, "ignored": 0, "filtered": 0,
        "failed": {},
    }  # fmt: skip


def test_only_images_says_nothing_of_them(mixed) -> None:
    result = convert("in", "out", "--only-images")
    assert result.returncode == 0
    assert "pixels" not in result.stderr
    assert Counter(status for status, _ in fates().values()) == {"ok": 2, "filtered": 3}


def test_resume_knows_objects_without_pixels(mixed, samples) -> None:
    convert("in", "out")
    before = list(read_manifest("out/manifest.jsonl"))
    again = convert("in", "out", "--resume")
    assert again.stderr == "rendicom: 0 pictures written, 5 files done before\n"
    assert again.returncode == 0
    assert list(read_manifest("out/manifest.jsonl")) == before
    # As documents they are still to be done, and what was changed is looked at again.
    documents = convert("in", "out", "--resume", "--format", "html")
    assert documents.stderr.startswith("rendicom: 1 document written, ")
    convert("in", "out")
    samples.gray("in/plan")
    assert convert("in", "out", "--resume").stderr.startswith(
        "rendicom: 1 picture written, 4 files done before"
    )


def test_a_folder_of_reports_is_no_failure(samples, here) -> None:
    samples.document("in/1.dcm")
    result = convert("in", "out")
    assert result.returncode == 0
    assert result.stderr == (
        "rendicom: 0 pictures written\n"
        "rendicom: 1 object has no pixels (--format html writes it, --only-images leaves it out)\n"
    )


@pytest.mark.parametrize("target", ["report.jpg", "out/"])
def test_asked_for_alone_it_is_a_failure(samples, here, target) -> None:
    samples.document("report.dcm")
    result = convert("report.dcm", target, engine="inline" if target == "out/" else "")
    assert result.returncode == 1
    assert "holds no pixel data (formats for it: html, txt, xml)" in result.stderr
    if target == "out/":
        assert fates() == {"report.dcm": ("failed", "no-pixel-data")}


def test_names_are_not_taken_by_what_gives_no_picture(mixed) -> None:
    """Else the image would collide with the report, which has no Instance Number either."""
    Path("in/2.dcm").unlink()
    assert convert("in", "out", "--layout", "{InstanceNumber}.{ext}").returncode == 0
    assert Path("out/unknown.jpg").is_file()


@pytest.mark.parametrize(
    "lost",
    [
        obj(CT),
        obj(DOSE, element(0x00280002, "US", 1), element(0x00280010, "US", 4)),
        obj(PLAN, element(0x00280100, "US", 16)),
    ],
)
@pytest.mark.parametrize("more", [[], ["--only-images"]])
def test_an_image_that_lost_its_pixels_is_a_failure(samples, here, lost, more) -> None:
    samples.gray("in/1.dcm")
    Path("in/2.dcm").write_bytes(lost)
    assert convert("in", "out", *more).returncode == 1
    assert fates()["in/2.dcm"] == ("failed", "no-pixel-data")
