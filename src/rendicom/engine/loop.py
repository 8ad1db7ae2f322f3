"""The images of an animation, rendered when the encoder asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, overload

from rendicom.encode import encode_animation
from rendicom.encode.fit import fit
from rendicom.errors import OptionError
from rendicom.values import DisplayImage, RenderedImage

if TYPE_CHECKING:
    from rendicom.encode.formats import EncodeSettings, Format
    from rendicom.rendering.plan import RenderPlan

    Shown = tuple[DisplayImage, RenderPlan, tuple[str, ...]]

__all__ = ["render_loop"]


def render_loop(
    displayed: Callable[[int], Shown],
    frames: Sequence[int],
    durations: Sequence[float],
    file_format: Format,
    settings: EncodeSettings,
) -> RenderedImage:
    """Return frames as one animation; see `rendicom.engine.Instance.render_animation`.

    ``durations`` are in milliseconds, one for each frame.
    """
    if file_format.encode_animation is None:
        raise OptionError(f"{file_format.name} holds one frame only", hint="use gif, apng or webp")
    images = _Loop(displayed, frames, file_format)
    data = encode_animation(images, durations, file_format, settings)
    height, width = images.shape
    return RenderedImage(
        data=data,
        media_type=file_format.media_type,
        width=width,
        height=height,
        frame=None,
        voi=images.voi,
        warnings=tuple(images.warnings),
    )


class _Loop(Sequence[DisplayImage]):
    """The images of an animation, rendered when the encoder asks: one is held at a time."""

    def __init__(
        self,
        displayed: Callable[[int], Shown],
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
