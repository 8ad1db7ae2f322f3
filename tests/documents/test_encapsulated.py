"""Encapsulated documents: the bytes themselves, and pages about them."""

from __future__ import annotations

import base64
import re

import pytest

from rendicom.documents import render_document
from rendicom.errors import CorruptDataError
from reportmaker import encapsulated, part10

PDF = b"%PDF-1.4\nno more than a start"
STL = b"solid x\nendsolid x\n"


def test_the_pdf_is_cut_to_its_length() -> None:
    for data in (PDF, PDF + b"!", PDF + b"\0", PDF + b"\0\0"):
        made = part10(encapsulated(data, 1))
        document = render_document(made, "application/pdf")
        assert document == (data, "application/pdf", "")
        assert document.content_type == "application/pdf"


def test_without_a_length_one_zero_byte_is_padding() -> None:
    assert len(PDF) % 2 == 1
    for data in (PDF, PDF + b"!"):
        made = encapsulated(data, 1)
        del made.EncapsulatedDocumentLength
        assert render_document(part10(made), "application/pdf").data == data


def test_a_length_beyond_the_end_is_noted() -> None:
    made = part10(encapsulated(PDF, 1, EncapsulatedDocumentLength=10**6))
    assert render_document(made, "application/pdf").data == PDF
    note = b"the encapsulated document is shorter than its Encapsulated Document Length"
    assert note in render_document(made, "text/html").data


def test_what_dcmtk_encapsulates(tmp_path, dcmtk) -> None:
    pdf, made = tmp_path / "a.pdf", tmp_path / "a.dcm"
    pdf.write_bytes(PDF + b"!\n%%EOF")
    assert dcmtk("pdf2dcm", "+t", "Letter", pdf, made).returncode == 0
    assert render_document(made, "application/pdf").data == pdf.read_bytes()
    assert b"Letter" in render_document(made, "text/plain").data


def test_a_page_about_a_pdf_links_or_holds_it() -> None:
    made = part10(encapsulated(PDF, 1))
    linked = render_document(made, "text/html", link=lambda to: to.url("/d")).data.decode()
    address = "/d/studies/1.2/series/1.2.3/instances/1.2.3.5/rendered?accept=application/pdf"
    assert re.findall('href="([^"]*)"', linked) == [address]
    assert "<object" not in linked
    alone = render_document(made, "text/html").data.decode()
    (data,) = re.findall('<object data="data:application/pdf;base64,([^"]*)"', alone)
    assert base64.b64decode(data) == PDF
    assert "<h1" in alone
    assert "Discharge letter" in alone


def test_texts_about_a_pdf() -> None:
    made = part10(encapsulated(PDF, 1))
    plain = render_document(made, "text/plain").data.decode()
    assert "The object holds a document (application/pdf, 29 bytes)." in plain
    assert plain.startswith("Discharge letter\n")
    xml = render_document(made, "text/xml").data
    assert b'<attachment media-type="application/pdf" size="29" />' in xml


def test_what_is_no_pdf_is_noted_and_comes_out_all_the_same() -> None:
    made = part10(encapsulated(b"<html>", 1))
    assert render_document(made, "application/pdf").data == b"<html>"
    assert b"does not start with a PDF header" in render_document(made, "text/html").data


def test_models() -> None:
    for last, name in ((3, "stl"), (4, "obj"), (5, "mtl")):
        made = part10(encapsulated(STL, last))
        assert render_document(made, f"model/{name}") == (STL, f"model/{name}", "")
        page = render_document(made, "text/html").data
        assert f"model/{name}, {len(STL)} bytes".encode() in page
        assert b"<object" not in page


@pytest.mark.parametrize("media_type", ["application/pdf", "text/html"])
def test_nothing_is_encapsulated(media_type: str) -> None:
    empty = encapsulated(PDF, 1)
    del empty.EncapsulatedDocument
    made = part10(empty)
    if media_type == "application/pdf":
        with pytest.raises(CorruptDataError, match="no encapsulated document"):
            render_document(made, media_type)
    else:
        assert b"holds no encapsulated document" in render_document(made, media_type).data


# --- CDA ------------------------------------------------------------------------------------

