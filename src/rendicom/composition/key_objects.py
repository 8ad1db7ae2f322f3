"""Key object selections: a warning lists the selected images; nothing is drawn."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from rendicom.composition.base import OTHER_IMAGES, Contribution
from rendicom.composition.references import references_in
from rendicom.values import DrawnItem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rendicom.composition.base import BaseFrame
    from rendicom.composition.layer_options import LayerOptions
    from rendicom.composition.references import ImageReference
    from rendicom.dicom.attributes import Attributes
    from rendicom.engine import Instance

_CONTENT, _REFERENCED = 0x0040A730, 0x00081199
_DEEPEST = 8


class KeyObjectLayer:
    """The selected images and frames."""

    kind = "key object selection"

    def __init__(self, instance: Instance, name: str) -> None:
        self.name, self.instance = name, instance.sop_instance
        self._attributes = instance.header.attributes

    @cached_property
    def references(self) -> tuple[ImageReference, ...]:
        """Return the selected images in the order of the object."""
        return tuple(dict.fromkeys(_references(self._attributes, 0)))

    def over(self, base: BaseFrame, options: LayerOptions) -> Contribution:  # noqa: ARG002
        """Tell whether ``base`` is a selected frame."""
        for number, reference in enumerate(self.references, 1):
            if reference.includes(base.instance, base.frame):
                return Contribution(items=(DrawnItem(number, "", (255, 255, 255)),))
        if any(reference.instance == base.instance for reference in self.references):
            return Contribution()
        return Contribution(warning=OTHER_IMAGES if self.references else "it refers to no images")


def _references(item: Attributes, depth: int) -> Iterator[ImageReference]:
    for child in item.items(_CONTENT) if depth < _DEEPEST else ():
        yield from references_in(child.items(_REFERENCED))
        yield from _references(child, depth + 1)
