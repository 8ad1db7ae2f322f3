"""Reports as HTML: what a reader sees, and what a hostile value cannot do."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from pydicom.dataset import Dataset

from rendicom.documents import ObjectReference, render_document
from rendicom.documents.templating import style_source
from reportmaker import KEY_OBJECTS, code, container, item, number, objects, report, sequence_of

VOID = {"meta", "br", "hr"}


class Page(HTMLParser):
    """What a page holds: elements with their texts, every tag closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[int] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        for place in self._open:
            self.elements[place][2].append(data)

    def texts(self, tag: str) -> list[str]:
        return [" ".join("".join(text).split()) for name, _, text in self.elements if name == tag]

    def attributes(self, tag: str, name: str) -> list[str | None]:
        return [given[name] for found, given, _ in self.elements if found == tag and name in given]

    def rows(self) -> dict[str, str]:
        return dict(zip(self.texts("dt"), self.texts("dd"), strict=True))


def page(dataset: Dataset, **more: object) -> Page:
    return Page(render_document(dataset, "text/html", **more).data.decode())  # type: ignore[arg-type]


def test_what_stands_above_the_content() -> None:
    shown = page(
        report(
            PreliminaryFlag="PRELIMINARY",
            CompletionFlagDescription="all read",
            AccessionNumber="A1",
            PatientAge="042Y",
            StudyTime="143000",
        )
    )
    assert shown.texts("h1") == shown.texts("title") == ["Chest report"]
    assert "Enhanced SR · Complete · all read · Not verified · Preliminary" in shown.texts("p")
    rows = shown.rows()
    assert rows["Name"] == "Doe, Dr Jane M"
    assert (rows["ID"], rows["Born"], rows["Age"]) == ("ID-7", "1970-01-02", "42 years")
    assert (rows["Date"], rows["Time"], rows["Accession"]) == ("2024-02-29", "14:30:00", "A1")


def test_people() -> None:
    verifier = Dataset()
    verifier.VerifyingObserverName = "House^Gregory"
    verifier.VerifyingOrganization = "PPTH"
    verifier.VerificationDateTime = "20240301120000+0100"
    author = Dataset()
    author.PersonName = "Chase^Robert"
    device = Dataset()
    device.Manufacturer = "Acme"
    device.ManufacturerModelName = "DatasetReader 9"
    entered = Dataset()
    entered.ParticipationType = "ENT"
    entered.PersonName = "Cuddy^Lisa"
    kept = Dataset()
    kept.InstitutionName = "Archive"
    people = page(
        report(
            VerifyingObserverSequence=[verifier],
            AuthorObserverSequence=[author, device],
            ParticipantSequence=[entered],
            CustodialOrganizationSequence=[kept],
        )
    )
    assert people.texts("dt")[-5:] == [
        "Verified by", "Author", "Author", "Entered by", "Kept by",
    ]  # fmt: skip
    assert people.texts("dd")[-5:] == [
        "House, Gregory, PPTH, 2024-03-01 12:00:00 +01:00", "Chase, Robert", "Acme DatasetReader 9",
        "Cuddy, Lisa", "(no name), Archive",
    ]  # fmt: skip


def test_rows_of_every_simple_type() -> None:
    qualified = number("Volume", "7", "ml")
    qualified.NumericValueQualifierCodeSequence = code("estimated")
    rows = page(
        report(
            item("TEXT", "Finding", TextValue="first\r\nsecond"),
            item("CODE", "Site", ConceptCodeSequence=code("Lung", "39607008", "SCT")),
            number("Length", "12.50"),
            qualified,
            item("NUM", "Unmeasured", NumericValueQualifierCodeSequence=code("not possible")),
            number("Ratio", "0.5", "1"),
            item("DATE", "Day", Date="20240229"),
            item("TIME", "Hour", Time="1430"),
            item("DATETIME", "Instant", DateTime="20240229143015-0500"),
            item("UIDREF", "Tracked", UID="1.2.3.99"),
            item("PNAME", "DatasetReader", PersonName="Roe^Richard"),
            item("TEXT", "Nothing"),
        )
    ).rows()
    assert rows["Finding"] == "first second"
    assert rows["Site"] == "Lung"
    assert (rows["Length"], rows["Volume"]) == ("12.50 mm", "7 ml (estimated)")
    assert (rows["Unmeasured"], rows["Ratio"]) == ("not possible", "0.5")
    assert (rows["Day"], rows["Hour"]) == ("2024-02-29", "14:30")
    assert rows["Instant"] == "2024-02-29 14:30:15 -05:00"
    assert (rows["Tracked"], rows["DatasetReader"]) == ("1.2.3.99", "Roe, Richard")
    assert rows["Nothing"] == "(no value)"


