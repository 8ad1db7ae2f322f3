"""Speed and memory of a folder of files, as ratios taken in one run.

    python benchmarks/batch.py [--quick] [--files 2000]

Compared: `rendicom convert` with one worker and with two, the engine called in a loop in one
process (render and write, nothing else), a shell loop of dcmj2pnm, and a dask cluster of two worker
processes. Runs alternate, so that a drift of the machine's speed cancels; ratios are of the best
runs. dcm2jpg needs Java: its rate (72 JPG, 36 PNG a second on two cores) was measured once.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import generate_uid

import rendicom
from rendicom.batch.executors import open_executor
from rendicom.batch.output_paths import find
from rendicom.batch.run import Run
from rendicom.batch.worker_messages import Recipe, UnitReport
from rendicom.storage import write as write_file
from rendicom.testing import image
from samples import write

MEDIA = {"jpg": "image/jpeg", "png": "image/png"}
DCM2JPG_RATE = {"jpg": 72.0, "png": 36.0}
DCMTK_FLAGS = {"jpg": ("+oj",), "png": ("+on",)}


def archive(folder: Path, count: int) -> Path:
    """Return a folder of ``count`` CT slices 512x512 in series of 200, each file its own."""
    source = folder / "samples"
    source.mkdir()
    dataset = pydicom.dcmread(write(source)[0].path)
    root = folder / "archive"
    for number in range(count):
        if number % 200 == 0:
            series = root / f"series-{number // 200:02}"
            series.mkdir(parents=True)
            dataset.SeriesInstanceUID = generate_uid()
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.InstanceNumber = number % 200 + 1
        dataset.save_as(series / f"{number:05}.dcm")
    return root


def small_archive(folder: Path, count: int) -> Path:
    """Return a folder of ``count`` images of 16x16 pixels, a thousand to a subfolder."""
    data = image(np.arange(256, dtype=np.uint16).reshape(16, 16), bits_stored=12)
    root = folder / f"small-{count}"
    for number in range(count):
        if number % 1000 == 0:
            (root / f"{number // 1000:03}").mkdir(parents=True)
        (root / f"{number // 1000:03}" / f"{number:06}.dcm").write_bytes(data)
    return root


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


class Bench:
    """One archive, and the ways to convert it."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder, self.runs = root, folder, 0
        self.files = sorted(str(path) for path in root.rglob("*.dcm"))
        here = str(Path(sys.executable).parent)
        self.program = shutil.which("rendicom", path=here) or "rendicom"

    def fresh(self) -> Path:
        """Return an output folder that is not there; none is deleted until the end.

        File systems are slow to make files where many were deleted a moment ago.
        """
        self.runs += 1
        return self.folder / f"out-{self.runs}"

    def loop(self, extension: str) -> float:
        """Return the time of the engine in a loop, in this process."""
        out = self.fresh()

        def run() -> None:
            for number, path in enumerate(self.files):
                picture = rendicom.render(path, media_type=MEDIA[extension])
                write_file(str(out / f"{number}.{extension}"), picture.data)

        return timed(run)

    def convert(self, extension: str, *flags: str) -> float:
        """Return the time of the whole command."""
        out = self.fresh()
        command = [self.program, "convert", str(self.root), str(out), "--format", extension]
        run = timed(lambda: subprocess.run([*command, "-q", *flags], check=True, env=environment()))
        assert len(list(out.rglob(f"*.{extension}"))) == len(self.files)
        return run

    def dcmtk(self, extension: str, count: int) -> float:
        """Return the time a shell loop of dcmj2pnm would take for all files."""
        out = self.fresh()
        out.mkdir()
        script = 'for f in "$@"; do dcmj2pnm {} +Wi 1 "$f" {}/$(basename "$f").{}; done'.format(
            *DCMTK_FLAGS[extension], out, extension
        )
        took = timed(
            lambda: subprocess.run(["sh", "-c", script, "sh", *self.files[:count]], check=True)
        )
        return took * len(self.files) / count

    def engine(self, name: str, jobs: int) -> float:
        """Return the time of a run on workers that are there already."""
        out = self.fresh()
        recipe = Recipe(str(out), "png", rendicom.RenderOptions(), base=str(Path.cwd()))
        done: list[UnitReport] = []
        with ExitStack() as stack:
            executor = stack.enter_context(open_executor(name, jobs=jobs)[1])
            run = Run(recipe, lambda: executor, jobs, done.append)
            first = find([str(self.root / "series-00")], str(out), extension=".png")
            run.run(first)  # starts the workers and their imports
            done.clear()
            took = timed(lambda: run.run(find([str(self.root)], str(out), extension=".png")))
        assert len(done) == len(self.files)
        return took


