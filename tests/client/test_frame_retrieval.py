"""Few frames of many, retrieved alone; whatever is wrong with them, no picture is."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pydicom
import pytest

import rendicom
from rendicom.cli.main import main
from rendicom.testing.images import image
from rendicom.testing.writer import element
from scriptedserver import Place, Reply, answer, multipart

STUDY, SERIES, INSTANCE = (f"1.2.826.0.1.3680043.8.498.81{end}" for end in ("", ".1", ".1.1"))
BELOW = f"/studies/{STUDY}/series/{SERIES}/instances"
PATH = f"{BELOW}/{INSTANCE}"
FRAMES = (np.arange(12 * 16 * 24) * 7 % 251).astype(np.uint8).reshape(12, 16, 24)
DATA = image(
    FRAMES,
    extra=(
        element(0x00080018, "UI", INSTANCE),
        element(0x0020000D, "UI", STUDY),
        element(0x0020000E, "UI", SERIES),
    ),
)
JSON = "Content-Type: application/dicom+json"
OCTETS = 'Content-Type: multipart/related; type="application/octet-stream"; boundary=edge'
WHOLE = answer(
    multipart(DATA), 'Content-Type: multipart/related; type="application/dicom"; boundary=edge'
)


EXPLICIT = "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"


def model(**changed: object) -> dict[str, object]:
    read = pydicom.dcmread(BytesIO(DATA))
    del read.PixelData
    return {**read.to_json_dict(), **changed}


def listed(*models: dict[str, object]) -> bytes:
    return answer(json.dumps(models).encode(), JSON)


def frame(data: bytes, kind: str = EXPLICIT) -> bytes:
    return answer(multipart(data, kind=kind), OCTETS)


SEVENTH = FRAMES[6].tobytes()


@pytest.fixture
def place(server) -> Place:
    made = server.place()
    made.answers(BELOW, listed(model()))
    made.answers(f"{PATH}/metadata", listed(model()))
    made.answers(PATH, WHOLE)
    return made


@pytest.fixture
def get(place, tmp_path, capsys):
    def run(*replies: Reply) -> tuple[int, bytes, str]:
        if replies:
            place.answers(f"{PATH}/frames/7", *replies)
        path = tmp_path / "seventh.png"
        status = main(["get", place.base + PATH, str(path), "--frames", "7", "-v"])
        return status, path.read_bytes() if path.exists() else b"", capsys.readouterr().err

    return run


@pytest.fixture(scope="module")
def wanted() -> bytes:
    return rendicom.render(DATA, 7, media_type="image/png").data


def test_one_frame_is_enough(get, place, wanted):
    status, got, said = get(frame(SEVENTH))
    assert (status, got) == (0, wanted), said
    assert place.count(PATH) == 0
    assert "by the frame" in said


@pytest.mark.parametrize(
    "reply",
    [
        frame(SEVENTH[:-100]),
        frame(b""),
        frame(SEVENTH + SEVENTH),
        answer(multipart(SEVENTH, SEVENTH, kind=EXPLICIT), OCTETS),
        answer(multipart(SEVENTH, kind=EXPLICIT)[:-40], OCTETS),
        # The bytes may be of any syntax then.
        frame(SEVENTH, "application/octet-stream"),
        answer(b"<!doctype html><html>", "Content-Type: text/html"),
        answer(status="404 Not Found"),
        answer(status="406 Not Acceptable"),
        answer(status="500 Error"),
        answer(status="204 No Content"),
        frame(SEVENTH, "application/octet-stream; transfer-syntax=1.2.3.4.5"),
        frame(SEVENTH, "image/jpeg"),
    ],
    ids=[
        "short", "empty", "long", "two", "cut", "no syntax", "html", "404", "406", "500", "204",
        "syntax", "jpeg",
    ],
)  # fmt: skip
def test_otherwise_the_whole_is_taken(get, place, wanted, reply):
    status, got, said = get(reply)
    assert (status, got) == (0, wanted), said


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"[]", JSON),
        listed(model(), model()),
        listed({**model(), "00080018": {"vr": "UI", "Value": [f"{INSTANCE}.9"]}}),
        listed({**model(), "00280010": {"vr": "US", "BulkDataURI": "http://127.0.0.1:9/x"}}),
        listed({**model(), "00280010": {"vr": "US", "Value": ["many"]}}),
        listed({**model(), "00280010": {"vr": "US", "Value": [40000]}}),
        listed({"00080018": {"vr": "UI", "Value": [INSTANCE]}}),
        answer(b"[{", JSON),
        answer(b"<html>", "Content-Type: text/html"),
        answer(status="404 Not Found"),
    ],
    ids=[
        "none", "two", "another", "elsewhere", "no number", "huge", "bare", "half", "html", "404",
    ],
)  # fmt: skip
def test_metadata_that_are_of_no_use(get, place, wanted, reply):
    place.answers(f"{PATH}/metadata", reply)
    status, got, said = get(frame(SEVENTH))
    assert (status, got) == (0, wanted), said
    assert place.count(PATH) == 1


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "406 Not Acceptable"])
def test_a_server_without_instances(place, tmp_path, capsys, status):
    """Metadata and frames are enough (PS3.18 10.4.1.1.2, 10.4.1.1.6); each frame is asked once."""
    place.answers(PATH, answer(status=status))
    numbers = ",".join(map(str, range(1, 13)))
    parts = multipart(*(each.tobytes() for each in FRAMES), kind=EXPLICIT)
    place.answers(f"{PATH}/frames/{numbers}", answer(parts, OCTETS))
    folder = tmp_path / "all"
    assert main(["get", place.base + PATH, f"{folder}/", "--format", "png", "-v"]) == 0
    got = [path.read_bytes() for path in sorted(folder.glob("*.png"))]
    assert got == [
        rendicom.render(DATA, number, media_type="image/png").data for number in range(1, 13)
    ]
    assert place.count(f"{PATH}/frames/{numbers}") == 1
    assert "by the frame" in capsys.readouterr().err
