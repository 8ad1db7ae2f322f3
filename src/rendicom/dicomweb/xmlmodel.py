"""The Native DICOM Model, from and to the DICOM JSON model (PS3.19 Annex A)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from rendicom.dicom.person_names import NAME_GROUPS, NAME_PARTS
from rendicom.errors import BadRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

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


_MAX_DEPTH = 256
"""Depth of XML elements, three for each level of sequences."""
_GAP = 1000
"""Limit on consecutive empty values."""
_CHILDREN = {
    "": frozenset(("NativeDicomModel",)),
    "NativeDicomModel": frozenset(("DicomAttribute",)),
    "Item": frozenset(("DicomAttribute",)),
    "DicomAttribute": frozenset(("Value", "Item", "PersonName", "InlineBinary", "BulkData")),
    "PersonName": frozenset(NAME_GROUPS),
    **dict.fromkeys(NAME_GROUPS, frozenset(NAME_PARTS)),
}
_WITH_TEXT = frozenset(("Value", "InlineBinary", *NAME_PARTS))
_FIRST_BLOCK, _LAST_BLOCK = 0x10, 0xFF


def model_from_xml(data: bytes) -> dict[str, Any]:
    """Return the DICOM JSON model of one Native DICOM Model, with or without its namespace.

    Values of numbers stay text. Document types, entities and too deep nesting are refused.

    Raises
    ------
    BadRequestError
        It is not well-formed, or has elements that are not in the model.
    """
    return _Reader().read(data)


class _Reader:
    """Handlers of the parser, and their results so far."""

    def __init__(self) -> None:
        self._names = [""]
        self._text: list[str] = []
        self._items: list[_Item] = [_Item()]
        self._attributes: list[_Attribute] = []
        self._person: dict[str, str] = {}
        self._parts: dict[str, str] = {}
        self._numbers: list[int] = []

    def read(self, data: bytes) -> dict[str, Any]:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = _refuse_document_type
        parser.EntityDeclHandler = _refuse_document_type
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.buffer_text = True
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise BadRequestError(f"the XML is not well-formed in line {error.lineno}") from None
        except (LookupError, ValueError):
            # The declared encoding is unknown, or is not one for text.
            raise BadRequestError("the encoding of the XML is unknown") from None
        return self._items[0].model

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(" ")[2]
        if name not in _CHILDREN.get(self._names[-1], ()):
            raise BadRequestError("the XML is not a Native DICOM Model")
        if len(self._names) > _MAX_DEPTH:
            raise BadRequestError("the Native DICOM Model is nested too deep")
        self._names.append(name)
        self._text = []
        if name == "DicomAttribute":
            self._attributes.append(_Attribute(attributes))
        elif name in ("Value", "Item", "PersonName"):
            self._numbers.append(_number(attributes.get("number", "")))
            if name == "Item":
                self._items.append(_Item())
            elif name == "PersonName":
                self._person = {}
        elif name in NAME_GROUPS:
            self._parts = {}
        elif name == "BulkData":
            self._attributes[-1].set("BulkDataURI", attributes.get("uri", ""))

    def _characters(self, text: str) -> None:
        if self._names[-1] in _WITH_TEXT:
            self._text.append(text)
        elif text.strip():
            raise BadRequestError("the XML is not a Native DICOM Model")

    def _end(self, name: str) -> None:
        name = self._names.pop()
        text = "".join(self._text)
        if name == "DicomAttribute":
            self._items[-1].add(self._attributes.pop())
        elif name == "Value":
            self._attributes[-1].put(self._numbers.pop(), text)
        elif name == "Item":
            self._attributes[-1].put(self._numbers.pop(), self._items.pop().model)
        elif name == "PersonName":
            self._attributes[-1].put(self._numbers.pop(), self._person)
        elif name == "InlineBinary":
            self._attributes[-1].set(name, "".join(text.split()))
        elif name in NAME_GROUPS:
            parts = [self._parts.get(part, "") for part in NAME_PARTS]
            self._person[name] = "^".join(parts).rstrip("^")
        elif name in NAME_PARTS:
            self._parts[name] = text
        self._text = []


class _Attribute:
    """One DicomAttribute."""

    def __init__(self, attributes: dict[str, str]) -> None:
        self.tag = attributes.get("tag", "").upper()
        self.creator = attributes.get("privateCreator", "")
        self.content: dict[str, Any] = {"vr": attributes.get("vr", "")}

    def put(self, number: int, value: Any) -> None:
        """Store a value at its number, after empty ones if necessary."""
        values = self.content.setdefault("Value", [])
        if number <= len(values) or number > len(values) + _GAP:
            raise BadRequestError("the values of an attribute are not numbered in order")
        values.extend([None] * (number - 1 - len(values)))
        values.append(value)

    def set(self, kind: str, value: str) -> None:
        self.content[kind] = value


class _Item:
    """One data set or item."""

    def __init__(self) -> None:
        self.model: dict[str, Any] = {}

    def add(self, attribute: _Attribute) -> None:
        tag = attribute.tag
        if len(tag) != 8 or any(letter not in "0123456789ABCDEF" for letter in tag):
            raise BadRequestError("the tag of an attribute is not eight hexadecimal digits")
        if attribute.creator and int(tag[3], 16) % 2:
            tag = f"{tag[:4]}{self._block(tag[:4], attribute.creator):02X}{tag[6:]}"
        if tag in self.model:
            raise BadRequestError(f"attribute {tag} is given more than once")
        self.model[tag] = attribute.content

    def _block(self, group: str, creator: str) -> int:
        """Return the block of a private creator, a new one if necessary (PS3.5 7.8.1)."""
        for block in range(_FIRST_BLOCK, _LAST_BLOCK + 1):
            reserved = self.model.setdefault(
                f"{group}00{block:02X}", {"vr": "LO", "Value": [creator]}
            )
            if reserved.get("Value") == [creator]:
                return block
        raise BadRequestError(f"group {group} has more private creators than there are blocks")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise BadRequestError("a value is not numbered from 1")
    return int(text)


def _refuse_document_type(*_: object) -> NoReturn:
    raise BadRequestError("the XML has a document type or entities, which are not allowed")
