"""Runs that are killed, starved and interrupted: what is left is whole, and can be gone on with."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from rendicom.batch.manifest import read_manifest
from rendicom.testing.images import image
from rendicom.testing.rle_streams import rle
from rendicom.testing.writer import encapsulate

COMMAND = [sys.executable, "-m", "rendicom"]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")


def run(*arguments: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, timeout=120, **more)


def archive(root: Path, count: int, side: int = 256) -> list[Path]:
    """Write ``count`` images that differ, and take a few milliseconds each."""
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 3000, (side, side), dtype=np.uint16)
    paths = []
    for number in range(count):
        path = root / f"{number % 7}" / f"{number:04}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(noise + np.uint16(number), bits_stored=12))
        paths.append(path)
    return paths


def pictures(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith("manifest")
    }


def wait_for(condition, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.005)


def started(*arguments: str, **more: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more
    )


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def statuses(manifest: Path) -> Counter[tuple[str, str]]:
    return Counter((record["status"], record["code"]) for record in read_manifest(str(manifest)))


@pytest.mark.parametrize("whole_family", [False, True])
def test_a_run_killed_half_way_goes_on_to_the_same_pictures(here, whole_family) -> None:
    archive(here / "study", 1600)
    manifest = str(here / "out" / "manifest.jsonl")
    with started("convert", "study", "out", "--format", "png", "--jobs", "2") as process:
        wait_for(lambda: len(list(here.glob("out/*/*.png"))) > 60)
        wait_for(lambda: list(here.glob("out/manifest.jsonl")) and any(read_manifest(manifest)))
        victims = family(process) if whole_family else []
        process.kill()
        for victim in victims:
            victim.kill()
        process.communicate()
    wait_for(lambda: not any(victim.is_running() for victim in victims))
    found = pictures(here / "out")
    assert 0 < len(found) < 1600
    for name in found:
        assert not Path(name).name.startswith("."), "nothing half written stays"
        with Image.open(here / "out" / name) as picture:
            picture.load()
    written = {name: (here / "out" / name).stat().st_mtime_ns for name in found}
    done = {record["output"] for record in read_manifest("out/manifest.jsonl")}

    result = run("convert", "study", "out", "--format", "png", "--jobs", "2", "--resume")
    assert result.returncode == 0, result.stderr
    assert run("convert", "study", "fresh", "--format", "png", "--jobs", "1").returncode == 0
    assert pictures(here / "out") == pictures(here / "fresh")
    assert statuses(here / "out/manifest.jsonl") == {("ok", ""): 1600}
    kept = [name for name, at in written.items() if (here / "out" / name).stat().st_mtime_ns == at]
    assert len(kept) >= len(done) > 0, "what the manifest said was done was not done again"


def test_a_worker_killed_in_the_middle_costs_nothing(here) -> None:
    archive(here / "study", 300)
    with started("convert", "study", "out", "--format", "png", "--jobs", "2") as process:
        wait_for(lambda: len(list(here.glob("out/*/*.png"))) > 40)
        for victim in family(process)[:1]:
            victim.kill()
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert len(list(here.glob("out/*/*.png"))) == 300
    assert statuses(here / "out/manifest.jsonl") == {("ok", ""): 300}


def test_a_dask_worker_killed_in_the_middle_costs_nothing(here) -> None:
    pytest.importorskip("distributed")
    archive(here / "study", 300)
    arguments = ("convert", "study", "out", "--format", "png", "--jobs", "2", "--engine", "dask")
    with started(*arguments) as process:
        wait_for(lambda: len(list(here.glob("out/*/*.png"))) > 40, 60)
        workers = [child for child in family(process) if "spawn_main" in " ".join(child.cmdline())]
        assert len(workers) == 2
        workers[0].kill()
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert len(list(here.glob("out/*/*.png"))) == 300
    assert statuses(here / "out/manifest.jsonl") == {("ok", ""): 300}


PLUGIN = """
import os, time
from rendicom.errors import CorruptDataError

class _Codec:
    name, streams, install, rank = "crasher", ("rle",), "", 1
    def version(self):
        return "1"
    def decode(self, stream, request):
        if stream.endswith(b"ABORT!"):
            os.abort()
        if stream.endswith(b"HANG!!"):
            import ctypes
            ctypes.PyDLL(None).sleep(600)  # holds the interpreter lock
        raise CorruptDataError("not mine")

