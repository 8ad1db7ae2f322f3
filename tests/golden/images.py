"""The files of the golden table, and what a picture of one is boiled down to."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rendicom.engine import Instance, open_instance
from rendicom.errors import RendicomError

HERE = Path(__file__).parent
TABLES = {"pydicom": HERE / "pydicom.tsv", "corpus": HERE / "corpus.tsv"}
COLUMNS = ("file", "frame", "size", "picture")

# Decoders of these may round differently: the DCT and irreversible wavelets.
_LOSSY_NUMBERS = (50, 51, 53, 55, 91, 93, *range(100, 109), 111, 112, 203)
LOSSY = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in _LOSSY_NUMBERS)
BLOCKS = 4
TOLERANCE = 1.0
"""Levels that the mean of a block of a lossy picture may differ by."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    ``picture`` is ``sha256:`` and 32 digits of the display samples; ``means:`` and the means of
    4 x 4 blocks for lossy streams; or ``error:`` and the code of the refusal.
    """

    file: str
    frame: int
    size: str
    picture: str


def folder(source: str) -> Path | None:
    """Return the folder of ``pydicom`` or ``corpus``, or None where it is absent."""
    if source == "pydicom":
        import pydicom

        return Path(pydicom.__file__).parent / "data" / "test_files"
    named = os.environ.get("RENDICOM_CORPUS")
    found = Path(named) if named else HERE.parents[1].parent / "shared" / "corpus"
    return found if found.is_dir() else None


def files(source: str) -> dict[str, Path]:
    """Return every file that may be DICOM, by its path inside the folder."""
    root = folder(source)
    if root is None:
        return {}
    listed = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {
        path.relative_to(root).as_posix(): path
        for path in listed
        if "malformed" not in path.parts
        and path.suffix not in (".tsv", ".md", ".py", ".json", ".zip", ".gz", ".txt", ".pyc")
    }


def frames_of(instance: Instance) -> list[int]:
    """Return the first and the middle frame."""
    count = instance.description.number_of_frames
    return sorted({1, (count + 1) // 2})


def rows(file: str, path: Path) -> Iterator[Row]:
    """Yield the lines of one file."""
    try:
        with open_instance(path) as instance:
            for number in frames_of(instance):
                yield _row(file, number, instance)
    except RendicomError as error:
        yield Row(file, 0, "", f"error:{error.code}")


def _row(file: str, number: int, instance: Instance) -> Row:
    try:
        shown = instance.display(number)
    except RendicomError as error:
        return Row(file, number, "", f"error:{error.code}")
    size = "x".join(map(str, shown.shape))
    lossy = instance.transfer_syntax in LOSSY
    return Row(file, number, size, _means(shown) if lossy else digest(shown))


def digest(samples: NDArray[Any]) -> str:
    """Return the hash of samples, their shape and their dtype."""
    head = f"{samples.dtype.name} {samples.shape} ".encode()
    return (
        "sha256:" + hashlib.sha256(head + np.ascontiguousarray(samples).tobytes()).hexdigest()[:32]
    )


def _means(samples: NDArray[Any]) -> str:
    blocks = [
        block
        for band in np.array_split(samples, BLOCKS, axis=0)
        for block in np.array_split(band, BLOCKS, axis=1)
    ]
    return "means:" + ",".join(f"{block.mean():.2f}" if block.size else "0" for block in blocks)


def alike(first: Row, second: Row) -> bool:
    """Tell whether two lines speak of the same picture, within the tolerance of lossy ones."""
    if (first.file, first.frame, first.size) != (second.file, second.frame, second.size):
        return False
    kinds = {first.picture.partition(":")[0], second.picture.partition(":")[0]}
    if kinds != {"means"}:
        return first.picture == second.picture
    means = [
        np.array([float(mean) for mean in row.picture.partition(":")[2].split(",")])
        for row in (first, second)
    ]
    return bool(np.abs(means[0] - means[1]).max() <= TOLERANCE)


def read_table(source: str) -> list[Row]:
    """Return the lines of a table; none where it has not been made."""
    if not TABLES[source].exists():
        return []
    with TABLES[source].open(newline="") as text:
        return [
            Row(line["file"], int(line["frame"]), line["size"], line["picture"])
            for line in csv.DictReader(text, delimiter="\t")
        ]


def write_table(source: str, table: list[Row]) -> None:
    """Write the lines of a table."""
    with TABLES[source].open("w", newline="") as text:
        writer = csv.writer(text, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((row.file, row.frame, row.size, row.picture) for row in table)
