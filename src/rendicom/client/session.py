"""Asks a server, as often as it takes: credentials, redirects, retries, limits."""

from __future__ import annotations

import random
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import urljoin

from rendicom.client.connection import host_of, origin_of
from rendicom.client.credentials import TokenFile
from rendicom.client.refusals import refusal, retry_after_of
from rendicom.client.transport import BrokenConnectionError, Transport
from rendicom.errors import (
    OverloadedError,
    RendicomError,
    TooLargeError,
    UnauthenticatedError,
    WireError,
)

if TYPE_CHECKING:
    import httpcore2

    from rendicom.client.connection import Connection

__all__ = ["Answer", "Incoming", "Session"]

_T = TypeVar("_T")

_AGAIN = frozenset((408, 429, 502, 503, 504))
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_MOST_REDIRECTS = 5
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


class Answer(NamedTuple):
    """A whole answer; header names are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def content_type(self) -> str:
        """Return Content-Type as it was sent."""
        return self.headers.get("content-type", "")


class Incoming:
    """An answer whose body is still to come."""

    def __init__(self, response: httpcore2.Response, url: str, *, limit: int) -> None:
        self.status = int(response.status)
        self.url = url
        self.headers = _headers(response.headers)
        self._response, self._limit = response, limit
        self._declared = self._length()

    @property
    def content_type(self) -> str:
        """Return Content-Type as it was sent."""
        return self.headers.get("content-type", "")

    def _length(self) -> int:
        text = self.headers.get("content-length", "")
        length = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
        if length > self._limit:
            raise self._too_large()
        return length

    def refuse_range(self) -> None:
        """Refuse a piece of what was asked for; with another status, or alone, 206 is none.

        DICOM uses it for answers that leave out what could not be given (PS3.18 8.5).

        Raises
        ------
        WireError
        """
        is_ranges = self.content_type.lower().startswith("multipart/byteranges")
        if self.status == 206 and ("content-range" in self.headers or is_ranges):
            raise WireError(f"{host_of(self.url)} answers with a part of what was asked for")

    def _too_large(self) -> TooLargeError:
        return TooLargeError(
            f"{host_of(self.url)} answers with more than {self._limit} bytes, which is too much"
        )

    def chunks(self) -> Iterator[bytes]:
        """Yield the body.

        Raises
        ------
        TooLargeError
            It is more than the limit.
        BrokenConnectionError
            It ends too early.
        """
        count = 0
        for chunk in self._decoded(self._response.iter_stream()):
            count += len(chunk)
            if count > self._limit:
                raise self._too_large()
            yield chunk

    def _decoded(self, chunks: Iterable[bytes]) -> Iterable[bytes]:
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        if encoding in ("", "identity"):
            return chunks
        if encoding in ("gzip", "x-gzip", "deflate"):
            return _inflated(chunks, host=host_of(self.url))
        raise WireError(f"{host_of(self.url)} answers in an encoding that was not asked for")

    def read(self) -> bytes:
        """Return the whole body."""
        return b"".join(self.chunks())


class Session:
    """Talks with one server; threads may share it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._transport = Transport(connection)
        self._origin = origin_of(connection.base)
        self._token = TokenFile(path) if (path := connection.credentials.token_file) else None
        self._not_before = 0.0
        self._lock = threading.Lock()
        self._is_closed = threading.Event()
        self._secrets = connection.credentials.secrets

    def close(self) -> None:
        """Close all connections; whoever waits for another attempt stops waiting."""
        self._is_closed.set()
        self._transport.close()

    def url(self, path: str, query: str = "") -> str:
        """Return the address of what lies at a path below the base."""
        return f"{self.connection.base}{path}" + (f"?{query}" if query else "")

    def get(self, url: str, accept: str, *, limit: int = 0, compressed: bool = False) -> Answer:
        """Return an answer as a whole; see `exchange`."""
        limit = limit or self.connection.limits.picture
        encodings = "gzip" if compressed else "identity"
        headers = {"Accept": accept, "Accept-Encoding": encodings}
        return self.exchange("GET", url, headers, read=_whole, limit=limit)

    def ask(self, method: str, url: str, accept: str) -> Answer:
        """Return whatever answer one request gets, whether it is a refusal or not."""
        limit = self.connection.limits.picture
        headers = self._own({"Accept": accept, "Accept-Encoding": "identity"}, url)
        with self._transport.exchange(method, url, headers) as response:
            return _whole(Incoming(response, url, limit=limit))

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        read: Callable[[Incoming], _T],
        limit: int,
        body: Callable[[], bytes | Iterable[bytes]] | None = None,
        expected: frozenset[int] = frozenset(),
    ) -> _T:
        """Send a request until it is answered, and return what ``read`` makes of the answer.

        Parameters
        ----------
        method, url, headers
            The request; credentials are added where they belong.
        read
            Is called again for each attempt, since the body may break off.
        limit
            Bytes of the body that are read at most.
        body
            Makes what is sent, for each attempt anew.
        expected
            Statuses that are no refusals, beside those of success.

        Raises
        ------
        UnreadableSourceError
            There is no connection, at the last attempt.
        OverloadedError
            The server is too busy, and stays so.
        WireError
            It refuses, in one of the classes of its kind; or the answer makes no sense.
        TooLargeError
        """
        attempt, has_renewed = 0, False
        while True:
            self._wait_until_welcome()
            attempt += 1
            seen = self._token.read() if self._token is not None else ""
            try:
                with self._followed(method, url, headers, body, limit) as incoming:
                    if incoming.status // 100 == 2 or incoming.status in expected:
                        incoming.refuse_range()
                        return read(incoming)
                    raise self._refused(incoming)
            except UnauthenticatedError:
                # Somebody else renews the token: it may have been done by now.
                if has_renewed or self._token is None or self._token.read() == seen:
                    raise
                has_renewed = True
            except (BrokenConnectionError, _BusyError) as error:
                pause = self._pause(error, attempt)
                if pause is None:
                    raise (error.error if isinstance(error, _BusyError) else error) from None
                self._sleep(pause)

    # --- one attempt ----------------------------------------------------------------------

    @contextmanager
    def _followed(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Callable[[], bytes | Iterable[bytes]] | None,
        limit: int,
    ) -> Iterator[Incoming]:
        """Send a request, and those that it is redirected to; yield the answer at the end."""
        for _ in range(_MOST_REDIRECTS + 1):
            content = body() if body is not None else None
            sent = self._own(headers, url)
            with self._transport.exchange(method, url, sent, content) as response:
                if int(response.status) not in _REDIRECTS:
                    yield Incoming(response, url, limit=limit)
                    return
                location = _headers(response.headers).get("location", "")
            url = _redirected(url, location, method=method)
        raise WireError(f"{host_of(url)} redirects again and again")

    def _own(self, headers: Mapping[str, str], url: str) -> dict[str, str]:
        """Return headers with the credentials, if the URL is on the server they are for."""
        from rendicom import __version__

        sent = {"User-Agent": f"rendicom/{__version__}", **headers}
        if origin_of(url) != self._origin:
            return sent
        sent.update(self.connection.credentials.headers)
        if self._token is not None:
            sent["Authorization"] = f"Bearer {self._token.read()}"
        return sent

    def _refused(self, incoming: Incoming) -> Exception:
        """Return the error for a refusal; what the server says of it has no secret in it."""
        body = b""
        for chunk in incoming.chunks():
            body += chunk
            if len(body) >= self.connection.limits.problem:
                break
        error = refusal(incoming.status, body, host_of(incoming.url), hide=self.hide)
        if incoming.status in _AGAIN:
            return _BusyError(error, retry_after_of(incoming.headers), incoming.status)
        return error

    def hide(self, text: str) -> str:
        """Return a text that a server sent without any secret of ours in it."""
        for each in self._secrets:
            text = text.replace(each, "***")
        if self._token is not None and (token := self._token.read()) in text:
            text = text.replace(token, "***")
        return text

    # --- between attempts -----------------------------------------------------------------

    def _pause(self, error: BrokenConnectionError | _BusyError, attempt: int) -> float | None:
        """Return seconds until the next attempt; None where there is none any more."""
        patience = self.connection.patience
        if attempt >= patience.attempts or self._is_closed.is_set():
            return None
        wait = min(patience.longest, patience.first * float(2 ** (attempt - 1)))
        # Not cryptography: many clients must not come back at the same moment.
        wait *= 0.5 + random.random() / 2  # noqa: S311
        if not isinstance(error, _BusyError) or error.retry_after is None:
            return wait
        if error.retry_after > patience.retry_after:
            return None
        self._welcome_in(error.retry_after)
        return max(wait, error.retry_after)

    def _welcome_in(self, seconds: float) -> None:
        """Let all requests wait: the server asked one of them to."""
        with self._lock:
            self._not_before = max(self._not_before, monotonic() + seconds)

    def _wait_until_welcome(self) -> None:
        self._sleep(self._not_before - monotonic())

    def _sleep(self, seconds: float) -> None:
        if seconds > 0 and self._is_closed.wait(seconds):
            raise BrokenConnectionError("the connection was closed")


