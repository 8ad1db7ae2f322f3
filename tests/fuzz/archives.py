"""Targets of many files: archives, lists, DICOMDIRs, names, whole runs of the folder command."""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from functools import cache
from pathlib import Path
from random import Random

from findings import Case, Target, require
from mutations import NAMES, damaged_bytes, damaged_text, hostile_text
from pictures import command, damaged_image
from seeds import image_seeds

from rendicom.archives import is_archive, members, open_member
from rendicom.archives.entries import Inside
from rendicom.batch.file_names import ClaimedNames, folded, safe_parts, shown
from rendicom.batch.output_paths import find
from rendicom.batch.source_lists import entries, find_listed
from rendicom.batch.sources import Unit, open_unit
from rendicom.dicom.dicomdir import referenced_files
from rendicom.engine import open_instance
from rendicom.errors import RendicomError
from rendicom.testing import dicom_file, element, sequence

__all__ = ["TARGETS"]

_MOST_MEMBERS = 1000


@cache
def _images() -> tuple[bytes, ...]:
    return tuple(
        dicom_file(each.elements, transfer_syntax=each.transfer_syntax)
        for each in image_seeds().values()
    )


def _zip(random: Random, files: list[tuple[str, bytes]]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(
        target,
        "w",
        random.choice(
            (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
        ),
    ) as opened:
        for name, data in files:
            info = zipfile.ZipInfo(name.encode("utf-8", "replace").decode() or "x")
            info.compress_type = opened.compression
            opened.writestr(info, data)
    return target.getvalue()


def _tar(random: Random, files: list[tuple[str, bytes]]) -> bytes:
    target = io.BytesIO()
    mode = random.choice(("w", "w", "w:gz", "w:bz2", "w:xz"))
    form = random.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT))
    with tarfile.open(fileobj=target, mode=mode, format=form) as opened:  # type: ignore[call-overload]
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if random.random() < 0.1:
                info.type, info.linkname = random.choice((tarfile.SYMTYPE, tarfile.LNKTYPE)), "../x"
            try:
                opened.addfile(info, io.BytesIO(data))
            except (ValueError, UnicodeError):
                continue
    return target.getvalue()


def _archive(random: Random) -> bytes:
    files = [(random.choice(NAMES), random.choice(_images())) for _ in range(random.randint(1, 3))]
    if random.random() < 0.3:
        files.append((random.choice(NAMES), damaged_image(random)[0]))
    data = random.choice((_zip, _tar))(random, files)
    if random.random() < 0.75:
        data = damaged_bytes(random, data, first=random.choice((0, 0, 4)), most=4)
    if random.random() < 0.25:
        # What a directory says lies at the end of a zip, and at the start of a tar.
        at = (
            max(0, len(data) - random.randint(1, 90))
            if random.random() < 0.6
            else random.randrange(300)
        )
        data = data[:at] + damaged_bytes(random, data[at : at + 60], most=2) + data[at + 60 :]
    return data


def archive(case: Case) -> str:
    """All that is in an archive can be opened, or there is a reason why not."""
    random = case.random
    data = _archive(random)
    path = str(case.file(data, random.choice(("a.zip", "a.tar", "a.tgz", "a.bin"))))
    found = 0
    if not is_archive(path):
        return "no archive"
    for seen in members(path):
        found += 1
        require(found < _MOST_MEMBERS, "members without end")
        if not isinstance(seen, Inside):
            continue
        try:
            with open_member(seen.member, path) as opened:
                body = opened.read()
        except RendicomError:
            continue
        try:
            open_instance(body).close()
        except RendicomError:
            continue
    return "listed"


def units(case: Case) -> str:
    """The units of an archive stay below the target, each with a place of its own."""
    random = case.random
    path = str(case.file(_archive(random), "a.zip"))
    places = set()
    for entry in find([path], str(case.folder / "out"), extension=".png"):
        if not isinstance(entry, Unit):
            continue
        _check_place(entry.place)
        require(folded(entry.place) not in places, "two units in one place")
        places.add(folded(entry.place))
        try:
            opened = open_unit(entry)
        except RendicomError:
            continue
        if not isinstance(opened, str):
            opened.close()
    return "listed"


def _check_place(place: str) -> None:
    parts = place.split("/")
    require(not place.startswith("/") and ".." not in parts and "" not in parts, f"place {place!r}")
    require(
        all(len(os.fsencode(part)) <= 255 for part in parts), f"a place of {len(place)} letters"
    )


def names(case: Case) -> str:
    """A name from elsewhere becomes one that every system holds; no two become one."""
    random = case.random
    name = (
        random.choice(NAMES)
        if random.random() < 0.4
        else damaged_text(random, random.choice(NAMES), letters="/\\.: ")
    )
    parts = safe_parts(name)
    require(parts, "no name at all")
    for part in parts:
        encoded = part.encode()
        require(part not in (".", "..") and len(encoded) <= 255, f"{name!r} becomes {part!r}")
        require(not set(part) & set('/\\\0\n\r<>:"|?*'), f"{name!r} becomes {part!r}")
    shown(name).encode()
    require(safe_parts("/".join(parts)) == parts, f"{parts} is not safe yet")
    claims, taken = ClaimedNames(".png"), set()
    for each in (name, name, parts[-1], hostile_text(random)):
        stem = claims.take(each)
        require(folded(stem) not in taken, "a stem given away twice")
        taken.add(folded(stem))
    return "named"


