"""Pictures in numbered tar files in the layout of WebDataset: a sample is a picture and its JSON.

Workers write the pictures of a chunk into one temporary file. The run copies them into a shard
beside it, and the shard to its place when it is full: whole or not at all. Its records go to the
manifest after that, so a kill loses only the current shard.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from rendicom.batch.manifest.record_columns import Terms, below, records_of
from rendicom.batch.outcomes import Written
from rendicom.batch.shard_names import ShardTemplate, header_of, key_of, samples_of
from rendicom.batch.sources import MEMBER_MARK
from rendicom.errors import OptionError, OutputExistsError, UnwritableOutputError
from rendicom.storage import exists, write
from rendicom.storage.temporary import TemporaryFolder

if TYPE_CHECKING:
    from rendicom.batch.pseudonyms import Pseudonyms
    from rendicom.batch.worker_messages import Recipe, UnitReport

_DEFAULT_SIZE = "1GB"
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([KMGT]?)(i?)B?", re.IGNORECASE)
_NOT_IN_SAMPLES = frozenset((
    "output", "status", "code", "message", "hint", "recipe", "time",
))  # fmt: skip
_SMALLEST = 100_000
_OVERHEAD = 16 << 10
"""Bytes of the JSON and the blocks of a sample, and of the end of a file."""


def parse_size(text: str) -> int:
    """Return the bytes that a text stands for.

    Raises
    ------
    OptionError

    >>> parse_size("1GB"), parse_size("500 MB"), parse_size("2MiB"), parse_size("123456")
    (1000000000, 500000000, 2097152, 123456)
    """
    matched = _SIZE.fullmatch(text.strip())
    base = 1024 if matched and matched[3] else 1000
    size = float(matched[1]) * base ** " KMGT".index(matched[2].upper() or " ") if matched else 0.0
    if not _SMALLEST <= size < 1 << 50:
        raise OptionError(f"shard size {text!r} is not a size from 100KB", hint="such as 1GB")
    return int(size)


class ShardWriter:
    """Moves the pictures of reports into shards.

    Parameters
    ----------
    template, size
        Names of the shards, and the bytes a shard may have; one sample alone may be larger.
    staging
        Folder that workers write into.
    terms
        The common properties of the samples' records.
    """

    def __init__(self, template: ShardTemplate, size: int, staging: str, terms: Terms) -> None:
        self.template, self.size, self.staging, self._terms = template, size, staging, terms
        self.written = 0
        """Pictures in complete shards."""
        self._number = 0
        self._count = 0
        self._file: BinaryIO | None = None
        self._length = 0
        self._bundle: BinaryIO | None = None
        self._pending: list[UnitReport] = []
        self._on_done: Callable[[Sequence[UnitReport]], None] = lambda _: None

    def tell(self, on_done: Callable[[Sequence[UnitReport]], None]) -> None:
        """Call ``on_done`` with the reports of each shard once it is in place, before the next."""
        self._on_done = on_done

    def begin(self, first: int, *, is_resumed: bool) -> None:
        """Begin with the shard ``first``.

        Raises
        ------
        OutputExistsError
            There are shards that the manifest does not list.
        """
        unlisted = self.template.path(first)
        if is_resumed and samples_of(unlisted) >= 0:
            # An incomplete shard of a killed run: it is written again.
            unlisted = self.template.path(first + 1)
        if exists(unlisted):
            raise OutputExistsError(
                f"{unlisted} exists, and is not from this run",
                hint="choose another TARGET, or --resume a run with the same options",
            )
        self._number = first

    def add(self, report: UnitReport) -> UnitReport:
        """Move the pictures of a report, and return it with their places in shards.

        Raises
        ------
        UnwritableOutputError
        """
        outcomes = []
        bundle, position = report.bundle
        others = tuple(each for each in report.outcomes if not isinstance(each, Written))
        if others or not report.outcomes:
            self._on_done((report._replace(outcomes=others),))
        for outcome in report.outcomes:
            if isinstance(outcome, Written):
                outcome = self._moved(report, outcome, self._read(bundle, position, outcome.size))  # noqa: PLW2901
                position += outcome.size
                self._pending.append(report._replace(outcomes=(outcome,)))
            outcomes.append(outcome)
        return report._replace(outcomes=tuple(outcomes))

    def finish(self) -> None:
        """Publish the last shard, if it holds a picture.

        Raises
        ------
        UnwritableOutputError
        """
        if self._file is None:
            return
        self._file.write(bytes(tarfile.RECORDSIZE - self._length % tarfile.RECORDSIZE))
        self._file.seek(0)
        self._file.write(header_of(self._count))
        self._file.flush()
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            write(self.template.path(self._number), cast("bytes", data))
        self.written += self._count
        self._number += 1
        self.close()
        done, self._pending = self._pending, []
        self._on_done(done)

    def close(self) -> None:
        """Give up the shard under way."""
        if self._file is not None:
            self._file.close()
        self._file = None
        self._count = self._length = 0

    def _read(self, bundle: str, position: int, size: int) -> bytes:
        """Return a picture; the reports of a bundle come one after the other."""
        with _said():
            if self._bundle is None or self._bundle.name != bundle:
                self.leave_bundle()
                self._bundle = open(bundle, "rb")  # noqa: SIM115
            self._bundle.seek(position)
            return self._bundle.read(size)

    def leave_bundle(self) -> None:
        """Remove the file that pictures were taken from."""
        if self._bundle is not None:
            self._bundle.close()
            os.unlink(self._bundle.name)
        self._bundle = None

    def _moved(self, report: UnitReport, written: Written, picture: bytes) -> Written:
        stem, extension = os.path.splitext(below(written.output or "", self.staging) or "")
        key = key_of(stem)
        if self._count and self._length + len(picture) + _OVERHEAD > self.size:
            self.finish()
        output = f"{self.template.path(self._number)}{MEMBER_MARK}{key}{extension}"
        moved = written._replace(output=output)
        (record,) = records_of(report._replace(outcomes=(moved,)), self._terms)
        told = {name: value for name, value in record.items() if name not in _NOT_IN_SAMPLES}
        text = json.dumps(told).encode()
        with _said():
            self._append((f"{key}{extension}", picture), (f"{key}.json", text))
        self._count += 1
        return moved

    def _append(self, *files: tuple[str, bytes]) -> None:
        blocks = [block for name, data in files for block in _member(name, data)]
        if self._file is None:
            self._file = open(os.path.join(self.staging, "shard"), "w+b")  # noqa: SIM115
            blocks.insert(0, header_of(0))
        self._length += self._file.write(b"".join(blocks))


@contextmanager
def _said() -> Iterator[None]:
    """Turn errors of temporary files into one with a hint."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnwritableOutputError(
            f"cannot write a shard: {reason}",
            hint="free space in the folder for temporary files, or set TMPDIR to another",
        ) from error


