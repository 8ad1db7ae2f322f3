"""Archives: what is found in them, where it goes, and what hostile ones come to."""

import bz2
import io
import itertools
import lzma
import os
import random
import struct
import tarfile
import threading
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rendicom.archives import is_archive, open_member
from rendicom.archives.entries import Member
from rendicom.archives.streams import unpacked
from rendicom.archives.zipdirectory import inflate
from rendicom.batch.outcomes import Ignored
from rendicom.batch.output_paths import find
from rendicom.batch.sources import Unit, is_folder_like, open_unit
from rendicom.dicom.folder_walk import Unreadable
from rendicom.engine import open_instance
from rendicom.errors import (
    CorruptDataError,
    LimitExceededError,
    RendicomError,
    UnreadableSourceError,
)
from rendicom.options import RenderOptions
from rendicom.testing.images import image

DICOM = bytes(128) + b"DICM" + bytes(400)
TEXT = b"this is a text and nothing else " * 40


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    unpacked.close()


def zipped(path: str, *names: str, method: int = zipfile.ZIP_DEFLATED, **contents: bytes) -> str:
    """Write a zip with ``names`` in it, each with the name as its end."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), content(name), method)
    return path


def tarred(path: str, *names: str, mode: str = "w", format: int = tarfile.PAX_FORMAT) -> str:
    with tarfile.open(path, mode, format=format) as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(content(name))
            archive.addfile(info, io.BytesIO(content(name)))
    return path


def content(name: str) -> bytes:
    return TEXT if name.endswith(".txt") else DICOM + name.encode("utf-8", "surrogateescape")


def found(*sources: str, target: str = "out") -> list[Unit | Ignored | Unreadable]:
    return list(find(sources, target, extension=".jpg"))


def units(*sources: str) -> list[Unit]:
    return [entry for entry in found(*sources) if isinstance(entry, Unit)]


def opened(unit: Unit) -> bytes:
    with open_unit(unit) as file:  # type: ignore[union-attr]
        return file.read()


def places(*sources: str) -> list[str]:
    return [unit.place for unit in units(*sources)]


PACKED = {
    "scans.zip": lambda *names: zipped("scans.zip", *names),
    "stored.zip": lambda *names: zipped("stored.zip", *names, method=zipfile.ZIP_STORED),
    "bzip2.zip": lambda *names: zipped("bzip2.zip", *names, method=zipfile.ZIP_BZIP2),
    "lzma.zip": lambda *names: zipped("lzma.zip", *names, method=zipfile.ZIP_LZMA),
    "scans.tar": lambda *names: tarred("scans.tar", *names),
    "gnu.tar": lambda *names: tarred("gnu.tar", *names, format=tarfile.GNU_FORMAT),
    "old.tar": lambda *names: tarred("old.tar", *names, format=tarfile.USTAR_FORMAT),
    "scans.tar.gz": lambda *names: tarred("scans.tar.gz", *names, mode="w:gz"),
    "scans.tgz": lambda *names: tarred("scans.tgz", *names, mode="w:gz"),
    "scans.tar.bz2": lambda *names: tarred("scans.tar.bz2", *names, mode="w:bz2"),
    "scans.tar.xz": lambda *names: tarred("scans.tar.xz", *names, mode="w:xz"),
}
every_kind = pytest.mark.parametrize("make", PACKED.values(), ids=PACKED)


# --- what is found ------------------------------------------------------------------------------


@every_kind
def test_members_come_in_order_with_their_bytes(make) -> None:
    path = make("b/2.dcm", "a/z.dcm", "m", "read.txt", "b/1")
    entries = found(path)
    assert [entry.source for entry in entries] == [
        f"{path}!/{name}" for name in ("b/2.dcm", "a/z.dcm", "m", "read.txt", "b/1")
    ]
    assert isinstance(entries[3], Ignored)
    assert places(path) == ["b/2", "a/z", "m", "b/1"]
    for unit in units(path):
        name = unit.source.partition("!/")[2]
        assert opened(unit) == content(name)
        assert unit.size == len(content(name))
        assert unit.is_known
    assert is_folder_like(path)


@every_kind
def test_a_member_makes_the_same_picture_as_the_file(make) -> None:
    data = image(np.arange(4096, dtype=np.uint16).reshape(64, 64), bits_stored=12)
    path = make("one.dcm", "two.dcm")
    Path("alone.dcm").write_bytes(data)
    if path.endswith("zip"):
        method = zipfile.ZipFile(path).infolist()[0].compress_type
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.write("alone.dcm", "x/one.dcm")
    else:
        mode = {"r": "w", "z": "w:gz", "2": "w:bz2"}.get(path[-1], "w:xz")
        with tarfile.open(path, mode.replace("w:xz", "w:xz") if path[-2:] == "xz" else mode) as out:
            out.add("alone.dcm", "x/one.dcm")
    (unit,) = units(path)
    with open_instance(open_unit(unit)) as member, open_instance("alone.dcm") as alone:
        expected = alone.render(1, RenderOptions(), "image/png").data
        assert member.render(1, RenderOptions(), "image/png").data == expected


def test_the_order_of_sources_and_their_folders() -> None:
    Path("scans").mkdir()
    Path("scans/s.dcm").write_bytes(DICOM)
    zipped("scans.zip", "a.dcm", "b/a.dcm")
    tarred("scans.tar.gz", "a.dcm", mode="w:gz")
    tarred("more.TGZ", "a.dcm", mode="w:gz")
    Path("c.dcm").write_bytes(DICOM)
    assert places("scans", "scans.zip", "c.dcm", "scans.tar.gz", "more.TGZ") == [
        "scans/s", "scans-2/a", "scans-2/b/a", "c", "scans-3/a", "more/a",
    ]  # fmt: skip


def test_archives_in_a_folder_get_folders_beside_its_own() -> None:
    Path("in/scans").mkdir(parents=True)
    Path("in/scans/s.dcm").write_bytes(DICOM)
    Path("in/a.dcm").write_bytes(DICOM)
    zipped("in/scans.zip", "x.dcm")
    zipped("in/no_ending", "x.dcm")
    tarred("in/scans.tar", "x.dcm", "y/x.dcm")
    assert [(unit.source, unit.place) for unit in units("in")] == [
        ("in/a.dcm", "a"),
        ("in/no_ending!/x.dcm", "no_ending/x"),
        ("in/scans.tar!/x.dcm", "scans-2/x"),
        ("in/scans.tar!/y/x.dcm", "scans-2/y/x"),
        ("in/scans.zip!/x.dcm", "scans-3/x"),
        ("in/scans/s.dcm", "scans/s"),
    ]


def test_content_decides_and_not_the_name() -> None:
    zipped("scans.jpg", "a.dcm")
    assert places("scans.jpg") == ["a"]
    Path("text.zip").write_bytes(TEXT)
    assert not is_folder_like("text.zip")
    Path("ct.dcm").write_bytes(DICOM)
    assert not is_folder_like("ct.dcm")


@pytest.mark.parametrize("pack", [zlib, bz2, lzma])
def test_what_is_compressed_alone_is_no_archive(pack) -> None:
    Path("in").mkdir()
    import gzip

    data = gzip.compress(DICOM, mtime=0) if pack is zlib else pack.compress(DICOM)
    Path("in/ct.dcm.packed").write_bytes(data)
    assert not is_archive("in/ct.dcm.packed")
    assert found("in") == [Ignored("in/ct.dcm.packed")]


def test_an_archive_without_dicom_is_ignored_as_a_whole() -> None:
    Path("in").mkdir()
    zipped("in/report.docx", "word/document.txt", "a.txt")
    zipfile.ZipFile("in/empty.zip", "w").close()
    tarfile.open("in/empty.tar.gz", "w:gz").close()
    entries = found("in")
    assert entries == [
        Ignored("in/empty.tar.gz"), Ignored("in/empty.zip"), Ignored("in/report.docx"),
    ]  # fmt: skip


def test_an_archive_in_an_archive_is_ignored() -> None:
    zipped("inner.zip", "a.dcm", method=zipfile.ZIP_STORED)
    with zipfile.ZipFile("outer.zip", "w") as outer:
        outer.write("inner.zip", "x/inner.zip")
        outer.writestr("b.dcm", content("b.dcm"))
    assert found("outer.zip")[0] == Ignored("outer.zip!/x/inner.zip")
    assert places("outer.zip") == ["b"]


def test_a_dicomdir_in_an_archive_is_ignored() -> None:
    directory = bytes(128) + b"DICM" + b"\2\0\2\0UI\x14\x001.2.840.10008.1.3.10\0"
    with zipfile.ZipFile("cd.zip", "w") as archive:
        archive.writestr("DICOMDIR", directory)
        archive.writestr("IM1", DICOM)
    assert [type(entry) for entry in found("cd.zip")] == [Ignored, Unit]


def test_long_names_and_other_scripts() -> None:
    names = ["d" * 90 + "/" + "e" * 90 + f"/{n}.dcm" for n in range(2)] + ["Größe/断層.dcm"]
    for path in ("a.tar", "b.tar", "c.zip"):
        archive = (
            zipped(path, *names)
            if path == "c.zip"
            else tarred(path, *names, format=tarfile.GNU_FORMAT if path == "b.tar" else 2)
        )
        assert places(archive) == [name.removesuffix(".dcm") for name in names]


def test_files_of_one_name_keep_apart() -> None:
    with zipfile.ZipFile("double.zip", "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.dcm", DICOM + bytes([number]))
    data = Path("double.zip").read_bytes()
    for number in range(3):
        data = data.replace(b"%d.dcm" % number, b"a.dcm")
    Path("double.zip").write_bytes(data)
    entries = units("double.zip")
    assert [unit.source for unit in entries] == [
        "double.zip!/a.dcm", "double.zip!/a.dcm#1", "double.zip!/a.dcm#2",
    ]  # fmt: skip
    assert [unit.place for unit in entries] == ["a", "a.dcm", "a.dcm-2"]
    assert [opened(unit)[-1] for unit in entries] == [0, 1, 2]


def test_thousands_of_one_name_take_no_time() -> None:
    info, data = zipfile.ZipInfo("a.dcm"), DICOM
    with zipfile.ZipFile("double.zip", "w") as archive:
        archive.writestr(info, data)
        # The same entry again and again: a hostile directory is small.
        archive.filelist.extend([info] * 4000)
    entries = units("double.zip")
    assert len({unit.place for unit in entries}) == len({unit.source for unit in entries}) == 4001


def test_names_that_differ_in_case_only_keep_apart() -> None:
    path = zipped("a.zip", "A/x.dcm", "a/x.dcm", "a/X.dcm", "y.dcm", "y.jpg/z.dcm", "A/y.dcm")
    assert places(path) == ["A/x", "a-2/x", "a-2/X.dcm", "y", "y.jpg-2/z", "A/y"]
    assert len({place.casefold() for place in places(path)}) == 6


def test_relative_archives_are_opened_from_a_base(tmp_path: Path, monkeypatch) -> None:
    for path in (zipped("a.zip", "x.dcm"), tarred("a.tgz", "x.dcm", mode="w:gz")):
        (unit,) = units(path)
        monkeypatch.chdir("/")
        with open_unit(unit, base=str(tmp_path)) as file:  # type: ignore[union-attr]
            assert file.read() == content("x.dcm")
        monkeypatch.chdir(tmp_path)


def test_an_archive_that_changed_is_not_read() -> None:
    (unit,) = units(zipped("a.zip", "x.dcm"))
    zipped("a.zip", "other.dcm", "x.dcm")
    with pytest.raises(UnreadableSourceError, match="changed") as raised:
        open_unit(unit)
    assert "--resume" in raised.value.hint
    Path("a.zip").unlink()
    with pytest.raises(UnreadableSourceError, match="No such file"):
        open_unit(unit)


# --- hostile names ------------------------------------------------------------------------------

HOSTILE = {
    "../../x.dcm": "x",
    "/etc/y.dcm": "etc/y",
    "C:\\windows\\z.dcm": "windows/z",
    "a\\..\\..\\w.dcm": "a/w",
    "c:evil.dcm": "evil",
    "//host/share/u.dcm": "host/share/u",
    "a//./b/../v.dcm": "a/b/v",
    "bad\x07\x1b[31m\n.dcm": "bad__[31m_",
    'q<>:"|?*.dcm': "q_______",
    "NUL": "_NUL",
    "com1.dcm": "_com1",
    "end. ./ end .dcm": "end/end ",
    "...": "unnamed",
    "-rf.dcm": "-rf",
    "~/home.dcm": "~/home",
}


@pytest.mark.parametrize("kind", ["zip", "tar", "tgz"])
def test_no_member_leaves_the_target(kind: str) -> None:
    names = list(HOSTILE)
    if kind == "zip":
        path = zipped("evil.zip", *names)
    else:
        path = tarred(f"evil.{kind}", *names, mode="w" if kind == "tar" else "w:gz")
    entries = units(path)
    assert [unit.place for unit in entries] == list(HOSTILE.values())
    for unit, name in zip(entries, names, strict=True):
        assert opened(unit) == content(name)
        assert unit.source.isprintable()
        assert Path("out", *unit.place.split("/")).resolve().is_relative_to(Path("out").resolve())


def test_a_nul_in_a_name_cuts_nothing_off() -> None:
    path = zipped("nul.zip", "a@b.dcm")
    Path(path).write_bytes(Path(path).read_bytes().replace(b"a@b", b"a\0b"))
    (unit,) = units(path)
    assert (unit.source, unit.place) == ("nul.zip!/a\ufffdb.dcm", "a_b")
    assert opened(unit) == content("a@b.dcm")


def test_names_that_are_too_long_are_cut() -> None:
    deep = "/".join(f"{n:0100}" for n in range(40)) + "/x.dcm"
    (one, two) = places(zipped("long.zip", "n" * 5000 + ".dcm", deep))
    assert len(one) < 255
    assert len(two) < 1100
    assert two.endswith(f"{39:0100}/x")


def test_links_and_devices_are_left_out() -> None:
    with tarfile.open("links.tar", "w") as archive:
        for name, kind in (
            ("soft", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("pipe", tarfile.FIFOTYPE),
            ("tty", tarfile.CHRTYPE), ("disk", tarfile.BLKTYPE), ("folder", tarfile.DIRTYPE),
        ):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("a.dcm")
        info.size = len(DICOM)
        archive.addfile(info, io.BytesIO(DICOM))
    assert [entry.source for entry in found("links.tar")] == ["links.tar!/a.dcm"]


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be made there")
def test_names_in_no_encoding_are_kept_readable() -> None:
    path = tarred("bytes.tar", "caf\udce9.dcm", format=tarfile.GNU_FORMAT)
    (unit,) = units(path)
    assert unit.place == "caf_"
    unit.source.encode()


# --- damage and attacks -------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0.8, 0.5, 0.2])
@every_kind
def test_what_comes_before_the_break_still_comes(make, keep: float) -> None:
    path = make(*(f"{number}.dcm" for number in range(40)), "noise")
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[: int(len(whole) * keep)])
    entries = found(path)
    said = [entry for entry in entries if isinstance(entry, Unreadable)]
    assert said
    assert said[-1].source == path
    assert "is cut short" in said[-1].reason or "is damaged" in said[-1].reason
    whole_ones = [entry for entry in entries if isinstance(entry, Unit)]
    for unit in whole_ones:
        assert opened(unit) == content(unit.source.partition("!/")[2])
    if path in ("scans.zip", "stored.zip", "scans.tar"):
        assert 8 * keep < len(whole_ones) <= 41


def test_a_zip_written_to_a_pipe_and_cut_short_gives_what_is_whole() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data) -> int:
            self.data += data
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for name in ("a.dcm", "b.dcm", "c.dcm"):
            archive.writestr(name, content(name))
    Path("whole.zip").write_bytes(pipe.data)
    assert [opened(unit) for unit in units("whole.zip")] == [
        content(name) for name in ("a.dcm", "b.dcm", "c.dcm")
    ]
    Path("cut.zip").write_bytes(pipe.data[: pipe.data.index(b"PK\1\2")])
    entries = found("cut.zip")
    assert [opened(unit) for unit in entries[:-1]] == [
        content(name) for name in ("a.dcm", "b.dcm", "c.dcm")
    ]
    assert isinstance(entries[-1], Unreadable)


def test_an_archive_behind_other_bytes_is_read_as_others_do() -> None:
    zipped("a.zip", "x.dcm")
    Path("b.zip").write_bytes(b"PK\3\4 and then " + Path("a.zip").read_bytes())
    (unit,) = units("b.zip")
    assert opened(unit) == content("x.dcm")


def test_a_comment_that_looks_like_an_end_is_none() -> None:
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("x.dcm", DICOM)
        archive.comment = b"PK\5\6" + bytes(30)
    assert places("a.zip") == ["x"]


def test_zip64_is_read() -> None:
    with zipfile.ZipFile("wide.zip", "w") as archive:
        for number in range(3):
            with archive.open(f"{number}.dcm", "w", force_zip64=True) as member:
                member.write(DICOM + bytes([number]))
        # As many entries as only zip64 can count.
        archive.filelist.extend([archive.filelist[0]] * 66_000)
    count = 0
    for entry in itertools.islice(find(["wide.zip"], "out", extension=".jpg"), 5):
        assert isinstance(entry, Unit)
        assert opened(entry)[-1] == (count if count < 3 else 0)
        count += 1
    assert count == 5


def test_part_of_a_directory_that_is_damaged_leaves_the_rest() -> None:
    path = zipped("a.zip", "1.dcm", "2.dcm", "3.dcm")
    data = bytearray(Path(path).read_bytes())
    third = [at for at in range(len(data)) if data.startswith(b"PK\1\2", at)][2]
    data[third : third + 4] = b"????"
    Path(path).write_bytes(data)
    entries = found(path)
    assert [entry.place for entry in entries[:2]] == ["1", "2"]
    assert entries[2] == Unreadable(path, "is damaged: its directory is inconsistent")


def test_a_part_of_several_is_refused() -> None:
    path = zipped("a.zip", "1.dcm")
    data = bytearray(Path(path).read_bytes())
    struct.pack_into("<H", data, data.rindex(b"PK\5\6") + 4, 3)
    Path(path).write_bytes(data)
    assert found(path) == [Unreadable(path, "is one part of several: join them first")]


def test_a_directory_that_is_elsewhere_is_refused() -> None:
    path = zipped("a.zip", "1.dcm")
    data = bytearray(Path(path).read_bytes())
    struct.pack_into("<I", data, data.rindex(b"PK\5\6") + 12, 1 << 30)
    Path(path).write_bytes(data)
    (said,) = found(path)
    assert isinstance(said, Unreadable)
    assert "its directory" in said.reason


def test_what_is_under_a_password_is_said_once() -> None:
    path = zipped("a.zip", "1.dcm", "2.dcm", "3.dcm")
    data = bytearray(Path(path).read_bytes())
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        places_of = [at for at in range(len(data)) if data.startswith(mark, at)]
        for at in places_of[:2]:
            data[at + flags] |= 1
    Path(path).write_bytes(data)
    unit, said = found(path)
    assert isinstance(unit, Unit)
    assert unit.place == "3"
    assert said == Unreadable(path, "holds 2 files under a password: unpack it first")


def lying(path: str, *, size: int) -> str:
    """Change the size that the directory of a zip says of its first file."""
    data = bytearray(Path(path).read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\1\2") + 24, size)
    Path(path).write_bytes(data)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_stops_at_the_size_it_says(method: int) -> None:
    with zipfile.ZipFile("bomb.zip", "w", method) as archive:
        archive.writestr("a.dcm", DICOM + bytes(50_000_000))
    (unit,) = units(lying("bomb.zip", size=1000))
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceededError, match="more than the archive says"):
            open_unit(unit)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_looking_at_a_bomb_unpacks_its_head_only() -> None:
    with zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", DICOM + bytes(50_000_000))
    tracemalloc.start()
    try:
        assert len(units("bomb.zip")) == 1
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_member_that_says_more_than_there_is_is_cut_short() -> None:
    (unit,) = units(lying(zipped("a.zip", "a.dcm"), size=100_000))
    with pytest.raises(CorruptDataError, match="cut short"):
        open_unit(unit)
    (unit,) = units(lying(zipped("b.zip", "a.dcm", method=zipfile.ZIP_STORED), size=100_000))
    with pytest.raises(CorruptDataError, match="cut short"):
        open_unit(unit)


def test_a_member_beyond_the_limit_is_refused() -> None:
    (said,) = found(lying(zipped("a.zip", "a.dcm"), size=3 << 30))
    assert said == Unreadable("a.zip!/a.dcm", "holds more than 2 GiB: unpack it first")
    for path in (zipped("b.zip", "a.dcm"), tarred("b.tgz", "a.dcm", mode="w:gz")):
        (unit,) = units(path)
        assert unit.member is not None
        with pytest.raises(LimitExceededError, match="2 GiB"):
            open_member(unit.member._replace(size=3 << 30), path)


def test_a_wrong_checksum_is_told() -> None:
    path = zipped("a.zip", "a.dcm")
    data = bytearray(Path(path).read_bytes())
    for at in (data.index(b"PK\3\4") + 14, data.index(b"PK\1\2") + 16):
        data[at] ^= 0xFF
    Path(path).write_bytes(data)
    (unit,) = units(path)
    with pytest.raises(CorruptDataError, match="checksum"):
        open_unit(unit)


def test_a_way_to_pack_that_nobody_knows_is_said() -> None:
    path = zipped("a.zip", "a.dcm", "b.dcm")
    data = bytearray(Path(path).read_bytes())
    for at in (data.index(b"PK\3\4") + 8, data.index(b"PK\1\2") + 10):
        struct.pack_into("<H", data, at, 9)
    Path(path).write_bytes(data)
    said, unit = found(path)
    assert isinstance(said, Unreadable)
    assert "in a way Rendicom does not read" in said.reason
    assert isinstance(unit, Unit)


def test_damaged_members_are_said_one_by_one() -> None:
    path = zipped("a.zip", "a.dcm", "b.dcm", "c.dcm")
    data = bytearray(Path(path).read_bytes())
    _, second, third = [at for at in range(len(data)) if data.startswith(b"PK\3\4", at)]
    data[second : second + 4] = b"????"
    data[third + 35 : third + 45] = b"\xff" * 10
    Path(path).write_bytes(data)
    entries = found(path)
    assert [type(entry) for entry in entries] == [Unit, Unreadable, Unreadable]
    assert [entry.reason for entry in entries[1:]] == [
        "the archive is damaged where this file starts",
        "the archive is damaged within this file",
    ]


def test_a_damaged_tar_header_ends_the_archive() -> None:
    path = tarred("a.tar", "1.dcm", "2.dcm", "3.dcm")
    data = bytearray(Path(path).read_bytes())
    data[2 * 1536 + 5 : 2 * 1536 + 20] = b"x" * 15
    Path(path).write_bytes(data)
    entries = found(path)
    assert [type(entry) for entry in entries] == [Unit, Unit, Unreadable]
    assert entries[-1] == Unreadable(path, "is damaged")


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_tar_header_that_claims_a_long_name_costs_no_memory(kind) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = kind, 8 << 30
    Path("a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    assert found("a.tar") == [Unreadable("a.tar", "is damaged")]


def test_a_tar_from_before_posix_is_known_by_its_checksum() -> None:
    path = tarred("a.tar", "1.dcm", format=tarfile.USTAR_FORMAT)
    data = bytearray(Path(path).read_bytes())
    data[257:265] = bytes(8)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    Path(path).write_bytes(data)
    assert places(path) == ["1"]
    data[0] ^= 1
    Path(path).write_bytes(data)
    assert not is_folder_like(path)


def test_a_sparse_file_is_said_and_what_follows_comes() -> None:
    sparse = tarfile.TarInfo("holes.dcm")
    sparse.type, sparse.size = tarfile.GNUTYPE_SPARSE, 1024
    last = tarfile.TarInfo("a.dcm")
    last.size = len(DICOM)
    padded = DICOM + bytes(-len(DICOM) % 512)
    data = sparse.tobuf(tarfile.GNU_FORMAT) + bytes(1024) + last.tobuf() + padded + bytes(1024)
    Path("a.tar").write_bytes(data)
    said, unit = found("a.tar")
    assert isinstance(said, Unreadable)
    assert said.source == "a.tar!/holes.dcm"
    assert "holes" in said.reason
    assert isinstance(unit, Unit)
    assert unit.place == "a"


def test_random_damage_never_escapes() -> None:
    chance = random.Random(3)  # noqa: S311
    for path, make in PACKED.items():
        whole = Path(make("a/1.dcm", "b/2.dcm", "c.txt")).read_bytes()
        for _ in range(25):
            data = bytearray(whole)
            for _ in range(chance.choice((1, 3, 30))):
                data[chance.randrange(len(data))] = chance.randrange(256)
            Path(path).write_bytes(data)
            for unit in units(path):
                try:
                    with open_instance(open_unit(unit)):
                        pass
                except RendicomError:
                    pass


# --- streams ------------------------------------------------------------------------------------


def test_a_compressed_tar_is_unpacked_once_as_long_as_nobody_goes_back() -> None:
    path = tarred("a.tgz", *(f"{number}.dcm" for number in range(30)), mode="w:gz")
    entries = units(path)
    before = unpacked.opened
    for unit in entries[::2]:
        assert opened(unit) == content(unit.source.partition("!/")[2])
    assert unpacked.opened == before + 1
    assert opened(entries[1]) == content("1.dcm")
    assert unpacked.opened == before + 2
    # The stream that is farther on is still there.
    assert opened(entries[29]) == content("29.dcm")
    assert unpacked.opened == before + 2


def test_threads_share_an_archive() -> None:
    for path in (
        tarred("a.tgz", *(f"{number}.dcm" for number in range(60)), mode="w:gz"),
        zipped("a.zip", *(f"{number}.dcm" for number in range(60))),
        tarred("a.tar", *(f"{number}.dcm" for number in range(60))),
    ):
        entries, wrong = units(path), []

        def work(own: list[Unit], wrong: list[Unit] = wrong) -> None:
            wrong.extend(u for u in own if opened(u) != content(u.source.partition("!/")[2]))

        before = unpacked.opened
        threads = [threading.Thread(target=work, args=(entries[n::4],)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        assert unpacked.opened - before <= 60


def test_an_archive_that_is_replaced_is_opened_anew() -> None:
    first = units(tarred("a.tgz", "a.dcm", "b.dcm", mode="w:gz"))
    assert opened(first[0]) == content("a.dcm")
    second = units(tarred("a.tgz", "c.dcm", "d.dcm", "e.dcm", mode="w:gz"))
    assert opened(second[2]) == content("e.dcm")


def test_a_large_stored_member_is_read_in_parts(tmp_path: Path) -> None:
    data = image(np.zeros((40, 512, 512), np.uint16), bits_stored=12)
    with zipfile.ZipFile("big.zip", "w") as archive:
        archive.writestr("a.dcm", data)
    with tarfile.open("big.tar", "w") as archive:
        info = tarfile.TarInfo("a.dcm")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    for path in ("big.zip", "big.tar"):
        (unit,) = units(path)
        tracemalloc.start()
        try:
            with open_instance(open_unit(unit)) as instance:
                instance.render(7, RenderOptions(), "image/png")
            assert tracemalloc.get_traced_memory()[1] < len(data) / 2
        finally:
            tracemalloc.stop()


def test_a_window_is_a_file() -> None:
    (unit,) = units(tarred("a.tar", "a.dcm"))
    with open_unit(unit) as file:  # type: ignore[union-attr]
        assert file.seek(-5, os.SEEK_END) == len(content("a.dcm")) - 5
        assert file.read() == b"a.dcm"
        assert file.read() == b""
        assert file.seek(128) == 128
        assert file.read(4) == b"DICM"
        assert file.seek(-4, os.SEEK_CUR) == file.tell() == 128
        assert file.seekable()


@pytest.mark.parametrize("step", [1, 7, 1000, 1 << 20])
def test_inflating_gives_what_zlib_gives(step: int) -> None:
    chance = random.Random(step)  # noqa: S311
    parts = (bytes(chance.randrange(200_000)), chance.randbytes(2000), b"abc" * 30_000)
    raw = b"".join(chance.choice(parts) for _ in range(6))
    pack = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = pack.compress(raw) + pack.flush() + b"what follows"
    pieces = [packed[at : at + step] for at in range(0, len(packed), step)]
    whole = inflate(pieces, limit=len(raw) + 1)
    assert whole.data == raw
    assert whole.is_whole
    assert packed[whole.packed :] == b"what follows"
    assert inflate(pieces, limit=1000).data == raw[:1000]
    assert inflate(pieces, limit=1 << 30, keeps_data=False)[1:] == whole[1:]


def test_members_point_where_zipfile_says() -> None:
    path = zipped("a.zip", *(f"d/{number}.dcm" for number in range(5)))
    offsets = [info.header_offset for info in zipfile.ZipFile(path).infolist()]
    assert [unit.member for unit in units(path)] == [
        Member(path, index, offset, len(content("d/0.dcm"))) for index, offset in enumerate(offsets)
    ]


def test_memory_does_not_grow_with_the_number_of_members() -> None:
    peaks = []
    for count in (500, 5000):
        with zipfile.ZipFile("many.zip", "w") as archive:
            info = zipfile.ZipInfo("a/x.dcm")
            archive.writestr(info, DICOM)
            for number in range(count):
                clone = zipfile.ZipInfo(f"a/{number:08}.dcm")
                clone.header_offset, clone.CRC = info.header_offset, info.CRC
                clone.file_size = clone.compress_size = info.file_size
                archive.filelist.append(clone)
        tracemalloc.start()
        assert sum(1 for _ in find(["many.zip"], "out", extension=".jpg")) == count + 1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000
