"""The same command on our server and on Orthanc, and on a server that dies in the middle."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("psutil")

import rendicom
from orthancserver import orthanc
from relay import Relay, relaying
from rendicom.cli.main import main
from rendicom.testing.images import image
from rendicom.testing.writer import element
from serverprocess import Served, served, until

__all__ = ["orthanc"]

STUDY = "1.2.826.0.1.3680043.8.498.80"
COUNT = 12


def _file(series: int, number: int) -> bytes:
    rows, columns = np.mgrid[0:40, 0:56]
    values = ((rows * 11 + columns * 7) * number % 4096).astype(np.uint16)
    return image(
        values,
        bits_stored=12,
        extra=(
            element(0x00080018, "UI", f"{STUDY}.{series}.{number}"),
            element(0x00100010, "PN", "Toboso^Dulcinea"),
            element(0x00100020, "LO", "LaMancha4711"),
            element(0x0020000D, "UI", STUDY),
            element(0x0020000E, "UI", f"{STUDY}.{series}"),
            element(0x00200011, "IS", str(series)),
            element(0x00200013, "IS", str(number)),
            element(0x00281050, "DS", "2000"),
            element(0x00281051, "DS", "3000"),
        ),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two series of a study."""
    made = tmp_path_factory.mktemp("two")
    for series in (1, 2):
        for number in range(1, COUNT // 2 + 1):
            (made / f"{series}-{number}.dcm").write_bytes(_file(series, number))
    return made


@pytest.fixture(scope="module")
def own(folder: Path) -> Iterator[Served]:
    with served(folder, "--rescan", "0") as running:
        running.wait_for_index(COUNT)
        yield running


def pictures(folder: Path) -> dict[str, bytes]:
    """Return what is written, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.jsonl"
    }


def expected(folder: Path, media_type: str = "image/png", **said: object) -> dict[str, bytes]:
    """Return what the files are as pictures, by instance."""
    options = rendicom.RenderOptions(**said)  # type: ignore[arg-type]
    found = {}
    for path in folder.iterdir():
        with rendicom.open_instance(path) as opened:
            found[opened.sop_instance] = opened.render(1, options, media_type).data
    return found


def by_instance(found: dict[str, bytes]) -> dict[str, bytes]:
    return {name.rpartition("/")[2].rpartition(".")[0]: data for name, data in found.items()}


@pytest.mark.parametrize(
    ("flags", "media_type", "options"),
    [
        (("--format", "png"), "image/png", {}),
        (
            ("--format", "jpg", "--window", "700,900"),
            "image/jpeg",
            {"window": rendicom.Window(700, 900)},
        ),
        (("--format", "png", "--invert", "--rotate", "90"), "image/png",
         {"invert": True, "rotate": 90}),
    ],
    ids=["png", "window", "turned"],
)  # fmt: skip
def test_two_servers_and_one_command(
    own, orthanc, folder, tmp_path, capsys, flags, media_type, options
):
    assert main(["store", orthanc, str(folder)]) == 0
    wanted = expected(folder, media_type, **options)
    got = []
    for name, base in (("own", own.base), ("orthanc", orthanc)):
        for how in ("auto", "local"):
            target = tmp_path / f"{name} {how}"
            command = ["get", f"{base}/studies/{STUDY}", str(target), *flags, "--render", how]
            assert main([*command, "--engine", "inline"]) == 0
            got.append(pictures(target))
    assert by_instance(got[0]) == wanted
    assert all(each == got[0] for each in got)
    assert "Toboso" not in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process there")
def test_a_server_that_dies_in_the_middle(own, folder, tmp_path):
    """What was got stays, is not asked for again, and all is as if nothing had happened."""
    target = tmp_path / "out"
    flags = ["--format", "png", "--render", "local", "--jobs", "1", "--resume"]
    with served(folder, "--rescan", "0") as dying, relaying(dying.address) as relay:
        dying.wait_for_index(COUNT)
        url = f"http://127.0.0.1:{relay.port}/dicomweb/studies/{STUDY}"

        def kill(path: str) -> None:
            if "/instances/" in path and len(instances(relay)) == COUNT // 2:
                for each in dying.workers():
                    each.kill()
                dying.process.kill()
                dying.process.wait(20)

        relay.before = kill
        getting = subprocess.Popen(
            [sys.executable, "-m", "rendicom", "get", url, str(target), *flags],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        until(lambda: relay.refused or getting.poll() is not None, what="asked in vain")
        getting.send_signal(signal.SIGINT)
        _out, said = getting.communicate(timeout=60)
        assert getting.returncode == 130, said
        assert "Traceback" not in said
        lines = map(json.loads, (target / "manifest.jsonl").read_text().splitlines())
        done = [Path(line["output"]) for line in lines if line["status"] == "ok"]
        before = {path: path.stat().st_mtime_ns for path in done}
        assert 0 < len(before) < COUNT
        wanted = expected(folder)
        assert by_instance(pictures(target)).items() <= wanted.items()
        relay.target = own.address
        relay.paths.clear()
        relay.before = lambda _path: None
        assert main(["get", url, str(target), *flags, "--engine", "inline"]) == 0
        # What was under way when all ended is done once more, and nothing else.
        assert len(instances(relay)) == COUNT - len(before)
    assert by_instance(pictures(target)) == wanted
    assert all(path.stat().st_mtime_ns == moment for path, moment in before.items())


def instances(relay: Relay) -> list[str]:
    """Return which instances were asked for."""
    return [path for path in relay.paths if "/instances/" in path]


@pytest.mark.parametrize(
    ("key", "value", "status", "count"),
    [
        ("PatientID", "LaMancha4711", 0, COUNT),
        ("PatientName", "Toboso^Dulcinea", 0, COUNT),
        ("PatientName", "Toboso^D*", 0, COUNT),
        ("00100020", "LaMancha*", 0, COUNT),
        ("0020000d", STUDY, 0, COUNT),
        ("SeriesNumber", "2", 0, COUNT // 2),
        ("InstanceNumber", "3", 0, 2),
        ("Columns", "56", 0, COUNT),
        ("BitsStored", "12", 0, COUNT),
        ("PatientID", "LaMancha4712", 1, 0),
        ("InstanceNumber", "99", 1, 0),
        # Neither server keeps it where it is searched, and both return it.
        ("WindowCenter", "2000", 0, COUNT),
        ("WindowCenter", "2001", 1, 0),
    ],
)
def test_what_is_asked_for_is_what_comes(
    own, orthanc, folder, tmp_path, capsys, key, value, status, count
):
    assert main(["store", orthanc, str(folder)]) == 0
    for name, url in (
        ("own", own.base), ("orthanc", orthanc), ("own study", f"{own.base}/studies/{STUDY}"),
        ("orthanc study", f"{orthanc}/studies/{STUDY}"),
    ):  # fmt: skip
        target = tmp_path / name
        command = ["get", url, str(target), "--match", f"{key}={value}", "--format", "png"]
        done = main([*command, "--render", "local", "--engine", "inline"])
        said = capsys.readouterr().err
        assert (done, len(pictures(target)) if target.exists() else 0) == (status, count), said