class _BusyError(Exception):
    def __init__(self, error: RendicomError, retry_after: float | None, status: int) -> None:
        super().__init__(status)
        self.retry_after = retry_after
        if status in (429, 503) and not isinstance(error, OverloadedError):
            error = OverloadedError(error.message, hint=error.hint)
        if isinstance(error, OverloadedError) and retry_after is not None:
            error.retry_after = retry_after
        self.error = error


def _redirected(url: str, location: str, *, method: str) -> str:
    """Return where a redirect leads; the credentials stay at home (see `Session._own`)."""
    host = host_of(url)
    try:
        found = urljoin(url, location)
        scheme, other, _port = origin_of(found)
    except ValueError:
        raise WireError(f"{host} redirects to no address") from None
    if not location or scheme not in ("http", "https") or not other:
        raise WireError(f"{host} redirects to no address of the web")
    if url.startswith("https:") and scheme == "http":
        raise WireError(f"{host} redirects from https to http, which is refused")
    if method not in _SAFE and origin_of(found) != origin_of(url):
        raise WireError(
            f"{host} redirects what is sent to it to {host_of(found)}, which is refused",
            hint="name that server if it is the right one",
        )
    return found


def _whole(incoming: Incoming) -> Answer:
    return Answer(incoming.status, incoming.headers, incoming.read(), incoming.url)


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Return headers by names in small letters; those given twice with a comma between."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


_INFLATED = 1 << 20


def _inflated(chunks: Iterable[bytes], *, host: str) -> Iterator[bytes]:
    """Yield a compressed body as it was, never more of it at once than a megabyte."""
    # 32 beyond the window: gzip or zlib, whatever the header says.
    inflater = zlib.decompressobj(32 + zlib.MAX_WBITS)
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                yield inflater.decompress(rest, _INFLATED)
                rest = inflater.unconsumed_tail
        yield inflater.flush()
    except zlib.error:
        raise WireError(f"{host} answers with a compressed body that is damaged") from None
    if not inflater.eof:
        raise BrokenConnectionError(f"{host} ended the connection before the answer was complete")