def _member(name: str, data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the blocks of one file of a shard."""
    header = _plain_header(name, len(data))
    if header is None:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        header = member.tobuf(tarfile.PAX_FORMAT)
    return header, data, bytes(-len(data) % tarfile.BLOCKSIZE)


_PLAIN = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)
_SIZE_AT, _SUM_AT = slice(124, 136), slice(148, 156)


def _plain_header(name: str, size: int) -> bytes | None:
    """Return the header that tarfile makes, in a tenth of its time; None where one block is short.

    POSIX.1-2001, pax, ustar interchange format: octal numbers, and the sum of all bytes with spaces
    in place of the sum.
    """
    if not name.isascii() or len(name) > tarfile.LENGTH_NAME or size >= 8**11:
        return None
    block = bytearray(_PLAIN)
    block[: len(name)] = name.encode()
    block[_SIZE_AT] = b"%011o\0" % size
    block[_SUM_AT] = b" " * 8
    block[_SUM_AT] = b"%06o\0 " % sum(block)
    return bytes(block)


@contextmanager
def open_shards(
    target: str, size: int | str | None, recipe: Recipe, pseudonyms: Pseudonyms | None
) -> Iterator[ShardWriter]:
    """Yield the writer for a TARGET; in the end its temporary folder is removed.

    Raises
    ------
    OptionError
        TARGET names no shards, or the size is invalid.
    """
    template = ShardTemplate.parse(target)
    size = _DEFAULT_SIZE if size is None else size
    most = parse_size(size if isinstance(size, str) else str(int(size)))
    folder = TemporaryFolder("shards")
    terms = Terms(recipe.options.canonical(), recipe.format, "", template.folder, pseudonyms)
    writer = ShardWriter(template, most, os.path.join(folder.path, "pictures"), terms)
    try:
        os.mkdir(writer.staging)
        yield writer
    finally:
        with contextlib.suppress(OSError):
            writer.close()
            writer.leave_bundle()
        folder.remove()
