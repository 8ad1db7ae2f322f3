"""Finds the sources named in a list, which is read as it arrives."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

from rendicom.batch.file_names import safe_parts
from rendicom.batch.name_tree import Tree
from rendicom.batch.output_paths import file_unit, home_name, inside
from rendicom.batch.sources import STREAM, Entry, Unit, is_address, kind_of_source, local_path
from rendicom.dicom.folder_walk import Unreadable, reason_of
from rendicom.errors import OptionError, RendicomError

if TYPE_CHECKING:
    from typing import BinaryIO

_STEP = 1 << 16
_LONGEST_ENTRY = 1 << 17
"""Bytes: no system supports paths of that length."""
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LINE_END = re.compile(rb"\n|\0")
_NUL = re.compile(rb"\0")


def entries(lines: BinaryIO | Iterable[bytes] | Iterable[str]) -> Iterator[str]:
    """Yield the entries of a list: NUL-separated if its beginning is, else one per line.

    Raises
    ------
    OptionError
        An entry is too long.
    """
    for data in _pieces(_plain(_chunks(lines))):
        if data.strip():
            yield os.fsdecode(data)


def _chunks(lines: BinaryIO | Iterable[bytes] | Iterable[str]) -> Iterator[bytes]:
    # Only the available data of a pipe, so that work begins with the first line.
    read = getattr(lines, "read1", None) or getattr(lines, "read", None)
    if read is not None:
        while chunk := read(_STEP):
            yield chunk
        return
    for line in cast("Iterable[bytes | str]", lines):
        data = os.fsencode(line)
        yield data if data.endswith((b"\n", b"\0")) else data + b"\n"


def _plain(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the list in UTF-8 without a byte order mark; PowerShell writes UTF-16."""
    first = b""
    while len(first) < len(codecs.BOM_UTF8) and (chunk := next(chunks, b"")):
        first += chunk
    if not first.startswith(_UTF16_MARKS):
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    yield os.fsencode(decoder.decode(first))
    for chunk in chunks:
        yield os.fsencode(decoder.decode(chunk))


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    separator: re.Pattern[bytes] | None = None
    for chunk in chunks:
        rest += chunk
        if separator is None and _LINE_END.search(rest):
            separator = _NUL if b"\0" in rest else _LINE_END
        if separator is not None:
            *whole, rest = separator.split(rest)
            yield from whole if separator is _NUL else (each.removesuffix(b"\r") for each in whole)
        if len(rest) > _LONGEST_ENTRY:
            raise OptionError(
                "the list of sources is not a list of paths", hint="one path a line is expected"
            )
    yield rest if separator is _NUL else rest.removesuffix(b"\r")


def find_listed(
    lines: BinaryIO | Iterable[bytes] | Iterable[str],
    target: str,
    *,
    extension: str,
    follow_links: bool = False,
) -> Iterator[Entry]:
    """Yield the units of the sources in a list, one per line or NUL-separated.

    A relative path keeps its folders below ``target``, an absolute one all except its root.
    Folders, archives and DICOMDIRs in the list are walked, ``follow_links`` as in
    `output_paths.find`.

    Raises
    ------
    OptionError
        The file is not a list.
    """
    from rendicom.batch.scratch import Register

    with Register() as register:
        tree = Tree(extension, register)
        for number, entry in enumerate(entries(lines)):
            # Only the command line has a standard input.
            source = os.path.join(os.curdir, STREAM) if entry == STREAM else entry
            try:
                yield from _found(
                    source, tree, target,
                    extension=extension, number=number, follow_links=follow_links,
                )  # fmt: skip
            except RendicomError as error:
                yield Unreadable(source, str(error))


def _found(
    source: str, tree: Tree, target: str, *, extension: str, number: int, follow_links: bool
) -> Iterator[Entry]:
    if is_address(source):
        yield from _stored(source, tree, target, extension=extension, number=number)
        return
    path = local_path(source)
    try:
        os.stat(path)
    except (OSError, ValueError) as error:
        yield Unreadable(path, reason_of(error))
        return
    kind, parts = kind_of_source(path), _local_parts(path)
    if kind == "file":
        yield file_unit(path, tree.place(parts, number=number))
    elif kind == "folder":
        yield from inside(
            path, kind, target,
            extension=extension, tree=tree, parts=parts, follow_links=follow_links,
        )  # fmt: skip
    else:
        home = tree.take_folder((*parts[:-1], home_name(path, kind)))
        yield from inside(path, kind, target, extension=extension, home=home)


def _stored(
    source: str, tree: Tree, target: str, *, extension: str, number: int
) -> Iterator[Entry]:
    """Yield the units of a URI; with a trailing slash it is a prefix (no request is made)."""
    parts = safe_parts(source.partition("://")[2])
    if source.endswith("/"):
        home = tree.take_folder(parts)
        yield from inside(source, "prefix", target, extension=extension, home=home)
    else:
        yield Unit(source, tree.place(parts, number=number))


def _local_parts(source: str) -> tuple[str, ...]:
    r"""Return the parts of a path that are kept: not the root, not the drive, no dots.

    >>> _local_parts("/data/./a//../b.dcm")
    ('data', 'a', 'b.dcm')
    """
    path = os.path.splitdrive(source)[1].replace(os.altsep or os.sep, os.sep)
    return tuple(part for part in path.split(os.sep) if part not in ("", os.curdir, os.pardir))
