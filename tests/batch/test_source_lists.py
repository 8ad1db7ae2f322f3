"""Lists of sources: how they are read, and where what they name goes."""

import io
import os
import sys
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from rendicom.batch.outcomes import Ignored
from rendicom.batch.source_lists import entries, find_listed
from rendicom.batch.sources import Unit, open_unit
from rendicom.dicom.folder_walk import Unreadable
from rendicom.errors import OptionError

DICOM = bytes(128) + b"DICM"
pytestmark = pytest.mark.usefixtures("here")


def files(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(DICOM)


def found(*lines: str) -> list[Unit | Ignored | Unreadable]:
    text = "".join(f"{line}\n" for line in lines)
    return list(find_listed(io.BytesIO(os.fsencode(text)), "out", extension=".jpg"))


def placed(*lines: str) -> list[str]:
    return [entry.place for entry in found(*lines) if isinstance(entry, Unit)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"a\nb\n", ["a", "b"]),
        (b"a\nb", ["a", "b"]),
        (b"a\r\n\r\n  \r\nb c \r\n", ["a", "b c "]),
        (b"a\0b\nc\0\0d\r\0", ["a", "b\nc", "d\r"]),
        (b"a\0b", ["a", "b"]),
        (b"a\nb\0c\n", ["a\nb", "c\n"]),
        (b"\xef\xbb\xbfa\n", ["a"]),
        ("\ufeffä/b\r\nc\r\n".encode("utf-16-le"), ["ä/b", "c"]),
        ("\ufeffc\n".encode("utf-16-be"), ["c"]),
    ],
)
def test_entries(data: bytes, expected: list[str]) -> None:
    assert list(entries(io.BytesIO(data))) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("step", [1, 2])
