"""Manifests as JSON Lines: an object per record with every key, UTF-8.

The file grows during a run; a kill leaves at most a torn last line, which readers leave out.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import BinaryIO

from rendicom.batch.manifest.record_columns import COLUMNS, EMPTY, LISTS, NUMBERS, Record
from rendicom.errors import UnwritableOutputError

_BEGINNING = f'{{"{COLUMNS[0]}":'.encode()
_BLOCK = 1 << 16
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def dump(record: Record) -> bytes:
    """Return the line of a record."""
    try:
        return _encode(record).encode() + b"\n"
    except UnicodeEncodeError:
        # A file name that is not UTF-8: its escapes are read back as the same name.
        return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def parse(line: bytes, columns: tuple[str, ...] = ()) -> Record | None:
    """Return the record of a line, or only ``columns`` in a third of the time; None if damaged."""
    if columns and (record := _picked(line, columns)) is not None:
        return record
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or "source" not in record:
        return None
    # An older version may have written fewer columns.
    return (
        record if len(record) >= len(COLUMNS) else EMPTY | {column: [] for column in LISTS} | record
    )


def whole_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines, less a torn last one."""
    return (line for line in stream if line.endswith(b"\n"))


def whole_length(path: str) -> int:
    """Return the length of a file up to the end of its last whole line; 0 if it does not exist."""
    try:
        with open(path, "rb") as stream:
            end = stream.seek(0, os.SEEK_END)
            while end:
                start = max(0, end - _BLOCK)
                stream.seek(start)
                found = stream.read(end - start).rfind(b"\n")
                if found >= 0:
                    return start + found + 1
                end = start
    except FileNotFoundError:
        pass
    return 0


def is_manifest(stream: BinaryIO) -> bool:
    """Tell whether a file is a manifest, or the torn beginning of one."""
    return _BEGINNING.startswith(stream.read(len(_BEGINNING)))


def _picked(line: bytes, columns: tuple[str, ...]) -> Record | None:
    """Return some columns of a line as `dump` writes it, None for any other."""
    try:
        found = _pattern(columns).fullmatch(line.decode())
    except UnicodeDecodeError:
        return None
    if found is None:
        return None
    record: Record = found.groupdict()
    for column in columns:
        if column in NUMBERS:
            digits = record[column]
            record[column] = None if digits == "null" else int(digits)
    return record


@cache
def _pattern(columns: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern for a line without escapes, with a group for each of ``columns``."""
    cells = []
    for column in COLUMNS:
        group = f"?P<{column}>" if column in columns else "?:"
        if column in NUMBERS:
            cells.append(f'"{column}":({group}[0-9]+|null)')
        elif column in LISTS:
            cells.append(f'"{column}":\\[[^\\]\\\\]*\\]')
        else:
            cells.append(f'"{column}":"({group}[^"\\\\]*)"')
    return re.compile("{" + ",".join(cells) + "}\n")


_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


def unwritable(path: str, error: OSError) -> UnwritableOutputError:
    """Return the error for a manifest that cannot be written."""
    reason = error.strerror or type(error).__name__
    return UnwritableOutputError(
        f"cannot write the manifest {path}: {reason}",
        hint="free space or choose another --manifest; --resume continues from here",
    )


class Journal:
    """A file that grows by whole records.

    Parameters
    ----------
    path
        Made if missing, its folder as well.
    end
        Bytes of the existing file to keep.
    shown
        Name of the manifest in messages.

    Raises
    ------
    UnwritableOutputError
    """

    def __init__(self, path: str, *, end: int, shown: str) -> None:
        self._shown = shown
        self._end = end
        try:
            self._descriptor = os.open(path, _FLAGS, 0o666)
        except OSError as error:
            raise unwritable(shown, error) from error
        try:
            os.ftruncate(self._descriptor, end)
        except OSError as error:
            os.close(self._descriptor)
            raise unwritable(shown, error) from error

    def append(self, data: bytes) -> None:
        """Add whole records, or none of them if there is not enough space for all.

        Raises
        ------
        UnwritableOutputError
        """
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except BaseException as error:
            # Also when interrupted: the file then ends with a whole record.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._end)
            if isinstance(error, OSError):
                raise unwritable(self._shown, error) from error
            raise
        self._end += len(data)

    def close(self) -> None:
        """Close the file, its bytes on the disk."""
        try:
            with contextlib.suppress(OSError):
                os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)