CODEC = _Codec()
"""


@pytest.fixture
def environment(tmp_path_factory) -> dict[str, str]:
    """Install a codec that aborts and hangs on streams of its liking."""
    site = tmp_path_factory.mktemp("site")
    (site / "crasher.py").write_text(PLUGIN)
    info = site / "crasher-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: crasher\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rendicom.pixels.codecs]\ncrasher = crasher:CODEC\n")
    return os.environ | {"PYTHONPATH": str(site)}


def with_stream(path: Path, end: bytes) -> None:
    """Write an image in an RLE stream that no codec of ours takes."""
    values = np.arange(24, dtype=np.uint16).reshape(4, 6)
    stream = bytearray(rle(values))
    stream[0] = 9
    elements = encapsulate([bytes(stream) + end])
    path.write_bytes(
        image(
            elements, rows=4, columns=6, bits_allocated=16, bits_stored=12,
            transfer_syntax="1.2.840.10008.1.2.5",
        )
    )  # fmt: skip


def test_a_file_that_makes_a_codec_abort_costs_that_file(here, environment) -> None:
    archive(here / "study", 60)
    with_stream(here / "study" / "3" / "abort.dcm", b"ABORT!")
    result = run(
        "convert", "study", "out", "--format", "png", "--jobs", "2", "--json", env=environment
    )
    assert result.returncode == 1
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    failed = [line for line in lines if line["status"] == "failed"]
    assert [(line["source"], line["code"]) for line in failed] == [
        ("study/3/abort.dcm", "worker-died")
    ]
    assert sum(line["status"] == "ok" for line in lines) == 60
    assert len(list(here.glob("out/*/*.png"))) == 60


def test_a_file_that_hangs_a_codec_costs_that_file(here, environment) -> None:
    archive(here / "study", 60)
    with_stream(here / "study" / "2" / "hang.dcm", b"HANG!!")
    began = time.monotonic()
    result = run(
        "convert", "study", "out", "--format", "png", "--jobs", "2", "--timeout", "1.5",
        env=environment,
    )  # fmt: skip
    assert result.returncode == 1
    assert time.monotonic() - began < 40
    assert statuses(here / "out/manifest.jsonl") == {("ok", ""): 60, ("failed", "timed-out"): 1}
    assert b"study/2/hang.dcm: one picture took longer than 1.5 s" in result.stderr


def test_ctrl_c_ends_the_run_orderly_and_it_goes_on_later(here) -> None:
    archive(here / "study", 500)
    with started("convert", "study", "out", "--format", "png", "--jobs", "2") as process:
        wait_for(lambda: len(list(here.glob("out/*/*.png"))) > 60)
        workers = family(process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert err.startswith(b"rendicom: interrupted: ")
    assert err.endswith(b"--resume continues from here\n")
    assert err.count(b"\n") == 1
    wait_for(lambda: not any(worker.is_running() for worker in workers), 10)
    assert 0 < len(pictures(here / "out")) < 500
    assert run("convert", "study", "out", "--format", "png", "--resume").returncode == 0
    assert len(pictures(here / "out")) == 500
    assert statuses(here / "out/manifest.jsonl") == {("ok", ""): 500}


def test_a_full_disk_stops_the_run_with_one_clear_line(here) -> None:
    archive(here / "study", 100)

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    result = run("convert", "study", "out", "--format", "png", preexec_fn=small_files)
    assert result.returncode == 1
    lines = result.stderr.decode().splitlines()
    assert sum("pictures in a row could not be written" in line for line in lines) == 1
    assert len(lines) < 30
    assert pictures(here / "out") == {}


def test_two_runs_into_one_folder_do_not_mix(here) -> None:
    archive(here / "study", 300)
    with started("convert", "study", "out", "--format", "png", "--jobs", "1") as first:
        wait_for(lambda: len(list(here.glob("out/*/*.png"))) > 20)
        first.send_signal(signal.SIGSTOP)
        second = run("convert", "study", "out", "--format", "png", "--jobs", "1")
        first.send_signal(signal.SIGCONT)
        assert second.returncode == 1
        assert second.stderr.count(b"\n") == 1
        assert b"out" in second.stderr
        first.communicate(timeout=120)
    assert first.returncode == 0
    assert len(pictures(here / "out")) == 300
    assert statuses(here / "out/manifest.jsonl") == {("ok", ""): 300}


def test_no_worker_outlives_a_run(here, samples) -> None:
    archive(here / "study", 40)
    seen: set[psutil.Process] = set()
    with started("convert", "study", "out", "--jobs", "2") as process:
        while process.poll() is None:
            seen.update(family(process))
            time.sleep(0.01)
        process.communicate()
    assert process.returncode == 0
    assert len(seen) == 2
    assert not any(worker.is_running() for worker in seen)
