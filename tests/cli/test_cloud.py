"""The command on object storage: real processes, a real S3 server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from objectstore import ACCESS_KEY, SECRET_KEY
from rendicom.batch.executors import open_executor
from rendicom.batch.output_paths import find
from rendicom.batch.run import Run
from rendicom.batch.worker_messages import Recipe
from rendicom.options import RenderOptions
from rendicom.storage import head, list_folder, remove, write
from rendicom.testing.images import image
from rendicom.testing.writer import element
from waiting import free_port

pytestmark = pytest.mark.usefixtures("here")

COUNT = 30
LARGE = "deep/er/cine.dcm"
FRAMES = 18
"""More than 8 MiB, which comes by ranges."""


def convert(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rendicom", "convert", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=110)


def instance(number: int, frames: int = 1, size: int = 24) -> bytes:
    shape = (frames, size, size) if frames > 1 else (size, size)
    values = (np.arange(np.prod(shape)).reshape(shape) * (number + 3) % 4096).astype(np.uint16)
    window = (element(0x00281050, "DS", "2000"), element(0x00281051, "DS", "4000"))
    return image(values, bits_stored=12, extra=window)


def sources() -> dict[str, bytes]:
    """Return what there is to convert: names of all sorts, one large instance, and three others."""
    made = {f"s{number % 3}/i {number:02}%.dcm": instance(number) for number in range(COUNT)}
    made[LARGE] = instance(99, frames=FRAMES, size=512)
    made["broken.dcm"] = instance(1)[:300]
    made["notes.txt"] = b"no image\n"
    made["empty"] = b""
    return made


@pytest.fixture(scope="module")
def inputs() -> dict[str, bytes]:
    return sources()


@pytest.fixture(scope="module")
def folder(inputs: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ``in``, and ``expected``: what a run on local files makes of it."""
    folder = tmp_path_factory.mktemp("local")
    for name, data in inputs.items():
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    result = convert(f"{folder}/in", f"{folder}/expected", "--format", "png", "--jobs", "2")
    assert result.returncode == 1
    return folder


@pytest.fixture
def local(folder: Path) -> str:
    return str(folder / "in")


@pytest.fixture
def expected(folder: Path) -> dict[str, bytes]:
    made = pictures_at(str(folder / "expected"))
    assert len(made) == COUNT + FRAMES
    return made


@pytest.fixture
def remote(s3: str, inputs: dict[str, bytes]) -> str:
    for name, data in inputs.items():
        write(f"{s3}/in/{name}", data)
    return f"{s3}/in/"


def pictures_at(location: str) -> dict[str, bytes]:
    """Return what lies below a folder or an address, less the manifest."""
    found = {one.name: one.location for one in list_folder(location)}
    pictures = {}
    for name, place in found.items():
        pictures[name] = head(place, 1 << 24)
    del pictures["manifest.jsonl"]
    return pictures


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_text_have_escapes_in_a_store(s3, here) -> None:
    names = (b"inv\xff.dcm", b"inv\xfe.dcm", rb"back\udcff.dcm", b"a" * 255)
    Path("in").mkdir()
    for number, name in enumerate(names):
        Path("in", os.fsdecode(name)).write_bytes(instance(number))
    command = ("in", f"{s3}/odd/", "--engine", "inline")
    result = convert(*command)
    assert result.returncode == 0, result.stderr
    made = set(pictures_at(f"{s3}/odd"))
    assert len(made) == len(names)
    assert {r"inv\udcff.jpg", r"inv\udcfe.jpg", r"back\\udcff.jpg"} < made
    again = convert(*command, "--resume")
    assert again.stderr == "rendicom: 0 pictures written, 4 files done before\n"


def manifest_of(location: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in head(location, 1 << 20).splitlines()]


def assert_no_secret(*texts: str) -> None:
    for text in texts:
        assert SECRET_KEY not in text
        assert ACCESS_KEY not in text
        assert "X-Amz" not in text


