"""Which objects are documents, and what each can become."""

from __future__ import annotations

import pytest
from pydicom.uid import UID_dictionary

from rendicom.documents import (
    ObjectReference,
    document_format_of_extension,
    document_formats,
    document_types,
    is_document,
    render_document,
)
from rendicom.errors import CorruptDataError, NotAcceptableError, NotDicomError
from reportmaker import encapsulated, part10, report

TEXTS = ("text/html", "text/plain", "text/xml")


def test_every_report_class_of_the_dictionary_is_a_document() -> None:
    names = {
        uid: entry[0] for uid, entry in UID_dictionary.items() if entry[0].endswith("SR Storage")
    }
    assert len(names) > 15
    assert [name for uid, name in names.items() if document_types(uid) != TEXTS] == []


def test_what_is_encapsulated_comes_out_as_well() -> None:
    last = {
        number: document_types(f"1.2.840.10008.5.1.4.1.1.104.{number}") for number in range(1, 7)
    }
    assert last == {
        1: (*TEXTS, "application/pdf"), 2: TEXTS, 3: (*TEXTS, "model/stl"),
        4: (*TEXTS, "model/obj"), 5: (*TEXTS, "model/mtl"), 6: (),
    }  # fmt: skip


@pytest.mark.parametrize("uid", ["", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.88.x"])
def test_other_objects_are_none(uid: str) -> None:
    assert not is_document(uid)
    assert document_types(uid) == ()


def test_formats_have_names_and_endings_of_their_own() -> None:
    formats = document_formats()
    endings = [ending for each in formats.values() for ending in each.extensions]
    assert len(endings) == len(set(endings))
    found = document_format_of_extension(".HTM")
    assert found is not None
    assert found.name == "html"
    assert document_format_of_extension(".png") is formats.get("png") is None


def test_a_type_that_cannot_be_made_is_refused_with_those_that_can() -> None:
    with pytest.raises(NotAcceptableError) as caught:
        render_document(report(), "application/pdf")
    assert caught.value.available == TEXTS
    with pytest.raises(NotAcceptableError) as caught:
        render_document(encapsulated(b"%PDF-1.4", 1), "image/png")
    assert caught.value.available == (*TEXTS, "application/pdf")


def test_an_image_is_refused(pydicom_file) -> None:
    with pytest.raises(NotAcceptableError, match="CT Image") as caught:
        render_document(str(pydicom_file("CT_small.dcm")), "text/html")
    assert caught.value.available == ()


@pytest.mark.parametrize("data", [b"", b"no DICOM at all" * 50])
def test_what_is_no_dicom_is_refused(data: bytes) -> None:
    with pytest.raises(NotDicomError):
        render_document(data, "text/html")


def test_a_file_that_ends_within_a_sequence_is_refused_or_noted() -> None:
    whole = part10(report())
    for end in range(200, len(whole), 37):
        try:
            render_document(whole[:end], "text/plain")
        except (CorruptDataError, NotAcceptableError, NotDicomError):
            continue


def test_all_sources_give_the_same_bytes(tmp_path) -> None:
    data = part10(report())
    path = tmp_path / "a.dcm"
    path.write_bytes(data)
    of_bytes = render_document(data, "text/html")
    assert render_document(path, "text/html") == of_bytes
    with path.open("rb") as stream:
        assert render_document(stream, "text/html") == of_bytes
    assert render_document(report(), "text/html") == of_bytes


def test_what_has_no_picture_has_no_address() -> None:
    def url(sop_class: str, *uids: str) -> str | None:
        return ObjectReference(sop_class, *uids).url("https://x/dicomweb/")

    found = url("1.2.840.10008.5.1.4.1.1.2", "1.4", "1.3", "1.2")
    assert found == "https://x/dicomweb/studies/1.2/series/1.3/instances/1.4/rendered"
    for last in ("9.1.1", "66", "66.1", "481.5"):
        assert url(f"1.2.840.10008.5.1.4.1.1.{last}", "1.4", "1.3", "1.2") is None
    assert url("1.2.840.10008.5.1.4.1.1.66.4", "1.4", "1.3", "1.2") is not None
    for uids in (("1.4",), ("1.4", "1.3", "../x"), ("1.4", "1.3", "1" * 65), ("", "1.3", "1.2")):
        assert url("1.2.840.10008.5.1.4.1.1.2", *uids) is None