def test_units_are_written_as_people_write_them() -> None:
    rows = page(
        report(
            number("A", "1", "[hnsf'U]"), number("B", "1", "%"), number("C", "1", "mm2"),
            number("D", "1", "{pixels}"),
        )
    ).rows()  # fmt: skip
    assert rows["A"] == "1 [hnsf'U]"  # the code's meaning, which the maker sets to the same
    assert (rows["B"], rows["C"], rows["D"]) == ("1 %", "1 mm2", "1 {pixels}")


def test_coordinates_in_space_and_time() -> None:
    rows = page(
        report(
            item("SCOORD", "Region", GraphicType="CIRCLE", GraphicData=[1.5, 2, 3, 4]),
            item("SCOORD3D", "Place", GraphicType="POINT", GraphicData=[1, 2, -3]),
            item("TCOORD", "When", TemporalRangeType="SEGMENT", ReferencedTimeOffsets=["1", "2.5"]),
            item("TCOORD", "Samples", TemporalRangeType="POINT", ReferencedSamplePositions=[7]),
            item("SCOORD", "Long", GraphicType="POLYLINE", GraphicData=[0.0, 1.0] * 100),
        )
    ).rows()
    assert rows["Region"] == "Circle: (1.5, 2), (3, 4)"
    assert rows["Place"] == "Point: (1, 2, -3)"
    assert rows["When"] == "Segment, seconds: 1, 2.5"
    assert rows["Samples"] == "Point, samples: 7"
    assert rows["Long"].count("(0, 1)") == 12
    assert rows["Long"].endswith("and 88 more")


def test_headings_follow_containers_and_stop_at_six() -> None:
    content = item("TEXT", "Deep", TextValue="x")
    for level in range(8, 0, -1):
        content = container(f"Level {level}", content)
    shown = page(report(content))
    headings = [
        (tag, given.get("aria-level"))
        for tag, given, _ in shown.elements
        if re.fullmatch("h[2-6]", tag)
    ]
    facts = [("h2", None)] * 2
    assert headings == [
        *facts, ("h2", None), ("h3", None), ("h4", None), ("h5", None), ("h6", None),
        ("h6", "7"), ("h6", "8"), ("h6", "9"),
    ]  # fmt: skip


def test_continuous_text_flows_and_named_values_do_not() -> None:
    aside = item("CODE", "Side", "HAS CONCEPT MOD", ConceptCodeSequence=code("left"))
    prose = container(
        "Findings",
        item("TEXT", "Text", TextValue="A mass of"),
        number("Diameter", "3", children=[aside]),
        item("TEXT", "Text", TextValue=", benign"),
        item("TEXT", "Text", TextValue="."),
        continuity="CONTINUOUS",
    )
    table = container("Group", number("Length", "1"), number("Width", "2"), continuity="CONTINUOUS")
    shown = page(report(prose, table))
    assert "A mass of 3 mm (Side: left), benign." in shown.texts("p")
    assert (shown.rows()["Length"], shown.rows()["Width"]) == ("1 mm", "2 mm")


def test_relationships_that_matter_are_said() -> None:
    finding = item(
        "CODE",
        "Finding",
        ConceptCodeSequence=code("Nodule"),
        children=[
            item("TEXT", "Sign", "INFERRED FROM", TextValue="shadow"),
            item("TEXT", "Detail", "HAS PROPERTIES", TextValue="round"),
        ],
    )
    names = page(report(finding)).texts("dt")
    assert "inferred from Sign" in names
    assert "Detail" in names


