"""Manifests in an object store: real S3 over HTTP, by a server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.manifests import PICTURE, bad, good, kill, names, opened, rows, unit
from rendicom.batch.manifest import Manifest, read_manifest, remote_files
from rendicom.batch.outcomes import Written
from rendicom.batch.sources import Unit
from rendicom.batch.worker_messages import UnitReport
from rendicom.errors import (
    CorruptDataError,
    OptionError,
    OutputExistsError,
    UnreadableSourceError,
)
from rendicom.selection import FrameSelection
from rendicom.storage import list_folder, remove, write

pytest.importorskip("obstore")

pytestmark = pytest.mark.usefixtures("here")
A = unit("a")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def bucket(s3: str, request: pytest.FixtureRequest) -> str:
    """Return a folder in the store that no other test uses."""
    return f"{s3}/{request.node.name.replace('[', '-').replace(']', '')}"


@pytest.fixture(params=["jsonl", "csv", "parquet"])
def table(request: pytest.FixtureRequest, bucket: str) -> str:
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    return f"{bucket}/out/manifest.{request.param}"


def stored(table: str) -> list[str]:
    """Return what lies beside a table."""
    folder = table.rpartition("/")[0]
    return sorted(one.location.removeprefix(f"{folder}/") for one in list_folder(f"{folder}/"))


def tables(table: str) -> set[str]:
    """Return the names of the JSON Lines and of the table."""
    return {"manifest.jsonl", table.rpartition("/")[2]}


def run(table: str, **more: object) -> Manifest:
    return opened(table, **({"target": table.rpartition("/")[0]} | more))


def sent(table: str, one: Unit, frame: int = 1, *, count: int = 1) -> UnitReport:
    """Report a picture that is in the store."""
    number = f"-{frame:04}" if count > 1 else ""
    output = f"{table.rpartition('/')[0]}/{one.place}{number}.png"
    write(output, PICTURE)
    size = len(PICTURE)
    made = Written(one.source, output, frame, 6, 4, "image/png", size, "window 1,2", ())
    return UnitReport(one, (made,), None, count)


def test_a_table_in_the_store(table, here) -> None:
    manifest = run(table)
    manifest.add(sent(table, A))
    manifest.flush()
    manifest.add(sent(table, unit("deep/b"), 2, count=3))
    manifest.close()
    assert stored(table) == sorted({"a.png", "deep/b-0002.png", *tables(table)})
    assert rows(table, "source", "frame") == [("in/a.dcm", 1), ("in/deep/b.dcm", 2)]
    manifest = run(table)
    assert manifest.left_to_do(A) is None
    missing = FrameSelection(((1, 1), (3, 3)))
    assert manifest.left_to_do(unit("deep/b")) == unit("deep/b")._replace(frames=missing)
    manifest.close()
    remove(f"{table.rpartition('/')[0]}/a.png")
    manifest = run(table)
    assert manifest.left_to_do(A) == A
    manifest.add(sent(table, A))
    manifest.close()
    assert rows(table, "source") == ["in/deep/b.dcm", "in/a.dcm"]
    assert names(here) == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Send the lines at every flush."""
    monkeypatch.setattr(remote_files, "_SECONDS", -1.0)
    monkeypatch.setattr(remote_files, "_SHARE", 0.0)
    return


@pytest.mark.usefixtures("impatient")
def test_the_lines_outlive_a_kill(table) -> None:
    killed = run(table)
    for name in "ab":
        killed.add(sent(table, unit(name)))
        killed.flush()
    assert stored(table) == ["a.png", "b.png", "manifest.jsonl"]
    assert rows(table, "source") == ["in/a.dcm", "in/b.dcm"]
    again = run(table)
    assert again.left_to_do(A) is None
    assert again.left_to_do(unit("b")) is None
    again.add(bad(unit("c")))
    again.flush()
    assert rows(table, "source") == ["in/a.dcm", "in/b.dcm", "in/c.dcm"]
    again.close()
    assert stored(table) == sorted({"a.png", "b.png", *tables(table)})
    kill(killed)


