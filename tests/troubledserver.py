"""A server whose files, codecs and disk are trouble, and what tests do to it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from presentationstates import reference, referring, state
from rendicom.dicomweb.multipart import MultipartWriter
from rendicom.testing.images import image
from rendicom.testing.rle_streams import rle
from rendicom.testing.writer import element, encapsulate, sequence
from servedfiles import GRAY, PHI, ROOT, SECONDARY, WIDE, identity, made, path, write_made
from serverprocess import Served, served, until

FAULTS = f"{ROOT}.66"
ABORT, HANG, SLOW, LARGE, WIDEST, LONGEST, SPOOLED, BOASTFUL, SHOWN = (
    f"{FAULTS}.1.{number}" for number in range(1, 10)
)
"""BOASTFUL says it has as many frames as can be said, and has one; SHOWN is a state for it."""
IDLE, TIMEOUT, MAX_BODY, MAX_PIXELS, MAX_FRAMES = 1, 3, 8 << 20, 12 << 20, 50
LARGE_BYTES = 12 << 20
DICOM, JSON = "application/dicom", "application/dicom+json"
GOOD = path(GRAY, WIDE) + "/rendered"
MEMORY = 200 << 20
"""Bytes more than before that are no leak: caches, buffers, and what libraries load."""

PLUGIN = """
import ctypes, faulthandler, os, time
from rendicom.errors import CorruptDataError

class _Codec:
    name, streams, install, rank = "crasher", ("rle",), "", 1
    def version(self):
        return "1"
    def decode(self, stream, request):
        if stream.endswith(b"SLOW!!"):
            with open(os.environ["CRASHER_LOG"], "a") as log:
                print(os.getpid(), file=log)
            time.sleep(1)
        if stream.endswith(b"ABORT!"):
            faulthandler.disable()
            os.abort()
        if stream.endswith(b"HANG!!"):
            ctypes.PyDLL(None).sleep(600)  # holds the interpreter lock
        raise CorruptDataError("not mine")

