"""What is left to do of a source after an earlier run."""

from __future__ import annotations

from rendicom.batch.frames import FrameSelection
from rendicom.batch.manifest.earlier import Earlier, Picture
from rendicom.batch.manifest.outputs import Outputs
from rendicom.batch.manifest.records import Terms, below
from rendicom.batch.names import FRAME_MARK
from rendicom.batch.units import Unit

__all__ = ["Resume", "missing", "names_it"]


class Resume:
    """Compares what is to be done with what was done.

    A picture is done when it was written with the same options and the same recipe from the same
    version of its source, goes by the name it would get now, and is there in its recorded size.
    Whatever is in doubt is done again.

    Parameters
    ----------
    frames
        The frames the recipe asks for; None for all.
    extension
        Of the pictures, with its dot.
    """

    def __init__(
        self, earlier: Earlier, terms: Terms, *, frames: FrameSelection | None, extension: str
    ) -> None:
        self.earlier = earlier
        self._terms = terms
        self._frames = frames or FrameSelection()
        self._extension = extension
        self._outputs = Outputs(terms.target)

    def left_to_do(self, unit: Unit) -> Unit | None:
        """Return the unit, less the frames that are done; None where that is all of them."""
        source = self._terms.text(unit.source)
        recorded = self.earlier.pictures(source)
        done = [picture for picture in recorded if self._is_done(unit, picture)]
        left = missing(done, unit.frames or self._frames)
        if left is None:
            if len(done) < len(recorded):
                self.earlier.keep(done)
                self.earlier.settle(source)
            else:
                self.earlier.tidy(source)
            return None
        if not left.ranges:
            return unit
        self.earlier.keep(done)
        return unit._replace(frames=left)

    def settle(self, source: str) -> None:
        """Let the records of this run take the place of earlier ones of the same source."""
        self.earlier.settle(self._terms.text(source))

    def close(self) -> None:
        """Forget the earlier records."""
        self.earlier.close()
        self._outputs.close()

    def _is_done(self, unit: Unit, picture: Picture) -> bool:
        # Without a version nobody can say whether a source is what it was.
        if not unit.version or picture.version != unit.version:
            return False
        path = self._terms.path(picture.output)
        name = below(path, self._terms.target)
        if name is None or not name.endswith(self._extension):
            return False
        if not names_it(unit.place, name.removesuffix(self._extension), picture.frame):
            return False
        return picture.size is not None and self._outputs.size(path) == picture.size


def missing(done: list[Picture], frames: FrameSelection) -> FrameSelection | None:
    """Return the frames of a source that are not done; None for none, all where in doubt."""
    counts = {picture.pictures for picture in done}
    if len(counts) != 1:
        return FrameSelection()
    count = counts.pop()
    have = {picture.frame for picture in done}
    if None in have:
        # A loop is one picture of all its frames.
        return None if have == {None} and count == 1 else FrameSelection()
    highest = max((last for _, last in frames.ranges), default=count)
    wanted = frames.resolve(highest)
    if len(wanted) != count or not have.issubset(wanted):
        return FrameSelection()
    left = [frame for frame in wanted if frame not in have]
    return FrameSelection.of(left) if left else None


def names_it(place: str, stem: str, frame: int | None) -> bool:
    r"""Tell whether `picture_name` makes a name, less its extension, of a `Unit.place`.

    >>> names_it("a/b", "a/b", 1), names_it("a/b", "a/b-0012", 12), names_it("a/b", "a/c", 1)
    (True, True, False)
    >>> names_it("a\0/b", "a12/b", 12), names_it("a\0/b", "aall/b", None)
    (True, True)
    """
    before, mark, after = place.partition(FRAME_MARK)
    if not mark:
        dash, number = stem[len(place) : len(place) + 1], stem[len(place) + 1 :]
        is_numbered = dash == "-" and frame is not None and _is_frame(number, frame)
        return stem.startswith(place) and (not dash or is_numbered)
    # One number stands in place of a run of marks.
    after = after.lstrip(FRAME_MARK)
    number = stem[len(before) : len(stem) - len(after)]
    if f"{before}{number}{after}" != stem:
        return False
    return number == "all" if frame is None else _is_frame(number, frame)


def _is_frame(digits: str, frame: int) -> bool:
    return digits.isascii() and digits.isdigit() and int(digits) == frame
