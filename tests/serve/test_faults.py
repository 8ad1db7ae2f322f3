"""What others do to a server, and what goes wrong around it: it answers on, and keeps nothing.

After each test the server is as it was before: see `unharmed`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from rendicom.dicomweb.multipart import MultipartWriter
from rendicom.testing.images import image, rle
from rendicom.testing.writer import DEFLATED, encapsulate
from servedfiles import GRAY, PHI, ROOT, WIDE, identity, made, path, write_made
from serverprocess import Served, served, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals, /proc and tmpfs")

FAULTS = f"{ROOT}.66"
ABORT, HANG, SLOW, LARGE, WIDEST, LONGEST, SPOOLED = (
    f"{FAULTS}.1.{number}" for number in range(1, 8)
)
IDLE, TIMEOUT, MAX_BODY, MAX_PIXELS, MAX_FRAMES = 1, 3, 8 << 20, 4 << 20, 50
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
    wide = made(FAULTS, WIDEST, bytes(4 * MAX_PIXELS), rows=MAX_PIXELS >> 10, columns=4 << 10)
    (folder / "widest.dcm").write_bytes(wide)
    frames = made(FAULTS, LONGEST, bytes(2 * MAX_FRAMES), rows=1, columns=1, frames=2 * MAX_FRAMES)
    (folder / "long.dcm").write_bytes(frames)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder on a disk of its own that is soon full, if we may make one."""
    folder = tmp_path_factory.mktemp("room")
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    try:
        is_mounted = subprocess.run(mount, capture_output=True, timeout=20).returncode == 0
    except OSError:
        is_mounted = False
    yield folder
    if is_mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=20)


@pytest.fixture(scope="module")
def target(room: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("faults")
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
    assert list((root / "temporary").iterdir()) == []


def temporary(server: Served) -> list[str]:
    """Return the temporary files of a server; its index and the locks of its folders are none."""
    assert server.audit is not None
    folder = server.audit.parent / "temporary"
    files = (each for each in folder.rglob("*") if each.is_file() and "in-use" not in each.name)
    return [str(each) for each in files]


def descriptors(server: Served) -> int:
    return psutil.Process(server.process.pid).num_fds()


def said(server: Served) -> bytes:
    """Return all that a server tells of itself: its log, the audit log, and its numbers."""
    assert server.audit is not None
    metrics = server.get(f"{server.url}/metrics").content
    return b"".join(("".join(server.errors).encode(), server.audit.read_bytes(), metrics))


@pytest.fixture(autouse=True)
def unharmed(target: Served) -> Iterator[None]:
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


# --- clients --------------------------------------------------------------------------------


def test_two_hundred_connections_at_once(target):
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(target.raw(b"")) for _ in range(200)]
        for width, connection in enumerate(connections, 1):
            connection.sendall(request(f"{GOOD}?viewport={width},100", more=CLOSE))
        answers = [taken(connection) for connection in connections]
    assert {status_of(answer) for answer in answers} == {200}
    assert len({answer.rpartition(b"\r\n\r\n")[2] for answer in answers}) > 100


def test_who_reads_slowly_holds_up_nobody(target):
    where = path(FAULTS, LARGE)
    with contextlib.ExitStack() as stack:
        slow = []
        for _ in range(12):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
            connection.settimeout(20)
            connection.connect(target.address)
            connection.sendall(request(where, accept=f"{DICOM}; transfer-syntax=*"))
            slow.append(connection)
        answers = [target.get(f"{GOOD}?viewport={width},90") for width in range(50, 80)]
        assert {answer.status_code for answer in answers} == {200}
        reader, *sleepers = slow
        # Who takes a little now and then gets everything.
        got = 0
        while piece := reader.recv(1 << 20):
            got += len(piece)
        assert got > LARGE_BYTES
        until(lambda: all(len(taken(each)) < LARGE_BYTES for each in sleepers), what="the others")


