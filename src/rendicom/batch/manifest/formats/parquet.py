"""Apache Parquet: text, 64-bit integers, and lists of texts for warnings and their codes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, BinaryIO

from rendicom.batch.manifest.formats import TableFormat
from rendicom.batch.manifest.record_columns import COLUMNS, LISTS, NUMBERS, Record
from rendicom.storage.names import escaped

_ROW_GROUP = 16384


def _is_manifest(stream: BinaryIO) -> bool:
    from pyarrow import ArrowException
    from pyarrow.parquet import read_schema

    try:
        names = read_schema(stream).names
    except (ArrowException, OSError):
        return False
    return tuple(names[:3]) == COLUMNS[:3]


def _write(stream: BinaryIO, records: Iterable[Record]) -> None:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    text, number = pa.string(), pa.int64()
    kinds = dict.fromkeys(COLUMNS, text)
    kinds |= dict.fromkeys(NUMBERS, number) | dict.fromkeys(LISTS, pa.list_(text))
    schema = pa.schema(list(kinds.items()))
    # Texts are UTF-8 there: other bytes of file names become escapes.
    rows = ({name: _escaped(value) for name, value in each.items()} for each in records)
    with ParquetWriter(stream, schema, compression="zstd") as writer:
        while group := list(islice(rows, _ROW_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def _escaped(value: Any) -> Any:
    if isinstance(value, list):
        return [escaped(text) for text in value]
    return escaped(value) if isinstance(value, str) else value


TABLE = TableFormat(_is_manifest, _write, library="pyarrow", extra="parquet")
