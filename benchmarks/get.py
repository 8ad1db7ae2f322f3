"""Rate of `rendicom get`, as ratios taken in one run.

    python benchmarks/get.py [--instances 500]

A series of CT slices 512x512, uncompressed, on `rendicom serve` over loopback, retrieved and rendered
to JPEG here (--render local): against the engine in a loop over the same files. Where the system can
say who runs where, the client and the engine have one processor for themselves and the server the
others, so that it is not what limits. Then through a proxy that holds each request back for 50 ms:
one request at a time, and as many as usual.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import generate_uid

import rendicom
from samples import write
from serve import free_port, ours

DELAY = 0.05
CHUNK = 1 << 16


def series(folder: Path, count: int) -> tuple[Path, str]:
    """Return a folder with a series of slices, and the path of the series below a base."""
    dataset = pydicom.dcmread(write(folder)[0].path)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    archive = folder / "archive"
    archive.mkdir()
    for number in range(count):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.InstanceNumber = number + 1
        dataset.save_as(archive / f"{number:05}.dcm")
    return archive, f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"


@contextmanager
def on(processors: set[int]) -> Iterator[None]:
    """Let this process, and those it starts, run on these processors only, where that is known."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def engine_rate(paths: list[Path], target: Path) -> float:
    """Return pictures a second of the engine in a loop, each written to a file."""
    target.mkdir()
    for path in paths[:20]:
        rendicom.render(path)
    begun = time.perf_counter()
    for path in paths:
        (target / f"{path.stem}.jpg").write_bytes(rendicom.render(path).data)
    return len(paths) / (time.perf_counter() - begun)


def get_rate(url: str, target: Path, count: int, *flags: str) -> float:
    """Return pictures a second of the command, from its start to its end."""
    command = [
        sys.executable, "-m", "rendicom", "get", url, str(target), "--render", "local", "--quiet",
        *flags,
    ]  # fmt: skip
    begun = time.perf_counter()
    subprocess.run(command, check=True)
    seconds = time.perf_counter() - begun
    written = len(list(target.rglob("*.jpg")))
    assert written == count, f"{written} of {count} pictures"
    return count / seconds


async def _late(port: int, there: int) -> None:
    async def forward(client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        server, out = await asyncio.open_connection("127.0.0.1", there)

        async def requests() -> None:
            while data := await client.read(CHUNK):
                await asyncio.sleep(DELAY)
                out.write(data)
                await out.drain()
            out.close()

        async def answers() -> None:
            while data := await server.read(CHUNK):
                back.write(data)
                await back.drain()
            back.close()

        await asyncio.gather(requests(), answers(), return_exceptions=True)

    listening = await asyncio.start_server(forward, "127.0.0.1", port)
    await listening.serve_forever()


def _run_late(port: int, there: int) -> None:
    asyncio.run(_late(port, there))


@contextmanager
def late(there: int) -> Iterator[int]:
    """Run the proxy in a process of its own, and give its port."""
    port = free_port()
    process: Any = multiprocessing.get_context("spawn").Process(
        target=_run_late, args=(port, there), daemon=True
    )
    process.start()
    time.sleep(1.0)
    try:
        yield port
    finally:
        process.terminate()
        process.join()


def main() -> None:
    """Measure all of it."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--instances", type=int, default=500)
    count = arguments.parse_args().instances
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0, 1]
    mine, others = {processors[0]}, set(processors[1:]) or {processors[0]}
    print(
        f"rendicom {rendicom.__version__}, Python {sys.version.split()[0]}, {os.cpu_count()} cores"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive, path = series(folder, count)
        with on(mine):
            alone = engine_rate(sorted(archive.iterdir()), folder / "engine")
        with on(others):
            server = ours(archive, instances=count)
            base, _process = server.__enter__()
            port = int(base.rpartition(":")[2].partition("/")[0])
            proxy = late(port)
            slow_port = proxy.__enter__()
        try:
            slow = base.replace(f":{port}", f":{slow_port}")
            with on(mine):
                usual = max(get_rate(base + path, folder / f"usual-{n}", count) for n in range(3))
                hidden = get_rate(slow + path, folder / "hidden", count)
                few = min(count, 100)
                one = get_rate(slow + path, folder / "one", few, "--jobs", "1", "--limit", str(few))
        finally:
            proxy.__exit__(None, None, None)
            server.__exit__(None, None, None)
    print(f"engine in a loop, one processor   {alone:7.0f} pictures a second")
    print(f"get                               {usual:7.0f}   {usual / alone:5.2f}   aim 0.8")
    print(
        f"get, {DELAY * 1e3:.0f} ms late                    {hidden:7.0f}   {hidden / alone:5.2f}"
    )
    print(f"get, {DELAY * 1e3:.0f} ms late, --jobs 1          {one:7.0f}   {one / alone:5.2f}")


if __name__ == "__main__":
    main()