def test_who_sends_slowly_holds_up_nobody(target):
    with contextlib.ExitStack() as stack:
        heads = [stack.enter_context(target.raw(request(GOOD)[: 10 + each])) for each in range(60)]
        length = b"Content-Type: application/dicom\r\nContent-Length: 1000\r\n"
        bodies = [
            stack.enter_context(
                target.raw(request("/studies", method="POST", more=length) + bytes(each))
            )
            for each in range(60)
        ]
        assert {target.get(GOOD).status_code for _ in range(30)} == {200}
        assert {taken(each) for each in heads} == {b""}
        assert {status_of(taken(each)) for each in bodies} == {400}


def test_half_a_body_stores_nothing(target, room):
    before = stored_files(room)
    content, kind = body(gray(new_study(1), 1))
    head = request("/studies", method="POST", more=header(kind, len(content)))
    for cut in range(0, len(content), len(content) // 40):
        connection = target.raw(head + content[:cut])
        if cut % 2:
            reset(connection)
        else:
            connection.close()
    assert stored_files(room) == before


def test_nobody_works_for_clients_that_left(target):
    log = target.audit.parent / "crasher.log"
    log.write_text("")
    connections = [
        target.raw(request(f"{path(FAULTS, SLOW)}/rendered?viewport={width},8"))
        for width in range(10, 50)
    ]
    until(lambda: len(log.read_text().split()) >= 2, what="two at work")
    for connection in connections:
        reset(connection)
    assert target.get(f"{GOOD}?viewport=77,77").status_code == 200
    until(lambda: number(target, "queue_length") == 0, what="queue")
    until(lambda: number(target, "workers_busy") == 0, what="workers")
    assert len(log.read_text().split()) < 20


def test_who_leaves_in_the_middle_of_a_large_answer_costs_nothing(target):
    where = path(FAULTS, LARGE)
    accept = 'multipart/related; type="application/octet-stream"'
    for ending in ("", "/pixeldata", "/frames/1"):
        for _ in range(4):
            with target.raw(request(where + ending, accept=accept)) as connection:
                assert taken(connection, limit=1000).startswith(b"HTTP/1.1 200")
                reset(connection)


def test_a_file_that_an_answer_needs_ends_with_it(target):
    asked = request(path(FAULTS, SPOOLED) + "/pixeldata", accept="application/octet-stream")
    connections = [target.raw(asked) for _ in range(4)]
    assert taken(connections[0], limit=1000).startswith(b"HTTP/1.1 200")
    assert temporary(target) != []
    for worker in target.workers():
        worker.kill()
    for connection in connections:
        reset(connection)
    until(lambda: target.get(f"{target.url}/readyz").status_code == 200, what="workers")


# --- codecs and workers ---------------------------------------------------------------------


_heights = itertools.count(40)


def meanwhile(target: Served, disturb: Callable[[], Any]) -> Any:
    """Return what ``disturb`` does, while others ask for pictures and get them all."""
    with ThreadPoolExecutor(4) as pool:
        disturbing = pool.submit(disturb)
        wheres = [f"{GOOD}?viewport={width},{next(_heights)}" for width in range(100, 140)]
        statuses = [answer.status_code for answer in pool.map(target.get, wheres)]
        result = disturbing.result()
    assert set(statuses) == {200}
    return result


@pytest.mark.parametrize(
    ("instance", "status", "code"), [(ABORT, 500, "worker-died"), (HANG, 503, "timed-out")]
)
def test_a_file_that_ends_or_hangs_a_codec_costs_that_request(target, instance, status, code):
    answer = meanwhile(target, lambda: target.get(path(FAULTS, instance) + "/rendered"))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert problem["detail"]


def test_a_worker_that_is_killed_costs_what_it_was_at(target):
    log = target.audit.parent / "crasher.log"
    log.write_text("")

    def disturb() -> Any:
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(target.get, path(FAULTS, SLOW) + "/rendered?viewport=9,9")
            until(lambda: log.read_text().strip(), what="a worker at it")
            os.kill(int(log.read_text().split()[0]), signal.SIGKILL)
            return asked.result()

    answer = meanwhile(target, disturb)
    assert (answer.status_code, answer.json()["code"]) == (500, "worker-died")


def test_all_workers_killed_at_once_are_replaced(target):
    for worker in target.workers():
        worker.kill()
    until(lambda: target.get(f"{target.url}/readyz").status_code == 200, what="workers")
    assert target.get(f"{GOOD}?viewport=31,31").status_code == 200


# --- disk -----------------------------------------------------------------------------------


def test_an_index_that_is_deleted_is_made_anew(target, room):
    study = new_study(2)
    data = gray(study, 1)
    assert store(target, data).status_code == 200
    for file in (room / "data").glob("index.sqlite3*"):
        file.unlink()

    def is_found() -> bool:
        answers = [
            target.get(GOOD),
            target.get(path(study, f"{study}.1.1"), f"{DICOM}; transfer-syntax=*"),
        ]
        assert {answer.status_code for answer in answers} <= {200, 404, 503}
        return {answer.status_code for answer in answers} == {200}

    until(is_found, what="a new index")
    assert target.get(path(study, f"{study}.1.1"), f"{DICOM}; transfer-syntax=*").content == data
    target.wait_for_index()


def test_a_full_disk_stores_nothing_and_says_so(target, room):
    if not os.path.ismount(room):
        pytest.skip("no disk of its own can be mounted here")
    study = new_study(3)
    filler = room / "filler"
    before = stored_files(room)
    with filler.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(1 << 16))
    with filler.open("ab", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(b"\0")
    answers = [store(target, gray(study, each)) for each in range(1, 5)]
    for answer in answers:
        assert answer.status_code == 507, answer.text[:300]
        assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]
    assert stored_files(room) == before
    assert target.get(f"{GOOD}?viewport=41,41").status_code == 200
    assert target.get("/studies?limit=1", JSON).status_code == 200
    filler.unlink()
    assert store(target, gray(study, 1)).status_code == 200
    assert stored_files(room)[f"{study}.1.1.dcm"] == gray(study, 1)


