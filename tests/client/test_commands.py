"""The commands on servers that do wrong: one line that says it, and nothing half done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rendicom
from rendicom.cli.main import main
from rendicom.testing.images import image
from rendicom.testing.writer import element
from scriptedserver import Place, Reply, answer, multipart, scripted

STUDY, SERIES = "1.2.826.0.1.3680043.8.498.79", "1.2.826.0.1.3680043.8.498.79.1"
BELOW = f"/studies/{STUDY}/series/{SERIES}/instances"
KEY = "sesame-open-4711"
KIND = 'Content-Type: multipart/related; type="application/dicom"; boundary=edge'
JSON = "Content-Type: application/dicom+json"
HTML = answer(
    b"<!doctype html><html><p>Sign in, Toboso^Dulcinea</p></html>", "Content-Type: text/html"
)


def uid(number: int) -> str:
    return f"{SERIES}.{number}"


def file_of(number: int) -> bytes:
    identity = (
        element(0x00080018, "UI", uid(number)),
        element(0x00100010, "PN", "Toboso^Dulcinea"),
        element(0x0020000D, "UI", STUDY),
        element(0x0020000E, "UI", SERIES),
        element(0x00200013, "IS", str(number)),
    )
    pixels = (np.arange(16 * 24) * number % 256).astype(np.uint8).reshape(16, 24)
    return image(pixels, extra=identity)


def good(number: int) -> bytes:
    return answer(multipart(file_of(number)), KIND)


def models(*numbers: int) -> bytes:
    def said(number: int) -> dict[str, object]:
        values = {"0020000D": STUDY, "0020000E": SERIES, "00080018": uid(number)}
        model = {tag: {"vr": "UI", "Value": [value]} for tag, value in values.items()}
        size = {"00280010": {"vr": "US", "Value": [16]}, "00280011": {"vr": "US", "Value": [24]}}
        return {**model, **size, "00200013": {"vr": "IS", "Value": [number]}}

    return answer(json.dumps([said(each) for each in numbers]).encode(), JSON)


@pytest.fixture
def place(server) -> Place:
    made = server.place()
    made.answers(BELOW, models(1))
    return made


@pytest.fixture
def get(place, tmp_path, capfd):
    """Run ``rendicom get`` for one instance, and return the status and what was said."""

    def run(*replies: Reply, target: str = "out.png", at: str = "", flags: tuple[str, ...] = ()):
        path = f"{BELOW}/{uid(1)}"
        place.answers(path + at, *replies)
        folder = tmp_path / "target"
        folder.mkdir()
        arguments = ["get", place.base + path, str(folder / target), "--api-key", KEY, *flags]
        status = main(arguments)
        said = capfd.readouterr()
        return status, said.out, said.err, folder

    return run


def expected(number: int) -> bytes:
    return rendicom.render(file_of(number), 1, media_type="image/png").data


# --- one instance -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (answer(multipart(file_of(1), boundary="brink"), KIND), "malformed"),
        (answer(multipart(file_of(1))[:-100], KIND), "malformed"),
        (HTML, "perhaps a login page"),
        (answer(b"", "Location: x", status="302 Found"), "redirects too often"),
        (answer(b"", "Location: file:///etc/passwd", status="302 Found"), "invalid address"),
        (answer(HTML, status="401 Unauthorized"), "--api-key"),
        (answer(HTML, status="403 Forbidden"), "these credentials"),
        (answer(HTML, status="404 Not Found"), "another one"),
        (answer(HTML, status="410 Gone"), "410"),
        (answer(HTML, status="500 Error"), "500"),
        (answer(file_of(1)[:200], "Content-Type: application/dicom"), ""),
        (answer(b"x" * 1000, "Content-Type: application/dicom"), "DICOM"),
        (answer(b"", length=1 << 50), "too much"),
        (answer(b"x", "Content-Range: bytes 0-0/9", status="206 Partial Content"), "a part of"),
        (good(2), "another instance"),
    ],
    ids=[
        "boundary", "cut", "html", "circle", "file", "401", "403",
        "404", "410", "500", "cut header", "no dicom", "length", "206", "another",
    ],
)  # fmt: skip
def test_one_line_and_nothing_written(get, place, reply, said):
    place.answers(f"{BELOW}/x", answer(b"", "Location: x", status="302 Found"))
    status, out, err, folder = get(reply, flags=("--render", "local"))
    assert (status, out) == (1, "")
    assert err.count("\n") == 1, err
    assert said in err
    assert KEY not in err
    assert "Toboso" not in err
    assert list(folder.iterdir()) == []
    assert all(each.headers["apikey"] == KEY for each in place.requests)


def test_standard_output_stays_empty(capfdbinary, place):
    place.answers(f"{BELOW}/{uid(1)}", HTML)
    assert main(["get", f"{place.base}{BELOW}/{uid(1)}", "-", "--format", "png"]) == 1
    assert capfdbinary.readouterr().out == b""


@pytest.mark.parametrize(
    "trouble",
    [
        answer(b"", "Retry-After: 0", status="429 Too Many Requests"),
        answer(b"", "Retry-After: 1", status="503 Service Unavailable"),
        answer(HTML, status="502 Bad Gateway"),
        good(1)[:-200],
        b"",
    ],
    ids=["429", "503", "502", "broken", "closed"],
)
def test_what_passes_by_is_waited_for(get, place, trouble):
    status, out, err, folder = get(trouble, good(1))
    assert (status, out) == (0, ""), err
    assert (folder / "out.png").read_bytes() == expected(1)
    assert [each.name for each in folder.iterdir()] == ["out.png"]
    assert place.count(f"{BELOW}/{uid(1)}") == 2


def test_names_in_headers_are_nothing_to_us(get, tmp_path):
    body = multipart(file_of(1)).replace(b"\r\n\r\n", b"\r\nContent-Location: ../../x\r\n\r\n", 1)
    where = "Content-Location: ../../y", "Content-Disposition: attachment; filename=../z"
    status, _out, _err, folder = get(
        answer(body, KIND, *where), target="", flags=("--format", "png", "--engine", "inline")
    )
    assert status == 0
    assert [each.suffix for each in folder.rglob("*") if each.is_file()].count(".png") == 1
    assert {each.name for each in tmp_path.iterdir()} <= {"target"}


def test_another_host_never_sees_the_key(get):
    with scripted() as other:
        elsewhere = other.place()
        elsewhere.answers("/file", good(1))
        status, _out, err, folder = get(
            answer(b"", f"Location: {elsewhere.base}/file", status="307 Same")
        )
        assert status == 0, err
        assert (folder / "out.png").read_bytes() == expected(1)
        (asked,) = elsewhere.requests
        assert KEY.encode() not in asked.raw


# --- pictures that the server makes -----------------------------------------------------------


PNG = rendicom.render(file_of(1), 1, media_type="image/png").data
SMALL = rendicom.render(image(np.zeros((4, 4), np.uint8)), 1, media_type="image/png").data
JPEG = rendicom.render(file_of(1), 1, media_type="image/jpeg").data


def test_a_picture_as_it_should_be(get):
    status, _out, err, folder = get(
        answer(PNG, "Content-Type: image/png"), at="/rendered", flags=("--render", "remote")
    )
    assert status == 0, err
    assert (folder / "out.png").read_bytes() == PNG


@pytest.mark.parametrize(
    "reply",
    [
        HTML,
        answer(b"<html>", "Content-Type: image/png"),
        answer(PNG[:-30], "Content-Type: image/png"),
        answer(PNG[:20], "Content-Type: image/png"),
        answer(b"", "Content-Type: image/png"),
        answer(JPEG, "Content-Type: image/jpeg"),
        answer(JPEG, "Content-Type: image/png"),
        answer(multipart(PNG, PNG, kind="image/png"), KIND),
        answer(status="204 No Content"),
    ],
    ids=["html", "html as png", "cut", "cut early", "empty", "jpeg", "jpeg as png", "two", "204"],
)
def test_pictures_that_are_none(get, reply):
    status, out, err, folder = get(reply, at="/rendered", flags=("--render", "remote"))
    assert (status, out, err.count("\n")) == (1, "", 1), err
    assert KEY not in err
    assert "Toboso" not in err
    assert list(folder.iterdir()) == []


def test_a_picture_of_another_size(get):
    flags = ("--render", "remote", "--max-size", "8")
    status, _out, err, folder = get(
        answer(PNG, "Content-Type: image/png"), at="/rendered", flags=flags
    )
    assert (status, err.count("\n")) == (1, 1), err
    assert list(folder.iterdir()) == []


# --- a whole series ---------------------------------------------------------------------------


def test_each_for_itself(place, tmp_path):
    numbers = range(1, 8)
    place.answers(BELOW, models(*numbers), models())
    replies: dict[int, tuple[Reply, ...]] = {
        2: (HTML,),
        4: (good(4)[:-100], good(4)),
        5: (answer(f"<p>{KEY}".encode(), status="403 Forbidden"),),
        7: (good(6),),
    }
    for number in numbers:
        place.answers(f"{BELOW}/{uid(number)}", *replies.get(number, (good(number),)))
    command = [
        sys.executable,
        "-m",
        "rendicom",
        "get",
        place.base + BELOW.removesuffix("/instances"),
    ]
    flags = ["--api-key", "env:PACS_KEY", "--format", "png", "--render", "local"]
    done = subprocess.run(
        [*command, str(tmp_path / "out"), *flags], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PACS_KEY": KEY}, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    lines = (tmp_path / "out" / "manifest.jsonl").read_text()
    for said in (done.stdout, done.stderr, lines):
        assert KEY not in said
        assert "Toboso" not in said
    written = {path.stem: path.read_bytes() for path in (tmp_path / "out").rglob("*.png")}
    assert written == {uid(number): expected(number) for number in (1, 3, 4, 6)}
    listed = [json.loads(line) for line in lines.splitlines()]
    failed = {each["source"].rpartition("/")[2] for each in listed if each["status"] == "failed"}
    assert failed == {uid(2), uid(5), uid(7)}
    left = {path.suffix for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert left == {".png", ".jsonl"}
    for number in (2, 5, 7):
        place.answers(f"{BELOW}/{uid(number)}", good(number))
    place.answers(BELOW, models(*numbers), models())
    before = place.count(f"{BELOW}/{uid(1)}")
    again = [
        "get",
        place.base + BELOW.removesuffix("/instances"),
        str(tmp_path / "out"),
        "--resume",
    ]
    flags[1] = KEY
    assert main([*again, *flags, "--engine", "inline"]) == 0
    assert place.count(f"{BELOW}/{uid(1)}") == before
    written = {path.stem: path.read_bytes() for path in (tmp_path / "out").rglob("*.png")}
    assert written == {uid(number): expected(number) for number in numbers}


# --- the other commands -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [HTML, answer(b"[{", JSON), answer(b"[1]", JSON), answer(HTML, status="401 Unauthorized"),
     answer(b"", "Location: /studies", status="302 Found")],
)  # fmt: skip
def test_searches(place, capfd, reply):
    place.answers("/studies", reply)
    assert main(["find", place.base, "--api-key", KEY]) == 1
    said = capfd.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1), said.err
    assert KEY not in said.err
    assert "Toboso" not in said.err


@pytest.mark.parametrize(
    "reply",
    [HTML, answer(b"{", JSON, status="202 Accepted"), answer(HTML, status="401 Unauthorized"),
     answer(HTML, status="413 Too Large"), answer(status="500 Error")],
    ids=["html", "half", "401", "413", "500"],
)  # fmt: skip
def test_storing(place, tmp_path, capfd, reply):
    place.answers("/studies", reply)
    path = tmp_path / "one.dcm"
    path.write_bytes(file_of(1))
    assert main(["store", place.base, str(path), "--api-key", KEY]) == 1
    said = capfd.readouterr()
    assert "Traceback" not in said.err
    assert said.err.strip()
    for each in (said.out, said.err):
        assert KEY not in each
        assert "Toboso" not in each


def test_what_is_stored_goes_to_no_other_host(place, tmp_path, capfd):
    path = tmp_path / "one.dcm"
    path.write_bytes(file_of(1))
    with scripted() as other:
        elsewhere = other.place()
        elsewhere.answers("/studies", answer(b"{}", JSON))
        to = answer(b"", f"Location: {elsewhere.base}/studies", status="307 Same")
        place.answers("/studies", to)
        assert main(["store", place.base, str(path), "--api-key", KEY]) == 1
        assert elsewhere.requests == []
    assert "refused" in capfd.readouterr().err


def test_a_probe_survives(place, capfd, tmp_path):
    place.answers(BELOW, HTML)
    place.answers(f"{BELOW}/{uid(1)}", HTML)
    status = main(["probe", f"{place.base}{BELOW}/{uid(1)}", "--api-key", KEY])
    said = capfd.readouterr()
    assert status in (0, 1)
    assert "Traceback" not in said.err
    assert KEY not in said.out + said.err
    assert Path(tmp_path).exists()
