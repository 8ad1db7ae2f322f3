"""Tables that a manifest is exported to: each module here defines ``TABLE``.

A module is found by the extension of the table, and imports its library inside its functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import BinaryIO, NamedTuple

from rendicom.batch.manifest.record_columns import Record
from rendicom.errors import OptionError
from rendicom.extras import install_command

_LINES = "jsonl"


class TableFormat(NamedTuple):
    """A file format for tables."""

    is_manifest: Callable[[BinaryIO], bool]
    """Tells whether a file is an exported manifest."""
    write: Callable[[BinaryIO, Iterable[Record]], None]
    """Writes a whole table."""
    library: str = ""
    """The module it needs, as for `importlib.util.find_spec`; empty for none."""
    extra: str = ""
    """The extra of Rendicom that installs ``library``."""


def format_of(location: str) -> TableFormat | None:
    """Return the format of a table by its extension; None for JSON Lines.

    Raises
    ------
    OptionError
        The extension is unknown, or the library it needs is not installed.
    """
    from importlib.util import find_spec

    from rendicom.registry import load, module_names

    extension = location.rpartition(".")[2].lower()
    if extension == _LINES:
        return None
    try:
        form: TableFormat = load(__name__, extension if extension.isalnum() else "", "TABLE")
    except KeyError:
        known = ", ".join(f".{name}" for name in sorted((*module_names(__name__), _LINES)))
        raise OptionError(
            f"{location} is not a name for a manifest", hint=f"its extension is one of {known}"
        ) from None
    if form.library and find_spec(form.library) is None:
        raise OptionError(
            f"a manifest in .{extension} needs {form.library}, which is not installed",
            hint=f"{install_command(form.extra)}, or name a .jsonl or .csv file",
        )
    return form


def lines_of(location: str) -> str:
    """Return the path of the JSON Lines of a manifest, beside a table of another format.

    >>> lines_of("a/m.csv"), lines_of("a/m.jsonl")
    ('a/m.jsonl', 'a/m.jsonl')
    """
    return location if format_of(location) is None else f"{location.rpartition('.')[0]}.{_LINES}"
