"""The images of an animation, rendered when the encoder asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, overload

from rendicom.encode.fit import fit
from rendicom.values import DisplayImage

if TYPE_CHECKING:
    from rendicom.encode.formats import Format
    from rendicom.rendering.plan import RenderPlan

__all__ = ["Loop"]


class Loop(Sequence[DisplayImage]):
    """The images of an animation, rendered when the encoder asks: one is held at a time."""

    def __init__(
        self,
        displayed: Callable[[int], tuple[DisplayImage, RenderPlan, tuple[str, ...]]],
        frames: Sequence[int],
        file_format: Format,
    ) -> None:
        self._displayed, self._frames, self._format = displayed, frames, file_format
        self.shape, self.voi = (0, 0), ""
        self.warnings: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> DisplayImage: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[DisplayImage]: ...
    def __getitem__(self, index: int | slice) -> DisplayImage | Sequence[DisplayImage]:
        if isinstance(index, slice):
            return [self[position] for position in range(len(self))[index]]
        image, plan, notes = self._displayed(self._frames[index])
        image, fit_notes = fit(image, self._format)
        self.shape, self.voi = image.samples.shape[:2], plan.voi
        self.warnings.update(dict.fromkeys((*notes, *fit_notes)))
        return image
