"""JSON Lines: an object a record, every key in every record, UTF-8."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import BinaryIO

from rendicom.batch.manifest.formats._lines import LineTable
from rendicom.batch.manifest.records import COLUMNS, Record

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
    return record if isinstance(record, dict) and "source" in record else None


TABLE = LineTable(b"", f'{{"{COLUMNS[0]}":'.encode(), _split, _parse, _dump)
