"""What is malformed, leads elsewhere or is too large is refused, and does no harm.

After each test the server is as it was before: see `troubledserver.untouched`.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote

import pytest

from rendicom.testing.writer import DEFLATED
from servedfiles import GRAY, PHI, WIDE, made, path
from serverprocess import until
from troubledserver import (
    BOASTFUL,
    CLOSE,
    DICOM,
    FAULTS,
    GOOD,
    JSON,
    LONGEST,
    MAX_BODY,
    MAX_FRAMES,
    MEMORY,
    SHOWN,
    WIDEST,
    body,
    gray,
    header,
    new_study,
    request,
    status_of,
    store,
    stored_files,
    taken,
)

pytestmark = [
    pytest.mark.usefixtures("unharmed"),
    pytest.mark.skipif(sys.platform != "linux", reason="signals, /proc and tmpfs"),
]


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
                plain = unquote(where.split("?")[0]).rstrip("/")
                assert plain.endswith(("rendered", "/studies")), (where, answer[:300])
    for method in ("DELETE", "POST"):
        for where in TARGETS[::5]:
            line = f"{method} /dicomweb{where} HTTP/1.1\r\nHost: localhost\r\n".encode()
            answer = target.exchange(line + CLOSE + b"Content-Length: 0\r\n\r\n")
            assert not answer or 400 <= status_of(answer) < 500, (where, answer[:300])
    assert stored_files(room) == before
    assert Path("/etc/passwd").exists()


ALL = ",".join(map(str, range(1, 2 * MAX_FRAMES + 1)))


def wado(instance: str) -> str:
    """Return the target of WADO-URI for an instance among the faults."""
    names = f"studyUID={FAULTS}&seriesUID={FAULTS}.1&objectUID={instance}"
    return f"?requestType=WADO&{names}&contentType=image/gif"


# --- too much -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "status"),
    [
        (path(FAULTS, WIDEST) + "/rendered", 413),
        (path(FAULTS, WIDEST) + "/frames/1/rendered", 413),
        (path(FAULTS, WIDEST) + "/thumbnail", 413),
        (path(FAULTS, WIDEST) + "/frames/1", 413),
        (path(FAULTS, LONGEST) + "/rendered", 413),
        (path(FAULTS, LONGEST) + "/rendered?frames=1-60", 413),
        (path(FAULTS, LONGEST) + "/rendered?frames=1-2147483647,1-2147483647", 413),
        (wado(LONGEST), 413),
        (f"{GOOD}?viewport=60000,60000", 400),
        (f"{GOOD}?max-size=99999999", 400),
    ],
)
def test_what_is_too_large_is_refused(target, where, status):
    is_stored = where.endswith("/frames/1")
    answer = target.get(where, "application/octet-stream" if is_stored else "image/png, image/gif")
    assert answer.status_code in (status, 413), answer.text[:300]
    # To who takes no text at all a problem is told in HTML (PS3.18 8.6.3).
    assert "Detail" in answer.text


@pytest.mark.parametrize(
    ("end", "kind"), [("", "application/octet-stream"), ("/rendered", "image/png")]
)
def test_a_list_of_too_many_frames_is_refused(target, end, kind):
    where = f"{path(FAULTS, LONGEST)}/frames/{ALL}{end}"
    assert target.get(where, f'multipart/related; type="{kind}"').status_code == 413


@pytest.mark.parametrize(
    "end",
    ["/rendered", "/thumbnail", "/frames/1", "/frames/1/rendered", "/metadata", "/pixeldata", "",
     "/rendered?frames=1-2147483647", "/rendered?frames=all", "/frames/1,2147483647/rendered",
     "/frames/2147483647", "/frames/2147483647/thumbnail"],
)  # fmt: skip
@pytest.mark.parametrize("accept", ["*/*", "image/gif", "multipart/related"])
def test_frames_that_are_not_there_cost_nothing(target, end, accept):
    before = target.memory()
    answer = target.get(path(FAULTS, BOASTFUL) + end, accept)
    assert answer.status_code in (200, 400, 404, 406, 413, 500), answer.text[:300]
    assert target.memory() < before + MEMORY


def test_what_is_there_of_frames_that_are_not_is_shown(target):
    for end in ("/thumbnail", "/rendered", "/frames/1/rendered"):
        answer = target.get(path(FAULTS, BOASTFUL) + end, "image/png")
        assert answer.status_code == 200, (end, answer.text[:300])


@pytest.mark.parametrize(
    ("where", "statuses"),
    [(path(FAULTS, SHOWN) + "/rendered", {413}), (wado(BOASTFUL), {200, 413, 500})],
)
def test_frames_that_are_not_there_cost_nothing_elsewhere(target, where, statuses):
    before = target.memory()
    assert target.get(where).status_code in statuses
    assert target.memory() < before + MEMORY


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
