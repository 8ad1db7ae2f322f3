"""Opens a source and reads attributes out of a data set; what cannot be read becomes a note."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, TypeGuard, cast

from rendicom.documents.values import Code
from rendicom.errors import CorruptDataError, LimitExceededError
from rendicom.pixels.bytesource import ByteSource, open_source
from rendicom.pixels.datasetattributes import pydicom_raises, quiet_pydicom
from rendicom.pixels.header import read_header
from rendicom.pixels.headerpydicom import read_elements

if TYPE_CHECKING:
    from pydicom import Dataset

    Stored = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
    Source = Stored | Dataset | ByteSource

__all__ = ["Reader", "cleaned", "open_document"]

_MOST_BYTES = 256 << 20
_ITEM_TAGS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
_MOST_ITEMS = 500_000
"""Items of sequences: a page of so many would be of use to nobody, and each is a data set."""

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LINE_ENDS = re.compile("\r\n|\n\r|\r")


@contextmanager
def open_document(source: Source) -> Iterator[tuple[str, Reader]]:
    """Give the SOP Class UID of a source and what reads its attributes.

    Raises
    ------
    UnreadableSourceError, NotDicomError, CorruptDataError, LimitExceededError
    """
    with quiet_pydicom():
        if _is_dataset(source):
            yield _of_dataset(source)
            return
        if isinstance(source, ByteSource):
            yield _of_file(source)
            return
        opened = open_source(cast("Stored", source))
        try:
            yield _of_file(opened)
        finally:
            opened.close()


def _is_dataset(source: Source) -> TypeGuard[Dataset]:
    return hasattr(source, "original_encoding")


def _of_dataset(dataset: Dataset) -> tuple[str, Reader]:
    reader = Reader(dataset)
    meta = getattr(dataset, "file_meta", None)
    in_meta = "" if meta is None else Reader(meta).text("MediaStorageSOPClassUID")
    return reader.text("SOPClassUID") or in_meta, reader


def _of_file(opened: ByteSource) -> tuple[str, Reader]:
    header = read_header(opened, max_header_bytes=_MOST_BYTES, max_inflated_bytes=_MOST_BYTES)
    # The header's source is what a deflated file inflates to.
    _refuse_swarm(header.source)
    dataset = read_elements(
        opened, None, max_header_bytes=_MOST_BYTES, max_inflated_bytes=_MOST_BYTES
    )
    return header.sop_class, Reader(dataset)


def _refuse_swarm(opened: ByteSource) -> None:
    """Refuse a file of more sequence items than memory should hold, before they are read."""
    step, seen = 8 << 20, 0
    for offset in range(0, min(opened.size, _MOST_BYTES), step):
        part = opened.read(offset, step)
        seen += max(part.count(tag) for tag in _ITEM_TAGS)
        if seen > _MOST_ITEMS:
            raise LimitExceededError(f"the document has more than {_MOST_ITEMS} sequence items")


class Reader:
    """Attributes of a data set by keyword; absent, empty and unreadable ones are empty.

    ``notes`` is shared by all readers of a document: one sentence for each attribute that is
    there and cannot be read.
    """

    def __init__(self, dataset: Dataset, notes: dict[str, None] | None = None) -> None:
        self._dataset = dataset
        self.notes: dict[str, None] = {} if notes is None else notes

    def _value(self, keyword: str) -> Any:
        from pydicom.datadict import tag_for_keyword

        tag = tag_for_keyword(keyword)
        try:
            if tag is None or tag not in self._dataset:
                return None
            return self._dataset[tag].value
        except pydicom_raises():
            self._note(keyword)
            return None

    def _note(self, keyword: str) -> None:
        self.notes.setdefault(f"{keyword} cannot be read")

    def has(self, keyword: str) -> bool:
        """Tell whether there is an element, be it empty."""
        return keyword in self._dataset

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return the values as texts, trimmed, without control characters."""
        value = self._value(keyword)
        if value is None:
            return ()
        try:
            return tuple(_text(each) for each in _several(value))
        except pydicom_raises():
            self._note(keyword)
            return ()

    def text(self, keyword: str) -> str:
        """Return the values as one text."""
        return ", ".join(filter(None, self.texts(keyword)))

    def integers(self, keyword: str) -> tuple[int, ...]:
        """Return the values that are whole numbers."""
        texts = (text for text in self.texts(keyword) if len(text) < 20)
        return tuple(int(text) for text in texts if re.fullmatch(r"-?[0-9]+", text, re.ASCII))

    def floats(self, keyword: str) -> tuple[float, ...]:
        """Return the values as numbers, or none where one is not."""
        value = self._value(keyword)
        if value is None:
            return ()
        try:
            return tuple(float(each) for each in _several(value))
        except pydicom_raises():
            self._note(keyword)
            return ()

    def names(self, keyword: str) -> tuple[str, ...]:
        """Return names of people as they are written (PS3.5 6.2.1)."""
        return tuple(filter(None, map(_written_name, self.texts(keyword))))

    def octets(self, keyword: str) -> bytes:
        """Return a value as the bytes that it is stored as.

        Raises
        ------
        CorruptDataError
            It is of a kind that has none.
        """
        value = self._value(keyword)
        if value is None:
            return b""
        if not isinstance(value, bytes | bytearray):
            raise CorruptDataError(f"{keyword} holds no bytes")
        return bytes(value)

    def items(self, keyword: str) -> tuple[Reader, ...]:
        """Return readers of the items of a sequence."""
        from pydicom.sequence import Sequence

        value = self._value(keyword)
        if value is None:
            return ()
        if not isinstance(value, Sequence):
            self._note(keyword)
            return ()
        return tuple(Reader(item, self.notes) for item in value)

    def item(self, keyword: str) -> Reader | None:
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
        """Return the keywords of the elements there are; private ones have none."""
        from pydicom.datadict import keyword_for_tag

        return tuple(filter(None, map(keyword_for_tag, sorted(self._dataset.keys()))))


_CODE_VALUES = ("CodeValue", "LongCodeValue", "URNCodeValue")


def _several(value: Any) -> Iterable[Any]:
    from pydicom.multival import MultiValue

    return value if isinstance(value, MultiValue | list | tuple) else (value,)


def _text(value: Any) -> str:
    from pydicom.sequence import Sequence

    if isinstance(value, bytes | bytearray | Sequence):
        raise TypeError
    return cleaned("" if value is None else str(value))


def cleaned(text: str) -> str:
    """Return a text without control characters, lines ended alike, without blanks around it."""
    return _CONTROLS.sub("\ufffd", _LINE_ENDS.sub("\n", text.strip("\0"))).strip(" \n")


def _written_name(stored: str) -> str:
    """Return family name, given names, then what follows them, of each group there is."""
    groups = [written for group in stored.split("=") if (written := _written_group(group))]
    return f"{groups[0]} ({', '.join(groups[1:])})" if len(groups) > 1 else "".join(groups)


def _written_group(group: str) -> str:
    parts = [part.strip() for part in group.split("^")]
    family, given, middle, prefix, suffix = (*parts, "", "", "", "", "")[:5]
    given_names = " ".join(filter(None, (prefix, given, middle)))
    return ", ".join(filter(None, (family, given_names, suffix)))
