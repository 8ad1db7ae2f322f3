"""The harness finds what it is there to find, and nothing where nothing is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE), "--jobs", "1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the harness needs /proc")
@pytest.mark.parametrize(("target", "kind"), [
    ("planted-error", "KeyError"), ("planted-promise", "Finding"), ("planted-crash", "crash"),
    ("planted-hang", "hang"), ("planted-memory", "memory"),
])  # fmt: skip
def test_planted_faults_are_found(target: str, kind: str, tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    done = run("--cases", "8", "--target", target, "--seconds", "1", "--report", str(report))
    assert done.returncode == 1, done.stderr
    found = [json.loads(line) for line in report.read_text().splitlines()]
    # On a busy machine any case may take longer than it is given.
    assert {each["kind"] for each in found} - {"hang"} == {kind} - {"hang"}
    assert kind in {each["kind"] for each in found}
    assert 0 < len(found) < 8
    assert "8 cases" in done.stdout
    assert f"--case {found[0]['case']} --target {target}" in done.stdout
    assert found[0]["where"] != "?"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the harness needs /proc")
def test_a_case_is_the_same_again(tmp_path: Path) -> None:
    first, again = (run("--case", "3", "--target", "multipart") for _ in range(2))
    assert first.returncode == again.returncode == 0, first.stderr
    kept = [Path(done.stdout.split()[-1]) / "message" for done in (first, again)]
    assert kept[0].read_bytes() == kept[1].read_bytes()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the harness needs /proc")
def test_every_target_runs() -> None:
    done = run("--cases", "300", "--seed", "smoke")
    assert "300 cases" in done.stdout, done.stderr
    for target in ("render", "presentation", "document", "json", "search", "archive"):
        assert f"  {target} " in done.stdout
