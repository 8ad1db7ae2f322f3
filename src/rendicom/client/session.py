"""Requests to a server: credentials, redirects, retries and limits."""

from __future__ import annotations

import random
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import urljoin

from rendicom.client.connection_errors import BrokenConnectionError
from rendicom.client.connection_settings import ConnectionSettings, host_of, origin_of
from rendicom.client.credentials import TokenFile
from rendicom.client.error_responses import refusal, retry_after_of
from rendicom.client.transport import Transport
from rendicom.errors import (
    OverloadedError,
    RendicomError,
    TooLargeError,
    UnauthenticatedError,
    WireError,
)

if TYPE_CHECKING:
    import httpx2

    from rendicom.client.direct_connections import DirectResponse

_T = TypeVar("_T")

_AGAIN = frozenset((408, 429, 502, 503, 504))
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_MOST_REDIRECTS = 5
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_INFLATED = 1 << 20


class ServerResponse(NamedTuple):
    """A response with its whole body; look up headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def content_type(self) -> str:
        """Return Content-Type as it was sent."""
        return self.headers.get("content-type", "")


class ResponseStream:
    """A response whose body has not been read yet."""

    def __init__(self, response: httpx2.Response | DirectResponse, url: str, *, limit: int) -> None:
        self.status, self.url = response.status_code, url
        self.headers: Mapping[str, str] = response.headers
        self._response, self._limit = response, limit
        length = self.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and len(length) < 20 and int(length) > limit:
            raise self._too_large()

    @property
    def content_type(self) -> str:
        """Return Content-Type as it was sent."""
        return self.headers.get("content-type", "")

    def refuse_range(self) -> None:
        """Refuse a part of the resource. 206 without a range is accepted.

        DICOM formerly used 206 for incomplete results (PS3.18 8.5).

        Raises
        ------
        WireError
        """
        is_ranges = self.content_type.lower().startswith("multipart/byteranges")
        if self.status == 206 and ("content-range" in self.headers or is_ranges):
            raise WireError(f"{host_of(self.url)} answers with a part of the resource")

    def _too_large(self) -> TooLargeError:
        return TooLargeError(
            f"{host_of(self.url)} answers with more than {self._limit} bytes, which is too much"
        )

    def chunks(self) -> Iterator[bytes]:
        """Yield the decoded body.

        Raises
        ------
        TooLargeError
            It is longer than the limit.
        BrokenConnectionError
            It is truncated.
        """
        count = 0
        for chunk in self._decoded():
            count += len(chunk)
            if count > self._limit:
                raise self._too_large()
            yield chunk

    def _decoded(self) -> Iterable[bytes]:
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        chunks = self._response.iter_raw()
        if encoding in ("", "identity"):
            return chunks
        if encoding in ("gzip", "x-gzip", "deflate"):
            return _inflated(chunks, host=host_of(self.url))
        raise WireError(f"{host_of(self.url)} answers in an encoding that was not requested")

    def whole(self) -> ServerResponse:
        """Read the body."""
        return ServerResponse(self.status, self.headers, b"".join(self.chunks()), self.url)


def _inflated(chunks: Iterable[bytes], *, host: str) -> Iterator[bytes]:
    """Yield a decompressed body in pieces of at most 1 MiB.

    The decoders of httpx2 accept a truncated body.
    """
    # 32 added to the window size: detect gzip or zlib.
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


class Session:
    """Sends requests to one server; threads may share it."""

    def __init__(self, connection: ConnectionSettings) -> None:
        self.connection = connection
        self._transport = Transport(connection)
        self._token = TokenFile(path) if (path := connection.credentials.token_file) else None
        self._not_before = 0.0
        self._lock = threading.Lock()
        self._is_closed = threading.Event()
        self._secrets = connection.credentials.secrets

    def close(self) -> None:
        """Close all connections; threads that wait for another attempt stop waiting."""
        self._is_closed.set()
        self._transport.close()

    def url(self, path: str, query: str = "") -> str:
        """Return the URL of a path below the base URL."""
        return f"{self.connection.base}{path}" + (f"?{query}" if query else "")

    def get(
        self, url: str, accept: str, *, limit: int = 0, compressed: bool = False
    ) -> ServerResponse:
        """Return the whole response to a GET request; see `exchange`."""
        limit = limit or self.connection.limits.picture
        encodings = "gzip" if compressed else "identity"
        headers = {"Accept": accept, "Accept-Encoding": encodings}
        return self.exchange("GET", url, headers, read=ResponseStream.whole, limit=limit)

    def ask(self, method: str, url: str, accept: str) -> ServerResponse:
        """Return the response to a single request, whatever its status is."""
        limit = self.connection.limits.picture
        headers = self._signed({"Accept": accept, "Accept-Encoding": "identity"}, url)
        with self._transport.exchange(method, url, headers) as response:
            return ResponseStream(response, url, limit=limit).whole()

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        read: Callable[[ResponseStream], _T],
        limit: int,
        body: Callable[[], bytes | Iterable[bytes]] | None = None,
        expected: frozenset[int] = frozenset(),
    ) -> _T:
        """Send a request, with retries, and return the result of ``read`` for the response.

        Parameters
        ----------
        method, url, headers
            The request; credentials are added for the configured server.
        read
            Reads the response; called again for each attempt, since a body may be truncated.
        limit
            Largest size of the body in bytes.
        body
            Makes the body of the request, once for each attempt.
        expected
            Statuses passed to ``read``, besides those of success.

        Raises
        ------
        UnreadableSourceError
            The last attempt could not connect.
        OverloadedError
            The server was too busy at each attempt.
        WireError
            The server refuses, or its response is invalid.
        TooLargeError
        """
        attempt, has_renewed = 0, False
        while True:
            self._sleep(self._not_before - monotonic())
            attempt += 1
            token = self._token.read() if self._token is not None else ""
            try:
                with self._followed(method, url, headers, body, limit) as response:
                    if response.status // 100 == 2 or response.status in expected:
                        response.refuse_range()
                        return read(response)
                    raise self._refused(response)
            except UnauthenticatedError:
                # Another program renews the token, perhaps during this request.
                if has_renewed or self._token is None or self._token.read() == token:
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
    ) -> Iterator[ResponseStream]:
        """Send a request, follow redirects, and yield the last response."""
        for _ in range(_MOST_REDIRECTS + 1):
            content = body() if body is not None else None
            signed = self._signed(headers, url)
            with self._transport.exchange(method, url, signed, content) as response:
                if response.status_code not in _REDIRECTS:
                    yield ResponseStream(response, url, limit=limit)
                    return
                url = _redirected(url, response.headers.get("location", ""), method=method)
        raise WireError(f"{host_of(url)} redirects too often")

    def _signed(self, headers: Mapping[str, str], url: str) -> dict[str, str]:
        """Return headers with the credentials, if the URL is on the configured server."""
        from rendicom import __version__

        sent = {"User-Agent": f"rendicom/{__version__}", **headers}
        if not self._transport.is_own(url):
            return sent
        sent.update(self.connection.credentials.headers)
        if self._token is not None:
            sent["Authorization"] = f"Bearer {self._token.read()}"
        return sent

    def _refused(self, response: ResponseStream) -> Exception:
        """Return the error for a refusal; secrets are removed from the text of the server."""
        body = b""
        for chunk in response.chunks():
            body += chunk
            if len(body) >= self.connection.limits.problem:
                break
        error = refusal(response.status, body, host_of(response.url), hide=self.hide)
        if response.status in _AGAIN:
            return _BusyError(error, retry_after_of(response.headers), response.status)
        return error

    def hide(self, text: str) -> str:
        """Return a text of the server without the secrets of this client."""
        for each in self._secrets:
            text = text.replace(each, "***")
        if self._token is not None and (token := self._token.read()) in text:
            text = text.replace(token, "***")
        return text

    # --- between attempts -----------------------------------------------------------------

    def _pause(self, error: BrokenConnectionError | _BusyError, attempt: int) -> float | None:
        """Return seconds until the next attempt, None after the last one.

        Retry-After holds for all requests of the session, and closing it ends the wait: libraries
        for retries support neither.
        """
        retry_policy = self.connection.retry_policy
        if attempt >= retry_policy.attempts or self._is_closed.is_set():
            return None
        wait = min(retry_policy.longest, retry_policy.first * float(2 ** (attempt - 1)))
        # Random, so that clients do not all retry at the same time.
        wait *= 0.5 + random.random() / 2  # noqa: S311
        if not isinstance(error, _BusyError) or error.retry_after is None:
            return wait
        if error.retry_after > retry_policy.retry_after:
            return None
        with self._lock:
            self._not_before = max(self._not_before, monotonic() + error.retry_after)
        return max(wait, error.retry_after)

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
    """Return the URL that a redirect leads to."""
    host = host_of(url)
    try:
        target = urljoin(url, location)
        scheme, other, _port = origin_of(target)
    except ValueError:
        scheme = other = ""
    if not location or scheme not in ("http", "https") or not other:
        raise WireError(f"{host} redirects to an invalid address")
    if url.startswith("https:") and scheme == "http":
        raise WireError(f"{host} redirects from https to http, which is refused")
    if method not in _SAFE and origin_of(target) != origin_of(url):
        raise WireError(
            f"{host} redirects uploads to {host_of(target)}, which is refused",
            hint="name that server if it is the right one",
        )
    return target
