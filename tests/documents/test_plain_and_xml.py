"""Reports as plain text and as XML, also against what DCMTK reads."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from pydicom.dataset import Dataset

from rendicom.documents import render_document
from reportmaker import code, container, item, number, objects, report, sequence_of

LONG = "The quick brown fox jumps over the lazy dog and comes back for another round of it."


def text(dataset: Dataset, **more: object) -> str:
    return render_document(dataset, "text/plain", **more).data.decode()  # type: ignore[arg-type]


def tree(source: Dataset | str, **more: object) -> ET.Element:
    data = render_document(source, "text/xml", **more).data  # type: ignore[arg-type]
    return ET.fromstring(data)  # noqa: S314 - ours


def whole() -> Dataset:
    region = item(
        "SCOORD",
        "Outline",
        "INFERRED FROM",
        GraphicType="POLYLINE",
        GraphicData=[1.5, 2, 3, 4],
        children=[objects("IMAGE", "1.4.1", relationship="SELECTED FROM")],
    )
    finding = item("TEXT", "Finding", TextValue=LONG, children=[region])
    return report(
        container("Findings", finding, number("Length", "12.50")),
        objects("IMAGE", "1.4.1"),
        CurrentRequestedProcedureEvidenceSequence=sequence_of("1.2", "1.3", "1.4.1"),
    )


EXPECTED = """\
Chest report
============
Enhanced SR
Complete
Not verified

Patient
-------
Name: Doe, Dr Jane M
ID: ID-7
Born: 1970-01-02

Study
-----
Date: 2024-02-29

Findings
--------
  Finding: The quick brown fox jumps over the lazy dog and comes back for
    another round of it.
    inferred from Outline: Polyline: (1.5, 2), (3, 4)
      selected from Image: CT Image
        1.4.1
  Length: 12.50 mm
- CT Image
  1.4.1

Evidence of this procedure
--------------------------
  - CT Image
    1.4.1
"""


def test_text() -> None:
    assert text(whole()) == EXPECTED


def test_text_names_addresses_where_there_are_some() -> None:
    shown = text(whole(), link=lambda reference: f"https://x/{reference.instance}")
    assert shown.count("https://x/1.4.1\n") == 3


def test_lines_are_short_whatever_the_letters() -> None:
    shown = text(report(item("TEXT", "所見", TextValue="肺に結節を認める。" * 20)))
    widths = [
        sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)
        for line in shown.splitlines()
    ]
    assert max(widths) <= 80
    assert shown.replace("\n", "").replace(" ", "").count("肺に結節を認める。") == 20


def test_xml() -> None:
    root = tree(whole(), link=lambda reference: reference.url(""))
    assert root.attrib == {
        "title": "Chest report", "class": "Enhanced SR", "instance": "1.2.3.4", "series": "1.2.3",
        "study": "1.2", "sop-class": "1.2.840.10008.5.1.4.1.1.88.22",
    }  # fmt: skip
    facts = {fact.get("keyword"): fact.text for fact in root.iter("fact")}
    assert facts["PatientName"] == "Doe, Dr Jane M"
    assert facts["CompletionFlag"] == "Complete"
    outline = root.find(".//item[@position='1.1.1.1']")
    assert outline is not None
    assert (outline.get("relationship"), outline.get("type")) == ("INFERRED FROM", "SCOORD")
    assert [point.text for point in outline.iter("point")] == ["1.5 2", "3 4"]
    reference = outline.find("item/reference")
    assert reference is not None
    assert reference.get("href") == "/studies/1.2/series/1.3/instances/1.4.1/rendered"
    length = root.find(".//item[@type='NUM']")
    assert length is not None
    assert length.findtext("number") == "12.50"
    units = length.find("units")
    assert units is not None
    assert (units.get("code"), units.get("scheme"), units.text) == ("mm", "UCUM", "millimeter")


def test_xml_keeps_what_the_page_leaves_out() -> None:
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "1500"
    group = container("Group", number("A", "1"), continuity="CONTINUOUS")
    group.ContentTemplateSequence = [template]
    moment = item("TEXT", "Seen", TextValue="x", ObservationDateTime="20240229120000")
    moment.ObservationUID = "1.2.99"
    points = item("SCOORD", "Many", GraphicType="MULTIPOINT", GraphicData=[0.0, 1.0] * 50)
    root = tree(report(group, moment, points, item("DATE", "Day", Date="20240101")))
    found = root.find(".//item[@position='1.1']")
    assert found is not None
    assert (found.get("template"), found.get("continuity")) == ("1500", "CONTINUOUS")
    seen = root.find(".//item[@position='1.2']")
    assert seen is not None
    assert (seen.get("time"), seen.get("uid")) == ("2024-02-29 12:00:00", "1.2.99")
    assert len(list(root.iter("point"))) == 50
    day = root.find(".//item[@type='DATE']/value")
    assert day is not None
    assert (day.text, day.get("stored")) == ("2024-01-01", "20240101")


def test_characters_that_xml_cannot_hold_are_replaced() -> None:
    evil = """"'/><x a='b'>&lt;&amp;"""
    odd = item("TEXT", "Odd", TextValue="a\x01b\x1bc\ufffed & <x> ]]>")
    root = tree(report(odd, objects("IMAGE", "1.4", sop_class=evil), title=evil, PatientID=evil))
    assert root.attrib["title"] == evil
    assert evil in {reference.get("sop-class") for reference in root.iter("reference")}
    assert evil in {fact.text for fact in root.iter("fact")}
    found = root.find(".//item[@type='TEXT']/value")
    assert found is not None
    assert found.text == "a\ufffdb\ufffdc\ufffdd & <x> ]]>"


