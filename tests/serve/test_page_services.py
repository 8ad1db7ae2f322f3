"""What the page asks for beside the services of the standard; archives; the landing page."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

from servedfiles import (
    FIRST,
    GRAY,
    LOOPS,
    PHI,
    REPORT,
    SECRETS,
    SQUARE,
    TROUBLE,
    WIDE,
    hounsfield,
    path,
)  # fmt: skip
from serverprocess import Served, served

ZIP = "application/zip"


def _values(server: Any, study: str, instance: str, query: str, frame: int = 1) -> Any:
    return server.get(f"{server.url}/page{path(study, instance, str(frame))}/values?{query}")


def test_a_value_is_in_hounsfield_units(server):
    values = hounsfield(256, 512)
    for x, y in ((0, 0), (511.5, 255.2), (300, 40)):
        found = _values(server, GRAY, WIDE, f"point={x},{y}").json()
        assert found == {"value": values[int(y), int(x)], "unit": "HU", "position": None}


def test_measures_are_of_the_frame_that_is_named(server):
    found = _values(server, LOOPS, f"{LOOPS}.1.1", "rectangle=0,0,12,8", 3).json()
    assert (found["mean"], found["deviation"], found["pixels"]) == (120, 0, 96)
    found = _values(server, GRAY, WIDE, "line=0,0,30,40").json()
    assert found == {"length": 50, "unit": "pixels"}


def test_a_measure_has_a_tag_and_is_not_made_twice(server):
    first = _values(server, GRAY, WIDE, "point=1,1")
    tag = first.headers["etag"]
    again = server.get(
        f"{server.url}/page{path(GRAY, WIDE, '1')}/values?point=1,1",
        headers={"If-None-Match": tag},
    )
    assert (first.status_code, again.status_code) == (200, 304)


@pytest.mark.parametrize(
    ("study", "instance", "query", "frame", "status"),
    [
        (GRAY, WIDE, "", 1, 400),
        (GRAY, WIDE, "point=1", 1, 400),
        (GRAY, WIDE, "point=1,x", 1, 400),
        (GRAY, WIDE, "point=1,1&line=1,1,2,2", 1, 400),
        (GRAY, WIDE, "point=512,1", 1, 400),
        (GRAY, WIDE, "point=1,1", 2, 404),
        (GRAY, f"{GRAY}.9", "point=1,1", 1, 404),
        (TROUBLE, f"{TROUBLE}.1.4", "point=1,1", 1, 500),
    ],
)
def test_what_cannot_be_measured_is_a_problem(server, study, instance, query, frame, status):
    answer = _values(server, study, instance, query, frame)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert not any(name in answer.content for name in PHI)


def test_the_description_names_values_and_archives(server):
    told = server.get(f"{server.url}/openapi.json").json()["paths"]
    (where,) = [each for each in told if each.endswith("/values")]
    names = [each["name"] for each in told[where]["get"]["parameters"]]
    assert {"study", "frames", "point", "line", "angle", "rectangle"} <= set(names)
    found = told["/dicomweb/studies/{study}"]["get"]["responses"]["200"]["content"]
    assert ZIP in found


# --- archives --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "instances"),
    [
        (path(GRAY), {WIDE, SQUARE, FIRST, f"{GRAY}.2.1"}),
        (path(GRAY, series=f"{GRAY}.1"), {WIDE, SQUARE, FIRST}),
        (path(GRAY, WIDE), {WIDE}),
    ],
)
def test_an_archive_holds_the_files_as_they_are_stored(server, folder, where, instances):
    answer = server.get(where, ZIP)
    assert answer.headers["content-type"] == ZIP
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    stored = {
        pydicom.dcmread(file).SOPInstanceUID: file.read_bytes()
        for file in (folder / "made").glob("[fsw]*.dcm")
    }
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = {Path(name).stem: name for name in archive.namelist()}
        assert set(names) == instances
        for uid, name in names.items():
            assert archive.read(name) == stored[uid]
            assert name == f"{GRAY}/{GRAY}.{2 if uid == f'{GRAY}.2.1' else 1}/{uid}.dcm"


def test_an_archive_can_be_asked_for_in_the_query_and_is_the_same_each_time(server):
    first = server.get(f"{path(LOOPS)}?accept={ZIP}")
    again = server.get(path(LOOPS), ZIP)
    assert first.content == again.content
    head = {"If-None-Match": first.headers["etag"]}
    assert server.get(path(LOOPS), ZIP, headers=head).status_code == 304
    assert (
        server.get(path(LOOPS), "multipart/related; type=application/dicom").content[2:4] == b"--"
    )


def test_an_archive_needs_a_study_that_is_there(server):
    assert server.get(path(f"{GRAY}.77"), ZIP).status_code == 404


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a study of 32 x 8 MB."""
    from rendicom.testing import element, image

    folder = tmp_path_factory.mktemp("large")
    for number in range(32):
        uids = (element(0x0020000D, "UI", "1.2.3"), element(0x0020000E, "UI", "1.2.3.1"),
                element(0x00080018, "UI", f"1.2.3.1.{number}"))  # fmt: skip
        data = image(bytes(8 << 20), rows=2048, columns=4096, extra=uids)
        (folder / f"{number}.dcm").write_bytes(data)
    with served(folder, "--rescan", "0") as running:
        running.wait_for_index(32)
        yield running


