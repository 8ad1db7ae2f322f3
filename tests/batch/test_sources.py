"""Sources of every kind: what they are, and where what they hold goes."""

import os
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from rendicom.batch import output_paths
from rendicom.batch.file_names import safe_parts, shown
from rendicom.batch.name_tree import Tree
from rendicom.batch.outcomes import Ignored
from rendicom.batch.output_paths import find
from rendicom.batch.scratch import Register
from rendicom.batch.sources import Unit, count_files, is_folder_like, kind_of_source, open_unit
from rendicom.dicom.folder_walk import Unreadable
from rendicom.errors import OptionError, UnreadableSourceError

DICOM = bytes(128) + b"DICM"
DIRECTORY = DICOM + b"\2\0\2\0UI\x14\x001.2.840.10008.1.3.10\0"
pytestmark = pytest.mark.usefixtures("here")


def files(*names: str, content: bytes = DICOM) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)


def found(*sources: str, target: str = "out") -> list[Unit | Ignored | Unreadable]:
    return list(find(sources, target, extension=".jpg"))


def placed(*sources: str, target: str = "out") -> dict[str, str]:
    return {
        entry.source: entry.place
        for entry in found(*sources, target=target)
        if isinstance(entry, Unit)
    }


# --- kinds --------------------------------------------------------------------------------------


