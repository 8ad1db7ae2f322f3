"""What is a DICOM file by its first bytes."""

from pathlib import Path

import pytest

from rendicom.batch.sniff import is_dicom_file, kind_of_file, kind_of_head

PREAMBLE = bytes(128) + b"DICM"


def ui(group: int, element: int, uid: bytes) -> bytes:
    value = uid + bytes(len(uid) % 2)
    tag = group.to_bytes(2, "little") + element.to_bytes(2, "little")
    return tag + b"UI" + len(value).to_bytes(2, "little") + value


IMPLICIT = b"\x08\x00\x05\x00\x0a\x00\x00\x00ISO_IR 100" + b"\x08\x00\x16\x00"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (PREAMBLE, "instance"),
        (PREAMBLE + ui(2, 2, b"1.2.840.10008.5.1.4.1.1.2"), "instance"),
        (PREAMBLE + ui(2, 2, b"1.2.840.10008.1.3.10"), "directory"),
        (PREAMBLE + ui(2, 2, b"1.2.840.10008.1.3.101"), "instance"),
        (ui(2, 2, b"1.2.840.10008.5.1.4.1.1.2"), "instance"),
        (b"DICM" + ui(2, 2, b"1.2.840.10008.5.1.4.1.1.2"), "instance"),
        (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", "instance"),
        (b"\x00\x08\x00\x05CS\x00\x0aISO_IR 100", "instance"),
        (IMPLICIT, "instance"),
        (IMPLICIT[:-4] + b"\x07\x00\x16\x00", "other"),
        (IMPLICIT[:-1], "other"),
        (b"", "other"),
        (b"\x08\x00", "other"),
        (bytes(512), "other"),
        (b"\xff\xd8\xff\xe0" + bytes(200), "other"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "other"),
        (b"# a text about DICM\n" * 20, "other"),
    ],
)
def test_kind_of_head(head: bytes, kind: str) -> None:
    assert kind_of_head(head) == kind


def test_only_regular_files_are_dicom(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(PREAMBLE)
    assert is_dicom_file(str(tmp_path / "a"))
    assert not is_dicom_file(str(tmp_path))
    assert not is_dicom_file(str(tmp_path / "missing"))
    assert not is_dicom_file("/dev/null")


# The deid files are recipes in text; no_meta.dcm starts with a stray space.
NO_INSTANCE = {
    "MANIFEST.tsv",
    "README.md",
    "deid__deid.dicom",
    "deid__filter_tag_number.dicom",
    "dicom__a_associate_ac.bin",
    "pydicom__no_meta.dcm",
}


@pytest.mark.corpus
def test_every_file_of_the_corpus_is_told(corpus: Path) -> None:
    files = [path for path in corpus.rglob("*") if path.is_file()]
    kinds = {path: kind_of_file(str(path)) for path in files if path.parent.name != "codestreams"}
    assert {path.name for path, kind in kinds.items() if kind == "other"} == NO_INSTANCE
    assert {path.name for path, kind in kinds.items() if kind == "directory"} == {
        "dcm_qa_ct__DIRFILE"
    }
    streams = (path for path in files if path.parent.name == "codestreams")
    assert {kind_of_file(str(path)) for path in streams} <= {"other"}