def test_from_bucket_to_bucket_as_from_folder_to_folder(s3, remote, expected, here) -> None:
    command = (remote, f"{s3}/out/", "--format", "png", "--jobs", "2")
    result = convert(*command)
    assert result.returncode == 1
    assert "broken.dcm" in result.stderr
    assert "notes.txt" not in result.stderr
    assert "Traceback" not in result.stderr
    assert pictures_at(f"{s3}/out") == expected
    rows = manifest_of(f"{s3}/out/manifest.jsonl")
    fates = {(row["source"].removeprefix(remote), row["status"]) for row in rows}
    assert {name for name, status in fates if status == "ok"} == {
        name for name in sources() if name.endswith(".dcm") and name != "broken.dcm"
    }
    assert {(name, status) for name, status in fates if status != "ok"} == {
        ("broken.dcm", "failed"), ("notes.txt", "ignored"), ("empty", "ignored")
    }  # fmt: skip
    outputs = {row["output"] for row in rows if row["status"] == "ok"}
    assert outputs == {f"{s3}/out/{name}" for name in expected}
    assert_no_secret(result.stdout, result.stderr, json.dumps(rows))

    before = {one.name: one.version for one in list_folder(f"{s3}/out/")}
    again = convert(*command, "--resume", "--json")
    assert [json.loads(line).get("output") for line in again.stdout.splitlines()] == [None]
    gone = ("s1/i 04%.png", "deep/er/cine-0007.png")
    for name in gone:
        remove(f"{s3}/out/{name}")
    again = convert(*command, "--resume", "--json")
    lines = [json.loads(line) for line in again.stdout.splitlines()]
    redone = {line["output"] for line in lines if "output" in line}
    assert redone == {f"{s3}/out/{name}" for name in gone}
    assert pictures_at(f"{s3}/out") == expected
    del before["manifest.jsonl"]
    after = {one.name: one.version for one in list_folder(f"{s3}/out/")}
    assert {name: after[name] for name in before} == before
    assert list(here.iterdir()) == []


def test_from_bucket_to_folder_and_back(s3, remote, local, expected) -> None:
    result = convert(remote, "out/", "--format", "png", "--jobs", "2")
    assert result.returncode == 1
    assert pictures_at("out") == expected
    assert manifest_of("out/manifest.jsonl")[0]["source"].startswith(remote)
    result = convert(local, f"{s3}/up", "--format", "png", "--jobs", "2")
    assert result.returncode == 1
    assert pictures_at(f"{s3}/up/") == expected
    again = convert(local, f"{s3}/up", "--format", "png", "--resume", "--json")
    assert [json.loads(line).get("output") for line in again.stdout.splitlines()] == [None]


def test_one_object(s3, remote, local, here, expected) -> None:
    result = convert(f"{remote}s1/i 01%.dcm", "x.png")
    assert (result.returncode, result.stderr) == (0, "")
    picture = (here / "x.png").read_bytes()
    assert picture == expected["s1/i 01%.png"]
    result = convert(f"{local}/s1/i 01%.dcm", f"{s3}/one/x.png")
    assert (result.returncode, result.stderr) == (0, "")
    assert [one.name for one in list_folder(f"{s3}/one")] == ["x.png"]
    assert head(f"{s3}/one/x.png", 1 << 20) == picture
    result = convert(f"{remote}{LARGE}", "frame.png", "--frames", "9")
    assert result.returncode == 0
    assert (here / "frame.png").read_bytes() == expected["deep/er/cine-0009.png"]
    before = head(f"{remote}broken.dcm", 1000)
    result = convert(f"{remote}s1/i 01%.dcm", f"{remote}s1/i 04%.dcm", f"{s3}/two/")
    assert result.returncode == 0
    assert sorted(one.name for one in list_folder(f"{s3}/two")) == [
        "i 01%.jpg", "i 04%.jpg", "manifest.jsonl"
    ]  # fmt: skip
    assert head(f"{remote}broken.dcm", 1000) == before


