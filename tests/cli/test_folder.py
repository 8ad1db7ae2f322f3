"""Conversion into a folder: names, filters, manifest, resume, rehearsal, engines."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rendicom.batch.manifest import COLUMNS, read_manifest
from rendicom.testing.writer import element

STUDY, SERIES, OTHER = "1.2.826.0.1.3680043.10.1", "1.2.826.0.1.3680043.10.2", "1.2.3.4.5.6"


def identity(number: int, series: str = SERIES, **more) -> dict:
    """Return elements that say which instance of which series it is."""
    elements = (
        element(0x0020000D, "UI", STUDY),
        element(0x0020000E, "UI", series),
        element(0x00080018, "UI", f"{series}.{number}"),
        element(0x00200013, "IS", number),
        element(0x00100010, "PN", "DOE^JOHN"),
        element(0x00100020, "LO", "PAT-4711"),
        *more.pop("extra", ()),
    )
    return {"extra": elements, **more}


@pytest.fixture
def study(samples, here):
    """Write a series of five, one of two with three frames each, a report and other files."""
    for number in range(1, 6):
        samples.gray(f"study/a/{number}.dcm", **identity(number, modality="CT"))
    for number in (1, 2):
        samples.gray(f"study/b/{number}", frames=3, **identity(number, OTHER, modality="MR"))
    samples.document("study/b/report.dcm")
    Path("study/readme.txt").write_text("nothing of interest")
    Path("study/empty").touch()
    return here / "study"


def records(name: str = "out/manifest.jsonl") -> list[dict]:
    return list(read_manifest(name))


def test_the_manifest_says_what_became_of_every_input(study, run) -> None:
    result = run("convert", "study", "out", "--format", "png")
    assert result.status == 0
    table = records()
    assert all(list(record) == list(COLUMNS) for record in table)
    found = Counter((record["status"], record["code"]) for record in table)
    assert found == {("ok", ""): 11, ("no-pixels", "no-pixel-data"): 1, ("ignored", "not-dicom"): 2}
    one = next(record for record in table if record["source"] == "study/a/3.dcm")
    data = Path("out/a/3.png").read_bytes()
    assert one["output"] == "out/a/3.png"
    assert one["digest"] == hashlib.blake2b(data, digest_size=32).hexdigest()
    assert (one["bytes"], one["width"], one["height"]) == (len(data), 6, 4)
    assert one["series_instance_uid"] == SERIES
    assert one["sop_instance_uid"] == f"{SERIES}.3"
    assert (one["modality"], one["frame"], one["pictures"]) == ("CT", 1, 1)
    assert one["source_size"] == Path("study/a/3.dcm").stat().st_size
    frames = [record["frame"] for record in table if record["source"] == "study/b/2"]
    assert sorted(frames) == [1, 2, 3]
    assert "rendicom: 1 object has no pixels" in result.err
    text = Path("out/manifest.jsonl").read_text() + result.err + result.out
    assert "DOE" not in text
    assert not re.search(r"\b4711\b", text)


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_the_manifest_takes_other_forms(study, run, name) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    run("convert", "study", "out", "--manifest", name)
    assert not Path("out/manifest.jsonl").exists()
    assert Counter(record["status"] for record in records(name)) == {
        "ok": 11, "no-pixels": 1, "ignored": 2,
    }  # fmt: skip
    if name.endswith("csv"):
        with Path(name).open(newline="", encoding="utf-8") as stream:
            assert next(csv.reader(stream)) == list(COLUMNS)
    data = Path(name).read_bytes()
    Path(name).unlink()
    assert run("manifest", "export", "table.jsonl", name).status == 0
    assert Path(name).read_bytes() == data


def test_no_manifest(study, run) -> None:
    run("convert", "study/a", "out", "--no-manifest")
    assert {path.name for path in Path("out").iterdir()} == {f"{n}.jpg" for n in range(1, 6)}
    assert run("convert", "study/a", "out", "--no-manifest", "--resume").status == 2


def test_resume_does_what_is_missing_and_nothing_else(study, run, samples) -> None:
    run("convert", "study", "out")
    times = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.jpg")}
    Path("out/a/2.jpg").unlink()
    Path("out/b/1-0002.jpg").unlink()
    samples.gray("study/a/4.dcm", **identity(4, modality="CT"), rows=None)
    os.utime("study/a/4.dcm", (1, 1))
    samples.gray("study/a/6.dcm", **identity(6, modality="CT"))
    result = run("convert", "study", "out", "--resume", "-v")
    made = {
        str(path) for path in Path("out").rglob("*.jpg")
        if times.get(path) != path.stat().st_mtime_ns
    }  # fmt: skip
    assert made == {"out/a/2.jpg", "out/a/4.jpg", "out/a/6.jpg", "out/b/1-0002.jpg"}, result.err
    table = records()
    assert len({(record["source"], record["frame"]) for record in table}) == len(table) == 15
    run("convert", "study", "out", "--resume", "--invert")
    assert all(path.stat().st_mtime_ns != times.get(path) for path in Path("out").rglob("*.jpg"))


def test_a_rehearsal_writes_nothing(study, run, tree) -> None:
    before = tree()
    result = run("convert", "study", "out", "--dry-run", "--contact-sheet", "sheet.png")
    assert tree() == before
    lines = result.out.splitlines()
    assert sorted(lines)[:2] == ["study/a/1.dcm -> out/a/1.jpg", "study/a/2.dcm -> out/a/2.jpg"]
    assert len(lines) == 11
    planned = run("convert", "study", "out", "--dry-run", "--json").lines
    assert Counter(line["status"] for line in planned) == {
        "planned": 11,
        "no-pixels": 1,
        "summary": 1,
    }


def test_a_layout_names_the_pictures(study, run, tree) -> None:
    layout = "{Modality}/{SeriesInstanceUID}/{InstanceNumber:03}.{ext}"
    assert run("convert", "study", "out", "--layout", layout, "--only-images").status == 0
    names = {name for name in tree() if name.endswith(".jpg")}
    assert names == {
        *(f"out/CT/{SERIES}/{number:03}.jpg" for number in range(1, 6)),
        *(f"out/MR/{OTHER}/{n:03}-{frame:04}.jpg" for n in (1, 2) for frame in (1, 2, 3)),
    }


def test_the_frame_has_its_place_in_a_layout(study, run, tree) -> None:
    run("convert", "study/b", "out", "--layout", "{SOPInstanceUID}/{frame}.{ext}", "--only-images")
    assert {name for name in tree() if name.endswith(".jpg")} == {
        f"out/{OTHER}.{n}/{frame:04}.jpg" for n in (1, 2) for frame in (1, 2, 3)
    }


def test_a_collision_loses_nothing(study, run, tree) -> None:
    result = run("convert", "study/a", "out", "--layout", "{SeriesInstanceUID}.{ext}", "--json")
    assert result.status == 1
    failed = [line for line in result.lines if line["status"] == "failed"]
    assert [line["source"] for line in failed] == [f"study/a/{n}.dcm" for n in range(2, 6)]
    assert {line["code"] for line in failed} == {"output-collision"}
    assert all("study/a/1.dcm" in line["message"] for line in failed)
    run("convert", "study/a/1.dcm", "alone.jpg")
    assert Path(f"out/{SERIES}.jpg").read_bytes() == Path("alone.jpg").read_bytes()


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("{PatientID}.{ext}", "--allow-phi-in-names"),
        ("{Nonsense}.{ext}", "Nonsense"),
        ("../{SOPInstanceUID}.{ext}", ".."),
        ("{SOPInstanceUID}.png", "png"),
    ],
)
def test_a_layout_that_will_not_do(study, run, tree, layout, said) -> None:
    before = tree()
    result = run("convert", "study", "out", "--layout", layout)
    assert result.status == 2
    assert said in result.err
    assert tree() == before


def test_patients_data_in_names_only_when_allowed(study, run, tree) -> None:
    layout = "{PatientID}/{InstanceNumber}.{ext}"
    run("convert", "study/a", "out", "--layout", layout, "--allow-phi-in-names")
    assert {name for name in tree() if name.endswith(".jpg")} == {
        f"out/PAT-4711/{n}.jpg" for n in range(1, 6)
    }
    assert not re.search(r"\b4711\b", json.dumps([dict(r, output="") for r in records()]))


def test_uids_become_hashes_everywhere(study, run, tree, samples) -> None:
    Path("key").write_bytes(b"a key of more than sixteen bytes")
    samples.gray(f"study/{SERIES}/{SERIES}.9.dcm", **identity(9))
    result = run("convert", "study", "out", "--hash-uids", "key", "--only-images", "--json")
    assert result.status == 0
    names = {name for name in tree() if name.startswith("out/")}
    assert not any(SERIES in name for name in names)
    text = Path("out/manifest.jsonl").read_text()
    assert SERIES not in text
    assert OTHER not in text
    assert "2.25." in text
    (nine,) = (r for r in records() if r["source"].endswith(".dcm") and "2.25." in r["source"])
    assert nine["output"].split("/")[1] == nine["series_instance_uid"]
    assert Path(nine["output"]).exists()
    again = run("convert", "study", "out", "--hash-uids", "key", "--only-images", "--resume", "-v")
    assert " -> " not in again.err, "all was done already"


@pytest.mark.parametrize(
    ("flags", "count"),
    [
        (["--modality", "CT"], 5),
        (["--modality", "mr,us"], 6),
        (["--series", OTHER], 6),
        (["--series", OTHER, "--modality", "CT"], 0),
    ],
)
def test_filters_choose(study, run, flags, count) -> None:
    result = run("convert", "study", "out", "--only-images", *flags)
    assert len(list(Path("out").rglob("*.jpg"))) == count
    assert result.status == 0
    assert Counter(r["status"] for r in records())["filtered"] > 0


def test_burned_in_annotation_is_left_out_on_request(here, run, samples) -> None:
    samples.gray("study/a.dcm", extra=(element(0x00280301, "CS", "YES"),))
    samples.gray("study/b.dcm", extra=(element(0x00280301, "CS", "NO"),))
    samples.gray("study/c.dcm")
    run("convert", "study", "out", "--skip-burned-in")
    assert {path.name for path in Path("out").glob("*.jpg")} == {"b.jpg", "c.jpg"}


def test_a_list_of_sources(study, run, tree) -> None:
    Path("list").write_bytes(b"study/a/1.dcm\r\n\nstudy/b\nmissing.dcm\n")
    result = run("convert", "--from-file", "list", "out", "--only-images")
    assert result.status == 1
    assert "missing.dcm" in result.err
    names = {name for name in tree() if name.endswith(".jpg")}
    assert "out/study/a/1.jpg" in names
    assert len(names) == 7
    assert run("convert", "--from-file", "nowhere", "out2").status in (1, 2)


def test_an_archive_gives_what_its_files_give(study, run) -> None:
    with zipfile.ZipFile("scans.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(study.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(study))
        archive.writestr("../../evil.dcm", Path("study/a/1.dcm").read_bytes())
    run("convert", "study", "plain", "--format", "png", "--only-images")
    result = run("convert", "scans.zip", "deep/er/out", "--format", "png", "--only-images")
    assert result.status == 0, result.err
    for path in Path("plain").rglob("*.png"):
        assert (Path("deep/er/out") / path.relative_to("plain")).read_bytes() == path.read_bytes()
    outside = [p for p in Path().rglob("evil*") if "out" not in p.parts]
    assert outside == []
    assert len(list(Path("deep/er/out").rglob("evil.png"))) == 1


@pytest.mark.parametrize("engine", ["inline", "threads"])
def test_every_engine_gives_the_same(study, run, engine) -> None:
    run("convert", "study", "out", "--only-images")
    assert run("convert", "study", "out2", "--only-images", "--engine", engine).status == 0
    for path in Path("out").rglob("*.jpg"):
        assert (Path("out2") / path.relative_to("out")).read_bytes() == path.read_bytes()


def test_a_dask_cluster_gives_the_same(study, run) -> None:
    pytest.importorskip("distributed")
    run("convert", "study", "out", "--only-images")
    result = run("convert", "study", "out2", "--only-images", "--engine", "dask", "--jobs", "2")
    assert result.status == 0, result.err
    for path in Path("out").rglob("*.jpg"):
        assert (Path("out2") / path.relative_to("out")).read_bytes() == path.read_bytes()
    outputs = {record["output"] for record in records("out2/manifest.jsonl")}
    assert "out2/a/1.jpg" in outputs


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--engine", "steam"], "steam"),
        (["memory://elsewhere/", "--engine", "local"], "--engine threads"),
        (["--engine", "threads", "--timeout", "3"], "--timeout"),
        (["--manifest", "table.xls"], "table.xls"),
        (["--hash-uids", "nokey"], "nokey"),
        (["--modality", "C\\T"], "odality"),
        (["--series", "abc"], "abc"),
        (["--contact-sheet", "sheet.jpg"], "png"),
        (["--jobs", "0"], "jobs"),
    ],
)
def test_flags_that_make_no_sense_are_refused_before_any_work(study, run, tree, flags, said):
    before = tree()
    result = run("convert", "study", "out", *flags)
    assert result.status == 2
    assert said in result.err
    assert result.err.count("\n") == 1
    assert tree() == before


def test_folder_flags_need_a_folder(study, run) -> None:
    result = run("convert", "study/a/1.dcm", "x.png", "--resume")
    assert (result.status, Path("x.png").exists()) == (2, False)
    assert "--resume needs a folder as TARGET" in result.err


def test_a_contact_sheet_for_each_series(study, run) -> None:
    result = run("convert", "study/a", "out", "--contact-sheet", "sheet.png")
    assert result.status == 0
    assert result.err.endswith("rendicom: 1 contact sheet written: out/sheet.png\n")
    with Image.open("out/sheet.png") as sheet:
        pixels = np.asarray(sheet.convert("L"))[:164]
    columns = np.flatnonzero(pixels.max(axis=0))
    groups = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
    assert len(groups) == 5, "five pictures stand in a row"
    assert {len(group) for group in groups} <= {5, 6}
    assert not list(Path().glob("*.png"))
    result = run("convert", "study", "out", "--only-images", "--contact-sheet", "two.png")
    names = sorted(path.name for path in Path("out").glob("two*.png"))
    assert names == sorted([f"two-{SERIES}.png", f"two-{OTHER}.png"])
    assert "rendicom: 2 contact sheets written: out/two-1" in result.err
    assert "and 1 more there\n" in result.err
    # A path says itself where the sheet goes.
    run("convert", "study/a", "out", "--contact-sheet", "./here.png", "-q")
    assert Path("here.png").is_file()


def test_a_long_instance_is_shared_by_the_workers(here, run) -> None:
    from rendicom.testing.images import image

    frames = np.arange(900 * 64 * 64, dtype=np.uint32).reshape(900, 64, 64).astype(np.uint16)
    Path("long.dcm").write_bytes(image(frames, bits_stored=16))
    assert run("convert", "long.dcm", "out/", "--jobs", "2").status == 0
    table = records()
    assert sorted(record["frame"] for record in table) == list(range(1, 901))
    assert {record["pictures"] for record in table} == {900}


def test_a_tree_with_broken_empty_text_and_doubled_files(here, run, samples) -> None:
    made = 0
    for top in range(4):
        for middle in range(3):
            for number in range(10):
                path = f"tree/{top}/{middle}/{number}.dcm"
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                made += 1
                match made % 20:
                    case 5:
                        samples.gray(path, **identity(1))  # a doubled UID
                    case 11:
                        Path(path).touch()
                    case 13:
                        Path(path).write_text("no image at all, just a line of text\n" * 20)
                    case 17:
                        whole = samples.gray(path, **identity(made)).read_bytes()
                        Path(path).write_bytes(whole[:300])
                    case _:
                        samples.gray(path, **identity(made))
    result = run("convert", "tree", "out")
    table = records()
    assert len(table) == made
    assert {record["source"] for record in table} == {str(p) for p in Path("tree").rglob("*.dcm")}
    found = Counter(record["status"] for record in table)
    assert found == {"ok": made - 18, "failed": 18}
    assert result.status == 1
    assert len(list(Path("out").rglob("*.jpg"))) == made - 18
