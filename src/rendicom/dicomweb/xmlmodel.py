"""Data set to the Native DICOM Model and back (PS3.19 Annex A): metadata and stores in XML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from rendicom.dicom.person_names import NAME_GROUPS, NAME_PARTS
from rendicom.dicomweb.jsonreader import read_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydicom import Dataset

    from rendicom.dicomweb.jsonmodel import JsonModel

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, even escaped."""
_HEAD = f'<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel xmlns="{NAMESPACE}"'


def to_native_xml(model: JsonModel) -> bytes:
    """Return the Native DICOM Model, in UTF-8, of a data set in the DICOM JSON model.

    Control characters that XML cannot hold become U+FFFD.
    """
    parts = [_HEAD, ' xml:space="preserve">\n', *_attributes(model), "</NativeDicomModel>\n"]
    return "".join(parts).encode("utf-8", "replace")


def from_native_xml(data: bytes, *, bulk: Callable[[str], bytes] | None = None) -> Dataset:
    """Return the data set of a Native DICOM Model, with or without its namespace.

    Given the URI of a BulkData element, ``bulk`` returns the bytes. Document types, entities and
    too deep nesting are refused.

    Raises
    ------
    BadRequestError
        It is not XML, or not a Native DICOM Model.
    """
    from rendicom.dicomweb.xmlreader import model_from_xml

    return read_model(model_from_xml(data), bulk=bulk)


def _attributes(model: JsonModel) -> Iterator[str]:
    from pydicom.datadict import keyword_for_tag

    for name, attribute in model.items():
        tag = int(name, 16)
        vr = attribute["vr"]
        shown, more = name, ""
        if tag >> 16 & 1:
            creator = _creator(model, name)
            if creator:
                # Writers choose the block themselves (PS3.19 A.1.5).
                shown = f"{name[:4]}00{name[6:]}"
                more = f" privateCreator={_quoted(creator)}"
        elif keyword := keyword_for_tag(tag):
            more = f' keyword="{keyword}"'
        yield f'<DicomAttribute tag="{shown}" vr="{vr}"{more}>\n'
        yield from _content(vr, attribute)
        yield "</DicomAttribute>\n"


def _creator(model: JsonModel, name: str) -> str:
    """Return the private creator of an element, empty for a private creator element itself."""
    if name[4:6] == "00":
        return ""
    values = model.get(f"{name[:4]}00{name[4:6]}", {}).get("Value") or [""]
    return str(values[0] or "")


def _content(vr: str, attribute: JsonModel) -> Iterator[str]:
    if "InlineBinary" in attribute:
        yield f"<InlineBinary>{attribute['InlineBinary']}</InlineBinary>\n"
    elif "BulkDataURI" in attribute:
        yield f"<BulkData uri={_quoted(attribute['BulkDataURI'])}/>\n"
    for number, value in enumerate(attribute.get("Value", ()), start=1):
        if value is None:
            continue  # the numbers of the other values show the gap
        if vr == "SQ":
            yield f'<Item number="{number}">\n'
            yield from _attributes(value)
            yield "</Item>\n"
        elif vr == "PN":
            yield from _person_name(number, value)
        else:
            yield f'<Value number="{number}">{_text(value)}</Value>\n'


def _person_name(number: int, value: JsonModel) -> Iterator[str]:
    yield f'<PersonName number="{number}">\n'
    for group in NAME_GROUPS:
        if group in value:
            parts = zip(NAME_PARTS, value[group].split("^"), strict=False)
            named = "".join(f"<{name}>{_text(part)}</{name}>" for name, part in parts if part)
            yield f"<{group}>{named}</{group}>\n"
    yield "</PersonName>\n"


def _text(value: Any) -> str:
    return escape(_NO_XML.sub("\ufffd", str(value)), {"\r": "&#13;"})


def _quoted(text: str) -> str:
    return quoteattr(_NO_XML.sub("\ufffd", text))
