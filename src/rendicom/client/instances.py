"""Instances of a server, as whoever makes pictures of them sees them.

Each has what a batch takes from `rendicom.engine.Instance`; who renders is a matter of its class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from rendicom.client.rendered import Question
from rendicom.client.trial import agree, is_the_same
from rendicom.errors import RendicomError, TooLargeError, WireError
from rendicom.options import RenderOptions
from rendicom.pixels.describe import describe
from rendicom.values import RenderedImage

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from rendicom.client.server import Server
    from rendicom.client.summary import Summary
    from rendicom.engine import Instance
    from rendicom.pixels.header import Header
    from rendicom.values import PixelDescription

__all__ = ["BY_SERVER", "LocalInstance", "RemoteInstance", "TriedInstance"]

_DEFAULT_OPTIONS = RenderOptions()
BY_SERVER = "rendered by the server"
_AHEAD = 4
"""Frames of one instance that are asked for before they are needed."""


class RemoteInstance:
    """An instance whose pictures the server makes.

    Parameters
    ----------
    question
        How the options are asked for.
    frames
        Those that will be wanted, in their order, for asking ahead.
    executor
        Where requests are made ahead; None for one at a time.
    otherwise
        Gives the instance to render here what the server cannot; None to let it fail.
    """

    def __init__(
        self,
        server: Server,
        summary: Summary,
        question: Question,
        media_type: str,
        *,
        frames: Sequence[int] = (),
        executor: Executor | None = None,
        otherwise: Callable[[], LocalInstance] | None = None,
    ) -> None:
        self.rendering = BY_SERVER
        self._server, self._summary = server, summary
        self._question, self._media_type = question, media_type
        self._frames, self._executor = list(frames), executor
        self._otherwise = otherwise
        self._local: LocalInstance | None = None
        self._coming: dict[int, Future[RenderedImage]] = {}

    def __enter__(self) -> Self:
        """Return the instance itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Forget what was asked for ahead."""
        self.close()

    def close(self) -> None:
        """Forget what was asked for ahead."""
        for future in self._coming.values():
            future.cancel()
        self._coming.clear()
        if self._local is not None:
            self._local.close()

    @cached_property
    def header(self) -> Header:
        """Return what the search said, as a header."""
        return self._summary.header()

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
        """Return size and number of frames; nothing else of it means anything."""
        return describe(self.header)

    def overlay_groups(self, frame: int = 1) -> tuple[int, ...]:  # noqa: ARG002
        """Return nothing: the server alone knows."""
        return ()

    def begin(self) -> None:
        """Fetch the first picture now; what goes wrong is said when it is asked for."""
        number = self._frames[0] if self._frames else 1
        self._coming[number] = Future()
        try:
            self._coming[number].set_result(self._fetch(number))
        except RendicomError as error:
            self._coming[number].set_exception(error)

    def render(
        self,
        frame: int = 1,
        options: RenderOptions = _DEFAULT_OPTIONS,
        media_type: str = "image/jpeg",
        *,
        presentation: Any = None,  # noqa: ARG002
    ) -> RenderedImage:
        """Return the picture of one frame; the server was told the options already.

        Raises
        ------
        WireError, UnreadableSourceError, TooLargeError
        """
        if self._local is not None:
            return self._local.render(frame, options, media_type)
        if self._executor is not None and frame in self._frames:
            at = self._frames.index(frame)
            for number in self._frames[at + 1 : at + 1 + _AHEAD]:
                self._ask(number)
        coming = self._coming.pop(frame, None)
        try:
            return coming.result() if coming is not None else self._fetch(frame)
        except (WireError, TooLargeError):
            return self._here().render(frame, options, media_type)

    def render_animation(
        self,
        frames: Sequence[int] | None = None,
        options: RenderOptions = _DEFAULT_OPTIONS,
        media_type: str = "image/gif",
        *,
        presentation: Any = None,  # noqa: ARG002
    ) -> RenderedImage:
        """Return frames as one picture."""
        count = self.description.number_of_frames
        question = self._question
        if frames is not None and list(frames) != list(range(1, count + 1)):
            chosen = ",".join(map(str, frames))
            question = question._replace(query=f"{question.query}&frames={chosen}".lstrip("&"))
        try:
            made = self._server.picture(self._summary.resource, question, media_type)
        except (WireError, TooLargeError):
            return self._here().render_animation(frames, options, media_type)
        return _with_frame(made, None)

    def _here(self) -> LocalInstance:
        """Return what renders here; within an error, which is raised if there is nothing."""
        if self._otherwise is None:
            raise  # noqa: PLE0704
        self._local = self._otherwise()
        self.rendering = self._local.rendering
        return self._local

    def _ask(self, number: int) -> None:
        if self._executor is not None and number not in self._coming:
            self._coming[number] = self._executor.submit(self._fetch, number)

    def _fetch(self, number: int) -> RenderedImage:
        resource = self._summary.resource
        if self._summary.frames > 1:
            resource = resource._replace(frames=(number,))
        made = self._server.picture(resource, self._question, self._media_type)
        return _with_frame(made, number)


def _with_frame(image: RenderedImage, frame: int | None) -> RenderedImage:
    return replace(image, frame=frame, voi=image.voi or BY_SERVER)


class LocalInstance:
    """An instance that was retrieved, and is rendered here.

    Parameters
    ----------
    instance
        The object itself.
    rendering
        Why, in a few words.
    """

    def __init__(self, instance: Instance, rendering: str) -> None:
        self.instance = instance
        self.rendering = rendering

    def __enter__(self) -> Self:
        """Return the instance itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Let go of the object."""
        self.close()

    def close(self) -> None:
        """Let go of the object."""
        self.instance.close()

    @property
    def header(self) -> Header:
        """Return what the object says before its pixels."""
        return self.instance.header

    @property
    def sop_class(self) -> str:
        """Return the SOP Class UID, or an empty string."""
        return self.instance.sop_class

    @property
    def sop_instance(self) -> str:
        """Return the SOP Instance UID, or an empty string."""
        return self.instance.sop_instance

    @property
    def description(self) -> PixelDescription:
        """Return what the header says of the pixel matrix."""
        return self.instance.description

    def overlay_groups(self, frame: int = 1) -> tuple[int, ...]:
        """Return the groups of the overlay planes that lie over a frame."""
        return self.instance.overlay_groups(frame)

    def render(self, *arguments: Any, **more: Any) -> RenderedImage:
        """Return one frame as a picture; see `rendicom.engine.Instance.render`."""
        return self.instance.render(*arguments, **more)

    def render_animation(self, *arguments: Any, **more: Any) -> RenderedImage:
        """Return frames as one picture; see `rendicom.engine.Instance.render_animation`."""
        return self.instance.render_animation(*arguments, **more)


class TriedInstance(LocalInstance):
    """An instance that is rendered here, and by the server for comparison.

    Parameters
    ----------
    remote
        The same instance, rendered by the server.
    conclude
        Is told once whether the server renders as we do, or None where this picture does not
        tell.
    """

    def __init__(
        self,
        instance: LocalInstance,
        remote: RemoteInstance,
        conclude: Callable[[bool | None], None],
    ) -> None:
        super().__init__(instance.instance, instance.rendering)
        self._remote, self._conclude = remote, conclude
        self._is_open = True

    def render(self, *arguments: Any, **more: Any) -> RenderedImage:
        """Return one frame as a picture made here; the first decides the trial."""
        ours = super().render(*arguments, **more)
        if self._is_open:
            self._is_open = False
            self._conclude(self._verdict(ours, *arguments))
        return ours

    def _verdict(self, ours: RenderedImage, *arguments: Any) -> bool | None:
        frame = arguments[0] if arguments else 1
        options = arguments[1] if len(arguments) > 1 else RenderOptions()
        try:
            if not agree(ours, self._remote.render(frame)):
                return False
            if options == RenderOptions():
                return True
            plain = self.instance.render(frame, RenderOptions(), ours.media_type)
            return None if is_the_same(ours, plain) else True
        except WireError:
            return False
        except RendicomError:
            return None