def test_a_reference_to_an_item_is_a_link_to_it_and_a_loop_is_none() -> None:
    def see(*position: int) -> Dataset:
        found = Dataset()
        found.RelationshipType = "INFERRED FROM"
        found.ReferencedContentItemIdentifier = list(position)
        return found

    first = item("TEXT", "First", TextValue="a", children=[see(1, 2), see(1, 1), see(1)])
    second = item("TEXT", "Second", TextValue="b", children=[see(1, 1), see(9, 9)])
    shown = page(report(first, second))
    assert shown.attributes("a", "href") == ["#i1.2", "#i1.1", "#i1", "#i1.1"]
    assert {"i1.1", "i1.2"} <= {given.get("id") for _, given, _ in shown.elements}
    assert "9.9, which is not there" in shown.texts("dd")


def test_references_are_linked_by_the_evidence() -> None:
    evidence = sequence_of("1.2", "1.3", "1.4.1", "1.4.2")
    asked: list[ObjectReference] = []

    def link(reference: ObjectReference) -> str | None:
        asked.append(reference)
        return reference.url("/dicomweb")

    shown = page(
        report(
            objects("IMAGE", "1.4.1", "Key image"),
            objects("IMAGE", "1.4.2", "Frames", ReferencedFrameNumber=[3, 1]),
            objects("IMAGE", "1.4.2", "One frame", ReferencedFrameNumber=[5]),
            objects("IMAGE", "9.9.9", "Elsewhere"),
            CurrentRequestedProcedureEvidenceSequence=evidence,
        ),
        link=link,
    )
    base = "/dicomweb/studies/1.2/series/1.3/instances"
    assert shown.attributes("a", "href")[:5] == [
        f"{base}/1.4.1/rendered", f"{base}/1.4.2/rendered", f"{base}/1.4.2/frames/3/rendered",
        f"{base}/1.4.2/frames/1/rendered", f"{base}/1.4.2/frames/5/rendered",
    ]  # fmt: skip
    assert shown.texts("a")[:5] == ["CT Image", "CT Image", "3", "1", "CT Image, frame 5"]
    assert shown.rows()["Elsewhere"] == "CT Image 9.9.9"
    assert all(reference.instance != "9.9.9" or not reference.study for reference in asked)


def test_without_links_there_are_none() -> None:
    evidence = sequence_of("1.2", "1.3", "1.4.1")
    shown = page(
        report(objects("IMAGE", "1.4.1"), CurrentRequestedProcedureEvidenceSequence=evidence)
    )
    assert shown.attributes("a", "href") == []
    assert shown.texts("code") == ["1.4.1", "1.4.1"]


def test_presentations_segments_and_channels() -> None:
    state = Dataset()
    state.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.11.1"
    state.ReferencedSOPInstanceUID = "1.5"
    rows = page(
        report(
            objects("IMAGE", "1.4", "Shown", ReferencedSOPSequence=[state]),
            objects("IMAGE", "1.6", "Part", ReferencedSegmentNumber=[2, 3]),
            objects("WAVEFORM", "1.7", "Lead", ReferencedWaveformChannels=[1, 2, 1, 3]),
        )
    ).rows()
    state_name = "Grayscale Softcopy Presentation State"
    assert rows["Shown"] == f"CT Image 1.4, shown as {state_name} 1.5 says"
    assert rows["Part"] == "CT Image 1.6, segments 2, 3"
    assert rows["Lead"] == "CT Image 1.7, channels 1/2, 1/3"


def test_a_key_object_selection_is_a_list() -> None:
    shown = page(
        report(
            item("TEXT", "Key Object Description", TextValue="for the board"),
            *(objects("IMAGE", f"1.4.{number}") for number in range(3)),
            sop_class=KEY_OBJECTS,
            title="Of Interest",
        )
    )
    assert shown.texts("h1") == ["Of Interest"]
    assert shown.texts("li") == [f"CT Image 1.4.{number}" for number in range(3)]
    assert shown.rows()["Key Object Description"] == "for the board"


