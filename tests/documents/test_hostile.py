"""Files made to do harm, and files that something went wrong with."""

from __future__ import annotations

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from rendicom.documents import document_types, render_document
from rendicom.errors import CorruptDataError, LimitExceededError, RendicomError
from rendicom.testing.writer import dicom_file, element
from reportmaker import ENHANCED_SR, container, encapsulated, item, number, objects, part10, report

_FUZZ = settings(
    max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
TYPES = ("text/html", "text/plain", "text/xml")
HARMLESS = {
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "h4", "h5", "h6",
    "p", "div", "section", "dl", "dt", "dd", "span", "a", "code", "ol", "ul", "li", "table", "tr",
    "th", "td", "details", "summary", "object",
}  # fmt: skip


class Tags(HTMLParser):
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in HARMLESS
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs)


def render_all(data: bytes) -> int:
    """Render in every form; return how many could be. Nothing but our errors may come."""
    made = 0
    for media_type in (*TYPES, "application/pdf"):
        try:
            document = render_document(data, media_type)
        except RendicomError:
            continue
        made += 1
        if media_type == "text/html":
            Tags().feed(document.data.decode())
        elif media_type == "text/xml" and b"<document " in document.data[:80]:
            ET.fromstring(document.data)  # noqa: S314 - ours
    return made


@cache
def seeds() -> tuple[bytes, ...]:
    shipped = [get_testdata_file(name, download=False) for name in ("test-SR.dcm", "reportsi.dcm")]
    everything = report(
        container("A", number("B", "1"), item("TEXT", "C", TextValue="x"), continuity="CONTINUOUS"),
        item("SCOORD", "D", GraphicType="POINT", GraphicData=[1, 2]),
        item("TCOORD", "E", TemporalRangeType="POINT", ReferencedTimeOffsets=["1"]),
        objects("IMAGE", "1.2.3", ReferencedFrameNumber=[1, 2]),
        objects("WAVEFORM", "1.2.4", ReferencedWaveformChannels=[1, 2]),
    )
    made = (everything, encapsulated(b"%PDF-1.4 x", 1), encapsulated(b"<a/>", 2))
    return (*(Path(str(each)).read_bytes() for each in shipped), *map(part10, made))


@given(st.data())
@_FUZZ
def test_flipped_bytes(data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from(seeds()))
    broken = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(128, len(seed) - 1))] = data.draw(st.integers(0, 255))
    render_all(bytes(broken))


@given(st.data())
@_FUZZ
def test_pieces_cut_out_or_doubled(data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from(seeds()))
    start = data.draw(st.integers(128, len(seed)))
    end = data.draw(st.integers(start, min(len(seed), start + 200)))
    render_all(seed[:start] + seed[start:end] * data.draw(st.sampled_from((0, 2))) + seed[end:])
    render_all(seed[:end])


_TAGS = st.sampled_from(
    ["0040A730", "0040A040", "0040A010", "0040A300", "0040A168", "0040A043", "00081199",
     "0040DB73", "00700022", "0040A160", "0040A123", "0040A073", "0040A375", "00100010",
     "0040A801", "0040A13A", "00080005"]
)  # fmt: skip
_VRS = st.sampled_from(["SQ", "LO", "UL", "OB", "DS", "FL", "UI", "PN", "UT", "UN", "AT", "IS"])


@given(st.lists(st.tuples(_TAGS, _VRS, st.binary(max_size=24)), min_size=1, max_size=6))
@_FUZZ
def test_values_of_any_type_in_any_place(elements: list[tuple[str, str, bytes]]) -> None:
    written = {int(tag, 16): (vr, value) for tag, vr, value in elements}
    values = {0x00080016: ("UI", f"{ENHANCED_SR}\0".encode())} | written
    body = [element(tag, *values[tag]) for tag in sorted(values)]
    render_all(dicom_file(body))


def test_levels_beyond_what_is_read_are_noted() -> None:
    content = item("TEXT", "Deep", TextValue="the bottom")
    for _ in range(100):
        content = container("Level", content)
    data = part10(report(content))
    for media_type in TYPES:
        shown = render_document(data, media_type).data
        assert b"content deeper than 64 levels is left out" in shown
        assert b"the bottom" not in shown


def test_nesting_without_an_end() -> None:
    start = b"\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    data = dicom_file([element(0x00080016, "UI", ENHANCED_SR)]) + start * 20_000
    with pytest.raises(CorruptDataError):
        render_document(data, "text/html")


def test_more_items_than_memory_should_hold() -> None:
    empty = b"\xfe\xff\x00\xe0\0\0\0\0" * 600_000
    length = len(empty).to_bytes(4, "little")
    start = b"\x40\x00\x30\xa7SQ\0\0" + length
    data = dicom_file([element(0x00080016, "UI", ENHANCED_SR)]) + start + empty
    with pytest.raises(LimitExceededError, match="500000 sequence items"):
        render_document(data, "text/html")


def test_more_items_than_memory_should_hold_deflated() -> None:
    content = element(0x0040A730, "SQ", b"\xfe\xff\x00\xe0\0\0\0\0" * 600_000)
    uid = element(0x00080016, "UI", ENHANCED_SR)
    data = dicom_file([uid, content], transfer_syntax="1.2.840.10008.1.2.1.99")
    assert len(data) < 20_000
    with pytest.raises(LimitExceededError, match="500000 sequence items"):
        render_document(data, "text/html")


def test_a_data_set_that_holds_itself() -> None:
    dataset = report(item("TEXT", "A", TextValue="x"))
    dataset.ContentSequence[0].ContentSequence = Sequence([dataset])
    shown = render_document(dataset, "text/plain").data
    assert b"content deeper than 64 levels is left out" in shown


def test_an_object_with_nothing_in_it() -> None:
    bare = Dataset()
    bare.SOPClassUID = ENHANCED_SR
    for media_type in TYPES:
        shown = render_document(part10(bare), media_type).data
        assert b"Enhanced SR" in shown
        assert b"the document has no content" in shown


def test_content_of_an_unknown_type() -> None:
    shown = render_document(report(item("HOLOGRAM", "New")), "text/plain").data.decode()
    assert "New: (no value)" in shown
    assert "some content has an unknown value type" in shown


def test_messages_hold_nothing_of_the_patient() -> None:
    data = part10(report(PatientName="SECRET^NAME", PatientID="SECRETID"))
    said = []
    for end in range(300, len(data), 7):
        for media_type in ("text/html", "image/png"):
            try:
                render_document(data[:end], media_type)
            except RendicomError as error:
                said.append(f"{error} {error.__cause__} {error.__context__}")
    assert len(said) > 50
    assert not [each for each in said if "SECRET" in each]


def test_files_that_are_known_to_be_broken(corpus) -> None:
    files = [path for path in (corpus / "malformed").rglob("*") if path.suffix in ("", ".dcm")]
    assert len([path for path in files if path.is_file()]) > 20
    for path in files:
        if path.is_file() and path.stat().st_size < 1_000_000:
            render_all(path.read_bytes())


def test_every_report_of_the_corpus(corpus) -> None:
    names = [
        "dcmqi__sr.dcm",
        "highdicom__sr_document.dcm",
        "highdicom__sr_document_with_multiple_groups.dcm",
        "dicomparser__report_dfl",
        "pydicom__test-SR.dcm",
        "dicom-swift__sr_tid1500_measurement_report.dcm",
        "pydicom__reportsi_with_empty_number_tags.dcm",
    ]
    assert [render_all((corpus / name).read_bytes()) for name in names] == [3] * len(names)
    assert document_types(ENHANCED_SR) == TYPES
