"""Time to the header of real files, of this checkout and of another one.

    git worktree add /tmp/before COMMIT
    python benchmarks/header.py /tmp/before FOLDER...

Without folders the files that pydicom ships are read. Both checkouts take turns in processes of
their own; processor time counts, of the fastest of their rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rendicom.dicom.attributes import Attributes

ROUNDS, TURNS = 5, 3
HERE = Path(__file__).parents[1]


def use(attributes: Attributes) -> None:
    """Read some of what a picture needs."""
    for tag in (0x00280010, 0x00280011, 0x00280100, 0x00281052, 0x00281053, 0x00281050):
        attributes.numbers(tag)
    for sequence in (0x52009229, 0x52009230):
        for item in attributes.items(sequence)[:3]:
            for group in item.items(0x00289132):
                group.numbers(0x00281050)


def readable(paths: list[str]) -> list[str]:
    """Return the files that the fast reader reads."""
    from rendicom.dicom.byte_source import open_source
    from rendicom.dicom.header import read_header
    from rendicom.errors import RendicomError

    found = []
    for path in paths:
        try:
            read_header(open_source(Path(path).read_bytes()), reader="fast")
        except RendicomError:
            continue
        found.append(path)
    return found


def measured(paths: list[str]) -> dict[str, float]:
    """Return seconds per file: of the header, and with what a picture asks it for."""
    from rendicom.dicom.byte_source import open_source
    from rendicom.dicom.header import read_header

    sources = [open_source(Path(path).read_bytes()) for path in paths]

    def header() -> None:
        for source in sources:
            read_header(source, reader="fast")

    def used() -> None:
        for source in sources:
            use(read_header(source, reader="fast").attributes)

    found = {"files": float(len(sources))}
    for work in (header, used):
        best = float("inf")
        for _ in range(ROUNDS):
            began = time.process_time()
            work()
            best = min(best, time.process_time() - began)
        found[work.__name__] = best / len(sources)
    return found


def asked(checkout: Path, question: str, paths: list[str]) -> Any:
    """Return the answer of a process with the code of a checkout."""
    done = subprocess.run(
        [sys.executable, __file__, question],
        input=json.dumps(paths), capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(checkout / "src")},
    )  # fmt: skip
    return json.loads(done.stdout)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("checkout", type=Path)
    arguments.add_argument("folders", nargs="*")
    given = arguments.parse_args()
    other, folders = given.checkout.resolve(), given.folders
    if not folders:
        import pydicom

        folders = [str(Path(pydicom.__file__).parent / "data" / "test_files")]
    files = (each for folder in folders for each in sorted(Path(folder).rglob("*")))
    paths = [str(path) for path in files if path.is_file()]
    for checkout in (other, HERE):
        paths = asked(checkout, "--readable", paths)
    best: dict[Path, dict[str, float]] = {}
    for _ in range(TURNS):
        for checkout in (other, HERE):
            found = asked(checkout, "--measure", paths)
            before = best.setdefault(checkout, found)
            best[checkout] = {name: min(before[name], found[name]) for name in found}
    print(f"{best[HERE]['files']:.0f} files")
    for name in ("header", "used"):
        before, after = best[other][name], best[HERE][name]
        print(f"{name:8} {before * 1e6:8.1f} us -> {after * 1e6:8.1f} us  x{after / before:.3f}")


if __name__ == "__main__":
    if sys.argv[1:] in (["--measure"], ["--readable"]):
        answer = measured if sys.argv[1] == "--measure" else readable
        print(json.dumps(answer(json.load(sys.stdin))))
    else:
        main()