def environment() -> dict[str, str]:
    """Return the environment with compiled modules allowed, as after any first run."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def speed(bench: Bench, *, rounds: int) -> None:
    count = len(bench.files)
    print(f"\n{count} CT files 512x512, raw; files a second, best of {rounds}")
    for extension in MEDIA:
        took: dict[str, list[float]] = {"loop": [], "one": [], "two": []}
        for _ in range(rounds):
            took["loop"].append(bench.loop(extension))
            took["one"].append(bench.convert(extension, "--jobs", "1"))
            took["two"].append(bench.convert(extension, "--jobs", "2"))
        loop, one, two = (min(took[name]) for name in ("loop", "one", "two"))
        print(f"  {extension}: loop {count / loop:6.0f}  one {count / one:6.0f}", end="")
        print(f"  two {count / two:6.0f}")
        print(f"  {extension}: two workers against one      {one / two:6.2f}   aim 1.6")
        print(f"  {extension}: one worker against the loop  {one / loop:6.2f}   aim 1.15")
        rate = count / two / DCM2JPG_RATE[extension]
        print(f"  {extension}: against dcm2jpg's figure     {rate:6.1f}   aim 8")
        if shutil.which("dcmj2pnm"):
            dcmtk = bench.dcmtk(extension, min(count, 100))
            print(f"  {extension}: against a dcmj2pnm loop      {dcmtk / two:6.1f}   aim 30")


def engines(bench: Bench, *, rounds: int) -> None:
    took: dict[str, list[float]] = {"local": [], "dask": []}
    for _ in range(rounds):
        for name, times in took.items():
            times.append(bench.engine(name, 2))
    local, dask = (min(times) for times in took.values())
    print(f"\ndask, two worker processes, against two local ones: {local / dask:.2f}   aim 0.8")


MEMORY = r"""
import pathlib, re, sys
from rendicom.cli.main import main
status = main(["convert", sys.argv[1], sys.argv[2], "--format", "png", "-q", "--jobs", "2"])
# VmHWM and not ru_maxrss: the latter remembers the size of the process that forked.
print(status, re.search(r"VmHWM:\s+(\d+)", pathlib.Path("/proc/self/status").read_text())[1])
"""


def memory(folder: Path, counts: tuple[int, ...]) -> None:
    """Print the peak resident memory of the parent process."""
    print("\npeak memory of the parent process (aim: within 50 MB of each other)")
    for count in counts:
        root = small_archive(folder, count)
        out = folder / f"pictures-{count}"
        command = [sys.executable, "-c", MEMORY, str(root), str(out)]
        took = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        took = time.perf_counter() - took
        status, kilobytes = map(int, done.stdout.split())
        rate = count / took
        print(
            f"  {count:6} files of 16x16: {kilobytes / 1024:6.1f} MB  {rate:.0f}/s  exit {status}"
        )


def sharded(bench: Bench, *, rounds: int) -> None:
    """Print rates of shards against single files: to write, and to read all in random order."""
    count = len(bench.files)
    single: list[tuple[float, float]] = []
    shards: list[tuple[float, float]] = []
    for _ in range(rounds):
        for times, name in ((single, ""), (shards, "{shard:06}.tar")):
            out = bench.fresh()
            target = str(out / name) if name else str(out)
            command = [bench.program, "convert", str(bench.root), target, "-q", "--format", "png"]
            wrote = timed(lambda: subprocess.run(command, check=True, env=environment()))  # noqa: B023
            times.append((wrote, timed(lambda: read_all(out))))  # noqa: B023
    print(f"\n{count} images of 16x16, one core a worker; files a second, best of {rounds}")
    for place, what in enumerate(("convert", "read")):
        one, many = (min(each[place] for each in times) for times in (single, shards))
        print(f"  {what:8} single files {count / one:7.0f}  shards {count / many:7.0f}", end="")
        print(f"  ratio {one / many:5.2f}")


def read_all(folder: Path) -> None:
    """Read every picture below a folder: files in random order, shards one after the other."""
    paths = [each for each in folder.rglob("*") if each.suffix in (".png", ".tar")]
    random.Random(7).shuffle(paths)  # noqa: S311
    for path in paths:
        if path.suffix == ".png":
            path.read_bytes()
            continue
        with tarfile.open(path, "r|") as tar:
            for member in tar:
                if member.name.endswith(".png"):
                    file = tar.extractfile(member)
                    assert file is not None
                    file.read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="fewer files and rounds")
    parser.add_argument("--files", type=int, default=0, help="CT files  [default: 2000]")
    parser.add_argument("--small", type=int, default=0, help="small files  [default: 100000]")
    given = parser.parse_args()
    count = given.files or (400 if given.quick else 2000)
    print(
        f"rendicom {rendicom.__version__}, Python {sys.version.split()[0]}, {os.cpu_count()} cores"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(archive(folder, count), folder)
        speed(bench, rounds=1 if given.quick else 3)
        engines(bench, rounds=1 if given.quick else 3)
        memory(folder, (1000, 5000) if given.quick else (1000, 50_000))
        root = small_archive(folder, given.small or (5000 if given.quick else 100_000))
        sharded(Bench(root, folder), rounds=1 if given.quick else 2)


if __name__ == "__main__":
    main()
