"""What is a DICOM file by its first bytes."""

import bz2
import gzip
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from rendicom.dicom.file_kind import is_dicom_file, kind_of_head, look

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
    kinds = {path: look(str(path)).kind for path in files if path.parent.name != "codestreams"}
    assert {path.name for path, kind in kinds.items() if kind == "other"} == NO_INSTANCE
    assert {path.name for path, kind in kinds.items() if kind == "directory"} == {
        "dcm_qa_ct__DIRFILE"
    }
    streams = (path for path in files if path.parent.name == "codestreams")
    assert {look(str(path)).kind for path in streams} <= {"other"}


def test_archives_are_told_by_their_first_bytes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr("a", b"text")
    with tarfile.open(tmp_path / "t", "w") as archive:
        archive.add(tmp_path / "z", "a")
    for name, pack in (("g", gzip), ("b", bz2), ("x", lzma)):
        (tmp_path / name).write_bytes(pack.compress(b"text"))
    kinds = {name: look(str(tmp_path / name)).kind for name in "ztgbx"}
    assert kinds == dict.fromkeys("ztgbx", "archive")
    assert not is_dicom_file(str(tmp_path / "z"))


def test_a_preamble_may_look_like_anything() -> None:
    for start in (b"PK\3\4", b"\x1f\x8b\x08", b"II*\0"):
        assert kind_of_head(start.ljust(128, b"\0") + b"DICM") == "instance"


def test_a_look_says_which_version_it_saw(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(PREAMBLE)
    first = look(str(path))
    assert first[0::2] == ("instance", 132)
    assert first.version == f"132-{path.stat().st_mtime_ns}"
    path.write_bytes(PREAMBLE + b"more")
    assert look(str(path)).version != first.version
