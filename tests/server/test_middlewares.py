"""What requests pass through, on real sockets, around an application with a route of each kind."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from liveserver import Live, living
from rendicom.errors import CorruptDataError, OverloadedError
from rendicom.server import auth
from rendicom.server.audit import Audit
from rendicom.server.auth import Authenticator
from rendicom.server.cache import ByteCache
from rendicom.server.keys import add_key
from rendicom.server.middlewares import middlewares
from rendicom.server.middlewares.observer import NOTES
from rendicom.server.routes import service
from rendicom.server.settings_table import load_settings
from rendicom.server.singleflight import SingleFlight
from rendicom.server.telemetry import Telemetry
from rendicom.server.worker_pool import WorkerPool
from waiting import until

_STUDY = "1.2.840.99"
_PATH = f"/dicomweb/studies/{_STUDY}/series/1.2.3"


class Server:
    """An application, what it consists of, and what its routes saw."""

    def __init__(self, **settings: Any) -> None:
        self.settings = load_settings({"folders": ("a",), **settings})
        self.telemetry = Telemetry()
        self.renderers = WorkerPool(1, engine="threads", metrics=self.telemetry)
        self.telemetry.watch(renderers=self.renderers, cache=ByteCache(100), flights=SingleFlight())
        self.audit = Audit(self.settings.audit_log)
        self.authenticator = Authenticator.of(self.settings)
        self.is_draining = False
        self.index_answers = True
        self.seen: list[str] = []
        self.app = _application(self)

    async def answers(self) -> bool:
        return self.index_answers

    async def has_spool(self) -> bool:
        return True

    async def count_index(self) -> None:
        self.telemetry.indexed(studies=1, series=2, instances=3)

    @contextmanager
    def live(self, **more: Any) -> Iterator[Live]:
        self.audit.start()
        with living(self.app, root_path=self.settings.root_path, **more) as live:
            yield live
        self.audit.close()

    @contextmanager
    def client(self, **more: Any) -> Iterator[httpx2.Client]:
        with self.live() as live, httpx2.Client(base_url=live.url, timeout=10, **more) as client:
            yield client

    def metric(self, line: str) -> str:
        text = self.telemetry.exposition().decode()
        found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
        return found[1] if found else ""


def _application(server: Server) -> FastAPI:  # noqa: C901 - one small route after another
    async def lifespan(_: Any) -> Any:
        await server.authenticator.start()
        await server.renderers.start()
        yield
        await server.renderers.close()
        await server.authenticator.close()

    from contextlib import asynccontextmanager

    app = FastAPI(
        lifespan=asynccontextmanager(lifespan),
        middleware=middlewares(SimpleNamespace(**_parts(server))),
    )
    app.services = server
    app.include_router(service.router)

    @app.get("/dicomweb/studies/{study}/series/{series}")
    async def text(study: str, series: str) -> Response:
        return JSONResponse({"text": "a" * 5000}, headers={"ETag": '"tag"', "Vary": "Accept"})

    @app.post("/dicomweb/studies")
    async def store(request: Request) -> Response:
        size = 0
        async for piece in request.stream():
            size += len(piece)
        server.seen.append(f"stored {size}")
        request.scope[NOTES]["stored"] = 2
        return JSONResponse({"size": size})

    @app.get("/dicomweb/picture")
    async def picture() -> Response:
        return Response(b"x" * 5000, media_type="image/png")

    @app.get("/dicomweb/page")
    async def page() -> Response:
        return Response("<p>report</p>", media_type="text/html")

    @app.get("/")
    async def index() -> Response:
        return Response("<p>page</p>", media_type="text/html")

    @app.get("/dicomweb/stream")
    async def stream() -> Response:
        async def pieces() -> Any:
            try:
                for number in range(200):
                    yield f"piece {number}\n".encode() * 100
                    server.seen.append("piece")
                    await asyncio.sleep(0)
                server.seen.append("whole")
            finally:
                server.seen.append("closed")

        return StreamingResponse(pieces(), media_type="text/plain")

    @app.get("/dicomweb/large")
    async def large() -> Response:
        async def pieces() -> Any:
            while True:
                yield bytes(1 << 16)

        return StreamingResponse(pieces(), media_type="application/octet-stream")

    @app.get("/dicomweb/slow")
    async def slow() -> Response:
        server.seen.append("slow begun")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            server.seen.append("slow cancelled")
            raise
        return Response()

    @app.get("/dicomweb/fault")
    async def fault() -> Response:
        raise ZeroDivisionError("DOE^JOHN")

    @app.get("/dicomweb/late")
    async def late() -> Response:
        async def pieces() -> Any:
            yield b"begun"
            raise ZeroDivisionError("DOE^JOHN")

        return StreamingResponse(pieces())

    @app.get("/dicomweb/corrupt")
    async def corrupt() -> Response:
        raise CorruptDataError("the stream ends early", frame=3)

    @app.get("/dicomweb/busy")
    async def busy() -> Response:
        raise OverloadedError("too much", retry_after=2.4)

    @app.get("/dicomweb/whence")
    async def whence(request: Request) -> Response:
        client = request.client.host if request.client else ""
        return JSONResponse({"client": client, "base": str(request.base_url)})

    return app


def _parts(server: Server) -> dict[str, Any]:
    return {
        "settings": server.settings,
        "telemetry": server.telemetry,
        "audit": server.audit,
        "authenticator": server.authenticator,
    }


@pytest.fixture(autouse=True)
def no_delay(monkeypatch):
    monkeypatch.setattr(auth, "_DELAY_SECONDS", 0.0)


@pytest.fixture(scope="module")
def open_server() -> Iterator[tuple[Server, httpx2.Client]]:
    server = Server()
    with server.client() as client:
        yield server, client


@pytest.fixture
def client(open_server) -> httpx2.Client:
    open_server[0].seen.clear()
    return open_server[1]


# Answers


def test_text_is_compressed_for_who_takes_it(client):
    answer = client.get(_PATH, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json() == {"text": "a" * 5000}
    assert int(answer.headers["Content-Length"]) < 200
    assert answer.headers["ETag"] == 'W/"tag"', "other bytes than the tag was made for"
    assert answer.headers["Vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize("accepted", ["identity", "br", "gzip;q=0", "gzip; q=0.0", "x-gzipped"])
def test_it_is_not_for_others(client, accepted):
    answer = client.get(_PATH, headers={"Accept-Encoding": accepted})
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["ETag"] == '"tag"'
    assert "Accept-Encoding" in answer.headers["Vary"], "it would be other for others"
    assert answer.json() == {"text": "a" * 5000}


@pytest.mark.parametrize("accepted", ["*", "br, gzip;q=0.5", "GZIP"])
def test_it_is_for_all_ways_to_ask(client, accepted):
    with client.stream("GET", _PATH, headers={"Accept-Encoding": accepted}) as answer:
        data = b"".join(answer.iter_raw())
    assert json.loads(gzip.decompress(data)) == {"text": "a" * 5000}


def test_pictures_and_little_texts_are_sent_as_they_are(client):
    for path in ("/dicomweb/picture", "/healthz"):
        answer = client.get(path, headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in answer.headers
    assert client.get("/dicomweb/picture").content == b"x" * 5000


def test_streams_of_text_are_compressed_piece_by_piece(client):
    answer = client.get("/dicomweb/stream", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.text == "".join(f"piece {number}\n" * 100 for number in range(200))


def test_head_is_get_without_a_body(open_server, client):
    for path in (_PATH, "/dicomweb/picture", "/healthz"):
        got, head = client.get(path), client.head(path)
        assert head.status_code == got.status_code
        assert head.content == b""
        same = set(got.headers) - {"date"}
        assert {name: head.headers.get(name) for name in same} == {
            name: got.headers[name] for name in same
        }
    assert client.head("/dicomweb/none").status_code == 404


def test_head_does_not_make_what_it_does_not_send(open_server, client):
    server, _ = open_server
    answer = client.head("/dicomweb/stream")
    assert answer.status_code == 200
    until(lambda: "closed" in server.seen)
    assert "whole" not in server.seen
    assert server.seen.count("piece") <= 1


def test_headers_keep_browsers_in_check(client):
    answer = client.get(_PATH)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Content-Security-Policy" not in answer.headers
    assert "Server" not in answer.headers


def test_documents_may_run_nothing(client):
    policy = client.get("/dicomweb/page").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert client.get("/").headers["Content-Security-Policy"] == policy, "whatever the path"


def test_a_fault_of_ours_tells_nothing(client, caplog):
    answer = client.get("/dicomweb/fault")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal-error"
    assert "DOE" not in answer.text
    assert "ZeroDivisionError" in caplog.text
    assert "DOE" not in caplog.text


def test_a_fault_in_the_middle_is_noticed_by_the_client(client):
    with pytest.raises(httpx2.RemoteProtocolError):
        client.get("/dicomweb/late")


def test_an_error_that_no_route_answers_is_a_problem_document(client):
    answer = client.get("/dicomweb/corrupt")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "corrupt-data"
    assert answer.json()["frame"] == 3
    busy = client.get("/dicomweb/busy")
    assert (busy.status_code, busy.headers["Retry-After"]) == (503, "3")


# Clients that leave


def test_nobody_works_for_a_client_that_left():
    server = Server()
    with server.live() as live:
        connection = live.raw(b"GET /dicomweb/slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: "slow begun" in server.seen)
        connection.close()
        until(lambda: "slow cancelled" in server.seen)
        line = 'rendicom_requests_total{method="GET",route="/dicomweb/slow",status="499"}'
        until(lambda: server.metric(line) == "1.0")
        assert server.metric("rendicom_requests_in_flight") == "0.0"


def test_a_stream_ends_when_the_client_leaves():
    server = Server()
    with server.live() as live:
        connection = live.raw(b"GET /dicomweb/large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
        assert server.metric("rendicom_requests_in_flight") == "1.0"
        connection.close()
        until(lambda: server.metric("rendicom_requests_in_flight") == "0.0")


# What clients send


def test_a_body_over_the_limit_is_refused_before_it_is_read():
    server = Server(max_body="1000")
    with server.live() as live:
        head = b"POST /dicomweb/studies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n"
        answer = live.exchange(head)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b'"too-large"' in answer
        assert server.seen == []


def test_a_body_that_does_not_say_its_size_is_counted():
    server = Server(max_body="1000")
    with server.live() as live:
        head = (
            b"POST /dicomweb/studies HTTP/1.1\r\nHost: localhost\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        answer = live.exchange(head + b"258\r\n" + b"x" * 600 + b"\r\n" + b"258\r\n" + b"x" * 600)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert server.seen == []
        with httpx2.Client(base_url=live.url) as client:
            assert client.post("/dicomweb/studies", content=b"x" * 1000).json() == {"size": 1000}
            client.post("/dicomweb/studies", content=iter([b"x" * 500] * 2))
        assert server.seen == ["stored 1000", "stored 1000"]


def test_a_body_that_stops_is_given_up():
    server = Server(idle="0.1")
    with server.live() as live:
        head = b"POST /dicomweb/studies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"
        answer = live.exchange(head + b"half")
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"the body is incomplete" in answer
        assert server.seen == []


# Who may come in


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[tuple[Server, httpx2.Client, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("keys")
    path = str(folder / "keys")
    keys = {scope: add_key(path, name=f"{scope}er", scope=scope) for scope in ("read", "write")}
    server = Server(api_key_file=path, audit_log=str(folder / "audit"))
    with server.client() as client:
        yield server, client, keys


def test_who_has_no_key_is_told_what_to_send(guarded):
    _, client, _ = guarded
    answer = client.get(_PATH)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="rendicom"'
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["code"] == "unauthenticated"
    wrong = client.get(_PATH, headers={"Authorization": "Bearer wrong"})
    assert wrong.status_code == 401
    assert 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "path", ["/metrics", "/dicomweb/studies", "/none", "/wado", "/dicomweb?x=1"]
)
def test_all_that_is_not_public_needs_a_key(guarded, path):
    _, client, _ = guarded
    assert client.get(path).status_code == 401
    assert client.head(path).status_code == 401


@pytest.mark.parametrize("query", ["requestType=WADO&studyUID=1", "REQUESTTYPE=WADO"])
def test_the_page_is_public_and_wado_at_its_place_is_not(guarded, query):
    _, client, _ = guarded
    assert client.get("/").status_code == 200
    assert client.get(f"/?{query}").status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/"])
def test_what_is_public_needs_none(guarded, path):
    _, client, _ = guarded
    assert client.get(path).status_code == 200
    assert client.post(path).status_code == 401


def test_a_key_that_reads_does_not_write(guarded):
    server, client, keys = guarded
    server.seen.clear()
    read, write = ({"apikey": keys[scope]} for scope in ("read", "write"))
    assert client.get(_PATH, headers=read).status_code == 200
    refused = client.post("/dicomweb/studies", content=b"x", headers=read)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert server.seen == []
    assert client.post("/dicomweb/studies", content=b"x", headers=write).status_code == 200
    assert client.delete(_PATH, headers=read).status_code == 403
    assert client.get(_PATH, headers=write).status_code == 200


def test_metrics_tell_of_refusals_and_have_nothing_of_patients(guarded):
    _, client, keys = guarded
    client.get(_PATH, headers={"apikey": keys["read"]}, params={"PatientName": "DOE^JOHN"})
    client.get("/dicomweb/studies/DOE/JOHN")
    client.request("DOE", "/healthz", headers={"apikey": keys["read"]})
    text = client.get("/metrics", headers={"apikey": keys["read"]}).text
    assert 'rendicom_auth_failures_total{reason="unauthenticated"}' in text
    route = "/dicomweb/studies/{study}/series/{series}"
    assert f'rendicom_requests_total{{method="GET",route="{route}",status="200"}}' in text
    assert f'rendicom_request_seconds_bucket{{le="+Inf",route="{route}"}}' in text
    assert 'rendicom_indexed{level="instances"} 3.0' in text
    assert "rendicom_queue_length 0.0" in text
    assert _STUDY not in text
    assert "DOE" not in text
    assert "reader" not in text


def test_the_audit_log_says_who_did_what(guarded):
    server, client, keys = guarded
    path = Path(server.settings.audit_log)

    def lines() -> list[str]:
        """Return the lines after the marker; the thread may still write those of other tests."""
        return path.read_text("utf-8").partition(f'"{mark}"')[2].splitlines()[1:]

    mark = "1.2.3.4.5.6.7"
    client.get(f"/dicomweb/studies/{_STUDY}/series/{mark}", headers={"apikey": keys["read"]})
    client.get(_PATH, headers={"apikey": keys["read"]}, params={"PatientName": "DOE^JOHN"})
    client.post("/dicomweb/studies", content=b"x", headers={"apikey": keys["write"]})
    client.get(_PATH, headers={"apikey": "wrong-key"})
    wado = {"requestType": "WADO", "studyUID": _STUDY, "objectUID": "DOE^JOHN"}
    client.get("/dicomweb/picture", headers={"apikey": keys["read"]}, params=wado)
    client.get("/dicomweb/studies/DOE^JOHN/series/1.2", headers={"apikey": keys["read"]})
    until(lambda: len(lines()) == 5)
    text = "\n".join(lines())
    read, stored, refused, by_uri, odd = map(json.loads, lines())
    assert read["who"] == "reader"
    assert read["client"] == "127.0.0.1"
    assert (read["method"], read["status"]) == ("GET", 200)
    assert read["route"] == "/dicomweb/studies/{study}/series/{series}"
    assert (read["study"], read["series"]) == (_STUDY, "1.2.3")
    assert read["bytes"] > 0
    assert read["seconds"] > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", read["time"])
    assert (stored["who"], stored["method"], stored["stored"]) == ("writeer", "POST", 2)
    assert "who" not in refused
    assert refused["status"] == 401
    assert by_uri["study"] == _STUDY
    assert odd["series"] == "1.2"
    assert "DOE" not in text
    assert "wrong-key" not in text
    assert keys["read"] not in text


# Pages of others


def test_names_of_others_are_not_answered_to(open_server, client):
    assert client.get(_PATH, headers={"Host": "evil.example"}).status_code == 403
    assert client.get("/", headers={"Host": "127.0.0.1.evil.example"}).status_code == 403
    for host in ("localhost", "localhost:1234", "127.0.0.1", "[::1]:80", "LOCALHOST"):
        assert client.get(_PATH, headers={"Host": host}).status_code == 200


def test_names_may_be_allowed():
    with Server(allowed_hosts="pacs.example").client() as client:
        assert client.get(_PATH, headers={"Host": "pacs.example:8080"}).status_code == 200
        assert client.get(_PATH, headers={"Host": "evil.example"}).status_code == 403


def test_pages_of_others_change_nothing(open_server, client):
    server, _ = open_server
    own = str(client.base_url).rstrip("/")
    foreign = {"Origin": "https://evil.example"}
    assert client.post("/dicomweb/studies", content=b"x", headers=foreign).status_code == 403
    assert client.post("/dicomweb/studies", headers={"Origin": "null"}).status_code == 403
    assert server.seen == []
    assert client.post("/dicomweb/studies", headers={"Origin": own}).status_code == 200


def test_origins_that_are_allowed_may_all():
    server = Server(cors="https://viewer.example")
    with server.client() as client:
        origin = {"Origin": "https://viewer.example"}
        answer = client.get(_PATH, headers=origin)
        assert answer.headers["Access-Control-Allow-Origin"] == "https://viewer.example"
        exposed = answer.headers["Access-Control-Expose-Headers"]
        assert {"Content-Location", "ETag", "Warning"} <= set(exposed.split(", "))
        assert "Origin" in answer.headers["Vary"]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert client.post("/dicomweb/studies", content=b"x", headers=origin).status_code == 200
        other = client.get(_PATH, headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in other.headers


def test_a_preflight_needs_no_key(tmp_path):
    path = str(tmp_path / "keys")
    add_key(path, name="a", scope="read")
    with Server(cors="https://viewer.example", api_key_file=path).client() as client:
        headers = {
            "Origin": "https://viewer.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "apikey,content-type",
        }
        answer = client.options("/dicomweb/studies", headers=headers)
        assert answer.status_code == 200
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert "apikey" in answer.headers["Access-Control-Allow-Headers"].lower()
        refused = client.get("/dicomweb/picture", headers={"Origin": "https://viewer.example"})
        assert refused.status_code == 401
        assert "Access-Control-Allow-Origin" in refused.headers, "so that the page can read it"


# Proxies


def test_nobody_is_believed_who_need_not_be(client):
    headers = {"X-Forwarded-For": "10.9.9.9", "X-Forwarded-Proto": "https"}
    answer = client.get("/dicomweb/whence", headers=headers).json()
    assert answer["client"] == "127.0.0.1"
    assert answer["base"].startswith("http://127.0.0.1")


def test_a_trusted_proxy_is_believed():
    server = Server(
        trusted_proxies="127.0.0.1,10.0.0.0/8", root_path="/viewer", allowed_hosts="pacs.example"
    )
    with server.client() as client:
        headers = {
            "X-Forwarded-For": "1.1.1.1, 192.0.2.7, 10.0.0.1",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "pacs.example",
        }
        answer = client.get("/dicomweb/whence", headers=headers).json()
        assert answer == {"client": "192.0.2.7", "base": "https://pacs.example/viewer/"}
        odd = client.get("/dicomweb/whence", headers={"X-Forwarded-Proto": "javascript"}).json()
        assert odd["base"].startswith("http://127.0.0.1")


# Health


def test_health(open_server, client):
    server, _ = open_server
    assert client.get("/healthz").json()["status"] == "ok"
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    server.index_answers = False
    broken = client.get("/readyz")
    assert broken.status_code == 503
    assert broken.json()["checks"] == {
        "workers": True, "index": False, "spool": True, "open": True,
    }  # fmt: skip
    server.index_answers, server.is_draining = True, True
    assert client.get("/readyz").status_code == 503
    server.is_draining = False
    assert client.get("/healthz").status_code == 200