def test_a_table() -> None:
    def numbered(what: str, at: int, **more: object) -> Dataset:
        made = Dataset()
        setattr(made, f"Table{what}Number", at)
        for keyword, value in more.items():
            setattr(made, keyword, value)
        return made

    table = Dataset()
    table.NumberOfTableRows, table.NumberOfTableColumns = 2, 2
    millimeter = code("millimeter", "mm", "UCUM")
    table.TableColumnDefinitionSequence = [
        numbered("Column", 1, ConceptNameCodeSequence=code("Site")),
        numbered(
            "Column",
            2,
            ConceptNameCodeSequence=code("Size"),
            MeasurementUnitsCodeSequence=millimeter,
        ),
    ]
    cells = [
        numbered("Row", 1, TableColumnNumber=1, ConceptCodeSequence=code("Lung")),
        numbered("Row", 1, TableColumnNumber=2, NumericValue="3.5"),
        numbered("Row", 2, TableColumnNumber=1, TextValue="<b>"),
        numbered("Row", 7, TableColumnNumber=1, TextValue="outside"),
        numbered("Row", 1, TableColumnNumber=0, TextValue="before the first column"),
        numbered("Row", 0, TableColumnNumber=2, TextValue="before the first row"),
    ]
    table.CellValuesSequence = cells
    shown = page(report(item("TABLE", "Sizes", TabulatedValuesSequence=[table])))
    assert shown.texts("th") == ["Site", "Size (mm)"]
    assert shown.texts("td") == ["Lung", "3.5", "<b>", ""]


def test_a_table_larger_than_can_be_shown_is_noted() -> None:
    table = Dataset()
    table.NumberOfTableRows = table.NumberOfTableColumns = 2**31
    shown = page(report(item("TABLE", "Huge", TabulatedValuesSequence=[table])))
    assert shown.rows()["Huge"] == "(no value)"
    assert "a table is empty or too large" in shown.texts("li")


EVIL = """"'><script>alert(1)</script><img src=x onerror=alert(2)>&lt;&amp;"""


def test_no_value_becomes_markup() -> None:
    evil = EVIL[:60]
    names = {"PatientName": f"{evil}^{evil}", "PatientID": evil, "StudyDescription": evil}
    nested = item("TEXT", evil, TextValue=EVIL, children=[number(evil, "1", evil[:16])])
    dataset = report(
        container(evil, nested, continuity="CONTINUOUS"),
        item("CODE", evil, ConceptCodeSequence=code(evil, evil[:16], evil[:16])),
        item("PNAME", evil, PersonName=evil),
        objects("IMAGE", evil, evil, sop_class=evil),
        item("SCOORD", evil, GraphicType=evil[:16], GraphicData=[1, 2]),
        item("UIDREF", evil, UID=evil),
        item("DATE", evil, Date="20240229"),
        title=evil,
        CompletionFlagDescription=evil,
        **names,
    )
    data = render_document(dataset, "text/html", link=lambda _: f"/x?{EVIL}").data.decode()
    shown = Page(data)
    assert {tag for tag, _, _ in shown.elements} <= {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "div",
        "section", "dl", "dt", "dd", "span", "a", "code", "ol", "li",
    }  # fmt: skip
    given = {name for _, attributes, _ in shown.elements for name in attributes}
    assert given <= {
        "lang", "charset", "name", "content", "http-equiv", "dir", "class", "title", "href", "id",
    }  # fmt: skip
    assert shown.texts("h1") == [" ".join(evil.split())]
    assert shown.attributes("a", "href") == [f"/x?{EVIL}"]


def test_the_style_may_be_allowed_by_its_hash() -> None:
    data = render_document(report(), "text/html").data.decode()
    (style,) = re.findall("<style>(.*?)</style>", data, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert style_source() == f"'sha256-{digest}'"
    assert f"style-src {style_source()}" in data
    assert "default-src 'none'" in data
    assert "url(" not in style
    assert "@import" not in style


def test_the_same_report_gives_the_same_page() -> None:
    def made() -> bytes:
        return render_document(report(number("A", "1")), "text/html").data

    assert made() == made()


@pytest.mark.parametrize("value", [(1, 2), "x"])
def test_an_attribute_of_a_wrong_type_is_noted(value: object) -> None:
    dataset = report(item("TEXT", "Finding", TextValue="kept"))
    dataset.add_new(0x0040A073, "LO", "no sequence")
    shown = page(dataset)
    assert shown.rows()["Finding"] == "kept"
    assert "VerifyingObserverSequence cannot be read" in shown.texts("li"), value
