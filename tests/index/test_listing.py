"""What is listed: changes, stamps, searches held against a plain matcher, folders."""

from __future__ import annotations

import fnmatch
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from indexedfiles import CT, IMAGE, MR, indexed, write
from postgresserver import postgres_server
from rendicom.dicomweb.query import parse_query
from rendicom.errors import OptionError
from rendicom.index.catalogue import Catalogue
from rendicom.index.file_records import walk
from rendicom.index.scan_scheduler import Scanner
from waiting import until

__all__ = ["postgres_server"]

NAMES = ("Doe^Jane", "DOE^JOHN", "O'Neill^100%", "Under_score^A", "Müller^Jürgen", "王^小東", "")
DATES = ("20240101", "20240229", "20251231", "")


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Return what is read of some studies, and what each instance says."""
    folder = tmp_path_factory.mktemp("studies")
    told, read = [], []
    for study in range(7):
        for series in range(2):
            for number in range(1, 3):
                uid = f"1.2.{study}.{series}.{number}"
                said = {
                    "StudyInstanceUID": f"1.2.{study}",
                    "SeriesInstanceUID": f"1.2.{study}.{series}",
                    "SOPInstanceUID": uid,
                    "PatientName": NAMES[study],
                    "PatientID": f"ID{study}",
                    "StudyDate": DATES[study % len(DATES)],
                    "Modality": ("CT", "MR")[series],
                    "SOPClassUID": (CT, MR)[series],
                    "SeriesNumber": 10 - series,
                    "InstanceNumber": 3 - number,
                    "SpecificCharacterSet": "ISO_IR 192",
                }
                told.append(said)
                read.append(indexed(folder / f"{uid}.dcm", **said, **IMAGE))
    return read, told


@pytest.fixture
def made(studies, catalogue):
    """Return a catalogue with studies, and what each instance says."""
    read, told = studies
    catalogue.put(read)
    return catalogue, told


def found(catalogue: Catalogue, level: str, *pairs: tuple[str, str]) -> set[str]:
    query = parse_query(pairs, level=level)
    tag = {"studies": "0020000D", "series": "0020000E", "instances": "00080018"}[level]
    return {each[tag]["Value"][0] for each in catalogue.search(level, query).models}


def matches(said: str, wanted: str, *, is_name: bool = False) -> bool:
    """Tell whether a value matches, in the plainest way (PS3.4 C.2.2.2)."""
    if is_name:
        said, wanted = said.casefold(), wanted.casefold()
    pattern = wanted.replace("[", "[[]")
    return fnmatch.fnmatchcase(said, pattern)


@pytest.mark.parametrize(
    "wanted",
    ["Doe^Jane", "doe*", "D?E^J*", "*", "O'Neill^100%", "100%", "%", "_", "Under_score*", "*_*",
     "*%*", "müller*", "王*", "*小*", "nobody", "DOE^JOHN ", "[D]oe*"],
)  # fmt: skip
def test_names(made, wanted):
    catalogue, told = made
    expected = {
        each["StudyInstanceUID"] for each in told
        if wanted == "*" or matches(each["PatientName"], wanted.strip(), is_name=True)
    }  # fmt: skip
    assert found(catalogue, "studies", ("PatientName", wanted)) == expected


@pytest.mark.parametrize(
    ("wanted", "low", "high"),
    [("20240101", "20240101", "20240101"), ("20240101-20240301", "20240101", "20240301"),
     ("20240229-", "20240229", "99999999"), ("-20240229", "00000000", "20240229"),
     ("20230101-20231231", "20230101", "20231231")],
)  # fmt: skip
def test_dates(made, wanted, low, high):
    catalogue, told = made
    expected = {
        each["StudyInstanceUID"] for each in told
        if each["StudyDate"] and low <= each["StudyDate"] <= high
    }  # fmt: skip
    assert found(catalogue, "studies", ("StudyDate", wanted)) == expected


@pytest.mark.parametrize("wanted", ["ID3", "id3", "ID*", "ID?", "I_3", "ID%", "ID33", ""])
def test_identifiers_are_told_apart_by_case(made, wanted):
    catalogue, told = made
    expected = {
        each["StudyInstanceUID"] for each in told
        if not wanted or matches(each["PatientID"], wanted)
    }  # fmt: skip
    assert found(catalogue, "studies", ("PatientID", wanted)) == expected


def test_levels_and_lists(made):
    catalogue, told = made
    ct = {each["SeriesInstanceUID"] for each in told if each["Modality"] == "CT"}
    assert found(catalogue, "series", ("Modality", "CT")) == ct
    assert found(catalogue, "studies", ("ModalitiesInStudy", "MR")) == {
        each["StudyInstanceUID"] for each in told
    }
    listed = "1.2.1,1.2.3,1.2.99"
    assert found(catalogue, "studies", ("StudyInstanceUID", listed)) == {"1.2.1", "1.2.3"}
    assert found(
        catalogue,
        "instances",
        ("PatientName", "doe*"),
        ("SOPClassUID", MR),
        ("InstanceNumber", "1"),
    ) == {"1.2.0.1.2", "1.2.1.1.2"}


def test_counts_of_what_is_below(made):
    catalogue, _ = made
    query = parse_query([("StudyInstanceUID", "1.2.4")], level="studies")
    (model,) = catalogue.search("studies", query).models
    assert model["00201206"]["Value"] == [2]
    assert model["00201208"]["Value"] == [4]
    assert sorted(model["00080061"]["Value"]) == ["CT", "MR"]
    counts = catalogue.counts()
    assert (counts.studies, counts.series, counts.instances) == (7, 14, 28)


def test_pages_fit_together(made):
    catalogue, told = made
    seen: list[str] = []
    for offset in range(0, 40, 5):
        query = parse_query([], level="instances")._replace(limit=5, offset=offset)
        page = catalogue.search("instances", query)
        seen += [each["00080018"]["Value"][0] for each in page.models]
        assert page.remaining == max(0, 28 - offset - 5)
    assert len(seen) == 28
    assert set(seen) == {each["SOPInstanceUID"] for each in told}


def test_entries_come_by_their_numbers(made):
    catalogue, _ = made
    found = [each.instance for each in catalogue.entries("1.2.5")]
    assert found == ["1.2.5.1.2", "1.2.5.1.1", "1.2.5.0.2", "1.2.5.0.1"]
    assert [each.instance for each in catalogue.entries("1.2.5", "1.2.5.0")] == found[2:]


def test_stamps_change_with_what_is_below(made, tmp_path):
    catalogue, _ = made
    places = [("1.2.0",), ("1.2.0", "1.2.0.0"), ("1.2.0", "1.2.0.1"), ("1.2.1",)]
    before = [catalogue.stamp(*place) for place in places]
    assert all(before)
    said = {"StudyInstanceUID": "1.2.0", "SeriesInstanceUID": "1.2.0.0"}
    catalogue.put([indexed(tmp_path / "new.dcm", SOPInstanceUID="1.2.0.0.9", **said, **IMAGE)])
    after = [catalogue.stamp(*place) for place in places]
    assert [one == other for one, other in zip(before, after, strict=True)] == [
        False, False, True, True,
    ]  # fmt: skip
    assert catalogue.stamp("9.9") == ""


def test_what_is_deleted_is_remembered(made, tmp_path):
    catalogue, _ = made
    taken = catalogue.delete("1.2.2", "1.2.2.0", "1.2.2.0.1")
    assert [each.instance for each in taken] == ["1.2.2.0.1"]
    assert catalogue.entry("1.2.2", "1.2.2.0", "1.2.2.0.1") is None
    assert catalogue.status("1.2.2", "1.2.2.0", "1.2.2.0.1") == "deleted"
    assert catalogue.status("1.2.2", "1.2.2.0") == "present"
    catalogue.delete("1.2.2")
    assert catalogue.status("1.2.2") == "deleted"
    assert catalogue.status("1.2.77") == "unknown"
    assert found(catalogue, "studies") == {f"1.2.{n}" for n in (0, 1, 3, 4, 5, 6)}


def test_what_vanished_is_not_remembered(made, tmp_path):
    catalogue, _ = made
    (entry,) = catalogue.entries("1.2.3", "1.2.3.0", "1.2.3.0.1")
    catalogue.forget([entry.location])
    assert catalogue.status("1.2.3", "1.2.3.0", "1.2.3.0.1") == "unknown"
    assert catalogue.counts().instances == 27


def test_two_files_of_one_instance(made, tmp_path):
    catalogue, _ = made
    said = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.0",
            "SOPInstanceUID": "1.2.3.0.1"}  # fmt: skip
    catalogue.put([indexed(tmp_path / "copy.dcm", **said, **IMAGE)])
    assert catalogue.counts().instances == 28
    entry = catalogue.entry("1.2.3", "1.2.3.0", "1.2.3.0.1")
    catalogue.forget([entry.location])
    other = catalogue.entry("1.2.3", "1.2.3.0", "1.2.3.0.1")
    assert other is not None
    assert other.location != entry.location


def test_who_stands_for_a_study(tmp_path, catalogue):
    for number in range(1, 6):
        said = {"SOPInstanceUID": f"1.2.3.1.{number}", "InstanceNumber": number}
        burned = {"BurnedInAnnotation": "YES"} if number == 3 else {}
        catalogue.put([indexed(tmp_path / f"{number}.dcm", **said, **burned, **IMAGE)])
    catalogue.put([indexed(tmp_path / "sr.dcm", SOPInstanceUID="1.2.3.0.1", SeriesNumber=0,
                           SeriesInstanceUID="1.2.3.0", Modality="SR")])  # fmt: skip
    # Four are left, and the second of them stands in the middle.
    assert catalogue.representative("1.2.3").instance == "1.2.3.1.2"
    assert catalogue.representative("1.2.3", "1.2.3.0").instance == "1.2.3.0.1"
    assert catalogue.representative("1.2.4") is None


def test_many_change_it_at_once(url, tmp_path):
    """Two programs with one database: nothing is lost, and nobody waits for ever."""
    files = [
        indexed(tmp_path / f"{n}.dcm", SOPInstanceUID=f"1.2.3.1.{n}", InstanceNumber=n, **IMAGE)
        for n in range(1, 41)
    ]
    first = Catalogue(url)
    second = Catalogue(url)
    try:

        def work(catalogue: Catalogue, part: list) -> None:
            for each in part:
                catalogue.put([each])
                catalogue.entries("1.2.3")

        with ThreadPoolExecutor(4) as executor:
            jobs = [
                executor.submit(work, (first, second)[n % 2], files[n % 3 :: 2]) for n in range(4)
            ]
            for job in jobs:
                job.result(60)
        first.put(files)
        assert len(second.entries("1.2.3")) == 40
        gone = [threading.Thread(target=each.delete, args=("1.2.3",)) for each in (first, second)]
        for each in gone:
            each.start()
        for each in gone:
            each.join(60)
        assert first.status("1.2.3") == second.status("1.2.3") == "deleted"
        assert first.counts().instances == 0
    finally:
        first.close()
        second.close()


def test_a_damaged_index_is_made_anew(tmp_path):
    path = tmp_path / "index.sqlite3"
    path.write_bytes(b"this is no database, whatever its name says" * 50)
    catalogue = Catalogue(f"sqlite:///{path}")
    try:
        assert catalogue.counts().instances == 0
        catalogue.put([indexed(tmp_path / "a.dcm", **IMAGE)])
        assert [each.instance for each in catalogue.entries("1.2.3")] == ["1.2.3.1.1"]
    finally:
        catalogue.close()


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense"])
def test_a_database_that_cannot_be_used(url):
    with pytest.raises(OptionError) as caught:
        Catalogue(url)
    assert "\n" not in str(caught.value)


# --- folders ------------------------------------------------------------------------------------


@pytest.fixture
def looking(tmp_path) -> Iterator[tuple[Catalogue, Path, Callable[[], None]]]:
    """Return a catalogue that is kept true to a folder."""
    folder = tmp_path / "watched"
    folder.mkdir()
    catalogue = Catalogue(f"sqlite:///{tmp_path / 'index.sqlite3'}")
    with ThreadPoolExecutor(2) as executor:
        scanner = Scanner(catalogue, [str(folder)], submit=executor.submit, interval_seconds=0.05)
        scanner.start()
        yield catalogue, folder, scanner
        scanner.stop()
    catalogue.close()


def listed(catalogue: Catalogue) -> set[str]:
    return {each.instance for each in catalogue.entries("1.2.3")}


def test_what_comes_changes_and_goes_is_noticed(looking):
    catalogue, folder, scanner = looking
    until(lambda: scanner.progress().is_complete)
    write(folder / "a" / "one.dcm", SOPInstanceUID="1.2.3.1.1", **IMAGE)
    write(folder / "b" / "two", SOPInstanceUID="1.2.3.1.2", **IMAGE)
    (folder / "note.txt").write_text("no DICOM")
    (folder / "empty.dcm").touch()
    (folder / "broken.dcm").write_bytes(bytes(128) + b"DICM" + b"\xff" * 40)
    until(lambda: listed(catalogue) == {"1.2.3.1.1", "1.2.3.1.2"})
    before = catalogue.entry("1.2.3", "1.2.3.1", "1.2.3.1.1")

    write(folder / "a" / "one.dcm", SOPInstanceUID="1.2.3.1.1", NumberOfFrames=2, **IMAGE,
          PixelData=bytes(32))  # fmt: skip
    until(lambda: catalogue.entry("1.2.3", "1.2.3.1", "1.2.3.1.1").number_of_frames == 2)
    assert catalogue.entry("1.2.3", "1.2.3.1", "1.2.3.1.1").version != before.version

    (folder / "b" / "two").rename(folder / "moved.dcm")
    until(lambda: catalogue.entry("1.2.3", "1.2.3.1", "1.2.3.1.2").location.endswith("moved.dcm"))
    (folder / "a" / "one.dcm").unlink()
    until(lambda: listed(catalogue) == {"1.2.3.1.2"})
    write(folder / "moved.dcm", SOPInstanceUID="1.2.3.1.7", **IMAGE)
    until(lambda: listed(catalogue) == {"1.2.3.1.7"})


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_text_are_listed(looking):
    catalogue, folder, scanner = looking
    names = (b"inv\xff.dcm", b"inv\xfe.dcm", b"new\nline.dcm", rb"back\udcff.dcm", b"d\xfd/x.dcm")
    paths = [folder / os.fsdecode(name) for name in names]
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        write(path, SOPInstanceUID=f"1.2.3.1.{number}", **IMAGE)
    until(lambda: len(listed(catalogue)) == len(names))
    places = {each.location for each in catalogue.entries("1.2.3")}
    assert places == {str(path) for path in paths}
    assert {Path(each).stat().st_size > 0 for each in places} == {True}
    # FileRecord again, and known to be gone.
    version = catalogue.entry("1.2.3", "1.2.3.1", "1.2.3.1.1").version
    paths[0].unlink()
    paths[4].unlink()
    until(lambda: listed(catalogue) == {"1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"})
    assert catalogue.entry("1.2.3", "1.2.3.1", "1.2.3.1.1").version == version
    assert not scanner.progress().unreachable


def test_a_folder_that_is_gone_takes_nothing_with_it(looking):
    catalogue, folder, scanner = looking
    for number in range(3):
        write(folder / f"{number}.dcm", SOPInstanceUID=f"1.2.3.1.{number}", **IMAGE)
    until(lambda: len(listed(catalogue)) == 3)
    away = folder.with_name("away")
    folder.rename(away)
    until(lambda: scanner.progress().unreachable)
    assert len(listed(catalogue)) == 3
    away.rename(folder)
    write(folder / "3.dcm", SOPInstanceUID="1.2.3.1.3", **IMAGE)
    until(lambda: len(listed(catalogue)) == 4)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("follow_links", [True, False])
def test_links_that_lead_out_of_the_folder(tmp_path, follow_links):
    root = tmp_path / "served"
    write(root / "a.dcm", SOPInstanceUID="1.2.3.1.1", **IMAGE)
    for number, where in ((2, "secret/b.dcm"), (3, "secret/below/c.dcm")):
        write(tmp_path / where, SOPInstanceUID=f"1.2.3.1.{number}", **IMAGE)
    (root / "file").symlink_to(tmp_path / "secret" / "b.dcm")
    (root / "folder").symlink_to(tmp_path / "secret" / "below")
    (root / "same").symlink_to(root / "a.dcm")
    listings = list(walk(str(root), is_ended=lambda: False, follow_links=follow_links))
    seen = {each.name for listing in listings for each in listing.files}
    assert seen == {"a.dcm", "same", *(("file", "c.dcm") if follow_links else ())}


def test_links_that_lead_back(looking):
    catalogue, folder, scanner = looking
    write(folder / "in" / "a.dcm", SOPInstanceUID="1.2.3.1.1", **IMAGE)
    try:
        (folder / "in" / "loop").symlink_to(folder, target_is_directory=True)
    except OSError:
        pytest.skip("no symbolic links here")
    until(lambda: listed(catalogue) == {"1.2.3.1.1"} and scanner.progress().is_complete)