def lists(case: Case) -> str:
    """A list of sources is read, or is none."""
    random = case.random
    lines = [str(case.file(random.choice(_images()), f"{number}.dcm")) for number in range(2)]
    lines += random.choices(NAMES, k=random.choice((0, 1, 3)))
    separator = random.choice(("\n", "\0", "\r\n"))
    data = os.fsencode(separator.join(lines))
    if random.random() < 0.2:
        data = separator.join(lines).encode("utf-16", "replace")
    if random.random() < 0.5:
        data = damaged_bytes(random, data)
    case.file(data, "list")
    read = list(entries(io.BytesIO(data)))
    if not (b"\0" in data and b"\n" in data):
        # With both the first chunk decides which of them separates.
        require(read == list(entries(_Slow(data))), "pieces make another list")
    base = os.path.realpath(case.folder)
    if not all(os.path.realpath(each).startswith(f"{base}/") for each in read if "\0" not in each):
        return "elsewhere"
    for count, entry in enumerate(
        find_listed(io.BytesIO(data), str(case.folder / "out"), extension=".png")
    ):
        require(count < _MOST_MEMBERS, "sources without end")
        if isinstance(entry, Unit):
            _check_place(entry.place)
    return "listed"


class _Slow(io.BytesIO):
    """Gives a byte or seven at a time."""

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(1 + self.tell() % 7)


def _dicomdir(random: Random, names: list[str]) -> bytes:
    records = []
    for name in names:
        parts = name.split("/")
        records.append([
            element(0x00041400, "UL", random.choice((0, 300, 0xFFFFFFFF))),
            element(0x00041410, "US", 0xFFFF),
            element(0x00041420, "UL", 0),
            element(0x00041430, "CS", random.choice(("IMAGE", "PATIENT", "SERIES"))),
            element(0x00041500, "CS", [part.encode("utf-8", "replace") for part in parts]),
        ])  # fmt: skip
    listed = [
        element(0x00041130, "CS", "DISC"), element(0x00041200, "UL", 400),
        element(0x00041202, "UL", 400),
        element(0x00041212, "US", 0), sequence(0x00041220, *records),
    ]  # fmt: skip
    meta = [element(0x00020002, "UI", "1.2.840.10008.1.3.10")]
    return dicom_file(listed, meta_elements=meta)


def dicomdir(case: Case) -> str:
    """A DICOMDIR leads to files below its folder, or says which are not there."""
    random = case.random
    (case.folder / "IMAGES").mkdir()
    for name in ("IMAGES/IM1", "im2.dcm"):
        case.file(random.choice(_images()), name)
    listed = random.choices(
        ("IMAGES/IM1", "IM2", "../x", "IMAGES", "", "a/b/c/d/e/f/g/h/i", *NAMES),
        k=random.randint(0, 4),
    )
    data = _dicomdir(random, listed)
    if random.random() < 0.6:
        data = damaged_bytes(random, data, first=random.choice((0, 132)), most=4)
    path = case.file(data, "DICOMDIR")
    base = os.path.realpath(case.folder)
    for found in referenced_files(str(path)):
        where = getattr(found, "parts", None)
        if where is not None:
            require(os.path.realpath(found.path).startswith(base), f"{found.path} is outside")
    return "listed"


def folder(case: Case) -> str:
    """A run over a folder makes each picture or says why not, and its manifest is whole."""
    random = case.random
    source, target = case.folder / "in", case.folder / "out"
    source.mkdir()
    made = 0
    for _ in range(random.randint(1, 4)):
        name = random.choice(NAMES).replace("/", "_").replace("\0", "_")
        what = random.random()
        data = (
            random.choice(_images())
            if what < 0.5
            else damaged_image(random)[0]
            if what < 0.85
            else _archive(random)
        )
        try:
            (source / name).write_bytes(data)
        except OSError:
            continue
        made += 1
    manifest = random.choice(("manifest.jsonl", "manifest.csv"))
    flags = [
        "--engine=inline",
        "--max-pixels=1000000",
        f"--manifest={case.folder / manifest}",
        "--format=png",
    ]
    flags += random.sample(
        ("--resume", "--contact-sheet", "--only-images", "--skip-burned-in", "--json", "--strict"),
        random.choice((0, 1, 2)),
    )
    status, out, errors = command("convert", *flags, str(source), str(target))
    require("inside Rendicom" not in errors + out, (errors + out)[-400:])
    require(
        "internal-error" not in _read(case.folder / manifest) + out,
        f"a raw error in a worker: {out[-300:]}",
    )
    require(status in (0, 1, 2), f"exit status {status}: {errors[-300:]}")
    if manifest.endswith("jsonl") and status != 2 and (case.folder / manifest).exists():
        for line in filter(None, _read(case.folder / manifest).split("\n")):
            json.loads(line)
    if "--resume" in flags:
        again, _, errors = command("convert", *flags, str(source), str(target))
        require("inside Rendicom" not in errors, errors[-400:])
        require(again in (0, 1, 2), f"exit status {again} the second time")
    return ("done", "failures", "usage")[status]


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace") if path.exists() else ""


TARGETS = (
    Target("archive", 8, archive),
    Target("units", 3, units),
    Target("names", 8, names),
    Target("lists", 4, lists),
    Target("dicomdir", 4, dicomdir),
    Target("folder", 1, folder),
)
