"""Instances of a server as the sources of a batch: what goes to workers, and what they do with it.

A worker keeps its connections, and what it learnt of the server, from one chunk to the next. While
it renders one instance the following ones are on their way.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, cast

from rendicom.client.framewise import open_framewise
from rendicom.client.instances import LocalInstance, RemoteInstance, TriedInstance
from rendicom.client.rendered import Question, question_for
from rendicom.client.server import Server
from rendicom.client.summary import Summary
from rendicom.client.trial import COMPARABLE
from rendicom.engine import Instance, open_instance
from rendicom.errors import NotSupportedError, RendicomError, WireError
from rendicom.options import RenderOptions

if TYPE_CHECKING:
    from rendicom.client.connection import Connection
    from rendicom.client.retrieving import Body
    from rendicom.dicomweb.resources import Resource

__all__ = ["Remote", "Rendering", "Supply", "forget", "opened_as"]

Rendering = Literal["auto", "remote", "local"]
Opened = RemoteInstance | LocalInstance

_FEW = 4
"""An instance is retrieved whole unless fewer than one in so many frames is wanted."""


class _Frames(Protocol):
    """A choice of frames; `rendicom.batch.frames.FrameSelection` is one."""

    def resolve(self, number_of_frames: int) -> tuple[int, ...]: ...


class _Unit(Protocol):
    """What a batch says of a source; `rendicom.batch.units.Unit` is one."""

    @property
    def source(self) -> str: ...
    @property
    def about(self) -> str: ...
    @property
    def frames(self) -> _Frames | None: ...


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a batch gets instances from, and how they become pictures; goes to the workers.

    Attributes
    ----------
    connection
        How the server is reached; its credentials are never shown.
    options, media_type
        Of the pictures.
    rendering
        Who makes them.
    frames
        The frames that are wanted of each instance; None for what fits the format.
    requests
        Under way at once, for each worker.
    is_animated
        The format holds all frames of an instance in one picture.
    is_document
        What is made are pages of reports: always here.
    is_many
        There may be more instances than one: a trial is worth its time.
    is_wado_uri
        The server is asked in the older way.
    """

    connection: Connection
    options: RenderOptions
    media_type: str
    rendering: Rendering = "auto"
    frames: _Frames | None = None
    requests: int = 4
    is_animated: bool = False
    is_document: bool = False
    is_many: bool = True
    is_wado_uri: bool = False

    def words(self) -> str:
        """Return what decides of pictures beside the options; no secret is in it."""
        return self.rendering

    @contextmanager
    def opening(self, units: Sequence[_Unit]) -> Iterator[Supply]:
        """Yield what opens the units, in their order; some are fetched before they are asked for.

        Those that nobody asked for in the end were fetched for nothing, which is little.
        """
        supply = Supply(self, _workshop(self), units)
        try:
            yield supply
        finally:
            supply.close()


class _Workshop:
    """What a process keeps of one run: connections, threads, and what was learnt."""

    def __init__(self, remote: Remote) -> None:
        self.server = Server(remote.connection, is_wado_uri=remote.is_wado_uri)
        self.executor = ThreadPoolExecutor(remote.requests, thread_name_prefix="rendicom-get")
        self.lock = threading.Lock()
        self.verdicts: dict[tuple[object, ...], bool] = {}


_workshops: dict[str, _Workshop] = {}
_lock = threading.Lock()


def _workshop(remote: Remote) -> _Workshop:
    key = remote.connection.key
    with _lock:
        if key not in _workshops:
            _workshops[key] = _Workshop(remote)
        return _workshops[key]


def forget(connection: Connection) -> None:
    """Close what this process keeps of a connection."""
    with _lock:
        workshop = _workshops.pop(connection.key, None)
    if workshop is not None:
        workshop.executor.shutdown(wait=False, cancel_futures=True)
        workshop.server.close()


