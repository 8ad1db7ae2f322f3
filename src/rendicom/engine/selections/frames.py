"""Frames: a picture of one, an animation of several."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rendicom.encode import format_of_media_type
from rendicom.engine.encoding import encoded
from rendicom.errors import NoSuchFrameError, OptionError
from rendicom.selection import FrameSelection, Selection
from rendicom.views import read_integer, shown

if TYPE_CHECKING:
    from rendicom.engine.rendered_image import RenderedImage
    from rendicom.engine.request import PictureRequest
    from rendicom.engine.selections import FrameDisplay
    from rendicom.presentation import PresentationState

_DEFAULT_DURATION = 100.0
"""Milliseconds that a frame is shown if the file has no timing."""


class _FrameKind:
    def picture(
        self,
        instance: FrameDisplay,
        request: PictureRequest,
        presentation: PresentationState | None,
    ) -> RenderedImage:
        number = request.selection.frame
        if number is not None:
            displayed = instance.displayed(number, request.options, presentation)
            return encoded(displayed, request, frame=number, threads=instance.threads)
        chosen = FrameSelection.parse(request.selection.text)
        numbers = tuple(chosen.numbers(instance.description.number_of_frames))
        from rendicom.engine.loop import render_loop

        durations = instance.description.frame_durations or (_DEFAULT_DURATION,)
        return render_loop(
            lambda number: instance.displayed(number, request.options, presentation),
            numbers,
            [durations[min(number, len(durations)) - 1] for number in numbers],
            format_of_media_type(request.media_type),
            request.options,
            threads=instance.threads,
        )


def read_number(value: object) -> int:
    """Return the frame number given in code; OptionError if it is not a whole number."""
    number = None if isinstance(value, str) else read_integer(value)
    if number is None:
        raise OptionError(f"frame {shown(value)} is not a whole number")
    return number


def select_frame(number: object) -> Selection:
    """Return the selection of one frame, by its number.

    Raises
    ------
    OptionError, NoSuchFrameError
    """
    frame = read_number(number)
    if frame < 1:
        raise NoSuchFrameError(f"there is no frame {frame}: frames are counted from 1")
    return _selected(frame)


@lru_cache(maxsize=64)
def _selected(frame: int) -> Selection:
    return FrameSelection.of((frame,)).selection


def select_frames(numbers: Sequence[int] | None) -> Selection:
    """Return the selection of frames by their numbers, of all for None."""
    given: Any = numbers
    if given is None:
        return FrameSelection().selection
    if not isinstance(given, Sequence) or not given:
        raise OptionError(f"frames {shown(numbers)} are not frame numbers")
    for number in given:
        select_frame(number)
    return FrameSelection.of(map(read_number, given)).selection


SELECTION = _FrameKind()
