"""Which frames of an instance are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rendicom.errors import NoSuchFrameError, OptionError

__all__ = ["FrameSelection"]


@dataclass(frozen=True, slots=True)
class FrameSelection:
    """A choice of frames as a person writes it: ``7``, ``1-10,15``, ``all``.

    ``ranges`` are (first, last) pairs, both included, counted from 1; empty means all.
    """

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> FrameSelection:
        """Read the text form; raise OptionError on anything else."""
        if text == "all":
            return cls()
        return cls(tuple(_range(part, text) for part in text.split(",")))

    @classmethod
    def of(cls, frames: Iterable[int]) -> FrameSelection:
        """Return the choice of these frames, in their order.

        >>> FrameSelection.of([1, 2, 3, 7]).ranges
        ((1, 3), (7, 7))
        """
        ranges: list[tuple[int, int]] = []
        for frame in frames:
            if ranges and frame == ranges[-1][1] + 1:
                ranges[-1] = (ranges[-1][0], frame)
            else:
                ranges.append((frame, frame))
        return cls(tuple(ranges))

    def __str__(self) -> str:
        """Return the text form that `parse` reads."""
        parts = (f"{low}-{high}" if high > low else f"{low}" for low, high in self.ranges)
        return ",".join(parts) or "all"

    @property
    def is_single(self) -> bool:
        """Tell whether it names exactly one frame, whatever the instance."""
        first, last = self.ranges[0] if self.ranges else (1, 0)
        return first == last and set(self.ranges) == {(first, first)}

    def resolve(self, number_of_frames: int) -> tuple[int, ...]:
        """Return the frame numbers in the order asked for, each once.

        Raises
        ------
        NoSuchFrameError
            A frame beyond the last one is asked for.
        """
        highest = max((last for _, last in self.ranges), default=0)
        if highest > number_of_frames:
            held = "1 frame" if number_of_frames == 1 else f"{number_of_frames} frames"
            raise NoSuchFrameError(
                f"frame {highest} is asked for, the image has {held}",
                hint=f"--frames from 1 to {number_of_frames}, or all",
            )
        ranges = self.ranges or ((1, number_of_frames),)
        frames = (frame for first, last in ranges for frame in range(first, last + 1))
        return tuple(dict.fromkeys(frames))


def _range(part: str, text: str) -> tuple[int, int]:
    ends = part.split("-")
    if len(ends) <= 2 and all(end.isascii() and end.isdigit() and len(end) < 11 for end in ends):
        first, last = int(ends[0]), int(ends[-1])
        if 1 <= first <= last:
            return first, last
    raise OptionError(f"frames {text!r} is not of the form 7, 1-10,15 or all, counted from 1")
