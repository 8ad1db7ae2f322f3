"""Renders the images of an animation on demand of the encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self, overload

import numpy as np

from rendicom.coded_warnings import CodedWarning
from rendicom.encode import encode_animation, format_of_media_type
from rendicom.encode.fit import fit
from rendicom.engine.encoding import settings_of
from rendicom.engine.rendered_image import RenderedImage
from rendicom.errors import OptionError
from rendicom.values import DisplayImage, DrawnLayer
from rendicom.workers.cpu_count import usable_cores

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from rendicom.encode.formats import Format
    from rendicom.engine.selections import Displayed
    from rendicom.options import RenderOptions

    _Fitted = tuple[DisplayImage, Displayed, tuple[CodedWarning, ...]]

_MILLISECONDS = 200.0
"""Display time of a picture of a sequence."""


def render_loop(
    displayed: Callable[[int], Displayed],
    frames: Sequence[int],
    durations: Sequence[float],
    file_format: Format,
    options: RenderOptions,
    *,
    threads: int | None = 1,
) -> RenderedImage:
    """Return frames as one animation; see `rendicom.engine.Instance.render_animation`.

    ``durations`` are in milliseconds, one for each frame. With several ``threads`` (None: as many
    as this process may use processors) frames are made ahead, one for each thread; ``displayed``
    is then called in these threads.
    """
    if file_format.encode_animation is None:
        raise OptionError(f"{file_format.name} holds one frame only", hint="use gif, apng or webp")
    with _Loop(displayed, frames, file_format, threads or usable_cores()) as images:
        data = encode_animation(images, durations, file_format, settings_of(options))
    height, width = images.shape
    return RenderedImage(
        data=data,
        media_type=file_format.media_type,
        width=width,
        height=height,
        frame=None,
        voi=images.voi,
        warnings=tuple(images.warnings),
        layers=tuple(images.layers),
    )


def render_sequence(
    displayed: Callable[[int], Displayed], count: int, media_type: str, options: RenderOptions
) -> RenderedImage:
    """Return pictures of several images as one animation, in color.

    ``displayed`` gives them by number, counted from 0; they have one size.
    """

    def coloured(number: int) -> Displayed:
        found = displayed(number)
        samples = found.image.samples
        if samples.ndim == 3:
            return found
        samples = np.repeat(samples[..., np.newaxis], 3, axis=2)
        return found._replace(image=replace(found.image, samples=samples))

    durations = [_MILLISECONDS] * count
    return render_loop(coloured, range(count), durations, format_of_media_type(media_type), options)


class _Loop(Sequence[DisplayImage]):
    """The images of an animation, rendered when the encoder asks or, with threads, a little ahead.

    As many are held as there are threads.
    """

    def __init__(
        self,
        displayed: Callable[[int], Displayed],
        frames: Sequence[int],
        file_format: Format,
        threads: int,
    ) -> None:
        self._displayed, self._frames, self._format = displayed, frames, file_format
        self._threads = min(threads, len(frames))
        self._ahead: dict[int, Future[_Fitted]] = {}
        self._pool: Executor | None = None
        self.shape, self.voi = (0, 0), ""
        self.warnings: dict[CodedWarning, None] = {}
        self.layers: dict[DrawnLayer, None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> DisplayImage: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[DisplayImage]: ...
    def __getitem__(self, index: int | slice) -> DisplayImage | Sequence[DisplayImage]:
        if isinstance(index, slice):
            return [self[position] for position in range(len(self))[index]]
        image, displayed, notes = self._made(index)
        self.shape, self.voi = image.samples.shape[:2], displayed.plan.voi
        self.warnings.update(dict.fromkeys((*displayed.warnings, *notes)))
        self.layers.update(dict.fromkeys(displayed.layers))
        return image

    def _made(self, index: int) -> _Fitted:
        # The first one alone, so that properties of all frames are determined once.
        if index == 0 or self._threads == 1:
            return self._fitted(index)
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(self._threads)
        for later in range(index, min(index + self._threads, len(self))):
            if later not in self._ahead:
                self._ahead[later] = self._pool.submit(self._fitted, later)
        return self._ahead.pop(index).result()

    def _fitted(self, index: int) -> _Fitted:
        displayed = self._displayed(self._frames[index])
        image, notes = fit(displayed.image, self._format)
        return image, displayed, notes
