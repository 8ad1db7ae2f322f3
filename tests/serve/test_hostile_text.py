"""Long hostile text in every header and query parameter costs work in proportion to its length.

Work is the processor time of the server's own process, in which the event loop runs. It is compared
with the work for a quarter of the text, so that the speed of the machine does not matter.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from rendicom.dicomweb.rendered_parameters import rendered_parameters
from rendicom.dicomweb.search_parameters import REQUIRED_KEYS
from rendicom.dicomweb.wadouri import WADO_PARAMETERS
from servedfiles import GRAY, LOOP, LOOPS, WIDE, path, write_made
from serverprocess import Served, served
from troubledserver import CLOSE, JSON, header, request, status_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc")

HEAD, TARGET = 60_000, 12_000
"""Letters of a header and of a query value: just below what the server takes."""
HARMLESS = 60_000_000
"""Nanoseconds that need no comparison."""
GROWTH = 8
"""Four times the text may cost so much more: 4 is linear, 16 quadratic."""

HEADERS = (
    "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Authorization", "apikey",
    "Cache-Control", "Connection", "Content-Encoding", "Content-Location", "Content-Type", "Cookie",
    "Expect", "Forwarded", "Host", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range",
    "Origin", "Range", "Referer", "TE", "Transfer-Encoding", "User-Agent", "Via", "X-API-Key",
    "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Prefix", "X-Forwarded-Proto",
)  # fmt: skip
"""Those that the server reads, and those that a library below it could."""

UNITS = (
    " ", ",", ";", '"', "\\", '\\"', "*", "%", ".", "/", "9", "1.", "a", " ,", "; q=", "gzip,",
    "a=b;", "a/b,", '"a",', "=", "[", ":", "&", "é", "0-", "*a",
)  # fmt: skip
"""What a value is made of, again and again."""

BEGINNINGS = ("gzip", 'multipart/related; type="', "Bearer ", "bytes=")
PLAIN = [("", unit, ending) for unit in UNITS for ending in ("", "x")]
BEGUN = [(beginning, unit, "x") for beginning in BEGINNINGS for unit in UNITS[:6]]


def texts(length: int) -> Iterator[str]:
    """Yield hostile values of about so many letters."""
    for beginning, unit, ending in PLAIN + BEGUN if length > TARGET else PLAIN:
        yield beginning + unit * (length // len(unit.encode())) + ending


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a server that reads all of the headers, and whose clients may store."""
    folder = tmp_path_factory.mktemp("asked")
    write_made(folder / "made")
    more = ("--rescan", "0", "--idle", "1", "--trusted-proxies", "127.0.0.1", "--writable",
            "--data", folder / "data", "--cors", "https://viewer.example")  # fmt: skip
    with served(folder / "made", *more) as running:
        running.wait_for_index()
        yield running


times = itertools.count()


def work(server: Served, data: bytes) -> int:
    """Return nanoseconds of processor time that the server's process needs for a request."""

    def spent() -> int:
        tasks = Path(f"/proc/{server.process.pid}/task").iterdir()
        return sum(int((each / "schedstat").read_text().split()[0]) for each in tasks)

    before = spent()
    answer = server.exchange(data)
    assert status_of(answer) < 500, (answer[:300], data[:300])
    return spent() - before


