"""Speed and memory of one render, as ratios taken in one run.

    python benchmarks/render.py [--quick] [--cpu]

Columns: (a) `rendicom.render` from a path to bytes, (b) the bare codec calls on the same frame,
(c) the script a tutorial teaches (pydicom, apply_voi_lut, Pillow). Each round calls the three in
another order, so that a drift of the machine's speed cancels and each finds the caches of the
processor as often in the state that the others left; ratios are of medians. With ``--cpu`` that
table alone is printed, of processor time, which other programs on the machine change little.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice, permutations
from pathlib import Path
from statistics import median
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from isal import isal_zlib
from PIL import Image
from pydicom.pixels import apply_modality_lut, apply_voi_lut

import rendicom
from samples import Sample, write

MEDIA = {"jpg": "image/jpeg", "png": "image/png"}
AIM: dict[tuple[str, ...], float] = {
    ("CT 512", "raw", "jpg"): 3.0,
    ("CT 512", "raw", "png"): 3.5,
    ("DX 2048", "raw"): 1.5,
}
AIM_TUTORIAL = {"jpg": 6.0, "png": 15.0}


def bare(sample: Sample, extension: str) -> Callable[[], Any]:
    """Return decode + encode calls with nothing between: the floor no program goes below."""
    decode = {
        "raw": lambda: None,
        "jpeg-lossless": lambda: imagecodecs.jpeg8_decode(sample.stream),
        "jpeg-ls": lambda: imagecodecs.jpegls_decode(sample.stream),
        "jpeg-2000": lambda: imagecodecs.jpeg2k_decode(sample.stream),
        "htj2k": lambda: imagecodecs.htj2k_decode(sample.stream),
    }[sample.coding]
    options = rendicom.RenderOptions()
    with rendicom.open_instance(sample.path) as instance:
        shown = instance.display(1, options)
    rows = shown.reshape(shown.shape[0], -1)
    filtered = np.full((rows.shape[0], rows.shape[1] + 1), 2, np.uint8)
    filtered[:, 1:] = np.diff(rows, axis=0, prepend=np.zeros((1, rows.shape[1]), np.uint8))
    level = options.quality
    chroma = {"subsampling": "444"} if shown.ndim == 3 else {}  # as Rendicom writes it

    def call() -> None:
        decode()
        if extension == "jpg":
            imagecodecs.jpeg8_encode(shown, level, **chroma)
        else:
            isal_zlib.compress(filtered, 1)

    return call


def tutorial(path: Path, extension: str) -> bytes:
    """Return a picture the way tutorials make it."""
    dataset = pydicom.dcmread(path)
    pixels = dataset.pixel_array
    if dataset.SamplesPerPixel == 1:
        values = apply_voi_lut(apply_modality_lut(pixels, dataset), dataset).astype(float)
        pixels = ((values - values.min()) / np.ptp(values) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, {"jpg": "JPEG", "png": "PNG"}[extension])
    return buffer.getvalue()


Clock = Callable[[], float]


def timed(call: Callable[[], Any], clock: Clock = time.perf_counter) -> float:
    start = clock()
    call()
    return clock() - start


def render_table(samples: list[Sample], *, seconds: float, clock: Clock) -> None:
    """Print one row for each frame, coding and format."""
    print(f"{'frame':9} {'from':14} {'to':4} {'a ms':>8} {'b ms':>8} {'c ms':>8}", end="")
    print(f" {'a/b':>6} {'aim':>5} {'c/a':>6} {'aim':>5}")
    for sample in samples:
        for extension in MEDIA:
            print_row(sample, extension, seconds=seconds, clock=clock)


def print_row(sample: Sample, extension: str, *, seconds: float, clock: Clock) -> None:
    calls: list[Callable[[], Any]] = [
        partial(rendicom.render, sample.path, media_type=MEDIA[extension]),
        bare(sample, extension),
    ]
    if works(tutorial, sample.path, extension):
        calls.append(partial(tutorial, sample.path, extension))
    one_round = sum(timed(call, clock) for call in calls)
    rounds = max(5, min(60, int(seconds / one_round)))
    took = []
    for order in islice(cycle(permutations(range(len(calls)))), rounds):
        times = {place: timed(calls[place], clock) for place in order}
        took.append([times[place] for place in range(len(calls))])
    a, b, *rest = (median(column) * 1000 for column in zip(*took, strict=True))
    keys = ((sample.kind, sample.coding, extension), (sample.kind, sample.coding))
    aim = next((AIM[key] for key in keys if key in AIM), 1.3)
    print(f"{sample.kind:9} {sample.coding:14} {extension:4} {a:8.2f} {b:8.2f}", end="")
    c_text = (
        f"{rest[0]:8.2f} {a / b:6.2f} {aim:5.1f} {rest[0] / a:6.1f}"
        if rest
        else (f"{'fails':>8} {a / b:6.2f} {aim:5.1f} {'':6}")
    )
    print(f" {c_text} {AIM_TUTORIAL[extension] if sample.coding == 'raw' else 2.0:5.1f}")


def works(call: Callable[..., Any], *arguments: Any) -> bool:
    """Tell whether the peer can do it at all: a failure looks fast."""
    try:
        call(*arguments)
    except (RuntimeError, AttributeError, NotImplementedError, ValueError):
        return False
    return True


def render_many(path: Path, media_type: str, count: int) -> None:
    for _ in range(count):
        rendicom.render(path, media_type=media_type)


def hash_many(_path: Path, _media_type: str, count: int) -> None:
    """Keep a core busy with what shares nothing: what two workers reach here is the ceiling."""
    block = bytes(1 << 19)
    for _ in range(count):
        hashlib.sha256(block).digest()


def scaling(sample: Sample, *, count: int) -> None:
    """Print how much two workers do in the time of one, at equal total work."""
    print(f"\nscaling, {sample.kind} {sample.coding} (two workers against one; aim 1.6)")
    pools: dict[str, type[Executor]] = {
        "threads": ThreadPoolExecutor,
        "processes": ProcessPoolExecutor,
    }
    for extension, media_type in MEDIA.items():
        for name, pool in pools.items():
            jobs = {"hashing, for comparison": hash_many, "rendering": render_many}
            for what, job in jobs.items():
                one, two = (pooled(pool, n, job, sample.path, media_type, count) for n in (1, 2))
                print(f"  {name:10} {extension} {what:24} {one / two:.2f}")


def pooled(
    pool: type[Executor],
    workers: int,
    job: Callable[[Path, str, int], None],
    *shared: Any,
) -> float:
    """Return the best time of five for ``count`` jobs shared by ``workers``."""
    path, media_type, count = shared
    with pool(workers) as executor:

        def run(each: int) -> None:
            shares = ([path] * workers, [media_type] * workers, [each] * workers)
            list(executor.map(job, *shares))

        run(20)
        return min(timed(partial(run, count // workers)) for _ in range(5))


def processes(sample: Sample, folder: Path, *, runs: int) -> None:
    """Print whole-process times: one file on the command line."""
    print("\none file on the command line (whole process, median ms)")
    here = str(Path(sys.executable).parent)
    program = shutil.which("rendicom", path=here) or "rendicom"
    for extension, flag in (("jpg", "+oj"), ("png", "+on")):
        ours, theirs = str(folder / f"a.{extension}"), str(folder / f"b.{extension}")
        commands = {
            "import numpy, imagecodecs": [sys.executable, "-c", "import numpy, imagecodecs"],
            "rendicom convert": [program, "convert", str(sample.path), ours],
        }
        if shutil.which("dcmj2pnm"):
            commands["dcmj2pnm"] = ["dcmj2pnm", "+Wi", "1", flag, str(sample.path), theirs]
        # With compiled modules at hand, as after any first run.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        run = partial(subprocess.run, check=True, env=environment)
        run(commands["rendicom convert"])
        took: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(runs):
            for name, command in commands.items():
                took[name].append(timed(partial(run, command)))
        base = median(took["import numpy, imagecodecs"])
        for name, values in took.items():
            ratio = median(values) / base
            print(f"  {extension} {name:28} {median(values) * 1000:7.0f}  {ratio:5.2f} x imports")


MEMORY = r"""
import pathlib, re, sys, rendicom
rendicom.render(sys.argv[1], int(sys.argv[2]), media_type=sys.argv[3])
# VmHWM and not ru_maxrss: the latter remembers the size of the process that forked.
print(re.search(r"VmHWM:\s+(\d+)", pathlib.Path("/proc/self/status").read_text())[1])
"""


def memory(samples: list[Sample], folder: Path) -> None:
    """Print the peak resident memory of a process that renders one frame."""
    print("\npeak memory of one render (aim: 3 x decoded frame + 60 MB)")
    cases = [(f"{s.kind} {s.coding}", s.path, 1, s.frame.nbytes) for s in samples]
    many = folder / "many-frames.dcm"
    dataset = pydicom.dcmread(samples[0].path)
    frame = samples[0].frame.tobytes()
    dataset.NumberOfFrames, dataset.PixelData = 600, frame * 600
    dataset.save_as(many)
    cases.append(("CT 512 raw, frame 300 of 600", many, 300, len(frame)))
    for name, path, number, size in cases:
        for extension, media_type in MEDIA.items():
            command = [sys.executable, "-c", MEMORY, str(path), str(number), media_type]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            aim = 3 * size / 2**20 + 60
            print(f"  {name:30} {extension} {int(out) / 1024:7.1f} MB   aim {aim:6.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--cpu", action="store_true", help="processor time of the table alone")
    given = parser.parse_args()
    quick = given.quick
    print(
        f"rendicom {rendicom.__version__}, Python {sys.version.split()[0]}, {os.cpu_count()} cores"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples = write(folder)
        clock = time.process_time if given.cpu else time.perf_counter
        render_table(samples, seconds=1 if quick else 6, clock=clock)
        if given.cpu:
            return
        scaling(samples[0], count=100 if quick else 400)
        processes(samples[0], folder, runs=5 if quick else 15)
        memory(samples, folder)


if __name__ == "__main__":
    main()
