"""An instance whose pictures the server renders, with the interface of the engine's `Instance`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rendicom.client.render_requests import RenderRequest
from rendicom.client.response_models import text
from rendicom.closing import Closing
from rendicom.dicomweb.selections import address_of
from rendicom.engine.rendered_image import RenderedImage
from rendicom.errors import RendicomError, TooLargeError, WireError
from rendicom.pixels.describe import describe
from rendicom.selection import FrameSelection, Selection

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from rendicom.client.found_instance import FoundInstance
    from rendicom.client.response_models import Model
    from rendicom.client.server import Server
    from rendicom.dicom.header import Header
    from rendicom.engine import Instance, PictureRequest
    from rendicom.values import PixelDescription

_FIRST_FRAME = FrameSelection.of((1,)).selection
BY_SERVER = "rendered by the server"
_AHEAD = 4
"""Frames of one instance that are prefetched."""


class RemoteInstance(Closing):
    """An instance whose pictures the server renders.

    Parameters
    ----------
    query
        The request of the options.
    selections
        Selections to be rendered, in their order, for prefetching.
    executor
        Runs prefetching requests; None for one request at a time.
    otherwise
        Opens the instance to render locally if the server fails; None to let it fail.
    needs_burned_in
        The header must tell whether the pixels may identify the patient: metadata are read.
    """

    def __init__(
        self,
        server: Server,
        summary: FoundInstance,
        query: RenderRequest,
        media_type: str,
        *,
        selections: Sequence[Selection] = (),
        executor: Executor | None = None,
        otherwise: Callable[[], Instance] | None = None,
        needs_burned_in: bool = False,
    ) -> None:
        self.rendering = BY_SERVER
        self._server, self._summary = server, summary
        self._query, self._media_type = query, media_type
        self._selections, self._executor = list(selections), executor
        self._otherwise = otherwise
        self._needs_burned_in = needs_burned_in
        self._local: Instance | None = None
        self._coming: dict[Selection, Future[RenderedImage]] = {}

    def close(self) -> None:
        """Cancel the prefetched pictures."""
        for future in self._coming.values():
            future.cancel()
        self._coming.clear()
        if self._local is not None:
            self._local.close()

    @cached_property
    def header(self) -> Header:
        """Return the search result as a header, with attributes of the metadata if needed.

        Raises
        ------
        WireError, UnreadableSourceError, TooLargeError
            The metadata are needed, and the server does not return them.
        """
        if not self._needs_burned_in:
            return self._summary.header()
        try:
            return self._summary.header(self._metadata())
        except (WireError, TooLargeError):
            return self._here().header

    @property
    def sop_class(self) -> str:
        """Return the SOP Class UID, or an empty string."""
        return self._summary.sop_class

    @property
    def sop_instance(self) -> str:
        """Return the SOP Instance UID."""
        return self._summary.instance

    @cached_property
    def description(self) -> PixelDescription:
        """Return a description in which only size and number of frames are valid."""
        return describe(self.header)

    def overlay_groups(self, frame: int = 1) -> tuple[int, ...]:  # noqa: ARG002
        """Return nothing: only the server knows the overlays."""
        return ()

    def begin(self) -> None:
        """Fetch the first picture now; an error is raised when the picture is requested."""
        first = self._selections[0] if self._selections else _FIRST_FRAME
        self._coming[first] = Future()
        try:
            self._coming[first].set_result(self._fetch(first))
        except RendicomError as error:
            self._coming[first].set_exception(error)

    def picture(
        self,
        request: PictureRequest,
        *,
        presentation: Any = None,  # noqa: ARG002
        layers: Any = None,  # noqa: ARG002
    ) -> RenderedImage:
        """Return the picture of a selection; options and media type are those of the query.

        Raises
        ------
        WireError, UnreadableSourceError, TooLargeError
        """
        if self._local is not None:
            return self._local.picture(request)
        wanted = request.selection
        if self._executor is not None and wanted in self._selections:
            at = self._selections.index(wanted)
            for each in self._selections[at + 1 : at + 1 + _AHEAD]:
                if each not in self._coming:
                    self._coming[each] = self._executor.submit(self._fetch, each)
        coming = self._coming.pop(wanted, None)
        try:
            return coming.result() if coming is not None else self._fetch(wanted)
        except (WireError, TooLargeError):
            return self._here().picture(request)

    def _metadata(self) -> Model:
        models = self._server.metadata(self._summary.resource)
        if len(models) != 1 or text(models[0], "00080018") not in ("", self._summary.instance):
            raise WireError(
                f"{self._server.host} has no metadata of the instance, so it is not known "
                "whether names are burned into its pixels"
            )
        return models[0]

    def _here(self) -> Instance:
        """Return the local instance; without one, raise the error being handled."""
        if self._otherwise is None:
            raise  # noqa: PLE0704
        self._local = self._otherwise()
        self.rendering = getattr(self._local, "rendering", "")
        return self._local

    def _fetch(self, selection: Selection) -> RenderedImage:
        resource, pairs = address_of(
            selection, self._summary.resource, number_of_frames=max(1, self._summary.frames)
        )
        query = self._query.selecting(pairs)
        if query is None:
            raise WireError(f"{self._server.host} has no parameter {selection.kind}")
        made = self._server.picture(resource, query, self._media_type)
        return replace(made, frame=selection.frame, voi=made.voi or BY_SERVER)
