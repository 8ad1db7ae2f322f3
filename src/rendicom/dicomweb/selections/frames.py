"""Frames: a single one in the path, several in the query parameter ``frames``, an extension."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.selection import FrameSelection, Selection

if TYPE_CHECKING:
    from rendicom.dicomweb.resources import Resource


class _FrameForm:
    help = "Frames of a loop."
    metavar = "1-10,15"

    def read(self, text: str) -> Selection:
        return FrameSelection.parse(text).selection

    def write(
        self, selection: Selection, instance: Resource, *, number_of_frames: int
    ) -> tuple[Resource, str]:
        number = selection.frame
        if number is not None:
            return (instance.frame(number) if number_of_frames > 1 else instance), ""
        is_whole = FrameSelection.parse(selection.text).ranges in ((), ((1, number_of_frames),))
        return instance, "" if is_whole else selection.text


FORM = _FrameForm()
