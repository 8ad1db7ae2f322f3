"""What others do to a server, and what goes wrong around it: it answers on, and keeps nothing.

After each test the server is as it was before: see `troubledserver.untouched`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import psutil
import pytest

from servedfiles import made, path
from serverprocess import Served, served, until
from troubledserver import (
    ABORT,
    CLOSE,
    DICOM,
    FAULTS,
    GOOD,
    HANG,
    JSON,
    LARGE,
    LARGE_BYTES,
    SLOW,
    SPOOLED,
    body,
    gray,
    header,
    new_study,
    number,
    request,
    reset,
    status_of,
    store,
    stored_files,
    taken,
    temporary,
)

pytestmark = [
    pytest.mark.usefixtures("unharmed"),
    pytest.mark.skipif(sys.platform != "linux", reason="signals, /proc and tmpfs"),
]


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
        reader, *sleepers = slow
        got = 0
        for width in range(50, 80):
            assert target.get(f"{GOOD}?viewport={width},90").status_code == 200
            got += len(reader.recv(64 << 10))
        # Who takes a little now and then gets everything.
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


def test_a_worker_that_is_killed_costs_nothing(target):
    log = target.audit.parent / "crasher.log"
    undisturbed = target.get(path(FAULTS, SLOW) + "/rendered?viewport=9,8")
    log.write_text("")

    def disturb() -> Any:
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(target.get, path(FAULTS, SLOW) + "/rendered?viewport=9,9")
            until(lambda: log.read_text().strip(), what="a worker at it")
            os.kill(int(log.read_text().split()[0]), signal.SIGKILL)
            return asked.result()

    answer = meanwhile(target, disturb)
    assert (answer.status_code, answer.json()) == (undisturbed.status_code, undisturbed.json())
    assert len(set(log.read_text().split())) == 2, "another worker was at it"


LOST = r'workers_lost_total\{reason="died"\}'


def test_a_file_that_kills_two_workers_is_not_tried_again_until_it_changes(target):
    before = number(target, LOST)
    (file,) = target.folders[0].glob(f"{ABORT}.dcm")
    sizes = itertools.count(7)

    def ask(_: int = 0) -> None:
        answer = target.get(path(FAULTS, ABORT) + f"/rendered?viewport={next(sizes)},9")
        assert (answer.status_code, answer.json()["code"]) == (500, "worker-died")

    for changes in (1, 2):
        os.utime(file, (changes, changes))
        ask()
        assert number(target, LOST) == before + 2 * changes
        for _ in range(3):
            ask()
        assert number(target, LOST) == before + 2 * changes
    metadata = target.get(path(FAULTS, ABORT) + "/metadata", JSON)
    assert metadata.status_code == 200
    os.utime(file, (3, 3))
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(ask, range(40)))
    # Those that two workers had begun when the file was found out; no others.
    assert number(target, LOST) <= before + 4 + 4


def test_all_workers_killed_at_once_are_replaced(target):
    killed = {worker.pid for worker in target.workers()}
    for worker in target.workers():
        worker.kill()
    until(
        lambda: (
            killed.isdisjoint(each.pid for each in target.workers())
            and target.get(f"{target.url}/readyz").status_code == 200
        ),
        what="workers",
    )
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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_the_limit_on_open_files_is_raised_for_the_connections(tmp_path):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 3000:
        pytest.skip("the hard limit on open files is below what a thousand connections need")
    resource.setrlimit(resource.RLIMIT_NOFILE, (400, hard))  # as the server inherits it
    try:
        with served(tmp_path, "--max-connections", "1000") as server:
            assert psutil.Process(server.process.pid).rlimit(psutil.RLIMIT_NOFILE)[0] >= 2000
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
