"""Runs `child.py` and reads what it tells."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

CHILD = Path(__file__).with_name("child.py")


@pytest.fixture(scope="session")
def isolated() -> Callable[..., list[dict[str, Any]]]:
    """Return a function that renders files elsewhere and fails on a crash or a hang."""

    def run(
        paths: Sequence[Path], *, overlays: bool = False, timeout: float = 60
    ) -> list[dict[str, Any]]:
        command = [sys.executable, str(CHILD), "yes" if overlays else "no", *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        last = lines[-1].get("start", "") if lines else "nothing"
        assert done.returncode == 0, f"{last}: {done.returncode}\n{done.stderr[-2000:]}"
        return [line for line in lines if "start" not in line]

    return run
