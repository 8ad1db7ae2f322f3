"""The scripts of measurements start: they use parts of the project that no type checker follows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))
MODULES = {"samples"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_starts(script: Path) -> None:
    for name in ("httpx2", "fastapi", "highdicom"):
        pytest.importorskip(name)
    done = subprocess.run(
        [sys.executable, str(script), "--help"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert script.stem in MODULES or f"usage: {script.name}" in done.stdout
