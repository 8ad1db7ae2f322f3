"""Apache Parquet: text, 64-bit integers, and a list of texts for the warnings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from rendicom.batch.manifest.formats import Piece, Sieve
from rendicom.batch.manifest.records import COLUMNS, NUMBERS, Record

__all__ = ["TABLE"]

_BATCH = 4096
_ROW_GROUP = 16384


class _Parquet:
    library = "pyarrow"
    extra = "parquet"

    def is_own(self, stream: BinaryIO) -> bool:
        """Tell whether a file is a manifest; it is never torn, since it appears as a whole."""
        from pyarrow import ArrowException
        from pyarrow.parquet import read_schema

        try:
            names = read_schema(stream).names
        except (ArrowException, OSError):
            return False
        return tuple(names[:3]) == COLUMNS[:3]

    def records(
        self, stream: BinaryIO, columns: tuple[str, ...] | None = None
    ) -> Iterator[Record | None]:
        """Yield the records, in order."""
        from pyarrow.parquet import ParquetFile

        names = list(columns) if columns is not None else None
        with ParquetFile(stream) as file:
            for batch in file.iter_batches(_BATCH, columns=names):
                yield from batch.to_pylist()

    def write(self, stream: BinaryIO, pieces: Iterable[Piece], sieve: Sieve) -> None:
        """Write a whole table: what passes ``sieve`` of the pieces, one after the other."""
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        with ParquetWriter(stream, _schema(), compression="zstd") as writer:
            group: list[Any] = []
            for batch in _batches(pieces, sieve):
                group.append(batch)
                if sum(one.num_rows for one in group) >= _ROW_GROUP:
                    writer.write_table(pa.Table.from_batches(group))
                    group = []
            if group:
                writer.write_table(pa.Table.from_batches(group))


def _schema() -> Any:
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    kinds = {column: number if column in NUMBERS else text for column in COLUMNS}
    kinds["warnings"] = pa.list_(text)
    return pa.schema(list(kinds.items()))


def _batches(pieces: Iterable[Piece], sieve: Sieve) -> Iterator[Any]:
    for piece in pieces:
        with open(piece.path, "rb") as source:
            if isinstance(piece.form, _Parquet):
                yield from _filtered(source, sieve)
            else:
                yield from _converted(piece.form.records(source), sieve)


def _filtered(source: BinaryIO, sieve: Sieve) -> Iterator[Any]:
    """Yield the batches of a table less what is dropped, without a look at the records."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    with ParquetFile(source) as file:
        for batch in file.iter_batches(_BATCH):
            wanted = pa.array([sieve.passes() for _ in range(batch.num_rows)])
            yield _complete(batch.filter(wanted))


def _complete(batch: Any) -> Any:
    """Return a batch with the columns of today: an older table may lack some."""
    import pyarrow as pa

    schema = _schema()
    if batch.schema.equals(schema):
        return batch
    return pa.RecordBatch.from_pylist(batch.to_pylist(), schema=schema)


def _converted(records: Iterable[Record | None], sieve: Sieve) -> Iterator[Any]:
    import pyarrow as pa

    rows: list[Record] = []
    for record in records:
        if sieve.passes() and record is not None:
            rows.append(record)
        if len(rows) == _BATCH:
            yield pa.RecordBatch.from_pylist([*map(_valid, rows)], schema=_schema())
            rows = []
    if rows:
        yield pa.RecordBatch.from_pylist([*map(_valid, rows)], schema=_schema())


def _valid(record: Record) -> Record:
    """Return a record whose texts are UTF-8: other bytes of file names become escapes."""
    return {column: _valid_text(value) for column, value in record.items()}


def _valid_text(value: Any) -> Any:
    if isinstance(value, list):
        return [*map(_valid_text, value)]
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


TABLE = _Parquet()