def test_a_reference_to_an_item_in_xml() -> None:
    see = Dataset()
    see.RelationshipType = "INFERRED FROM"
    see.ReferencedContentItemIdentifier = [1, 1]
    root = tree(report(item("TEXT", "A", TextValue="x", children=[see])))
    found = root.find(".//item[@target]")
    assert found is not None
    assert found.attrib == {
        "position": "1.1.1", "relationship": "INFERRED FROM", "target": "1.1",
    }  # fmt: skip


def test_long_codes_and_long_numbers() -> None:
    long_code = Dataset()
    long_code.LongCodeValue = "x" * 40
    long_code.CodeMeaning = "Long"
    measured = Dataset()
    measured.FloatingPointValue = 0.1
    measured.MeasurementUnitsCodeSequence = code("s", "s", "UCUM")
    root = tree(
        report(
            item("CODE", "C", ConceptCodeSequence=[long_code]),
            item("NUM", "N", MeasuredValueSequence=[measured]),
        )
    )
    found = root.find(".//item[@type='CODE']/code")
    assert found is not None
    assert found.get("code") == "x" * 40
    assert root.findtext(".//number") == "0.1"


# --- against DCMTK --------------------------------------------------------------------------

_LINE = re.compile(r"^( *)<(?:([a-z ]+) )?([A-Z0-9]+):")


def _said_by_dcmtk(dump: bytes) -> list[tuple[int, str, str]]:
    """Return depth, relationship and type of each item, those by reference left out."""
    found = (_LINE.match(line) for line in dump.decode("latin-1").splitlines())
    return [
        (len(match[1]) // 2, (match[2] or "").upper(), match[3])
        for match in found
        if match is not None
    ]


def _said_by_us(path: Path) -> list[tuple[int, str, str]]:
    items = tree(str(path)).iter("item")
    return [
        (each.get("position", "").count("."), each.get("relationship", ""), each.get("type", ""))
        for each in items
        if each.get("type")
    ]


@pytest.mark.parametrize(
    "name",
    [
        "highdicom__sr_document.dcm",
        "highdicom__sr_document_with_multiple_groups.dcm",
        "dcmqi__sr.dcm",
        "dicom-swift__sr_tid1500_measurement_report.dcm",
        "dicomparser__report_dfl",
    ],
)
def test_real_trees_are_those_that_dcmtk_reads(name: str, corpus, dcmtk) -> None:
    path = corpus / name
    said = _said_by_dcmtk(dcmtk("dsrdump", path).stdout)
    if not said:
        pytest.skip("this DCMTK does not read it")
    assert _said_by_us(path) == said


def test_the_tree_that_pydicom_ships_is_that_of_dcmtk(pydicom_file, dcmtk) -> None:
    path = pydicom_file("test-SR.dcm")
    assert _said_by_us(path) == _said_by_dcmtk(dcmtk("dsrdump", path).stdout)
    shown = render_document(str(path), "text/plain").data.decode()
    for line in dcmtk("dsrdump", "+Pl", path).stdout.decode("latin-1").splitlines():
        for value in re.findall(r'="([^"\\]+)"', line):
            assert value in shown or value.isdigit()
