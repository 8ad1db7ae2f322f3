"""Reads data sets in DICOM JSON or XML from responses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rendicom.client.content_sniffing import identify
from rendicom.dicomweb.header_fields import parse_media_type
from rendicom.errors import RendicomError, WireError

if TYPE_CHECKING:
    from rendicom.client.session import ServerResponse

Model = Mapping[str, Any]


def models_of(answer: ServerResponse, *, host: str) -> list[Model]:
    """Return the data sets in a response, JSON or XML; none for 204.

    Raises
    ------
    WireError
        The body is neither.
    """
    if answer.status == 204 or not answer.body.strip():
        return []
    try:
        essence, _ = parse_media_type(answer.content_type or "application/dicom+json")
    except RendicomError:
        essence = ""
    if essence in ("application/dicom+xml", "multipart/related", "application/xml", "text/xml"):
        return _of_xml(answer, host=host)
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise _no_json(answer, host) from None
    found = found if isinstance(found, list) else [found]
    if not all(isinstance(each, dict) for each in found):
        raise WireError(f"{host} answers with JSON that is not a data set")
    try:
        return [_standardised(each) for each in found]
    except RecursionError:
        raise _no_json(answer, host) from None


def _standardised(model: Model) -> Model:
    """Return a data set with tags in capitals and values in arrays (PS3.18 F.2)."""
    return {tag.upper(): _attribute(attribute) for tag, attribute in model.items()}


def _attribute(attribute: Any) -> Any:
    if not isinstance(attribute, dict) or "Value" not in attribute:
        return attribute
    value = attribute["Value"]
    values = value if isinstance(value, list) else [] if value is None else [value]
    if attribute.get("vr") == "SQ":
        values = [_standardised(each) if isinstance(each, dict) else each for each in values]
    return {**attribute, "Value": values}


def _no_json(answer: ServerResponse, host: str) -> WireError:
    if identify(answer.body[:512]).media_type == "text/html":
        return WireError(f"{host} answers with text/html instead of data sets",
                         hint="perhaps a login page")  # fmt: skip
    return WireError(f"{host} answers with malformed JSON")


def _of_xml(answer: ServerResponse, *, host: str) -> list[Model]:
    from rendicom.dicomweb.jsonmodel import to_json_model
    from rendicom.dicomweb.jsonreader import read_model
    from rendicom.dicomweb.multipart import read_multipart
    from rendicom.dicomweb.xmlmodel import model_from_xml

    try:
        if answer.content_type.lower().startswith("multipart/"):
            bodies = [part.read() for part in read_multipart(answer.content_type, answer.body)]
        else:
            bodies = [answer.body]
        return [to_json_model(read_model(model_from_xml(body))) for body in bodies]
    except RendicomError as error:
        raise WireError(
            f"{host} answers with XML that is not a data set: {error.message}"
        ) from None


def values(model: Model, tag: str) -> list[Any]:
    """Return the values of an attribute; none if it is absent or malformed."""
    attribute = model.get(tag)
    found = attribute.get("Value") if isinstance(attribute, dict) else None
    return found if isinstance(found, list) else []


def text(model: Model, tag: str) -> str:
    """Return the first value of an attribute as text, empty without a value."""
    found = values(model, tag)
    if not found:
        return ""
    first = found[0]
    if isinstance(first, dict):
        first = first.get("Alphabetic", "")
    if isinstance(first, bool) or not isinstance(first, (str, int, float)):
        return ""
    if isinstance(first, float) and first.is_integer():
        first = int(first)
    return str(first).strip().rstrip("\0")


def number(model: Model, tag: str) -> int:
    """Return the first value of an attribute as a whole number, 0 if it is not one."""
    found = text(model, tag)
    digits = found.removeprefix("+")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 12 else 0
