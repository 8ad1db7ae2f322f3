"""What viewers' client makes of the server: dicomweb-client of npm, in node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from npmpackages import npm_package
from servedfiles import LOOP, LOOPS, ROOT, made

SCRIPT = Path(__file__).with_name("viewerclient.mjs")
SENT = f"{ROOT}.78"


def test_it_finds_gets_and_stores(
    pytestconfig: pytest.Config, archive, folder: Path, tmp_path: Path
) -> None:
    package = npm_package(pytestconfig.cache, "dicomweb-client")
    sent = tmp_path / "sent.dcm"
    sent.write_bytes(made(SENT, f"{SENT}.1.1", np.full((8, 8), 9, np.uint8)))
    arguments = (str(package), archive.base, LOOPS, f"{LOOPS}.1", LOOP, str(sent))
    done = subprocess.run(
        ["node", str(SCRIPT), *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    stored = (folder / "made" / "loop.dcm").stat().st_size
    rendered, thumbnail = said.pop("rendered"), said.pop("thumbnail")
    assert said == {
        "studies": 1, "series": 1, "instances": 2, "studyMetadata": 2, "metadata": [8],
        "frames": [96, 96], "instance": stored, "seriesObjects": 2, "bulk": [5 * 96],
        "store": "stored",
    }  # fmt: skip
    assert isinstance(rendered, int)
    assert isinstance(thumbnail, int)
    assert archive.request("DELETE", f"/studies/{SENT}").status_code == 204