CODEC = _Codec()
"""


def write_plugin(site: Path) -> None:
    """Install a codec that dies, hangs and dawdles over streams of its liking."""
    (site / "crasher.py").write_text(PLUGIN)
    info = site / "crasher-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: crasher\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rendicom.pixels.codecs]\ncrasher = crasher:CODEC\n")


def write_faults(folder: Path) -> None:
    values = np.arange(24, dtype=np.uint16).reshape(4, 6)
    for uid, end in ((ABORT, b"ABORT!"), (HANG, b"HANG!!"), (SLOW, b"SLOW!!")):
        stream = bytearray(rle(values))
        stream[0] = 9  # segments: no codec but that one takes it
        data = image(
            encapsulate([bytes(stream) + end]), rows=4, columns=6, bits_allocated=16,
            transfer_syntax="1.2.840.10008.1.2.5", extra=identity(FAULTS, uid),
        )  # fmt: skip
        (folder / f"{uid}.dcm").write_bytes(data)
    large = np.zeros((LARGE_BYTES >> 12, 4 << 10), np.uint8)
    (folder / "large.dcm").write_bytes(made(FAULTS, LARGE, large))
    # More than is sent between processes when it is decoded: it goes through a file.
    frame = rle(np.zeros((1 << 10, 1 << 10), np.uint8))
    spooled = made(
        FAULTS, SPOOLED, encapsulate([frame] * 40), rows=1 << 10, columns=1 << 10,
        bits_allocated=8, frames=40, transfer_syntax="1.2.840.10008.1.2.5",
    )  # fmt: skip
    (folder / "spooled.dcm").write_bytes(spooled)
    wide = made(FAULTS, WIDEST, bytes(2 * MAX_PIXELS), rows=MAX_PIXELS >> 10, columns=2 << 10)
    (folder / "widest.dcm").write_bytes(wide)
    frames = made(FAULTS, LONGEST, bytes(2 * MAX_FRAMES), rows=1, columns=1, frames=2 * MAX_FRAMES)
    (folder / "long.dcm").write_bytes(frames)
    boastful = made(FAULTS, BOASTFUL, bytes(range(64)), rows=8, columns=8, frames=(1 << 31) - 1)
    (folder / "boastful.dcm").write_bytes(boastful)
    (folder / "shown.dcm").write_bytes(_shown())


def _shown() -> bytes:
    """Return a presentation state for all frames of two images that have too many."""
    images = referring(*(reference(each, sop_class=SECONDARY) for each in (BOASTFUL, LONGEST)))
    return state(
        *identity(FAULTS, SHOWN),
        element(0x0020000E, "UI", f"{FAULTS}.1"),
        sequence(0x00081115, (element(0x0020000E, "UI", f"{FAULTS}.1"), images)),
    )


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Give a folder on a disk of its own that is soon full, if we may make one."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    try:
        is_mounted = subprocess.run(mount, capture_output=True, timeout=20).returncode == 0
    except OSError:
        is_mounted = False
    yield folder
    if is_mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=20)


@contextlib.contextmanager
def troubled(root: Path, room: Path) -> Iterator[Served]:
    """Serve until the block ends; what is under way then still gets its answer."""
    for name in ("site", "temporary", "files"):
        (root / name).mkdir()
    write_plugin(root / "site")
    write_made(root / "files")
    write_faults(root / "files")
    environment = {
        "PYTHONPATH": str(root / "site"), "TMPDIR": str(root / "temporary"),
        "CRASHER_LOG": str(root / "crasher.log"),
    }  # fmt: skip
    arguments = [
        root / "files", "--writable", "--data", room / "data", "--rescan", "1",
        "--timeout", str(TIMEOUT), "--idle", str(IDLE), "--max-body", str(MAX_BODY),
        "--max-pixels", str(MAX_PIXELS), "--max-frames", str(MAX_FRAMES),
        "--audit-log", root / "audit.log",
    ]  # fmt: skip
    with served(*arguments, workers=2, environment=environment) as running:
        running.audit = root / "audit.log"
        running.wait_for_index()
        with ThreadPoolExecutor(32) as pool:
            list(pool.map(lambda _: running.get("/studies?limit=1"), range(64)))
            list(pool.map(lambda _: running.get(GOOD), range(64)))
        yield running
        log = root / "crasher.log"
        log.write_text("")
        with running.raw(request(path(FAULTS, SLOW) + "/rendered", more=CLOSE)) as connection:
            until(log.read_text, what="a picture under way")
            running.process.send_signal(signal.SIGTERM)
            assert taken(connection).endswith(b"}")
    assert list((root / "temporary").iterdir()) == []


def temporary(server: Served) -> list[str]:
    """Return the temporary files of a server; its index and the locks of its folders are none."""
    assert server.audit is not None
    folder = server.audit.parent / "temporary"
    # Path.rglob fails where a folder vanishes under it, as those of a running server do.
    files = (Path(root, name) for root, _, names in os.walk(folder) for name in names)
    return [str(each) for each in files if "in-use" not in each.name]


def descriptors(server: Served) -> int:
    return psutil.Process(server.process.pid).num_fds()


def said(server: Served) -> bytes:
    """Return all that a server tells of itself: its log, the audit log, and its numbers."""
    assert server.audit is not None
    metrics = server.get(f"{server.url}/metrics").content
    return b"".join(("".join(server.errors).encode(), server.audit.read_bytes(), metrics))


@contextlib.contextmanager
def untouched(target: Served) -> Iterator[None]:
    """See to it that a test leaves the server as it was."""
    answer = target.get(GOOD, "image/png").content
    files, memory = descriptors(target), target.memory()
    yield
    after = target.get(GOOD, "image/png")
    assert (after.status_code, after.content) == (200, answer)
    # A few connections to the database and to clients may be kept for the next.
    until(lambda: descriptors(target) <= files + 12, what="descriptors", seconds=8)
    until(lambda: len(target.workers()) == 2, what="workers", seconds=8)
    until(lambda: temporary(target) == [], what=str(temporary(target)), seconds=8)
    until(lambda: number(target, "queue_length") == 0, what="queue", seconds=8)
    until(lambda: number(target, "workers_busy") == 0, what="workers that rest", seconds=8)
    assert target.memory() < memory + MEMORY
    assert not any(text in said(target) for text in PHI)
    assert not any("Traceback" in line or "unexpected" in line for line in target.errors)


def number(server: Served, name: str) -> float:
    found = re.search(
        rf"^rendicom_{name} (\S+)$", server.get(f"{server.url}/metrics").text, re.MULTILINE
    )
    assert found is not None
    return float(found[1])


def request(where: str, *, accept: str = "*/*", method: str = "GET", more: bytes = b"") -> bytes:
    head = f"{method} /dicomweb{where} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n"
    return head.encode() + more + b"\r\n"


CLOSE = b"Connection: close\r\n"


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:100]
    return int(answer[9:12])


def taken(connection: socket.socket, *, limit: int = 1 << 40) -> bytes:
    """Return what comes until the server closes, however it does."""
    pieces = []
    with contextlib.suppress(ConnectionError):
        while sum(map(len, pieces)) < limit and (piece := connection.recv(1 << 16)):
            pieces.append(piece)
    return b"".join(pieces)


def reset(connection: socket.socket) -> None:
    """Go away without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def new_study(number: int) -> str:
    return f"{FAULTS}.{time.time_ns()}.{number}"


def gray(study: str, instance: int) -> bytes:
    return made(study, f"{study}.1.{instance}", np.full((16, 16), 50, np.uint8))


def body(*files: bytes) -> tuple[bytes, str]:
    writer = MultipartWriter(DICOM, boundary="boundary")
    pieces = [writer.part(data, DICOM) for data in files]
    return b"".join((*pieces, writer.end())), writer.content_type


def header(kind: str, length: int) -> bytes:
    return f"Content-Type: {kind}\r\nContent-Length: {length}\r\n".encode()


def store(target: Served, *files: bytes) -> Any:
    content, kind = body(*files)
    return target.request("POST", "/studies", JSON, content=content, headers={"content-type": kind})


def stored_files(room: Path) -> dict[str, bytes]:
    """Return what lies where clients store, and see that nothing is there by half."""
    found = {}
    for file in (room / "data" / "store").rglob("*"):
        if file.is_file():
            assert file.suffix == ".dcm", file
            found[file.name] = file.read_bytes()
    return found
