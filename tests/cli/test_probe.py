"""``rendicom probe``: what it says of our own server, and of one that does less and less well."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("psutil")

import rendicom
from clientserver import path_of
from rendicom.cli.main import main
from rendicom.client.server_profiles import profile_of
from rendicom.testing.images import image
from rendicom.testing.writer import Element, element
from servedfiles import GRAY, PAPERS, PATIENT, PATIENT_ID, SQUARE, path
from serverprocess import served


@pytest.fixture
def probe(capsys):
    def run(url, *arguments):
        capsys.readouterr()
        status = main(["probe", url, *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def verdicts(out: str) -> dict[tuple[str, str], str]:
    found = json.loads(out)["findings"]
    return {(each["service"], each["name"]): each["verdict"] for each in found}


def test_our_own_server_does_it_all(probe, made_server):
    url = made_server.base + path(GRAY, SQUARE)
    status, out, err = probe(url, "--json")
    assert (status, err) == (0, "")
    document = json.loads(out)
    assert (document["url"], document["server"]) == (made_server.base, "rendicom serve")
    said = verdicts(out)
    assert said.pop(("parameters", "iccprofile")) == "not tried"
    assert said.pop(("service", "store")) == said.pop(("service", "delete")) == "not tried"
    assert set(said.values()) == {"yes"}, said
    names = {name for service, name in said if service == "parameters"}
    assert names >= {"window, sigmoid", "viewport, region", "quality", "annotation"}
    details = {each["name"]: each["detail"] for each in document["findings"]}
    assert details["image/png"] == "512 x 512, as rendered locally"
    assert details["window, linear"] == "as rendered locally"
    assert PATIENT not in out
    assert PATIENT_ID not in out


def test_a_table(probe, made_server):
    status, out, _ = probe(made_server.base, "--match", f"StudyInstanceUID={GRAY}")
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == f"{made_server.base}: rendicom serve, by its own word"
    services = [line for line in lines if line and not line.startswith(" ")][1:]
    assert services == ["service", "search", "retrieve", "rendered", "parameters", "thumbnails",
                        "service"]  # fmt: skip
    (line,) = (each for each in lines if each.startswith("  window, linear-exact"))
    assert line.split(maxsplit=2)[2] == "yes        as rendered locally"


def test_what_has_no_picture(probe, made_server):
    status, out, _ = probe(f"{made_server.base}/studies/{PAPERS}", "--json")
    said = verdicts(out)
    assert status == 0, "it can be retrieved"
    assert said["rendered", "pictures"] == "not tried"
    assert not [name for service, name in said if service == "parameters"]


# --- a server that does less --------------------------------------------------------------------


class Lesser(BaseHTTPRequestHandler):
    """Has one instance; ignores every parameter but viewport, which it does wrongly."""

    data = b""
    model: dict[str, object] = {}  # noqa: RUF012 - of the test
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        accept, last = self.headers["Accept"], parts.path.rpartition("/")[2]
        if last in ("studies", "series", "instances"):
            # No matter which limit or offset was asked for.
            self._answer("application/dicom+json", json.dumps([self.model] * 3).encode())
        elif last == "rendered" and "/frames/" not in parts.path and accept == "image/jpeg":
            options = rendicom.RenderOptions()
            if "viewport" in parse_qs(parts.query):
                options = rendicom.RenderOptions(max_size=30)
            self._answer(accept, rendicom.render(self.data, options=options).data)
        elif last == SQUARE and accept.startswith("multipart/"):
            body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + self.data + b"\r\n--b--\r\n"
            self._answer('multipart/related; type="application/dicom"; boundary=b', body)
        elif last == "thumbnail":
            self._answer("text/html", b"<html>no picture</html>")
        else:
            self._answer("text/plain", b"no", status=406)

    def do_OPTIONS(self) -> None:
        self._answer("text/plain", b"no", status=404)

    def _answer(self, media_type: str, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def lesser(made_server):
    text = {"0020000D": GRAY, "0020000E": f"{GRAY}.1", "00080018": SQUARE}
    numbers = {"00280010": 512, "00280011": 512}
    Lesser.data = path_of(made_server.folders[0], SQUARE).read_bytes()
    Lesser.model = {tag: {"vr": "UI", "Value": [uid]} for tag, uid in text.items()} | {
        tag: {"vr": "US", "Value": [value]} for tag, value in numbers.items()
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lesser)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/dicom-web"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_accepted_and_not_done(probe, lesser):
    status, out, err = probe(lesser, "--json")
    assert (status, err) == (0, "")
    said = verdicts(out)
    assert said["service", "capabilities"] == "no"
    assert said["search", "limit and offset"] == "ignored"
    assert said["retrieve", "instance, multipart"] == "yes"
    assert said["retrieve", "instance, single part"] == "no"
    assert said["retrieve", "metadata"] == said["retrieve", "frames"] == "no"
    assert said["rendered", "image/jpeg"] == "yes"
    assert said["rendered", "image/png"] == said["rendered", "frames"] == "no"
    for window in ("linear", "linear-exact", "sigmoid"):
        assert said["parameters", f"window, {window}"] == "ignored"
    assert said["parameters", "viewport, smaller"] == "differs"
    assert said["parameters", "quality"] == said["parameters", "annotation"] == "ignored"
    assert said["thumbnails", "instance"] == "differs"


def test_nothing_to_try(probe, made_server):
    status, out, _ = probe(made_server.base, "--json", "--match", "PatientID=nobody")
    assert status == 1
    assert verdicts(out)["retrieve", "an instance to try"] == "no"


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("pacs.example", 2, "form https"),
        ("http://127.0.0.1:9/wado?requestType=WADO&studyUID=1&seriesUID=2&objectUID=3", 2,
         "WADO-URI"),
        ("http://127.0.0.1:9/dicomweb", 1, "cannot be reached"),
    ],
)  # fmt: skip
def test_what_cannot_be(probe, url, status, said, monkeypatch):
    from rendicom.client import connection_settings as connection

    monkeypatch.setattr(connection, "_RETRY_POLICY", connection.RetryPolicy(attempts=1))
    got, out, err = probe(url)
    assert (got, said in err, err.count("\n")) == (status, True, 1)
    assert out == ""


def test_a_gray_image_of_some_size_is_tried_and_named(probe, tmp_path):
    series = {
        1: image(np.zeros((300, 300, 3), np.uint8), photometric="RGB", extra=_of(1)),
        2: image(np.zeros((64, 64), np.uint8), extra=_of(2)),
        3: image(np.zeros((300, 400), np.uint8), extra=_of(3)),
        4: image(np.zeros((300, 300), np.uint8), extra=_of(4)),
    }
    for number, data in series.items():
        (tmp_path / f"{number}.dcm").write_bytes(data)
    with served(tmp_path, "--rescan", "0") as running:
        running.wait_for_index(len(series))
        _, out, _ = probe(running.base, "--json")
    details = {each["name"]: each["detail"] for each in json.loads(out)["findings"]}
    assert details["an instance to try"] == "1.2.3.3.1, OT, 400 x 300, MONOCHROME2"


def _of(series: int) -> tuple[Element, ...]:
    return (
        element(0x00080018, "UI", f"1.2.3.{series}.1"), element(0x0020000D, "UI", "1.2.3"),
        element(0x0020000E, "UI", f"1.2.3.{series}"), element(0x00200011, "IS", str(series)),
    )  # fmt: skip


def test_an_address_is_no_proof():
    assert profile_of("https://pacs.example/dicomweb").server == "any other"
