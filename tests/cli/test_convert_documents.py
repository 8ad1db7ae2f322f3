"""``rendicom convert`` and ``rendicom info`` of reports and encapsulated documents."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rendicom.batch.manifest import read_manifest
from rendicom.documents import render_document
from reportmaker import encapsulated, item, part10, report

PDF = b"%PDF-1.4 something"
SECRETS = {"PatientName": "SECRET^NAME", "PatientID": "SECRETID", "PatientBirthDate": "19700102"}


@pytest.fixture
def sr(here) -> Path:
    finding = item("TEXT", "Finding", TextValue="größer")
    Path("report.dcm").write_bytes(part10(report(finding, **SECRETS)))
    return Path("report.dcm")


@pytest.fixture
def pdf(here) -> Path:
    Path("letter.dcm").write_bytes(part10(encapsulated(PDF, 1)))
    return Path("letter.dcm")


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.html", "text/html"),
        ("a.htm", "text/html"),
        ("a.TXT", "text/plain"),
        ("a.xml", "text/xml"),
    ],
)
def test_the_format_follows_the_name(sr, run, name: str, media_type: str) -> None:
    result = run("convert", sr, name)
    assert (result.status, result.err) == (0, "")
    assert Path(name).read_bytes() == render_document(sr, media_type).data


def test_the_format_may_be_named(sr, run) -> None:
    assert run("convert", sr, "--format", "html").status == 0
    assert Path("report.html").exists()
    assert run("convert", sr, "page", "--format", "txt").status == 0
    assert "größer" in Path("page").read_text("utf-8")
    assert run("convert", sr, "page.html", "--format", "txt").status == 2


def test_an_encapsulated_pdf_comes_out_as_it_is(pdf, run) -> None:
    assert run("convert", pdf, "a.pdf").status == 0
    assert Path("a.pdf").read_bytes() == PDF


def test_json_says_no_frame_and_no_size(sr, run) -> None:
    result = run("convert", sr, "a.html", "--json")
    (line,) = result.lines
    assert line == {
        "source": "report.dcm", "output": "a.html", "frame": None, "status": "ok", "width": None,
        "height": None, "media_type": "text/html", "bytes": Path("a.html").stat().st_size,
        "voi": "", "warnings": [], "warning_codes": [],
    }  # fmt: skip
    assert run("convert", sr, "a.html", "-v").err == "rendicom: report.dcm -> a.html: text/html\n"


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        ("a.png", "no-pixel-data", "formats for it: html, txt, xml"),
        ("a.pdf", "cannot-encode", "formats for it: html, txt, xml"),
    ],
)
def test_what_cannot_be_says_what_can(sr, run, target: str, code: str, said: str) -> None:
    result = run("convert", sr, target, "--json")
    assert result.status == 1
    assert (result.lines[0]["code"], result.lines[0]["hint"]) == (code, said)
    assert "SECRET" not in result.err + result.out
    assert not Path(target).exists()


def test_an_image_is_no_document(here, samples, run) -> None:
    samples.gray("ct.dcm")
    result = run("convert", "ct.dcm", "ct.html", "--json")
    assert (result.status, result.lines[0]["code"]) == (1, "cannot-encode")
    assert "png" in result.lines[0]["hint"]
    assert not Path("ct.html").exists()


def test_a_file_of_nothing_and_no_file(here, run) -> None:
    Path("note.dcm").write_text("no DICOM")
    assert run("convert", "note.dcm", "a.html", "--json").lines[0]["code"] == "not-dicom"
    assert run("convert", "missing.dcm", "a.html", "--json").lines[0]["code"] == "cannot-read"


def test_what_is_there_is_left_or_kept(sr, run) -> None:
    Path("a.html").write_text("mine")
    assert run("convert", sr, "a.html", "--existing", "skip").status == 0
    assert run("convert", sr, "a.html", "--existing", "fail").status == 1
    assert Path("a.html").read_text() == "mine"
    assert run("convert", sr, "a.html").status == 0
    assert Path("a.html").read_bytes().startswith(b"<!DOCTYPE html>")


def test_frames_and_sheets_are_of_pictures(sr, run) -> None:
    assert run("convert", sr, "a.html", "--frames", "1").status == 2
    Path("in").mkdir()
    flags = ("--format", "html", "--contact-sheet", "s.png")
    assert run("convert", "in", "out", *flags).status == 2


def test_a_folder(sr, pdf, samples, run, tree) -> None:
    samples.gray("in/ct.dcm")
    for path in (sr, pdf):
        path.rename(f"in/{path.name}")
    result = run("convert", "in", "out", "--format", "html", "--engine", "inline")
    assert result.status == 0
    assert "2 documents written" in result.err
    assert "1 left out (no html in it 1)" in result.err
    assert {name for name in tree() if name.startswith("out")} == {
        "out/report.html", "out/letter.html",
    }  # fmt: skip
    assert (
        Path("out/report.html").read_bytes() == render_document("in/report.dcm", "text/html").data
    )
    records = {Path(each["source"]).name: each for each in read_manifest("out/manifest.jsonl")}
    assert records["ct.dcm"]["status"] == "filtered"
    assert records["ct.dcm"]["message"] == "no html in it"
    done = records["report.dcm"]
    assert (done["status"], done["format"], done["media_type"]) == ("ok", "html", "text/html")
    assert done["frame"] is done["width"] is done["height"] is None
    assert done["pictures"] == 1
    assert "SECRET" not in json.dumps(list(records.values())) + result.err


def test_a_folder_again(sr, run) -> None:
    Path("in").mkdir()
    sr.rename("in/report.dcm")
    flags = ("in", "out", "--format", "xml", "--engine", "inline")
    planned = run("convert", *flags, "--dry-run")
    assert planned.out.strip() == f"in{os.sep}report.dcm -> out{os.sep}report.xml"
    assert not Path("out").exists()
    assert run("convert", *flags).status == 0
    again = run("convert", *flags, "--resume")
    assert (again.status, "1 file done before" in again.err) == (0, True)
    Path("out/report.xml").unlink()
    assert run("convert", *flags, "--resume").status == 0
    assert Path("out/report.xml").exists()


def test_a_folder_of_pictures_says_what_a_report_can_be(sr, run) -> None:
    Path("in").mkdir()
    sr.rename("in/report.dcm")
    result = run("convert", "in", "out", "--engine", "inline", "--json")
    assert result.status == 0
    assert result.lines[0]["code"] == "no-pixel-data"
    assert result.lines[0]["hint"] == "formats for it: html, txt, xml"


def test_standard_input_and_output(sr) -> None:
    command = [sys.executable, "-m", "rendicom", "convert", "-", "-", "--format", "txt"]
    done = subprocess.run(command, input=sr.read_bytes(), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == render_document(sr, "text/plain").data


def test_info_says_what_can_be_made(sr, pdf, run) -> None:
    result = run("info", sr, pdf, "--json")
    assert result.status == 0
    assert [line["documents"] for line in result.lines] == [
        ["html", "txt", "xml"], ["html", "txt", "xml", "pdf"],
    ]  # fmt: skip
    assert not any(line["renderable"] for line in result.lines)
    human = run("info", pdf).out
    assert "no picture; rendicom convert makes html, txt, xml, pdf" in human
    assert "SECRET" not in human + result.out


def test_pictures_do_not_load_documents(here, samples) -> None:
    samples.gray("a.dcm")
    script = "import sys; from rendicom.cli.main import main; main(['convert', 'a.dcm', 'a.png'])\n"
    script += "print([name for name in sys.modules if name.startswith('rendicom.documents')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    assert done.stdout.strip() == b"[]", done.stderr
