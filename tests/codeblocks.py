"""Code blocks of the documentation, and a folder in which they run.

Kinds of fenced blocks: ``sh`` and ``python`` are run; ``json`` and ``toml`` are parsed; ``text``
shows syntax or output; ``console`` is for the few commands that no test can run.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.fileset import FileSet
from pydicom.uid import RTPlanStorage

from phantoms import as_bytes, dataset, segmentation, series
from rendicom.testing import element, image
from serverprocess import served
from tlscertificate import write_certificate

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CT = "1.2.840.10008.5.1.4.1.1.2"

_PREAMBLE = """
curl() { command curl --silent --show-error --fail-with-body --retry 60 --retry-delay 1 \
  --retry-all-errors "$@"; }
started() { until grep -qs http "$1"; do sleep 0.1; kill -0 $!; done; }
"""
"""Commands of blocks fail where a server answers with a problem; curl waits for the index."""


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str
    line: int
    kind: str
    text: str


def blocks() -> Iterator[Block]:
    """Yield every block of every page."""
    for path in PAGES:
        text = path.read_text("utf-8")
        for found in _FENCE.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield Block(path.relative_to(ROOT).as_posix(), line, found[1], found[2])


def instance(number: int = 5) -> bytes:
    """Return the CT slice whose UIDs, patient and date the examples name."""
    ramp = np.arange(32 * 32, dtype="u2").reshape(32, 32) * 4
    return image(
        ramp,
        bits_stored=12,
        sop_class=_CT,
        modality="CT",
        extra=[
            element(0x00080018, "UI", f"1.2.{number}"),
            element(0x00080020, "DA", "20260131"),
            element(0x00080030, "TM", "120000"),
            element(0x00100010, "PN", "DOE^JANE"),
            element(0x00100020, "LO", "4711"),
            element(0x0020000D, "UI", "1.2.3"),
            element(0x0020000E, "UI", "1.2.4"),
            element(0x00200013, "IS", number),
            element(0x00281052, "DS", -1024),
            element(0x00281053, "DS", 1),
        ],
    )


def _write_plan(folder: Path) -> None:
    """Write a plan, and let the dose refer to it."""
    plan, target, reference = dataset(RTPlanStorage, "RTPLAN"), Dataset(), Dataset()
    target.DoseReferenceType, target.TargetPrescriptionDose = "TARGET", 2
    plan.DoseReferenceSequence = [target]
    (folder / "plan.dcm").write_bytes(as_bytes(plan))
    dose = dcmread(folder / "dose.dcm")
    reference.ReferencedSOPClassUID = RTPlanStorage
    reference.ReferencedSOPInstanceUID, dose.DoseUnits = plan.SOPInstanceUID, "GY"
    dose.ReferencedRTPlanSequence = [reference]
    dose.save_as(folder / "dose.dcm")


def make_files(folder: Path) -> None:
    """Write the files that the examples name."""
    slices = series(np.arange(4 * 24 * 24).reshape(4, 24, 24) % 256)
    masks = np.zeros((4, 24, 24), np.uint8)
    masks[1:3, 5:9, 6:20] = 1
    (folder / "seg.dcm").write_bytes(as_bytes(segmentation(slices, masks, count=1)))
    (folder / "ct").mkdir()
    for number, each in enumerate(slices, 1):
        (folder / "ct" / f"{number}.dcm").write_bytes(as_bytes(each))
    samples = {
        "dose.dcm": "rt-dose", "ct.dcm": "ct", "scan.dcm": "mr", "cine.dcm": "us-cine",
        "x.dcm": "us-rgb", "mr-overlay.dcm": "mr-overlay",
    }  # fmt: skip
    for name, kind in samples.items():
        command = [sys.executable, "-m", "rendicom", "sample", str(folder / name), "--kind", kind]
        subprocess.run(command, check=True, capture_output=True)
    _write_plan(folder)
    for name in ("archive/sub", "study", "studies", "a", "b", "disc"):
        (folder / name).mkdir(parents=True)
    for name in ("archive/ct.dcm", "a/1.dcm", "b/2.dcm"):
        shutil.copy(folder / "ct.dcm", folder / name)
    (folder / "studies" / "one.dcm").write_bytes(instance())
    (folder / "archive" / "sub" / "ct2.dcm").write_bytes(instance(7))
    (folder / "study" / "two.dcm").write_bytes(instance(6))
    with zipfile.ZipFile(folder / "scans.zip", "w") as packed:
        packed.write(folder / "ct.dcm", "inside/ct.dcm")
    media = FileSet()
    media.add(dcmread(folder / "ct.dcm"))
    media.write(folder / "disc")
    media._stage["t"].cleanup()  # it warns when it is left to the garbage collector
    (folder / "list.txt").write_text("ct.dcm\nscan.dcm\n")
    (folder / "key.txt").write_text("rendicom_nothing")
    certificate, key = write_certificate(folder)
    certificate.rename(folder / "chain.pem")
    key.rename(folder / "key.pem")


def script_of(text: str) -> str:
    """Return the script that runs a block: servers go to the background until they are up."""
    lines = [_PREAMBLE]
    for number, line in enumerate(text.splitlines()):
        if line.startswith(("pip install ", "uv run ")):
            said = line.partition(" && ")[2] if line.startswith("pip ") else ""
            lines.append(said)
        elif line.startswith("rendicom serve ") and not line.endswith("&"):
            command = line.partition("  #")[0]
            lines += [f"{command} > serve{number}.out &", f"started serve{number}.out"]
        else:
            lines.append(line)
        if found := re.match(r"dask scheduler .*--port (\d+)", line):
            lines.append(f"until (: > /dev/tcp/127.0.0.1/{found[1]}) 2>&-; do sleep 0.2; done")
    return "\n".join(lines)


def run_block(block: Block, folder: Path, environment: Mapping[str, str]) -> None:
    """Run a block in a folder, and end all that it started."""
    python = ["-W", "error", "-c", block.text]
    shell = ["bash", "-euo", "pipefail", "-c", script_of(block.text)]
    command = [sys.executable, *python] if block.kind == "python" else shell
    # The commands of this environment, not of another Python on the machine.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=said, stderr=said, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(300)
        finally:
            _end(process.pid)
        said.seek(0)
        assert status == 0, f"{block.page}:{block.line}: status {status}\n{said.read()}"


def _end(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


@contextmanager
def example_server(folder: Path) -> Iterator[str]:
    """Serve the instance of the examples, open to storing, and yield its DICOMweb base."""
    with served(folder / "studies", "--writable", "--data", str(folder / "data")) as running:
        running.wait_for_index(1)
        yield running.base