def test_an_archive_is_sent_as_it_is_read(large):
    import psutil

    process = psutil.Process(large.process.pid)
    before = process.memory_info().rss
    with large._client.stream("GET", "/studies/1.2.3", headers={"Accept": ZIP}) as answer:
        pieces, most = [], 0
        for piece in answer.iter_bytes():
            pieces.append(piece)
            most = max(most, process.memory_info().rss)
    assert most - before < 96 << 20, "the archive has 256 MB"
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert len(archive.namelist()) == 32
        assert archive.testzip() is None


# --- the landing page ------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["", "/"])
def test_a_browser_at_the_base_gets_a_page(server, end):
    answer = server.get(f"{server.base}{end}", "text/html,*/*;q=0.8")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert f"{server.url}/docs" in answer.text
    assert "script" not in answer.headers["content-security-policy"]
    assert server.get(f"{server.base}{end}", "application/json").status_code == 400
    icon = server.get(f"{server.url}/favicon.ico")
    assert icon.content[:4] == b"\0\0\1\0"
    assert icon.headers["content-type"] == "image/x-icon"


def test_the_landing_page_is_public_and_nothing_else_there_is(folder, tmp_path):
    keys = tmp_path / "keys"
    command = [sys.executable, "-m", "rendicom", "key", str(keys), "--name", "reader"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with served(folder / "made", "--api-key-file", keys, "--rescan", "0") as guarded:
        html = "text/html"
        assert guarded.get(f"{guarded.base}/", html).status_code == 200
        query = f"studyUID={GRAY}&seriesUID={GRAY}.1&objectUID={WIDE}"
        for name in ("requestType", "%72equestType", "requesttype"):
            answer = guarded.get(f"{guarded.base}/?{name}=WADO&{query}", html)
            assert answer.status_code == 401, name
        values = f"{guarded.url}/page{path(GRAY, WIDE, '1')}/values?point=1,1"
        assert guarded.get(values).status_code == 401
        assert guarded.get(path(GRAY), ZIP).status_code == 401


def test_names_of_classes_are_in_the_dictionary(server):
    told = server.get(f"{server.url}/page/dictionary.json").json()
    assert told["1.2.840.10008.5.1.4.1.1.9.1.1"] == "12-lead ECG Waveform"
    assert told["00100010"] == "Patient's Name"


def test_the_audit_log_says_which_frame_was_measured(server):
    _values(server, SECRETS, f"{SECRETS}.1.1", "point=7,7")

    def lines() -> list[Any]:
        return [json.loads(line) for line in server.audit.read_text().splitlines()]

    from serverprocess import until

    until(
        lambda: any(
            each.get("route", "").endswith("/values") and each.get("study") == SECRETS
            for each in lines()
        ),
        what="a line of the audit log",
    )
    assert "point" not in server.audit.read_text()


def test_a_report_has_no_values(server):
    papers = REPORT.rsplit(".", 2)[0]
    assert _values(server, papers, REPORT, "point=1,1").status_code in (404, 406)
