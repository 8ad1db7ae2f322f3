"""Which images an object refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rendicom.dicom.attributes import Attributes

_INSTANCE, _CLASS, _FRAMES, _SEGMENTS = 0x00081155, 0x00081150, 0x00081160, 0x0062000B


class ImageReference(NamedTuple):
    """An image, or some of its frames; no frames stand for all of them."""

    instance: str
    frames: tuple[int, ...] = ()
    sop_class: str = ""
    segments: tuple[int, ...] = ()

    def includes(self, instance: str, frame: int) -> bool:
        """Tell whether a frame of an image is meant."""
        return self.instance == instance and (not self.frames or frame in self.frames)


class Mentioned(NamedTuple):
    """The images that an object refers to."""

    images: tuple[ImageReference, ...]
    """In the order of the object."""
    superimposed: tuple[str, ...] = ()
    """SOP Instance UIDs of the images that a blending presentation state superimposes."""
    frames_of_reference: frozenset[str] = frozenset()
    """UIDs of the frames of reference that it uses."""
    is_state: bool = False
    """It is a presentation state of single images."""
    is_ordered: bool = False
    """The order of the images is significant."""
    is_volume: bool = False
    """The images form one volume, and the picture is a plane through it."""

    @property
    def told(self) -> str:
        """Return the referenced images as words for a message."""
        uids = list(dict.fromkeys(each.instance for each in self.images))
        more = f" and {len(uids) - 3} more" if len(uids) > 3 else ""
        return ", ".join(uids[:3]) + more if uids else "no images"


def references_in(items: Iterable[Attributes]) -> tuple[ImageReference, ...]:
    """Return the references in the items of a sequence (SOP Instance Reference Macro)."""
    return tuple(
        ImageReference(
            item.text(_INSTANCE),
            item.integers(_FRAMES),
            item.text(_CLASS),
            item.integers(_SEGMENTS),
        )
        for item in items
        if _INSTANCE in item
    )