class Supply:
    """Opens the units of one chunk."""

    def __init__(self, remote: Remote, workshop: _Workshop, units: Sequence[_Unit]) -> None:
        self._remote, self._workshop = remote, workshop
        self._server = workshop.server
        self._waiting = deque(units)
        self._coming: dict[str, Future[Opened]] = {}
        self._bodies: dict[str, Body] = {}

    def close(self) -> None:
        """Drop what was fetched for nothing."""
        for future in self._coming.values():
            if not future.cancel():
                future.add_done_callback(_dropped)
        self._coming.clear()

    def instance(self, unit: _Unit) -> Opened:
        """Return the instance of a unit.

        Raises
        ------
        RendicomError
            The server does not give it, or it cannot be read.
        """
        self._ask_ahead(unit)
        coming = self._coming.pop(unit.source, None)
        return coming.result() if coming is not None else self._opened(unit)

    def summary(self, unit: _Unit) -> RemoteInstance:
        """Return the instance as the search showed it; nothing is asked for."""
        summary = Summary.read(unit.about)
        return RemoteInstance(self._server, summary, Question(""), self._remote.media_type)

    def content(self, unit: _Unit) -> Body:
        """Return the instance as a file."""
        kept = self._bodies.pop(unit.source, None)
        return kept if kept is not None else self._server.instance(_resource(unit))

    def texts(self, unit: _Unit, keywords: Sequence[str]) -> dict[str, str]:
        """Return the first value of attributes by keyword, empty where there is none."""
        from pydicom.datadict import tag_for_keyword

        from rendicom.client.models import text

        models = self._server.metadata(_resource(unit))
        model = models[0] if models else {}
        tags = {keyword: f"{tag_for_keyword(keyword) or 0:08X}" for keyword in keywords}
        return {keyword: text(model, tag) for keyword, tag in tags.items()}

    # --- ahead ----------------------------------------------------------------------------

    def _ask_ahead(self, unit: _Unit) -> None:
        """Let the unit and those behind it be fetched, as many as there may be requests."""
        while self._waiting and len(self._coming) < self._remote.requests + 1:
            following = self._waiting.popleft()
            if following.source not in self._coming:
                future = self._workshop.executor.submit(self._opened, following)
                self._coming[following.source] = future
        if unit.source not in self._coming:
            # Not the order that was said: nothing lost but time.
            self._waiting = deque(each for each in self._waiting if each.source != unit.source)

    # --- one instance ---------------------------------------------------------------------

    def _opened(self, unit: _Unit) -> Opened:
        summary = Summary.read(unit.about)
        how, question, why = self._choice(summary)
        if how == "remote" and question is not None:
            return self._remote_instance(unit, summary, question)
        if how == "trial" and question is not None:
            opened = self._retrieved(unit, summary, why)
            remote = RemoteInstance(self._server, summary, question, self._remote.media_type)
            return TriedInstance(opened, remote, lambda said: self._conclude(summary, said))
        return self._retrieved(unit, summary, why)

    def _remote_instance(self, unit: _Unit, summary: Summary, question: Question) -> RemoteInstance:
        remote = self._remote
        wanted = self._wanted(unit, summary) if not remote.is_animated else ()
        instance = RemoteInstance(
            self._server, summary, question, remote.media_type,
            frames=wanted or (1,) if summary.frames <= 1 else wanted,
            executor=self._workshop.executor, otherwise=self._otherwise(unit, summary),
        )  # fmt: skip
        if not (remote.is_animated and summary.frames > 1):
            # In this thread, which is one of those that ask ahead: the first picture at once.
            instance.begin()
        return instance

    def _otherwise(self, unit: _Unit, summary: Summary) -> Callable[[], LocalInstance] | None:
        """Return what is done where the server fails after all; nothing if it was named."""
        if self._remote.rendering == "remote":
            return None
        return lambda: self._retrieved(unit, summary, "the server cannot")

    def _wanted(self, unit: _Unit, summary: Summary) -> tuple[int, ...]:
        selection = unit.frames or self._remote.frames
        count = max(1, summary.frames)
        if selection is None:
            return tuple(range(1, count + 1))
        try:
            return selection.resolve(count)
        except RendicomError:
            # Whoever renders says what is wrong.
            return ()

    def _retrieved(self, unit: _Unit, summary: Summary, why: str) -> LocalInstance:
        """Retrieve the smallest thing that will do."""
        wanted = self._wanted(unit, summary)
        is_few = bool(wanted) and len(wanted) * _FEW < summary.frames
        if is_few and self._server.habits.has_whole_metadata and not self._server.is_wado_uri:
            try:
                instance = open_framewise(self._server, summary.resource, wanted)
            except RendicomError:
                # Whatever it was: the whole instance needs less of a server.
                pass
            else:
                return LocalInstance(instance, f"retrieved by the frame and rendered here: {why}")
        body = self._server.instance(summary.resource)
        instance = opened_as(body, summary.instance, host=self._server.host)
        if self._remote.is_document and isinstance(body, (bytes, memoryview)):
            self._bodies[unit.source] = body
        return LocalInstance(instance, f"retrieved and rendered here: {why}")

    # --- who renders ----------------------------------------------------------------------

    def _choice(self, summary: Summary) -> tuple[str, Question | None, str]:
        """Return who renders (``remote``, ``local`` or ``trial``), how it is asked, and why."""
        remote = self._remote
        if remote.rendering == "local" or remote.is_document:
            return "local", None, "as asked" if remote.rendering == "local" else "a document"
        if remote.rendering == "auto" and not (summary.rows and summary.columns):
            return "local", None, "the search shows no image"
        abilities = self._server.abilities() if not remote.is_wado_uri else None
        if abilities is not None and abilities.is_ours:
            question = self._question(summary, known=abilities.parameters)
            if question is not None and remote.media_type in abilities.media_types:
                return "remote", question, "the server renders as we do"
        question = self._question(summary, known=None)
        if remote.rendering == "remote":
            if question is None:
                raise NotSupportedError(
                    "no server can be asked for what the options say",
                    hint="--render auto or local renders here",
                )
            return "remote", question, "as asked"
        return self._cautious_choice(summary, question)

    def _question(self, summary: Summary, *, known: frozenset[str] | None) -> Question | None:
        options, rows, columns = self._remote.options, summary.rows, summary.columns
        if known is None:
            return question_for(options, rows=rows, columns=columns)
        return question_for(options, known=known, rows=rows, columns=columns)

    def _cautious_choice(
        self, summary: Summary, question: Question | None
    ) -> tuple[str, Question | None, str]:
        remote = self._remote
        if question is None:
            return "local", None, "no server can be asked for these options"
        if self._server.habits.never_remote:
            return "local", None, "the server does not render"
        is_loop = remote.is_animated and summary.frames > 1
        if remote.media_type not in COMPARABLE or is_loop or remote.is_wado_uri:
            return "local", None, "nobody can tell whether the server does as asked"
        with self._workshop.lock:
            verdict = self._workshop.verdicts.get(summary.kind)
        if verdict is not None:
            return (
                ("remote", question, "the trial went well") if verdict
                else ("local", None, "the server renders differently")
            )  # fmt: skip
        if not remote.is_many:
            return "local", None, "one instance is no trial"
        return "trial", question, "for a trial"

    def _conclude(self, summary: Summary, verdict: bool | None) -> None:
        if verdict is None:
            return
        with self._workshop.lock:
            # One picture that differs counts more than others that do not.
            known = self._workshop.verdicts.get(summary.kind, True)
            self._workshop.verdicts[summary.kind] = known and verdict


def opened_as(body: Body, uid: str, *, host: str) -> Instance:
    """Return what a host sent, opened, if it is the instance that was asked for.

    Raises
    ------
    WireError
        It is another one: its picture would be shown under a wrong name.
    """
    instance = open_instance(cast("bytes", body))
    said = instance.sop_instance
    if said and said != uid:
        instance.close()
        raise WireError(f"{host} answers with another instance than was asked for")
    return instance


def _resource(unit: _Unit) -> Resource:
    return Summary.read(unit.about).resource


def _dropped(future: Future[Opened]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().close()