def test_kinds_are_known_by_content() -> None:
    files("folder/ct.zip")
    files("cd", content=DIRECTORY)
    files("text.tar", content=b"this is a text and no archive " * 40)
    with zipfile.ZipFile("scans.dcm", "w") as archive:
        archive.writestr("a", DICOM)
    kinds = {
        "folder": "folder", "folder/ct.zip": "file", "cd": "directory", "text.tar": "file",
        "scans.dcm": "archive", "missing": "file", "-": "file", "a\0b": "file",
    }  # fmt: skip
    assert {source: kind_of_source(source) for source in kinds} == kinds
    many = {source for source in kinds if is_folder_like(source)}
    assert many == {"folder", "cd", "scans.dcm"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders")
def test_a_pipe_is_not_opened_to_see_what_it_is() -> None:
    os.mkfifo("pipe")
    assert kind_of_source("pipe") == "file"
    assert [entry.source for entry in found("pipe")] == ["pipe"]


def test_telling_a_file_from_a_folder_loads_no_archive_library() -> None:
    files("ct.dcm")
    code = (
        "import sys; from rendicom.batch.sources import is_folder_like; is_folder_like('ct.dcm');"
        "heavy = {'zipfile', 'tarfile', 'sqlite3', 'pydicom', 'lzma', 'bz2', 'obstore',"
        "'pathlib', 'tempfile', 'hashlib', 'asyncio'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "[]"


# --- places -------------------------------------------------------------------------------------


def test_units_say_version_and_size() -> None:
    files("in/a.dcm", "b.dcm")
    os.utime("in/a.dcm", ns=(5, 1_234_567_890_123_456_700))
    (unit,) = found("in")
    assert isinstance(unit, Unit)
    assert (unit.version, unit.size) == ("132-1234567890123456700", 132)
    assert unit.is_known
    (alone,) = found("b.dcm")
    assert isinstance(alone, Unit)
    assert alone.version.startswith("132-")


def test_files_that_were_named_are_taken_whatever_they_are() -> None:
    files("text.dcm", content=b"a text")
    text, missing = found("text.dcm", "missing.dcm")
    assert text == Unit("text.dcm", "text", text.version, 6)
    assert missing == Unit("missing.dcm", "missing")


def test_the_target_is_not_walked() -> None:
    files("in/a.dcm", "in/out/b.dcm", "in/sub/out/c.dcm", "in/sub/d.dcm")
    assert placed("in", target="in/out") == {
        "in/a.dcm": "a", "in/sub/d.dcm": "sub/d", "in/sub/out/c.dcm": "sub/out/c",
    }  # fmt: skip
    assert "in/sub/out/c.dcm" not in placed("in", target="in/sub/../sub/out/")
    assert len(placed("in", target="in")) == 4
    # A target that comes to be while the walk is on.
    shutil.rmtree("in/out")
    walk = find(["in"], "in/out", extension=".jpg")
    first = next(walk)
    files("in/out/b.dcm")
    assert [entry.source for entry in (first, *walk)] == [
        "in/a.dcm", "in/sub/d.dcm", "in/sub/out/c.dcm",
    ]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_to_the_target_is_not_walked() -> None:
    files("in/a.dcm", "pictures/b.dcm")
    Path("in/link").symlink_to(Path("pictures").resolve())
    assert placed("in", target="pictures") == {"in/a.dcm": "a"}
    assert placed("in", target="elsewhere") == {"in/a.dcm": "a"}, "nor one to anywhere else"


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_to_itself_ends_no_walk() -> None:
    files("in/a.dcm")
    Path("in/loop").symlink_to("loop")
    entries = found("in")
    assert placed("in") == {"in/a.dcm": "a"}
    assert len(entries) == 2


def test_the_subfolder_a_picture_could_take_the_name_of_keeps_it() -> None:
    files("in/x.dcm", "in/x.jpg/y.dcm")
    assert placed("in") == {"in/x.dcm": "x.dcm", "in/x.jpg/y.dcm": "x.jpg/y"}


def test_names_of_a_crowded_folder_go_to_disk_and_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files(*(f"in/{n}{e}" for n in range(20) for e in (".dcm", ".img", "-0001.dcm")), "in/s/a.dcm")
    expected = placed("in")
    opened = []
    monkeypatch.setattr(output_paths, "_MANY", 10)
    monkeypatch.setattr(output_paths, "_register", lambda: opened.append(Register()) or opened[-1])
    assert placed("in") == expected
    assert len(opened) == 1
    with pytest.raises(Exception, match="closed"):
        opened[0].take("a")


def test_the_walk_keeps_little_of_a_folder() -> None:
    Path("in").mkdir()
    for number in range(3000):
        os.close(os.open(f"in/{number:08}.dcm", os.O_WRONLY | os.O_CREAT))
    tracemalloc.start()
    try:
        walk = find(["in"], "out", extension=".jpg")
        next(walk)
        assert tracemalloc.get_traced_memory()[0] < 3000 * 150
        assert sum(1 for _ in walk) == 2999
    finally:
        tracemalloc.stop()


def test_files_are_counted_without_being_opened() -> None:
    files("in/a.dcm", "in/b.txt", "in/s/c.dcm", "d.dcm", "in/s/t/e")
    totals = list(count_files(["in", "d.dcm", "missing/..", "s3://bucket/x", "-"]))
    assert totals == sorted(totals)
    assert totals[-1] == 7
    assert totals[0] == 2


# --- addresses ----------------------------------------------------------------------------------


@pytest.fixture
def memory():
    storage = pytest.importorskip("rendicom.storage")
    names = ("a/1.dcm", "a/b/2.dcm", "notes.txt", "a/../../evil.dcm", "a/x:y?.dcm")
    for name in names:
        storage.write(f"memory://sources/{name}", DICOM)
    yield storage
    for name in names:
        storage.remove(f"memory://sources/{name}")


def test_what_lies_below_an_address_is_mirrored(memory) -> None:
    entries = found("memory://sources/")
    assert {entry.source: entry.place for entry in entries} == {
        "memory://sources/a/../../evil.dcm": "a/evil",
        "memory://sources/a/1.dcm": "a/1",
        "memory://sources/a/b/2.dcm": "a/b/2",
        "memory://sources/a/x:y?.dcm": "a/x_y_",
        "memory://sources/notes.txt": "notes.txt",
    }
    # Nobody looks into them from here; the name says what is meant to be DICOM.
    unknown = [entry.source for entry in entries if not entry.is_known]
    assert unknown == ["memory://sources/notes.txt"]
    assert all(entry.version and entry.size == 132 for entry in entries)
    assert found("memory://sources") == entries
    with open_unit(entries[1]) as file:
        assert file.read() == DICOM


def test_an_address_of_one_object_is_one_file(memory) -> None:
    assert not is_folder_like("memory://sources/a/1.dcm")
    assert is_folder_like("memory://sources/a")
    assert is_folder_like("memory://sources/nothing/")
    (unit,) = found("memory://sources/a/1.dcm")
    assert (unit.place, unit.is_known) == ("1", True)
    assert unit.version
    files("local/1.dcm")
    assert placed("memory://sources/a/1.dcm", "memory://sources/a/b", "local") == {
        "memory://sources/a/1.dcm": "1",
        "memory://sources/a/b/2.dcm": "b/2",
        os.path.join("local", "1.dcm"): "local/1",  # noqa: PTH118
    }


def test_an_archive_elsewhere_is_said(memory) -> None:
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("a", DICOM)
    memory.write("memory://sources/z/a.zip", Path("a.zip").read_bytes())
    memory.write("memory://sources/z/b.zip", DICOM)
    try:
        said, unit = found("memory://sources/z/")
        assert isinstance(said, Unreadable)
        assert "copy it" in said.reason
        assert isinstance(unit, Unit)
        assert found("memory://sources/z/a.zip") == [said]
    finally:
        memory.remove("memory://sources/z/a.zip")
        memory.remove("memory://sources/z/b.zip")


def test_a_store_that_does_not_answer_is_said(memory, monkeypatch) -> None:
    def fail(location: str):
        raise UnreadableSourceError("the store does not answer")
        yield

    monkeypatch.setattr(memory, "list_folder", fail)
    (said,) = found("memory://sources/")
    assert said == Unreadable("memory://sources/", "the store does not answer")
    assert not is_folder_like("memory://sources")


def test_addresses_of_files_are_paths(here: Path) -> None:
    pytest.importorskip("rendicom.storage")
    files("in/a.dcm")
    uri = (here / "in").as_uri()
    assert is_folder_like(uri)
    assert placed(uri) == {str(here / "in" / "a.dcm"): "a"}


def test_addresses_of_other_kinds_are_refused() -> None:
    pytest.importorskip("rendicom.storage")
    for call in (is_folder_like, found):
        with pytest.raises(OptionError, match="https://"):
            call("https://host/a.dcm")


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a/b.dcm", ("a", "b.dcm")),
        ("", ("unnamed",)),
        ("/", ("unnamed",)),
        ("..", ("unnamed",)),
        ("../..", ("unnamed",)),
        ("a/.../b", ("a", "b")),
        ("a/ . /b", ("a", "b")),
        ("\\\\server\\share\\x", ("server", "share", "x")),
        ("C:/D:/x", ("D_", "x")),
        ("file:stream", ("file_stream",)),
        ("nul.tar.gz", ("_nul.tar.gz",)),
        ("LPT1", ("_LPT1",)),
        ("LPT10", ("LPT10",)),
        ("console", ("console",)),
        ("a\ud800b", ("a_b",)),
        ("trailing. . ", ("trailing",)),
        # Cut; the beginning of its SHA-256 tells it from others that begin alike.
        ("é" * 300, ("é" * 95 + "-7250b666",)),
    ],
)
def test_safe_parts(name: str, parts: tuple[str, ...]) -> None:
    assert safe_parts(name) == parts


