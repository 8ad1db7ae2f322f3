"""Server instances as an input source of a batch: its picklable part, and unit openers.

A worker keeps connections and the server's capabilities from one chunk to the next.
While it renders one instance, the next ones are fetched.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, cast

from rendicom.client.found_instance import FoundInstance
from rendicom.client.frame_retrieval import open_framewise
from rendicom.client.remote_instance import RemoteInstance
from rendicom.client.render_requests import Capabilities, RenderRequest, render_request_for
from rendicom.client.server import REFUSED_TYPES, Server
from rendicom.engine import Instance, open_instance
from rendicom.errors import NoSuchResourceError, NotSupportedError, RendicomError, WireError
from rendicom.options import RenderOptions
from rendicom.selection import FrameSelection, Selection

if TYPE_CHECKING:
    from rendicom.batch.sources import Unit
    from rendicom.client.connection_settings import ConnectionSettings
    from rendicom.client.retrieving import Body
    from rendicom.dicomweb.resources import Resource

Rendering = Literal["auto", "remote", "local"]
Opened = RemoteInstance | Instance

_FEW = 4
"""Frames are fetched one by one if less than this fraction is requested."""


@dataclass(frozen=True, slots=True)
class RemoteInput:
    """The server of a batch and the rendering of its instances; sent to the workers."""

    connection: ConnectionSettings
    """Settings of the connection; its credentials are never shown."""
    options: RenderOptions
    media_type: str
    """Of the pictures."""
    rendering: Rendering = "auto"
    """Who renders them."""
    frames: FrameSelection | None = None
    """The requested frames of each instance; None for the default of the format."""
    selection: Selection | None = None
    """The requested selection of each instance; None for one picture per frame."""
    requests: int = 4
    """Number of concurrent requests of each worker."""
    is_animated: bool = False
    """The format holds all frames of an instance in one picture."""
    is_document: bool = False
    """The output is documents, which are always made locally."""
    is_wado_uri: bool = False
    """The server is a WADO-URI service."""
    needs_burned_in: bool = False
    """Instances whose pixels may identify the patient are left out, so headers must tell."""

    def words(self) -> str:
        """Return the settings that affect pictures besides the options, without secrets."""
        return self.rendering

    @contextmanager
    def opening(self, units: Sequence[Unit]) -> Iterator[RemoteOpener]:
        """Yield an opener for the units, in their order; some are fetched ahead.

        A few frames may be fetched without being used.
        """
        supply = RemoteOpener(self, _state(self), units)
        try:
            yield supply
        finally:
            supply.close()


class _WorkerState:
    """State of one run in a process: connections, threads and observations of the server."""

    def __init__(self, remote: RemoteInput) -> None:
        self.server = Server(remote.connection, is_wado_uri=remote.is_wado_uri)
        self.executor = ThreadPoolExecutor(remote.requests, thread_name_prefix="rendicom-get")


_states: dict[str, _WorkerState] = {}
_lock = threading.Lock()


def _state(remote: RemoteInput) -> _WorkerState:
    key = remote.connection.key
    with _lock:
        if key not in _states:
            _states[key] = _WorkerState(remote)
        return _states[key]


def forget(connection: ConnectionSettings) -> None:
    """Close the state that this process keeps of a connection."""
    with _lock:
        state = _states.pop(connection.key, None)
    if state is not None:
        state.executor.shutdown(wait=False, cancel_futures=True)
        state.server.close()


class RemoteOpener:
    """Opens the units of one chunk."""

    def __init__(self, remote: RemoteInput, state: _WorkerState, units: Sequence[Unit]) -> None:
        self._remote, self._state = remote, state
        self._server = state.server
        self._waiting = deque(units)
        self._coming: dict[str, Future[Opened]] = {}
        self._bodies: dict[str, Body] = {}

    def close(self) -> None:
        """Drop unused fetched instances."""
        for future in self._coming.values():
            if not future.cancel():
                future.add_done_callback(_dropped)
        self._coming.clear()

    def instance(self, unit: Unit) -> Opened:
        """Return the instance of a unit.

        Raises
        ------
        RendicomError
            The server does not return it, or it cannot be read.
        """
        self._ask_ahead(unit)
        coming = self._coming.pop(unit.source, None)
        return coming.result() if coming is not None else self._opened(unit)

    def summary(self, unit: Unit) -> RemoteInstance:
        """Return the instance of the search result, without a request."""
        summary = FoundInstance.read(unit.about)
        return RemoteInstance(self._server, summary, RenderRequest(""), self._remote.media_type)

    def content(self, unit: Unit) -> Body:
        """Return the instance as a file."""
        kept = self._bodies.pop(unit.source, None)
        return kept if kept is not None else self._server.instance(_resource(unit))

    def texts(self, unit: Unit, keywords: Sequence[str]) -> dict[str, str]:
        """Return the first value of attributes by keyword, empty without a value."""
        from pydicom.datadict import tag_for_keyword

        from rendicom.client.response_models import text

        models = self._server.metadata(_resource(unit))
        model = models[0] if models else {}
        tags = {keyword: f"{tag_for_keyword(keyword) or 0:08X}" for keyword in keywords}
        return {keyword: text(model, tag) for keyword, tag in tags.items()}

    # --- ahead ----------------------------------------------------------------------------

    def _ask_ahead(self, unit: Unit) -> None:
        """Start fetching the unit and the next ones, up to the number of concurrent requests."""
        while self._waiting and len(self._coming) < self._remote.requests + 1:
            following = self._waiting.popleft()
            if following.source not in self._coming:
                future = self._state.executor.submit(self._opened, following)
                self._coming[following.source] = future
        if unit.source not in self._coming:
            # A different order costs only time.
            self._waiting = deque(each for each in self._waiting if each.source != unit.source)

    # --- one instance ---------------------------------------------------------------------

    def _opened(self, unit: Unit) -> Opened:
        summary = FoundInstance.read(unit.about)
        query, why = self._choice(summary)
        if query is not None:
            return self._remote_instance(unit, summary, query)
        return self._retrieved(unit, summary, why)

    def _remote_instance(
        self, unit: Unit, summary: FoundInstance, query: RenderRequest
    ) -> RemoteInstance:
        remote = self._remote
        wanted = self._wanted(unit, summary) if not remote.is_animated else ()
        numbers = wanted or (1,) if summary.frames <= 1 else wanted
        selections = [FrameSelection.of((number,)).selection for number in numbers]
        otherwise = None
        if remote.rendering != "remote":
            otherwise = partial(self._retrieved, unit, summary, "the server cannot")
        instance = RemoteInstance(
            self._server, summary, query, remote.media_type,
            selections=[remote.selection] if remote.selection else selections,
            executor=self._state.executor, otherwise=otherwise,
            needs_burned_in=remote.needs_burned_in,
        )  # fmt: skip
        if not (remote.is_animated and summary.frames > 1):
            # This already is a thread of the executor: fetch the first picture here.
            instance.begin()
        return instance

    def _wanted(self, unit: Unit, summary: FoundInstance) -> tuple[int, ...]:
        selection = unit.frames or self._remote.frames
        count = max(1, summary.frames)
        if selection is None:
            return tuple(range(1, count + 1))
        try:
            return selection.resolve(count)
        except RendicomError:
            # The renderer reports the error.
            return ()

    def _retrieved(self, unit: Unit, summary: FoundInstance, why: str) -> Instance:
        """Retrieve the smallest sufficient resource."""
        wanted = self._wanted(unit, summary)
        is_few = bool(wanted) and len(wanted) * _FEW < summary.frames
        if is_few and self._server.profile.has_whole_metadata and not self._server.is_wado_uri:
            # On any error the whole instance is retrieved, which more servers support.
            with suppress(RendicomError):
                return self._by_frame(summary, wanted, why)
        try:
            body = self._server.instance(summary.resource)
        except (*REFUSED_TYPES, NoSuchResourceError) as error:
            # Some servers return metadata and frames, but not instances.
            if not wanted or self._remote.is_document or self._server.is_wado_uri:
                raise
            try:
                return self._by_frame(summary, wanted, why)
            except RendicomError:
                raise error from None
        instance = opened_as(body, summary.instance, host=self._server.host)
        if self._remote.is_document and isinstance(body, (bytes, memoryview)):
            self._bodies[unit.source] = body
        return _noted(instance, f"retrieved and rendered here: {why}")

    def _by_frame(self, summary: FoundInstance, wanted: tuple[int, ...], why: str) -> Instance:
        instance = open_framewise(self._server, summary.resource, wanted)
        return _noted(instance, f"retrieved by the frame and rendered here: {why}")

    # --- who renders ----------------------------------------------------------------------

    def _choice(self, summary: FoundInstance) -> tuple[RenderRequest | None, str]:
        """Return the request for pictures by the server; or None, and the reason to render locally.

        With ``auto`` only `rendicom serve` renders: other servers apply windows, tables and sizes
        in various ways (see `rendicom probe`).
        """
        remote = self._remote
        if remote.is_document:
            return None, "a document"
        if remote.rendering == "local":
            return None, "as asked"
        if remote.rendering == "auto" and not (summary.rows and summary.columns):
            return None, "the search shows no image"
        capabilities = Capabilities() if remote.is_wado_uri else self._server.capabilities()
        rows, columns = summary.rows, summary.columns
        if capabilities.is_ours and remote.media_type in capabilities.media_types:
            query = render_request_for(
                remote.options, known=capabilities.parameters, rows=rows, columns=columns
            )
            if query is not None:
                return query, ""
        if remote.rendering == "auto":
            why = "does not support this" if capabilities.is_ours else "is not rendicom serve"
            return None, f"the server {why}"
        query = render_request_for(remote.options, rows=rows, columns=columns)
        if query is None:
            raise NotSupportedError(
                "servers have no parameters for these options",
                hint="--render auto or local renders here",
            )
        return query, ""


def _noted(instance: Instance, rendering: str) -> Instance:
    """Record who renders an instance, for ``-v`` (see `rendicom.batch.input_source`)."""
    vars(instance)["rendering"] = rendering
    return instance


def opened_as(body: Body, uid: str, *, host: str) -> Instance:
    """Return the response of a host, opened, if it is the requested instance.

    Raises
    ------
    WireError
        It is another instance, whose picture would get a wrong name.
    """
    instance = open_instance(cast("bytes", body), threads=1)
    said = instance.sop_instance
    if said and said != uid:
        instance.close()
        raise WireError(f"{host} answers with another instance than the requested one")
    return instance


def _resource(unit: Unit) -> Resource:
    return FoundInstance.read(unit.about).resource


def _dropped(future: Future[Opened]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().close()
