"""Opens instances and presentation states: paths, bytes, file objects, pydicom data sets."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TypeGuard

from rendicom.dicom.byte_source import BufferSource, open_source
from rendicom.dicom.header import header_of_dataset, read_header
from rendicom.engine.instance import Instance
from rendicom.errors import LimitExceededError, OptionError, RendicomError, typed_memory_error
from rendicom.options import RenderOptions
from rendicom.views import read_integer, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from pydicom import Dataset

    from rendicom.engine.rendered_image import RenderedImage
    from rendicom.presentation import PresentationState
    from rendicom.rendering.layers import LayerSource

    Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Dataset

_DEFAULT_OPTIONS = RenderOptions()
_LARGEST_STATE = 256 << 20


@typed_memory_error
def open_instance(
    source: Source,
    *,
    open_layers: Callable[[Sequence[Any]], LayerSource] | None = None,
    threads: int | None = None,
) -> Instance:
    """Return the DICOM instance in a path, bytes, binary file object or pydicom Dataset.

    Only the header is read. Use it as a context manager, or call ``close``.
    ``open_layers`` opens objects that are drawn on its images. ``threads`` is how many threads may
    work on one picture; by default as many as this process may use processors.

    Raises
    ------
    UnreadableSourceError, NotDicomError, CorruptDataError, LimitExceededError
    OptionError
        The number of threads is not a whole number from 1 on.
    """
    if threads is not None:
        threads, given = read_integer(threads) or 0, threads
        if threads < 1:
            raise OptionError(f"threads {shown(given)} is not a whole number from 1 on")
    more: dict[str, Any] = {"open_layers": open_layers, "threads": threads}
    if _is_dataset(source):
        return Instance(header_of_dataset(source), **more)
    opened = None
    try:
        opened = open_source(source)
        instance = Instance(read_header(opened), opened, **more)
    except BaseException as error:
        if opened is not None:
            opened.close()
        _name_source(error, source)
        raise
    if isinstance(source, (str, os.PathLike)):
        instance.reopen = _reopened, os.path.abspath(source), more  # noqa: PTH100 - cheap
    elif isinstance(source, bytes):
        instance.reopen = _reopened, source, more
    return instance


def _name_source(error: BaseException, source: object) -> None:
    """Name the path in the traceback of an error whose message leaves that to the doors."""
    if isinstance(error, RendicomError) and isinstance(source, (str, os.PathLike)):
        note = f"source: {os.fspath(source)}"
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)


def _reopened(source: str | bytes, more: dict[str, Any]) -> Instance:
    return open_instance(source, **more)


def open_presentation(source: Source) -> PresentationState:
    """Return the presentation state in a path, bytes, binary file object or pydicom Dataset.

    It is read completely; pass it to `Instance.render` or `Instance.display`.

    Raises
    ------
    UnsupportedImageError
        The object is not a presentation state, or its kind is not supported.
    UnreadableSourceError, NotDicomError, CorruptDataError, LimitExceededError

    Examples
    --------
    >>> state = rendicom.open_presentation("ct.dcm")
    Traceback (most recent call last):
        ...
    rendicom.errors.UnsupportedImageError: the object is of class CT Image, which is no...
    """
    from rendicom.pixels.presentations import read_presentation

    if _is_dataset(source):
        return read_presentation(header_of_dataset(source, wanted=None).attributes)
    opened = open_source(source)
    try:
        if opened.size > _LARGEST_STATE:
            raise LimitExceededError(
                f"the file has {opened.size} bytes; presentation states of up to "
                f"{_LARGEST_STATE} bytes are read"
            )
        # A copy in memory: bitmaps of overlays are read when they are drawn.
        held = BufferSource(opened.read(0, opened.size))
    finally:
        opened.close()
    return read_presentation(read_header(held, wanted=None).attributes)


def _is_dataset(source: object) -> TypeGuard[Dataset]:
    """Tell whether the source is a data set in memory."""
    # If pydicom is not imported, the source cannot be a data set.
    pydicom = sys.modules.get("pydicom")
    return pydicom is not None and isinstance(source, pydicom.Dataset)


def render(
    source: Source,
    frame: int = 1,
    options: RenderOptions = _DEFAULT_OPTIONS,
    media_type: str = "image/jpeg",
    *,
    threads: int | None = None,
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
    threads
        How many threads may work on the picture; by default as many as this process may use
        processors. The picture is the same for any number.

    Raises
    ------
    RendicomError
        One of its subclasses, each with a stable ``code`` and a ``hint``.

    Examples
    --------
    >>> picture = rendicom.render("ct.dcm", media_type="image/png")
    >>> picture
    <RenderedImage image/png, 128 x 128, ... bytes>
    >>> picture.save("ct.png")
    """
    try:
        with open_instance(source, threads=threads) as instance:
            return instance.render(frame, options, media_type)
    except RendicomError as error:
        _name_source(error, source)
        raise