def test_what_is_shown_stays_on_its_line() -> None:
    assert shown("a\nb\x1b[2J\u202ec\udcff\t") == "a\ufffdb\ufffd[2J\ufffdc\ufffd\ufffd"


def test_a_tree_gives_no_place_twice() -> None:
    with Register() as register:
        tree = Tree(".jpg", register, root="home")
        sources = [
            ("a", "x.dcm"), ("A", "x.dcm"), ("a", "X.dcm"), ("a", "x.dcm"), ("a", "x", "y"),
            ("a.jpg",), ("a.dcm",), ("a.jpg", "z"), ("a",), ("a", "x-0001.dcm"),
        ]  # fmt: skip
        got = [tree.place(parts) for parts in sources]
        assert got[:3] == ["home/a/x", "home/A-2/x", "home/a/X.dcm"]
        assert len({place.casefold() for place in got}) == len(sources)
        assert tree.folder(("a",)) == "home/a"
        assert tree.take_folder(("a",)) == "home/a-3"


def test_a_tree_remembers_more_than_it_has_at_hand() -> None:
    with Register() as register:
        tree = Tree(".jpg", register)
        first = [tree.place((f"{n}", "x.dcm")) for n in range(700)]
        assert first == [f"{n}/x" for n in range(700)]
        again = [tree.place((f"{n}", "x.dcm")) for n in range(700)]
        assert again == [f"{n}/x.dcm" for n in range(700)]