def test_a_file_that_cannot_be_written_whole_is_not_there(target, room):
    resource = pytest.importorskip("resource")
    study, number_of_bytes = new_study(4), 1 << 20
    before = stored_files(room)
    large = made(study, f"{study}.1.1", np.zeros((2 << 10, 1 << 10), np.uint8))
    pid, unlimited = target.process.pid, resource.prlimit(target.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (number_of_bytes, unlimited[1]))
    try:
        answer = store(target, large)
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    assert answer.status_code == 507, answer.text[:300]
    assert stored_files(room) == before
    assert target.get(path(study, f"{study}.1.1")).status_code == 404
    assert store(target, large).status_code == 200


# --- malformed ------------------------------------------------------------------------------


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


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return bytes with some left out, put in, changed, doubled or moved."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(changed) + 1)
        length = chance.choice((1, 1, 2, 5, 20))
        kind = chance.randrange(5)
        if kind == 0:
            del changed[at : at + length]
        elif kind == 1:
            changed[at:at] = chance.randbytes(length)
        elif kind == 2:
            changed[at : at + length] = chance.randbytes(length)
        elif kind == 3:
            changed[at:at] = changed[at : at + length * 4]
        else:
            token = chance.choice(
                (b"\r\n", b"\0", b"%00", b"..", b"/", b":", b"\r\n\r\n", b"*", b"99")
            )
            changed[at:at] = token
    return bytes(changed)