HL7 = 'xmlns="urn:hl7-org:v3"'
CDA = f"""<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/xsl" href="https://evil.example/x.xsl"?>
<ClinicalDocument {HL7}><title>Discharge  summary</title><component><structuredBody>
<component><section><title>Medication</title><text>
 <paragraph>Take <content styleCode="Bold">one</content> <br/>a day &amp; rest</paragraph>
 <list listType="ordered"><item>first</item><item>second <sub>x</sub></item></list>
 <table onclick="bad()"><thead><tr><th>Drug</th></tr></thead>
  <tbody><tr><td colspan="2" style="background:url(https://evil.example)">Aspirin</td></tr></tbody>
 </table>
 <script>alert(1)</script><linkHtml href="javascript:alert(2)">more</linkHtml>
 <renderMultiMedia referencedObject="m"/>
</text><component><section><title>Notes</title><text>plain &lt;b&gt;</text></section></component>
</section></component></structuredBody></component></ClinicalDocument>""".encode()


def cda(data: bytes) -> bytes:
    return part10(encapsulated(data, 2))


def test_the_clinical_document_itself() -> None:
    assert render_document(cda(CDA), "text/xml") == (CDA, "text/xml", "")


def test_a_page_of_a_clinical_document() -> None:
    page = render_document(cda(CDA), "text/html").data.decode()
    body = page[page.index("<body>") :]
    assert '<h1 dir="auto">Discharge summary</h1>' in body
    assert "<h2>Medication</h2>" in body
    assert "<h3>Notes</h3>" in body
    assert "<p>Take <strong>one</strong> <br>a day &amp; rest</p>" in body
    assert "<ol><li>first</li><li>second <sub>x</sub></li></ol>" in body
    assert '<td colspan="2">Aspirin</td>' in body
    assert "plain &lt;b&gt;" in body
    for bad in ("<script", "onclick", "style=", "evil.example", "javascript:", "url("):
        assert bad not in body


def test_text_of_a_clinical_document() -> None:
    plain = render_document(cda(CDA), "text/plain").data.decode()
    tail = plain[plain.index("Medication\n") :]
    assert tail.splitlines()[:8] == [
        "Medication", "----------", "Take one", "a day & rest", "", "1. first", "2. second x", "",
    ]  # fmt: skip
    assert "Aspirin" in tail
    assert "Notes\n-----\nplain <b>\n" in tail


def test_a_text_without_structure() -> None:
    document = f"""<ClinicalDocument {HL7}><component><nonXMLBody>
    <text mediaType="text/plain">line 1\nline 2 &lt;</text></nonXMLBody></component>
    </ClinicalDocument>"""
    page = render_document(cda(document.encode()), "text/html").data
    assert b"<pre>line 1\nline 2 &lt;</pre>" in page
    binary = document.replace('"text/plain"', '"application/pdf" representation="B64"')
    assert b"line 1" not in render_document(cda(binary.encode()), "text/html").data


LAUGHS = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
HOSTILE = {
    "doctype": f"<!DOCTYPE x><ClinicalDocument {HL7}/>",
    "laughs": f'<!DOCTYPE x [<!ENTITY e0 "ha">{LAUGHS}]><ClinicalDocument {HL7}>&e8;'
    "</ClinicalDocument>",
    "file": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    f"<ClinicalDocument {HL7}><title>&e;</title></ClinicalDocument>",
    "deep": f"<ClinicalDocument {HL7}>" + "<a>" * 5000,
    "many": f"<ClinicalDocument {HL7}>" + "<a/>" * 110_000 + "</ClinicalDocument>",
    "not XML": "hello",
    "empty name": "<>",
    "other": "<html/>",
    "encoding": '<?xml version="1.0" encoding="klingon"?><ClinicalDocument/>',
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("media_type", ["text/html", "text/plain"])
def test_hostile_clinical_documents(name: str, media_type: str) -> None:
    shown = render_document(cda(HOSTILE[name].encode()), media_type).data
    assert b"the encapsulated document " in shown
    assert b"root:" not in shown
    assert len(shown) < 100_000
    assert render_document(cda(HOSTILE[name].encode()), "text/xml").data == HOSTILE[name].encode()


def test_spans_that_would_take_all_the_room_are_cut() -> None:
    table = '<table><tr><td colspan="99999" rowspan="x">a</td></tr></table>'
    document = CDA.replace(b"<script>alert(1)</script>", table.encode())
    assert b'<td colspan="1000">a</td>' in render_document(cda(document), "text/html").data
