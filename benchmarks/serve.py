"""Rate, latency and memory of the server, as ratios taken in one run.

    python benchmarks/serve.py [--seconds 10] [--minutes 10]

Compared, over the same 50 CT instances 512x512 and with the same client (wrk, 8 connections, one
explicit window): Orthanc with its DICOMweb plugin, `rendicom serve` without its cache and with it,
and the bare engine in as many processes as there are processors. Debian: orthanc-dicomweb, wrk.
With --minutes the server is kept under load that long, and its memory is told.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import pydicom
from pydicom.uid import generate_uid

import rendicom
from rendicom.dicomweb.multipart import MultipartWriter
from samples import write

COUNT = 50
CONNECTIONS = 8
WINDOW = "40,400,linear"
MEDIA = {"jpg": "image/jpeg", "png": "image/png"}
PLUGINS = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


class Load(NamedTuple):
    """What wrk found: requests a second, milliseconds, and answers that were not 2xx."""

    rate: float
    p50: float
    p99: float
    errors: int


def instances(folder: Path) -> list[Path]:
    """Return the files: one series of CT slices that differ in their UID."""
    dataset = pydicom.dcmread(write(folder)[0].path)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    archive = folder / "archive"
    archive.mkdir()
    paths = []
    for number in range(COUNT):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.InstanceNumber = number + 1
        paths.append(archive / f"{number:03}.dcm")
        dataset.save_as(paths[-1])
    return paths


def urls(paths: list[Path]) -> list[str]:
    """Return the path of each picture below a DICOMweb base."""
    found = []
    for path in paths:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        found.append(
            f"/studies/{header.StudyInstanceUID}/series/{header.SeriesInstanceUID}"
            f"/instances/{header.SOPInstanceUID}/rendered?window={WINDOW}"
        )
    return found


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def orthanc(folder: Path, paths: list[Path]) -> Iterator[str]:
    """Run Orthanc with the instances stored, and give its DICOMweb base."""
    port = free_port()
    home = folder / "orthanc"
    home.mkdir()
    settings = {
        "StorageDirectory": str(home), "IndexDirectory": str(home), "HttpPort": port,
        "DicomServerEnabled": False, "RemoteAccessAllowed": False, "Plugins": [PLUGINS],
        "AuthenticationEnabled": False, "KeepAlive": True, "HttpThreadsCount": 50,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }  # fmt: skip
    (home / "orthanc.json").write_text(json.dumps(settings))
    command = ["Orthanc", str(home / "orthanc.json")]
    with running(command) as _process:
        base = f"http://127.0.0.1:{port}/dicom-web"
        wait_for(f"{base}/studies")
        writer = MultipartWriter("application/dicom")
        parts = [writer.part(path.read_bytes(), "application/dicom") for path in paths]
        request = urllib.request.Request(  # noqa: S310
            f"{base}/studies", b"".join((*parts, writer.end())), method="POST",
            headers={"Content-Type": writer.content_type, "Accept": "application/dicom+json"},
        )  # fmt: skip
        urllib.request.urlopen(request).read()  # noqa: S310
        yield base


@contextmanager
def ours(folder: Path, *flags: str, instances: int = COUNT) -> Iterator[tuple[str, psutil.Process]]:
    """Run `rendicom serve`, wait until all is indexed, and give its DICOMweb base."""
    port = free_port()
    command = [
        sys.executable, "-m", "rendicom", "serve", str(folder), "--port", str(port),
        "--log-level", "error", *flags,
    ]  # fmt: skip
    with running(command) as process:
        base = f"http://127.0.0.1:{port}"
        wait_for(f"{base}/readyz")
        until = time.monotonic() + 60
        while time.monotonic() < until:
            status = json.loads(urllib.request.urlopen(f"{base}/page/status.json").read())  # noqa: S310
            if status["instances"] >= instances:
                break
            time.sleep(0.1)
        yield f"{base}/dicomweb", psutil.Process(process.pid)


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def wait_for(url: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            request = urllib.request.Request(url, headers={"Accept": "*/*"})  # noqa: S310
            urllib.request.urlopen(request).read()  # noqa: S310
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"{url} does not answer")


def load(folder: Path, base: str, paths: list[str], media_type: str, seconds: float) -> Load:
    """Return what wrk finds when it asks for the pictures in turn."""
    root = re.sub(r"^https?://[^/]+", "", base)
    listed = ",".join(json.dumps(root + path) for path in paths)
    script = folder / "wrk.lua"
    script.write_text(
        f"local paths = {{{listed}}}\nlocal at = 0\n"
        "request = function()\n  at = at % #paths + 1\n"
        f"  return wrk.format('GET', paths[at], {{['Accept'] = '{media_type}'}})\nend\n"
    )
    command = [
        "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--latency", "--timeout", "30s",
        "-s", str(script), base,
    ]  # fmt: skip
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert rate is not None, text
    return Load(
        float(rate[1]), _latency(text, "50%"), _latency(text, "99%"),
        int(errors[1]) if errors else 0,
    )  # fmt: skip


def _latency(text: str, share: str) -> float:
    found = re.search(rf"{share}\s+([\d.]+)(us|ms|s)", text)
    assert found is not None, text
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


def bare(paths: list[Path], media_type: str, seconds: float) -> float:
    """Return pictures a second of the engine alone, in a process for each processor."""
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(_warm, [(str(paths[0]), media_type)] * workers))
        begun = time.monotonic()
        jobs = [
            pool.submit(_render_for, list(map(str, paths)), media_type, seconds)
            for _ in range(workers)
        ]
        return sum(job.result() for job in jobs) / (time.monotonic() - begun)


def _warm(arguments: tuple[str, str]) -> None:
    _render_for([arguments[0]], arguments[1], 0.2)


def _render_for(paths: list[str], media_type: str, seconds: float) -> int:
    options = rendicom.RenderOptions(window=rendicom.Window.parse(WINDOW))
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        rendicom.render(paths[count % len(paths)], options=options, media_type=media_type)
        count += 1
    return count


def family_bytes(process: psutil.Process) -> int:
    """Return what the server and its workers hold, shared pages counted once each."""
    members = [process, *process.children(recursive=True)]
    return sum(getattr(each.memory_full_info(), "pss", each.memory_info().rss) for each in members)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=float, default=10)
    arguments.add_argument("--minutes", type=float, default=0)
    chosen = arguments.parse_args()
    for program in ("Orthanc", "wrk"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed")
    print(
        f"rendicom {rendicom.__version__}, Python {sys.version.split()[0]}, {os.cpu_count()} cores"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = instances(folder)
        asked = urls(paths)
        for kind, media_type in MEDIA.items():
            compare(folder, paths, asked, kind, media_type, chosen.seconds)
        if chosen.minutes:
            endure(folder, asked, chosen.minutes)


def compare(
    folder: Path, paths: list[Path], asked: list[str], kind: str, media_type: str, seconds: float
) -> None:
    engine = bare(paths, media_type, seconds)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        base = stack.enter_context(orthanc(home, paths))
        load(folder, base, asked, media_type, 2)
        theirs = load(folder, base, asked, media_type, seconds)
    with ours(folder / "archive", "--cache-bytes", "0") as (base, _):
        load(folder, base, asked, media_type, 2)
        plain = load(folder, base, asked, media_type, seconds)
    with ours(folder / "archive") as (base, _):
        load(folder, base, asked, media_type, 2)
        cached = load(folder, base, asked, media_type, seconds)
    print(f"\n{kind}: requests a second, p50 and p99 in ms, refused")
    for name, found in (("Orthanc", theirs), ("without cache", plain), ("with cache", cached)):
        print(f"  {name:14} {found.rate:7.0f}  {found.p50:7.1f} {found.p99:7.1f}  {found.errors}")
    print(f"  {'bare engine':14} {engine:7.0f}")
    print(f"  without cache against Orthanc    {plain.rate / theirs.rate:6.1f}   aim 3")
    print(f"  with cache against Orthanc       {cached.rate / theirs.rate:6.1f}   aim 15")
    print(f"  without cache against the engine {plain.rate / engine:6.2f}   aim 0.7", flush=True)


def endure(folder: Path, asked: list[str], minutes: float) -> None:
    """Keep the server busy with pictures that no cache holds, and tell what it takes."""
    sizes = [f"{path}&viewport={side},{side}" for side in range(200, 500, 3) for path in asked]
    with ours(folder / "archive", "--cache-bytes", str(64 << 20)) as (base, process):
        print(f"\nmemory under {minutes:g} minutes of load, MB")
        until = time.monotonic() + 60 * minutes
        while time.monotonic() < until:
            load(folder, base, sizes, "image/png", max(5.0, 60 * minutes / 10))
            print(f"  {family_bytes(process) / 1e6:.0f}", flush=True)


if __name__ == "__main__":
    main()
