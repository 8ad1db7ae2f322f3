"""What is stored is read in workers, which have limits; what fails is told beside the rest."""

from __future__ import annotations

import json
import shutil
import struct
import sys
import zlib
from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from rendicom.testing.writer import DEFLATED
from servedfiles import PAPERS, REPORT, made, path, write_made
from serverprocess import Served, served, until
from troubledserver import body, gray, new_study, store

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc")

MIB = 1 << 20
REFERENCED, OTHERS, REASON = "00081199", "0008119A", "00081197"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    """Return a server that clients store to, and its folder for temporary files."""
    root = tmp_path_factory.mktemp("kept")
    (root / "temporary").mkdir()
    write_made(root / "made")
    more = (root / "made", "--writable", "--data", root / "data", "--rescan", "0")
    with served(*more, environment={"TMPDIR": str(root / "temporary")}) as running:
        running.wait_for_index()
        yield running, root / "temporary"


def peak(pid: int) -> int:
    """Return the most memory that a process ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def bomb(study: str) -> bytes:
    """Return a small file that inflates to 1.5 GB."""
    whole = made(study, f"{study}.1.1", bytes(64), rows=8, columns=8, transfer_syntax=DEFLATED)
    meta_ends = 144 + int.from_bytes(whole[140:144], "little")
    inflated = zlib.decompress(whole[meta_ends:], -zlib.MAX_WBITS)
    squeeze = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    padding = struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, 1500 * MIB)
    pieces = [whole[:meta_ends], squeeze.compress(inflated + padding)]
    pieces += [squeeze.compress(bytes(MIB)) for _ in range(1500)]
    return b"".join((*pieces, squeeze.flush()))


def test_what_inflates_without_end_is_not_inflated(kept):
    server, _ = kept
    study = new_study(60)
    answer = store(server, bomb(study), gray(study, 2))
    assert answer.status_code == 202, answer.text[:300]
    said = answer.json()
    assert [each[REASON]["Value"] for each in said[OTHERS]["Value"]] == [[0x0110]]
    assert len(said[REFERENCED]["Value"]) == 1
    assert max(peak(each) for each in (server.process.pid, *ids(server))) < 900 * MIB


def ids(server: Served) -> list[int]:
    return [each.pid for each in server.workers()]


@pytest.mark.parametrize("name", ["klingon", "utf-7", "base64", "rot13", "hex", "utf-32"])
def test_xml_in_an_unknown_encoding_costs_that_instance(kept, name):
    server, _ = kept
    study = new_study(61)
    xml = f'<?xml version="1.0" encoding="{name}"?><NativeDicomModel/>'.encode()
    kind = 'multipart/related; type="application/dicom"; boundary=b'
    parts = [("application/dicom", gray(study, 1)), ("application/dicom+xml", xml)]
    content = b"".join(
        b"--b\r\nContent-Type: " + kind_of.encode() + b"\r\n\r\n" + data + b"\r\n"
        for kind_of, data in parts
    )
    answer = server.request(
        "POST", "/studies", "application/dicom+json", content=content + b"--b--\r\n",
        headers={"Content-Type": kind},
    )  # fmt: skip
    assert answer.status_code == 202, answer.text[:300]
    said = json.loads(answer.content)
    assert len(said[REFERENCED]["Value"]) == 1
    assert len(said[OTHERS]["Value"]) == 1
    assert server.request("DELETE", f"/studies/{study}").status_code == 204


def take_away(temporary):
    """Remove the temporary files as a cleaner does, while the server may remove some itself."""
    for folder in temporary.glob("rendicom-spool-*"):
        shutil.rmtree(folder, ignore_errors=True)


def test_a_folder_of_temporary_files_that_is_taken_away_is_made_anew(kept):
    server, temporary = kept
    study = new_study(62)
    for number in (1, 2):
        take_away(temporary)
        assert store(server, gray(study, number)).status_code == 200
        answer = server.get(path(study, f"{study}.1.{number}"), "application/dicom")
        assert answer.status_code == 200
    take_away(temporary)
    ready = server.get(f"{server.url}/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"]["spool"]
    assert list(temporary.glob("rendicom-spool-*")) != []


def test_no_place_for_temporary_files_is_not_ready(tmp_path):
    (tmp_path / "temporary").mkdir()
    write_made(tmp_path / "made")
    variables = {"TMPDIR": str(tmp_path / "temporary")}
    more = (tmp_path / "made", "--rescan", "0", "--data", tmp_path / "data")
    with served(*more, environment=variables) as server:
        server.wait_for_index()
        shutil.rmtree(tmp_path / "temporary")
        ready = server.get(f"{server.url}/readyz")
        assert (ready.status_code, ready.json()["checks"]["spool"]) == (503, False)
        (tmp_path / "temporary").mkdir()
        assert server.get(f"{server.url}/readyz").status_code == 200


def test_documents_are_sandboxed_by_whatever_path(kept):
    server, _ = kept
    where = f"requestType=WADO&studyUID={PAPERS}&seriesUID={PAPERS}.1&objectUID={REPORT}"
    at_base = f"{server.base}?{where}"
    ways = [f"{server.url}/wado?{where}", at_base, path(PAPERS, REPORT) + "/rendered"]
    for way in ways:
        answer = server.get(way, "text/html")
        assert answer.status_code == 200, way
        assert answer.headers["content-type"].startswith("text/html")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, way
        assert "sandbox" in policy, way
    own = server.get(f"{server.url}/", "text/html").headers["content-security-policy"]
    assert "default-src 'self'" in own


def expect_an_empty_spool(temporary: Path) -> None:
    """The server removes what it sent a moment after the last byte has arrived here."""
    until(
        lambda: [[*each.glob("*/*")] for each in temporary.glob("rendicom-spool-*")] == [[]],
        what="files in the spool folder are removed",
    )


def test_a_body_of_many_files_is_kept_where_workers_find_it(kept):
    server, temporary = kept
    study = new_study(63)
    large = made(study, f"{study}.1.1", bytes(6 * MIB), rows=6 << 10, columns=1 << 10)
    assert store(server, large, gray(study, 2)).status_code == 200
    content, kind = body(large)
    assert kind.startswith("multipart/related")
    assert len(content) > 6 * MIB
    expect_an_empty_spool(temporary)


def test_metadata_and_bulk_data_stay_out_of_the_main_process(kept):
    server, temporary = kept
    study, frames = new_study(64), 48
    data_set = pydicom.dcmread(
        BytesIO(made(study, f"{study}.1.1", bytes(MIB), rows=1024, columns=1024))
    )
    data_set.NumberOfFrames = frames
    model = data_set.to_json_dict(bulk_data_threshold=1 << 30)
    model["7FE00010"] = {"vr": "OB", "BulkDataURI": "pixels"}
    model["00420011"] = {"vr": "OB", "InlineBinary": b64encode(bytes(24 * MIB)).decode()}
    parts = [("application/dicom+json", "", json.dumps([model]).encode())]
    parts += [
        ("application/octet-stream", f"Content-Location: pixels/frames/{n}\r\n", bytes([n]) * MIB)
        for n in range(1, frames + 1)
    ]
    content = b"".join(
        f"--b\r\n{where}Content-Type: {kind}\r\n\r\n".encode() + body + b"\r\n"
        for kind, where, body in parts
    )
    before = peak(server.process.pid)
    answer = server.request(
        "POST", "/studies", "application/dicom+json", content=content + b"--b--\r\n",
        headers={"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=b'},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text[:300]
    # The composed file is mapped once while it is written.
    assert peak(server.process.pid) - before < len(content)
    found = server.get(path(study, f"{study}.1.1") + "/frames/48", "application/octet-stream")
    assert bytes([48]) * MIB in found.content
    expect_an_empty_spool(temporary)