def test_marks_of_editors_may_come_in_pieces(encoding: str, step: int) -> None:
    class Pipe(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return self.read(step)

    assert list(entries(Pipe("ä/b\nc\n".encode(encoding)))) == ["ä/b", "c"]


def test_entries_of_lines() -> None:
    assert list(entries(["a\n", "b", "\n", "c\r\n"])) == ["a", "b", "c"]
    assert list(entries([b"a\n", b"b"])) == ["a", "b"]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there")
def test_names_in_no_encoding_are_found() -> None:
    name = os.fsdecode(b"caf\xe9.dcm")
    files(name)
    (unit,) = found(name)
    assert isinstance(unit, Unit)
    assert unit.source == name


class Drip(io.RawIOBase):
    """A pipe that has a few bytes at a time, and tells how far it was read."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def read1(self, length: int) -> bytes:
        piece = self.data[self.position : self.position + 5]
        self.position += len(piece)
        return piece


def test_a_list_is_worked_on_as_it_comes() -> None:
    pipe = Drip(b"one.dcm\ntwo.dcm\nthree.dcm\n")
    lines = entries(pipe)
    assert next(lines) == "one.dcm"
    assert pipe.position == 10
    assert list(lines) == ["two.dcm", "three.dcm"]
    assert list(entries(Drip(b"one.dcm\0two.dcm\0"))) == ["one.dcm", "two.dcm"]


def test_a_long_list_takes_no_memory() -> None:
    data = b"".join(b"folder/%08d.dcm\n" % number for number in range(100_000))
    tracemalloc.start()
    try:
        assert sum(1 for _ in entries(io.BytesIO(data))) == 100_000
        assert tracemalloc.get_traced_memory()[1] < 1_500_000
    finally:
        tracemalloc.stop()


def test_what_is_no_list_is_refused() -> None:
    with pytest.raises(OptionError, match="list"):
        list(entries(io.BytesIO(b"x" * (1 << 20))))


def test_relative_paths_keep_their_folders_and_absolute_ones_all_but_the_root(here: Path) -> None:
    files("a/b/c.dcm", "d.dcm", "x.dcm")
    (here / "a" / "work").mkdir()
    os.chdir("a")
    assert placed("b/c.dcm", "./b/../../d.dcm", str(here / "x.dcm")) == [
        "b/c",
        "b/d",
        "/".join((*here.parts[1:], "x")),
    ]


def test_no_two_entries_share_a_place() -> None:
    files("a/x.dcm", "a/x.img", "b/x.dcm")
    assert placed("a/x.dcm", "a/x.img", "a/x.dcm", "b/x.dcm", "../" + Path.cwd().name + "/b/x.dcm")[
        :4
    ] == ["a/x", "a/x.img", "a/x.dcm", "b/x"]
    many = placed(*["a/x.dcm"] * 200)
    assert len(set(many)) == 200


def test_folders_archives_and_dicomdirs_are_walked(here: Path) -> None:
    files("in/1.dcm", "in/sub/2.dcm", "other/3.dcm")
    with zipfile.ZipFile("in/more.zip", "w") as archive:
        archive.writestr("z/4.dcm", DICOM + b"4")
    entries = found("in", "in/sub/2.dcm", "in/more.zip", ".", "other/3.dcm")
    units = [(entry.source, entry.place) for entry in entries if isinstance(entry, Unit)]
    assert units == [
        ("in/1.dcm", "in/1"),
        ("in/more.zip!/z/4.dcm", "in/more/z/4"),
        ("in/sub/2.dcm", "in/sub/2"),
        ("in/sub/2.dcm", "in/sub/2.dcm"),
        ("in/more.zip!/z/4.dcm", "in/more-2/z/4"),
        ("./in/1.dcm", "in/1.dcm"),
        ("./in/more.zip!/z/4.dcm", "in/more-3/z/4"),
        ("./in/sub/2.dcm", "in/sub/2.dcm-2"),
        ("./other/3.dcm", "other/3"),
        ("other/3.dcm", "other/3.dcm"),
    ]


def test_the_target_in_a_listed_folder_is_not_entered() -> None:
    files("in/1.dcm", "in/out/2.dcm")
    lines = io.BytesIO(b"in\n")
    assert [entry.source for entry in find_listed(lines, "in/out", extension=".jpg")] == [
        os.path.join("in", "1.dcm")  # noqa: PTH118
    ]


def test_what_is_not_there_is_said_and_the_rest_comes() -> None:
    files("a.dcm")
    said, unit = found("missing.dcm", "a.dcm")
    assert said == Unreadable("missing.dcm", "No such file or directory")
    assert isinstance(unit, Unit)
    assert (unit.size, unit.version.partition("-")[0]) == (132, "132")


def test_a_file_is_taken_whatever_it_holds() -> None:
    Path("text.dcm").write_text("this is a text")
    (unit,) = found("text.dcm")
    assert isinstance(unit, Unit)
    assert unit.is_known


def test_a_dash_is_a_file_of_that_name() -> None:
    files("-")
    (unit,) = found("-")
    assert isinstance(unit, Unit)
    assert unit.source == os.path.join(".", "-")  # noqa: PTH118


def test_addresses_are_taken_as_they_are() -> None:
    storage = pytest.importorskip("rendicom.storage")
    storage.write("memory://list/a/1.dcm", DICOM)
    storage.write("memory://list/b/c/2.dcm", DICOM)
    entries = found("memory://list/a/1.dcm", "memory://list/b/", "memory://list/../../x.dcm")
    assert [(entry.source, entry.place) for entry in entries] == [
        ("memory://list/a/1.dcm", "list/a/1"),
        ("memory://list/b/c/2.dcm", "list/b/c/2"),
        ("memory://list/../../x.dcm", "list/x"),
    ]
    assert [entry.is_known for entry in entries] == [True, True, True]


def test_addresses_of_files_are_paths(here: Path) -> None:
    pytest.importorskip("rendicom.storage")
    files("a.dcm")
    (unit,) = found((here / "a.dcm").as_uri())
    assert isinstance(unit, Unit)
    assert Path(str(open_unit(unit))).read_bytes() == DICOM


def test_addresses_that_are_not_read_are_said() -> None:
    pytest.importorskip("rendicom.storage")
    files("a.dcm")
    said, unit = found("https://host/a.dcm", "a.dcm")
    assert isinstance(said, Unreadable)
    assert said.source == "https://host/a.dcm"
    assert "https://" in said.reason
    assert isinstance(unit, Unit)
