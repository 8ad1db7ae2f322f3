"""Ranges of values over all frames of an instance."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rendicom.coded_warnings import CodedWarning
from rendicom.errors import RendicomError
from rendicom.options import RenderOptions, Voi
from rendicom.rendering.statistics import modality_range
from rendicom.rendering.subtraction import display_of_difference
from rendicom.rendering.voi_choice import frames_counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rendicom.values import DisplayAttributes, Frame, PixelDescription


class ValueRanges:
    """Ranges of the values of one instance, each measured once.

    In its methods ``frame`` is the decoded frame ``number``.

    Parameters
    ----------
    description
        Of the instance.
    decode, display
        Return a frame and its display attributes by number. Frames are halved as often as the
        given one is.
    """

    def __init__(
        self,
        description: PixelDescription,
        decode: Callable[[int, RenderOptions, int], Frame],
        display: Callable[[int], DisplayAttributes],
    ) -> None:
        self._description = description
        self._decode, self._display = decode, display
        self._lock = threading.Lock()
        self._measured: dict[tuple[Voi, bool, int, bool], tuple[float, float]] = {}
        self._undecodable: dict[int, None] = {}
        self._are_whole: bool | None = None

    def measure(
        self, voi: Voi, options: RenderOptions, frame: Frame, number: int
    ) -> tuple[float, float]:
        """Return low and high of the modality values, the same for every frame."""
        key = (voi, options.padding, _halvings(frame), frame.is_difference)
        with self._lock:
            if key not in self._measured:
                self._measured[key] = modality_range(
                    self._counted(voi, options, frame, number),
                    self._description,
                    voi,
                    padding=options.padding,
                )
            return self._measured[key]

    def warnings(self) -> tuple[CodedWarning, ...]:
        """Return warnings about frames that are left out of the ranges."""
        with self._lock:
            count = len(self._undecodable)
        if not count:
            return ()
        frames = "1 frame is" if count == 1 else f"{count} frames are"
        text = f"{frames} left out of the range of values: not decodable"
        return (CodedWarning("range-estimated", text),)

    def are_whole(self, options: RenderOptions, frame: Frame, number: int) -> bool:
        """Tell whether float samples are whole numbers in all frames, or in a sample of many."""
        from rendicom.rendering.lut import are_whole

        with self._lock:
            if self._are_whole is None:
                counted = self._counted(Voi(), options, frame, number)
                self._are_whole = all(are_whole(each.samples) for each, _ in counted)
            return self._are_whole

    def _counted(
        self, voi: Voi, options: RenderOptions, frame: Frame, number: int
    ) -> Iterator[tuple[Frame, DisplayAttributes]]:
        """Yield the decodable frames that count for ``voi``, one at a time.

        Differences from masks and frames as stored do not count for each other. With ``strict`` a
        frame that cannot be decoded is an error.
        """
        for counted in frames_counted(voi, self._description.number_of_frames):
            try:
                is_given = counted == number
                found = frame if is_given else self._decode(counted, options, _halvings(frame))
            except RendicomError:
                if options.strict:
                    raise
                self._undecodable[counted] = None
                continue
            display = self._display(counted)
            if found.is_difference == frame.is_difference:
                yield found, display_of_difference(display) if found.is_difference else display


def _halvings(frame: Frame) -> int:
    return frame.reduction.halvings if frame.reduction is not None else 0