def test_lines_are_not_sent_all_the_time(bucket, monkeypatch) -> None:
    clock = iter(range(0, 10_000, 4))
    monkeypatch.setattr(remote_files, "monotonic", lambda: next(clock))
    manifest = run(f"{bucket}/m.jsonl")
    seen = []
    for number in range(40):
        manifest.add(bad(unit(str(number))))
        manifest.flush()
        seen.append(len(rows(f"{bucket}/m.jsonl", "source")) if stored(f"{bucket}/m.jsonl") else 0)
    # An upload that takes 4 s is followed by 80 s without one.
    assert sorted(set(seen)) == [0, 3, 23]
    manifest.close()
    assert len(rows(f"{bucket}/m.jsonl", "source")) == 40


@pytest.mark.usefixtures("impatient")
def test_without_resume_the_old_table_goes_when_there_is_something_new(table) -> None:
    old, manifest = run(table), run(table, resume=False)
    old.add(sent(table, A))
    old.close()
    assert manifest.left_to_do(A) == A
    manifest.flush()
    assert rows(table, "source") == ["in/a.dcm"]
    manifest.add(sent(table, unit("b")))
    manifest.flush()
    assert rows(table, "source") == ["in/b.dcm"]
    assert tables(table) & set(stored(table)) == {"manifest.jsonl"}
    manifest.close()
    assert rows(table, "source") == ["in/b.dcm"]


def test_a_local_table_of_pictures_in_the_store(bucket) -> None:
    manifest = opened("m.csv", target=f"{bucket}/out/")
    manifest.add(sent(f"{bucket}/out/m.csv", A))
    manifest.close()
    manifest = opened("m.csv", target=f"{bucket}/out/")
    assert manifest.left_to_do(A) is None
    assert manifest.left_to_do(A._replace(place="b")) == A._replace(place="b")
    manifest.close()
    assert names() == ["m.csv", "m.jsonl"]


def test_a_table_in_the_store_of_local_pictures(bucket) -> None:
    manifest = opened(f"{bucket}/m.jsonl")
    manifest.add(good(A))
    manifest.close()
    manifest = opened(f"{bucket}/m.jsonl")
    assert manifest.left_to_do(A) is None
    manifest.close()
    assert stored(f"{bucket}/m.jsonl") == ["m.jsonl"]


@pytest.mark.parametrize("name", ["m.jsonl", "m.csv", "m.parquet"])
def test_somebody_elses_object_is_left_alone(bucket, name, here) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    write(f"{bucket}/{name}", b'{"text": "a cat"}\n')
    with pytest.raises(OutputExistsError, match=name):
        opened(f"{bucket}/{name}", resume=False)
    if name == "m.jsonl":
        with pytest.raises(CorruptDataError, match="not a manifest"):
            list(read_manifest(f"{bucket}/{name}"))
    assert names(here) == []


def test_nothing_to_read(bucket) -> None:
    with pytest.raises(UnreadableSourceError, match=r"m\.jsonl does not exist"):
        list(read_manifest(f"{bucket}/m.jsonl"))


def test_a_run_without_inputs_leaves_nothing(table) -> None:
    run(table).close()
    run(table, resume=False).close()
    assert stored(table) == []


def test_a_bucket_that_is_not_there(s3, here) -> None:
    with pytest.raises(UnreadableSourceError, match=r"nowhere/m\.jsonl: "):
        opened("s3://nowhere/m.jsonl")
    assert names(here) == []


def test_addresses_that_are_paths_or_nothing(here) -> None:
    manifest = opened((here / "m.jsonl").as_uri())
    manifest.add(good(A))
    manifest.close()
    assert rows((here / "m.jsonl").as_uri(), "source") == rows("m.jsonl", "source") == [A.source]
    with pytest.raises(OptionError, match="ftp://"):
        opened("ftp://host/m.jsonl")


@pytest.mark.usefixtures("impatient")
def test_memory_is_a_store_too(here) -> None:
    table = "memory://kept/out/m.csv"
    manifest = run(table)
    manifest.add(sent(table, A))
    manifest.flush()
    assert rows(table, "source") == [A.source]
    manifest.close()
    manifest = run(table)
    assert manifest.left_to_do(A) is None
    manifest.close()
    assert stored(table) == ["a.png", "m.csv", "m.jsonl"]