def test_two_thousand_malformed_requests(target):
    models = [
        request(GOOD, more=CLOSE),
        request(GOOD + "?window=40,400,linear&viewport=20,20,0,0,10,10", more=CLOSE),
        request("/studies?PatientID=a*&limit=5&includefield=00100010", accept=JSON, more=CLOSE),
        request(path(GRAY, WIDE, "1"), more=CLOSE + b"Range: bytes=0-99\r\n"),
        request("/studies", method="POST", more=CLOSE + header(body(b"")[1], 9)) + b"--boundary",
        request("/studies", method="POST", more=CLOSE + b"Transfer-Encoding: chunked\r\n")
        + b"5\r\nabcde\r\n0\r\n\r\n",
        request(path(GRAY, WIDE), method="OPTIONS", more=CLOSE + b"Origin: http://a.example\r\n"),
    ]
    chance = random.Random(20240229)  # noqa: S311
    wrong = [mutated(chance.choice(models), chance) for _ in range(2000)]

    def send(data: bytes) -> bytes:
        with target.raw(data) as connection:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            return taken(connection)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, wrong))
    statuses = []
    for data, answer in zip(wrong, answers, strict=True):
        if answer:
            statuses.append(status_of(answer))
            assert statuses[-1] < 500 or statuses[-1] in (501, 503, 505), (data, answer[:300])
            assert statuses[-1] < 400 or not any(text in answer for text in PHI)
    assert statuses.count(400) > 200
    assert len(set(statuses)) > 5


def test_malformed_bodies_store_whole_instances_or_none(target, room):
    before = set(stored_files(room))
    study = new_study(5)
    chance = random.Random(4711)  # noqa: S311
    for each in range(120):
        content, kind = body(gray(study, 2 * each + 1), gray(study, 2 * each + 2))
        content = mutated(content, chance)
        if each % 3 == 0:
            content = content[: chance.randrange(len(content))]
        answer = target.request(
            "POST", "/studies", JSON, content=content, headers={"content-type": kind}
        )
        assert answer.status_code in (200, 202, 400, 409, 413, 415), answer.text[:300]
    stored = stored_files(room)
    new = set(stored) - before
    assert len(new) > 50
    for name in sorted(new)[::7]:
        uid = name.removesuffix(".dcm")
        place = next((room / "data" / "store").rglob(name))
        series, owner = place.parent.name, place.parent.parent.name
        where = path(owner, uid, series=series)
        assert target.get(where, f"{DICOM}; transfer-syntax=*").content == stored[name]


DOTS = ("..", "%2e%2e", "%2E%2E", ".%2e", "%252e%252e", "..%00", "%c0%ae%c0%ae", "..;", "...")
SLASHES = ("/", "//", "%2f", "%2F", "%252f", "\\", "%5c")
TARGETS = (
    *(slash.join((f"/studies{slash}{dots}", dots, dots, dots, "etc", "passwd"))
      for dots in DOTS for slash in SLASHES),
    *(f"{GOOD[:-9]}/bulkdata/{slash.join((dots, dots, 'etc', 'passwd'))}"
      for dots in DOTS for slash in SLASHES),
    "/studies/1.2.3%00.4/rendered", "/studies/%00", "/studies/1.2.3\x00", "/studies/" + "1" * 65,
    "/studies/" + "1." * 5000 + "1", "/studies/" + "/" * 5000, "/studies/" + "%2f" * 3000,
    "/studies/%", "/studies/%zz", "/studies/%ff%fe", "/studies/1.2.3?" + "a=b&" * 3000,
    "/studies/1.2.3/series/../../../..", "/studies/-1", "/studies/1e5", "/studies/١.٢.٣",
    f"/../dicomweb{GOOD}", f"//{GOOD}", f"{GOOD}/", f"{GOOD}//", f"{GOOD};a=b",
    "/studies/1.2.3/rendered%20HTTP/1.1", "/studies/~root", "/studies/$HOME", "/studies/CON",
    "http://localhost/dicomweb/studies/../../etc/passwd", "/studies/file:///etc/passwd/rendered",
)  # fmt: skip


