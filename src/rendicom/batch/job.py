"""One conversion: its source, output, format and options.

Document formats are loaded only for names and extensions that are not those of pictures. Named
tuples and not dataclasses, which take seven times as long to define.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

from rendicom.batch.file_names import picture_name
from rendicom.encode import format_named, format_of_extension
from rendicom.errors import OptionError, UnwritableOutputError
from rendicom.records import NamedTuple
from rendicom.storage.names import escaped
from rendicom.views import shown

if TYPE_CHECKING:
    from rendicom.batch.identity import Subject
    from rendicom.documents import DocumentFormat
    from rendicom.encode.formats import Format
    from rendicom.options import RenderOptions
    from rendicom.selection import FrameSelection
    from rendicom.storage import Existing

    OutputFormat = Format | DocumentFormat

MANIFEST = "manifest.jsonl"
"""Name of the manifest in the target, if no other is given."""
DEFAULT_TIMEOUT = 300.0
"""Seconds that one picture may take in a worker process."""


class OutputFolder(NamedTuple):
    """Pictures go into a folder, one per frame; an animation or a document is one file.

    ``place`` is `Unit.place`: the path below ``folder``, without frame number and extension.
    """

    folder: str
    place: str


class OneFile(NamedTuple):
    """The picture goes to one file; ``path`` is None when the caller takes the bytes."""

    path: str | None


def is_shard_template(target: str) -> bool:
    """Tell whether a TARGET names tar files: ``shards/{shard:06}.tar``."""
    return "{shard" in target


class Job(NamedTuple):
    """Source, output and options of one conversion.

    ``source`` is a path, or the name to use in messages when ``content`` is given. ``frames`` is
    ``None`` for the choice that fits the output. ``presentation`` is the path of a presentation
    state, or empty; ``layers`` are the paths of objects drawn over the image; with ``on`` (files
    and folders of images), images without layers give no picture. ``opened`` makes the instance if
    it is not in a file. ``threads`` is as for `rendicom.open_instance`. ``among`` are the sources
    of the run, in which objects find the images that they refer to. ``bundle`` takes the bytes
    instead of the files of ``output``. ``reopen`` gives the source of the instance once more.
    ``run`` is the name of the run; objects stay open under it.
    """

    source: str
    output: OutputFolder | OneFile
    format: OutputFormat
    options: RenderOptions
    frames: FrameSelection | None = None
    existing: Existing = "overwrite"
    content: bytes | memoryview | BinaryIO | None = None
    is_rehearsal: bool = False
    has_digest: bool = False
    presentation: str = ""
    opened: Callable[[], Subject] | None = None
    layers: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    threads: int | None = None
    among: tuple[str, ...] | None = ()
    bundle: Bundle | None = None
    reopen: Callable[[], Any] | None = None
    run: str = ""


class OneFileError(OptionError):
    """Several frames were requested, but the output is one file of a format for one frame."""


def output_path(job: Job, *, frame: int | None, number_of_frames: int) -> str | None:
    """Return the path or URI of a picture; None if the caller takes the bytes."""
    if isinstance(job.output, OneFile):
        return job.output.path
    name = picture_name(
        job.output.place,
        job.format.extensions[0],
        frame=frame,
        number_of_frames=number_of_frames,
    )
    if "://" in job.output.folder:
        # An object store accepts Unicode names only.
        name = escaped(name)
    return os.path.join(job.output.folder, *name.split("/"))


def put(job: Job, path: str, data: bytes) -> bool:
    """Write a picture; return False if an existing one is kept.

    Raises
    ------
    OutputExistsError, UnwritableOutputError
    """
    if job.bundle is not None:
        job.bundle.add(data)
        return True
    # Not at the top: the engine loads numpy, which the parent of worker processes does not need.
    from rendicom.storage import write

    return write(path, data, existing=job.existing)


class Bundle:
    """A new file in a folder to which pictures are appended.

    Attributes
    ----------
    path
        Where it is.
    length
        Bytes in it.
    """

    def __init__(self, folder: str) -> None:
        self.path, self.length = "", 0
        self._folder = folder
        self._file: BinaryIO | None = None

    def add(self, data: bytes) -> None:
        """Append a picture completely; ``length`` does not change if this fails.

        Raises
        ------
        UnwritableOutputError
        """
        try:
            if self._file is None:
                # Loaded where pictures go into tar files only.
                from tempfile import mkstemp

                descriptor, self.path = mkstemp(dir=self._folder)
                self._file = open(descriptor, "wb", buffering=0)  # noqa: SIM115
            self._file.seek(self.length)
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise UnwritableOutputError(f"cannot write a temporary file: {reason}") from error
        self.length += len(data)

    def close(self) -> None:
        """Close the file; it stays."""
        if self._file is not None:
            self._file.close()


def output_format_names() -> tuple[str, ...]:
    """Return the names of all formats, picture formats first."""
    from rendicom.documents import document_formats
    from rendicom.encode import formats

    return (*formats(), *document_formats())


def output_format_named(name: str) -> OutputFormat:
    """Return the format of that name, or of the extension that is its name, in any case.

    >>> output_format_named("JPEG").name, output_format_named("tif").name
    ('jpg', 'tiff')

    Raises
    ------
    OptionError
        The name is unknown; the message lists all.
    """
    wanted = str(name).lower()
    try:
        return format_named(wanted)
    except OptionError:
        from rendicom.documents import document_formats

        found = document_formats().get(wanted) or output_format_of_extension(f".{wanted}")
        if found is None:
            known = ", ".join(output_format_names())
            raise OptionError(f"format {shown(name)} is not one of {known}") from None
        return found


def output_format_of_extension(extension: str) -> OutputFormat | None:
    """Return the format of an extension such as ``.png`` or ``.html``, or None."""
    found = format_of_extension(extension)
    if found is not None:
        return found
    from rendicom.documents import document_format_of_extension

    return document_format_of_extension(extension)