def check(server: Served, make: Callable[[str], bytes], length: int) -> None:
    """Compare work for values of all kinds."""
    for large in texts(length):
        cost = work(server, make(large))
        if cost <= HARMLESS:
            continue
        # Another process may have come between: the least of three counts.
        cost = min(work(server, make(large)) for _ in range(3))
        small = large[: len(large) // 4] + large[-1]
        less = min(work(server, make(small)) for _ in range(3))
        assert cost <= max(HARMLESS, GROWTH * less), (large[:40], cost, less)


@pytest.mark.parametrize("name", HEADERS)
def test_a_header(asked, name):
    own = name.lower().encode()

    def make(text: str) -> bytes:
        # Each time another query: what was just answered would be sent again unread.
        target = f"{path(GRAY, WIDE)}/rendered?viewport=32,32&time={next(times)}"
        plain = request(target, accept="*/*", more=CLOSE)
        kept = [line for line in plain.split(b"\r\n") if not line.lower().startswith(own)]
        # A second Connection header, as the server waits for more if the first says nothing.
        return b"\r\n".join((kept[0], f"{name}: {text}".encode(), CLOSE.strip(), *kept[1:]))

    check(asked, make, HEAD)


@pytest.mark.parametrize("name", ["Content-Type", "Content-Length", "Accept", "Origin"])
def test_a_header_of_what_is_stored(asked, name):
    def make(text: str) -> bytes:
        more = CLOSE + f"{name}: {text}\r\n".encode()
        if name != "Content-Length":
            more += b"Content-Length: 4\r\n"
        return request("/studies", method="POST", accept=JSON, more=more) + b"\r\n\r\n"

    check(asked, make, HEAD)


@pytest.mark.parametrize("field", ["Content-Type", "Content-Location", "", "A"])
def test_a_header_of_a_part(asked, field):
    kind = 'multipart/related; type="application/dicom"; boundary=b'

    def make(text: str) -> bytes:
        body = f"--b\r\n{field}: {text}\r\n\r\nabc\r\n--b--\r\n".encode()
        more = CLOSE + header(kind, len(body))
        return request("/studies", method="POST", accept=JSON, more=more) + body

    check(asked, make, HEAD)


RENDERED = sorted(each.name for each in rendered_parameters())


@pytest.mark.parametrize("name", [*RENDERED, "no-such-parameter"])
def test_a_parameter_of_a_picture(asked, name):
    def make(text: str) -> bytes:
        target = f"{path(LOOPS, LOOP)}/rendered?{name}={text_of(text)}"
        return request(target, accept="image/gif", more=CLOSE)

    check(asked, make, TARGET)


@pytest.mark.parametrize("name", WADO_PARAMETERS)
def test_a_parameter_of_wado_uri(asked, name):
    given = {
        "requestType": "WADO", "studyUID": GRAY, "seriesUID": f"{GRAY}.1", "objectUID": WIDE
    }  # fmt: skip

    def make(text: str) -> bytes:
        query = "&".join(f"{key}={text_of(value)}" for key, value in {**given, name: text}.items())
        return request(f"/?{query}", accept="*/*", more=CLOSE)

    check(asked, make, TARGET)


SEARCHED = sorted({f"{tag[0]:08X}" for keys in REQUIRED_KEYS.values() for tag in keys})


@pytest.mark.parametrize("name", [*SEARCHED, "includefield", "limit", "offset", "fuzzymatching"])
def test_a_parameter_of_a_search(asked, name):
    def make(text: str) -> bytes:
        fuzzy = "" if name == "fuzzymatching" else "&fuzzymatching=true"
        target = f"/instances?{name}={text_of(text)}{fuzzy}"
        return request(target, accept=JSON, more=CLOSE)

    check(asked, make, TARGET)


def test_names_of_parameters(asked):
    for where in (path(GRAY, WIDE) + "/rendered", "/studies", "/"):
        check(
            asked,
            lambda text, where=where: request(
                f"{where}?{text_of(text)}=1", accept="*/*", more=CLOSE
            ),
            TARGET,
        )


def test_a_path(asked):
    for before, after in (("/studies/", "/series"), (path(LOOPS, LOOP) + "/frames/", "")):
        check(
            asked,
            lambda text, before=before, after=after: request(
                before + text_of(text) + after, accept="*/*", more=CLOSE
            ),
            TARGET,
        )


def text_of(text: str) -> str:
    """Return a text as it may stand in a target: shortened to what fits."""
    return quote(text, safe="*,;.-:!'()~/")[:TARGET]
