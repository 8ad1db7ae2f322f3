"""Opens a source and reads attributes of its data set; unreadable ones become notes."""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, TypeGuard, cast

from rendicom.dicom.byte_source import ByteSource, open_source
from rendicom.dicom.header import header_of_dataset, read_header
from rendicom.dicom.person_names import name_groups
from rendicom.dicom.value_fields import numeric_format
from rendicom.documents.document_model import Code
from rendicom.errors import CorruptDataError, LimitExceededError

if TYPE_CHECKING:
    from pydicom import Dataset

    from rendicom.dicom.attributes import Attributes

    Stored = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
    Source = Stored | Dataset | ByteSource

_MOST_BYTES = 256 << 20
_ITEM_TAGS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
_MOST_ITEMS = 500_000
"""Sequence items: each becomes a data set in memory."""

_BYTES = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LINE_ENDS = re.compile("\r\n|\n\r|\r")


@contextmanager
def open_document(source: Source) -> Iterator[tuple[str, DatasetReader]]:
    """Open a source: its SOP Class UID and a reader of its attributes.

    Raises
    ------
    UnreadableSourceError, NotDicomError, CorruptDataError, LimitExceededError
    """
    if _is_dataset(source):
        header = header_of_dataset(source, wanted=None)
        yield header.sop_class, DatasetReader(header.attributes)
        return
    opened = source if isinstance(source, ByteSource) else open_source(cast("Stored", source))
    try:
        header = read_header(
            opened, wanted=None, max_header_bytes=_MOST_BYTES, max_inflated_bytes=_MOST_BYTES
        )
        _refuse_swarm(header.source)  # of a deflated file, the inflated one
        yield header.sop_class, DatasetReader(header.attributes)
    finally:
        if opened is not source:
            opened.close()


def _is_dataset(source: Source) -> TypeGuard[Dataset]:
    return hasattr(source, "original_encoding")


def _refuse_swarm(opened: ByteSource) -> None:
    """Refuse a file with too many sequence items before they are parsed."""
    step, seen = 8 << 20, 0
    for offset in range(0, min(opened.size, _MOST_BYTES), step):
        part = opened.read(offset, step)
        seen += max(part.count(tag) for tag in _ITEM_TAGS)
        if seen > _MOST_ITEMS:
            raise LimitExceededError(f"the document has more than {_MOST_ITEMS} sequence items")


class DatasetReader:
    """Attributes of a data set by keyword; absent, empty and unreadable ones are empty.

    ``notes`` is shared by all readers of a document and has one sentence for each unreadable
    attribute.
    """

    def __init__(self, attributes: Attributes, notes: dict[str, None] | None = None) -> None:
        self._attributes = attributes
        self.notes: dict[str, None] = {} if notes is None else notes

    def _note(self, keyword: str) -> None:
        self.notes.setdefault(f"{keyword} cannot be read")

    def _stored(self, keyword: str) -> tuple[int, str]:
        """Return tag and VR; for a missing or unreadable element, a tag that no element has."""
        tag = _tag_of(keyword)
        vr, data, _ = self._attributes.stored(tag) or ("", b"", "")
        format_ = numeric_format(vr)
        if (format_ and len(data) % struct.calcsize(f"<{format_}")) or self._attributes.items(tag):
            self._note(keyword)
            return 0, ""
        return tag, vr

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return the values as strings, trimmed, without control characters."""
        tag, vr = self._stored(keyword)
        if vr in _BYTES:
            self._note(keyword)
            return ()
        if vr == "AT":
            tags = self._attributes.integers(tag)
            texts = tuple(f"({each >> 16:04X},{each & 0xFFFF:04X})" for each in tags)
        elif numeric_format(vr):
            is_whole = vr not in ("FL", "FD")
            read = self._attributes.integers if is_whole else self._attributes.numbers
            texts = tuple(map(str, read(tag)))
        else:
            texts = self._attributes.texts(tag)
        return tuple(map(cleaned, texts))

    def text(self, keyword: str) -> str:
        """Return the values as one string."""
        return ", ".join(filter(None, self.texts(keyword)))

    def integers(self, keyword: str) -> tuple[int, ...]:
        """Return the values that are integers."""
        texts = (text for text in self.texts(keyword) if len(text) < 20)
        return tuple(int(text) for text in texts if re.fullmatch(r"-?[0-9]+", text, re.ASCII))

    def floats(self, keyword: str) -> tuple[float, ...]:
        """Return the values as floats; none if one of them is not a number."""
        tag, vr = self._stored(keyword)
        numbers = self._attributes.numbers(tag)
        if not numeric_format(vr) and any(map(math.isnan, numbers)):
            self._note(keyword)
            return ()
        return numbers

    def names(self, keyword: str) -> tuple[str, ...]:
        """Return person names formatted for display (PS3.5 6.2.1)."""
        return tuple(filter(None, map(_formatted_name, self.texts(keyword))))

    def octets(self, keyword: str) -> bytes:
        """Return a value of type OB, OW or UN.

        Raises
        ------
        CorruptDataError
            The value is of another type.
        """
        tag = _tag_of(keyword)
        vr = (self._attributes.stored(tag) or ("UN",))[0]
        if vr not in _BYTES or self._attributes.items(tag):
            raise CorruptDataError(f"{keyword} does not hold bytes")
        return self._attributes.raw(tag)

    def items(self, keyword: str) -> tuple[DatasetReader, ...]:
        """Return readers of the items of a sequence."""
        tag = _tag_of(keyword)
        if self._attributes.stored(tag) is not None:
            self._note(keyword)
        return tuple(DatasetReader(item, self.notes) for item in self._attributes.items(tag))

    def item(self, keyword: str) -> DatasetReader | None:
        """Return a reader of the first item of a sequence."""
        return next(iter(self.items(keyword)), None)

    def code(self, keyword: str) -> Code | None:
        """Return the concept of a code sequence (PS3.3 8.8)."""
        item = self.item(keyword)
        if item is None:
            return None
        value = next(filter(None, map(item.text, _CODE_VALUES)), "")
        code = Code(
            item.text("CodeMeaning"),
            value,
            item.text("CodingSchemeDesignator"),
            item.text("CodingSchemeVersion"),
        )
        return code if any(code) else None

    def keywords(self) -> tuple[str, ...]:
        """Return the keywords of all elements; private elements have none."""
        from pydicom.datadict import keyword_for_tag

        return tuple(filter(None, map(keyword_for_tag, self._attributes.tags())))


_CODE_VALUES = ("CodeValue", "LongCodeValue", "URNCodeValue")


def _tag_of(keyword: str) -> int:
    from pydicom.datadict import tag_for_keyword

    return tag_for_keyword(keyword) or 0


def cleaned(text: str) -> str:
    """Return a stripped text with newlines as line ends and without control characters."""
    return _CONTROLS.sub("\ufffd", _LINE_ENDS.sub("\n", text.strip("\0"))).strip(" \n")


def _formatted_name(stored: str) -> str:
    """Return the first form of a name, with the others in parentheses."""
    forms = name_groups(stored)
    return f"{forms[0]} ({', '.join(forms[1:])})" if len(forms) > 1 else "".join(forms)
