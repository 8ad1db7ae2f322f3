"""Data set to the DICOM JSON model and back (PS3.18 Annex F).

Where pydicom's `Dataset.to_json_dict` differs, the standard is followed: an empty value among
others is null, NaN and infinity are text (JSON has no such numbers), group 0002 and group lengths
are left out, and the output is UTF-8, as Specific Character Set then states.
"""

from __future__ import annotations

from base64 import b64encode
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from rendicom.dicom.character_sets import AFFECTED_VRS, Repertoire, repertoire_of
from rendicom.dicom.picture_tags import PIXEL_KEYWORDS, UNDEFINED_LENGTH
from rendicom.dicomweb.jsonvalues import BINARY_VRS, BULK_VRS, READERS, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydicom import Dataset

    from rendicom.dicom.elements import DataElement, DataSet

JsonModel = dict[str, Any]

BULK_THRESHOLD = 1024
"""Size in bytes above which binary values are referred to instead of inlined."""
_UNICODE = {"vr": "CS", "Value": ["ISO_IR 192"]}
_CHARACTER_SET = 0x00080005
_NOT_IN_MODEL = (0x0000, 0x0002)
"""Groups of commands and of file meta information."""
_tag_of = itemgetter(0)


def to_json_model(
    dataset: Dataset,
    *,
    bulk_uri: Callable[[str], str] | None = None,
    bulk_threshold: int = BULK_THRESHOLD,
) -> JsonModel:
    """Return a pydicom data set in the DICOM JSON model, keys ascending.

    Parameters
    ----------
    dataset
        The data set; it is not changed.
    bulk_uri
        Returns the BulkDataURI of a value, given its path (``7FE00010``, ``54000100/1/54001010``
        with items counted from 1). Without it every value is inlined, and pixel data in fragments,
        which cannot be, are left empty.
    bulk_threshold
        Binary values longer than this, in bytes, become BulkDataURI; pixel data always do.
    """
    from rendicom.dicom.data_sets import elements_of

    return _Writer(None, bulk_uri, bulk_threshold).model(elements_of(dataset))


def model_of(
    dataset: DataSet,
    *,
    bulk_uri: Callable[[str], str] | None = None,
    bulk_threshold: int = BULK_THRESHOLD,
) -> JsonModel:
    """Return a data set that was read from a file; see `to_json_model`."""
    return _Writer(dataset, bulk_uri, bulk_threshold).model(dataset.elements)


class _Writer:
    """One walk over a tree of elements."""

    def __init__(
        self, dataset: DataSet | None, bulk_uri: Callable[[str], str] | None, threshold: int
    ) -> None:
        self._dataset = dataset
        self._bulk_uri = bulk_uri
        self._threshold = threshold
        self._is_unicode = False

    def model(self, elements: Sequence[DataElement]) -> JsonModel:
        """Return the data set itself."""
        model = self.item(elements)
        if not self._is_unicode or "Value" in model.get("00080005", {}):
            return model
        # Some text is not ASCII, and no character set is declared.
        return dict(sorted({**model, "00080005": _UNICODE}.items()))

    def item(
        self,
        elements: Sequence[DataElement],
        place: str = "",
        repertoire: Repertoire | None = None,
    ) -> JsonModel:
        """Return one data set or item; the ``place`` of an item ends with a slash."""
        repertoire = _repertoire(elements, repertoire)
        model: JsonModel = {}
        for element in sorted(elements, key=_tag_of):
            tag, vr, value = element.tag, element.vr, element.value
            if not tag & 0xFFFF or tag >> 16 in _NOT_IN_MODEL:
                continue
            name = f"{tag:08X}"
            reader = READERS.get(vr)
            if reader is not None and value is not None:
                values = reader(value)
                model[name] = {"vr": vr, "Value": values} if values else {"vr": vr}
                if tag == _CHARACTER_SET and values:
                    model[name] = _UNICODE
            elif vr in AFFECTED_VRS and value is not None:
                self._is_unicode |= not value.isascii() or b"\x1b" in value
                values = read_text(vr, repertoire.text(value, vr))
                model[name] = {"vr": vr, "Value": values} if values else {"vr": vr}
            elif element.items is not None:
                model[name] = self._sequence(element, place + name, repertoire)
            else:
                model[name] = self._other(element, vr, place + name, repertoire)
        return model

    def _sequence(self, element: DataElement, place: str, repertoire: Repertoire) -> JsonModel:
        items = element.items or ()
        if not items:
            return {"vr": "SQ"}
        values = [
            self.item(item, f"{place}/{number}/", repertoire)
            for number, item in enumerate(items, start=1)
        ]
        return {"vr": "SQ", "Value": values}

    def _other(
        self, element: DataElement, vr: str, place: str, repertoire: Repertoire
    ) -> JsonModel:
        """Return an attribute with a value that is binary, or too long to have been read."""
        if element.length == 0:
            return {"vr": vr}
        if vr in BINARY_VRS or element.tag in PIXEL_KEYWORDS:
            return self._binary(element, vr, place)
        if self._bulk_uri is not None and vr in BULK_VRS:
            return {"vr": vr, "BulkDataURI": self._bulk_uri(place)}
        data = self._value(element)
        self._is_unicode |= not data.isascii()
        reader = READERS.get(vr)
        values = reader(data) if reader is not None else read_text(vr, repertoire.text(data, vr))
        return {"vr": vr, "Value": values} if values else {"vr": vr}

    def _binary(self, element: DataElement, vr: str, place: str) -> JsonModel:
        is_long = element.length > self._threshold or element.tag in PIXEL_KEYWORDS
        if is_long and self._bulk_uri is not None:
            return {"vr": vr, "BulkDataURI": self._bulk_uri(place)}
        if element.length == UNDEFINED_LENGTH:
            return {"vr": vr}
        return {"vr": vr, "InlineBinary": b64encode(self._value(element)).decode("ascii")}

    def _value(self, element: DataElement) -> bytes:
        if element.value is not None or self._dataset is None:
            return element.value or b""
        return self._dataset.value(element)


def _repertoire(elements: Sequence[DataElement], outer: Repertoire | None) -> Repertoire:
    for element in elements:
        if element.tag == _CHARACTER_SET and element.value:
            return repertoire_of(element.value)
    return outer if outer is not None else Repertoire()
