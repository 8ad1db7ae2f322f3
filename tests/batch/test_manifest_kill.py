"""Manifests of processes that are killed, shut out, starved of disk, or run for long."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from batch.manifests import good, names, opened, rows, unit
from rendicom.errors import TargetInUseError, UnwritableOutputError

pytestmark = [
    pytest.mark.usefixtures("here"),
    pytest.mark.skipif(os.name != "posix", reason="POSIX signals and limits"),
]


@pytest.fixture(params=["jsonl", "csv", "parquet"])
def table(request: pytest.FixtureRequest) -> str:
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    return f"out/manifest.{request.param}"


def child(*arguments: str) -> subprocess.Popen[str]:
    tests = str(Path(__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-m", "batch.manifest_child", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": tests},
    )


def told(process: subprocess.Popen[str]) -> list[str]:
    """Return what a child says until it ends well."""
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, "")
    return out.splitlines()


COUNT = 600


def test_kill_and_resume(table) -> None:
    grown = Path("out/manifest.jsonl")
    sizes = []
    for _ in range(3):
        with child("add", table, str(COUNT)) as process:
            assert process.stdout.readline() == "open\n"
            goal = 30_000 * (len(sizes) + 1)
            until = time.monotonic() + 20
            while not (grown.exists() and grown.stat().st_size > goal):
                assert process.poll() is None
                assert time.monotonic() < until
            process.kill()
        done = rows(table, "source")
        assert len(done) == len(set(done)) < COUNT
        sizes.append(len(done))
        # What is recorded is there.
        assert all(Path(path).stat().st_size for path in rows(table, "output"))
    assert sizes == sorted(sizes)
    opening, again = told(child("add", table, str(COUNT)))
    assert (opening, int(again)) == ("open", COUNT - sizes[-1])
    assert sorted(rows(table, "source")) == sorted(f"in/{number}.dcm" for number in range(COUNT))
    assert set(rows(table, "status")) == {"ok"}
    files = [name for name in names("out") if not name.endswith(".png")]
    assert files == sorted({"manifest.jsonl", Path(table).name})
    assert told(child("add", table, str(COUNT))) == ["open", "0"]


def test_a_second_process_is_kept_out_until_the_first_is_killed() -> None:
    with child("hold", "m.jsonl", "60") as process:
        worker = int(process.stdout.readline())
        try:
            with pytest.raises(TargetInUseError) as caught:
                opened("m.jsonl")
            assert f"m.jsonl is being written by process {process.pid}" in str(caught.value)
            assert "--manifest" in caught.value.hint
            opened("n.jsonl").close()  # another table is nobody's
            process.kill()
            process.wait(20)
            os.kill(worker, 0)  # it lives, and does not keep the lock
            manifest = opened("m.jsonl")
            manifest.add(good(unit("a")))
            manifest.close()
        finally:
            os.kill(worker, signal.SIGKILL)
    assert names() == ["m.jsonl", "out"]


def test_processes_take_turns() -> None:
    """Many at once: each gets in on its own or is told, and no record is lost or torn."""
    children = [child("add", "m.jsonl", "20") for _ in range(4)]
    ends = [process.communicate(timeout=60) for process in children]
    done = [int(out.split()[1]) for out, error in ends if not error]
    assert done
    assert all("TargetInUseError" in error for out, error in ends if error)
    assert len(rows("m.jsonl", "source")) == sum(done) == 20


def test_a_full_disk() -> None:
    lines = told(child("starve", "m.jsonl", "20000"))
    assert len(lines) == 2
    assert lines[0].startswith("cannot-write: cannot write the manifest m.jsonl: File too large")
    assert "--resume" in lines[0]
    data = Path("m.jsonl").read_bytes()
    assert 19_000 < len(data) <= 20_000
    assert data.endswith(b"\n")
    done = len(rows("m.jsonl", "source"))
    assert done > 20
    assert told(child("add", "m.jsonl", "200")) == ["open", str(200 - done)]


def test_a_full_disk_at_the_end() -> None:
    """What the table has no room for stays in the JSON Lines, and the next run tries again."""
    journal = Path("m.jsonl")
    with child("add", "m.csv", "3000") as process:
        while not (journal.exists() and journal.stat().st_size > 20_000):
            assert process.poll() is None
        process.kill()
    data = journal.read_bytes()
    lines = told(child("finish", "m.csv", "5000"))
    assert len(lines) == 1
    assert lines[0].startswith("cannot-write: cannot export the manifest: File too large")
    assert names() == ["m.jsonl", "out"]
    assert journal.read_bytes() == data
    assert told(child("finish", "m.csv", "50000000")) == []
    assert names() == ["m.csv", "m.jsonl", "out"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_device_is_no_table() -> None:
    Path("m.jsonl").symlink_to("/dev/full")
    with pytest.raises(UnwritableOutputError, match="a device is there"):
        opened("m.jsonl")
    assert names() == ["m.jsonl"]


def test_a_read_only_folder() -> None:
    Path("out").mkdir(mode=0o500)
    process = child("add", "out/m.jsonl", "1")
    _, error = process.communicate(timeout=60)
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    assert "UnwritableOutputError: cannot write out/m.jsonl" in error


def test_memory_does_not_grow_with_the_table() -> None:
    few, many = (told(child("many", f"m{n}.jsonl", str(n))) for n in (2_000, 32_000))
    growth = [float(b) - float(a) for a, b in zip(few, many, strict=True)]
    assert max(growth) < 8, (few, many)


def test_a_json_line_is_never_seen_half() -> None:
    """Whoever follows the table during a run reads whole lines but for the last."""
    with child("add", "m.jsonl", "800") as process:
        process.stdout.readline()
        while process.poll() is None:
            if Path("m.jsonl").exists():
                lines = Path("m.jsonl").read_bytes().splitlines(keepends=True)
                assert all(json.loads(line) for line in lines if line.endswith(b"\n"))
        process.communicate()
    assert len(rows("m.jsonl", "source")) == 800
