"""One form of table per file; each defines ``TABLE``, found by the extension of the manifest.

A module here imports instantly and imports its library inside its functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple, Protocol

from rendicom.batch.manifest.records import Record
from rendicom.errors import OptionError

__all__ = ["LineFormat", "Piece", "Sieve", "TableFormat", "format_of"]


class TableFormat(Protocol):
    """How records become a file, and a file records."""

    @property
    def library(self) -> str:
        """Return the module it needs, as for ``importlib.util.find_spec``; empty for none."""

    @property
    def extra(self) -> str:
        """Return the extra of Rendicom that installs ``library``."""

    def is_own(self, stream: BinaryIO) -> bool:
        """Tell whether a file is a manifest, or the torn beginning of one."""

    def records(
        self, stream: BinaryIO, columns: tuple[str, ...] | None = None
    ) -> Iterator[Record | None]:
        """Yield the records, in order; None for one that is damaged.

        What a kill left of a last record is left out. Of ``columns``, where given, all are there;
        others may be.
        """

    def write(self, stream: BinaryIO, pieces: Iterable[Piece], sieve: Sieve) -> None:
        """Write a whole table: what passes ``sieve`` of the pieces, one after the other."""


class LineFormat(TableFormat, Protocol):
    """A form that can be appended to."""

    @property
    def header(self) -> bytes:
        """Return what the file begins with."""

    def dump(self, record: Record) -> bytes:
        """Return one record as it is appended."""

    def end(self, stream: BinaryIO) -> int:
        """Return how many bytes the complete records take, header included."""


class Piece(NamedTuple):
    """A local file that holds part of a table."""

    path: str
    form: TableFormat


class Sieve:
    """Holds back some of many records, which are shown to it in order.

    Parameters
    ----------
    dropped
        The records to hold back, counted from 0, ascending.
    """

    def __init__(self, dropped: Iterable[int] = ()) -> None:
        self._dropped = iter(dropped)
        self._count = 0
        self._next = next(self._dropped, -1)

    def passes(self) -> bool:
        """Tell whether the next record is wanted."""
        is_wanted = self._count != self._next
        self._count += 1
        if not is_wanted:
            self._next = next(self._dropped, -1)
        return is_wanted


def format_of(location: str) -> TableFormat:
    """Return the form of a table from the extension of its file.

    Raises
    ------
    OptionError
        No form has that extension, or the library it needs is not installed.
    """
    from importlib.util import find_spec

    from rendicom.registry import load, module_names

    extension = location.rpartition(".")[2].lower()
    try:
        form: TableFormat = load(__name__, extension if extension.isalnum() else "", "TABLE")
    except KeyError:
        known = ", ".join(f".{name}" for name in module_names(__name__))
        raise OptionError(
            f"{location} is no name for a manifest", hint=f"its extension is one of {known}"
        ) from None
    if form.library and find_spec(form.library) is None:
        raise OptionError(
            f"a manifest in .{extension} needs {form.library}, which is not installed",
            hint=f"pip install 'rendicom[{form.extra}]', or name a .jsonl or .csv file",
        )
    return form
