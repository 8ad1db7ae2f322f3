"""The part of an instance that a picture shows: a kind of selection, and its text.

What a kind means is in ``rendicom.engine.selections``, how it is written in a URL in
``rendicom.dicomweb.selections``: one file per kind in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rendicom.errors import NoSuchFrameError, OptionError
from rendicom.records import NamedTuple, frozen
from rendicom.views import shown


class Selection(NamedTuple):
    """A part of an instance, or all of it, that becomes one picture.

    Attributes
    ----------
    kind
        ``frames``, or the name of another module in ``rendicom.engine.selections``.
    text
        What is selected, in the grammar of the kind: ``1-10,15``. Equal selections have equal
        texts.

    Examples
    --------
    >>> selection = rendicom.Selection("frames", "1-3")
    >>> request = rendicom.PictureRequest(selection, media_type="image/gif")
    >>> with rendicom.open_instance("cine.dcm") as instance:
    ...     instance.picture(request).media_type
    'image/gif'
    """

    kind: str
    text: str

    @property
    def frame(self) -> int | None:
        """Return the number of the frame if it is one, else None."""
        return int(self.text) if self.kind == "frames" and self.text.isdecimal() else None


@frozen()
class FrameSelection:
    """A choice of frames, in the grammar of the kind ``frames``: ``7``, ``1-10,15``, ``all``.

    ``ranges`` are (first, last) pairs, both included, counted from 1; empty means all.
    """

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> FrameSelection:
        """Read the text form; raise OptionError on anything else."""
        if not isinstance(text, str):
            raise OptionError(f"frames {shown(text)} are not text such as '7', '1-10,15' or 'all'")
        if text == "all":
            return cls()
        return cls(tuple(_range(part, text) for part in text.split(",")))

    @classmethod
    def of(cls, frames: Iterable[int]) -> FrameSelection:
        """Return the choice of these frames, in their order, repetitions included.

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
    def selection(self) -> Selection:
        """Return it as the selection of one picture."""
        return Selection("frames", str(self))

    @property
    def is_single(self) -> bool:
        """Tell whether it names exactly one frame, for any instance."""
        first, last = self.ranges[0] if self.ranges else (1, 0)
        return first == last and set(self.ranges) == {(first, first)}

    @property
    def most(self) -> int:
        """Return the number of named frames, counting repeated ones again; 0 for all."""
        return sum(last - first + 1 for first, last in self.ranges)

    def resolve(self, number_of_frames: int) -> tuple[int, ...]:
        """Return the frame numbers in the requested order, each once.

        Raises
        ------
        NoSuchFrameError
            A frame beyond the last one is requested.
        """
        highest = max((last for _, last in self.ranges), default=0)
        if highest > number_of_frames:
            held = "1 frame" if number_of_frames == 1 else f"{number_of_frames} frames"
            raise NoSuchFrameError(
                f"frame {highest} is requested, the image has {held}",
                hint=f"--frames from 1 to {number_of_frames}, or all",
            )
        return tuple(dict.fromkeys(self.numbers(number_of_frames)))

    def numbers(self, number_of_frames: int) -> Iterator[int]:
        """Yield the frame numbers in the requested order; a range ends one after the last frame.

        Reading a frame of that number is an error.
        """
        for first, last in self.ranges or ((1, number_of_frames),):
            yield from range(first, min(last, max(first, number_of_frames + 1)) + 1)


def _range(part: str, text: str) -> tuple[int, int]:
    ends = part.split("-")
    if len(ends) <= 2 and all(end.isascii() and end.isdigit() and len(end) < 11 for end in ends):
        first, last = int(ends[0]), int(ends[-1])
        if 1 <= first <= last:
            return first, last
    raise OptionError(f"frames {text!r} is not of the form 7, 1-10,15 or all, counted from 1")
