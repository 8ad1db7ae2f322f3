r"""Comma-separated values as in RFC 4180, UTF-8, with a header line.

The warnings of a picture share a cell, `` | `` between them. A cell that holds a line break is
quoted. Spreadsheets take a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage
return for a formula, and names of files are not to be trusted: such a cell gets a ``'`` in front,
and so does one that begins with ``'`` itself. Whoever reads the table takes one ``'`` off the
front of a cell, as `rendicom.batch.manifest.read_manifest` does. Bytes of a file name that are no
UTF-8 are written as escapes, ``\udcff``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from rendicom.batch.manifest.formats._lines import LineTable
from rendicom.batch.manifest.records import COLUMNS, NUMBERS, Record

__all__ = ["TABLE"]

_MARKED = ("=", "+", "-", "@", "\t", "\r", "'")
_BETWEEN = " | "
_LONGEST = 1 << 20
"""Bytes that no record has; a stray quote must not take the rest of a table with it."""


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _dump(record: Record) -> bytes:
    return _line([_cell(record.get(column)) for column in COLUMNS])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = _BETWEEN.join(value) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(_MARKED) else text


def _split(stream: BinaryIO) -> Iterator[bytes]:
    record = b""
    for line in stream:
        record = record + line if record else line
        is_whole = record.endswith(b"\n") and record.count(b'"') % 2 == 0
        if is_whole or len(record) > _LONGEST:
            yield record
            record = b""


def _parse(line: bytes) -> Record | None:
    try:
        cells = next(csv.reader([line.decode()], strict=True))
        pairs = zip(COLUMNS, cells, strict=True)
        return {column: _value(column, cell) for column, cell in pairs}
    except (ValueError, csv.Error, StopIteration):
        return None


def _value(column: str, cell: str) -> Any:
    if column in NUMBERS:
        return int(cell) if cell else None
    text = cell.removeprefix("'")
    if column == "warnings":
        return text.split(_BETWEEN) if text else []
    return text


_HEADER = _line(list(COLUMNS))

TABLE = LineTable(_HEADER, _HEADER, _split, _parse, _dump)
