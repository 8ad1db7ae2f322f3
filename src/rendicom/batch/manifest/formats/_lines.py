"""What tables have in common that are text and can be appended to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, NamedTuple

from rendicom.batch.manifest.formats import Piece, Sieve
from rendicom.batch.manifest.records import Record

__all__ = ["LineTable"]


class LineTable(NamedTuple):
    """A form of table with a run of bytes for each record.

    Attributes
    ----------
    beginning
        What every such file begins with; longer than ``header`` where the first record is known
        in part.
    split
        Yields the bytes of each complete record from a stream at the start of a record; what a
        kill left of a last one is left out.
    parse
        Takes what ``split`` yields; None where that is damaged.
    pick
        The same for some columns, where that is faster.
    """

    header: bytes
    beginning: bytes
    split: Callable[[BinaryIO], Iterator[bytes]]
    parse: Callable[[bytes], Record | None]
    dump: Callable[[Record], bytes]
    pick: Callable[[bytes, tuple[str, ...]], Record | None] | None = None
    library: str = ""
    extra: str = ""

    def is_own(self, stream: BinaryIO) -> bool:
        """Tell whether a file is a manifest, or the torn beginning of one."""
        return self.beginning.startswith(stream.read(len(self.beginning)))

    def records(
        self, stream: BinaryIO, columns: tuple[str, ...] | None = None
    ) -> Iterator[Record | None]:
        """Yield the records, in order; None for one that is damaged."""
        pick = self.pick
        if columns is None or pick is None:
            return map(self.parse, self._raw(stream))
        return (pick(raw, columns) for raw in self._raw(stream))

    def end(self, stream: BinaryIO) -> int:
        """Return how many bytes the complete records take, header included."""
        sizes = sum(map(len, self._raw(stream)))
        return sizes + len(self.header) if sizes or _has(stream, self.header) else 0

    def write(self, stream: BinaryIO, pieces: Iterable[Piece], sieve: Sieve) -> None:
        """Write a whole table: what passes ``sieve`` of the pieces, one after the other."""
        stream.write(self.header)
        for piece in pieces:
            with open(piece.path, "rb") as source:
                if isinstance(piece.form, LineTable) and piece.form.split is self.split:
                    stream.writelines(raw for raw in self._raw(source) if sieve.passes())
                    continue
                for record in piece.form.records(source):
                    if sieve.passes() and record is not None:
                        stream.write(self.dump(record))

    def _raw(self, stream: BinaryIO) -> Iterator[bytes]:
        if stream.read(len(self.header)) == self.header:
            yield from self.split(stream)


def _has(stream: BinaryIO, header: bytes) -> bool:
    stream.seek(0)
    return stream.read(len(header)) == header
