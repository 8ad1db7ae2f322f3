"""Output formats: pictures and documents.

Document formats are loaded only for names and extensions that are not those of pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.encode import format_named, format_of_extension
from rendicom.errors import OptionError
from rendicom.views import shown

if TYPE_CHECKING:
    from rendicom.documents import DocumentFormat
    from rendicom.encode.formats import Format

    OutputFormat = Format | DocumentFormat


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