def test_a_target_inside_the_source_is_not_read(s3, remote) -> None:
    write(f"{remote}small/pictures-of-old/a.dcm", instance(1))
    command = (f"{remote}small/", f"{remote}small/pictures", "--format", "png", "--jobs", "1")
    for _ in range(2):
        result = convert(*command)
        assert result.returncode == 0, result.stderr
        assert "ignored" not in result.stderr
        rows = manifest_of(f"{remote}small/pictures/manifest.jsonl")
        assert [row["status"] for row in rows] == ["ok"]


def test_on_dask(s3, remote, expected) -> None:
    pytest.importorskip("distributed")
    result = convert(
        remote, f"{s3}/out", "--format", "png", "--jobs", "2", "--engine", "dask", "--layout",
        "x/{source}.{ext}",
    )  # fmt: skip
    assert result.returncode == 1, result.stderr
    assert "broken.dcm" in result.stderr
    assert pictures_at(f"{s3}/out/x/".removesuffix("x/")) == {
        f"x/{name}": data for name, data in expected.items()
    }


@pytest.mark.parametrize("engine", ["threads", "inline"])
def test_a_run_in_memory(s3, remote, expected, engine) -> None:
    reports = []
    target = f"memory://pictures-{engine}/{s3[5:]}"
    chosen, executor = open_executor(engine, jobs=2)
    run = Run(
        Recipe(target, "png", RenderOptions()), lambda: executor, 2, reports.append,
        is_contained=chosen.has_own_processes,
    )  # fmt: skip
    with executor:
        run.run(find((remote,), target, extension=".png"))
    made = {one.name: head(one.location, 1 << 24) for one in list_folder(target)}
    assert made == expected
    assert len(reports) == COUNT + 4


# --- what goes wrong ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("{s3}-gone/in/", "out/"),
        ("{s3}-gone/in/x.dcm", "x.png"),
        ("a.dcm", "{s3}-gone/x.png"),
        ("a.dcm", "{s3}-gone/out/"),
        ("folder", "{s3}-gone/out/"),
    ],
)
def test_a_bucket_that_is_not_there(s3, here, source, target) -> None:
    (here / "a.dcm").write_bytes(instance(1))
    (here / "folder").mkdir()
    (here / "folder" / "a.dcm").write_bytes(instance(1))
    result = convert(source.format(s3=s3), target.format(s3=s3))
    assert result.returncode == 1, result.stderr
    assert "there is no such bucket" in result.stderr
    assert "Traceback" not in result.stderr
    assert_no_secret(result.stdout, result.stderr)
    assert [path.name for path in here.rglob("*.png")] == []


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("s3://somewhere/in/", "out/"),
        ("s3://somewhere/x.dcm", "x.png"),
        ("a.dcm", "s3://somewhere/x.png"),
        ("folder", "s3://somewhere/out/"),
    ],
)
def test_a_server_that_is_not_there(
    s3, here, source, target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    (here / "a.dcm").write_bytes(instance(1))
    (here / "folder").mkdir()
    (here / "folder" / "a.dcm").write_bytes(instance(1))
    began = time.monotonic()
    result = convert(source, target)
    assert result.returncode == 1, result.stderr
    assert "the object store does not answer" in result.stderr
    assert "Traceback" not in result.stderr
    assert_no_secret(result.stdout, result.stderr)
    assert time.monotonic() - began < 45


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("ftp://host/in/", "ftp:// is not a known storage"),
        ("s3://", "names no bucket"),
        ("file://elsewhere/in", "another machine"),
    ],
)
def test_addresses_of_nothing(here, location, message) -> None:
    for arguments in ((location, "out/"), ("a.dcm", location)):
        result = convert(*arguments)
        assert (result.returncode, result.stdout) == (2, "")
        assert message in result.stderr
        assert "Traceback" not in result.stderr
