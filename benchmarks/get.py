"""Rate of `rendicom get`, as ratios taken in one run.

    python benchmarks/get.py [--instances 500]

A series of CT slices 512x512, uncompressed, over loopback, retrieved and rendered to JPEG here
(--render local), against the engine in a loop over the same files: with all processors, and on one
of them. The server has all answers at hand and does nothing else, so that it is not what limits;
`rendicom serve` follows for comparison. Then through a proxy that holds each request and each
answer back for 50 ms: one request at a time, as many as usual, and more.

The engine is measured warm, so what the command takes to start and to get one instance is told by
itself and left out of the rate.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

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
        dataset.save_as(archive / f"{dataset.SOPInstanceUID}.dcm")
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


# --- what is measured ---------------------------------------------------------------------------


def engine_rate(paths: list[Path], target: Path) -> float:
    """Return pictures a second of the engine in a loop, each written to a file."""
    target.mkdir()
    for path in paths[:20]:
        rendicom.render(path)
    begun = time.perf_counter()
    for path in paths:
        (target / f"{path.stem}.jpg").write_bytes(rendicom.render(path).data)
    return len(paths) / (time.perf_counter() - begun)


def get_seconds(url: str, target: Path, count: int, *flags: str) -> float:
    """Return what the command takes to get that many pictures, from its start to its end."""
    command = [
        sys.executable, "-m", "rendicom", "get", url, str(target), "--render", "local", "--quiet",
        "--limit", str(count), *flags,
    ]  # fmt: skip
    # What was compiled is kept, as it is where the program is installed.
    variables = {**os.environ, "PYTHONPYCACHEPREFIX": tempfile.gettempdir() + "/rendicom-compiled"}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    begun = time.perf_counter()
    subprocess.run(command, check=True, env=variables)
    seconds = time.perf_counter() - begun
    written = len(list(target.rglob("*.jpg")))
    assert written == count, f"{written} of {count} pictures"
    return seconds


class Rate(NamedTuple):
    """Pictures a second, and the seconds that a single one takes."""

    pictures: float
    start: float

    @classmethod
    def of(cls, url: str, target: Path, count: int, *flags: str) -> Rate:
        """Measure one against many; the first time of all is not counted."""
        target.mkdir()
        one = [get_seconds(url, target / f"one-{n}", 1, *flags) for n in range(3)][1:]
        many = [get_seconds(url, target / f"many-{n}", count, *flags) for n in range(2)]
        return cls((count - 1) / (min(many) - min(one)), min(one))


# --- servers ------------------------------------------------------------------------------------


class _Archive(asyncio.Protocol):
    """Answers the search below a series, and gives instances as they lie on the disk."""

    def __init__(self, folder: Path, path: str) -> None:
        self._folder, self._held = folder, b""
        _, _, study, _, of = path.split("/")
        names = sorted(each.stem for each in folder.iterdir())
        self._models = [
            {
                "0020000D": {"vr": "UI", "Value": [study]},
                "0020000E": {"vr": "UI", "Value": [of]},
                "00080018": {"vr": "UI", "Value": [name]},
                "00200013": {"vr": "IS", "Value": [number]},
                "00280010": {"vr": "US", "Value": [512]},
                "00280011": {"vr": "US", "Value": [512]},
            }
            for number, name in enumerate(names, start=1)
        ]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole; none has a body."""
        self._held += data
        while b"\r\n\r\n" in self._held:
            request, _, self._held = self._held.partition(b"\r\n\r\n")
            method, target, _ = request.split(b"\r\n")[0].decode().split()
            self._answer(*self._found(urlsplit(target)) if method == "GET" else ("", None))

    def _found(self, parts: Any) -> tuple[str, bytes | None]:
        if parts.path.endswith("/instances"):
            asked = parse_qs(parts.query)
            begin = int(asked.get("offset", ["0"])[0])
            end = begin + int(asked.get("limit", ["1000000"])[0])
            return "application/dicom+json", json.dumps(self._models[begin:end]).encode()
        name = parts.path.rpartition("/")[2]
        try:
            return "application/dicom", (self._folder / f"{name}.dcm").read_bytes()
        except OSError:
            return "", None

    def _answer(self, media_type: str, body: bytes | None) -> None:
        status = "200 OK" if body is not None else "404 Not Found"
        body = body or b""
        head = f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
        self._transport.write(head.encode() + b"\r\n")
        self._transport.write(body)


async def _plain(port: int, folder: Path, path: str) -> None:
    kept = _Archive(folder, path)

    def protocol() -> _Archive:
        made = _Archive.__new__(_Archive)
        made.__dict__.update(kept.__dict__)
        return made

    listening = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)
    await listening.serve_forever()


async def _late(port: int, there: int) -> None:
    async def later(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def let_go() -> None:
            while True:
                due, data = await held.get()
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    break
                sink.write(data)
                await sink.drain()
            sink.close()

        async def hold() -> None:
            # All is late by the same time: a long answer is not later than a short one.
            data = b"."
            while data:
                data = await source.read(CHUNK)
                held.put_nowait((time.monotonic() + DELAY, data))

        await asyncio.gather(hold(), let_go(), return_exceptions=True)

    async def forward(client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        server, out = await asyncio.open_connection("127.0.0.1", there)
        await asyncio.gather(later(client, out), later(server, back))

    listening = await asyncio.start_server(forward, "127.0.0.1", port)
    await listening.serve_forever()


def _run(kind: str, *arguments: Any) -> None:
    asyncio.run({"plain": _plain, "late": _late}[kind](*arguments))


@contextmanager
def running(kind: str, *arguments: Any) -> Iterator[int]:
    """Run a server in a process of its own, and give its port."""
    port = free_port()
    process: Any = multiprocessing.get_context("spawn").Process(
        target=_run, args=(kind, port, *arguments), daemon=True
    )
    process.start()
    time.sleep(2.0)
    try:
        yield port
    finally:
        process.terminate()
        process.join()


# --- all of it ----------------------------------------------------------------------------------


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
        alone = engine_rate(sorted(archive.iterdir()), folder / "engine")
        print(f"engine in a loop               {alone:7.0f} pictures a second")

        def tell(what: str, url: str, *flags: str, most: int = count, aim: str = "") -> None:
            rate = Rate.of(
                f"{url}{path}", folder / what.replace(" ", "-"), min(count, most), *flags
            )
            ratio = rate.pictures / alone
            print(
                f"{what:30} {rate.pictures:7.0f}   {ratio:5.2f}   {aim:8} one: {rate.start:.2f} s",
                flush=True,
            )

        with running("plain", archive, path) as port:
            url = f"http://127.0.0.1:{port}"
            tell("get", url, aim="aim 0.8")
            with running("late", port) as late:
                slow = f"http://127.0.0.1:{late}"
                tell("get, late, --jobs 1", slow, "--jobs", "1", most=40)
                tell("get, late", slow)
                tell("get, late, --jobs 32", slow, "--jobs", "32")
        with on(others), running("plain", archive, path) as port, on(mine):
            tell("get, one processor", f"http://127.0.0.1:{port}")
        with ours(archive, instances=count) as (base, _process):
            tell("get, rendicom serve", base)


if __name__ == "__main__":
    main()
