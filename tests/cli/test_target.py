"""Which paths of a command line mean what; nothing is opened but to see that it is DICOM."""

import os
from pathlib import Path

import click
import pytest

from rendicom.cli.target import choose_target
from rendicom.encode import format_named

DICOM = bytes(128) + b"DICM"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.dcm", "b.dcm", "scan.dicom"):
        Path(name).write_bytes(DICOM)
    Path("study").mkdir()
    Path("out").mkdir()
    Path("old.png").write_bytes(b"old")


@pytest.mark.parametrize(
    ("paths", "wanted", "path", "is_folder", "name"),
    [
        (["a.dcm"], None, "a.jpg", False, "jpg"),
        (["a.dcm"], "png", "a.png", False, "png"),
        (["study/../scan.dicom"], None, "scan.jpg", False, "jpg"),
        (["missing.dcm"], None, "missing.jpg", False, "jpg"),
        (["a.dcm", "x.png"], None, "x.png", False, "png"),
        (["a.dcm", "x.JPEG"], None, "x.JPEG", False, "jpg"),
        (["a.dcm", "x.tif"], None, "x.tif", False, "tiff"),
        (["a.dcm", "x.jpeg"], "jpg", "x.jpeg", False, "jpg"),
        (["a.dcm", "x.other"], "png", "x.other", False, "png"),
        (["a.dcm", "plain"], None, "plain", False, "jpg"),
        (["a.dcm", "1.2.840.113"], None, "1.2.840.113", False, "jpg"),
        (["a.dcm", "old.png"], None, "old.png", False, "png"),
        (["a.dcm", "new/"], None, "new/", True, "jpg"),
        (["a.dcm", "out"], "gif", "out", True, "gif"),
        (["a.dcm", "b.dcm", "out"], None, "out", True, "jpg"),
        (["a.dcm", "b.dcm", "new"], None, "new", True, "jpg"),
        (["a.dcm", "b.dcm", "new.png/"], None, "new.png/", True, "jpg"),
        (["study", "new"], None, "new", True, "jpg"),
        (["study", "study"], None, "study", True, "jpg"),
        (["a.dcm", "-"], None, "-", False, "jpg"),
        (["-", "-"], "png", "-", False, "png"),
        (["-", "x.png"], None, "x.png", False, "png"),
        (["-", "out"], None, "out", True, "jpg"),
    ],
)
def test_targets(
    paths: list[str], wanted: str | None, path: str, is_folder: bool, name: str
) -> None:
    target = choose_target(paths, wanted=format_named(wanted) if wanted else None)
    assert (target.path, target.is_folder, target.format.name) == (path, is_folder, name)
    assert target.sources == tuple(paths[:-1] or paths)


@pytest.mark.parametrize(
    ("paths", "wanted", "message"),
    [
        (["a.dcm", "b.dcm"], None, "has the name of a DICOM file"),
        (["a.dcm", "new.dcm"], None, "has the name of a DICOM file"),
        (["a.dcm", "NEW.DCM"], "jpg", "has the name of a DICOM file"),
        (["a.dcm", "b.dcm", "new.dcm"], None, "has the name of a DICOM file"),
        (["a.dcm", "scan.dicom"], "png", "is a DICOM file"),
        (["a.dcm", "x.jpg"], "png", "--format png and TARGET x.jpg contradict each other"),
        (["a.dcm", "x.png"], "apng", "contradict each other"),
        (["a.dcm", "x.xyz"], None, "no known format"),
        (["a.dcm", "b.dcm", "old.png"], None, "TARGET old.png is a file"),
        (["study", "old.png"], None, "TARGET old.png is a file"),
        (["a.dcm", "old.png/"], None, "TARGET old.png/ is a file"),
        (["a.dcm", "b.dcm", "x.png"], None, "names one file"),
        (["study"], None, "give a folder as TARGET"),
        (["-"], None, "TARGET is missing"),
        (["study", "-"], None, "cannot go to standard output"),
        (["a.dcm", "b.dcm", "-"], None, "cannot go to standard output"),
        (["-", "-", "out"], None, "once"),
    ],
)
def test_refusals(paths: list[str], wanted: str | None, message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        choose_target(paths, wanted=format_named(wanted) if wanted else None)


@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_source_is_known_by_any_of_its_names(link: object) -> None:
    # No DICOM by its first bytes, so that only the identity of the file can tell.
    Path("odd").write_bytes(b"unusual")
    link("odd", "x.png")  # type: ignore[operator]
    with pytest.raises(click.UsageError, match="is the source itself"):
        choose_target(["odd", "x.png"], wanted=None)


def test_the_picture_of_one_path_alone_never_replaces_a_dicom_file() -> None:
    Path("a.jpg").write_bytes(DICOM)
    with pytest.raises(click.UsageError, match="is a DICOM file"):
        choose_target(["a.dcm"], wanted=None)
