"""Tables of the reference, from the program's own lists."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence

import pydicom.uid

from rendicom import errors
from rendicom.coded_warnings import WARNINGS
from rendicom.dicomweb.problems import STATUS_OF
from rendicom.dicomweb.search_parameters import SEARCH_PARAMETERS
from rendicom.encode import formats
from rendicom.options import PALETTES, PRESETS, RenderOptions, parameters
from rendicom.pixels import codecs
from rendicom.registry import discover
from rendicom.server.settings_table import settings_table

__all__ = ["GENERATORS", "codes", "table"]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, row)) + " |" for row in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")


def _code(text: object) -> str:
    return f"`{text}`" if str(text) else ""


def options() -> str:
    """Return all rendering parameters."""
    rows = []
    for each in parameters().values():
        flag = f"--{each.name}"
        if each.is_switch and each.default:
            flag = f"--{each.name} / --no-{each.name}"
        elif each.metavar or each.choices:
            flag += f" {each.metavar or '|'.join(each.choices)}"
        rows.append([_code(flag), _code(each.attribute), each.help])
    assert len(rows) == len(RenderOptions.__dataclass_fields__)
    return table(["flag", "field", "meaning"], rows)


def presets() -> str:
    """Return the named windows."""
    rows = [[_code(name), f"{window.center:g}", f"{window.width:g}"] for name, window in
            PRESETS.items()]  # fmt: skip
    return table(["preset", "center", "width"], rows)


def palettes() -> str:
    """Return the palettes of the standard."""
    return table(["palette", "UID"], [[_code(name), _code(uid)] for name, uid in PALETTES.items()])


def settings() -> str:
    """Return the settings of a server."""
    rows = []
    for each in settings_table():
        flag = each.flag or "FOLDER"
        if each.is_switch and each.default:
            flag = f"{each.flag} / --no-{each.flag.removeprefix('--')}"
        elif each.choices:
            flag += f" {'|'.join(each.choices)}"
        elif each.flag and each.metavar and not each.is_switch:
            flag += f" {each.metavar}"
        rows.append([_code(flag), _code(each.variable), _default(each.default), each.help])
    return table(["flag", "variable", "default", "meaning"], rows)


def _default(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:.12g}"
    return str(value) if value else "–"


def output_formats() -> str:
    """Return what pictures can be written as."""
    bits = {"uint8": "8", "uint16": "16", "float32": "32, float"}
    rows = [
        [
            _code(each.name), each.title, _code(each.media_type),
            ", ".join(map(_code, each.extensions)),
            ", ".join(bits[kind] for kind in bits if kind in each.gray),
            "yes" if each.lossy else "no", "yes" if each.encode_animation else "no",
            "yes" if each.icc else "no",
        ]
        for each in formats().values()
    ]  # fmt: skip
    head = ["format", "", "media type", "extensions", "bits of gray", "lossy", "animated", "ICC"]
    return table(head, rows)


def codec_libraries() -> str:
    """Return what decodes which streams."""
    found = sorted(discover(codecs.__name__, "CODEC").values(), key=lambda each: each.name.lower())
    rows = [[each.name, ", ".join(each.streams), _code(each.install)] for each in found]
    return table(["library", "streams", "comes with"], rows)


def search_parameters() -> str:
    """Return the parameters of a search."""
    rows = [[_code(each.name), each.help] for each in SEARCH_PARAMETERS]
    return table(["parameter", "meaning"], rows)


def codes() -> dict[str, type[errors.RendicomError]]:
    """Return the class of each code, in the order of the tree."""
    found = [getattr(errors, name) for name in errors.__all__]
    kinds = [kind for kind in found if kind is not errors.RendicomError]
    order = {kind: line for line, kind in enumerate(vars(errors).values()) if inspect.isclass(kind)}
    return {kind.code: kind for kind in sorted(kinds, key=lambda kind: order[kind])}


def message_codes() -> str:
    """Return all codes with class, status and meaning; each leads to its cause and cure."""
    rows = []
    for code, kind in codes().items():
        link = f"[`{code}`](../troubleshooting.md#{code})"
        meaning = inspect.getdoc(kind) or ""
        rows.append([link, _code(kind.__name__), _status(kind), meaning.partition("\n")[0]])
    return table(["code", "exception", "HTTP status", "meaning"], rows)


def warnings() -> str:
    """Return all codes of warnings with cause and cure."""
    rows = [[_code(code), *said] for code, said in WARNINGS.items()]
    return table(["code", "cause", "cure"], rows)


def _status(kind: type[errors.RendicomError]) -> int:
    return next(STATUS_OF[each] for each in kind.__mro__ if each in STATUS_OF)


def transfer_syntaxes() -> str:
    """Return the transfer syntaxes, whether they are decoded, and as what frames are sent."""
    from rendicom.dicom import transfer_syntaxes as known
    from rendicom.dicomweb.pixeldata import FRAME_MEDIA_TYPES

    rows = []
    for uid, name in known._NAMES.items():
        read = "yes" if known.is_decoded(uid) else "no"
        if known.is_video(uid):
            read = "with `rendicom[video]`"
        rows.append([_code(uid), name, read, _code(FRAME_MEDIA_TYPES.get(uid, ""))])
    return table(["UID", "name", "decoded", "media type of stored frames"], rows)


def uid_name(uid: str) -> str:
    """Return the name that PS3.6 has for a UID."""
    return pydicom.uid.UID(uid).name


GENERATORS = {
    "options": options, "presets": presets, "palettes": palettes, "settings": settings,
    "formats": output_formats, "codecs": codec_libraries, "search-parameters": search_parameters,
    "codes": message_codes, "transfer-syntaxes": transfer_syntaxes, "warnings": warnings,
}  # fmt: skip