def test_paths_lead_nowhere_else(target, room):
    before = stored_files(room)
    for prefix in ("/dicomweb", "", "/static", "/docs", "/page"):
        for where in TARGETS:
            line = f"GET {prefix}{where} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n".encode()
            answer = target.exchange(line + CLOSE + b"\r\n")
            assert b"root:" not in answer, where
            if answer and status_of(answer) not in (400, 403, 404, 405, 406, 410, 414, 431):
                assert status_of(answer) in (200, 204), (where, answer[:300])
                assert where.split("?")[0].rstrip("/").endswith("rendered"), (where, answer[:300])
    for method in ("DELETE", "POST"):
        for where in TARGETS[::5]:
            line = f"{method} /dicomweb{where} HTTP/1.1\r\nHost: localhost\r\n".encode()
            answer = target.exchange(line + CLOSE + b"Content-Length: 0\r\n\r\n")
            assert not answer or 400 <= status_of(answer) < 500, (where, answer[:300])
    assert stored_files(room) == before
    assert Path("/etc/passwd").exists()


# --- too much -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "status"),
    [
        (path(FAULTS, WIDEST) + "/rendered", 413),
        (path(FAULTS, WIDEST) + "/frames/1/rendered", 413),
        (path(FAULTS, WIDEST) + "/thumbnail", 413),
        (path(FAULTS, LONGEST) + "/rendered", 413),
        (f"{GOOD}?viewport=60000,60000", 400),
        (f"{GOOD}?max-size=99999999", 400),
    ],
)
def test_what_is_too_large_is_refused(target, where, status):
    answer = target.get(where, "image/png, image/gif")
    assert answer.status_code in (status, 413), answer.text[:300]
    # To who takes no text at all a problem is told in HTML (PS3.18 8.6.3).
    assert "Detail" in answer.text


def bomb_of(study: str) -> bytes:
    """Return a small file that is 600 MB of padding when it is inflated."""
    uid = f"{study}.1.1"
    whole = made(study, uid, bytes(64), rows=8, columns=8, transfer_syntax=DEFLATED)
    meta_ends = 144 + int.from_bytes(whole[140:144], "little")
    inflated = zlib.decompress(whole[meta_ends:], -zlib.MAX_WBITS)
    squeeze = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    padding = struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, 600 << 20)
    pieces = [whole[:meta_ends], squeeze.compress(inflated + padding)]
    pieces += [squeeze.compress(bytes(1 << 20)) for _ in range(600)]
    return b"".join((*pieces, squeeze.flush()))


def test_a_bomb_that_is_sent_does_not_go_off(target):
    study = new_study(6)
    bomb = bomb_of(study)
    assert len(bomb) < MAX_BODY
    before = target.memory()
    answer = store(target, bomb)
    assert answer.status_code in (200, 409, 413), answer.text[:300]
    for end in ("/rendered", "/metadata", "/thumbnail", ""):
        answer = target.get(path(study, f"{study}.1.1") + end)
        assert answer.status_code in (200, 404, 406, 413, 500), answer.text[:300]
    until(lambda: target.memory() < before + MEMORY, what="memory")
    target.request("DELETE", f"/studies/{study}")


def test_a_body_that_is_too_large_is_refused(target, room):
    before = stored_files(room)
    kind = body(b"")[1]
    head = request("/studies", method="POST", more=header(kind, MAX_BODY + 1))
    assert status_of(target.exchange(head)) == 413
    chunked = f"Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n".encode()
    with target.raw(request("/studies", method="POST", more=chunked)) as connection:
        with contextlib.suppress(OSError):
            for _ in range(2 * (MAX_BODY >> 20)):
                connection.sendall(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
        answer = taken(connection)
    assert answer[:12] in (b"", b"HTTP/1.1 413", b"HTTP/1.1 400")
    assert stored_files(room) == before
