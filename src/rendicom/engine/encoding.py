"""Encodes display samples as the requested picture."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from rendicom.encode import encode, format_of_media_type
from rendicom.encode.fit import fit
from rendicom.encode.formats import EncodeSettings
from rendicom.engine.rendered_image import RenderedImage
from rendicom.workers.cpu_count import usable_cores

if TYPE_CHECKING:
    from rendicom.engine.request import PictureRequest
    from rendicom.engine.selections import Displayed
    from rendicom.options import RenderOptions


def encoded(
    displayed: Displayed,
    request: PictureRequest,
    *,
    frame: int | None = None,
    threads: int | None = 1,
) -> RenderedImage:
    """Return the picture; ``frame`` is its number if it shows one frame.

    Large ones are encoded by up to ``threads`` threads; None for as many as this process may use
    processors.
    """
    file_format = format_of_media_type(request.media_type)
    start = perf_counter()
    image, fit_notes = fit(displayed.image, file_format)
    middle = perf_counter()
    settings = settings_of(request.options)._replace(threads=threads or usable_cores())
    data = encode(image, file_format, settings)
    height, width = image.samples.shape[:2]
    *before, rendering = displayed.seconds or (0.0, 0.0)
    return RenderedImage(
        data=data,
        media_type=file_format.media_type,
        width=width,
        height=height,
        frame=frame,
        voi=displayed.plan.voi,
        warnings=(*displayed.warnings, *fit_notes),
        layers=displayed.layers,
        seconds=(*before, rendering + middle - start, perf_counter() - middle),
    )


def settings_of(options: RenderOptions) -> EncodeSettings:
    """Return the encoder's part of the options."""
    return EncodeSettings(quality=options.quality, compression=options.compression)
