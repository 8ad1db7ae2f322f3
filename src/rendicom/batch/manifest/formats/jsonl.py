"""JSON Lines: an object a record, every key in every record, UTF-8."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import BinaryIO

from rendicom.batch.manifest.formats._lines import LineTable
from rendicom.batch.manifest.records import COLUMNS, EMPTY, NUMBERS, Record

__all__ = ["TABLE"]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _dump(record: Record) -> bytes:
    try:
        return _encode(record).encode() + b"\n"
    except UnicodeEncodeError:
        # A file name that is not UTF-8: escaped, the very name comes back when it is read.
        return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _split(stream: BinaryIO) -> Iterator[bytes]:
    return (line for line in stream if line.endswith(b"\n"))


def _parse(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or "source" not in record:
        return None
    # A table of an older version has no columns that came later.
    return record if len(record) >= len(COLUMNS) else EMPTY | {"warnings": []} | record


def _pick(line: bytes, columns: tuple[str, ...]) -> Record | None:
    """Read some columns of a line as `_dump` makes it, in a third of the time."""
    try:
        found = _pattern(columns).fullmatch(line.decode())
    except UnicodeDecodeError:
        return None
    if found is None:
        return _parse(line)
    record: Record = found.groupdict()
    for column in columns:
        if column in NUMBERS:
            digits = record[column]
            record[column] = None if digits == "null" else int(digits)
    return record


@cache
def _pattern(columns: tuple[str, ...]) -> re.Pattern[str]:
    """Return what matches a line without escapes, with a group for each of ``columns``."""
    cells = []
    for column in COLUMNS:
        group = f"?P<{column}>" if column in columns else "?:"
        if column in NUMBERS:
            cells.append(f'"{column}":({group}[0-9]+|null)')
        elif column == "warnings":
            cells.append(f'"{column}":\\[[^\\]\\\\]*\\]')
        else:
            cells.append(f'"{column}":"({group}[^"\\\\]*)"')
    return re.compile("{" + ",".join(cells) + "}\n")


TABLE = LineTable(b"", f'{{"{COLUMNS[0]}":'.encode(), _split, _parse, _dump, _pick)
