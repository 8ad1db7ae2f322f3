"""Large pictures after the first need no new pages."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rendicom.testing.images import image

COUNT = """
import resource, sys
import rendicom

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(4):
    before = faults()
    rendicom.render(sys.argv[1], media_type="image/png", threads=1)
    print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the way of glibc")
def test_page_faults(tmp_path: Path) -> None:
    samples = np.random.default_rng(3).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    path = tmp_path / "large.dcm"
    path.write_bytes(image(samples, photometric="RGB"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    command = [sys.executable, "-c", COUNT, str(path)]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    first, *_, last = map(int, said.stdout.split())
    assert first > 1000
    assert last < 400
