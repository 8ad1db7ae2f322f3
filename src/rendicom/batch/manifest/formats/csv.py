r"""Comma-separated values as in RFC 4180, UTF-8, with a header line.

The warnings of a picture share a cell, `` | `` between them, and so do their codes. Spreadsheets
take a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return for a formula,
and names of files are not to be trusted: such a cell gets a ``'`` in front, and so does one that
begins with ``'`` itself.
Bytes of a file name that are not UTF-8 are escapes, ``\udcff``, as in `rendicom.storage.names`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any, BinaryIO

from rendicom.batch.manifest.formats import TableFormat
from rendicom.batch.manifest.record_columns import COLUMNS, Record
from rendicom.storage.names import escaped

_MARKED = ("=", "+", "-", "@", "\t", "\r", "'")
_BETWEEN = " | "
_BEGINNING = ",".join(COLUMNS[:3]).encode()


def _write(stream: BinaryIO, records: Iterable[Record]) -> None:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    table.writerows([_cell(record[column]) for column in COLUMNS] for record in records)
    text.detach()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = escaped(_BETWEEN.join(value) if isinstance(value, list) else str(value))
    return f"'{text}" if text.startswith(_MARKED) else text


TABLE = TableFormat(lambda stream: stream.read(len(_BEGINNING)) == _BEGINNING, _write)
