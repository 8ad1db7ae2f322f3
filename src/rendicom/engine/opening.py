"""Where instances come from: paths, bytes, file objects, data sets in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from rendicom.engine.instance import Instance
from rendicom.options import RenderOptions
from rendicom.pixels.bytesource import open_source
from rendicom.pixels.header import header_of_dataset, read_header

if TYPE_CHECKING:
    import os
    from typing import BinaryIO

    from pydicom import Dataset

    from rendicom.values import RenderedImage

    Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Dataset

__all__ = ["is_dataset", "open_instance", "render"]

_DEFAULT_OPTIONS = RenderOptions()


def open_instance(source: Source) -> Instance:
    """Return the DICOM instance in a path, bytes, binary file object or pydicom Dataset.

    The header is read; pixels are not touched. Use it as a context manager, or call ``close``.

    Raises
    ------
    UnreadableSourceError, NotDicomError, CorruptDataError, LimitExceededError
    """
    if is_dataset(source):
        return Instance(header_of_dataset(source))
    opened = open_source(source)
    try:
        return Instance(read_header(opened), opened)
    except BaseException:
        opened.close()
        raise


def is_dataset(source: object) -> TypeGuard[Dataset]:
    """Tell whether the source is a data set in memory."""
    return hasattr(source, "file_meta") or hasattr(source, "PixelData")


def render(
    source: Source,
    frame: int = 1,
    options: RenderOptions = _DEFAULT_OPTIONS,
    media_type: str = "image/jpeg",
) -> RenderedImage:
    """Return one frame of a DICOM object as an encoded picture.

    Parameters
    ----------
    source
        Path, bytes, binary file object or pydicom Dataset.
    frame
        Frame number, counted from 1.
    options
        How to render; see `RenderOptions`.
    media_type
        ``image/jpeg``, ``image/png``, or another that ``rendicom doctor`` lists.

    Raises
    ------
    RendicomError
        One of its subclasses, each with a stable ``code`` and a ``hint``.

    Examples
    --------
    >>> picture = render("ct.dcm", media_type="image/png")  # doctest: +SKIP
    >>> Path("ct.png").write_bytes(picture.data)  # doctest: +SKIP
    """
    with open_instance(source) as instance:
        return instance.render(frame, options, media_type)
