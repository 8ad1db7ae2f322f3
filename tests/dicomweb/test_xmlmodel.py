"""The Native DICOM Model against PS3.19 Annex A, dcm2xml and hostile documents."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from pydicom import Dataset

from rendicom.dicom.byte_source import open_source
from rendicom.dicom.data_sets import read_dataset
from rendicom.dicomweb.jsonmodel import model_of, to_json_model
from rendicom.dicomweb.jsonreader import read_model
from rendicom.dicomweb.xmlmodel import NAMESPACE, model_from_xml, to_native_xml
from rendicom.errors import BadRequestError

MODEL: dict[str, Any] = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
    "00090010": {"vr": "LO", "Value": ["ACME & <SONS>"]},
    "00091002": {"vr": "DS", "Value": [1.5, 2]},
    "00100010": {
        "vr": "PN",
        "Value": [{"Alphabetic": "Yamada^Tarou^^Dr.", "Ideographic": "山田^太郎"}],
    },
    "00100020": {"vr": "LO", "Value": ["A", None, "<&>\"'"]},
    "00101002": {"vr": "SQ", "Value": [{"00100020": {"vr": "LO", "Value": ["x"]}}, {}]},
    "00104000": {"vr": "LT", "Value": [" two\r\nlines"]},
    "00280009": {"vr": "AT", "Value": ["00181063"]},
    "00420011": {"vr": "OB", "InlineBinary": "AQID"},
    "7FE00010": {"vr": "OW", "BulkDataURI": "http://a/b?c=1&d=2"},
    "00181400": {"vr": "LO"},
}
MODEL = dict(sorted(MODEL.items()))


def read_xml(data: bytes, **more: Any) -> Dataset:
    return read_model(model_from_xml(data), **more)


def parsed(data: bytes) -> ET.Element:
    return ET.fromstring(data)  # noqa: S314 - what we or DCMTK wrote


def attribute(root: ET.Element, tag: str) -> ET.Element:
    found = root.find(f"n:DicomAttribute[@tag='{tag}']", {"n": NAMESPACE})
    assert found is not None
    return found


def texts(parent: ET.Element, name: str) -> list[tuple[str | None, str | None]]:
    return [(each.get("number"), each.text) for each in parent.iter(f"{{{NAMESPACE}}}{name}")]


def test_the_document_is_that_of_annex_a() -> None:
    root = parsed(to_native_xml(MODEL))
    assert root.tag == f"{{{NAMESPACE}}}NativeDicomModel"
    assert root.get("{http://www.w3.org/XML/1998/namespace}space") == "preserve"
    assert [each.get("tag") for each in root][:3] == ["00080005", "00090010", "00090002"]
    patient = attribute(root, "00100010")
    assert (patient.get("vr"), patient.get("keyword")) == ("PN", "PatientName")
    assert texts(patient, "FamilyName") == [(None, "Yamada"), (None, "山田")]
    assert texts(patient, "GivenName") == [(None, "Tarou"), (None, "太郎")]
    assert texts(patient, "NamePrefix") == [(None, "Dr.")]
    assert texts(patient, "MiddleName") == []
    assert texts(attribute(root, "00100020"), "Value") == [("1", "A"), ("3", "<&>\"'")]
    assert texts(attribute(root, "00104000"), "Value") == [("1", " two\r\nlines")]
    items = attribute(root, "00101002").findall(f"{{{NAMESPACE}}}Item")
    assert [item.get("number") for item in items] == ["1", "2"]
    assert len(items[1]) == 0
    assert attribute(root, "7FE00010")[0].get("uri") == "http://a/b?c=1&d=2"
    assert attribute(root, "00420011")[0].text == "AQID"
    assert len(attribute(root, "00181400")) == 0


def test_private_elements_name_their_creator_and_no_block() -> None:
    root = parsed(to_native_xml(MODEL))
    private = attribute(root, "00090002")
    assert private.get("privateCreator") == "ACME & <SONS>"
    assert private.get("keyword") is None
    assert texts(private, "Value") == [("1", "1.5"), ("2", "2")]


def test_what_is_written_is_read_back() -> None:
    dataset = read_xml(to_native_xml(MODEL), bulk=lambda uri: uri.encode())
    assert dataset.PixelData == b"http://a/b?c=1&d=2"
    again = to_json_model(dataset)
    expected = {**MODEL, "7FE00010": again["7FE00010"]}
    assert again["00420011"]["InlineBinary"] in ("AQID", "AQIDAA==")
    expected["00420011"] = again["00420011"]
    assert again == expected


def test_the_model_of_a_dataset_refers_to_bulk_data() -> None:
    dataset = Dataset()
    dataset.Rows = 5
    dataset.PixelData = bytes(4)
    dataset["PixelData"].VR = "OW"
    root = parsed(to_native_xml(to_json_model(dataset, bulk_uri="bulk/{}".format)))
    assert texts(attribute(root, "00280010"), "Value") == [("1", "5")]
    assert attribute(root, "7FE00010")[0].get("uri") == "bulk/7FE00010"


def test_characters_that_xml_cannot_hold_are_replaced() -> None:
    data = to_native_xml({"00104000": {"vr": "LT", "Value": ["a\x00b\x0cc\ufffe\ud800"]}})
    root = parsed(data)
    assert texts(attribute(root, "00104000"), "Value") == [("1", "a\ufffdb\ufffdc\ufffd\ufffd")]


@pytest.mark.dcmtk
@pytest.mark.parametrize("name", ["CT_small.dcm", "reportsi.dcm", "rtplan.dcm"])
def test_values_are_those_of_dcm2xml(
    name: str,
    pydicom_file: Callable[[str], Path],
    dcmtk: Callable[..., subprocess.CompletedProcess[bytes]],
) -> None:
    path = pydicom_file(name)
    done = dcmtk("dcm2xml", "--native-format", path)
    theirs = flat(parsed(done.stdout))
    ours = flat(parsed(to_native_xml(model_of(read_dataset(open_source(path))))))
    for each in (ours, theirs):
        each.pop("7FE00010", None)
        each.pop("00080005", None)
    theirs.pop("FFFCFFFC", None)
    assert ours.keys() == theirs.keys()
    for key, (vr, creator, values) in ours.items():
        assert (vr, creator) == theirs[key][:2]
        if vr not in ("DS", "IS", "FL", "FD", "UN", "OB", "OW"):
            assert values == theirs[key][2], key


def flat(root: ET.Element, place: str = "") -> dict[str, tuple[Any, Any, list[Any]]]:
    """Return VR, creator and texts of all attributes by their places."""
    found = {}
    for each in root:
        kind = each.tag.rpartition("}")[2]
        if kind != "DicomAttribute":
            continue
        name = f"{place}{each.get('tag')}{each.get('privateCreator') or ''}"
        values = [
            (leaf.text or "").strip()
            for leaf in each.iter()
            if len(leaf) == 0 and leaf.tag.rpartition("}")[2] not in ("DicomAttribute", "Item")
        ]
        is_sequence = each.get("vr") == "SQ"
        found[name] = (each.get("vr"), each.get("privateCreator"), [] if is_sequence else values)
        for number, item in enumerate(each, start=1):
            if is_sequence:
                found.update(flat(item, f"{name}/{number}/"))
    return found


# --- reading what others write -----------------------------------------------------------------


def document(inside: str, *, head: str = "") -> bytes:
    return f"{head}<NativeDicomModel>{inside}</NativeDicomModel>".encode()


def test_documents_without_a_namespace_are_read() -> None:
    inside = (
        '<DicomAttribute tag="00280010" vr="US" keyword="Rows"><Value number="1">5</Value>'
        '</DicomAttribute><DicomAttribute tag="0009002a" vr="LO" privateCreator="ACME">'
        '<Value number="1">x</Value></DicomAttribute>'
    )
    dataset = read_xml(document(inside))
    assert dataset.Rows == 5
    assert dataset[0x00090010].value == "ACME"
    assert dataset[0x0009102A].value == "x"


def test_two_private_creators_get_two_blocks() -> None:
    inside = "".join(
        f'<DicomAttribute tag="00090001" vr="LO" privateCreator="{creator}">'
        f'<Value number="1">{creator}</Value></DicomAttribute>'
        for creator in ("ONE", "TWO")
    )
    dataset = read_xml(document(inside))
    assert dataset[0x00091001].value == "ONE"
    assert dataset[0x00091101].value == "TWO"


def test_other_encodings_are_read_by_their_declaration() -> None:
    text = (
        '<?xml version="1.0" encoding="ISO-8859-1"?><NativeDicomModel>'
        '<DicomAttribute tag="00100020" vr="LO"><Value number="1">é</Value></DicomAttribute>'
        "</NativeDicomModel>"
    )
    assert read_xml(text.encode("latin-1")).PatientID == "é"


ROWS = '<DicomAttribute tag="00280010" vr="US">{}</DicomAttribute>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no xml",
        b"<a/>",
        b"<NativeDicomModel>",
        document("text"),
        document("<Value number='1'>5</Value>"),
        document(ROWS.format('<Value number="0">5</Value>')),
        document(ROWS.format('<Value number="x">5</Value>')),
        document(ROWS.format("<Value>5</Value>")),
        document(ROWS.format('<Value number="1">5</Value><Value number="1">6</Value>')),
        document(ROWS.format('<Value number="999999999">5</Value>')),
        document(ROWS.format('<Value number="1">x</Value>')),
        document(ROWS.format('<Value number="1">70000</Value>')),
        document(ROWS.format('<PersonName number="1"/>')),
        document(ROWS.format('<Item number="1"/>')),
        document(ROWS.format("") * 2),
        document('<DicomAttribute vr="US"/>'),
        document('<DicomAttribute tag="0028001" vr="US"/>'),
        document('<DicomAttribute tag="00280010" vr="QQ"/>'),
        document('<DicomAttribute tag="7FE00010" vr="OB"><InlineBinary>%</InlineBinary>'
                 "</DicomAttribute>"),
    ],
)  # fmt: skip
def test_what_is_no_native_model_is_refused(data: bytes) -> None:
    with pytest.raises(BadRequestError):
        read_xml(data)


def test_document_types_and_entities_are_refused_before_they_grow() -> None:
    inside = ["lol", *(f"&l{number};" * 10 for number in range(9))]
    laughs = "".join(f'<!ENTITY l{number} "{text}">' for number, text in enumerate(inside))
    head = f"<!DOCTYPE x [{laughs}]>"
    with pytest.raises(BadRequestError, match="document type"):
        read_xml(document(ROWS.format('<Value number="1">&l9;</Value>'), head=head))
    head = '<!DOCTYPE x SYSTEM "file:///etc/passwd">'
    with pytest.raises(BadRequestError, match="document type"):
        read_xml(document("", head=head))


def test_documents_too_deep_are_refused() -> None:
    opened = '<DicomAttribute tag="00081140" vr="SQ"><Item number="1">' * 5000
    with pytest.raises(BadRequestError):
        read_xml(document(opened))
    closed = "</Item></DicomAttribute>" * 5000
    with pytest.raises(BadRequestError):
        read_xml(document(opened + closed))
