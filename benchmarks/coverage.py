"""How many real files each program turns into a picture.

    python benchmarks/coverage.py [FOLDER]

Every file with pixel data that pydicom ships (or every one below FOLDER) is given to `rendicom
convert`, to DCMTK's `dcmj2pnm`, to the script that a tutorial teaches (pydicom, apply_voi_lut,
Pillow), and, where it is on PATH, to dcm4che's `dcm2jpg`. A file counts when the program ends well
and leaves a picture that Pillow opens.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.pixels import apply_modality_lut, apply_voi_lut

Convert = Callable[[Path, Path], None]


def by_command(*command: str) -> Convert:
    """Return a program that is given the file and the picture."""

    def convert(source: Path, target: Path) -> None:
        done = [*command, str(source), str(target)]
        subprocess.run(done, check=True, capture_output=True, timeout=120)

    return convert


def by_tutorial(source: Path, target: Path) -> None:
    """Do what tutorials do."""
    ds = pydicom.dcmread(source)
    array = ds.pixel_array
    if ds.SamplesPerPixel == 1:
        array = apply_voi_lut(apply_modality_lut(array, ds), ds).astype(float)
        array = (array - array.min()) / max(array.max() - array.min(), 1) * 255
        if ds.PhotometricInterpretation == "MONOCHROME1":
            array = 255 - array
    array = array.astype(np.uint8)
    Image.fromarray(array[0] if ds.get("NumberOfFrames", 1) > 1 else array).save(target)


def images(folder: Path) -> list[Path]:
    """Return the files that hold pixel data, by pydicom's word."""
    found = []
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        try:
            ds = pydicom.dcmread(path, defer_size=1024)
            if any(key in ds for key in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
                found.append(path)
        except Exception:  # noqa: BLE001, S112 - whatever it is, it is not an image
            continue
    return found


def counts(convert: Convert, source: Path, target: Path) -> bool:
    """Tell whether a program makes a picture of a file."""
    try:
        convert(source, target)
        with Image.open(target) as picture:
            picture.load()
    except Exception:  # noqa: BLE001 - that is what is counted
        return False
    return True


def main() -> None:
    """Print the number of pictures of each program."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", nargs="?")
    folder = arguments.parse_args().folder
    warnings.simplefilter("ignore")
    root = Path(folder or Path(pydicom.__file__).parent / "data" / "test_files")
    programs = {
        "rendicom convert": by_command(sys.executable, "-m", "rendicom", "convert", "-q"),
        "pydicom + Pillow": by_tutorial,
    }
    for name, arguments in (("dcmj2pnm", ("+on",)), ("dcm2jpg", ("-F", "PNG"))):
        if found := shutil.which(name):
            programs[name] = by_command(found, *arguments)
    files = images(root)
    print(f"{len(files)} files with pixel data in {root.name}")
    with tempfile.TemporaryDirectory() as room:
        for name, convert in programs.items():
            made = sum(
                counts(convert, path, Path(room, f"{number}-{name[:4]}.png"))
                for number, path in enumerate(files)
            )
            print(f"{name:18} {made}")


if __name__ == "__main__":
    main()
