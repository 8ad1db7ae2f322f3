"""Targets that read whole objects: documents, metadata, retrieval, the index, JSON and XML."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from io import BytesIO
from random import Random
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pydicom
from findings import Case, Target, require
from mutations import INTEGERS, damaged_bytes, damaged_text, damaged_tree, hostile_text, written
from pictures import are_alike, damaged_image, held_by_pydicom, outcome_of, told
from seeds import document_seeds, image_seeds, state_seeds

from rendicom.dicomweb.bulkvalues import Bulk
from rendicom.dicomweb.composing import compose_all
from rendicom.dicomweb.jsonmodel import to_json_model
from rendicom.dicomweb.jsonreader import read_model
from rendicom.dicomweb.retrieval import (
    bulk_data,
    frame_bytes,
    instance_bytes,
    metadata,
    read_pieces,
)
from rendicom.dicomweb.xmlmodel import model_from_xml, to_native_xml
from rendicom.documents import document_types, render_document
from rendicom.engine import open_instance
from rendicom.errors import BadRequestError
from rendicom.index.reading import read_file
from rendicom.index.records import Indexed
from rendicom.options import RenderOptions
from rendicom.testing import dicom_file

__all__ = ["TARGETS", "any_object"]

_HARMLESS = frozenset((
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "h4", "h5", "h6",
    "p", "div", "section", "dl", "dt", "dd", "span", "a", "code", "ol", "ul", "li", "table", "tr",
    "th", "td", "details", "summary", "object", "thead", "tbody", "caption", "br", "sub", "sup",
    "pre", "em", "strong",
))  # fmt: skip
_TYPES = ("text/html", "text/plain", "text/xml", "application/pdf", "model/stl", "model/obj")
_OPTIONS = RenderOptions(max_pixels=1_000_000)


def any_object(random: Random) -> bytes:
    """Return a damaged object of any kind."""
    seeds = random.choice((image_seeds(), image_seeds(), document_seeds(), state_seeds()))
    tree, is_sound = damaged_tree(random, random.choice(list(seeds.values())))
    data = written(random, tree, sound=is_sound and random.random() < 0.7)
    return damaged_bytes(random, data, most=3) if random.random() < 0.1 else data


class _Page(HTMLParser):
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        require(tag in _HARMLESS, f"a page with <{tag}>")
        for name, value in attrs:
            require(not name.startswith("on"), f"a page with {name}=")
            require(
                not (value or "").strip().lower().startswith("javascript:"), "a script in a link"
            )


def read_document(case: Case) -> str:
    """A document in every form it has; pages run nothing, XML is XML."""
    random = case.random
    tree, is_sound = damaged_tree(random, random.choice(list(document_seeds().values())))
    data = written(random, tree, sound=is_sound)
    if random.random() < 0.15:
        data = damaged_bytes(random, data, most=4)
    case.file(data)
    listed = document_types(_class_of(data))
    media_type = random.choice(listed if listed and random.random() < 0.9 else _TYPES)
    document = render_document(data, media_type, charset=random.choice(("utf-8", "ascii", "x")))
    if media_type == "text/html":
        page = document.data.decode(document.charset if hasattr(document, "charset") else "utf-8")
        if "ClinicalDocument" not in page[:300]:
            _Page().feed(page)
    elif media_type == "text/xml" and b"<document " in document.data[:80]:
        ET.fromstring(document.data)  # noqa: S314 - ours
    held = held_by_pydicom(data) if is_sound else None
    if held is not None:
        again = render_document(held, media_type)
        require(bool(again.data), "an empty document")
    require(media_type in listed, "a type it does not list")
    return "document"


def _class_of(data: bytes) -> str:
    with open_instance(data) as instance:
        return instance.sop_class


def tell(case: Case) -> str:
    """Metadata are JSON in the DICOM model that is read again as the same."""
    data = any_object(case.random)
    path = case.file(data)
    model = json.loads(json.dumps(metadata(str(path), "http://x/y"), allow_nan=False))
    require(isinstance(model, dict), "metadata are no object")
    tags = list(model)
    require(tags == sorted(tags), "tags do not ascend")
    to_native_xml(metadata(data, "http://x/y"))
    return "metadata"


def retrieve(case: Case) -> str:
    """Frames, bulk data and instances; what is rewritten shows the same picture."""
    random = case.random
    data, _ = damaged_image(random)
    path = str(case.file(data))
    number = random.choice((1, 1, 2, 3))
    for syntax in ("", "*"):
        for part in frame_bytes(path, [number], syntax):
            require(isinstance(part.data, bytes), "a frame that is no bytes")
    retrieved = instance_bytes(path, random.choice(("", "*", "1.2.840.10008.1.2.1")))
    sent = b"".join(read_pieces(retrieved, path))
    require(len(sent) == retrieved.size, f"{len(sent)} bytes, announced as {retrieved.size}")
    case.file(sent, "sent.dcm")
    # What was repaired for the picture is not stored in the repaired form: strict refuses it.
    shown = outcome_of(lambda: open_instance(data), 1, replace(_OPTIONS, strict=True))
    again = outcome_of(lambda: open_instance(sent), 1, _OPTIONS)
    if not isinstance(shown, str) and retrieved.transfer_syntax == "1.2.840.10008.1.2.1":
        require(are_alike(shown, again), f"stored: {told(shown)}; retrieved: {told(again)}")
    place = random.choice(
        (
            "7FE00010",
            "00281201",
            "60003000",
            "00282000",
            "00283010/1/00283006",
            hostile_text(random),
        )
    )
    whole = bulk_data(path, place)
    require(len(b"".join(read_pieces(whole, path))) == whole.size, "bulk data of another size")
    return "retrieved"


def index(case: Case) -> str:
    """What is read for the index fits into it, and agrees with the engine."""
    from catalogues import catalogue

    random = case.random
    data = any_object(random)
    path = str(case.file(data))
    found = read_file(path, "1", len(data))
    if not isinstance(found, Indexed):
        return "no instance"
    require(found.number_of_frames >= 1, "fewer frames than one")
    require(
        1 <= found.representative_frame <= found.number_of_frames, "no such representative frame"
    )
    json.dumps([found.of_study, found.of_series, found.more], allow_nan=False)
    if random.random() < 0.2:
        held = catalogue()
        try:
            held.put([found])
        finally:
            held.forget([path])
    return "listed"


def index_frames(case: Case) -> str:
    """The index and the engine count the same frames."""
    random = case.random
    tree, is_sound = damaged_tree(random, random.choice(list(image_seeds().values())), most=2)
    if not is_sound:
        return "skipped"
    data = written(random, tree, sound=True)
    found = read_file(str(case.file(data)), "1", len(data))
    if not isinstance(found, Indexed) or not found.has_pixels:
        return "no pixels"
    with open_instance(data) as instance:
        frames = instance.description.number_of_frames
    require(found.number_of_frames == frames, f"index: {found.number_of_frames}; engine: {frames}")
    return "counted"


# --- models ------------------------------------------------------------------------------------


def _model(random: Random) -> Any:
    return json.loads(random.choice(_models()))


@cache
def _models() -> list[str]:
    seeds = {**image_seeds(), **document_seeds(), **state_seeds()}
    files = [
        dicom_file(each.elements, transfer_syntax=each.transfer_syntax) for each in seeds.values()
    ]
    return [json.dumps(to_json_model(pydicom.dcmread(BytesIO(each)))) for each in files]


_ODDITIES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    1e308,
    float("inf"),
    "",
    "x",
    [],
    {},
    [None],
    [[]],
    [{}],
    {"vr": 1},
    {"Alphabetic": 5},
    {"Alphabetic": "A^B", "Ideographic": None},
    "\ud800",
    "\0",
    1 << 70,
    "1e5",
    [{"Alphabetic": "x" * 70}],
    {"vr": "SQ", "Value": [None]},
    {"vr": "PN", "Value": ["x"]},
    {"vr": "UN", "InlineBinary": "=="},
    {"vr": "OW", "InlineBinary": "AAA"},
    {"BulkDataURI": 7},
    {"vr": "US", "Value": [70000]},
    {"vr": "AT", "Value": ["zzzz"]},
    {"vr": "DS", "Value": ["a"]},
)
_KEYS = (
    "vr",
    "Value",
    "InlineBinary",
    "BulkDataURI",
    "00280010",
    "7FE00010",
    "00020010",
    "FFFEE000",
    "0028001",
    "zzzzzzzz",
    "",
    "PatientName",
    "00091001",
    "00090010",
    "00281201",
    "00080005",
)


def _odd(random: Random) -> Any:
    return copy.deepcopy(random.choice(_ODDITIES))


def _damaged_model(random: Random, model: Any, depth: int = 0) -> Any:
    what = random.random()
    if what < 0.08 or depth > 8:
        return _odd(random)
    if isinstance(model, dict) and model:
        name = random.choice(list(model))
        if what < 0.2:
            del model[name]
        elif what < 0.35:
            model[random.choice(_KEYS)] = model.get(name) if what < 0.28 else _odd(random)
        elif name == "vr" and what < 0.6:
            model[name] = random.choice(
                ("US", "SQ", "PN", "OW", "UN", "AT", "DS", "FD", "??", "SV", "UI")
            )
        else:
            model[name] = _damaged_model(random, model[name], depth + 1)
        return model
    if isinstance(model, list) and model:
        at = random.randrange(len(model))
        if what < 0.2:
            model.insert(at, _odd(random))
        elif what < 0.3:
            del model[at]
        else:
            model[at] = _damaged_model(random, model[at], depth + 1)
        return model
    if isinstance(model, str):
        return damaged_text(random, model)
    if isinstance(model, int | float):
        return random.choice((*INTEGERS, 0.5, "7"))
    return _odd(random)


def read_json(case: Case) -> str:
    """A damaged DICOM JSON model is refused, or is the same when written and read again."""
    random = case.random
    model = _model(random)
    for _ in range(random.randint(1, 3)):
        model = _damaged_model(random, model)
    case.file(json.dumps(model).encode("utf-8", "surrogatepass"), "model.json")
    dataset = read_model(model, bulk=_bulk(random))
    once = to_json_model(dataset)
    require(to_json_model(read_model(once)) == once, "written and read again it is another")
    to_native_xml(once)
    return "read"


def _bulk(random: Random) -> Any:
    def find(uri: str) -> bytes:
        if random.random() < 0.2:
            raise BadRequestError("no such bulk data")
        return random.randbytes(random.choice((0, 1, 2, 7, 8)))

    return random.choice((None, find))


def read_xml(case: Case) -> str:
    """A damaged Native DICOM Model is refused, or gives a data set that can be written."""
    random = case.random
    model = _model(random)
    if random.random() < 0.5:
        text = to_native_xml(model)
        data = damaged_bytes(random, text, most=4)
        for _ in range(random.randint(0, 3)):
            old, new = random.choice(_XML), random.choice(_XML)
            data = data.replace(old, new, random.choice((1, 1, 3)))
    else:
        data = damaged_text(random, to_native_xml(model).decode(), letters='<>&"/').encode(
            "utf-8", "replace"
        )
    if random.random() < 0.1:
        name = random.choice(("utf-16", "ebcdic", "zzz", "utf-7", "latin-1", "rot13", "base64"))
        data = data.replace(b'encoding="UTF-8"', f'encoding="{name}"'.encode(), 1)
    case.file(data, "model.xml")
    to_json_model(read_model(model_from_xml(data), bulk=_bulk(random)))
    return "read"


_XML = (
    b"<Value",
    b"</Value>",
    b'number="1"',
    b'number="0"',
    b'number="99999999999"',
    b'vr="US"',
    b'vr="SQ"',
    b'vr="PN"',
    b"<Item",
    b"</Item>",
    b"<PersonName",
    b"<Alphabetic>",
    b"<InlineBinary>",
    b"<BulkData",
    b'uri="x"',
    b'tag="00280010"',
    b'tag="xyz"',
    b"<DicomAttribute",
    b"</DicomAttribute>",
    b"&amp;",
    b"&x;",
    b"<!DOCTYPE a [<!ENTITY x 'y'>]>",
    b"<!--",
    b"<![CDATA[",
    b"privateCreator=",
    b"xmlns=",
    b"<Length>",
)


def store(case: Case) -> str:
    """Metadata and bulk data become files that can be listed, each or a reason why not."""
    random = case.random
    model = _model(random)
    model["7FE00010"] = {"vr": "OW", "BulkDataURI": "http://x/1"}
    if random.random() < 0.4:
        model = _damaged_model(random, model)
    bulk = []
    for _ in range(random.choice((1, 1, 2))):
        media_type, data = random.choice(_bulk_parts())
        if random.random() < 0.5:
            data = damaged_bytes(random, data)
        if random.random() < 0.2:
            media_type = damaged_text(random, media_type, letters=';="/')
        bulk.append(
            Bulk(
                random.choice(("http://x/1",) * 6 + ("1", "http://x/1/frames/1")), media_type, data
            )
        )
    form = random.choice((("application/dicom+json", json.dumps([model]).encode()),) * 4 + _XMLS)
    outcome = "refused"
    for made in compose_all([form], bulk):
        if made.composed is None:
            continue
        outcome = "stored"
        data = made.composed.data
        read_file(str(case.file(data)), "1", len(data))
        outcome_of(lambda data=data: open_instance(data), 1, _OPTIONS)  # type: ignore[misc]
    return outcome


_XMLS = (("application/dicom+xml", b"<NativeDicomModel/>"), ("application/dicom+json", b"[[[{]"))


@cache
def _bulk_parts() -> list[tuple[str, bytes]]:
    """Return bulk data of every kind, with the media types they are sent as."""
    from imagecodecs import jpeg2k_encode, jpeg8_encode, jpegls_encode, png_encode

    gray = np.arange(48, dtype=np.uint8).reshape(6, 8)
    coded = {
        "image/jpeg": jpeg8_encode(gray, 90), "image/png": png_encode(gray),
        "image/jls": jpegls_encode(gray), "image/jp2": jpeg2k_encode(gray),
        "image/jpeg;transfer-syntax=1.2.840.10008.1.2.4.70": jpeg8_encode(gray, lossless=True),
        "application/octet-stream": gray.tobytes(), "video/mp4": b"\0\0\0\x14ftypisom" + bytes(90),
        "application/octet-stream;transfer-syntax=1.2.840.10008.1.2.4.90": jpeg2k_encode(gray),
    }  # fmt: skip
    return [(media_type, bytes(data)) for media_type, data in coded.items()]


def alike_in_memory(case: Case) -> str:
    """A data set whose values were changed in memory is rendered or refused."""
    random = case.random
    tree = random.choice(list(image_seeds().values()))
    held = pydicom.dcmread(BytesIO(dicom_file(tree.elements, transfer_syntax=tree.transfer_syntax)))
    held.decode()
    for _ in range(random.randint(1, 4)):
        element = random.choice(list(held))
        value = random.choice(
            (
                None,
                "",
                [],
                0,
                -1,
                1.5,
                "x",
                b"",
                b"\0\1",
                [1, 2],
                float("nan"),
                1 << 40,
                [None],
                np.uint8(3),
            )
        )
        try:
            element.value = value
        except (ValueError, TypeError, AttributeError, OverflowError):
            continue
    if random.random() < 0.1:
        del held.file_meta
    with open_instance(held) as instance:
        instance.render(1, _OPTIONS, "image/png")
    return "picture"


TARGETS = (
    Target("document", 8, read_document),
    Target("metadata", 8, tell),
    Target("retrieve", 8, retrieve),
    Target("index", 6, index),
    Target("frames", 3, index_frames),
    Target("json", 6, read_json),
    Target("xml", 5, read_xml),
    Target("store", 2, store),
    Target("memory", 3, alike_in_memory),
)
