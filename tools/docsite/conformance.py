"""Tables of the DICOM conformance statement."""

from __future__ import annotations

import pydicom.charset
import pydicom.datadict
import pydicom.uid
from pydicom._uid_dict import UID_dictionary

from docsite.rest import openapi
from docsite.tables import table, uid_name
from rendicom.composition import kinds
from rendicom.dicom import character_sets
from rendicom.dicomweb import storing
from rendicom.dicomweb.mediatypes import animated_types, is_presentation_state, picture_types
from rendicom.dicomweb.rendered_parameters import rendered_parameters, thumbnail_parameters
from rendicom.documents import document_types
from rendicom.index.search_keys import KEYS
from rendicom.server import tokens

__all__ = ["GENERATORS"]

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_SERVICES = {
    "Retrieve": "Studies Service: Retrieve Transaction (WADO-RS)",
    "Rendered": "Studies Service: Retrieve Rendered and Thumbnail Resources",
    "Search": "Studies Service: Search Transaction (QIDO-RS)",
    "Store": "Studies Service: Store Transaction (STOW-RS)",
    "Service": "Capabilities, health",
}


def services() -> str:
    """Return each resource with its methods."""
    rows = []
    for path, methods in openapi()["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or [""])[0]
            rows.append([_SERVICES.get(tag, tag), f"`{method.upper()}`", f"`{path}`"])
    return table(["service", "method", "resource"], rows)


def rendered() -> str:
    """Return the query parameters of rendered resources, and who defines them."""
    of_thumbnails = {each.name for each in thumbnail_parameters()}
    rows = [
        [
            f"`{each.name}`",
            "extension" if each.is_extension else "PS3.18",
            "yes" if each.name in of_thumbnails else "no",
            each.help,
        ]
        for each in rendered_parameters()
    ]
    return table(["parameter", "defined by", "for thumbnails", "meaning"], rows)


def media_types() -> str:
    """Return the media types of rendered resources."""
    rows = [
        ["one frame", ", ".join(f"`{each}`" for each in picture_types())],
        ["several frames", ", ".join(f"`{each}`" for each in animated_types())],
    ]
    return table(["resource", "media types, the default first"], rows)


def sop_classes() -> str:
    """Return the storage classes that are rendered in a way of their own."""
    layers = {*kinds.SEGMENTATIONS, kinds.STRUCTURE_SET, kinds.DOSE}
    rows = []
    for uid, (name, *_) in UID_dictionary.items():
        if "Storage" not in name or not uid.startswith(_STORAGE):
            continue
        types = ", ".join(f"`{each}`" for each in document_types(uid))
        ways = [f"document: {types}"] if types else []
        ways += ["the images that it refers to"] if is_presentation_state(uid) else []
        ways += ["layer on images"] if uid in layers else []
        if ways:
            rows.append([name, f"`{uid}`", "; ".join(ways)])
    return table(["SOP class", "UID", "rendered as"], sorted(rows))


def character_sets_table() -> str:
    """Return the values of Specific Character Set that are decoded."""
    known = {**pydicom.charset.python_encoding, **character_sets._LATIN_9}
    names = sorted(name for name in known if name.startswith(("ISO", "GB")))
    return table(["Specific Character Set"], [[f"`{name}`"] for name in names])


def search_attributes() -> str:
    """Return the attributes that searches match, by level."""
    rows = []
    for level, keys in KEYS.items():
        for tag, below in keys.items():
            name = pydicom.datadict.keyword_for_tag(tag)
            items = below if isinstance(below, dict) else {}
            parts = ", ".join(f"`{pydicom.datadict.keyword_for_tag(each)}`" for each in items)
            rows.append([level, f"`{name}`", parts])
    return table(["level", "attribute", "within its items"], rows)


def failure_reasons() -> str:
    """Return the reasons of Failed SOP Sequence and of warnings."""
    rows = [[f"`{code:04X}`", text] for code, text in storing.REASONS.items()]
    return table(["reason", "meaning"], rows)


def token_algorithms() -> str:
    """Return the signature algorithms of tokens."""
    return ", ".join(f"`{each}`" for each in tokens._ALGORITHMS)


def implementation() -> str:
    """Return how the program identifies itself."""
    from rendicom.dicomweb import part10

    rows = [
        ["Implementation Class UID (0002,0012)", f"`{part10.IMPLEMENTATION_CLASS}`"],
        ["Implementation Version Name (0002,0013)", f"`{part10._IMPLEMENTATION_VERSION}`"],
        ["Default transfer syntax", uid_name("1.2.840.10008.1.2.1")],
    ]
    return table(["attribute", "value"], rows)


GENERATORS = {
    "services": services, "rendered-parameters": rendered, "rendered-media-types": media_types,
    "sop-classes": sop_classes, "character-sets": character_sets_table,
    "search-attributes": search_attributes, "failure-reasons": failure_reasons,
    "token-algorithms": token_algorithms, "implementation": implementation,
}  # fmt: skip
