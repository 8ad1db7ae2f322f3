"""What ``rendicom info`` tells, and what it keeps to itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from rendicom.testing.images import image, lookup_table, overlay, palette
from rendicom.testing.writer import element, encapsulate


def test_a_plain_image(here, samples, run) -> None:
    extra = [
        element(0x00281052, "DS", "-1024"),
        element(0x00281053, "DS", "2"),
        element(0x00281055, "LO", "SOFT"),
        element(0x00280120, "US", 4000),
        element(0x00280301, "CS", "NO"),
        element(0x00280034, "IS", "2\\1"),
        lookup_table([0, 100, 200, 255], first=5, bits=8, explanation="STEEP"),
    ]
    samples.gray("a.dcm", frames=3, extra=[*extra, element(0x00181063, "DS", "40")])
    result = run("info", "a.dcm")
    rows = dict(line.split("  ", 1) for line in result.out.splitlines())
    rows = {label: text.strip() for label, text in rows.items()}
    assert result.status == 0
    assert rows.pop("picture").startswith("frame 1, 6 x 4, gray transform: ")
    assert rows == {
        "file": "a.dcm",
        "class": "Secondary Capture Image Storage  1.2.840.10008.5.1.4.1.1.7",
        "transfer syntax": "Explicit VR Little Endian  1.2.840.10008.1.2.1",
        "header read by": "fast reader",
        "burned in names": "NO",
        "size": "6 x 4",
        "frames": "3, 40 ms each",
        "photometric": "MONOCHROME2, 1 sample a pixel",
        "bits": "12 stored of 16, high bit 11, unsigned",
        "rescale": "slope 2, intercept -1024",
        "window 1": '100,200,linear  "SOFT"',
        "VOI LUT 1": '4 entries from 5, 8 bits  "STEEP"',
        "padding": "4000",
        "pixels": "not square, 2 high to 1 wide (--square-pixels)",
    }


def test_the_same_as_json(here, samples, run) -> None:
    samples.overlaid("a.dcm")
    (line,) = run("info", "a.dcm", "--json").lines
    assert line["renderable"] is True
    assert line["sop_class"]["uid"] == "1.2.840.10008.5.1.4.1.1.7"
    assert (line["rows"], line["columns"], line["frames"]) == (4, 6, 1)
    assert (line["bits_allocated"], line["bits_stored"], line["signed"]) == (16, 12, False)
    assert line["windows"] == [{"window": "100,200,linear", "explanation": ""}]
    assert line["overlays"] == ["6000"]
    assert line["decoders"] == []
    assert (line["picture"]["width"], line["picture"]["height"]) == (6, 4)
    assert "100,200" in line["picture"]["voi"]
    assert line["warnings"] == []


def test_the_library_that_would_decode(here, samples, run) -> None:
    compressed = {"transfer_syntax": "1.2.840.10008.1.2.4.80"}
    Path("a.dcm").write_bytes(
        image(encapsulate([b"\xff\xd8\xff\xf7"]), rows=4, columns=6, **compressed)
    )
    result = run("info", "a.dcm", "--json")
    (line,) = result.lines
    assert result.status == 1
    assert line["decoders"][0]["name"] == "CharLS"
    assert line["decoders"][0]["version"]
    assert line["error"]["code"] == "corrupt-data"
    text = run("info", "a.dcm")
    assert "not rendered     corrupt-data: " in text.out


def test_what_is_wrong_is_said_and_the_rest_is_shown(here, samples, run) -> None:
    samples.document("document.dcm")
    Path("note.txt").write_text("no DICOM")
    result = run("info", "document.dcm", "note.txt", "missing.dcm", "--json")
    assert result.status == 1
    assert [line["error"]["code"] for line in result.lines] == [
        "no-pixel-data", "not-dicom", "cannot-read",
    ]  # fmt: skip
    assert result.lines[0]["sop_class"]["name"] == "Key Object Selection Document Storage"
    assert result.lines[0]["documents"] == ["html", "txt", "xml"]
    human = run("info", "document.dcm", "note.txt").out
    assert human.count("not rendered") == 1
    assert "no picture; rendicom convert makes html, txt, xml" in human
    assert "\n\nfile" in human


def test_nothing_of_the_patient_is_shown(here, samples, run) -> None:
    secrets = [
        element(0x00100010, "PN", "SECRET^NAME"),
        element(0x00100020, "LO", "SECRETID"),
        element(0x00080050, "SH", "SECRETACC"),
        element(0x00081030, "LO", "SECRETSTUDY"),
        element(0x0008103E, "LO", "SECRETSERIES"),
    ]
    samples.gray("a.dcm", extra=secrets)
    for arguments in (["a.dcm"], ["a.dcm", "--json"]):
        result = run("info", *arguments)
        assert result.status == 0
        assert "SECRET" not in result.out + result.err
    verbose = run("convert", "a.dcm", "x.png", "-v", "--json")
    assert "SECRET" not in verbose.out + verbose.err


def test_colour_palette_float_and_overlays(here, samples, run) -> None:
    ramp = list(range(256))
    Path("palette.dcm").write_bytes(
        image(
            np.zeros((4, 6), np.uint8), photometric="PALETTE COLOR",
            extra=palette(ramp, ramp, ramp, bits=8),
        )
    )  # fmt: skip
    rows = run("info", "palette.dcm").out
    assert "palette          yes\n" in rows
    Path("float.dcm").write_bytes(image(np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6)))
    assert "32, floating point" in run("info", "float.dcm").out
    samples.gray("overlay.dcm", extra=overlay(np.ones((4, 6), np.uint8), group=0x6002))
    assert "6002 (--overlays draws them)" in run("info", "overlay.dcm").out


def test_damage_is_a_warning(here, samples, run) -> None:
    samples.cut("cut.dcm")
    result = run("info", "cut.dcm")
    assert result.status == 0
    assert "\nwarning " in result.out


def test_a_fault_of_ours_is_one_line(here, samples, run, monkeypatch) -> None:
    from rendicom.engine import Instance

    def explain(*_: object) -> object:
        raise ZeroDivisionError("the name of a patient")

    samples.gray("a.dcm")
    monkeypatch.setattr(Instance, "explain", explain)
    (line,) = run("info", "a.dcm", "--json").lines
    assert line["error"]["code"] == "internal-error"
    assert "patient" not in json.dumps(line)


def test_usage(here, run) -> None:
    assert run("info").status == 2
    assert run("info", "a.dcm", "--nonsense").status == 2
