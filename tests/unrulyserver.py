"""A DICOMweb server that does what servers should not, on a real socket.

Each answer is made of bytes by hand, so that nothing in between repairs it.
"""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

__all__ = ["INSTANCES", "SERIES", "STUDY", "Unruly", "unruly"]

ROOT = "1.2.826.0.1.3680043.8.498.55"
STUDY, SERIES = f"{ROOT}.1", f"{ROOT}.1.1"
INSTANCES = tuple(f"{SERIES}.{number}" for number in range(1, 7))

Answer = Callable[["_Handler", str], None]


class Unruly(ThreadingHTTPServer):
    """The server.

    Attributes
    ----------
    file
        Returns the DICOM file of an instance.
    manners
        What becomes of a request for an instance; by default the file, as it should be.
    seen
        Headers of each request, by path.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, file: Callable[[str], bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.file = file
        self.manners: Answer = _Handler.whole
        self.search: Callable[[_Handler, dict[str, str]], None] = _Handler.results
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.counts: Counter[str] = Counter()
        self.lock = threading.Lock()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/rs"

    def first(self, key: str, *, times: int = 1) -> bool:
        """Tell whether this is one of the first times for ``key``."""
        with self.lock:
            self.counts[key] += 1
            return self.counts[key] <= times

    def handle_error(self, *_arguments: object) -> None:
        """Say nothing: clients that hang up are what is tried."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Unruly

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def do_OPTIONS(self) -> None:
        self.reply(404)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        with self.server.lock:
            self.server.seen.append((self.path, dict(self.headers)))
        if parts.path.endswith(("/studies", "/series", "/instances")):
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            self.server.search(self, {**query, "level": parts.path.rpartition("/")[2]})
            return
        instance = next((each for each in INSTANCES if parts.path.endswith(f"/{each}")), "")
        if not instance:
            self.reply(404)
            return
        self.server.manners(self, instance)

    # How it should be

    def reply(
        self, status: int, body: bytes = b"", content_type: str = "text/plain", **headers: str
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def multipart(self, body: bytes, *, boundary: str = "b", said: str = "b") -> None:
        message = b"".join(
            (
                f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode(),
                body,
                f"\r\n--{boundary}--\r\n".encode(),
            )
        )
        kind = f'multipart/related; type="application/dicom"; boundary={said}'
        self.reply(200, message, kind)

    def whole(self, instance: str) -> None:
        self.multipart(self.server.file(instance))

    def results(self, query: dict[str, str]) -> None:
        start, count = int(query.get("offset", 0)), int(query.get("limit", 1000))
        self.models(query["level"], slice(start, start + count))

    def models(self, level: str, part: slice) -> None:
        found = {
            "studies": [{}],
            "series": [{"0020000E": SERIES}],
            "instances": [
                {"0020000E": SERIES, "00080018": each, "00200013": str(number)}
                for number, each in enumerate(INSTANCES, start=1)
            ],
        }[level][part]
        said = [
            {
                tag: {"vr": "UI", "Value": [text]}
                for tag, text in {"0020000D": STUDY, **each}.items()
            }
            for each in found
        ]
        self.reply(200, json.dumps(said).encode(), "application/dicom+json")

    # How it should not be

    def truncated(self, instance: str) -> None:
        """Announce all, send half, hang up."""
        body = self.server.file(instance)
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        self.close_connection = True
        self.connection.close()

    def endless(self, _instance: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        while True:
            self.wfile.write(chunk)

    def dripping(self, instance: str) -> None:
        body = self.server.file(instance)
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for at in range(len(body)):
            self.wfile.write(body[at : at + 1])
            self.wfile.flush()
            time.sleep(0.02)

    def bomb(self, _instance: str) -> None:
        body = gzip.compress(bytes(64 << 20))
        self.reply(200, body, "application/dicom", Content_Encoding="gzip")


@contextmanager
def unruly(file: Callable[[str], bytes]) -> Iterator[Unruly]:
    """Run the server."""
    server = Unruly(file)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
